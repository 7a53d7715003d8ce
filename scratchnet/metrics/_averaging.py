"""From a metric of two classes to one of several labels: micro, macro, weighted, samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.validation import check_consistent_length

__all__ = ["BinaryMetric", "average_binary"]

# (which samples are positive, scores, weights or None) -> value
BinaryMetric = Callable[[NDArray[np.bool_], NDArray[Any], NDArray[np.float64] | None], float]


def average_binary(
    metric: BinaryMetric,
    positive: NDArray[np.bool_],
    score: NDArray[Any],
    average: str | None,
    weight: NDArray[np.float64] | None,
) -> float | NDArray[np.float64]:
    """Return a metric of two classes, averaged over the columns of a table.

        None       the metric of each label, (K,)
        macro      their mean
        weighted   their mean, weighted by the positives of each label (their summed weights)
        micro      the metric of all N·K entries at once
        samples    the mean, weighted by the samples' weights, of the metric of each row

    positive: (N, K). score: (N, K). weight: (N,) or None.
    A label without a positive counts 0 in "weighted", and if no label has one the mean is 0.
    """
    check_consistent_length(y_true=positive, y_score=score, sample_weight=weight)
    if positive.shape != score.shape:
        raise ValueError(
            f"y_true and y_score have different shapes: {positive.shape} and {score.shape}"
        )
    if average == "micro":
        repeated = None if weight is None else np.repeat(weight, positive.shape[1])
        return metric(positive.ravel(), score.ravel(), repeated)
    if average == "samples":
        values = [metric(p, s, None) for p, s in zip(positive, score, strict=True)]
        return float(np.average(values, weights=weight))
    # A column of its own, not a view that steps over the others: it is read several times.
    columns = [np.ascontiguousarray(column) for column in score.T]
    support = positive.sum(axis=0) if weight is None else weight @ positive
    if average == "weighted" and np.isclose(support.sum(), 0):
        return 0.0
    values = [metric(p, s, weight) for p, s in zip(positive.T, columns, strict=True)]
    each = np.array(values)
    if average is None:
        return each
    if average == "weighted":
        each[support == 0] = 0.0
        return float(np.average(each, weights=support))
    return float(each.mean())
