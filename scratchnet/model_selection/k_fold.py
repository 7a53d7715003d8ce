"""K-fold cross-validation: k test parts of equal size but for one sample, each sample tested once.

`N` samples, `k` folds.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.splitter import PartitionSplitter
from scratchnet.utils.indexing import num_samples
from scratchnet.utils.validation import (
    check_consistent_length,
    check_random_state,
    check_scalar,
)

__all__ = ["BaseKFold", "KFold", "check_n_splits"]


def check_n_splits(n_splits: Any) -> int:
    """Return the number of folds as an int; raise a ValueError unless it is an integer above 1."""
    if not isinstance(n_splits, numbers.Integral):
        raise ValueError(
            f"the number of folds must be an integer, got n_splits={n_splits!r} of type "
            f"{type(n_splits).__name__}"
        )
    if n_splits <= 1:
        raise ValueError(
            "k-fold cross-validation requires at least one train/test split: n_splits=2 or more, "
            f"got n_splits={n_splits}"
        )
    return int(n_splits)


class BaseKFold(PartitionSplitter):
    """What the splitters into a given number of folds share: their parameters."""

    def __init__(
        self,
        n_splits: int,
        *,
        shuffle: bool,
        random_state: int | np.random.RandomState | None,
    ) -> None:
        self.n_splits = check_n_splits(n_splits)
        self.shuffle = check_scalar(shuffle, "shuffle", bool)
        if not shuffle and random_state is not None:
            raise ValueError(
                f"random_state={random_state!r} has no effect since shuffle is False: leave it "
                "None, or set shuffle=True"
            )
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return `n_splits`."""
        return self.n_splits

    def _n_folds(self, fold: NDArray[np.integer]) -> int:
        return self.n_splits  # the last may be empty in StratifiedGroupKFold

    def _folds(self) -> NDArray[np.integer]:
        """Return 0 … k−1 in the smallest type that holds them."""
        return np.arange(self.n_splits, dtype=np.min_scalar_type(-self.n_splits))

    def _checked_n_samples(self, X: Any, y: Any, groups: Any) -> int:
        """Return N; raise a ValueError if lengths differ or there are more folds than samples."""
        check_consistent_length(X=X, y=y, groups=groups)
        n_samples = num_samples(X)
        if self.n_splits > n_samples:
            raise ValueError(
                f"Cannot have number of splits n_splits={self.n_splits} greater than the number "
                f"of samples: n_samples={n_samples}"
            )
        return n_samples


class KFold(BaseKFold):
    """Splits into k folds of consecutive samples, or of shuffled ones; each is the test part once.

        size of fold f = ⌊N / k⌋ + [f < N mod k]

    n_splits: k. shuffle: deal the samples to the folds at random; indices come out sorted all the
    same. random_state: a seed, which gives the same folds at every call, or a RandomState, which
    goes on.
    Raises ValueError if k > N, or if random_state is given without shuffle.

    `StratifiedKFold` keeps the shares of the classes, `GroupKFold` keeps groups together,
    `RepeatedKFold` does it several times, `TimeSeriesSplit` trains on the past alone.

    >>> KFold(3).fold_numbers(range(7))  # the first N mod k folds have one sample more
    array([0, 0, 0, 1, 1, 2, 2])
    >>> [test.tolist() for train, test in KFold(3).split(range(7))]
    [[0, 1, 2], [3, 4], [5, 6]]
    """

    _uses_groups = False

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.integer]:
        n_samples = self._checked_n_samples(X, y, groups)
        # 7 samples over 3 folds: 3, 2, 2. The first N mod k folds have one sample more.
        size, n_larger = divmod(n_samples, self.n_splits)
        folds = self._folds()
        fold = np.repeat(folds, np.where(folds < n_larger, size + 1, size))  # (N,)
        if not self.shuffle:
            return fold
        order = np.arange(n_samples)
        check_random_state(self.random_state).shuffle(order)
        shuffled = np.empty_like(fold)
        shuffled[order] = fold  # the first of the shuffled samples make fold 0, and so on
        return shuffled
