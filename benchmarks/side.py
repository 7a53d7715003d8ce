"""The process that holds one side of one case, seen from outside; `worker.py` is what runs in it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CHECKOUT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class SideError(Exception):
    """A side that could not run its case, or whose result is not the other's."""


class Side:
    """A process that holds one side of one case and answers a line of JSON to each line of JSON."""

    def __init__(self, group: str, case: str, name: str, threads: int) -> None:
        self.name = name
        self.peak_bytes: int | None = None
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", group, case, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment(threads),
            cwd=CHECKOUT,
        )

    def wait_for_imports(self) -> None:
        """Return when the process has imported its library, or has died of it: `ask` will tell."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def send(self, **question: Any) -> None:
        """Ask something whose answer `receive` will return."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a dead process gives no answer either
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Return the answer; raise SideError if the case failed or the process has died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SideError(f"{self.name}: its process ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SideError(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send the question and return the answer."""
        self.send(**question)
        return self.receive()

    def start_run(self) -> None:
        """Let the process prepare the case and run it once."""
        self.send(do="run", save=str(Path(self._folder.name, "result.npz")))

    def result(self) -> list[npt.NDArray[Any]]:
        """Return the result of the run, keep the memory that it took."""
        self.peak_bytes = self.receive()["peak_bytes"]
        with np.load(Path(self._folder.name, "result.npz")) as result:
            return list(result.values())

    def turn(self) -> dict[str, float]:
        """Return the median seconds of each part over one turn."""
        seconds: dict[str, float] = self.ask(do="time")["seconds"]
        return seconds

    def is_running(self) -> bool:
        """Return whether a thread of the process runs, as one does that spins, waiting for work.

        True as well where the kernel does not tell (it does on Linux).
        """
        try:
            threads = list(Path(f"/proc/{self._process.pid}/task").iterdir())
            stats = [(thread / "stat").read_text() for thread in threads]
        except OSError:
            return True
        return any(stat.rpartition(")")[2].split()[0] == "R" for stat in stats)

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU that the process has used so far."""
        seconds: float = self.ask(do="cpu")["cpu"]
        return seconds

    def close(self) -> None:
        """End the process, if it has not ended already."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()  # the worker's loop ends with its input
            self._process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


def environment(threads: int) -> dict[str, str]:
    """Return the environment in which libraries use this many threads.

    What reads none of these variables has a `set_num_threads` of its own, which `worker.py` calls, or
    takes the number with each model (ONNX Runtime): its side reads it from OMP_NUM_THREADS.
    """
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))


def is_installed(side: str) -> bool:
    """Return whether the package that a side is named by can be imported here."""
    return importlib.util.find_spec(side.partition(".")[0]) is not None
