"""All folds of cross-validated least squares or ridge regression from one pass over the samples.

Three ways, all exact for any folds and with each fold's own intercept; x̃ and ỹ are centred at the
weighted means of all samples, s_i is the weight of a sample, W = Σ_i s_i, and S is what a fold leaves out.

*From the hat matrix*, where a fold leaves out half as many samples as there are features, or fewer. With

    A = Σ_i s_i x̃_i x̃_iᵀ + α I,    w = A⁻¹ Σ_i s_i x̃_i ỹ_i,    e_i = ỹ_i − w·x̃_i
    k_ij = x̃_iᵀ A⁻¹ x̃_j + 1/W                                   (1/W is the intercept's part)

the model that has not seen S misses the samples of S by

    r_S = (I − k_SS diag(s_S))⁻¹ e_S        and has the weights   w_S = w − A⁻¹ Σ_{i∈S} s_i x̃_i r_i

Leave-one-out is the case of one sample, r_i = e_i / (1 − h_ii) with the leverage h_ii = k_ii s_i: all
N fits cost as much as one.

    Why: the fit without S is the fit of all samples in which ŷ of that very fit stands in the place
    of y_S, since those samples then miss by nothing and pull at nothing. So r_S = y_S − ŷ^(−S) changes
    the fitted values at S by k_SS diag(s_S) r_S:  ŷ^(−S) = ŷ_S − k_SS diag(s_S) r_S, and
    r_S = e_S + k_SS diag(s_S) r_S.

*From the moments*, where more is left out, or where a scaler makes each fold's penalty its own:

    Σ_train = Σ_all − Σ_S       for each of  s_i,  s_i x̃_i,  s_i x̃_i x̃_iᵀ,  s_i x̃_i ỹ_i

gives the normal equations of the training part, centred at its own mean (x̄_t, ȳ_t), with the scale of
a scaler in front, else 1:

    (Σ_train s x̃ x̃ᵀ − W_t x̄_t x̄_tᵀ + α diag(scale²)) w_S = Σ_train s x̃ ỹ − W_t x̄_t ȳ_t

*From the kernel*, where there are more features than samples: with the dual weights a,

    C = G⁻¹ − G⁻¹ 1 1ᵀ G⁻¹ / (1ᵀ G⁻¹ 1),    G = X̃ X̃ᵀ + α diag(1/s),    a = C ỹ,    w = X̃ᵀ a
    r_S = C_SS⁻¹ a_S,    a_S' = a − C_·S C_SS⁻¹ a_S

    (the second term of C is the intercept's). It is the formula from the hat matrix, since
    α C = diag(s) (I − H) with H = k diag(s) there, but nothing is subtracted from 1. X̃ has the rows x̃_i.

A difference of sums loses digits where S is nearly all that determines a weight. The loss is
estimated, and where it may reach 1e-9 of the result, the folds are left to be fitted one by one.

Sources: Cook & Weisberg 1982, "Residuals and Influence in Regression", eq. 2.2.2 to 2.2.4, for the
residuals; Allen 1974, "The relationship between variable selection and data augmentation and a method
for prediction", for leave-one-out.

`N` samples, `D` features, `T` targets, `F` folds, `m` samples that a fold leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import clone
from scratchnet.linear_model.fold_models import (
    LinearFoldModels,
    learned_attributes,
    test_scores,
)
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.validation import check_array, check_sample_weight, validate_data

__all__ = ["fit_least_squares_folds", "fit_regression_folds"]

Array = NDArray[np.float64]
Coefficients = Callable[[int], tuple[Array, Array]]

# The relative error that rounding may leave in the coefficients, as far as it can be estimated.
ACCURACY = 1e-9
# Of XᵀX: beyond it least squares comes near to where singular values of X count as 0 (1e-6 of the
# largest), which is for each fold's own fit to decide.
MAX_CONDITION = 1e10
EPSILON = float(np.finfo(np.float64).eps)
BLOCK = 2**16  # numbers of x̃ that are worked on while they are in the cache


def fit_regression_folds(
    estimator: Any,
    alpha: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    folds: Folds,
    sample_weight: ArrayLike | None,
    scaling: FoldScaling | None,
) -> LinearFoldModels | None:
    """Return the models of all folds of LinearRegression (alpha=0) or Ridge; None if not together.

    It is not for constraints (`positive`), for solvers that stop short of the exact solution, for a
    penalty of its own for each target, or where something is wrong with the data or a parameter:
    that is for the fit of a fold to say. The models of LinearRegression lack `singular_` and `rank_`.
    """
    fitted = clone(estimator)
    try:
        fitted.check_parameters()
        table, targets = validate_data(fitted, X, y, multi_output=True)
        penalty = np.unique(check_array(alpha, ensure_2d=False, input_name="alpha"))
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(table))
    except (TypeError, ValueError):
        return None
    if (
        len(penalty) != 1
        or penalty[0] < 0
        or targets.shape[1:] == (1,)
        or estimator.positive
        or estimator.solver not in ("auto", "cholesky", "svd", "qr")
    ):
        return None
    one_target = targets.ndim == 1
    models = fit_least_squares_folds(
        estimator,
        table,
        targets.reshape(len(table), -1).astype(np.float64, copy=False),
        float(penalty[0]),
        folds,
        sample_weight,
        scaling,
        one_target,
    )
    if models is not None:
        models.attributes.update(learned_attributes(fitted))
    return models


def fit_least_squares_folds(
    estimator: Any,
    X: NDArray[Any],
    Y: NDArray[Any],
    alpha: float,
    folds: Folds,
    sample_weight: Array | None,
    scaling: FoldScaling | None,
    one_target: bool,
) -> LinearFoldModels | None:
    """Return the models of all folds, or None where they have to be fitted one by one.

    X: (N, D), checked. Y: (N, T). alpha: the penalty α, 0 for least squares. sample_weight: (N,).
    scaling: of a scaler in front, z = (x − shift_f) / scale_f: the penalty ½ α Σ_d v_d² on the weights
    for z is ½ α Σ_d scale_fd² w_d² on those for x. one_target: y was (N,).
    """
    if scaling is not None and not estimator.fit_intercept and scaling.shift.any():
        return None
    is_scaled = scaling is not None and alpha > 0
    removed = [_removed(folds, fold) for fold in range(len(folds))] if folds.train_parts else None
    is_wide = X.shape[1] > X.shape[0]
    if is_wide and (is_scaled or alpha == 0):
        return None
    dtype = X.dtype
    X = X.astype(np.float64, copy=False)
    moments = _Moments(X, Y, sample_weight, estimator.fit_intercept)
    if not moments.survives_centring(alpha):
        return None
    largest = int(np.diff(folds.starts).max(initial=0))
    if is_wide:
        found = _from_kernel(moments, alpha, folds, removed, X)
    elif not is_scaled and removed is None and 2 * largest <= max(2, moments.n_features):
        found = _from_hat_matrix(moments, alpha, folds)
    else:
        scale = scaling.scale if is_scaled and scaling is not None else None
        found = _from_moments(moments, alpha, folds, removed, scale, X)
    if found is None:
        return None
    scores, coefficients = found
    return LinearFoldModels(estimator, scores.astype(dtype), coefficients, {}, scaling, one_target)


class _Moments:
    """The sums over all samples that all three ways start from, of features and targets centred once.

    X: x̃, (N, D). Y: ỹ, (N, T). weight: s, (N,). total: W. gram: Σ s x̃ x̃ᵀ, (D, D). moment: Σ s x̃ ỹᵀ, (D, T).
    Without an intercept nothing is centred.
    """

    def __init__(
        self, X: NDArray[Any], Y: NDArray[Any], weight: Array | None, fit_intercept: bool
    ) -> None:
        self.n_samples, self.n_features = X.shape
        self.fit_intercept = fit_intercept
        self.weight = weight
        self.total = float(self.n_samples if weight is None else weight.sum())
        self.largest = np.maximum(X.max(axis=0), -X.min(axis=0))  # max |x|, (D,)
        if fit_intercept:
            self.x_mean: Array = np.average(X, axis=0, weights=weight)
            self.y_mean: Array = np.average(Y, axis=0, weights=weight)
            self.X, self.Y = X - self.x_mean, Y - self.y_mean
        else:
            self.x_mean, self.y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
            self.X, self.Y = X, Y

    def survives_centring(
        self, alpha: float, squares: Array | None = None, total: float | None = None
    ) -> bool:
        """Return whether centring has left enough digits of every feature.

        x − x̄ is wrong by ε max |x|. That is everything for a constant feature; it does no harm where α
        is so much larger than Σ s x̃² that the feature has no part in the result.

        squares: Σ s x̃², (D,), of a training part; total: its Σ s. By default those of all samples.
        """
        if squares is None:
            squares = np.einsum("nd,nd->d", self.X, self.weighted(self.X))
        total = self.total if total is None else total
        rounding = EPSILON * self.largest * np.sqrt(np.maximum(squares, 0) * total)
        return bool((rounding < ACCURACY * (squares + alpha)).all())

    @cached_property
    def gram(self) -> Array:
        return self.weighted(self.X).T @ self.X  # (D, N) @ (N, D)

    @cached_property
    def moment(self) -> Array:
        return self.X.T @ self.weighted(self.Y)  # (D, N) @ (N, T)

    def weighted(self, rows: Array, samples: Any = slice(None)) -> Array:
        """Return s_i · row i, for all samples or for the named ones."""
        return rows if self.weight is None else self.weight[samples, None] * rows

    def intercept(self, coef: Array) -> Array:
        """Return the intercept for x of weights (..., T, D) for x̃ that go through the means."""
        return self.y_mean - coef @ self.x_mean


def _from_hat_matrix(
    moments: _Moments, alpha: float, folds: Folds
) -> tuple[Array, Coefficients] | None:
    """Return the scores of the test samples, (M, T), and the coefficients of each fold."""
    A = moments.gram.copy()
    A.flat[:: len(A) + 1] += alpha
    inverse, error = _inverse(A)
    if alpha == 0 and not _condition(A, inverse) <= MAX_CONDITION:
        return None
    w = inverse @ moments.moment  # (D, D) @ (D, T)
    residual = moments.Y - moments.X @ w
    of_intercept = 1 / moments.total if moments.fit_intercept else 0.0
    sizes = np.diff(folds.starts)
    missed = np.empty((len(folds.test_indices), residual.shape[1]))  # r, (M, T)
    for m in np.unique(sizes[sizes > 0]):
        of_size = np.flatnonzero(sizes == m)
        if m == 1:
            places = folds.starts[of_size]
            S = folds.test_indices[places]
            left = 1 - _leverages(moments, inverse, of_intercept)[S]  # 1 − h_ii
            if not (left * ACCURACY >= error).all():
                return None
            missed[places] = residual[S] / left[:, None]
            continue
        at_most = max(1, BLOCK // (m * moments.n_features))
        for first in range(0, len(of_size), at_most):
            block = of_size[first : first + at_most]
            places = folds.starts[block, None] + np.arange(m)  # (F', m)
            S = folds.test_indices[places]
            x = moments.X[S]  # (F', m, D)
            k = (x @ inverse) @ x.transpose(0, 2, 1)  # (F', m, D) @ (F', D, m)
            k += of_intercept
            if moments.weight is not None:
                k *= moments.weight[S][:, None, :]
            try:
                grown = np.linalg.inv(np.eye(m) - k)  # (I − k_SS diag(s_S))⁻¹
            except np.linalg.LinAlgError:
                return None
            # What was lost in A⁻¹ grows with the inverse of what is left of the samples.
            if not error * np.abs(grown).sum(axis=2).max() <= ACCURACY:
                return None
            missed[places] = grown @ residual[S]  # (F', m, m) @ (F', m, T)

    def coefficients(fold: int) -> tuple[Array, Array]:
        S = folds.test(fold)
        r = moments.weighted(missed[folds.starts[fold] : folds.starts[fold + 1]], S)
        coef = (w - inverse @ (moments.X[S].T @ r)).T  # (D, m) @ (m, T), then (T, D)
        return coef, _intercept_without(moments, S, coef)

    scores = moments.Y[folds.test_indices]
    scores -= missed
    scores += moments.y_mean
    return scores, coefficients


def _leverages(moments: _Moments, inverse: Array, of_intercept: float) -> Array:
    """Return h_ii = s_i (x̃_iᵀ A⁻¹ x̃_i + 1/W) of every sample, (N,)."""
    leverages = np.empty(moments.n_samples)
    step = max(1, BLOCK // moments.n_features)
    for start in range(0, moments.n_samples, step):
        x = moments.X[start : start + step]
        np.einsum("nd,nd->n", x @ inverse, x, out=leverages[start : start + step])
    leverages += of_intercept
    return leverages if moments.weight is None else leverages * moments.weight


def _intercept_without(moments: _Moments, removed: NDArray[np.intp], coef: Array) -> Array:
    """Return the intercept, (T,), of a model that has not seen the removed samples."""
    if not moments.fit_intercept:
        return np.zeros(len(coef))
    left = moments.total - (
        len(removed) if moments.weight is None else moments.weight[removed].sum()
    )
    x_mean = -moments.weighted(moments.X[removed], removed).sum(axis=0) / left
    y_mean = -moments.weighted(moments.Y[removed], removed).sum(axis=0) / left
    shift: Array = y_mean - coef @ x_mean
    return shift + moments.intercept(coef)


def _from_moments(
    moments: _Moments,
    alpha: float,
    folds: Folds,
    removed: list[NDArray[np.intp] | None] | None,
    scale: Array | None,
    X: NDArray[Any],
) -> tuple[Array, Coefficients] | None:
    """Return the scores of the test samples, (M, T), and the coefficients of each fold."""
    D, T = moments.moment.shape
    coef, intercept = np.empty((len(folds), T, D)), np.empty((len(folds), T))
    for fold in range(len(folds)):
        S = folds.test(fold) if removed is None else removed[fold]
        if S is None or 2 * len(S) > moments.n_samples:
            S, sign, all_samples = folds.train(fold), 1.0, 0.0
        else:
            sign, all_samples = -1.0, 1.0
        x, y = moments.X[S], moments.Y[S]
        sx, sy = moments.weighted(x, S), moments.weighted(y, S)
        left = all_samples * moments.total + sign * (
            len(S) if moments.weight is None else moments.weight[S].sum()
        )
        if not left > EPSILON * moments.total:
            return None
        A = all_samples * moments.gram + sign * (sx.T @ x)  # (D, m) @ (m, D)
        B = all_samples * moments.moment + sign * (x.T @ sy)  # (D, m) @ (m, T)
        x_mean, y_mean = np.zeros(D), np.zeros(T)
        if moments.fit_intercept:
            # Over all samples the sums of x̃ and ỹ are 0.
            x_mean, y_mean = sign * sx.sum(axis=0) / left, sign * sy.sum(axis=0) / left
            A -= left * np.outer(x_mean, x_mean)
            B -= left * np.outer(x_mean, y_mean)
        if not moments.survives_centring(alpha, A.diagonal(), float(left)):
            return None
        A.flat[:: D + 1] += alpha if scale is None else alpha * scale[fold] ** 2
        inverse, error = _inverse(A)
        # A difference of sums has the rounding of the sums, relative to what is left of them.
        sums = np.maximum(moments.gram.diagonal(), A.diagonal())
        if error == np.inf or not (error * sums <= ACCURACY * A.diagonal()).all():
            return None
        if alpha == 0 and not _condition(A, inverse) <= MAX_CONDITION:
            return None
        coef[fold] = (inverse @ B).T
        intercept[fold] = moments.intercept(coef[fold])
        if moments.fit_intercept:
            intercept[fold] += y_mean - coef[fold] @ x_mean
    scores = test_scores(folds, X, coef, intercept)
    return scores, lambda fold: (coef[fold], intercept[fold])


def _from_kernel(
    moments: _Moments,
    alpha: float,
    folds: Folds,
    removed: list[NDArray[np.intp] | None] | None,
    X: NDArray[Any],
) -> tuple[Array, Coefficients] | None:
    """Return the scores of the test samples, (M, T), and the coefficients of each fold."""
    N = moments.n_samples
    if moments.weight is not None and not moments.weight.all():
        return None
    G = moments.X @ moments.X.T  # (N, D) @ (D, N)
    G.flat[:: N + 1] += alpha if moments.weight is None else alpha / moments.weight
    C, error = _inverse(G)
    if not error <= ACCURACY:
        return None
    if moments.fit_intercept:
        of_ones = C.sum(axis=1)
        C -= np.outer(of_ones, of_ones / of_ones.sum())
    a = C @ moments.Y  # (N, N) @ (N, T)

    def left_out(fold: int) -> NDArray[np.intp] | None:
        return folds.test(fold) if removed is None else removed[fold]

    def coefficients(fold: int) -> tuple[Array, Array]:
        S = left_out(fold)
        assert S is not None
        a_without = a - C[:, S] @ np.linalg.solve(C[np.ix_(S, S)], a[S])  # (N, m) @ (m, T)
        coef = a_without.T @ moments.X  # (T, N) @ (N, D)
        return coef, _intercept_without(moments, S, coef)

    scores = moments.Y[folds.test_indices]
    scores += moments.y_mean
    for fold in range(len(folds)):
        part = slice(folds.starts[fold], folds.starts[fold + 1])
        S = left_out(fold)
        if S is None:
            return None
        if removed is None:
            scores[part] -= np.linalg.solve(C[np.ix_(S, S)], a[S])
        else:
            coef, intercept = coefficients(fold)
            scores[part] = X[folds.test(fold)] @ coef.T + intercept  # (m, D) @ (D, T)
    return scores, coefficients


def _condition(A: Array, inverse: Array) -> float:
    """Return the condition number of A in the 1-norm, at least that in the 2-norm."""
    return float(np.abs(A).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max())


def _inverse(A: Array) -> tuple[Array, float]:
    """Return A⁻¹ of a symmetric matrix, and the relative error that rounding may cause in it.

    It is ε times the condition number once the diagonal is scaled to ones, as the scale of single
    features does no harm; infinite if A is singular.
    """
    diagonal = A.diagonal()
    if not (diagonal > 0).all():
        return A, np.inf
    scale = 1 / np.sqrt(diagonal)
    scaled = A * scale
    scaled *= scale[:, None]
    try:
        inverse = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        return A, np.inf
    norms = [float(np.abs(matrix).sum(axis=0).max(initial=0)) for matrix in (scaled, inverse)]
    inverse *= scale
    inverse *= scale[:, None]
    return np.asarray(inverse, dtype=np.float64), EPSILON * norms[0] * norms[1]


def _removed(folds: Folds, fold: int) -> NDArray[np.intp] | None:
    """Return the samples that a fold does not train on; None if it names some more than once."""
    counts = np.bincount(folds.train(fold), minlength=folds.n_samples)
    return None if counts.max(initial=0) > 1 else np.flatnonzero(counts == 0)
