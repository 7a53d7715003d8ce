"""How well scores rank the labels of each sample, where a sample has several labels.

`N` samples, `K` labels; a label is relevant for a sample if the sample has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._binary import read_weight
from scratchnet.metrics._row_blocks import by_row_blocks
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_consistent_length, require_samples

__all__ = ["coverage_error", "label_ranking_average_precision_score", "label_ranking_loss"]


def coverage_error(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return how many labels, from the highest score down, it takes to cover all relevant ones.

        coverage = mean_i #{k : s_ik ≥ min of s_ij over relevant j}

    y_true: zeros and ones, (N, K). y_score: (N, K). sample_weight: (N,).
    The best possible value is the mean number of relevant labels.

    Equal scores all count. A sample without a relevant label has coverage 0.

    Source: Tsoumakas, Katakis & Vlahavas 2010, "Mining multi-label data".

    >>> coverage_error([[1, 0, 0], [0, 1, 1]], [[0.9, 0.5, 0.1], [0.9, 0.5, 0.5]])  # (1 + 3) / 2
    2.0
    """
    relevant, score, weight = _read_labels(
        y_true, y_score, sample_weight, ("multilabel-indicator",)
    )
    return float(np.average(by_row_blocks(_coverage, relevant, score), weights=weight))


def _coverage(relevant: NDArray[np.bool_], score: NDArray[Any]) -> NDArray[np.intp]:
    # With the samples along the second axis: NumPy's reductions over a short last axis are slow.
    columns = np.ascontiguousarray(score.T)  # (K, N)
    lowest = np.where(relevant.T, columns, np.inf).min(axis=0)
    return (columns >= lowest).sum(axis=0)


def label_ranking_average_precision_score(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the precision at each relevant label, the mean over them and then over samples; ≤ 1.

        LRAP = mean_i mean_{j relevant} #{k relevant : s_ik ≥ s_ij} / #{k : s_ik ≥ s_ij}

    y_true: zeros and ones, (N, K). y_score: (N, K). sample_weight: (N,).

    Equal scores all count, above and below the line. A sample whose labels are all relevant, or
    none of them, counts 1: no ranking of it is wrong.

    Source: Tsoumakas, Katakis & Vlahavas 2010, "Mining multi-label data".

    >>> label_ranking_average_precision_score([[1, 0, 0, 1]], [[0.9, 0.5, 0.3, 0.1]])
    0.75

    which is (1/1 + 2/4) / 2.
    """
    relevant, score, weight = _read_labels(
        y_true, y_score, sample_weight, ("multilabel-indicator", "binary")
    )
    return float(np.average(by_row_blocks(_precision, relevant, score), weights=weight))


def _precision(relevant: NDArray[np.bool_], score: NDArray[Any]) -> NDArray[np.float64]:
    ranked, n_at_least = _ranked_rows(relevant, score, falling=True)
    n_relevant_at_least = _relevant_until(ranked, n_at_least)
    n_relevant = relevant.sum(axis=1)
    total = (ranked * n_relevant_at_least / n_at_least).sum(axis=1)
    return np.divide(total, n_relevant, out=np.ones(len(relevant)), where=n_relevant > 0)


def label_ranking_loss(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the share of pairs of a relevant and an irrelevant label in the wrong order; 0 is best.

        loss = mean_i #{(j, k) : j relevant, k not, s_ij ≤ s_ik} / (#relevant · #irrelevant)

    y_true: zeros and ones, (N, K). y_score: (N, K). sample_weight: (N,).

    Equal scores count as wrong. A sample whose labels are all relevant, or none of them, counts 0.

    Source: Tsoumakas, Katakis & Vlahavas 2010, "Mining multi-label data".

    >>> label_ranking_loss([[1, 0, 1]], [[0.9, 0.5, 0.1]])  # one pair of two
    0.5
    """
    relevant, score, weight = _read_labels(
        y_true, y_score, sample_weight, ("multilabel-indicator",)
    )
    return float(np.average(by_row_blocks(_loss, relevant, score), weights=weight))


def _loss(relevant: NDArray[np.bool_], score: NDArray[Any]) -> NDArray[np.float64]:
    ranked, n_at_most = _ranked_rows(relevant, score, falling=False)
    n_wrong = (~ranked * _relevant_until(ranked, n_at_most)).sum(axis=1)
    n_relevant = relevant.sum(axis=1)
    n_pairs = n_relevant * (relevant.shape[1] - n_relevant)
    return np.divide(n_wrong, n_pairs, out=np.zeros(len(relevant)), where=n_pairs > 0)


def _read_labels(
    y_true: ArrayLike, y_score: ArrayLike, sample_weight: ArrayLike | None, kinds: tuple[str, ...]
) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[np.float64] | None]:
    """Return which labels are relevant and the scores, (N, K), and the weights, (N,) or None."""
    labels = check_array(y_true, dtype=None, ensure_2d=False, input_name="y_true")
    score = check_array(y_score, ensure_2d=False, input_name="y_score")
    if score.ndim:
        require_samples(score, "y_score")
    kind = type_of_target(labels, "y_true")
    if kind not in kinds or labels.ndim != 2:
        raise ValueError(
            f"{kind} format is not supported: y_true must be a table of zeros and ones, (samples, "
            f"labels), it has shape {labels.shape}"
        )
    check_consistent_length(y_true=labels, y_score=score)
    if labels.shape != score.shape:
        raise ValueError(
            f"y_true and y_score have different shape: {labels.shape} and {score.shape}"
        )
    return labels != 0, score, read_weight(sample_weight, len(labels))


def _ranked_rows(
    relevant: NDArray[np.bool_], score: NDArray[Any], *, falling: bool
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return which labels are relevant, each row sorted by its scores, and for each place the number
    of labels up to the end of its block of equal scores, (N, K) both.
    """
    order = np.argsort(score, axis=1)
    if falling:
        order = order[:, ::-1]
    ranked = np.take_along_axis(relevant, order, axis=1)
    scores = np.take_along_axis(score, order, axis=1)
    n_labels = score.shape[1]
    until = np.broadcast_to(np.arange(1, n_labels + 1), score.shape)
    goes_on = scores[:, :-1] == scores[:, 1:]
    if goes_on.any():
        until = until.copy()
        until[:, :-1][goes_on] = n_labels  # at most; the nearest end behind it is the smallest
        until = np.minimum.accumulate(until[:, ::-1], axis=1)[:, ::-1]
    return ranked, until


def _relevant_until(ranked: NDArray[np.bool_], until: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many of the first `until` labels of the row are relevant, (N, K)."""
    return np.take_along_axis(ranked.cumsum(axis=1), until - 1, axis=1)
