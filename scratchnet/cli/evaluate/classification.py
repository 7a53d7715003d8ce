"""Every metric of classification that applies, with intervals.

`N` is the number of samples, `K` that of classes. Classes are the numbers 0 … K − 1 here.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.evaluate.classes import Classes
from scratchnet.cli.evaluate.counts import count_measures
from scratchnet.cli.evaluate.measure import (
    Measure,
    Settings,
    bootstrapped,
    from_interval,
    plain,
    proportion,
)
from scratchnet.metrics import (
    ThresholdChoice,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    d2_brier_score,
    d2_log_loss_score,
    expected_calibration_error,
    log_loss,
    roc_auc_interval,
    threshold_for_youden,
)

__all__ = ["ClassMeasures", "Measured", "are_probabilities", "measure_classes", "measure_scores"]


@dataclass
class ClassMeasures:
    """What was measured of one class; `measures` by name."""

    support: int
    measures: dict[str, Measure] = field(default_factory=dict)


@dataclass
class Measured:
    """All that was measured: `overall` by name, the classes in their order."""

    overall: dict[str, Measure]
    classes: list[ClassMeasures]
    confusion: NDArray[np.int64] | None = None  # (K, K), rows the truth
    youden: ThresholdChoice | None = None


def measure_classes(classes: Classes, settings: Settings) -> Measured:
    """Return what truth and prediction alone tell; without a prediction, the size of each class."""
    n_classes = len(classes.labels)
    support = np.bincount(classes.truth, minlength=n_classes)
    each = [ClassMeasures(int(size)) for size in support]
    if classes.prediction is None:
        return Measured({}, each)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is one class only: so it is
        matrix = confusion_matrix(classes.truth, classes.prediction, labels=np.arange(n_classes))
    predicted, hits = matrix.sum(axis=0), np.diag(matrix)
    overall, f1 = count_measures(matrix, settings)
    for k, one in enumerate(each):
        hit = int(hits[k])
        one.measures = {
            "precision": proportion(
                hit, int(predicted[k]), settings, "0/0: the class was never predicted"
            ),
            "recall": proportion(hit, int(support[k]), settings, "0/0: the class has no sample"),
            "f1": f1[k],
        }
    accuracy = proportion(int(hits.sum()), len(classes.truth), settings, "")
    return Measured({"accuracy": accuracy, **overall}, each, matrix)


def are_probabilities(scores: NDArray[np.float64]) -> bool:
    """Return whether all scores, (N,) or (N, K), are in [0, 1], and rows sum to 1 but for rounding."""
    if scores.min() < 0 or scores.max() > 1:
        return False
    # A CSV holds few decimals: half a unit of the second one for each of a few classes.
    return scores.ndim == 1 or bool(np.abs(scores.sum(axis=1) - 1).max() <= 0.02)


def measure_scores(
    measured: Measured,
    truth: NDArray[np.int64],
    scores: NDArray[np.float64],
    settings: Settings,
    *,
    may_be_probabilities: bool = True,
) -> None:
    """Add what the scores tell.

    scores: (N,), of class 1 of two, or (N, K), a column for each class.
    may_be_probabilities: False for scores of two classes that are none, even if all are in [0, 1].
    """
    if scores.ndim == 1:
        _measure_binary(measured, truth, scores, settings, may_be_probabilities)
    else:
        _measure_multiclass(measured, truth, scores, settings)


def _measure_binary(
    measured: Measured,
    truth: NDArray[np.int64],
    score: NDArray[np.float64],
    settings: Settings,
    may_be_probabilities: bool,
) -> None:
    overall, positive = measured.overall, truth == 1
    overall["roc_auc"] = _auc(positive, score, settings)
    if positive.any():
        overall["average_precision"] = bootstrapped(
            average_precision_score, positive, score, settings=settings, stratify=positive
        )
    else:
        overall["average_precision"] = Measure(None, reason="there is no positive sample")
    if positive.any() and not positive.all():
        measured.youden = threshold_for_youden(positive, score)
    if may_be_probabilities and are_probabilities(score):
        _measure_probabilities(overall, truth, score, settings, np.arange(2))


def _measure_multiclass(
    measured: Measured, truth: NDArray[np.int64], scores: NDArray[np.float64], settings: Settings
) -> None:
    overall, n_classes = measured.overall, scores.shape[1]
    for k, one in enumerate(measured.classes):
        one.measures["roc_auc"] = _auc(truth == k, scores[:, k], settings)
    areas = [one.measures["roc_auc"].value for one in measured.classes]
    defined = [area for area in areas if area is not None]
    if len(defined) == n_classes:
        overall["roc_auc_ovr_macro"] = Measure(
            float(np.mean(defined)), reason="each class has its own interval"
        )
    else:
        reason = f"it is undefined for {n_classes - len(defined)} of {n_classes} classes"
        overall["roc_auc_ovr_macro"] = Measure(None, reason=reason)
    if are_probabilities(scores):
        sums = scores.sum(axis=1, keepdims=True)
        _measure_probabilities(overall, truth, scores / sums, settings, np.arange(n_classes))


def _auc(positive: NDArray[np.bool_], score: NDArray[np.float64], settings: Settings) -> Measure:
    if positive.all() or not positive.any():
        return Measure(None, reason="the truth has one class only")
    level = settings.confidence_level
    return from_interval(
        lambda: roc_auc_interval(positive, score, confidence_level=level), "DeLong"
    )


def _measure_probabilities(
    overall: dict[str, Measure],
    truth: NDArray[np.int64],
    proba: NDArray[np.float64],
    settings: Settings,
    labels: NDArray[np.int64],
) -> None:
    for name, metric in (("brier_score", brier_score_loss), ("log_loss", log_loss)):
        of_labels = partial(metric, labels=labels)
        overall[name] = bootstrapped(of_labels, truth, proba, settings=settings)
    overall["d2_brier_score"] = plain(lambda: d2_brier_score(truth, proba, labels=labels))
    overall["d2_log_loss_score"] = plain(lambda: d2_log_loss_score(truth, proba, labels=labels))
    calibration = partial(expected_calibration_error, truth, proba)
    found = plain(calibration if proba.ndim == 1 else partial(calibration, labels=labels))
    # A resample doubles some samples, and so strays from the probabilities more than the samples do.
    overall["expected_calibration_error"] = Measure(
        found.value, reason=found.reason or "its resamples are biased upwards"
    )
