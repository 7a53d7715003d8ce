"""What section 9 computes: R² of the mean, of a model, and of one that has learned by heart.

`N` patients; `y` the progress of diabetes within a year.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchnet import datasets
from scratchnet.cli.tour.section import Say
from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.linear_model import LinearRegression
from scratchnet.metrics import r2_score, root_mean_squared_error
from scratchnet.model_selection import (
    KFold,
    LeaveOneOut,
    cross_val_predict,
    cross_val_score,
    pooled_score,
)
from scratchnet.random import resolve_rng

__all__ = ["EXAMPLE_X", "EXAMPLE_Y", "N_FEW", "Found", "K", "Line", "Prediction", "compute"]

Array = NDArray[Any]

K = 5
N_FEW = 11  # as many patients as the model has numbers: ten weights and an intercept
EXAMPLE_X = np.arange(5.0)  # five points, to compute R² by hand
EXAMPLE_Y = np.array([1.0, 3.0, 2.0, 5.0, 4.0])


class Line(NamedTuple):
    """What is predicted for the five points, and its R²."""

    name: str
    predicted: Array  # (5,)
    r2: float


class Prediction(NamedTuple):
    name: str
    y: Array
    predicted: Array
    r2: float
    rmse: float


@dataclass(frozen=True)
class Found:
    lines: list[Line]
    mean: Prediction
    model: Prediction  # out of fold
    by_heart: Prediction  # a model of N_FEW patients, on these
    elsewhere: Prediction  # the same model on all others
    fold_scores: Array  # (K,)
    pooled: float
    single_scores: Array  # (N,), of leave-one-out
    single_warning: str
    single_pooled: float


def compute(seed: int, say: Say) -> Found:
    x, y = EXAMPLE_X[:, None], EXAMPLE_Y
    lines = [
        Line(name, predicted, float(r2_score(y, predicted)))
        for name, predicted in (
            ("the mean", np.full(5, y.mean())),
            ("the best line", LinearRegression().fit(x, y).predict(x)),
            ("a line the wrong way", 5 - EXAMPLE_X),
        )
    ]

    X, y = datasets.load_diabetes(return_X_y=True)
    cv = KFold(K, shuffle=True, random_state=seed)
    model = LinearRegression()
    out_of_fold = judge("a linear model", y, cross_val_predict(model, X, y, cv=cv))
    say(f"diabetes, a linear model: R2 {out_of_fold.r2:.2f} on patients that it has not seen")

    order = resolve_rng().permutation(len(y))
    few, others = order[:N_FEW], order[N_FEW:]
    learned = LinearRegression().fit(X[few], y[few])
    by_heart = judge("a model by heart, here", y[few], learned.predict(X[few]))
    elsewhere = judge("a model by heart, elsewhere", y[others], learned.predict(X[others]))
    say(f"fitted to {N_FEW} patients: R2 {by_heart.r2:.2f} on these, {elsewhere.r2:.1f} on others")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UndefinedMetricWarning)
        single = cross_val_score(model, X, y, cv=LeaveOneOut())
    single_pooled = pooled_score(model, X, y, cv=LeaveOneOut())
    say(f"leave-one-out: R2 {single_pooled:.2f}, of all predictions together")
    return Found(
        lines=lines,
        mean=judge("the mean", y, np.full(len(y), y.mean())),
        model=out_of_fold,
        by_heart=by_heart,
        elsewhere=elsewhere,
        fold_scores=cross_val_score(model, X, y, cv=cv),
        pooled=pooled_score(model, X, y, cv=cv),
        single_scores=single,
        single_warning=str(caught[-1].message),
        single_pooled=single_pooled,
    )


def judge(name: str, y: Array, predicted: Array) -> Prediction:
    r2, rmse = r2_score(y, predicted), root_mean_squared_error(y, predicted)
    return Prediction(name, y, predicted, float(r2), float(rmse))
