"""The three products of a convolution, which is linear in the image x and linear in the weight W.

    filter_windows(x, W) = y     y[n,f,p,q] = Σ_cij W[f,c,i,j] · x[n, c, p·s + i·d − top, q·s + j·d − left]
    spread_windows(y, W) = x     x[n,c,h,w] = Σ_fij W[f,c,i,j] · y[n,f,p,q]
                                 over p·s + i·d − top = h, q·s + j·d − left = w
    weight_sums(x, y) = W        W[f,c,i,j] = Σ_npq y[n,f,p,q] · x[n, c, p·s + i·d − top, q·s + j·d − left]

Each gives the gradients of the others, since ⟨filter(x, W), y⟩ = ⟨x, spread(y, W)⟩ = ⟨W, sums(x, y)⟩:
a convolution is `filter_windows` and its pullback the other two; a transposed convolution is
`spread_windows`, and its pullback the other two.

Gathered into columns, cols[n] = the windows of image n, (K, L), all three are matrix products:
y = W cols, dcols = Wᵀ y, which is then added back to where the columns came from, and W = Σ_n y colsᵀ.
Columns are gathered for a few images at a time: all at once, they would take about kh·kw/s² times the
memory of x. Groups of few channels take the way of `_planes.py`, which copies less.

Letters: N batch (n of them in a block), C channels in, F filters, G groups, H W image, kh kw kernel,
OH OW output; (h, w) an entry of the image, (p, q) of the output, (i, j) a tap of the kernel, s stride,
d dilation, top and left the padding before; K = C/G·kh·kw the length of one window, L = OH·OW the
number of windows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from scratchnet.ops import _planes
from scratchnet.ops._array import Array, Pullback
from scratchnet.ops._columns import blocks_of, buffer_for, gather, scatter
from scratchnet.ops._window import Window

Product = Callable[[Array, Array, Window, int], Array]

BLOCK_BYTES = 1 << 20  # windows gathered at a time: about the second-level cache of one core


def convolve(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    needs: tuple[bool, ...],
    transposed: bool = False,
) -> tuple[Array, Pullback]:
    """Return y = W ∗ x + b and its pullback; a line goes through as an image of one row.

    transposed: with x and y exchanged; the window is then that of the convolution from y to x.
    """
    need_x, need_weight, need_bias = (*needs, False)[:3]  # without a bias, needs has two entries
    x_shape, w_shape, has_bias = x.shape, weight.shape, bias is not None
    x_size, y_size = (window.out, window.image) if transposed else (window.image, window.out)
    there: Product = spread_windows if transposed else filter_windows
    back: Product = filter_windows if transposed else spread_windows
    images = x.reshape(*x_shape[:2], *x_size)
    w = weight.reshape(*w_shape[:2], *window.kernel)
    y = there(images, w, window, groups)  # (N, F, OH, OW)
    if bias is not None:
        y += bias[:, None, None]
    y_shape = y.shape
    kept_x = images if need_weight else None
    kept_w = w if need_x else None

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy = dy.reshape(y_shape)
        dx: Array | None = None
        dw: Array | None = None
        if kept_x is not None:
            wide, narrow = (dy, kept_x) if transposed else (kept_x, dy)
            dw = weight_sums(wide, narrow, window, groups).reshape(w_shape)
        if kept_w is not None:
            dx = back(dy, kept_w, window, groups).reshape(x_shape)
        if not has_bias:
            return dx, dw
        return dx, dw, dy.sum(axis=(0, 2, 3)) if need_bias else None

    axes = x.ndim - 2
    return y.reshape(*y_shape[:2], *y_size[-axes:]), pullback


def filter_windows(x: Array, weight: Array, window: Window, groups: int) -> Array:
    """y = W cols.   x: (N, C, H, W) · weight: (F, C/G, kh, kw) → y: (N, F, OH, OW)"""
    if _planes.filtering_pays(weight.shape, window, groups):
        return _planes.filter_windows(x, weight, window, groups)
    w = weight.reshape(groups, weight.shape[0] // groups, weight[0].size)  # (G, F/G, K)
    y = np.empty((len(x), *w.shape[:2], prod(window.out)), x.dtype)  # (N, G, F/G, L)
    blocks = blocks_of(x.shape, x.dtype, window, BLOCK_BYTES)
    buffer = buffer_for(blocks, x.shape[1], x.dtype, window)
    for images in blocks:
        cols = gather(x[images], window, buffer)
        cols = cols.reshape(len(cols), groups, w.shape[2], y.shape[3])
        np.matmul(w, cols, out=y[images])  # (G, F/G, K) @ (n, G, K, L) -> (n, G, F/G, L)
    return y.reshape(len(x), len(weight), *window.out)


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array:
    """x = the columns Wᵀ y, added up.   y: (N, F, OH, OW) · weight: (F, C/G, kh, kw) → x: (N, C, H, W)"""
    # On planes an infinite weight would also meet the zeros around and between the entries of y.
    if _planes.spreading_pays(weight.shape, window, groups) and np.isfinite(weight).all():
        return _planes.spread_windows(y, weight, window, groups)
    w = weight.reshape(groups, weight.shape[0] // groups, weight[0].size)  # (G, F/G, K)
    y = y.reshape(len(y), *w.shape[:2], prod(window.out))  # (N, G, F/G, L)
    x = np.zeros((len(y), groups * weight.shape[1], *window.image), y.dtype)
    transposed = w.swapaxes(-1, -2)  # (G, K, F/G)
    for images in blocks_of(x.shape, y.dtype, window, BLOCK_BYTES):
        cols = transposed @ y[images]  # (G, K, F/G) @ (n, G, F/G, L) -> (n, G, K, L)
        scatter(cols, window, x[images])
    return x


def weight_sums(x: Array, y: Array, window: Window, groups: int) -> Array:
    """W = Σ_n y[n] cols[n]ᵀ.   x: (N, C, H, W) · y: (N, F, OH, OW) → W: (F, C/G, kh, kw)"""
    shape = y.shape[1], x.shape[1] // groups, *window.kernel
    if _planes.summing_pays(shape, window, groups):
        w = _planes.weight_sums(x, y, window, groups)
        if np.isfinite(w).all():
            return w  # else it is summed again, without what stands between the rows of a run
    y = y.reshape(len(y), groups, shape[0] // groups, prod(window.out))  # (N, G, F/G, L)
    _, _, filters, length = y.shape
    w = np.zeros((groups, filters, prod(shape[1:])), y.dtype)  # (G, F/G, K)
    # Adding to w costs a pass over it for each block: so a block is at least as large as w.
    blocks = blocks_of(x.shape, y.dtype, window, max(BLOCK_BYTES, w.nbytes))
    buffer = buffer_for(blocks, x.shape[1], y.dtype, window, images_inside=True)
    for images in blocks:
        cols = gather(x[images], window, buffer)
        n = len(cols)  # the windows of n images side by side: one long contraction
        cols = cols.transpose(1, 2, 3, 0, 4, 5).reshape(groups, w.shape[2], n * length)
        left = y[images].transpose(1, 2, 0, 3).reshape(groups, filters, n * length)
        w += left @ cols.swapaxes(-1, -2)  # (G, F/G, n·L) @ (G, n·L, K) -> (G, F/G, K)
    return w.reshape(shape)
