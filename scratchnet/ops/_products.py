"""The three products of a convolution, which is linear in the image x and linear in the weight W.

    filter_windows(x, W) = y     y[n,f,p,q] = Σ_cij W[f,c,i,j] · x[n, c, p·s + i·d − top, q·s + j·d − left]
    spread_windows(y, W) = x     x[n,c,h,w] = Σ_fij W[f,c,i,j] · y[n,f,p,q]
                                 over p·s + i·d − top = h, q·s + j·d − left = w
    weight_sums(x, y) = W        W[f,c,i,j] = Σ_npq y[n,f,p,q] · x[n, c, p·s + i·d − top, q·s + j·d − left]

Each gives the gradients of the others, since ⟨filter(x, W), y⟩ = ⟨x, spread(y, W)⟩ = ⟨W, sums(x, y)⟩:
a convolution is `filter_windows` and its pullback the other two; a transposed convolution is
`spread_windows`, and its pullback the other two.

Gathered into columns (`_columns.py`), cols[n] = the windows of image n, (K, L), all three are matrix
products: y = W cols, dcols = Wᵀ y, which is then added back to where the columns came from, and
W = Σ_n y[n] cols[n]ᵀ. That is done in blocks, shared among threads: all columns at once would take about
kh·kw/s² times the memory of x. Three other ways take fewer multiplications or copies where they apply:
`_winograd.py` for kernels of 3×3, `_planes.py` for groups of few channels, `_fourier.py` for large kernels.

Letters: N batch (n of them in a block), C channels in, F filters, G groups, H W image, kh kw kernel,
OH OW output; (h, w) an entry of the image, (p, q) of the output, (i, j) a tap of the kernel, s stride,
d dilation, top and left the padding before; K = C/G·kh·kw the length of one window, L = OH·OW the
number of windows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from scratchnet.ops import _planes, _winograd
from scratchnet.ops._array import Array, Pullback
from scratchnet.ops._blocks import BLOCK_BYTES, SHARED_PRODUCTS, Block, cut
from scratchnet.ops._columns import (
    channels_last_pays,
    gather_rows,
    spread_rows,
    weights_in_order,
)
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace, run

Product = Callable[[Array, Array, Window, int], Array]

N_PARTS = 4  # of the batch, whose sums of weights are added at the end


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
    if m := _winograd.best_tile(x, weight.shape, window, groups):
        y = _winograd.filter_windows(x, weight, window, m)
        if y is not None:
            return y
    N, (OH, OW) = len(x), window.out
    last = channels_last_pays(weight.shape, window, groups, N)
    w = weights_in_order(weight, groups, last)  # (G, F/G, K)
    _, filters, K = w.shape
    y = np.empty((N, groups, filters, OH, OW), x.dtype)

    def work(part: tuple[Block, slice], workspace: Workspace) -> None:
        (images, rows), of_filters = part
        cols = gather_rows(x, images, rows, window, groups, last, workspace)
        out = y[images, :, of_filters, rows]  # one image or all rows: so this reshape makes no copy
        # (G, f, K) @ (n, G, K, L) -> (n, G, f, L)
        np.matmul(w[:, of_filters], cols, out=out.reshape(*out.shape[:3], cols.shape[3]))

    products = y.size * K
    blocks = cut(N, OH, OW * groups * K * x.itemsize, products, weight.nbytes)
    halves = [slice(0, filters)]
    if _is_mostly_weights(weight.nbytes, x.itemsize * N * groups * K * OH * OW, products):
        blocks, halves = [Block(slice(0, N), slice(0, OH))], _halves(filters)
    parts = [(block, half) for block in blocks for half in halves]
    run(work, parts)
    return y.reshape(N, len(weight), OH, OW)


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array:
    """x = the columns Wᵀ y, added up.   y: (N, F, OH, OW) · weight: (F, C/G, kh, kw) → x: (N, C, H, W)"""
    # On planes an infinite weight would also meet the zeros around and between the entries of y.
    if _planes.spreading_pays(weight.shape, window, groups) and np.isfinite(weight).all():
        return _planes.spread_windows(y, weight, window, groups)
    if m := _winograd.best_tile(y, weight.shape, window, groups):
        x = _winograd.spread_windows(y, weight, window, m)
        if x is not None:
            return x
    (N, _, OH, OW), C = y.shape, groups * weight.shape[1]
    # With few channels the single additions of a tap would be as short.
    last = C >= 16 and channels_last_pays(weight.shape, window, groups, N)
    x = np.zeros((N, C, *window.image), y.dtype)
    # Windows of one image overlap, so threads do not share it by rows, but by channels.
    is_shared = N == groups == 1 and C > 1 and y.size * weight[0].size > SHARED_PRODUCTS
    halves = _halves(C) if is_shared else [slice(0, C)]
    # With many groups there is one part, all channels of all groups.
    ws = [weights_in_order(weight[:, h] if is_shared else weight, groups, last) for h in halves]
    row_bytes = OW * groups * ws[0].shape[2] * y.itemsize  # of columns
    n = min(max(1, BLOCK_BYTES // max(1, OH * row_bytes)), max(1, -(-N // 2)))
    step = max(1, BLOCK_BYTES // max(1, n * row_bytes))

    def work(part: tuple[slice, int], workspace: Workspace) -> None:
        images, h = part
        spread_rows(y[images], ws[h], window, step, last, x[images, halves[h]], workspace)

    images = [slice(i, min(i + n, N)) for i in range(0, N, n)]
    run(work, [(part, h) for part in images for h in range(len(halves))])
    return x


def weight_sums(x: Array, y: Array, window: Window, groups: int) -> Array:
    """W = Σ_n y[n] cols[n]ᵀ.   x: (N, C, H, W) · y: (N, F, OH, OW) → W: (F, C/G, kh, kw)"""
    (N, F, OH, OW), C = y.shape, x.shape[1]
    shape = F, C // groups, *window.kernel
    if _planes.summing_pays(shape, window, groups):
        w = _planes.weight_sums(x, y, window, groups)
        if np.isfinite(w).all():
            return w  # else it is summed again, without what stands between the rows of a run
    if m := _winograd.best_tile(x, shape, window, groups):
        sums = _winograd.weight_sums(x, y, window, m)
        if sums is not None:
            return sums
    last = channels_last_pays(shape, window, groups, N)
    filters, K = F // groups, prod(shape[1:])
    by_group = y.reshape(N, groups, filters, OH, OW)
    w_bytes, products = F * K * x.itemsize, y.size * K
    if products == 0:
        return np.zeros(shape, x.dtype)
    blocks = cut(N, OH, OW * groups * K * x.itemsize, products, w_bytes)
    halves = [slice(0, filters)]
    if _is_mostly_weights(w_bytes, x.itemsize * N * groups * K * OH * OW, products):
        blocks, halves = [Block(slice(0, N), slice(0, OH))], _halves(filters)
    n_parts = min(N_PARTS, len(blocks))
    parts = np.empty((n_parts, groups, filters, K), x.dtype)

    def work(part: tuple[int, slice], workspace: Workspace) -> None:
        i, of_filters = part
        out = parts[i, :, of_filters]
        first = i * len(blocks) // n_parts
        for b in range(first, (i + 1) * len(blocks) // n_parts):
            images, rows = blocks[b]
            cols = gather_rows(x, images, rows, window, groups, last, workspace)
            n, _, _, L = cols.shape
            dy = by_group[images, :, of_filters, rows].transpose(1, 2, 0, 3, 4)
            # The windows of n images side by side are one long contraction.
            dy = dy.reshape(groups, -1, n * L)
            cols = cols.transpose(1, 2, 0, 3).reshape(groups, K, n * L).swapaxes(1, 2)
            if b == first:
                np.matmul(dy, cols, out=out)  # (G, f, n·L) @ (G, n·L, K) -> (G, f, K)
            else:
                out += np.matmul(dy, cols, out=workspace("product", out.shape, x.dtype))

    run(work, [(i, half) for i in range(n_parts) for half in halves])
    w = parts.sum(axis=0)  # (G, F/G, K)
    if last:
        w = np.ascontiguousarray(w.reshape(F, *window.kernel, C).transpose(0, 3, 1, 2))
    return w.reshape(shape)


def _is_mostly_weights(weight_bytes: int, column_bytes: int, products: int) -> bool:
    """Whether it pays that each thread gathers all windows and reads or writes half of the weights."""
    return products > SHARED_PRODUCTS and weight_bytes > max(BLOCK_BYTES, column_bytes)


def _halves(n: int) -> list[slice]:
    middle = -(-n // 2)
    return [slice(0, middle), slice(middle, n)]
