"""The command line: python -m benchmarks [GROUP ...] and its options."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from benchmarks import compare, machine, readme, report, table
from benchmarks.harness import Row, is_installed, measure
from benchmarks.report import Report
from benchmarks.roof import roof

GROUPS = (
    "conv",
    "pools",
    "normalization",
    "softmax",
    "linear",
    "activations",
    "recurrent",
    "attention",
    "optimizers",
    "training",
    "inference",
    "tape",
    "memory",
    "metrics",
    "splitters",
    "validation",
    "estimators",
    "startup",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen groups; return 1 if a case failed, differed from its peer or became slower."""
    options = parse(arguments)
    groups = {name: importlib.import_module(f"benchmarks.{name}") for name in options.groups}
    if options.list:
        list_cases(groups)
        return 0
    found = options.from_json or run(groups, options.threads, options.rounds, options.json)
    again = options.compare is not None and options.from_json is None
    if again and not compare.conditions(options.compare.facts, found.facts):
        found = measure_slower_again(options.compare, found, groups, options.rounds)
    if options.json is not None:
        report.write(options.json, found)
    if options.plot is not None:
        from benchmarks.plot import plot  # not before it is needed: matplotlib is optional

        plot(options.plot, found)
    if options.readme is not None:
        readme.write(options.readme, found)
    failed = any(row.error is not None for row in found.rows)
    if options.compare is not None:
        failed |= compare.print_comparison(options.compare, found)
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, checked before anything is measured; old reports are read already."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure scratchnet beside what else is installed; see benchmarks/__init__.py.",
    )
    add = parser.add_argument
    names = ", ".join(GROUPS)
    add("groups", nargs="*", metavar="GROUP", help=f"any of {names}; all if none is given")
    add("--list", action="store_true", help="list the cases and measure nothing")
    add(
        "--threads",
        default=machine.cores(),
        metavar="N",
        type=int,
        help="on each side (%(default)s)",
    )
    add("--rounds", default=4, metavar="N", type=int, help="turns of each side (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    add("--plot", type=Path, metavar="FILE", help="also draw ratios and sweeps: .png, .svg, .pdf")
    add(
        "--readme", type=Path, metavar="FILE", help="also write the closing table between its marks"
    )
    add("--compare", type=Path, metavar="OLD.json", help="tell what became slower or faster since")
    add(
        "--from-json", type=Path, metavar="FILE", help="measure nothing: take the figures from FILE"
    )
    options = parser.parse_args(arguments)
    for group in options.groups:
        if group not in GROUPS:
            parser.error(f"there is no group {group!r}: choose from {names}")
    options.groups = options.groups or list(GROUPS)
    for name in ("threads", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} takes a positive number, got {getattr(options, name)}")
    for name in ("json", "plot"):
        file = getattr(options, name)
        if file is not None and not file.parent.is_dir():
            parser.error(f"--{name}: there is no folder {file.parent}")
    if options.plot is not None and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install 'scratchnet[plot]'")
    try:
        if options.readme is not None:
            readme.parts(options.readme)
        for name in ("compare", "from_json"):
            if getattr(options, name) is not None:
                setattr(options, name, report.read(getattr(options, name)))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options


def list_cases(groups: dict[str, ModuleType]) -> None:
    """Print the groups and their cases."""
    for name, group in groups.items():
        print(f"{name}: {title(group)}")
        for case in group.CASES:
            print(f"    {case.name}  ({', '.join(case.sides)})")


def run(
    groups: dict[str, ModuleType], threads: int, rounds: int, file: Path | None = None
) -> Report:
    """Measure the groups, print the rows as they come, and return all of it.

    file: where the report is written after each group, so that an interrupted run leaves its figures
    """
    begin = time.perf_counter()
    sides = list(dict.fromkeys(side for g in groups.values() for c in g.CASES for side in c.sides))
    found = Report(machine.facts(threads, sides))
    table.print_facts(found.facts)
    for package in machine.packages(sides):
        if not is_installed(package):
            print(f"{package} is not installed: without it our own times are shown alone")
    found.roofs.append(roof(threads))
    print(f"roof: products of float32 matrices at {found.roof / 1e9:.0f} GFLOP/s")
    for name, group in groups.items():
        run_group(name, group, threads, rounds, found)
        if file is not None:
            report.write(file, found)
    found.roofs.append(roof(threads))
    minutes = (time.perf_counter() - begin) / 60
    print(f"\nroof at the end: {found.roofs[-1] / 1e9:.0f} GFLOP/s. It took {minutes:.1f} minutes.")
    return found


def run_group(name: str, group: ModuleType, threads: int, rounds: int, found: Report) -> None:
    """Measure one group, print it as it comes, and enter it in what was found."""
    peers = {side for case in group.CASES for side in case.sides}
    # With room for the name of a part.
    widths = max(len(case.name) for case in group.CASES) + 10, max(map(len, peers))
    found.titles[name] = title(group)
    table.print_heading(f"{name}: {title(group)}", widths)
    for row in measure(group.__name__, group.CASES, threads, rounds):
        table.print_row(row, widths, found.roof)
        found.rows.append(row)
    rows = found.of_group(name)
    found.remarks[name] = {}
    if hasattr(group, "remarks"):
        try:
            found.remarks[name] = group.remarks(rows)
        except Exception as error:  # of a figure beside the rows; these are kept
            traceback.print_exc()
            found.rows.append(Row(name, "remarks", error=f"{type(error).__name__}: {error}"))
    table.print_summary(rows, found.remarks[name])


def measure_slower_again(
    old: Report, found: Report, groups: dict[str, ModuleType], rounds: int
) -> Report:
    """Return what was found, with new figures for cases that seem slower, from new processes.

    Among hundreds of rows some have had bad luck, but hardly twice.
    """
    slower = {change.name for change in compare.compare(old, found) if change.is_slower}
    cases = {(row.group, row.case) for row in found.rows if compare.name(row) in slower}
    rows = [row for row in found.rows if (row.group, row.case) not in cases]
    if cases:
        print(f"\n{len(cases)} cases seem slower: they are measured once more")
    for name, group in groups.items():
        again = [case for case in group.CASES if (name, case.name) in cases]
        rows += measure(group.__name__, again, found.facts["threads"], rounds)
    return replace(found, rows=rows)


def title(group: ModuleType) -> str:
    """Return the first line of a group's docstring."""
    return (group.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
