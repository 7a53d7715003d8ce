"""The mutual information that two clusterings of given sizes have by chance.

`N` samples; `a` the sizes of the classes (K,), `b` those of the clusters (L,).
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.utils.validation import check_array, check_scalar

__all__ = ["expected_information", "expected_mutual_information", "log_factorials"]

Integers = NDArray[np.int64]
BLOCK = 2**17  # terms of the sum worked on at a time: 1 MB an array


def expected_mutual_information(contingency: ArrayLike, n_samples: int) -> float:
    """Return the mean of the mutual information over all clusterings with these sizes, in nats.

        E[MI] = Σ_kl Σ_n n/N ln(N n / (a_k b_l)) p(n; a_k, b_l)
        p(n; a, b) = a! b! (N−a)! (N−b)! / (N! n! (a−n)! (b−n)! (N−a−b+n)!)

    p is the hypergeometric law of the overlap n of a class and a cluster, n from max(1, a+b−N) to
    min(a, b). One class or one cluster: 0.

    contingency: the counts (K, L), of which only the sums of rows and columns matter.
    n_samples: their sum N.

    Source: Vinh, Epps & Bailey 2009, "Information theoretic measures for clusterings comparison: is a
    correction for chance necessary?", eq. 24a.

    >>> round(expected_mutual_information([[1, 1], [1, 1]], 4), 6)  # ln 2 with probability 1/3
    0.231049
    """
    given = check_array(contingency, dtype=np.float64, input_name="contingency")
    table = given.astype(np.int64)
    if (table != given).any() or table.min() < 0:
        raise ValueError("contingency must hold counts: whole numbers, not negative")
    n = int(check_scalar(n_samples, "n_samples", Integral, min_val=1))
    if n != table.sum():
        raise ValueError(f"n_samples is {n}, but the counts of contingency sum to {table.sum()}")
    class_sizes, cluster_sizes = table.sum(axis=1), table.sum(axis=0)
    # A class of no sample is none: its mutual information is 0 ln 0.
    return expected_information(class_sizes[class_sizes > 0], cluster_sizes[cluster_sizes > 0], n)


def expected_information(class_sizes: Integers, cluster_sizes: Integers, n_samples: int) -> float:
    """Return the expected mutual information of clusterings with these sizes, in nats."""
    if len(class_sizes) == 1 or len(cluster_sizes) == 1:
        return 0.0
    # Equal sizes give equal sums: K classes have at most √(2N) different sizes.
    (a, n_equal_a), (b, n_equal_b) = (
        np.unique(sizes, return_counts=True) for sizes in (class_sizes, cluster_sizes)
    )
    times = np.outer(n_equal_a, n_equal_b).ravel()
    a, b = np.repeat(a, len(b)), np.tile(b, len(a))  # every pair of sizes
    log_factorial = log_factorials(n_samples)
    log_constant = (
        log_factorial[a]
        + log_factorial[b]
        + log_factorial[n_samples - a]
        + log_factorial[n_samples - b]
        - log_factorial[n_samples]
    )
    log_chance = np.log(a) + np.log(b) - np.log(n_samples)  # ln(a b / N)
    information = 0.0
    for pair, n in _likely_overlaps(a, b, n_samples):
        a_n, b_n = a[pair], b[pair]
        log_p = log_constant[pair]
        log_p -= log_factorial[n]
        log_p -= log_factorial[a_n - n]
        log_p -= log_factorial[b_n - n]
        log_p -= log_factorial[n_samples - a_n - b_n + n]
        terms = n * (np.log(n) - log_chance[pair]) * np.exp(log_p)
        information += float(times[pair] @ terms)
    return information / n_samples


def _likely_overlaps(
    a: Integers, b: Integers, n_samples: int
) -> Iterator[tuple[NDArray[np.intp], Integers]]:
    """Yield blocks of (pair, n): the overlaps n that are not beyond all likelihood, for each pair.

    An overlap that is further than t from its mean a b / N has a probability of at most
    2 exp(−2 t² / min(a, b)) (Hoeffding 1963, section 6): with t² = 20 min(a, b) that is 1e-17.
    """
    smaller = np.minimum(a, b)
    mean, t = a * (b / n_samples), np.sqrt(20.0 * smaller)
    low = np.maximum(np.maximum(1, a + b - n_samples), np.ceil(mean - t).astype(np.int64))
    high = np.minimum(smaller, np.floor(mean + t).astype(np.int64))
    length = np.maximum(high - low + 1, 0)
    ends = np.cumsum(length)
    cuts = np.searchsorted(ends, np.arange(BLOCK, ends[-1] + BLOCK, BLOCK)) + 1
    first = 0
    for last in np.unique(np.minimum(cuts, len(a))).tolist():
        pairs = np.arange(first, last)
        pair = np.repeat(pairs, length[pairs])
        # The position within the block, less that of the pair's first term, plus the least overlap.
        n = np.arange(len(pair)) + np.repeat(
            low[pairs] - (np.cumsum(length[pairs]) - length[pairs]), length[pairs]
        )
        yield pair, n
        first = last


def log_factorials(n: int) -> NDArray[np.float64]:
    """Return ln k! for k = 0 … n, (n + 1,), to the last digits.

        k < 32:  the sum of logarithms;  beyond, Stirling's series
        ln k! = k ln k − k + ½ ln(2πk) + 1/(12k) − 1/(360k³) + 1/(1260k⁵) − …

    At k = 32 the first term left out is 2e-14, below the rounding of ln 32! = 81.6. Sums of
    logarithms alone would gather the rounding of every one.

    >>> log_factorials(3).round(3)
    array([0.   , 0.   , 0.693, 1.792])
    """
    table = np.empty(n + 1)
    few = min(n + 1, 32)
    table[:few] = np.cumsum(np.log(np.maximum(np.arange(few), 1)))
    k: Any = np.arange(few, n + 1, dtype=np.float64)
    inverse = 1 / k
    series = inverse * (1 / 12 - inverse**2 * (1 / 360 - inverse**2 / 1260))
    table[few:] = (k + 0.5) * np.log(k) - k + 0.5 * np.log(2 * np.pi) + series
    return table
