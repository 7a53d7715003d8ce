"""Labels as numbers from 0, fit to count with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["label_codes", "samples_by_code"]


def label_codes(
    labels: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Return the different labels, sorted, (K,); the number of each sample's label among them, (N,);
    and how many samples each has, (K,).

    It is `np.unique(labels, return_inverse=True, return_counts=True)`; whole numbers that lie close
    together are counted instead of sorted, which takes a tenth of the time. NaN is not expected.

    >>> label_codes(np.array([7, 5, 7, 9]))
    (array([5, 7, 9]), array([1, 0, 1, 2]), array([1, 2, 1]))
    """
    whole = labels
    if labels.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # a number beyond int64 is unequal to what comes out
            whole = labels.astype(np.int64)
        if (whole != labels).any():
            whole = labels
    if len(whole) and whole.dtype.kind in "biu":
        low, high = int(whole.min()), int(whole.max())
        if high - low <= 2 * len(whole):
            # Modulo 2⁶⁴ no type of integer overflows, and the differences are small.
            codes = (whole.astype(np.uint64) - np.uint64(low % 2**64)).astype(np.intp)
            counts = np.bincount(codes)
            present = np.flatnonzero(counts)
            if len(present) < len(counts):
                number = np.empty(len(counts), np.intp)
                number[present] = np.arange(len(present))
                codes, counts = number[codes], counts[present]
            # Modulo 2⁶⁴ again; in the order of the values, because low comes first.
            values = (present.astype(np.uint64) + np.uint64(low % 2**64)).astype(whole.dtype)
            return values.astype(labels.dtype), codes, counts
    values, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return values, codes, counts


def samples_by_code(codes: NDArray[np.intp], counts: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the samples of each code 0 … K−1, as K arrays of indices, each in ascending order.

    >>> samples_by_code(np.array([1, 0, 1]), np.array([1, 2]))
    [array([1]), array([0, 2])]
    """
    # A stable sort of 16 bits or fewer is a radix sort, linear in N.
    small: Any = np.uint8 if len(counts) <= 2**8 else np.uint16 if len(counts) <= 2**16 else np.intp
    order = np.argsort(codes.astype(small, copy=False), kind="stable")
    return np.split(order, np.cumsum(counts)[:-1])
