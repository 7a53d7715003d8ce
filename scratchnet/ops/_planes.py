"""The three products of `_products.py` for groups of few channels, depthwise ones above all.

There a window holds so few numbers that the products cost nothing and the copies everything. So each
channel is laid out with its padding as one long row of numbers, its plane, where the windows of a
tap are a run: from tap (i, j), in a plane that is Q wide, output (p, q) sees entry p·Q + q + i·d·Q + j·d.
A run is copied, or multiplied, in one go instead of row by row. It also takes in the entries between
the end of one row of outputs and the start of the next; what they give is cut off, or met by zeros.

A stride s splits the plane in s² (its phases): phase (a, b) holds rows a, a + s, … and columns
b, b + s, …, and in it the windows stand side by side again. Spreading is filtering: the entries of y are
set s apart on a plane of zeros, and the kernel is turned by 180° (`spread_windows`).

Letters as in `_products.py`. A plane has P·Q entries; n and g are the images and groups of a block,
R = (OH − 1)·Q + OW is the length of a run.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._geometry import extents
from scratchnet.ops._window import Window

COLUMN_BYTES = 1 << 21  # columns at a time: with fewer, the calls cost more than the cache saves
PLANE_BYTES = 1 << 20  # planes at a time, where no columns are made


# Where planes were measured to be at least 10 % faster than columns. In a depthwise 3×3 convolution
# filtering takes 0.5 to 0.9 of the time, spreading 0.06 to 0.3, summing 0.3 to 0.9; with more channels
# in a group the products outweigh the copies.


def filtering_pays(weight_shape: tuple[int, ...], window: Window, groups: int) -> bool:
    # The windows of a single row are runs as they are.
    return window.out[0] > 1 and _overlap(window) and _are_narrow(weight_shape, groups, 4)


def spreading_pays(weight_shape: tuple[int, ...], window: Window, groups: int) -> bool:
    channels = 8 if window.stride == (1, 1) else 1  # the zeros between the entries cost as well
    return _overlap(window) and _are_narrow(weight_shape, groups, channels)


def summing_pays(weight_shape: tuple[int, ...], window: Window, groups: int) -> bool:
    return _overlap(window) and _are_narrow(weight_shape, groups, 1)


def _are_narrow(weight_shape: tuple[int, ...], groups: int, channels: int) -> bool:
    """Whether groups have at most so many channels, and at most two filters for each."""
    n_filters, depth = weight_shape[:2]
    return groups > 1 and 0 < depth <= channels and n_filters <= 2 * groups * depth


def _overlap(window: Window) -> bool:
    """Whether an entry stands in two windows on average, so that laying it out once saves something."""
    return prod(window.kernel) >= 2 * prod(window.stride)


Move = tuple[tuple[int, int], Any, Any]  # a phase, places on its plane, the entries that go there


class Runs(NamedTuple):
    """Where windows lie on planes: `phases` (sh, sw) of `plane` (P, Q) entries; the run of each tap."""

    phases: tuple[int, int]
    plane: tuple[int, int]
    length: int
    of_taps: list[tuple[int, int, slice]]  # for each tap, row by row: its phase (a, b), its run


def runs_of(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    out: tuple[int, int],
) -> Runs:
    """Return where the windows lie: P = OH + ⌊d·(kh−1)/s⌋, Q = OW + ⌊d·(kw−1)/s⌋."""
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    extent = extents(kernel, dilation)
    rows, columns = out[0] + (extent[0] - 1) // sh, out[1] + (extent[1] - 1) // sw
    length = (out[0] - 1) * columns + out[1]
    starts = [
        (i * dh % sh, j * dw % sw, i * dh // sh * columns + j * dw // sw)
        for i in range(kh)
        for j in range(kw)
    ]
    taps = [(a, b, slice(start, start + length)) for a, b, start in starts]
    return Runs((min(sh, extent[0]), min(sw, extent[1])), (rows, columns), length, taps)


def filter_windows(x: Array, weight: Array, window: Window, groups: int) -> Array:
    """y = W cols, the columns copied by runs."""
    w = weight.reshape(groups, weight.shape[0] // groups, weight[0].size)  # (G, F/G, K)
    runs = runs_of(window.kernel, window.stride, window.dilation, window.out)
    return _filter_planes(x, w, runs, _phases_of(window, runs), window.out)


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array:
    """x[n,c,h,w] = Σ_fij W[f, c, kh−1−i, kw−1−j] · z[n, f, h + i·d, w + j·d], a filter of stride 1,
    where z[n, f, p·s + d·(kh−1) − top, q·s + d·(kw−1) − left] = y[n,f,p,q] and z = 0 elsewhere."""
    filters, depth = weight.shape[0] // groups, weight.shape[1]
    turned = weight[:, :, ::-1, ::-1].reshape(groups, filters, depth, *window.kernel)
    w = np.ascontiguousarray(turned.swapaxes(1, 2))  # (G, C/G, F/G, kh, kw)
    w = w.reshape(groups, depth, filters * prod(window.kernel))
    runs = runs_of(window.kernel, (1, 1), window.dilation, window.image)
    extent = extents(window.kernel, window.dilation)
    shift = window.before[0] - (extent[0] - 1), window.before[1] - (extent[1] - 1)
    # Output and input exchanged: entry p of y goes to p·s − shift, so y is what this window of one tap
    # gives, and the plane what it slides over. With a shift below 0 it begins that far inside the plane.
    apart = Window((1, 1), window.stride, (1, 1), shift, runs.plane, window.out)
    moves = [(tap, at_plane, at_y) for tap, at_y, at_plane in apart.taps()]
    return _filter_planes(y, w, runs, moves, window.image)


def weight_sums(x: Array, y: Array, window: Window, groups: int) -> Array:
    """W[f,c,i,j] = Σ_n y[n,f] · (the run of tap (i, j) in channel c of image n).

    Between the rows y is 0, and 0 · ∞ = NaN: with ∞ or NaN in x, W may hold a NaN too many.
    """
    filters, depth = y.shape[1] // groups, x.shape[1] // groups
    runs = runs_of(window.kernel, window.stride, window.dilation, window.out)
    moves = _phases_of(window, runs)
    y = y.reshape(len(y), groups, filters, *window.out)
    w = np.zeros((groups, filters, depth, len(runs.of_taps)), y.dtype)
    per_group = depth * prod((*runs.phases, *runs.plane)) * y.itemsize
    blocks, n, g = _blocks(len(y), groups, per_group, PLANE_BYTES)
    planes = np.zeros((n, g, depth, *runs.phases, *runs.plane), y.dtype)
    flat = planes.reshape(*planes.shape[:5], prod(runs.plane))
    # Zeros between the rows, so that what the runs take in there adds nothing.
    rows = np.zeros((n, g, filters, window.out[0], runs.plane[1]), y.dtype)
    ys = rows.reshape(*rows.shape[:3], prod(rows.shape[3:]))[..., : runs.length]
    for images, of_groups in blocks:
        at = np.s_[: images.stop - images.start, : of_groups.stop - of_groups.start]
        xs = x[images, of_groups.start * depth : of_groups.stop * depth]
        _fill(planes[at], xs, moves)
        rows[at][..., : window.out[1]] = y[images, of_groups]
        with np.errstate(invalid="ignore"):  # 0 · ∞ between the rows
            for t, (a, b, run) in enumerate(runs.of_taps):
                seen = flat[at][:, :, :, a, b, run].swapaxes(-1, -2)
                # (n, g, F/G, R) @ (n, g, R, C/G) -> (n, g, F/G, C/G)
                w[of_groups, :, :, t] += (ys[at] @ seen).sum(axis=0)
    return w.reshape(groups * filters, depth, *window.kernel)


def _filter_planes(
    x: Array, w: Array, runs: Runs, moves: list[Move], out: tuple[int, int]
) -> Array:
    """Return w (G, F/G, K) times the columns of x (N, C, …), once it is laid out on planes: (N, F, *out)."""
    groups, filters, window_length = w.shape
    depth, n_taps = x.shape[1] // groups, len(runs.of_taps)
    y = np.empty((len(x), groups, filters, *out), x.dtype)
    blocks, n, g = _blocks(len(x), groups, window_length * runs.length * x.itemsize, COLUMN_BYTES)
    planes = np.zeros((n, g, depth, *runs.phases, *runs.plane), x.dtype)
    flat = planes.reshape(*planes.shape[:5], prod(runs.plane))
    cols = np.empty((n, g, depth, n_taps, runs.length), x.dtype)
    rows = np.empty((n, g, filters, out[0], runs.plane[1]), x.dtype)
    ys = rows.reshape(*rows.shape[:3], prod(rows.shape[3:]))[..., : runs.length]
    for images, of_groups in blocks:
        at = np.s_[: images.stop - images.start, : of_groups.stop - of_groups.start]
        _fill(planes[at], x[images, of_groups.start * depth : of_groups.stop * depth], moves)
        for t, (a, b, run) in enumerate(runs.of_taps):
            cols[at][:, :, :, t] = flat[at][:, :, :, a, b, run]
        columns = cols[at].reshape(*cols[at].shape[:2], window_length, runs.length)
        with np.errstate(invalid="ignore", over="ignore"):  # ∞ − ∞ in what is cut off
            # (g, F/G, K) @ (n, g, K, R) -> (n, g, F/G, R)
            np.matmul(w[of_groups], columns, out=ys[at])
        y[images, of_groups] = rows[at][..., : out[1]]
    return y.reshape(len(x), groups * filters, *out)


def _phases_of(window: Window, runs: Runs) -> list[Move]:
    """Return what of the image goes where on the planes of the phases.

    Entry (r, t) of phase (a, b) is the image's (r·s + a − top, t·s + b − left), which is what a window
    of this stride and padding sees through its tap (a, b). So its kernel is the phases, a tap for each.
    """
    return list(
        Window(runs.phases, window.stride, (1, 1), window.before, window.image, runs.plane).taps()
    )


def _fill(planes: Array, x: Array, moves: list[Move]) -> None:
    """Lay n images (n, g·C/G, …) out on planes (n, g, C/G, sh, sw, P, Q): the same places each time."""
    x = x.reshape(*planes.shape[:3], *x.shape[2:])
    for (a, b), at_plane, at_x in moves:
        planes[:, :, :, a, b][at_plane] = x[at_x]


def _blocks(
    n_images: int, groups: int, bytes_per_group: int, block_bytes: int
) -> tuple[list[tuple[slice, slice]], int, int]:
    """Return pairs of images and groups of at most block_bytes (at least one), and the largest pair."""
    g = min(groups, max(1, block_bytes // bytes_per_group))
    n = min(n_images, max(1, block_bytes // (groups * bytes_per_group)))
    blocks = [
        (slice(i, min(i + n, n_images)), slice(j, min(j + g, groups)))
        for i in range(0, n_images, max(1, n))
        for j in range(0, groups, g)
    ]
    return blocks, n, g
