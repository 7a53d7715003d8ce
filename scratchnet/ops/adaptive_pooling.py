"""Adaptive pooling: the size of the output is given, and the bins that are reduced follow from it.

    bin p of an axis of n entries, cut into m, spans ⌊p·n/m⌋ to ⌈(p+1)·n/m⌉, the end not included

Bins differ in length by one at most; where m does not divide n they share entries. One bin is the whole
axis: with the output size 1 these are the global pools (global average pooling).

Letters: N batch, C channels, H W image, L line, OH OW output, OL its length; (p, q) an output.

Source: He, Zhang, Ren & Sun 2015, "Spatial pyramid pooling in deep convolutional networks", appendix A
(the bins).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, in_float32
from scratchnet.ops._lines import as_rows, of_lines, single
from scratchnet.ops._pieces import pieces
from scratchnet.ops._ranges import Ranges, are_long, sum_over, transposed
from scratchnet.ops._window import Pair, pair, require_images
from scratchnet.ops.pooling import avg_pool2d, max_pool2d
from scratchnet.threads import run_blocks

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
]

OutputSize = int | Sequence[int | None]


def adaptive_avg_pool2d(x: Array, output_size: OutputSize) -> tuple[Array, Pullback]:
    """Mean of each bin of an image cut into OH rows and OW columns of bins.

        y[n,c,p,q] = (1/m[p,q]) Σ x[n,c,h,w] over the (h, w) in bin (p, q), which has m[p,q] entries
        ∂L/∂x[n,c,h,w] = Σ dy[n,c,p,q] / m[p,q] over the bins that hold (h, w)

    x: (N, C, H, W) → y: (N, C, OH, OW). output_size: (OH, OW), where None keeps the length of x, or an
    int for both; 1 is the global mean.

    A bin is a range of rows and one of columns, so both sums are taken along one axis after the other.
    The bins that hold an entry are again ranges: so is the transposed map. float16 is summed in float32.

    >>> adaptive_avg_pool2d(np.array([[[[1.0, 3.0, 8.0]]]]), (1, 2))[0]
    array([[[[2. , 5.5]]]])
    """
    x = as_float(x)
    require_images("adaptive_avg_pool2d", x)
    if x.dtype == HALF:
        return in_float32(adaptive_avg_pool2d, x, output_size)
    (oh, ow), (height, width) = _resolve(output_size, x), x.shape[2:]
    if oh == ow == 1:
        return _global_mean(x)
    rows, columns = _bins(height, oh), _bins(width, ow)
    if (window := _sliding(rows, columns)) is not None:
        return avg_pool2d(x, *window)
    m = np.multiply.outer(rows[1] - rows[0], columns[1] - columns[0]).astype(x.dtype)  # (OH, OW)
    y = sum_over(columns, sum_over(rows, x, -2), -1) / m

    def pullback(dy: Array) -> tuple[Array]:
        along_rows = sum_over(transposed(columns, width), dy / m, -1)  # (N, C, OH, W)
        return (sum_over(transposed(rows, height), along_rows, -2),)

    return y, pullback


def _global_mean(x: Array) -> tuple[Array, Pullback]:
    shape = x.shape
    m = float(shape[2] * shape[3])

    def pullback(dy: Array) -> tuple[Array]:
        return (np.broadcast_to(dy / m, shape),)

    # einsum's sums of short rows are four times as fast as those of x.mean.
    return np.einsum("nchw->nc", x)[:, :, None, None] / m, pullback


def adaptive_avg_pool1d(x: Array, output_size: Pair) -> tuple[Array, Pullback]:
    """Mean of each of OL bins of a line: `adaptive_avg_pool2d` of an image of one row.

        y[n,c,q] = (1/m[q]) Σ x[n,c,w] over the w in bin q, which has m[q] entries
        ∂L/∂x[n,c,w] = Σ dy[n,c,q] / m[q] over the bins that hold w

    x: (N, C, L) → y: (N, C, OL). output_size: OL.

    >>> adaptive_avg_pool1d(np.array([[[1.0, 3.0, 8.0]]]), 2)[0]
    array([[[2. , 5.5]]])
    """
    rows = as_rows("adaptive_avg_pool1d", x)
    return of_lines(*adaptive_avg_pool2d(rows, (1, single("output_size", output_size, 0))))


def adaptive_max_pool2d(
    x: Array, output_size: OutputSize, return_indices: bool = False
) -> tuple[Any, Pullback]:
    """Largest entry of each bin of an image cut into OH rows and OW columns of bins.

        y[n,c,p,q] = max x[n,c,h,w] over the (h, w) in bin (p, q)
        ∂L/∂x[n,c,h,w] = Σ dy[n,c,p,q] over the bins whose first maximum stands at (h, w)

    x: (N, C, H, W) → y: (N, C, OH, OW); with return_indices also the maximum's position h·W + w, int64,
    (N, C, OH, OW). output_size: (OH, OW), where None keeps the length of x, or an int for both; 1 is
    the global maximum.

    Of equal entries in a bin the first, row by row, takes the whole gradient. The first NaN of a bin
    counts as its maximum. (Of several NaN torch takes the last.)

    >>> adaptive_max_pool2d(np.array([[[[1.0, 3.0, 8.0]]]]), (1, 2))[0]
    array([[[[3., 8.]]]])
    """
    require_images("adaptive_max_pool2d", x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"a maximum is of real numbers, got dtype {x.dtype}")
    (oh, ow), shape, dtype = _resolve(output_size, x), x.shape, x.dtype
    rows, columns = _bins(shape[2], oh), _bins(shape[3], ow)
    in_bins, in_plane = (*shape[:2], oh * ow), (*shape[:2], shape[2] * shape[3])
    planes = x.reshape(in_plane)
    if oh == ow == 1:
        positions = _argmax(planes).reshape(in_bins)
    elif (window := _sliding(rows, columns)) is not None:
        # The positions take less memory than x, which the pullback of max_pool2d keeps.
        positions = max_pool2d(x, *window, return_indices=True)[0][1].reshape(in_bins)
    else:
        positions = _positions_in_bins(x, rows, columns).reshape(in_bins)
    y = np.take_along_axis(planes, positions, axis=2)
    bins = (*shape[:2], oh, ow)

    def pullback(dy: Any) -> tuple[Array]:
        dy = dy[0] if return_indices else dy
        dx = np.zeros(shape, dtype)
        if dy is not None:
            starts = np.arange(0, dx.size, in_plane[2]).reshape(*shape[:2], 1)  # of the planes
            np.add.at(dx.reshape(-1), (starts + positions).ravel(), dy.ravel())
        return (dx,)

    y = y.reshape(bins)
    return ((y, positions.reshape(bins)) if return_indices else y), pullback


def adaptive_max_pool1d(
    x: Array, output_size: Pair, return_indices: bool = False
) -> tuple[Any, Pullback]:
    """Largest entry of each of OL bins of a line: `adaptive_max_pool2d` of an image of one row.

        y[n,c,q] = max x[n,c,w] over the w in bin q
        ∂L/∂x[n,c,w] = Σ dy[n,c,q] over the bins whose first maximum stands at w

    x: (N, C, L) → y: (N, C, OL); with return_indices also the maximum's position w, int64, (N, C, OL).
    output_size: OL.

    >>> adaptive_max_pool1d(np.array([[[1.0, 3.0, 8.0]]]), 2)[0]
    array([[[3., 8.]]])
    """
    rows, out = as_rows("adaptive_max_pool1d", x), (1, single("output_size", output_size, 0))
    return of_lines(*adaptive_max_pool2d(rows, out, return_indices))


def _resolve(output_size: OutputSize, x: Array) -> tuple[int, int]:
    """Return (OH, OW), with the lengths of x for None."""
    if isinstance(output_size, Iterable):
        sizes = tuple(output_size)
        if len(sizes) == 2:
            return pair(
                "output_size",
                [n if m is None else m for m, n in zip(sizes, x.shape[2:], strict=True)],
                0,
            )
    return pair("output_size", output_size, 0)  # type: ignore[arg-type]


def _bins(n: int, m: int) -> Ranges:
    """Return where each of the m bins of n entries starts, and where it stops."""
    p = np.arange(m)
    return p * n // max(m, 1), -(-(p + 1) * n // max(m, 1))  # −⌊−a/b⌋ = ⌈a/b⌉


def _sliding(rows: Ranges, columns: Ranges) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the kernel and the stride of a pool whose windows are these bins; None if there is none.

    Where n is a multiple of m there always is one, and often elsewhere: of 13 entries cut into 6, each
    bin has 3, and 2 lie between the starts.
    """
    kernel: list[int] = []
    stride: list[int] = []
    for start, stop in (rows, columns):
        lengths, steps = set((stop - start).tolist()), set(np.diff(start).tolist())
        if len(lengths) != 1 or len(steps) > 1 or 0 in steps or are_long((start, stop)):
            return None
        kernel += lengths
        stride += steps or lengths
    return (kernel[0], kernel[1]), (stride[0], stride[1])


def _argmax(planes: Array) -> Array:
    """Return where the first maximum of each plane (N, C, H·W) stands, (N, C)."""
    n, c, size = planes.shape
    flat, positions = planes.reshape(n * c, size), np.empty(n * c, np.intp)

    def fill(piece: slice) -> None:
        flat[piece].argmax(axis=1, out=positions[piece])

    # An argmax of short rows takes as long as some four passes.
    run_blocks(fill, pieces(n * c, 4 * size * planes.itemsize))
    return positions.reshape(n, c)


def _positions_in_bins(x: Array, rows: Ranges, columns: Ranges) -> Array:
    """Return where each bin's first maximum stands, h·W + w: first that of each row, then of those."""
    of_row, w = _maxima_of_bins(x, columns)  # (N, C, H, OW)
    _, h = _maxima_of_bins(of_row.swapaxes(2, 3), rows)
    h = h.swapaxes(2, 3)  # (N, C, OH, OW)
    return h * x.shape[3] + np.take_along_axis(w, h, axis=2)


def _maxima_of_bins(x: Array, bins: Ranges) -> tuple[Array, Array]:
    """Return the largest entry of each bin of the last axis, and the first place where it stands."""
    start, stop = bins
    if are_long(bins):
        each = zip(start.tolist(), stop.tolist(), strict=True)
        places = np.stack([first + x[..., first:end].argmax(axis=-1) for first, end in each], -1)
        return np.take_along_axis(x, places, axis=-1), places
    y = x.take(start, axis=-1)
    places = np.broadcast_to(start, y.shape).copy()
    for t in range(1, int((stop - start).max(initial=1))):
        # Of a shorter bin its last entry again, which is not larger than what was found.
        place = np.minimum(start + t, stop - 1)
        entry = x.take(place, axis=-1)
        is_larger = entry > y
        if x.dtype.kind == "f":
            is_larger |= np.isnan(entry) & ~np.isnan(y)
        np.copyto(y, entry, where=is_larger)
        np.copyto(places, np.broadcast_to(place, y.shape), where=is_larger)
    return y, places
