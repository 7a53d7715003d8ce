"""Deviances: errors of predicted means in which each sample counts by what its variance would be.

`N` samples, `y` the truth, `μ` the predicted mean, `w` the weights of the samples. One output only.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._regression_targets import (
    check_single_output,
    check_targets,
    mean_over_samples,
)
from scratchnet.utils.validation import check_scalar

__all__ = [
    "check_power",
    "mean_deviance",
    "mean_gamma_deviance",
    "mean_poisson_deviance",
    "mean_tweedie_deviance",
    "tweedie_deviances",
]


def mean_tweedie_deviance(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    power: float = 0,
) -> float:
    """Return the mean deviance Σ_i w_i d(y_i, μ_i) / Σ_i w_i of the Tweedie law with this power p.

        p = 0 (normal)        d = (y − μ)²
        p = 1 (Poisson)       d = 2 (y ln(y/μ) − y + μ)                        y ≥ 0, μ > 0
        p = 2 (gamma)         d = 2 (ln(μ/y) + y/μ − 1)                        y > 0, μ > 0
        else                  d = 2 (max(y, 0)^(2−p) / ((1−p)(2−p)) − y μ^(1−p) / (1−p) + μ^(2−p) / (2−p))
                              p < 0: μ > 0;   1 < p < 2: y ≥ 0, μ > 0;   p > 2: y > 0, μ > 0

    The variance of y goes with μ^p: the larger p, the less large targets count. y ln y is 0 at 0.
    Raises ValueError for 0 < p < 1, where there is no such law, and for values out of the range.

    Source: Jørgensen 1987, "Exponential dispersion models".

    >>> mean_tweedie_deviance([1.0, 4.0], [2.0, 4.0], power=3)
    0.125
    """
    truth, predicted, weight = check_targets(y_true, y_pred, sample_weight)
    check_single_output(truth, "mean_tweedie_deviance")
    return float(mean_deviance(truth, predicted, weight, power)[0])


def mean_poisson_deviance(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the mean deviance of the Poisson law, for counts: `mean_tweedie_deviance`, power 1.

        Σ_i w_i 2 (y_i ln(y_i/μ_i) − y_i + μ_i) / Σ_i w_i

    >>> mean_poisson_deviance([0.0, 3.0], [1.0, 3.0])
    1.0
    """
    return mean_tweedie_deviance(y_true, y_pred, sample_weight=sample_weight, power=1)


def mean_gamma_deviance(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the mean deviance of the gamma law: `mean_tweedie_deviance` with power 2.

        Σ_i w_i 2 (ln(μ_i/y_i) + y_i/μ_i − 1) / Σ_i w_i

    It depends on the ratios y/μ only: the unit of y does not matter.

    >>> mean_gamma_deviance([1.0, 20.0], [1.0, 20.0])
    0.0
    """
    return mean_tweedie_deviance(y_true, y_pred, sample_weight=sample_weight, power=2)


def mean_deviance(
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    weight: NDArray[np.float64] | None,
    power: float,
    *,
    check_range: bool = True,
) -> NDArray[np.float64]:
    """Return the mean of the deviances of tables that are checked, (1,)."""
    return mean_over_samples(
        lambda y, mu: tweedie_deviances(y, mu, power, check_range=check_range),
        (y_true, y_pred),
        weight,
    )


def check_power(power: float) -> float:
    """Return the power of a Tweedie law: none has one between 0 and 1."""
    p = float(check_scalar(power, "power", Real))
    if 0 < p < 1:
        raise ValueError(f"power must be 0 or less, or 1 or more: no law has power={power}")
    return p


def tweedie_deviances(
    y_true: NDArray[Any], y_pred: NDArray[Any], power: float = 0, *, check_range: bool = True
) -> NDArray[np.float64]:
    """Return the deviance d(y, μ) of each sample, of the shape of `y_true`."""
    p = check_power(power)
    y, mu = y_true.astype(np.float64, copy=False), y_pred.astype(np.float64, copy=False)
    if p == 0:
        residuals = y - mu
        return np.square(residuals, out=residuals)
    if check_range:
        if p >= 2:
            _check_range(y, "y_true", "strictly positive", y.min() > 0, p)
        elif p >= 1:
            _check_range(y, "y_true", "non-negative", y.min() >= 0, p)
        _check_range(mu, "y_pred", "strictly positive", mu.min() > 0, p)
    if p == 1:
        ratio = y / mu
        ratio[ratio == 0] = 1  # y ln(y/μ) is 0 at y = 0
        return _not_negative(2 * (y * np.log(ratio) - y + mu))
    if p == 2:
        ratio = y / mu
        return _not_negative(2 * (ratio - np.log(ratio) - 1))
    positive = np.maximum(y, 0) if p < 0 else y
    deviance = 2 * (
        positive ** (2 - p) / ((1 - p) * (2 - p))
        - y * mu ** (1 - p) / (1 - p)
        + mu ** (2 - p) / (2 - p)
    )
    return _not_negative(np.where(y == mu, 0.0, deviance))


def _not_negative(deviance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviances; what rounding has left below 0, where y is nearly μ, is 0."""
    return np.maximum(deviance, 0, out=deviance)


def _check_range(y: NDArray[Any], name: str, wanted: str, holds: bool, p: float) -> None:
    if not holds:
        raise ValueError(
            f"the Tweedie deviance with power={p:g} needs {wanted} {name}: its smallest is {y.min()}"
        )
