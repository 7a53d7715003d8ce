"""Cumulative gain: how much of what is relevant stands high in a ranking.

`N` is the number of rankings (queries), `K` that of the documents (labels) in each.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._binary import read_weight
from scratchnet.metrics._row_blocks import by_row_blocks
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_scalar,
    require_samples,
)

__all__ = ["dcg_score", "ndcg_score"]


def dcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int | None = None,
    log_base: float = 2,
    sample_weight: ArrayLike | None = None,
    ignore_ties: bool = False,
) -> float:
    """Return the discounted cumulative gain, the mean over rankings.

        DCG = Σ_{r=1..K} y[r] / log_base(r + 1),   y[r] the relevance of the document at rank r

    y_true: relevances, (N, K). y_score: what the documents are ranked by, (N, K), the highest first.
    k: only the first k ranks count; None: all. log_base: of the discount's logarithm.
    sample_weight: (N,), weights of the rankings.
    ignore_ties: take equal scores in any one order, which is faster.

    Equal scores: the mean over all of their orders, so that each of them gets the mean discount of
    the ranks that they share (McSherry & Najork 2008).

    Source: Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques".

    >>> dcg_score([[3, 0, 1]], [[0.9, 0.5, 0.1]])  # 3 / log2(2) + 0 / log2(3) + 1 / log2(4)
    3.5
    >>> dcg_score([[3, 0, 1]], [[0.9, 0.9, 0.1]], k=1)  # the first is either of two
    1.5
    """
    check_scalar(log_base, "log_base", Real, min_val=0, include_boundaries="neither")
    relevance, score, weight = _read_rankings(y_true, y_score, k, sample_weight)
    discount = _discount(relevance.shape[1], k, log_base)
    gain = by_row_blocks(lambda y, s: _dcg(y, s, discount, ignore_ties), relevance, score)
    return float(np.average(gain, weights=weight))


def ndcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_ties: bool = False,
) -> float:
    """Return the normalised discounted cumulative gain, in [0, 1]: the mean over rankings.

        NDCG = DCG / DCG of the documents ranked by their relevance

    y_true: relevances, (N, K), K ≥ 2, not negative. The other arguments: as in `dcg_score`.

    A ranking without a relevant document among all K counts 0.

    Source: Wang et al. 2013, "A theoretical analysis of NDCG ranking measures".

    >>> ndcg_score([[0, 0, 1]], [[0.9, 0.5, 0.1]])  # 1 / log2(4) of the best, 1 / log2(2)
    0.5
    """
    relevance = check_array(y_true, ensure_2d=False, input_name="y_true")
    if relevance.size and relevance.min() < 0:
        raise ValueError(
            f"ndcg_score should not be used on negative y_true values: the lowest is {relevance.min()}"
        )
    if relevance.ndim > 1 and relevance.shape[1] <= 1:
        raise ValueError(
            "NDCG is only meaningful when there is more than 1 document, y_true has shape "
            f"{relevance.shape}"
        )
    relevance, score, weight = _read_rankings(relevance, y_score, k, sample_weight)
    discount = _discount(relevance.shape[1], k, 2)

    def share(y: NDArray[Any], s: NDArray[Any]) -> NDArray[np.float64]:
        gain = _dcg(y, s, discount, ignore_ties)
        ideal = np.sort(y, axis=1)[:, ::-1] @ discount
        return np.divide(gain, ideal, out=np.zeros(len(y)), where=ideal != 0)

    return float(np.average(by_row_blocks(share, relevance, score), weights=weight))


def _read_rankings(
    y_true: ArrayLike, y_score: ArrayLike, k: int | None, sample_weight: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """Return relevances and scores, (N, K), and the weights, (N,) or None."""
    if k is not None:
        check_scalar(k, "k", Integral, min_val=1)
    relevance = check_array(y_true, ensure_2d=False, input_name="y_true")
    if relevance.ndim:
        require_samples(relevance, "y_true")
    score = check_array(y_score, ensure_2d=False, input_name="y_score")
    kind = type_of_target(relevance, "y_true")
    tables = ("multilabel-indicator", "continuous-multioutput", "multiclass-multioutput")
    if kind not in tables:
        raise ValueError(
            "y_true must be a table with a row for each ranking and more than one column, got "
            f"{kind} of shape {relevance.shape}"
        )
    check_consistent_length(y_true=relevance, y_score=score)
    if relevance.shape != score.shape:
        raise ValueError(
            f"y_true and y_score have different shapes: {relevance.shape} and {score.shape}"
        )
    return relevance, score, read_weight(sample_weight, len(relevance))


def _discount(n_ranks: int, k: int | None, log_base: float) -> NDArray[np.float64]:
    """Return the discount of each rank, (K,): 1 / log_base(rank + 1), and 0 beyond rank k."""
    discount = np.log(log_base) / np.log(np.arange(2, n_ranks + 2))
    if k is not None:
        discount[k:] = 0
    return discount


def _dcg(
    relevance: NDArray[Any], score: NDArray[Any], discount: NDArray[np.float64], ignore_ties: bool
) -> NDArray[np.float64]:
    """Return the gain of each ranking, (N,)."""
    order = np.argsort(score, axis=1)[:, ::-1]
    ranked = np.take_along_axis(relevance, order, axis=1)  # (N, K)
    if ignore_ties:
        return ranked @ discount
    scores = np.take_along_axis(score, order, axis=1)
    starts = np.ones(scores.shape, dtype=bool)  # of blocks of equal scores; each row starts one
    np.not_equal(scores[:, 1:], scores[:, :-1], out=starts[:, 1:])
    if starts.all():
        return ranked @ discount
    # A block adds (the sum of its relevances) · (the mean of its discounts).
    first = np.flatnonzero(starts)  # in the table read row by row
    sizes = np.diff(first, append=scores.size)
    gains = np.add.reduceat(ranked.ravel(), first)
    discounts = np.add.reduceat(np.tile(discount, len(ranked)), first)
    row_starts = np.append(0, starts.sum(axis=1).cumsum()[:-1])
    return np.add.reduceat(gains * discounts / sizes, row_starts)
