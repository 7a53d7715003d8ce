"""Leave-one-out errors of ridge regression without leaving one out.

`N` samples, `D` features, `M` targets; s_i is the weight of a sample, x̃ and ỹ are centred at the weighted
means of all samples, and K_ij = √s_i x̃_i·x̃_j √s_j.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scratchnet.linear_model.least_squares import center, svd_with_targets
from scratchnet.linear_model.ridge import ridge_solve

__all__ = ["leave_one_out_errors"]

Array = NDArray[np.float64]

# 1 − h is right to about 1e-15, so that a quotient by it keeps nine digits down to here.
LEAST = 1e-6


def leave_one_out_errors(
    X: Array,
    y: Array,
    sample_weight: Array | None,
    alphas: Array,
    *,
    fit_intercept: bool = True,
    exact: bool = False,
) -> Iterator[Array]:
    """Yield for each α the errors (N, M) of N models, each at the one sample that it has not seen.

        y_i − ŷ₍₋ᵢ₎(x_i) = e_i / (1 − h_i)
        e_i = y_i − ŷ(x_i),    h_i = s_i x̃_iᵀ (Σ_j s_j x̃_j x̃_jᵀ + α I)⁻¹ x̃_i + s_i / Σ_j s_j

    ŷ is the fit to all samples and h_i its leverage, how far the fit at x_i follows y_i. The second term
    of h_i is the intercept's, and missing without one.

    Why: put ŷ₍₋ᵢ₎(x_i) in the place of y_i. The fit to these N values is ŷ₍₋ᵢ₎, as the sample then lies on
    it and pulls at nothing. The fit is linear in y with the weight h_i for y_i at x_i, so
    ŷ₍₋ᵢ₎(x_i) = ŷ(x_i) − h_i (y_i − ŷ₍₋ᵢ₎(x_i)), which is the first line.

    One decomposition serves every α. With the eigenvalues λ_j and eigenvectors,

        N > D + 1:  Σ s x̃ x̃ᵀ = V Λ Vᵀ,   B = √s ∘ x̃ V
                    h_i = Σ_j B_ij² / (λ_j + α) + s_i / Σ s,   √s ∘ (ŷ − ȳ) = B (Λ + α)⁻¹ Bᵀ (√s ∘ ỹ)
        else:       K = U Λ Uᵀ,   c = U (Λ + α)⁻¹ Uᵀ (√s ∘ ỹ),   d_i = Σ_j U_ij² / (λ_j + α)
                    √s_i (y_i − ŷ₍₋ᵢ₎(x_i)) = c_i / d_i

    The second form is the first one divided by α above and below the line: nothing is subtracted
    from 1, where h_i is nearly that for every sample. There the eigenvector √s of K, which is the
    intercept's, has the part s_i / Σ s of h_i and is left out of the sums.

    X: (N, D) · y: (N, M) · sample_weight: (N,), s, or None for ones; a sample of weight 0 has no part in
    any fit, and its error is that of the fit to the others. alphas: (A,), all above 0.
    exact: decompose X instead of the product of X with itself, which is squared and has fewer digits; it
    is done in any case where these would not suffice.

    In the first form, samples with 1 − h_i < 1e-6 (one that alone has a feature, or a huge weight) are
    left out in earnest. They are at most D + 1, for Σ_i h_i ≤ D + 1.
    Raises ValueError if fewer than two samples have a weight.

    Sources: Allen 1974, "The relationship between variable selection and data augmentation and a
    method for prediction"; Rifkin & Lippert 2007, "Notes on regularized least squares", section 4.
    """
    rows = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
    if len(rows) < 2:
        raise ValueError(f"leave-one-out needs two samples with a weight, n_samples = {len(rows)}")

    def error_of_others(train: NDArray[np.intp], test: NDArray[np.intp], alpha: float) -> Array:
        """Return the errors at `test` of the fit to `train`."""
        weight = None if sample_weight is None else sample_weight[train]
        c = center(X[train], y[train], weight, fit_intercept=fit_intercept)
        coef = ridge_solve(c.X, c.y, np.full(y.shape[1], alpha))[0]
        error: Array = y[test] - c.y_mean - (X[test] - c.X_mean) @ coef
        return error

    Xs, ys, weight = (X, y, sample_weight) if len(rows) == len(X) else (X[rows], y[rows], None)
    if sample_weight is not None and weight is None:
        weight = sample_weight[rows]
    root = np.ones(len(rows)) if weight is None else np.sqrt(weight)
    centered = center(Xs, ys, weight, fit_intercept=fit_intercept)
    of_intercept = root / np.sqrt(root @ root) if fit_intercept else np.zeros(len(rows))
    N, D = centered.X.shape
    solve = _of_long_table if N > D + 1 else _of_wide_table
    for alpha, (error, left) in zip(
        alphas.tolist(), solve(centered.X, centered.y, of_intercept, alphas, exact), strict=True
    ):
        out = np.empty((len(X), y.shape[1]))
        for i in np.flatnonzero(left < LEAST):
            error[i] = error_of_others(np.delete(rows, i), rows[i : i + 1], alpha)[0] * root[i]
        out[rows] = error / root[:, None]
        if len(rows) < len(X):
            without = np.setdiff1d(np.arange(len(X)), rows)
            out[without] = error_of_others(rows, without, alpha)
        yield out


def _of_long_table(
    X: Array, y: Array, of_intercept: Array, alphas: Array, exact: bool
) -> Iterator[tuple[Array, Array]]:
    """Yield √s_i error_i (N, M) and 1 − h_i (N,) for each α, by the first form."""
    values, V = np.linalg.eigh(X.T @ X)
    exact = exact or _is_too_inexact(values, alphas)
    if exact:
        Uty, s, Vt = svd_with_targets(X, y)
        values, V = s**2, Vt.T
    B = X @ V  # (N, D) @ (D, D)
    # Bᵀy; the columns of U = B diag(1/s) are orthogonal to the last digit, those of B less so.
    moment = s[:, None] * Uty if exact else B.T @ y  # (D, M)
    squares = B**2
    for alpha in alphas:
        shrink = 1 / (values + alpha)
        residual = y - B @ (shrink[:, None] * moment)  # (N, D) @ (D, M)
        left = 1 - squares @ shrink - of_intercept**2
        with np.errstate(divide="ignore", invalid="ignore"):  # left out in earnest by the caller
            yield residual / left[:, None], left


def _of_wide_table(
    X: Array, y: Array, of_intercept: Array, alphas: Array, exact: bool
) -> Iterator[tuple[Array, Array]]:
    """Yield √s_i error_i (N, M) and ones for each α, by the second form."""
    N = len(X)
    kernel = X @ X.T  # (N, D) @ (D, N)
    # An eigenvalue above all others sets the intercept's eigenvector apart from the rest.
    largest = 2 * float(np.abs(kernel).sum(axis=1).max()) or 1.0
    values, U = np.linalg.eigh(kernel + largest * np.outer(of_intercept, of_intercept))
    n_kept = N - 1 if of_intercept.any() else N
    if exact or _is_too_inexact(values[:n_kept], alphas):
        U, s, _ = np.linalg.svd(np.column_stack([X, np.sqrt(largest) * of_intercept]))
        values = np.zeros(N)
        values[: len(s)] = s**2
        values, U = values[::-1], U[:, ::-1]
    values, U = np.maximum(values[:n_kept], 0), U[:, :n_kept]
    moment, squares = U.T @ y, U**2
    for alpha in alphas:
        inverse = 1 / (values + alpha)
        c = U @ (inverse[:, None] * moment)  # (N, N) @ (N, M)
        yield c / (squares @ inverse)[:, None], np.ones(N)


def _is_too_inexact(values: Array, alphas: Array) -> bool:
    """Return whether the eigenvalues, right to 1e-16 of the largest, are not exact beside the least α."""
    return bool(values.min() + alphas.min() < 1e-7 * values.max())
