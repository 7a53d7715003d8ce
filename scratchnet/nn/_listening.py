"""Hearing what the modules inside a network return, and changing it, without touching the modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

Listener = Callable[
    [Any, Any], Any
]  # from a module and what its call returns to what it is to return

# By the number of the thread, in which all calls of modules are heard; empty nearly always, so that
# `Module.__call__` need only ask whether it is.
listeners: dict[int, tuple[Listener, ...]] = {}


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within this context, let the listener replace what each call of a module in this thread returns.

    Contexts may be nested: the inner listener hears what the outer one made of it.
    """
    thread, before = get_ident(), listeners.get(get_ident(), ())
    listeners[thread] = (*before, listener)
    try:
        yield
    finally:
        if before:
            listeners[thread] = before
        else:
            del listeners[thread]


def heard(module: Any, out: Any) -> Any:
    """Return what the listeners of this thread make of what a module returns."""
    for listener in listeners.get(get_ident(), ()):
        out = listener(module, out)
    return out
