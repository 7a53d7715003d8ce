"""What layers check before they use it: sizes when they are made, the dtype of x when they are called."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import no_array, whole_number


def size(name: str, value: Any) -> int:
    """Return a number of channels or features as an int; raise unless it is a whole number above 0."""
    n = whole_number(name, value)
    if n < 1:
        raise ValueError(f"{name} must be at least 1, got {n}")
    return n


def flag(layer: Any, name: str, value: Any) -> bool:
    """Return an option that is on or off; raise for a number, an argument that has slipped."""
    if not isinstance(value, bool):
        raise TypeError(f"{type(layer).__name__}: {name} is True or False, got {value!r}")
    return value


def require_dtype(layer: Any, x: Any, dtype: np.dtype[Any], key: str = "x") -> None:
    """Raise unless x has the dtype of the layer's arrays: casting silently would double the work.

    key: the name of the argument, for the message.
    """
    found = getattr(x, "dtype", None)
    if found == dtype:
        return
    name = type(layer).__name__
    if not isinstance(found, np.dtype):
        raise no_array(name, x, "" if key == "x" else key)
    other_way = f", or the module with .to(np.{found})" if found.kind == "f" else ""
    raise TypeError(
        f"{name} holds {dtype} arrays, {key} is {found} {x.shape}: "
        f"convert {key} with {key}.astype(np.{dtype}){other_way}"
    )
