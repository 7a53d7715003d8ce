"""Folds that the user has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.model_selection.splitter import PartitionSplitter, Split
from scratchnet.utils.label_codes import label_codes
from scratchnet.utils.validation import check_consistent_length, column_or_1d

__all__ = ["PredefinedSplit"]


class PredefinedSplit(PartitionSplitter):
    """Tests each sample in the fold that is given for it; −1 stands for none, always in training.

    test_fold: a whole number for each sample, (N,). The folds are the different numbers, in
    ascending order, whether or not some in between are missing.
    Raises ValueError for numbers that are not whole, and if X or y is given and has another length.

    >>> PredefinedSplit([7, -1, 7, 3]).fold_numbers()  # 3 is fold 0, 7 is fold 1
    array([ 1, -1,  1,  0])
    >>> [test.tolist() for train, test in PredefinedSplit([7, -1, 7, 3]).split()]
    [[3], [0, 2]]
    """

    _uses_groups = False

    def __init__(self, test_fold: ArrayLike) -> None:
        numbers = column_or_1d(test_fold, input_name="test_fold")
        self.test_fold = numbers.astype(int)
        if numbers.dtype.kind == "f" and (fractional := self.test_fold != numbers).any():
            row = int(fractional.argmax())
            raise ValueError(f"test_fold must hold whole numbers, row {row} has {numbers[row]}")
        given, codes, _ = label_codes(self.test_fold)
        is_fold = given != -1
        self.unique_folds = given[is_fold]  # ascending
        self._fold = np.where(is_fold, np.cumsum(is_fold) - 1, -1)[codes]

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """As `BaseCrossValidator.split`; nothing is needed."""
        self._check_groups_are_used(groups)
        return self._splits(X, y, groups)

    def fold_numbers(self, X: Any = None, y: Any = None, groups: Any = None) -> NDArray[np.intp]:
        """As `PartitionSplitter.fold_numbers`; nothing is needed."""
        self._check_groups_are_used(groups)
        return self._fold_numbers(X, y, groups)

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.intp]:
        check_consistent_length(test_fold=self.test_fold, X=X, y=y)
        return self._fold.copy()  # the caller's own, as from the other splitters

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many different folds there are."""
        return len(self.unique_folds)
