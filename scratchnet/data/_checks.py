"""Checks of arguments that the files of this package share."""

from __future__ import annotations

from typing import Any

import numpy as np


def positive_integer(name: str, value: Any) -> int:
    """Return the value as an int; ValueError if it is no whole number above 0, or a bool."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return int(value)
