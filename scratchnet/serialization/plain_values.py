"""The check that a value from a pickle can be walked through by anybody, as one walks through a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scratchnet.serialization.limits import ADVICE

__all__ = ["check_plain"]

_DEEPEST = 100
_MOST_VALUES = 1 << 22

_NUMBERS = bool | int | float | complex | np.generic
_LEAVES = _NUMBERS | None | str | bytes | bytearray | slice | range | np.ndarray | np.dtype


def check_plain(value: Any, file_bytes: int = 0) -> None:
    """Raise ValueError unless a value is made of plain values, and is small when written out.

    A pickle can put a list into itself, and n lists that each hold the next one twice are 2ⁿ values
    for whoever prints them. So: no cycles, at most 100 levels, and at most 2²² values and as many
    again as the file has bytes, those that stand in several places counted in each. What is left
    over from the pickle's machinery (a class that nothing was made of) is no plain value either.

    The walk is a loop, and visits every container once.
    """
    counted: dict[int, tuple[int, int]] = {}  # of a container: its values, its levels
    open_containers: set[int] = set()
    most_values = _MOST_VALUES + file_bytes
    path = [_Level([value], most_values)]  # from the root to the container that is being visited
    while path:
        level = path[-1]
        for child in level.children:
            if not isinstance(child, dict | list | tuple | set | frozenset):
                _check_leaf(child)
                level.add(1, 0)
            elif id(child) in counted:
                level.add(*counted[id(child)])
            elif id(child) in open_containers:
                raise ValueError(f"a {type(child).__name__} contains itself")
            elif len(path) > _DEEPEST:
                raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
            else:
                open_containers.add(id(child))
                path.append(_Level(child, most_values))
                break
        else:
            path.pop()
            if path:
                counted[id(level.container)] = level.n_values + 1, level.height + 1
                open_containers.remove(id(level.container))
                path[-1].add(*counted[id(level.container)])


class _Level:
    """A container whose children are being visited, and what has been counted in it so far."""

    def __init__(self, container: Any, most_values: int) -> None:
        self.container = container
        self.most_values = most_values
        children: Iterable[Any] = container
        if isinstance(container, dict):
            children = [part for item in container.items() for part in item]
        self.children: Iterator[Any] = iter(children)
        self.n_values = self.height = 0

    def add(self, n_values: int, height: int) -> None:
        self.n_values += n_values
        self.height = max(self.height, height)
        if self.n_values > self.most_values:
            raise ValueError(
                f"it has more than {self.most_values} values when written out. {ADVICE}"
            )
        if self.height > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _check_leaf(value: Any) -> None:
    if not isinstance(value, _LEAVES):
        raise ValueError(
            f"it holds a {type(value).__name__}, a part of the pickle that is no value"
        )
