"""The three products of a convolution by columns: the way that works for every kernel.

    filter_windows(x, W) = y     y[n,f,p,q] = Σ_cij W[f,c,i,j] · x[n, c, p·s + i·d − top, q·s + j·d − left]
    spread_windows(y, W) = x     x[n,c,h,w] = Σ_fij W[f,c,i,j] · y[n,f,p,q]
                                 over p·s + i·d − top = h, q·s + j·d − left = w
    weight_sums(x, y) = W        W[f,c,i,j] = Σ_npq y[n,f,p,q] · x[n, c, p·s + i·d − top, q·s + j·d − left]

Gathered into columns (`_columns.py`), cols[n] = the windows of image n, (K, L), all three are matrix
products: y = W cols, dcols = Wᵀ y, which is then added back to where the columns came from, and
W = Σ_n y[n] cols[n]ᵀ. That is done in blocks, shared among threads: all columns at once would take about
kh·kw/s² times the memory of x. `convolution.py` says what the three are for, and when another way is taken.

Letters: N batch (n of them in a block), C channels in, F filters, G groups, H W image, kh kw kernel,
OH OW output; (h, w) an entry of the image, (p, q) of the output, (i, j) a tap of the kernel, s stride,
d dilation, top and left the padding before; K = C/G·kh·kw the length of one window, L = OH·OW the
number of windows.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._blocks import BLOCK_BYTES, SHARED_PRODUCTS, Block, cut
from scratchnet.ops._columns import (
    channels_last_pays,
    gather_rows,
    spread_rows,
    weights_in_order,
)
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace, run

N_PARTS = 4  # of the batch, whose sums of weights are added at the end


def filter_windows(x: Array, weight: Array, window: Window, groups: int) -> Array:
    """y = W cols.   x: (N, C, H, W) · weight: (F, C/G, kh, kw) → y: (N, F, OH, OW)"""
    N, (OH, OW) = len(x), window.out
    last = channels_last_pays(weight.shape, window, groups, N)
    w = weights_in_order(weight, groups, last)  # (G, F/G, K)
    _, filters, K = w.shape
    y = np.empty((N, groups, filters, OH, OW), x.dtype)

    def work(part: tuple[Block, slice], workspace: Workspace) -> None:
        (images, rows), of_filters = part
        cols = gather_rows(x, images, rows, window, groups, last, workspace)
        out = y[images, :, of_filters, rows]  # whole rows: so this reshape makes no copy
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
    is_little = (
        y.size * weight[0].size <= SHARED_PRODUCTS and N * OH * row_bytes <= BLOCK_BYTES // 4
    )
    most = max(1, N if is_little else -(-N // 2))  # else two threads have work
    n = min(max(1, BLOCK_BYTES // max(1, OH * row_bytes)), most)
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
    with np.errstate(all="ignore"):  # as within `run`: what overflows shows in the result
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
