"""Windows of images laid out with their padding and with the channels last.

There kw·C numbers of a window lie side by side. (Or the channels come first in memory, and are only the
last axis; then the windows of a row lie side by side.) Only what the windows reach over is laid out, the
padding included: its entry (h, w) is the image's (h − top, w − left).

Letters: N batch (n of them in a block), C channels, H W image, kh kw kernel, (i, j) its tap, OH OW output,
(p, q) its entry, s stride, d dilation, top and left the padding before.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scratchnet.ops._array import Array
from scratchnet.ops._geometry import extents
from scratchnet.ops._window import Window


def reach(window: Window) -> tuple[int, int]:
    """Return over how many rows and columns the windows reach, those on the padding included."""
    extent = extents(window.kernel, window.dilation)
    rows, columns = zip(window.out, window.stride, extent, strict=True)
    return _reach(*rows), _reach(*columns)


def _reach(out: int, stride: int, extent: int) -> int:
    return (out - 1) * stride + extent


def are_sparse(window: Window) -> bool:
    """Whether most of what the windows reach over is in none of them: then it is not laid out."""
    return prod(reach(window)) > 4 * prod(window.kernel) * prod(window.out)


def lay_out(x: Array, window: Window, into: Array) -> Array:
    """Write what the windows see of x (n, C, H, W) into an array (n, *reach, C): 0 on the padding."""
    at, seen = inside(window)
    rows, columns = at
    into[:, : rows.start] = 0
    into[:, rows.stop :] = 0
    into[:, rows, : columns.start] = 0
    into[:, rows, columns.stop :] = 0
    into[:, rows, columns] = x[:, :, *seen].transpose(0, 2, 3, 1)
    return into


def take_back(laid_out: Array, window: Window, x: Array) -> None:
    """Write what lies inside the image back to x (n, C, H, W)."""
    at, seen = inside(window)
    x[:, :, *seen] = laid_out[:, *at].transpose(0, 3, 1, 2)


def windows_of(laid_out: Array, window: Window) -> Array:
    """Return a view (n, OH, OW, kh, kw, C) of what each window sees."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    n, _, _, C = laid_out.shape
    a, b, c, unit = laid_out.strides
    shape, strides = (n, *window.out, kh, kw, C), (a, b * sh, c * sw, b * dh, c * dw, unit)
    if laid_out.flags.c_contiguous:  # for other memory `as_strided` does the same, and takes longer
        return np.ndarray(shape, laid_out.dtype, laid_out, 0, strides)
    return as_strided(laid_out, shape, strides)


def copy_runs(source: Array, target: Array) -> None:
    """Copy an array, its last axis as one entry where it lies in one piece: so much faster if it is short."""
    size = source.itemsize
    if source.strides[-1] == target.strides[-1] == size:
        run = np.dtype((np.void, source.shape[-1] * size))
        source, target = source.view(run), target.view(run)
    np.copyto(target, source)


def add_windows(cols: Array, window: Window, first: int, laid_out: Array, sums: Array) -> None:
    """Add columns (n, rows, OW, kh, kw, C) of the output's rows from `first` on to where they belong.

    Along the rows first, sums[n, p, i, q·s + j·d, c] = Σ_j cols[n,p,q,i,j,c], then over the rows: kh + kw
    long additions instead of kh·kw short ones. sums: (n, rows, kh, columns of laid_out, C)
    """
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    rows, columns = _reach(cols.shape[1], sh, 1), _reach(cols.shape[2], sw, 1)
    sums.fill(0)
    for j in range(kw):
        sums[:, :, :, j * dw : j * dw + columns : sw] += cols[..., j, :].swapaxes(2, 3)
    for i in range(kh):
        h = first * sh + i * dh
        laid_out[:, h : h + rows : sh] += sums[:, :, i]


def inside(window: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which rows and columns of what is laid out lie inside the image, and which of it they are."""
    at, seen = [], []
    for size, before, length in zip(reach(window), window.before, window.image, strict=True):
        start, stop = max(0, -before), max(0, min(length, size - before))
        start = min(start, stop)
        seen.append(slice(start, stop))
        at.append(slice(start + before, stop + before))
    return (at[0], at[1]), (seen[0], seen[1])
