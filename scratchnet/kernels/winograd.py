"""Winograd's convolution: a 3×3 convolution with fewer multiplications.

One row first. F(2, 3) gives two outputs y of a kernel g of 3 from four inputs d with four products,
where the direct way takes six:

    p₁ = (d₀ − d₂) g₀                 p₂ = (d₁ + d₂) (g₀ + g₁ + g₂)/2
    p₃ = (d₂ − d₁) (g₀ − g₁ + g₂)/2   p₄ = (d₁ − d₃) g₂
    y₀ = p₁ + p₂ + p₃ = d₀g₀ + d₁g₁ + d₂g₂,    y₁ = p₂ − p₃ − p₄ = d₁g₀ + d₂g₁ + d₃g₂

In general (`ops/_winograd_transforms.py` derives the matrices):

    y = Aᵀ [ (Bᵀ d) ⊙ (G g) ]             m outputs from t = m + 2 inputs: t products instead of 3m
    Y = Aᵀ [ (Bᵀ d B) ⊙ (G g Gᵀ) ] A      both axes: a tile of t×t inputs, t² products instead of 9m²
                                          (Lavin & Gray 2015, eq. 8)

Summed over channels, ⊙ becomes a matrix product over channels for each of the t² places in a tile.
F(4, 3) takes 36 products for 16 outputs instead of 144, F(2, 3) 16 for 4 instead of 36. The transforms
cost as well, so that of the direct way's multiplications the code below does

    ((m + t)t²·C + t²·C·F + (m + t)mt·F) / (9m²·C·F):   for 32, 64, 128 and 256 channels and filters
                                                       0.38, 0.32, 0.28 and 0.27 of them with m = 4
                                                       0.57, 0.51, 0.48 and 0.46 of them with m = 2

With larger tiles the numbers in A and B grow, and with them the rounding error: in float32 about 4e-7 of
the largest output for F(2, 3), 3e-6 for F(4, 3). An input that is infinite or NaN makes
NaN of all outputs of its tile.

Letters: N batch (n of them in a block), C channels in, F filters (f of them in a block), H W image, OH OW
output, m the side of a tile of outputs, t = m + 2 that of its inputs, TH TW tiles of an image (p rows of
them in a block, which sees h rows of the image), T tiles of a block. Channels last.
"""

from __future__ import annotations

import numpy as np

from scratchnet.kernels.blocks import (
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
)
from scratchnet.ops._array import Array
from scratchnet.ops._winograd_tiles import outputs_of_tiles, transform_tiles
from scratchnet.ops._winograd_transforms import transforms

__all__ = ["WinogradConvolution"]

# Filters whose weights lie together. OpenBLAS's AVX-512 kernels multiply small matrices (up to 100³
# products) where they lie instead of copying them first, and for so many columns best: twice as fast
# with few tiles.
PANEL = 64


class WinogradConvolution:
    """A 3×3 convolution of stride 1, bias, residual and ReLU included, in tiles of m×m outputs.

    weight: (F, C, 3, 3) · bias: (F,) · padding: ((top, bottom), (left, right)) · m: 2 or 4
    """

    def __init__(self, weight: Array, bias: Array, padding: Padding, m: int) -> None:
        BT, G, AT = transforms(m)
        self.BT, self.AT = BT.astype(weight.dtype), AT.astype(weight.dtype)
        F, C = weight.shape[:2]
        self.m, self.padding, self.bias = m, padding, np.array(bias, weight.dtype)
        panel = PANEL if F % PANEL == 0 else F
        self.weight = np.empty((len(G) ** 2, F // panel, C, panel), weight.dtype)
        for i in range(F // panel):
            g = weight[i * panel : (i + 1) * panel].reshape(panel, C, 9).transpose(2, 1, 0)
            # G g Gᵀ by the Kronecker matrix: (t², 9) @ (9, C·panel)
            U = np.kron(G, G) @ g.reshape(9, C * panel)
            self.weight[:, i] = U.reshape(-1, C, panel)

    def scale_filters(self, scale: Array) -> None:
        """Multiply the weights of each filter, in place, by its entry of scale (F,)."""
        _, panels, _, panel = self.weight.shape
        self.weight *= scale.reshape(panels, 1, panel)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(F({self.m}, 3))"

    def __call__(
        self, x: Array, residual: Array | None = None, bounds: Bounds = NO_BOUNDS
    ) -> Array:
        m, t, F = self.m, self.m + 2, len(self.bias)
        (top, bottom), (left, right) = self.padding
        OH, OW = x.shape[1] + top + bottom - 2, x.shape[2] + left + right - 2
        if min(OH, OW) < 1:
            raise ValueError(f"the 3×3 kernel extends beyond the padded image: x {x.shape[1:3]}")
        TH, TW = -(-OH // m), -(-OW // m)  # tiles; the last ones may hang over the edge
        y = np.empty((len(x), OH, OW, F), x.dtype)
        residual = residual_like(residual, y)

        def work(part: tuple[Block, slice], workspace: Workspace) -> None:
            (images, tile_rows), panels = part
            first, stop = tile_rows.start * m, tile_rows.stop * m
            seen = padded_rows(x, images, first - top, stop + 2 - top, left, TW * m + 2, workspace)
            V = transform_tiles(seen, TW, self.BT, m, "even steps", workspace)  # (t², T, C)
            weight, T = self.weight[:, panels], V.shape[1]
            f = weight.shape[1] * weight.shape[3]
            filters = slice(panels.start * weight.shape[3], panels.start * weight.shape[3] + f)
            M = workspace("odd steps", (t * t, T, f), x.dtype)
            by_panel = M.reshape(t * t, T, *weight.shape[1::2]).swapaxes(1, 2)
            # (t², 1, T, C) @ (t², panels, C, panel) -> (t², panels, T, panel)
            np.matmul(V[:, None], weight, out=by_panel)
            # The bias. Point 1's column of Aᵀ is all ones: what is added there is added to all outputs.
            M[t + 1] += self.bias[filters]
            Y = outputs_of_tiles(M, self.AT, workspace)  # (m, m, T·f)
            place = images, slice(first, min(stop, OH)), slice(None), filters
            _put(Y.reshape(m, m, len(seen), -1, TW, f), y[place], workspace)
            finish(y[place], None, None if residual is None else residual[place], bounds)

        run(work, self._parts(len(x), TH, TW, x.itemsize))
        return y

    def _parts(self, N: int, TH: int, TW: int, itemsize: int) -> list[tuple[Block, slice]]:
        """Return blocks, and which panels of filters each is for: all, or half where tiles are few.

        Both threads then transform all inputs, but each reads only its half of the weights.
        """
        places, panels, C, panel = self.weight.shape
        F, tiles = panels * panel, N * TH * TW
        products = tiles * places * C * F
        if panels > 1 and 0 < 4 * tiles < F and products > SHARED_PRODUCTS:
            block, half = Block(slice(0, N), slice(0, TH)), -(-panels // 2)
            return [(block, slice(0, half)), (block, slice(half, panels))]
        blocks = cut(N, TH, TW * places * max(C, F) * itemsize, products)
        return [(block, slice(0, panels)) for block in blocks]


def _put(tiles: Array, y: Array, workspace: Workspace) -> None:
    """Write outputs by their place in a tile, (m, m, n, p, TW, f), to where they belong in part of y."""
    m, _, n, p, TW, f = tiles.shape
    whole = (n, p * m, TW * m, f)
    # Tiles that hang over the edge are put together beside y, and what belongs to y is copied.
    target = y if y.shape == whole else workspace("even steps", whole, tiles.dtype)
    np.copyto(target.reshape(n, p, m, TW, m, f).transpose(2, 4, 0, 1, 3, 5), tiles)
    if target is not y:
        np.copyto(y, target[:, : y.shape[1], : y.shape[2]])
