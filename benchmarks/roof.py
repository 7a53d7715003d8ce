"""The roof: how fast this machine multiplies matrices, measured in the same run as everything else.

What is bound by matrix products cannot be faster than the products themselves, unless it needs fewer
of them (Winograd's convolution does, and passes 100 %). An n × n product is 2 n³ additions and
multiplications; the roof is the fastest NumPy product of float32 at 1024 and at 2048, in a process of
its own with the threads of the run.
"""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np

from benchmarks.side import CHECKOUT, environment

SIZES = (1024, 2048)
SECONDS = 0.4  # for each size


def roof(threads: int) -> float:
    """Return floating-point operations a second."""
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.roof"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(threads),
        cwd=CHECKOUT,
    ).stdout
    return float(printed)


def product_rate(n: int) -> float:
    """Return the operations a second of the fastest of many n × n products."""
    a, b = np.random.default_rng(0).standard_normal((2, n, n), np.float32)
    out = np.empty((n, n), np.float32)
    fastest = np.inf
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        start = perf_counter()
        np.matmul(a, b, out=out)
        fastest = min(fastest, perf_counter() - start)
    return 2 * n**3 / fastest


if __name__ == "__main__":
    print(max(product_rate(n) for n in SIZES))
