"""Precision, recall, F-score and Jaccard index: how well the predicted set of samples hits the true one.

Of one label, with A the samples that have it and B those predicted to have it:

    tp = |A ∩ B|,   fp = |B \\ A|,   fn = |A \\ B|
    precision = tp / |B|        recall = tp / |A|        Jaccard = tp / |A ∪ B|
    F_β = (1 + β²) tp / (β² |A| + |B|),  the harmonic mean of both, recall weighing β² times as much
    (van Rijsbergen's β: where recall = β · precision, a little more of either gains the same)

*Several labels* are put together by `average`:

    "binary"    the label `pos_label` alone (of two classes)
    None        an array, one score for each label
    "macro"     the mean of the labels' scores: macro F1 is the mean of F1s, not the F1 of means
    "weighted"  the same, each label weighted by |A|
    "micro"     one score from the sums of tp, |A|, |B| over the labels; with all classes of a
                vector, the accuracy
    "samples"   of tables (N, K): the score of each row, A and B being its labels; then their mean

*A denominator of 0* (a class never predicted has no precision, one without samples no recall) gives
`zero_division`: 0, 1, or NaN, which is left out of means; "warn" gives 0 with a warning.

`N` samples, `K` labels. Source: van Rijsbergen 1979, Information Retrieval, ch. 7 (1 − F there).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._counts import ClassCounts, count_classes
from scratchnet.metrics._targets import check_targets
from scratchnet.metrics.confusion import count_labels, select
from scratchnet.utils.validation import check_scalar

__all__ = [
    "f1_score",
    "fbeta_score",
    "jaccard_score",
    "precision_recall_fscore_support",
    "precision_score",
    "recall_score",
]

ALL = ("precision", "recall", "f-score")
AVERAGES = (None, "micro", "macro", "weighted", "samples")


def precision_recall_fscore_support(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    beta: float = 1.0,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = None,
    warn_for: Collection[str] = ALL,
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> tuple[Any, Any, Any, NDArray[Any] | None]:
    """Return precision, recall, F_β and support: the number (or weight) of samples with the label.

    The equations, `average` and `zero_division` stand at the top of this file.

    y_true, y_pred: classes, (N,), or tables of zeros and ones, (N, K).
    beta: β, see above; 0 gives the precision, infinity the recall.
    labels: the classes, or columns, to look at, in the order of the result; one that does not occur
        has zero samples. By default all that occur, sorted. average="binary" looks at `pos_label` alone.
    pos_label: the class of average="binary". Anywhere else it is ignored, with a warning.
    warn_for: which of "precision", "recall", "f-score" may warn.
    Returns arrays, (K,), for average=None; else three floats and None for the support.
    Raises ValueError for average="binary" with more than two classes, and for a `pos_label` that is
    neither of two.

    >>> p, r, f, n = precision_recall_fscore_support([0, 0, 1, 1], [0, 1, 1, 1])
    >>> p, r, n
    (array([1.        , 0.66666667]), array([0.5, 1. ]), array([2, 2]))
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return precision_recall_fscore(counted, beta, average, warn_for, zero_division)


def precision_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """Return the share of the predicted that is true, tp / (tp + fp).

    Arguments as in `precision_recall_fscore_support`.

    >>> precision_score([0, 1, 1, 0], [1, 1, 1, 1])
    0.5
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return precision_recall_fscore(counted, 1.0, average, ("precision",), zero_division)[0]


def recall_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """Return the share of the true that is predicted, tp / (tp + fn).

    Arguments as in `precision_recall_fscore_support`.

    >>> recall_score([0, 1, 1, 0], [1, 1, 0, 1])
    0.5
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return precision_recall_fscore(counted, 1.0, average, ("recall",), zero_division)[1]


def f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """Return the harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

    Arguments as in `precision_recall_fscore_support`.

    >>> f1_score([0, 1, 1, 0], [1, 1, 0, 1])
    0.4
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return precision_recall_fscore(counted, 1.0, average, ("f-score",), zero_division)[2]


def fbeta_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    beta: float,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """Return F_β, the weighted harmonic mean of precision and recall, recall weighing β² times as much.

    Arguments as in `precision_recall_fscore_support`.

    >>> fbeta_score([0, 1, 1, 1], [0, 1, 0, 0], beta=2) == 5 / (4 * 3 + 1)
    True
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return precision_recall_fscore(counted, beta, average, ("f-score",), zero_division)[2]


def jaccard_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    pos_label: Any = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """Return the samples in both sets over those in either, tp / (tp + fp + fn).

    Arguments as in `precision_recall_fscore_support`. It is F1 / (2 − F1), label by label.

    >>> jaccard_score([0, 1, 1, 0], [1, 1, 0, 1])
    0.25
    """
    counted = _count(y_true, y_pred, labels, pos_label, average, sample_weight)
    return _jaccard(counted, average, zero_division)


class Counted(NamedTuple):
    """What was counted, and the weights of the samples where each of them has counts of its own."""

    counts: ClassCounts
    sample_weight: NDArray[Any] | None


def _count(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: ArrayLike | None,
    pos_label: Any,
    average: str | None,
    sample_weight: ArrayLike | None,
) -> Counted:
    """Return the counts that `average` needs. Called by a public function, for whose caller it warns."""
    if average not in AVERAGES and average != "binary":
        raise ValueError(f"average has to be 'binary' or one of {AVERAGES}, got {average!r}")
    targets = check_targets(y_true, y_pred, sample_weight)
    if average != "binary":
        if pos_label not in (None, 1):
            message = (
                f"Note that pos_label (set to {pos_label!r}) is ignored when average != 'binary' "
                f"(got {average!r}): labels=[pos_label] would choose that class alone"
            )
            warnings.warn(message, stacklevel=3)
        counts = count_labels(targets, labels, samplewise=average == "samples")
        return Counted(counts, targets.sample_weight if average == "samples" else None)
    if targets.is_multilabel:
        raise ValueError(
            f"Target is multilabel-indicator but average='binary': choose one of {AVERAGES}"
        )
    counts = count_classes(targets)
    if len(counts.labels) > 2:
        raise ValueError(
            f"Target is multiclass but average='binary': choose one of {AVERAGES[:-1]}"
        )
    if len(counts.labels) == 2 and pos_label not in counts.labels.tolist():
        raise ValueError(
            f"pos_label={pos_label!r} is not a valid label: the labels are {counts.labels.tolist()}"
        )
    return Counted(select(counts, [pos_label]), None)


def precision_recall_fscore(
    counted: Counted,
    beta: float,
    average: str | None,
    warn_for: Collection[str],
    zero_division: float | str,
) -> tuple[Any, Any, Any, NDArray[Any] | None]:
    """Return precision, recall, F_β and support of what was counted (see the top of the file)."""
    check_scalar(beta, "beta", Real, min_val=0)
    true, predicted, tp = counted.counts[1:4]
    support = true
    if average == "micro":
        true, predicted, tp = (c.sum(keepdims=True) for c in (true, predicted, tp))
    divide = _Divide(average, warn_for, zero_division)
    precision = divide(tp, predicted, "precision", "predicted")
    recall = divide(tp, true, "recall", "true")
    if np.isinf(beta):
        fscore = recall
    elif beta == 0:
        fscore = precision
    else:
        denominator = beta**2 * true + predicted
        fscore = divide((1 + beta**2) * tp, denominator, "f-score", "true nor predicted")
    if average is None:
        return precision, recall, fscore, support
    weights = support if average == "weighted" else counted.sample_weight
    means = [_mean_of_defined(scores, weights) for scores in (precision, recall, fscore)]
    return means[0], means[1], means[2], None


def _jaccard(counted: Counted, average: str | None, zero_division: float | str) -> Any:
    true, predicted, tp = counted.counts[1:4]
    weights = true if average == "weighted" else counted.sample_weight
    if average == "micro":
        true, predicted, tp = (c.sum(keepdims=True) for c in (true, predicted, tp))
    divide = _Divide(average, ("jaccard",), zero_division)
    scores = divide(tp, true + predicted - tp, "jaccard", "true or predicted")
    return scores if average is None else _mean_of_defined(scores, weights)


class _Divide(NamedTuple):
    """Divides counts; where the denominator is 0 the result is `zero_division`."""

    average: str | None
    warn_for: Collection[str]
    zero_division: float | str

    def __call__(
        self, numerator: NDArray[Any], denominator: NDArray[Any], metric: str, missing: str
    ) -> NDArray[np.float64]:
        value = _value_of(self.zero_division)
        is_defined = denominator != 0
        ratio = np.full(len(denominator), value)
        np.divide(numerator, denominator, out=ratio, where=is_defined)
        if self.zero_division == "warn" and metric in self.warn_for and not is_defined.all():
            counted, each = (
                ("label", "sample") if self.average == "samples" else ("sample", "label")
            )
            where = "due to" if len(ratio) == 1 else f"in {each}s with"
            message = (
                f"{metric.capitalize()} is ill-defined and being set to 0.0 {where} no {missing} "
                f"{counted}s. Use `zero_division` parameter to control this behavior."
            )
            # From here over the function that averages and the public one to the user's line.
            warnings.warn(UndefinedMetricWarning(message), stacklevel=4)
        return ratio


def _value_of(zero_division: float | str) -> float:
    if isinstance(zero_division, str) and zero_division == "warn":
        return 0.0
    if isinstance(zero_division, Real) and (zero_division in (0, 1) or np.isnan(zero_division)):
        return float(zero_division)
    raise ValueError(f"zero_division must be 'warn', 0, 1 or NaN, got {zero_division!r}")


def _mean_of_defined(scores: NDArray[Any], weights: NDArray[Any] | None) -> float:
    """Return the mean of the scores that are not NaN; a plain one if their weights sum to zero."""
    if len(scores) == 1:
        return float(scores[0])
    is_nan = np.isnan(scores)
    if is_nan.any():
        scores = scores[~is_nan]
        weights = None if weights is None else weights[~is_nan]
    if not len(scores):
        return float("nan")
    if weights is not None and (total := weights.sum(dtype=np.float64)):
        return float((scores * weights).sum() / total)
    return float(scores.mean())
