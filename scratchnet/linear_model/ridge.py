"""Ridge regression: least squares with a penalty on the size of the coefficients.

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
from scratchnet.linear_model.fold_models import LinearFoldModels
from scratchnet.linear_model.krylov import lsqr, ridge_conjugate_gradients
from scratchnet.linear_model.least_squares import center, ridge_cholesky, ridge_svd
from scratchnet.linear_model.least_squares_folds import fit_regression_folds
from scratchnet.linear_model.nonnegative_least_squares import nonnegative_least_squares
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.validation import (
    check_array,
    check_sample_weight,
    check_scalar,
    validate_data,
)

__all__ = ["Ridge", "penalties", "ridge_solve"]

SOLVERS = ("auto", "cholesky", "svd", "lsqr", "sparse_cg")
LEFT_OUT = {
    "lbfgs": "positive=True is solved exactly, by non-negative least squares, with solver='auto'",
    "sag": "it is for data that does not fit into memory; take 'auto'",
    "saga": "it is for data that does not fit into memory; take 'auto'",
}


def penalties(alpha: ArrayLike, n_targets: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Return the penalty of each target, (M,), of one number or one for each."""
    array = np.atleast_1d(check_array(alpha, ensure_2d=False, input_name="alpha")).astype(dtype)
    if array.shape not in ((1,), (n_targets,)):
        raise ValueError(
            f"Number of targets and number of penalties do not correspond: y has {n_targets} "
            f"targets, alpha has shape {array.shape}"
        )
    if array.min() < 0:
        raise ValueError(f"alpha must be at least 0, got {alpha!r}")
    return np.broadcast_to(array, (n_targets,))


def ridge_solve(
    X: NDArray[Any], y: NDArray[Any], alpha: NDArray[Any], solver: str = "auto"
) -> tuple[NDArray[Any], str]:
    """Return the coefficients (D, M) that minimise ‖y − Xw‖² + α‖w‖², and the solver that found them.

    X: (N, D) and y: (N, M), as `center` returns them. alpha: (M,). solver: "cholesky" for the normal
    equations (`ridge_cholesky`), "svd" (`ridge_svd`), or "auto" for the first of them, unless columns
    are so collinear, for so small an α, that it would lose more than half of the digits. Where the
    matrix is singular, "cholesky" turns to "svd" too.
    """
    if solver != "svd":
        eps = float(np.finfo(X.dtype).eps)
        try:
            tol = eps**0.5 if solver == "auto" else min(X.shape) * eps
            return ridge_cholesky(X, y, alpha, tol), "cholesky"
        except np.linalg.LinAlgError:
            pass
    return ridge_svd(X, y, alpha)[0], "svd"


class Ridge(LinearRegressorMixin, BaseEstimator):
    """Ridge regression: least squares with an L2 penalty.

        ŷ(x) = w·x + b,   minimised:  Σ_i s_i (y_i − ŷ(x_i))² + α ‖w‖²         s_i: the sample weight
        w = (XᵀX + α I)⁻¹ Xᵀy      for centred X and y;   b = ȳ − w·x̄ has no penalty

    With the singular values s_j of the centred X, the component of w along each v_j is that of least
    squares times s_j² / (s_j² + α): directions in which the data hardly varies are shrunk most. The
    penalty depends on the features' units, so they are standardised first (`StandardScaler` in a
    pipeline). The sample weights' sum matters: weights k times as large are an α that is k times smaller.

    Parameters, as in scikit-learn:

    alpha: α ≥ 0, one number, or one for each target. 0 is least squares; where columns are
        collinear, of all solutions the one of smallest norm.
    fit_intercept: whether to learn b. copy_X: False may overwrite X.
    max_iter, tol: of "lsqr" and "sparse_cg", see `krylov.py`; a ConvergenceWarning says that they did
        not suffice.
    solver: "cholesky", "svd" or "auto", see `ridge_solve`; "lsqr", "sparse_cg". More features than
        samples are solved through the N × N system (`ridge_cholesky`). Left out: "sag", "saga",
        "lbfgs".
    positive: no coefficient below 0.
    random_state: nothing is drawn; it is there because "sag" takes it.

    Learned: `coef_` (D,), or (M, D) for M > 1 targets; `intercept_`, a number, or (M,) for y (N, M);
    `solver_`, the solver that was used; `n_iter_`, the steps of "lsqr" for each target, else None;
    `n_features_in_`; `feature_names_in_` of a DataFrame. float32 stays float32.

    `RidgeCV` chooses α. Source: Hoerl & Kennard 1970, "Ridge regression: biased estimation for
    nonorthogonal problems".

    >>> model = Ridge(alpha=2.0).fit([[0.0], [2.0]], [1.0, 5.0])  # Σ x̃² = 2, Σ x̃ỹ = 4
    >>> model.coef_, float(model.intercept_)  # 4 / (2 + 2), 3 − 1
    (array([1.]), 2.0)
    """

    n_iter_: NDArray[np.int32] | None
    solver_: str

    def __init__(
        self,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from `X` (N, D) and `y` (N,) or (N, M).

        sample_weight: (N,), s_i; a weight of 2 is the sample twice.
        """
        self.check_parameters()
        table, targets = validate_data(self, X, y, multi_output=True)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(table), table.dtype)
        columns = targets.reshape(len(table), -1)  # (N, M)
        alpha = penalties(self.alpha, columns.shape[1], table.dtype)
        Xc, yc, X_mean, y_mean = center(
            table, columns, weight, fit_intercept=self.fit_intercept, copy=self.copy_X
        )
        coef = self._solve(Xc, yc, alpha)  # (D, M)
        self.coef_ = coef.T
        intercept = y_mean - X_mean @ coef
        if columns.shape[1] == 1:
            self.coef_ = self.coef_[0]
        if not self.fit_intercept:
            self.intercept_ = 0.0
        else:
            self.intercept_ = intercept[0] if targets.ndim == 1 else intercept
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
        return fit_regression_folds(self, self.alpha, X, y, folds, sample_weight, scaling)

    def check_parameters(self) -> None:
        """Raise an error for a parameter of the wrong type, or out of its range."""
        if isinstance(self.alpha, Real):
            check_scalar(self.alpha, "alpha", Real, min_val=0)
        check_scalar(self.tol, "tol", Real, min_val=0)
        if self.max_iter is not None:
            check_scalar(self.max_iter, "max_iter", Integral, min_val=1)
        for name in ("fit_intercept", "copy_X", "positive"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))
        if self.solver in LEFT_OUT:
            raise ValueError(f"solver={self.solver!r} is left out: {LEFT_OUT[self.solver]}")
        if self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {self.solver!r}")
        if self.positive and self.solver != "auto":
            raise ValueError(
                f"solver={self.solver!r} does not support positive fitting: take solver='auto'"
            )

    def _solve(self, X: NDArray[Any], y: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
        """Return the coefficients (D, M); set the solver that was used and the steps it took."""
        self.n_iter_ = None
        if self.positive:
            self.solver_ = "nnls"
            return np.stack(
                [_positive(X, t, a, self.max_iter) for t, a in zip(y.T, alpha, strict=True)], 1
            )
        if self.solver not in ("lsqr", "sparse_cg"):
            coef, self.solver_ = ridge_solve(X, y, alpha, self.solver)
            return coef
        self.solver_ = self.solver
        columns, steps, all_converged = [], [], True
        for t, a in zip(y.T, alpha.tolist(), strict=True):
            if self.solver == "lsqr":
                w, n_iter, converged = lsqr(X, t, a, self.tol, self.max_iter)
                steps.append(n_iter)
            else:
                w, converged = ridge_conjugate_gradients(X, t, a, self.tol, self.max_iter)
            columns.append(w)
            all_converged &= converged
        if self.solver == "lsqr":
            self.n_iter_ = np.array(steps, dtype=np.int32)
        if not all_converged:
            message = (
                f"solver={self.solver!r} stopped before it had converged to tol={self.tol}: raise "
                f"max_iter={self.max_iter}, or take solver='auto'"
            )
            warnings.warn(ConvergenceWarning(message), stacklevel=3)
        return np.stack(columns, axis=1)


def _positive(X: NDArray[Any], y: NDArray[Any], alpha: float, max_iter: int | None) -> NDArray[Any]:
    """Return the w ≥ 0, (D,), that minimises ‖y − Xw‖² + α‖w‖² = ‖[y; 0] − [X; √α I] w‖²."""
    if alpha > 0:
        D = X.shape[1]
        X = np.vstack([X, np.sqrt(alpha) * np.eye(D, dtype=X.dtype)])
        y = np.concatenate([y, np.zeros(D, X.dtype)])
    return nonnegative_least_squares(X, y, max_iter)
