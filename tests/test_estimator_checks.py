"""scikit-learn's own checks of estimators, on every estimator of ours.

What it is that each check looks at stands in `sklearn.utils.estimator_checks`.
"""

import importlib
import inspect
import unittest
import warnings

import pytest

import scratchnet
from scratchnet.base import BaseEstimator
from scratchnet.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeCV,
)
from scratchnet.pipeline import Pipeline, make_pipeline
from scratchnet.preprocessing import MinMaxScaler, StandardScaler

estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",  # much of the checks' data is not separable
    r"ignore:Estimator \w+ does not inherit from:UserWarning",
)

# Each estimator, and how many checks there are for it in scikit-learn 1.9.
ESTIMATORS = {
    "LinearRegression": (LinearRegression(), 60),
    "LinearRegression(positive)": (LinearRegression(positive=True), 60),
    "LinearRegression(qr)": (LinearRegression(solver="qr"), 60),
    "LogisticRegression": (LogisticRegression(), 60),
    "LogisticRegression(lbfgs)": (LogisticRegression(solver="lbfgs"), 60),
    "MinMaxScaler": (MinMaxScaler(), 46),
    "Perceptron": (Perceptron(), 60),
    "Pipeline": (make_pipeline(StandardScaler(), Ridge()), 52),
    "Ridge": (Ridge(), 60),
    "Ridge(lsqr)": (Ridge(solver="lsqr"), 60),
    "Ridge(positive)": (Ridge(positive=True), 60),
    "RidgeCV": (RidgeCV(), 60),
    "RidgeCV(cv)": (RidgeCV(cv=3), 60),
    "StandardScaler": (StandardScaler(), 53),
}

# What cannot hold, and why. scikit-learn exempts its own classes of these names from the same checks.
CANNOT_HOLD = {
    # A rule that learns from one sample at a time depends on their order, and the check shuffles the
    # weighted samples but not the repeated ones.
    (Perceptron, "check_sample_weight_equivalence_on_dense_data"),
    # The check asks for at least one step; n_iter_ is None where the solver takes none, as theirs is.
    (Ridge, "check_non_transformer_estimators_n_iter"),
    # The steps are parameters, and they are fitted in place.
    (Pipeline, "check_estimators_overwrite_params"),
}

# What these look at (a pandas object, another array library) is not installed with the test extras.
MAY_SKIP = {
    "check_array_api_input",
    "check_classifier_data_not_an_array",
    "check_regressor_data_not_an_array",
    "check_sample_weights_pandas_series",
    "check_transformer_data_not_an_array",
}

# Of the checks that scikit-learn's own classes get, those that ours do not.
NOT_OURS = {
    "check_array_api_input",  # other array libraries are not supported
    "check_array_api_mixed_inputs",
    "check_array_api_same_namespace",
    "check_class_weight_balanced_linear_classifier",  # asks isinstance; run below
    "check_sample_weight_equivalence_on_sparse_data",  # sparse matrices are refused
    "check_sparsify_coefficients",  # sparsify needs SciPy
}


def checks_of(estimator):
    """Yield each check: its name, which is one or two partials deep, the estimator, the call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generated = list(estimator_checks.estimator_checks_generator(estimator))
    for instance, check in generated:
        inner = check.func
        yield getattr(inner, "func", inner).__name__, instance, check


def cannot_hold(estimator, name):
    # Ridge counts the steps of "lsqr".
    return (type(estimator), name) in CANNOT_HOLD and getattr(estimator, "solver", "") != "lsqr"


CASES = [
    pytest.param(name, instance, check, id=f"{label}-{i}-{name}")
    for label, (estimator, _) in ESTIMATORS.items()
    for i, (name, instance, check) in enumerate(checks_of(estimator))
    if not cannot_hold(estimator, name)
]


@pytest.mark.parametrize(("name", "instance", "check"), CASES)
def test_scikit_learns_estimator_check_passes(name, instance, check):
    try:
        check(instance)
    except unittest.SkipTest:
        assert name in MAY_SKIP


def test_every_estimator_is_checked():
    found = set()
    for package in ("linear_model", "pipeline", "preprocessing"):
        module = importlib.import_module(f"scratchnet.{package}")
        found |= {
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, BaseEstimator)
        }
    assert found == {type(estimator) for estimator, _ in ESTIMATORS.values()}
    assert scratchnet.Perceptron in found


@pytest.mark.parametrize("label", ESTIMATORS)
def test_no_check_is_lost(label):
    estimator, n_checks = ESTIMATORS[label]
    assert len(list(checks_of(estimator))) >= n_checks


@pytest.mark.parametrize(
    "label", [label for label, (e, _) in ESTIMATORS.items() if label == type(e).__name__]
)
def test_no_check_of_scikit_learns_own_class_is_missed(label):
    estimator, _ = ESTIMATORS[label]
    packages = ("sklearn.linear_model", "sklearn.preprocessing", "sklearn.pipeline")
    (theirs,) = (
        getattr(module, label)
        for module in map(importlib.import_module, packages)
        if hasattr(module, label)
    )
    if label == "Pipeline":
        from sklearn import linear_model, preprocessing

        steps = [
            ("standardscaler", preprocessing.StandardScaler()),
            ("ridge", linear_model.Ridge()),
        ]
        theirs_checks = checks_of(theirs(steps))
    else:
        theirs_checks = checks_of(theirs())
    missing = {name for name, *_ in theirs_checks} - {name for name, *_ in checks_of(estimator)}
    assert missing <= NOT_OURS


@pytest.mark.parametrize("estimator", [Perceptron(), LogisticRegression()])
def test_the_check_of_balanced_class_weights_passes(estimator):
    check = estimator_checks.check_class_weight_balanced_linear_classifier
    check(type(estimator).__name__, estimator)


def test_scikit_learn_exempts_its_own_classes_from_the_checks_that_cannot_hold():
    generator = pytest.importorskip("sklearn.utils._test_common.instance_generator")
    exempt = {
        (cls.__name__, name)
        for cls, names in generator.PER_ESTIMATOR_XFAIL_CHECKS.items()
        for name in names
    }
    for cls, name in CANNOT_HOLD:
        assert (cls.__name__, name) in exempt
