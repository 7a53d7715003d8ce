"""Every metric of regression that applies, with intervals."""

from __future__ import annotations

from collections.abc import Callable
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

__all__ = ["measure_regression"]


def measure_regression(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], settings: Settings
) -> dict[str, Measure]:
    """Return the metrics of a prediction, (N,) as the truth, by name."""

    def measured(metric: Callable[..., Any]) -> Measure:
        return bootstrapped(metric, truth, prediction, settings=settings)

    measures = {"r2": measured(r2_score)}
    if truth.min() == truth.max():
        measures["r2"] = Measure(None, reason="the truth does not vary")
    measures |= {
        "explained_variance": measured(explained_variance_score),
        "mean_absolute_error": measured(mean_absolute_error),
        "median_absolute_error": measured(median_absolute_error),
        "root_mean_squared_error": measured(root_mean_squared_error),
        "mean_squared_error": measured(mean_squared_error),
        "mean_error": measured(_mean_error),
        "d2_absolute_error": plain(lambda: d2_absolute_error_score(truth, prediction)),
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
