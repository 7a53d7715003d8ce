"""Sums over ranges of an axis: what adaptive pooling and interpolation are made of.

Range i spans the places start[i] to stop[i] − 1. Where starts and stops never decrease, the ranges
that hold a place follow each other too, so that the transposed map is a sum over ranges again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array

Ranges = tuple[Array, Array]


def sum_over(ranges: Ranges, x: Array, axis: int) -> Array:
    """Return y[…, i, …] = Σ x[…, start[i] : stop[i], …] along one of the last axes; of nothing, 0.

    The loop runs within the ranges: first the first entries of all, then the second ones, and so on;
    of long ones over the ranges.
    axis: −1 or −2.
    """
    start, stop = ranges
    lengths = stop - start
    rest = (slice(None),) * (-axis - 1)  # the axes behind this one
    shape = list(x.shape)
    shape[axis] = len(start)
    y = np.zeros(shape, x.dtype)
    if are_long(ranges):
        for i, (first, end) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
            entries: Any = (..., slice(first, end), *rest)
            output: Any = (..., i, *rest)
            x[entries].sum(axis=axis, out=y[output])
        return y
    for t in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > t)
        y[(..., _slice_if_even(longer), *rest)] += x[
            (..., _slice_if_even(start[longer] + t), *rest)
        ]
    return y


def are_long(ranges: Ranges) -> bool:
    """Whether the ranges are so few and long that it is quicker to take one after the other.

    Measured: with 16 times as many entries as ranges it always was, in images with fewer not always.
    """
    start, stop = ranges
    return bool((stop - start).max(initial=0) > 16 * len(start))


def transposed(ranges: Ranges, n: int) -> Ranges:
    """Return, for each of n places, the range of those ranges that hold it."""
    start, stop = ranges
    places = np.arange(n)
    # Place h is in range i if stop[i] > h and start[i] ≤ h: from the first such stop to the last start.
    first = np.searchsorted(stop, places, "right")
    return first, np.maximum(first, np.searchsorted(start, places, "right"))


def _slice_if_even(places: Array) -> Any:
    """Return increasing, evenly spaced places as a slice: indexing with it copies nothing."""
    steps = np.diff(places)
    if len(steps) and (steps[0] <= 0 or (steps != steps[0]).any()):
        return places
    step = int(steps[0]) if len(steps) else 1
    return slice(int(places[0]), int(places[-1]) + 1, step)
