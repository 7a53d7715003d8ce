"""Learning and validation curves."""

import numpy as np
import pytest
from model_selection.mean_estimators import MeanRegressor, NearestMean, OneByOneRegressor

from scratchnet.base import BaseEstimator, ClassifierMixin
from scratchnet.exceptions import FitFailedWarning
from scratchnet.linear_model import Perceptron
from scratchnet.model_selection import KFold, ShuffleSplit, learning_curve, validation_curve


def data(n_samples=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, 3)), rng.permutation(np.arange(n_samples) % 2)


class Counter(ClassifierMixin, BaseEstimator):
    """Scores by the number of samples it has seen."""

    def partial_fit(self, X, y, classes=None, offset=None):
        self.classes_ = classes
        self.seen_ = [*getattr(self, "seen_", []), *np.ravel(X)]
        assert offset is None or len(offset) == len(X)
        return self

    def fit(self, X, y):
        self.seen_ = list(np.ravel(X))
        return self

    def score(self, X, y):
        return len(self.seen_) + len(X) / 1000


@pytest.mark.parametrize("estimator", [MeanRegressor(), OneByOneRegressor()])
def test_a_size_takes_the_first_samples_of_each_training_part(estimator):
    X, _ = data()
    y = X[:, 0]
    cv = ShuffleSplit(3, test_size=4, random_state=0)
    scoring = "neg_mean_squared_error"
    sizes, train, test = learning_curve(
        estimator, X, y, train_sizes=[3, 10, 20], cv=cv, scoring=scoring
    )
    np.testing.assert_array_equal(sizes, [3, 10, 20])
    for f, (train_part, test_part) in enumerate(cv.split(X)):
        for s, size in enumerate(sizes):
            known = y[train_part[:size]]
            assert train[s, f] == pytest.approx(-known.var(), rel=1e-9)
            assert test[s, f] == pytest.approx(-((y[test_part] - known.mean()) ** 2).mean())


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_estimator_that_goes_from_size_to_size_sees_each_sample_once(shuffle):
    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    options = {"train_sizes": [2, 5, 8], "cv": KFold(3), "shuffle": shuffle, "random_state": 0}
    found = learning_curve(Counter(), X, y, exploit_incremental_learning=True, **options)
    np.testing.assert_allclose(found[1], [[2.002] * 3, [5.005] * 3, [8.008] * 3])
    np.testing.assert_allclose(found[2], [[2.004] * 3, [5.004] * 3, [8.004] * 3])
    for one, other in zip(found, learning_curve(Counter(), X, y, **options), strict=True):
        np.testing.assert_array_equal(one, other)
    learning_curve(
        Counter(), X, y, exploit_incremental_learning=True, params={"offset": y}, **options
    )


def test_without_partial_fit_there_is_no_going_from_size_to_size():
    with pytest.raises(ValueError, match="exploit_incremental_learning needs partial_fit"):
        learning_curve(NearestMean(), *data(), exploit_incremental_learning=True)


def test_shares_are_of_the_largest_training_part():
    options = {"train_sizes": [0.01, 0.5, 1.0], "cv": 4, "scoring": "neg_max_error"}
    sizes, *_ = learning_curve(OneByOneRegressor(), *data(), **options)
    np.testing.assert_array_equal(sizes, [1, 9, 18])


def test_sizes_that_are_equal_are_dropped_with_a_warning():
    with pytest.warns(RuntimeWarning, match="2 remain of 3") as caught:
        sizes, *_ = learning_curve(OneByOneRegressor(), *data(), train_sizes=[0.5, 0.51, 1.0], cv=4)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(sizes, [9, 18])


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([0.0, 1.0], r"shares within \(0, 1\], got \[0.0, 1.0\]"),
        ([0.5, 1.1], "shares within"),
        ([0, 5], r"numbers of samples within \(0, 18\], got \[0, 5\]"),
        ([19], "numbers of samples within"),
        ([], "shares within"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        learning_curve(NearestMean(), *data(), train_sizes=sizes, cv=4)


def test_times_are_returned_on_request():
    found = learning_curve(OneByOneRegressor(), *data(), return_times=True, scoring="neg_max_error")
    assert [part.shape for part in found] == [(5,), (5, 5), (5, 5), (5, 5), (5, 5)]
    assert (found[3] > 0).all()


def test_verbose_prints_the_sizes(capsys):
    learning_curve(NearestMean(), *data(), train_sizes=[6, 12], cv=3, verbose=1)
    assert capsys.readouterr().out == "[learning_curve] Training set sizes: [6, 12]\n"


@pytest.mark.parametrize("estimator", [MeanRegressor(), OneByOneRegressor()])
def test_each_value_of_a_parameter_has_a_row_and_each_fold_a_column(estimator):
    X, _ = data()
    y = X[:, 0]
    values = np.array([-1.0, 0.0, 2.0])
    train, test = validation_curve(
        estimator,
        X,
        y,
        param_name="shift",
        param_range=values,
        cv=3,
        scoring="neg_mean_squared_error",
    )
    for f, (train_part, test_part) in enumerate(KFold(3).split(X)):
        mean = y[train_part].mean()
        for s, shift in enumerate(values):
            # Σ (y − ȳ − shift)² / N = variance + shift²
            assert train[s, f] == pytest.approx(-(y[train_part].var() + shift**2), rel=1e-9)
            assert test[s, f] == pytest.approx(-((y[test_part] - mean - shift) ** 2).mean())


def test_a_value_that_cannot_be_fitted_scores_the_error_score():
    with pytest.warns(FitFailedWarning, match="5 fits failed out of a total of 10"):
        train, test = validation_curve(
            OneByOneRegressor(), *data(), param_name="shift", param_range=[1.0, None]
        )
    for scores in (train, test):
        np.testing.assert_array_equal(np.isnan(scores), [[False] * 5, [True] * 5])


@pytest.mark.filterwarnings("ignore:.*converge")  # three epochs are not enough
def test_curves_are_scikit_learns():
    theirs = pytest.importorskip("sklearn.model_selection")
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = data(60)
    for estimator in (
        Perceptron(tol=None, max_iter=3),
        linear_model.Perceptron(max_iter=3, tol=None),
    ):
        for incremental in (False, True):
            options = {"exploit_incremental_learning": incremental, "shuffle": True, "cv": 3}
            found, expected = (
                curve(estimator, X, y, random_state=0, **options)
                for curve in (learning_curve, theirs.learning_curve)
            )
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    ridge = linear_model.Ridge()
    options = {"param_name": "alpha", "param_range": np.logspace(-2, 2, 4)}
    for one, other in zip(
        validation_curve(ridge, X, y, **options),
        theirs.validation_curve(ridge, X, y, **options),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
