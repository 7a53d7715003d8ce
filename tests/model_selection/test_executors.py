"""Work is spread over processes, threads, and whatever looks like an executor, with one result."""

import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from model_selection.mean_estimators import (
    MeanRegressor,
    NearestMean,
    OneByOneClassifier,
    OneByOneRegressor,
)

from scratchnet.linear_model import Perceptron
from scratchnet.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    pooled_score,
    validation_curve,
)
from scratchnet.model_selection.executors import spread


class Work:
    """Multiplies; counts how often it is pickled."""

    n_pickled = 0

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, task):
        if task == "fail":
            raise ZeroDivisionError("as asked for")
        if task == "fail strangely":
            raise Strange("a", "b")
        return self.factor * task

    def __getstate__(self):
        Work.n_pickled += 1
        return vars(self)


class Strange(Exception):
    """Cannot be read back from its pickle, which knows one argument only."""

    def __init__(self, one, two):
        super().__init__(one)


class Submitting:
    """As much of an executor as is used; everything goes through a pickle, as to another machine."""

    def __init__(self, n_workers=None):
        self.n_tasks = 0
        if n_workers:
            self.num_workers = n_workers

    def submit(self, function, *args):
        self.n_tasks += 1
        function, args = pickle.loads(pickle.dumps((function, args)))
        future = Future()
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*args))))
        except Exception as error:
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future


class Mapping:
    """Has `map` only."""

    _max_workers = 3

    def map(self, function, *lists):
        return map(function, *lists)


def data(n_samples=24):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, 3)), rng.permutation(np.arange(n_samples) % 2)


EXECUTORS = [Submitting(), Submitting(1), Submitting(4), Submitting(100), Mapping()]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 7, 40])
def test_results_come_in_the_order_of_the_tasks(executor, n_tasks):
    found = list(spread(Work(3), range(n_tasks), executor=executor))
    assert found == [3 * i for i in range(n_tasks)]


@pytest.mark.parametrize(("n_workers", "n_tasks"), [(1, 10), (3, 10), (8, 5)])
def test_the_work_is_sent_once_for_each_worker(n_workers, n_tasks):
    executor, Work.n_pickled = Submitting(n_workers), 0
    list(spread(Work(2), range(n_tasks), executor=executor))
    assert executor.n_tasks == Work.n_pickled == min(n_workers, n_tasks)


def test_without_a_number_of_workers_there_are_as_many_tasks_as_processors():
    executor = Submitting()
    list(spread(Work(2), range(1000), executor=executor))
    assert executor.n_tasks == os.cpu_count()


def test_without_workers_tasks_are_taken_as_they_are_needed():
    tasks = iter(range(10))
    results = spread(Work(2), tasks)
    assert next(results) == 0
    assert next(tasks) == 1


@pytest.mark.parametrize("executor", [*EXECUTORS, None])
def test_an_error_reaches_the_caller(executor):
    with pytest.raises(ZeroDivisionError, match="as asked for"):
        list(spread(Work(2), [1, "fail", 2], executor=executor))


def test_an_error_that_cannot_be_sent_back_is_told():
    with pytest.raises(RuntimeError, match="Strange: a"):
        list(spread(Work(2), [1, "fail strangely", 2], executor=Submitting(2)))


def test_after_an_error_what_has_not_begun_is_cancelled():
    class Lazy(Submitting):
        _max_workers = 3

        def __init__(self):
            self.futures = []

        def submit(self, function, *args):
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_exception(ZeroDivisionError())
            return self.futures[-1]

    executor = Lazy()
    with pytest.raises(ZeroDivisionError):
        list(spread(Work(2), range(3), executor=executor))
    assert [future.cancelled() for future in executor.futures] == [False, True, True]


def test_n_jobs_and_an_executor_are_one_too_many():
    with pytest.raises(ValueError, match="pass n_jobs=2 or executor="):
        spread(Work(2), [1], n_jobs=2, executor=Submitting())


@pytest.mark.parametrize(("n_jobs", "error"), [(0, ValueError), (1.5, TypeError)])
def test_a_number_of_jobs_that_is_none_is_refused(n_jobs, error):
    with pytest.raises(error, match="n_jobs must"):
        spread(Work(2), [1], n_jobs=n_jobs)


def assert_equal_but_for_times(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            if "time" not in name:
                assert_equal_but_for_times(found[name], expected[name])
    elif isinstance(expected, tuple | list):
        for one, other in zip(found, expected, strict=True):
            assert_equal_but_for_times(one, other)
    else:
        np.testing.assert_array_equal(found, expected)


def everything(**where):
    """Yield the results of all functions, for an estimator that fits folds alone or together."""
    X, y = data()
    for estimator in (OneByOneClassifier(), NearestMean()):
        both = ["accuracy", "neg_log_loss"]
        yield cross_validate(estimator, X, y, scoring=both, return_train_score=True, **where)
        yield cross_val_score(estimator, X, y, cv=KFold(7), **where)
        yield cross_val_predict(estimator, X, y, method="predict_proba", **where)
        yield pooled_score(estimator, X, y, scoring="roc_auc", **where)
        cv = KFold(3, shuffle=True, random_state=np.random.RandomState(0))  # draws at each use
        yield permutation_test_score(estimator, X, y, cv=cv, n_permutations=5, **where)
        yield learning_curve(
            estimator, X, y, train_sizes=[0.5, 1.0], shuffle=True, random_state=0, **where
        )
        yield validation_curve(estimator, X, y, param_name="scale", param_range=[1, 2, 3], **where)
        search = GridSearchCV(estimator, {"scale": [1, 2, 3]}, scoring="neg_log_loss", **where)
        results = search.fit(X, y).cv_results_
        yield {name: values for name, values in results.items() if name != "params"}


@pytest.mark.parametrize(
    "where",
    [{"executor": Submitting(3)}, {"executor": Mapping()}, {"n_jobs": 1}],
    ids=["submit", "map", "n_jobs=1"],
)
def test_results_do_not_depend_on_where_they_are_worked_out(where):
    for found, expected in zip(everything(**where), everything(), strict=True):
        assert_equal_but_for_times(found, expected)


def test_threads_give_the_same_results():
    with ThreadPoolExecutor(3) as pool:
        for found, expected in zip(everything(executor=pool), everything(), strict=True):
            assert_equal_but_for_times(found, expected)


def test_a_pool_of_processes_gives_the_same_results():
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for found, expected in zip(everything(executor=pool), everything(), strict=True):
            assert_equal_but_for_times(found, expected)


def test_processes_of_our_own_give_the_same_results():
    X, y = data()
    options = {"return_train_score": True, "return_estimator": True, "cv": KFold(5)}
    found = cross_validate(OneByOneClassifier(), X, y, n_jobs=2, **options)
    expected = cross_validate(OneByOneClassifier(), X, y, **options)
    for one, other in zip(found.pop("estimator"), expected.pop("estimator"), strict=True):
        np.testing.assert_array_equal(one.means_, other.means_)
    assert_equal_but_for_times(found, expected)
    with pytest.raises(ValueError, match="shift must be a number") as caught:
        cross_val_score(OneByOneRegressor(shift=None), X, y, n_jobs=2, error_score="raise")
    assert caught.value.__notes__ == ["This was fold 0 of 5."]


def test_folds_that_are_fitted_together_need_no_processes(monkeypatch):
    monkeypatch.setattr("scratchnet.model_selection.executors._by_processes", None)
    X, y = data()
    for n_jobs in (2, -1):
        scores = cross_val_score(MeanRegressor(), X, y, n_jobs=n_jobs)
        np.testing.assert_array_equal(scores, cross_val_score(MeanRegressor(), X, y))


def test_what_cannot_be_pickled_is_named():
    X, y = data()
    with pytest.raises(pickle.PicklingError, match=r"n_jobs=2 sends scorer=.*lambda.* at the top"):
        cross_val_score(OneByOneClassifier(), X, y, scoring=lambda *args: 1.0, n_jobs=2)


def test_a_process_that_ends_is_an_error_that_says_what_it_may_be():
    with pytest.raises(RuntimeError, match="n_jobs=2 ended before its work did"):
        list(spread(os._exit, [1, 1], n_jobs=2))


def test_a_program_without_a_guard_is_told_what_it_lacks(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import numpy as np
            from scratchnet.linear_model import Perceptron
            from scratchnet.model_selection import cross_val_score
            cross_val_score(Perceptron(), np.arange(8.0)[:, None], np.arange(8) // 4, cv=2, n_jobs=2)
            """
        )
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]


def test_the_filters_of_warnings_hold_in_the_processes():
    # An error here, as everywhere in these tests: the fit of every fold warns, so every fit fails.
    X = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (5, 1))
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        cross_val_score(Perceptron(), X, X.sum(axis=1) % 2, cv=4, n_jobs=2)  # XOR has no plane


def test_concurrent_futures_is_loaded_by_use_only():
    program = """
import sys
import numpy as np
from scratchnet.linear_model import Perceptron
from scratchnet.model_selection import cross_val_score
cross_val_score(Perceptron(), np.arange(8.0)[:, None], np.arange(8) // 4, cv=2)
assert not {"concurrent.futures", "multiprocessing", "logging"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
