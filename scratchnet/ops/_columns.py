"""Columns: the windows of an image written out side by side, and added back to where they came from.

    gather:   cols[n,c,i,j,p,q] = x[n, c, p·s + i·d − top, q·s + j·d − left], 0 on the padding
    scatter:  x[n,c,h,w] = Σ cols[n,c,i,j,p,q]   over p·s + i·d − top = h, q·s + j·d − left = w

Each is the transposed map of the other. A column holds one window, K = C·kh·kw numbers, in one of two
orders. Channels first (c, i, j) is how weights lie in memory: a tap is copied for all windows of a row at
once. Channels last (i, j, c): once the channels of the image come last, kw·C numbers of a window lie side
by side and are copied in one piece, several times as fast; but the weights have to be brought into that
order too.

Letters: N batch (n of them in a block), C channels, F filters, G groups, kh kw kernel, (i, j) its tap,
OH OW output, (p, q) its entry, s stride, d dilation, top and left the padding, K numbers in a window,
L windows of a block.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._channels_last import (
    add_windows,
    are_sparse,
    copy_runs,
    lay_out,
    reach,
    take_back,
    windows_of,
)
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace


def gather(x: Array, window: Window, buffer: Array) -> Array:
    """Return the windows of n images as columns (n, C, kh, kw, OH, OW), copied tap by tap.

    buffer: where they are written; zeros, if a window reaches beyond the image
    """
    if window.is_each_entry:
        return x.reshape(*x.shape[:2], 1, 1, *window.out)
    # Through tap (i, j) the outputs at_out see x[at_in], two equally large slices; the rest is padding.
    for (i, j), at_out, at_in in window.taps():
        buffer[:, :, i, j][at_out] = x[at_in]
    return buffer


def scatter(cols: Array, window: Window, x: Array, ws: Workspace) -> None:
    """Add columns to the entries of x that `gather` would take them from.

    Along the rows first, sums[n, c, i, p, q·s + j·d] = Σ_j cols[n,c,i,j,p,q], then over the rows: kh + kw
    long additions instead of kh·kw short ones.
    """
    n, C = x.shape[:2]
    (kh, kw), (OH, OW), left = window.kernel, window.out, window.before[1]
    cols = cols.reshape(n, C, kh, kw, OH, OW)
    if are_sparse(window):
        for (i, j), at_out, at_in in window.taps():
            x[at_in] += cols[:, :, i, j][at_out]
        return
    sums = ws("sums", (n, C, kh, OH, reach(window)[1]), x.dtype)
    sums.fill(0)
    for j in range(kw):
        first = j * window.dilation[1]
        stop = first + (OW - 1) * window.stride[1] + 1
        sums[..., first : stop : window.stride[1]] += cols[:, :, :, j]
    start, stop = max(0, -left), max(0, min(x.shape[3], sums.shape[4] - left))
    for i in range(kh):
        p, h = window.along(0, i)
        x[:, :, h, start:stop] += sums[:, :, i, p, start + left : max(start, stop) + left]


def channels_last_pays(
    weight_shape: tuple[int, ...], window: Window, groups: int, n_images: int
) -> bool:
    """Whether long pieces are copied, and so many windows that bringing the weights into order is little."""
    F, C = weight_shape[:2]
    is_long = prod(window.kernel) > 1 and window.kernel[1] * C >= 16
    is_much = n_images * prod(window.out) >= 2 * F
    return groups == 1 and is_long and is_much and not are_sparse(window)


def weights_in_order(weight: Array, groups: int, last: bool) -> Array:
    """Return the weights (F, C/G, kh, kw) as (G, F/G, K), in the order of the columns.

    Channels last, they lie in memory as (K, F): for small products, up to 10⁶ multiplications, OpenBLAS's
    AVX-512 kernels take twice as long for W colsᵀ if W does not lie transposed too.
    """
    if last:
        return weight.transpose(2, 3, 1, 0).reshape(1, -1, len(weight)).swapaxes(1, 2)
    return weight.reshape(groups, len(weight) // groups, weight[0].size)


def gather_rows(
    x: Array, images: slice, rows: slice, window: Window, groups: int, last: bool, ws: Workspace
) -> Array:
    """Return the windows of some rows of outputs of some images (n, G, K, L).

    In memory of the workspace; of x itself, where a window is one of its entries.
    """
    window, x = of_rows(window, rows), x[images]
    (n, C), (kh, kw), (OH, OW) = x.shape[:2], window.kernel, window.out
    if kh == kw == 1 and not _sees_padding(window):
        (h, w), (sh, sw) = window.before, window.stride
        seen = x[:, :, -h : (OH - 1) * sh + 1 - h : sh, -w : (OW - 1) * sw + 1 - w : sw]
        return seen.reshape(n, groups, C // groups, OH * OW)
    if last:
        laid_out = ws("laid out", (n, *reach(window), C), x.dtype)
        windows = windows_of(lay_out(x, window, laid_out), window)  # (n, OH, OW, kh, kw, C)
        cols = ws("columns", windows.shape, x.dtype)
        if window.dilation[1] == 1:
            by_run = n, OH, OW, kh, kw * C
            copy_runs(windows.reshape(by_run), cols.reshape(by_run))
        else:
            copy_runs(windows, cols)
        return cols.reshape(n, 1, OH * OW, kh * kw * C).swapaxes(2, 3)
    cols = ws("columns", (n, C, kh, kw, OH, OW), x.dtype)
    if are_sparse(window):
        cols.fill(0)
        gather(x, window, cols)
    else:
        laid_out = np.moveaxis(ws("laid out", (n, C, *reach(window)), x.dtype), 1, 3)
        windows = windows_of(lay_out(x, window, laid_out), window)  # (n, OH, OW, kh, kw, C)
        copy_runs(windows.transpose(0, 5, 3, 4, 1, 2), cols)
    return cols.reshape(n, groups, C // groups * kh * kw, OH * OW)


def spread_rows(
    y: Array, w: Array, window: Window, step: int, last: bool, x: Array, ws: Workspace
) -> None:
    """Write x (n, C, H, W) = the columns Wᵀ y, added up, for y (n, F, OH, OW) and w (G, F/G, K).

    x comes as zeros. step: rows of y whose columns are made at a time
    """
    (n, _, OH, OW), (groups, filters, K), (kh, kw) = y.shape, w.shape, window.kernel
    if window.is_each_entry:  # so its column is what is added to it
        dy = y.reshape(n, groups, filters, OH * OW)
        np.matmul(w.swapaxes(1, 2), dy, out=x.reshape(n, groups, K, OH * OW))  # (G, K, F/G) @ …
        return
    into = x
    if last:
        into = ws("laid out", (n, *reach(window), x.shape[1]), x.dtype)
        into.fill(0)
    for first in range(0, OH, step):
        rows = slice(first, min(first + step, OH))
        dy = y[:, :, rows].reshape(n, groups, filters, (rows.stop - first) * OW)
        if last:
            cols = ws("columns", (n, 1, dy.shape[3], K), x.dtype)
            np.matmul(dy.swapaxes(2, 3), w, out=cols)  # (n, 1, L, F) @ (1, F, K) -> (n, 1, L, K)
            n_rows = rows.stop - first
            cols = cols.reshape(n, n_rows, OW, kh, kw, x.shape[1])
            sums = ws("sums", (n, n_rows, kh, *into.shape[2:]), x.dtype)
            add_windows(cols, window, first, into, sums)
        else:
            cols = ws("columns", (n, groups, K, dy.shape[3]), x.dtype)
            np.matmul(w.swapaxes(1, 2), dy, out=cols)  # (G, K, F/G) @ (n, G, F/G, L)
            scatter(cols, of_rows(window, rows), into, ws)
    if last:
        take_back(into, window, x)


def of_rows(window: Window, rows: slice) -> Window:
    """Return the window that gives some rows of the output alone: its first row is number 0."""
    above = window.before[0] - rows.start * window.stride[0]
    out = rows.stop - rows.start, window.out[1]
    return window._replace(before=(above, window.before[1]), out=out)


def _sees_padding(window: Window) -> bool:
    """Whether a window reaches beyond the image."""
    return any(
        before > 0 or size - before > length
        for before, size, length in zip(window.before, reach(window), window.image, strict=True)
    )
