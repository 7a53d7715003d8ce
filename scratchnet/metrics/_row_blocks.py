"""Tables taken in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_row_blocks"]

BLOCK = 2**14  # entries: what is made of a block stays in the second-level cache


def by_row_blocks(
    function: Callable[..., NDArray[Any]], *tables: NDArray[Any]
) -> NDArray[np.float64]:
    """Return `function(*tables)`, a number for each row, (N,), from one block of rows after another.

    The function may then make arrays of a block's size as it likes: they cost little memory, and no
    time to fetch.
    """
    n_rows, n_columns = tables[0].shape
    rows = max(1, BLOCK // n_columns)
    out = np.empty(n_rows)
    for start in range(0, n_rows, rows):
        block = slice(start, start + rows)
        out[block] = function(*(table[block] for table in tables))
    return out
