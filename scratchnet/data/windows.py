"""One long text for a language model: input and target, where the target is the token that follows.

    SlidingWindows  windows of equal length, each by itself, to be shuffled by a DataLoader
    BPTTIterator    parallel streams read from their beginning to their end, so that a recurrent
                    network's state goes on from batch to batch

Both give views of the array of tokens, which is not copied, and which the views cannot change. What is
pickled or deep-copied is the tokens, once.

N batch, T time, n number of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from scratchnet.data._checks import positive_integer
from scratchnet.data.dataset import TensorDataset

__all__ = ["BPTTIterator", "SlidingWindows"]

Array = NDArray[Any]


class SlidingWindows(TensorDataset):
    """Windows over an array of tokens: sample i is (input, target), both of length T.

        input  = tokens[i·stride     : i·stride + T]
        target = tokens[i·stride + 1 : i·stride + T + 1]
        len    = ⌊(n − 1 − T) / stride⌋ + 1

    length: T.
    stride: how many tokens a window begins after the one before. None means T: no token is a target
        twice. 1 gives every window there is, and about T times as much work an epoch.

    What remains at the end and fills no window is left out. Batches of a `DataLoader` are (N, T),
    and copies. Fewer tokens than T + 1 raise a ValueError.

    >>> windows = SlidingWindows([10, 11, 12, 13, 14, 15], length=2)
    >>> len(windows)
    2
    >>> windows[1]
    (array([12, 13]), array([13, 14]))
    """

    def __init__(self, tokens: ArrayLike, length: int, stride: int | None = None) -> None:
        array = self.tokens = _as_tokens(tokens)
        length = self.length = positive_integer("length", length)
        self.stride = length if stride is None else positive_integer("stride", stride)
        if len(array) <= length:
            raise ValueError(
                f"a window of {length} tokens and the target after it need {length + 1} tokens, "
                f"got {len(array)}"
            )
        windows = sliding_window_view(array, length + 1)[:: self.stride]  # (len, T + 1), read-only
        super().__init__(windows[:, :-1], windows[:, 1:])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.tokens, self.length, self.stride)


class BPTTIterator:
    """Iterate over N parallel streams of a text, T steps at a time: batches (input, target).

        L            = ⌊(n − 1) / N⌋                         the length of a stream
        input[t, j]  = tokens[j·L + b·T + t]                 stream j, batch b = 0, 1, …
        target[t, j] = tokens[j·L + b·T + t + 1]
        t            = 0 … min(T, L − b·T) − 1,  so the last batch may be shorter
        len          = ⌈L / T⌉, or ⌊L / T⌋ with drop_last

    Stream j goes on in batch b + 1 exactly where it ended in batch b. A network that keeps its state
    from batch to batch and cuts its gradients between them is trained by truncated backpropagation
    through time; at the beginning of an epoch the state starts anew.

    batch_size: N. bptt_len: T. drop_last: leave out the last batch if it is shorter than T.
    batch_first: (N, T) in place of (T, N).

    Every one of tokens[1 : N·L + 1] is a target once; up to N − 1 tokens at the end are left out. The
    name is torchtext's. Fewer tokens than N + 1 raise a ValueError.
    Source: Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories", on truncation.

    >>> for x, y in BPTTIterator([0, 1, 2, 3, 4, 5, 6], batch_size=2, bptt_len=2):
    ...     print(x.T.tolist(), y.T.tolist())
    [[0, 1], [3, 4]] [[1, 2], [4, 5]]
    [[2], [5]] [[3], [6]]
    """

    def __init__(
        self,
        tokens: ArrayLike,
        batch_size: int,
        bptt_len: int,
        *,
        drop_last: bool = False,
        batch_first: bool = False,
    ) -> None:
        array = self.tokens = _as_tokens(tokens)
        n_streams = positive_integer("batch_size", batch_size)
        self.bptt_len = positive_integer("bptt_len", bptt_len)
        self.drop_last, self.batch_first = drop_last, batch_first
        length = (len(array) - 1) // n_streams  # below 0 if there are no tokens
        if length < 1:
            raise ValueError(
                f"{n_streams} streams and the targets after them need {n_streams + 1} tokens, "
                f"got {len(array)}"
            )
        self.inputs = array[: n_streams * length].reshape(n_streams, length)  # (N, L)
        self.targets = array[1 : n_streams * length + 1].reshape(n_streams, length)

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(type(self), drop_last=self.drop_last, batch_first=self.batch_first)
        return make, (self.tokens, len(self.inputs), self.bptt_len)

    def __len__(self) -> int:
        length = self.inputs.shape[1]
        return length // self.bptt_len if self.drop_last else -(-length // self.bptt_len)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for b in range(len(self)):
            steps = slice(b * self.bptt_len, (b + 1) * self.bptt_len)
            x, y = self.inputs[:, steps], self.targets[:, steps]  # (N, T)
            yield (x, y) if self.batch_first else (x.T, y.T)


def _as_tokens(tokens: ArrayLike) -> Array:
    """Return the tokens as a read-only array (n,)."""
    array = np.asarray(tokens).view()
    if array.ndim != 1:
        raise ValueError(f"tokens must be one sequence (n,), got shape {array.shape}")
    array.flags.writeable = False
    return array
