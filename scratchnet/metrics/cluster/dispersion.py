"""How far apart clusters are, compared with how wide they are: by their centres alone.

`N` samples, `D` features, `K` clusters, of `n_k` samples with centre `c_k`; `c` is the mean of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics.cluster.silhouette import check_number_of_clusters
from scratchnet.utils.label_codes import label_codes, samples_by_code
from scratchnet.utils.validation import check_array, check_consistent_length, column_or_1d

__all__ = ["calinski_harabasz_score", "davies_bouldin_score"]


def calinski_harabasz_score(X: ArrayLike, labels: ArrayLike) -> float:
    """Return the variance between clusters relative to that within: the larger, the better.

        CH = [Σ_k n_k |c_k − c|² / (K − 1)] / [Σ_k Σ_{i in k} |x_i − c_k|² / (N − K)]

    X: (N, D). labels: (N,), with 2 to N − 1 different ones, otherwise ValueError.
    If every sample lies on its centre, the score is 1.

    Source: Caliński & Harabasz 1974, "A dendrite method for cluster analysis".

    >>> calinski_harabasz_score([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1])
    8.0
    """
    table, members = _clusters(X, labels)
    n_samples, n_clusters = len(table), len(members)
    within = 0.0
    sizes = np.array([len(samples) for samples in members])
    centres = np.empty((n_clusters, table.shape[1]))
    for k, samples in enumerate(members):
        relative, first = _relative(table[samples])
        centre = np.einsum("nd->d", relative) / len(samples)
        # Σ |x − c|² = Σ |x − x₁|² − n |c − x₁|². As x₁ is one of the n, this costs log₁₀ n digits at most.
        within += float(np.einsum("nd,nd->", relative, relative))
        within -= len(samples) * float(centre @ centre)
        centres[k] = first + centre
    relative = centres - centres[0]
    relative -= sizes @ relative / n_samples  # c_k − c
    between = float(sizes @ np.vecdot(relative, relative))
    if within <= 0:
        return 1.0
    return float(between * (n_samples - n_clusters) / (within * (n_clusters - 1)))


def davies_bouldin_score(X: ArrayLike, labels: ArrayLike) -> float:
    """Return how wide a cluster is relative to its distance from the worst other: 0 is the best.

        s_k = mean of |x_i − c_k| over the cluster,   DB = 1/K Σ_k max_{l ≠ k} (s_k + s_l) / |c_k − c_l|

    X: (N, D). labels: (N,), with 2 to N − 1 different ones, otherwise ValueError.
    If all s_k, or all |c_k − c_l|, are 0, the score is 0; a pair with the same centre is left out.

    Source: Davies & Bouldin 1979, "A cluster separation measure".

    >>> davies_bouldin_score([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1])
    0.5
    """
    table, members = _clusters(X, labels)
    width = np.empty(len(members))
    size = np.empty(len(members))  # of the numbers that a centre is computed from
    centres = np.empty((len(members), table.shape[1]))
    for k, samples in enumerate(members):
        relative, first = _relative(table[samples])
        centre = np.einsum("nd->d", relative) / len(samples)
        relative -= centre
        width[k] = np.sqrt(np.vecdot(relative, relative)).mean()
        size[k] = np.sqrt(first @ first) + np.sqrt(centre @ centre) + width[k]
        centres[k] = first + centre
    if np.allclose(width, 0):  # as scikit-learn: to 1e-8
        return 0.0
    # Equal centres differ by their rounding, which grows as √N in a sum of N values.
    rounding = 4 * np.sqrt(len(table)) * np.finfo(np.float64).eps
    worst = np.zeros(len(members))
    farthest = 0.0
    for k in range(len(members)):
        difference = centres - centres[k]
        apart = np.sqrt(np.vecdot(difference, difference))  # (K,)
        farthest = max(farthest, apart.max())
        apart[apart <= rounding * (size[k] + size)] = np.inf
        worst[k] = ((width[k] + width) / apart).max()
    return float(worst.mean()) if farthest > 1e-8 else 0.0


def _clusters(X: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], list[NDArray[np.intp]]]:
    """Return X as a table, and which rows belong to each cluster."""
    table = check_array(X)
    values = column_or_1d(labels, input_name="labels", warn=True)
    check_consistent_length(X=table, labels=values)
    _, codes, sizes = label_codes(values)
    check_number_of_clusters(len(sizes), len(table))
    return table, samples_by_code(codes, sizes)


def _relative(part: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the samples of a cluster less its first, and the first: equal samples are exactly 0.

    Sums down the columns are taken by einsum, since NumPy's sum of a narrow table is slow.
    """
    first = part[0].astype(np.float64)
    return part - first, first
