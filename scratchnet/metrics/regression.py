"""Errors of predicted quantities: the smaller the better, 0 is perfect.

`N` samples, `M` outputs, `y` the truth, `ŷ` the prediction, `w` the weights of the samples. Each
function takes y_true and y_pred of shape (N,) or (N, M) and returns, with

    multioutput="uniform_average"  the mean over the outputs, a float
    multioutput="raw_values"       the error of each output, (M,)
    multioutput=[...]              the mean over the outputs with these M weights, a float

All but `median_absolute_error` and `max_error` are a mean of one value for each sample. The functions
with a plural name give these values, (N, M), of tables that are already checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._quantile import weighted_quantile
from scratchnet.metrics._regression_targets import (
    average_outputs,
    check_alpha,
    check_single_output,
    check_targets,
    mean_over_samples,
    residuals,
)

__all__ = [
    "absolute_errors",
    "absolute_percentage_errors",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_pinball_loss",
    "mean_squared_error",
    "mean_squared_log_error",
    "median_absolute_error",
    "pinball_losses",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "squared_errors",
    "squared_log_errors",
]

Floats = NDArray[np.float64]


def mean_squared_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the mean squared error, in squared units of y.

        MSE = Σ_i w_i (y_i − ŷ_i)² / Σ_i w_i

    float32 is subtracted and summed in float64.

    >>> mean_squared_error([3.0, 0.0, 2.0, 7.0], [2.0, 0.0, 2.0, 8.0])
    0.5
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    mean = mean_over_samples(residuals, (truth, predicted), weight, squared=True)
    return average_outputs(mean, multioutput)


def root_mean_squared_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the square root of the mean squared error, in units of y.

        RMSE = √(Σ_i w_i (y_i − ŷ_i)² / Σ_i w_i)

    Of several outputs the roots are averaged: not the root of their average.

    >>> root_mean_squared_error([[0, 0], [0, 0]], [[3, 1], [3, 1]])
    2.0
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    mean = mean_over_samples(residuals, (truth, predicted), weight, squared=True)
    return average_outputs(np.sqrt(mean), multioutput, one_weight=True)


def mean_squared_log_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the mean squared error of the logarithms.

        MSLE = Σ_i w_i (ln(1 + y_i) − ln(1 + ŷ_i))² / Σ_i w_i

    Raises ValueError if a target or a prediction is −1 or less.

    >>> mean_squared_log_error([0.0, np.e - 1], [np.e - 1, np.e - 1])
    0.5
    """
    return _mean_loss(squared_log_errors, y_true, y_pred, sample_weight, multioutput)


def root_mean_squared_log_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the square root of the mean squared error of the logarithms.

        RMSLE = √(Σ_i w_i (ln(1 + y_i) − ln(1 + ŷ_i))² / Σ_i w_i)

    Of several outputs the roots are averaged. Raises ValueError as `mean_squared_log_error`.

    >>> root_mean_squared_log_error([0.0, 0.0], [np.e - 1, np.e - 1])
    1.0
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    mean = mean_over_samples(squared_log_errors, (truth, predicted), weight)
    return average_outputs(np.sqrt(mean), multioutput)


def mean_absolute_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the mean absolute error, in units of y.

        MAE = Σ_i w_i |y_i − ŷ_i| / Σ_i w_i

    >>> mean_absolute_error([3.0, 0.0, 2.0, 7.0], [2.0, 0.0, 2.0, 8.0])
    0.5
    """
    return _mean_loss(absolute_errors, y_true, y_pred, sample_weight, multioutput)


def mean_absolute_percentage_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the mean absolute error relative to the truth: a fraction, 0.1 for ten percent.

        MAPE = Σ_i w_i |y_i − ŷ_i| / max(|y_i|, ε) / Σ_i w_i,   ε = 2.2e-16

    A target of 0 that is not predicted exactly gives a huge number, not infinity.

    >>> mean_absolute_percentage_error([1.0, 2.0], [1.5, 2.0])
    0.25
    """
    return _mean_loss(absolute_percentage_errors, y_true, y_pred, sample_weight, multioutput)


def mean_pinball_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    alpha: float = 0.5,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return the mean pinball loss, in units of y; the quantile α of y minimises it.

        Σ_i w_i max(α (y_i − ŷ_i), (α − 1) (y_i − ŷ_i)) / Σ_i w_i

    Too low costs α a unit, too high 1 − α; with α = 0.5 it is half the mean absolute error.

    Source: Koenker & Bassett 1978, "Regression quantiles".

    >>> mean_pinball_loss([1.0, 2.0], [0.0, 4.0], alpha=0.75)
    0.625
    """
    alpha = check_alpha(alpha)
    return _mean_loss(
        lambda y, z: pinball_losses(y, z, alpha), y_true, y_pred, sample_weight, multioutput
    )


def median_absolute_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: str | ArrayLike = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> float | Floats:
    """Return the median of |y_i − ŷ_i|, in units of y. Few samples far off do not move it.

    Of an even number of samples it is the mean of the two in the middle; weights: `weighted_quantile`.

    >>> median_absolute_error([3.0, 0.0, 2.0, 7.0], [2.0, 0.0, 2.0, 99.0])
    0.5
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    errors = absolute_errors(truth, predicted)
    return average_outputs(weighted_quantile(errors, weight, 0.5), multioutput)


def max_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the largest |y_i − ŷ_i|, in units of y. One output only.

    >>> max_error([3.0, 0.0, 2.0, 7.0], [2.0, 0.0, 2.0, 99.0])
    92.0
    """
    truth, predicted, _ = check_targets(y_true, y_pred)
    check_single_output(truth, "max_error")
    errors = residuals(truth, predicted)
    return float(max(errors.max(), -errors.min()))


def squared_errors(y_true: NDArray[Any], y_pred: NDArray[Any]) -> Floats:
    """Return (y − ŷ)², (N, M)."""
    errors = residuals(y_true, y_pred)
    return np.square(errors, out=errors)


def squared_log_errors(y_true: NDArray[Any], y_pred: NDArray[Any]) -> Floats:
    """Return (ln(1 + y) − ln(1 + ŷ))², (N, M)."""
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        if (low := y.min()) <= -1:
            raise ValueError(
                f"the logarithmic error needs values above -1, but {name} contains {low}"
            )
    errors = np.log1p(y_true, dtype=np.float64)
    errors -= np.log1p(y_pred, dtype=np.float64)
    return np.square(errors, out=errors)


def absolute_errors(y_true: NDArray[Any], y_pred: NDArray[Any]) -> Floats:
    """Return |y − ŷ|, (N, M)."""
    errors = residuals(y_true, y_pred)
    return np.abs(errors, out=errors)


def absolute_percentage_errors(y_true: NDArray[Any], y_pred: NDArray[Any]) -> Floats:
    """Return |y − ŷ| / max(|y|, ε), (N, M)."""
    errors = absolute_errors(y_true, y_pred)
    size = np.abs(y_true)
    errors /= np.maximum(size, np.finfo(np.float64).eps, out=size)
    return errors


def pinball_losses(y_true: NDArray[Any], y_pred: NDArray[Any], alpha: float = 0.5) -> Floats:
    """Return max(α (y − ŷ), (α − 1) (y − ŷ)), (N, M)."""
    errors = residuals(y_true, y_pred)
    losses = alpha * errors
    errors *= alpha - 1
    return np.maximum(losses, errors, out=losses)


def _mean_loss(
    losses: Callable[[NDArray[Any], NDArray[Any]], Floats],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None,
    multioutput: str | ArrayLike,
) -> float | Floats:
    """Return the mean over the samples, and then over the outputs, of one loss for each."""
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    return average_outputs(mean_over_samples(losses, (truth, predicted), weight), multioutput)
