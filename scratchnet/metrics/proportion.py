"""How far a proportion can be trusted: an accuracy, a recall, any share of so many trials."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._normal import critical_value
from scratchnet.utils.validation import check_array

__all__ = ["ProportionInterval", "wilson_interval"]


class ProportionInterval(NamedTuple):
    """A proportion and its interval: floats, or arrays of one shape."""

    estimate: Any
    low: Any
    high: Any


def wilson_interval(
    n_successes: ArrayLike, n_trials: ArrayLike, *, confidence_level: float = 0.95
) -> ProportionInterval:
    """Return a proportion k/n with Wilson's score interval, in [0, 1].

        all p with |k/n − p| ≤ z √(p (1 − p) / n):
        (k + z²/2 ± z √(z²/4 + k (n − k) / n)) / (n + z²),   z the normal quantile, 1.96 for 95 %

    n_successes: k. n_trials: n. Numbers or arrays that broadcast; 0 ≤ k ≤ n.
    Returns `estimate`, `low` and `high`.

    The variance is taken at each p in question, not at the estimate, so that the interval of no
    success at all has a width: 0 of 10 gives [0, 0.28], where k/n ± z√(k/n (1−k/n)/n) gives [0, 0].
    k = 0 has `low` 0 and k = n has `high` 1, exactly.
    No trial: NaN, with an UndefinedMetricWarning.

    The trials must be independent: predictions of k-fold cross-validation share their training
    data, and vary more than the interval says.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> interval = wilson_interval(0, 10)
    >>> interval.low, round(interval.high, 3)
    (0.0, 0.278)
    """
    z = critical_value(confidence_level)
    k, n = np.broadcast_arrays(_counts(n_successes, "n_successes"), _counts(n_trials, "n_trials"))
    wrong = (k < 0) | (k > n)
    if wrong.any():
        at = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise ValueError(f"n_successes must be between 0 and n_trials, got {k[at]:g} of {n[at]:g}")
    if not n.all():
        message = f"a proportion of no trials is undefined, and NaN ({np.sum(n == 0)} of {n.size})"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=2)
    n = np.where(n == 0, np.nan, n)
    # The upper end for k successes is that of the failures turned round. Of a small share that would
    # be lost beside the 1, so it is at least the share itself.
    low, high = _lower_end(k, n, z), np.maximum(1 - _lower_end(n - k, n, z), k / n)
    parts = (k / n, low, high)
    return ProportionInterval(*(p.item() if np.ndim(p) == 0 else p for p in parts))


def _counts(values: ArrayLike, name: str) -> NDArray[np.float64]:
    return check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)


def _lower_end(k: NDArray[Any], n: NDArray[Any], z: float) -> NDArray[Any]:
    """Return the lower end, which is 0 for k = 0: z · √(z · z) is z · z, to the last bit."""
    return (k + z * z / 2 - z / 2 * np.sqrt(z * z + 4 * (k * ((n - k) / n)))) / (n + z * z)
