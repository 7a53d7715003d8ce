"""The table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.growth import sweeps
from benchmarks.harness import OURS, Row
from benchmarks.report import QUIET, disturbed, means


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print where and with what the figures are measured."""
    print(f"{facts['date']} · {facts['machine']} · threads on each side: {facts['threads']}")
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"Python {facts['python']}, {versions}")
    print(f"BLAS: {'; '.join(facts['blas'])}")
    for name, value in facts["environment"].items():
        print(f"environment: {name}={value}")


def print_heading(title: str, widths: tuple[int, int]) -> None:
    """Print a group's title and the heads of the columns; `widths` are those of cases and of peers."""
    print(f"\n{title}")
    print(
        f"  {'case':{widths[0]}}  {OURS:>10}  {'peer':>10}  {'':{widths[1]}}  {'ratio':>5}"
        f"  {'quartiles':^13}  {'roof':>5}  {'peak':>8}  {'its peak':>8}  {'others':>6}"
    )


def print_row(row: Row, widths: tuple[int, int], roof: float) -> None:
    """Print one row, flushed, since the next one may take seconds."""
    name = f"{label(row):{widths[0]}}"
    if row.error is not None:
        beside = f"beside {row.peer}: " if row.peer else ""
        print(f"  {name}  {beside}{row.error}", flush=True)
        return
    spread = "–" if row.ratio is None else f"{row.lower_quartile:.2f} … {row.upper_quartile:.2f}"
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    print(
        f"  {name}  {duration(row.seconds):>10}  {duration(row.peer_seconds):>10}"
        f"  {row.peer or '':{widths[1]}}  {ratio:>5}  {spread:^13}"
        f"  {percent(roof_fraction(row, roof)):>5}"
        f"  {megabytes(row.peak_bytes):>8}  {megabytes(row.peer_peak_bytes):>8}"
        f"  {percent(row.others):>6}",
        flush=True,
    )


def print_summary(rows: Sequence[Row], remarks: Mapping[str, Any]) -> None:
    """Print what closes a group: means, exponents, a warning, remarks."""
    for mean in means(rows):
        print(f"  geometric mean, {mean}")
    for sweep in sweeps(rows):
        part = f", {sweep.part}" if sweep.part else ""
        print(f"  {sweep.side}{part}: seconds ~ ({sweep.grows})^{sweep.exponent:.2f}")
    if found := disturbed(rows):
        print(
            f"  other processes took more than {QUIET:.0%} of the cores during "
            f"{len(found)} of {len(rows)} rows: do not trust these, measure again"
        )
    for remark, value in remarks.items():
        print(f"  {remark}: {value}")


def label(row: Row) -> str:
    """Return the name of the case, and of the part of it that the row is."""
    return f"{row.case}, {row.part}" if row.part else row.case


def roof_fraction(row: Row, roof: float) -> float | None:
    """Return our operations a second as a fraction of the roof, for what products bound."""
    if row.flops is None or not row.seconds:
        return None
    return row.flops / row.seconds / roof


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


def percent(fraction: float | None) -> str:
    """Return a fraction in whole percent."""
    return "–" if fraction is None else f"{fraction:.0%}"
