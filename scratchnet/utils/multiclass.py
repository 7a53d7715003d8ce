"""What kind of target `y` is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.validation import check_array, check_finite

__all__ = ["check_classification_targets", "type_of_target", "unique_labels"]


def check_classification_targets(y: NDArray[Any]) -> None:
    """Raise a ValueError if `y` holds quantities, floats with a fractional part, not classes."""
    if y.dtype.kind == "f" and (fractional := y != np.floor(y)).any():
        row = int(fractional.argmax())
        raise ValueError(
            f"Unknown label type: continuous. A classifier needs classes, y[{row}] is {y[row]}"
        )


def unique_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Return the classes in `y`, sorted. Raises where they cannot be: floats with fractions,
    strings beside numbers.

    >>> unique_labels(np.array(["b", "a", "b"]))
    array(['a', 'b'], dtype='<U1')
    """
    check_classification_targets(y)
    try:
        return np.unique(y)
    except TypeError as error:
        types = sorted({type(label).__name__ for label in y})
        raise TypeError(f"the labels in y are of several types: {', '.join(types)}") from error


def type_of_target(y: Any, input_name: str = "y") -> str:
    """Return what `y` holds, in scikit-learn's words.

        "binary"                  at most two classes, (N,) or (N, 1)
        "multiclass"              more than two classes, (N,) or (N, 1)
        "multilabel-indicator"    a table of zeros and ones (or of two values), (N, K), K > 1
        "multiclass-multioutput"  a table of classes
        "continuous"              floats with a fractional part, (N,) or (N, 1)
        "continuous-multioutput"  a table of such floats
        "unknown"                 anything else: of rank 3 or more, or objects that are no strings

    A table of integers with more than two different values is "multiclass-multioutput". One column
    counts as a vector.
    Raises ValueError for a sequence of sequences of labels, which was once a format for multilabel,
    and TypeError for labels that are bytes.

    >>> type_of_target([0, 1, 1]), type_of_target(["a", "b", "c"]), type_of_target([0.5, 1.0])
    ('binary', 'multiclass', 'continuous')
    """
    try:
        y = check_array(
            y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name=input_name
        )
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{input_name} holds sequences of different lengths") from error
        raise
    if y.ndim == 1 and len(y) and isinstance(y[0], list | tuple):
        raise ValueError(f"{input_name} holds sequences of labels: pass a table of zeros and ones")
    if y.dtype.kind == "S":
        raise TypeError(
            f"Support for labels represented as bytes is not supported: decode {input_name} to text"
        )
    several = y.ndim == 2 and y.shape[1] > 1
    if not y.size and y.ndim in (1, 2):
        return "binary" if y.ndim == 1 else "multilabel-indicator" if several else "unknown"
    if y.ndim not in (1, 2) or (y.dtype.kind == "O" and not isinstance(y.flat[0], str)):
        return "unknown"
    if y.dtype.kind == "f" and (y != np.floor(y)).any():  # NaN is unequal to its floor
        check_finite(y, input_name)
        return "continuous-multioutput" if several else "continuous"
    if several:
        is_indicator = y.dtype.kind in "biuf" and _has_two_values(y)
        return "multilabel-indicator" if is_indicator else "multiclass-multioutput"
    return "binary" if _has_two_values(y) else "multiclass"


def _has_two_values(y: NDArray[Any]) -> bool:
    """Return whether `y` has at most two different values. Sorting is avoided for numbers."""
    if y.dtype.kind == "b":
        return True
    if y.dtype.kind == "U":
        others = y[y != y.flat[0]]
        return not len(others) or bool((others == others[0]).all())
    if y.dtype.kind not in "iuf":
        return len(np.unique(y)) <= 2
    low, high = y.min(), y.max()
    if y.dtype.kind in "iu" and int(high) - int(low) <= 1:  # Python's integers do not overflow
        return True
    return bool(((y == low) | (y == high)).all())
