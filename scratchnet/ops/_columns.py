"""Columns: the windows of an image written out side by side, and added back to where they came from.

    gather:   cols[n,c,i,j,p,q] = x[n, c, p·s + i·d − top, q·s + j·d − left], 0 on the padding
    scatter:  x[n,c,h,w] = Σ cols[n,c,i,j,p,q]   over p·s + i·d − top = h, q·s + j·d − left = w

Each is the transposed map of the other. Letters: N batch (n of them in a block), C channels, kh kw
kernel, (i, j) its tap, OH OW output, (p, q) its entry, s stride, d dilation, top and left the padding.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._window import Window


def blocks_of(
    x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window, block_bytes: int
) -> list[slice]:
    """Return slices over the images: as many at a time as have columns of block_bytes, at least one."""
    per_image = prod((x_shape[1], *window.kernel, *window.out)) * dtype.itemsize
    length = max(1, block_bytes // max(1, per_image))
    return [slice(i, min(i + length, x_shape[0])) for i in range(0, x_shape[0], length)]


def buffer_for(
    blocks: list[slice],
    channels: int,
    dtype: np.dtype[Any],
    window: Window,
    images_inside: bool = False,
) -> Array:
    """Return a buffer (n, C, kh, kw, OH, OW) for the columns of one block.

    It starts as zeros, which are the padding: a tap writes the same places in every block, and what
    no tap writes stays 0. images_inside: lay it out in memory as
    (C, kh, kw, n, OH, OW), so that the windows of all images lie side by side.
    """
    # The first block is the longest. A window of one entry needs none: x is its own columns.
    n = blocks[0].stop if blocks and not window.is_each_entry else 0
    if images_inside:
        return np.moveaxis(np.zeros((channels, *window.kernel, n, *window.out), dtype), 3, 0)
    return np.zeros((n, channels, *window.kernel, *window.out), dtype)


def gather(x: Array, window: Window, buffer: Array) -> Array:
    """Return the windows of n images as columns (n, C, kh, kw, OH, OW), copied tap by tap."""
    if window.is_each_entry:
        return x.reshape(*x.shape[:2], 1, 1, *window.out)
    cols = buffer[: len(x)]
    # Through tap (i, j) the outputs at_out see x[at_in], two equally large slices; the rest is padding.
    for (i, j), at_out, at_in in window.taps():
        cols[:, :, i, j][at_out] = x[at_in]
    return cols


def scatter(cols: Array, window: Window, x: Array) -> None:
    """Add columns to the entries of x that `gather` would take them from."""
    cols = cols.reshape(*x.shape[:2], *window.kernel, *window.out)
    # The same slices as in `gather`: x[at_in] is what the outputs at_out see through tap (i, j).
    for (i, j), at_out, at_in in window.taps():
        x[at_in] += cols[:, :, i, j][at_out]
