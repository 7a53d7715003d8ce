"""One measured figure: its value and interval, or the reason why there is none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Measure",
    "Settings",
    "bootstrapped",
    "from_interval",
    "plain",
    "proportion",
    "with_quantiles",
]

# So many samples are drawn in all the resamples of a metric, unless there would be too few of those.
MAX_DRAWN = 10**7
MAX_RESAMPLES, MIN_RESAMPLES = 2000, 200
MAX_WHOLE = 10_000  # samples: of more than these, so many are resampled
MIN_OF_CLASS = 500  # samples of the rarer class must then be among them

NO_WIDTH = "the resamples do not vary"


@dataclass(frozen=True)
class Settings:
    """What the intervals need. `n_resamples` is 0 for no bootstrap, None for as many as are good."""

    confidence_level: float = 0.95
    seed: int = 0
    n_resamples: int | None = None

    def resamples(self, n_samples: int) -> int:
        if self.n_resamples is not None:
            return self.n_resamples
        return min(MAX_RESAMPLES, max(MIN_RESAMPLES, MAX_DRAWN // n_samples))


@dataclass(frozen=True)
class Measure:
    """A value with its interval and how that was found; None where there is none, for a `reason`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    reason: str | None = None


def plain(metric: Callable[[], Any], undefined: str = "") -> Measure:
    """Return the value of `metric()` without an interval.

    A value that the metric warns of (0 for 0/0, say), or that is not finite, is undefined; the reason
    is `undefined`, or else the warning.
    """
    (value,), warned = _called(lambda: (metric(),))
    return _checked(Measure(value), undefined or warned)


def from_interval(interval: Callable[[], Any], method: str, undefined: str = "") -> Measure:
    """Return what `interval()` gives: something with `estimate`, `low` and `high`."""

    def numbers() -> tuple[float, float, float]:
        found = interval()
        return found.estimate, found.low, found.high

    (value, low, high), warned = _called(numbers)
    if not math.isnan(value):  # it is the interval that is undefined
        return _checked(Measure(value, low, high, method), warned)
    return _checked(Measure(value), undefined or warned)


def proportion(n_successes: int, n_trials: int, settings: Settings, undefined: str) -> Measure:
    """Return a share with Wilson's interval; `undefined` is the reason if there are no trials."""
    from scratchnet.metrics import wilson_interval

    level = settings.confidence_level
    return from_interval(
        lambda: wilson_interval(n_successes, n_trials, confidence_level=level), "Wilson", undefined
    )


def bootstrapped(
    metric: Callable[..., Any],
    *arrays: NDArray[Any],
    settings: Settings,
    stratify: NDArray[Any] | None = None,
) -> Measure:
    """Return `metric(*arrays)` with a bootstrap interval.

        N ≤ m = 10,000:  BCa
        N > m:           θ̂ + √(m / N) (θ_m − θ̂_m),   θ_m the percentiles of m samples, θ̂_m their metric

    What a metric strays by falls with √N, so that the spread among m of the samples, chosen at random,
    is known for N; BCa, which corrects what falls with N, would change little. Only if one of the
    classes in `stratify` is so rare that the m hold few of it, all samples are drawn from.
    """
    measure = plain(lambda: metric(*arrays))
    value, n_samples = measure.value, len(arrays[0])
    if value is None or settings.n_resamples == 0:
        return measure
    scale = 1.0
    if n_samples > MAX_WHOLE:
        state = np.random.RandomState(settings.seed)
        chosen = state.choice(n_samples, MAX_WHOLE, replace=False)
        rarest = (
            MIN_OF_CLASS if stratify is None else np.bincount(stratify[chosen], minlength=2).min()
        )
        if rarest >= MIN_OF_CLASS:
            scale = math.sqrt(MAX_WHOLE / n_samples)
            arrays = tuple(array[chosen] for array in arrays)
            stratify = None if stratify is None else stratify[chosen]
    found = _bootstrapped(metric, arrays, settings, stratify, n_samples <= MAX_WHOLE)
    if scale == 1 or found.low is None or found.high is None or found.value is None:
        return Measure(value, found.low, found.high, found.method, found.reason)
    low, high = (value + scale * (end - found.value) for end in (found.low, found.high))
    return Measure(value, low, high, f"{found.method} of {MAX_WHOLE} samples", found.reason)


def _bootstrapped(
    metric: Callable[..., Any],
    arrays: tuple[NDArray[Any], ...],
    settings: Settings,
    stratify: NDArray[Any] | None,
    accelerated: bool,
) -> Measure:
    from scratchnet.metrics import bootstrap_interval

    method = "BCa" if accelerated else "percentile"
    return from_interval(
        lambda: bootstrap_interval(
            metric,
            *arrays,
            n_resamples=settings.resamples(len(arrays[0])),
            confidence_level=settings.confidence_level,
            method=method,
            stratify=stratify,
            random_state=settings.seed,
        ),
        f"bootstrap, {method}",
    )


def with_quantiles(value: float, low: float, high: float, undefined: str) -> Measure:
    """Return a value with the quantiles of its resamples, NaN if it is `undefined`."""
    if math.isnan(value):
        return Measure(None, reason=undefined)
    if math.isnan(low):
        return Measure(value, reason="it is undefined for every resample")
    return _checked(Measure(value, low, high, "bootstrap, percentile"), "")


def _called(numbers: Callable[[], tuple[Any, ...]]) -> tuple[tuple[float, ...], str]:
    """Return the numbers as floats, and what an UndefinedMetricWarning said of them.

    A single number that the warning is about is returned as NaN.
    """
    from scratchnet.exceptions import UndefinedMetricWarning

    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        found = tuple(map(float, numbers()))
    said = [str(w.message) for w in caught if issubclass(w.category, UndefinedMetricWarning)]
    if said and len(found) == 1:
        found = (math.nan,)
    return found, said[0] if said else ""


def _checked(measure: Measure, reason: str) -> Measure:
    """Return the measure without what is not finite, and without an interval that has no width."""
    value, low, high = measure.value, measure.low, measure.high
    assert value is not None
    if not math.isfinite(value):
        return Measure(None, reason=reason or "the numbers are too large for it")
    if low is None or high is None:
        return measure
    if not (math.isfinite(low) and math.isfinite(high)):
        return Measure(value, reason=reason or "the numbers are too large for an interval")
    if high - low <= 1e-12 * abs(value):  # rounding is no width
        return Measure(value, reason=NO_WIDTH)
    return Measure(value, low, high, measure.method, reason or None)
