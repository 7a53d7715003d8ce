"""One side of one case in a process of its own: questions come in on stdin, answers go to stdout.

    (none, at the start)         the imports are done                → {}
    {"do": "run", "save": FILE}  prepare, run once, save the result  → {"peak_bytes": B}
    {"do": "time"}               one turn                            → {"seconds": {part: s}}
    {"do": "cpu"}                seconds of CPU used so far          → {"cpu": s}

An answer of {"error": "…"} says that the case failed; the traceback is on stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import statistics
import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any, TextIO

import numpy as np
import numpy.random  # most cases draw their inputs: its 6 MB are none of theirs
import numpy.typing as npt

from benchmarks.harness import Case, Timed

TURN = 0.02  # seconds of repetitions in a turn
LONG = 0.2  # seconds after which waking threads and filling caches is no longer worth a warm-up


def main(group: str, case_name: str, side: str, threads: int) -> None:
    """Answer until the input ends."""
    answers = _reserve_stdout()
    library = importlib.import_module(side)
    with contextlib.suppress(
        ImportError
    ):  # ours without threadpoolctl: the environment has told it
        if hasattr(library, "set_num_threads"):
            library.set_num_threads(threads)
    case = next(c for c in importlib.import_module(group).CASES if c.name == case_name)
    is_forward = case.mean is not None and "forward" in case.mean and "backward" not in case.mean
    if side == "torch" and not is_forward and "inference" not in group:
        # torch's first backward with a given gradient would import it: 38 MB that are none of the case's.
        importlib.import_module("torch._dynamo")
    call: Callable[[], Any] = lambda: None  # noqa: E731
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if question["do"] == "run":
                call, peak_bytes = first_run(case, side, question["save"])
                answer: dict[str, Any] = {"peak_bytes": peak_bytes}
            elif question["do"] == "time":
                answer = {"seconds": time_turn(call)}
            else:
                answer = {"cpu": sum(os.times()[:4])}  # of this process and of those it has started
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def first_run(case: Case, side: str, file: str) -> tuple[Callable[[], Any], int | None]:
    """Prepare the case, run it once and save its result; return the function and the peak memory."""
    before = peak_resident(reset=True)
    call = case.sides[side](*case.args)
    outcome = call()
    after = peak_resident()
    np.savez(file, *arrays_of(outcome.result if isinstance(outcome, Timed) else outcome))
    return call, None if before is None or after is None else after - before


def time_turn(call: Callable[[], Any]) -> dict[str, float]:
    """Return the median seconds of each part over a few repetitions, after one that warms up.

    A first repetition that is long counts itself, and is the only one.
    """
    seconds, parts = time_once(call)
    if seconds > LONG:
        return parts
    taken: list[dict[str, float]] = []
    end = perf_counter() + TURN
    while not taken or perf_counter() < end:
        taken.append(time_once(call)[1])
    return {part: statistics.median(t[part] for t in taken) for part in taken[0]}


def time_once(call: Callable[[], Any]) -> tuple[float, dict[str, float]]:
    """Return the seconds of one repetition, and of each of its parts, of which "" is the whole.

    The result dies here: the next repetition does not have to find room beside it.
    """
    start = perf_counter()
    outcome = call()
    seconds = perf_counter() - start
    return seconds, dict(outcome.seconds) if isinstance(outcome, Timed) else {"": seconds}


def arrays_of(result: Any) -> list[npt.NDArray[Any]]:
    """Return the arrays in a result: an array, a tensor of either side, or a tuple of them."""
    parts = result if isinstance(result, tuple | list) else (result,)
    return [np.asarray(p.detach() if hasattr(p, "detach") else p) for p in parts]


def peak_resident(reset: bool = False) -> int | None:
    """Return the peak of this process's resident memory in bytes, None where it cannot be set back.

    reset: set the peak back to what is resident now. (`ru_maxrss` would not do: it never falls, and
    on Linux it is inherited from the process that started this one.)
    """
    try:
        if reset:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def _reserve_stdout() -> TextIO:
    """Return the pipe for answers; what libraries print goes to stderr from now on."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    sys.stderr.flush()
    os._exit(0)  # taking torch apart would take 0.4 s, and nothing is left to be saved
