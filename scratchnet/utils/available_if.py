"""Methods that an object has only under a condition."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

__all__ = ["available_if"]


class _ConditionalMethod:
    """What stands in a class for such a method; looking it up on an instance asks the condition."""

    def __init__(self, function: Callable[..., Any], check: Callable[[Any], bool]) -> None:
        self.function = function
        self.check = check
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the method bound to the instance, or of the class the plain function."""
        if instance is None:
            return self.function
        name = self.function.__name__
        missing = f"This {owner.__name__!r} has no attribute {name!r}"
        try:
            is_there = self.check(instance)
        except AttributeError as error:
            raise AttributeError(missing) from error
        if not is_there:
            raise AttributeError(missing)
        return MethodType(self.function, instance)


def available_if(check: Callable[[Any], bool]) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator: the instance has the method only where `check(instance)` is true.

    Elsewhere, and where the check raises AttributeError, looking the method up raises AttributeError, so
    that `hasattr` tells the truth about a pipeline whose last step cannot predict.

    >>> class Door:
    ...     is_open = False
    ...     @available_if(lambda self: self.is_open)
    ...     def walk_through(self):
    ...         return "inside"
    >>> door = Door()
    >>> hasattr(door, "walk_through")
    False
    >>> door.is_open = True
    >>> door.walk_through()
    'inside'
    """
    return lambda function: _ConditionalMethod(function, check)
