"""What one run has found: the facts, the roof, the rows, and what follows from the rows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.growth import Sweep, sweeps
from benchmarks.harness import OURS, Row, geometric_mean

QUIET = 0.05  # of the cores may be taken by other processes


@dataclass(frozen=True)
class Mean:
    """The geometric mean of the ratios of some rows of a group beside one peer."""

    group: str
    over: str
    peer: str
    ratio: float
    rows: int

    def __str__(self) -> str:
        return f"{self.over}, {OURS} / {self.peer}, {self.rows} rows: {self.ratio:.2f}"


@dataclass
class Report:
    """One run.

    facts: as `machine.facts` gives them
    roofs: floating-point operations a second, at the start and at the end
    titles: what each group measures, in the order of the run
    remarks: what each group tells beside its rows
    """

    facts: dict[str, Any]
    roofs: list[float] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    remarks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def roof(self) -> float:
        """The higher one: a roof that others have lowered is not the machine's."""
        return max(self.roofs)

    def of_group(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.group == name]

    def means(self) -> list[Mean]:
        return means(self.rows)

    def sweeps(self) -> list[Sweep]:
        return sweeps(self.rows)


def means(rows: Sequence[Row]) -> list[Mean]:
    """Return a mean for each name that `mean` has in a group, and for each peer."""
    ratios: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if row.mean is not None and row.peer is not None and row.ratio is not None:
            ratios.setdefault((row.group, row.mean, row.peer), []).append(row.ratio)
    return [Mean(*key, geometric_mean(found), len(found)) for key, found in ratios.items()]


def disturbed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that cannot be trusted, because other processes took part of the cores."""
    return [row for row in rows if row.others is not None and row.others > QUIET]


def write(file: Path, report: Report) -> None:
    """Write the report, with what follows from the rows for readers of the file."""
    derived = {
        "means": [asdict(mean) for mean in report.means()],
        "sweeps": [asdict(sweep) for sweep in report.sweeps()],
    }
    figures = json.dumps(asdict(report) | derived, indent=1, ensure_ascii=False)
    replace_text(file, figures + "\n")


def read(file: Path) -> Report:
    """Return the report that was written; raise ValueError if the file holds none."""
    try:
        found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        rows = [
            Row(**row | {"sweep": row["sweep"] and tuple(row["sweep"])}) for row in found["rows"]
        ]
        names = ("facts", "roofs", "titles", "remarks")
        return Report(rows=rows, **{name: found[name] for name in names})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no report of this suite: {error!r}") from error


def replace_text(file: Path, text: str) -> None:
    """Write beside the file and rename: an interrupted run leaves the old one whole."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
