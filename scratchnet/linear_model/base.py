"""What linear models have in common: scores that are affine in `x`, and the class that they give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet import ops
from scratchnet.base import ClassifierMixin, RegressorMixin
from scratchnet.utils.validation import check_is_fitted, validate_data

__all__ = [
    "LinearClassifierMixin",
    "LinearRegressorMixin",
    "largest_score",
    "log_probabilities",
    "probabilities",
]


class LinearClassifierMixin(ClassifierMixin):
    """Scores and predictions from `coef_`, `intercept_` and `classes_`."""

    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    classes_: NDArray[Any]

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the scores  f_k(x) = w_k·x + b_k,  (N, K); of two classes f of the second, (N,)."""
        check_is_fitted(self, "coef_")
        table = validate_data(self, X, reset=False)
        scores = table @ self.coef_.T + self.intercept_  # (N, D) @ (D, K) -> (N, K)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of each sample, (N,): the one with the largest score.

        Of two classes it is the second where f(x) > 0; a score of exactly 0 gives the first. Where
        several classes share the largest score, the first of them is taken.
        """
        number = largest_score(self.decision_function(X))  # first: it says if there was no fit
        return self.classes_[number]


class LinearRegressorMixin(RegressorMixin):
    """Predictions from `coef_`, (D,) or (M, D), and `intercept_`, a number or (M,)."""

    coef_: NDArray[Any]
    intercept_: Any

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return  ŷ = w·x + b  for each sample: (N,), or (N, M) where several targets were learned."""
        check_is_fitted(self, "coef_")
        table = validate_data(self, X, reset=False)
        return table @ self.coef_.T + self.intercept_  # (N, D) @ (D, M) -> (N, M)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def largest_score(scores: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of the class with the largest score, (N,); of two classes [f(x) > 0]."""
    return (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)


def probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Return (N, K) probabilities for scores (N, K), or (N,) of two classes."""
    if scores.ndim == 2:
        return ops.softmax(scores, dim=1)[0]
    return np.stack([ops.sigmoid(-scores)[0], ops.sigmoid(scores)[0]], axis=1)


def log_probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the logarithms of the probabilities, (N, K)."""
    if scores.ndim == 2:
        return ops.log_softmax(scores, dim=1)[0]
    return -np.logaddexp(0, np.stack([scores, -scores], axis=1)).astype(scores.dtype)
