"""Leaving one sample out, or every choice of p samples.

`N` samples.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.splitter import BaseCrossValidator, PartitionSplitter
from scratchnet.utils.indexing import num_samples
from scratchnet.utils.validation import check_consistent_length, check_scalar

__all__ = ["LeaveOneOut", "LeavePOut"]


def _given_samples(X: Any) -> int:
    """Return N; raise a ValueError for None, because the number of splits depends on it."""
    if X is None:
        raise ValueError("The 'X' parameter should not be None.")
    return num_samples(X)


class LeaveOneOut(PartitionSplitter):
    """Tests each sample alone, by a model trained on all the others: `KFold(N)`.

    `split` yields N arrays of N − 1 indices, and a fit for each costs N fits. The shortcut is exact:
    `fold_numbers` is 0 … N−1, and an estimator that fits all folds at once needs no more than that.
    Least squares and ridge need one fit: by the model that has not seen sample n, its residual is
    (the PRESS residual, X̃ the centred features)

        e_n / (1 − h_n),   e = y − ŷ,   h_n = 1/N + x̃_nᵀ (X̃ᵀX̃ + αI)⁻¹ x̃_n

    and without an intercept X itself, and no 1/N. Ridge behind a scaler has another penalty in each
    fold: N small systems from one pass.

    A score that is undefined for one sample (R², AUC) is NaN in every split: score the pooled
    out-of-fold predictions instead.
    Raises ValueError for fewer than two samples. `LeaveOneGroupOut` leaves out groups.
    Source: Cook & Weisberg 1982, "Residuals and Influence in Regression", section 2.2 (the shortcut).

    >>> LeaveOneOut().fold_numbers(["a", "b", "c"])
    array([0, 1, 2])
    >>> [(train.tolist(), test.tolist()) for train, test in LeaveOneOut().split(["a", "b", "c"])]
    [([1, 2], [0]), ([0, 2], [1]), ([0, 1], [2])]
    """

    _uses_groups = False

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.intp]:
        check_consistent_length(X=X, y=y, groups=groups)
        n_samples = num_samples(X)
        if n_samples <= 1:
            raise ValueError(f"Cannot perform LeaveOneOut with n_samples={n_samples}.")
        return np.arange(n_samples)

    def get_n_splits(  # type: ignore[override]
        self, X: Any, y: Any = None, groups: Any = None
    ) -> int:
        """Return N."""
        return _given_samples(X)


class LeavePOut(BaseCrossValidator):
    """Tests every choice of p samples, by a model trained on the others: N! / (p! (N − p)!) splits.

    The test parts overlap, unless p = 1: `KFold(N // p)` is something else, and cheaper.
    p: the size of the test parts, at least 1 and less than N.

    >>> [test.tolist() for train, test in LeavePOut(2).split(range(4))]
    [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    """

    _uses_groups = False

    def __init__(self, p: int) -> None:
        self.p = p

    def _iter_test_indices(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[NDArray[np.intp]]:
        n_samples = num_samples(X)
        check_scalar(self.p, "p", numbers.Integral, min_val=1)
        if n_samples <= self.p:
            raise ValueError(
                f"p={self.p} must be strictly less than the number of samples={n_samples}"
            )
        return (np.array(test) for test in combinations(range(n_samples), self.p))

    def get_n_splits(  # type: ignore[override]
        self, X: Any, y: Any = None, groups: Any = None
    ) -> int:
        """Return the number of choices of p among N."""
        return math.comb(_given_samples(X), self.p)
