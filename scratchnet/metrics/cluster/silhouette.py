"""Silhouettes: is each sample closer to its own cluster than to any other?

`N` samples, `D` features, `K` clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics.cluster.distances import (
    CLOSED_FORMS,
    Clusters,
    DistanceSums,
    block_height,
    distance_sums,
    precomputed,
)
from scratchnet.utils.label_codes import label_codes, samples_by_code
from scratchnet.utils.parallel import parallel_map
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
)

__all__ = ["check_number_of_clusters", "silhouette_samples", "silhouette_score"]

Metric = str | Callable[..., float]


def silhouette_samples(
    X: ArrayLike, labels: ArrayLike, *, metric: Metric = "euclidean", **kwds: Any
) -> NDArray[np.float64]:
    """Return the silhouette of each sample, (N,), from −1 to 1.

        a_i = mean distance to the other samples of its own cluster
        b_i = the least mean distance to the samples of another cluster
        s_i = (b_i − a_i) / max(a_i, b_i)

    A sample that is a cluster of its own scores 0, and so does one with a_i = b_i = 0.

    X: (N, D), or, with metric "precomputed", the distances (N, N), zero on the diagonal.
    labels: (N,), with 2 to N − 1 different ones, otherwise ValueError.
    metric: "euclidean" ("l2"), "sqeuclidean", "manhattan" ("cityblock", "l1"), "cosine",
        "precomputed", or a function of two samples.
    n_jobs, working_memory: threads, and the MiB for the distances that each of them has in memory at a
        time (16 by default). Other keywords go to the function of two samples.

    Distances are never all in memory: O(N) of them are at a time. "euclidean" works each out once and
    keeps O(N K) sums, but for many clusters (more than D, and than 64) or threads: then twice.
    "sqeuclidean", "manhattan" and "cosine" need no distance of two samples, and take O(N K D) or
    O(N K D log N) steps instead of O(N² D).

    Source: Rousseeuw 1987, "Silhouettes".

    >>> silhouette_samples([[0.0], [1.0], [4.0], [6.0]], [0, 0, 1, 1])
    array([0.8       , 0.75      , 0.42857143, 0.63636364])
    """
    table, values = _check(X, labels)
    n_jobs = kwds.pop("n_jobs", None)
    memory = check_scalar(
        kwds.pop("working_memory", 16),
        "working_memory",
        Real,
        min_val=0,
        include_boundaries="right",
    )
    if kwds and not callable(metric):
        raise TypeError(f"metric={metric!r} takes no arguments, got {sorted(kwds)}")
    is_given = isinstance(metric, str) and metric == "precomputed"
    if is_given:
        _check_distances(table)
    _, codes, sizes = label_codes(values)
    check_number_of_clusters(len(sizes), len(table))
    order = np.concatenate(samples_by_code(codes, sizes))
    clusters = Clusters(np.cumsum(sizes) - sizes, sizes, codes[order])
    is_closed = isinstance(metric, str) and metric in CLOSED_FORMS
    width = len(sizes) if is_closed else len(table)  # numbers in memory for each row
    height = max(1, int(memory * 2**20 / 8) // width)
    if not is_closed:
        height = min(height, block_height(table))
    if is_given:
        sums = precomputed(table, order, clusters)
    else:
        twice = n_jobs not in (None, 1) or len(sizes) > max(64, table.shape[1])
        sums = distance_sums(metric, table[order], clusters, height, twice, **kwds)
    blocks = [slice(start, start + height) for start in range(0, len(table), height)]
    silhouettes = np.empty(len(table))
    silhouettes[order] = np.concatenate(
        parallel_map(lambda rows: _silhouettes(sums, rows, clusters), blocks, n_jobs)
    )
    return silhouettes


def _silhouettes(sums: DistanceSums, rows: slice, clusters: Clusters) -> NDArray[np.float64]:
    """Return the silhouettes of a block of rows, (R,)."""
    distance = sums(rows)  # (R, K)
    own = np.arange(len(distance)), clusters.codes[rows]
    n_others = clusters.sizes[own[1]] - 1
    within = distance[own] / np.maximum(n_others, 1)  # a
    distance /= clusters.sizes
    distance[own] = np.inf
    nearest = distance.min(axis=1)  # b
    larger = np.maximum(within, nearest)
    is_defined = (n_others > 0) & (larger > 0)
    return np.where(is_defined, (nearest - within) / np.where(is_defined, larger, 1), 0)


def silhouette_score(
    X: ArrayLike,
    labels: ArrayLike,
    *,
    metric: Metric = "euclidean",
    sample_size: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    **kwds: Any,
) -> float:
    """Return the mean silhouette, from −1 to 1: 1 for clusters that are tight and far apart.

    sample_size: take only so many samples, drawn with `random_state`, as scikit-learn draws them.
    The rest: `silhouette_samples`.

    >>> round(silhouette_score([[0.0], [1.0], [4.0], [6.0]], [0, 0, 1, 1]), 4)
    0.6537
    """
    if sample_size is not None:
        check_scalar(sample_size, "sample_size", Integral, min_val=1)
        X, labels = _check(X, labels)
        drawn = check_random_state(random_state).permutation(len(X))[:sample_size]
        X = X[np.ix_(drawn, drawn)] if metric == "precomputed" else X[drawn]
        labels = labels[drawn]
    return float(silhouette_samples(X, labels, metric=metric, **kwds).mean())


def check_number_of_clusters(n_clusters: int, n_samples: int) -> None:
    """Raise ValueError unless there are 2 to N − 1 clusters."""
    if not 1 < n_clusters < n_samples:
        raise ValueError(
            f"Number of labels is {n_clusters}. Valid values are 2 to n_samples - 1 = {n_samples - 1}"
        )


def _check(X: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    # Given distances may be integers: a copy of them as floats would be the largest array of all.
    kind = X.dtype.kind if isinstance(X, np.ndarray) else "O"
    table = check_array(X, dtype=None) if kind in "iu" else check_array(X)
    values = column_or_1d(labels, input_name="labels", warn=True)
    check_consistent_length(X=table, labels=values)
    return table, values


def _check_distances(D: NDArray[Any]) -> None:
    if D.shape[0] != D.shape[1]:
        raise ValueError(f"precomputed distances must be (N, N), they have shape {D.shape}")
    diagonal = np.abs(D.diagonal())
    if (diagonal > (100 * np.finfo(D.dtype).eps if D.dtype.kind == "f" else 0)).any():
        row = int(diagonal.argmax())
        raise ValueError(
            "the precomputed distance matrix contains non-zero elements on the diagonal: "
            f"row {row} has {D[row, row]}. Use np.fill_diagonal(X, 0)"
        )
    least = float(D.min())
    # What is left of a distance of 0 after rounding, as in 1 − cos, may be below it.
    rounding = 100 * np.finfo(D.dtype).eps * max(1.0, float(D.max())) if D.dtype.kind == "f" else 0
    if least < -rounding:
        raise ValueError(f"precomputed distances must not be negative, the least is {least}")
