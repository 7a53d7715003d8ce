"""Logistic regression: probabilities of classes from scores that are affine in the features.

`N` samples, `D` features, `K` classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator, clone
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model.base import (
    LinearClassifierMixin,
    log_probabilities,
    probabilities,
)
from scratchnet.linear_model.descent import gradient_descent, lbfgs
from scratchnet.linear_model.fold_models import LinearFoldModels, learned_attributes
from scratchnet.linear_model.logistic_folds import fit_logistic_folds
from scratchnet.linear_model.logistic_loss import Array, LogisticLoss
from scratchnet.linear_model.newton import newton
from scratchnet.linear_model.standardised_features import StandardisedFeatures, one_hot
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.class_weight import compute_class_weight
from scratchnet.utils.multiclass import unique_labels
from scratchnet.utils.validation import check_sample_weight, check_scalar, validate_data

__all__ = ["LogisticRegression"]

SOLVERS = ("newton-cholesky", "lbfgs", "gradient-descent")


class LogisticRegression(LinearClassifierMixin, BaseEstimator):
    """Logistic regression with an L2 penalty or none, for two classes or several.

        two classes:      f(x) = w·x + b,        p(second | x) = 1 / (1 + exp(−f(x)))
        several classes:  f_k(x) = w_k·x + b_k,  p(k | x) = exp(f_k(x)) / Σ_l exp(f_l(x))
        minimised:        C Σ_i s_i (−log p(y_i | x_i)) + ½ Σ_k ‖w_k‖²

    s_i is the sample's weight times its class's. The intercept is not penalised. C=inf, or
    penalty=None, leaves the penalty out. The gradient and the Hessian stand over the code in
    `logistic_loss.py`. With a penalty the minimum is unique, but for the intercepts of several classes,
    which may all be shifted: those that sum to 0 are taken. Without one, collinear columns leave many
    minima, and there is none if a hyperplane separates the classes: the weights grow until the
    tolerance is met or the steps end.

    Parameters, named as in scikit-learn:

    penalty: "l2" or None. C: the inverse strength of the penalty; must be positive.
    tol: stop where the largest entry of the gradient of the mean loss is not above it. The gradient
        is that for standardised features, so that their units do not matter. Newton's method goes
        on to 1e-9 where `max_iter` allows it: that takes a few steps more.
    fit_intercept: whether to learn b.
    class_weight: "balanced" for W / (K W_k), W and W_k the sums of sample weights of all and of the
        class, a dictionary from class to weight, or None.
    random_state: nothing is drawn; it is here because scikit-learn's solvers take it.
    solver: "newton-cholesky", Newton's method: fewest steps, each about (K D)² (N + K D) operations,
        and (K D)² numbers of memory for the Hessian · "lbfgs": where those do not fit ·
        "gradient-descent", the plainest: steps of a fixed length, 1 over the largest curvature
        that there can be.
    max_iter: the most steps. A ConvergenceWarning says that they were not enough.
    warm_start: start from the weights of the last fit.

    scikit-learn's `l1_ratio`, `dual`, `intercept_scaling`, and its other solvers are left out.

    Learned: `coef_` (1 or K, D), `intercept_` (1 or K,), one row for two classes (positive means the
    second); `classes_`; `n_iter_` (1,), the steps taken; `n_features_in_`; `feature_names_in_` of a
    DataFrame. float32 features give float32 weights, computed in float64.

    *Many fits at once*: `fit_folds` (see there) fits all training parts of a cross-validation together.

    Sources: Bishop 2006 (PRML), sections 4.3.2 to 4.3.4; Cox 1958, "The regression analysis of
    binary sequences".

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> model.predict([[1.4], [1.6]])
    array([0, 1])
    >>> float(round(-model.intercept_[0] / model.coef_[0, 0], 6))  # both classes are as probable
    1.5
    """

    n_iter_: NDArray[np.int_]

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "newton-cholesky",
        max_iter: int = 100,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from `X` (N, D) and the classes `y` (N,).

        sample_weight: (N,), s_i; a weight of 2 is the sample twice.
        Raises ValueError for one class only.
        """
        self.check_parameters()
        table, labels = validate_data(self, X, y)
        classes = unique_labels(labels)
        if len(classes) < 2:
            raise ValueError(
                f"LogisticRegression needs two classes or more, the data has 1 class: {classes[0]}"
            )
        weight = check_sample_weight(sample_weight, len(table))
        code = np.searchsorted(classes, labels)
        of_class = compute_class_weight(
            self.class_weight, classes=classes, y=labels, sample_weight=weight
        )
        weight = weight * of_class[code]
        uniform = bool(np.isfinite(self.effective_C)) and self.solver == "newton-cholesky"
        space = StandardisedFeatures(table, weight, self.fit_intercept, uniform)
        K = len(classes) if len(classes) > 2 else 1
        start = np.zeros((1, K, space.Z.shape[1]))
        if self.warm_start and getattr(self, "coef_", np.zeros(0)).shape == (K, table.shape[1]):
            start[0] = space.from_features(self.coef_, self.intercept_)
        ridge = space.ridge(np.ones((1, table.shape[1])) / self.effective_C)
        loss = LogisticLoss(space.Z, one_hot(code, K), weight[None], ridge)
        w, n_iter, converged = self._minimise(loss, start)
        if not converged:
            message = (
                f"LogisticRegression stopped after {n_iter} steps of {self.solver} without having "
                f"converged: the gradient is above tol={self.tol}. Raise max_iter={self.max_iter}, "
                "strengthen the penalty (a smaller C), or take another solver"
            )
            warnings.warn(ConvergenceWarning(message), stacklevel=2)
        coef, intercept = space.to_features(w)
        self.classes_, self.n_iter_ = classes, np.array([n_iter])
        self.coef_ = coef[0].astype(table.dtype)
        self.intercept_ = intercept[0].astype(table.dtype)
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

        See `model_selection/folds.py` for the protocol and `logistic_folds.py` for the method. Only
        Newton's method is for many folds; with another solver, each fold is fitted by itself. So it
        is where something is wrong with the data or a parameter: it is for the fit to say.
        """
        fitted = clone(self)
        try:
            fitted.check_parameters()
            table, labels = validate_data(fitted, X, y)
            classes = unique_labels(labels)
            weight = check_sample_weight(sample_weight, len(table))
            if self.solver != "newton-cholesky" or len(classes) < 2:
                return None
            models = fit_logistic_folds(
                self, table, np.searchsorted(classes, labels), classes, folds, weight, scaling
            )
        except (TypeError, ValueError):
            return None
        if models is not None:
            models.attributes.update(learned_attributes(fitted))
        return models

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the probability of each class, (N, K), in the order of `classes_`."""
        return probabilities(self.decision_function(X))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the logarithm of each class's probability, (N, K), also where that underflows."""
        return log_probabilities(self.decision_function(X))

    @property
    def effective_C(self) -> float:
        """C, or infinity without a penalty."""
        return float(np.inf if self.penalty is None else self.C)

    def check_parameters(self) -> None:
        """Raise an error for a parameter of the wrong type, or out of its range."""
        if self.penalty not in ("l2", None):
            raise ValueError(f"penalty must be 'l2' or None, got {self.penalty!r}")
        if self.solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {self.solver!r}")
        check_scalar(self.C, "C", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.tol, "tol", Real, min_val=0)
        check_scalar(self.max_iter, "max_iter", Integral, min_val=0)
        for name in ("fit_intercept", "warm_start"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))

    def _minimise(self, loss: LogisticLoss, start: Array) -> tuple[Array, int, bool]:
        """Return the weights, the steps taken, and whether they converged."""
        if self.solver == "newton-cholesky":
            w, n_iter, left = newton(loss, start, self.tol, self.max_iter)
            return w, int(n_iter[0]), bool(left[0] <= self.tol)
        only = np.zeros(1, dtype=np.intp)

        def objective(flat: Array) -> tuple[float, Array]:
            w = flat.reshape(start.shape)
            gradient = loss.gradient(w, loss.probabilities(w), only)
            return float(loss.value(w, only)[0]), gradient.ravel()

        limit = self.tol * float(loss.weight.sum())
        if self.solver == "lbfgs":
            flat, steps, done = lbfgs(objective, start.ravel(), limit, self.max_iter)
        else:
            # p (1 − p) ≤ ¼; the Hessian of log Σ exp has no eigenvalue above ½ (Böhning 1992)
            bound = 0.25 if start.shape[1] == 1 else 0.5
            gram = (loss.Z.T * loss.weight[0]) @ loss.Z  # (D, N) @ (N, D)
            steepest = bound * np.linalg.eigvalsh(gram)[-1] + loss.ridge.max()
            flat, steps, done = gradient_descent(
                objective, start.ravel(), 1 / steepest, limit, self.max_iter
            )
        return flat.reshape(start.shape), steps, done
