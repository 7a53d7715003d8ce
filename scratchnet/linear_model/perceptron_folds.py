"""Perceptrons of all folds, each taking its own next sample in the same step.

Every fold has its own training part and its own weights, and follows Rosenblatt's rule one sample at a
time; the folds have nothing to wait for from one another. So the t-th step of all of them is one
operation on arrays: F samples, F scores, and corrections where the score was wrong. The result is
that of each fold by itself, up to the rounding of a score that is nearly 0.

`N` samples, `D` features, `F` folds, `B` of them in a stack, `n` samples in a training part.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model.fold_models import LinearFoldModels, test_scores
from scratchnet.linear_model.online import Patience, row_states, sample_permutation
from scratchnet.model_selection.folds import Folds, FoldScaling

__all__ = ["fit_perceptron_folds"]

# For fewer folds a step of all of them costs more than it saves: one by one, the samples between two
# mistakes are scored in one product (`rosenblatt_epoch`).
LEAST_FOLDS = 40
STACK_BYTES = 2**26  # what the indices of the training parts of a stack may take


def fit_perceptron_folds(
    estimator: Any,
    X: NDArray[Any],
    code: NDArray[np.intp],
    classes: NDArray[Any],
    class_weight: NDArray[np.float64],
    folds: Folds,
    scaling: FoldScaling | None,
) -> LinearFoldModels | None:
    """Return the models of all folds, or None where they have to be fitted one by one.

    X: (N, D), checked. code: (N,), the number of each sample's class in `classes`, (K,).
    class_weight: (K,). scaling: of a scaler in front, fitted to each training part.

    None: there are few folds, a training part lacks a class, or weights overflow. The random state is
    a seed: with a RandomState each fold would draw on from where the one before it stopped.
    """
    F, K = len(folds), len(classes)
    if F < LEAST_FOLDS:
        return None
    trains = [folds.train(fold) for fold in range(F)]
    if any(len(np.unique(code[train])) < K for train in trains):
        return None
    n_rows = 1 if K == 2 else K
    coef = np.zeros((F, n_rows, X.shape[1]), X.dtype)
    intercept = np.zeros((F, n_rows), X.dtype)
    mistakes: list[list[NDArray[np.int_]]] = [[] for _ in range(F)]
    unfinished = set()
    sizes = np.array([len(train) for train in trains])
    for n in np.unique(sizes):
        members = np.flatnonzero(sizes == n)  # they share the order in which the places come
        at_most = max(1, STACK_BYTES // (8 * int(n)))
        for first in range(0, len(members), at_most):
            stack = members[first : first + at_most]
            train = np.array([trains[fold] for fold in stack])  # (B, n)
            part = None
            if scaling is not None:
                part = FoldScaling(
                    *(a[stack].astype(X.dtype) for a in (scaling.shift, scaling.scale))
                )
            for row, state in enumerate(row_states(estimator.random_state, n_rows)):
                positive = 1 if K == 2 else row
                # Of two classes each has its weight; of several, all the others have weight 1.
                of_rest = class_weight[0] if K == 2 else 1.0
                is_positive = code == positive
                sign = np.where(is_positive, 1, -1).astype(X.dtype)
                factor = np.where(is_positive, class_weight[positive], of_rest)
                rate = estimator.eta0 * factor.astype(X.dtype)
                permutation = sample_permutation(int(n), state, estimator.shuffle)
                found = _learn_stack(estimator, X, sign, rate, train, part, permutation)
                if found is None:
                    return None
                coef[stack, row], intercept[stack, row], histories = found
                for fold, history in zip(stack.tolist(), histories, strict=True):
                    mistakes[fold].append(np.array(history))
                    if history[-1]:
                        unfinished.add(fold)
    if unfinished:
        message = (
            f"Perceptron stopped without having converged in {len(unfinished)} of {F} folds. Either "
            f"no plane separates the classes, or it takes more epochs: "
            f"max_iter={estimator.max_iter}, tol={estimator.tol} (None goes on until an epoch makes "
            "no mistake)"
        )
        warnings.warn(ConvergenceWarning(message), stacklevel=4)
    wide = coef.astype(np.float64), intercept.astype(np.float64)
    if scaling is not None:  # w·z + b with z = (x − shift) / scale, as a function of x
        of_x = wide[0] / scaling.scale[:, None]
        wide = of_x, wide[1] - np.einsum("fkd,fd->fk", of_x, scaling.shift)

    def attributes(fold: int) -> dict[str, Any]:
        n_iter = max(len(history) for history in mistakes[fold])
        t = 1.0 + n_iter * float(sizes[fold])
        return {"mistakes_": mistakes[fold], "n_iter_": n_iter, "t_": t}

    return LinearFoldModels(
        estimator,
        test_scores(folds, X, *wide).astype(X.dtype),
        lambda fold: (wide[0][fold], wide[1][fold]),
        {"classes_": classes},
        scaling,
        of_fold=attributes,
    )


def _learn_stack(
    estimator: Any,
    X: NDArray[Any],
    sign: NDArray[Any],
    rate: NDArray[Any],
    train: NDArray[np.intp],
    scaling: FoldScaling | None,
    permutation: NDArray[np.intp],
) -> tuple[NDArray[Any], NDArray[Any], list[list[int]]] | None:
    """Return w (B, D), b (B,) and the mistakes of each epoch of each model; None if weights overflow.

        y_i f(x_i) ≤ 0   ⇒   w ← w + η_i y_i x_i,   b ← b + η_i y_i          (`rosenblatt_epoch`)

    sign: y, rate: η, both (N,). train: (B, n). scaling: of these B folds.
    """
    B, n = train.shape
    w, b = np.zeros((B, X.shape[1]), X.dtype), np.zeros(B, X.dtype)
    step = rate * sign
    histories: list[list[int]] = [[] for _ in range(B)]
    patience = [Patience(estimator.tol, estimator.n_iter_no_change) for _ in range(B)]
    going = np.arange(B)
    order = np.arange(n)
    for _ in range(estimator.max_iter):
        order = order[permutation]
        w_now, b_now = w[going], b[going]
        mistakes, loss = np.zeros(len(going), dtype=int), np.zeros(len(going))
        with np.errstate(over="ignore", invalid="ignore"):
            for i in np.ascontiguousarray(train[going][:, order].T):  # (B,), a sample for each
                x = X[i]  # (B, D)
                if scaling is not None:
                    x = (x - scaling.shift[going]) / scaling.scale[going]
                score = np.einsum("bd,bd->b", x, w_now)
                score += b_now
                score *= sign[i]
                wrong = np.flatnonzero(~(score > 0))  # a score of 0 or NaN is a mistake
                if len(wrong):
                    mistakes[wrong] += 1
                    loss[wrong] -= score[wrong]
                    of_wrong = step[i[wrong]]
                    w_now[wrong] += of_wrong[:, None] * x[wrong]
                    if estimator.fit_intercept:
                        b_now[wrong] += of_wrong
        w[going], b[going] = w_now, b_now
        if not np.isfinite(loss + b_now + w_now.sum(axis=1)).all():
            return None
        is_over = np.zeros(len(going), dtype=bool)
        for place, model in enumerate(going.tolist()):
            histories[model].append(int(mistakes[place]))
            lost = patience[model].is_lost(-float(loss[place]) / n)
            is_over[place] = mistakes[place] == 0 or lost
        going = going[~is_over]
        if not len(going):
            break
    return w, b, histories
