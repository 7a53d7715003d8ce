"""Precision against recall as the threshold falls, and the area of its steps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._averaging import average_binary
from scratchnet.metrics._binary import (
    check_option,
    is_positive,
    read_binary,
    read_scores,
    read_weight,
    threshold_sweep,
)
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_consistent_length, require_samples

__all__ = ["average_precision_score", "precision_recall_curve"]


def precision_recall_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """Return the precisions and the recalls, (T + 1,), and the thresholds, (T,).

        precision[t] = tp[t] / (tp[t] + fp[t]),    recall[t] = tp[t] / Σ_{i positive} w_i
        tp[t] = Σ_{i positive} w_i [s_i ≥ thresholds[t]],    fp[t] likewise for the negatives

    y_true: the labels, (N,), of two classes; of more, if `pos_label` is given.
    y_score: (N,), higher for samples that are more likely positive.
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    sample_weight: w, (N,); samples of weight 0 are left out.
    drop_intermediate: leave out the points between two others of the same recall.
    The thresholds rise, so recall falls from 1. The last point, precision 1 and recall 0, has no
    threshold: nothing is predicted positive there, and the precision of nothing is set to 1.

    Equal scores are one point. No positive in y_true: recall is 1 at each threshold, with a warning.

    >>> precision_recall_curve([0, 0, 1, 1], [0.5, 0.1, 0.9, 0.1])
    (array([0.5, 0.5, 1. , 1. ]), array([1. , 0.5, 0.5, 0. ]), array([0.1, 0.5, 0.9]))
    """
    fps, tps, thresholds = threshold_sweep(*read_binary(y_true, y_score, pos_label, sample_weight))
    if drop_intermediate and len(fps) > 2:
        changes = (tps[1:-1] != tps[:-2]) | (tps[2:] != tps[1:-1])
        kept = np.concatenate(([True], changes, [True]))
        fps, tps, thresholds = fps[kept], tps[kept], thresholds[kept]
    precision, recall = _precision_recall(fps, tps)
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1]


def _precision_recall(
    fps: NDArray[np.float64], tps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return precision and recall at each threshold, (T,), as the threshold falls."""
    predicted = fps + tps
    precision = np.divide(tps, predicted, out=np.zeros_like(tps), where=predicted != 0)
    if tps[-1] == 0:
        message = "No positive class found in y_true, recall is set to one for all thresholds."
        warnings.warn(message, stacklevel=3)
        return precision, np.ones_like(tps)
    return precision, tps / tps[-1]


def average_precision_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    average: str | None = "macro",
    pos_label: Any = 1,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Return the average precision: the area under the steps of the precision-recall curve.

        AP = Σ_t (recall[t] − recall[t−1]) precision[t],   t from the highest threshold down

    It is the mean, over the positives, of the precision at the positive's own score. A straight line
    between two points of this curve would be too optimistic, so it is a sum of steps and no
    trapezoid. A ranking that knows nothing has the share of the positives.

    y_true: the labels, (N,); or a table of zeros and ones, (N, K), for several labels a sample.
    y_score: (N,), or (N, K) for several classes (one against all others) and several labels.
    average: how the values of several classes or labels become one: "macro" the mean, "weighted" by
        the positives of each, "micro" all N·K entries as one problem, "samples" the mean over rows;
        None gives each.
    pos_label: the positive one of two classes. sample_weight: (N,).

    No positive in y_true: 0, with a warning.

    Source: Davis & Goadrich 2006, "The relationship between precision-recall and ROC curves".

    >>> average_precision_score([0, 0, 1, 1], [0.5, 0.1, 0.9, 0.1])  # (1 + 2/4) / 2
    0.75
    """
    check_option("average", average, ("micro", "macro", "samples", "weighted", None))
    truth = check_array(y_true, dtype=None, ensure_2d=False, input_name="y_true")
    if truth.ndim:
        require_samples(truth, "y_true")
    kind = type_of_target(truth, "y_true")
    if kind == "binary":
        truth = truth.ravel()
        is_number = truth.dtype.kind in "biuf"
        found = np.array([truth.min(), truth.max()]) if is_number else np.unique(truth)
        if found[0] != found[-1] and pos_label not in found.tolist():
            raise ValueError(
                f"pos_label={pos_label!r} is not a valid label: y_true holds {found.tolist()}"
            )
        return _binary_average_precision(*read_binary(truth, y_score, pos_label, sample_weight))
    if kind not in ("multiclass", "multilabel-indicator"):
        raise ValueError(f"{kind} format is not supported")
    if pos_label != 1:
        raise ValueError(f"pos_label is for two classes: {kind} y_true has it fixed to 1")
    score = read_scores(y_score)
    if kind == "multiclass":
        positive = truth.reshape(-1, 1) == np.unique(truth)
        if score.shape != positive.shape:
            raise ValueError(
                "y_score needs to be of shape (n_samples, n_classes), since y_true contains multiple "
                f"classes: {positive.shape}, it has shape {score.shape}"
            )
    else:
        positive = is_positive(truth, None)
    check_consistent_length(y_true=truth, y_score=score)
    weight = read_weight(sample_weight, len(score))
    return average_binary(_binary_average_precision, positive, score, average, weight)


def _binary_average_precision(
    positive: NDArray[np.bool_], score: NDArray[Any], weight: NDArray[np.float64] | None
) -> float:
    """Return the average precision of samples that are checked already."""
    if weight is not None:
        kept = weight != 0
        positive, score, weight = positive[kept], score[kept], weight[kept]
    fps, tps, _ = threshold_sweep(positive, score, weight)
    precision, recall = _precision_recall(fps, tps)  # without a positive, precision is 0 everywhere
    return float((np.diff(recall, prepend=0.0) * precision).sum())
