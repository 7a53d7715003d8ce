"""Searches: the best candidate by the mean over the folds, fitted to everything."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from model_selection.mean_estimators import (
    MeanRegressor,
    NearestMean,
    OneByOneClassifier,
    OneByOneRegressor,
)

from scratchnet.base import clone
from scratchnet.exceptions import FitFailedWarning, NotFittedError
from scratchnet.linear_model import Perceptron, Ridge
from scratchnet.metrics import accuracy_score, make_scorer
from scratchnet.model_selection import (
    BaseSearchCV,
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from scratchnet.model_selection.search_results import parameter_columns, ranked_results

MSE = "neg_mean_squared_error"


def data(n_samples=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, 3)), rng.permutation(np.arange(n_samples) % 2)


# the law


@pytest.mark.parametrize("estimator", [MeanRegressor(), OneByOneRegressor()])
def test_each_candidate_has_the_scores_of_its_cross_validation(estimator):
    X, _ = data()
    y = X[:, 0]
    shifts = [0.5, -0.1, 0.0, 2.0]
    search = GridSearchCV(
        estimator, {"shift": shifts}, cv=4, scoring=MSE, return_train_score=True
    ).fit(X, y)
    results = search.cv_results_
    for c, shift in enumerate(shifts):
        alone = cross_validate(
            type(estimator)(shift), X, y, cv=4, scoring=MSE, return_train_score=True
        )
        for kind in ("test", "train"):
            scores = [results[f"split{f}_{kind}_score"][c] for f in range(4)]
            np.testing.assert_array_equal(scores, alone[f"{kind}_score"])
            assert results[f"mean_{kind}_score"][c] == pytest.approx(np.mean(scores), rel=1e-15)
            assert results[f"std_{kind}_score"][c] == pytest.approx(np.std(scores), rel=1e-12)
    order = np.argsort(-results["mean_test_score"])
    np.testing.assert_array_equal(results["rank_test_score"][order], [1, 2, 3, 4])
    assert search.best_index_ == order[0]
    assert search.best_params_ == {"shift": shifts[order[0]]}
    assert search.best_score_ == results["mean_test_score"].max()
    assert search.best_estimator_.mean_ == y.mean() + shifts[order[0]]
    assert search.n_splits_ == 4
    assert not search.multimetric_


def test_results_have_scikit_learns_columns():
    search_of_theirs = pytest.importorskip("sklearn.model_selection").GridSearchCV
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = data()
    grid = [{"alpha": [0.1, 1.0, 10.0]}, {"fit_intercept": [False], "solver": ["cholesky"]}]
    for scoring, refit in ((None, True), (["r2", "neg_max_error"], "r2")):
        options = {"scoring": scoring, "refit": refit, "cv": 3, "return_train_score": True}
        search, theirs = (
            kind(linear_model.Ridge(), grid, **options).fit(X, y)
            for kind in (GridSearchCV, search_of_theirs)
        )
        found, expected = search.cv_results_, theirs.cv_results_
        assert list(found) == list(expected)
        for name, values in expected.items():
            if name == "params":
                assert found[name] == values
            elif name.startswith("param_"):
                assert found[name].dtype == values.dtype
                np.testing.assert_array_equal(found[name].mask, values.mask)
                np.testing.assert_array_equal(found[name].compressed(), values.compressed())
            else:
                assert found[name].dtype == values.dtype
                if "time" not in name:
                    np.testing.assert_allclose(found[name], values, rtol=1e-12)  # two sums
        for name in ("best_index_", "best_params_", "multimetric_", "n_splits_"):
            assert getattr(search, name) == getattr(theirs, name)
        assert set(vars(theirs)) - set(vars(search)) <= {"_checked_cv_orig", "_skl_callbacks"}


def test_a_random_search_draws_its_candidates():
    X, y = data()
    search = RandomizedSearchCV(
        MeanRegressor(), {"shift": list(range(100))}, n_iter=7, random_state=0, scoring=MSE
    ).fit(X, y)
    shifts = [params["shift"] for params in search.cv_results_["params"]]
    assert len(set(shifts)) == 7
    assert search.best_params_["shift"] == min(shifts)
    with pytest.raises(ValueError, match="n_iter must be at least 1"):
        RandomizedSearchCV(MeanRegressor(), {"shift": [1]}, n_iter=0).fit(X, y)


def test_a_search_of_ones_own_goes_by_what_it_has_seen():
    class Halving(BaseSearchCV):
        def _run_search(self, evaluate_candidates):
            low, high = 0.0, 8.0
            for step in range(3):
                results = evaluate_candidates(
                    [{"shift": low}, {"shift": high}], more_results={"step": [step, step]}
                )
                middle = (low + high) / 2
                better = results["mean_test_score"][-2] > results["mean_test_score"][-1]
                low, high = (low, middle) if better else (middle, high)

    X, y = data()
    search = Halving(MeanRegressor(), scoring=MSE).fit(X, y)
    assert [p["shift"] for p in search.cv_results_["params"]] == [0, 8, 0, 4, 0, 2]
    np.testing.assert_array_equal(search.cv_results_["step"], [0, 0, 1, 1, 2, 2])
    with pytest.raises(NotImplementedError, match="BaseSearchCV must define _run_search"):
        BaseSearchCV(MeanRegressor()).fit(X, y)


# columns


def test_equal_means_share_a_rank_and_nan_is_last():
    from scratchnet.model_selection.evaluation import Results

    means = [0.5, np.nan, 0.7, 0.5, -np.inf, 0.7]
    fits = Results(test_scores=means, fit_times=[0] * 6, score_times=[0] * 6)
    with pytest.warns(UserWarning, match="test scores are non-finite"):
        found = ranked_results([{}] * 6, 1, fits, {})
    np.testing.assert_array_equal(found["rank_test_score"], [3, 6, 1, 3, 5, 1])
    fits = Results(test_scores=[np.nan] * 2, fit_times=[0] * 2, score_times=[0] * 2)
    with pytest.warns(UserWarning, match="test scores are non-finite"):
        found = ranked_results([{}] * 2, 1, fits, {})
    np.testing.assert_array_equal(found["rank_test_score"], [1, 1])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], int),
        ([1, 2.5], float),
        ([True, False], bool),
        (["a", "b"], object),
        ([None, 1], object),
        ([[1, 2], [3]], object),
        ([(1, 2), (3, 4)], object),
        ([MeanRegressor(), NearestMean()], object),
    ],
)
def test_a_column_of_parameters_has_the_type_of_its_values(values, dtype):
    candidates = [{"p": values[0]}, {"q": 1}, {"p": values[1]}]
    columns = parameter_columns(candidates)
    assert list(columns) == ["param_p", "param_q"]
    assert columns["param_p"].dtype == dtype
    np.testing.assert_array_equal(columns["param_p"].mask, [False, True, False])
    assert [columns["param_p"][0], columns["param_p"][2]] == values


# refit


def test_of_several_scores_refit_names_the_one_to_go_by():
    X, y = data()
    X[:, 0] += y
    grid, scoring = {"scale": [0.01, 1.0, 100.0]}, ["accuracy", "neg_log_loss"]
    for name in scoring:
        search = GridSearchCV(NearestMean(), grid, scoring=scoring, refit=name).fit(X, y)
        assert search.multimetric_
        assert search.best_index_ == search.cv_results_[f"mean_test_{name}"].argmax()
        assert set(search.scorer_) == set(scoring)
        assert search.score(X, y) == search.scorer_[name](search.best_estimator_, X, y)
    for refit in (True, "f1"):
        with pytest.raises(ValueError, match="refit must be the name of one"):
            GridSearchCV(NearestMean(), grid, scoring=scoring, refit=refit).fit(X, y)
    search = GridSearchCV(NearestMean(), grid, scoring=scoring, refit=False).fit(X, y)
    assert not hasattr(search, "best_index_")


def test_a_function_may_give_several_scores():
    def scorer(model, X, y):
        return {"right": accuracy_score(y, model.predict(X)), "n": len(X)}

    X, y = data()
    search = GridSearchCV(OneByOneClassifier(), {"scale": [1, 2]}, scoring=scorer, refit="right")
    search.fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_n"], [4.8, 4.8])
    assert search.score(X, y) == accuracy_score(y, search.predict(X))
    with pytest.raises(ValueError, match="refit must be the name of one"):
        GridSearchCV(OneByOneClassifier(), {"scale": [1, 2]}, scoring=scorer).fit(X, y)


def test_a_function_may_choose_the_candidate():
    X, y = data()
    grid = {"shift": [0.0, 1.0, 2.0]}
    search = GridSearchCV(MeanRegressor(), grid, scoring=MSE, refit=lambda results: 1).fit(X, y)
    assert search.best_params_ == {"shift": 1.0}
    assert search.best_estimator_.shift == 1.0
    assert not hasattr(search, "best_score_")
    for choice, error in ((1.5, TypeError), (3, IndexError), (-1, IndexError)):
        with pytest.raises(error, match=str(choice)):
            GridSearchCV(MeanRegressor(), grid, refit=lambda results, c=choice: c).fit(X, y)


def test_without_refit_there_is_a_best_candidate_but_no_estimator():
    X, y = data()
    search = GridSearchCV(MeanRegressor(), {"shift": [1.0, 0.0]}, refit=False).fit(X, y)
    assert search.best_params_ == {"shift": 0.0}
    assert not hasattr(search, "best_estimator_")
    for name in ("predict", "score", "classes_"):
        with pytest.raises(AttributeError, match=r"refit=False|no attribute"):
            getattr(search, name)(X, y)


# what a search is


def test_a_search_has_the_methods_of_its_estimator():
    X, y = data()
    search = GridSearchCV(NearestMean(), {"scale": [1, 2]})
    for name in ("predict", "predict_proba", "decision_function"):
        assert hasattr(search, name)
        with pytest.raises(NotFittedError):
            getattr(search, name)(X)
    for name in ("predict_log_proba", "transform", "score_samples", "inverse_transform"):
        assert not hasattr(search, name)
    assert not hasattr(search, "n_features_in_")
    assert not hasattr(search, "classes_")
    with pytest.raises(NotFittedError):
        search.score(X, y)
    search.fit(X, y)
    for name in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(
            getattr(search, name)(X), getattr(search.best_estimator_, name)(X)
        )
    assert search.n_features_in_ == 3
    np.testing.assert_array_equal(search.classes_, [0, 1])
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_a_search_can_itself_be_cross_validated():
    X, y = data()
    X[:, 0] += 2 * y
    search = GridSearchCV(NearestMean(), {"scale": [1.0, 2.0]}, cv=2)
    scores = cross_val_score(search, X, y, cv=3)
    found = cross_validate(search, X, y, cv=3, return_indices=True, return_estimator=True)
    np.testing.assert_array_equal(found["test_score"], scores)
    for model, train in zip(found["estimator"], found["indices"]["train"], strict=True):
        expected = clone(search).fit(X[train], y[train])
        np.testing.assert_array_equal(model.best_estimator_.means_, expected.best_estimator_.means_)


def test_estimators_among_the_parameters_are_not_fitted_themselves():
    X, y = data()
    inner = [NearestMean(), OneByOneClassifier()]
    outer = GridSearchCV(
        GridSearchCV(Perceptron(), {"scale": [1.0]}, cv=2),
        {"estimator": inner, "estimator__scale": [1.0, 2.0]},
        cv=2,
    ).fit(X, y)
    assert [vars(model) for model in inner] == [{"scale": 1.0}] * 2
    assert outer.cv_results_["params"][0]["estimator"] is inner[0]
    assert outer.best_estimator_.estimator is not inner[0]


def test_whether_x_holds_pairs_of_samples_may_depend_on_the_candidate():
    svm = pytest.importorskip("sklearn.svm")
    X, y = data()
    kernel = X @ X.T
    grid = {"kernel": ["precomputed", "linear"]}
    search = GridSearchCV(svm.SVC(), grid, cv=3).fit(kernel, y)
    for c, name in enumerate(grid["kernel"]):
        expected = cross_val_score(svm.SVC(kernel=name), kernel, y, cv=3)
        scores = [search.cv_results_[f"split{f}_test_score"][c] for f in range(3)]
        np.testing.assert_array_equal(scores, expected)


def test_groups_go_to_the_splitter_and_other_arguments_to_fit():
    X, y = data()
    weight, groups = np.arange(1.0, 25.0), np.arange(24) // 6
    search = GridSearchCV(MeanRegressor(), {"shift": [0.0, 1.0]}, cv=GroupKFold(4), scoring=MSE)
    search.fit(X, y, groups=groups, sample_weight=weight)
    assert search.best_estimator_.mean_ == pytest.approx(np.average(y, weights=weight))
    for f, (train, test) in enumerate(GroupKFold(4).split(X, y, groups)):
        error = (y[test] - np.average(y[train], weights=weight[train])) ** 2
        expected = -np.average(error, weights=weight[test])  # the scores are weighted too
        assert search.cv_results_[f"split{f}_test_score"][0] == pytest.approx(expected, rel=1e-12)


def test_a_score_that_takes_no_weights_is_used_without_them_with_a_warning():
    X, y = data()
    scorer = make_scorer(lambda y, p: -float(np.max(np.abs(y - p))))
    search = GridSearchCV(MeanRegressor(), {"shift": [0.0, 1.0]}, scoring=scorer, cv=3)
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        search.fit(X, y, sample_weight=np.arange(1.0, 25.0))
    assert search.best_params_ == {"shift": 0.0}


def test_a_search_without_targets_fits_without():
    class Density(OneByOneRegressor):
        def fit(self, X, y=None):
            assert y is None
            self.mean_ = X.mean() + self.shift
            return self

        def score(self, X, y=None):
            return -abs(X.mean() - self.mean_)

    X, _ = data()
    search = GridSearchCV(Density(), {"shift": [3.0, 0.0]}, cv=2).fit(X)
    assert search.best_params_ == {"shift": 0.0}
    assert search.score(X) == 0.0


# failures


def test_candidates_that_fail_rank_last():
    X, y = data()
    search = GridSearchCV(OneByOneRegressor(), {"shift": [None, 0.0, 1.0]}, scoring=MSE, cv=3)
    with pytest.warns() as caught:
        search.fit(X, y)
    assert [w.category for w in caught if "3 fits failed out of a total of 9" in str(w.message)]
    assert any(issubclass(w.category, FitFailedWarning) for w in caught)
    np.testing.assert_array_equal(search.cv_results_["rank_test_score"], [3, 1, 2])
    with pytest.raises(ValueError, match="shift must be a number") as error:
        clone(search).set_params(error_score="raise").fit(X, y)
    assert error.value.__notes__ == ["This was fold 0 of 3 with {'shift': None}."]
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        clone(search).set_params(param_grid={"shift": [None]}).fit(X, y)


def test_a_splitter_that_gives_another_number_of_folds_than_it_says_is_refused():
    class Liar(KFold):
        def get_n_splits(self, X=None, y=None, groups=None):
            return 4

        fold_numbers = property()  # so that it is enumerated

    with pytest.raises(ValueError, match="inconsistent results: 3 folds, where 4 were announced"):
        GridSearchCV(MeanRegressor(), {"shift": [0.0]}, cv=Liar(3)).fit(*data())


def test_a_search_that_evaluates_nothing_is_refused():
    class Idle(BaseSearchCV):
        def _run_search(self, evaluate_candidates):
            pass

    with pytest.raises(ValueError, match="No fits were performed"):
        Idle(MeanRegressor()).fit(*data())


# executors, printing, copies


def test_a_clone_shares_the_executor_and_a_pickle_lacks_it():
    X, y = data()
    with ThreadPoolExecutor(2) as pool:
        search = GridSearchCV(OneByOneClassifier(), {"scale": [1, 2]}, executor=pool)
        assert clone(search).executor is pool
        assert clone(search).param_grid is not search.param_grid
        search.fit(X, y)
        again = pickle.loads(pickle.dumps(search))
        assert again.executor is None
        np.testing.assert_array_equal(again.predict(X), search.predict(X))
        theirs = pytest.importorskip("sklearn.base").clone
        assert theirs(search).executor is pool


def test_a_deep_copy_is_as_good():
    X, y = data()
    search = GridSearchCV(NearestMean(), {"scale": [1, 2]}).fit(X, y)
    np.testing.assert_array_equal(copy.deepcopy(search).predict(X), search.predict(X))


def test_verbose_prints_the_number_of_fits_and_a_line_for_each(capsys):
    X, y = data()
    GridSearchCV(OneByOneRegressor(), {"shift": [0.0, 1.0]}, cv=2, verbose=3).fit(X, y)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "Fitting 2 folds for each of 2 candidates, totalling 4 fits"
    assert [line.split(";")[0] for line in lines] == [
        f"[CV {f}/2] END shift={shift}" for shift in (0.0, 1.0) for f in (1, 2)
    ]
    assert all(" score=" in line and " total time=" in line for line in lines)


# scikit-learn's checks


@pytest.mark.filterwarnings("ignore")  # some checks fit what cannot converge
@pytest.mark.parametrize(
    ("estimator", "grid", "expected"),
    [
        (Ridge(), {"alpha": [0.1, 1.0]}, {}),
        (
            Perceptron(),
            {"eta0": [0.5, 1.0]},
            # It asks for an error where classes are numbers in an array of objects. The perceptron
            # learns them; accuracy_score refuses them, in other words than the check looks for.
            {"check_dtype_object": "numbers in an array of objects"},
        ),
    ],
)
def test_a_search_passes_scikit_learns_checks_of_estimators(estimator, grid, expected):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise")
    options = {"on_fail": None, "on_skip": None, "expected_failed_checks": expected}
    found = checks.check_estimator(search, **options)
    failed = {c["check_name"]: c["exception"] for c in found if c["status"] == "failed"}
    assert not failed
    assert sum(c["status"] == "passed" for c in found) > 40
