"""Drawing a training and a test part at random, again and again; test parts of several draws overlap.

`N` samples, `G` groups, `K` classes.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.groups import group_codes
from scratchnet.model_selection.splitter import Split, Splitter
from scratchnet.utils.indexing import num_samples
from scratchnet.utils.label_codes import label_codes, samples_by_code
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)

__all__ = [
    "BaseShuffleSplit",
    "GroupShuffleSplit",
    "ShuffleSplit",
    "StratifiedShuffleSplit",
    "part_sizes",
]

Size = float | int | None


def part_sizes(
    n_samples: int, test_size: Size, train_size: Size, default_test_size: float
) -> tuple[int, int]:
    """Return how many of N samples are for training, and how many for testing.

    A float is a share, between 0 and 1: ⌈test_size · N⌉ are tested, ⌊train_size · N⌋ trained on. An
    integer is a number of samples. None is what the other leaves; both None is `default_test_size`.
    Raises ValueError if a part is empty, or if both together are more than N.

    >>> part_sizes(10, 0.25, None, 0.1)
    (7, 3)
    """
    if test_size is None and train_size is None:
        test_size = default_test_size
    for name, size in (("test_size", test_size), ("train_size", train_size)):
        if size is not None and (isinstance(size, bool) or not isinstance(size, numbers.Real)):
            raise ValueError(f"{name} must be a float, an int or None, got {size!r}")
        most = n_samples if isinstance(size, numbers.Integral) else 1
        if size is not None and not 0 < size < most:
            raise ValueError(
                f"{name}={size} should be either positive and smaller than the number of samples "
                f"{n_samples} or a float in the (0, 1) range"
            )
    shares = [s for s in (test_size, train_size) if isinstance(s, float | np.floating)]
    if len(shares) == 2 and sum(shares) > 1:
        raise ValueError(f"the sum of test_size and train_size = {sum(shares)} is more than 1")
    n_test = n_train = 0
    if test_size is not None:
        is_count = isinstance(test_size, numbers.Integral)
        n_test = int(test_size) if is_count else math.ceil(test_size * n_samples)
    if train_size is not None:
        is_count = isinstance(train_size, numbers.Integral)
        n_train = int(train_size) if is_count else math.floor(train_size * n_samples)
    if train_size is None:
        n_train = n_samples - n_test
    elif test_size is None:
        n_test = n_samples - n_train
    if n_train + n_test > n_samples:
        raise ValueError(
            f"the sum of train_size and test_size = {n_train + n_test} should not be greater than "
            f"the number of samples {n_samples}"
        )
    if n_train == 0:
        raise ValueError(
            f"With n_samples={n_samples}, test_size={test_size} and train_size={train_size}, the "
            "resulting train set will be empty"
        )
    return n_train, n_test


class BaseShuffleSplit(Splitter):
    """What the random splitters share. A subclass has `_iter_indices`, which yields (train, test)."""

    _default_test_size = 0.1

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: Size = None,
        train_size: Size = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state

    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        check_consistent_length(X=X, y=y, groups=groups)
        yield from self._iter_indices(X, y, groups)

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        n_samples = num_samples(X)
        n_train, n_test = self._part_sizes(n_samples)
        random_state = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            order = random_state.permutation(n_samples)
            yield order[n_test : n_test + n_train], order[:n_test]

    def _part_sizes(self, n_samples: int) -> tuple[int, int]:
        return part_sizes(n_samples, self.test_size, self.train_size, self._default_test_size)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return `n_splits`."""
        return self.n_splits


class ShuffleSplit(BaseShuffleSplit):
    """Shuffles the samples for each split, and takes the test part from the front.

    n_splits: how many splits. test_size, train_size: a share (float) or a number of samples (int);
    None is what the other leaves, both None is a test_size of 0.1. ⌈test_size · N⌉ samples are
    tested, ⌊train_size · N⌋ trained on.
    random_state: a seed, which gives the same splits at every call, or a RandomState, which goes on.

    `KFold` tests every sample exactly once.

    >>> next(ShuffleSplit(test_size=0.25, random_state=0).split(range(5)))
    (array([1, 3, 4]), array([2, 0]))
    """

    _uses_groups = False


class GroupShuffleSplit(BaseShuffleSplit):
    """Shuffles the groups for each split; the samples of the first ones are the test part.

    n_splits: how many splits. test_size, train_size: as for `ShuffleSplit`, but of *groups*: with
    groups of unequal size the share of samples differs. Both None is a test_size of 0.2.
    random_state: as for `ShuffleSplit`. Indices come out sorted.

    >>> next(GroupShuffleSplit(random_state=0).split(range(5), groups=["a", "a", "b", "c", "c"]))
    (array([0, 1, 2]), array([3, 4]))
    """

    _uses_groups = True
    _default_test_size = 0.2

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_size: Size = None,
        train_size: Size = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_splits, test_size=test_size, train_size=train_size, random_state=random_state
        )

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        labels, codes, _ = group_codes(groups)
        for parts in super()._iter_indices(labels):
            is_in = np.zeros((2, len(labels)), dtype=bool)  # which groups train, which test
            is_in[0, parts[0]] = is_in[1, parts[1]] = True
            train, test = is_in[:, codes]  # (2, N)
            yield np.flatnonzero(train), np.flatnonzero(test)


class StratifiedShuffleSplit(BaseShuffleSplit):
    """Draws a training and a test part at random, each with about the share that every class has.

    Of n samples to draw, class c gets N_c / N · n: the whole part of it first, then one more for the
    largest fractions until n are reached, equal fractions by lot (the method of largest remainders).
    The training part is apportioned so, then the test part from what is left.

    n_splits, test_size, train_size, random_state: as for `ShuffleSplit`.
    y may have several columns: then every combination of labels is a class.
    Raises ValueError if a class has a single member, or a part fewer samples than there are classes.

    `StratifiedKFold` tests every sample exactly once.

    >>> splitter = StratifiedShuffleSplit(test_size=0.5, random_state=0)
    >>> next(splitter.split(range(6), ["a", "a", "a", "a", "b", "b"]))
    (array([2, 4, 3]), array([5, 1, 0]))
    """

    _uses_groups = False

    def split(  # type: ignore[override]
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[Split]:
        """As `ShuffleSplit.split`; y is needed."""
        self._check_groups_are_used(groups)
        return self._splits(X, y, groups)

    def _iter_indices(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        n_train, n_test = self._part_sizes(num_samples(X))
        if y is None:
            raise TypeError("y is None: StratifiedShuffleSplit needs the classes")
        y = check_array(y, dtype=None, ensure_2d=False, input_name="y")
        if y.ndim == 2:
            _, y = np.unique(y.astype(str), axis=0, return_inverse=True)  # one label for each row
        labels, codes, counts = label_codes(column_or_1d(y))
        if counts.min() < 2:
            raise ValueError(
                "The least populated classes in y have only 1 member, which is too few: "
                f"each needs two, for the two parts; found {labels[counts < 2].tolist()}"
            )
        for name, size in (("train_size", n_train), ("test_size", n_test)):
            if size < len(labels):
                raise ValueError(
                    f"The {name} = {size} should be greater or equal to the number of "
                    f"classes = {len(labels)}"
                )
        classes = samples_by_code(codes, counts)  # K arrays of samples, ascending
        random_state = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            n_of_train = _apportion(counts, n_train, random_state)  # (K,)
            n_of_test = _apportion(counts - n_of_train, n_test, random_state)
            train, test = [], []
            for members, first, second in zip(classes, n_of_train, n_of_test, strict=True):
                drawn = members[random_state.permutation(len(members))]
                train.append(drawn[:first])
                test.append(drawn[first : first + second])
            yield (
                random_state.permutation(np.concatenate(train)),
                random_state.permutation(np.concatenate(test)),
            )


def _apportion(
    counts: NDArray[np.intp], n_seats: int, random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """Return how many of `n_seats` each class gets: by the largest remainder, ties by lot."""
    exact = counts / counts.sum() * n_seats
    seats = np.floor(exact).astype(np.intp)
    remainder = exact - seats
    for value in np.unique(remainder)[::-1]:
        n_left = n_seats - int(seats.sum())
        if n_left <= 0:
            break
        tied = np.flatnonzero(remainder == value)
        seats[random_state.choice(tied, size=min(len(tied), n_left), replace=False)] += 1
    return seats
