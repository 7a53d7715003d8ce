"""Modules made of modules: in a row, or in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from scratchnet.nn.module import Module

__all__ = ["ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules kept as attributes "0", "1", …, so that `state_dict` names them as torch does."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def __len__(self) -> int:
        return sum(1 for _ in self._slots())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._slots())

    def __getitem__(self, index: int | slice) -> Any:
        """Return a module; for a slice a container of the same kind that shares its modules."""
        if isinstance(index, slice):
            part = self._of(dict(list(self._slots())[index]))
            part.training = self.training  # a part of a network in eval mode runs in eval mode
            return part
        return getattr(self, self._name(index))

    def _of(self, modules: dict[str, Module]) -> Module:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), self._checked(module))

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._renumber(modules)

    def append(self, module: Module) -> Self:
        number = len(self)
        while hasattr(self, str(number)):  # a slice of a Sequential begins later than 0
            number += 1
        setattr(self, str(number), self._checked(module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        modules = list(self)
        modules.insert(index, self._checked(module))
        self._renumber(modules)
        return self

    def _renumber(self, modules: list[Module]) -> None:
        for name, _ in list(self._slots()):
            delattr(self, name)
        self.extend(modules)

    def _name(self, index: int) -> str:
        names = [name for name, _ in self._slots()]
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"index {index} is out of range for a {type(self).__name__} of {len(names)} modules"
            )
        return names[index]

    def _checked(self, module: Any) -> Module:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__} holds modules, got {type(module).__name__}: {module!r}"
            )
        return module


class Sequential(_Numbered):
    """Modules in a row: each takes what the one before returns.

        y = f_n(… f_2(f_1(x)))

    Given one by one, or as one dictionary that names them. A slice is a Sequential that shares the
    modules and, as in torch, their names: `net[:3](x)` is what the third module returns, and the keys
    of `net[3:].state_dict()` begin with 3. Deleting and inserting number all modules anew.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, self._checked(module))
        else:
            super().__init__(self._checked(module) for module in modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def _of(self, modules: dict[str, Module]) -> Sequential:
        return Sequential(modules)


class ModuleList(_Numbered):
    """A list of modules whose parameters are found; it has no `forward` of its own."""

    def _of(self, modules: dict[str, Module]) -> ModuleList:
        return ModuleList(modules.values())
