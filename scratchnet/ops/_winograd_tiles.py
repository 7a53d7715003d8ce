"""Winograd's transforms of all tiles of some images: Bᵀ d B before the products, Aᵀ M A after them.

Both sides in turn, each as one call of products: first d B, where tiles that lie above each other share
what they see, then Bᵀ (d B); likewise Aᵀ M and then (Aᵀ M) A. Channels last. `_winograd_transforms.py` has
the matrices; convolutions in training (`_winograd.py`) and kernels for inference use this.

Letters: n images, h their rows that are seen, C channels, m side of a tile of outputs, t = m + 2 that of
its inputs, p TW rows and columns of tiles, T = n·p·TW tiles, X = TW·C.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from scratchnet.ops._array import Array
from scratchnet.ops._workspace import Workspace


def transform_tiles(
    seen: Array, TW: int, matrix: Array, step: int, name: str, workspace: Workspace
) -> Array:
    """Return V = S d Sᵀ of all tiles d, for S = Bᵀ or another matrix (t, side): (t², T, C).

    seen: (n, h, w, C), of which tile (k, l) has rows and columns from k·step and l·step on · V lies in
    the workspace under this name; "even steps" and "odd steps" are written on the way
    """
    (t, side), (n, h, _, C) = matrix.shape, seen.shape
    p, X = (h - side) // step + 1, TW * C
    a, b, c, unit = seen.strides
    # Column j of every tile; neighbours may overlap. One product for each row of the images.
    columns = as_strided(seen, (side, n, h, TW, C), (c, a, b, c * step, unit))
    d = workspace("even steps", columns.shape, seen.dtype)
    np.copyto(d, columns)
    dS = workspace("odd steps", (t, n * h, X), seen.dtype)
    d = d.reshape(side, n * h, X)
    np.matmul(matrix, d.swapaxes(0, 1), out=dS.swapaxes(0, 1))  # (t, side) @ (side, TW·C)
    # Row i of every tile, again with overlaps: (t of columns, n, p, side, X).
    a, c, unit = dS.strides
    rows = as_strided(dS, (t, n, p, side, X), (a, c * h, c * step, c, unit))
    V = workspace(name, (t, t, n, p, X), seen.dtype)
    np.matmul(matrix, rows, out=V.transpose(1, 2, 3, 0, 4))  # (t, side) @ (side, TW·C)
    return V.reshape(t * t, n * p * TW, C)


def outputs_of_tiles(M: Array, AT: Array, workspace: Workspace) -> Array:
    """Return Y = Aᵀ M A of all tiles: (t², …) -> (m, m, size of the rest), under "odd steps".

    M may lie there too; "even steps" is written on the way.
    """
    m, t = AT.shape
    M = M.reshape(t, t, -1)
    AM = workspace("even steps", (m, t, M.shape[2]), M.dtype)
    np.matmul(AT, M.swapaxes(0, 1), out=AM.swapaxes(0, 1))  # rows: (m, t) @ (t, …)
    Y = workspace("odd steps", (m, m, M.shape[2]), M.dtype)
    np.matmul(AT, AM, out=Y)  # columns: (m, t) @ (t, …)
    return Y
