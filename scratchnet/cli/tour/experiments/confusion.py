"""What section 7 computes: the confusion matrix of tumours, and what is read from it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.tour.experiments.breast_cancer import load_tumours, scaled_logistic_regression
from scratchnet.cli.tour.section import Say
from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    ProportionInterval,
    accuracy_score,
    classification_report,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    wilson_interval,
)
from scratchnet.model_selection import StratifiedKFold, cross_val_predict

__all__ = ["CLASSES", "Found", "K", "compute"]

Array = NDArray[Any]

K = 5
CLASSES = ("benign", "malignant")


@dataclass(frozen=True)
class Found:
    matrix: Array  # (2, 2), the truth in rows, what was said in columns
    accuracy: float
    precision: float
    recall: float
    f1: float
    report: str
    never_matrix: Array  # (2, 2), of always saying benign
    never_accuracy: float
    never_warning: str  # of its precision, which is 0 of 0

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """True negatives, false positives, false negatives, true positives."""
        tn, fp, fn, tp = (int(n) for n in self.matrix.ravel())
        return tn, fp, fn, tp

    @property
    def precision_interval(self) -> ProportionInterval:
        _, fp, _, tp = self.counts
        return wilson_interval(tp, tp + fp)

    @property
    def recall_interval(self) -> ProportionInterval:
        _, _, fn, tp = self.counts
        return wilson_interval(tp, tp + fn)

    @property
    def accuracy_interval(self) -> ProportionInterval:
        return wilson_interval(self.matrix.trace(), self.matrix.sum())


def compute(seed: int, say: Say) -> Found:
    X, y = load_tumours()
    cv = StratifiedKFold(K, shuffle=True, random_state=seed)
    predicted = cross_val_predict(scaled_logistic_regression(), X, y, cv=cv)
    never = np.zeros_like(y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UndefinedMetricWarning)
        precision_score(y, never)
    found = Found(
        matrix=confusion_matrix(y, predicted),
        accuracy=accuracy_score(y, predicted),
        precision=precision_score(y, predicted),
        recall=recall_score(y, predicted),
        f1=f1_score(y, predicted),
        report=str(classification_report(y, predicted, target_names=CLASSES, digits=3)),
        never_matrix=confusion_matrix(y, never),
        never_accuracy=accuracy_score(y, never),
        never_warning=str(caught[-1].message),
    )
    say(f"tumours: precision {found.precision:.1%}, recall {found.recall:.1%}")
    return found
