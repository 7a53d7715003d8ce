"""The container in which a data set is returned."""

from __future__ import annotations

from typing import Any

__all__ = ["Bunch"]


class Bunch(dict[str, Any]):
    """A dict whose entries are attributes too: `bunch["data"]` is `bunch.data`.

    >>> bunch = Bunch(data=[1, 2], target=[0, 1])
    >>> bunch.target = [1, 1]
    >>> bunch
    {'data': [1, 2], 'target': [1, 1]}
    """

    def __getattr__(self, name: str) -> Any:
        # Called only where the usual look-up has failed; copy and pickle need the AttributeError.
        if name not in self:
            raise AttributeError(f"no {name!r} here; there are {', '.join(map(str, self))}")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]
