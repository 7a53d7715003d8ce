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
        # With the axis that is gone through in front: (rows, n, W, C), then (columns, n, rows, C).
        _maxima(r.swapaxes(0, 1), x[block.images].swapaxes(0, 1), part_window, 0)
        _maxima(np.moveaxis(y[block], 2, 0), np.moveaxis(r, 2, 0), part_window, 1)

    comparisons = y.size * (window.kernel[0] + window.kernel[1])
    run(work, cut(N, OH, (window.stride[0] + 1) * W * C * x.itemsize, comparisons))
    return y


def _maxima(y: Array, x: Array, window: Window, axis: int) -> None:
    """Write into y[p] the largest of the x that output p sees along one axis, which comes first in both."""
    taps = [window.along(axis, k) for k in range(window.kernel[axis])]
    of_all = next((tap for tap in taps if tap[0] == slice(0, len(y))), None)
    if of_all is None:
        y[...] = lowest(y.dtype)
    else:  # a tap that every output sees something through
        y[...] = x[of_all[1]]
        taps.remove(of_all)
    for p, h in taps:
        np.maximum(y[p], x[h], out=y[p])
