"""The table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.harness import OURS, Row, geometric_mean

QUIET = 0.05  # of the cores may be taken by other processes


def print_facts(facts: dict[str, Any]) -> None:
    """Print where and with what the figures are measured."""
    print(f"{facts['date']} · {facts['machine']} · threads on each side: {facts['threads']}")
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"Python {facts['python']}, {versions}")
    print(f"BLAS: {'; '.join(facts['blas'])}")
    for name, value in facts["environment"].items():
        print(f"environment: {name}={value}")


def print_heading(title: str, width: int) -> None:
    """Print a group's title and the heads of the columns; `width` is that of the first."""
    print(f"\n{title}")
    print(
        f"  {'case':{width}}  {OURS:>10}  {'peer':>10}  {'':10}  {'ratio':>5}  {'quartiles':^13}"
        f"  {'peak':>8}  {'its peak':>8}  {'others':>6}"
    )


def print_row(row: Row, width: int) -> None:
    """Print one row, flushed, since the next one may take seconds."""
    name = f"{row.case}, {row.part}" if row.part else row.case
    if row.error is not None:
        beside = f"beside {row.peer}: " if row.peer else ""
        print(f"  {name:{width}}  {beside}{row.error}", flush=True)
        return
    spread = "–" if row.ratio is None else f"{row.lower_quartile:.2f} … {row.upper_quartile:.2f}"
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    print(
        f"  {name:{width}}  {duration(row.seconds):>10}  {duration(row.peer_seconds):>10}"
        f"  {row.peer or '':10}  {ratio:>5}  {spread:^13}"
        f"  {megabytes(row.peak_bytes):>8}  {megabytes(row.peer_peak_bytes):>8}"
        f"  {'–' if row.others is None else f'{row.others:.0%}':>6}",
        flush=True,
    )


def disturbed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that cannot be trusted, because other processes took part of the cores."""
    return [row for row in rows if row.others is not None and row.others > QUIET]


def means(rows: Sequence[Row]) -> dict[str, float]:
    """Return the geometric means of the ratios, named by what they are over and beside which peer."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if row.mean is not None and row.ratio is not None:
            ratios.setdefault(f"{row.mean}, {OURS} / {row.peer}", []).append(row.ratio)
    return {f"{name}, {len(r)} rows": geometric_mean(r) for name, r in ratios.items()}


def duration(seconds: float | None) -> str:
    """Return seconds with three digits and the unit that suits them.

    >>> duration(0.0123), duration(2.5e-6), duration(187.0)
    ('12.3 ms', '2.50 µs', '187 s')
    """
    if seconds is None:
        return "–"
    unit, scale = ("µs", 1e6) if seconds < 1e-3 else ("ms", 1e3) if seconds < 1 else ("s", 1.0)
    value = seconds * scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def megabytes(n_bytes: int | None) -> str:
    """Return a number of bytes in MB of 10⁶ bytes."""
    return "–" if n_bytes is None else f"{n_bytes / 1e6:.1f} MB"
