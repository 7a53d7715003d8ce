"""The hinge loss: what a support-vector machine minimises."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics._targets import check_weight, class_indices
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    column_or_1d,
    require_samples,
)

__all__ = ["hinge_loss"]

BLOCK = 1 << 13  # so many samples at a time are copied


def hinge_loss(
    y_true: ArrayLike,
    pred_decision: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean amount by which decisions miss the margin of 1.

        two classes:      loss_n = max(0, 1 − y_n d_n),   y_n = −1 for the first, +1 for the second
        K > 2 of them:    loss_n = max(0, 1 − (d_nt − max_{j≠t} d_nj)),   t the true class

    y_true: classes, (N,). A single one is taken for the first.
    pred_decision: what `decision_function` gives: (N,), or (N, K) with the classes in sorted order.
    labels: all classes, where `y_true` may lack one.

    Source: Crammer & Singer 2001, "On the algorithmic implementation of multiclass kernel-based
    vector machines".

    >>> hinge_loss([0, 1, 1], [-2.0, 0.5, 1.5])  # only the second is inside the margin
    0.16666666666666666
    """
    check_consistent_length(y_true=y_true, pred_decision=pred_decision, sample_weight=sample_weight)
    decision = check_array(pred_decision, ensure_2d=False, input_name="pred_decision")
    if decision.ndim:
        require_samples(decision, "pred_decision")
    found, codes = class_indices(column_or_1d(y_true, input_name="y_true"), "y_true")
    classes = found.tolist()
    if labels is not None:
        given = sorted(set(column_or_1d(labels, input_name="labels").tolist()))
        place = {label: i for i, label in enumerate(given)}
        if unknown := [label for label in classes if label not in place]:
            raise ValueError(f"y_true contains {unknown}, which labels={given} does not")
        if len(given) > 2:
            codes = np.array([place[label] for label in classes], np.intp)[codes]
        classes = given
    N, K = len(codes), len(classes)
    if K <= 2:
        decision = column_or_1d(decision, input_name="pred_decision")
        margin = np.where(codes == 1, decision, -decision)
    elif decision.ndim != 2 or decision.shape[1] != K:
        raise ValueError(
            f"The shape of pred_decision must be (n_samples, n_classes), that is ({N}, {K}), got "
            f"{decision.shape}; the classes are {classes}"
            + ("" if labels is not None else ": include all of them in y_true, or pass `labels`")
        )
    else:
        margin = np.empty(N)
        for start in range(0, N, BLOCK):
            t = codes[start : start + BLOCK]
            d = decision[
                start : start + BLOCK
            ].T.copy()  # (K, B): a maximum over the rows is faster
            n = np.arange(len(t))
            margin[start : start + BLOCK] = d[t, n]
            d[t, n] = -np.inf
            margin[start : start + BLOCK] -= d.max(axis=0)
    losses = np.maximum(0, 1 - margin)
    weight = None if sample_weight is None else check_weight(sample_weight)
    return float(np.average(losses, weights=weight))
