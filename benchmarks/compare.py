"""Two runs side by side: what has become slower or faster, beyond the noise of both.

Compared is the ratio to the peer where there is one, since both sides share the good and the bad
minutes of a machine, and otherwise our time as a multiple of what the roof of the same run would do
in it, t · roof. A row has become slower if

    the smallest of its new turns is larger than the largest of the old ones, and
    the median has grown by more than MARGIN; faster, the other way round.

If nothing has changed, 4 turns and 4 stand so with probability 2 / C(8, 4) = 2.9 %, whatever their
distribution. The margin is for what one run cannot see of itself: each start of a process lays its
memory out anew, and the turns of a row come from one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.harness import Row
from benchmarks.report import Report
from benchmarks.table import label

MARGIN = 1.1
CONDITIONS = ("machine", "python", "versions", "threads", "blas", "environment")


@dataclass(frozen=True)
class Change:
    """A row that both runs have: its new median / the old one, and whether their turns are apart."""

    name: str
    factor: float
    apart: bool

    @property
    def is_slower(self) -> bool:
        return self.apart and self.factor > MARGIN

    @property
    def is_faster(self) -> bool:
        return self.apart and self.factor < 1 / MARGIN


def compare(old: Report, new: Report) -> list[Change]:
    """Return the rows that both runs have measured, the most slowed first."""
    before = {name(row): turns(row, old.roof) for row in old.rows}
    changes = []
    for row in new.rows:
        then, now = before.get(name(row)), turns(row, new.roof)
        if then and now:
            apart = min(now) > max(then) or max(now) < min(then)
            changes.append(Change(name(row), median(now) / median(then), apart))
    return sorted(changes, key=lambda change: -change.factor)


def name(row: Row) -> str:
    """Return what a row is called in every run."""
    return " · ".join([row.group, label(row), *([f"beside {row.peer}"] if row.peer else [])])


def turns(row: Row, roof: float) -> list[float]:
    """Return what is compared, turn by turn; nothing for an error."""
    return row.ratios or [seconds * roof for seconds in row.turns]


def conditions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in what the conditions of two runs differ, a line for each."""
    lines = []
    for key in CONDITIONS:
        was, is_ = old[key], new[key]
        if isinstance(was, dict):  # versions and variables one by one
            for one in sorted({*was, *is_}):
                if key == "versions" and not (one in was and one in is_):
                    continue  # one of the runs had no case beside it
                if was.get(one) != is_.get(one):
                    lines.append(f"{key}, {one}: was {was.get(one, '–')}, is {is_.get(one, '–')}")
        elif was != is_:
            lines.append(f"{key}: was {was}, is {is_}")
    return lines


def print_comparison(old: Report, new: Report) -> bool:
    """Print what has changed; return whether something became slower or is an error now."""
    print(f"\nbeside the run of {old.facts['date']}")
    for line in conditions(old.facts, new.facts):
        print(f"  DIFFERENT {line}")
    changes = compare(old, new)
    slower = [change for change in changes if change.is_slower]
    faster = [change for change in reversed(changes) if change.is_faster]
    for word, found in (("slower", slower), ("faster", faster)):
        for change in found:
            print(f"  {word}: {change.factor:.2f} times as long · {change.name}")
    print(f"  {len(slower)} slower, {len(faster)} faster, of {len(changes)} rows in both runs")

    errors = failed(new) - failed(old)
    for error in sorted(errors):
        print(f"  an error now: {error}")
    groups = set(old.titles) & set(new.titles)
    before, now = ({name(r) for r in report.rows if r.group in groups} for report in (old, new))
    for which, names in (("new", now - before), ("old", before - now)):
        if names:
            print(f"  only in the {which} run: {'; '.join(sorted(names))}")
    return bool(slower or errors)


def failed(report: Report) -> set[str]:
    """Return the names of the rows that hold an error."""
    return {name(row) for row in report.rows if row.error is not None}
