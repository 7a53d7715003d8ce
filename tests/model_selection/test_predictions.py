"""Out-of-fold predictions, and one score of all of them."""

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

from scratchnet.base import BaseEstimator, ClassifierMixin
from scratchnet.metrics import make_scorer, roc_auc_score
from scratchnet.model_selection import (
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    pooled_score,
)


def data(n_samples=24, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, 3)), rng.permutation(np.arange(n_samples) % n_classes)


class Shares(ClassifierMixin, BaseEstimator):
    """Has learned nothing but the shares of the classes."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return np.full(len(X), self.classes_[self.shares_.argmax()])

    def decision_function(self, X):
        shares = self.predict_proba(X)
        return shares[:, 1] if len(self.classes_) == 2 else shares


# predictions


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), n_splits=st.integers(2, 6))
def test_each_sample_is_predicted_by_the_model_that_has_not_seen_it(seed, n_splits):
    X, y = data(seed=seed)
    cv = KFold(n_splits, shuffle=True, random_state=seed)
    found = cross_val_predict(OneByOneRegressor(), X, y, cv=cv)
    for train, test in cv.split(X):
        np.testing.assert_array_equal(found[test], np.full(len(test), y[train].mean()))


def test_leave_one_out_predicts_the_mean_of_the_others():
    y = np.arange(6.0)
    expected = (y.sum() - y) / 5
    for estimator in (MeanRegressor(), OneByOneRegressor()):
        found = cross_val_predict(estimator, y[:, None], y, cv=LeaveOneOut())
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("cv", [ShuffleSplit(2), [([0, 1], [2, 3])], [([0], range(24))] * 2])
def test_folds_that_do_not_test_every_sample_once_are_refused(cv):
    X, y = data()
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(NearestMean(), X, y, cv=cv)


def test_a_method_that_is_none_is_refused():
    X, y = data()
    with pytest.raises(ValueError, match="method must be one of predict, predict_proba"):
        cross_val_predict(NearestMean(), X, y, method="transform")


@pytest.mark.parametrize(
    ("method", "unknown"),
    [
        ("predict_proba", 0),
        ("decision_function", np.finfo(np.float64).min),
    ],
)
def test_a_class_that_a_training_part_lacks_has_a_column_all_the_same(method, unknown):
    X = np.zeros((8, 1))
    y = np.array(["d", "d", "b", "a", "c", "b", "a", "c"])
    with pytest.warns(RuntimeWarning, match=r"training fold \(3\) does not match .* \(4\)"):
        found = cross_val_predict(Shares(), X, y, cv=KFold(4), method=method)  # d is tested alone
    np.testing.assert_allclose(found[:2], [[1 / 3, 1 / 3, 1 / 3, unknown]] * 2)
    np.testing.assert_allclose(found[2:4], [[1 / 6, 1 / 6, 2 / 6, 2 / 6]] * 2)


def test_a_decision_between_two_of_three_classes_has_no_columns():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 2, 2])
    with pytest.warns(RuntimeWarning, match="does not match"):
        with pytest.raises(ValueError, match="only 2 of 3 classes in the training fold") as caught:
            cross_val_predict(OneByOneClassifier(), X, y, cv=KFold(3), method="decision_function")
    assert caught.value.__notes__ == ["This was fold 0 of 3."]


def test_strings_of_several_lengths_are_not_cut():
    y = np.array(["a", "bbbb", "a", "bbbb"])
    X = np.array([0.0, 1.0, 0.1, 1.1])[:, None]
    found = cross_val_predict(OneByOneClassifier(), X, y, cv=[([0, 1], [2, 3]), ([2, 3], [0, 1])])
    np.testing.assert_array_equal(found, y)


def test_several_targets_keep_their_columns():
    X, _ = data()
    y = X[:, :2]
    for estimator in (MeanRegressor(), OneByOneRegressor()):
        found = cross_val_predict(estimator, X, y, cv=4)
        for train, test in KFold(4).split(X):
            np.testing.assert_allclose(found[test], np.tile(y[train].mean(axis=0), (6, 1)))


def test_an_error_says_in_which_fold():
    X, y = data()
    with pytest.raises(ValueError, match="shift must be a number") as caught:
        cross_val_predict(OneByOneRegressor(shift=None), X, y, cv=3)
    assert caught.value.__notes__ == ["This was fold 0 of 3."]


def test_verbose_prints_the_number_of_folds(capsys):
    X, y = data()
    cross_val_predict(NearestMean(), X, y, cv=3, verbose=1)
    assert capsys.readouterr().out == "predicting 24 samples in 3 folds\n"


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_are_scikit_learns(method, n_classes):
    theirs = pytest.importorskip("sklearn.model_selection")
    bayes = pytest.importorskip("sklearn.naive_bayes")
    X, y = data(n_classes=n_classes)
    for labels in (y, np.array(["x", "zz", "y"])[y]):
        for cv in (None, 4):
            found = cross_val_predict(bayes.GaussianNB(), X, labels, cv=cv, method=method)
            expected = theirs.cross_val_predict(bayes.GaussianNB(), X, labels, cv=cv, method=method)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
def test_columns_of_lacking_classes_are_scikit_learns():
    theirs = pytest.importorskip("sklearn.model_selection")
    bayes = pytest.importorskip("sklearn.naive_bayes")
    X, y = data(n_classes=4)
    y.sort()
    for method in ("predict_proba", "predict_log_proba"):
        arguments = bayes.GaussianNB(), X, y
        found = cross_val_predict(*arguments, cv=KFold(4), method=method)
        expected = theirs.cross_val_predict(*arguments, cv=theirs.KFold(4), method=method)
        np.testing.assert_array_equal(found, expected)


def test_several_targets_of_scikit_learn_give_a_list():
    theirs = pytest.importorskip("sklearn.model_selection")
    ensemble = pytest.importorskip("sklearn.ensemble")
    X, y = data(n_classes=2)
    targets = np.stack([y, np.arange(24) % 3], axis=1)
    forest = ensemble.RandomForestClassifier(3, random_state=0)
    found = cross_val_predict(forest, X, targets, cv=3, method="predict_proba")
    expected = theirs.cross_val_predict(forest, X, targets, cv=3, method="predict_proba")
    assert isinstance(found, list)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# one score


def test_a_mean_over_samples_is_the_mean_of_the_folds_if_they_are_of_equal_size():
    X, y = data()
    for estimator in (NearestMean(), OneByOneClassifier()):
        mean = cross_val_score(estimator, X, y, cv=4).mean()
        assert pooled_score(estimator, X, y, cv=4) == pytest.approx(mean, rel=1e-15)
    # 24 samples in 5 folds: the mean of the folds weighs a sample of a small fold more
    cv = KFold(5)
    right = cross_val_predict(NearestMean(), X, y, cv=cv) == y
    assert pooled_score(NearestMean(), X, y, cv=cv) == right.mean()
    assert cross_val_score(NearestMean(), X, y, cv=cv).mean() != pytest.approx(right.mean())


def test_r2_of_leave_one_out_of_the_mean_is_below_zero_by_its_law():
    # y_i − mean of the others = (y_i − ȳ) N / (N − 1), so R² = 1 − (N / (N − 1))²
    y = np.random.default_rng(0).normal(size=7)
    for estimator in (MeanRegressor(), OneByOneRegressor()):
        found = pooled_score(estimator, y[:, None], y, cv=LeaveOneOut())
        assert found == pytest.approx(1 - (7 / 6) ** 2, rel=1e-12)


def test_auc_of_leave_one_out_of_what_has_learned_nothing_is_zero():
    X, y = data()
    assert pooled_score(Shares(), X, y, cv=LeaveOneOut(), scoring="roc_auc") == 0.0
    assert pooled_score(Shares(), X, y, cv=StratifiedKFold(4), scoring="roc_auc") == 0.5


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_log_loss", "f1", "accuracy", "neg_brier_score"]
)
def test_the_score_is_the_metric_of_the_predictions(scoring):
    X, y = data()
    X[:, 0] += y
    labels = np.array(["no", "yes"])[y]
    metric = {
        "roc_auc": lambda y, s: roc_auc_score(y, s),
        "neg_log_loss": lambda y, s: float(np.log(np.where(y == 1, _p(s), 1 - _p(s))).mean()),
        "neg_brier_score": lambda y, s: -float(((y - _p(s)) ** 2).mean()),
        "f1": lambda y, s: 2 * ((s > 0) & (y == 1)).sum() / ((s > 0).sum() + (y == 1).sum()),
        "accuracy": lambda y, s: ((s > 0) == y).mean(),
    }[scoring]
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    decision = cross_val_predict(NearestMean(), X, labels, cv=cv, method="decision_function")
    for estimator in (NearestMean(), OneByOneClassifier()):
        target = y if scoring in ("f1", "neg_brier_score") else labels  # which take no strings
        found = pooled_score(estimator, X, target, cv=cv, scoring=scoring)
        assert found == pytest.approx(metric(y, decision), rel=1e-12)


def _p(decision):
    return 1 / (1 + np.exp(-decision))


def test_samples_that_are_tested_twice_count_twice():
    y = np.array([0.0, 1.0, 5.0])
    cv = [([0, 1], [2]), ([1, 2], [0]), ([0, 1], [2])]
    # the mean of 0 and 1 misses 5 by 4.5, twice; that of 1 and 5 misses 0 by 3
    scores = [
        pooled_score(e, y[:, None], y, cv=cv, scoring="neg_mean_squared_error")
        for e in (MeanRegressor(), OneByOneRegressor())
    ]
    np.testing.assert_allclose(scores, [-(4.5**2 + 3**2 + 4.5**2) / 3] * 2)


@pytest.mark.parametrize("scoring", [lambda model, X, y: 1.0, ["accuracy", "f1"], {"a": "f1"}])
def test_what_is_not_one_score_by_a_metric_is_refused(scoring):
    X, y = data()
    with pytest.raises(TypeError, match="pooled_score needs one score by a metric"):
        pooled_score(NearestMean(), X, y, scoring=scoring)


def test_a_metric_of_ones_own_and_scikit_learns_scorers_can_be_pooled():
    X, y = data()
    of_ours = make_scorer(lambda y, p: float(np.mean(y == p)))
    expected = pooled_score(NearestMean(), X, y)
    assert pooled_score(NearestMean(), X, y, scoring=of_ours) == expected
    metrics = pytest.importorskip("sklearn.metrics")
    bayes = pytest.importorskip("sklearn.naive_bayes")
    found = pooled_score(bayes.GaussianNB(), X, y, scoring=metrics.get_scorer("roc_auc"))
    probability = cross_val_predict(bayes.GaussianNB(), X, y, method="predict_proba")
    assert found == pytest.approx(roc_auc_score(y, probability[:, 1]), rel=1e-12)
