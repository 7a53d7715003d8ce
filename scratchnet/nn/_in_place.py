"""Layers whose result may take the place of what they were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet._in_place import in_place
from scratchnet.nn.module import Module

__all__ = ["InPlace"]


class InPlace(Module):
    """A layer of one function, `function(x)`, whose result may take the place of x (`in_place`)."""

    function: Callable[[Any], Any]

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Any) -> Any:
        y = self.function(x)
        return in_place(x, y) if self.inplace else y

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""
