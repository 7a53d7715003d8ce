"""What a module is given and returns: arrays and Tensors, also inside tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.autograd import Tensor


def holds_tensor(value: Any) -> bool:
    """Return whether the value is a Tensor or a container with one inside."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return isinstance(value, Tensor) or (
        isinstance(value, list | tuple) and any(map(holds_tensor, value))
    )


def convert(kind: type, function: Callable[[Any], Any], value: Any) -> Any:
    """Return the value with function(v) for each v of this kind in it."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, dict):
        return {key: convert(kind, function, v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        parts = [convert(kind, function, v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
