"""The perceptrons of all folds at once are the perceptrons of each fold by itself."""

import numpy as np
import pytest

from scratchnet.base import clone
from scratchnet.datasets import load_breast_cancer, load_iris
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model import Perceptron, perceptron_folds
from scratchnet.model_selection import KFold, LeaveOneOut, ShuffleSplit, StratifiedKFold
from scratchnet.model_selection.folds import folds_of
from scratchnet.pipeline import make_pipeline
from scratchnet.preprocessing import StandardScaler

# The data is not separable: the last epoch makes a mistake.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Perceptron stopped:scratchnet.exceptions.ConvergenceWarning"
)


@pytest.fixture(autouse=True)
def few_folds_too(monkeypatch):
    monkeypatch.setattr(perceptron_folds, "LEAST_FOLDS", 1)


def jittered(X, y):
    """Move the samples a little: whole numbers give scores of exactly 0, where rounding decides."""
    return X + 1e-3 * np.random.default_rng(0).normal(size=X.shape), y


IRIS = jittered(*load_iris(return_X_y=True))
CANCER = tuple(a[:150] for a in jittered(*load_breast_cancer(return_X_y=True)))
OPTIONS = [
    {},
    {"shuffle": False},
    {"random_state": 7, "eta0": 0.3},
    {"fit_intercept": False},
    {"tol": None, "max_iter": 12},
    {"class_weight": {1: 3.5}},
]
SPLITTERS = {
    "leave-one-out": LeaveOneOut(),
    "stratified": StratifiedKFold(4),
    "of unequal size": KFold(7, shuffle=True, random_state=0),
    "random parts": ShuffleSplit(3, random_state=0),
}


def assert_models_are_refits(model, X, y, folds):
    models = model.fit_folds(X, y, folds)
    assert models is not None
    predicted = models.test_output("predict")
    for fold in range(0, len(folds), max(1, len(folds) // 12)):
        train, test = folds.train(fold), folds.test(fold)
        own, one = clone(model).fit(X[train], y[train]), models.model(fold)
        own_last, one_last = (p[-1] if hasattr(p, "steps") else p for p in (own, one))
        np.testing.assert_allclose(one_last.coef_, own_last.coef_, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one_last.intercept_, own_last.intercept_, rtol=1e-9, atol=1e-9)
        for found, expected in zip(one_last.mistakes_, own_last.mistakes_, strict=True):
            np.testing.assert_array_equal(found, expected)
        assert one_last.n_iter_ == own_last.n_iter_
        assert one_last.t_ == own_last.t_
        part = predicted[folds.starts[fold] : folds.starts[fold + 1]]
        np.testing.assert_array_equal(part, own.predict(X[test]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "breast cancer"])
def test_all_at_once_is_one_by_one(options, cv, data):
    assert_models_are_refits(Perceptron(**options), *data, folds_of(cv, *data))


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_a_scaler_in_front_is_fitted_to_each_training_part(cv):
    assert_models_are_refits(
        make_pipeline(StandardScaler(), Perceptron()), *CANCER, folds_of(cv, *CANCER)
    )


def test_one_warning_tells_how_many_folds_have_not_converged():
    folds = folds_of(StratifiedKFold(4), *IRIS)
    with pytest.warns(ConvergenceWarning, match="in 4 of 4 folds"):
        Perceptron().fit_folds(*IRIS, folds)


@pytest.mark.filterwarnings("error")
def test_separable_classes_converge_without_a_warning():
    X, y = IRIS
    X, y = X[:100], y[:100]
    assert_models_are_refits(Perceptron(), X, y, folds_of(StratifiedKFold(4), X, y))


@pytest.mark.parametrize(
    "options",
    [
        {"penalty": "l2"},
        {"early_stopping": True},
        {"class_weight": "balanced"},
        {"class_weight": {0: 0.0}},
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
        {"eta0": -1},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_not_the_plain_rule_is_left_to_each_fold(options):
    folds = folds_of(StratifiedKFold(4), *IRIS)
    assert Perceptron(**options).fit_folds(*IRIS, folds) is None


def test_a_training_part_without_a_class_is_left_to_each_fold():
    assert Perceptron().fit_folds(*IRIS, folds_of(KFold(3), IRIS[0])) is None


def test_few_folds_are_quicker_one_by_one(monkeypatch):
    monkeypatch.setattr(perceptron_folds, "LEAST_FOLDS", 5)
    assert Perceptron().fit_folds(*IRIS, folds_of(StratifiedKFold(4), *IRIS)) is None
