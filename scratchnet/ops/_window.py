"""Sliding windows over the last two axes: their geometry, shared by convolution and pooling.

Letters: N batch, C channels, H W input height and width, kh kw kernel, OH OW output. Output (p, q)
looks through the kernel's tap (i, j) at input row p·stride + i·dilation − top, and likewise for
columns. A tap sees the padding at some outputs; `taps` gives, for each tap, the outputs where it sees
the input, and what it sees there, as slices. So no padded copy of the input is ever made: what the
slices leave out is padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from scratchnet.ops._array import Array, no_array

Pair = int | Sequence[int]


class Window(NamedTuple):
    """A sliding window, each entry (rows, columns): `before` is the padding, `image` the input's size.

    The first window starts `before` entries ahead of the input; below 0, so many entries into it.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    image: tuple[int, int]
    out: tuple[int, int]

    @property
    def is_each_entry(self) -> bool:
        """Whether the windows are the entries themselves: a kernel of 1, stride 1, no padding."""
        is_one = self.kernel == self.stride == (1, 1)
        return is_one and self.before == (0, 0) and self.out == self.image

    def taps(self) -> Iterator[tuple[tuple[int, int], tuple[Any, ...], tuple[Any, ...]]]:
        """Yield (tap, at_out, at_in): through this tap, the outputs y[at_out] look at x[at_in]."""
        rows = [self.along(0, i) for i in range(self.kernel[0])]
        columns = [self.along(1, j) for j in range(self.kernel[1])]
        for i, (p, h) in enumerate(rows):
            for j, (q, w) in enumerate(columns):
                yield (i, j), (..., p, q), (..., h, w)

    def along(self, axis: int, tap: int) -> tuple[slice, slice]:
        """Return along one axis the outputs at which a tap sees the input, and what entries it sees."""
        step, n, out = self.stride[axis], self.image[axis], self.out[axis]
        shift = tap * self.dilation[axis] - self.before[axis]  # output p looks at p·step + shift
        first = max(0, -(shift // step))  # ⌈−shift/step⌉: the first p that looks at 0 or beyond
        stop = min(out, (n - 1 - shift) // step + 1)  # the first p that looks at n or beyond
        if first >= stop:
            return slice(0, 0), slice(0, 0)  # this tap sees nothing but padding
        start = first * step + shift
        return slice(first, stop), slice(start, start + (stop - first) * step, step)


def pair(name: str, value: Pair, minimum: int) -> tuple[int, int]:
    """Return an int or a pair as a pair; raise if it is none or too small."""
    both = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(both) != 2 or not all(isinstance(v, int | np.integer) for v in both):
        raise ValueError(f"{name} takes an int or a pair of ints, got {value!r}")
    if min(both) < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    return int(both[0]), int(both[1])


def require_images(name: str, x: Array) -> None:
    """Raise unless x is a batch, maybe an empty one, of images that have pixels."""
    if not isinstance(x, np.ndarray):
        raise no_array(name, x)
    if x.ndim != 4:
        alone = "; a single image is x[None]" if x.ndim == 3 else ""
        raise ValueError(
            f"{name} takes x of shape (N, C, H, W), got {x.ndim} dimensions: {x.shape}{alone}"
        )
    if 0 in x.shape[2:]:
        raise ValueError(f"{name} takes images of at least one pixel, got x {x.shape}")
