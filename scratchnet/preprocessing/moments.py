"""Mean and squared deviations of each feature, and how those of two parts go together.

`N` samples, `D` features.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "combine_moments", "deviation_scale", "moments_of"]

Array = NDArray[np.float64]


class Moments(NamedTuple):
    """Of each feature: the number of samples (or their weight), the mean, the squared deviations from it."""

    weight: Array  # n, (D,)
    mean: Array  # x̄, (D,)
    scatter: Array  # Q = Σ_i s_i (x_i − x̄)², (D,)


def moments_of(X: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> Moments:
    """Return the moments of the features of X (N, D), in float64. NaN are left out.

        n = Σ s_i,   x̄ = Σ s_i x_i / n,   Q = Σ s_i (x_i − x̄)² − (Σ s_i (x_i − x̄))² / n

    The second sum of Q would be 0 if x̄ were exact. It is what the rounding of x̄ has added to the first
    one, and divided by n it is the rounding itself, which is taken off x̄ as well. (The shorter
    Σ x² − n x̄² loses every digit where the mean is 10⁸ times the deviation.)

    sample_weight: (N,), s. A feature with nothing but NaN has n = 0 and the mean NaN.
    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", eq. 1.7.
    """
    N, D = X.shape
    if sample_weight is None:
        total = float(N)
        mean = X.mean(axis=0, dtype=np.float64)
    else:
        s = sample_weight.astype(np.float64, copy=False)
        total = float(s.sum())
        mean = (s @ X) / total
    n = np.full(D, total)
    is_nan = None
    if np.isnan(mean).any():
        is_nan = np.isnan(X)
        with np.errstate(invalid="ignore"):  # 0 / 0 where all are NaN
            if sample_weight is None:
                n = N - is_nan.sum(axis=0, dtype=np.float64)
                mean = X.sum(axis=0, dtype=np.float64, where=~is_nan) / n
            else:
                n = s @ ~is_nan
                mean = (s @ np.where(is_nan, 0, X)) / n
    deviation = X - mean  # (N, D)
    if is_nan is not None:
        deviation[is_nan] = 0
    if sample_weight is None:
        rest = deviation.sum(axis=0)
        scatter = np.einsum("nd,nd->d", deviation, deviation)
    else:
        rest = s @ deviation
        scatter = s @ np.square(deviation, out=deviation)
    some = np.where(n > 0, n, 1)
    return Moments(n, mean + rest / some, np.maximum(scatter - rest**2 / some, 0))


def combine_moments(a: Moments, b: Moments) -> Moments:
    """Return the moments of two parts together.

        n = n_a + n_b,   δ = x̄_b − x̄_a
        x̄ = x̄_a + δ n_b / n,   Q = Q_a + Q_b + δ² n_a n_b / n

    Source: Chan, Golub & LeVeque 1983, eq. 2.1; for single samples Welford 1962.

    >>> parts = moments_of(np.array([[1.0], [3.0]])), moments_of(np.array([[5.0]]))
    >>> combine_moments(*parts)  # 1, 3, 5: mean 3, deviations −2, 0, 2
    Moments(weight=array([3.]), mean=array([3.]), scatter=array([8.]))
    """
    n = a.weight + b.weight
    some = np.where(n > 0, n, 1)
    # A part without samples has no mean; the other one's stands.
    delta = np.where(b.weight > 0, b.mean, a.mean) - np.where(a.weight > 0, a.mean, b.mean)
    start = np.where(a.weight > 0, a.mean, b.mean)
    scatter = a.scatter + b.scatter + delta**2 * a.weight * b.weight / some
    return Moments(n, start + delta * b.weight / some, scatter)


def deviation_scale(moments: Moments) -> tuple[Array, Array]:
    """Return the variances Q / n and the standard deviations, 1 in the place of 0.

    A variance that is no more than what rounding of the mean can leave counts as 0. A feature with
    nothing but NaN has NaN.
    """
    n, mean, scatter = moments
    with np.errstate(invalid="ignore"):  # 0 / 0 for a feature with nothing but NaN
        var = scatter / n
    eps = float(np.finfo(np.float64).eps)
    is_constant = var <= n * eps * var + (n * mean * eps) ** 2
    return var, np.where(is_constant, 1.0, np.sqrt(var))
