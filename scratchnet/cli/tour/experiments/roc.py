"""What section 8 computes: every threshold at once, the area under the curve, and one to use.

`N` samples; positive is predicted where the score is at or above the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.tour.experiments.breast_cancer import load_tumours, scaled_logistic_regression
from scratchnet.cli.tour.section import Say
from scratchnet.metrics import (
    AUCInterval,
    DeLongTest,
    confusion_matrix,
    delong_test,
    roc_auc_interval,
    roc_auc_score,
    roc_curve,
    threshold_for_recall,
    threshold_for_youden,
)
from scratchnet.model_selection import StratifiedKFold, cross_val_predict
from scratchnet.random import resolve_rng

__all__ = [
    "EXAMPLE_SCORES",
    "EXAMPLE_TRUTH",
    "N_HALVINGS",
    "WANTED",
    "Choice",
    "Found",
    "Ranking",
    "compute",
    "pairs_in_order",
    "sweep",
]

Array = NDArray[Any]

K = 5
WANTED = 0.99  # of the malignant tumours are to be found
N_HALVINGS = 200
TEXTURE = 1  # the column of the mean texture
# Ten samples from the highest score to the lowest, to follow the sweep by hand.
EXAMPLE_TRUTH = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0])
EXAMPLE_SCORES = np.array([0.95, 0.9, 0.8, 0.7, 0.65, 0.5, 0.45, 0.3, 0.2, 0.1])


# Shown on the page as it stands here.
def sweep(y: Array, score: Array) -> tuple[Array, Array]:
    order = np.argsort(-score)  # lower the threshold from one score to the next
    found = np.cumsum(y[order] == 1)  # one more positive found: a step up
    alarms = np.cumsum(y[order] == 0)  # one more false alarm: a step to the right
    return alarms / alarms[-1], found / found[-1]


def pairs_in_order(y: Array, score: Array) -> tuple[float, int]:
    """Return of how many pairs of a positive and a negative the positive scores higher, and all pairs.

    An equal pair counts one half.
    """
    positive, negative = score[y == 1, None], score[y == 0]
    in_order = (positive > negative) + (positive == negative) / 2
    return float(in_order.sum()), in_order.size


class Choice(NamedTuple):
    """A threshold and the confusion matrix there: [[tn, fp], [fn, tp]]."""

    rule: str
    threshold: float
    matrix: Array

    @property
    def recall(self) -> float:
        return float(self.matrix[1, 1] / self.matrix[1].sum())

    @property
    def fpr(self) -> float:
        return float(self.matrix[0, 1] / self.matrix[0].sum())


@dataclass(frozen=True)
class Ranking:
    """Out-of-fold scores of all samples, and what they are worth."""

    name: str
    score: Array  # (N,)
    fpr: Array
    tpr: Array
    auc: AUCInterval


@dataclass(frozen=True)
class Found:
    y: Array  # (N,)
    example_auc: float
    example_agrees: bool  # whether `sweep` and the library give the same points
    full: Ranking  # by all measurements
    texture: Ranking  # by one of them
    difference: DeLongTest
    choices: list[Choice]  # thresholds for `full`
    recalls: Array  # (N_HALVINGS,), where a threshold for WANTED was chosen on the other half


def compute(seed: int, say: Say) -> Found:
    fpr, tpr, _ = roc_curve(EXAMPLE_TRUTH, EXAMPLE_SCORES, drop_intermediate=False)
    by_hand = sweep(EXAMPLE_TRUTH, EXAMPLE_SCORES)

    X, y = load_tumours()
    cv = StratifiedKFold(K, shuffle=True, random_state=seed)
    full = rank("all 30 measurements", X, y, cv)
    texture = rank("texture alone", X[:, [TEXTURE]], y, cv)
    say(
        f"tumours: area {full.auc.estimate:.3f} by all measurements, {texture.auc.estimate:.3f} by one"
    )

    youden = threshold_for_youden(y, full.score)
    wanted = threshold_for_recall(y, full.score, recall=WANTED)
    choices = [
        Choice("probability ½", 0.0, confusion_matrix(y, full.score >= 0)),
        Choice("Youden", youden.threshold, youden.confusion_matrix),
        Choice(f"recall {WANTED:.0%}", wanted.threshold, wanted.confusion_matrix),
    ]
    recalls = recalls_elsewhere(y, full.score, resolve_rng())
    say(f"a recall of {WANTED:.0%} by choice is {recalls.mean():.1%} on other samples")
    return Found(
        y=y,
        example_auc=float(roc_auc_score(EXAMPLE_TRUTH, EXAMPLE_SCORES)),
        example_agrees=bool(np.allclose((fpr[1:], tpr[1:]), by_hand)),
        full=full,
        texture=texture,
        difference=delong_test(y, full.score, texture.score),
        choices=choices,
        recalls=recalls,
    )


def rank(name: str, X: Array, y: Array, cv: Any) -> Ranking:
    model = scaled_logistic_regression()
    score = cross_val_predict(model, X, y, cv=cv, method="decision_function")
    fpr, tpr, _ = roc_curve(y, score)
    return Ranking(name, score, fpr, tpr, roc_auc_interval(y, score))


def recalls_elsewhere(y: Array, score: Array, rng: np.random.Generator) -> Array:
    """Return the recall on one half, the threshold chosen on the other, for N_HALVINGS halvings."""
    recalls = np.empty(N_HALVINGS)
    for i in range(N_HALVINGS):
        is_here = rng.permutation(len(y)) < len(y) // 2
        chosen = threshold_for_recall(y[is_here], score[is_here], recall=WANTED)
        recalls[i] = (score[~is_here & (y == 1)] >= chosen.threshold).mean()
    return recalls
