"""Whether operations are recorded: `no_grad` and `enable_grad`, each thread for itself."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import Any

__all__ = ["enable_grad", "is_grad_enabled", "mode", "no_grad", "switched"]

_SUSPENDS = 0x20 | 0x80 | 0x200  # inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR


class _Mode(threading.local):
    recording = True


mode = _Mode()
switched: list[None] = []  # an entry for each thread that does not record: if none, all do


class _SetRecording(ContextDecorator):
    """Set, within the context and in this thread, whether operations are recorded."""

    recording: bool

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __call__(self, function: Any) -> Any:
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _SUSPENDS:
            raise TypeError(
                f"{type(self).__name__} as a decorator would end before {function.__name__} runs: "
                "use it as a context around the work between two yields, never around a yield"
            )
        return super().__call__(function)

    def _recreate_cm(self) -> _SetRecording:
        return type(self)()  # a decorated function may run in several threads at once

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        _set(self.recording)

    def __exit__(self, *exc: object) -> None:
        _set(self._before.pop())


def _set(recording: bool) -> None:
    if mode.recording != recording:
        mode.recording = recording
        if recording:
            switched.pop()
        else:
            switched.append(None)


class no_grad(_SetRecording):
    """Within this context, in this thread, nothing is recorded. Also a decorator of functions.

    >>> from scratchnet import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    recording = False


class enable_grad(_SetRecording):
    """Within this context operations are recorded again, inside a `no_grad`. Also a decorator."""

    recording = True


def is_grad_enabled() -> bool:
    """Return whether operations are recorded at present in this thread."""
    return not switched or mode.recording
