"""The test of a derivation: a pullback against differences of its own operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, is_differentiable

_DIRECTIONS = 3
_STEP = 1e-6  # near the cube root of float64's precision, where a central difference is most exact
_TOLERANCE = 1e-6  # of the size of the terms
_ROUNDING = 4e-9  # of the size of dy · y (or of 1): some 20 roundings of y, divided by the step


def check_pullback(op: Callable[..., Any], *arrays: Any, **options: Any) -> None:
    """Check that an operation's pullback is its derivative; raise AssertionError with both if not.

        ⟨dy, (f(x + hv) − f(x − hv)) / 2h⟩ = ⟨pullback(dy), v⟩

    for random dy and directions v, in float64. Arrays passed by position are varied (floating ones;
    of a list, each), arrays passed by keyword are held constant. Choose points where the operation
    is smooth: no ties under a maximum, nothing at a kink.

    >>> from scratchnet import ops
    >>> check_pullback(ops.tanh, np.linspace(-1.0, 1.0, 5))
    >>> check_pullback(lambda x: (x * x, lambda dy: (dy * x,)), np.ones(2))
    Traceback (most recent call last):
    ...
    AssertionError: input 0 of <lambda>: the pullback gives ..., differences give ...
    """
    rng = np.random.default_rng(0)
    name = getattr(op, "__name__", repr(op))
    points = [_as_float64(a) for a in arrays]
    y, pullback = op(*points, **options)
    varied = list(_differentiable(points))
    for _ in range(_DIRECTIONS):
        dy = _random_like(y, rng)
        grads = pullback(dy)
        rounding = _ROUNDING * max(1.0, _size(dy, y))
        if not isinstance(grads, tuple) or len(grads) != len(varied):
            found = len(grads) if isinstance(grads, tuple) else type(grads).__name__
            raise AssertionError(
                f"{name}: the pullback gave {found} gradients for {len(varied)} arrays"
            )
        for i, (x, dx) in enumerate(zip(varied, grads, strict=True)):
            form = (np.shape(dx), getattr(dx, "dtype", type(dx).__name__))
            if form != (x.shape, x.dtype):
                raise AssertionError(
                    f"input {i} of {name} is {x.shape} {x.dtype}, its gradient {form[0]} {form[1]}"
                )
            v = np.asarray(rng.standard_normal(x.shape))
            ahead = op(*_moved(points, i, _STEP * v), **options)[0]
            behind = op(*_moved(points, i, -_STEP * v), **options)[0]
            by_difference, size = _inner(dy, ahead, behind)
            by_pullback = float(np.sum(dx * v))
            allowed = _TOLERANCE * max(size, float(np.sum(np.abs(dx * v)))) + rounding
            if not abs(by_difference - by_pullback) <= allowed < np.inf:
                raise AssertionError(
                    f"input {i} of {name}: the pullback gives {by_pullback:.9g}, "
                    f"differences give {by_difference:.9g}"
                )


def _as_float64(a: Any) -> Any:
    if isinstance(a, list | tuple):
        return type(a)(_as_float64(v) for v in a)
    return np.asarray(a, np.float64) if is_differentiable(a) else a


def _differentiable(points: list[Any]) -> Iterator[Array]:
    """Yield the arrays that have a gradient, in argument order, those in lists too."""
    for p in points:
        if isinstance(p, list | tuple):
            yield from _differentiable(list(p))
        elif is_differentiable(p):
            yield p


def _moved(points: list[Any], i: int, step: Array) -> list[Any]:
    """Return the arguments with the i-th differentiable array moved by a step."""
    remaining = iter(range(sum(1 for _ in _differentiable(points))))

    def move(p: Any) -> Any:
        if isinstance(p, list | tuple):
            return type(p)(move(v) for v in p)
        return p + step if is_differentiable(p) and next(remaining) == i else p

    return [move(p) for p in points]


def _random_like(y: Any, rng: np.random.Generator) -> Any:
    if isinstance(y, tuple):
        return tuple(_random_like(part, rng) for part in y)
    return np.asarray(rng.standard_normal(np.shape(y))) if is_differentiable(y) else None


def _inner(dy: Any, ahead: Any, behind: Any) -> tuple[float, float]:
    """Return ⟨dy, (ahead − behind)/2h⟩ over all outputs, and the same of the absolute values."""
    if isinstance(dy, tuple):
        parts = [_inner(*p) for p in zip(dy, ahead, behind, strict=True)]
        return sum(p[0] for p in parts), sum(p[1] for p in parts)
    if dy is None:
        return 0.0, 0.0
    terms = dy * ((ahead - behind) / (2 * _STEP))
    return float(np.sum(terms)), float(np.sum(np.abs(terms)))


def _size(dy: Any, y: Any) -> float:
    """Return Σ |dy · y| over all outputs."""
    if isinstance(dy, tuple):
        return sum(_size(*p) for p in zip(dy, y, strict=True))
    return 0.0 if dy is None else float(np.sum(np.abs(dy * y)))
