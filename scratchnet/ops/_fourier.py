"""The three products of `_products.py` for large kernels: Fourier's transform makes them entrywise.

Along one axis tap i of output p sees entry h of the image where h = b(p) + c(i), b(p) = p·s − top and
c(i) = i·d. Each array has a spectrum at the frequencies f = 0 … M − 1, with ω = 2π/M:

    x̂[f] = Σ_h x[h] e^(−iωf·h)     ŷ[f] = Σ_p y[p] e^(−iωf·b(p))     ŵ[f] = Σ_i W[i] e^(−iωf·c(i))

As Σ_f e^(iωf·m) is M where m is a multiple of M and 0 elsewhere, the sums over h = b(p) + c(i) become

    y[p] = 1/M Σ_f x̂ ŵ* e^(iωf·b(p))     x[h] = 1/M Σ_f ŷ ŵ e^(iωf·h)     W[i] = 1/M Σ_f x̂ ŷ* e^(iωf·c(i))

if M is so large that b(p) + c(i) − h is a multiple of M only where it is 0 (`_grids`). An image goes
through this along its rows, then along its columns. It is real, so frequency −f has the conjugate of
frequency f: along the rows f = 0 … (M − 1)/2 suffice for an odd M, and all but f = 0 count twice.

Each transform is a product with a matrix of these exponentials, not a fast Fourier transform: BLAS does
its many multiplications sooner than NumPy's FFT its few, up to about 250 pixels (71×71: 15 and 44 µs);
and strides, dilations and which entries are wanted are all in the matrix. In float32 the error is at
most 2e-6 of the largest entry of the whole image, also where the result is 0, in float64 1e-14 (tested).
One infinity or NaN spreads over its whole image: then the functions return None, and the caller takes
another way.

Letters as in `_products.py`; M frequencies along the columns, K of those along the rows, k all M·K.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace, run

SPECTRA_BYTES = 1 << 24  # of the images that are worked on at a time
BLOCK_BYTES = 1 << 20  # of the planes that one thread transforms at a time
N_PARTS = 4  # in which threads share a product of spectra
LARGEST = 256  # frequencies along an axis: beyond, multiplications are too many, matrices too large
MOST_WEIGHTS = 1 << 23  # numbers in the spectra of all kernels: 64 MiB
EINSUM_TERMS = 1024  # up to so many in a product of small matrices, a call of BLAS costs more
# For `pays`, in multiplications of a large matrix product, 0.03 ns: what the calls cost besides, and
# a number moved for the products over channels.
FIXED = 1 << 23
MOVING = 64


class Grid(NamedTuple):
    """Where the entries of an array lie, (first, step, number) for each axis, and the frequencies M, K."""

    rows: tuple[int, int, int]
    columns: tuple[int, int, int]
    frequencies: tuple[int, int]


def pays(
    product: str, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int
) -> bool:
    """Whether this way is measured to be faster than planes or columns, for the product of this name.

    Costs are counted in multiplications of a large matrix product.
    """
    if prod(window.kernel) < 25 or x.dtype not in (np.float32, np.float64):
        return False
    F, depth = weight_shape[:2]
    C, n = groups * depth, len(x)
    grids = _grids(window)
    M, K = grids[0].frequencies
    if max(M, 2 * K) > LARGEST or F * depth * M * K > MOST_WEIGHTS:
        return False
    numbers = n * C, n * F, F * depth  # of images, outputs and kernels that are transformed
    cost = FIXED
    for number, grid in zip(numbers, grids, strict=True):
        cost += number * K * grid.rows[2] * (2 * grid.columns[2] + 4 * M)
    if depth > 1:
        cost += M * K * (MOVING * sum(numbers) + 8 * n * F * depth)
    is_depthwise = groups > 1 and depth == 1
    per_entry = (4 if product == "weight_sums" else 6) if is_depthwise else 11 + 0.5 * F / groups
    return cost < 0.9 * per_entry * n * C * prod(window.kernel) * prod(window.out)


def filter_windows(x: Array, weight: Array, window: Window, groups: int) -> Array | None:
    """ŷ = Σ_c x̂ ŵ*.   x: (N, C, H, W) · weight: (F, C/G, kh, kw) → y: (N, F, OH, OW)"""
    image, out, kernel = _grids(window)
    w = _spectra(_by_group(weight, 0, groups), kernel, conjugate=True)  # (G, F/G, C/G, k)
    y = np.empty((len(x), *w.shape[:2], *window.out), x.dtype)
    for n in _images(len(x), x.shape[1] + len(weight), image, x.itemsize):
        of_x = _spectra(_by_group(x[n], 1, groups), image)
        of_y = np.empty((*of_x.shape[:2], *w.shape[1::2]), w.dtype)
        # (n, C/G) @ (C/G, F/G) -> (n, F/G) for each group and frequency
        _multiply(of_x.swapaxes(0, 1), w.swapaxes(1, 2), of_y.swapaxes(0, 1))
        _invert(of_y, out, y[n])
    return _if_finite(y.reshape(len(x), len(weight), *window.out))


def spread_windows(y: Array, weight: Array, window: Window, groups: int) -> Array | None:
    """x̂ = Σ_f ŷ ŵ.   y: (N, F, OH, OW) · weight: (F, C/G, kh, kw) → x: (N, C, H, W)"""
    image, out, kernel = _grids(window)
    w = _spectra(_by_group(weight, 0, groups), kernel)  # (G, F/G, C/G, k)
    depth = w.shape[2]
    x = np.empty((len(y), groups, depth, *window.image), y.dtype)
    for n in _images(len(y), groups * depth + len(weight), image, y.itemsize):
        of_y = _spectra(_by_group(y[n], 1, groups), out)
        of_x = np.empty((*of_y.shape[:2], *w.shape[2:]), w.dtype)
        # (n, F/G) @ (F/G, C/G) -> (n, C/G) for each group and frequency
        _multiply(of_y.swapaxes(0, 1), w, of_x.swapaxes(0, 1))
        _invert(of_x, image, x[n])
    return _if_finite(x.reshape(len(y), groups * depth, *window.image))


def weight_sums(x: Array, y: Array, window: Window, groups: int) -> Array | None:
    """ŵ = Σ_n x̂ ŷ*.   x: (N, C, H, W) · y: (N, F, OH, OW) → W: (F, C/G, kh, kw)"""
    image, out, kernel = _grids(window)
    filters, depth = y.shape[1] // groups, x.shape[1] // groups
    w = np.zeros((groups, filters, depth, *window.kernel), x.dtype)
    sums: Any = 0
    for n in _images(len(x), x.shape[1] + y.shape[1], image, x.itemsize):
        of_x = _spectra(_by_group(x[n], 1, groups), image)
        of_y = _spectra(_by_group(y[n], 1, groups), out, conjugate=True)
        of_w = np.empty((groups, filters, depth, of_x.shape[-1]), of_x.dtype)
        # (F/G, n) @ (n, C/G) -> (F/G, C/G) for each group and frequency
        _multiply(of_y.transpose(1, 2, 0, 3), of_x.swapaxes(0, 1), of_w)
        with np.errstate(all="ignore"):  # as on threads: what overflows shows in the result
            sums = sums + of_w
    if len(x):
        _invert(sums, kernel, w)
    return _if_finite(w.reshape(y.shape[1], depth, *window.kernel))


def _grids(window: Window) -> tuple[Grid, Grid, Grid]:
    """Return the grids of image, output and kernel.

    b(p) + c(i) runs from −top to `last`, h from 0 to H − 1. So a difference of M is ruled out by
    −top + M ≥ H and last − M < 0.
    """
    places, frequencies = [], []
    for k, s, d, top, length, out in zip(*window, strict=True):
        last = (out - 1) * s + (k - 1) * d - top
        frequencies.append(max(length, length + top, last + 1))
        places.append([(0, 1, length), (-top, s, out), (0, d, k)])
    M, K = frequencies[0], frequencies[1] // 2 + 1  # of the 2K − 1 along the rows
    image, out, kernel = (
        Grid(rows, columns, (M, K)) for rows, columns in zip(*places, strict=True)
    )
    return image, out, kernel


def _spectra(x: Array, grid: Grid, conjugate: bool = False) -> Array:
    """Return the spectra of real planes: (…, h, w) → (…, M·K)."""
    (h, w), (M, K) = x.shape[-2:], grid.frequencies
    along_rows = _exponentials(grid.columns, 2 * K - 1, K, x.dtype, conjugate)
    along_columns = _exponentials(grid.rows, M, M, x.dtype, conjugate).T
    planes = x.reshape(prod(x.shape[:-2]), h, w)
    spectra = np.empty((len(planes), M, K), along_rows.dtype)

    def work(at: slice, workspace: Workspace) -> None:
        part = planes[at].reshape(-1, w)
        rows = workspace("rows", (len(part), K), along_rows.dtype)
        # Complex numbers seen as pairs of real ones: (n·h, w) @ (w, 2K) -> (n·h, 2K)
        np.matmul(part, along_rows.view(x.dtype), out=rows.view(x.dtype))
        np.matmul(along_columns, rows.reshape(-1, h, K), out=spectra[at])  # (M, h) @ (n, h, K)

    run(work, _blocks(len(planes), spectra))
    return spectra.reshape(*x.shape[:-2], M * K)


def _invert(spectra: Array, grid: Grid, planes: Array) -> None:
    """Write the planes (…, h, w), contiguous, that have these spectra (…, M·K)."""
    (h, w), (M, K) = planes.shape[-2:], grid.frequencies
    planes = planes.reshape(prod(planes.shape[:-2]), h, w)
    spectra = spectra.reshape(len(planes), M, K)
    along_columns = _exponentials(grid.rows, M, M, planes.dtype, conjugate=True)
    along_rows = _exponentials(grid.columns, 2 * K - 1, K, planes.dtype, conjugate=False)
    along_rows = along_rows * (2 / (M * (2 * K - 1)))
    along_rows[:, 0] /= 2

    def work(at: slice, workspace: Workspace) -> None:
        part = planes[at].reshape(-1, w)
        rows = workspace("rows", (len(part), K), spectra.dtype)
        np.matmul(along_columns, spectra[at], out=rows.reshape(-1, h, K))  # (h, M) @ (n, M, K)
        # Re(z e^(iθ)) = Re z · cos θ + Im z · (−sin θ): (n·h, 2K) @ (2K, w) -> (n·h, w)
        np.matmul(rows.view(planes.dtype), along_rows.view(planes.dtype).T, out=part)

    run(work, _blocks(len(planes), spectra))


def _multiply(a: Array, b: Array, out: Array) -> None:
    """Write out[g,l,r,k] = Σ_m a[g,l,m,k] · b[g,m,r,k], a product of matrices for each frequency."""
    (g, n_l, n_m, n_k), n_r = a.shape, b.shape[2]
    step = max(1, -(-n_k // N_PARTS))
    parts = [slice(i, min(i + step, n_k)) for i in range(0, n_k, step)]

    def work(at: slice, workspace: Workspace) -> None:
        if n_m == 1:
            np.multiply(a[..., at], b[..., at], out=out[..., at])
        elif n_l * n_m * n_r <= EINSUM_TERMS:
            np.einsum("glmk,gmrk->glrk", a[..., at], b[..., at], out=out[..., at])
        else:  # with the frequency first, as BLAS wants matrices
            n = at.stop - at.start
            left = workspace("left", (n, g, n_l, n_m), a.dtype)
            right = workspace("right", (n, g, n_m, n_r), a.dtype)
            left[...], right[...] = np.moveaxis(a[..., at], -1, 0), np.moveaxis(b[..., at], -1, 0)
            z = np.matmul(left, right, out=workspace("out", (n, g, n_l, n_r), a.dtype))
            out[..., at] = np.moveaxis(z, 0, -1)

    run(work, parts)


@lru_cache(maxsize=64)
def _exponentials(
    positions: tuple[int, int, int],
    period: int,
    n_frequencies: int,
    dtype: np.dtype[Any],
    conjugate: bool,
) -> Array:
    """Return e^(−iωf·a), or its conjugate, for positions a and frequencies f: (a, f)."""
    first, step, n = positions
    turns = np.outer(first + step * np.arange(n), np.arange(n_frequencies)) % period
    sign = 1 if conjugate else -1
    E: Array = np.exp(sign * 2j * np.pi / period * turns).astype(
        np.result_type(dtype, np.complex64)
    )
    E.flags.writeable = False
    return E


def _by_group(x: Array, axis: int, groups: int) -> Array:
    """Return x with an axis split in (groups, members)."""
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def _images(n_images: int, n_planes: int, grid: Grid, itemsize: int) -> list[slice]:
    """Return how many images, each with so many planes in and out, are worked on at a time."""
    n = max(1, SPECTRA_BYTES // max(1, n_planes * prod(grid.frequencies) * 2 * itemsize))
    return [slice(i, i + n) for i in range(0, n_images, n)]


def _blocks(n_planes: int, spectra: Array) -> list[slice]:
    """Return how many planes are transformed at a time, by one thread."""
    n = max(1, min(-(-n_planes // 2), BLOCK_BYTES // max(1, spectra[:1].nbytes)))
    return [slice(i, min(i + n, n_planes)) for i in range(0, n_planes, n)]


def _if_finite(result: Array) -> Array | None:
    return result if np.isfinite(result).all() else None
