"""What section 6 computes: three ways to split samples into folds, and what cross-validation costs.

`N` samples, `k` folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import datasets
from scratchnet.base import clone
from scratchnet.cli.tour.experiments.breast_cancer import load_tumours, scaled_logistic_regression
from scratchnet.cli.tour.section import Say
from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import (
    KFold,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)

__all__ = [
    "Cost",
    "Found",
    "K",
    "Splits",
    "compute",
    "one_by_one",
    "timed",
    "validate_and_fit",
]

Array = NDArray[Any]

K = 5
SORTED = np.repeat([0, 1], [12, 8])  # a few samples of two classes, to be drawn


# Shown on the page as it stands here, as `validate_and_fit` is.
def one_by_one(model: Any, X: Array, y: Array, cv: Any) -> Array:
    scores = []
    for train, test in cv.split(X, y):
        fitted = clone(model).fit(X[train], y[train])
        scores.append(fitted.score(X[test], y[test]))
    return np.array(scores)


def validate_and_fit(model: Any, X: Array, y: Array, cv: Any) -> tuple[Array, Any]:
    # k models, each fitted without one fold, scored on that fold, and dropped
    scores = cross_val_score(model, X, y, cv=cv)
    # the model to use has learned from every sample
    final = clone(model).fit(X, y)
    return scores, final


@dataclass(frozen=True)
class Splits:
    """Which samples each fold tests, and the classes of all samples."""

    name: str
    labels: Array  # (N,)
    tests: list[Array]  # k arrays of indices

    @property
    def counts(self) -> Array:
        """How many samples of each class a fold tests, (k, classes)."""
        n_classes = self.labels.max() + 1
        return np.array(
            [np.bincount(self.labels[test], minlength=n_classes) for test in self.tests]
        )


@dataclass(frozen=True)
class Cost:
    """The scores of cross-validation, and the seconds that it took, fold by fold and all at once."""

    name: str
    scores: Array  # (k,)
    agrees: bool  # whether both ways gave the same scores
    by_fold: float
    at_once: float


@dataclass(frozen=True)
class Found:
    small: list[Splits]  # of a few sorted samples, by the three splitters
    irises: list[Splits]  # of 150 irises, which are sorted by species
    iris_scores: list[Array]  # of each of these splits, (k,)
    unseen: Array  # (3,), the scores of three plain folds: each tests a species not trained on
    costs: list[Cost]
    one_fit: float  # the seconds of a single fit to all samples
    scores: Array  # (k,), of k models for tumours
    tested: Array  # (N,), how often each sample was tested
    trained: Array  # (N,), how often it was trained on
    disputed: int  # samples on which the k models do not all say the same
    final_accuracy: float  # of the final model on the samples that it has learned from


def compute(seed: int, say: Say) -> Found:
    few = np.zeros((len(SORTED), 1))
    small = [
        splits(name, cv, few, SORTED)
        for name, cv in (
            (f"KFold({K})", KFold(K)),
            (f"StratifiedKFold({K})", StratifiedKFold(K)),
            ("LeaveOneOut()", LeaveOneOut()),
        )
    ]

    X, y = datasets.load_iris(return_X_y=True)
    iris_cvs = (
        (f"KFold({K})", KFold(K)),
        (f"KFold({K}, shuffle=True)", KFold(K, shuffle=True, random_state=seed)),
        (f"StratifiedKFold({K})", StratifiedKFold(K)),
    )
    irises = [splits(name, cv, X, y) for name, cv in iris_cvs]
    iris_scores = [cross_val_score(LogisticRegression(), X, y, cv=cv) for _, cv in iris_cvs]
    unseen = cross_val_score(LogisticRegression(), X, y, cv=KFold(3))
    say(f"irises, sorted by species: three plain folds have {unseen.mean():.0%} right")

    X, y = load_tumours()
    model = scaled_logistic_regression()
    _, one_fit = timed(lambda: clone(model).fit(X, y))
    costs = []
    for name, cv in (
        (f"KFold({K})", KFold(K, shuffle=True, random_state=seed)),
        (f"StratifiedKFold({K})", StratifiedKFold(K, shuffle=True, random_state=seed)),
        ("LeaveOneOut()", LeaveOneOut()),
    ):
        cost = measure(name, cv, model, X, y)
        costs.append(cost)
        say(f"tumours, {name}: {cost.scores.mean():.1%} right, {len(cost.scores)} models")

    cv = StratifiedKFold(K, shuffle=True, random_state=seed)
    found = cross_validate(model, X, y, cv=cv, return_estimator=True, return_indices=True)
    answers = np.array([fitted.predict(X) for fitted in found["estimator"]])  # (k, N)
    _, final = validate_and_fit(model, X, y, cv)
    say(f"the final model: fitted to all {len(y)} tumours")
    return Found(
        small=small,
        irises=irises,
        iris_scores=iris_scores,
        unseen=unseen,
        costs=costs,
        one_fit=one_fit,
        scores=found["test_score"],
        tested=np.bincount(np.concatenate(found["indices"]["test"]), minlength=len(y)),
        trained=np.bincount(np.concatenate(found["indices"]["train"]), minlength=len(y)),
        disputed=int((answers != answers[0]).any(axis=0).sum()),
        final_accuracy=final.score(X, y),
    )


def splits(name: str, cv: Any, X: Array, labels: Array) -> Splits:
    return Splits(name, labels, [test for _, test in cv.split(X, labels)])


def measure(name: str, cv: Any, model: Any, X: Array, y: Array) -> Cost:
    by_fold, seconds_by_fold = timed(lambda: one_by_one(model, X, y, cv))
    at_once, seconds_at_once = timed(lambda: cross_val_score(model, X, y, cv=cv))
    return Cost(name, at_once, np.array_equal(by_fold, at_once), seconds_by_fold, seconds_at_once)


def timed(run: Callable[[], Any], enough: float = 0.1) -> tuple[Any, float]:
    """Return the result and the seconds of the fastest run, of as many as fit into `enough` seconds."""
    began, fastest = perf_counter(), np.inf
    while True:
        started = perf_counter()
        result = run()
        ended = perf_counter()
        fastest = min(fastest, ended - started)
        if ended - began >= enough:
            return result, fastest
