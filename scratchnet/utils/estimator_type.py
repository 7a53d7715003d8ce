"""What kind of estimator something is: one of ours, scikit-learn's, or anybody's."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["estimator_type", "is_classifier", "is_pairwise", "is_regressor"]


def estimator_type(estimator: Any) -> str | None:
    """Return "classifier", "regressor", "clusterer", … or None where the estimator does not say.

    It says so by `_estimator_type`, or to scikit-learn by `__sklearn_tags__`, which is asked only
    where scikit-learn is loaded: an estimator of its kind cannot exist before.
    """
    kind = getattr(estimator, "_estimator_type", None)
    if kind is None and _has_tags(estimator):
        kind = estimator.__sklearn_tags__().estimator_type
    return kind


def is_classifier(estimator: Any) -> bool:
    """Return whether the estimator predicts classes."""
    return estimator_type(estimator) == "classifier"


def is_regressor(estimator: Any) -> bool:
    """Return whether the estimator predicts quantities."""
    return estimator_type(estimator) == "regressor"


def is_pairwise(estimator: Any) -> bool:
    """Return whether X is a table of samples against samples (kernel, distances), (N, N)."""
    pairwise = getattr(estimator, "_pairwise", None)
    if pairwise is None and _has_tags(estimator):
        pairwise = estimator.__sklearn_tags__().input_tags.pairwise
    return bool(pairwise)


def _has_tags(estimator: Any) -> bool:
    return "sklearn" in sys.modules and hasattr(estimator, "__sklearn_tags__")
