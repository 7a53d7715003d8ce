"""The confusion matrix of classes, and one 2 × 2 matrix for each label.

`N` samples, `K` labels.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._counts import ClassCounts, count_classes, count_indicators, count_pairs
from scratchnet.metrics._targets import Targets, check_targets
from scratchnet.utils.validation import column_or_1d

__all__ = ["confusion_matrix", "multilabel_confusion_matrix"]


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    normalize: str | None = None,
) -> NDArray[Any]:
    """Return the table C, (K, K): rows are the true classes, columns the predicted ones.

        C_ij = Σ_n w_n [y_true_n = i] [y_pred_n = j]

    Of two classes, the second (by default the one that sorts last) being positive,
    `tn, fp, fn, tp = C.ravel()`.

    y_true, y_pred: (N,), integers, strings, or floats that are whole numbers.
    labels: the classes of the rows, in their order; a pair with a class that is not among them is
        left out. By default the sorted classes that occur in `y_true` or `y_pred`, so that a class
        missing from both has no row, and one whose samples all weigh zero has a row of zeros.
    sample_weight: (N,), w. Integers are summed exactly, as int64; without weights C is int64 too.
    normalize: "true" divides each row by its sum (the diagonal is the recall), "pred" each column
        (the precision), "all" everything by the sum of C. A row, or column, of zeros stays zero.
    Raises ValueError if no label of `labels` is in `y_true`. Warns if C has one cell: two classes
        or more were probably meant.

    >>> confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2])
    array([[2, 0, 0],
           [0, 0, 1],
           [1, 0, 2]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(f"normalize must be 'true', 'pred', 'all' or None, got {normalize!r}")
    _, table = labelled_confusion(check_targets(y_true, y_pred, sample_weight), labels)
    if normalize is None:
        return table
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = table.sum(axis=axis, keepdims=True, dtype=np.float64)
    return np.divide(table, total, out=np.zeros(table.shape), where=total != 0)


def labelled_confusion(
    targets: Targets, labels: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the labels and the confusion matrix of vectors of classes; warn if it has one cell."""
    if targets.is_multilabel:
        raise ValueError("multilabel-indicator is not supported: use multilabel_confusion_matrix")
    found, table = count_pairs(targets, labels)
    if len(table) == 1:
        message = (
            f"A single label was found in y_true and y_pred: {found.tolist()}. "
            "All labels that there are can be given as `labels`"
        )
        warnings.warn(message, stacklevel=3)
    return found, table


def multilabel_confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    samplewise: bool = False,
) -> NDArray[Any]:
    """Return [[tn, fp], [fn, tp]] for each label (or sample), (K, 2, 2) or (N, 2, 2).

    y_true, y_pred: tables of zeros and ones, (N, K); or classes, (N,), each taken against the rest.
    labels: the columns, or classes, in the order of the result; by default all. A class that does
        not occur has tp = fp = fn = 0.
    samplewise: a matrix for each row of the tables, of its labels.
    Raises ValueError for a column out of range, and for `samplewise` with classes.

    >>> multilabel_confusion_matrix([[1, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 1, 1]], labels=[0, 2])
    array([[[1, 0],
            [0, 1]],
    <BLANKLINE>
           [[0, 1],
            [1, 0]]])
    """
    counts = count_labels(check_targets(y_true, y_pred, sample_weight), labels, samplewise)
    tp, fp, fn = counts.correct, counts.predicted - counts.correct, counts.true - counts.correct
    return np.stack([counts.total - tp - fp - fn, fp, fn, tp], axis=-1).reshape(-1, 2, 2)


def count_labels(
    targets: Targets, labels: ArrayLike | None = None, samplewise: bool = False
) -> ClassCounts:
    """Return the counts of each class or column, those in `labels` only; or of each sample."""
    if not targets.is_multilabel:
        if samplewise:
            raise ValueError(
                "Samplewise metrics are not available outside of multilabel classification"
            )
        counts = count_classes(targets)
        return counts if labels is None else select(counts, labels)
    true, pred, weight = targets.y_true, targets.y_pred, targets.sample_weight
    columns = np.arange(true.shape[1])
    if labels is not None:
        columns = _check_columns(labels, true.shape[1])
        true, pred = true[:, columns], pred[:, columns]
    tables = count_indicators(true, pred, weight, samplewise)
    total: Any = len(true) if weight is None else weight.sum(dtype=np.float64)
    if samplewise:
        total = len(columns) * (1 if weight is None else weight)
    true, predicted = tables[:, 1].sum(axis=1), tables[:, :, 1].sum(axis=1)
    return ClassCounts(columns, true, predicted, tables[:, 1, 1], total)


def select(counts: ClassCounts, labels: ArrayLike) -> ClassCounts:
    """Return the counts of the given labels, in their order; zero for one that does not occur."""
    given = column_or_1d(labels, input_name="labels")
    place = {label: i for i, label in enumerate(counts.labels.tolist())}
    index = np.array([place.get(label, -1) for label in given.tolist()], np.intp)
    table = np.zeros((3, len(counts.labels) + 1), counts.true.dtype)
    table[:, :-1] = counts[1:4]
    true, predicted, correct = table[
        :, index
    ]  # −1 is the last column: zero for what does not occur
    return ClassCounts(given, true, predicted, correct, counts.total)


def _check_columns(labels: ArrayLike, K: int) -> NDArray[Any]:
    columns = column_or_1d(labels, input_name="labels")
    if columns.dtype.kind not in "iu":
        raise ValueError(f"labels of a table must be column numbers, got {columns.tolist()}")
    for label in columns.tolist():
        if not 0 <= label < K:
            end = f"{label} < 0" if label < 0 else f"{label} > {K - 1}"
            raise ValueError(
                f"All labels must be in [0, n labels) for multilabel targets. Got {end}"
            )
    return columns
