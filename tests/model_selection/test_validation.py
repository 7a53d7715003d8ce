"""Cross-validation: each score is that of a model which has not seen the samples it is scored on."""

import copy
import sys
from types import SimpleNamespace

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

from scratchnet.base import BaseEstimator, clone
from scratchnet.exceptions import FitFailedWarning, UndefinedMetricWarning
from scratchnet.metrics import accuracy_score, get_scorer, make_scorer, r2_score
from scratchnet.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)


class Frame:
    """As much of a DataFrame as folds need: a shape, and rows by `iloc`, not by brackets."""

    def __init__(self, data):
        self.data = np.asarray(data)
        self.shape = self.data.shape

    @property
    def iloc(self):
        return _Rows(self.data)

    def __len__(self):
        return len(self.data)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype)


class _Rows:
    def __init__(self, data):
        self.data = data

    def __getitem__(self, rows):
        return Frame(self.data[rows])


class Duck:
    """No base class: fit, predict, get_params, set_params. Keeps what fit was given."""

    seen = None  # a list of the samples of each fit, where a test asks for it

    def __init__(self, fail_if_first=None):
        self.fail_if_first = fail_if_first

    def get_params(self, deep=True):
        return {"fail_if_first": self.fail_if_first}

    def set_params(self, **params):
        vars(self).update(params)
        return self

    def fit(self, X, y=None, **params):
        if Duck.seen is not None:
            Duck.seen.append((X, y, params))
        if self.fail_if_first is not None and self.fail_if_first in np.asarray(y):
            raise RuntimeError("cannot be fitted to this")
        self.mean_ = 0.0 if y is None else np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.fixture
def seen():
    Duck.seen = []
    yield Duck.seen
    Duck.seen = None


def data(n_samples=24, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, 3)), rng.permutation(np.arange(n_samples) % n_classes)


# the law


@settings(max_examples=30)
@given(
    n_samples=st.integers(12, 30),
    n_splits=st.integers(2, 5),
    shuffle=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_fold_scores_the_model_of_the_other_samples(n_samples, n_splits, shuffle, seed):
    X, y = data(n_samples, seed=seed)
    cv = KFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    found = cross_validate(OneByOneRegressor(), X, y, cv=cv, return_train_score=True)
    for f, (train, test) in enumerate(cv.split(X)):
        mean = y[train].mean()
        assert found["test_score"][f] == pytest.approx(r2_score(y[test], np.full(len(test), mean)))
        assert found["train_score"][f] == pytest.approx(0, abs=1e-14)  # the mean explains nothing


def test_every_sample_is_tested_once_and_trained_on_k_minus_1_times(seen):
    X = np.arange(17)[:, None]
    found = cross_validate(
        Duck(), X, X[:, 0], cv=5, scoring="r2", return_indices=True, return_estimator=True
    )
    tested = np.concatenate(found["indices"]["test"])
    np.testing.assert_array_equal(np.sort(tested), np.arange(17))
    trained = np.concatenate([np.ravel(part) for part, _, _ in seen])
    np.testing.assert_array_equal(np.bincount(trained), np.full(17, 4))
    for model, train in zip(found["estimator"], found["indices"]["train"], strict=True):
        assert model.mean_ == train.mean()


def test_the_estimator_and_the_data_stay_as_they_were():
    X, y = data()
    before = X.copy(), y.copy()
    estimator = OneByOneClassifier()
    cross_validate(estimator, X, y)
    assert vars(estimator) == {"scale": 1.0}
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_the_folds_of_a_classifier_are_stratified_and_of_a_regressor_not():
    X, y = data()
    y.sort()
    for estimator, cv in ((OneByOneClassifier(), StratifiedKFold(4)), (Duck(), KFold(4))):
        found = cross_validate(
            estimator, X, y, cv=4, scoring="neg_mean_squared_error", return_indices=True
        )
        for test, (_, expected) in zip(found["indices"]["test"], cv.split(X, y), strict=True):
            np.testing.assert_array_equal(test, expected)


def test_groups_stay_together():
    X, y = data()
    groups = np.arange(24) // 4
    found = cross_validate(
        OneByOneClassifier(), X, y, groups=groups, cv=GroupKFold(3), return_indices=True
    )
    for train, test in zip(found["indices"]["train"], found["indices"]["test"], strict=True):
        assert not set(groups[train]) & set(groups[test])


# what is scored


def test_scores_come_by_the_names_they_were_asked_by():
    X, y = data()
    scoring = ["accuracy", "neg_log_loss"]
    for given_scoring in (scoring, tuple(scoring), {name: name for name in scoring}):
        found = cross_validate(OneByOneClassifier(), X, y, scoring=given_scoring)
        assert list(found)[:2] == ["fit_time", "score_time"]
        assert set(found) == {"fit_time", "score_time", "test_accuracy", "test_neg_log_loss"}
        for name in scoring:
            alone = cross_val_score(OneByOneClassifier(), X, y, scoring=name)
            np.testing.assert_array_equal(found[f"test_{name}"], alone)


def test_each_method_is_called_once_however_many_scores_look_at_it():
    calls = []

    class Counted(OneByOneClassifier):
        def predict(self, X):
            calls.append("predict")
            return super().predict(X)

        def predict_proba(self, X):
            calls.append("predict_proba")
            return super().predict_proba(X)

    X, y = data()
    scoring = ["accuracy", "f1", "recall", "neg_log_loss", "neg_brier_score"]
    cross_validate(Counted(), X, y, scoring=scoring, cv=3)
    assert sorted(calls) == ["predict"] * 3 + ["predict_proba"] * 3


def test_a_function_may_give_several_scores():
    def scorer(model, X, y):
        return {"right": accuracy_score(y, model.predict(X)), "n": len(X)}

    X, y = data()
    found = cross_validate(OneByOneClassifier(), X, y, scoring=scorer, cv=3)
    np.testing.assert_array_equal(found["test_n"], [8, 8, 8])
    np.testing.assert_array_equal(
        found["test_right"], cross_val_score(OneByOneClassifier(), X, y, cv=3)
    )
    with pytest.raises(ValueError, match="scoring must return a number"):
        cross_val_score(OneByOneClassifier(), X, y, scoring=scorer)


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.array([0.5]), 0.5])
def test_a_score_may_be_any_single_number(value):
    X, y = data()
    scores = cross_val_score(OneByOneClassifier(), X, y, scoring=lambda *args: value, cv=3)
    np.testing.assert_array_equal(scores, [0.5, 0.5, 0.5])


@pytest.mark.parametrize("value", [None, np.zeros(2), [0.5]])
def test_a_score_that_is_no_number_is_refused(value):
    X, y = data()
    with pytest.raises(ValueError, match="scoring must return a number"):
        cross_val_score(OneByOneClassifier(), X, y, scoring=lambda *args: value)


def test_without_targets_fit_and_scorer_get_none(seen):
    scores = cross_val_score(Duck(), np.zeros((6, 1)), scoring=lambda model, X: len(X), cv=2)
    np.testing.assert_array_equal(scores, [3, 3])
    assert all(y is None for _, y, _ in seen)


# what fit is given


def test_arguments_with_an_entry_for_each_sample_are_cut_to_the_training_part(seen):
    y = np.arange(10)
    params = {
        "array": y * 2,
        "list": y.tolist(),
        "frame": Frame(y),
        "other_length": [1, 2, 3],
        "text": "0123456789",
        "number": 5,
        "nothing": None,
        "table": {i: i for i in range(10)},
    }
    cross_validate(Duck(), y[:, None], y, cv=2, scoring="r2", params=params)
    for _, train, given_params in seen:
        np.testing.assert_array_equal(given_params["array"], train * 2)
        assert given_params["list"] == train.tolist()
        np.testing.assert_array_equal(np.asarray(given_params["frame"]), train)
        for name in ("other_length", "text", "number", "nothing", "table"):
            assert given_params[name] is params[name]


def test_params_must_be_a_dictionary():
    X, y = data()
    with pytest.raises(TypeError, match="params must be a dictionary"):
        cross_validate(NearestMean(), X, y, params=[1])


def test_frames_are_cut_by_iloc_and_lists_stay_lists(seen):
    X, y = data(n_samples=6)
    cross_validate(Duck(), Frame(X), Frame(y), cv=3, scoring="r2")
    assert all(isinstance(part, Frame) for part, _, _ in seen)
    seen.clear()
    words = ["a", "b", "c", "d", "e", "f"]
    cross_validate(Duck(), words, list(range(6)), cv=3, scoring="r2")
    assert [part for part, _, _ in seen] == [words[2:], words[:2] + words[4:], words[:4]]
    assert [y for _, y, _ in seen] == [[2, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 3]]


def test_the_training_score_is_for_the_very_data_of_the_fit():
    class Same(OneByOneRegressor):
        def fit(self, X, y):
            self.X_ = X
            return super().fit(X, y)

        def score(self, X, y):
            return float(X is self.X_)

    X, y = data()
    found = cross_validate(Same(), X, y, return_train_score=True)
    assert found["train_score"].all()
    assert not found["test_score"].any()


def test_a_kernel_is_cut_in_rows_and_columns():
    class Kernel(BaseEstimator):
        _pairwise = True

        def fit(self, K, y):
            assert K.shape == (len(y), len(y))
            self.y_ = y
            return self

        def score(self, K, y):
            return float((np.subtract.outer(y, self.y_) == K).all())

    y = np.arange(9.0)
    kernel = np.subtract.outer(y, y)
    scores = cross_validate(Kernel(), kernel, y, cv=3, return_train_score=True)
    assert scores["test_score"].all()
    assert scores["train_score"].all()
    with pytest.raises(ValueError, match="must be a square array"):
        cross_validate(Kernel(), kernel[:, :3], y)


def test_lengths_that_differ_are_refused():
    X, y = data()
    with pytest.raises(ValueError, match="X has 24, y has 23"):
        cross_validate(NearestMean(), X, y[:23])


@pytest.mark.parametrize("estimator", [object(), "model"])
def test_what_cannot_be_fitted_is_refused(estimator):
    X, y = data()
    with pytest.raises(TypeError, match="estimator must have a method 'fit'"):
        cross_validate(estimator, X, y)


def test_no_folds_are_refused():
    X, y = data()
    with pytest.raises(ValueError, match="No fits were performed"):
        cross_validate(NearestMean(), X, y, cv=[])


# what fails


def test_a_fit_that_fails_has_the_error_score():
    X, y = np.zeros((6, 1)), np.arange(6)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 3") as caught:
        found = cross_validate(
            Duck(fail_if_first=0),
            X,
            y,
            cv=3,
            scoring=["r2", "max_error"][:1],
            return_train_score=True,
        )
    assert caught[0].filename == __file__
    assert "RuntimeError: cannot be fitted to this" in str(caught[0].message)
    np.testing.assert_array_equal(np.isnan(found["test_r2"]), [False, True, True])
    np.testing.assert_array_equal(np.isnan(found["train_r2"]), [False, True, True])
    with pytest.warns(FitFailedWarning, match="will be set to -5"):
        scores = cross_val_score(
            Duck(fail_if_first=0), X, y, cv=3, scoring=lambda *a: {"x": 1}["x"], error_score=-5
        )
    np.testing.assert_array_equal(scores, [1, -5, -5])


def test_the_error_score_takes_the_names_of_a_function_of_several_scores():
    X, y = np.zeros((6, 1)), np.arange(6)
    with pytest.warns(FitFailedWarning):
        found = cross_validate(
            Duck(fail_if_first=0),
            X,
            y,
            cv=3,
            scoring=lambda *args: {"one": 1, "two": 2},
            error_score=0,
        )
    np.testing.assert_array_equal(found["test_one"], [1, 0, 0])
    np.testing.assert_array_equal(found["test_two"], [2, 0, 0])


def test_if_every_fit_fails_that_is_an_error():
    X, y = np.zeros((6, 1)), np.zeros(6)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        cross_val_score(Duck(fail_if_first=0), X, y, cv=3, scoring="r2")


def test_raise_raises_the_error_itself_with_its_fold():
    X, y = np.zeros((6, 1)), np.arange(6)
    with pytest.raises(RuntimeError, match="cannot be fitted to this") as caught:
        cross_val_score(Duck(fail_if_first=0), X, y, cv=3, scoring="r2", error_score="raise")
    assert caught.value.__notes__ == ["This was fold 1 of 3."]


def test_the_text_of_a_scorer_that_fails_is_in_the_warning():
    def metric(y_true, y_pred):
        raise OSError("no metric today")

    X, y = data()
    with pytest.warns(UserWarning, match="no metric today"):
        scores = cross_val_score(OneByOneClassifier(), X, y, scoring=make_scorer(metric), cv=2)
    assert np.isnan(scores).all()


@pytest.mark.parametrize("error_score", ["nan", None, [0]])
def test_an_error_score_is_a_number_or_raise(error_score):
    X, y = data()
    with pytest.raises(ValueError, match="error_score must be 'raise' or a number"):
        cross_validate(NearestMean(), X, y, error_score=error_score)


# undefined


@pytest.mark.parametrize("estimator", [MeanRegressor(), OneByOneRegressor()])
def test_r2_of_folds_of_one_is_nan_with_a_warning_that_names_the_way_out(estimator):
    X, y = np.zeros((5, 1)), np.arange(5.0)
    with pytest.warns(UndefinedMetricWarning) as caught:
        scores = cross_val_score(estimator, X, y, cv=LeaveOneOut())
    assert np.isnan(scores).all()
    ours = [w for w in caught if "5 of 5 folds, which test one sample each" in str(w.message)]
    assert len(ours) == 1
    assert "pooled_score" in str(ours[0].message)
    assert ours[0].filename == __file__


@pytest.mark.filterwarnings("ignore:Only one class is present")  # the metric's own, for each fold
def test_auc_of_folds_of_one_is_nan_with_a_warning_that_names_the_way_out():
    X, y = data(n_samples=8)
    for estimator in (NearestMean(), OneByOneClassifier()):
        with pytest.warns(UndefinedMetricWarning, match="pooled_score"):
            scores = cross_val_score(estimator, X, y, cv=LeaveOneOut(), scoring="roc_auc")
        assert np.isnan(scores).all()


def test_folds_of_one_are_fine_for_a_mean_over_samples():
    X, y = data(n_samples=8)
    scores = cross_val_score(OneByOneClassifier(), X, y, cv=LeaveOneOut())
    assert set(scores) <= {0.0, 1.0}


# what is printed


def test_verbose_prints_a_line_for_each_fit(capsys):
    X, y = data()
    cross_validate(OneByOneClassifier(), X, y, cv=3)
    assert capsys.readouterr().out == ""
    cross_validate(OneByOneClassifier(), X, y, cv=3, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" total time=")[0] for line in lines] == [
        f"[CV {f}/3] END " for f in (1, 2, 3)
    ]
    found = cross_validate(OneByOneClassifier(), X, y, cv=3, verbose=3)["test_score"]
    lines = capsys.readouterr().out.splitlines()
    assert [f"score={score:.3f}" in line for line, score in zip(lines, found, strict=True)] == [
        True
    ] * 3


def test_progress_moves_a_bar_by_one_for_each_fit(monkeypatch):
    moves = []

    class Bar:
        def __init__(self, total, unit):
            moves.append(total)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            moves.append("closed")

        def update(self, n):
            moves.append(n)

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    X, y = data()
    cross_validate(OneByOneClassifier(), X, y, cv=3, progress=True)
    assert moves == [3, 1, 1, 1, "closed"]
    moves.clear()
    cross_validate(NearestMean(), X, y, cv=3, progress=True)
    assert moves == [3, 3, "closed"]


def test_progress_without_tqdm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    X, y = data()
    with pytest.raises(ImportError, match=r"pip install 'scratchnet\[progress\]'"):
        cross_validate(NearestMean(), X, y, progress=True)


# beside scikit-learn


def sklearn_estimators():
    bayes = pytest.importorskip("sklearn.naive_bayes")
    linear_model = pytest.importorskip("sklearn.linear_model")
    tree = pytest.importorskip("sklearn.tree")
    return {
        "bayes": bayes.GaussianNB(),
        "tree": tree.DecisionTreeClassifier(random_state=0),
        "ridge": linear_model.Ridge(),
    }


@pytest.mark.parametrize("name", ["bayes", "tree", "ridge"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_scikit_learns_for_its_estimators_splitters_and_scorers(name, n_classes):
    theirs = pytest.importorskip("sklearn.model_selection")
    get_theirs = pytest.importorskip("sklearn.metrics").get_scorer
    estimator = sklearn_estimators()[name]
    X, y = data(60, n_classes)
    X[:, 0] += y
    names = ["r2", "neg_mean_absolute_error"]
    if name != "ridge":
        names = ["accuracy", "f1_macro"]
    options = {"return_train_score": True, "return_indices": True}
    for our_cv, their_cv in (
        (None, None),
        (3, 3),
        (ShuffleSplit(2, random_state=0), theirs.ShuffleSplit(2, random_state=0)),
        (theirs.RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),) * 2,
        (PredefinedSplit(np.arange(60) % 4 - 1), theirs.PredefinedSplit(np.arange(60) % 4 - 1)),
    ):
        for scoring in (None, names, {n: get_theirs(n) for n in names}):
            found = cross_validate(estimator, X, y, cv=our_cv, scoring=scoring, **options)
            expected = theirs.cross_validate(
                estimator, X, y, cv=their_cv, scoring=scoring, **options
            )
            assert list(found) == list(expected)
            for key in (key for key in expected if key.startswith(("test", "train"))):
                # Our metrics and theirs sum in different orders.
                np.testing.assert_allclose(found[key], expected[key], rtol=1e-12)
            for part in ("train", "test"):
                for a, b in zip(found["indices"][part], expected["indices"][part], strict=True):
                    np.testing.assert_array_equal(a, b)


def test_our_estimators_scorers_and_splitters_work_in_scikit_learns_function():
    theirs = pytest.importorskip("sklearn.model_selection")
    sklearn_base = pytest.importorskip("sklearn.base")
    X, y = data()
    options = {"cv": StratifiedKFold(3), "scoring": {"it": get_scorer("neg_log_loss")}}
    found = cross_validate(NearestMean(), X, y, **options)
    expected = theirs.cross_validate(NearestMean(), X, y, **options)
    np.testing.assert_allclose(found["test_it"], expected["test_it"], rtol=1e-9)  # two sums
    assert sklearn_base.is_classifier(NearestMean())


def test_a_precomputed_kernel_of_scikit_learn_is_cut_as_it_does():
    svm = pytest.importorskip("sklearn.svm")
    theirs = pytest.importorskip("sklearn.model_selection")
    X, y = data()
    kernel = X @ X.T
    found = cross_val_score(svm.SVC(kernel="precomputed"), kernel, y)
    np.testing.assert_array_equal(
        found, theirs.cross_val_score(svm.SVC(kernel="precomputed"), kernel, y)
    )


def test_sparse_tables_go_to_estimators_that_take_them():
    sparse = pytest.importorskip("scipy.sparse")
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = data()
    found = cross_val_score(
        linear_model.Ridge(solver="sag", random_state=0), sparse.coo_matrix(X), y
    )
    expected = cross_val_score(linear_model.Ridge(), X, y)
    np.testing.assert_allclose(found, expected, atol=0.05)  # an iterative solver with tol=1e-4


def test_a_random_state_object_is_copied_for_each_fold():
    class Random(OneByOneRegressor):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def fit(self, X, y):
            self.mean_ = self.random_state.uniform()
            return self

    X, y = data()
    estimator = Random(np.random.RandomState(0))
    models = cross_validate(estimator, X, y, return_estimator=True)["estimator"]
    expected = copy.deepcopy(estimator.random_state).uniform()
    assert [model.mean_ for model in models] == [expected] * 5
    assert clone(estimator).random_state is not estimator.random_state
