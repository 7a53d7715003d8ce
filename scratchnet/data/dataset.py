"""Data sets in memory: anything that has a length and gives the sample at an index.

`TensorDataset` holds arrays side by side, `Subset` shows a part of another data set, `random_split`
cuts one into disjoint parts. `DataLoader` in `loader.py` makes batches of them.

A batch is asked for in one call, `dataset.batch(indices)`. Where arrays are held that is one fancy
index per array; only a data set that cannot do better collects its samples one by one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.random import Rng, resolve_rng

__all__ = ["Dataset", "Subset", "TensorDataset", "default_collate", "random_split"]


class Dataset:
    """What a data set must offer: `len(dataset)` and `dataset[index]`.

    A subclass defines both. `batch` then works, sample by sample; a subclass that can fetch many
    samples at once overrides it too.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def batch(self, indices: NDArray[np.intp]) -> Any:
        """Return the samples at `indices`, stacked field by field."""
        return default_collate([self[index] for index in indices.tolist()])


class TensorDataset(Dataset):
    """Arrays of equal length side by side: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    `dataset[index]` takes what NumPy takes: a number, a slice, an array of indices. The arrays are
    not copied; what is no array yet (a list of labels) becomes one. Arrays whose lengths differ
    raise a ValueError that gives the lengths.

    >>> dataset = TensorDataset(np.array([[1, 2], [3, 4], [5, 6]]), np.array([0, 1, 0]))
    >>> len(dataset)
    3
    >>> dataset[1]
    (array([3, 4]), np.int64(1))
    """

    def __init__(self, *tensors: ArrayLike) -> None:
        self.tensors = tuple(np.asarray(tensor) for tensor in tensors)
        shapes = [tensor.shape for tensor in self.tensors]
        if not shapes or () in shapes:
            raise ValueError(f"a data set needs arrays that have a length, got shapes {shapes}")
        lengths = [shape[0] for shape in shapes]
        if len(set(lengths)) > 1:
            raise ValueError(f"the arrays differ in length: {lengths} samples, shapes {shapes}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def batch(self, indices: NDArray[np.intp]) -> tuple[Any, ...]:
        """Return the samples at `indices`: one fancy index per array, which copies."""
        return self[indices]


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order, fetched when they are asked for.

    An index may be negative and may occur several times. A boolean mask is no list of indices
    (`np.flatnonzero(mask)` makes one of it) and raises a ValueError; an index outside the data set
    raises an IndexError.
    """

    def __init__(self, dataset: Any, indices: ArrayLike) -> None:
        self.dataset = as_dataset(dataset)
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise ValueError(
                "indices must be a list of integers, "
                f"got an array of shape {chosen.shape} and dtype {chosen.dtype}"
            )
        n = len(self.dataset)
        outside = chosen[(chosen < -n) | (chosen >= n)]
        if outside.size:
            raise IndexError(f"index {outside[0]} is outside a data set of {n} samples")
        self.indices: NDArray[np.intp] = chosen.astype(np.intp)  # a copy

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.indices[index]
        return self.batch(index) if chosen.ndim else self.dataset[int(chosen)]

    def batch(self, indices: NDArray[np.intp]) -> Any:
        """Return the samples at `indices` of this subset, fetched from `dataset` in one call."""
        return fetch_batch(self.dataset, self.indices[indices])


def random_split(
    dataset: Any,
    lengths: Sequence[int] | Sequence[float],
    rng: Rng = None,
) -> list[Subset]:
    """Return disjoint random subsets of these lengths, which together hold every sample once.

        counts:     Σ lengths = n
        fractions:  Σ lengths = 1; part i gets ⌊n·lengths[i]⌋ samples,
                    and the samples left over go to the parts in turn, one each, the first first

    Numbers that sum to 1 are fractions, so `[0, 1]` and `[1]` mean the whole data set. A fraction
    that gives no sample at all warns. `rng`: a seed, a generator, or None for the shared generator.
    Counts that do not sum to n, and negative or fractional counts, raise a ValueError.

    >>> [len(part) for part in random_split(range(11), [0.5, 0.25, 0.25], rng=0)]
    [6, 3, 2]
    """
    dataset = as_dataset(dataset)
    n = len(dataset)
    if math.isclose(sum(lengths), 1) and min(lengths) >= 0:
        counts = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
        if 0 in counts:
            warnings.warn(
                f"part {counts.index(0)} of the split is empty: "
                f"{n} samples, fractions {list(lengths)}",
                stacklevel=2,
            )
    else:
        counts = [int(length) for length in lengths]
        if sum(counts) != n or min(counts, default=0) < 0 or counts != list(lengths):
            raise ValueError(
                f"lengths must be counts that sum to the {n} samples or fractions that sum to 1, "
                f"got {list(lengths)}, sum {sum(lengths)}"
            )
    order = resolve_rng(rng).permutation(n)
    ends = accumulate(counts)
    return [
        Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)
    ]


def default_collate(samples: Sequence[Any]) -> Any:
    """Return samples as one batch: their arrays and numbers stacked along a new first axis.

    A sample that is a tuple or a list gives a tuple of batches, one for each field; a dict gives a
    dict of batches; strings stay a list. Fields whose shapes differ raise a ValueError: a
    `collate_fn` of your own has to pad or crop them.

    >>> default_collate([(1.5, "a"), (2.5, "b")])
    (array([1.5, 2.5]), ['a', 'b'])
    """
    if len(samples) == 0:
        raise ValueError("a batch needs at least one sample, got none")
    first = samples[0]
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        fields = {len(sample) for sample in samples}
        if len(fields) > 1:
            raise ValueError(f"samples of one batch differ in their number of fields: {fields}")
        return tuple(default_collate(field) for field in zip(*samples, strict=True))
    arrays = [np.asarray(sample) for sample in samples]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"samples of one batch differ in shape: {sorted(shapes)}; "
            "give a collate_fn that pads or crops them"
        )
    return np.stack(arrays)


def as_dataset(dataset: Any) -> Any:
    """Return arrays in a tuple or a list as a `TensorDataset`, any other data set as it is.

    Tensors and DataFrames are arrays too. A DataFrame alone becomes one: its index picks columns.
    """
    if isinstance(dataset, tuple | list) and any(_is_array(a) for a in dataset):
        return TensorDataset(*dataset)
    if hasattr(dataset, "iloc"):
        return np.asarray(dataset)
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise TypeError(
            "a data set must have a length and give the sample at an index, "
            f"got {type(dataset).__name__}"
        )
    return dataset


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, np.generic)


def fetch_batch(dataset: Any, indices: NDArray[np.intp]) -> Any:
    """Return the samples at `indices`, stacked: at once if the data set can, else one by one."""
    if isinstance(dataset, np.ndarray):
        return dataset[indices]
    if isinstance(dataset, Dataset):
        return dataset.batch(indices)
    return default_collate([dataset[index] for index in indices.tolist()])
