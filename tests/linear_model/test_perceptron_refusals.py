"""What Perceptron refuses, and what it says then."""

import numpy as np
import pytest

from scratchnet.exceptions import NotFittedError
from scratchnet.linear_model import Perceptron
from scratchnet.linear_model.online import stratified_holdout

CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"penalty": "l3"},
            ValueError,
            "penalty must be 'l2', 'l1', 'elasticnet' or None, got 'l3'",
        ),
        ({"alpha": -1}, ValueError, "alpha must be at least 0, got -1"),
        ({"l1_ratio": 1.5}, ValueError, r"l1_ratio must be at most 1, got 1\.5"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1, got 0"),
        ({"max_iter": 1.5}, TypeError, r"max_iter must be of type Integral, got 1\.5"),
        ({"tol": -1e-3}, ValueError, r"tol must be at least 0, got -0\.001"),
        ({"eta0": 0}, ValueError, "eta0 must be above 0, got 0"),
        (
            {"validation_fraction": 1.0},
            ValueError,
            r"validation_fraction must be below 1, got 1\.0",
        ),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be at least 1, got 0"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be of type bool"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"random_state": "0"}, ValueError, "random_state must be None, an int or a RandomState"),
        ({"class_weight": "even"}, ValueError, "class_weight must be 'balanced'"),
        (
            {"early_stopping": True},
            ValueError,
            r"validation_fraction=0\.1 of 4 samples holds out 1 and leaves 3",
        ),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_fit(options, error, words):
    model = Perceptron(**options)  # not here: a clone must be able to carry it
    with pytest.raises(error, match=words):
        model.fit(CORNERS, [0, 1, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": [1, 1, 1, 1]}, r"two classes or more, y has 1 class: \[1\]"),
        ({"y": [0, 1, 1]}, "X has 4, y has 3"),
        ({"y": [0, 1, 0.5, 1]}, r"Unknown label type: continuous.*y\[2\] is 0\.5"),
        ({"y": None}, "Perceptron requires y to be passed, but the target y is None"),
        ({"X": [[1, np.nan]] * 4}, "Input X contains NaN: row 0, column 1"),
        ({"coef_init": [[1.0, 2.0, 3.0]]}, r"coef_init, .* must have shape \(1, 2\).* \(1, 3\)"),
        ({"intercept_init": [1.0, 2.0]}, r"intercept_init, .* must have shape \(1,\).* \(2,\)"),
        ({"sample_weight": [1, 1, 1]}, r"sample_weight has shape \(3,\), the data has 4 rows"),
        ({"sample_weight": [0, 0, 0, 0]}, "sample_weight is zero for every sample"),
    ],
)
def test_data_that_is_refused_says_what_was_found(arguments, words):
    with pytest.raises(ValueError, match=words):
        Perceptron().fit(**{"X": CORNERS, "y": [0, 1, 1, 1]} | arguments)


def test_weights_that_overflow_are_an_error_that_names_the_largest_entry():
    X = np.array([[1e308], [1.2e308], [-1e308], [1.1e308]])
    with pytest.raises(
        ValueError, match=r"overflowed in epoch \d+: the entries of X reach 1\.2e\+308"
    ):
        Perceptron(tol=None).fit(X, [0, 1, 1, 0])


def test_weights_of_zero_on_all_that_is_held_out_are_refused():
    X, y = np.arange(40.0)[:, None], np.arange(40) % 2
    held = stratified_holdout(y, 0.1, np.random.RandomState(0))
    with pytest.raises(ValueError, match="sample_weight is zero for all of the samples held out"):
        Perceptron(early_stopping=True).fit(X, y, sample_weight=~held)


@pytest.mark.parametrize("method", ["predict", "decision_function"])
def test_an_unfitted_perceptron_raises_also_after_a_fit_that_failed(method):
    model = Perceptron()
    with pytest.raises(NotFittedError, match="This Perceptron is not fitted yet"):
        getattr(model, method)(CORNERS)
    with pytest.raises(ValueError, match="two classes or more"):
        model.fit(CORNERS, [1, 1, 1, 1])
    with pytest.raises(NotFittedError):
        getattr(model, method)(CORNERS)


@pytest.mark.parametrize(
    ("options", "classes", "words"),
    [
        ({}, None, "classes must be passed on the first call to partial_fit"),
        ({}, [0, 2], r"y holds \[1\], the classes are \[0, 2\]"),
        ({"early_stopping": True}, [0, 1], "early_stopping=True needs all the data"),
        ({"class_weight": "balanced"}, [0, 1], "class_weight='balanced' needs all the data"),
    ],
)
def test_what_partial_fit_cannot_do_is_refused(options, classes, words):
    with pytest.raises(ValueError, match=words):
        Perceptron(**options).partial_fit(CORNERS, [0, 1, 1, 1], classes=classes)


def test_partial_fit_refuses_other_classes_and_other_features_later():
    model = Perceptron().partial_fit(CORNERS, [0, 1, 1, 1], classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes=\[0, 1, 2\], but before: \[0, 1\]"):
        model.partial_fit(CORNERS, [0, 1, 1, 1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="X has 1 features, but Perceptron is expecting 2"):
        model.partial_fit(CORNERS[:, :1], [0, 1, 1, 1])
