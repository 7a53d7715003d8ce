"""How the classification metrics read `y_true` and `y_pred`: classes, or tables of zeros and ones.

`N` is the number of samples, `K` that of classes (or of the columns of a table).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.utils.label_codes import label_codes
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_consistent_length, check_finite

BLOCK = 1 << 16  # strings are turned into Python's own so many at a time, for the memory's sake


class Targets(NamedTuple):
    """What was passed, checked: vectors of integers or strings, or tables (N, K) of two values.

    Floats that are whole numbers have become integers; `dtypes` are the types that were passed.
    """

    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    sample_weight: NDArray[Any] | None
    dtypes: tuple[np.dtype[Any], np.dtype[Any]]

    @property
    def is_multilabel(self) -> bool:
        return self.y_true.ndim == 2


class Encoded(NamedTuple):
    """Classes as integers: a sample of the class `classes[k]` has the code `first + k`.

    `classes` is sorted. Of integers it holds every one between the least and the largest, whether
    it occurs or not.
    """

    codes: list[NDArray[Any]]
    first: int
    classes: NDArray[Any]


def check_targets(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> Targets:
    """Return the labels and the weights, checked against each other.

    Raises ValueError for unequal lengths, no samples, NaN, quantities where classes are needed, a
    table beside a vector, strings beside numbers, and weights that are all zero.
    """
    true, pred = _read(y_true, "y_true"), _read(y_pred, "y_pred")
    if not (len(true) == len(pred) and sample_weight is None):
        check_consistent_length(y_true=true, y_pred=pred, sample_weight=sample_weight)
    true_kind, pred_kind = _kind(true, "y_true"), _kind(pred, "y_pred")
    if not len(true):
        raise ValueError(
            "Found empty input array: y_true and y_pred have no samples, at least one is needed"
        )
    weight = None if sample_weight is None else check_weight(sample_weight)
    if true_kind != pred_kind:
        types = type_of_target(true, "y_true"), type_of_target(pred, "y_pred")
        raise ValueError(
            f"Classification metrics can't handle a mix of {types[0]} and {types[1]} targets"
        )
    if true_kind not in ("classes", "multilabel-indicator"):
        raise ValueError(
            f"{true_kind} is not supported: y_true has the dtype {true.dtype}, the shape {true.shape}"
        )
    if true.ndim == 2 and true.shape != pred.shape:
        raise ValueError(
            f"y_true has {true.shape[1]} columns (one for each label), y_pred has {pred.shape[1]}"
        )
    if (true.dtype.kind in "UTO") != (pred.dtype.kind in "UTO"):
        raise ValueError(
            "Mix of label input types (string and number): "
            f"y_true starts with {true[0]!r}, y_pred with {pred[0]!r}"
        )
    dtypes = true.dtype, pred.dtype
    return Targets(_whole_numbers(true), _whole_numbers(pred), weight, dtypes)


def check_weight(sample_weight: ArrayLike) -> NDArray[Any]:
    """Return the weights, (N,). Integers stay integers; negative ones are allowed."""
    weight = check_array(sample_weight, dtype=None, ensure_2d=False, input_name="sample_weight")
    if weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be a vector, one for each sample; got the shape {weight.shape}"
        )
    if weight.dtype.kind not in "biuf":
        weight = weight.astype(np.float64)
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample: at least one must not be")
    return weight


def encode(*arrays: NDArray[Any]) -> Encoded:
    """Return the classes of several vectors together as integers.

    Integers in a range no longer than the vectors keep their values. Others are numbered.
    """
    if arrays[0].dtype.kind in "UTO":
        return _encode_text(arrays)
    first = min(int(y.min()) for y in arrays)
    last = max(int(y.max()) for y in arrays)  # Python's integers: the range cannot overflow
    if last - first <= max(1000, len(arrays[0])) and last < 2**63:
        return Encoded(list(arrays), first, np.arange(first, last + 1))
    # NumPy would make floats of int64 beside uint64, and merge labels beyond 2⁵³.
    dtype: Any = arrays[0].dtype
    if arrays[0].dtype != arrays[-1].dtype:
        dtype = np.int64 if last < 2**63 else np.uint64 if first >= 0 else object
    classes, codes = np.unique(
        np.concatenate([y.astype(dtype) for y in arrays]), return_inverse=True
    )
    ends = np.cumsum([len(y) for y in arrays])[:-1]
    return Encoded(np.split(codes, ends), 0, classes)


def from_zero(codes: NDArray[Any], first: int) -> NDArray[np.intp]:
    """Return codes − first: indices into the classes. A narrow type (int8) cannot overflow."""
    if first == 0:
        return codes.astype(np.intp, copy=False)
    return np.subtract(codes, first, dtype=np.intp, casting="unsafe")


def class_indices(y: ArrayLike, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted classes of one vector, and for each sample the index of its class.

    Raises ValueError where `y` is anything but a vector of classes.
    """
    array = _read(y, name)
    kind = _kind(array, name)
    if kind != "classes":
        raise ValueError(f"{name} must be a vector of classes, it is {kind}")
    if array.dtype.kind in "UTO":
        (codes,), _, classes = _encode_text((array,))
    else:
        classes, codes, _ = label_codes(array)
    return classes, codes


def _encode_text(arrays: tuple[NDArray[Any], ...]) -> Encoded:
    number: defaultdict[str, int] = defaultdict(count().__next__)  # a new string gets the next one
    codes = []
    for y in arrays:
        parts = (y[start : start + BLOCK].tolist() for start in range(0, len(y), BLOCK))
        numbers = map(number.__getitem__, chain.from_iterable(parts))
        codes.append(np.fromiter(numbers, np.intp, len(y)))
    names = sorted(number)
    rank = np.empty(len(names), np.intp)
    rank[[number[name] for name in names]] = np.arange(len(names))
    return Encoded([rank[c] for c in codes], 0, np.array(names))


def _read(y: Any, name: str) -> NDArray[Any]:
    """Return `y` as an array, (N,) or (N, K); one column is a vector."""
    if type(y) is np.ndarray:
        array = y
    else:
        try:
            array = check_array(
                y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name=name
            )
        except ValueError:
            type_of_target(y, name)  # says what is wrong with sequences of sequences
            raise
        if array.dtype.kind == "O" and not isinstance(getattr(y, "dtype", None), np.dtype):
            # A column of a data frame may hold numbers as objects: read what they are.
            array = np.asarray(array.tolist())
    if array.ndim == 2 and array.shape[1] == 1:
        return array.ravel()
    if array.ndim == 0:
        raise TypeError(f"{name} must be a sequence of labels, got {y!r}")
    return array


def _kind(y: NDArray[Any], name: str) -> str:
    """Return "classes" for a vector of them, otherwise scikit-learn's word for what `y` holds."""
    if y.ndim != 1:
        return type_of_target(y, name)
    kind = y.dtype.kind
    if kind in "biuUT" or not len(y):
        return "classes"
    if kind == "f":
        with np.errstate(invalid="ignore"):  # NaN becomes some integer, which is unequal to it
            if (y.astype(np.int64) == y).all():
                return "classes"
        check_finite(y, name)
        return "continuous"
    if kind == "S":
        raise TypeError(f"{name} holds bytes: convert the labels to strings, y.astype(str)")
    if kind == "O" and isinstance(y[0], str):
        others = {type(label) for label in y.tolist()} - {str, np.str_}
        if others:
            found = ", ".join(sorted(t.__name__ for t in others))
            raise TypeError(f"{name} holds labels of several types: str, {found}")
        return "classes"
    return type_of_target(y, name)


def _whole_numbers(y: NDArray[Any]) -> NDArray[Any]:
    return y.astype(np.int64) if y.dtype.kind == "f" and y.ndim == 1 else y
