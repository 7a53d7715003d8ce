"""Cross-validation beside scikit-learn's, and leave-one-out beside a single fit.

The rows beside scratchnet.linear_model compare leave-one-out of ridge with one fit of Ridge to all
samples: theirs is its time.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import scratchnet.linear_model  # as the peer's modules: before memory is counted
import scratchnet.model_selection  # noqa: F401
from benchmarks.harness import Case, Timed

SKLEARN = "sklearn.linear_model"  # which imports sklearn.model_selection too


def breast_cancer() -> tuple[Any, Any]:
    """Return the 569 × 30 features, standardised, and the classes."""
    from scratchnet.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def quantity() -> tuple[Any, Any]:
    """Return 442 × 10 features and a quantity."""
    from scratchnet.datasets import load_diabetes

    data: tuple[Any, Any] = load_diabetes(return_X_y=True)
    return data


def tall() -> tuple[Any, Any]:
    """Return 10,000 × 100 features and a quantity."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((10_000, 100))
    return X, X @ rng.standard_normal(100) + rng.standard_normal(10_000)


def validating(package: str) -> Callable[..., Callable[[], Any]]:
    """Return the side that scores an estimator on every fold."""

    def prepare(estimator: str, samples: Callable[[], Any], cv: str, *folds: Any) -> Any:
        model_selection = importlib.import_module(f"{package}.model_selection")
        linear_model = importlib.import_module(f"{package}.linear_model")
        # No plane separates the classes, which only our side says.
        warnings.filterwarnings("ignore", "Perceptron stopped")
        X, y = samples()
        splitter = getattr(model_selection, cv)(*folds)
        model = getattr(linear_model, estimator)()
        scoring = "accuracy" if samples is breast_cancer else "neg_mean_squared_error"
        return lambda: model_selection.cross_val_score(model, X, y, cv=splitter, scoring=scoring)

    return prepare


def case(estimator: str, samples: Callable[[], Any], cv: str, *folds: Any) -> Case:
    grows = estimator == "LogisticRegression" and folds != ()
    return Case(
        f"{estimator}, {cv}{f' {folds[0]}' if folds else ''}, {samples.__name__}",
        {"scratchnet": validating("scratchnet"), SKLEARN: validating("sklearn")},
        (estimator, samples, cv, *folds),
        # The score of every fold, that is of every sample for leave-one-out: accuracies are the same,
        # squared errors of a well-conditioned problem lose some digits of float64.
        tolerance=0.0 if samples is breast_cancer else 1e-9,
        mean="cross-validation",
        sweep=("folds", folds[0]) if grows else None,
    )


def timed(call: Callable[[], Any]) -> Callable[[], Timed]:
    """Return a call whose result is left out: a fit and a validation have different ones."""

    def run() -> Timed:
        start = perf_counter()
        call()
        return Timed({"": perf_counter() - start})

    return run


def ridge_fit() -> Callable[[], Timed]:
    from scratchnet.linear_model import Ridge

    X, y = tall()
    return timed(lambda: Ridge().fit(X, y))


def ridge_predictions() -> Callable[[], Timed]:
    from scratchnet.linear_model import Ridge
    from scratchnet.model_selection import LeaveOneOut, cross_val_predict

    X, y = tall()
    return timed(lambda: cross_val_predict(Ridge(), X, y, cv=LeaveOneOut()))


def ridge_scores() -> Callable[[], Timed]:
    from scratchnet.linear_model import Ridge
    from scratchnet.model_selection import LeaveOneOut, cross_val_score

    X, y = tall()
    scoring = "neg_mean_squared_error"
    return timed(lambda: cross_val_score(Ridge(), X, y, cv=LeaveOneOut(), scoring=scoring))


ONE_FIT = "scratchnet.linear_model"
CASES = [
    *(case("LogisticRegression", breast_cancer, "StratifiedKFold", n) for n in (5, 10, 20, 40)),
    case("LogisticRegression", breast_cancer, "LeaveOneOut"),
    case("Perceptron", breast_cancer, "StratifiedKFold", 5),
    case("LinearRegression", quantity, "KFold", 5),
    case("LinearRegression", quantity, "LeaveOneOut"),
    case("Ridge", tall, "KFold", 5),
    Case(
        "ridge 10,000 × 100, leave-one-out predictions",
        {"scratchnet": ridge_predictions, ONE_FIT: ridge_fit},
        (),
        tolerance=0.0,  # there is no result to compare
    ),
    Case(
        "ridge 10,000 × 100, leave-one-out scores",
        {"scratchnet": ridge_scores, ONE_FIT: ridge_fit},
        (),
        tolerance=0.0,
    ),
]
