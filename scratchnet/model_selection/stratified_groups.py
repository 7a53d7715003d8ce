"""K-fold cross-validation that keeps groups together and the shares of the classes as equal as it can.

`N` samples, `G` groups, `k` folds, `K` classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.groups import group_codes
from scratchnet.model_selection.k_fold import BaseKFold
from scratchnet.model_selection.stratified import class_codes
from scratchnet.utils.validation import check_random_state

__all__ = ["StratifiedGroupKFold"]

BLOCK = 1 << 17  # so many numbers are tried at once, 1 MB, where there are hundreds of folds


class StratifiedGroupKFold(BaseKFold):
    """Splits into k folds, each group in one fold, the classes spread over the folds as evenly as
    that allows.

    Groups are taken in order of how unequal their classes are, the most unequal first:

        standard deviation over the classes c of n[g, c], the samples of class c in group g

    and each goes to the fold f where it leaves the classes spread most evenly over the folds, that is
    where this is least:

        mean over c of the standard deviation over the folds of n[fold, c] / n[c]

    Of equal ones (to 1 part in 10⁵) the fold with the fewest samples, then the first. It is greedy:
    a better spread may exist, and a fold may stay empty.

    n_splits: k. shuffle: shuffle groups that are equally unequal. random_state: as for `KFold`.
    Raises ValueError if k is greater than the number of groups, or of members of every class; warns
    if one class has fewer members.

    >>> y, groups = [0, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "c", "c"]
    >>> StratifiedGroupKFold(2).fold_numbers(range(6), y, groups)
    array([0, 0, 1, 1, 0, 0])
    """

    _uses_groups = True

    def __init__(
        self,
        n_splits: int = 5,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)

    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.intp]:
        self._checked_n_samples(X, y, groups)
        random_state = check_random_state(self.random_state)
        class_of, class_sizes = class_codes(y, self.n_splits)
        labels, group_of, _ = group_codes(groups)
        n_groups, n_classes = len(labels), len(class_sizes)
        if self.n_splits > n_groups:
            raise ValueError(
                f"Cannot have number of splits n_splits={self.n_splits} greater than the number "
                f"of groups: {n_groups}"
            )
        cell = group_of * n_classes + class_of
        in_group = np.bincount(cell, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
        order = np.arange(n_groups)
        if self.shuffle:
            random_state.shuffle(order)
        # Stable, so that equal groups keep the order that shuffling gave them.
        order = order[np.argsort(-np.std(in_group[order], axis=1), kind="stable")]
        in_fold = np.zeros((self.n_splits, n_classes))
        fold_of_group = np.empty(n_groups, dtype=np.intp)
        for group in order:
            f = self._best_fold(in_fold, in_group[group], class_sizes)
            in_fold[f] += in_group[group]
            fold_of_group[group] = f
        return fold_of_group[group_of]

    def _best_fold(
        self, in_fold: NDArray[np.float64], group: NDArray[np.intp], class_sizes: NDArray[np.intp]
    ) -> int:
        """Return the fold to which a group is best added.

        in_fold: the samples of each class that each fold has, (k, K); group: those to add, (K,).
        """
        k = self.n_splits
        step = max(BLOCK // in_fold.size, 1)
        spread: list[float] = []
        for folds in (np.arange(f, min(f + step, k)) for f in range(0, k, step)):
            trial = np.repeat(in_fold[None], len(folds), axis=0)  # (step, k, K)
            trial[np.arange(len(folds)), folds] += group  # in trial i the group is in folds[i]
            spread += np.std(trial / class_sizes, axis=1).mean(axis=1).tolist()
        n_samples = in_fold.sum(axis=1).tolist()  # (k,)
        best = 0
        for f in range(1, k):
            is_tied = abs(spread[f] - spread[best]) <= 1e-8 + 1e-5 * spread[best]
            if spread[f] < spread[best] or (is_tied and n_samples[f] < n_samples[best]):
                best = f
        return best
