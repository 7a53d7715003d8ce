"""Convolution in two dimensions, as neural networks mean it: a kernel slides over the image unflipped.

Letters: N batch, C channels in, F filters (channels out), G groups, H W image, kh kw kernel,
OH OW output, K = C/G·kh·kw the length of one window, L = OH·OW the number of windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, require_same_dtype
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
    columns were gathered from. Columns are gathered for a few images at a time and again in the
    pullback: kept, they would take kh·kw times the room of x.

    x: (N, C, H, W) · weight: (F, C/G, kh, kw) · bias: (F,) → y: (N, F, OH, OW),
    OH = ⌊(H + top + bottom − dilation·(kh−1) − 1) / stride⌋ + 1.
    padding: an int, (rows, columns), ((top, bottom), (left, right)), "valid" (none) or "same" (stride
    1 only: OH = H; of an odd total the extra one goes to the bottom and right). Padding is zeros.
    groups: filters and channels are dealt into G shares, and each share of the filters sees only its
    own share of the channels (c counts within it).

    >>> conv2d(np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[1.0, 10.0]]]]))[0]
    array([[[[21., 42.]]]])
    """
    window = _window_of(x, weight, bias, stride, padding, dilation, groups)
    need_x, need_weight, need_bias = (*needs, False)[:3]
    n_filters, x_shape, w_shape, has_bias = weight.shape[0], x.shape, weight.shape, bias is not None
    w = weight.reshape(groups, n_filters // groups, weight[0].size)  # (G, F/G, K)

    y = np.empty((len(x), *w.shape[:2], window.out[0] * window.out[1]), x.dtype)  # (N, G, F/G, L)
    cols = _empty_columns(x.shape, x.dtype, window)
    for images in _blocks(x.shape, cols):
        gathered = _gather(x[images], window, cols, groups)
        np.matmul(w, gathered, out=y[images])  # (G, F/G, K) @ (n, G, K, L) -> (n, G, F/G, L)
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    kept_x = x if need_weight else None
    kept_w = w if need_x else None

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy = dy.reshape(y_shape)  # (N, G, F/G, L)
        cols = _empty_columns(x_shape, dy.dtype, window)
        dx: Array | None = None
        dw: Array | None = None
        if kept_x is not None:
            dw = np.zeros((y_shape[1], y_shape[2], prod(w_shape[1:])), dy.dtype)
            for images in _blocks(x_shape, cols):
                gathered = _gather(kept_x[images], window, cols, groups).swapaxes(-1, -2)
                # (n, G, F/G, L) @ (n, G, L, K) -> (n, G, F/G, K), summed over the images
                dw += np.matmul(dy[images], gathered).sum(axis=0)
            dw = dw.reshape(w_shape)
        if kept_w is not None:
            dx = np.zeros(x_shape, dy.dtype)
            transposed = np.ascontiguousarray(kept_w.swapaxes(-1, -2))  # (G, K, F/G)
            for images in _blocks(x_shape, cols):
                # (G, K, F/G) @ (n, G, F/G, L) -> (n, G, K, L)
                dcols = np.matmul(transposed, dy[images])
                _scatter(dcols, window, dx[images])
        if not has_bias:
            return dx, dw
        return dx, dw, dy.sum(axis=(0, 3)).ravel() if need_bias else None

    y_shape = y.shape
    return y.reshape(len(x), n_filters, *window.out), pullback


def _empty_columns(x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window) -> Array:
    """Return a buffer for the windows of as many images as fit in a block, zero where padding is."""
    if window.sees_each_entry_once:
        return np.empty((x_shape[0], 0), dtype)  # x serves as its own columns, in one block
    per_image = (x_shape[1], *window.kernel, *window.out)
    images = BLOCK_BYTES // max(1, prod(per_image) * dtype.itemsize)
    return np.zeros((min(max(1, images), x_shape[0]), *per_image), dtype)


def _blocks(x_shape: tuple[int, ...], cols: Array) -> Iterator[slice]:
    """Yield slices over the images, each as long as the buffer or, the last, shorter."""
    for first in range(0, x_shape[0], max(1, len(cols))):
        yield slice(first, min(first + len(cols), x_shape[0]))


def _gather(x: Array, window: Window, cols: Array, groups: int) -> Array:
    """Return the windows of x as columns (n, G, K, L), copied into the buffer tap by tap."""
    n, channels = x.shape[:2]
    shape = n, groups, channels // groups * prod(window.kernel), prod(window.out)
    if window.sees_each_entry_once:
        return x.reshape(shape)
    cols = cols[:n]
    for (i, j), where, seen in window.taps():
        cols[:, :, i, j][where] = x[seen]
    return cols.reshape(shape)


def _scatter(cols: Array, window: Window, dx: Array) -> None:
    """Add columns (n, G, K, L) to the entries that they were gathered from: the adjoint of `_gather`."""
    cols = cols.reshape(*dx.shape[:2], *window.kernel, *window.out)
    for (i, j), where, seen in window.taps():
        dx[seen] += cols[:, :, i, j][where]


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
    shapes = f"x {x.shape}, weight {weight.shape}" + (
        "" if bias is None else f", bias {bias.shape}"
    )
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
    steps, gaps = pair("stride", stride, 1), pair("dilation", dilation, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, gaps, strict=True)]
    (top, bottom), (left, right) = _padding_of(padding, reach, steps)
    padded = x.shape[2] + top + bottom, x.shape[3] + left + right
    if reach[0] > padded[0] or reach[1] > padded[1]:
        raise ValueError(
            f"the kernel reaches over {tuple(reach)}, the padded x has {padded}: {shapes}"
        )
    out = (padded[0] - reach[0]) // steps[0] + 1, (padded[1] - reach[1]) // steps[1] + 1
    return Window(kernel, steps, gaps, (top, left), (x.shape[2], x.shape[3]), out)


def _padding_of(
    padding: Padding, reach: list[int], stride: tuple[int, int]
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
        return [((r - 1) // 2, r - 1 - (r - 1) // 2) for r in reach]
    sides: tuple[Any, ...] = tuple(padding) if isinstance(padding, Iterable) else (padding, padding)
    if len(sides) != 2:
        raise ValueError(
            f"padding takes an int, a pair or ((top, bottom), (left, right)), got {padding!r}"
        )
    return [pair("padding", side, 0) for side in sides]
