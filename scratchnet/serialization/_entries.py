"""Entries that are not in a file as NumPy has them in memory: bfloat16 and bool."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["are_bools", "is_widened", "widened"]


class _Widened(np.ndarray):
    """The memory of what was widened: the arrays that are handed out are plain views of it."""


def widened(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Return bfloat16, given as uint16, as float32: it is the upper half of one, the lower half is 0.

    >>> widened(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    wide = _Widened(bits.shape, np.uint32)  # it owns the memory: NumPy passes over views of its own
    wide[...] = bits
    wide <<= 16
    return wide.view(np.float32).view(np.ndarray)


def is_widened(array: NDArray[Any]) -> bool:
    """Tell whether an array, or what it is a view of, was bfloat16 in the file that it was read from.

    NumPy has no bfloat16, so it is read as float32. What is computed or copied from such an array is
    an array like any other.
    """
    part: Any = array
    while isinstance(part, np.ndarray):
        if isinstance(part, _Widened):
            return True
        part = part.base
    return False


def are_bools(data: NDArray[Any]) -> bool:
    """Tell whether bytes are all 0 or 1, which NumPy takes for granted of a bool in memory.

    >>> are_bools(np.array([0, 1], np.uint8)), are_bools(np.array([2], np.uint8))
    (True, False)
    """
    return bool(data.view(np.uint8).max(initial=0) <= 1)
