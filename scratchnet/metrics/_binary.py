"""What the ranking metrics of two classes share: reading their input, and the threshold sweep.

`N` is the number of samples, `T` that of different scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_consistent_length, column_or_1d

__all__ = [
    "check_option",
    "is_positive",
    "read_binary",
    "read_scores",
    "read_weight",
    "threshold_sweep",
]


def check_option(name: str, value: Any, options: Sequence[Any]) -> None:
    """Raise a ValueError unless `value`, an argument called `name`, is one of `options`."""
    if not any(value is option or value == option for option in options if option is not None):
        if value is None and None in options:
            return
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}")


def read_scores(y_score: ArrayLike, input_name: str = "y_score") -> NDArray[Any]:
    """Return scores as an array of numbers, (N,) or (N, K); their dtype stays. NaN is refused."""
    score = check_array(y_score, dtype=None, ensure_2d=False, input_name=input_name)
    if score.dtype.kind in "SU":
        raise ValueError(f"{input_name} must hold numbers, it has dtype {score.dtype}")
    if score.dtype.kind not in "biuf":
        score = check_array(score, dtype=np.float64, ensure_2d=False, input_name=input_name)
    if score.ndim == 2 and score.shape[1] == 1:
        score = score.ravel()
    if not score.size:
        raise ValueError(
            f"{input_name} is empty: it has shape {score.shape} while a minimum of 1 sample is required"
        )
    return score


def read_weight(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64] | None:
    """Return the weights, (N,), or None where none were given. They may be negative, not all zero."""
    if sample_weight is None:
        return None
    weight = column_or_1d(sample_weight, input_name="sample_weight")
    weight = check_array(weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if len(weight) != n_samples:
        raise ValueError(
            f"the numbers of samples differ: sample_weight has {len(weight)}, y_true has {n_samples}"
        )
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number")
    return weight


def is_positive(y_true: NDArray[Any], pos_label: Any) -> NDArray[np.bool_]:
    """Return which samples are of the positive class, (N,).

    pos_label: the positive class; None means 1, if the labels are 0 and 1, or −1 and 1.
    """
    if pos_label is not None:
        return np.asarray(y_true == pos_label, dtype=bool)
    if y_true.dtype.kind in "biuf":
        found = int(y_true.min()), int(y_true.max())
        # `type_of_target` has seen at most two values, each without a fractional part.
        if found in ((0, 1), (-1, 1), (0, 0), (1, 1), (-1, -1)):
            return y_true.astype(bool) if y_true.dtype.kind == "b" else y_true == 1
    classes = ", ".join(repr(label) for label in np.unique(y_true).tolist())
    raise ValueError(
        f"y_true takes value in {{{classes}}} and pos_label is not specified: either make y_true take "
        "value in {0, 1} or {-1, 1} or pass pos_label explicitly."
    )


def read_binary(
    y_true: ArrayLike,
    y_score: ArrayLike,
    pos_label: Any = None,
    sample_weight: ArrayLike | None = None,
    *,
    name: str = "y_score",
) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[np.float64] | None]:
    """Return which samples are positive, the scores, and the weights or None, each (N,).

    Samples of weight 0 are left out. More than two classes are one against the others, if
    `pos_label` says which is the one. name: that of the scores, for errors.
    """
    labels = check_array(y_true, dtype=None, ensure_2d=False, input_name="y_true")
    kind = type_of_target(labels, "y_true")
    if kind != "binary" and not (kind == "multiclass" and pos_label is not None):
        raise ValueError(f"{kind} format is not supported: y_true must hold two classes")
    score = read_scores(y_score, name)
    if score.ndim != 1:
        raise ValueError(
            f"{name} should be a 1d array, got an array of shape {score.shape} instead: pass the "
            "scores of the positive class, as in predict_proba(X)[:, 1]"
        )
    check_consistent_length(y_true=labels, **{name: score})
    positive = is_positive(labels.ravel(), pos_label)
    weight = read_weight(sample_weight, len(score))
    if weight is not None and not weight.all():
        kept = weight != 0
        positive, score, weight = positive[kept], score[kept], weight[kept]
    return positive, score, weight


def threshold_sweep(
    positive: NDArray[np.bool_], score: NDArray[Any], weight: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """Return the false and the true positives at each threshold, and the thresholds, each (T,).

        tps[t] = Σ_i w_i [y_i positive] [s_i ≥ thresholds[t]]
        fps[t] = Σ_i w_i [y_i negative] [s_i ≥ thresholds[t]]

    The thresholds are the different scores, falling: each stands for the whole block of the samples
    that have it, so that the order within a block has no effect.
    """
    order = np.argsort(score)[::-1]
    score = score[order]
    differs = score[1:] != score[:-1]
    last = np.append(np.flatnonzero(differs), len(score) - 1)  # of each block
    thresholds = score[last]
    del score  # 8 bytes a sample less while the sums are made
    if weight is None:
        tps = np.cumsum(positive[order], dtype=np.float64)[last]
        fps = last + 1.0
        fps -= tps
        return fps, tps, thresholds
    if len(last) < len(order):
        # Equal scores in the order of the samples, so that the weights are added up in an order, and
        # rounded, that does not depend on the machine's sort. Two sorts of that kind, the second one
        # of integers (block, sample), are several times as fast as a stable one.
        block = np.append(0, differs.cumsum())
        block *= len(order)
        order = order + block
        order.sort()
        order -= block
        del block
    weight = weight[order]
    positive = positive[order]
    fps = np.cumsum(np.where(positive, 0.0, weight))[last]
    tps = np.cumsum(np.where(positive, weight, 0.0))[last]
    return fps, tps, thresholds
