"""Operations on lines (N, C, L) by way of images of one row (N, C, 1, L): the mathematics is the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, no_array
from scratchnet.ops._window import Pair


def require_lines(name: str, x: Array) -> None:
    """Raise unless x is a batch, maybe an empty one, of lines that have entries."""
    if not isinstance(x, np.ndarray):
        raise no_array(name, x)
    if x.ndim != 3:
        alone = "; a single line is x[None]" if x.ndim == 2 else ""
        raise ValueError(
            f"{name} takes x of shape (N, C, L), got {x.ndim} dimensions: {x.shape}{alone}"
        )
    if x.shape[2] == 0:
        raise ValueError(f"{name} takes lines of at least one entry, got x {x.shape}")


def as_rows(name: str, x: Array) -> Array:
    """Return a batch of lines as a batch of images of one row; raise if it is none."""
    require_lines(name, x)
    return x[:, :, None]


def of_lines(y: Any, pullback: Pullback) -> tuple[Any, Pullback]:
    """Take the axis of rows out of an operation's outputs, and put it into their gradients."""

    def pullback_of_lines(dy: Any) -> tuple[Array]:
        if isinstance(dy, tuple):
            dy = tuple(None if part is None else part[:, :, None] for part in dy)
        else:
            dy = dy[:, :, None]
        return (pullback(dy)[0][:, :, 0],)

    if isinstance(y, tuple):
        return tuple(part[:, :, 0] for part in y), pullback_of_lines
    return y[:, :, 0], pullback_of_lines


def single(name: str, value: Pair, minimum: int) -> int:
    """Return an int, or the only one of a sequence; raise if it is none or too small."""
    numbers = tuple(value) if isinstance(value, Iterable) else (value,)
    if len(numbers) != 1 or not isinstance(numbers[0], int | np.integer):
        raise ValueError(f"{name} takes an int or a sequence of one, got {value!r}")
    if numbers[0] < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    return int(numbers[0])
