"""Scores that compare a prediction with the best constant one: 1 is perfect, 0 no better than it.

`N` samples, `M` outputs, `y` the truth, `ŷ` the prediction, `w` the weights of the samples.

    score = 1 − (error of ŷ) / (error of the best constant)

It is negative where the constant, which has seen y, is better. *If y is constant*, that error is 0:
then the score is 1 if the prediction is perfect, else 0 (`force_finite=False`: NaN, else −∞).
*Fewer than two samples* have no R² and no D²: NaN with a warning. The explained variance of one is 1.
*If the error of the constant is beyond float64*, the score is NaN with a warning as well.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._quantile import weighted_quantile
from scratchnet.metrics._regression_targets import (
    average_outputs,
    check_alpha,
    check_single_output,
    check_targets,
    itself,
    mean_over_samples,
    residuals,
    variance,
    weighted_mean,
)
from scratchnet.metrics.deviance import check_power, mean_deviance
from scratchnet.metrics.regression import pinball_losses

__all__ = [
    "d2_absolute_error_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "explained_variance_score",
    "r2_score",
]

Floats = NDArray[np.float64]


def r2_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike | None = "uniform_average",
    force_finite: bool = True,
) -> float | Floats:
    """Return R², the share of the variance of y that the prediction explains.

        R² = 1 − Σ_i w_i (y_i − ŷ_i)² / Σ_i w_i (y_i − ȳ)²,   ȳ = Σ_i w_i y_i / Σ_i w_i

    A y that is constant has R² 1 if it is predicted perfectly, else 0 (`force_finite=False`: NaN,
    else −∞). Of fewer than two samples R² is NaN, with a warning: leave-one-out is scored by R² of
    the pooled out-of-fold predictions. A constant *prediction* has R² 0 if it is ȳ of these very samples,
    and below 0 otherwise: the mean of a training part has a little less than 0 on the test part.

    y_true, y_pred: (N,) or (N, M). sample_weight: (N,).
    multioutput: "uniform_average" (or None), the mean R² of the outputs; "variance_weighted", the mean
        weighted by Σ_i w_i (y_i − ȳ)²; "raw_values", an array (M,); or M weights.

    >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    >>> r2_score([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    0.0
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    if _too_few(truth, "R²", multioutput, variances=np.zeros(truth.shape[1])):
        return float("nan")
    unexplained = mean_over_samples(residuals, (truth, predicted), weight, squared=True)
    return _score(unexplained, _variance(truth, weight), multioutput, force_finite)


def explained_variance_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
    force_finite: bool = True,
) -> float | Floats:
    """Return the share of the variance of y that goes with the prediction.

        1 − Var(y − ŷ) / Var(y)

    A prediction that is off by the same amount everywhere scores 1 here, but not in `r2_score`.
    A y that is constant: 1 if y − ŷ is too, else 0 (`force_finite=False`: NaN, else −∞).
    multioutput: as in `r2_score`.

    >>> explained_variance_score([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    1.0
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    unexplained = variance(residuals, (truth, predicted), weight)
    return _score(unexplained, _variance(truth, weight), multioutput, force_finite)


def d2_tweedie_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    power: float = 0,
) -> float:
    """Return D², the share of the Tweedie deviance that the prediction explains. One output only.

        D² = 1 − Σ_i w_i d(y_i, ŷ_i) / Σ_i w_i d(y_i, ȳ),   ȳ = Σ_i w_i y_i / Σ_i w_i

    d: as in `mean_tweedie_deviance`; with power 0, D² is R². A y that is constant scores 1 if it is
    predicted perfectly, else 0 (scikit-learn divides by zero). Fewer than two samples: NaN with a
    warning.

    >>> d2_tweedie_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    check_single_output(truth, "d2_tweedie_score")
    power = check_power(power)
    if _too_few(truth, "D²"):
        return float("nan")
    unexplained = mean_deviance(truth, predicted, weight, power)
    total = _variance(truth, weight)
    if total.any() and power != 0:
        # ȳ is no prediction: with power < 0 it may be negative, as the targets may.
        mean = np.broadcast_to(weighted_mean(itself, (truth,), weight), truth.shape)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            total = mean_deviance(truth, mean, weight, power, check_range=False)
    return float(_score(unexplained, total, None, True))


def d2_pinball_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    alpha: float = 0.5,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return D², the share of the pinball loss that the prediction explains.

        D² = 1 − Σ_i w_i ℓ(y_i, ŷ_i) / Σ_i w_i ℓ(y_i, q),   q the (weighted) quantile α of y

    ℓ: as in `mean_pinball_loss`. A y that is constant scores 1 if it is predicted perfectly, else 0.
    Fewer than two samples: NaN with a warning. multioutput: "uniform_average", "raw_values" or weights.

    Source: Koenker & Machado 1999, "Goodness of fit and related inference processes for quantile
    regression", eq. 7.

    >>> d2_pinball_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    alpha = check_alpha(alpha)
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    if isinstance(multioutput, str) and multioutput == "variance_weighted":
        raise ValueError(
            "multioutput='variance_weighted' is defined for R² and the like, not for D²"
        )
    if _too_few(truth, "D²", multioutput):
        return float("nan")

    def losses(y: NDArray[Any], z: NDArray[Any]) -> Floats:
        return pinball_losses(y, z, alpha)

    unexplained = mean_over_samples(losses, (truth, predicted), weight)
    quantile = np.broadcast_to(weighted_quantile(truth, weight, alpha), truth.shape)
    with np.errstate(over="ignore", invalid="ignore"):  # `_score` warns
        total = mean_over_samples(losses, (truth, quantile), weight)
    return _score(unexplained, total, multioutput, True)


def d2_absolute_error_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> float | Floats:
    """Return D², the share of the absolute error that the prediction explains.

        D² = 1 − Σ_i w_i |y_i − ŷ_i| / Σ_i w_i |y_i − median(y)|

    It is `d2_pinball_score` with alpha=0.5; see there.

    >>> d2_absolute_error_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    return d2_pinball_score(
        y_true, y_pred, sample_weight=sample_weight, alpha=0.5, multioutput=multioutput
    )


def _too_few(
    truth: NDArray[Any],
    score: str,
    multioutput: str | ArrayLike | None = None,
    variances: Floats | None = None,
) -> bool:
    """Return whether there are fewer than two samples, and warn if so; check `multioutput` then."""
    n_samples, n_outputs = truth.shape
    if n_samples < 2:
        average_outputs(
            np.zeros(n_outputs), multioutput, variances=variances
        )  # raises if it is wrong
        message = (
            f"{score} is not well-defined with less than two samples: it is NaN for {n_samples}. "
            "In leave-one-out, score the predictions of all folds together: pooled_score"
        )
        warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
        return True
    return False


def _variance(truth: NDArray[Any], weight: Floats | None) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):  # `_score` warns
        return variance(itself, (truth,), weight)


def _score(
    unexplained: Floats, total: Floats, multioutput: str | ArrayLike | None, force_finite: bool
) -> float | Floats:
    """Return 1 − unexplained / total of each output, averaged."""
    if not np.isfinite(total).all():
        message = (
            f"the error of the best constant is {total}, beyond float64: the score is NaN there"
        )
        warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
        total = np.where(np.isfinite(total), total, np.nan)
    if total.all():
        scores = 1 - unexplained / total
    elif force_finite:
        scores = 1 - unexplained / np.where(total == 0, 1, total)
        scores = np.where(total == 0, unexplained == 0, scores)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1 - unexplained / total
    return average_outputs(scores, multioutput, variances=total)
