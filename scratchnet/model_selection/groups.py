"""Splitting whole groups: samples of one patient, one author, one year are never on both sides.

`N` samples, `G` groups, `k` folds.
"""

from __future__ import annotations

import heapq
import math
import numbers
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.k_fold import BaseKFold
from scratchnet.model_selection.splitter import BaseCrossValidator, PartitionSplitter
from scratchnet.utils.label_codes import label_codes
from scratchnet.utils.validation import (
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
)

__all__ = ["GroupKFold", "LeaveOneGroupOut", "LeavePGroupsOut", "group_codes"]


def group_codes(groups: Any) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Return the groups, sorted, (G,); the number of each sample's group, (N,); their sizes, (G,).

    Raises ValueError if there are none, and for NaN.
    """
    if groups is None:
        raise ValueError("The 'groups' parameter should not be None.")
    labels = column_or_1d(groups, input_name="groups")
    if not len(labels):
        raise ValueError("Found array with 0 sample(s): groups is empty, it needs at least one")
    return label_codes(labels)


class GroupKFold(BaseKFold):
    """Splits into k folds of about the same number of samples, each group in one fold.

    Groups are taken in order of size, the largest first (of equal ones the one that sorts last),
    and each goes to the fold that has the fewest samples so far (of equal ones the first).
    With shuffle, the groups are shuffled and cut into k folds of equal numbers of *groups*, the first
    G mod k folds with one more.

    n_splits: k. shuffle, random_state: as for `KFold`.
    Raises ValueError if k is greater than the number of groups.
    `StratifiedGroupKFold` also balances the classes; `LeaveOneGroupOut` makes a fold of each group.

    >>> GroupKFold(2).fold_numbers(range(6), groups=["a", "a", "a", "b", "c", "c"])
    array([0, 0, 0, 1, 1, 1])
    """

    _uses_groups = True

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.integer]:
        self._checked_n_samples(X, y, groups)
        labels, codes, counts = group_codes(groups)
        if self.n_splits > len(labels):
            raise ValueError(
                f"Cannot have number of splits n_splits={self.n_splits} greater than the number "
                f"of groups: {len(labels)}"
            )
        fold_of_group = np.empty(len(labels), dtype=self._folds().dtype)
        if self.shuffle:
            shuffled = check_random_state(self.random_state).permutation(len(labels))
            for f, part in enumerate(np.array_split(shuffled, self.n_splits)):
                fold_of_group[part] = f
        else:
            lightest_first = [(0, f) for f in range(self.n_splits)]  # a heap of (samples, fold)
            for group in np.argsort(counts, kind="stable")[::-1].tolist():
                n_samples, f = lightest_first[0]
                fold_of_group[group] = f
                heapq.heapreplace(lightest_first, (n_samples + int(counts[group]), f))
        return fold_of_group[codes]


class LeaveOneGroupOut(PartitionSplitter):
    """Tests each group alone, by a model trained on all the others; the groups in sorted order.

    Raises ValueError for fewer than two groups. `LeaveOneOut` does so with samples,
    `LeavePGroupsOut` with every choice of several groups.

    >>> LeaveOneGroupOut().fold_numbers(range(4), groups=["b", "a", "c", "a"])
    array([1, 0, 2, 0])
    """

    _uses_groups = True

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.intp]:
        check_consistent_length(X=X, y=y, groups=groups)
        labels, codes, _ = group_codes(groups)
        if len(labels) <= 1:
            raise ValueError(
                "The groups parameter contains fewer than 2 unique groups "
                f"({labels}). LeaveOneGroupOut expects at least 2."
            )
        return codes

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of groups."""
        return len(group_codes(groups)[0])


class LeavePGroupsOut(BaseCrossValidator):
    """Tests every choice of p groups, by a model trained on the other groups.

    n_groups: p, at least 1 and less than the number of groups.
    `GroupShuffleSplit(test_size=p)` draws some of these splits.

    >>> splits = LeavePGroupsOut(2).split(range(4), groups=["b", "a", "c", "a"])
    >>> [test.tolist() for train, test in splits]  # groups a and b, a and c, b and c
    [[0, 1, 3], [1, 2, 3], [0, 2]]
    """

    _uses_groups = True

    def __init__(self, n_groups: int) -> None:
        self.n_groups = n_groups

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[NDArray[np.bool_]]:
        labels, codes, _ = group_codes(groups)
        check_scalar(self.n_groups, "n_groups", numbers.Integral, min_val=1)
        if self.n_groups >= len(labels):
            raise ValueError(
                f"The groups parameter contains fewer than (or equal to) n_groups={self.n_groups} "
                f"unique groups ({labels}). LeavePGroupsOut expects at least {self.n_groups + 1}."
            )
        for chosen in combinations(range(len(labels)), self.n_groups):
            is_tested = np.zeros(len(labels), dtype=bool)  # (G,)
            is_tested[list(chosen)] = True
            yield is_tested[codes]  # (N,)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of choices of p among the groups."""
        return math.comb(len(group_codes(groups)[0]), self.n_groups)
