"""How the work on a batch is cut into blocks, and the memory in which a block is worked out.

A block is some rows of one image, or several whole small images. It is worked out from beginning to
end, from gathering the input to ReLU, before the next one is begun: what one step writes, the next
reads from the cache. Blocks are shared among threads (`scratchnet.threads`).

Letters: N batch, H W image, C channels, all channels-last: (N, H, W, C).
"""

from __future__ import annotations

import threading
from math import prod
from typing import Any, NamedTuple

import numpy as np

from scratchnet.ops._array import Array

__all__ = ["BLOCK_BYTES", "Block", "cut", "padded_rows", "scratch"]

BLOCK_BYTES = 2 << 20  # what a block gathers: a little more than the second-level cache of a core

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


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
    n_blocks = -(-n_rows * bytes_per_row // BLOCK_BYTES)
    if n_images == 1:
        n_blocks += n_blocks % 2  # an odd one would leave a thread without work
    height = -(-n_rows // max(1, n_blocks))
    return [
        Block(slice(i, i + 1), slice(row, min(row + height, n_rows)))
        for i in range(n_images)
        for row in range(0, n_rows, height)
    ]


_own = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array with anything in it, which this thread reuses under this name.

    Fresh memory would be mapped page by page on first writing, which costs as much as the writing.
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
