"""How far each feature is a linear combination of the others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.utils.validation import check_array

__all__ = ["variance_inflation_factor"]


def variance_inflation_factor(X: ArrayLike) -> NDArray[np.float64]:
    """Return the variance inflation factor of each feature, (D,): 1 for none, infinity for collinear.

        VIF_j = 1 / (1 − R²_j) = [C⁻¹]_jj        C: the correlations of the features, (D, D)

    R²_j is that of the regression of feature j, with intercept, on all others. VIF_j is the factor by
    which the variance of feature j's coefficient in a least-squares fit is larger than if j were
    uncorrelated with the rest; above 5 or 10, the coefficients are hard to read one by one.

    All D regressions at once: with Z the features centred and divided by their lengths, C = ZᵀZ, and
    its inverse has 1 / (squared residual of column j on the others) on the diagonal. From Z = U diag(s)
    Vᵀ it is  [C⁻¹]_jj = Σ_k V_jk² / s_k²,  without the squaring that C would cost.

    X: (N, D), N ≥ 2. A feature that is an exact combination of others (up to rounding) has infinity, and
    so has each feature of that combination; with N ≤ D all features may. A constant feature has no R²:
    NaN, with an UndefinedMetricWarning, and the others are judged without it.

    Sources: Marquardt 1970, "Generalized inverses, ridge regression, biased linear estimation, and
    nonlinear estimation"; Belsley, Kuh & Welsch 1980, "Regression Diagnostics", section 3.2.

    >>> a, b = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
    >>> variance_inflation_factor(np.stack([a, b], axis=1))  # uncorrelated
    array([1., 1.])
    >>> variance_inflation_factor(np.stack([a, a + b], axis=1)).round(12)  # R² = ½
    array([2., 2.])
    >>> variance_inflation_factor(np.stack([a, b, a + b], axis=1))
    array([inf, inf, inf])
    """
    table = check_array(X, dtype=np.float64, ensure_min_samples=2)
    N, D = table.shape
    eps = float(np.finfo(np.float64).eps)
    mean = table.mean(axis=0)
    Z = table - mean
    length = np.sqrt(np.einsum("nd,nd->d", Z, Z))
    # The rounding of the mean is all that is left of a constant column.
    is_constant = length <= N * eps * np.abs(mean) * N**0.5
    factors = np.full(D, np.nan)
    if is_constant.any():
        columns = np.flatnonzero(is_constant).tolist()
        message = f"the variance inflation factor of a constant feature is undefined: {columns}"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=2)
    if is_constant.all():
        return factors
    Z = Z[:, ~is_constant] / length[~is_constant]
    if Z.shape[1] < N:
        Z = np.linalg.qr(Z, mode="r")  # Z = Q R has the s and V of R
    _, s, Vt = np.linalg.svd(Z)  # (r,), (D, D): beyond N samples all s are 0
    is_null = np.ones(len(Vt), dtype=bool)
    is_null[: len(s)] = s <= max(N, D) * eps * s[0]
    found: NDArray[Any] = (Vt[~is_null] ** 2 / s[~is_null[: len(s)], None] ** 2).sum(axis=0)
    # Where a combination of features is 0, those that take part in it by more than rounding.
    found[np.abs(Vt[is_null]).max(axis=0, initial=0) > eps**0.5] = np.inf
    factors[~is_constant] = found
    return factors
