"""The penalised log loss of a stack of linear models on the same samples, with its derivatives.

One model is a stack of one; the folds of a cross-validation are a stack whose models differ in the
weights of the samples: 0 for those that a fold leaves out.

`B` models, `N` samples, `K` score rows (1 for two classes, else one for each class), `D` columns of
`Z`: the features and, where an intercept is learned, a column of ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scratchnet import ops

__all__ = ["Array", "LogisticLoss"]

Array = NDArray[np.float64]

# The products of all pairs of columns are kept if they take no more than this many bytes.
PAIRS_BUDGET = 2**26
CHUNK = 2**16  # numbers, half a megabyte


@dataclass
class LogisticLoss:
    """The loss of each of B models, and its gradient and Hessian with respect to their weights.

        z = w Zᵀ                                                          the scores, (B, K, N)
        K = 1:  p = 1 / (1 + exp(−z)),           ℓ_i = log(1 + exp(z_i)) − t_i z_i
        K > 1:  p_k = exp(z_k) / Σ_l exp(z_l),   ℓ_i = log Σ_k exp(z_ki) − Σ_k t_ki z_ki
        L = Σ_i m_i ℓ_i + ½ Σ_kd r_d w_kd²
        ∂L/∂w_k = Σ_i m_i (p_ki − t_ki) Z_i + r ∘ w_k
        ∂²L/∂w_k∂w_l = Σ_i m_i p_ki ([k = l] − p_li) Z_i Z_iᵀ + [k = l] diag(r)      (K = 1: p (1 − p))

    Z: (N, D). target: t, (K, N): 1 where the sample is of the class of the row, else 0. weight: m,
    (B, N), how much each sample counts. ridge: r, (B, D), 0 for what is not penalised. This is
    LogisticRegression's loss divided by C: r_d = 1 / (C scale_d²), where Z is standardised.

    Source: Bishop 2006 (PRML), eq. 4.90, 4.91 and 4.97 for two classes, 4.108 to 4.110 for several.
    """

    Z: Array
    target: Array
    weight: Array
    ridge: Array

    def __post_init__(self) -> None:
        D = self.Z.shape[1]
        self._pairs = np.triu_indices(D)
        self._products: Array | None = None
        if len(self.weight) > 3 and self.Z.nbytes * (D + 1) // 2 <= PAIRS_BUDGET:
            self._products = self.Z[:, self._pairs[0]] * self.Z[:, self._pairs[1]]

    def probabilities(self, w: Array) -> Array:
        """Return p, (B, K, N), for weights (B, K, D)."""
        z = self._scores(w)
        return ops.sigmoid(z)[0] if z.shape[1] == 1 else ops.softmax(z, dim=1)[0]

    def value(self, w: Array, models: NDArray[np.intp]) -> Array:
        """Return L, (B,), of the named models of the stack."""
        z = self._scores(w)
        log_sum = np.logaddexp(0, z[:, 0]) if z.shape[1] == 1 else np.logaddexp.reduce(z, axis=1)
        z *= self.target
        losses = log_sum - z.sum(axis=1)  # (B, N)
        penalty = (self.ridge[models, None] * w**2).sum(axis=(1, 2))
        return np.einsum("bn,bn->b", self.weight[models], losses) + 0.5 * penalty

    def gradient(self, w: Array, p: Array, models: NDArray[np.intp]) -> Array:
        """Return ∂L/∂w, (B, K, D), where p are the probabilities that belong to w."""
        B, K, N = p.shape
        error = p - self.target
        error *= self.weight[models, None]
        gradient = (error.reshape(B * K, N) @ self.Z).reshape(w.shape)  # (B·K, N) @ (N, D)
        gradient += self.ridge[models, None] * w
        return gradient

    def hessian(self, p: Array, models: NDArray[np.intp]) -> Array:
        """Return ∂²L/∂w², (B, K·D, K·D)."""
        B, K, _ = p.shape
        D = self.Z.shape[1]
        weight, diagonal = self.weight[models], np.arange(D)
        hessian = np.empty((B, K, D, K, D))
        for k in range(K):
            for l in range(k, K):
                curvature: Array = float(k == l) - p[:, l]
                curvature *= p[:, k]
                curvature *= weight  # (B, N)
                block = self._weighted_products(curvature)  # (B, D, D)
                if k == l:
                    block[:, diagonal, diagonal] += self.ridge[models]
                hessian[:, k, :, l] = hessian[:, l, :, k] = block  # block is symmetric
        return hessian.reshape(B, K * D, K * D)

    def _scores(self, w: Array) -> Array:
        B, K, D = w.shape
        return (w.reshape(B * K, D) @ self.Z.T).reshape(B, K, -1)  # (B·K, D) @ (D, N)

    def _weighted_products(self, weight: Array) -> Array:
        """Return Σ_i weight_bi Z_i Z_iᵀ, (B, D, D).

        For many models and few columns the products Z_id Z_ie of all pairs d ≤ e are formed once,
        and the sums of all models are one product of matrices.
        """
        B, (N, D) = len(weight), self.Z.shape
        sums = np.zeros((B, D, D))
        if self._products is None:
            step = max(256, CHUNK // D)  # rows that are weighted while they are in the cache
            for start in range(0, N, step):
                rows = self.Z[start : start + step]
                for b in range(B):
                    sums[b] += (rows.T * weight[b, start : start + step]) @ rows  # (D, n) @ (n, D)
            return sums
        upper = weight @ self._products  # (B, N) @ (N, D(D+1)/2)
        i, j = self._pairs
        sums[:, i, j] = sums[:, j, i] = upper
        return sums
