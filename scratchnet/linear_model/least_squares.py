"""Least squares, with and without a penalty, as pure functions on arrays that are already checked.

    minimise over w and b:   Σ_i w_i ‖y_i − wᵀx_i − b‖² + α ‖w‖²            (w_i: the samples' weights)

`N` samples, `D` features, `M` targets. X: (N, D) · y: (N, M) · coefficients: (D, M).

The intercept needs no column of its own. At the optimum b = ȳ − wᵀx̄ with the weighted means, so
`center` takes them out first; it also multiplies row i by √w_i, which turns the weighted sum into a
plain one. All functions below it solve  min ‖y − Xw‖² + α‖w‖²  for the X and y that it returns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Centered",
    "center",
    "ridge_cholesky",
    "ridge_svd",
    "solve_triangular",
    "solve_with_cholesky",
    "svd_with_targets",
    "triangle_of",
]


class Centered(NamedTuple):
    """X and y without their means, row i times √w_i, and the means that were taken out."""

    X: NDArray[Any]  # (N, D)
    y: NDArray[Any]  # (N, M)
    X_mean: NDArray[Any]  # (D,)
    y_mean: NDArray[Any]  # (M,)


def center(
    X: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None = None,
    *,
    fit_intercept: bool = True,
    copy: bool = True,
) -> Centered:
    """Return X and y ready for a fit without intercept and without weights.

        x̄ = Σ_i w_i x_i / Σ_i w_i,   ȳ likewise;   row i becomes √w_i (x_i − x̄), √w_i (y_i − ȳ)

    X: (N, D) · y: (N, M) · sample_weight: (N,) or None for ones. Without `fit_intercept` the means
    are 0 and nothing is taken out. copy: False writes into X, to save the memory of a second one.

    The means are taken out before anything is multiplied: XᵀX − N x̄x̄ᵀ is the same matrix, but where
    the means are large against the deviations it loses the digits that matter.
    """
    X_mean, y_mean = np.zeros(X.shape[1], X.dtype), np.zeros(y.shape[1], y.dtype)
    if fit_intercept:
        X_mean, y_mean = (_mean(a, sample_weight) for a in (X, y))
        X = np.subtract(X, X_mean, out=None if copy else X)
        y = y - y_mean
    if sample_weight is not None:
        root = np.sqrt(sample_weight)[:, None].astype(X.dtype, copy=False)  # (N, 1)
        X = np.multiply(X, root, out=X if fit_intercept or not copy else None)
        y = y * root
    return Centered(X, y, X_mean, y_mean)


def _mean(a: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
    """Return the weighted mean of the rows, summed in float64, in the dtype of `a`."""
    if weight is None:
        mean = a.mean(axis=0, dtype=np.float64)
    else:
        # Divided first, so that weights near the largest number do not overflow in their sum.
        share = weight.astype(np.float64) / weight.max()
        mean = (share / share.sum()) @ a
    return mean.astype(a.dtype, copy=False)


def solve_triangular(T: NDArray[Any], b: NDArray[Any], *, lower: bool) -> NDArray[Any]:
    """Return x with T x = b, T (D, D) triangular, b (D, M): substitution by halves.

        [A 0] [x₁]   [b₁]
        [B C] [x₂] = [b₂]      x₁ = A⁻¹ b₁,   x₂ = C⁻¹ (b₂ − B x₁);   an upper T from below

    NumPy has no triangular solver. Halving costs the D² M of one, nearly all of it in products.
    """
    n = len(T)
    if n <= 64:  # below this a plain solve is as quick
        return np.linalg.solve(T, b)
    half = n // 2
    first, last = slice(0, half), slice(half, n)
    if lower:
        x1 = solve_triangular(T[first, first], b[first], lower=True)
        x2 = solve_triangular(T[last, last], b[last] - T[last, first] @ x1, lower=True)
    else:
        x2 = solve_triangular(T[last, last], b[last], lower=False)
        x1 = solve_triangular(T[first, first], b[first] - T[first, last] @ x2, lower=False)
    return np.concatenate([x1, x2])


def solve_with_cholesky(G: NDArray[Any], b: NDArray[Any], tol: float) -> NDArray[Any]:
    """Return x with G x = b for a symmetric positive definite G (D, D):  G = L Lᵀ,  L z = b,  Lᵀ x = z.

    L_jj² / G_jj is what column j leaves unexplained by those before it, 1 − R² where G is a Gram
    matrix of centred columns; it does not depend on the columns' units. Where it is below `tol`,
    columns are (nearly) collinear and the solution has lost too many digits: LinAlgError, as if G
    were not positive definite.
    """
    L = np.linalg.cholesky(G)
    if not (np.diag(L) ** 2 > tol * np.diag(G)).all():
        raise np.linalg.LinAlgError("the matrix is not positive definite to working precision")
    return solve_triangular(L.T, solve_triangular(L, b, lower=True), lower=False)


def ridge_cholesky(
    X: NDArray[Any], y: NDArray[Any], alpha: NDArray[Any], tol: float
) -> NDArray[Any]:
    """Return the coefficients (D, M) that minimise ‖y − Xw‖² + α‖w‖², from the normal equations.

        D ≤ N:   (XᵀX + α I) w = Xᵀy                            D equations
        D > N:   (XXᵀ + α I) c = y,   w = Xᵀc                   N equations (the dual)

    Both are the same w, since (XᵀX + αI) Xᵀ = Xᵀ (XXᵀ + αI).
    alpha: (M,), a penalty for each target; targets that share one share a decomposition.
    Raises LinAlgError where the matrix is singular or nearly so (`tol` as in `solve_with_cholesky`).
    """
    is_wide = X.shape[1] > X.shape[0]
    G = X @ X.T if is_wide else X.T @ X  # (n, n) with n = min(N, D)
    right = y if is_wide else X.T @ y  # (n, M)
    diagonal = np.einsum("ii->i", G)  # a view
    gram_diagonal = diagonal.copy()
    solution = np.empty_like(right)
    for a in np.unique(alpha):
        targets = alpha == a
        np.add(gram_diagonal, a, out=diagonal)
        solution[:, targets] = solve_with_cholesky(G, right[:, targets], tol)
    return X.T @ solution if is_wide else solution


def triangle_of(A: NDArray[Any]) -> NDArray[Any]:
    """Return the R (D, D) of  A = Q R  for a long table A (N, D): columns of the same lengths and angles.

    Blocks of rows are reduced to their triangles first, each while it is in the cache, and then the
    triangles to one: A = diag(Q₁, Q₂, …) [R₁; R₂; …]. Source: Demmel, Grigori, Hoemmen & Langou 2012,
    "Communication-optimal parallel and sequential QR and LU factorizations", section 4 (TSQR).
    """
    N, D = A.shape
    rows = max(512, 4 * D)
    n_blocks = N // rows
    if n_blocks > 1:
        blocks = A[: n_blocks * rows].reshape(n_blocks, rows, D)
        triangles: Any = np.linalg.qr(blocks, mode="r")  # (n_blocks, D, D)
        A = np.concatenate([triangles.reshape(n_blocks * D, D), A[n_blocks * rows :]])
    R: Any = np.linalg.qr(A, mode="r")
    return np.asarray(R)


def svd_with_targets(
    X: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return Uᵀy (r, M), s (r,) and Vᵀ (r, D) with  X = U diag(s) Vᵀ,  r = min(N, D), s falling.

    For N ≫ D the triangle of  [X y] = Q R  stands in for both: its columns have the same lengths and
    angles, and no more than D + M rows, so that neither Q nor U is ever formed.
    """
    (N, D), M = X.shape, y.shape[1]
    if N > 2 * (D + M) and M <= D:
        R = triangle_of(np.hstack([X, y]))  # (D + M, D + M)
        X, y = R[:, :D], R[:, D:]
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    return U.T @ y, s, Vt


def ridge_svd(
    X: NDArray[Any], y: NDArray[Any], alpha: NDArray[Any], cutoff: float | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the coefficients (D, M) that minimise ‖y − Xw‖² + α‖w‖², and the singular values of X.

        X = U diag(s) Vᵀ,   w = Σ_j v_j s_j / (s_j² + α) u_jᵀy     over the j with s_j > cutoff · max s

    With α = 0 this is the least-squares solution, and of all of them the one of smallest norm: a
    direction v_j that no sample moves along (s_j = 0) gets the coefficient 0.

    alpha: (M,). cutoff: relative to the largest singular value; None is max(N, D) times the
    rounding of X's dtype.
    """
    Uty, s, Vt = svd_with_targets(X, y)
    if cutoff is None:
        cutoff = max(X.shape) * float(np.finfo(X.dtype).eps)
    s1 = s[s > cutoff * s.max(initial=0)]  # the first r of them
    r = len(s1)
    shrink = s1[:, None] / (s1[:, None] ** 2 + alpha)  # (r, M)
    return Vt[:r].T @ (shrink * Uty[:r]), s  # (D, r) @ (r, M)
