"""Cross-validation in time: trained on the past, tested on what comes next.

`N` samples in order of time, `k` splits.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchnet.model_selection.k_fold import check_n_splits
from scratchnet.model_selection.splitter import Split, Splitter
from scratchnet.utils.indexing import num_samples
from scratchnet.utils.validation import check_consistent_length, check_scalar

__all__ = ["TimeSeriesSplit"]


class TimeSeriesSplit(Splitter):
    """Tests k consecutive stretches at the end, each by a model trained on all that came before it.

        test(f)  = [N − (k − f) t, N − (k − f − 1) t),   t = test_size or ⌊N / (k + 1)⌋
        train(f) = the samples before N − (k − f) t − gap, the last `max_train_size` of them

    The first samples are never tested, so this is no partition.

    n_splits: k. max_train_size: None (or 0) for no limit. test_size: None for ⌊N / (k + 1)⌋.
    gap: how many samples between the training and the test part belong to neither.
    Raises ValueError if the first training part would be empty.

    >>> for train, test in TimeSeriesSplit(3, gap=1).split(range(8)):
    ...     print(train, test)
    [0] [2 3]
    [0 1 2] [4 5]
    [0 1 2 3 4] [6 7]
    """

    _uses_groups = False

    def __init__(
        self,
        n_splits: int = 5,
        *,
        max_train_size: int | None = None,
        test_size: int | None = None,
        gap: int = 0,
    ) -> None:
        self.n_splits = check_n_splits(n_splits)
        for name, value, least in (
            ("max_train_size", max_train_size, 0),
            ("test_size", test_size, 1),
        ):
            if value is not None:
                check_scalar(value, name, numbers.Integral, min_val=least)
        self.max_train_size = max_train_size
        self.test_size = test_size
        # A negative gap would train on what is tested.
        self.gap = check_scalar(gap, "gap", numbers.Integral, min_val=0)

    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        check_consistent_length(X=X, y=y, groups=groups)
        n_samples = num_samples(X)
        k, gap = self.n_splits, self.gap
        if k + 1 > n_samples:
            raise ValueError(
                f"Cannot have number of folds={k + 1} greater than the number of "
                f"samples={n_samples}: n_splits test parts and one training part before them"
            )
        size = n_samples // (k + 1) if self.test_size is None else self.test_size
        most = self.max_train_size or n_samples
        if n_samples - gap - k * size <= 0:
            raise ValueError(
                f"Too many splits={k} for number of samples={n_samples} with test_size={size} and "
                f"gap={gap}: the first training part would be empty"
            )
        indices = np.arange(n_samples)
        for start in range(n_samples - k * size, n_samples, size):
            end = start - gap
            yield indices[max(end - most, 0) : end], indices[start : start + size]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return `n_splits`."""
        return self.n_splits
