"""How the work on a batch is cut into blocks, and the memory in which a block is worked out.

A block is some rows of one image, or several whole small images. It is worked out from beginning to
end, from gathering the input to ReLU, before the next one is begun: what one step writes, the next
reads from the cache. Blocks are shared among threads (`scratchnet.threads`).

Letters: N batch, H W image, C channels, all channels-last: (N, H, W, C).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.threads import run_blocks

__all__ = [
    "BLOCK_BYTES",
    "NO_BOUNDS",
    "Block",
    "Bounds",
    "cut",
    "finish",
    "padded_rows",
    "run",
    "scratch",
]

# What a block gathers. Twice the second-level cache of a core: smaller blocks lose more by smaller
# products than they gain.
BLOCK_BYTES = 2 << 20

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))
Bounds = tuple[float | None, float | None]  # what y is clipped to: ReLU (0, None), ReLU6 (0, 6)
NO_BOUNDS: Bounds = (None, None)

AnyBlock = TypeVar("AnyBlock")


class Block(NamedTuple):
    """Some rows of the result, of one image or of several."""

    images: slice
    rows: slice


def cut(n_images: int, n_rows: int, bytes_per_row: int) -> list[Block]:
    """Return blocks that make up all rows of all images and gather about BLOCK_BYTES each.

    There are at least two, so that two threads have work, where there are two rows. The number of
    threads has no part in it: the same input gives the same blocks, and so the same rounding.
    """
    images = BLOCK_BYTES // max(1, n_rows * bytes_per_row)
    images = min(images, -(-n_images // 2))
    if n_images > 1 and images >= 1:
        return [
            Block(slice(i, min(i + images, n_images)), slice(0, n_rows))
            for i in range(0, n_images, images)
        ]
    n_blocks = max(1, -(-n_rows * bytes_per_row // BLOCK_BYTES))
    if n_images == 1:
        n_blocks += n_blocks % 2  # an odd one would leave a thread without work
    n_blocks = min(n_blocks, n_rows)
    edges = [i * n_rows // n_blocks for i in range(n_blocks + 1)]
    return [
        Block(slice(i, i + 1), slice(first, stop))
        for i in range(n_images)
        for first, stop in pairwise(edges)
    ]


def run(work: Callable[[AnyBlock], None], blocks: Sequence[AnyBlock]) -> None:
    """Work out all blocks, on threads (`run_blocks`), without floating-point warnings.

    What overflows shows in the result as infinity; and some of BLAS's kernels raise flags for numbers
    that they load and do not use.
    """
    with np.errstate(all="ignore"):
        run_blocks(work, blocks)


_own = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array with anything in it: this thread's memory of this name, which is never given back.

    Whoever asks for a name again overwrites what it held. Fresh memory would be mapped page by page on
    first writing, which costs as much as the writing.
    """
    buffers = _own.__dict__
    n_bytes = prod(shape) * dtype.itemsize
    buffer = buffers.get(name)
    if buffer is None or buffer.size < n_bytes:
        buffer = buffers[name] = np.empty(n_bytes, np.uint8)
    entries: Array = buffer[:n_bytes].view(dtype).reshape(shape)
    return entries


def padded_rows(x: Array, images: slice, first: int, stop: int, left: int, width: int) -> Array:
    """Return rows [first, stop) and columns [−left, width − left) of some images, zeros outside x.

    Where nothing is outside it is a view of x, else a copy in scratch memory.
    """
    _, H, W, C = x.shape
    if first >= 0 and stop <= H and left == 0 and width == W:
        return x[images, first:stop]
    rows = scratch("padded", (images.stop - images.start, stop - first, width, C), x.dtype)
    top, bottom = max(0, first), min(H, stop)
    right = max(0, min(W, width - left))  # a window may leave out the last columns of x
    inside = slice(max(0, top - first), max(0, bottom - first))
    rows[:, : inside.start] = 0
    rows[:, inside.stop :] = 0
    rows[:, inside, :left] = 0
    rows[:, inside, left + right :] = 0
    rows[:, inside, left : left + right] = x[images, top : max(top, bottom), :right]
    return rows


def finish(y: Array, bias: Array | None, residual: Array | None, bounds: Bounds) -> None:
    """Add bias and residual and clip, in place, while this part of y is still in the cache."""
    if bias is not None:
        y += bias
    if residual is not None:
        y += residual
    low, high = bounds
    if high is not None:
        np.clip(y, low, high, out=y)
    elif low is not None:
        np.maximum(y, low, out=y)
