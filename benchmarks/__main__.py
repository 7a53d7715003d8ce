"""The command line: python -m benchmarks [GROUP ...] [--threads N] [--json FILE] [--rounds N]."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import machine, table
from benchmarks.harness import is_installed, measure

GROUPS = (
    "conv",
    "recurrent",
    "attention",
    "inference",
    "tape",
    "memory",
    "startup",
    "metrics",
    "validation",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen groups; return 1 if a case failed or gave another result than its peer."""
    options = parse(arguments)
    groups = {name: importlib.import_module(f"benchmarks.{name}") for name in options.groups}
    if options.list:
        for name, group in groups.items():
            print(f"{name}: {title(group)}")
            for case in group.CASES:
                print(f"    {case.name}  ({', '.join(case.sides)})")
        return 0

    sides = list(dict.fromkeys(side for g in groups.values() for c in g.CASES for side in c.sides))
    facts = machine.facts(options.threads, sides)
    table.print_facts(facts)
    for side in sides:
        if not is_installed(side):
            print(f"{side} is not installed: without it our own times are shown alone")
    report: dict[str, Any] = {"facts": facts, "rows": [], "means": {}, "remarks": {}}
    for name, group in groups.items():
        run(name, group, options.threads, options.rounds, report)
    if options.json is not None:
        write_json(options.json, report)
    return int(any(row["error"] is not None for row in report["rows"]))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, checked before anything is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure scratchnet beside what else is installed; see benchmarks/__init__.py.",
    )
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"any of {', '.join(GROUPS)}; all if none is given",
    )
    parser.add_argument("--list", action="store_true", help="list the cases and measure nothing")
    parser.add_argument(
        "--threads",
        type=int,
        default=machine.cores(),
        metavar="N",
        help="threads of each side (%(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=11, metavar="N", help="turns of each side (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)
    for group in options.groups:
        if group not in GROUPS:
            parser.error(f"there is no group {group!r}: choose from {', '.join(GROUPS)}")
    options.groups = options.groups or list(GROUPS)
    for name in ("threads", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} takes a positive number, got {getattr(options, name)}")
    if options.json is not None and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    return options


def run(name: str, group: ModuleType, threads: int, rounds: int, report: dict[str, Any]) -> None:
    """Measure one group, print it as it comes, and enter it in the report."""
    width = max(len(case.name) for case in group.CASES) + 10  # room for the name of a part
    table.print_heading(f"{name}: {title(group)}", width)
    rows = []
    for case in group.CASES:
        for row in measure(group.__name__, case, threads, rounds):
            table.print_row(row, width)
            rows.append(row)
    means = table.means(rows)
    for over, ratio in means.items():
        print(f"  geometric mean, {over}: {ratio:.2f}")
    if disturbed := table.disturbed(rows):
        print(
            f"  other processes took more than {table.QUIET:.0%} of the cores during "
            f"{len(disturbed)} of {len(rows)} rows: do not trust these, measure again"
        )
    remarks = group.remarks(rows) if hasattr(group, "remarks") else {}
    for remark, value in remarks.items():
        print(f"  {remark}: {value}")
    report["rows"] += [asdict(row) for row in rows]
    report["means"][name] = means
    report["remarks"][name] = remarks


def title(group: ModuleType) -> str:
    """Return the first line of a group's docstring."""
    return (group.__doc__ or "").partition("\n")[0]


def write_json(file: Path, report: dict[str, Any]) -> None:
    """Write the report beside the file and rename it: an interrupted run leaves the old one whole."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
