"""Convolution in two dimensions, as neural networks mean it: a kernel slides over the image unflipped.

Letters: N batch, C channels in, F filters (channels out), G groups, H W image, kh kw kernel, OH OW
output; (p, q) an output, (i, j) a tap of the kernel, s stride, d dilation, top and left the padding
before; K = C/G·kh·kw the length of one window (over c, i, j), L = OH·OW the number of windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, require_same_dtype, shapes_of
from scratchnet.ops._window import Pair, Window, pair, require_images

__all__ = ["conv2d"]

Padding = str | int | Sequence[int] | Sequence[Sequence[int]]

BLOCK_BYTES = 1 << 20  # windows gathered at a time: about the second-level cache of one core


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[Array, Pullback]:
    """Slide F filters over an image; each output is the product of a filter with the window under it.

        y[n,f,p,q] = b[f] + Σ_cij W[f,c,i,j] · x[n, c, p·s + i·d − top, q·s + j·d − left]
        ∂L/∂W[f,c,i,j] = Σ_npq dy[n,f,p,q] · x[n, c, p·s + i·d − top, q·s + j·d − left]
        ∂L/∂x[n,c,h,w] = Σ_fij W[f,c,i,j] · dy[n,f,p,q]   over p·s + i·d − top = h, q·s + j·d − left = w
        ∂L/∂b[f] = Σ_npq dy[n,f,p,q]

    Gathered into columns, cols[n] = the windows of image n, (K, L), all three are matrix products:
    y = W cols, dW = Σ_n dy[n] cols[n]ᵀ, and dcols = Wᵀ dy, which is then added back to where the
    columns were gathered from. Columns are gathered for a few images at a time, and again in the
    pullback: kept, they would take about kh·kw/s² times the memory of x, while copying them again
    costs little beside the product.

    x: (N, C, H, W) · weight: (F, C/G, kh, kw) · bias: (F,) → y: (N, F, OH, OW),
    OH = ⌊(H + top + bottom − dilation·(kh−1) − 1) / stride⌋ + 1.
    padding: an int, (rows, columns), ((top, bottom), (left, right)), "valid" (none) or "same" (stride
    1 only: OH = H; of an odd total the extra one goes to the bottom and right). Padding is zeros.
    groups: filters and channels are split into G groups, and the filters of a group see only the
    channels of that group (c counts within it).

    >>> conv2d(np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[1.0, 10.0]]]]))[0]
    array([[[[21., 42.]]]])
    """
    window = _window_of(x, weight, bias, stride, padding, dilation, groups)
    need_x, need_weight, need_bias = (*needs, False)[:3]  # without a bias, needs has two entries
    x_shape, w_shape, has_bias = x.shape, weight.shape, bias is not None
    w = weight.reshape(groups, w_shape[0] // groups, weight[0].size)  # (G, F/G, K)
    y_shape = (x_shape[0], *w.shape[:2], prod(window.out))  # (N, G, F/G, L)

    y = np.empty(y_shape, x.dtype)
    blocks = _blocks(x_shape, x.dtype, window, BLOCK_BYTES)
    buffer = _buffer(blocks, x_shape[1], x.dtype, window)
    for images in blocks:
        cols = _gather(x[images], window, buffer)
        cols = cols.reshape(len(cols), groups, w.shape[2], y_shape[3])
        np.matmul(w, cols, out=y[images])  # (G, F/G, K) @ (n, G, K, L) -> (n, G, F/G, L)
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    kept_x = x if need_weight else None
    kept_w = w if need_x else None

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy = dy.reshape(y_shape)  # (N, G, F/G, L)
        dx: Array | None = None
        dw: Array | None = None
        if kept_x is not None:
            _, g_filters, length = y_shape[1:]
            dw = np.zeros((groups, g_filters, prod(w_shape[1:])), dy.dtype)
            # A block is at least as large as what its product is added to.
            blocks = _blocks(x_shape, dy.dtype, window, max(BLOCK_BYTES, dw.nbytes))
            buffer = _buffer(blocks, x_shape[1], dy.dtype, window, images_last=True)
            for images in blocks:
                cols = _gather(kept_x[images], window, buffer)
                n = len(cols)  # the windows of n images side by side: one long contraction
                cols = cols.transpose(1, 2, 3, 0, 4, 5).reshape(groups, dw.shape[2], n * length)
                left = dy[images].transpose(1, 2, 0, 3).reshape(groups, g_filters, n * length)
                dw += left @ cols.swapaxes(-1, -2)  # (G, F/G, n·L) @ (G, n·L, K) -> (G, F/G, K)
            dw = dw.reshape(w_shape)
        if kept_w is not None:
            dx = np.zeros(x_shape, dy.dtype)
            transposed = kept_w.swapaxes(-1, -2)  # (G, K, F/G)
            for images in _blocks(x_shape, dy.dtype, window, BLOCK_BYTES):
                dcols = transposed @ dy[images]  # (G, K, F/G) @ (n, G, F/G, L) -> (n, G, K, L)
                _scatter(dcols, window, dx[images])
        if not has_bias:
            return dx, dw
        return dx, dw, dy.sum(axis=(0, 3)).ravel() if need_bias else None

    return y.reshape(x_shape[0], w_shape[0], *window.out), pullback


def _blocks(
    x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window, block_bytes: int
) -> list[slice]:
    """Return slices over the images: as many at a time as have columns of block_bytes, at least one."""
    per_image = prod((x_shape[1], *window.kernel, *window.out)) * dtype.itemsize
    length = max(1, block_bytes // max(1, per_image))
    return [slice(i, min(i + length, x_shape[0])) for i in range(0, x_shape[0], length)]


def _buffer(
    blocks: list[slice],
    channels: int,
    dtype: np.dtype[Any],
    window: Window,
    images_last: bool = False,
) -> Array:
    """Return a buffer (n, C, kh, kw, OH, OW) for the columns of one block.

    It starts as zeros, which are the padding: a tap writes the same places in every block, and what
    no tap writes stays 0. images_last: lay it out in memory as (C, kh, kw, n, OH, OW).
    """
    # The first block is the longest. A window of one entry needs none: x is its own columns.
    n = blocks[0].stop if blocks and not window.is_each_entry else 0
    if images_last:
        return np.moveaxis(np.zeros((channels, *window.kernel, n, *window.out), dtype), 3, 0)
    return np.zeros((n, channels, *window.kernel, *window.out), dtype)


def _gather(x: Array, window: Window, buffer: Array) -> Array:
    """Return the windows of n images as columns (n, C, kh, kw, OH, OW), copied tap by tap."""
    if window.is_each_entry:
        return x.reshape(*x.shape[:2], 1, 1, *window.out)
    cols = buffer[: len(x)]
    for (i, j), at_out, at_in in window.taps():
        cols[:, :, i, j][at_out] = x[at_in]
    return cols


def _scatter(cols: Array, window: Window, dx: Array) -> None:
    """Add columns to the entries that they were gathered from: the transposed map of `_gather`."""
    cols = cols.reshape(*dx.shape[:2], *window.kernel, *window.out)
    for (i, j), at_out, at_in in window.taps():
        dx[at_in] += cols[:, :, i, j][at_out]


def _window_of(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Window:
    """Check the arguments of a convolution and return its sliding window."""
    require_same_dtype("conv2d", x=x, weight=weight, bias=bias)
    require_images("conv2d", x)
    shapes = shapes_of(x=x, weight=weight, bias=bias)
    if weight.ndim != 4 or 0 in (weight.shape[0], *weight.shape[2:]):
        raise ValueError(
            f"weight takes the shape (F, C/groups, kh, kw) with at least one filter and tap: {shapes}"
        )
    if not isinstance(groups, int | np.integer) or groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"groups={groups} does not divide the {weight.shape[0]} filters: {shapes}")
    if x.shape[1] != weight.shape[1] * groups:
        times = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"weight expects {weight.shape[1]} input channels{times}, x has {x.shape[1]}: {shapes}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias takes one entry for each of {weight.shape[0]} filters: {shapes}")
    kernel = weight.shape[2], weight.shape[3]
    strides, gaps = pair("stride", stride, 1), pair("dilation", dilation, 1)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, gaps, strict=True)]
    (top, bottom), (left, right) = _padding_of(padding, extent, strides)
    padded = x.shape[2] + top + bottom, x.shape[3] + left + right
    if extent[0] > padded[0] or extent[1] > padded[1]:
        raise ValueError(
            f"the kernel extends over {tuple(extent)}, the padded x has {padded}: {shapes}"
        )
    out = tuple((n - e) // s + 1 for n, e, s in zip(padded, extent, strides, strict=True))
    return Window(kernel, strides, gaps, (top, left), (x.shape[2], x.shape[3]), (out[0], out[1]))


def _padding_of(
    padding: Padding, extent: list[int], stride: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return ((top, bottom), (left, right)) for any way to write the padding."""
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0), (0, 0)]
        if padding != "same":
            raise ValueError(f"padding takes 'same', 'valid' or numbers, got {padding!r}")
        if stride != (1, 1):
            raise ValueError(f"padding='same' needs stride 1, got {stride}")
        # The total is dilation·(k−1); where it is odd, the extra one goes to the bottom and right.
        return [((e - 1) // 2, e - 1 - (e - 1) // 2) for e in extent]
    sides: tuple[Any, ...] = tuple(padding) if isinstance(padding, Iterable) else (padding, padding)
    if len(sides) != 2:
        raise ValueError(
            f"padding takes an int, a pair or ((top, bottom), (left, right)), got {padding!r}"
        )
    return [pair("padding", side, 0) for side in sides]
