"""One training and one test part of whatever is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.model_selection.shuffle_split import (
    ShuffleSplit,
    Size,
    StratifiedShuffleSplit,
    part_sizes,
)
from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.validation import check_consistent_length, check_scalar

__all__ = ["train_test_split"]


def train_test_split(
    *arrays: Any,
    test_size: Size = None,
    train_size: Size = None,
    random_state: int | np.random.RandomState | None = None,
    shuffle: bool = True,
    stratify: ArrayLike | None = None,
) -> list[Any]:
    """Return the training and the test part of each array: [a_train, a_test, b_train, b_test, …].

    arrays: arrays, lists, DataFrames, sparse matrices (the parts are CSR), all of one length; a list,
        tuple or range gives lists.
    test_size, train_size: a share (float) or a number of samples (int); None is what the other
        leaves, both None is a test_size of 0.25. ⌈test_size · N⌉ samples are tested.
    shuffle: False takes the training part from the front and the test part right after it.
    stratify: labels, (N,), whose shares both parts are to have, as `StratifiedShuffleSplit` does it.
    Raises ValueError if a part is empty, or lengths differ.

    A single number from a single split depends on the draw: `cross_val_score` tests every sample.

    >>> train_test_split(range(8), shuffle=False)
    [[0, 1, 2, 3, 4, 5], [6, 7]]
    >>> train_test_split(["a", "b", "c", "d"], [1, 2, 3, 4], test_size=0.5, random_state=0)
    [['b', 'a'], ['c', 'd'], [2, 1], [3, 4]]
    """
    if not arrays:
        raise ValueError("At least one array required as input")
    check_scalar(shuffle, "shuffle", (bool, np.bool_))
    if stratify is not None and not shuffle:
        raise ValueError("stratify needs shuffle=True: a stratified split is drawn at random")
    n_samples = num_samples(arrays[0])
    check_consistent_length(**{f"array {i}": array for i, array in enumerate(arrays)})
    n_train, n_test = part_sizes(n_samples, test_size, train_size, default_test_size=0.25)
    if shuffle:
        splitter_class = ShuffleSplit if stratify is None else StratifiedShuffleSplit
        splitter = splitter_class(test_size=n_test, train_size=n_train, random_state=random_state)
        train, test = next(splitter.split(arrays[0], stratify))
    else:
        train, test = np.arange(n_train), np.arange(n_train, n_train + n_test)
    return [take_samples(array, part) for array in arrays for part in (train, test)]
