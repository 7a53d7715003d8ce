"""How good predicted probabilities are: log loss, Brier score, and the share of each explained (D²).

Both are *proper*: the expected loss is least for the true probabilities, so that a model cannot gain
by being bolder or more timid than it believes.

`N` samples, `K` classes, y_nk = [y_true_n = k], p_nk the predicted probability.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._targets import check_weight, class_indices
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_finite,
    column_or_1d,
    require_samples,
)

__all__ = ["brier_score_loss", "d2_brier_score", "d2_log_loss_score", "log_loss"]

BLOCK = 1 << 13  # so many rows at a time are copied
DTYPES = (np.float64, np.float32, np.float16)


def log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_pred: Any = "deprecated",
) -> float:
    """Return the mean negative log-likelihood of the true classes (cross-entropy), in nats.

        loss = −Σ_n w_n Σ_k y_nk log p_nk / Σ_n w_n

    *p = 0* for the true class would be infinite: p is kept within [ε, 1 − ε], ε the spacing of its
    dtype at 1 (2.2e-16 for float64, so that no sample costs more than 36).

    y_true: classes, (N,), or a table of zeros and ones, (N, K).
    y_proba: (N, K), a column for each class in sorted order; or (N,), p of the second of two.
    normalize: False gives the sum.
    labels: all classes, where `y_true` may lack one. They are taken in sorted order, whatever order
        they are passed in; another one warns.
    y_pred: the former name of `y_proba`, with a FutureWarning.
    Raises ValueError for probabilities outside [0, 1] and for another number of classes than of
    columns; warns if the rows do not sum to 1.

    >>> round(log_loss(["no", "yes", "yes"], [0.5, 0.5, 1.0]), 4)  # 2 log(2) / 3
    0.4621
    """
    y_proba = _renamed(y_proba, y_pred)
    problem = _several_classes(y_true, _probabilities(y_proba), labels, sample_weight)
    return _average(_log_losses(problem, problem.proba), problem.weight, normalize)


def d2_log_loss_score(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_pred: Any = "deprecated",
) -> float:
    """Return the share of the log loss that the model explains.

        D² = 1 − loss(y, p) / loss(y, q),   q_k = Σ_n w_n y_nk / Σ_n w_n

    1 is perfect, 0 as good as predicting the frequencies of the classes, and negative worse.
    Arguments as in `log_loss`. Fewer than two samples: NaN with a warning.

    >>> d2_log_loss_score([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5])
    0.0
    """
    y_proba = _renamed(y_proba, y_pred)
    check_consistent_length(y_proba=y_proba, y_true=y_true, sample_weight=sample_weight)
    if _is_undefined(y_proba):
        return float("nan")
    problem = _several_classes(y_true, _probabilities(y_proba), labels, sample_weight)
    losses = _log_losses(problem, problem.proba), _log_losses(problem, _frequencies(problem))
    explained, null = (_average(loss, problem.weight, normalize=False) for loss in losses)
    return float(1 - np.float64(explained) / null)


def brier_score_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: Any = None,
    labels: ArrayLike | None = None,
    scale_by_half: bool | str = "auto",
) -> float:
    """Return the mean squared error of the probabilities.

        loss = s Σ_n w_n Σ_k (p_nk − y_nk)² / Σ_n w_n

    s = 1/2 halves the range [0, 2] to [0, 1]. With two classes that is the mean of (p_n − y_n)², p
    and y of the positive class.

    y_true: classes, (N,), or a table of zeros and ones, (N, K).
    y_proba: (N, K), a column for each class in sorted order; or (N,), p of `pos_label`.
    pos_label: by default 1 where the classes are 0 and 1, or −1 and 1; of other numbers the larger;
        strings need it.
    labels: all classes, for (N, K), where `y_true` may lack one.
    scale_by_half: s = 1/2 or 1; "auto" takes 1/2 for two classes.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability".

    >>> brier_score_loss([0, 1, 1, 0], [0.5, 1.0, 0.5, 0.0])
    0.125
    """
    problem = _any_classes(y_true, y_proba, pos_label, labels, sample_weight)
    loss = _average(_squared_errors(problem, problem.proba), problem.weight)
    if scale_by_half == "auto":
        scale_by_half = problem.proba.ndim == 1 or problem.proba.shape[1] < 3
    # A vector holds one of two equal squares: half of their sum is that one.
    is_half_already = problem.proba.ndim == 1
    return loss * (0.5 if scale_by_half else 1.0) * (2.0 if is_half_already else 1.0)


def d2_brier_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: Any = None,
    labels: ArrayLike | None = None,
) -> float:
    """Return the share of the Brier score that the model explains.

        D² = 1 − loss(y, p) / loss(y, q),   q_k = Σ_n w_n y_nk / Σ_n w_n

    1 is perfect, 0 as good as predicting the frequencies of the classes, and negative worse.
    Arguments as in `brier_score_loss`. Fewer than two samples: NaN with a warning.

    >>> d2_brier_score([0, 1, 1, 0], [0.5, 1.0, 0.5, 0.0])
    0.5
    """
    check_consistent_length(y_proba=y_proba, y_true=y_true, sample_weight=sample_weight)
    if _is_undefined(y_proba):
        return float("nan")
    problem = _any_classes(y_true, y_proba, pos_label, labels, sample_weight)
    losses = (
        _squared_errors(problem, problem.proba),
        _squared_errors(problem, _frequencies(problem)),
    )
    explained, null = (_average(loss, problem.weight) for loss in losses)
    return float(1 - np.float64(explained) / null)


class Problem(NamedTuple):
    """What was passed, checked.

    truth: the index of each sample's class, (N,), with the probabilities (N, K); a table of zeros
        and ones with such; or zeros and ones, (N,), with the probability of a one, (N,).
    """

    truth: NDArray[Any]
    proba: NDArray[Any]
    weight: NDArray[Any] | None


def _log_losses(problem: Problem, proba: NDArray[Any]) -> NDArray[Any]:
    """Return −Σ_k y_nk log p_nk for each sample, (N,). A class has one y_nk that is not zero."""
    truth = problem.truth
    epsilon = float(np.finfo(proba.dtype).eps)
    if truth.ndim == 2:
        return -(truth * np.log(proba.clip(epsilon, 1 - epsilon))).sum(axis=1)
    if proba.ndim == 1:
        of_true = np.where(truth == 1, proba, 1 - proba)
    else:
        of_true = proba[np.arange(len(truth)), truth]
    return -np.log(of_true.clip(epsilon, 1 - epsilon))


def _squared_errors(problem: Problem, proba: NDArray[Any]) -> NDArray[Any]:
    """Return Σ_k (p_nk − y_nk)² for each sample, (N,); of a vector the square alone."""
    truth = problem.truth
    if proba.ndim == 1:
        return (proba - truth) ** 2
    losses = np.empty(len(truth))
    for start in range(0, len(truth), BLOCK):
        block = slice(start, start + BLOCK)
        y = truth[block]
        if truth.ndim == 2:
            error = proba[block] - y
        else:
            error = np.array(proba[block], np.float64)  # (B, K)
            error[np.arange(len(y)), y] -= 1
        np.einsum("nk,nk->n", error, error, out=losses[block])
    return losses


def _frequencies(problem: Problem) -> NDArray[np.float64]:
    """Return q, the shares of the classes, for each sample alike, in the shape of the probabilities."""
    truth, weight = problem.truth, problem.weight
    if weight is not None:
        weight = weight.astype(np.float64, copy=False)
    if truth.ndim == problem.proba.ndim:  # the mean of zeros and ones
        q = truth.mean(axis=0) if weight is None else weight @ truth / weight.sum()
    else:
        q = np.bincount(truth, weight, minlength=problem.proba.shape[1])
        q = q / (len(truth) if weight is None else weight.sum())
    return np.broadcast_to(np.asarray(q, np.float64), problem.proba.shape)


def _average(losses: NDArray[Any], weight: NDArray[Any] | None, normalize: bool = True) -> float:
    losses = losses.astype(np.float64, copy=False)
    if weight is None:
        return float(losses.mean() if normalize else losses.sum())
    weight = weight.astype(np.float64, copy=False)
    total = losses @ weight
    if not normalize:
        return float(total)
    if not (scale := weight.sum()):
        raise ZeroDivisionError("the weights sum to zero, so that there is no mean")
    return float(total / scale)


def _renamed(y_proba: ArrayLike | None, y_pred: Any) -> ArrayLike:
    """Return the probabilities, by whichever name they came. Warns the public function's caller."""
    if isinstance(y_pred, str) and y_pred == "deprecated":
        if y_proba is None:
            raise TypeError("y_proba is missing: the predicted probabilities")
        return y_proba
    if y_proba is not None:
        raise ValueError("y_pred is the former name of y_proba: pass y_proba alone")
    message = "`y_pred` was renamed to `y_proba` in scikit-learn 1.9 and goes in 1.11"
    warnings.warn(message, FutureWarning, stacklevel=3)
    return y_pred


def _is_undefined(y_proba: ArrayLike) -> bool:
    """Return whether there are too few samples for D², with a warning to the public's caller."""
    if len(np.asarray(y_proba)) >= 2:
        return False
    message = "D^2 score is not well-defined with less than two samples"
    warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
    return True


def _probabilities(y_proba: ArrayLike) -> NDArray[Any]:
    proba = check_array(
        y_proba, dtype=DTYPES, ensure_2d=False, ensure_all_finite=False, input_name="y_proba"
    )
    if proba.ndim not in (1, 2):
        raise ValueError(f"y_proba must be (N,) or (N, K), it has the shape {proba.shape}")
    require_samples(proba, "y_proba")
    least, largest = proba.min(initial=1), proba.max(initial=0)
    if not (least >= 0 and largest <= 1):  # nor with NaN
        check_finite(proba, "y_proba")
        if largest > 1:
            raise ValueError(f"y_proba contains values greater than 1: {largest}")
        raise ValueError(f"y_proba contains values lower than 0: {least}")
    return proba[:, 0] if proba.ndim == 2 and proba.shape[1] == 1 else proba


def _any_classes(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    pos_label: Any,
    labels: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> Problem:
    proba = _probabilities(y_proba)
    if proba.ndim == 2:
        return _several_classes(y_true, proba, labels, sample_weight, stacklevel=4)
    classes, codes = class_indices(column_or_1d(y_true, input_name="y_true"), "y_true")
    check_consistent_length(y_true=codes, y_proba=proba, sample_weight=sample_weight)
    if len(classes) > 2:
        raise ValueError(
            f"The type of the target inferred from y_true is multiclass ({len(classes)} classes), but "
            "should be binary according to the shape of y_proba"
        )
    known = classes.tolist()
    if pos_label is None:
        if classes.dtype.kind in "UTO":
            raise ValueError(
                f"y_true takes the values {known} and pos_label is not specified: pass the one that "
                "y_proba is the probability of"
            )
        is_usual = known in ([0, 1], [-1, 1], [0], [-1], [1])
        pos_label = 1 if is_usual else known[-1]
    is_positive = np.array([label == pos_label for label in known])
    weight = None if sample_weight is None else check_weight(sample_weight)
    return Problem(is_positive[codes].astype(np.intp), proba, weight)


def _several_classes(
    y_true: ArrayLike,
    proba: NDArray[Any],
    labels: ArrayLike | None,
    sample_weight: ArrayLike | None,
    stacklevel: int = 3,
) -> Problem:
    """Return the index of the column of each sample's class, or the table that `y_true` is."""
    given = None if labels is None else column_or_1d(labels, input_name="labels").tolist()
    truth: NDArray[Any]
    if np.ndim(y_true) == 2 and type_of_target(y_true, "y_true") == "multilabel-indicator":
        truth = (np.asarray(y_true) != 0).astype(np.intp)
        known = list(range(truth.shape[1]))
        if given is not None:
            raise ValueError("labels cannot be given where y_true is a table of zeros and ones")
    else:
        classes, truth = class_indices(y_true, "y_true")
        known = classes.tolist()
    check_consistent_length(y_true=truth, y_proba=proba, sample_weight=sample_weight)
    weight = None if sample_weight is None else check_weight(sample_weight)
    if given is not None:
        columns = sorted(set(given))
        if columns != given:
            message = (
                f"Labels passed were {given}, but the columns of y_proba are taken in the order "
                f"{columns}"
            )
            warnings.warn(message, stacklevel=stacklevel)
        place = {label: i for i, label in enumerate(columns)}
        if unknown := [label for label in known if label not in place]:
            raise ValueError(
                f"y_true contains values {unknown} not belonging to the passed labels {given}"
            )
        truth = np.array([place[label] for label in known], np.intp)[truth]
        known = columns
        if len(known) < 2:
            raise ValueError(f"The labels array needs to contain at least two labels, got {known}")
    if len(known) < 2:
        raise ValueError(f"y_true contains only one label ({known}): pass all classes as `labels`")
    n_columns = 2 if proba.ndim == 1 else proba.shape[1]
    if n_columns != len(known):
        what = "y_true has" if given is None else "there are"
        raise ValueError(
            f"number of classes: {what} {len(known)} ({known[:20]}), y_proba has {n_columns} columns"
            + (": pass all classes as `labels`" if given is None else "")
        )
    if proba.ndim == 1:
        if truth.ndim == 2:
            proba = np.stack([1 - proba, proba], axis=1)
        return Problem(truth, proba, weight)
    error = np.abs(np.einsum("nk->n", proba) - 1)
    if error.max(initial=0) > float(np.finfo(proba.dtype).eps) ** 0.5 + 1e-8:
        row = int(error.argmax())
        message = (
            "The y_proba values do not sum to one: "
            f"those of row {row} sum to {proba[row].sum()}. Pass probabilities"
        )
        warnings.warn(message, stacklevel=stacklevel)
    return Problem(truth, proba, weight)
