"""Every metric of regression that applies, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.evaluate.measure import Measure, Settings, bootstrapped, plain
from scratchnet.metrics import (
    d2_absolute_error_score,
    explained_variance_score,
    max_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_squared_error,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
    root_mean_squared_log_error,
)

__all__ = ["measure_regression", "median_ranks"]


def measure_regression(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], settings: Settings
) -> dict[str, Measure]:
    """Return the metrics of a prediction, (N,) as the truth, by name."""

    def measured(metric: Callable[..., Any]) -> Measure:
        return bootstrapped(metric, truth, prediction, settings=settings)

    def compared(found: Callable[[], Measure]) -> Measure:
        # With a constant, which is perfect for a truth that does not vary: 0 or 1 would say nothing.
        if truth.min() == truth.max():
            return Measure(None, reason="the truth does not vary")
        return found()

    measures = {
        "r2": compared(lambda: measured(r2_score)),
        "explained_variance": compared(lambda: measured(explained_variance_score)),
        "mean_absolute_error": measured(mean_absolute_error),
        "median_absolute_error": _median_error(truth, prediction, settings),
        "root_mean_squared_error": measured(root_mean_squared_error),
        "mean_squared_error": measured(mean_squared_error),
        "mean_error": measured(_mean_error),
        "d2_absolute_error": compared(
            lambda: plain(lambda: d2_absolute_error_score(truth, prediction))
        ),
    }
    # No resample holds an error larger than the largest one: no interval of resamples covers the true one.
    largest = plain(lambda: max_error(truth, prediction))
    reason = largest.reason or "resamples cannot tell how large an error may be"
    measures["max_error"] = Measure(largest.value, reason=reason)
    if truth.all():
        measures["mean_absolute_percentage_error"] = measured(mean_absolute_percentage_error)
    else:
        measures["mean_absolute_percentage_error"] = Measure(None, reason="the truth has a zero")
    # These are for counts and amounts: where something is negative, they do not apply.
    if min(truth.min(), prediction.min()) >= 0:
        measures["root_mean_squared_log_error"] = measured(root_mean_squared_log_error)
        if prediction.min() > 0:
            measures["mean_poisson_deviance"] = measured(mean_poisson_deviance)
            if truth.min() > 0:
                measures["mean_gamma_deviance"] = measured(mean_gamma_deviance)
    return measures


def _mean_error(truth: NDArray[np.float64], prediction: NDArray[np.float64]) -> float:
    """Return mean(prediction − truth), the bias: above 0 if the predictions are too high."""
    return float((prediction - truth).mean())


def median_ranks(n_samples: int, confidence_level: float) -> tuple[int, int]:
    """Return the ranks l and u, from 1, of the samples between which the true median lies.

        l = ⌊(N − z √N) / 2⌋,   u = N + 1 − l

    The number of samples below the true median is binomial with N and ½, whatever their distribution:
    normal but for few, with mean N/2 and standard deviation √N / 2. l < 1: there are too few samples.
    """
    z = -NormalDist().inv_cdf((1 - confidence_level) / 2)  # 1 + the level may round to 2
    low = math.floor((n_samples - z * math.sqrt(n_samples)) / 2)
    return low, n_samples + 1 - low


def _median_error(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], settings: Settings
) -> Measure:
    """Return the median absolute error between two of the errors: exact where resamples are poor.

    A median of whole numbers jumps, and what jumps is no sum whose resamples would tell how it strays.
    """
    measure = plain(lambda: median_absolute_error(truth, prediction))
    low, high = median_ranks(len(truth), settings.confidence_level)
    if measure.value is None:
        return measure
    if low < 1:
        return Measure(measure.value, reason="there are too few samples for an interval")
    errors = np.partition(np.abs(truth - prediction), (low - 1, high - 1))
    ends = float(errors[low - 1]), float(errors[high - 1])
    return Measure(measure.value, *ends, method="order statistics")
