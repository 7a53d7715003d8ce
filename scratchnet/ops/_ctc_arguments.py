"""Checks that the loss of CTC and the decoding after it share: the blank and the lengths of the lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array, whole_number

__all__: list[str] = []


def require_blank(blank: Any, n_classes: int) -> int:
    """Return the blank as an int; raise unless it is one of the classes."""
    blank = whole_number("blank", blank)
    if not 0 <= blank < n_classes:
        raise ValueError(
            f"blank is one of the {n_classes} classes 0 … {n_classes - 1}, got {blank}"
        )
    return blank


def require_lengths(name: str, lengths: Array, low: int, high: int | None = None) -> Array:
    """Return the lengths of all lines as int64; raise unless each is in low … high (None: no end)."""
    found = lengths.reshape(lengths.size).astype(np.int64)
    wrong = (found < low) | (found > (np.inf if high is None else high))
    if wrong.any():
        at = int(np.argmax(wrong))
        allowed = f"at least {low}" if high is None else f"{low} … {high}"
        raise ValueError(f"{name}: a length is {allowed}, got {found[at]} for line {at}")
    return found
