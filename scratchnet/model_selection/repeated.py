"""K-fold cross-validation several times over, shuffled anew each time."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from scratchnet.model_selection.k_fold import KFold
from scratchnet.model_selection.splitter import Split, Splitter
from scratchnet.model_selection.stratified import StratifiedKFold
from scratchnet.utils.validation import check_random_state

__all__ = ["RepeatedKFold", "RepeatedStratifiedKFold"]


class _RepeatedSplits(Splitter):
    """Repeats a shuffled splitter, each time with what the random state draws next."""

    _uses_groups = False
    _repeated: ClassVar[type[KFold] | type[StratifiedKFold]]

    def __init__(
        self,
        *,
        n_splits: int = 5,
        n_repeats: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        if not isinstance(n_repeats, numbers.Integral) or n_repeats <= 0:
            raise ValueError(f"n_repeats must be an integer above 0, got {n_repeats!r}")
        self.n_splits: int = n_splits
        self.n_repeats: int = n_repeats
        self.random_state: int | np.random.RandomState | None = random_state

    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        random_state = check_random_state(self.random_state)
        for _ in range(self.n_repeats):
            # The state goes on from one repeat to the next, so that they differ.
            splitter = self._repeated(self.n_splits, shuffle=True, random_state=random_state)
            yield from splitter.split(X, y)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return `n_splits · n_repeats`."""
        return self._repeated(self.n_splits).get_n_splits() * self.n_repeats


class RepeatedKFold(_RepeatedSplits):
    """Splits by a shuffled `KFold`, `n_repeats` times: every sample is tested that many times.

    n_splits: k. random_state: a seed, which gives the same folds at every call, or a RandomState,
    which goes on.

    >>> splits = RepeatedKFold(n_splits=2, n_repeats=2, random_state=0).split(range(4))
    >>> [test.tolist() for train, test in splits]
    [[2, 3], [0, 1], [0, 2], [1, 3]]
    """

    _repeated = KFold


class RepeatedStratifiedKFold(_RepeatedSplits):
    """Splits by a shuffled `StratifiedKFold`, `n_repeats` times.

    n_splits: k. random_state: as for `RepeatedKFold`.

    >>> splitter = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    >>> [test.tolist() for train, test in splitter.split(range(4), [0, 0, 1, 1])]
    [[1, 2], [0, 3], [0, 3], [1, 2]]
    """

    _repeated = StratifiedKFold

    def split(  # type: ignore[override]
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[Split]:
        """As `RepeatedKFold.split`; y is needed."""
        self._check_groups_are_used(groups)
        return self._splits(X, y, groups)
