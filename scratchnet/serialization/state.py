"""States: dictionaries of arrays by name, nested or flat.

A nested state has dictionaries inside, `{"model": {"conv.weight": ...}, "epoch": 3}`; in a flat one
every array has its dotted name, `{"model.conv.weight": ...}`, which is what files of safetensors and
npz hold. From flat to nested there is no way back, because a name may have had its dots before: take
a part with `strip_prefix`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.serialization.errors import printable

__all__ = ["arrays_of", "flatten", "is_array", "strip_prefix"]

# A PyTorch checkpoint may hold a dictionary that contains itself, or one that contains twice the
# same one, which contains twice the same one, and so on: 2ⁿ long names in n entries.
_DEEPEST = 32
_MOST = 100_000_000  # characters of names, where each entry counts as 100 more


def is_array(value: Any) -> bool:
    """Tell whether a value is an array, a NumPy number, or a tensor of ours or of torch."""
    return isinstance(value, np.ndarray | np.generic) or hasattr(value, "detach")


def flatten(state: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the values of a nested state by their dotted names; lists are values, not opened.

    Keys are strings, or integers as an optimiser's state has them. Raises TypeError for other keys,
    and ValueError if two values get one name, for a state that contains itself, and for one of about
    a million entries or more.

    >>> flatten({"model": {"weight": 1.0, "bias": 2.0}, "epoch": 3})
    {'model.weight': 1.0, 'model.bias': 2.0, 'epoch': 3}
    """
    _check_depth(state, 0)
    flat: dict[str, Any] = {}
    open_dicts = [("", iter(state.items()))]  # from the state down to where we are
    spent = 0
    while open_dicts:
        prefix, items = open_dicts[-1]
        for key, value in items:
            name = f"{prefix}{_checked(key, prefix)}"
            spent += len(name) + 100
            if spent > _MOST:
                raise ValueError(f"the state has too many names: more than {_MOST} characters")
            if isinstance(value, Mapping):
                _check_depth(value, len(open_dicts))
                open_dicts.append((f"{name}.", iter(value.items())))
                break
            if name in flat:
                raise ValueError(f"two values of the state share the name '{printable(name)}'")
            flat[name] = value
        else:
            open_dicts.pop()
    return flat


def strip_prefix(state: Mapping[Any, Any], prefix: str) -> dict[Any, Any]:
    """Return the state with the prefix taken from every name that begins with it.

    Names inside nested dictionaries count too. `"module."` is what torch's DataParallel puts before
    each name; as with torch's `consume_prefix_in_state_dict_if_present`, names without the prefix
    stay as they are. Raises ValueError if two names would become one.

    >>> strip_prefix({"module.fc.weight": 1.0, "step": 2}, "module.")
    {'fc.weight': 1.0, 'step': 2}
    """
    return _stripped(state, prefix, 0, {})


def arrays_of(state: Mapping[Any, Any], holds: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a nested state by dotted name, for a file that `holds` arrays only.

    Raises TypeError that names the entry for anything that is no array.
    """
    return {name: _array(name, value, holds) for name, value in flatten(state).items()}


def _array(name: str, value: Any, holds: str) -> NDArray[Any]:
    if not is_array(value):
        raise TypeError(
            f"{printable(name)} is of type {type(value).__name__}: {holds} holds arrays only"
        )
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{printable(name)} is a masked array: fill it, as in x.filled(0)")
    try:
        return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
    # Of torch's tensors, dtypes that NumPy lacks (TypeError); conjugated, nested ones and the like.
    except (TypeError, RuntimeError) as error:
        reason = printable(f"{error}".partition("\n")[0], 300)
        raise TypeError(f"{printable(name)} cannot become an array: {reason}") from error


def _checked(key: Any, prefix: str) -> str | int:
    if isinstance(key, bool) or not isinstance(key, str | int):
        place = printable(prefix) or "the state"
        raise TypeError(f"names are strings, {place} holds a key of type {type(key).__name__}")
    return key


def _stripped(
    state: Mapping[Any, Any], prefix: str, depth: int, done: dict[int, dict[Any, Any]]
) -> dict[Any, Any]:
    """Return a stripped copy; a dictionary that occurs twice is copied once."""
    _check_depth(state, depth)
    found: dict[Any, Any] = {}
    for key, value in state.items():
        name = key.removeprefix(prefix) if isinstance(key, str) else key
        if name in found:
            raise ValueError(f"without {prefix!r} two entries have the name '{printable(name)}'")
        if isinstance(value, Mapping):
            if id(value) not in done:
                done[id(value)] = _stripped(value, prefix, depth + 1, done)
            value = done[id(value)]
        found[name] = value
    return found


def _check_depth(state: Any, depth: int) -> None:
    if not isinstance(state, Mapping):
        raise TypeError(f"a state is a mapping of names to arrays, got {type(state).__name__}")
    if depth > _DEEPEST:
        raise ValueError(f"the state is nested more than {_DEEPEST} deep, or contains itself")
