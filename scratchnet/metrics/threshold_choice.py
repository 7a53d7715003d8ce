"""Which threshold to use: points of the ROC curve that are the best by one rule or another.

Positive is predicted where the score is at or above the threshold.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._binary import read_binary, threshold_sweep
from scratchnet.utils.validation import check_scalar

__all__ = [
    "ThresholdChoice",
    "threshold_for_cost",
    "threshold_for_fpr",
    "threshold_for_recall",
    "threshold_for_youden",
]

# Sums of weights are rounded: a rate that is the wanted one but for that is the wanted one.
ROUNDING = 1e-12


class ThresholdChoice(NamedTuple):
    """A threshold, its rates, and the confusion matrix there: [[tn, fp], [fn, tp]].

    `tpr` is the recall. The threshold is one of the scores, or infinite: nothing is positive then.
    """

    threshold: float
    tpr: float
    fpr: float
    confusion_matrix: NDArray[Any]


def threshold_for_youden(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
) -> ThresholdChoice:
    """Return the threshold of the largest J = tpr − fpr (Youden's index).

        argmax_t tpr[t] − fpr[t]

    The point of the ROC curve farthest above the diagonal. It takes both kinds of error as equally
    bad *as rates*, whatever the classes' sizes: where they are not, say so by `threshold_for_cost`.

    y_true, y_score, pos_label, sample_weight: as in `roc_curve`.
    Of several equally good thresholds the highest; if no score is better than chance, infinity.
    One class: NaN, with an UndefinedMetricWarning.

    *Choose on other data than you report on*: where a threshold was chosen, its rates are optimistic.

    Source: Youden 1950, "Index for rating diagnostic tests".

    >>> threshold_for_youden([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    ThresholdChoice(threshold=0.8, tpr=0.5, fpr=0.0, confusion_matrix=array([[2, 0], [1, 1]]))
    """

    def gain(fps: NDArray[Any], tps: NDArray[Any]) -> NDArray[Any]:
        # tpr − fpr, times the sizes of both classes: whole numbers, so that ties are seen as ties
        return tps * fps[-1] - fps * tps[-1]

    return _choose(y_true, y_score, pos_label, sample_weight, gain)


def threshold_for_cost(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    cost_ratio: float,
    prevalence: float | None = None,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
) -> ThresholdChoice:
    """Return the threshold of the lowest expected cost.

        argmin_t  r (1 − π) fpr[t] + π (1 − tpr[t]),   r = cost of a false positive / of a false negative

    There a line of slope r (1 − π) / π touches the ROC curve from above.

    cost_ratio: r > 0; 0.1 if a missed positive is as bad as ten false alarms.
    prevalence: π, the share of positives where the threshold will be used, in (0, 1); None: as here.
        Give it where the samples were collected by class, half of each, say.
    y_true, y_score, pos_label, sample_weight: as in `roc_curve`.
    Of several equally good thresholds the highest. One class: NaN, with an UndefinedMetricWarning.

    For probabilities that are calibrated at that prevalence the answer is known without data:
    r / (r + 1). *Choose on other data than you report on*: where a threshold was chosen, its cost is
    optimistic.

    Source: Zweig & Campbell 1993, "Receiver-operating characteristic (ROC) plots".

    >>> threshold_for_cost([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], cost_ratio=0.5)
    ThresholdChoice(threshold=0.35, tpr=1.0, fpr=0.5, confusion_matrix=array([[1, 1], [0, 2]]))
    """
    check_scalar(cost_ratio, "cost_ratio", Real, min_val=0, include_boundaries="neither")
    check_scalar(cost_ratio, "cost_ratio", Real, max_val=1e100)  # products with it stay finite
    if prevalence is not None:
        check_scalar(
            prevalence, "prevalence", Real, min_val=0, max_val=1, include_boundaries="neither"
        )

    def gain(fps: NDArray[Any], tps: NDArray[Any]) -> NDArray[Any]:
        if prevalence is None:  # π = n⁺ / N, so that the cost is that of the samples counted here
            return tps - cost_ratio * fps
        return prevalence * tps / tps[-1] - cost_ratio * (1 - prevalence) * fps / fps[-1]

    return _choose(y_true, y_score, pos_label, sample_weight, gain)


def threshold_for_recall(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    recall: float,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
) -> ThresholdChoice:
    """Return the threshold of the lowest false-positive rate that finds so many of the positives.

        the highest threshold with tpr ≥ recall

    recall: in [0, 1]. y_true, y_score, pos_label, sample_weight: as in `roc_curve`.
    One class: NaN, with an UndefinedMetricWarning.

    *Choose on other data than you report on*: on new samples the recall falls below the asked
    one more often than not, and with few positives by much: of 10, recall=0.9 gives 0.82 on average.

    >>> threshold_for_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], recall=0.9)
    ThresholdChoice(threshold=0.35, tpr=1.0, fpr=0.5, confusion_matrix=array([[1, 1], [0, 2]]))
    """
    check_scalar(recall, "recall", Real, min_val=0, max_val=1)

    def gain(fps: NDArray[Any], tps: NDArray[Any]) -> NDArray[Any]:
        return np.where(tps / tps[-1] >= recall * (1 - ROUNDING), -fps, -np.inf)

    return _choose(y_true, y_score, pos_label, sample_weight, gain)


def threshold_for_fpr(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    fpr: float,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
) -> ThresholdChoice:
    """Return the threshold of the highest recall among those with few enough false positives.

        argmax_t tpr[t],   fpr[t] ≤ fpr

    fpr: in [0, 1]. y_true, y_score, pos_label, sample_weight: as in `roc_curve`.
    Of thresholds with the same recall the highest, which has the fewest false positives. If even the
    highest score has too many, infinity. One class: NaN, with an UndefinedMetricWarning.

    *Choose on other data than you report on*: on new samples the rate is above the asked one
    more often than not, and for fpr=0 nearly always.

    >>> threshold_for_fpr([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], fpr=0.2)
    ThresholdChoice(threshold=0.8, tpr=0.5, fpr=0.0, confusion_matrix=array([[2, 0], [1, 1]]))
    """
    check_scalar(fpr, "fpr", Real, min_val=0, max_val=1)

    def gain(fps: NDArray[Any], tps: NDArray[Any]) -> NDArray[Any]:
        return np.where(fps / fps[-1] <= fpr * (1 + ROUNDING), tps, -np.inf)

    return _choose(y_true, y_score, pos_label, sample_weight, gain)


def _choose(
    y_true: ArrayLike,
    y_score: ArrayLike,
    pos_label: Any,
    sample_weight: ArrayLike | None,
    gain: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
) -> ThresholdChoice:
    """Return the point of the ROC curve with the highest gain; of equal ones the highest threshold.

    gain: of the false and the true positives at each threshold, from infinity down.
    """
    positive, score, weight = read_binary(y_true, y_score, pos_label, sample_weight)
    if weight is not None and weight.min() < 0:
        raise ValueError(f"sample_weight must not be negative, the lowest is {weight.min()}")
    unit = 1.0
    if weight is not None:  # so that sums and differences of any weights are finite; exactly
        unit = 2.0 ** (math.frexp(float(weight.max()))[1] - 1)
        weight = weight / unit
    fps, tps, thresholds = threshold_sweep(positive, score, weight)
    fps, tps, thresholds = np.append(0.0, fps), np.append(0.0, tps), np.append(np.inf, thresholds)
    n_negative, n_positive = fps[-1], tps[-1]
    if n_negative == 0 or n_positive == 0:
        missing = "negatives" if n_negative == 0 else "positives"
        message = f"y_true has no {missing}: no threshold is better than another, and it is NaN"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
        return ThresholdChoice(math.nan, math.nan, math.nan, np.full((2, 2), np.nan))
    t = int(gain(fps, tps).argmax())  # the first of several
    fp, tp = fps[t], tps[t]
    matrix = np.array([[n_negative - fp, fp], [n_positive - tp, tp]]) * unit
    return ThresholdChoice(
        float(thresholds[t]),
        float(tp / n_positive),
        float(fp / n_negative),
        matrix.astype(np.int64) if weight is None else matrix,
    )
