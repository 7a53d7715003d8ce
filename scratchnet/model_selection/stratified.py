"""K-fold cross-validation in which every fold has each class in about the share that it has overall.

`N` samples, `k` folds, `K` classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.k_fold import BaseKFold
from scratchnet.model_selection.splitter import Split
from scratchnet.utils.label_codes import label_codes, samples_by_code
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_random_state, column_or_1d

__all__ = ["StratifiedKFold", "class_codes"]


def class_codes(y: Any, n_splits: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return each sample's class as a number 0 … K−1, (N,), and the size of each class, (K,).

    Raises ValueError if `y` does not hold classes, or if all classes have fewer members than there
    are folds; warns if one has.
    """
    if y is None:
        raise TypeError("y is None: a stratified split needs the classes")
    y = check_array(y, dtype=None, ensure_2d=False, input_name="y")
    kind = type_of_target(y)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Supported target types are: ('binary', 'multiclass'). Got {kind!r} instead."
        )
    _, codes, counts = label_codes(column_or_1d(y))
    if n_splits > counts.max():
        raise ValueError(
            f"n_splits={n_splits} cannot be greater than the number of members in each class, and "
            f"the largest class has {counts.max()}"
        )
    if n_splits > counts.min():
        message = (
            f"The least populated class in y has only {counts.min()} members, which is less than "
            f"n_splits={n_splits}"
        )
        warnings.warn(message, UserWarning, stacklevel=5)  # whoever asks for the split
    return codes, counts


class StratifiedKFold(BaseKFold):
    """Splits into k folds, each with about the same share of every class.

    The samples are laid out class by class, the classes in the order in which they first appear,
    and their places dealt to the folds in turn like cards. That gives how many of each class a fold
    gets:

        n_cf = #{places p of class c : p mod k = f}

    so that of each class, and of all samples together, no fold has more than one sample above
    another. Which ones: the first n_c0 samples of the class go to fold 0, the next n_c1 to fold 1, and
    so on (shuffled: at random). What the classes are called does not matter.

    n_splits: k. shuffle, random_state: as for `KFold`.
    Raises ValueError if all classes have fewer than k members, warns if one has; that class is then
    missing from some test parts.

    `StratifiedGroupKFold` also keeps groups together; `StratifiedShuffleSplit` draws test parts that
    may overlap.

    A class of 7 spreads over 3 folds as 3, 2, 2. The next, of 4, goes on with fold 1, where that one
    ended, as 1, 2, 1:

    >>> StratifiedKFold(3).fold_numbers(range(11), [0] * 7 + [1] * 4)
    array([0, 0, 0, 1, 1, 2, 2, 0, 1, 1, 2])
    >>> StratifiedKFold(2).fold_numbers(range(6), ["b", "b", "b", "a", "a", "a"])
    array([0, 0, 1, 0, 1, 1])
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

    def split(  # type: ignore[override]
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[Split]:
        """As `BaseCrossValidator.split`; y is needed."""
        self._check_groups_are_used(groups)
        return self._splits(X, y, groups)

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.integer]:
        n_samples = self._checked_n_samples(X, y, groups)
        random_state = check_random_state(self.random_state)
        codes, counts = class_codes(y, self.n_splits)
        fold = np.empty(n_samples, dtype=self._folds().dtype)
        position = 0
        classes = samples_by_code(codes, counts)  # K arrays of samples, ascending
        for members in sorted(classes, key=lambda members: int(members[0])):
            # A class of 7 over 3 folds gives 3, 2 and 2 samples, and the fold that gets the odd one
            # is the next in turn: dealing goes on where the class before ended.
            dealt = np.arange(position, position + len(members)) % self.n_splits
            position += len(members)
            blocks = np.repeat(
                np.arange(self.n_splits), np.bincount(dealt, minlength=self.n_splits)
            )
            if self.shuffle:
                random_state.shuffle(blocks)
            fold[members] = blocks
        return fold
