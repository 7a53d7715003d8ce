"""The windows of an image as columns, and columns added up to an image: each the other's transposed map.

A convolution is the product of its weight with the columns: conv2d(x, W) = W · unfold(x). Added up,
columns do not give the image back: fold(unfold(x)) is x times the number of windows that hold an entry.

Letters: N batch, C channels, H W image, kh kw kernel, (i, j) a tap of it, (p, q) a window, L their
number, OH·OW of them, row by row; s stride, d dilation, pad the padding before.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratchnet.ops._array import Array, Pullback, require_same_dtype
from scratchnet.ops._columns import gather, scatter
from scratchnet.ops._geometry import sliding_window
from scratchnet.ops._window import Pair, Window, pair, require_images
from scratchnet.ops._workspace import Workspace

__all__ = ["fold", "unfold"]


def unfold(
    x: Array, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> tuple[Array, Pullback]:
    """Every window of an image as a column, channel by channel (im2col).

        y[n, (c, i, j), (p, q)] = x[n, c, p·s + i·d − pad, q·s + j·d − pad], 0 on the padding
        ∂L/∂x[n,c,h,w] = Σ dy[n, (c, i, j), (p, q)]   over p·s + i·d − pad = h, q·s + j·d − pad = w

    The gradient is `fold` of dy.
    x: (N, C, H, W) → y: (N, C·kh·kw, L), a view of x where the windows are its entries.

    >>> unfold(np.array([[[[1.0, 2.0, 4.0]]]]), (1, 2))[0]
    array([[[1., 2.],
            [2., 4.]]])
    """
    require_same_dtype("unfold", x=x)
    require_images("unfold", x)
    window = _window_of(x.shape[2:], kernel_size, dilation, padding, stride, f"x {x.shape}")
    shape = x.shape

    def pullback(dy: Array) -> tuple[Array]:
        return (_added(dy, shape, window),)

    return _columns(x, window), pullback


def fold(
    x: Array,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> tuple[Array, Pullback]:
    """Columns added up to an image, where their windows overlap (col2im).

        y[n,c,h,w] = Σ x[n, (c, i, j), (p, q)]   over p·s + i·d − pad = h, q·s + j·d − pad = w
        ∂L/∂x[n, (c, i, j), (p, q)] = dy[n, c, p·s + i·d − pad, q·s + j·d − pad], 0 on the padding

    The gradient is `unfold` of dy.
    x: (N, C·kh·kw, L) · output_size: (H, W) → y: (N, C, H, W); L is the number of windows that fit.

    >>> fold(np.array([[[1.0, 2.0], [2.0, 4.0]]]), (1, 3), (1, 2))[0]
    array([[[[1., 4., 4.]]]])
    """
    require_same_dtype("fold", x=x)
    size = pair("output_size", output_size, 1)
    window = _window_of(size, kernel_size, dilation, padding, stride, f"output_size {size}")
    taps = prod(window.kernel)
    if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != prod(window.out):
        raise ValueError(
            f"fold takes x of shape (N, C·{taps}, {prod(window.out)}) for output_size {size} and "
            f"kernel_size {window.kernel}, got {x.shape}"
        )

    def pullback(dy: Array) -> tuple[Array]:
        return (_columns(dy, window),)

    return _added(x, (x.shape[0], x.shape[1] // taps, *size), window), pullback


def _columns(x: Array, window: Window) -> Array:
    shape = *x.shape[:2], *window.kernel, *window.out
    cols = gather(x, window, np.zeros(0 if window.is_each_entry else shape, x.dtype))
    return cols.reshape(len(x), x.shape[1] * prod(window.kernel), prod(window.out))


def _added(cols: Array, shape: tuple[int, ...], window: Window) -> Array:
    x = np.zeros(shape, cols.dtype)
    scatter(cols, window, x, Workspace())
    return x


def _window_of(
    image: tuple[int, ...],
    kernel_size: Pair,
    dilation: Pair,
    padding: Pair,
    stride: Pair,
    shapes: str,
) -> Window:
    kernel, gaps = pair("kernel_size", kernel_size, 1), pair("dilation", dilation, 1)
    sides = [(side, side) for side in pair("padding", padding, 0)]
    return sliding_window(image, kernel, pair("stride", stride, 1), gaps, sides, shapes)
