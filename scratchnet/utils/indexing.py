"""How many samples something holds, and taking some of them, whatever it is: array, list, table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["num_samples", "take_samples"]


def num_samples(data: Any) -> int:
    """Return the length of the first axis of `data`: an array, a list, a DataFrame, a sparse matrix.

    >>> num_samples(np.zeros((3, 2))), num_samples(["a", "b"])
    (3, 2)
    """
    shape = getattr(data, "shape", None)
    if shape is None and not hasattr(data, "__len__") and hasattr(data, "__array__"):
        shape = np.asarray(data).shape
    if shape:
        return int(shape[0])
    # The length of an ensemble of estimators is the number of its members.
    if shape == () or not hasattr(data, "__len__") or hasattr(data, "fit"):
        raise TypeError(
            f"Expected sequence or array-like, got {data!r:.200} of type {type(data).__name__}"
        )
    return len(data)


def take_samples(data: Any, indices: NDArray[np.intp]) -> Any:
    """Return the samples of `data` at `indices`, in that order, in a container of the same type.

    A list, tuple or range gives a list; a DataFrame or Series keeps its index; a sparse matrix
    comes back in the CSR format, whose rows can be taken.

    >>> take_samples(["a", "b", "c"], np.array([2, 0]))
    ['c', 'a']
    """
    if hasattr(data, "iloc"):
        return data.iloc[indices]
    if hasattr(data, "tocsr"):
        return data.tocsr()[indices]
    if hasattr(data, "shape"):
        return data[indices]
    if hasattr(data, "__getitem__"):
        return [data[i] for i in indices.tolist()]
    return np.asarray(data)[indices]
