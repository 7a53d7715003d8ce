"""Columns of numbers in few bytes: digit place by digit place, sorted so that like stands beside like.

A column is a line of text, `name,decimals,keys,place,place,…`:

    decimals   x = integer / 10^decimals
    keys       which earlier columns tell most about this one: their numbers, from 0
    place      a digit of every sample, the leading ones first: the characters chr(48 + digit)

        integer[n] = Σ_p digit[n, p] · 10^(P − 1 − p),   p = 0 … P − 1

In place p the samples stand in the order of the digits already read. Samples equal in these stand in
the order of the last key, then of the key before it, and so on, at last of their number. Who has read
that far knows this order, so it is not stored. The better the digits read foretell the next one, the
longer are its runs, and runs compress well: sorted by their radii, cells have almost sorted areas.

A digit may exceed 9: a pixel of 0 to 16 is one character from 0 to @.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_columns"]


def read_columns(lines: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Return the columns by name, in the order of the lines.

    Each value is the float64 that `float` reads from the decimal: integer and power of ten are exact
    (the one below 2⁵³, the other up to 10²²), and their quotient is rounded once.

    Radii 0.5, 1.4, 1.2, 0.7: their units, then their tenths, first those of 0.5 and 0.7. Areas 7, 37,
    27, 17 in the order of the radii 0.5, 0.7, 1.2, 1.4:

    >>> for column in read_columns(["radius,1,,0110,5742", "area,0,0,0123,7777"]).values():
    ...     print(column)
    [0.5 1.4 1.2 0.7]
    [ 7. 37. 27. 17.]
    """
    names: list[str] = []
    columns: list[NDArray[np.float64]] = []
    for line in lines:
        name, decimals, keys, *places = line.rstrip("\n").split(",")
        known = [columns[int(key)] for key in keys.split()]
        integers = np.zeros(len(places[0]), dtype=np.int64)
        for place in places:
            order = np.lexsort([*known, integers])  # the last sorts first, the others its ties
            digits = np.frombuffer(place.encode("ascii"), dtype=np.uint8) - 48
            integers[order] = 10 * integers[order] + digits
        names.append(name)
        columns.append(integers / 10 ** int(decimals))
    return dict(zip(names, columns, strict=True))
