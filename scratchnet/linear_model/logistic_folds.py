"""All folds of a cross-validated logistic regression in one run of Newton's method.

A fold's training part is the whole sample with the weights of what it leaves out set to 0, so that
the folds are a stack of models on the same samples (`LogisticLoss`), and a Newton step of all of them
is three products of matrices and one stack of small linear systems. Each starts from the fit on all
samples, which is close: leaving out one of N samples moves the minimum by about 1/N.

A start from the fit on all samples knows the test samples. The folds are therefore followed to a
gradient of `NEWTON_TOL` at most, whatever `tol` is, as a single fit is. Nothing of the start is left
there if the minimum is unique. Without a penalty it may not be (columns that are collinear in a
training part); then the folds are fitted one by one.

`N` samples, `D` features, `F` folds, `B` of them in a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.linear_model.fold_models import LinearFoldModels, test_scores
from scratchnet.linear_model.logistic_loss import Array, LogisticLoss
from scratchnet.linear_model.newton import NEWTON_TOL, newton
from scratchnet.linear_model.standardised_features import StandardisedFeatures, one_hot
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.class_weight import compute_class_weight

__all__ = ["fit_logistic_folds"]

LEAST_EIGENVALUE = 1e-8  # of Σ Z Zᵀ, relative to the largest
BLOCK_BYTES = 2**26  # what the arrays of a block of folds may take together


def fit_logistic_folds(
    estimator: Any,
    X: NDArray[Any],
    code: NDArray[np.intp],
    classes: NDArray[Any],
    folds: Folds,
    sample_weight: Array,
    scaling: FoldScaling | None,
) -> LinearFoldModels | None:
    """Return the models of all folds, or None where they have to be fitted one by one.

    X: (N, D), checked. code: (N,), the number of each sample's class in `classes`, (K,).
    sample_weight: (N,). scaling: of a scaler in front, see below.

    None: a training part lacks a class or all weight; a fold did not converge in `max_iter` steps (it
    is for the fold's own fit to say so); or a scaler shifts features and there is no intercept that
    could take up the shift.

    *A scaler in front* is fitted to each training part, z = (x − shift_f) / scale_f. A model v·z is
    the model w·x with w = v / scale_f and another intercept, and its penalty ½ Σ_d v_d² is
    ½ Σ_d scale_fd² w_d². So nothing is scaled again for any fold: the penalty of each weight is.
    """
    K = len(classes) if len(classes) > 2 else 1
    if scaling is not None and not estimator.fit_intercept and scaling.shift.any():
        return None
    every = np.ones((1, len(X)))
    start_weight = _class_weighted(estimator, sample_weight[None], code, classes, every)
    if start_weight is None:
        return None
    uniform = scaling is None and bool(np.isfinite(estimator.effective_C))
    space = StandardisedFeatures(X, start_weight[0], estimator.fit_intercept, uniform)
    target = one_hot(code, K)
    scale = np.ones((1, X.shape[1])) if scaling is None else scaling.scale
    ridge = space.ridge(scale**2 / estimator.effective_C)  # (F or 1, D + 1)
    tol = min(estimator.tol, NEWTON_TOL)
    w, _, left = newton(
        LogisticLoss(space.Z, target, start_weight, ridge.mean(axis=0, keepdims=True)),
        np.zeros((1, K, space.Z.shape[1])),
        tol,
        estimator.max_iter,
    )
    if left[0] > tol:
        return None
    F, (N, D1) = len(folds), space.Z.shape
    weights, n_iter = np.empty((F, K, D1)), np.zeros(F, dtype=int)
    # Of a block: the sample weights, and for each row of scores the probabilities twice, the
    # errors and the curvatures; the Hessians and their factors.
    bytes_per_fold = 8 * (N * (2 + 4 * K) + 2 * (K * D1) ** 2)
    B = max(1, BLOCK_BYTES // bytes_per_fold)
    for first in range(0, F, B):
        last = min(first + B, F)
        counts = folds.train_counts(first, last)
        weight = _class_weighted(estimator, counts * sample_weight, code, classes, counts)
        if weight is None:
            return None
        if not np.isfinite(estimator.effective_C) and not _determined(space.Z, counts):
            return None
        block_ridge = np.broadcast_to(ridge, (F, D1))[first:last]
        weights[first:last], n_iter[first:last], left = newton(
            LogisticLoss(space.Z, target, weight, block_ridge),
            np.repeat(w, last - first, axis=0),
            tol,
            estimator.max_iter,
        )
        if (left > tol).any():
            return None
    coef, intercept = space.to_features(weights)
    return LinearFoldModels(
        estimator,
        test_scores(folds, X, coef, intercept).astype(X.dtype),
        lambda fold: (coef[fold], intercept[fold]),
        {"classes_": classes, "n_iter_": n_iter.max(initial=0, keepdims=True)},
        scaling,
    )


def _determined(Z: Array, counts: Array) -> bool:
    """Return whether each training part determines a weight for every column of Z, (N, D + 1)."""
    for training in counts > 0:
        rows = Z[training]
        eigenvalues = np.linalg.eigvalsh(rows.T @ rows)  # (D + 1, n) @ (n, D + 1)
        if eigenvalues[0] <= LEAST_EIGENVALUE * eigenvalues[-1]:
            return False
    return True


def _class_weighted(
    estimator: Any, weight: Array, code: NDArray[np.intp], classes: NDArray[Any], counts: Array
) -> Array | None:
    """Return weights (B, N) times those of the classes; None if a class is missing.

    "balanced" looks at each training part by itself.
    """
    K, class_weight = len(classes), estimator.class_weight
    members = counts @ (code[:, None] == np.arange(K))  # (B, N) @ (N, K): samples of each class
    if not members.all() or not weight.any(axis=1).all():
        return None
    if class_weight is None:
        return weight
    if isinstance(class_weight, str) and class_weight == "balanced":
        weighed = weight @ (code[:, None] == np.arange(K))  # (B, N) @ (N, K)
        if not weighed.all():
            return None
        factor = weighed.sum(axis=1, keepdims=True) / (K * weighed)  # (B, K)
    else:
        factor = compute_class_weight(class_weight, classes=classes, y=classes)[None]
    return weight * factor[:, code]
