"""Quantiles of samples that have weights, for the metrics that are built on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["weighted_quantile"]


def weighted_quantile(
    values: NDArray[Any], weight: NDArray[np.float64] | None, q: float
) -> NDArray[np.float64]:
    """Return the quantile q of each column of a table, (N, M) → (M,).

    With the values in order and W_i the sum of the weights up to the i-th, it is the first value
    with W_i > q W, W being the sum of all weights. Where some W_i is equal to q W, it is the mean of
    that value and the next one: with q = 0.5 the median. A weight of 2 equals the row twice, a weight
    of 0 leaves it out.

    Source: Hyndman & Fan 1996, "Sample quantiles in statistical packages", definition 2.

    >>> weighted_quantile(np.array([[1.0], [2.0], [3.0], [10.0]]), None, 0.5)
    array([2.5])
    """
    quantiles = np.empty(values.shape[1])
    if weight is None:
        low, high = _places(np.arange(1, len(values) + 1, dtype=np.float64), q)
        for m, column in enumerate(values.T):
            part = np.partition(column, (low, high))  # finds both without sorting the rest
            quantiles[m] = _middle(float(part[low]), float(part[high]))
        return quantiles
    counted = weight != 0
    if not counted.all():
        values, weight = values[counted], weight[counted]
    for m, column in enumerate(values.T):
        order = np.argsort(column)
        low, high = _places(np.cumsum(weight[order]), q)
        quantiles[m] = _middle(float(column[order[low]]), float(column[order[high]]))
    return quantiles


def _middle(low: float, high: float) -> float:
    """Return the mean; halved before the sum, which overflows, and exact for equal values."""
    return low if low == high else low / 2 + high / 2


def _places(cumulated: NDArray[np.float64], q: float) -> tuple[int, int]:
    """Return the two places, in order of value, whose mean is the quantile; mostly they are one."""
    wanted = q * cumulated[-1]
    # The sums are rounded: what differs by no more than that is equal.
    rounding = len(cumulated) * np.finfo(np.float64).eps * abs(cumulated[-1])
    last = len(cumulated) - 1
    low = min(int(np.searchsorted(cumulated, wanted - rounding)), last)
    return low, min(low + 1, last) if cumulated[low] <= wanted + rounding else low
