"""Transposed convolution: every input entry adds a weighted copy of the kernel to the output.

It is the transposed map of a convolution, not its inverse: what `conv2d` does backwards, it does
forwards, and the other way round. So a network grows maps with it that a convolution shrank.

Letters: N batch, C channels in, F channels out, G groups, H W input, kh kw kernel, OH OW output;
(p, q) an input, (i, j) a tap of the kernel, (h, w) an output, s stride, d dilation, pad the padding;
for lines L the length, k the kernel, OL the length of the output.

Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 4.
"""

from __future__ import annotations

from scratchnet.ops._array import Array, Pullback, require_same_dtype, shapes_of
from scratchnet.ops._geometry import extents, per_axis, require_batch, require_groups, window_over
from scratchnet.ops._window import Pair, Window
from scratchnet.ops.convolution import convolve

__all__ = ["conv_transpose1d", "conv_transpose2d"]


def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[Array, Pullback]:
    """Lay a kernel, weighted by an input entry, over the output wherever `conv2d` would read it, and add.

        y[n,f,h,w] = b[f] + Σ_cij W[c,f,i,j] · x[n,c,p,q]   over p·s + i·d − pad = h, q·s + j·d − pad = w
        ∂L/∂x[n,c,p,q] = Σ_fij W[c,f,i,j] · dy[n, f, p·s + i·d − pad, q·s + j·d − pad]
        ∂L/∂W[c,f,i,j] = Σ_npq x[n,c,p,q] · dy[n, f, p·s + i·d − pad, q·s + j·d − pad]
        ∂L/∂b[f] = Σ_nhw dy[n,f,h,w]

    Without b, ⟨conv_transpose2d(x, W), z⟩ = ⟨x, conv2d(z, W)⟩ for every z in the shape of y: the same
    weight serves both, its first axis being the channels of the smaller map.

    x: (N, C, H, W) · weight: (C, F/G, kh, kw) · bias: (F,) → y: (N, F, OH, OW),
    OH = (H − 1)·stride − 2·padding + dilation·(kh−1) + output_padding + 1.
    padding: an int or (rows, columns), cut off on both sides, where conv2d would add them.
    output_padding: rows and columns more at the bottom and right, fewer than stride or dilation: of the
    sizes that a strided conv2d brings to one H, the smallest has 0 of them. They get what `padding`
    would have cut off there; beyond that, only the bias.
    groups: channels in and out are split into G groups (f counts within its group in W).

    >>> import numpy as np
    >>> conv_transpose2d(np.array([[[[1.0, 2.0]]]]), np.array([[[[1.0, 10.0]]]]))[0]
    array([[[[ 1., 12., 20.]]]])
    """
    window = _window_of(
        "conv_transpose2d",
        x,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        axes=2,
    )
    return convolve(x, weight, bias, window, groups, needs, transposed=True)


def conv_transpose1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[Array, Pullback]:
    """Transposed convolution of lines: `conv_transpose2d` of images that have one row.

        y[n,f,l] = b[f] + Σ_cj W[c,f,j] · x[n,c,q]   over q·s + j·d − pad = l
        ∂L/∂x[n,c,q] = Σ_fj W[c,f,j] · dy[n, f, q·s + j·d − pad]
        ∂L/∂W[c,f,j] = Σ_nq x[n,c,q] · dy[n, f, q·s + j·d − pad]
        ∂L/∂b[f] = Σ_nl dy[n,f,l]

    x: (N, C, L) · weight: (C, F/G, k) · bias: (F,) → y: (N, F, OL),
    OL = (L − 1)·stride − 2·padding + dilation·(k−1) + output_padding + 1.

    >>> import numpy as np
    >>> conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0]]]))[0]
    array([[[ 1., 12., 20.]]])
    """
    window = _window_of(
        "conv_transpose1d",
        x,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
        axes=1,
    )
    return convolve(x, weight, bias, window, groups, needs, transposed=True)


def _window_of(
    name: str,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    groups: int,
    dilation: Pair,
    axes: int,
) -> Window:
    """Check the arguments of a transposed convolution; return the window that slides over its output."""
    require_same_dtype(name, x=x, weight=weight, bias=bias)
    require_batch(name, x, axes)
    shapes = shapes_of(x=x, weight=weight, bias=bias)
    if weight.ndim != 2 + axes or 0 in weight.shape:
        form = "(C, F/groups, kh, kw)" if axes == 2 else "(C, F/groups, k)"
        raise ValueError(
            f"weight takes the shape {form} with at least one channel and tap: {shapes}"
        )
    require_groups(groups, weight.shape[0], "input channels", shapes)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"weight expects {weight.shape[0]} input channels, x has {x.shape[1]}: {shapes}"
        )
    if bias is not None and bias.shape != (weight.shape[1] * groups,):
        n = weight.shape[1] * groups
        raise ValueError(f"bias takes one entry for each of {n} output channels: {shapes}")
    kernel, size = weight.shape[2:], x.shape[2:]
    steps, gaps = per_axis("stride", stride, 1, axes), per_axis("dilation", dilation, 1, axes)
    cut = per_axis("padding", padding, 0, axes)
    more = per_axis("output_padding", output_padding, 0, axes)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, gaps, strict=True)):
        raise ValueError(
            f"output_padding must be smaller than stride or dilation: {more}, stride {steps}, "
            f"dilation {gaps}"
        )
    extent = extents(kernel, gaps)
    out = tuple(
        (n - 1) * s - 2 * c + e + m
        for n, s, c, e, m in zip(size, steps, cut, extent, more, strict=True)
    )
    if min(out) < 1:
        raise ValueError(f"the output would have the size {out}, padding is {cut}: {shapes}")
    return window_over(kernel, steps, gaps, cut, out, size)
