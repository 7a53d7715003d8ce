"""Where the maxima of a pool's windows stand: the taps that see them first.

Of equal entries the first, row by row, is the window's maximum; taps are gone through in that order.

Letters: N batch, C channels, OH OW output; kh kw kernel, K = kh·kw taps, s stride, d dilation, pad the
padding before; (p, q) an output, (i, j) a tap.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._pooling_window import overlap
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace

__all__ = ["add_to_first_maxima", "first_positions", "first_taps", "first_taps_dealt"]


def add_to_first_maxima(
    dx: Array, dy: Array, x: Array, y: Array, window: Window, workspace: Workspace
) -> None:
    """Add each window's gradient to where its first maximum stands. dx: without gaps in memory."""
    n, c, height, width = dx.shape
    positions = first_positions(x, y, window, workspace)
    planes = np.arange(0, dx.size, height * width).reshape(n, c, 1, 1)  # where each begins
    if window.dilation != (1, 1):  # a window may have stepped over x
        found = positions >= 0
        at, dy = (positions + planes)[found], dy[found]
    else:
        positions += planes
        at, dy = positions.ravel(), dy.ravel()
    if overlap(window):
        np.add.at(dx.reshape(-1), at, dy)
    else:  # no entry is there twice
        dx.reshape(-1)[at] = dy


def first_positions(x: Array, y: Array, window: Window, workspace: Workspace) -> Array:
    """Return where in its plane each window's first maximum stands, h·W + w; −1 if nowhere.

    y: the maxima, (N, C, OH, OW), as the result.
    """
    (kh, kw), (s_h, s_w), (d_h, d_w) = window.kernel, window.stride, window.dilation
    (top, left), (_, width), (oh, ow) = window.before, window.image, window.out
    starts = np.add.outer((np.arange(oh) * s_h - top) * width, np.arange(ow) * s_w - left)
    steps = np.add.outer(np.arange(kh) * (d_h * width), np.arange(kw) * d_w).ravel()  # (K,)
    if y.dtype.kind == "f" and y.min(initial=np.inf) > -np.inf:
        taps = first_taps_dealt(x, y, window, workspace)
    else:  # NaN equals nothing, and −∞ could be padding
        taps = first_taps(x, y, window)
    positions: Array = steps.take(taps, mode="clip")
    positions += starts
    if window.dilation != (1, 1):
        positions[taps == kh * kw] = -1
    return positions


def first_taps(x: Array, y: Array, window: Window) -> Array:
    """Return for each window how many taps come before the first that sees its maximum; K if none does.

    The first NaN of a window counts as its maximum.
    """
    taps = np.zeros(y.shape, np.min_scalar_type(window.kernel[0] * window.kernel[1]))
    waiting = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
    for _, at_out, at_in in window.taps():
        seen = x[at_in]
        waiting[at_out] &= (seen != y[at_out]) & (seen == seen)  # NaN is unequal to itself
        taps += waiting
    return taps


def first_taps_dealt(x: Array, y: Array, window: Window, workspace: Workspace) -> Array:
    """Return what `first_taps` does, without strides, several times as fast; y neither NaN nor −∞.

    The entries of the padded planes are dealt out by their place in the stride,

        phase[a, b][p, q] = x[p·s + a − pad, q·s + b − pad],     0 ≤ a, b < s

    so that tap (i, j) of window (p, q) sees entry (p + ⌊i·d/s⌋, q + ⌊j·d/s⌋) of phase (i·d mod s, j·d
    mod s). y is laid out as wide as the phases. Then what all windows of all planes see through one tap
    is one slice of a phase, ⌊i·d/s⌋·width + ⌊j·d/s⌋ entries behind its beginning. The entries of y at
    the ends of rows and planes are no windows; what comes out there is dropped.
    """
    kernel, stride, dilation = window.kernel, window.stride, window.dilation
    rows, columns = (
        [divmod(i * d, s) for i in range(k)]
        for k, s, d in zip(kernel, stride, dilation, strict=True)
    )
    n, c, oh, ow = y.shape
    height, width = oh + rows[-1][0], ow + columns[-1][0]
    used = 1 + max(a for _, a in rows), 1 + max(b for _, b in columns)
    size, beyond = n * c * height * width, rows[-1][0] * width + columns[-1][0]

    phases = workspace("phases", (*used, size + beyond), x.dtype)
    phases.fill(np.nan)  # the padding: it equals no maximum
    planes = phases[:, :, :size].reshape(*used, n, c, height, width)
    deal = Window(used, stride, (1, 1), window.before, window.image, (height, width))
    for phase, at_phase, at_x in deal.taps():
        planes[phase][at_phase] = x[at_x]
    maxima = workspace("maxima", (n, c, height, width), y.dtype)
    maxima[:, :, :oh, :ow] = y
    maxima = maxima.reshape(-1)

    differs, waiting = (workspace(name, (size,), np.dtype(bool)) for name in ("differs", "waiting"))
    taps = workspace("taps", (size,), np.min_scalar_type(kernel[0] * kernel[1]))
    taps.fill(0)
    waiting.fill(True)
    seen = [phases[a, b, i * width + j :][:size] for i, a in rows for j, b in columns]
    for entries in seen[:-1]:  # what has not been met before the last tap is seen there
        np.not_equal(entries, maxima, out=differs)
        np.logical_and(waiting, differs, out=waiting)
        np.add(taps, waiting.view(np.uint8), out=taps)
    return taps.reshape(n, c, height, width)[:, :, :oh, :ow]
