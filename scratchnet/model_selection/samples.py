"""Cutting whatever the user passed down to the samples of a fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.validation import check_consistent_length

__all__ = ["indexable", "take_params", "take_part"]


def indexable(**arrays: Any) -> list[Any]:
    """Return the arrays, all of one length, in a form whose samples can be taken; None stays None."""
    check_consistent_length(**arrays)
    return [_indexable(array) for array in arrays.values()]


def _indexable(data: Any) -> Any:
    if hasattr(data, "tocsr"):
        return data.tocsr()  # once, where `take_samples` would do it for every fold
    if data is None or hasattr(data, "__getitem__") or hasattr(data, "iloc"):
        return data
    return np.asarray(data)


def take_params(
    params: dict[str, Any], n_samples: int, indices: NDArray[np.intp]
) -> dict[str, Any]:
    """Return the arguments; of those that have one entry for each sample, the entries at `indices`."""
    if not params:
        return {}
    return {
        name: take_samples(_indexable(value), indices) if _is_each(value, n_samples) else value
        for name, value in params.items()
    }


def _is_each(value: Any, n_samples: int) -> bool:
    if isinstance(value, str | bytes | dict | set):
        return False
    is_array = hasattr(value, "__len__") or hasattr(value, "shape") or hasattr(value, "__array__")
    return is_array and getattr(value, "shape", None) != () and num_samples(value) == n_samples


def take_part(X: Any, indices: NDArray[np.intp], against: NDArray[np.intp] | None) -> Any:
    """Return the rows of X at `indices`; of a table of pairs of samples, also those columns.

    against: None, or, of a table that holds a kernel or distances, (N, N), the training samples.
    """
    if against is None:
        return take_samples(X, indices)
    if len(getattr(X, "shape", ())) != 2 or X.shape[0] != X.shape[1]:
        raise ValueError(
            "precomputed kernels or distances must be a square array, X has shape "
            f"{getattr(X, 'shape', None)} and type {type(X).__name__}"
        )
    return X[np.ix_(indices, against)]
