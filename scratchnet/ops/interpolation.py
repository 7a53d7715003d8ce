"""Interpolation: lines and images resampled to another size.

Every mode is a linear map, the same along each axis: entry q of the output is one entry of x, or two
with weights that add up to 1. Its transpose adds each gradient to where the entries came from. Sources
never go backwards, so what came from one entry is a range of outputs, and the transpose sums ranges.

Letters: N batch, C channels, H W image, L line, OH OW output, OL its length; of one axis n is the length
of x, m that of y, q an output.

Source: the definitions are PyTorch's, `aten/src/ATen/native/UpSample.h`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, no_array
from scratchnet.ops._ranges import Ranges, sum_over
from scratchnet.ops.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d

__all__ = ["interpolate"]

Number = int | float
Source = tuple[Array, Array | None]  # for each output an entry of x, and its weight (None: 1)

LINEAR = {"linear": 3, "bilinear": 4}  # the number of axes of x
INT = int | np.integer
REAL = int | float | np.integer | np.floating
MODES = ("nearest", "nearest-exact", "area", *LINEAR)


def interpolate(
    x: Array,
    size: int | Sequence[int] | None = None,
    scale_factor: Number | Sequence[Number] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> tuple[Array, Pullback]:
    """Lines or images at another size.

        "nearest"            y[q] = x[⌊q·s⌋]
        "nearest-exact"      y[q] = x[⌊(q + ½)·s⌋]                     the entry whose centre is nearest
        "linear", "bilinear" y[q] = (1 − λ)·x[⌊u⌋] + λ·x[⌊u⌋ + 1],   λ = u − ⌊u⌋,
                             u = (q + ½)·s − ½ (not below 0), or q·(n−1)/(m−1) with align_corners
        "area"               the means of `adaptive_avg_pool2d`
        ∂L/∂x[h] = Σ dy[q] · (the weight of x[h] in y[q])

    along each axis (of an image rows and columns, one after the other); s = n/m is the step in x, and
    beyond the last entry of x that entry counts. Pixels are areas, the first from 0 to 1 with its centre
    at ½; with align_corners they are points, and the outermost of x and y fall together.

    x: (N, C, L) or (N, C, H, W) → y: (N, C, OL) or (N, C, OH, OW). "linear" is for lines and "bilinear"
    for images, floating ones; the nearest modes take any dtype, and so does "area", which makes float32 of
    integers (torch raises).
    size: OL or (OH, OW), an int for both. scale_factor, instead: m = ⌊n · scale_factor⌋, a number for
    each axis or one for all; then s is 1/scale_factor exactly, unless recompute_scale_factor makes it
    n/m. It is n/m anyway where m = n (not in "nearest-exact"), and in "nearest" where m = 2n. (So
    it is in torch's gradient; in "nearest" its forward pass takes 1/scale_factor there for lines and for
    most images.)

    Where q·s falls on the border between two entries, rounding decides. As in torch's gradients the
    nearest modes count in float32 whatever the dtype of x; its forward pass differs there at times.

    >>> interpolate(np.array([[[1.0, 3.0]]]), size=4, mode="linear")[0]
    array([[[1. , 1.5, 2.5, 3. ]]])
    """
    require_options(size, scale_factor, mode, align_corners)
    _require_fit(x, mode, antialias)
    if recompute_scale_factor and size is not None:
        raise ValueError(f"recompute_scale_factor is for scale_factor, got size={size!r}")
    out, steps = _sizes(x, size, scale_factor, bool(recompute_scale_factor))
    if mode == "area":
        return adaptive_avg_pool1d(x, out) if x.ndim == 3 else adaptive_avg_pool2d(x, out)
    axes = []
    for i, (n, m, s) in enumerate(zip(x.shape[2:], out, steps, strict=True)):
        if (m == n and mode != "nearest-exact") or (m == 2 * n and mode == "nearest"):
            s = n / m  # torch's exceptions: factors that change nothing, or double
        if mode in LINEAR:
            sources = _two_sources(n, m, s, bool(align_corners), x.dtype)
        else:
            sources = _one_source(n, m, s, 0.5 if mode == "nearest-exact" else 0.0)
        axes.append((m / n, i + 2 - x.ndim, n, sources))
    axes.sort(key=lambda axis: axis[0])  # what shrinks first leaves less work for the next
    y = x
    for _, axis, _, sources in axes:
        y = _gather(y, sources, axis)

    def pullback(dy: Array) -> tuple[Array]:
        for _, axis, n, sources in reversed(axes):
            dy = _scatter(dy, sources, axis, n)
        return (dy,)

    return y, pullback


def _one_source(n: int, m: int, s: float, shift: float) -> list[Source]:
    """Return ⌊(q + shift)·s⌋ for each output q."""
    u = (np.arange(m, dtype=np.float32) + np.float32(shift)) * np.float32(s)
    return [(np.minimum(u.astype(np.int64), n - 1), None)]


def _two_sources(
    n: int, m: int, s: float, align_corners: bool, dtype: np.dtype[np.floating]
) -> list[Source]:
    """Return ⌊u⌋ with the weight 1 − λ, and the entry after it with the weight λ."""
    q = np.arange(m, dtype=np.result_type(dtype, np.float32))
    if align_corners:
        u = q * q.dtype.type((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        u = np.maximum((q + 0.5) * q.dtype.type(s) - 0.5, 0.0)
    before = np.minimum(u.astype(np.int64), n - 1)
    weight = (u - before).astype(dtype)
    return [(before, 1.0 - weight), (np.minimum(before + 1, n - 1), weight)]


def _gather(x: Array, sources: list[Source], axis: int) -> Array:
    """Return Σ weight · x[source] along an axis."""
    y, *second = [x.take(source, axis) for source, _ in sources]
    for term, (_, weight) in zip((y, *second), sources, strict=True):
        if weight is not None:
            term *= _along(weight, axis)
    for term in second:
        y += term
    return y


def _scatter(dy: Array, sources: list[Source], axis: int, n: int) -> Array:
    """Add each gradient, times its weight, to where it came from: the transposed map of `_gather`."""
    dx, *second = [
        sum_over(_outputs_of(source, n), dy if w is None else dy * _along(w, axis), axis)
        for source, w in sources
    ]
    for term in second:
        dx += term
    return dx


def _along(weight: Array, axis: int) -> Array:
    """Return weights in a shape that lies along this axis."""
    return weight.reshape(-1, *(1,) * (-axis - 1))


def _outputs_of(source: Array, n: int) -> Ranges:
    """Return for each of n entries the range of outputs that have it as their source."""
    places = np.arange(n)
    return np.searchsorted(source, places, "left"), np.searchsorted(source, places, "right")


def require_options(size: Any, scale_factor: Any, mode: str, align_corners: bool | None) -> None:
    """Raise unless these options of `interpolate` go together."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"give size or scale_factor, one of them: {size!r}, {scale_factor!r}")
    if mode not in MODES:
        raise ValueError(f"mode takes {', '.join(map(repr, MODES))}, got {mode!r}")
    if align_corners is not None and mode not in LINEAR:
        raise ValueError(f"align_corners is for {', '.join(LINEAR)}, mode is {mode!r}")


def _require_fit(x: Array, mode: str, antialias: bool) -> None:
    """Raise unless x is what this mode is for."""
    if not isinstance(x, np.ndarray):
        raise no_array("interpolate", x)
    if x.ndim not in (3, 4) or 0 in x.shape[1:]:
        raise ValueError(
            f"interpolate takes x of shape (N, C, L) or (N, C, H, W), not empty but for N, got {x.shape}"
        )
    if x.ndim != LINEAR.get(mode, x.ndim):
        right = "linear" if x.ndim == 3 else "bilinear"
        raise ValueError(f"mode {mode!r} is not for x of shape {x.shape}: take {right!r}")
    if mode in LINEAR and x.dtype.kind != "f":
        raise TypeError(f"mode {mode!r} takes floating x, got dtype {x.dtype}")
    if antialias:
        raise ValueError("interpolate has no antialias: mode 'area' takes means when it shrinks")


def _sizes(
    x: Array,
    size: int | Sequence[int] | None,
    scale_factor: Number | Sequence[Number] | None,
    recompute: bool,
) -> tuple[list[int], list[float]]:
    """Return for each axis the length of the output, and the step in x from one output to the next."""
    lengths = x.shape[2:]
    factors: list[float] = []
    if size is not None:
        out = [int(m) for m in _per_axis("size", size, x, INT)]
    else:
        factors = [float(f) for f in _per_axis("scale_factor", scale_factor, x, REAL)]
        out = [floor(n * f) if isfinite(f) else 0 for n, f in zip(lengths, factors, strict=True)]
    if min(out) < 1:
        given = f"size={size}" if size is not None else f"scale_factor={scale_factor}"
        raise ValueError(
            f"{given} leaves nothing of x {x.shape}: the output's size is {tuple(out)}"
        )
    if factors and not recompute:
        return out, [1.0 / f for f in factors]
    return out, [n / m for n, m in zip(lengths, out, strict=True)]


def _per_axis(name: str, value: Any, x: Array, kind: Any) -> list[Any]:
    """Return one number for each axis of x behind N and C."""
    values = list(value) if isinstance(value, Iterable) else [value] * (x.ndim - 2)
    if len(values) != x.ndim - 2 or not all(isinstance(v, kind) for v in values):
        kinds = "ints" if kind is INT else "numbers"
        raise ValueError(f"{name} takes one or {x.ndim - 2} {kinds} for x {x.shape}, got {value!r}")
    return values
