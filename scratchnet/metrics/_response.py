"""What a metric is given of an estimator: its predictions, or its scores of the classes.

`N` samples, `K` classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchnet.utils.estimator_type import is_classifier
from scratchnet.utils.multiclass import type_of_target

__all__ = ["response_method", "response_values"]


def response_method(estimator: Any, methods: str | Sequence[str]) -> Callable[[Any], Any]:
    """Return the first of `methods` that the estimator has; AttributeError if it has none."""
    names = [methods] if isinstance(methods, str) else list(methods)
    for name in names:
        method: Any = getattr(estimator, name, None)
        if method is not None:
            return method
    raise AttributeError(
        f"{type(estimator).__name__} has none of the following attributes: {', '.join(names)}."
    )


def response_values(estimator: Any, method: str, y_pred: Any, pos_label: Any = None) -> Any:
    """Return what `method` gave, `y_pred`, as the metrics take it.

        two classes      predict_proba (N, 2): the column of pos_label, (N,)
                         decision_function (N,): less than zero for pos_label if that is classes_[0],
                         so the sign is turned
        several labels   predict_proba as a list of (N, 2): the columns of the ones, (N, K)

    Anything else stays as it is. pos_label: None is the second class.
    Raises ValueError if pos_label is none of the two classes, or if the estimator has seen one class
    only and gives no probability of another.
    """
    if method == "predict" and pos_label is None:
        return y_pred
    if not is_classifier(estimator):
        return y_pred
    classes = estimator.classes_
    target = type_of_target(classes)
    if target == "multilabel-indicator" and isinstance(y_pred, list):
        return np.stack([p[:, -1] for p in y_pred], axis=1)  # (N, K)
    if target != "binary":
        return y_pred
    known = np.asarray(classes).tolist()
    if pos_label is None:
        pos_label = known[-1]
    elif pos_label not in known:
        raise ValueError(f"pos_label={pos_label} is not a valid label: it should be one of {known}")
    if method in ("predict_proba", "predict_log_proba"):
        if y_pred.shape[1] < 2:
            raise ValueError(
                f"{method} has shape {y_pred.shape}: need classifier with two classes, it has seen "
                f"{known} only"
            )
        return y_pred[:, known.index(pos_label)]
    if method == "decision_function" and pos_label == known[0]:
        return -1 * y_pred
    return y_pred
