"""Reductions: sum, mean, variance, extrema, log-sum-exp along some axes or over everything.

`dim` is an int, several ints, or None for all axes; `keepdim` keeps them with length 1. A reduction
maps many entries to one, so its pullback spreads dy back over them (`spread` below restores the
axes), weighted by each entry's share. Sums of float16 are taken in float32 and rounded at the end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from scratchnet.ops._array import (
    HALF,
    Array,
    Pullback,
    as_float,
    in_float32,
    resolve_dim,
    resolve_dims,
)

__all__ = ["amax", "amin", "logsumexp", "max", "mean", "min", "sum", "var"]

Dim: TypeAlias = int | Sequence[int] | None


def _spread(dims: tuple[int, ...], shape: tuple[int, ...]) -> Callable[[Any], Array]:
    """Return the function that gives dy its reduced axes back, with length 1, so that it broadcasts."""
    kept = tuple(1 if i in dims else n for i, n in enumerate(shape))
    return lambda dy: np.reshape(dy, kept)


def sum(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Pullback]:
    """Sum along `dim`.

        y = Σᵢ xᵢ
        ∂L/∂xᵢ = dy

    An empty sum is 0. Integers and bools are summed as int64.
    """
    dims, shape, dtype = resolve_dims(dim, x.ndim), x.shape, x.dtype
    if dtype == HALF:
        return in_float32(sum, x, dim, keepdim)
    spread = _spread(dims, shape)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.broadcast_to(spread(dy), shape).astype(dtype, copy=False),)

    counts = dtype if dtype.kind == "f" or dtype == np.uint64 else np.int64  # torch sums uint8 so
    return x.sum(axis=dims, keepdims=keepdim, dtype=counts), pullback


def mean(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Pullback]:
    """Arithmetic mean along `dim`.

        y = (1/n) Σᵢ xᵢ
        ∂L/∂xᵢ = dy / n

    The mean of nothing is NaN.
    """
    x = as_float(x)
    if x.dtype == HALF:
        return in_float32(mean, x, dim, keepdim)
    dims, shape = resolve_dims(dim, x.ndim), x.shape
    n, spread = prod(shape[d] for d in dims), _spread(dims, shape)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.broadcast_to(spread(dy) / float(n or 1), shape),)

    with np.errstate(invalid="ignore"):  # 0 / 0, the mean of nothing
        return x.sum(axis=dims, keepdims=keepdim) / float(n), pullback


def var(
    x: Array, dim: Dim = None, correction: float = 1, keepdim: bool = False
) -> tuple[Array, Pullback]:
    """Variance along `dim`: unbiased for correction=1, biased for correction=0.

        y = Σᵢ (xᵢ − x̄)² / max(0, n − correction)
        ∂L/∂xᵢ = dy · 2 (xᵢ − x̄) / max(0, n − correction)

    The mean's own dependence on xᵢ adds Σⱼ −2 (xⱼ − x̄)/n = 0, hence no second term.
    With n ≤ correction the divisor is 0: y is infinite, or NaN where all xᵢ are equal, the gradient
    is NaN, and a warning says so.
    """
    x = as_float(x)
    if x.dtype == HALF:
        return in_float32(var, x, dim, correction, keepdim)
    dims, shape = resolve_dims(dim, x.ndim), x.shape
    n, spread = prod(shape[d] for d in dims), _spread(dims, shape)
    freedom = float(n - correction)

    def centred() -> Array:
        return x - x.sum(axis=dims, keepdims=True) / float(n or 1)

    def pullback(dy: Array) -> tuple[Array]:
        scale = 2.0 / freedom if freedom > 0 else float("nan")
        return (centred() * (spread(dy) * scale),)

    c = centred()
    c *= c
    squares = c.sum(axis=dims, keepdims=keepdim)
    if freedom > 0:
        return squares / freedom, pullback
    if squares.size:
        warnings.warn(
            f"var of {n} values with correction {correction} is undefined: x {shape}, dim {dim}",
            stacklevel=2,
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return squares / 0.0, pullback


def amax(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Pullback]:
    """Maximum along `dim`; equal maxima share the gradient (see `max` for the first one only).

        y = maxᵢ xᵢ
        ∂L/∂xᵢ = dy · [xᵢ = y] / (number of maxima)

    NaN wins over every number. The maximum of nothing raises ValueError.
    """
    return _extremum(np.max, x, dim, keepdim)


def amin(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Pullback]:
    """Minimum along `dim`; equal minima share the gradient (see `min` for the first one only).

        y = minᵢ xᵢ
        ∂L/∂xᵢ = dy · [xᵢ = y] / (number of minima)

    NaN wins over every number. The minimum of nothing raises ValueError.
    """
    return _extremum(np.min, x, dim, keepdim)


def _extremum(
    reduce: Callable[..., Any], x: Array, dim: Dim, keepdim: bool
) -> tuple[Array, Pullback]:
    dims = resolve_dims(dim, x.ndim)
    if 0 in (x.shape[d] for d in dims):
        raise ValueError(f"an extremum of nothing is undefined: x {x.shape}, dim {dim}")
    spread, dtype = _spread(dims, x.shape), x.dtype
    y = reduce(x, axis=dims, keepdims=keepdim)

    def pullback(dy: Array) -> tuple[Array]:
        found = x == spread(y)
        if np.isnan(y).any():  # NaN ≠ NaN: where the extremum is NaN, the NaN entries share
            found |= np.isnan(x) & np.isnan(spread(y))
        share = spread(dy) / found.sum(axis=dims, keepdims=True)
        return ((found * share).astype(dtype, copy=False),)

    return y, pullback


def max(x: Array, dim: int | None = None, keepdim: bool = False) -> tuple[Any, Pullback]:
    """Maximum: over everything (one array), or along one axis (values and indices).

        y = maxᵢ xᵢ
        without dim: ∂L/∂xᵢ = dy · [xᵢ = y] / (number of maxima), equal maxima share the gradient
        with dim:    ∂L/∂xᵢ = dy · [i = first index of the maximum], the first takes all of it

    NaN counts as the maximum. The maximum of nothing raises ValueError.
    """
    return amax(x, keepdim=keepdim) if dim is None else _first_extremum(np.argmax, x, dim, keepdim)


def min(x: Array, dim: int | None = None, keepdim: bool = False) -> tuple[Any, Pullback]:
    """Minimum: over everything (one array), or along one axis (values and indices).

        y = minᵢ xᵢ
        without dim: ∂L/∂xᵢ = dy · [xᵢ = y] / (number of minima), equal minima share the gradient
        with dim:    ∂L/∂xᵢ = dy · [i = first index of the minimum], the first takes all of it

    NaN counts as the minimum. The minimum of nothing raises ValueError.
    """
    return amin(x, keepdim=keepdim) if dim is None else _first_extremum(np.argmin, x, dim, keepdim)


def _first_extremum(
    argument: Callable[..., Any], x: Array, dim: int, keepdim: bool
) -> tuple[tuple[Array, Array], Pullback]:
    shape, dtype = x.shape, x.dtype
    axis = resolve_dim(dim, x.ndim)
    if x.ndim and shape[axis] == 0:
        raise ValueError(f"an extremum of nothing is undefined: x {shape}, dim {dim}")
    table = np.atleast_1d(x)
    at = argument(table, axis=axis, keepdims=True)  # the first one, where several are equal
    values = np.take_along_axis(table, at, axis=axis)
    out = at.shape if keepdim and x.ndim else shape[:axis] + shape[axis + 1 :]

    def pullback(dy: tuple[Array | None, None]) -> tuple[Array]:
        dx = np.zeros(shape or (1,), dtype)
        if dy[0] is not None:
            np.put_along_axis(dx, at, np.reshape(dy[0], at.shape), axis=axis)
        return (dx.reshape(shape),)

    return (values.reshape(out), at.reshape(out)), pullback


def logsumexp(x: Array, dim: Dim = None, keepdim: bool = False) -> tuple[Array, Pullback]:
    """Logarithm of a sum of exponentials: a smooth maximum.

        y = m + ln Σᵢ exp(xᵢ − m),   m = maxᵢ xᵢ
        ∂L/∂xᵢ = dy · exp(xᵢ − y)

    The maximum is subtracted, so exp cannot overflow. Over −∞ alone it is −∞, with gradient 0
    (torch: NaN).
    """
    x = as_float(x)
    dims, shape = resolve_dims(dim, x.ndim), x.shape
    spread = _spread(dims, shape)
    m = x.max(axis=dims, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0.0).astype(x.dtype)  # ∞ − ∞ would be NaN
    with np.errstate(
        divide="ignore", over="ignore"
    ):  # ln 0 = −∞ where all are −∞; exp ∞ = ∞ beside +∞
        y = np.log(np.exp(x - m).sum(axis=dims, keepdims=True)) + m

    def pullback(dy: Array) -> tuple[Array]:
        with np.errstate(invalid="ignore"):
            share = np.exp(x - np.where(np.isneginf(y), 0.0, y).astype(x.dtype))
        return (spread(dy) * share,)

    return y if keepdim else y.reshape([n for i, n in enumerate(shape) if i not in dims]), pullback
