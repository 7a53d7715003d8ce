"""The area under the ROC curve from one sort of integers, without the curve.

`m` positives, `n` negatives, `s` scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["rank_sum_auc", "sorted_keys"]


def rank_sum_auc(positive: NDArray[np.bool_], score: NDArray[Any]) -> float:
    """Return the chance that a positive scores above a negative, a tie counting one half.

        AUC = 1/(m n) Σ_{i positive} Σ_{j negative} ([s_i > s_j] + ½ [s_i = s_j])
            = (R⁺ − m (m + 1)/2) / (m n)

    R⁺ is the sum of the ranks of the m positives among all samples, from the lowest score up, ties
    sharing their mean rank. A rank counts the samples at or below; m (m + 1)/2 is what the positives
    count among themselves. It is the U of Mann and Whitney, as a part of the m n pairs.

    The sums are counted in integers, and the quotient is rounded once. Without a positive or without
    a negative it is NaN.

    Source: Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve".

    >>> rank_sum_auc(np.array([False, True, True]), np.array([0.5, 0.9, 0.5]))
    0.75
    """
    keys = sorted_keys(positive, score)
    place = np.flatnonzero(keys & 1)  # of the positives, from the highest score down
    m, n = len(place), len(keys) - len(place)
    if m == 0 or n == 0:
        return float("nan")
    # place[j] − j negatives stand before the j-th positive: those that score higher and, as the
    # negatives of a block of equal scores come first, those that score the same.
    n_before = int(place.sum()) - m * (m - 1) // 2
    # Where a block holds both classes, its last negative and its first positive differ in one bit.
    last = np.flatnonzero((keys[1:] ^ keys[:-1]) == 1)
    n_tied = 0
    if len(last):
        negatives = last + 1 - np.searchsorted(keys, keys[last])
        positives = np.searchsorted(keys, keys[last + 1], side="right") - last - 1
        n_tied = int(negatives @ positives)
    return (2 * (m * n - n_before) + n_tied) / (2 * m * n)


def sorted_keys(positive: NDArray[np.bool_], score: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    """Return one integer for each sample, sorted: its place in the falling order of the scores,
    doubled, plus 1 if it is positive.

    Equal scores have keys that differ in the lowest bit at most; a lower score has a higher key.
    Sorting integers moves the labels along, where an argsort would have to gather them afterwards,
    at random places in memory; it needs no stable order either, since keys that are equal are
    interchangeable.
    """
    keys = _falling_integers(score)
    keys <<= 1
    keys |= positive
    keys.sort()
    return keys


def _falling_integers(score: NDArray[Any]) -> NDArray[Any]:
    """Return unsigned integers in the opposite order of the scores, with the highest bit free."""
    rising = _rising_integers(score)
    if rising is not None:
        high = rising.max()
        if int(high) - int(rising.min()) <= np.iinfo(rising.dtype).max:
            np.subtract(high, rising, out=rising)
            return rising.view(np.uint32 if rising.dtype == np.int32 else np.uint64)
    # Scores over the whole range of their type (and extended precision): the ranks themselves.
    order = np.argsort(score)[::-1]
    ranked = score[order]
    ranks = np.empty(len(score), np.uint64)
    ranks[order] = np.cumsum(np.append(False, ranked[1:] != ranked[:-1]))
    return ranks


def _rising_integers(score: NDArray[Any]) -> NDArray[Any] | None:
    """Return signed integers in the order of the scores, in memory of their own; None if too wide.

    The bits of a float ≥ 0, read as an integer, rise with it; those of a float < 0 fall, so all of
    them but the sign are inverted.
    """
    if score.dtype.kind in "biu":
        is_wide = score.dtype == np.uint64 and score.max() > np.iinfo(np.int64).max
        return None if is_wide else score.astype(np.int64)
    if score.dtype == np.float16:
        score = score.astype(np.float32)
    if score.dtype not in (np.float32, np.float64):
        return None
    score = score + 0.0  # −0.0 equals 0.0, and now in its bits too
    low, high = float(score.min()), float(score.max())
    if low < 0 < high and max(-low, high) >= 2:
        # Below 2 the highest bit of the exponent is 0, and the integers span half of their type.
        # Scaling by a power of two is exact, unless the smallest scores leave the normal range.
        scale = 2.0 ** (1 - int(np.frexp(max(-low, high))[1]))
        scaled = score * scale
        if not np.array_equal(scaled / scale, score):
            return None
        score = scaled
    rising: NDArray[Any] = score.view(np.int32 if score.dtype == np.float32 else np.int64)
    if low < 0:
        rising ^= (rising >> (8 * rising.itemsize - 1)) & np.iinfo(rising.dtype).max
    return rising
