"""Work spread over threads, for estimators that take `n_jobs`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

from scratchnet.utils.validation import check_scalar

__all__ = ["parallel_map"]


def parallel_map(
    function: Callable[[Any], Any], items: Iterable[Any], n_jobs: int | None
) -> list[Any]:
    """Return `[function(item) for item in items]`, worked out in `n_jobs` threads.

    n_jobs: None is 1, −1 all processors, −2 all but one, and so on, as in scikit-learn. The result
    does not depend on it, if `function` writes nothing that another call reads.
    """
    n_threads = 1 if n_jobs is None else int(check_scalar(n_jobs, "n_jobs", Integral))
    if n_threads == 0:
        raise ValueError(
            "n_jobs must not be 0: it is a number of threads, or -1 for all processors"
        )
    if n_threads < 0:
        n_threads = max(1, (os.cpu_count() or 1) + 1 + n_threads)
    if n_threads == 1:
        return [function(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # here: it loads logging, which takes long

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))
