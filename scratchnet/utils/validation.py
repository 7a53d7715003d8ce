"""How estimators read what they are given: one table `X`, one vector `y`, weights, a random state.

Each function takes what the user passed and returns an array that needs no further check, or raises
one error with the values in hand. `N` is the number of samples, `D` that of features.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from scratchnet.exceptions import DataConversionWarning, NotFittedError
from scratchnet.utils.indexing import num_samples

__all__ = [
    "check_array",
    "check_consistent_length",
    "check_finite",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "check_scalar",
    "column_or_1d",
    "numeric_targets",
    "require_samples",
    "validate_data",
]

FLOATS = (np.float64, np.float32)


def check_array(
    array: ArrayLike,
    *,
    dtype: DTypeLike | Sequence[DTypeLike] | None = FLOATS,
    ensure_all_finite: bool | str = True,
    ensure_2d: bool = True,
    ensure_min_samples: int = 1,
    ensure_min_features: int = 1,
    input_name: str = "X",
) -> NDArray[Any]:
    """Return `array` as a NumPy array of numbers, (N, D), without a copy where none is needed.

    dtype: the types that are kept; everything else (integers, bools, objects that are numbers)
        becomes the first of them. None keeps whatever comes.
    ensure_all_finite: True refuses NaN and infinity, "allow-nan" infinity only, False neither.
    Raises TypeError for sparse matrices and for entries that are no numbers; ValueError for complex
    numbers, another rank than two, too few rows or columns, NaN and infinity.

    >>> check_array([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    >>> check_array([[1.0, 2.0], [float("nan"), 4.0]])
    Traceback (most recent call last):
    ValueError: Input X contains NaN: row 1, column 0
    """
    if hasattr(array, "tocsr"):  # what SciPy's sparse matrices and arrays have in common
        raise TypeError(
            f"{input_name} is sparse ({type(array).__name__}), which is not supported: "
            f"pass {input_name}.toarray()"
        )
    out = np.asarray(array)
    if out.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {input_name} has dtype {out.dtype}")
    if ensure_2d and out.ndim != 2:
        message = f"{input_name} must be a table (samples, features), it has shape {out.shape}"
        if out.ndim < 2:
            message += (
                f". Reshape your data: {input_name}.reshape(-1, 1) if it is one feature, "
                f"{input_name}.reshape(1, -1) if it is one sample"
            )
        raise ValueError(message)
    least = {"sample(s)": ensure_min_samples, "feature(s)": ensure_min_features}
    for (what, minimum), found in zip(least.items(), out.shape, strict=False):
        if ensure_2d and found < minimum:
            raise ValueError(
                f"{input_name} has {found} {what} (shape={out.shape}) while a minimum of "
                f"{minimum} is required."
            )
    if dtype is not None:
        types: Any = dtype if isinstance(dtype, list | tuple) else [dtype]
        kept = [np.dtype(t) for t in types]
        if out.dtype not in kept:
            if out.dtype.kind not in "biufOUS":
                raise TypeError(f"{input_name} must hold numbers, it has dtype {out.dtype}")
            try:
                out = out.astype(kept[0])
            except (TypeError, ValueError, OverflowError) as error:
                raise type(error)(f"{input_name} must hold numbers: {error}") from error
    if ensure_all_finite:
        check_finite(out, input_name, allow_nan=ensure_all_finite == "allow-nan")
    return out


def check_finite(array: NDArray[Any], input_name: str, *, allow_nan: bool = False) -> None:
    """Raise a ValueError that names the first NaN or infinity of `array`, if there is one.

    allow_nan: only an infinity is refused.

    >>> check_finite(np.array([1.0, np.inf]), "y_score")
    Traceback (most recent call last):
    ValueError: Input y_score contains infinity: row 1
    """
    if array.dtype.kind == "O":
        bad = np.array([value is None or value != value for value in array.flat], dtype=bool)
        bad = bad.reshape(array.shape)
    elif array.dtype.kind == "f":
        # A sum costs no memory, and is finite only if every entry is; one that overflowed is not,
        # and then each entry is looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(array.sum()):
                return
        bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    elif array.dtype.kind in "mM":
        bad = np.isnat(array)
    else:
        return
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        found = {"O": "NaN or None", "f": "NaN"}.get(array.dtype.kind, "NaT")
        if array.dtype.kind == "f" and np.isinf(array[place]):
            found = "infinity"
        where = ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column"), place, strict=False))
        others = int(bad.sum()) - 1
        raise ValueError(
            f"Input {input_name} contains {found}: {where}"
            + (f", and {others} more such entries" if others else "")
        )


def require_samples(array: NDArray[Any], input_name: str) -> None:
    """Raise a ValueError if `array`, which has a row for each sample, has none."""
    if not len(array):
        raise ValueError(
            f"{input_name} has 0 sample(s) (shape={array.shape}) while a minimum of 1 is required."
        )


def column_or_1d(y: ArrayLike, *, input_name: str = "y", warn: bool = False) -> NDArray[Any]:
    """Return `y` as a vector, (N,), of the dtype it has; (N, 1) is flattened, `warn` says so.

    NaN, infinity and None are refused, in arrays of objects too.
    """
    out = check_array(
        y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name=input_name
    )
    if out.ndim == 2 and out.shape[1] == 1:
        if warn:
            message = (
                f"A column-vector {input_name} was passed when a 1d array was expected: its "
                f"shape {out.shape} is read as {out.shape[:1]}, as {input_name}.ravel() would be"
            )
            warnings.warn(DataConversionWarning(message), stacklevel=4)
        out = out.ravel()
    if out.ndim != 1:
        raise ValueError(
            f"{input_name} should be a 1d array, got an array of shape {out.shape} instead."
        )
    check_finite(out, input_name)
    return out


def check_consistent_length(**arrays: Any) -> None:
    """Raise a ValueError that gives every length, unless all are equal. None is left out.

    >>> check_consistent_length(X=[[1], [2]], y=[0, 1, 1])
    Traceback (most recent call last):
    ValueError: the numbers of samples differ: X has 2, y has 3
    """
    lengths = {name: num_samples(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"the numbers of samples differ: {found}")


def check_sample_weight(
    sample_weight: ArrayLike | None, n_samples: int, dtype: DTypeLike = np.float64
) -> NDArray[Any]:
    """Return the weights as an array, (N,): ones for None, a number for every sample alike.

    Negative weights, and weights that are all zero, are refused.
    """
    if sample_weight is None:
        return np.ones(n_samples, dtype)
    weight = check_array(sample_weight, dtype=dtype, ensure_2d=False, input_name="sample_weight")
    if weight.ndim == 0:
        weight = np.full(n_samples, weight, dtype)
    if weight.shape != (n_samples,):
        raise ValueError(f"sample_weight has shape {weight.shape}, the data has {n_samples} rows")
    if weight.min(initial=0) < 0:
        row = int(weight.argmin())
        raise ValueError(f"sample_weight must not be negative: row {row} has {weight[row]}")
    if not weight.any():
        raise ValueError("sample_weight is zero for every sample: nothing is left to learn from")
    return weight


def check_random_state(
    seed: int | np.random.RandomState | None = None,
) -> np.random.RandomState:
    """Return the RandomState to draw from: the one given, or a new one from a seed.

    None gives a new, unpredictable one. (scikit-learn takes NumPy's global state there; nothing
    here reads or moves that.)
    """
    if isinstance(seed, np.random.RandomState):
        return seed
    if seed is None or isinstance(seed, numbers.Integral):
        return np.random.RandomState(seed)
    raise ValueError(f"random_state must be None, an int or a RandomState, got {seed!r}")


def check_scalar(
    x: Any,
    name: str,
    target_type: Any,
    *,
    min_val: float | None = None,
    max_val: float | None = None,
    include_boundaries: str = "both",
) -> Any:
    """Return `x`, a parameter called `name`, if it has the type and lies in the range.

    include_boundaries: "both", "left", "right" or "neither"; which ends belong to the range.
    Raises TypeError for another type, ValueError outside the range; NaN is outside of any.

    >>> check_scalar(0, "max_iter", int, min_val=1)
    Traceback (most recent call last):
    ValueError: max_iter must be at least 1, got 0
    """
    if not isinstance(x, target_type):
        types = target_type if isinstance(target_type, tuple) else (target_type,)
        names = " or ".join(t.__name__ for t in types)
        raise TypeError(f"{name} must be of type {names}, got {x!r} of type {type(x).__name__}")
    closed_left, closed_right = (include_boundaries in ("both", s) for s in ("left", "right"))
    if min_val is not None and not (x >= min_val if closed_left else x > min_val):
        raise ValueError(
            f"{name} must be {'at least' if closed_left else 'above'} {min_val}, got {x!r}"
        )
    if max_val is not None and not (x <= max_val if closed_right else x < max_val):
        raise ValueError(
            f"{name} must be {'at most' if closed_right else 'below'} {max_val}, got {x!r}"
        )
    return x


def check_is_fitted(
    estimator: Any, attributes: str | Sequence[str] | None = None, *, msg: str | None = None
) -> None:
    """Raise NotFittedError unless `estimator` has `attributes`, or any name that ends in `_`.

    msg: the text of the error; "%(name)s" in it stands for the estimator's class.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(f"check_is_fitted expects an estimator instance, got {estimator!r}")
    if attributes is not None:
        names = [attributes] if isinstance(attributes, str) else attributes
        is_fitted = all(hasattr(estimator, name) for name in names)
    elif hasattr(estimator, "__sklearn_is_fitted__"):
        is_fitted = estimator.__sklearn_is_fitted__()
    else:
        is_fitted = any(n.endswith("_") and not n.startswith("__") for n in vars(estimator))
    if not is_fitted:
        msg = msg or "This %(name)s is not fitted yet: call fit before using it"
        raise NotFittedError(msg % {"name": type(estimator).__name__})


def numeric_targets(y: ArrayLike, dtype: DTypeLike, *, input_name: str = "y") -> NDArray[Any]:
    """Return `y` as quantities: (N,) for one target, (N, M) for several, of this dtype."""
    out = check_array(y, ensure_2d=False, input_name=input_name)
    if out.ndim not in (1, 2) or 0 in out.shape[1:]:
        raise ValueError(
            f"{input_name} should be a 1d array, or a table (samples, targets), "
            f"it has shape {out.shape}"
        )
    return out.astype(dtype, copy=False)


def validate_data(
    estimator: Any,
    X: ArrayLike,
    y: Any = "no_validation",
    *,
    reset: bool = True,
    multi_output: bool = False,
    **check: Any,
) -> Any:
    """Return `X`, or `(X, y)` where `y` is passed, checked; keep or compare what `fit` saw.

    reset: in `fit`, remember the number of features (`n_features_in_`) and, of a DataFrame, their
        names (`feature_names_in_`); otherwise compare them with those remembered.
    multi_output: y holds quantities, (N,) or (N, M), and becomes of X's dtype; otherwise it is a
        vector of any kind.
    check: arguments of `check_array`.
    """
    name = type(estimator).__name__
    _check_feature_names(estimator, X, reset)
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    table = check_array(X, **check)
    n_features = table.shape[1]
    if reset:
        estimator.n_features_in_ = n_features
    elif n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_features} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    if isinstance(y, str) and y == "no_validation":
        return table
    target = numeric_targets(y, table.dtype) if multi_output else column_or_1d(y, warn=True)
    check_consistent_length(X=table, y=target)
    return table, target


def _check_feature_names(estimator: Any, X: Any, reset: bool) -> None:
    """Keep the names of a DataFrame's columns, or compare them with those that were kept."""
    name, names = type(estimator).__name__, _feature_names(X)
    kept = getattr(estimator, "feature_names_in_", None)
    if reset:
        if names is not None:
            estimator.feature_names_in_ = names
        elif kept is not None:
            del estimator.feature_names_in_
    elif (kept is None) != (names is None):
        message = (
            f"X has feature names, but {name} was fitted without feature names"
            if kept is None
            else f"X does not have valid feature names, but {name} was fitted with feature names"
        )
        warnings.warn(message, stacklevel=5)
    elif kept is not None and names is not None and list(kept) != list(names):
        unseen, missing = sorted(set(names) - set(kept)), sorted(set(kept) - set(names))
        message = "The feature names should match those that were passed during fit.\n"
        for title, group in (
            ("unseen at fit time", unseen),
            ("seen at fit time, yet now missing", missing),
        ):
            if group:
                listed = [f"- {feature}\n" for feature in group[:5]] + ["- ...\n"] * (
                    len(group) > 5
                )
                message += f"Feature names {title}:\n" + "".join(listed)
        if not unseen and not missing:
            message += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(message)


def _feature_names(X: Any) -> NDArray[Any] | None:
    """Return the column names of a DataFrame (pandas, polars), if all are strings; else None."""
    if isinstance(X, np.ndarray) or not hasattr(X, "columns") or not hasattr(X, "shape"):
        return None
    names = np.empty(len(X.columns), dtype=object)
    names[:] = list(X.columns)
    is_text = [isinstance(name, str) for name in names]
    if any(is_text) and not all(is_text):
        types = sorted({type(name).__name__ for name in names})
        raise TypeError(f"feature names must be all strings or none, X has columns of {types}")
    return names if any(is_text) else None
