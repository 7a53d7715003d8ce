"""Sequences of unequal length: padded to one array, and grouped so that there is little to pad.

    loader = DataLoader(
        dataset,  # samples (sequence, label)
        batch_sampler=BucketBatchSampler(lengths, 32, shuffle=True),
        collate_fn=pad_collate,
    )
    for x, lengths, y in loader: ...

N batch, T time.
"""

from __future__ import annotations

from cmath import isfinite
from collections.abc import Iterator, Sequence
from numbers import Complex, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.data._checks import positive_integer
from scratchnet.data.dataset import default_collate
from scratchnet.random import Rng, resolve_rng

__all__ = ["BucketBatchSampler", "pad_collate", "pad_sequence"]

Array = NDArray[Any]


def pad_sequence(
    sequences: Sequence[ArrayLike],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Array:
    """Return sequences of unequal length in one array, as `torch.nn.utils.rnn.pad_sequence` does.

        y[t, n] = sequences[n][t]   for t < T_n,
                  padding_value     for T_n ≤ t < T = max_n T_n
        "left":   sequence n stands at T − T_n ≤ t < T instead

    sequences: N arrays (T_n, *), equal but for T_n → y: (T, N, *), or (N, T, *) with batch_first

    Their dtype is kept; where dtypes differ they are promoted (torch rounds to the first one's). An
    empty list has none, beside others. The lengths are `[len(s) for s in sequences]`; `pad_collate`
    returns both. No sequences, shapes that differ behind the first axis, integers that only floats
    could hold together (int64 and uint64), and a padding_value that is no number or that the dtype
    cannot hold, but for the rounding of floats, raise a ValueError.

    >>> pad_sequence([[1, 2, 3], [4]], batch_first=True)
    array([[1, 2, 3],
           [4, 0, 0]])
    """
    if padding_side not in ("left", "right"):
        raise ValueError(f'padding_side must be "left" or "right", got {padding_side!r}')
    sequences = list(sequences)
    arrays = [np.asarray(sequence) for sequence in sequences]
    shapes = [array.shape for array in arrays]
    if len({shape[1:] for shape in shapes}) != 1 or () in shapes:
        raise ValueError(f"sequences must be arrays (T_n, *) with one shape *, got shapes {shapes}")
    # An empty list is an array of float64 only because no entry says otherwise.
    pairs = zip(arrays, sequences, strict=True)
    dtypes = [a.dtype for a, s in pairs if a.size or hasattr(s, "dtype")] or [arrays[0].dtype]
    dtype = np.result_type(*dtypes)
    if dtype.kind not in "biufc":
        raise ValueError(f"sequences must hold numbers, got {dtype}: encode them first")
    if dtype.kind == "f" and all(d.kind in "biu" for d in dtypes):
        raise ValueError(f"no integers hold all of {set(map(str, dtypes))}: convert them first")
    padding = _as_padding(padding_value, dtype)
    values = np.concatenate([a.astype(dtype, copy=False) for a in arrays])  # (Σ T_n, *)

    lengths = np.array([len(array) for array in arrays])[:, None]  # (N, 1)
    n, longest = len(arrays), int(lengths.max())
    first = (n, longest) if batch_first else (longest, n)
    y = np.full(first + values.shape[1:], padding, dtype)
    rows = y if batch_first else y.swapaxes(0, 1)  # (N, T, *): a view
    step = np.arange(longest) if padding_side == "right" else np.arange(longest)[::-1]
    rows[step < lengths] = values  # the mask goes through its places in the order of the values
    return y


def _as_padding(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return the number in this dtype; raise unless it is one that the dtype can hold."""
    number = value.item() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(number, Complex if dtype.kind == "c" else Real):
        with np.errstate(all="ignore"):
            try:
                padding = dtype.type(number)
                may_round = dtype.kind in "fc"
                if isfinite(padding) == isfinite(number) if may_round else padding == number:
                    return padding
            except (OverflowError, ValueError):  # 2**70 and NaN as integers
                pass
    raise ValueError(f"padding_value {value} does not fit sequences of {dtype}")


def pad_collate(
    samples: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0.0,
) -> tuple[Any, ...]:
    """Return samples as one batch, for `DataLoader(collate_fn=pad_collate)`: padded, with lengths.

        samples (sequence, label)     → x (T, N, *), lengths (N,), labels (N,)
        samples (sequence, sequence)  → x, lengths of x, y, lengths of y
        samples sequence              → x, lengths

    A field that is a sequence (an array or a list with one axis or more) gives two entries, as by
    `pad_sequence` and the lengths as int64; any other field, a number or a string, gives one, as by
    `default_collate`. That does not depend on the lengths: sequences that happen to be equally long
    get their lengths too. For other options: `functools.partial(pad_collate, batch_first=True)`.

    A list of arrays is columns to a DataLoader: sequences without labels are put in tuples,
    `[(sequence,) for sequence in sequences]`. A sample of several fields is a tuple, no list and no dict.

    >>> pad_collate([([5, 6], 0), ([7], 1)], batch_first=True)
    (array([[5, 6],
           [7, 0]]), array([2, 1]), array([0, 1]))
    """
    if len(samples) == 0:
        raise ValueError("a batch needs at least one sample, got none")
    samples = [sample if isinstance(sample, tuple) else (sample,) for sample in samples]
    if len(numbers := {len(sample) for sample in samples}) > 1:
        raise ValueError(f"samples of one batch differ in their number of fields: {numbers}")
    batch: list[Any] = []
    for field in zip(*samples, strict=True):
        if isinstance(field[0], dict) or _is_ragged(field[0]):
            raise ValueError(f"pad_collate takes the fields of a sample in a tuple, got {field[0]}")
        if np.ndim(field[0]) == 0:
            batch.append(default_collate(field))
        else:
            padded = pad_sequence(field, batch_first, padding_value)
            batch += [padded, np.array([len(sequence) for sequence in field], np.int64)]
    return tuple(batch)


def _is_ragged(field: Any) -> bool:
    """Whether this is a list of what differs in shape, so no sequence (T, *)."""
    try:
        np.ndim(field)
    except ValueError:
        return True
    return False


class BucketBatchSampler:
    """Batches of samples of similar lengths, for `DataLoader(batch_sampler=...)`.

        order    = 0 … n−1, or with shuffle a permutation of it, drawn when the epoch begins
        bucket k = order[k·M·B : (k+1)·M·B], sorted by length (equal lengths keep their order)
        batches  = B samples after each other in a bucket; with shuffle the batches are put in a
                   random order
        len      = ⌈n / B⌉, or ⌊n / B⌋ with drop_last

    A batch is padded to its longest sequence, so what is computed for nothing is the difference in
    length within a batch. The larger M, the smaller that is, and the more alike are the batches of
    two epochs: M = 1 draws batches as a shuffled DataLoader does, and a bucket of all n samples
    always puts the same lengths together.

    lengths: the length of every sample, (n,) integers: `[len(x) for x, _ in dataset]`.
    batch_size: B. bucket_size_multiplier: M.
    drop_last: leave out n mod B samples of the order (the last, so with shuffle random ones, and
        not those that are longest).
    rng: a seed, a generator, or None for the shared generator; it means what it does in `DataLoader`.

    >>> list(BucketBatchSampler([3, 1, 2, 9, 1, 8], batch_size=2))
    [array([1, 4]), array([2, 0]), array([5, 3])]
    """

    def __init__(
        self,
        lengths: ArrayLike,
        batch_size: int,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        bucket_size_multiplier: int = 100,
        rng: Rng = None,
    ) -> None:
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or (self.lengths.size and self.lengths.dtype.kind not in "iu"):
            raise ValueError(
                "lengths must be one integer for each sample, "
                f"got shape {self.lengths.shape} and dtype {self.lengths.dtype}"
            )
        self.batch_size = positive_integer("batch_size", batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.bucket_size_multiplier = positive_integer(
            "bucket_size_multiplier", bucket_size_multiplier
        )
        # A seed becomes a generator here and not in __iter__, where every epoch would start anew.
        self.rng = None if rng is None else resolve_rng(rng)

    def __len__(self) -> int:
        n = len(self.lengths)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.intp]]:
        n, n_batches = len(self.lengths), len(self)
        size = min(self.batch_size, max(1, n))
        # Both draws come before the first batch, so the state at the beginning fixes the epoch.
        order, place = np.arange(n), np.arange(n_batches)
        if self.shuffle:
            rng = resolve_rng(self.rng)
            order, place = rng.permutation(n), rng.permutation(n_batches)
        if self.drop_last:
            order = order[: n_batches * size]
        # By bucket, then by length; lexsort is stable. A bucket is whole batches, so none crosses.
        bucket = np.arange(len(order)) // min(size * self.bucket_size_multiplier, max(1, n))
        order = order[np.lexsort((self.lengths[order], bucket))]
        for b in place:
            yield order[b * size : (b + 1) * size]
