"""Precision, recall, F1 and support of every class, and their averages, as text or as a dictionary."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any

from numpy.typing import ArrayLike

from scratchnet.metrics._targets import check_targets
from scratchnet.metrics.confusion import count_labels
from scratchnet.metrics.fscore import ALL, Counted, precision_recall_fscore
from scratchnet.utils.validation import check_scalar, column_or_1d

__all__ = ["classification_report"]

HEADERS = ("precision", "recall", "f1-score", "support")


def classification_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    target_names: Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
    digits: int = 2,
    output_dict: bool = False,
    zero_division: float | str = "warn",
) -> str | dict[str, Any]:
    """Return a table: a row for each class, then the averages (see `fscore.py`).

    *The accuracy* stands in the place of the micro average where that equals it: for classes, if no
    class that occurs is missing from `labels`. A table (N, K) has micro and samples averages.

    y_true, y_pred: classes, (N,), or tables of zeros and ones, (N, K).
    labels: the classes, or columns, of the rows. target_names: their names, in the same order.
    digits: how many decimals; a dictionary holds the unrounded floats.
    output_dict: return {row: {"precision": …, "recall": …, "f1-score": …, "support": …}}, in which
        "accuracy" is one float.
    The support is a number of samples: an integer, unless there are weights. (scikit-learn makes it a
    float too where no prediction at all is right.)

    >>> print(classification_report([0, 0, 1, 1], [0, 1, 1, 1], target_names=["cat", "dog"]))
                  precision    recall  f1-score   support
    <BLANKLINE>
             cat       1.00      0.50      0.67         2
             dog       0.67      1.00      0.80         2
    <BLANKLINE>
        accuracy                           0.75         4
       macro avg       0.83      0.75      0.73         4
    weighted avg       0.83      0.75      0.73         4
    <BLANKLINE>
    """
    check_scalar(digits, "digits", Integral, min_val=0)
    targets = check_targets(y_true, y_pred, sample_weight)
    present = count_labels(targets)
    counts = present if labels is None else count_labels(targets, labels)
    covers_all = set(counts.labels.tolist()) >= set(present.labels.tolist())
    names = _names(counts.labels.tolist(), target_names, labels is not None)
    scores = partial(precision_recall_fscore, beta=1.0, warn_for=ALL, zero_division=zero_division)
    by_label = Counted(counts, None)
    rows = list(zip(names, *scores(by_label, average=None)[:3], counts.true, strict=False))
    is_accuracy = not targets.is_multilabel and covers_all
    averages = {
        "accuracy" if is_accuracy else "micro avg": scores(by_label, average="micro"),
        # What is undefined in these two was undefined, and warned of, for the label itself.
        "macro avg": scores(by_label, average="macro", warn_for=()),
        "weighted avg": scores(by_label, average="weighted", warn_for=()),
    }
    if targets.is_multilabel:
        by_sample = count_labels(targets, labels, samplewise=True)
        counted = Counted(by_sample, targets.sample_weight)
        averages["samples avg"] = scores(counted, average="samples")
    tail = [(name, *score[:3], counts.true.sum()) for name, score in averages.items()]
    if not output_dict:
        return _text(rows, tail, digits)
    report: dict[str, Any] = {
        name: dict(zip(HEADERS, map(float, values), strict=True)) for name, *values in rows + tail
    }
    if is_accuracy:
        report["accuracy"] = report["accuracy"]["precision"]
    return report


def _names(labels: list[Any], target_names: Sequence[str] | None, labels_given: bool) -> list[str]:
    if target_names is None:
        return [str(label) for label in labels]
    names = list(column_or_1d(target_names, input_name="target_names"))
    if len(names) != len(labels):
        if not labels_given:
            raise ValueError(
                f"Number of classes, {len(labels)}, does not match size of target_names, "
                f"{len(names)}: pass the classes as `labels`"
            )
        message = f"labels size, {len(labels)}, does not match size of target_names, {len(names)}"
        warnings.warn(message, stacklevel=3)
    return names


def _text(rows: list[Any], tail: list[Any], digits: int) -> str:
    """Lay the rows out, the names to the right, as wide as the widest."""
    width = max([len(row[0]) for row in rows] + [len("weighted avg"), digits])

    def line(name: str, *cells: str) -> str:
        return f"{name:>{width}s}  " + " ".join(f"{cell:>9}" for cell in cells)

    def numbers(name: str, *values: Any) -> str:
        *scores, support = values
        return line(name, *[f"{score:.{digits}f}" for score in scores], str(support))

    def average(name: str, *values: Any) -> str:
        if name != "accuracy":
            return numbers(name, *values)
        return line(name, "", "", f"{values[2]:.{digits}f}", str(values[3]))

    lines = [line("", *HEADERS), "", *(numbers(*row) for row in rows), ""]
    return "\n".join(lines + [average(*row) for row in tail]) + "\n"
