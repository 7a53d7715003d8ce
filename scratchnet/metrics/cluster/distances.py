"""The sum of the distances from a sample to every sample of each cluster, block by block.

`N` samples in the order of their clusters, `D` features, `K` clusters, `R` rows of a block.

Every metric is a function from (X, clusters, ...) to a function from a block of rows to their sums,
(R, K). A sample's distance to itself is 0 in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLOSED_FORMS",
    "Clusters",
    "DistanceSums",
    "block_height",
    "distance_sums",
    "precomputed",
]

Floats = NDArray[np.float64]
DistanceSums = Callable[[slice], Floats]
EPS = float(np.finfo(np.float64).eps)
SMALL_PRODUCT = 2**18  # multiplications
DEPTH = 256  # features in one product


class Clusters(NamedTuple):
    """Cluster k holds the rows starts[k] to starts[k] + sizes[k]; `codes` says which it is, (N,)."""

    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    codes: NDArray[np.intp]

    def sums(self, table: NDArray[Any]) -> Floats:
        """Return the sums over the rows of each cluster, (N, D) → (K, D)."""
        return np.add.reduceat(table, self.starts, axis=0, dtype=np.float64)


def distance_sums(
    metric: str | Callable[..., float],
    X: NDArray[Any],
    clusters: Clusters,
    height: int,
    twice: bool,
    **kwds: Any,
) -> DistanceSums:
    """Return the function that gives the sums of a metric, or of a function of two samples.

    height: no block has more rows. twice: whether a distance may be worked out from both of its ends,
    so that blocks do not wait for each other; otherwise all sums, (N, K), are held in memory.
    """
    if callable(metric):
        return _called(metric, X, clusters, kwds)
    if metric in ("euclidean", "l2"):
        return _euclidean(_centred(X), clusters, height, twice)
    if metric in CLOSED_FORMS:
        return CLOSED_FORMS[metric](X.astype(np.float64, copy=False), clusters)
    names = ["euclidean", "l2", *CLOSED_FORMS, "precomputed"]
    raise ValueError(
        f"metric must be one of {names}, or a function of two samples, got {metric!r}: for any other "
        "pass the distances, with metric='precomputed'"
    )


def _euclidean(X: Floats, clusters: Clusters, height: int, twice: bool) -> DistanceSums:
    """The distances √(|x|² + |z|² − 2 x·z): all of a block are one product.

        (−2x, |x|², 1) · (z, 1, |z|²)

    Where x and z nearly coincide, rounding is all that is left: up to √noise instead of 0. Rows that
    are about so close to the samples of their own and of the nearest other cluster are computed
    again, from the differences of the features.
    """
    squares = np.vecdot(X, X)
    ones = np.ones(len(X))
    left = np.column_stack([-2 * X, squares, ones])  # (N, D + 2)
    right = _tiles(np.column_stack([X, ones, squares]), height)  # (T, D + 2, C)
    noise = 2 * (X.shape[1] + 4) * EPS * squares  # the bound on the error of a product of rows
    is_alone = clusters.sizes[clusters.codes] == 1

    def distances(rows: slice, from_tile: int) -> Floats:
        """Return the distances of the rows to the samples of the tiles from `from_tile` on."""
        here = np.arange(len(X))[rows]
        z = right[from_tile:]
        block = np.empty((len(here), len(z) * z.shape[2]))  # (R, T·C)
        tiles = block.reshape(len(here), len(z), -1).transpose(1, 0, 2)  # (T, R, C)
        np.matmul(left[rows, :DEPTH], z[:, :DEPTH], out=tiles)  # (R, E) @ (T, E, C) -> (T, R, C)
        for d in range(DEPTH, left.shape[1], DEPTH):
            tiles += left[rows, d : d + DEPTH] @ z[:, d : d + DEPTH]
        np.sqrt(np.maximum(block, 0, out=block), out=block)
        block[np.arange(len(here)), here - from_tile * z.shape[2]] = 0
        return block

    def sums_twice(rows: slice) -> Floats:
        return np.add.reduceat(distances(rows, 0)[:, : len(X)], clusters.starts, axis=1)  # (R, K)

    def sums_once() -> Floats:
        """Return all sums, (K, N), from the distances of each sample to those that come after it."""
        found = np.zeros((len(clusters.sizes), len(X)))
        for start in range(0, len(X), height):
            end = min(start + height, len(X))
            tile = start // right.shape[2]
            first = tile * right.shape[2]  # the sample of the block's first column
            block = distances(slice(start, end), tile)[:, start - first : len(X) - first]
            k = clusters.codes[start]
            starts = np.maximum(clusters.starts[k:] - start, 0)
            found[k:, start:end] += np.add.reduceat(block, starts, axis=1).T
            # The same distances seen from the other side, by the clusters of these rows.
            codes = np.arange(k, clusters.codes[end - 1] + 1)
            starts = np.maximum(clusters.starts[codes] - start, 0)
            found[codes, end:] += np.add.reduceat(block[:, end - start :], starts, axis=0)
        return found

    all_sums = None if twice else sums_once()

    def sums(rows: slice) -> Floats:
        found = sums_twice(rows) if all_sums is None else all_sums[:, rows].T.copy()  # (R, K)
        here = np.arange(len(X))[rows]
        means = found / clusters.sizes
        nearest = np.partition(means, 1, axis=1)  # the two least come first
        is_close = nearest[:, 0] * nearest[:, 1] < 1e7 * noise[here]
        unsure = here[is_close & ~is_alone[here]]  # alone, the silhouette is 0 in any case
        if len(unsure):
            squared = np.zeros((len(unsure), len(X)))
            for feature in X.T:
                squared += np.square(feature[unsure, np.newaxis] - feature)
            found[unsure - here[0]] = np.add.reduceat(np.sqrt(squared), clusters.starts, axis=1)
        return found

    return sums


def _tiles(table: Floats, height: int) -> Floats:
    """Return the rows of a table, (N, E), in T tiles of C columns each, (T, E, C), zeros at the end.

    A product of `height` rows and one tile, by DEPTH features, has at most 2¹⁸ multiplications: OpenBLAS
    works those out in the calling thread. Waking another for each block takes longer than the product.
    """
    n, width = table.shape
    n_columns = min(max(4, SMALL_PRODUCT // (height * min(width, DEPTH))), n)
    n_tiles = -(-n // n_columns)
    padded = np.zeros((n_tiles * n_columns, width))
    padded[:n] = table
    return np.ascontiguousarray(padded.reshape(n_tiles, n_columns, width).transpose(0, 2, 1))


def block_height(X: NDArray[Any]) -> int:
    """Return how many rows to work on at a time: all if they are few, otherwise 24.

    24 rows are what a product of matrices needs to reach its speed, and 24 N distances stay in cache.
    """
    n_samples, n_features = X.shape
    size = n_samples * min(n_features + 2, DEPTH)
    return min(n_samples, max(24, SMALL_PRODUCT // size))


def _squared_euclidean(X: Floats, clusters: Clusters) -> DistanceSums:
    """Σ_j |x − z_j|² = n |x|² − 2 x·Σ_j z_j + Σ_j |z_j|²: no distance of two samples is computed."""
    X = _centred(X)
    squares = np.vecdot(X, X)
    sums_of_z = clusters.sums(X)  # (K, D)
    sums_of_squares = clusters.sums(squares)  # (K,)
    noise = (X.shape[1] + 4) * EPS * squares

    def sums(rows: slice) -> Floats:
        found = np.multiply.outer(squares[rows], clusters.sizes) + sums_of_squares
        found -= 2 * X[rows] @ sums_of_z.T  # (R, D) @ (D, K) -> (R, K)
        limit = 2 * np.multiply.outer(noise[rows], clusters.sizes) + len(X) * EPS * sums_of_squares
        return np.where(found <= limit, 0, found)

    return sums


def _manhattan(X: Floats, clusters: Clusters) -> DistanceSums:
    """Σ_j |x − z_j|, feature by feature: with the z in order and m of the n below x,

        Σ_j |x − z_j| = x (2m − n) + Σ_j z_j − 2 Σ_{j ≤ m} z_j

    so that one search in each cluster takes the place of its distances.
    """
    X = _centred(X)
    ends = clusters.starts + clusters.sizes
    in_order = [
        np.sort(X[start:end].T, axis=1) for start, end in zip(clusters.starts, ends, strict=True)
    ]  # K times (D, n)
    below = [np.pad(np.cumsum(z, axis=1), ((0, 0), (1, 0))) for z in in_order]  # K times (D, n + 1)
    # What the sums of a cluster are rounded to.
    limit = len(X) * EPS * clusters.sums(np.abs(X)).sum(axis=1)  # (K,)

    def sums(rows: slice) -> Floats:
        found = np.zeros((len(ends), len(X[rows])))  # (K, R)
        for d, feature in enumerate(X[rows].T):
            order = np.argsort(feature)  # a search for values in order is several times as fast
            x = feature[order]
            for k, (z, sums_below) in enumerate(zip(in_order, below, strict=True)):
                m = np.searchsorted(z[d], x)
                found[k, order] += x * (2 * m - len(z[d])) + (
                    sums_below[d, -1] - 2 * sums_below[d, m]
                )
        found = found.T  # (R, K)
        return np.where(found > limit, found, 0)

    return sums


def _cosine(X: Floats, clusters: Clusters) -> DistanceSums:
    """Σ_j (1 − x·z_j / |x||z_j|) = n − (x/|x|)·Σ_j z_j/|z_j|; a vector of zeros is at 1 from all."""
    length = np.sqrt(np.vecdot(X, X))
    unit = X / np.where(length == 0, 1, length)[:, np.newaxis]
    sums_of_units = clusters.sums(unit)  # (K, D)
    limit = len(X) * (X.shape[1] + 4) * EPS * clusters.sizes  # (K,)

    def sums(rows: slice) -> Floats:
        found = clusters.sizes - unit[rows] @ sums_of_units.T  # (R, D) @ (D, K) -> (R, K)
        # The distance of a sample to itself is 0, also of one of zeros.
        found[np.arange(len(found)), clusters.codes[rows]] -= length[rows] == 0
        return np.where(found <= limit, 0, found)

    return sums


def precomputed(D: NDArray[Any], order: NDArray[np.intp], clusters: Clusters) -> DistanceSums:
    """The sums of given distances (N, N), whose samples `order` puts in the order of the clusters."""

    def sums(rows: slice) -> Floats:
        block = np.take(D[order[rows]], order, axis=1)  # (R, N)
        return np.add.reduceat(block, clusters.starts, axis=1, dtype=np.float64)

    return sums


def _called(
    metric: Callable[..., float], X: NDArray[Any], clusters: Clusters, kwds: dict[str, Any]
) -> DistanceSums:
    """The sums of a function of two samples, which is called R N times for a block."""

    def sums(rows: slice) -> Floats:
        block = np.array([[metric(x, z, **kwds) for z in X] for x in X[rows]], dtype=np.float64)
        return np.add.reduceat(block, clusters.starts, axis=1)

    return sums


def _centred(X: NDArray[Any]) -> Floats:
    """Return X less the median of each feature, so that an offset common to all costs no digits.

    The median, and not the mean: samples that are all equal become exactly 0, and one far off does not
    drive the others away from 0.
    """
    return np.subtract(X, np.median(X, axis=0), dtype=np.float64)


CLOSED_FORMS: dict[str, Callable[[Floats, Clusters], DistanceSums]] = {
    "sqeuclidean": _squared_euclidean,
    "manhattan": _manhattan,
    "cityblock": _manhattan,
    "l1": _manhattan,
    "cosine": _cosine,
}
