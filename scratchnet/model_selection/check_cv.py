"""What may be passed as `cv`: a number of folds, a splitter, or the splits themselves."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scratchnet.model_selection.k_fold import KFold
from scratchnet.model_selection.splitter import Split, Splitter
from scratchnet.model_selection.stratified import StratifiedKFold
from scratchnet.utils.multiclass import type_of_target

__all__ = ["check_cv"]


class _GivenSplits(Splitter):
    """Yields the (train, test) pairs that it was given, as often as it is asked."""

    def __init__(self, cv: Iterable[Split]) -> None:
        self.cv = list(cv)  # a generator could be read only once

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield the pairs."""
        return self._splits(X, y, groups)

    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        return iter(self.cv)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many pairs there are."""
        return len(self.cv)


def check_cv(
    cv: Any = 5,
    y: Any = None,
    *,
    classifier: bool = False,
    shuffle: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Return the splitter that `cv` stands for.

    cv: an integer, or None for 5: `StratifiedKFold` of that many folds if `classifier` is true and y
        holds classes, else `KFold`. Whatever has a method `split`, of any library: itself. Another
        iterable: its (train, test) pairs of indices, which are kept in a list.
    shuffle, random_state: for an integer or None; otherwise not looked at.

    >>> check_cv(3, [0, 1, 0, 1, 0, 1], classifier=True)
    StratifiedKFold(n_splits=3, random_state=None, shuffle=False)
    >>> check_cv(3, [0.5, 1.5, 2.5])
    KFold(n_splits=3, random_state=None, shuffle=False)
    """
    cv = 5 if cv is None else cv
    if isinstance(cv, numbers.Integral):
        has_classes = classifier and y is not None and type_of_target(y) in ("binary", "multiclass")
        k_fold = StratifiedKFold if has_classes else KFold
        return k_fold(int(cv), shuffle=shuffle, random_state=random_state)
    if isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise ValueError(
            "cv must be an integer, a splitter (with a method split), or an iterable of (train, "
            f"test) pairs of indices, got {cv!r}"
        )
    return cv if hasattr(cv, "split") else _GivenSplits(cv)
