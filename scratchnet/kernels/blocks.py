"""How the work on a batch is cut into blocks, and the memory in which a block is worked out.

A block is some rows of one image, or several whole small images. It is worked out from beginning to
end, from gathering the input to ReLU, before the next one is begun: what one step writes, the next
reads from the cache. Blocks are shared among threads (`scratchnet.threads`).

Letters: N batch, H W image, C channels, all channels-last: (N, H, W, C).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scratchnet.ops._array import Array
from scratchnet.ops._workspace import Workspace, run

__all__ = [
    "BLOCK_BYTES",
    "NO_BOUNDS",
    "SHARED_PRODUCTS",
    "Block",
    "Bounds",
    "Padding",
    "Workspace",
    "cut",
    "finish",
    "padded_rows",
    "residual_like",
    "run",
    "strided",
]

# What a block gathers. Twice the second-level cache of a core: smaller blocks lose more by smaller
# products than they gain.
BLOCK_BYTES = 2 << 20
# So many multiplications take as long as waking another thread: up to here there is one block.
SHARED_PRODUCTS = 1 << 23

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))
Bounds = tuple[float | None, float | None]  # what y is clipped to: ReLU (0, None), ReLU6 (0, 6)
NO_BOUNDS: Bounds = (None, None)


class Block(NamedTuple):
    """Some rows of the result, of one image or of several."""

    images: slice
    rows: slice


def cut(
    n_images: int, n_rows: int, bytes_per_row: int, products: int, weight_bytes: int = 0
) -> list[Block]:
    """Return blocks that make up all rows of all images, each of about BLOCK_BYTES.

    A block reads all the weights, so where these are more than that, it has as many bytes of its own.

    There are at least two, so that two threads have work, unless so few products are little work. The
    number of threads has no part in it: the same input gives the same blocks, and so the same rounding.
    """
    block_bytes = max(BLOCK_BYTES, weight_bytes)
    if products <= SHARED_PRODUCTS and n_images * n_rows * bytes_per_row <= block_bytes:
        return [Block(slice(0, n_images), slice(0, n_rows))] if n_images else []
    images = block_bytes // max(1, n_rows * bytes_per_row)
    images = min(images, -(-n_images // 2))
    if n_images > 1 and images >= 1:
        return [
            Block(slice(i, min(i + images, n_images)), slice(0, n_rows))
            for i in range(0, n_images, images)
        ]
    n_blocks = max(1, -(-n_rows * bytes_per_row // block_bytes))
    if n_images == 1:
        n_blocks += n_blocks % 2  # an odd one would leave a thread without work
    n_blocks = min(n_blocks, n_rows)
    # Rounded up: the calling thread, which begins first, has the larger block.
    edges = [-(-i * n_rows // n_blocks) for i in range(n_blocks + 1)]
    return [
        Block(slice(i, i + 1), slice(first, stop))
        for i in range(n_images)
        for first, stop in pairwise(edges)
    ]


def padded_rows(
    x: Array, images: slice, first: int, stop: int, left: int, width: int, workspace: Workspace
) -> Array:
    """Return rows [first, stop) and columns [−left, width − left) of some images, zeros outside x.

    Where nothing is outside it is a view of x, else a copy in the workspace, under "padded".
    """
    _, H, W, C = x.shape
    if first >= 0 and stop <= H and left == 0 and width == W:
        return x[images, first:stop]
    rows = workspace("padded", (images.stop - images.start, stop - first, width, C), x.dtype)
    top, bottom = max(0, first), min(H, stop)
    right = max(0, min(W, width - left))  # a window may leave out the last columns of x
    inside = slice(max(0, top - first), max(0, bottom - first))
    rows[:, : inside.start] = 0
    rows[:, inside.stop :] = 0
    rows[:, inside, :left] = 0
    rows[:, inside, left + right :] = 0
    rows[:, inside, left : left + right] = x[images, top : max(top, bottom), :right]
    return rows


def strided(rows: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return a view of some rows by shape and strides, as `as_strided`, which takes longer."""
    if rows.flags.c_contiguous:
        return np.ndarray(shape, rows.dtype, rows, 0, strides)  # checked to lie within the rows
    return as_strided(rows, shape, strides, writeable=False)


def residual_like(residual: Array | None, y: Array) -> Array | None:
    """Return the residual spread to the shape of y, as an addition would; ValueError if it does not fit."""
    if residual is None or residual.shape == y.shape:
        return residual
    try:
        return np.broadcast_to(residual, y.shape)
    except ValueError:
        raise ValueError(
            f"a residual {residual.shape} cannot be added to {y.shape} (channels last)"
        ) from None


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
