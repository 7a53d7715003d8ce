"""The product of two matrices, shared among our threads instead of those of BLAS.

After a product on several threads, those of BLAS spin for up to 100 ms, waiting for the next, and whatever
our own threads do meanwhile takes up to twice as long. So in a network whose layers run in blocks on
threads, its products do too.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.threads import run_blocks

# Up to so many multiplications BLAS takes one thread by itself (OpenBLAS: 65536 · 4).
ALONE = 1 << 18
SHARED = 1 << 22  # so many take as long as waking another thread
LARGE = 1 << 28  # from here on there are parts for more than two threads


def product(a: Array, b: Array) -> Array:
    """Return a @ b.   a: (N, K) · b: (K, M) → (N, M), made in parts of its rows or of its columns."""
    (N, K), M = a.shape, b.shape[1]
    if N * K * M <= ALONE:
        return a @ b
    out = np.empty((N, M), np.result_type(a, b))
    # The number of threads has no part in this, nor in the rounding.
    n_parts = 1 if N * K * M <= SHARED else 2 if N * K * M <= LARGE else 8
    if N >= M:
        parts = [(rows, slice(None)) for rows in _parts(N, n_parts)]
    else:
        parts = [(slice(None), columns) for columns in _parts(M, n_parts)]

    def work(part: tuple[slice, slice]) -> None:
        rows, columns = part
        np.matmul(a[rows], b[:, columns], out=out[rows, columns])

    run_blocks(work, parts)
    return out


def _parts(n: int, n_parts: int) -> list[slice]:
    """Return slices of n in whole sixteens, as the kernels of BLAS take them, but for the last."""
    size = -(-n // n_parts)
    size += -size % 16
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]
