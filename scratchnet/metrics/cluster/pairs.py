"""Two clusterings compared by pairs of samples: does each put the two of them together?

`N` samples, `n_kl` of them in class k and cluster l, `a_k` in class k, `b_l` in cluster l.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics.cluster.contingency import check_clusterings, overlaps

__all__ = [
    "adjusted_rand_score",
    "fowlkes_mallows_score",
    "pair_confusion_matrix",
    "rand_score",
]


def pair_confusion_matrix(labels_true: ArrayLike, labels_pred: ArrayLike) -> NDArray[np.int64]:
    """Return how many ordered pairs of samples each clustering puts together, (2, 2).

        entry (i, j): together in labels_true if i = 1, in labels_pred if j = 1
        C₁₁ = Σ n_kl² − N,   C₀₁ = Σ b_l² − Σ n_kl²,   C₁₀ = Σ a_k² − Σ n_kl²
        C₀₀ = N² − N − C₁₁ − C₀₁ − C₁₀

    Each pair counts twice, once in each order.

    >>> pair_confusion_matrix([0, 0, 1, 1], [0, 0, 1, 2])
    array([[8, 0],
           [2, 2]])
    """
    found = overlaps(*check_clusterings(labels_true, labels_pred))
    n = found.n_samples
    both, in_class, in_cluster = (
        int(sizes @ sizes) for sizes in (found.counts, found.class_sizes, found.cluster_sizes)
    )
    apart = n * n - in_class - in_cluster + both
    return np.array([[apart, in_cluster - both], [in_class - both, both - n]])


def rand_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Return the Rand index, the share of pairs that both clusterings treat alike, in [0, 1].

        RI = (C₀₀ + C₁₁) / (C₀₀ + C₀₁ + C₁₀ + C₁₁)

    C: `pair_confusion_matrix`. Fewer than two samples have no pair: 1.

    Source: Rand 1971, "Objective criteria for the evaluation of clustering methods".

    >>> rand_score([0, 0, 1, 1], [0, 0, 1, 2])
    0.8333333333333334
    """
    (tn, fp), (fn, tp) = pair_confusion_matrix(labels_true, labels_pred).tolist()
    n_pairs = tn + fp + fn + tp
    return float((tn + tp) / n_pairs) if n_pairs else 1.0


def adjusted_rand_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Return the Rand index adjusted for chance: 1 for equal clusterings, 0 on average for random ones.

        ARI = 2 (C₁₁ C₀₀ − C₀₁ C₁₀) / ((C₁₁ + C₁₀)(C₁₀ + C₀₀) + (C₁₁ + C₀₁)(C₀₁ + C₀₀))

    C: `pair_confusion_matrix`. It can be negative, −0.5 at the least. Equal clusterings score 1, also
    where every sample or none is a cluster of its own.

    Source: Hubert & Arabie 1985, "Comparing partitions"; in this form Steinley 2004.

    >>> adjusted_rand_score([0, 0, 1, 1], [0, 0, 1, 2])
    0.5714285714285714
    """
    # Python's integers: the products of the counts overflow 64 bits from some 50,000 samples on.
    (tn, fp), (fn, tp) = pair_confusion_matrix(labels_true, labels_pred).tolist()
    if fn == fp == 0:
        return 1.0
    return 2.0 * (tp * tn - fn * fp) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn))


def fowlkes_mallows_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Return the geometric mean of the precision and the recall of pairs, in [0, 1].

        FM = √(C₁₁ / (C₁₁ + C₀₁)) √(C₁₁ / (C₁₁ + C₁₀))

    C: `pair_confusion_matrix`. It is 0 if no pair is together in both.

    Source: Fowlkes & Mallows 1983, "A method for comparing two hierarchical clusterings".

    >>> fowlkes_mallows_score([0, 0, 0, 1], [0, 0, 0, 0])
    0.7071067811865476
    """
    (_, fp), (fn, tp) = pair_confusion_matrix(labels_true, labels_pred).tolist()
    return sqrt(tp / (tp + fp)) * sqrt(tp / (tp + fn)) if tp else 0.0
