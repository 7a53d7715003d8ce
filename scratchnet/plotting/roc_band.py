"""How far a ROC curve can be trusted: its spread when the samples are drawn again.

`N` samples, `T` different scores, `B` resamples, `G` points of the band.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._binary import read_binary
from scratchnet.metrics.proportion import wilson_interval
from scratchnet.utils.validation import check_random_state, check_scalar

__all__ = ["RocBand", "roc_band"]

GRID = np.linspace(0, 1, 101)  # of false-positive rates
GRID.flags.writeable = False


class RocBand(NamedTuple):
    """The lowest and the highest believable true-positive rate at each false-positive rate, (G,)."""

    fpr: NDArray[np.float64]
    tpr_low: NDArray[np.float64]
    tpr_high: NDArray[np.float64]
    confidence_level: float


def roc_band(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> RocBand:
    """Return a pointwise confidence band of the ROC curve.

        R(u) = the true-positive rate at the false-positive rate u,   R*_b(u) that of resample b
        q(u) = the quantiles α/2 and 1 − α/2 of R*_1(u) … R*_B(u),   α = 1 − level
        w(u) = Wilson's interval of the proportion R(u) of the positives
        low(u) = min(q_low, w_low),   high(u) = max(q_high, w_high)

    A resample draws as many positives and as many negatives as there are, with replacement, each
    with its weight, so that every one has both classes: q holds the chance in the scores of both.
    Where all positives have been found, no resample differs and q has no width; w, which holds the
    chance in the positives alone, is what the samples still say there. All curves begin in (0, 0)
    and end in (1, 1), so low(0) = 0 and low(1) = 1.

    Pointwise: at any one u the true curve lies inside with about the given probability, but it may
    well leave the band somewhere; a band for the whole curve would be wider. At rates of one or two
    negatives the probability is less. R is interpolated
    between its vertices; where it is vertical, R(u) is the upper end.

    y_true: (N,), two classes. y_score: (N,). pos_label, sample_weight: as for `roc_curve`; a
        negative weight is refused.
        Weighted positives count as (Σ w)² / Σ w² in Wilson's interval.
    n_resamples: B. random_state: a seed gives the same band again.
    Raises ValueError if a class is missing: its rate is undefined.

    The spread of the curves of several folds is no such band: each of them tests a part of the
    samples only. `cross_val_predict` gives scores of all samples, to be passed here.
    `roc_auc_interval` gives the interval of the area.

    Sources: Efron 1979, "Bootstrap methods"; Wilson 1927; Fawcett 2006, "An introduction to ROC
    analysis", sect. 8, for averaging curves vertically.

    >>> band = roc_band([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.7, 0.3, 0.6, 0.9], random_state=0)
    >>> band.tpr_low[[0, 100]], band.tpr_high[100]  # all curves begin at 0 and end at 1
    (array([0., 1.]), np.float64(1.0))
    """
    check_scalar(n_resamples, "n_resamples", Integral, min_val=2)
    check_scalar(
        confidence_level,
        "confidence_level",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    positive, score, weight = read_binary(y_true, y_score, pos_label, sample_weight)
    n_positive = int(positive.sum())
    if not 0 < n_positive < len(positive):
        raise ValueError(
            f"a band needs both classes, {n_positive} of the {len(positive)} samples in y_true are "
            "positive"
        )
    if weight is None:
        weight = np.ones(len(score))
    elif weight.min() < 0:
        raise ValueError(
            f"sample_weight must not be negative for a band, its least is {weight.min()}"
        )
    different, code = np.unique(score, return_inverse=True)
    code = len(different) - 1 - code  # 0 is the highest score
    members = [np.flatnonzero(~positive), np.flatnonzero(positive)]
    state = check_random_state(random_state)
    curves = np.empty((n_resamples, len(GRID)))
    for curve in curves:
        drawn = [which[state.randint(len(which), size=len(which))] for which in members]
        curve[:] = _curve(code, weight, drawn, len(different))
    alpha = 1 - confidence_level
    low, high = np.quantile(curves, [alpha / 2, 1 - alpha / 2], axis=0)
    weights = weight[positive]
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    share = _curve(code, weight, members, len(different))
    _, least, most = wilson_interval(
        n_effective * share, n_effective, confidence_level=confidence_level
    )
    low, high = np.minimum(low, least), np.maximum(high, most)
    low[[0, -1]] = 0, 1
    return RocBand(GRID, low, high, confidence_level)


def _curve(
    code: NDArray[np.intp],
    weight: NDArray[np.float64],
    members: list[NDArray[np.intp]],
    n_scores: int,
) -> NDArray[np.float64]:
    """Return the true-positive rate of some negatives and positives at each point of the grid, (G,)."""
    rates = []
    for which in members:
        counts = np.bincount(code[which], weight[which], minlength=n_scores)  # (T,)
        sums = np.concatenate(([0.0], np.cumsum(counts)))
        rates.append(sums / sums[-1])
    return np.interp(GRID, *rates)  # of points with one false-positive rate, the last
