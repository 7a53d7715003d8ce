"""All that is in a file of weights, by name: what `inspect` lists, `convert` writes, `classify` looks in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from scratchnet.cli.error import CommandError
from scratchnet.serialization.state import flatten, is_array

__all__ = ["Unnamed", "entries_of", "kind_of"]


class Unnamed:
    """A dictionary in which a key is no name, such as None or a tuple."""

    def __init__(self, state: Mapping[Any, Any], holds_arrays: bool) -> None:
        self.state, self.holds_arrays = state, holds_arrays

    def __repr__(self) -> str:
        return f"Unnamed({self.state!r})"


def entries_of(state: Mapping[Any, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the values of the state in a file by their dotted names, as `flatten` does.

    Lists and tuples that hold arrays are opened too: `shadow.0`, `shadow.1`. A dictionary inside with
    keys that are no names is one value. What `flatten` refuses is a CommandError that names the file.

    >>> import numpy as np
    >>> a, b = np.float32(1), np.float32(2)
    >>> entries_of({"ema": [a, (0.5, b)], "betas": [0.9], "m": {None: "x"}}, "run.pt")
    {'ema.0': np.float32(1.0), 'ema.1.0': 0.5, 'ema.1.1': np.float32(2.0), 'betas': [0.9],
     'm': Unnamed({None: 'x'})}
    """
    try:
        return flatten(_View(state, _Survey(state)))
    except (TypeError, ValueError) as error:
        raise CommandError(f"{os.fspath(path)}: {error}") from error


def kind_of(value: Any) -> str:
    """Return in words of which type a value is."""
    if not isinstance(value, Unnamed):
        return type(value).__name__
    return "dict whose keys are no names" + (", with arrays" if value.holds_arrays else "")


class _View(Mapping[Any, Any]):
    """A dictionary as `flatten` is to see it; what is inside is looked at when `flatten` comes there."""

    def __init__(self, state: Mapping[Any, Any], survey: _Survey) -> None:
        self.state, self.survey = state, survey

    def __getitem__(self, key: Any) -> Any:
        value, survey = self.state[key], self.survey
        holds_arrays = id(value) in survey.holding
        if isinstance(value, Mapping):
            is_named = id(value) not in survey.unnamed
            return _View(value, survey) if is_named else Unnamed(value, holds_arrays)
        if isinstance(value, list | tuple) and holds_arrays:
            return _View(dict(enumerate(value)), survey)
        return value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)


class _Survey:
    """What there is in a state, in sets of the ids of containers.

    holding   lists, tuples and dictionaries that hold an array, or hold one that does
    unnamed   dictionaries with keys that are no names

    A file may hold a list twice, or in itself: each is looked at once, and then the way goes back from
    the arrays to what is around them.
    """

    def __init__(self, state: Mapping[Any, Any]) -> None:
        self.holding: set[int] = set()
        self.unnamed: set[int] = set()
        around: dict[int, list[int]] = {id(state): []}
        waiting: list[Any] = [state]
        with_arrays: list[int] = []
        while waiting:
            outer = waiting.pop()
            if isinstance(outer, Mapping) and not all(map(_is_name, outer)):
                self.unnamed.add(id(outer))
            for value in outer.values() if isinstance(outer, Mapping) else outer:
                if is_array(value):
                    with_arrays.append(id(outer))
                elif isinstance(value, Mapping | list | tuple):
                    if id(value) not in around:
                        around[id(value)] = []
                        waiting.append(value)
                    around[id(value)].append(id(outer))
        while with_arrays:
            one = with_arrays.pop()
            if one not in self.holding:
                self.holding.add(one)
                with_arrays += around[one]


def _is_name(key: Any) -> bool:
    return isinstance(key, str | int) and not isinstance(key, bool)
