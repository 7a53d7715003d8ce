"""The features as the solvers of logistic regression see them, and the way back.

`N` samples, `D` features, `B` models, `K` score rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.linear_model.logistic_loss import Array

__all__ = ["StandardisedFeatures", "one_hot"]


class StandardisedFeatures:
    """The features as the solvers see them, and the way back.

        Z_d = (x_d − shift_d) / scale_d,  and a last column of ones for the intercept
        w·Z + b = Σ_d (w_d / scale_d) x_d + (b − Σ_d w_d shift_d / scale_d)

    A penalty ½ r Σ_d v_d² on the weights v_d = w_d / scale_d is a penalty of r / scale_d² on w_d, so the
    minimum is the same one; only the steps towards it no longer depend on units. Without an
    intercept nothing is shifted. A constant column is not scaled.

    *More features than samples*, all with the same penalty r > 0: the samples span N directions q_n, and
    the weights have no part outside of them, as it would cost and gain nothing. So

        X − shift = Z Qᵀ,   Qᵀ Q = I,   v = Q w          Z: (N, N), Q: (D, N), and ‖v‖ = ‖w‖

    are N columns in the place of D; those are scaled alike.

    uniform: whether all features have the same penalty, and it is not 0.
    """

    def __init__(
        self, X: NDArray[Any], weight: Array, fit_intercept: bool, uniform: bool = False
    ) -> None:
        N, D = X.shape
        self.fit_intercept = fit_intercept
        share = weight / weight.sum()
        self.shift = share @ X if fit_intercept else np.zeros(D)
        self.Q: Array | None = None
        if D > N and uniform:
            self.Q, R = np.linalg.qr((X - self.shift).T)  # (D, N), (N, N)
            self.Z = np.ones((N, N + fit_intercept))
            Z = self.Z[:, :N]
            Z[:] = R.T
            self.scale = np.full(N, np.sqrt((share @ Z**2).mean()) or 1)
            Z /= self.scale
            return
        self.Z = np.ones((N, D + fit_intercept))
        Z = self.Z[:, :D]
        np.subtract(X, self.shift, out=Z)
        self.scale = np.sqrt(share @ Z**2)
        # A column that varies by no more than the rounding of its mean is constant.
        self.scale[self.scale <= 1e-14 * np.abs(self.shift)] = 1
        Z /= self.scale

    def ridge(self, strength: Array) -> Array:
        """Return the penalties of the columns of Z, (B, D + 1), for those of the features, (B, D)."""
        if self.Q is not None:
            strength = strength[:, :1]
        return np.pad(strength / self.scale**2, ((0, 0), (0, int(self.fit_intercept))))

    def to_features(self, w: Array) -> tuple[Array, Array]:
        """Return the coefficients (B, K, D) and intercepts (B, K) for x of weights (B, K, D + 1)."""
        coef = w[..., : len(self.scale)] / self.scale
        if self.Q is not None:
            coef = coef @ self.Q.T  # (B, K, N) @ (N, D)
        intercept = w[..., -1] if self.fit_intercept else np.zeros(w.shape[:-1])
        return coef, intercept - coef @ self.shift

    def from_features(self, coef: NDArray[Any], intercept: NDArray[Any]) -> Array:
        """Return the weights (K, D + 1) of coefficients (K, D) and intercepts (K,) for x."""
        w = (coef if self.Q is None else coef @ self.Q) * self.scale
        if not self.fit_intercept:
            return w
        return np.concatenate([w, (intercept + coef @ self.shift)[:, None]], axis=1)


def one_hot(code: NDArray[np.intp], n_rows: int) -> Array:
    """Return the targets, (n_rows, N): of one row, 1 for the second class."""
    rows = np.array([1]) if n_rows == 1 else np.arange(n_rows)
    return (code == rows[:, None]).astype(np.float64)
