"""What linear classifiers have in common: scores that are affine in `x`, and the class they give."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from scratchnet.base import ClassifierMixin
from scratchnet.utils.validation import check_is_fitted, validate_data

__all__ = ["LinearClassifierMixin"]


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
        scores = self.decision_function(X)
        return self.classes_[
            (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        ]
