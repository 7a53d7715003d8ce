"""How cost grows: seconds ~ valueᵉ over the cases of a sweep, with e fitted.

    log seconds = e · log value + c,    e = Σ (v − v̄)(s − s̄) / Σ (v − v̄)²   (v, s: the logarithms)

e is 1 where twice the work takes twice the time, below 1 where overhead hides the work, 2 where a
matrix of n × n is filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import OURS, Row

LEAST = 3  # values, or there is nothing to fit


@dataclass(frozen=True)
class Sweep:
    """The seconds of one side over the values of what grows, ascending, and the exponent."""

    group: str
    grows: str
    part: str
    side: str
    values: list[float]
    seconds: list[float]
    exponent: float


def exponent(values: Sequence[float], seconds: Sequence[float]) -> float:
    """Return e of seconds ~ valueᵉ, by least squares on the logarithms.

    >>> round(exponent([1, 10, 100], [0.5, 50, 5000]), 9)
    2.0
    """
    v, s = np.log(values), np.log(seconds)
    v -= v.mean()
    return float(v @ s / (v @ v))


def sweeps(rows: Sequence[Row]) -> list[Sweep]:
    """Return the sweeps among the rows, for us and for each peer, as they come."""
    points: dict[tuple[str, str, str, str], dict[float, float]] = {}
    for row in rows:
        if row.sweep is not None:
            grows, value = row.sweep
            for side, seconds in ((OURS, row.seconds), (row.peer, row.peer_seconds)):
                if side is not None and seconds:
                    key = (row.group, grows, row.part, side)
                    points.setdefault(key, {}).setdefault(value, seconds)
    fitted = []
    for key, found in points.items():
        if len(found) >= LEAST:
            values = sorted(found)
            taken = [found[value] for value in values]
            fitted.append(Sweep(*key, values, taken, exponent(values, taken)))
    return fitted
