"""Splitters beside scikit-learn's: all folds of n samples in five classes and n/10 groups.

Both draw from the same seed as scikit-learn does, so that every fold has the same indices; the last one
is compared. A ratio of 0.1 is ten times as fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import scratchnet.model_selection  # noqa: F401  # as the peer's module: before memory is counted
from benchmarks.harness import Case

SKLEARN = "sklearn.model_selection"
SHUFFLED = {"shuffle": True, "random_state": 0}
DRAWN = {"random_state": 0}

# name, its arguments, the numbers of samples
SPLITTERS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("KFold", {"n_splits": 5, **SHUFFLED}, (10**2, 10**4, 10**5, 10**6)),
    ("StratifiedKFold", {"n_splits": 5, **SHUFFLED}, (10**2, 10**4, 10**6)),
    ("GroupKFold", {"n_splits": 5}, (10**4, 10**6)),
    ("StratifiedGroupKFold", {"n_splits": 5, **SHUFFLED}, (10**4,)),
    ("RepeatedStratifiedKFold", {"n_splits": 5, "n_repeats": 10, **DRAWN}, (10**4,)),
    ("ShuffleSplit", {"n_splits": 5, **DRAWN}, (10**4, 10**6)),
    ("StratifiedShuffleSplit", {"n_splits": 5, **DRAWN}, (10**4, 10**6)),
    ("TimeSeriesSplit", {"n_splits": 5}, (10**4,)),
    ("LeaveOneOut", {}, (10**3,)),
]


def splitting(module: str) -> Callable[..., Callable[[], Any]]:
    """Return the side that takes all folds of a splitter and returns the last."""

    def prepare(splitter: str, options: dict[str, Any], n: int) -> Callable[[], Any]:
        cv = getattr(importlib.import_module(module), splitter)(**options)
        rng = np.random.default_rng(0)
        y, groups, X = rng.integers(0, 5, n), rng.integers(0, n // 10, n), np.zeros((n, 1))

        def call() -> Any:
            last = None
            for fold in cv.split(X, y, groups if "Group" in splitter else None):
                last = fold
            return last

        return call

    return prepare


def case(splitter: str, options: dict[str, Any], n: int) -> Case:
    return Case(
        f"{splitter}, {'shuffled, ' if 'shuffle' in options else ''}10^{len(str(n)) - 1}",
        {"scratchnet": splitting("scratchnet.model_selection"), SKLEARN: splitting(SKLEARN)},
        (splitter, options, n),
        tolerance=0.0,  # indices
        mean="all folds",
        sweep=("samples", n) if splitter == "KFold" else None,
    )


CASES = [case(name, options, n) for name, options, sizes in SPLITTERS for n in sizes]
