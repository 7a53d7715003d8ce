"""The receiver operating characteristic: how a threshold on the scores trades false positives for true ones.

`N` is the number of samples, `T` that of different scores; positives are predicted where the score
is at or above the threshold.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._binary import read_binary, threshold_sweep
from scratchnet.utils.validation import check_consistent_length

__all__ = ["auc", "det_curve", "roc_curve"]


def roc_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """Return the false-positive rates, the true-positive rates (recall), and their thresholds.

        fpr[t] = Σ_{i negative} w_i [s_i ≥ thresholds[t]] / Σ_{i negative} w_i
        tpr[t] = Σ_{i positive} w_i [s_i ≥ thresholds[t]] / Σ_{i positive} w_i

    y_true: the labels, (N,), of two classes; of more, if `pos_label` is given.
    y_score: (N,), higher for samples that are more likely positive; used as they are, probabilities
        or not.
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    sample_weight: w, (N,); samples of weight 0 are left out.
    drop_intermediate: leave out the points on a straight line between their neighbours, where the
        counts of both classes have a second difference of 0; the first and the last score stay.
    Returns three arrays of equal length: point t of the curve is what `thresholds[t]` gives. The
    thresholds fall. The first is infinite, where nothing is predicted positive: the point (0, 0).
    The last is the lowest score: the point (1, 1).

    Equal scores: one point for the whole block, so that ties make a slanted line.
    One class in y_true: the rate of the other class is NaN, with an UndefinedMetricWarning.

    Source: Fawcett 2006, "An introduction to ROC analysis", alg. 1.

    >>> roc_curve([0, 1, 1], [0.5, 0.9, 0.5])
    (array([0., 0., 1.]), array([0. , 0.5, 1. ]), array([inf, 0.9, 0.5]))
    """
    fps, tps, thresholds = threshold_sweep(*read_binary(y_true, y_score, pos_label, sample_weight))
    if drop_intermediate and len(fps) > 2:
        bends = (np.diff(fps, 2) != 0) | (np.diff(tps, 2) != 0)
        kept = np.concatenate(([True], bends, [True]))
        fps, tps, thresholds = fps[kept], tps[kept], thresholds[kept]
    fps, tps = np.append(0.0, fps), np.append(0.0, tps)
    thresholds = np.append(np.inf, thresholds.astype(np.float64, copy=False))
    return _rates(fps, "negative"), _rates(tps, "positive"), thresholds


def _rates(counts: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Divide the counts of one class by the last of them, its total; NaN and a warning for none."""
    if counts[-1] > 0:
        return counts / counts[-1]
    rate = "false-positive" if name == "negative" else "true-positive"
    message = f"No {name} samples in y_true: the {rate} rate is undefined, and NaN"
    warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
    return np.full(len(counts), np.nan)


def det_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the false-positive rates, the false-negative rates, and their thresholds.

        fpr[t] = Σ_{i negative} w_i [s_i ≥ thresholds[t]] / Σ_{i negative} w_i
        fnr[t] = Σ_{i positive} w_i [s_i < thresholds[t]] / Σ_{i positive} w_i

    y_true, y_score, pos_label, sample_weight: as in `roc_curve`.
    drop_intermediate: leave out the points between two others of the same false-negative rate.
    Returns three arrays of equal length; the thresholds rise, so fpr falls and fnr rises. Only the
    part is given where the two trade: from the highest threshold that misses nothing to the lowest
    one of the lowest false-positive rate that there is (0 at an infinite threshold, if at no score).

    One class in y_true: ValueError.

    Source: Martin et al. 1997, "The DET curve in assessment of detection task performance".

    >>> det_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0.5, 0.5, 0. ]), array([0. , 0.5, 0.5]), array([0.35, 0.4 , 0.8 ]))
    """
    fps, tps, thresholds = threshold_sweep(*read_binary(y_true, y_score, pos_label, sample_weight))
    if fps[-1] == 0 or tps[-1] == 0:
        found = "positive" if fps[-1] == 0 else "negative"
        raise ValueError(
            f"Only one class is present in y_true, the {found} one: the detection error tradeoff "
            "curve is not defined then"
        )
    fps, tps = np.append(0.0, fps), np.append(0.0, tps)
    thresholds = np.append(np.inf, thresholds.astype(np.float64, copy=False))
    if drop_intermediate and len(fps) > 2:
        changes = (tps[1:-1] != tps[:-2]) | (tps[2:] != tps[1:-1])
        kept = np.concatenate(([True], changes, [True]))
        fps, tps, thresholds = fps[kept], tps[kept], thresholds[kept]
    first = (
        np.searchsorted(fps, fps[0], side="right") - 1
    )  # the last point without a false positive
    last = np.searchsorted(tps, tps[-1])  # the first point without a false negative
    part = slice(first, last + 1)
    fns = tps[-1] - tps
    return (
        (fps[part] / fps[-1])[::-1],
        (fns[part] / tps[-1])[::-1],
        thresholds[part][::-1],
    )


def auc(x: ArrayLike, y: ArrayLike) -> float:
    """Return the area under a curve of straight lines between points (the trapezoidal rule).

        AUC = Σ_t (x[t] − x[t−1]) (y[t] + y[t−1]) / 2,   counted positive if x falls

    x: (T,), T ≥ 2, rising or falling. y: (T,).
    Raises ValueError if x does both. NaN, as `roc_curve` gives for one class, makes the area NaN.

    `roc_auc_score` gives the area under the ROC curve without the curve; `average_precision_score`
    is what to use for precision and recall, where straight lines are too optimistic.

    >>> auc([0.0, 0.0, 1.0], [0.0, 0.5, 1.0])
    0.75
    """
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    for name, values in (("x", across), ("y", up)):
        if values.ndim != 1 and values.shape[1:] != (1,):
            raise ValueError(
                f"{name} should be a 1d array, got an array of shape {values.shape} instead."
            )
    across, up = across.ravel(), up.ravel()
    check_consistent_length(x=across, y=up)
    if len(across) < 2:
        raise ValueError(f"the area under a curve needs at least 2 points, x has {len(across)}")
    step = np.diff(across)
    falls = bool((step < 0).any())
    if falls and not (step <= 0).all():
        t = int(np.argmax(step < 0)), int(np.argmax(step > 0))
        raise ValueError(
            f"x is neither increasing nor decreasing: it falls after point {t[0]} and rises after "
            f"point {t[1]}"
        )
    area = float((step * (up[1:] + up[:-1])).sum()) / 2
    return -area if falls else area
