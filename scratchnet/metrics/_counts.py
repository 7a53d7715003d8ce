"""What nearly every classification metric is made of: how often true i was predicted as j.

    C_ij = Σ_n w_n [y_true_n = i] [y_pred_n = j]

`N` samples, `K` classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._targets import Targets, encode, from_zero
from scratchnet.utils.validation import column_or_1d

BLOCK = 1 << 15  # so many pairs at a time: what is computed of them stays in the cache
SMALL = 4096  # a table of so many cells costs nothing, however few the samples


class ClassCounts(NamedTuple):
    """For each label: the weight of the samples that have it, that are given it, and both.

    `total` is the weight of all samples; where each sample is counted by itself, that of its labels.
    """

    labels: NDArray[Any]
    true: NDArray[Any]  # (K,)
    predicted: NDArray[Any]  # (K,)
    correct: NDArray[Any]  # (K,)
    total: Any


def count_classes(targets: Targets) -> ClassCounts:
    """Return the counts of each class that occurs in `y_true` or `y_pred`, whatever its weight."""
    (true, pred), first, classes = encode(targets.y_true, targets.y_pred)
    K, weight, total = len(classes), targets.sample_weight, len(true)
    if weight is not None:
        weight = weight.astype(np.float64, copy=False)
        total = weight.sum()
    if _is_small(K, len(true)):
        table, is_present = _table_of_present(true, pred, first, K, weight)
        counts = table.sum(axis=1), table.sum(axis=0), table.diagonal()
    else:
        true, pred = from_zero(true, first), from_zero(pred, first)
        is_equal = true == pred
        of_equal = None if weight is None else weight[is_equal]
        is_present = (np.bincount(true, minlength=K) + np.bincount(pred, minlength=K)) > 0
        counts = (
            np.bincount(true, weight, minlength=K)[is_present],
            np.bincount(pred, weight, minlength=K)[is_present],
            np.bincount(true[is_equal], of_equal, minlength=K)[is_present],
        )
    labels = classes if is_present is None else classes[is_present]
    return ClassCounts(_with_dtype(labels, counts[0], targets), *counts, total)


def count_pairs(
    targets: Targets, labels: ArrayLike | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the labels and the table C, (K, K), in their order. Pairs with other labels are left out.

    labels: None for those that occur, sorted.
    Raises ValueError if none is given, or none of those given occurs in `y_true`.
    """
    weight = targets.sample_weight
    (true, pred), first, classes = encode(targets.y_true, targets.y_pred)
    if labels is None and _is_small(len(classes), len(true)):
        table, is_present = _table_of_present(true, pred, first, len(classes), weight)
        present = classes if is_present is None else classes[is_present]
        return _with_dtype(present, table.sum(axis=1), targets), table
    true, pred = from_zero(true, first), from_zero(pred, first)
    if labels is None:
        n_true, n_pred = (np.bincount(y, minlength=len(classes)) for y in (true, pred))
        is_present = n_true + n_pred > 0
        given = _with_dtype(classes[is_present], n_true[is_present], targets)
        row = is_present.cumsum() - 1
    else:
        given = column_or_1d(labels, input_name="labels")
        if not len(given):
            raise ValueError("'labels' should contain at least one label, it is empty")
        place = {label: i for i, label in enumerate(given.tolist())}
        row = np.array([place.get(label, -1) for label in classes.tolist()], np.intp)
        if not (row[true] >= 0).any():
            raise ValueError(
                "At least one label specified must be in y_true: none of "
                f"labels={given.tolist()} is among its {classes.tolist()[:20]}"
            )
    true, pred = row[true], row[pred]  # (N,), −1 where the label is left out
    is_kept = (true >= 0) & (pred >= 0)
    if not is_kept.all():
        true, pred = true[is_kept], pred[is_kept]
        weight = None if weight is None else weight[is_kept]
    return given, pair_table(true, pred, 0, len(given), weight)


def pair_table(
    true: NDArray[Any], pred: NDArray[Any], first: int, K: int, weight: NDArray[Any] | None
) -> NDArray[Any]:
    """Return the table C, (K, K), of codes in first … first + K − 1.

    Each pair has one number, K (true − first) + (pred − first), and `bincount` counts the numbers.
    Integer weights are summed as int64, exactly; only a sum beyond its range wraps around.
    """
    is_whole = weight is None or weight.dtype.kind != "f"
    if weight is not None and is_whole:
        largest = max(int(weight.max(initial=0)), -int(weight.min(initial=0)))
        if largest * len(weight) < 2**53:  # then float64 is exact, and bincount sums in float64
            return pair_table(true, pred, first, K, weight.astype(np.float64)).astype(np.int64)
    table = np.zeros(K * K, np.int64 if is_whole else np.float64)
    step = BLOCK if K * K <= BLOCK else len(true)  # a table that leaves the cache is gone over once
    buffer = np.empty(min(len(true), step), np.intp)
    for start in range(0, len(true), step):
        block = slice(start, start + step)
        pair = buffer[: len(true[block])]
        np.subtract(true[block], first, out=pair, dtype=np.intp, casting="unsafe")
        pair *= K
        np.add(pair, pred[block], out=pair, dtype=np.intp, casting="unsafe")
        pair -= first
        if weight is None:
            table += np.bincount(pair, minlength=K * K)
        elif is_whole:
            np.add.at(table, pair, weight[block].astype(np.int64))
        else:
            table += np.bincount(pair, weight[block], minlength=K * K)
    return table.reshape(K, K)


def count_indicators(
    true: NDArray[Any], pred: NDArray[Any], weight: NDArray[Any] | None, samplewise: bool
) -> NDArray[Any]:
    """Return a 2 × 2 table [[tn, fp], [fn, tp]] for each column, or each row, of (N, K) indicators.

    The same numbering as for pairs of classes: 2 true + pred, and 4 more for each further table.
    """
    N, K = true.shape
    pair = (
        (true != 0) * 2 + (pred != 0) + 4 * (np.arange(N)[:, None] if samplewise else np.arange(K))
    )
    weights = None if weight is None else np.repeat(weight, K)
    n_tables = N if samplewise else K
    return np.bincount(pair.ravel(), weights, minlength=4 * n_tables).reshape(n_tables, 2, 2)


def _is_small(K: int, N: int) -> bool:
    return K * K <= SMALL or K * K <= N


def _table_of_present(
    true: NDArray[Any], pred: NDArray[Any], first: int, K: int, weight: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return the table of the classes that occur, and which they are; None where all do."""
    table = pair_table(true, pred, first, K, None)
    is_present: NDArray[np.bool_] = np.logical_or(table.any(axis=0), table.any(axis=1))
    if weight is not None:
        table = pair_table(true, pred, first, K, weight)
    if is_present.all():
        return table, None
    return table[np.ix_(is_present, is_present)], is_present


def _with_dtype(labels: NDArray[Any], n_true: NDArray[Any], targets: Targets) -> NDArray[Any]:
    """Return whole numbers as the floats or bools that they were; those in `y_true` decide alone."""
    of_true, of_pred = (dtype.kind for dtype in targets.dtypes)
    kinds = {of_true} if n_true.all() else {of_true, of_pred}
    if "f" in kinds:
        return labels.astype(np.float64)
    return labels.astype(bool) if kinds == {"b"} else labels
