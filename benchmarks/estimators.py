"""Estimators beside scikit-learn's: fit, and predict (or transform), from 100 to 10⁵ samples.

n samples of 20 features, float64. Both have their default arguments: where scikit-learn stops before the
optimum (LogisticRegression), ours goes on, which is in the time. Decision values, predictions or
transformed samples are compared. A ratio of 0.1 is ten times as fast.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

import scratchnet.linear_model  # as the peer's modules: before memory is counted
import scratchnet.preprocessing  # noqa: F401
from benchmarks.harness import Case, Row, Timed, geometric_mean

N_FEATURES = 20
SIZES = (10**2, 10**4, 10**5)

# module, estimator, what it does once it is fitted, what of its results is compared, tolerance
ROUNDING = 1e-9  # float64 and a well-conditioned problem: some digits are lost on the way
ESTIMATORS = [
    ("linear_model", "LinearRegression", "predict", "predict", ROUNDING),
    ("linear_model", "Ridge", "predict", "predict", ROUNDING),
    ("linear_model", "RidgeCV", "predict", "predict", ROUNDING),
    # scikit-learn stops at a gradient of 1e-4, where the weights are right to three digits.
    ("linear_model", "LogisticRegression", "predict", "decision_function", 1e-2),
    ("linear_model", "Perceptron", "predict", "decision_function", ROUNDING),
    ("preprocessing", "StandardScaler", "transform", "transform", ROUNDING),
    ("preprocessing", "MinMaxScaler", "transform", "transform", ROUNDING),
]


def samples(n: int, is_classification: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Return X (n, 20) and a target: a noisy sum of the features, or whether that is above 0."""
    rng = np.random.default_rng(0)
    X = 1 + rng.standard_normal((n, N_FEATURES)) * rng.uniform(0.5, 2, N_FEATURES)
    y = (X - 1) @ rng.standard_normal(N_FEATURES) + 2 * rng.standard_normal(n)
    return X, y > 0 if is_classification else y


def fitting(package: str) -> Callable[..., Callable[[], Timed]]:
    """Return the side that fits a new estimator and applies it to the same samples."""

    def prepare(module: str, name: str, method: str, compared: str, n: int) -> Callable[[], Timed]:
        estimator = getattr(importlib.import_module(f"{package}.{module}"), name)
        # No plane separates the classes, which only our side says.
        warnings.filterwarnings("ignore", "Perceptron stopped")
        X, y = samples(n, is_classification=compared == "decision_function")

        def call() -> Timed:
            start = perf_counter()
            model = estimator().fit(X, y)
            middle = perf_counter()
            result = getattr(model, method)(X)
            seconds = {"fit": middle - start, method: perf_counter() - middle}
            return Timed(seconds, result if method == compared else getattr(model, compared)(X))

        return call

    return prepare


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the geometric mean of each part: the mean of the group is over both."""
    ratios: dict[str, list[float]] = {"fit": [], "predict or transform": []}
    for row in rows:
        if row.ratio is not None:
            ratios["fit" if row.part == "fit" else "predict or transform"].append(row.ratio)
    return {
        f"geometric mean, {part}": round(geometric_mean(r), 3) for part, r in ratios.items() if r
    }


def case(module: str, name: str, method: str, compared: str, tolerance: float, n: int) -> Case:
    return Case(
        f"{name}, 10^{len(str(n)) - 1}",
        {"scratchnet": fitting("scratchnet"), f"sklearn.{module}": fitting("sklearn")},
        (module, name, method, compared, n),
        tolerance=tolerance,
        mean="fit and predict",
        sweep=("samples", n) if name == "LogisticRegression" else None,
    )


CASES = [case(*estimator, n) for estimator in ESTIMATORS for n in SIZES]
