"""Columns added back for many small images of few channels: with the batch as the last axis.

    x = the columns Wᵀ y, added up: one of the three products of `_products.py`

What a tap adds at all outputs of a row, in all images of a block, then lies in one piece of OW·n numbers,
where each image by itself has pieces of OW or of C. What it costs is turning y and x round. (For the other
two products, which only copy columns, that costs as much as it gains.)

Letters as in `_products.py`; n images in a block.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._blocks import BLOCK_BYTES, even_parts
from scratchnet.ops._channels_last import add_windows, inside, reach
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace, run

LEAST_IMAGES = 16  # of a block


def pays(
    product: str, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> bool:
    """Whether the pieces are short otherwise, and enough of them to be worth turning round."""
    if product != "spread_windows" or groups > 1 or len(x) < 2 * LEAST_IMAGES:
        return False
    C, window_size = weight_shape[1], prod(weight_shape[1:])
    is_short = C <= 16 and window.out[1] <= 16 and window.stride[1] == 1
    return is_short and window_size >= 64


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array:
    """y: (N, F, OH, OW) · weight: (F, C, kh, kw) → x: (N, C, H, W)"""
    (F, C, kh, kw), (OH, OW), (rows, columns) = weight.shape, window.out, reach(window)
    w = weight.reshape(F, C * kh * kw)
    x = np.zeros((len(y), C, *window.image), y.dtype)

    def work(images: slice, workspace: Workspace) -> None:
        n = images.stop - images.start
        dy = workspace("y", (F, OH, OW, n), y.dtype)
        np.copyto(dy, y[images].transpose(1, 2, 3, 0))
        cols = workspace("columns", (C, kh, kw, OH, OW, n), y.dtype)
        # (K, F) @ (F, L·n) -> (K, L·n)
        np.matmul(w.T, dy.reshape(F, -1), out=cols.reshape(C * kh * kw, -1))
        sums = workspace("sums", (C, kh, OH, columns, n), y.dtype).swapaxes(1, 2)
        laid_out = workspace("laid out", (C, rows, columns, n), y.dtype)
        laid_out.fill(0)
        # With channels and batch in each other's place: (C, OH, OW, kh, kw, n).
        add_windows(cols.transpose(0, 3, 4, 1, 2, 5), window, 0, laid_out, sums)
        at, seen = inside(window)
        x[images][:, :, *seen] = laid_out[:, *at].transpose(3, 0, 1, 2)

    n = max(LEAST_IMAGES, BLOCK_BYTES // (w.shape[1] * OH * OW * y.itemsize))
    run(work, even_parts(len(y), -(-len(y) // n)))
    return x
