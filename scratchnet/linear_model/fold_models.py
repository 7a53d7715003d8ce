"""The fitted linear models of all folds, as `fit_folds` of linear estimators returns them.

`F` folds, `K` score rows or targets, `D` features, `M` test samples of all folds together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.base import clone
from scratchnet.linear_model.base import largest_score, log_probabilities, probabilities
from scratchnet.model_selection.folds import Folds, FoldScaling

__all__ = ["LinearFoldModels", "learned_attributes", "test_scores"]

Array = NDArray[np.float64]


def test_scores(folds: Folds, X: NDArray[Any], coef: Array, intercept: Array) -> Array:
    """Return coef_f x_m + intercept_f for each test sample m of each fold f, (M, K).

    X: (N, D). coef: (F, K, D). intercept: (F, K).
    """
    sizes = np.diff(folds.starts)
    scores = np.empty((len(folds.test_indices), intercept.shape[1]))
    if len(sizes) and sizes.max() <= 4:  # so few that a product for each fold would be all overhead
        fold = np.repeat(np.arange(len(folds)), sizes)
        step = max(1, 2**20 // coef[:1].size)  # blocks of 8 MB
        for first in range(0, len(fold), step):
            block = slice(first, first + step)
            rows = X[folds.test_indices[block]]
            scores[block] = np.einsum("md,mkd->mk", rows, coef[fold[block]])
            scores[block] += intercept[fold[block]]
        return scores
    for f in range(len(folds)):
        part = slice(folds.starts[f], folds.starts[f + 1])
        scores[part] = X[folds.test(f)] @ coef[f].T + intercept[f]  # (m, D) @ (D, K)
    return scores


@dataclass(frozen=True)
class LinearFoldModels:
    """Models whose scores are affine in the features x, as they are before any scaling.

        scores of fold f = coef_f x + intercept_f
                         = (scale_f ∘ coef_f) z + (intercept_f + coef_f shift_f),   z as `FoldScaling` says

    estimator: the unfitted one. scores: (M, K), of each fold's test samples by its own model.
    coefficients: gives (coef_f (K, D), intercept_f (K,)) of a fold. attributes: what else a fitted
    estimator has, the same in all folds; of_fold gives those of one. one_target: whether a
    regressor's y was (N,), so that its predictions are.
    """

    estimator: Any
    scores: NDArray[Any]
    coefficients: Callable[[int], tuple[Array, Array]]
    attributes: dict[str, Any]
    scaling: FoldScaling | None = None
    one_target: bool = False
    of_fold: Callable[[int], dict[str, Any]] | None = None

    def model(self, fold: int) -> Any:
        """Return the fitted estimator of a fold."""
        coef, intercept = self.coefficients(fold)
        if self.scaling is not None:
            intercept = intercept + coef @ self.scaling.shift[fold]
            coef = coef * self.scaling.scale[fold]
        fitted = clone(self.estimator)
        fitted.coef_, fitted.intercept_ = (a.astype(self.scores.dtype) for a in (coef, intercept))
        if self.one_target:
            fitted.coef_, fitted.intercept_ = fitted.coef_[0], fitted.intercept_[0]
        if not fitted.fit_intercept and "classes_" not in self.attributes:
            fitted.intercept_ = 0.0
        own = {} if self.of_fold is None else self.of_fold(fold)
        for name, value in (self.attributes | own).items():
            setattr(fitted, name, value)
        return fitted

    def test_output(self, method: str) -> NDArray[Any]:
        """Return what each fold's model gives for the samples that the fold tests, (M, ...)."""
        if "classes_" not in self.attributes:
            return self.scores[:, 0] if self.one_target else self.scores
        scores = self.scores[:, 0] if self.scores.shape[1] == 1 else self.scores
        if method == "predict":
            return self.attributes["classes_"][largest_score(scores)]
        if method == "decision_function":
            return scores
        return {"predict_proba": probabilities, "predict_log_proba": log_probabilities}[method](
            scores
        )


def learned_attributes(estimator: Any) -> dict[str, Any]:
    """Return what reading the data has left on an estimator: `n_features_in_`, `feature_names_in_`."""
    return {name: value for name, value in vars(estimator).items() if name.endswith("_in_")}
