"""Working through large arrays piece by piece, on threads: for operations that are passes over memory.

`entrywise` is for what treats every entry by itself, `linewise` for what goes along one axis. Both
take a function of arrays that writes to its last argument, as a ufunc does with `out`: it sees a piece
of each array, and what it computes on the way has the size of a piece, which stays in the cache.

Why pieces of half a megabyte, and not of what a second-level cache holds: each NumPy call takes the
interpreter's lock for a moment, and a thread that finds it taken sleeps until it is woken. With calls
of a few microseconds that costs more than main memory does (the slope of silu on 25 MB, two threads:
14.6 ms in pieces of 32 kB, 6.0 in 128, 4.4 in 512; one thread 7.7 in each but the smallest).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt, prod
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, native
from scratchnet.ops._blocks import even_parts
from scratchnet.threads import run_blocks

__all__ = ["entrywise", "linewise", "maxima", "pieces", "run_pieces", "sums"]

PIECE_BYTES = 1 << 19  # of one array
ALONE_BYTES = 1 << 20  # up to here a few passes take no longer than waking another thread


def pieces(n_rows: int, row_bytes: int) -> list[slice]:
    """Return slices that make up n_rows, each of at most about PIECE_BYTES of one array; none for no rows.

    Their lengths differ by a row at most, and they are even in number unless each is one row, so that two
    threads end together. The number of threads has no part in it: the same shape gives the same
    pieces, and so the same rounding.
    """
    n_bytes = n_rows * row_bytes
    if n_bytes <= ALONE_BYTES:
        return [slice(0, n_rows)] if n_rows else []
    return even_parts(n_rows, -(-n_bytes // PIECE_BYTES))


def run_pieces(work: Callable[[Any], Any], blocks: Sequence[Any]) -> None:
    """Call work with every block, on threads if there are several.

    Overflow and the like pass without a warning: they show in the result.
    """
    with np.errstate(all="ignore"):
        if len(blocks) < 2:
            for block in blocks:
                work(block)
        else:
            run_blocks(work, blocks)


def entrywise(
    compute: Callable[..., Any], x: Array, *others: Array, outputs: Sequence[Any] = (None,)
) -> Any:
    """Return the array, or arrays, that compute(x, *others, *outputs) writes, each with the shape of x.

    compute treats every entry by itself; what it is given has an axis, if only of one entry. others have
    the shape of x (else ValueError), and are cast to its dtype unless they are bool. outputs: their
    dtypes, None for that of x.
    """
    x = native(x)
    others = tuple([_like(x, a) for a in others])
    results = [np.empty_like(x, kind) for kind in outputs]
    if x.ndim and x.nbytes <= ALONE_BYTES:
        with np.errstate(all="ignore"):
            compute(x, *others, *results)
    else:
        flat = [_flat(a, results[0]) for a in (x, *others, *results)]
        run_pieces(lambda piece: compute(*[a[piece] for a in flat]), pieces(x.size, x.itemsize))
    return results[0] if len(results) == 1 else tuple(results)


def _like(x: Array, a: Array) -> Array:
    """Return a in the dtype of x, or as bools; raise unless it has the shape of x."""
    a = np.asarray(a)
    if a.shape != x.shape:
        raise ValueError(f"a gradient has the shape of its result, got {x.shape} and {a.shape}")
    return a if a.dtype == bool else a.astype(x.dtype, copy=False)


def _flat(a: Array, form: Array) -> Array:
    """Return a with one axis, its entries in the order of those of `form` in memory, which has no gaps.

    A view if that is their order already, as it is of `form` itself; else a copy.
    """
    if [n // a.itemsize for n in a.strides] != [n // form.itemsize for n in form.strides]:
        copy = np.empty_like(form, a.dtype)
        copy[...] = a
        a = copy
    return a.ravel(order="K")


def linewise(compute: Callable[..., Any], axis: int, x: Array, *others: Array) -> Array:
    """Return the array that compute(x, *others, y) writes to y, line by line along the axis.

    compute finds whole lines along its axis 1: (lines, K) if that is the last axis of x, else (…, K,
    …). others have the shape of x (else ValueError), and are cast to its dtype.
    """
    x = native(x)
    y = np.empty(x.shape, x.dtype)
    before, k = prod(x.shape[:axis]), x.shape[axis] if x.ndim else 1
    after = prod(x.shape[axis + 1 :])
    form = (before, k) if after == 1 else (before, k, after)
    arrays = [a.reshape(form) for a in (x, *[_like(x, a) for a in others], y)]
    blocks: list[Any] = pieces(before, k * after * x.itemsize)
    if before == 1 < after:
        blocks = [(slice(None), slice(None), columns) for columns in pieces(after, k * x.itemsize)]
    run_pieces(lambda block: compute(*[a[block] for a in arrays]), blocks)
    return y


def maxima(x: Array) -> Array:
    """Return the maxima along axis 1, which is kept; NaN where there is one, −∞ for a line of nothing.

    np.max takes 50 ns a row, however short. Many short rows are gone through column by column.
    """
    if x.ndim > 2 or len(x) < 16 * x.shape[1] or not x.shape[1]:
        return np.max(x, axis=1, keepdims=True, initial=-np.inf)
    m = x[:, 0].copy()
    for column in x.T[1:]:
        np.maximum(m, column, out=m)
    return m[:, None]


def sums(x: Array) -> Array:
    """Return the sums along axis 1, which is kept.

    Of rows in as many partial sums as vector registers hold. Along an axis before others NumPy adds one
    slice after another to a single sum, whose rounding grows with K: there in about √K partial sums of √K.
    """
    if x.ndim == 2:
        return np.einsum("nk->n", x)[:, None]  # in a third of np.sum's time
    n, k, after = x.shape
    if k < 256:
        return np.sum(x, axis=1, keepdims=True)
    size = isqrt(k)
    whole = k - k % size
    parts = x[:, :whole].reshape(n, -1, size, after).sum(axis=2)
    total: Array = parts.sum(axis=1, keepdims=True)
    total += x[:, whole:].sum(axis=1, keepdims=True)
    return total
