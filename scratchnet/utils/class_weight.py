"""Weights of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["compute_class_weight"]


def compute_class_weight(
    class_weight: Mapping[Any, float] | str | None,
    *,
    classes: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Return the weight of each class, (K,).

        "balanced":  weight_k = N / (K N_k)      every class then weighs N / K in all

    With sample weights, N and N_k are the sums of weights: of all samples and of those of class k.

    class_weight: "balanced", None (all ones), or a dictionary from class to weight; a class that is
        not in it has weight 1.
    classes: the K classes. y: the labels, (N,), each of them one of the classes. sample_weight: (N,).
    Raises ValueError for negative weights; for labels that are no class; for a key that is no class
    while some class has no weight (it is misspelt); for "balanced" with a class that y lacks.

    Source: King & Zeng 2001, "Logistic regression in rare events data", for "balanced".

    >>> y = np.array([1, 1, 1, 1, 0, 0])
    >>> compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    array([1.5 , 0.75])
    """
    present, counts = np.unique(y, return_counts=True)
    unknown = present[~np.isin(present, classes)]
    if len(unknown):
        raise ValueError(f"y holds {unknown.tolist()}, the classes are {classes.tolist()}")
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be 'balanced', a dictionary or None, got {class_weight!r}"
            )
        if len(present) < len(classes):
            missing = classes[~np.isin(classes, present)]
            raise ValueError(f"class_weight='balanced': y has no sample of {missing.tolist()}")
        if sample_weight is None:
            return len(y) / (len(classes) * counts)
        weighed = np.bincount(np.searchsorted(classes, y), weights=sample_weight)
        if not weighed.all():
            empty = classes[weighed == 0].tolist()
            raise ValueError(f"class_weight='balanced': all samples of {empty} have weight 0")
        return np.asarray(sample_weight.sum() / (len(classes) * weighed), dtype=np.float64)
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must be 'balanced', a dictionary or None, got {class_weight!r}"
        )
    labels = classes.tolist()
    misspelt = [key for key in class_weight if key not in labels]
    weights = np.array([class_weight.get(label, 1.0) for label in labels], dtype=np.float64)
    if misspelt and any(label not in class_weight for label in labels):
        raise ValueError(f"class_weight names {misspelt}, the classes are {labels}")
    if not (np.isfinite(weights).all() and weights.min(initial=0) >= 0):
        raise ValueError(f"class_weight must be finite and not negative: {dict(class_weight)}")
    return weights
