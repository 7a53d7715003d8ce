"""Pooling: each channel's windows are reduced to one number, their maximum or their mean.

Letters: N batch, C channels, H W image, kh kw kernel, OH OW output; (p, q) an output, (i, j) an entry
of its window, s stride, d dilation, pad the padding before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, masked
from scratchnet.ops._window import Pair, Window, pair, require_images

__all__ = ["avg_pool2d", "max_pool2d"]


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
    window counts as its maximum. Padding counts as −∞ and is at most half the kernel, so that every
    window sees some of x; only a dilated one may miss x altogether: y is −∞, its position −1.

    >>> max_pool2d(np.array([[[[1.0, 3.0, 2.0, 0.0]]]]), (1, 2))[0]
    array([[[[3., 2.]]]])
    """
    require_images("max_pool2d", x)
    window = _window_of(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = np.full(x.shape[:2] + window.out, _lowest(x.dtype), x.dtype)
    for _, at_out, at_in in window.taps():
        np.maximum(y[at_out], x[at_in], out=y[at_out])

    def pullback(dy: Any) -> tuple[Array]:
        dy = dy[0] if return_indices else dy
        dx = np.zeros(x.shape, y.dtype)
        if dy is not None:
            waiting = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
            for _, at_out, at_in in window.taps():
                hit = _is_maximum(x[at_in], y[at_out]) & waiting[at_out]
                waiting[at_out] ^= hit
                dx[at_in] += masked(dy[at_out], hit)
        return (dx,)

    return ((y, _positions(x, y, window)) if return_indices else y), pullback


def _lowest(dtype: np.dtype[Any]) -> Any:
    """Return what no entry is below: the padding under a maximum."""
    if dtype.kind not in "fiu":
        raise TypeError(f"max_pool2d takes real numbers, got dtype {dtype}")
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _is_maximum(x: Array, y: Array) -> Array:
    """Return where x is the maximum y of a window that holds it. NaN, unequal to itself, always is."""
    return (x == y) | (x != x)


def _positions(x: Array, y: Array, window: Window) -> Array:
    """Return where in its (H, W) plane each window's first maximum stands, as h·W + w."""
    plane = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:])
    positions = np.full(y.shape, -1)
    for _, at_out, at_in in window.taps():
        hit = _is_maximum(x[at_in], y[at_out]) & (positions[at_out] < 0)
        np.copyto(positions[at_out], plane[at_in], where=hit)
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

    x: (N, C, H, W) → y: (N, C, OH, OW), of the size that `max_pool2d` has. stride: the kernel's size
    if None. padding: zeros, at most half the kernel.

    >>> avg_pool2d(np.array([[[[1.0, 3.0, 2.0, 0.0]]]]), (1, 2))[0]
    array([[[[2., 1.]]]])
    """
    x = as_float(x)
    require_images("avg_pool2d", x)
    window = _window_of(x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    m: Any = float(divisor_override) if divisor_override else _counts(window, count_include_pad)
    m = np.asarray(m, x.dtype)  # (OH, OW) or ()
    y = np.zeros(x.shape[:2] + window.out, x.dtype)
    for _, at_out, at_in in window.taps():
        y[at_out] += x[at_in]
    y /= m
    shape = x.shape

    def pullback(dy: Array) -> tuple[Array]:
        share = dy / m
        dx = np.zeros(shape, share.dtype)
        for _, at_out, at_in in window.taps():
            dx[at_in] += share[at_out]
        return (dx,)

    return y, pullback


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


def _window_of(
    x: Array, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Window:
    """Check the arguments of a pool and return its sliding window."""
    kernel = pair("kernel_size", kernel_size, 1)
    step = kernel if stride is None else pair("stride", stride, 1)
    gap, before = pair("dilation", dilation, 1), pair("padding", padding, 0)
    if before[0] > kernel[0] // 2 or before[1] > kernel[1] // 2:
        raise ValueError(f"padding {before} must be at most half of kernel_size {kernel}")
    out = []
    for n, k, s, d, p in zip(x.shape[2:], kernel, step, gap, before, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        windows = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (windows - 1) * s >= n + p:
            windows -= 1  # the last one would start in the right padding: it is dropped
        if windows < 1:
            raise ValueError(
                f"the window is larger than the padded x: kernel_size {kernel}, dilation {gap}, "
                f"padding {before}, x {x.shape}"
            )
        out.append(windows)
    return Window(kernel, step, gap, before, (x.shape[2], x.shape[3]), (out[0], out[1]))
