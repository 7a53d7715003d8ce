"""The three products of `_products.py` for groups of few channels, depthwise ones above all.

There a window holds so few numbers that matrix products cost nothing and the copies everything. So a
channel is laid out once for each column of the kernel, not for each tap: plane j holds what tap (·, j)
sees, in rows as wide as the output. Tap (i, j) then sees the same plane from row i·d on, one long run:

    plane_j[r, q] = x[r − top, q·s + j·d − left]        0 outside of the image
    y = Σ_ij W[i, j] · (the run of OH·OW entries of plane_j that begins at its row i·d)

and each term is one pass over numbers that lie side by side in the cache. Rows that are s apart do not:
a stride splits the plane in s phases of rows a, a + s, …, and tap (i, j) sees phase i·d mod s from its
row ⌊i·d/s⌋ on. Small images stand below each other in a plane, so that runs are long; what a run sees
between two of them is cut off, or met by zeros.

Spreading is filtering. With stride 1 the kernel is turned by 180°; with stride s the entries of x that
are s apart see the same taps, so each of the s² phases of x is a filter of stride 1 (`_phases_of_image`).

Letters as in `_products.py`. A plane has P rows; n and g are the images and groups of a block,
R = ((n − 1)·P + OH)·OW is the length of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._channels_last import are_sparse
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace, run

# What a block takes. Within a second-level cache it would be 10 % faster on one thread; but on several,
# each of NumPy's calls may have to wait for the interpreter's lock, and so there must be few of them.
BLOCK_BYTES = 1 << 22
RUN = 2048  # entries: images are put together until a run is as long as this
LONG = 1024  # in runs shorter than this, single terms cost more than columns
SHARED_TERMS = 1 << 21  # so many take five times as long as waking another thread
PARTS = 4  # of the batch, for the sums over it


# Where planes were measured to be at least 10 % faster than columns (some single shapes less). In a
# depthwise 3×3 convolution on two threads they take half of the time, in spreading to groups of 8
# channels 0.6 of it; with more channels in a group the products outweigh the copies.


MOST_CHANNELS = {"filter_windows": 4, "spread_windows": 8, "weight_sums": 1}  # of a group


def pays(
    product: str, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> bool:
    """Whether this way is quicker than columns for one of the three products, given by its name."""
    if x.dtype.itemsize < 4:  # its terms would be rounded to halves one by one
        return False
    # The windows of a single row are runs as they are.
    if product == "filter_windows" and window.out[0] == 1:
        return False
    is_dense = _overlap(window) and not are_sparse(window)
    return is_dense and _are_narrow(weight_shape, groups, MOST_CHANNELS[product])


def _are_narrow(weight_shape: tuple[int, ...], groups: int, channels: int) -> bool:
    """Whether groups have at most so many channels, and at most two filters for each."""
    n_filters, depth = weight_shape[:2]
    return groups > 1 and 0 < depth <= channels and n_filters <= 2 * groups * depth


def _overlap(window: Window) -> bool:
    """Whether an entry stands in two windows on average, so that laying it out once saves something."""
    return prod(window.kernel) >= 2 * prod(window.stride)


def filter_windows(x: Array, weight: Array, window: Window, groups: int) -> Array:
    """y = Σ_ij W[i, j] · the run of tap (i, j).

    x: (N, C, H, W) · weight: (F, C/G, kh, kw) → y: (N, F, OH, OW)
    """
    y = np.empty((len(x), len(weight), *window.out), x.dtype)
    _filter(x, [Part(weight, window, y)], groups)
    return y


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array | None:
    """x, phase by phase, is y filtered with the taps that reach it.

    y: (N, F, OH, OW) · weight: (F, C/G, kh, kw) → x: (N, C, H, W), None if the weights are not finite:
    an infinite one would also meet the zeros around y.
    """
    if not np.isfinite(weight).all():
        return None
    F, depth, *kernel = weight.shape
    turned = weight.reshape(groups, F // groups, depth, *kernel)[..., ::-1, ::-1].swapaxes(1, 2)
    turned = turned.reshape(groups * depth, F // groups, *kernel)  # (C, F/G, kh, kw)
    x = np.zeros((len(y), groups * depth, *window.image), y.dtype)
    parts = []
    for (i, h, rows), (j, w, columns) in product(
        _phases_of_image(window, 0), _phases_of_image(window, 1)
    ):
        within = Window(*zip(rows, columns, strict=True))
        parts.append(Part(np.ascontiguousarray(turned[:, :, i, j]), within, x[:, :, h, w]))
    _filter(y, parts, groups)
    return x


def weight_sums(x: Array, y: Array, window: Window, groups: int) -> Array | None:
    """W[f,c,i,j] = Σ_n y[n,f] · (the run of tap (i, j) in channel c of image n).

    Between the images of a plane y is 0, and 0 · ∞ = NaN: so None is returned if W is not finite.
    """
    (N, F, OH, OW), depth = y.shape, x.shape[1] // groups
    filters, P = F // groups, _height(window)
    images, of_groups = _cut(N, groups, filters, depth, window, y.itemsize)
    # So many parts of the batch are summed by themselves, and at the end in this order.
    n_parts = min(len(images), -(-PARTS // len(of_groups)))
    sums = np.zeros((n_parts, groups, filters, depth, *window.kernel), y.dtype)

    def work(block: tuple[int, slice], workspace: Workspace) -> None:
        part, of = block
        out = sums[part, of]
        for at in images[part * len(images) // n_parts : (part + 1) * len(images) // n_parts]:
            planes = _lay_out(x[at, of.start * depth : of.stop * depth], window, workspace)
            ys = y[at, of.start * filters : of.stop * filters].swapaxes(0, 1)  # (f, n, OH, OW)
            rows = ys
            if ys.shape[1] > 1:
                rows = workspace("rows", (*ys.shape[:2], P, OW), y.dtype)
                rows[:, :, :OH], rows[:, :, OH:] = ys, 0
            runs = rows.reshape(len(out), filters, 1, 1, 1, -1)
            runs = runs[..., : ((ys.shape[1] - 1) * P + OH) * OW]
            for taps, seen in _runs(planes, window):
                seen = seen.reshape(len(out), 1, depth, *seen.shape[1:])
                # (g, F/G, 1, 1, 1, R) · (g, 1, C/G, i, kw, R) -> (g, F/G, C/G, i, kw)
                out[..., taps, :] += np.vecdot(runs, seen)

    run(work, list(product(range(n_parts), of_groups)))
    with np.errstate(all="ignore"):  # as in the blocks: what overflows shows in the result
        w = sums.sum(axis=0).reshape(F, depth, *window.kernel)
    return w if np.isfinite(w).all() else None


class Part(NamedTuple):
    """A filter: weight (F, C/G, kh, kw), the window, and where the result is to go (N, F, OH, OW)."""

    weight: Array
    window: Window
    y: Array


def _filter(x: Array, parts: list[Part], groups: int) -> None:
    """Write the filtered x (N, C, H, W) of all parts."""
    blocks = []
    for part in parts:
        filters, depth = len(part.weight) // groups, part.weight.shape[1]
        images, of_groups = _cut(len(x), groups, filters, depth, part.window, x.itemsize)
        blocks += list(product([part], images, of_groups))

    def work(block: tuple[Part, slice, slice], workspace: Workspace) -> None:
        (weight, window, y), images, of = block
        (OH, OW), P, filters = window.out, _height(window), len(weight) // groups
        w = weight.reshape(groups, filters, *weight.shape[1:])[of]  # (g, F/G, C/G, kh, kw)
        g, _, depth = w.shape[:3]
        planes = _lay_out(x[images, of.start * depth : of.stop * depth], window, workspace)
        n = planes.shape[3]
        out = y[images, of.start * filters : of.stop * filters].swapaxes(0, 1)  # (f, n, OH, OW)
        if n == 1 and out.strides[2:] == (OW * y.itemsize, y.itemsize):
            rows = out  # it is one run
        else:
            rows = workspace("rows", (g * filters, n, P, OW), y.dtype)
        ys = rows.reshape(g, filters, -1)[..., : ((n - 1) * P + OH) * OW]
        is_long = depth == 1 and ys.shape[2] >= LONG
        filter_planes = _add_terms if is_long else _multiply_columns
        filter_planes(planes, w, window, ys, workspace)
        if rows is not out:
            out[...] = rows[:, :, :OH]

    run(work, blocks)


def _add_terms(planes: Array, w: Array, window: Window, y: Array, workspace: Workspace) -> None:
    """y (g, F/G, R) = Σ_ij w[i, j] · the run of tap (i, j), for groups of one channel."""
    out = y
    for taps, seen in _runs(planes, window):
        np.einsum("gijr,gfij->gfr", seen, w[:, :, 0, taps], out=out)
        if out is not y:
            y += out
        out = workspace("terms", y.shape, y.dtype)


def _multiply_columns(
    planes: Array, w: Array, window: Window, y: Array, workspace: Workspace
) -> None:
    """y (g, F/G, R) = W cols: the runs of all taps are the columns."""
    g, filters, depth, *kernel = w.shape
    cols = workspace("columns", (g * depth, *kernel, y.shape[2]), y.dtype)
    for taps, seen in _runs(planes, window):
        cols[:, taps] = seen
    K = depth * prod(kernel)
    # (g, F/G, K) @ (g, K, R) -> (g, F/G, R)
    np.matmul(w.reshape(g, filters, K), cols.reshape(g, K, -1), out=y)


def _height(window: Window) -> int:
    """Return P, the rows of a plane: those of the output and those that the last tap sees beyond them."""
    return window.out[0] + (window.kernel[0] - 1) * window.dilation[0] // window.stride[0]


def _n_phases(window: Window) -> int:
    """Return how many phases the rows of the image are split in: the stride, if the kernel sees them."""
    return min(window.stride[0], (window.kernel[0] - 1) * window.dilation[0] + 1)


def _lay_out(x: Array, window: Window, workspace: Workspace) -> Array:
    """Return the planes of some images and channels x (n, c, H, W): (kw, c, phases, n, P, OW)."""
    (_, kw), (_, s), (_, d), (top, left), _, (_, OW) = window
    n, c, P, n_phases = *x.shape[:2], _height(window), _n_phases(window)
    planes = workspace("planes", (kw, c, n_phases, n, P, OW), x.dtype)
    lines = planes.reshape(kw, -1)
    x = x.swapaxes(0, 1)
    # Tap j sees what tap j − apart sees, `shift` entries further on.
    apart = s // gcd(s, d)
    shift = apart * d // s
    for j in range(kw):
        first = 0
        if j >= apart and shift < OW:
            lines[j, :-shift] = lines[j - apart, shift:]
            first = OW - shift  # the end of each row came from the row below it
        rest = planes[j, ..., first:]
        # Its entry (r, q) in phase a is what a window of this stride sees there through its tap (a, j).
        seen = window._replace(dilation=(1, d), before=(top, left - first * s), out=(P, OW - first))
        q, at_column = seen.along(1, j)
        rest[..., : q.start] = rest[..., q.stop :] = 0
        for a in range(n_phases):
            p, at_row = seen.along(0, a)
            rest[:, a, :, p, q] = x[:, :, at_row, at_column]
            planes[j, :, a, :, : p.start] = planes[j, :, a, :, p.stop :] = 0
    return planes


def _runs(planes: Array, window: Window) -> Iterator[tuple[slice, Array]]:
    """Yield rows i of the kernel and the runs of their taps (c, i, kw, R), which overlap in memory."""
    (kh, _), (s, _), (d, _), _, _, (OH, OW) = window
    kw, c, _, n, P, _ = planes.shape
    apart = s // gcd(s, d)  # rows i, i + apart, … see the same phase
    of_plane, of_channel, of_phase, _, of_row, of_entry = planes.strides
    for i in range(min(apart, kh)):
        shape = c, len(range(i, kh, apart)), kw, ((n - 1) * P + OH) * OW
        start = i * d % s * of_phase + i * d // s * of_row
        strides = of_channel, apart * d // s * of_row, of_plane, of_entry
        yield slice(i, None, apart), np.ndarray(shape, planes.dtype, planes, start, strides)


def _phases_of_image(window: Window, axis: int) -> Iterator[tuple[slice, slice, tuple[int, ...]]]:
    """Yield along one axis, for each phase of x, what sees its entries h = a, a + s, …

    These are the taps with p·s + i·d − top = h for some p, in the turned kernel every s/gcd(s, d)-th one.
    As (taps of the turned kernel, entries of x, a window's fields along the axis), from y to x.
    """
    k, s, d, top, length, out = (pairs[axis] for pairs in window)
    apart = s // gcd(s, d)
    for a in range(min(s, length)):
        taps = [i for i in range(k) if (i * d - a - top) % s == 0]
        if taps:  # else x stays 0
            last = taps[-1]  # the first of the turned kernel
            before, n = (last * d - a - top) // s, len(range(a, length, s))
            fields = len(taps), 1, apart * d // s, before, out, n
            yield slice(k - 1 - last, None, apart), slice(a, None, s), fields


def _cut(
    n_images: int, groups: int, filters: int, depth: int, window: Window, itemsize: int
) -> tuple[list[slice], list[slice]]:
    """Return how images and groups are cut; the number of threads has no part in it."""
    (kh, kw), plane = window.kernel, _height(window) * window.out[1]
    columns = kh * kw if depth > 1 or n_images * plane < LONG else 0
    n_planes = n_images * groups * (depth * (_n_phases(window) * kw + columns) + filters)
    n_blocks = max(1, -(-n_planes * plane * itemsize // BLOCK_BYTES))
    if n_images * groups * filters * depth * prod(window.out) * kh * kw > SHARED_TERMS:
        n_blocks += n_blocks % 2  # an odd one would leave a thread without work
    n_runs = max(1, -(-n_images // max(1, RUN // plane)))
    n = max(1, -(-n_images // min(n_runs, n_blocks)))
    g = -(-groups // min(groups, -(-n_blocks // max(1, -(-n_images // n)))))
    return _slices(n_images, n), _slices(groups, g)


def _slices(length: int, step: int) -> list[slice]:
    return [slice(i, min(i + step, length)) for i in range(0, length, step)]
