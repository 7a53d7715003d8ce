"""Two processes, turn by turn: how a case becomes rows of the table.

The package's docstring tells what is measured and why in this way.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

OURS = "scratchnet"
PAUSE = 0.06  # seconds; OpenBLAS's threads spin for about 25 ms after their last product
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
CHECKOUT = Path(__file__).resolve().parents[1]

Turn = TypeVar("Turn")


@dataclass(frozen=True)
class Case:
    """One thing to measure, with a function per side that prepares it and returns what is timed.

    sides: functions by the name of the module that they measure, ours first
    args: what each of these functions is given
    tolerance: the largest |ours − theirs| that passes, as a fraction of the largest |theirs|
    mean: the geometric mean that the case enters, None for a case that is only shown
    memory: False where the work happens in yet another process, whose memory is not seen
    """

    name: str
    sides: Mapping[str, Callable[..., Callable[[], Any]]]
    args: tuple[Any, ...]
    tolerance: float
    mean: str | None = None
    memory: bool = True


@dataclass(frozen=True)
class Timed:
    """What the function of a case returns if it times its own parts: each part becomes a row."""

    seconds: Mapping[str, float]
    result: Any = ()


@dataclass
class Row:
    """One line of the table: a part of a case beside one peer, or alone if `peer` is None."""

    group: str
    case: str
    part: str = ""
    mean: str | None = None
    peer: str | None = None
    seconds: float | None = None
    peer_seconds: float | None = None
    ratio: float | None = None
    lower_quartile: float | None = None
    upper_quartile: float | None = None
    peak_bytes: int | None = None
    peer_peak_bytes: int | None = None
    others: float | None = None  # the part of the cores that other processes took meanwhile
    difference: float | None = None  # of the results, as a fraction of the peer's largest entry
    error: str | None = None


class SideError(Exception):
    """A side that could not run its case, or whose result is not the other's."""


class Side:
    """A process that holds one side of one case and answers a line of JSON to each line of JSON."""

    def __init__(self, group: str, case: str, name: str, threads: int) -> None:
        self.name = name
        self.peak_bytes: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", group, case, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
            cwd=CHECKOUT,
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """Return the answer; raise SideError if the case failed or the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SideError(f"{self.name}: its process ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SideError(f"{self.name}: {answer['error']}")
        return answer

    def run(self) -> list[npt.NDArray[Any]]:
        """Prepare the case and run it once: return its result, keep the memory that this took."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "result.npz")
            self.peak_bytes = self.ask(do="run", save=str(file))["peak_bytes"]
            with np.load(file) as result:
                return list(result.values())

    def turn(self) -> dict[str, float]:
        """Return the median seconds of each part over one turn."""
        seconds: dict[str, float] = self.ask(do="time")["seconds"]
        return seconds

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()  # the worker's loop ends with its input
            self._process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def is_installed(side: str) -> bool:
    """Return whether the package that a side is named by can be imported here."""
    return importlib.util.find_spec(side.partition(".")[0]) is not None


def measure(group: str, case: Case, threads: int, rounds: int) -> Iterator[Row]:
    """Yield a row for each part of the case beside each installed peer.

    group: the module whose CASES hold the case. A side that fails and a peer that disagrees give a
    row with an error instead; if no peer is installed, the rows hold our figures alone.
    """
    title = group.rpartition(".")[2]
    peers = [name for name in case.sides if name != OURS and is_installed(name)]
    differences: dict[str, float] = {}
    with ExitStack() as processes:
        try:
            ours = processes.enter_context(Side(group, case.name, OURS, threads))
            result = ours.run()
            sides = [ours]
            for name in peers:
                peer = processes.enter_context(Side(group, case.name, name, threads))
                try:
                    differences[name] = difference(result, peer.run())
                    require_agreement(differences[name], case.tolerance)
                    sides.append(peer)
                except SideError as error:
                    yield Row(title, case.name, peer=name, error=str(error))
            if peers and sides == [ours]:
                return
            before = cpu_seconds(sides)
            taken = alternate({side.name: side.turn for side in sides}, rounds)
            others = share_of_others(before, cpu_seconds(sides))
        except SideError as error:
            yield Row(title, case.name, error=str(error))
            return

    for part in taken[OURS][0]:
        seconds = {name: [turn[part] for turn in turns] for name, turns in taken.items()}
        row = Row(title, case.name, part, case.mean, seconds=float(np.median(seconds[OURS])))
        row.peak_bytes, row.others = ours.peak_bytes if case.memory else None, others
        if not peers:
            yield row
        for peer in sides[1:]:
            lower, median, upper = paired_ratio(seconds[OURS], seconds[peer.name])
            yield replace(
                row,
                peer=peer.name,
                peer_seconds=float(np.median(seconds[peer.name])),
                ratio=median,
                lower_quartile=lower,
                upper_quartile=upper,
                peer_peak_bytes=peer.peak_bytes if case.memory else None,
                difference=differences[peer.name],
            )


def require_agreement(found: float, tolerance: float) -> None:
    """Raise SideError if the results differ by more than the tolerance, or if one holds NaN."""
    if not found <= tolerance:  # NaN compares false
        raise SideError(
            f"the results differ by {found:.1e} of the largest entry, more than {tolerance:.1e}"
        )


def cpu_seconds(sides: Sequence[Side]) -> tuple[float, float, float] | None:
    """Return seconds of CPU that all cores offered, that were used, and that these sides used.

    None where the kernel does not count them (it does on Linux).
    """
    try:
        with open("/proc/stat") as file:
            ticks = [int(field) for field in file.readline().split()[1:9]]  # user … steal
    except OSError:
        return None
    idle = ticks[3] + ticks[4]  # with waiting for disks
    sides_used = sum(side.ask(do="cpu")["cpu"] for side in sides) + time.process_time()
    tick = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / tick, (sum(ticks) - idle) / tick, sides_used


def share_of_others(
    before: tuple[float, float, float] | None, after: tuple[float, float, float] | None
) -> float | None:
    """Return which part of the cores was used by neither side between two `cpu_seconds`."""
    if before is None or after is None:
        return None
    offered, used, by_sides = np.subtract(after, before).tolist()
    return max(0.0, used - by_sides) / max(offered, 1e-9)


def alternate(turns: Mapping[str, Callable[[], Turn]], rounds: int) -> dict[str, list[Turn]]:
    """Return what the turns of each side gave, taken in the order A B A B … with a pause before each."""
    taken: dict[str, list[Turn]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            time.sleep(PAUSE)
            taken[name].append(turn())
    return taken


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile of ours[i] / theirs[i].

    >>> paired_ratio([1.0, 2.0, 6.0], [1.0, 1.0, 2.0])  # ratios 1, 2 and 3
    (1.5, 2.0, 2.5)
    """
    lower, median, upper = np.quantile(np.divide(ours, theirs), [0.25, 0.5, 0.75]).tolist()
    return lower, median, upper


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return (Π r)^(1/n): twice as slow here and twice as fast there gives 1.

    >>> geometric_mean([2.0, 0.5])
    1.0
    """
    return float(np.exp(np.mean(np.log(ratios))))


def difference(ours: Sequence[npt.NDArray[Any]], theirs: Sequence[npt.NDArray[Any]]) -> float:
    """Return the largest |ours − theirs| / max |theirs| over pairs of arrays, NaN if one holds NaN.

    Where theirs is all zero, the difference counts as it is. Arrays that differ in number, shape or
    floating dtype raise SideError: a time for float64 says nothing beside one for float32.
    """
    forms = [
        [f"{a.dtype if a.dtype.kind == 'f' else 'int'} {a.shape}" for a in s]
        for s in (ours, theirs)
    ]
    if forms[0] != forms[1]:
        raise SideError(f"results of another form: ours {forms[0]}, theirs {forms[1]}")
    largest = [0.0]
    for a, b in zip(ours, theirs, strict=True):
        a, b = a.astype(np.float64), b.astype(np.float64)
        scale = np.abs(b).max(initial=0.0)
        largest.append(float(np.abs(a - b).max(initial=0.0) / (scale or 1.0)))
    return float(np.max(largest))  # np.max hands NaN on, max would not
