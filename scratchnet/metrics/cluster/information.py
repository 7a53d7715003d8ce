"""Two clusterings compared by the information that one gives about the other.

`N` samples, `n_kl` of them in class k and cluster l, `a_k` in class k, `b_l` in cluster l. Logarithms
are natural: information is in nats.
"""

from __future__ import annotations

from math import sqrt
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics.cluster.chance import expected_information
from scratchnet.metrics.cluster.contingency import Overlaps, check_clusterings, overlaps
from scratchnet.utils.label_codes import label_codes
from scratchnet.utils.validation import check_array, check_scalar

__all__ = [
    "adjusted_mutual_info_score",
    "completeness_score",
    "entropy",
    "homogeneity_completeness_v_measure",
    "homogeneity_score",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "v_measure_score",
]


def entropy(labels: ArrayLike) -> float:
    """Return the entropy of a clustering, in nats: 0 for one cluster, ln N if all are apart.

        H = Σ_k a_k/N ln(N/a_k)

    Of no samples it is 1, as in scikit-learn.

    >>> entropy([0, 1, 0, 1])
    0.6931471805599453
    """
    vector = check_array(labels, dtype=None, ensure_2d=False, input_name="labels").ravel()
    return _entropy(label_codes(vector)[2]) if len(vector) else 1.0


def mutual_info_score(
    labels_true: ArrayLike | None,
    labels_pred: ArrayLike | None,
    *,
    contingency: ArrayLike | None = None,
) -> float:
    """Return the mutual information of two clusterings, in nats: 0 if they are independent.

        MI = Σ_kl n_kl/N ln(N n_kl / (a_k b_l)) ≤ min(H_true, H_pred)

    contingency: the counts (K, L), for which the labels are then not looked at.

    >>> mutual_info_score([0, 0, 1, 1], [1, 1, 0, 0])
    0.6931471805599453
    """
    if contingency is None:
        if labels_true is None or labels_pred is None:
            raise ValueError("mutual_info_score needs both labels, or contingency")
        found = overlaps(*check_clusterings(labels_true, labels_pred))
    else:
        found = _overlaps_of(contingency)
    return _information(found)[0]


def homogeneity_completeness_v_measure(
    labels_true: ArrayLike, labels_pred: ArrayLike, *, beta: float = 1.0
) -> tuple[float, float, float]:
    """Return homogeneity, completeness and their weighted harmonic mean, each in [0, 1].

        h = MI / H_true     1 if each cluster holds samples of one class only
        c = MI / H_pred     1 if each class lies in one cluster only
        v = (1 + β) h c / (β h + c)

    An entropy of 0 gives 1, and no samples give 1 for all three. beta: above 1 weighs completeness
    more.

    Source: Rosenberg & Hirschberg 2007, "V-measure".

    >>> homogeneity_completeness_v_measure([0, 0, 1, 1], [0, 1, 2, 3])
    (1.0, 0.5, 0.6666666666666666)
    """
    check_scalar(beta, "beta", Real, min_val=0)
    mutual, h_true, h_pred = _information(overlaps(*check_clusterings(labels_true, labels_pred)))
    homogeneity = mutual / h_true if h_true else 1.0
    completeness = mutual / h_pred if h_pred else 1.0
    if homogeneity == 0 or completeness == 0:
        return homogeneity, completeness, 0.0
    v = (1 + beta) * homogeneity * completeness / (beta * homogeneity + completeness)
    return homogeneity, completeness, float(v)


def homogeneity_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Return MI / H_true: 1 if each cluster holds samples of one class only.

    >>> homogeneity_score([0, 0, 1, 1], [0, 1, 2, 3])
    1.0
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred)[0]


def completeness_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Return MI / H_pred: 1 if each class lies in one cluster only.

    >>> completeness_score([0, 0, 1, 1], [0, 1, 2, 3])
    0.5
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred)[1]


def v_measure_score(labels_true: ArrayLike, labels_pred: ArrayLike, *, beta: float = 1.0) -> float:
    """Return the harmonic mean of homogeneity and completeness; `homogeneity_completeness_v_measure`.

    >>> v_measure_score([0, 0, 1, 1], [0, 1, 2, 3])
    0.6666666666666666
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred, beta=beta)[2]


def normalized_mutual_info_score(
    labels_true: ArrayLike, labels_pred: ArrayLike, *, average_method: str = "arithmetic"
) -> float:
    """Return the mutual information relative to a mean of the entropies, in [0, 1].

        NMI = MI / mean(H_true, H_pred)

    average_method: "arithmetic" (then it is the V-measure), "geometric", "min" or "max".
    One cluster in both, or no samples: 1. MI = 0 otherwise: 0. Not adjusted for chance: many
    clusters score high without any agreement; see `adjusted_mutual_info_score`.

    >>> normalized_mutual_info_score([0, 0, 1, 1], [0, 1, 2, 3], average_method="min")
    1.0
    """
    found = overlaps(*check_clusterings(labels_true, labels_pred))
    mutual, h_true, h_pred = _information(found)
    mean = _mean(h_true, h_pred, average_method)
    if len(found.class_sizes) == len(found.cluster_sizes) <= 1:
        return 1.0
    return float(mutual / mean) if mutual else 0.0


def adjusted_mutual_info_score(
    labels_true: ArrayLike, labels_pred: ArrayLike, *, average_method: str = "arithmetic"
) -> float:
    """Return the mutual information adjusted for chance: 1 if equal, 0 on average for random ones.

        AMI = (MI − E[MI]) / (mean(H_true, H_pred) − E[MI])

    E: over all ways to draw clusterings with the same sizes, `expected_mutual_information`.
    average_method: as in `normalized_mutual_info_score`.
    Equal clusterings, and no samples, score 1; one cluster against several scores 0. With "min" both
    differences are 0 if one clustering has every sample apart: then the score is 1.

    Source: Vinh, Epps & Bailey 2010, "Information theoretic measures for clusterings comparison".

    >>> round(adjusted_mutual_info_score([0, 0, 1, 1], [0, 1, 0, 1]), 6)
    -0.5
    """
    found = overlaps(*check_clusterings(labels_true, labels_pred))
    mutual, h_true, h_pred = _information(found)
    mean = _mean(h_true, h_pred, average_method)
    if found.are_equal:
        return 1.0
    if len(found.class_sizes) == 1 or len(found.cluster_sizes) == 1:
        return 0.0
    n = found.n_samples
    expected = expected_information(found.class_sizes, found.cluster_sizes, n)
    # ln N!, the largest number in the sum, is rounded: a difference below that is none.
    noise = 8 * np.finfo(np.float64).eps * n * np.log(n)
    numerator, denominator = (
        difference if abs(difference) > noise else 0.0
        for difference in (mutual - expected, mean - expected)
    )
    return float(numerator / denominator) if denominator else 1.0


def _information(found: Overlaps) -> tuple[float, float, float]:
    """Return the mutual information and both entropies.

    An empty clustering has no entropy, and no information.
    """
    n = found.n_samples
    h_true, h_pred = _entropy(found.class_sizes), _entropy(found.cluster_sizes)
    expected = found.class_sizes[found.row] * found.cluster_sizes[found.column]  # a_k b_l
    # The quotient first: independent clusterings give exactly 1, whose logarithm is exactly 0.
    ratio = found.counts * float(n) / expected
    mutual = float(found.counts @ np.log(ratio)) / n if n else 0.0
    return min(max(mutual, 0.0), h_true, h_pred), h_true, h_pred


def _entropy(sizes: NDArray[Any]) -> float:
    n = sizes.sum()
    return float(sizes @ np.log(n / sizes)) / int(n) if n else 0.0


def _mean(h_true: float, h_pred: float, average_method: str) -> float:
    means = {
        "min": min(h_true, h_pred),
        "geometric": sqrt(h_true * h_pred),
        "arithmetic": (h_true + h_pred) / 2,
        "max": max(h_true, h_pred),
    }
    if average_method not in means:
        raise ValueError(f"average_method must be one of {list(means)}, got {average_method!r}")
    return means[average_method]


def _overlaps_of(contingency: ArrayLike) -> Overlaps:
    """Return the overlaps that a table of counts, (K, L), stands for."""
    given = check_array(contingency, dtype=np.float64, input_name="contingency")
    table = given.astype(np.int64)
    if (table != given).any() or table.min() < 0:
        raise ValueError("contingency must hold counts: whole numbers, not negative")
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    row, column = np.nonzero(table)
    return Overlaps(row, column, table[row, column], table.sum(axis=1), table.sum(axis=0))
