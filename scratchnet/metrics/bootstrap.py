"""How far any metric can be trusted: its spread when the samples are drawn again.

`N` is the number of samples, `B` that of resamples.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._binary import check_option
from scratchnet.metrics._normal import critical_value, normal_cdf, normal_quantile
from scratchnet.utils.validation import check_consistent_length, check_random_state, check_scalar

__all__ = ["BootstrapInterval", "bootstrap_interval"]

BLOCK = 2**20  # so many indices are drawn at once: 8 MB
MAX_JACKKNIFE = 1000  # so many times a part is left out, at most


class BootstrapInterval(NamedTuple):
    """A metric, its interval, its standard error, and where they come from.

    `distribution` holds the metric of each resample, (B,), NaN where it is undefined; `n_undefined`
    counts those.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    n_undefined: int
    distribution: NDArray[np.float64]


def bootstrap_interval(
    metric: Callable[..., Any],
    *arrays: ArrayLike,
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    method: str = "BCa",
    stratify: ArrayLike | None = None,
    vectorized: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> BootstrapInterval:
    """Return a metric of some samples, with an interval from samples drawn with replacement.

        θ̂ = metric(samples),   θ*_b = metric(resample b),   b = 1 … B
        percentile:  the quantiles α/2 and 1 − α/2 of θ*
        BCa:         the quantiles Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))) of θ*,  z = ∓z_{1−α/2}
                     z₀ = Φ⁻¹(share of θ* below θ̂, equal ones half)            the bias
                     a  = Σ_i d_i³ / (6 (Σ_i d_i²)^{3/2}),  d_i = mean θ̂₍₋ᵢ₎ − θ̂₍₋ᵢ₎    the skewness
                     θ̂₍₋ᵢ₎ the metric without sample i

    metric: called as `metric(*arrays)` with N samples drawn alike from all arrays; returns a number.
        Arguments that are no arrays of samples go in by `functools.partial`.
    arrays: (N, …) each. Rows are drawn as they are: pass one row for what is independent (a patient,
        not a measurement).
    n_resamples: B. method: "percentile" or "BCa" (bias-corrected and accelerated), which is the more
        accurate one, and costs N further calls; beyond 1000 samples, 1000 calls that leave out a
        random thousandth each, which estimates the same a.
    stratify: labels, (N,): draw within each class, so that every resample has its size. A metric
        that needs both classes is then always defined.
    vectorized: `metric` takes arrays (b, N, …), b resamples at once, and returns (b,).
    random_state: a seed gives the same interval again.
    Returns `estimate`, `low`, `high`, `standard_error` (of θ*), `n_undefined` and `distribution`.

    Where the metric is NaN for a resample (one class drawn only), that resample is left out, counted
    in `n_undefined`, and a warning says so: the interval is then one among defined resamples. If θ̂
    or every resample is NaN, so is the interval, with a warning; for BCa also if all of θ* lie on one
    side of θ̂, or if leaving out a sample makes the metric undefined. If all θ* are equal the interval
    has no width, and a warning says that the samples cannot tell. The warnings that the metric itself
    gives for a resample are not shown.

    `roc_auc_interval` and `wilson_interval` need no resampling, and know what happens at the ends.

    Sources: Efron 1987, "Better bootstrap confidence intervals", for BCa; Efron & Tibshirani 1993,
    ch. 14.

    >>> y = np.arange(20.0)
    >>> interval = bootstrap_interval(np.mean, y, random_state=0)
    >>> interval.estimate, round(interval.low, 1), round(interval.high, 1)
    (9.5, 6.9, 12.0)
    """
    check_scalar(n_resamples, "n_resamples", Integral, min_val=2)
    check_option("method", method, ("BCa", "percentile"))
    z = critical_value(confidence_level)
    if not arrays:
        raise ValueError("bootstrap_interval needs at least one array of samples")
    samples = [np.asarray(array) for array in arrays]
    labels = None if stratify is None else np.asarray(stratify)
    if any(array.ndim == 0 for array in samples):
        raise ValueError("each of the arrays must have a row for each sample, one is a number")
    named = {f"array {i}": array for i, array in enumerate(samples, start=1)}
    check_consistent_length(**named, stratify=labels)
    n = len(samples[0])
    if n == 0:
        raise ValueError("the arrays are empty: there is nothing to draw from")

    def values(index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the metric of the samples in each row of `index`, (b,)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if vectorized:
                found = np.asarray(metric(*(array[index] for array in samples)), dtype=np.float64)
                if found.shape != index.shape[:1]:
                    raise ValueError(
                        f"a vectorized metric must return one number for each of {len(index)} "
                        f"resamples, it returned the shape {found.shape}"
                    )
                return found
            return np.array([float(metric(*(array[i] for array in samples))) for i in index])

    estimate = float(values(np.arange(n)[None])[0])
    state = check_random_state(random_state)
    drawn = [values(index) for index in _resamples(n, n_resamples, labels, state)]
    distribution = np.concatenate(drawn)
    defined = distribution[np.isfinite(distribution)]
    n_undefined = n_resamples - len(defined)
    if not math.isfinite(estimate) or len(defined) < 2:
        what = (
            "of these samples"
            if not math.isfinite(estimate)
            else "of all resamples but one at most"
        )
        _warn(f"the metric {what} is undefined: the interval is NaN")
        nan = math.nan
        return BootstrapInterval(estimate, nan, nan, nan, n_undefined, distribution)
    if n_undefined:
        _warn(
            f"the metric is undefined for {n_undefined} of {n_resamples} resamples: the interval is "
            "that of the others. stratify= keeps the size of each class"
        )
    levels = normal_cdf(-z), normal_cdf(z)
    if defined.min() == defined.max():
        _warn(
            f"the metric is {estimate:g} for every resample: the samples cannot tell how it varies"
        )
    elif method == "BCa":
        levels = _bca_levels(z, estimate, defined, values, n, state)
    is_nan = math.isnan(levels[0])
    low, high = levels if is_nan else np.quantile(defined, levels).tolist()
    unit = float(np.abs(defined).max()) or 1.0  # so that no square overflows or vanishes
    error = float((defined / unit).std(ddof=1)) * unit
    return BootstrapInterval(estimate, low, high, error, n_undefined, distribution)


def _resamples(
    n: int, n_resamples: int, labels: NDArray[Any] | None, state: np.random.RandomState
) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of all resamples, (b, N), in blocks that bound the memory."""
    members = [np.arange(n)]
    if labels is not None:
        codes = np.unique(labels, return_inverse=True)[1]
        members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    rows = max(1, BLOCK // n)
    for start in range(0, n_resamples, rows):
        size = min(rows, n_resamples - start)
        parts = [which[state.randint(len(which), size=(size, len(which)))] for which in members]
        yield np.concatenate(parts, axis=1)


def _bca_levels(
    z: float,
    estimate: float,
    defined: NDArray[np.float64],
    values: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    n: int,
    state: np.random.RandomState,
) -> tuple[float, float]:
    """Return the levels of the quantiles of BCa, or NaN and a warning where it is undefined."""
    share = float(np.mean(defined < estimate) + np.mean(defined == estimate) / 2)
    if not 0 < share < 1:
        _warn("every resample is on one side of the estimate: the BCa interval is NaN", 4)
        return math.nan, math.nan
    # Over random parts, Σ d³ and Σ d² estimate the sums over samples, whatever the parts' sizes. (Not
    # so over every 10th sample: in sorted data those parts would be too much alike.)
    parts = min(n, MAX_JACKKNIFE)
    order = np.arange(n) if parts == n else state.permutation(n)
    left = np.concatenate(
        [values(np.delete(order, slice(part, None, parts))[None]) for part in range(parts)]
    )
    if not np.isfinite(left).all():
        sample = order[(~np.isfinite(left)).argmax()]
        _warn(
            f"the metric is undefined without some samples, such as sample {sample}: the BCa interval "
            "is NaN, method='percentile' is not",
            4,
        )
        return math.nan, math.nan
    left /= np.abs(left).max() or 1.0
    d = left.mean() - left
    d /= np.abs(d).max() or 1.0  # so that no power of it vanishes
    spread = float((d**2).sum()) ** 1.5
    a = float((d**3).sum()) / (6 * spread) if spread > 0 else 0.0
    z0 = normal_quantile(share)

    def level(end: float) -> float:
        shrink = 1 - a * (z0 + end)
        if shrink <= 0:  # so skewed that the quantile is an end of the distribution
            return 1.0 if z0 + end > 0 else 0.0
        return normal_cdf(z0 + (z0 + end) / shrink)

    return level(-z), level(z)


def _warn(message: str, stacklevel: int = 3) -> None:
    warnings.warn(UndefinedMetricWarning(message), stacklevel=stacklevel)
