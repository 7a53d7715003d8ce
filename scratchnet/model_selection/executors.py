"""How work is spread: here, one task after the other; in processes of our own; by any executor.

A piece of work is a function of a task. It carries the data, which is large; a task is small (which
fold, which parameters). So the work is sent as rarely as possible, and the tasks follow it.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from scratchnet.utils.parallel import count_jobs, limit_blas_threads

__all__ = ["spread"]


def spread(
    work: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    n_jobs: int | None = None,
    executor: Any = None,
) -> Iterator[Any]:
    """Yield `work(task)` for each task, in the order of the tasks, wherever it is worked out.

    n_jobs: so many processes of our own, which end when the work does; −1 is one for each
        processor. Each is sent the work once, when it starts, and takes tasks as it comes free.
        They are started afresh ("spawn"), because a fork of a process with threads may hang: the
        program must be importable (`if __name__ == "__main__":`), and what it sends can be pickled.
    executor: whatever has `submit(function, *args)`, which returns something with `result()`, or
        else `map(function, *lists)`: a `concurrent.futures` executor, or one of loky, mpi4py, dask.
        It offers no place to keep the data between tasks, so each worker gets *one* task with its
        share of the list, and the data once with it. Where the executor does not say how many
        workers it has, as many tasks are made as this machine has processors.
    Raises what the work raises.
    """
    if executor is not None:
        if n_jobs is not None:
            raise ValueError(f"pass n_jobs={n_jobs} or executor={executor!r}, not both")
        return _by_executor(work, list(tasks), executor)
    n_processes = count_jobs(n_jobs)
    if n_processes > 1:
        listed = tasks = list(tasks)
        n_processes = min(n_processes, len(listed))
        if n_processes > 1:
            return _by_processes(work, listed, n_processes, n_jobs)
    return map(work, tasks)


def _by_executor(work: Callable[[Any], Any], tasks: list[Any], executor: Any) -> Iterator[Any]:
    n_workers = next(
        (
            n
            for name in ("_max_workers", "num_workers")
            if _is_count(n := getattr(executor, name, 0))
        ),
        os.cpu_count() or 1,
    )
    n_chunks = min(n_workers, len(tasks))
    ends = [len(tasks) * i // n_chunks for i in range(n_chunks + 1)] if n_chunks else []
    chunks = [tasks[first:last] for first, last in pairwise(ends)]
    if not hasattr(executor, "submit"):
        for results in executor.map(_run_chunk, [work] * n_chunks, chunks):
            yield from results
        return
    futures = [executor.submit(_run_chunk, work, chunk) for chunk in chunks]
    try:
        for future in futures:
            yield from future.result()
    finally:  # after an error, do not begin what has not begun
        for future in futures:
            if hasattr(future, "cancel"):
                future.cancel()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _run_chunk(work: Callable[[Any], Any], chunk: list[Any]) -> list[Any]:
    """Work out one worker's share of the tasks, wherever that is."""
    return [_with_portable_error(work, task) for task in chunk]


def _with_portable_error(work: Callable[[Any], Any], task: Any) -> Any:
    try:
        return work(task)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # it would not survive the way back, and break the pool there
            message = f"{type(error).__name__}: {error}"
            raise RuntimeError("\n".join([message, *getattr(error, "__notes__", [])])) from error
        raise


def _by_processes(
    work: Callable[[Any], Any], tasks: list[Any], n_processes: int, n_jobs: int | None
) -> Iterator[Any]:
    # Here: they load logging and sockets, which takes longer than all of the package.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    threads = max(1, (os.cpu_count() or 1) // n_processes)
    start = (_pickled(work, n_jobs), list(warnings.filters), threads)
    pool = ProcessPoolExecutor(
        n_processes, multiprocessing.get_context("spawn"), _start_worker, start
    )
    try:
        # A few tasks at a time: small tasks would wait for one another's messages.
        yield from pool.map(_run_here, tasks, chunksize=max(1, len(tasks) // (8 * n_processes)))
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"a worker process of n_jobs={n_jobs} ended before its work did: it was killed (out of "
            "memory?), or the program does not guard its start by `if __name__ == '__main__':`, "
            "which every process needs that is started from it"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _pickled(work: Any, n_jobs: int | None) -> bytes:
    """Return the work as bytes, once for all processes; or say which part of it cannot be sent."""
    try:
        return pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        culprit = "the work"
        for name, value in vars(work).items():
            try:
                pickle.dumps(value)
            except Exception:
                culprit = f"{name}={value!r:.200}"
                break
        raise pickle.PicklingError(
            f"n_jobs={n_jobs} sends {culprit} to other processes, which cannot be pickled: {error}. "
            "Define its functions and classes at the top of a module, or pass "
            "executor=ThreadPoolExecutor(), whose threads share the memory"
        ) from error


# What a worker process was sent when it started: bytes until its first task, then the work itself.
_sent: Any = None


def _start_worker(pickled: bytes, filters: list[Any], n_threads: int) -> None:
    global _sent
    _sent = pickled
    warnings.resetwarnings()
    warnings.filters.extend(filters)  # type: ignore[attr-defined]
    limit_blas_threads(n_threads)


def _run_here(task: Any) -> Any:
    global _sent
    if isinstance(_sent, bytes):  # not in `_start_worker`, whose errors would only break the pool
        try:
            _sent = pickle.loads(_sent)
        except AttributeError as error:
            raise RuntimeError(
                f"a worker process cannot read what it was sent: {error}. What is defined in an "
                "interactive session exists only there: put it into a module, or pass "
                "executor=ThreadPoolExecutor()"
            ) from error
    return _with_portable_error(_sent, task)
