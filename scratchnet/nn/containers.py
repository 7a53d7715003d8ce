"""Modules made of modules: in a row, or in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scratchnet.nn.module import Module

__all__ = ["ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules kept as attributes "0", "1", …, so that `state_dict` names them as torch does."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__} holds modules, got {type(module).__name__}: {module!r}"
            )
        setattr(self, str(len(self)), module)

    def __len__(self) -> int:
        return sum(1 for _ in self.named_children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.children())[index]
        return found if isinstance(found, Module) else type(self)._of(found)

    @classmethod
    def _of(cls, modules: list[Module]) -> Any:
        """Return a container of the same kind, sharing the modules."""
        raise NotImplementedError


class Sequential(_Numbered):
    """Modules in a row: each takes what the one before returns.

        y = f_n(… f_2(f_1(x)))

    A slice of it is a Sequential that shares its modules: `net[:3](x)` gives the third one's output.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, *inputs: Any) -> Any:
        x = inputs[0]
        for module in self:
            x = module(x)
        return x

    @classmethod
    def _of(cls, modules: list[Module]) -> Sequential:
        return Sequential(*modules)


class ModuleList(_Numbered):
    """A list of modules whose parameters are found; it has no `forward` of its own."""

    @classmethod
    def _of(cls, modules: list[Module]) -> ModuleList:
        return ModuleList(modules)
