"""How the regression metrics read their arguments, and the means that they take.

`N` samples, `M` outputs, `w` the weights of the samples (N,). Everything is summed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_finite,
    check_scalar,
)

__all__ = [
    "average_outputs",
    "check_alpha",
    "check_single_output",
    "check_targets",
    "itself",
    "mean_over_samples",
    "residuals",
    "variance",
    "weighted_mean",
]

Floats = NDArray[np.float64]
BLOCK = 2**13  # values worked on at a time: beyond 9,000 OpenBLAS wakes another thread to add them


def check_targets(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[Any], Floats | None]:
    """Return `y_true` and `y_pred` as float tables, (N, M), and the weights, (N,) or None.

    A vector is a table of one column. Weights may be negative, as in scikit-learn.
    Raises ValueError for other ranks, lengths or numbers of outputs that differ, no sample at all,
    NaN and infinity, weights that are all zero.
    """
    check_consistent_length(y_true=y_true, y_pred=y_pred, sample_weight=sample_weight)
    truth, predicted = _table(y_true, "y_true"), _table(y_pred, "y_pred")
    if truth.shape != predicted.shape:
        raise ValueError(
            "y_true and y_pred have different numbers of outputs: "
            f"{truth.shape[1]} and {predicted.shape[1]}"
        )
    if sample_weight is None:
        return truth, predicted, None
    weight = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weight.ndim != 1:
        raise ValueError(f"sample_weight must be a vector (N,), it has shape {weight.shape}")
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample: nothing is left to score")
    return truth, predicted, weight


def _table(y: ArrayLike, input_name: str) -> NDArray[Any]:
    if type(y) is np.ndarray and y.dtype.char in "fd":  # spares the common case half the time
        check_finite(y, input_name)
        table = y
    else:
        table = check_array(y, ensure_2d=False, input_name=input_name)
    if table.ndim == 1:
        table = table[:, np.newaxis]
    if table.ndim != 2:
        raise ValueError(
            f"{input_name} must be (samples,) or (samples, outputs), it has shape {table.shape}"
        )
    if not table.size:
        raise ValueError(
            f"{input_name} has {len(table)} sample(s) and {table.shape[1]} output(s): a metric "
            "needs one of each"
        )
    return table


def check_single_output(y_true: NDArray[Any], metric: str) -> None:
    """Raise a ValueError if the table has several columns."""
    if y_true.shape[1] > 1:
        raise ValueError(f"Multioutput not supported in {metric}: y_true has shape {y_true.shape}")


def check_alpha(alpha: float) -> float:
    """Return the level of a quantile, within [0, 1]."""
    return float(check_scalar(alpha, "alpha", Real, min_val=0, max_val=1))


def residuals(y_true: NDArray[Any], y_pred: NDArray[Any]) -> Floats:
    """Return y − ŷ in float64, (N, M): a new array, which the caller may overwrite."""
    return np.subtract(y_true, y_pred, dtype=np.float64)


def itself(y: NDArray[Any]) -> NDArray[Any]:
    """Return y: the values of which a mean or a variance is taken."""
    return y


def mean_over_samples(
    values_of: Callable[..., Floats],
    tables: tuple[NDArray[Any], ...],
    weight: Floats | None,
    *,
    squared: bool = False,
) -> Floats:
    """Return Σ_i w_i v_i / Σ_i w_i of each column, (M,), for the values v = values_of(*tables).

    values_of: takes the same rows of each table and returns a new float64 table of them, (B, M). It is
        asked block by block, so that the values stay in the processor's cache and take no memory.
    squared: return the mean of v_i² instead.
    """
    n_samples, n_outputs = tables[0].shape
    size = max(1, BLOCK // n_outputs)
    total = np.zeros(n_outputs)
    for start in range(0, n_samples, size):
        rows = slice(start, start + size)
        values = values_of(*(table[rows] for table in tables))  # (B, M)
        if weight is None and squared:
            total += np.vecdot(values.T, values.T)
        elif weight is None and n_outputs == 1:
            total += np.add.reduce(values, axis=0)
        else:
            if squared:
                np.square(values, out=values)
            # Also without weights: NumPy's sum down the columns of a narrow table is ten times slower.
            factor = np.ones(len(values)) if weight is None else weight[rows]
            total += factor @ values  # (B,) @ (B, M) -> (M,)
    divisor = n_samples if weight is None else weight.sum()
    if divisor == 0:
        raise ZeroDivisionError("sample_weight sums to zero: the mean is not defined")
    mean: Floats = total / divisor
    return mean


def weighted_mean(
    values_of: Callable[..., NDArray[Any]], tables: tuple[NDArray[Any], ...], weight: Floats | None
) -> Floats:
    """Return the mean of each column of values_of(*tables), (M,): of a constant that constant, exactly.

    The first row with a weight is subtracted before the sum: the plain mean of ten times 0.1, as it is
    computed, is not 0.1.
    """
    i = 0 if weight is None or weight[0] else int((weight != 0).argmax())
    first = values_of(*(table[i : i + 1] for table in tables)).astype(np.float64)  # (1, M)
    mean: Floats = first[0] + mean_over_samples(
        lambda *rows: values_of(*rows) - first, tables, weight
    )
    return mean


def variance(
    values_of: Callable[..., NDArray[Any]], tables: tuple[NDArray[Any], ...], weight: Floats | None
) -> Floats:
    """Return Σ_i w_i (v_i − v̄)² / Σ_i w_i of each column of v = values_of(*tables), (M,).

    Of a constant it is 0, exactly.
    """
    mean = weighted_mean(values_of, tables, weight)
    return mean_over_samples(lambda *rows: values_of(*rows) - mean, tables, weight, squared=True)


def average_outputs(
    values: Floats,
    multioutput: str | ArrayLike | None,
    *,
    variances: Floats | None = None,
    one_weight: bool = False,
) -> float | Floats:
    """Return one number for the M outputs, or, with "raw_values", an array of them.

    multioutput: "uniform_average" or None, the plain mean; "raw_values"; M weights; or, where
        `variances` are given, "variance_weighted", with those as weights (if they are all zero: the
        plain mean).
    one_weight: whether the weight of a single output is taken, as scikit-learn's RMSE does.
    """
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return values
        if multioutput == "variance_weighted" and variances is not None:
            weights = variances if variances.any() else None
        elif multioutput == "uniform_average":
            weights = None
        else:
            allowed = ["raw_values", "uniform_average"]
            allowed += ["variance_weighted"] * (variances is not None)
            raise ValueError(
                f"multioutput must be one of {allowed} or weights, got {multioutput!r}"
            )
    elif multioutput is None:
        weights = None
    else:
        weights = check_array(
            multioutput, dtype=np.float64, ensure_2d=False, input_name="multioutput"
        )
        if len(values) == 1 and not one_weight:
            raise ValueError(
                "Custom weights are useful only in multi-output cases: y has one output"
            )
        if weights.shape != values.shape:
            raise ValueError(
                f"multioutput has weights of shape {weights.shape} for {len(values)} outputs"
            )
    if len(values) == 1 and weights is None:
        return float(values[0])
    return float(np.average(values, weights=weights))
