"""Borders around an array: what stands beyond its edges.

Padding copies entries to places outside, and its pullback, the transposed map, folds the border back: the
gradient at each place outside is added to the entry that was copied there. Both work by slices, one
for each border, since a border takes its entries from a run of neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from numbers import Real
from operator import index
from typing import Any, TypeAlias

import numpy as np

from scratchnet.ops._array import Array, Pullback, sum_to

__all__ = ["pad"]

Widths: TypeAlias = list[tuple[int, int]]  # for each axis: before it, after it
MODES = "constant", "reflect", "replicate", "circular"


def pad(
    x: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> tuple[Array, Pullback]:
    """Borders around the last axes, as in torch: pad = (left, right, top, bottom, …), last axis first.

        constant:  y = value (0 if None) outside x;      ∂L/∂x = dy inside
        reflect:   y mirrors x without repeating its edge: a b c → c b [a b c] b a
        replicate: y repeats the edge: a a [a b c] c c;  circular: y wraps: b c [a b c] a b
        ∂L/∂xᵢ = Σ of dy over the places where xᵢ stands

    A negative width crops, in constant and circular before the borders are made (what was cropped
    does not come back), in reflect and replicate after it (they still start from the whole x).
    A mirror reaches n − 1 entries of an axis of length n, a wrap n; nothing is copied from an empty
    axis. Whatever goes further raises, and so does a value for a mode that uses none, or one that the
    dtype of x cannot hold; in integers a value loses its fraction.

    >>> pad(np.array([1.0, 2.0, 3.0]), (2, 1), mode="reflect")[0]
    array([3., 2., 1., 2., 3., 2.])
    """
    pairs = _pairs(x, pad)
    if mode not in MODES:
        raise ValueError(f"pad: mode {mode!r} is none of {', '.join(map(repr, MODES))}")
    filler = _filler(value, x.dtype)
    if mode != "constant" and filler:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    _require_reach(x, pairs, mode)
    widths = [(max(before, 0), max(after, 0)) for before, after in pairs]
    crops = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
    if mode in ("constant", "circular"):
        inner, uncrop = _crop(x, crops)
        y, unborder = _border(inner, widths, mode, filler)
        return y, lambda dy: (uncrop(unborder(dy)),)
    outer, unborder = _border(x, widths, mode, filler)
    y, uncrop = _crop(outer, crops)
    return y, lambda dy: (unborder(uncrop(dy)),)


def _filler(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return what a constant border holds; raise unless it is one number, and one of the dtype's."""
    if value is None:
        return 0
    if not isinstance(value, Real):
        raise TypeError(f"pad: value takes a number, got {value!r}")
    number: Any = value
    if dtype.kind in "iu":
        fits = np.iinfo(dtype).min <= number <= np.iinfo(dtype).max
    else:  # of floats ±∞ and NaN too
        fits = dtype.kind != "f" or not float(np.finfo(dtype).max) < abs(number) < inf
    if not fits:
        raise ValueError(f"pad: x is {dtype}, which has no {value!r}")
    return value


def _pairs(x: Array, pad: Sequence[int]) -> Widths:
    """Return the widths axis by axis: (left, right, top, bottom) -> …, (top, bottom), (left, right)."""
    if not isinstance(pad, Iterable):
        raise TypeError(f"pad takes a pair of widths for each of the last axes, got {pad!r}")
    widths = [index(n) for n in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(
            f"pad takes a pair for each of the last axes, got {tuple(pad)} for x {x.shape}"
        )
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2)
    return pairs + list(zip(widths[-2::-2], widths[::-2], strict=True))


def _require_reach(x: Array, pairs: Widths, mode: str) -> None:
    """Raise where a border reaches beyond the entries that it copies, or a crop takes too much."""
    for axis, (n, (before, after)) in enumerate(zip(x.shape, pairs, strict=True)):
        cropped = max(-before, 0) + max(-after, 0)
        if mode in ("constant", "circular"):
            fits = cropped <= n and (mode == "constant" or max(before, after) <= n - cropped)
        else:  # something of x or its border must be left over
            reaches = n > 0 if mode == "replicate" else max(before, after) < n
            fits = before == after == 0 or (reaches and n + before + after > 0)
        if not fits:
            raise ValueError(
                f"pad: {mode} cannot pad axis {axis} by {(before, after)}: x {x.shape}"
            )


def _crop(x: Array, crops: Widths) -> tuple[Array, Callable[[Array], Array]]:
    """Return x without this many entries at the ends of each axis; back: zeros in their place."""
    shape, dtype = x.shape, x.dtype
    kept = tuple(slice(b, n - a) for n, (b, a) in zip(shape, crops, strict=True))
    y = x[kept]
    if y.shape == shape:
        return x, lambda dy: dy

    def uncrop(dy: Array) -> Array:
        dx = np.zeros(shape, dtype)
        dx[kept] = dy
        return dx

    return y, uncrop


def _border(
    x: Array, widths: Widths, mode: str, filler: Any
) -> tuple[Array, Callable[[Array], Array]]:
    """Return x with borders of these widths; back: the gradient with its borders folded in."""
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, widths, strict=True))
    inside = tuple(slice(b, b + n) for n, (b, _) in zip(x.shape, widths, strict=True))
    if mode == "constant":
        y = np.full(shape, filler, x.dtype)
        y[inside] = x
        return y, lambda dy: dy[inside]
    # Axis by axis, each border over the whole of the other axes: the corners come with the last one.
    copies: list[tuple[Any, Any]] = []  # (places, the entries that they copy), indices of y
    for axis, (n, (before, after)) in enumerate(zip(x.shape, widths, strict=True)):
        rest = (slice(None),) * (x.ndim - 1 - axis)
        copies += [((..., b, *rest), (..., s, *rest)) for b, s in _BORDERS[mode](before, n, after)]
    y = np.empty(shape, x.dtype)
    y[inside] = x
    for places, entries in copies:
        y[places] = y[entries]

    def unborder(dy: Array) -> Array:
        dy = dy.copy()
        for places, entries in reversed(copies):
            dy[entries] += sum_to(dy[places], dy[entries].shape)  # a repeated edge takes the sum
        return dy[inside]

    return y, unborder


def _reflected(before: int, n: int, after: int) -> Iterator[tuple[slice, slice]]:
    if before:
        yield slice(0, before), slice(2 * before, before, -1)
    if after:
        last = before + n - 1
        yield slice(last + after, last, -1), slice(last - after, last)


def _replicated(before: int, n: int, after: int) -> Iterator[tuple[slice, slice]]:
    end = before + n
    if before:
        yield slice(0, before), slice(before, before + 1)
    if after:
        yield slice(end, end + after), slice(end - 1, end)


def _wrapped(before: int, n: int, after: int) -> Iterator[tuple[slice, slice]]:
    end = before + n
    if before:
        yield slice(0, before), slice(n, end)
    if after:
        yield slice(end, end + after), slice(before, before + after)


# Of an axis (before, n, after): each border, and the run of entries in the middle that it copies.
_BORDERS = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}
