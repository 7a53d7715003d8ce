"""Convolution, as neural networks mean it: a kernel slides over the image or the line unflipped.

Elsewhere that is called cross-correlation, and a convolution turns the kernel round first.

Letters: N batch, C channels in, F filters (channels out), G groups, H W image, kh kw kernel, OH OW
output; (p, q) an output, (i, j) a tap of the kernel, s stride, d dilation, top and left the padding
before; for lines L the length, k the kernel, OL the length of the output.

A convolution is linear in the image x and linear in the weight W. So it is one of three products, each of
which gives the gradients of the others, since ⟨filter(x, W), y⟩ = ⟨x, spread(y, W)⟩ = ⟨W, sums(x, y)⟩:

    y = filter_windows(x, W),   dx = spread_windows(dy, W),   dW = weight_sums(x, dy)

A transposed convolution is `spread_windows`, and its pullback the other two. Each product can be worked
out in several ways, a file for each: `ways_of` chooses.
"""

from __future__ import annotations

from typing import Any

from scratchnet.ops import _batch_last, _fourier, _planes, _products, _winograd
from scratchnet.ops._array import Array, Pullback, require_same_dtype, shapes_of
from scratchnet.ops._fast_convolution import get_fast_convolution
from scratchnet.ops._geometry import (
    Padding,
    extents,
    per_axis,
    require_batch,
    require_groups,
    sides_of,
    sliding_window,
)
from scratchnet.ops._window import Pair, Window

__all__ = ["conv1d", "conv2d"]


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

    Tap by tap, on the padded x: y += W[:, :, i, j] · x[:, :, i·d :: s, j·d :: s] for each (i, j), a
    product over the channels at OH × OW places. (`tests/naive.py` has it number by number.)

    Large kernels and 3×3 ones of many channels go through transforms, whose rounding errors are relative to
    the whole image or tile (float32: 2e-6 and 1e-5 of the largest output); `scratchnet.set_fast_convolution(
    False)` turns that off. Where nothing quicker applies (`ways_of`), each of the first three is a matrix
    product with the windows written out as columns (`_products.py`): y = W cols, dW = Σ_n dy[n] cols[n]ᵀ,
    and dcols = Wᵀ dy, which is then added back to where the columns came from. Columns are not kept for the
    pullback but gathered again: they would take about kh·kw/s² times the memory of x, while copying them
    costs little.

    x: (N, C, H, W) · weight: (F, C/G, kh, kw) · bias: (F,) → y: (N, F, OH, OW),
    OH = ⌊(H + top + bottom − dilation·(kh−1) − 1) / stride⌋ + 1.
    padding: an int, (rows, columns), ((top, bottom), (left, right)), "valid" (none) or "same" (stride
    1 only: OH = H; of an odd total the extra one goes to the bottom and right). Padding is zeros.
    groups: filters and channels are split into G groups, and the filters of a group see only the
    channels of that group (c counts within it). Depthwise: as many groups as channels.

    `conv_transpose2d` is the transposed map.
    Source: Chellapilla, Puri & Simard 2006, "High performance convolutional neural networks for
    document processing" (the windows as columns).

    >>> import numpy as np
    >>> conv2d(np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[1.0, 10.0]]]]))[0]
    array([[[[21., 42.]]]])
    """
    window = _window_of("conv2d", x, weight, bias, stride, padding, dilation, groups, axes=2)
    return convolve(x, weight, bias, window, groups, needs)


def conv1d(
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
    """Slide F filters over a line: `conv2d` of an image that has one row.

        y[n,f,q] = b[f] + Σ_cj W[f,c,j] · x[n, c, q·s + j·d − left]
        ∂L/∂W[f,c,j] = Σ_nq dy[n,f,q] · x[n, c, q·s + j·d − left]
        ∂L/∂x[n,c,l] = Σ_fj W[f,c,j] · dy[n,f,q]   over q·s + j·d − left = l
        ∂L/∂b[f] = Σ_nq dy[n,f,q]

    x: (N, C, L) · weight: (F, C/G, k) · bias: (F,) → y: (N, F, OL),
    OL = ⌊(L + left + right − dilation·(k−1) − 1) / stride⌋ + 1.
    padding: an int, (n,), ((left, right),), "valid" or "same"; it and groups mean what they do in `conv2d`.

    >>> import numpy as np
    >>> conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, 10.0]]]))[0]
    array([[[21., 42.]]])
    """
    window = _window_of("conv1d", x, weight, bias, stride, padding, dilation, groups, axes=1)
    return convolve(x, weight, bias, window, groups, needs)


def ways_of(
    product: str, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> list[Any]:
    """Return the modules to ask for one of the three products, the quickest first.

    One answers None where its result is not finite, and the next is asked; columns always answer.
    product: its name · x: the batch that it takes, an image or dy
    """
    ways: list[Any] = [
        _fourier,  # kernels of 25 taps and more
        _planes,  # groups of few channels, as in a depthwise convolution
        _winograd,  # 3×3 in float32, many channels
        _batch_last,  # dx of many small images of few channels
    ]
    if not get_fast_convolution():
        ways = [_planes, _batch_last]
    arguments = product, x, weight_shape, window, groups
    return [*(way for way in ways if way.pays(*arguments)), _products]


def _work_out(
    product: str, a: Array, b: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> Array:
    """Return one of the three products of a and b."""
    results = (
        getattr(way, product)(a, b, window, groups)
        for way in ways_of(product, a, weight_shape, window, groups)
    )
    found: Array = next(result for result in results if result is not None)
    return found


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
    names = "filter_windows", "spread_windows"
    there, back = reversed(names) if transposed else names
    images = x.reshape(*x_shape[:2], *x_size)
    w = weight.reshape(*w_shape[:2], *window.kernel)
    y = _work_out(there, images, w, w.shape, window, groups)  # (N, F, OH, OW)
    if bias is not None:
        y += bias[:, None, None]
    y_shape, kernels_shape = y.shape, w.shape
    kept_x = images if need_weight else None
    kept_w = w if need_x else None

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy = dy.reshape(y_shape)
        dx: Array | None = None
        dw: Array | None = None
        if kept_x is not None:
            wide, narrow = (dy, kept_x) if transposed else (kept_x, dy)
            dw = _work_out("weight_sums", wide, narrow, kernels_shape, window, groups)
            dw = dw.reshape(w_shape)
        if kept_w is not None:
            dx = _work_out(back, dy, kept_w, kernels_shape, window, groups).reshape(x_shape)
        if not has_bias:
            return dx, dw
        return dx, dw, dy.sum(axis=(0, 2, 3)) if need_bias else None

    axes = x.ndim - 2
    return y.reshape(*y_shape[:2], *y_size[-axes:]), pullback


def _window_of(
    name: str,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    axes: int,
) -> Window:
    """Check the arguments of a convolution over one or two axes and return its sliding window."""
    require_same_dtype(name, x=x, weight=weight, bias=bias)
    require_batch(name, x, axes)
    shapes = shapes_of(x=x, weight=weight, bias=bias)
    if weight.ndim != 2 + axes or 0 in (weight.shape[0], *weight.shape[2:]):
        form = "(F, C/groups, kh, kw)" if axes == 2 else "(F, C/groups, k)"
        raise ValueError(
            f"weight takes the shape {form} with at least one filter and tap: {shapes}"
        )
    require_groups(groups, weight.shape[0], "filters", shapes)
    if x.shape[1] != weight.shape[1] * groups:
        times = f" in each of {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"weight expects {weight.shape[1]} input channels{times}, x has {x.shape[1]}: {shapes}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias takes one entry for each of {weight.shape[0]} filters: {shapes}")
    strides, gaps = per_axis("stride", stride, 1, axes), per_axis("dilation", dilation, 1, axes)
    kernel = weight.shape[2:]
    sides = sides_of(padding, extents(kernel, gaps), strides)
    return sliding_window(x.shape[2:], kernel, strides, gaps, sides, shapes)
