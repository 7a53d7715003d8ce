"""Work spread over threads, for estimators that take `n_jobs`, and what the number stands for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

from scratchnet.utils.validation import check_scalar

__all__ = ["count_jobs", "limit_blas_threads", "parallel_map"]


def count_jobs(n_jobs: int | None) -> int:
    """Return how many jobs run at once: None is 1, −1 all processors, −2 all but one, and so on."""
    count = 1 if n_jobs is None else int(check_scalar(n_jobs, "n_jobs", Integral))
    if count == 0:
        raise ValueError("n_jobs must not be 0: it is a number of jobs, or -1 for all processors")
    return count if count > 0 else max(1, (os.cpu_count() or 1) + 1 + count)


def limit_blas_threads(limit: int) -> None:
    """Let matrix products in this process use so many threads, if threadpoolctl is there to say so."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    threadpool_limits(limit, user_api="blas")


def parallel_map(
    function: Callable[[Any], Any], items: Iterable[Any], n_jobs: int | None
) -> list[Any]:
    """Return `[function(item) for item in items]`, worked out in `n_jobs` threads.

    n_jobs: as for `count_jobs`. The result does not depend on it, if `function` writes nothing that
    another call reads.
    """
    n_threads = count_jobs(n_jobs)
    if n_threads == 1:
        return [function(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # here: it loads logging, which takes long

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))
