"""Linear regression: the plane with the least squares of errors.

`N` samples, `D` features, `M` targets.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model.base import LinearRegressorMixin
from scratchnet.linear_model.descent import gradient_descent
from scratchnet.linear_model.fold_models import LinearFoldModels
from scratchnet.linear_model.least_squares import (
    center,
    ridge_svd,
    solve_triangular,
    solve_with_cholesky,
)
from scratchnet.linear_model.least_squares_folds import fit_regression_folds
from scratchnet.linear_model.nonnegative_least_squares import nonnegative_least_squares
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.parallel import parallel_map
from scratchnet.utils.validation import check_sample_weight, check_scalar, validate_data

__all__ = ["LinearRegression", "by_cholesky", "by_gradient_descent", "by_qr"]

SOLVERS = ("auto", "cholesky", "qr", "svd", "gradient-descent")


# Three ways to the w that minimises ½ ‖y − Xw‖².
# X: (N, D), y: (N, M), both centred · G = XᵀX: (D, D) · b = Xᵀy: (D, M) → w: (D, M)


def by_cholesky(G: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the least-squares coefficients (D, M) from the normal equations.

        Xᵀ(y − Xw) = 0,   so   G w = b   with   G = XᵀX = L Lᵀ,   b = Xᵀy

    At the minimum the residual is orthogonal to each column. For N ≫ D the quickest: N D² for XᵀX
    and D³/3 for L. XᵀX has the square of X's condition number: X of condition 10⁴ costs 8 digits.
    Raises LinAlgError if columns are collinear.
    """
    return solve_with_cholesky(G, b, tol=len(G) * float(np.finfo(G.dtype).eps))


def by_qr(X: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Return the least-squares coefficients (D, M) from X = Q R, Q with orthonormal columns.

        XᵀX w = Xᵀy   is   Rᵀ R w = Rᵀ Qᵀy,   so   R w = Qᵀy

    and X is never squared: X of condition 10⁴ costs 4 digits. It takes 4 N D², several times as
    long as the normal equations.
    Raises LinAlgError if R has a 0 on its diagonal.
    """
    Q, R = np.linalg.qr(X)  # (N, D), (D, D) upper triangular
    return solve_triangular(R, Q.T @ y, lower=False)


def by_gradient_descent(
    G: NDArray[Any], b: NDArray[Any], tol: float, max_iter: int
) -> tuple[NDArray[Any], int, bool]:
    """Return coefficients (D, M) found by steps downhill, how many steps, and whether they converged.

        w ← w − η (XᵀX w − Xᵀy),   η = 1 / λ_max(XᵀX),   from w = 0
        until no entry of the gradient is above  tol · max |Xᵀy|

    Along the eigenvector of the eigenvalue λ a step leaves 1 − λ/λ_max of the error, so the number of
    steps grows with the square of X's condition number: standardise the features first. No matrix
    is inverted, which is why it scales to networks, where it is all there is; for least squares it
    is here to be compared. With XᵀX at hand a step costs D² M.

    Starting from 0 it never leaves the span of X's rows: for collinear columns it ends at the
    solution of smallest norm.
    """

    def objective(w: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        gradient = G @ w - b
        return float(np.sum(w * (gradient - b)) / 2), gradient  # ½ Σ w ∘ (G w − 2 b)

    largest = float(np.linalg.eigvalsh(G)[-1])
    step = 1 / largest if largest > 0 else 0.0
    limit = tol * float(np.abs(b).max())
    return gradient_descent(objective, np.zeros_like(b), step, limit, max_iter)


class LinearRegression(LinearRegressorMixin, BaseEstimator):
    """Ordinary least squares.

        ŷ(x) = w·x + b,   minimised:  Σ_i s_i (y_i − ŷ(x_i))²          s_i: the sample weight

    Several targets, y (N, M), are M regressions on the same features. Where columns are collinear
    (after centring, as a constant one always is), many w fit equally well; the one of smallest norm
    is taken.

    Parameters, as in scikit-learn:

    fit_intercept: whether to learn b; without it the plane goes through the origin.
    copy_X: False may overwrite X, to save the memory of a second one.
    tol: singular values of the centred X below tol times the largest count as 0. For
        "gradient-descent" the fraction to which the gradient has to fall.
    n_jobs: threads over the targets, with `positive`.
    positive: no coefficient below 0 (`nonnegative_least_squares`).

    and here only:

    solver: "cholesky", "qr" and "gradient-descent" are the three functions above, "svd" is for
        collinear columns too (`ridge_svd` with α = 0). "auto" takes Cholesky where X is so well
        conditioned that less than six digits are lost, "svd" elsewhere. "cholesky" and "qr" turn
        to "svd" where columns are collinear by the measure of tol; "cholesky" at the latest
        where the ratio of singular values is the root of the rounding.
    max_iter: the most steps of "gradient-descent"; a ConvergenceWarning says that they were not enough.

    Learned: `coef_` (D,), or (M, D) for y (N, M); `intercept_`, a number or (M,); `rank_` and
    `singular_`, the rank and the singular values (min(N, D),) of the centred X, which is what the
    condition number s[0] / s[-1] is read from (not with `positive`); `n_iter_`, the steps of
    "gradient-descent", else 1; `n_features_in_`; `feature_names_in_` of a DataFrame. float32
    stays float32, all else becomes float64.

    Sources: Legendre 1805; Björck 1996, "Numerical Methods for Least Squares Problems", chapter 2.

    >>> X = [[1, 1], [1, 2], [2, 2], [2, 3]]
    >>> model = LinearRegression().fit(X, [6, 8, 9, 11])  # y = x₀ + 2 x₁ + 3
    >>> model.coef_.round(12), round(float(model.intercept_), 12)
    (array([1., 2.]), 3.0)
    """

    n_iter_: int
    rank_: int
    singular_: NDArray[Any]

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
        solver: str = "auto",
        max_iter: int = 10_000,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive
        self.solver = solver
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from `X` (N, D) and `y` (N,) or (N, M).

        sample_weight: (N,), s_i; a weight of 2 is the sample twice.
        """
        self.check_parameters()
        table, targets = validate_data(self, X, y, multi_output=True)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(table), table.dtype)
        Xc, yc, X_mean, y_mean = center(
            table,
            targets.reshape(len(table), -1),
            weight,
            fit_intercept=self.fit_intercept,
            copy=self.copy_X,
        )
        self.n_iter_ = 1
        coef = self._positive(Xc, yc) if self.positive else self._solve(Xc, yc)  # (D, M)
        self.coef_ = coef.T
        self.intercept_ = y_mean - X_mean @ coef if self.fit_intercept else 0.0
        if targets.ndim == 1:
            self.coef_ = self.coef_[0]
            self.intercept_ = self.intercept_[0] if self.fit_intercept else 0.0
        return self

    def fit_folds(
        self,
        X: ArrayLike,
        y: ArrayLike,
        folds: Folds,
        sample_weight: ArrayLike | None = None,
        scaling: FoldScaling | None = None,
    ) -> LinearFoldModels | None:
        """Return the models of all folds, fitted together; None if that cannot be done here.

        See `model_selection/folds.py` for the protocol, `least_squares_folds.py` for the method.
        """
        return fit_regression_folds(self, 0.0, X, y, folds, sample_weight, scaling)

    def check_parameters(self) -> None:
        """Raise an error for a parameter of the wrong type, or out of its range."""
        check_scalar(self.tol, "tol", Real, min_val=0)
        check_scalar(self.max_iter, "max_iter", Integral, min_val=1)
        for name in ("fit_intercept", "copy_X", "positive"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))
        if self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {self.solver!r}")
        if self.positive and self.solver != "auto":
            raise ValueError(f"positive=True has a solver of its own, got solver={self.solver!r}")

    def _solve(self, X: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return the coefficients (D, M); set the rank, the singular values and the steps taken."""
        solver = self.solver
        if len(X) <= X.shape[1] and solver != "gradient-descent":
            solver = "svd"  # too few samples for the others: without the mean N − 1 count
        least = self.tol  # what counts as 0, relative to the largest singular value
        rounding = max(X.shape) * float(np.finfo(X.dtype).eps)
        if solver in ("auto", "cholesky", "gradient-descent"):
            G, b = X.T @ X, X.T @ y
        if solver in ("auto", "cholesky"):
            s = np.sqrt(np.maximum(np.linalg.eigvalsh(G)[::-1], 0))
            least = max(self.tol, rounding**0.5)  # it is s² that is right to the rounding
        elif solver != "svd":
            s = np.linalg.svd(X, compute_uv=False)
            least = max(self.tol, rounding)
        if solver == "auto":
            # The eigenvalues s² are right to ε s_max², and so is the solution: half of ε's digits,
            # and two more, are required of both.
            enough = max(100 * float(np.finfo(X.dtype).eps) ** 0.5, self.tol**2)
            solver = "cholesky" if s[-1] ** 2 > enough * s[0] ** 2 else "svd"
        if solver in ("cholesky", "qr") and s[-1] <= least * s[0]:
            solver = "svd"
        if solver == "cholesky":
            coef = by_cholesky(G, b)
        elif solver == "qr":
            coef = by_qr(X, y)
        elif solver == "svd":
            coef, s = ridge_svd(X, y, np.zeros(1, X.dtype), cutoff=self.tol)
        else:
            coef, self.n_iter_, converged = by_gradient_descent(G, b, self.tol, self.max_iter)
            if not converged:
                message = (
                    f"gradient descent stopped after {self.n_iter_} steps without having converged "
                    f"to tol={self.tol}: standardise the features, raise max_iter={self.max_iter}, "
                    "or take another solver"
                )
                warnings.warn(ConvergenceWarning(message), stacklevel=3)
        self.singular_ = s
        self.rank_ = int((s > self.tol * s[0]).sum())
        return coef

    def _positive(self, X: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        columns = parallel_map(lambda t: nonnegative_least_squares(X, t), y.T, self.n_jobs)
        return np.stack(columns, axis=1)
