"""Two processes, turn by turn: how a case becomes rows of the table.

The package's docstring tells what is measured and why in this way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.machine import cores
from benchmarks.side import Side, SideError, is_installed

OURS = "scratchnet"
PAUSE = 0.2  # seconds; OpenBLAS's threads spin for 2²⁸ cycles after their last product, about 0.1
ROUND = 0.4  # seconds: after `rounds` times as long a case ends, if it has had …
LEAST = 3  # … this many rounds

Turn = TypeVar("Turn")


@dataclass(frozen=True)
class Case:
    """One thing to measure, with a function per side that prepares it and returns what is timed.

    sides: functions by the name of the module that they measure, ours first
    args: what each of these functions is given
    tolerance: the largest |ours − theirs| that passes, as a fraction of the largest |theirs|
    mean: the geometric mean that the case enters, None for a case that is only shown
    memory: False where the work happens in yet another process, whose memory is not seen
    sweep: what grows over the cases that share this name, and its value here
    flops: the additions and multiplications of the plain algorithm in one repetition, for a case
        that matrix products bound: the row then says which fraction of the machine's roof it reaches
    """

    name: str
    sides: Mapping[str, Callable[..., Callable[[], Any]]]
    args: tuple[Any, ...]
    tolerance: float
    mean: str | None = None
    memory: bool = True
    sweep: tuple[str, float] | None = None
    flops: float | None = None


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
    sweep: tuple[str, float] | None = None
    flops: float | None = None
    peer: str | None = None
    seconds: float | None = None
    turns: list[float] = field(default_factory=list)  # our seconds in each
    peer_seconds: float | None = None
    ratio: float | None = None
    lower_quartile: float | None = None
    upper_quartile: float | None = None
    ratios: list[float] = field(default_factory=list)  # of neighbouring turns, of which these are
    peak_bytes: int | None = None
    peer_peak_bytes: int | None = None
    others: float | None = None  # the part of the cores that other processes took meanwhile
    difference: float | None = None  # of the results, as a fraction of the peer's largest entry
    error: str | None = None


def measure(group: str, cases: Sequence[Case], threads: int, rounds: int) -> Iterator[Row]:
    """Yield the rows of the cases of a group, a module by its full name.

    The processes of as many cases as there are cores start together, since importing a framework
    takes longer than most measurements and uses one core. They wait for each other's imports, and
    then sleep while another's case is measured.
    """
    for first in range(0, len(cases), cores()):
        together = cases[first : first + cores()]
        with ExitStack() as started:
            sides = {
                case.name: [
                    started.enter_context(closing(Side(group, case.name, name, threads)))
                    for name in case.sides
                    if name == OURS or is_installed(name)
                ]
                for case in together
            }
            for side in chain(*sides.values()):
                side.wait_for_imports()
            for case in together:
                yield from measure_case(group.rpartition(".")[2], case, sides[case.name], rounds)
                for side in sides[case.name]:
                    side.close()


def measure_case(group: str, case: Case, sides: Sequence[Side], rounds: int) -> Iterator[Row]:
    """Yield a row for each part of the case beside each peer; `sides` are ours and the peers'.

    A side that fails and a peer that disagrees give a row with an error instead; without peers, the
    rows hold our figures alone.
    """
    blank = Row(group, case.name, mean=case.mean, sweep=case.sweep, flops=case.flops)
    ours, *peers = sides
    differences: dict[str, float] = {}
    try:
        for side in sides:  # together: this is not timed
            side.start_run()
        result = ours.result()
        agreeing = [ours]
        for peer in peers:
            try:
                differences[peer.name] = difference(result, peer.result())
                require_agreement(differences[peer.name], case.tolerance)
                agreeing.append(peer)
            except (SideError, ValueError, TypeError) as error:  # what cannot be compared either
                yield replace(blank, peer=peer.name, error=str(error))
        if peers and agreeing == [ours]:
            return
        before = cpu_seconds(agreeing)
        turns = {side.name: side.turn for side in agreeing}
        taken = alternate(turns, rounds, partial(rest, agreeing))
        others = share_of_others(before, cpu_seconds(agreeing))
    except (SideError, ValueError) as error:  # what NumPy cannot load either
        yield replace(blank, error=str(error))
        return

    for part in taken[OURS][0]:
        seconds = {name: [turn[part] for turn in turns] for name, turns in taken.items()}
        row = replace(
            blank,
            part=part,
            seconds=float(np.median(seconds[OURS])),
            turns=seconds[OURS],
            peak_bytes=ours.peak_bytes if case.memory else None,
            others=others,
        )
        if not peers:
            yield row
        for peer in agreeing[1:]:
            ratios = np.divide(seconds[OURS], seconds[peer.name]).tolist()
            lower, median, upper = quartiles(ratios)
            yield replace(
                row,
                peer=peer.name,
                peer_seconds=float(np.median(seconds[peer.name])),
                ratio=median,
                lower_quartile=lower,
                upper_quartile=upper,
                ratios=ratios,
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
    sides_used = sum(side.cpu_seconds() for side in sides) + time.process_time()
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


def rest(sides: Sequence[Side]) -> None:
    """Return when all threads of all sides sleep, after PAUSE at the latest."""
    end = time.perf_counter() + PAUSE
    while time.perf_counter() < end:
        time.sleep(min(0.002, PAUSE))
        if not any(side.is_running() for side in sides):
            return


def alternate(
    turns: Mapping[str, Callable[[], Turn]], rounds: int, rest: Callable[[], None]
) -> dict[str, list[Turn]]:
    """Return what the turns of each side gave, taken in the order A B, B A, A B, … with rests between.

    Where a turn is long there are fewer rounds, but at least LEAST: each counts for more there.
    """
    taken: dict[str, list[Turn]] = {name: [] for name in turns}
    order, last = list(turns), None
    end = time.perf_counter() + rounds * ROUND
    for n in range(rounds):
        if n >= LEAST and time.perf_counter() > end:
            break
        for name in order:
            if name != last:  # threads that spin are in the way of another side only
                rest()
            taken[name].append(turns[name]())
            last = name
        order.reverse()
    return taken


def quartiles(figures: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile.

    >>> quartiles([1.0, 2.0, 3.0])
    (1.5, 2.0, 2.5)
    """
    lower, median, upper = np.quantile(figures, [0.25, 0.5, 0.75]).tolist()
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
