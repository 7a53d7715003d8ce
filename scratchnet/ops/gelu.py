"""GELU: an activation made of the normal distribution, exactly or by tanh."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, in_float32
from scratchnet.ops._erf import normal_cdf
from scratchnet.ops._pieces import entrywise

__all__ = ["gelu"]


def gelu(x: Array, approximate: str = "none") -> tuple[Array, Pullback]:
    """Gaussian error linear unit: x times the probability that a standard normal value lies below x.

        y = x · Φ(x),   Φ(x) = (1 + erf(x/√2)) / 2
        ∂L/∂x = dy · (Φ(x) + x · φ(x)),   φ(x) = exp(−x²/2) / √(2π)

    With approximate="tanh", Φ(x) ≈ (1 + t)/2 with t = tanh(u), u = √(2/π) x (1 + 0.044715 x²), and
    the slope of that: (1 + t)/2 · (1 + x (1 − t) · √(2/π) (1 + 3·0.044715 x²)). The pullback keeps x,
    and Φ only where it takes longer than writing it and reading it back.
    Source: Hendrycks & Gimpel 2016, section 2.
    """
    x = as_float(x)
    if x.dtype == HALF:  # where 1 + erf and 1 + tanh cancel, halves would have few digits left
        return in_float32(gelu, x, approximate)
    if approximate == "none":
        return _gelu(x)
    if approximate == "tanh":
        return _gelu_by_tanh(x)
    raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")


def _gelu(x: Array) -> tuple[Array, Pullback]:
    def value(x: Array, y: Array, cdf: Array) -> None:
        normal_cdf(x, cdf)
        np.multiply(x, cdf, out=y)

    def slope(x: Array, cdf: Array, dy: Array, dx: Array) -> None:
        a = _bounded(x)
        np.multiply(a, a, out=dx)
        dx *= -0.5
        np.exp(dx, out=dx)
        a *= 1.0 / sqrt(2.0 * pi)
        dx *= a  # x φ(x)
        dx += cdf
        dx *= dy

    y, cdf = entrywise(value, x, outputs=(None, None))

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, cdf, dy),)

    return y, pullback


def _gelu_by_tanh(x: Array) -> tuple[Array, Pullback]:
    b = sqrt(2.0 / pi)
    c = 0.044715 * b  # u = x (b + c x²), du/dx = b + 3 c x²

    def value(x: Array, y: Array) -> None:
        np.multiply(x * 0.5, 1.0 + np.tanh(x * (b + c * (x * x))), out=y)

    def slope(x: Array, dy: Array, dx: Array) -> None:
        a = _bounded(x)
        squares = a * a
        t = np.tanh(a * (b + c * squares))
        np.subtract(1.0, t, out=dx)  # from here in place
        dx *= a
        squares *= 3.0 * c
        squares += b
        dx *= squares
        dx += 1.0  # 1 + x (1 − t) du/dx
        t += 1.0
        dx *= t
        dx *= 0.5
        dx *= dy

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, dy),)

    return entrywise(value, x), pullback


def _bounded(x: Array) -> Array:
    """Return x within ±40, where φ is 0 and tanh u is ±1 in every digit: its powers cannot overflow."""
    return x.clip(-40.0, 40.0)
