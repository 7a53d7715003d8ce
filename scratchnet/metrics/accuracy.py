"""How many predictions are right: accuracy and its complements, per sample, per class, per label.

`N` samples, `K` labels.
"""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._counts import count_classes
from scratchnet.metrics._targets import Targets, check_targets, check_weight, class_indices
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)

__all__ = [
    "accuracy_score",
    "balanced_accuracy_score",
    "hamming_loss",
    "top_k_accuracy_score",
    "zero_one_loss",
]


def accuracy_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the share of the samples that are predicted right, by weight.

        accuracy = Σ_n w_n [y_true_n = y_pred_n] / Σ_n w_n

    y_true, y_pred: classes, (N,), or tables of zeros and ones, (N, K), where every label of a
        sample must be right.
    normalize: False gives the sum above the fraction line: a number of samples, or a weight.

    >>> accuracy_score([0, 1, 2, 3], [0, 2, 1, 3])
    0.5
    """
    targets = check_targets(y_true, y_pred, sample_weight)
    return _mean(_is_right(targets), targets.sample_weight, normalize)


def zero_one_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the share of the samples that are predicted wrong, 1 − accuracy.

    normalize: False gives their number, or their weight. Otherwise as `accuracy_score`.

    >>> zero_one_loss([0, 1, 2, 3], [0, 2, 1, 3], normalize=False)
    2.0
    """
    targets = check_targets(y_true, y_pred, sample_weight)
    return _mean(~_is_right(targets), targets.sample_weight, normalize)


def hamming_loss(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the share of the labels that are wrong.

        loss = Σ_n w_n (1/K) Σ_k [y_true_nk ≠ y_pred_nk] / Σ_n w_n

    Of classes, (N,), that is `zero_one_loss`; of tables, (N, K), at most that: a sample with one
    wrong label is wrong by 1/K here, and altogether wrong there.

    >>> hamming_loss([[0, 1], [1, 1]], [[0, 0], [0, 0]])
    0.75
    """
    targets = check_targets(y_true, y_pred, sample_weight)
    is_wrong = targets.y_true != targets.y_pred
    if targets.is_multilabel:
        K = is_wrong.shape[1]
        if targets.sample_weight is None:
            return float(is_wrong.mean())
        n_wrong = np.count_nonzero(is_wrong, axis=1)  # (N,)
        return float(n_wrong @ targets.sample_weight / (K * targets.sample_weight.sum()))
    return _mean(is_wrong, targets.sample_weight, True)


def balanced_accuracy_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    adjusted: bool = False,
) -> float:
    """Return the mean recall of the classes in `y_true`: accuracy where each class counts alike.

        balanced accuracy = (1/K) Σ_k tp_k / n_k,   n_k the weight of the samples of class k
        adjusted: (balanced accuracy − 1/K) / (1 − 1/K): guessing gives 0, being right gives 1

    y_true, y_pred: classes, (N,). Classes that are only predicted do not count among the K, with a
    warning. With a single class, adjusted is 0/0: NaN with NumPy's warning.

    >>> balanced_accuracy_score([0, 0, 0, 1], [0, 0, 1, 1]) == (2 / 3 + 1) / 2
    True
    """
    targets = check_targets(y_true, y_pred, sample_weight)
    if targets.is_multilabel:
        raise ValueError("multilabel-indicator is not supported: balanced accuracy is of classes")
    counts = count_classes(targets)
    is_true = counts.true != 0
    if len(is_true) == 1:
        message = f"A single label was found in y_true and y_pred: {counts.labels.tolist()}"
        warnings.warn(message, stacklevel=2)
    if not is_true.all():
        unseen = counts.labels[~is_true].tolist()
        warnings.warn(f"y_pred contains classes not in y_true: {unseen}", stacklevel=2)
    recall = counts.correct[is_true] / counts.true[is_true]
    score = recall.mean()
    if adjusted:
        chance = np.float64(1 / len(recall))
        score = (score - chance) / (1 - chance)
    return float(score)


def top_k_accuracy_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int = 2,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """Return the share of the samples whose true class is among the `k` with the largest scores.

        rank_n = #{j : s_nj > s_nt} + #{j > t : s_nj = s_nt},   t the true class of sample n
        right where rank_n < k

    *Ties*: of equal scores, the class that comes later in sorted order ranks first.

    y_true: classes, (N,). y_score: (N, K), one column for each class in sorted order; of two
        classes (N,), the score of the second, which is predicted (k = 1) above 0.5 if all scores
        lie in [0, 1], above 0 otherwise.
    labels: the sorted classes of the columns; by default those in `y_true`.
    Warns if k ≥ K, where every prediction is right.

    >>> top_k_accuracy_score([0, 1, 2], [[0.5, 0.2, 0.3], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]])
    0.6666666666666666
    """
    check_scalar(k, "k", Integral, min_val=1)
    kind = type_of_target(y_true, "y_true")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"y_true must be 'binary' or 'multiclass', it is '{kind}'")
    found, codes = class_indices(y_true, "y_true")
    scores = check_array(y_score, ensure_2d=False, input_name="y_score")
    is_binary = len(found) <= 2 and (labels is None or len(np.asarray(labels)) <= 2)
    if is_binary and scores.ndim == 2 and scores.shape[1] != 1:
        raise ValueError(
            f"y_true is binary, y_score has {scores.shape[1]} columns: pass the scores of the second "
            "class, (N,), or all classes as `labels`"
        )
    if is_binary:
        scores = column_or_1d(scores, input_name="y_score")
    elif scores.ndim != 2:
        raise ValueError(
            f"y_true has more than two classes, so y_score must be (N, K), it is {scores.shape}"
        )
    check_consistent_length(y_true=codes, y_score=scores, sample_weight=sample_weight)
    n_columns = 2 if scores.ndim == 1 else scores.shape[1]
    classes, codes = _columns_of(found, codes, labels, n_columns)
    if k >= len(classes):
        message = f"k={k} of {len(classes)} classes: every prediction is right, which means nothing"
        warnings.warn(UndefinedMetricWarning(message), stacklevel=2)
    if not is_binary:
        true_score = scores[np.arange(len(scores)), codes][:, None]  # (N, 1)
        is_later = np.arange(len(classes)) > codes[:, None]  # (N, K)
        is_before = (scores > true_score) | ((scores == true_score) & is_later)
        is_right = np.count_nonzero(is_before, axis=1) < k
    elif k == 1:
        threshold = 0.5 if scores.min() >= 0 and scores.max() <= 1 else 0
        is_right = (scores > threshold) == codes
    else:
        is_right = np.ones(len(scores), dtype=bool)
    weight = None if sample_weight is None else check_weight(sample_weight)
    return _mean(is_right, weight, normalize)


def _columns_of(
    found: NDArray[Any], codes: NDArray[np.intp], labels: ArrayLike | None, n_columns: int
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the classes of the columns of the scores, and for each sample its column."""
    if labels is None:
        if len(found) != n_columns:
            raise ValueError(
                f"y_true has {len(found)} classes ({found.tolist()[:20]}), y_score has {n_columns}: "
                "pass all classes as `labels`"
            )
        return found, codes
    given = column_or_1d(labels, input_name="labels").tolist()
    if len(set(given)) < len(given):
        raise ValueError(f"labels must be unique, got {given}")
    if sorted(given) != given:
        raise ValueError(f"labels must be ordered, got {given}")
    if len(given) != n_columns:
        raise ValueError(f"there are {len(given)} labels, y_score has {n_columns} classes")
    place = {label: i for i, label in enumerate(given)}
    if unknown := [label for label in found.tolist() if label not in place]:
        raise ValueError(f"y_true contains {unknown}, which labels={given} does not")
    column = np.array([place[label] for label in found.tolist()], np.intp)
    return np.array(given), column[codes]


def _is_right(targets: Targets) -> NDArray[np.bool_]:
    is_right = targets.y_true == targets.y_pred
    return is_right.all(axis=1) if targets.is_multilabel else is_right


def _mean(values: NDArray[Any], weight: NDArray[Any] | None, normalize: bool) -> float:
    """Return the weighted mean of one value for each sample, or the sum."""
    if weight is None:
        total = np.count_nonzero(values) if values.dtype == bool else values.sum()
        return float(total / len(values) if normalize else total)
    total = np.dot(values, weight.astype(np.float64, copy=False))
    if not normalize:
        return float(total)
    if not (scale := weight.sum(dtype=np.float64)):
        raise ZeroDivisionError("the weights sum to zero, so that there is no mean")
    return float(total / scale)
