"""Winograd's convolution: a 3×3 convolution of stride 1 with fewer multiplications.

A tile of m×m outputs Y of a kernel g is worked out from its t×t inputs d, t = m + 2, by

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A       t² products of numbers instead of 9m²

(`_winograd_transforms.py` derives the matrices). Summed over channels, ⊙ becomes a matrix product over the
channels for each of the t² places in a tile:

    U = G g Gᵀ of all filters (t², F, C),   V = Bᵀ d B of all tiles (t², T, C),   M = U Vᵀ (t², F, T)

The gradients go the same way. That of x is the convolution of dy with the kernel turned by 180°. That of
the weights is the transposed map of the first line, summed over tiles, again a product for each place:

    dg = Gᵀ [ Σ_tiles (A dY Aᵀ) ⊙ (Bᵀ d B) ] G,   dU = (A dY Aᵀ)ᵀ V   (t², F, T) @ (t², T, C)

Errors. The numbers in A and B grow with m, and the terms that are added for an output with them: at the
worst place of a tile they are, for independent inputs, 1.7 times as large as the output with m = 2 and 10
times with m = 4 (root mean square), for a weight's gradient 2 and 8.5 times. The errors are at most about
so many times those of columns; measured, 2 and 8 times. They are relative to what the whole tile takes in,
so that an output which is small beside its neighbours may be lost. float64 never goes this way. Where a
result is not finite, None is returned: in a tile, an infinite input would make NaN of outputs that do not
see it.

m is 2 or 4, by default what costs least. Letters: N batch, C channels in, F filters, OH OW output, m the
side of a tile of outputs, t = m + 2 that of its inputs, TH TW tiles of an image, T tiles of a block.
Source: Lavin & Gray 2015, "Fast algorithms for convolutional neural networks".
"""

from __future__ import annotations

from functools import cache

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._blocks import Block, cut
from scratchnet.ops._channels_last import lay_out, reach
from scratchnet.ops._columns import of_rows
from scratchnet.ops._window import Window
from scratchnet.ops._winograd_tiles import outputs_of_tiles, transform_tiles
from scratchnet.ops._winograd_transforms import transforms
from scratchnet.ops._workspace import Workspace, run

# In multiplications of a large product: a number of the transformed weights, which are written to memory
# and read again; a multiplication of the transforms, whose products are small; a number of the columns
# that the direct way adds back in `spread_windows`.
WEIGHT_COST = 60
TRANSFORM_COST = 5
ADDING_COST = 12
N_PARTS = 4  # of the batch, whose sums of weights are added at the end


def pays(
    product: str, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> bool:
    """Whether this way applies, and is quicker than columns, for the product of this name; x: its batch."""
    is_3x3 = window.kernel == (3, 3) and window.stride == window.dilation == (1, 1) and groups == 1
    if not is_3x3 or min(weight_shape[:2]) < 16 or x.dtype != np.float32:
        return False
    return best_tile(product, len(x), weight_shape, window) > 0


def best_tile(product: str, n_images: int, weight_shape: tuple[int, ...], window: Window) -> int:
    """Return the m that costs least, 0 for the direct way: 9·C·F multiplications for every output.

    A tile costs t²·C·F, and (m + t)·t²·C + (m + t)·m·t·F for its transforms. In `spread_windows` the F
    filters are what is seen, and the C channels what is made.
    """
    seen, made, (OH, OW), adding = weight_shape[1], weight_shape[0], window.out, 0
    if product == "spread_windows":
        seen, made, (OH, OW), adding = made, seen, window.image, ADDING_COST * weight_shape[1]
    costs = {0: 9 * n_images * (seen * made + adding) * window.out[0] * window.out[1]}
    for m in (2, 4):
        t, T = m + 2, n_images * -(-OH // m) * -(-OW // m)
        transforms_of_tile = (m + t) * t * (t * seen + m * made)
        costs[m] = t * t * seen * made * (T + WEIGHT_COST) + TRANSFORM_COST * T * transforms_of_tile
    return min(costs, key=costs.__getitem__)


def filter_windows(
    x: Array, weight: Array, window: Window, groups: int = 1, m: int | None = None
) -> Array | None:
    """y = W cols.   x: (N, C, H, W) · weight: (F, C, 3, 3) → y: (N, F, OH, OW)"""
    m = m or best_tile("filter_windows", len(x), weight.shape, window)
    U = _transformed(weight, _matrices(m)[1])  # (t², F, C)
    return _filter(x, U, _tiles(window.before, window.image, window.out, m, m + 2), window.out)


def spread_windows(
    y: Array, weight: Array, window: Window, groups: int = 1, m: int | None = None
) -> Array | None:
    """x = the columns Wᵀ y, added up.   y: (N, F, OH, OW) · weight: (F, C, 3, 3) → x: (N, C, H, W)

    x[n,c,h,w] = Σ_fij W[f, c, 2−i, 2−j] · y[n, f, h + i − (2 − top), w + j − (2 − left)]
    """
    m = m or best_tile("spread_windows", len(y), weight.shape, window)
    U = _transformed(weight, _matrices(m)[1][:, ::-1])  # (t², F, C)
    before = 2 - window.before[0], 2 - window.before[1]
    tiles = _tiles(before, window.out, window.image, m, m + 2)
    return _filter(y, U.swapaxes(1, 2), tiles, window.image)


def weight_sums(
    x: Array, y: Array, window: Window, groups: int = 1, m: int | None = None
) -> Array | None:
    """W = Σ_n y[n] cols[n]ᵀ.   x: (N, C, H, W) · y: (N, F, OH, OW) → W: (F, C, 3, 3)"""
    (N, F), C = y.shape[:2], x.shape[1]
    m = m or best_tile("weight_sums", N, (F, C), window)
    t = m + 2
    BT, G, AT = _matrices(m)
    x_tiles = _tiles(window.before, window.image, window.out, m, t)
    y_tiles = _tiles((0, 0), window.out, window.out, m, m)
    TH, TW = x_tiles.out
    row_bytes, products = TW * t * t * (C + F) * x.itemsize, N * TH * TW * t * t * C * F
    dU_bytes = t * t * C * F * x.itemsize
    blocks, shares = cut(N, TH, row_bytes, products, dU_bytes), [slice(0, F)]
    if dU_bytes > N * TH * row_bytes:
        # The sums are the most: each thread takes all tiles and writes the sums of half of the filters.
        blocks, shares = [Block(slice(0, N), slice(0, TH))], [slice(0, F // 2), slice(F // 2, F)]
    n_parts = min(N_PARTS, len(blocks))
    parts = np.empty((n_parts, F, C, 3, 3), x.dtype)

    def work(part: tuple[int, slice], workspace: Workspace) -> None:
        i, filters = part
        f = filters.stop - filters.start
        dU = workspace("sum", (t * t, f, C), x.dtype)
        first = i * len(blocks) // n_parts
        for b in range(first, (i + 1) * len(blocks) // n_parts):
            V = _transformed_tiles(x, blocks[b], x_tiles, BT, "tiles of x", workspace)
            of_y = y[:, filters]
            dM = _transformed_tiles(of_y, blocks[b], y_tiles, AT.T, "tiles of y", workspace)
            # (t², F, T) @ (t², T, C) -> (t², F, C)
            if b == first:
                np.matmul(dM.swapaxes(1, 2), V, out=dU)
            else:
                product = workspace("product", dU.shape, x.dtype)
                dU += np.matmul(dM.swapaxes(1, 2), V, out=product)
        # (f·C, t²) @ (t², 9) -> (f·C, 9)
        np.matmul(dU.reshape(t * t, f * C).T, G, out=parts[i, filters].reshape(f * C, 9))

    run(work, [(i, share) for i in range(n_parts) for share in shares])
    with np.errstate(all="ignore"):  # a sum may overflow though its terms do not
        w = parts.sum(axis=0) if n_parts > 1 else parts[0]
        return w if np.isfinite(w.sum()) else None


@cache
def _matrices(m: int) -> tuple[Array, Array, Array]:
    """Return Bᵀ (t, t), G ⊗ G (t², 9), which takes both sides of g at once, and Aᵀ (m, t) in float32."""
    BT, G, AT = transforms(m)
    return BT.astype(np.float32), np.kron(G, G).astype(np.float32), AT.astype(np.float32)


def _tiles(
    before: tuple[int, int], image: tuple[int, int], out: tuple[int, int], m: int, side: int
) -> Window:
    """Return the tiles as windows of a kernel as large as they are, m apart."""
    n_tiles = -(-out[0] // m), -(-out[1] // m)  # the last ones may hang over the edge
    return Window((side, side), (m, m), (1, 1), before, image, n_tiles)


def _transformed(weight: Array, G: Array) -> Array:
    """Return U = G g Gᵀ of all filters (t², F, C)."""
    F, C = weight.shape[:2]
    if max(F, C) <= 128:
        # In memory (t², C, F): AVX-512 kernels of OpenBLAS take U Vᵀ twice as fast if U is transposed too.
        weight = weight.transpose(1, 0, 2, 3)
    g = weight.reshape(F * C, 9)
    U = np.empty((len(G), F * C), weight.dtype)

    def work(part: slice, _: Workspace) -> None:
        np.matmul(G, g[part].T, out=U[:, part])  # (t², 9) @ (9, F·C)

    size = max(1 << 14, -(-F * C // 8))
    run(work, [slice(i, min(i + size, F * C)) for i in range(0, F * C, size)])
    return U.reshape(-1, C, F).swapaxes(1, 2) if max(F, C) <= 128 else U.reshape(-1, F, C)


def _transformed_tiles(
    x: Array, block: Block, tiles: Window, matrix: Array, name: str, workspace: Workspace
) -> Array:
    """Return the transforms of a block's tiles (t², T, C), in the workspace under this name."""
    x, tiles = x[block.images], of_rows(tiles, block.rows)
    seen = workspace("laid out", (len(x), *reach(tiles), x.shape[1]), x.dtype)
    lay_out(x, tiles, seen)
    return transform_tiles(seen, tiles.out[1], matrix, tiles.stride[0], name, workspace)


def _filter(x: Array, U: Array, tiles: Window, out: tuple[int, int]) -> Array | None:
    """x: (N, C, H, W) · U: (t², F, C) → y: (N, F, *out), None if it is not finite"""
    m, (TH, TW), (places, F, C) = tiles.stride[0], tiles.out, U.shape
    y = np.empty((len(x), F, *out), x.dtype)
    BT, _, AT = _matrices(m)
    not_finite = []

    def work(block: Block, workspace: Workspace) -> None:
        V = _transformed_tiles(x, block, tiles, BT, "tiles of x", workspace)
        T = V.shape[1]
        M = workspace("odd steps", (places, F, T), x.dtype)
        np.matmul(U, V.swapaxes(1, 2), out=M)  # (t², F, C) @ (t², C, T)
        Y = outputs_of_tiles(M, AT, workspace)  # (m, m, F·T)
        if not np.isfinite(Y.sum()):
            not_finite.append(block)
        part = y[block.images, :, block.rows.start * m : block.rows.stop * m]
        by_tile = Y.reshape(m, m, F, len(part), -1, TW).swapaxes(2, 3)  # (m, m, n, F, rows, TW)
        for i, j in np.ndindex(m, m):
            at = part[:, :, i::m, j::m]  # fewer than all tiles, where these hang over the edge
            at[...] = by_tile[i, j, :, :, : at.shape[2], : at.shape[3]]

    products = len(x) * TH * TW * places * C * F
    row_bytes = TW * places * max(C, F) * x.itemsize
    run(work, cut(len(x), TH, row_bytes, products, U.nbytes))
    return None if not_finite else y
