"""Convolution with weights that no longer change, bias, residual and ReLU in the same pass.

    y = clip(W ∗ x + b + residual)      `ops.conv2d` defines W ∗ x; clip is ReLU's or ReLU6's

Letters: N batch (n of them in a block), C channels in, F filters, G groups, H W image, kh kw kernel,
OH OW output, (s, t) stride and (d, e) dilation of rows and columns; K = kh·kw·C/G the length of a window
(over i, j, c), P the windows of a block. Channels come last.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from scratchnet.kernels.blocks import (
    BLOCK_BYTES,
    NO_BOUNDS,
    SHARED_PRODUCTS,
    Block,
    Bounds,
    Padding,
    Workspace,
    cut,
    finish,
    padded_rows,
    residual_like,
    run,
    strided,
)
from scratchnet.kernels.winograd import WinogradConvolution
from scratchnet.ops._array import Array

__all__ = ["Convolution", "DepthwiseConvolution", "DirectConvolution", "prepare_convolution"]

# Winograd's transformed weights take 4 times the room of the plain ones for F(4, 3), 1.8 times for F(2, 3).
# For large ones reading them costs more than the multiplications that they save, and for few channels
# the transforms do. In float16 the numbers in the transforms would leave no digits.
WINOGRAD_4_MOST_WEIGHTS = 128 * 128
WINOGRAD_2_MOST_WEIGHTS = 512 * 512
WINOGRAD_LEAST_CHANNELS = 32


class Convolution(Protocol):
    """A convolution that is ready: x (N, H, W, C) and residual like y → y (N, OH, OW, F)."""

    def scale_filters(self, scale: Array) -> None:
        """Multiply the weights of each filter, in place, by its entry of scale (F,)."""

    def __call__(
        self, x: Array, residual: Array | None = None, bounds: Bounds = NO_BOUNDS
    ) -> Array: ...


def prepare_convolution(
    weight: Array,
    bias: Array | None,
    stride: tuple[int, int] = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    winograd: bool = True,
) -> Convolution:
    """Return the kernel that is quickest for these weights, of which it keeps a copy.

    weight: (F, C/G, kh, kw) · bias: (F,) or None · padding: ((top, bottom), (left, right)) · winograd:
    whether it may be Winograd's, which rounds more
    """
    filters, channels, *kernel = weight.shape
    bias = np.zeros(filters) if bias is None else bias
    if groups == filters and channels == 1 and groups > 1:
        return DepthwiseConvolution(weight, bias, stride, padding, dilation)
    is_3x3 = kernel == [3, 3] and stride == dilation == (1, 1) and groups == 1
    enough = min(filters, channels) >= WINOGRAD_LEAST_CHANNELS and weight.dtype != np.float16
    if winograd and is_3x3 and enough and filters * channels <= WINOGRAD_2_MOST_WEIGHTS:
        m = 4 if filters * channels <= WINOGRAD_4_MOST_WEIGHTS else 2
        return WinogradConvolution(weight, bias, padding, m)
    return DirectConvolution(weight, bias, stride, padding, dilation, groups)


class _Sliding:
    """What kernels that slide over the image share: the geometry, and the windows as a view."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int]

    def out_size(self, x: Array) -> tuple[int, int]:
        """Return (OH, OW); raise if the kernel is larger than the padded image."""
        sizes = [
            (n + sum(pad) - d * (k - 1) - 1) // s + 1
            for n, k, s, pad, d in zip(
                x.shape[1:3], self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        ]
        if min(sizes) < 1:
            raise ValueError(
                f"the kernel {self.kernel} extends beyond the padded image: x {x.shape[1:3]}, "
                f"padding {self.padding}, dilation {self.dilation}"
            )
        return sizes[0], sizes[1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel={self.kernel}, stride={self.stride})"

    def windows(self, x: Array, block: Block, OW: int, workspace: Workspace) -> Array:
        """Return the windows of a block, a view (n, rows, OW, kh, kw, C) of x or of a padded copy."""
        (kh, kw), (s, t), (d, e) = self.kernel, self.stride, self.dilation
        (top, _), (left, _) = self.padding
        n_rows = block.rows.stop - block.rows.start
        first = block.rows.start * s - top
        stop = first + (n_rows - 1) * s + (kh - 1) * d + 1
        # Columns beyond the last window are left out; x is seen as it is where none are missing.
        width = max((OW - 1) * t + (kw - 1) * e + 1, x.shape[2] if left == 0 else 0)
        rows = padded_rows(x, block.images, first, stop, left, width, workspace)
        a, b, c, unit = rows.strides
        shape = (len(rows), n_rows, OW, kh, kw, x.shape[3])
        return strided(rows, shape, (a, b * s, c * t, b * d, c * e, unit))


class DirectConvolution(_Sliding):
    """The windows gathered into rows, times the weights: (P, K) @ (K, F) in each group."""

    def __init__(
        self,
        weight: Array,
        bias: Array,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
    ) -> None:
        filters, channels, kh, kw = weight.shape
        self.kernel, self.stride, self.padding, self.dilation = (kh, kw), stride, padding, dilation
        self.groups, self.bias = groups, np.array(bias, weight.dtype)
        grouped = weight.reshape(groups, filters // groups, channels, kh, kw)
        # (G, F/G, C/G, kh, kw) -> (G, K, F/G)
        by_tap = np.array(grouped.transpose(0, 3, 4, 2, 1), order="C")
        self.weight = by_tap.reshape(groups, kh * kw * channels, filters // groups)

    def scale_filters(self, scale: Array) -> None:
        self.weight *= scale.reshape(self.groups, 1, -1)

    def __call__(
        self, x: Array, residual: Array | None = None, bounds: Bounds = NO_BOUNDS
    ) -> Array:
        groups, K, group_filters = self.weight.shape
        OH, OW = self.out_size(x)
        y = np.empty((len(x), OH, OW, groups * group_filters), x.dtype)
        residual = residual_like(residual, y)

        def work(part: tuple[Block, slice], workspace: Workspace) -> None:
            block, filters = part
            windows = self.windows(x, block, OW, workspace)  # (n, rows, OW, kh, kw, C)
            P = windows.shape[0] * windows.shape[1] * OW
            if self.kernel == (1, 1) and groups == 1 and windows.flags.c_contiguous:
                cols = windows.reshape(1, P, K)  # each entry is its own window: nothing to gather
            else:
                cols = workspace("windows", (groups, P, K), x.dtype)
                _gather(windows, cols)
            out = y[block].reshape(P, groups, group_filters)  # a view: whole rows, or whole images
            # (G, P, K) @ (G, K, F/G)
            np.matmul(cols, self.weight[..., filters], out=out.transpose(1, 0, 2)[..., filters])
            rest = None if residual is None else residual[block][..., filters]
            finish(y[block][..., filters], self.bias[filters], rest, bounds)

        run(work, self._parts(len(x), OH, OW, x.itemsize))
        return y

    def _parts(self, N: int, OH: int, OW: int, itemsize: int) -> list[tuple[Block, slice]]:
        """Return blocks, and which filters each is for: all, or half where the weights are the most.

        Then both threads gather the same few windows, but each reads its half of the weights only.
        """
        groups, K, group_filters = self.weight.shape
        F = groups * group_filters
        row_bytes = OW * (groups * K + 2 * F) * itemsize  # the windows, the result and the residual
        products = N * OH * OW * K * F
        is_small = N * OH * row_bytes <= BLOCK_BYTES < self.weight.nbytes
        if is_small and groups == 1 and products > SHARED_PRODUCTS:
            block = Block(slice(0, N), slice(0, OH))
            half = -(-F // 2)
            return [(block, slice(0, half)), (block, slice(half, F))]
        blocks = cut(N, OH, row_bytes, products, self.weight.nbytes)
        return [(block, slice(None)) for block in blocks]


def _gather(windows: Array, cols: Array) -> None:
    """Copy windows (n, rows, OW, kh, kw, C) to the rows of cols (G, P, K)."""
    n, n_rows, OW, kh, kw, C = windows.shape
    groups, itemsize = len(cols), cols.itemsize
    if groups == 1 and windows.strides[4:] == (C * itemsize, itemsize):
        # What a window sees of one row lies side by side on both sides: it is copied as one entry.
        run = np.dtype((np.void, kw * C * itemsize))
        by_run = windows.reshape(n, n_rows, OW, kh, kw * C).view(run)
        np.copyto(cols.view(run).reshape(by_run.shape), by_run)
        return
    by_group = windows.reshape(n, n_rows, OW, kh, kw, groups, C // groups)
    by_group = by_group.transpose(5, 0, 1, 2, 3, 4, 6)  # (G, n, rows, OW, kh, kw, C/G)
    np.copyto(cols.reshape(by_group.shape), by_group)


class DepthwiseConvolution(_Sliding):
    """Each channel by itself: y = Σ_ij W[i, j] · x shifted by (i, j), a product of rows for every tap."""

    def __init__(
        self,
        weight: Array,
        bias: Array,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = ((0, 0), (0, 0)),
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        self.kernel = (weight.shape[2], weight.shape[3])
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.bias = np.array(bias, weight.dtype)
        self.weight = np.array(weight[:, 0].transpose(1, 2, 0), order="C")  # (kh, kw, C)

    def scale_filters(self, scale: Array) -> None:
        self.weight *= scale

    def __call__(
        self, x: Array, residual: Array | None = None, bounds: Bounds = NO_BOUNDS
    ) -> Array:
        OH, OW = self.out_size(x)
        y = np.empty((len(x), OH, OW, x.shape[3]), x.dtype)
        residual = residual_like(residual, y)

        def work(block: Block, workspace: Workspace) -> None:
            windows, part = self.windows(x, block, OW, workspace), y[block]
            product = workspace("windows", part.shape, x.dtype)
            for i, j in np.ndindex(self.kernel):
                tap = windows[:, :, :, i, j]  # (n, rows, OW, C)
                if (i, j) == (0, 0):
                    np.multiply(tap, self.weight[0, 0], out=part)
                else:
                    part += np.multiply(tap, self.weight[i, j], out=product)
            finish(part, self.bias, None if residual is None else residual[block], bounds)

        # Three arrays of the block's size are at work: the input, the product and the sum.
        products = y.size * self.kernel[0] * self.kernel[1]
        run(work, cut(len(x), OH, 3 * OW * x.shape[3] * x.itemsize, products))
        return y
