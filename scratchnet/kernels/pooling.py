"""The largest entry of each window, for channels-last arrays, without a derivative.

Letters: N batch, H W image, C channels, kh kw kernel, OH OW output.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scratchnet.kernels.blocks import Block, cut, scratch
from scratchnet.ops._array import Array
from scratchnet.ops._window import Window
from scratchnet.threads import run_blocks

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

    def work(block: Block) -> None:
        n, n_rows = block.images.stop - block.images.start, block.rows.stop - block.rows.start
        r = scratch("a", (n, n_rows, W, C), x.dtype)
        r[...] = -np.inf
        for p, h in _seen(window, 0, block.rows):
            np.maximum(r[:, p], x[block.images, h], out=r[:, p])
        part = y[block]
        part[...] = -np.inf
        for q, w in _seen(window, 1, slice(0, OW)):
            np.maximum(part[:, :, q], r[:, :, w], out=part[:, :, q])

    run_blocks(work, cut(N, OH, (window.stride[0] + 1) * W * C * x.itemsize))
    return y


def _seen(window: Window, axis: int, out: slice) -> Iterator[tuple[slice, slice]]:
    """Yield for each tap along one axis (outputs, counted from out.start; the inputs they look at)."""
    step, n = window.stride[axis], window.image[axis]
    for tap in range(window.kernel[axis]):
        shift = (
            tap * window.dilation[axis] - window.before[axis]
        )  # output p looks at p·step + shift
        first = max(out.start, -(shift // step))
        stop = min(out.stop, (n - 1 - shift) // step + 1)
        if first < stop:
            start = first * step + shift
            inputs = slice(start, start + (stop - first - 1) * step + 1, step)
            yield slice(first - out.start, stop - out.start), inputs
