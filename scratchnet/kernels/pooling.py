"""The largest entry of each window, for channels-last arrays, without a derivative.

Letters: N batch (n of them in a block), H W image, C channels, kh kw kernel, (i, j) its tap, OH OW output,
(p, q) its entry, (s, t) stride and (d, e) dilation of rows and columns, top and left the padding.
"""

from __future__ import annotations

import numpy as np

from scratchnet.kernels.blocks import Block, Workspace, cut, run
from scratchnet.ops._array import Array
from scratchnet.ops._pooling_window import lowest
from scratchnet.ops._window import Window

__all__ = ["max_pool"]


def max_pool(x: Array, window: Window) -> Array:
    """Return max_ij of what each window sees, first down the columns, then along the rows.

        r[p, w] = max_i x[p·s + i·d − top, w],   y[p, q] = max_j r[p, q·t + j·e − left]

    which takes kh + kw comparisons an output instead of kh·kw. Padding counts as −∞.
    x: (N, H, W, C) → y: (N, OH, OW, C)
    """
    N, _, W, C = x.shape
    OH, OW = window.out
    y = np.empty((N, OH, OW, C), x.dtype)

    def work(block: Block, workspace: Workspace) -> None:
        n, n_rows = block.images.stop - block.images.start, block.rows.stop - block.rows.start
        # The window of this block: its first row of outputs is number 0.
        above = window.before[0] - block.rows.start * window.stride[0]
        part_window = window._replace(before=(above, window.before[1]), out=(n_rows, OW))
        r = workspace("columns' maxima", (n, n_rows, W, C), x.dtype)
        r[...] = lowest(x.dtype)
        for i in range(window.kernel[0]):
            p, h = part_window.along(0, i)
            np.maximum(r[:, p], x[block.images, h], out=r[:, p])
        part = y[block]
        part[...] = lowest(x.dtype)
        for j in range(window.kernel[1]):
            q, w = part_window.along(1, j)
            np.maximum(part[:, :, q], r[:, :, w], out=part[:, :, q])

    run(work, cut(N, OH, (window.stride[0] + 1) * W * C * x.itemsize))
    return y
