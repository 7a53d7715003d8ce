"""Pooling: each channel's windows are reduced to one number, their maximum or their mean.

A window's maximum is the largest of its columns' maxima, and its sum that of their sums. So both are
taken along one axis after the other: of a 3×3 window 3 + 3 entries are looked at instead of 9. The
gradient of a maximum goes to the first of equal entries, row by row, which the pullback seeks among all
of them: so nothing but x and y need be kept. Planes (the images' channels) are worked on in blocks that
stay in the cache, on threads.

Letters: N batch, C channels, H W image, L line, kh kw kernel, OH OW output; (p, q) an output, (i, j) an
entry of its window, s stride, d dilation, pad the padding before.

Sources: LeCun, Bottou, Bengio & Haffner 1998, section II.A (means, there with a trained factor);
Scherer, Müller & Behnke 2010, "Evaluation of pooling operations" (maxima).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, in_float32
from scratchnet.ops._first_maxima import add_to_first_maxima, first_positions
from scratchnet.ops._lines import as_rows, of_lines
from scratchnet.ops._pooling_window import (
    Planes,
    blocks_of_planes,
    lowest,
    out_sizes,
    overlap,
    pooling_options,
    pooling_window,
)
from scratchnet.ops._window import Pair, Window, require_images
from scratchnet.ops._workspace import Workspace, run

__all__ = ["avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]


def max_pool2d(
    x: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Any, Pullback]:
    """Largest entry of each window (`avg_pool2d` takes the mean).

        y[n,c,p,q] = max_ij x[n, c, p·s + i·d − pad, q·s + j·d − pad]
        ∂L/∂x[n,c,h,w] = Σ dy[n,c,p,q] over the windows whose first maximum stands at (h, w)

    x: (N, C, H, W) → y: (N, C, OH, OW), OH = ⌊(H + 2·pad − dilation·(kh−1) − 1) / stride⌋ + 1, with
    ⌈ ⌉ in ceil_mode, where a window that would start in the right padding is dropped.
    stride: the kernel's size if None. With return_indices also the maximum's position h·W + w, int64,
    (N, C, OH, OW).

    Of equal entries in a window the first, row by row, takes the whole gradient. The first NaN of a
    window counts as its maximum. (Of several NaN torch takes the last.) Padding counts as −∞ and is at
    most half the kernel, so that every window sees some of x; only a dilated one may miss x altogether:
    y is −∞, its position −1.

    >>> max_pool2d(np.array([[[[1.0, 3.0, 2.0, 0.0]]]]), (1, 2))[0]
    array([[[[3., 2.]]]])
    """
    require_images("max_pool2d", x)
    window = pooling_window(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _reduce_windows(np.maximum, x, window, lowest(x.dtype))

    def pullback(dy: Any) -> tuple[Array]:
        dy = dy[0] if return_indices else dy
        dx = np.zeros(x.shape, x.dtype)

        def add(at: Planes, workspace: Workspace) -> None:
            add_to_first_maxima(dx[at], dy[at], x[at], y[at], window, workspace)

        if dy is not None:
            run(add, blocks_of_planes(x.shape, window, x.itemsize))
        return (dx,)

    return ((y, _positions(x, y, window)) if return_indices else y), pullback


def max_pool1d(
    x: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Any, Pullback]:
    """Largest entry of each window of a line: `max_pool2d` of an image of one row, which says the rest.

        y[n,c,q] = max_j x[n, c, q·s + j·d − pad]
        ∂L/∂x[n,c,w] = Σ dy[n,c,q] over the windows whose first maximum stands at w

    x: (N, C, L) → y: (N, C, OL); with return_indices also the maximum's position w, int64, (N, C, OL).

    >>> max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)[0]
    array([[[3., 2.]]])
    """
    rows, options = _of_one_row("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode)
    return of_lines(*max_pool2d(rows, *options, ceil_mode, return_indices))


def _positions(x: Array, y: Array, window: Window) -> Array:
    """Return where in its (H, W) plane each window's first maximum stands, as h·W + w; −1 if nowhere."""
    positions = np.empty(y.shape, np.int64)

    def fill(at: Planes, workspace: Workspace) -> None:
        positions[at] = first_positions(x[at], y[at], window, workspace)

    run(fill, blocks_of_planes(x.shape, window, x.itemsize))
    return positions


def avg_pool2d(
    x: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> tuple[Array, Pullback]:
    """Mean of each window (`max_pool2d` takes the largest entry).

        y[n,c,p,q] = (1/m[p,q]) Σ_ij x[n, c, p·s + i − pad, q·s + j − pad]
        ∂L/∂x[n,c,h,w] = Σ dy[n,c,p,q] / m[p,q] over the windows that hold (h, w)

    m counts the window's entries, those on the padding included if count_include_pad; what a window
    of ceil_mode overhangs beyond the padding is never counted. divisor_override replaces m.

    x: (N, C, H, W) → y: (N, C, OH, OW), of the size that `max_pool2d` has; of integers float32 (torch
    rounds to integers), of float16 summed in float32. stride: the kernel's size if None. padding:
    zeros, at most half the kernel.

    >>> avg_pool2d(np.array([[[[1.0, 3.0, 2.0, 0.0]]]]), (1, 2))[0]
    array([[[[2., 1.]]]])
    """
    x = as_float(x)
    require_images("avg_pool2d", x)
    if x.dtype == HALF:
        options = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        return in_float32(avg_pool2d, x, *options)
    window = pooling_window(x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None and not isinstance(divisor_override, int | np.integer):
        raise TypeError(f"divisor_override takes a whole number, got {divisor_override!r}")
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    m: Any = float(divisor_override) if divisor_override else _counts(window, count_include_pad)
    m = np.asarray(m, x.dtype)  # (OH, OW) or ()
    y = _reduce_windows(np.add, x, window, 0, m)
    shape = x.shape

    def pullback(dy: Array) -> tuple[Array]:
        dx = np.zeros(shape, dy.dtype)
        *inner, outer = reversed(_by_axis(window))  # the sums, transposed, in reverse

        def spread(at: Planes, workspace: Workspace) -> None:
            dy_planes = dy[at]
            share = np.divide(dy_planes, m, out=workspace("share", dy_planes.shape, dy.dtype))
            for part in inner:
                wider = workspace("wider", share.shape[:2] + part.image, dy.dtype)
                wider.fill(0)
                share = _spread_taps(wider, share, part)
            _spread_taps(dx[at], share, outer)

        run(spread, blocks_of_planes(shape, window, dx.itemsize))
        return (dx,)

    return y, pullback


def avg_pool1d(
    x: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """Mean of each window of a line: `avg_pool2d` of an image of one row, which says the rest.

        y[n,c,q] = (1/m[q]) Σ_j x[n, c, q·s + j − pad]
        ∂L/∂x[n,c,w] = Σ dy[n,c,q] / m[q] over the windows that hold w

    x: (N, C, L) → y: (N, C, OL).

    >>> avg_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)[0]
    array([[[2., 1.]]])
    """
    rows, options = _of_one_row("avg_pool1d", x, kernel_size, stride, padding, 1, ceil_mode)
    return of_lines(*avg_pool2d(rows, *options[:3], ceil_mode, count_include_pad))


def _counts(window: Window, count_include_pad: bool) -> Array:
    """Return how many entries each window counts, (OH, OW)."""
    per_axis = []
    for k, s, before, n, out in zip(
        window.kernel, window.stride, window.before, window.image, window.out, strict=True
    ):
        first = np.arange(out) * s - before
        low, high = (-before, n + before) if count_include_pad else (0, n)
        per_axis.append(np.minimum(first + k, high) - np.maximum(first, low))
    return np.multiply.outer(*per_axis)


def _by_axis(window: Window) -> tuple[Window, ...]:
    """Return two windows, one column wide and one row high, that together are this one.

    The first goes down the columns, where whole rows lie side by side in memory. A window that is one
    of them already is left as it is.
    """
    (kh, kw), (s_h, s_w), (d_h, d_w) = window.kernel, window.stride, window.dilation
    if kh == 1 or kw == 1:
        return (window,)
    (top, left), (height, width), (oh, ow) = window.before, window.image, window.out
    return (
        Window((kh, 1), (s_h, 1), (d_h, 1), (top, 0), (height, width), (oh, width)),
        Window((1, kw), (1, s_w), (1, d_w), (0, left), (oh, width), (oh, ow)),
    )


def _reduce_windows(
    combine: np.ufunc, x: Array, window: Window, start: Any, divisor: Array | None = None
) -> Array:
    """Return each window's maximum, or its sum over the divisor, (N, C, OH, OW); `start` is of nothing."""
    *first, last = _by_axis(window)
    y = np.empty(x.shape[:2] + window.out, x.dtype)

    def reduce(at: Planes, workspace: Workspace) -> None:
        x_planes, y_planes = x[at], y[at]
        for part in first:
            columns = workspace("columns", y_planes.shape[:2] + part.out, x.dtype)
            x_planes = _combine_taps(combine, columns, x_planes, part, start)
        _combine_taps(combine, y_planes, x_planes, last, start)
        if divisor is not None:
            y_planes /= divisor

    run(reduce, blocks_of_planes(x.shape, window, x.itemsize))
    return y


def _combine_taps(combine: np.ufunc, y: Array, x: Array, window: Window, start: Any) -> Array:
    """Write to y what the taps of a window see, combined, and return it."""
    everywhere = (..., slice(0, window.out[0]), slice(0, window.out[1]))
    taps = [(at_out, x[at_in]) for _, at_out, at_in in window.taps()]
    taps.sort(key=lambda tap: tap[0] != everywhere)  # first those that never see padding
    if len(taps) > 1 and taps[1][0] == everywhere:
        combine(taps[0][1], taps[1][1], out=y)  # saves two passes over y
        taps = taps[2:]
    else:
        y.fill(start)
    for at_out, seen in taps:
        combine(y[at_out], seen, out=y[at_out])
    return y


def _spread_taps(dx: Array, share: Array, window: Window) -> Array:
    """Add each window's share to all entries that it holds, and return dx, which comes as zeros."""
    may_add = overlap(window)
    for _, at_out, at_in in window.taps():
        if may_add:
            dx[at_in] += share[at_out]
        else:
            dx[at_in] = share[at_out]
    return dx


def _of_one_row(
    name: str,
    x: Array,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, tuple[Pair, Pair, Pair, Pair]]:
    """Check a pool of lines and return it as one of images of one row: x, and the first options."""
    rows = as_rows(name, x)
    kernel, step, before, gap = pooling_options(kernel_size, stride, padding, dilation, axes=1)
    out_sizes(x.shape, kernel, step, gap, before, ceil_mode)  # errors in one dimension
    return rows, ((1, *kernel), (1, *step), (0, *before), (1, *gap))
