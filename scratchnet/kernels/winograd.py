"""Winograd's convolution: a 3×3 convolution with fewer multiplications.

One row first. F(2, 3) gives two outputs y of a kernel g of 3 from four inputs d with four products,
where the direct way takes six:

    p₁ = (d₀ − d₂) g₀                 p₂ = (d₁ + d₂) (g₀ + g₁ + g₂)/2
    p₃ = (d₂ − d₁) (g₀ − g₁ + g₂)/2   p₄ = (d₁ − d₃) g₂
    y₀ = p₁ + p₂ + p₃ = d₀g₀ + d₁g₁ + d₂g₂,    y₁ = p₂ − p₃ − p₄ = d₁g₀ + d₂g₁ + d₃g₂

Behind it are polynomials. A product of one with m coefficients and one with 3 has degree m + 1, so its
values at m + 2 points fix it, and each value is one product of numbers. The points are 0, ±1 (for m = 4
also ±2) and ∞. A kernel that slides is the transposed map of that product: Bᵀ takes d to m + 2 numbers, G
takes g to its values, and Aᵀ puts the products together:

    y = Aᵀ [ (Bᵀ d) ⊙ (G g) ]             m outputs from t = m + 2 inputs: t products instead of 3m
    Y = Aᵀ [ (Bᵀ d B) ⊙ (G g Gᵀ) ] A      both axes: a tile of t×t inputs, t² products instead of 9m²
                                          (Lavin & Gray 2015, eq. 8)

Summed over channels, ⊙ becomes a matrix product over channels for each of the t² places in a tile.
F(4, 3) takes 36 products for 16 outputs instead of 144, F(2, 3) 16 for 4 instead of 36. The transforms
cost as well, so that of the direct way's multiplications the code below does

    (t⁴·C + t²·C·F + m²·t²·F) / (9m²·C·F):   for 32, 64, 128 and 256 channels and filters
                                             0.66, 0.45, 0.35 and 0.30 of them with m = 4
                                             0.72, 0.58, 0.51 and 0.48 of them with m = 2

With larger tiles the numbers in A and B grow, and with them the rounding error: in float32 about 5e-7 of
the largest output for F(2, 3), 5e-6 for F(4, 3). An infinite input makes NaN of all outputs of its tile.

Letters: N batch (n of them in a block), C channels in, F filters, H W image, OH OW output, m the side of a
tile of outputs, t = m + 2 that of its inputs, TH TW tiles of an image, T tiles of a block. Channels last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.kernels.blocks import (
    NO_BOUNDS,
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
from scratchnet.ops._array import Array

__all__ = ["WinogradConvolution", "transforms"]

_BT = {
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
}
_G = {
    2: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    4: [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
}
_AT = {
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


def transforms(m: int) -> tuple[Array, Array, Array]:
    """Return Bᵀ (t, t), G (t, 3) and Aᵀ (m, t) of F(m, 3), in float64; m is 2 or 4.

    >>> BT, G, AT = transforms(2)
    >>> AT @ ((BT @ [1.0, 2.0, 4.0, 8.0]) * (G @ [1.0, 10.0, 100.0]))
    array([421., 842.])
    """
    return np.array(_BT[m], float), np.array(_G[m], float), np.array(_AT[m], float)


class WinogradConvolution:
    """A 3×3 convolution of stride 1, bias, residual and ReLU included, in tiles of m×m outputs.

    weight: (F, C, 3, 3) · bias: (F,) · padding: ((top, bottom), (left, right)) · m: 2 or 4

    Bᵀ d B of all entries of a tile at once is one product with the Kronecker matrix Bᵀ ⊗ Bᵀ, and
    likewise for A and G: more multiplications than transforming rows and then columns, but in one product
    of matrices instead of a dozen passes over memory.
    """

    def __init__(self, weight: Array, bias: Array, padding: Padding, m: int) -> None:
        BT, G, AT = transforms(m)
        filters, channels = weight.shape[:2]
        self.m, self.padding, self.bias = m, padding, np.array(bias, weight.dtype)
        # G g Gᵀ of all filters at once, likewise: (t², 9) @ (9, C·F) -> (t², C, F)
        g = weight.reshape(filters, channels, 9).transpose(2, 1, 0).reshape(9, channels * filters)
        self.weight = (np.kron(G, G).astype(weight.dtype) @ g).reshape(-1, channels, filters)
        self.input_transform = np.kron(BT, BT).astype(weight.dtype)  # (t², t²)
        self.output_transform = np.kron(AT, AT).astype(weight.dtype)  # (m², t²)

    def scale_filters(self, scale: Array) -> None:
        """Multiply the weights of each filter, in place, by its entry of scale (F,)."""
        self.weight *= scale

    def __repr__(self) -> str:
        return f"{type(self).__name__}(F({self.m}, 3))"

    def __call__(
        self, x: Array, residual: Array | None = None, bounds: Bounds = NO_BOUNDS
    ) -> Array:
        m, t, dtype = self.m, self.m + 2, x.dtype
        places, C, F = self.weight.shape
        (top, bottom), (left, right) = self.padding
        OH, OW = x.shape[1] + top + bottom - 2, x.shape[2] + left + right - 2
        if min(OH, OW) < 1:
            raise ValueError(f"the 3×3 kernel extends beyond the padded image: x {x.shape[1:3]}")
        TH, TW = -(-OH // m), -(-OW // m)  # tiles; the last ones may hang over the edge
        y = np.empty((len(x), OH, OW, F), dtype)
        residual = residual_like(residual, y)

        def work(block: Block, workspace: Workspace) -> None:
            tile_rows = block.rows.stop - block.rows.start
            first = block.rows.start * m
            stop = first + tile_rows * m + 2
            seen = padded_rows(
                x, block.images, first - top, stop - top, left, TW * m + 2, workspace
            )
            n = len(seen)
            T = n * tile_rows * TW
            a, b, c, unit = seen.strides
            # Tiles overlap by two rows and columns. (t, t, n, tile_rows, TW, C)
            tiles = strided(seen, (t, t, n, tile_rows, TW, C), (b, c, a, b * m, c * m, unit))
            # Each step's result lies where the input of the step before was: two pieces of memory do.
            d = workspace("even steps", (places, T * C), dtype)
            np.copyto(d.reshape(tiles.shape), tiles)
            V = workspace("odd steps", (places, T * C), dtype)
            np.matmul(self.input_transform, d, out=V)  # (t², t²) @ (t², T·C)
            M = workspace("even steps", (places, T, F), dtype)
            np.matmul(V.reshape(places, T, C), self.weight, out=M)  # (t², T, C) @ (t², C, F)
            Y = workspace("odd steps", (m * m, T * F), dtype)
            M = M.reshape(places, T * F)
            np.matmul(self.output_transform, M, out=Y)  # (m², t²) @ (t², T·F)
            rows = slice(first, min(first + tile_rows * m, OH))
            part = y[block.images, rows]
            self._put(Y.reshape(m, m, n, tile_rows, TW, F), part, workspace)
            finish(part, None, None if residual is None else residual[block.images, rows], bounds)

        products = len(x) * TH * TW * places * C * F
        run(work, cut(len(x), TH, TW * places * max(C, F) * dtype.itemsize, products))
        return y

    def _put(self, Y: Array, part: Array, workspace: Workspace) -> None:
        """Write Y + bias, the outputs by place in their tile, to where they belong in part of y."""
        m, _, n, tile_rows, TW, F = Y.shape
        _, rows, columns, _ = part.shape
        whole = (n, tile_rows * m, TW * m, F)
        # Tiles that hang over the edge are put together beside y, and what belongs to y is copied.
        target: Any = part if part.shape == whole else workspace("even steps", whole, Y.dtype)
        by_tile = target.reshape(n, tile_rows, m, TW, m, F)
        np.add(Y, self.bias, out=by_tile.transpose(2, 4, 0, 1, 3, 5))
        if target is not part:
            np.copyto(part, target[:, :rows, :columns])
