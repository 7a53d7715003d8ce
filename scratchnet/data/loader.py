"""Batches of a data set, in order or shuffled anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.data._checks import positive_integer
from scratchnet.data.dataset import as_dataset, fetch_batch
from scratchnet.random import Rng, resolve_rng

__all__ = ["DataLoader"]


class DataLoader:
    """Iterate over a data set in batches; every pass over the loader is one epoch.

        shuffled:     order = a permutation of 0 … n−1, drawn when the epoch begins
        not shuffled: order = 0 … n−1
        batch b     = the samples order[b·batch_size : (b+1)·batch_size]
        len(loader) = ⌈n / batch_size⌉, or ⌊n / batch_size⌋ with drop_last

    dataset: a `Dataset`; an array, whose rows are the samples; a tuple or list of arrays of equal
        length, which gives tuples of batches; or any object with a length and an index. Arrays are
        read with one fancy index per batch, so a batch is a copy, which the caller may change.
        (A list of arrays is read as columns. If they are the samples, `np.stack` them first.)
    shuffle: draw a new order in every epoch.
    batch_size: a batch_size above n gives one batch of n samples.
    drop_last: leave out the last batch if it has fewer than `batch_size` samples.
    collate_fn: a function from a list of samples to a batch. None stacks the samples.
    batch_sampler: batches of indices, any iterable that gives them anew in every pass, in place of
        batch_size, shuffle, drop_last and rng, which it excludes (ValueError). The length of the
        loader is then its length. `BucketBatchSampler` puts samples of similar lengths together.
    rng: what the order is drawn from: a seed, a generator, or None for the shared generator, which
        is looked up when an epoch begins, so `scratchnet.manual_seed` may come after the loader.
        A seed starts one generator for the life of the loader: every epoch has another order, and
        a new loader with the same seed goes through the same orders.

    An empty data set gives no batches. A batch size that is not a positive integer raises a
    ValueError; so do arrays whose lengths differ.

    Exact resume: the order depends on the generator's state at the beginning of the epoch and on
    nothing else. Between two epochs keep `loader.rng.bit_generator.state` (without an `rng`, what
    `scratchnet.random.get_rng_state()` returns); put it back after the restart, and the next epoch
    has the order it would have had. Within an epoch keep the state from its beginning and the
    number of batches done; put the state back and pass over these batches:
    `itertools.islice(loader, done, None)`. Within an epoch this needs an `rng` of the loader's own:
    dropout draws from the shared generator too.

    >>> x, y = np.arange(10).reshape(5, 2), np.array([0, 1, 0, 1, 0])
    >>> for x_batch, y_batch in DataLoader((x, y), batch_size=2):
    ...     print(x_batch.tolist(), y_batch)
    [[0, 1], [2, 3]] [0 1]
    [[4, 5], [6, 7]] [0 1]
    [[8, 9]] [0]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        batch_sampler: Iterable[Sequence[int] | NDArray[np.integer]] | None = None,
        rng: Rng = None,
    ) -> None:
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or drop_last or rng is not None
        ):
            raise ValueError(
                "batch_sampler makes the batches, and excludes batch_size, shuffle, drop_last and "
                f"rng; got {batch_size}, {shuffle}, {drop_last} and {rng}"
            )
        if isinstance(batch_sampler, Iterator):
            raise ValueError(
                "batch_sampler gives its batches anew in every pass; after one pass there is nothing "
                f"left of {batch_sampler!r}"
            )
        self.dataset = as_dataset(dataset)
        self.batch_size = positive_integer("batch_size", batch_size)
        self.batch_sampler = batch_sampler
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        # A seed becomes a generator here and not in __iter__, where every epoch would start anew.
        self.rng = None if rng is None else resolve_rng(rng)

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]  # TypeError if it has none
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        for indices in self._batches_of_indices():
            if self.collate_fn is None:
                yield fetch_batch(self.dataset, indices)
            else:
                yield self.collate_fn([self.dataset[index] for index in indices.tolist()])

    def _batches_of_indices(self) -> Iterator[NDArray[np.intp]]:
        if self.batch_sampler is not None:
            for batch in self.batch_sampler:
                indices = np.asarray(batch)
                if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
                    raise ValueError(f"a batch_sampler gives lists of indices, got {batch!r}")
                n = len(self.dataset)
                if (outside := indices[(indices < -n) | (indices >= n)]).size:
                    raise IndexError(f"index {outside[0]} is outside a data set of {n} samples")
                yield indices.astype(np.intp, copy=False)
            return
        n = len(self.dataset)
        order = resolve_rng(self.rng).permutation(n) if self.shuffle else np.arange(n)
        for b in range(len(self)):
            yield order[b * self.batch_size : (b + 1) * self.batch_size]
