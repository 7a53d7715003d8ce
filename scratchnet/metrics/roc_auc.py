"""The area under the ROC curve as a score: of two classes, of several, of several labels."""

from __future__ import annotations

import warnings
from itertools import combinations
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._averaging import average_binary
from scratchnet.metrics._binary import (
    check_option,
    is_positive,
    read_scores,
    read_weight,
    threshold_sweep,
)
from scratchnet.metrics._rank_sum import rank_sum_auc
from scratchnet.metrics.roc import auc
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)

__all__ = ["roc_auc_score"]


def roc_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    average: str | None = "macro",
    sample_weight: ArrayLike | None = None,
    max_fpr: float | None = None,
    multi_class: str = "raise",
    labels: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Return the area under the ROC curve: 1 for a perfect ranking, ½ for one that knows nothing.

        AUC = P(s⁺ > s⁻) + ½ P(s⁺ = s⁻),   s⁺, s⁻ the scores of a random positive and negative

    That is the area under the straight lines of `roc_curve`, so that any strictly rising function of
    the scores leaves it as it is. It is counted from ranks (`_rank_sum.py`), the curve is not made
    unless there are weights or `max_fpr`.

    y_true: the labels, (N,); or a table of zeros and ones, (N, K), for several labels a sample. Of two
        classes the one that sorts last is positive.
    y_score: (N,), higher for samples that are more likely positive; (N, K) for several labels; for
        several classes probabilities (N, K), each row summing to 1.
    average: how the areas of several classes or labels become one, see below; None gives each.
    sample_weight: (N,). max_fpr: in (0, 1]; with A the area left of this false-positive rate, the
        result is ½ (1 + (A − max_fpr²/2) / (max_fpr − max_fpr²/2)): 1 is perfect and ½ knows nothing.
    multi_class: for more than two classes, what an area is. It has to be chosen:
        "ovr", each class against all others: sensitive to how frequent the classes are.
        "ovo", the mean over pairs of classes {a, b}, among whose samples column a ranks a above b and
        column b ranks b above a; not with weights.
    labels: the classes that the columns of `y_score` stand for, sorted; needed where y_true lacks one.

    "macro" is the plain mean; "weighted" weights by the frequency of the class (for "ovo", of the
    pair); "micro" takes all N·K entries as one problem of two classes; "samples" is the mean over
    rows, for several labels only.
    One class in y_true: NaN, with an UndefinedMetricWarning.

    `roc_auc_interval` gives a confidence interval, `delong_test` compares two classifiers.

    Sources: Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve"; McClish 1989,
    "Analyzing a portion of the ROC curve", eq. 5, for max_fpr; Hand & Till 2001, "A simple
    generalisation of the area under the ROC curve", for "ovo"; Provost & Domingos 2000 for "ovr".

    >>> roc_auc_score([0, 1, 1], [0.5, 0.9, 0.5])  # one pair is right, and one is tied
    0.75
    """
    check_option("average", average, ("micro", "macro", "samples", "weighted", None))
    check_option("multi_class", multi_class, ("raise", "ovr", "ovo"))
    if max_fpr is not None:
        check_scalar(max_fpr, "max_fpr", Real, min_val=0, max_val=1, include_boundaries="right")
    truth = check_array(y_true, dtype=None, ensure_2d=False, input_name="y_true")
    score = read_scores(y_score)
    kind = type_of_target(truth, "y_true")
    if kind == "multiclass" or (kind == "binary" and score.ndim == 2 and score.shape[1] > 2):
        if max_fpr is not None and max_fpr != 1:
            raise ValueError(
                f"max_fpr={max_fpr} is for two classes: the partial area is not defined for several"
            )
        return _multiclass_auc(truth.ravel(), score, labels, multi_class, average, sample_weight)
    check_consistent_length(y_true=truth, y_score=score)
    weight = read_weight(sample_weight, len(score))
    if kind == "binary":
        truth = truth.ravel()
        is_number = truth.dtype.kind in "biuf"
        low, high = (truth.min(), truth.max()) if is_number else np.unique(truth)[[0, -1]]
        if low == high:
            return _undefined()
        if score.ndim != 1:
            raise ValueError(
                f"y_score should be a 1d array, got an array of shape {score.shape} instead: pass "
                "the scores of the positive class, as in predict_proba(X)[:, 1]"
            )
        return _binary_auc(truth == high, score, weight, max_fpr)
    if kind != "multilabel-indicator":
        raise ValueError(f"{kind} format is not supported")

    def metric(p: NDArray[np.bool_], s: NDArray[Any], w: NDArray[np.float64] | None) -> float:
        return _binary_auc(p, s, w, max_fpr)

    return average_binary(metric, is_positive(truth, None), score, average, weight)


def _undefined() -> float:
    message = (
        "Only one class is present in y_true. ROC AUC score is not defined in that case, and NaN. "
        "Where a fold of a cross-validation is too small for both classes, score the predictions "
        "of all folds together: pooled_score"
    )
    warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
    return float("nan")


def _binary_auc(
    positive: NDArray[np.bool_],
    score: NDArray[Any],
    weight: NDArray[np.float64] | None,
    max_fpr: float | None = None,
) -> float:
    """Return the area, up to `max_fpr` if that is given, of samples that are checked already."""
    if weight is not None:
        kept = weight != 0
        positive, score, weight = positive[kept], score[kept], weight[kept]
    elif max_fpr is None or max_fpr == 1:
        area = rank_sum_auc(positive, score)
        return _undefined() if area != area else area
    fps, tps, _ = threshold_sweep(positive, score, weight)
    if fps[-1] == 0 or tps[-1] == 0:
        return _undefined()
    fpr, tpr = np.append(0.0, fps / fps[-1]), np.append(0.0, tps / tps[-1])
    if max_fpr is None or max_fpr == 1:
        return auc(fpr, tpr)
    stop = int(np.searchsorted(fpr, max_fpr, side="right"))  # the first point beyond
    end = np.interp(max_fpr, fpr[stop - 1 : stop + 1], tpr[stop - 1 : stop + 1])
    area = auc(np.append(fpr[:stop], max_fpr), np.append(tpr[:stop], end))
    chance = max_fpr**2 / 2
    return 0.5 * (1 + (area - chance) / (max_fpr - chance))


def _multiclass_auc(
    y_true: NDArray[Any],
    score: NDArray[Any],
    labels: ArrayLike | None,
    multi_class: str,
    average: str | None,
    sample_weight: ArrayLike | None,
) -> float | NDArray[np.float64]:
    """Return the area of several classes, one against the rest or each pair of them."""
    if multi_class == "raise":
        raise ValueError(
            "multi_class must be in ('ovo', 'ovr') where there are more than two classes"
        )
    if score.ndim != 2:
        raise ValueError(
            "y_score needs to be of shape (n_samples, n_classes), since y_true contains multiple "
            f"classes; it has shape {score.shape}"
        )
    check_consistent_length(y_true=y_true, y_score=score)
    sums = score.sum(axis=1)
    if not np.allclose(1, sums):
        row = int(np.abs(sums - 1).argmax())
        raise ValueError(
            "Target scores need to be probabilities for multiclass roc_auc, i.e. they should sum up "
            f"to 1.0 over classes: row {row} sums up to {sums[row]}"
        )
    if multi_class == "ovo":
        check_option("average of multi_class='ovo'", average, ("macro", "weighted", None))
        if average is None:
            raise NotImplementedError("average=None is not implemented for multi_class='ovo'.")
        if sample_weight is not None:
            raise ValueError(
                "sample_weight is not supported for multi_class='ovo': it must be None"
            )
    else:
        check_option("average of several classes", average, ("micro", "macro", "weighted", None))
    classes = _classes(y_true, labels, score.shape[1])
    if multi_class == "ovo":
        return _one_vs_one(np.searchsorted(classes, y_true), score, average == "weighted")
    weight = read_weight(sample_weight, len(score))
    return average_binary(_binary_auc, y_true[:, None] == classes, score, average, weight)


def _classes(y_true: NDArray[Any], labels: ArrayLike | None, n_columns: int) -> NDArray[Any]:
    """Return the classes that the columns of the scores stand for, (K,)."""
    present = np.unique(y_true)
    if labels is None:
        if len(present) != n_columns:
            raise ValueError(
                f"Number of classes in y_true ({len(present)}) not equal to the number of columns in "
                f"y_score ({n_columns}): name the classes of the columns by labels="
            )
        return present
    given = column_or_1d(labels, input_name="labels")
    classes = np.unique(given)
    if len(classes) != len(given):
        raise ValueError(f"Parameter 'labels' must be unique, got {given.tolist()}")
    if not np.array_equal(classes, given):
        raise ValueError(f"Parameter 'labels' must be ordered, got {given.tolist()}")
    if len(classes) != n_columns:
        raise ValueError(
            f"Number of given labels, {len(classes)}, not equal to the number of columns in "
            f"y_score, {n_columns}"
        )
    unknown = np.setdiff1d(present, classes)
    if len(unknown):
        raise ValueError(
            f"y_true contains labels that are not in parameter 'labels': {unknown.tolist()}"
        )
    return classes


def _one_vs_one(codes: NDArray[np.intp], score: NDArray[Any], is_weighted: bool) -> float:
    """Return the mean over the pairs of classes that y_true holds.

        A(a, b) = ½ (AUC of column a, a against b  +  AUC of column b, b against a)

    codes: the column of each sample's class, (N,).
    """
    members = {int(a): np.flatnonzero(codes == a) for a in np.unique(codes)}
    areas, sizes = [], []
    for a, b in combinations(members, 2):
        both = np.concatenate((members[a], members[b]))
        is_a = np.arange(len(both)) < len(members[a])
        of_a = rank_sum_auc(is_a, score[both, a])
        areas.append((of_a + rank_sum_auc(~is_a, score[both, b])) / 2)
        sizes.append(len(both))
    if not areas:  # all samples are of one class
        return _undefined()
    return float(np.average(areas, weights=sizes if is_weighted else None))
