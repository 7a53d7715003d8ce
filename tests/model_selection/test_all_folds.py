"""Folds fitted and scored all at once give what each fold gives by itself."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_selection.mean_estimators import (
    MeanRegressor,
    NearestMean,
    OneByOneClassifier,
    OneByOneRegressor,
)

from scratchnet.exceptions import FitFailedWarning
from scratchnet.metrics import make_scorer
from scratchnet.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    pooled_score,
    validation_curve,
)

# Means of up to 30 numbers by two ways of summing; differences of their squares lose some digits.
RTOL, ATOL = 1e-9, 1e-12

SPLITTERS = [
    KFold(3),
    KFold(4, shuffle=True, random_state=0),
    StratifiedKFold(2),
    ShuffleSplit(3, test_size=0.3, random_state=1),  # some are tested twice, some never
    RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
    [([*range(22), 1, 1], range(22, 26)), (range(5, 30), range(4))],  # one trains thrice
]


def sum_of_scores(y_true, y_score):
    return float(((y_true + 1) * y_score.T).sum())  # (N,) or (K, N)


CLASSIFIER_SCORES = {
    "own": None,
    "accuracy": "accuracy",  # for all folds at once
    "f1": "f1_macro",  # by the slices of predict
    "probability": make_scorer(sum_of_scores, response_method="predict_proba"),
    "decision": make_scorer(sum_of_scores, response_method=("decision_function", "predict")),
    "any": lambda model, X, y: float(np.sum(model.means_) + X.sum() + np.sum(y == 1)),
}
REGRESSOR_SCORES = {
    "own": None,
    "mse": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
    "median": "neg_median_absolute_error",
    "any": lambda model, X, y: float(np.sum(model.mean_) + X.sum() + np.sum(y)),
}


class Watched:
    """Counts the calls of fit; the count is kept by the class, since clones are fitted."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


def problem(seed, n_classes=2, n_samples=30):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 2))
    y = rng.permutation(np.arange(n_samples) % n_classes)
    return X, y, rng.uniform(0.5, 2, size=n_samples)


def assert_same_results(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        if name.startswith(("test_", "train_")):
            np.testing.assert_allclose(found[name], values, rtol=RTOL, atol=ATOL, err_msg=name)
            assert found[name].dtype == values.dtype
    for part, arrays in expected.get("indices", {}).items():
        for a, b in zip(found["indices"][part], arrays, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    cv=st.sampled_from(SPLITTERS),
    n_classes=st.integers(2, 3),
    weighted=st.booleans(),
)
def test_a_classifier_is_scored_as_fold_by_fold(seed, cv, n_classes, weighted):
    X, y, weight = problem(seed, n_classes)
    options = {
        "cv": cv,
        "scoring": CLASSIFIER_SCORES,
        "params": {"sample_weight": weight} if weighted else None,
        "return_train_score": True,
        "return_estimator": True,
        "return_indices": True,
        "error_score": "raise",
    }
    found = cross_validate(NearestMean(), X, y, **options)
    expected = cross_validate(OneByOneClassifier(), X, y, **options)
    assert_same_results(found, expected)
    for one, other in zip(found["estimator"], expected["estimator"], strict=True):
        np.testing.assert_allclose(one.means_, other.means_, rtol=RTOL, atol=ATOL)
        np.testing.assert_array_equal(one.classes_, other.classes_)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    cv=st.sampled_from(SPLITTERS),
    n_targets=st.sampled_from([None, 1, 3]),
    weighted=st.booleans(),
)
def test_a_regressor_is_scored_as_fold_by_fold(seed, cv, n_targets, weighted):
    X, _, weight = problem(seed)
    if isinstance(cv, StratifiedKFold):
        cv = KFold(2)
    y = np.random.default_rng(seed).normal(size=(30, n_targets) if n_targets else 30)
    params = {"sample_weight": weight} if weighted else None
    options = {"cv": cv, "params": params, "scoring": REGRESSOR_SCORES, "return_train_score": True}
    found = cross_validate(MeanRegressor(), X, y, **options)
    assert_same_results(found, cross_validate(OneByOneRegressor(), X, y, **options))


@pytest.mark.parametrize("scoring", list(CLASSIFIER_SCORES.values()))
def test_one_score_is_that_of_several(scoring):
    X, y, _ = problem(0)
    several = cross_validate(NearestMean(), X, y, scoring={"it": scoring, "accuracy": "accuracy"})
    one = cross_validate(NearestMean(), X, y, scoring=scoring)
    np.testing.assert_array_equal(one["test_score"], several["test_it"])
    np.testing.assert_array_equal(
        cross_val_score(NearestMean(), X, y, scoring=scoring), one["test_score"]
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_are_those_of_fold_by_fold(method, n_classes):
    X, y, _ = problem(1, n_classes)
    labels = np.array(["b", "c", "a"])[y]
    for cv in (3, KFold(5, shuffle=True, random_state=0), LeaveOneOut()):
        found = cross_val_predict(NearestMean(), X, labels, cv=cv, method=method)
        expected = cross_val_predict(OneByOneClassifier(), X, labels, cv=cv, method=method)
        if method == "predict":
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def test_a_search_finds_what_it_finds_fold_by_fold():
    X, y, _ = problem(2)
    grid = {"scale": [0.1, 1.0, 10.0]}
    options = {"scoring": ["neg_log_loss", "accuracy"], "refit": "neg_log_loss"}
    found = GridSearchCV(NearestMean(), grid, **options, return_train_score=True).fit(X, y)
    expected = GridSearchCV(OneByOneClassifier(), grid, **options, return_train_score=True)
    expected.fit(X, y)
    assert found.best_params_ == expected.best_params_
    assert found.cv_results_.keys() == expected.cv_results_.keys()
    for name, values in expected.cv_results_.items():
        if "neg_log_loss" in name or "accuracy" in name:
            np.testing.assert_allclose(found.cv_results_[name], values, rtol=RTOL, atol=ATOL)


def test_curves_and_permutations_are_those_of_fold_by_fold():
    X, y, _ = problem(3)
    pair = NearestMean(), OneByOneClassifier()
    for curve, options in (
        (learning_curve, {"train_sizes": [0.3, 1.0], "shuffle": True, "random_state": 0}),
        (validation_curve, {"param_name": "scale", "param_range": [0.1, 1.0]}),
        (permutation_test_score, {"n_permutations": 5}),
    ):
        found, expected = (curve(e, X, y, scoring="neg_log_loss", **options) for e in pair)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=RTOL)


def test_scikit_learns_scorers_are_given_what_they_ask_for():
    get_scorer = pytest.importorskip("sklearn.metrics").get_scorer
    X, y, weight = problem(12)
    names = ["accuracy", "f1", "roc_auc", "neg_log_loss", "average_precision"]
    scoring = {name: get_scorer(name) for name in names}
    for params in (None, {"sample_weight": weight}):
        options = {"scoring": scoring, "params": params, "return_train_score": True}
        found = cross_validate(NearestMean(), X, y, **options)
        assert_same_results(found, cross_validate(OneByOneClassifier(), X, y, **options))


def test_no_fold_is_fitted_by_itself():
    class Estimator(NearestMean):
        n_fits = 0

        def fit(self, X, y, sample_weight=None):
            raise AssertionError("fitted by itself")

        def fit_folds(self, *args, **kwargs):
            type(self).n_fits += 1
            return super().fit_folds(*args, **kwargs)

        # Next to fit_folds, so that it speaks for them.
        predict, decision_function = NearestMean.predict, NearestMean.decision_function

    X, y, weight = problem(4)
    cross_validate(Estimator(), X, y, params={"sample_weight": weight}, return_train_score=True)
    cross_val_score(Estimator(), X, y, cv=LeaveOneOut())
    cross_val_predict(Estimator(), X, y)
    pooled_score(Estimator(), X, y, scoring="roc_auc")
    learning_curve(Estimator(), X, y, train_sizes=[1.0])
    permutation_test_score(Estimator(), X, y, n_permutations=2)
    assert Estimator.n_fits == 1 + 1 + 1 + 1 + 1 + 3
    GridSearchCV(Estimator(), {"scale": [1, 2]}, refit=False).fit(X, y)
    validation_curve(Estimator(), X, y, param_name="scale", param_range=[1, 2, 3])
    assert Estimator.n_fits == 8 + 2 + 3


@pytest.mark.parametrize("method", ["fit", "predict", "decision_function"])
def test_a_subclass_with_a_method_of_its_own_is_fitted_fold_by_fold(method):
    def own(self, *args, **kwargs):
        calls.append(method)
        return getattr(NearestMean, method)(self, *args, **kwargs)

    calls = []
    X, y, _ = problem(5)
    scores = cross_val_score(type("Own", (NearestMean,), {method: own})(), X, y, cv=3)
    assert len(calls) == 3
    np.testing.assert_array_equal(scores, cross_val_score(NearestMean(), X, y, cv=3))


def test_a_score_of_its_own_is_asked_for_by_default():
    class Own(NearestMean):
        def score(self, X, y):
            return -1.0 * len(X)

    X, y, _ = problem(6)
    np.testing.assert_array_equal(cross_val_score(Own(), X, y, cv=3), [-10.0] * 3)


def test_other_arguments_of_fit_are_for_single_fits():
    class Own(NearestMean):
        def fit(self, X, y, sample_weight=None, offset=0):
            return super().fit(X + offset, y, sample_weight)

        fit_folds = NearestMean.fit_folds
        predict, decision_function = NearestMean.predict, NearestMean.decision_function

    X, y, _ = problem(7)
    cross_validate(Own(), X, y)
    found = cross_validate(Own(), X, y, params={"offset": 5}, return_estimator=True)
    np.testing.assert_allclose(
        found["estimator"][0].means_, Own().fit(X[6:], y[6:], offset=5).means_, atol=3
    )


def test_where_a_training_part_lacks_a_class_the_folds_are_fitted_one_by_one():
    X, y, _ = problem(8)
    y.sort()
    cv = KFold(2)  # the first fold tests class 0 only
    scores = cross_val_score(NearestMean(), X, y, cv=cv)
    np.testing.assert_array_equal(scores, cross_val_score(OneByOneClassifier(), X, y, cv=cv))


def test_an_error_is_reported_as_that_of_each_fold():
    X, y, _ = problem(9)
    with pytest.raises(ValueError, match="All the 5 fits failed") as caught:
        cross_val_score(MeanRegressor(shift=None), X, y)
    assert "5 fits failed with the following error" in str(caught.value)
    assert "shift must be a number" in str(caught.value)
    with pytest.raises(ValueError, match="shift must be a number"):
        cross_val_score(MeanRegressor(shift=None), X, y, error_score="raise")
    with pytest.warns(FitFailedWarning, match="5 fits failed out of a total of 10"):
        _, scores = validation_curve(
            MeanRegressor(), X, y, param_name="shift", param_range=[None, 0.0], error_score=-7.0
        )
    np.testing.assert_array_equal(scores[0], [-7.0] * 5)
    assert not (scores[1] == -7.0).any()


def test_a_score_that_fails_is_the_error_score_in_its_folds_only():
    def metric(y_true, y_pred):
        if y_true[0] == 1:
            raise RuntimeError("no score of this")
        return 0.5

    X, y, _ = problem(10)
    cv = KFold(5)
    expected = [0.5 if y[test[0]] == 0 else -1.0 for _, test in cv.split(X)]
    assert len(set(expected)) == 2
    scoring = {"metric": make_scorer(metric), "accuracy": "accuracy"}
    for estimator in (NearestMean(), OneByOneClassifier()):
        with pytest.warns(UserWarning, match="Scoring failed"):
            found = cross_validate(estimator, X, y, cv=cv, scoring=scoring, error_score=-1)
        np.testing.assert_array_equal(found["test_metric"], expected)
        assert (found["test_accuracy"] >= 0).all()
        with pytest.raises(RuntimeError, match="no score of this") as caught:
            cross_val_score(estimator, X, y, cv=cv, scoring=scoring["metric"], error_score="raise")
        assert f"fold {expected.index(-1.0)} of 5" in caught.value.__notes__[0]


def test_the_time_is_shared_equally():
    X, y, _ = problem(11)
    found = cross_validate(NearestMean(), X, y)
    assert len(set(found["fit_time"])) == len(set(found["score_time"])) == 1
    assert found["fit_time"][0] > 0


def test_leave_one_out_needs_no_memory_for_pairs_of_samples():
    class Constant(MeanRegressor):
        def fit(self, X, y):
            raise AssertionError("fitted by itself")

        def fit_folds(self, X, y, folds):
            # Σ_{j≠i} y_j / (N − 1), without train_counts, which are N² numbers
            from model_selection.mean_estimators import MeanFolds

            assert folds.train_parts is None
            means = (y.sum() - y[folds.test_indices]) / (len(y) - 1)
            return MeanFolds(self, folds, means)

        predict = MeanRegressor.predict

    n = 10_000
    y = np.arange(n, dtype=float)
    X = y[:, None]
    tracemalloc.start()
    try:
        scores = cross_val_score(
            Constant(), X, y, cv=LeaveOneOut(), scoring="neg_mean_squared_error"
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * 8 * n  # N arrays of N indices would be 10,000 · 8 · N
    np.testing.assert_allclose(scores, -(((y - y.mean()) * n / (n - 1)) ** 2), rtol=1e-9)
