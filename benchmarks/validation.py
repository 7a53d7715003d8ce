"""Splitters and cross-validation beside scikit-learn's, and leave-one-out beside a single fit.

The rows of leave-one-out of ridge compare with one fit of Ridge to all samples: theirs is its time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Case, Timed

SKLEARN = "sklearn.model_selection"


def splitting(module: str, splitter: str) -> Callable[..., Callable[[], Any]]:
    """Return the side that splits n samples into five shuffled folds, all of them."""

    def prepare(n: int) -> Callable[[], Any]:
        cv = getattr(importlib.import_module(module), splitter)(5, shuffle=True, random_state=0)
        y = np.random.default_rng(0).integers(0, 5, n)
        X = np.zeros((n, 1))

        def call() -> Any:
            last = None
            for fold in cv.split(X, y):
                last = fold
            return last

        return call

    return prepare


def splitter_case(splitter: str, n: int) -> Case:
    return Case(
        f"{splitter}, shuffled, 10^{len(str(n)) - 1}",
        {
            "scratchnet": splitting("scratchnet.model_selection", splitter),
            SKLEARN: splitting(SKLEARN, splitter),
        },
        (n,),
        tolerance=0.0,
    )


def breast_cancer() -> tuple[Any, Any]:
    """Return the 569 × 30 features, standardised, and the classes."""
    from scratchnet.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def validating(package: str, cv: str, folds: tuple[Any, ...]) -> Callable[[], Callable[[], Any]]:
    """Return the side that validates a logistic regression."""

    def prepare() -> Callable[[], Any]:
        model_selection = importlib.import_module(f"{package}.model_selection")
        linear_model = importlib.import_module(f"{package}.linear_model")
        X, y = breast_cancer()
        splitter = getattr(model_selection, cv)(*folds)
        model = linear_model.LogisticRegression()
        return lambda: model_selection.cross_val_score(model, X, y, cv=splitter)

    return prepare


def validation_case(cv: str, *folds: Any) -> Case:
    return Case(
        f"logistic regression, {cv}",
        {
            "scratchnet": validating("scratchnet", cv, folds),
            SKLEARN: validating("sklearn", cv, folds),
        },
        (),
        tolerance=0.0,  # the score of every fold, that is of every sample for leave-one-out
    )


def tall() -> tuple[Any, Any]:
    """Return 10,000 samples of 100 features and a target."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((10_000, 100))
    return X, X @ rng.standard_normal(100) + rng.standard_normal(10_000)


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
    splitter_case("KFold", 10**6),
    splitter_case("StratifiedKFold", 10**6),
    validation_case("StratifiedKFold", 5),
    validation_case("LeaveOneOut"),
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
