"""Agreement of two labellings beyond chance: Matthews' correlation, Cohen's kappa, likelihood ratios.

C is the confusion matrix, t_i = Σ_j C_ij how often i is true, p_j = Σ_i C_ij how often j is predicted,
and n = Σ_ij C_ij.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._counts import count_classes
from scratchnet.metrics._targets import check_targets
from scratchnet.metrics.confusion import labelled_confusion
from scratchnet.utils.validation import check_scalar

__all__ = ["class_likelihood_ratios", "cohen_kappa_score", "matthews_corrcoef"]


def matthews_corrcoef(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the correlation of the true with the predicted classes, −1 … 1.

        MCC = (n Σ_k C_kk − Σ_k t_k p_k) / √((n² − Σ_k t_k²) (n² − Σ_k p_k²))

    Of two classes it is Pearson's correlation of the two vectors of zeros and ones; of more, the
    least value lies between −1 and 0. 0 where the truth, or the prediction, is a single class.

    Source: Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation
    coefficient".

    >>> matthews_corrcoef([1, 1, 1, 0], [1, 0, 1, 1])
    -0.3333333333333333
    """
    targets = check_targets(y_true, y_pred, sample_weight)
    if targets.is_multilabel:
        raise ValueError(
            "multilabel-indicator is not supported: Matthews' correlation is of classes"
        )
    counts = count_classes(targets)
    if len(counts.labels) == 1:
        message = f"A single label was found in y_true and y_pred: {counts.labels.tolist()}"
        warnings.warn(message, stacklevel=2)
    t, p, right = (c.astype(np.float64) for c in counts[1:4])  # n² may be beyond int64
    n = p.sum()
    of_both = (n**2 - p @ p) * (n**2 - t @ t)
    return 0.0 if of_both == 0 else float((right.sum() * n - t @ p) / np.sqrt(of_both))


def cohen_kappa_score(
    y1: ArrayLike,
    y2: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    weights: str | None = None,
    sample_weight: ArrayLike | None = None,
    replace_undefined_by: float = np.nan,
) -> float:
    """Return how much less two annotators disagree than by chance, 1 − (observed / expected).

        κ = 1 − Σ_ij W_ij C_ij / Σ_ij W_ij E_ij,   E_ij = t_i p_j / n
        W_ij = [i ≠ j],  weights="linear": |i − j|,  weights="quadratic": (i − j)²

    i and j are places in `labels` (sorted, if not given): the weights make sense for ordered classes.
    1 is full agreement, 0 that of chance, and negative less than that.
    labels: pairs with any other label are left out; one at least must be in `y1`.
    *Undefined*, with a warning, where nothing is left, or both use one label only, the same:
    then `replace_undefined_by`, in [−1, 1] or NaN.

    Source: Cohen 1960, "A coefficient of agreement for nominal scales"; 1968 for the weights.

    >>> cohen_kappa_score([0, 0, 1, 1], [0, 1, 1, 1])
    0.5
    """
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"weights must be 'linear', 'quadratic' or None, got {weights!r}")
    if not np.isnan(replace_undefined_by):
        check_scalar(replace_undefined_by, "replace_undefined_by", Real, min_val=-1, max_val=1)
    targets = check_targets(y1, y2, sample_weight)
    _, table = labelled_confusion(targets, labels)
    C = table.astype(np.float64)
    K, n = len(C), C.sum()
    place = np.arange(K)
    distance = np.abs(place[:, None] - place)  # (K, K)
    W = {None: (distance > 0) * 1, "linear": distance, "quadratic": distance**2}[weights]
    expected = np.outer(C.sum(axis=1), C.sum(axis=0)) / n if n else np.zeros_like(C)
    by_chance = (W * expected).sum()
    if by_chance == 0:
        reason = (
            "y1, y2 and labels have only one label in common"
            if n
            else "no pair is left: y2 has none of the labels that y1 and `labels` have"
        )
        message = f"kappa is undefined, and set to {replace_undefined_by}: {reason}"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=2)
        return replace_undefined_by
    return float(1 - (W * C).sum() / by_chance)


def class_likelihood_ratios(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    replace_undefined_by: float | Mapping[str, float] = np.nan,
) -> tuple[float, float]:
    """Return LR+ and LR−: by which factor a positive, a negative prediction changes the odds.

        LR+ = (tp / (tp + fn)) / (fp / (fp + tn)),   the odds after a positive prediction
        LR− = (fn / (tp + fn)) / (tn / (fp + tn)),   over those before; − for a negative one

    Unlike precision they do not depend on how frequent the positive class is. A useful test has
    LR+ > 1 and LR− < 1.

    labels: (negative class, positive class); by default sorted.
    *Undefined*, with a warning: LR+ without false positives, LR− without true negatives, both
    without positives in `y_true`. NaN then, or `replace_undefined_by`: 1.0 for both, or
    {"LR+": a value of at least 1, "LR-": a value in [0, 1]}; NaN is allowed in it. Without positives
    both are NaN, unless they have a replacement of the other kinds.
    Raises ValueError unless there are exactly two classes.

    >>> class_likelihood_ratios([0, 1, 0, 1, 0], [1, 1, 0, 0, 0])
    (1.5, 0.75)
    """
    instead = _replacements(replace_undefined_by)
    targets = check_targets(y_true, y_pred, sample_weight)
    kind = "multilabel-indicator" if targets.is_multilabel else "binary"
    if kind == "binary" and len(count_classes(targets).labels) > 2:
        kind = "multiclass"
    if kind != "binary":
        raise ValueError(
            "class_likelihood_ratios only supports binary classification problems, "
            f"got targets of type: {kind}"
        )
    found, table = labelled_confusion(targets, labels)
    if len(table) != 2:
        raise ValueError(
            f"there must be two labels, a negative and a positive, got {found.tolist()}"
        )
    tn, fp, fn, tp = table.ravel().tolist()  # Python's numbers: their products do not overflow
    undefined = []
    positive, negative = instead
    if tp + fn == 0:
        undefined.append(
            "No samples of the positive class are in y_true: LR+ and LR- are undefined"
        )
        positive = negative = float("nan")
    if fp == 0:
        why = "there are no false positives" if tp else "no sample was predicted to be positive"
        undefined.append(f"LR+ is ill-defined, {why}; set to {instead[0]}")
        positive = instead[0]
    elif tp + fn:
        positive = tp * (fp + tn) / (fp * (tp + fn))
    if tn == 0:
        undefined.append(f"LR- is ill-defined, there are no true negatives; set to {instead[1]}")
        negative = instead[1]
    elif tp + fn:
        negative = fn * (fp + tn) / (tn * (tp + fn))
    for message in undefined:
        message += ". `replace_undefined_by` sets another value"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=2)
    return float(positive), float(negative)


def _replacements(value: Any) -> tuple[float, float]:
    """Return what stands for an undefined LR+ and LR−."""
    if isinstance(value, Real) and (value == 1 or value != value):  # 1 or NaN
        return float(value), float(value)
    if isinstance(value, Mapping) and set(value) >= {"LR+", "LR-"}:
        positive, negative = value["LR+"], value["LR-"]
        if all(isinstance(v, Real) for v in (positive, negative)) and (
            (np.isnan(positive) or positive >= 1) and (np.isnan(negative) or 0 <= negative <= 1)
        ):
            return float(positive), float(negative)
    raise ValueError(
        "replace_undefined_by must be 1.0, NaN or {'LR+': at least 1.0 or NaN, "
        f"'LR-': within [0.0, 1.0] or NaN}}, got {value!r}"
    )
