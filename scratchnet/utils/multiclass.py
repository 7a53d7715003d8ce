"""What kind of target `y` is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_classification_targets", "unique_labels"]


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
