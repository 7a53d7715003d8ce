"""What the kernels do with a block of the work: its padded input, and the last steps on its result.

A block (`ops/_blocks.py`) is some rows of one image, or several whole small images. It is worked out from
beginning to end, from gathering the input to ReLU, before the next one is begun: what one step writes,
the next reads from the cache.

Letters: N batch, H W image, C channels, all channels-last: (N, H, W, C).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scratchnet.ops._array import Array
from scratchnet.ops._blocks import BLOCK_BYTES, SHARED_PRODUCTS, Block, cut
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

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))
Bounds = tuple[float | None, float | None]  # what y is clipped to: ReLU (0, None), ReLU6 (0, 6)
NO_BOUNDS: Bounds = (None, None)


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
    if low is not None:
        # With two bounds: `np.maximum` with a number takes four times as long (NumPy 2.4).
        np.clip(y, low, np.inf if high is None else high, out=y)
