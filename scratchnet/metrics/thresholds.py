"""What each threshold on the scores gives: the confusion matrix, or any metric of the predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._binary import read_binary, read_scores, read_weight, threshold_sweep
from scratchnet.utils.validation import check_consistent_length, column_or_1d

__all__ = ["confusion_matrix_at_thresholds", "metric_at_thresholds"]


def confusion_matrix_at_thresholds(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[Any]
]:
    """Return the true negatives, false positives, false negatives and true positives at each
    threshold, and the thresholds.

        fps[t] = Σ_i w_i [y_i negative] [s_i ≥ thresholds[t]],    tns[t] = fps[T−1] − fps[t]
        tps[t] = Σ_i w_i [y_i positive] [s_i ≥ thresholds[t]],    fns[t] = tps[T−1] − tps[t]

    y_true: the labels, (N,), of two classes; of more, if `pos_label` is given.
    y_score: (N,), higher for samples that are more likely positive.
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    sample_weight: w, (N,); samples of weight 0 are left out.
    Returns five arrays, (T,): the thresholds are the different scores, the highest first.

    Equal scores are one threshold, whatever the order of their samples.

    >>> confusion_matrix_at_thresholds([0, 1, 1], [0.5, 0.9, 0.5])
    (array([1., 0.]), array([0., 1.]), array([1., 0.]), array([1., 2.]), array([0.9, 0.5]))
    """
    fps, tps, thresholds = threshold_sweep(*read_binary(y_true, y_score, pos_label, sample_weight))
    return fps[-1] - fps, fps, tps[-1] - tps, tps, thresholds


def metric_at_thresholds(
    y_true: ArrayLike,
    y_score: ArrayLike,
    metric_func: Callable[..., Any],
    *,
    sample_weight: ArrayLike | None = None,
    metric_params: Mapping[str, Any] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a metric of the predictions at each threshold, and the thresholds.

        metric_values[t] = metric_func(y_true, [y_score ≥ thresholds[t]])

    y_true: the labels, (N,). y_score: (N,).
    metric_func: called as `metric_func(y_true, y_pred, **metric_params)`, with `sample_weight=` if
        weights are given; `y_pred` is 1 where the score reaches the threshold, else 0. It returns a
        number, or several, always of one shape.
    sample_weight: (N,); samples of weight 0 are left out.
    Returns the values, (T,) and what the metric returns behind it, and the thresholds, (T,): the
    different scores, the highest first. Each is a call; `confusion_matrix_at_thresholds` gives the
    counts of all of them in one sort.

    >>> def accuracy(y_true, y_pred):
    ...     return np.mean(y_true == y_pred)
    >>> metric_at_thresholds([0, 1, 1, 0], [0.5, 0.9, 0.4, 0.1], accuracy)
    (array([0.75, 0.5 , 0.75, 0.5 ]), array([0.9, 0.5, 0.4, 0.1]))
    """
    labels = column_or_1d(y_true, input_name="y_true")
    score = column_or_1d(read_scores(y_score), input_name="y_score")
    check_consistent_length(y_true=labels, y_score=score)
    weight = read_weight(sample_weight, len(score))
    params = dict(metric_params or {})
    if weight is not None:
        kept = weight != 0
        labels, score, params["sample_weight"] = labels[kept], score[kept], weight[kept]
    thresholds = np.unique(score)[::-1]
    values = [metric_func(labels, (score >= t).astype(np.int32), **params) for t in thresholds]
    return np.asarray(values), thresholds
