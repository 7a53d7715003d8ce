"""Activations: the nonlinearity between two layers, entry by entry.

Each pullback multiplies dy by the slope. Where the slope can be told from the output, the pullback
keeps the output (which the next layer keeps anyway) and not the input.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, masked
from scratchnet.ops._erf import erf

__all__ = [
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]


def relu(x: Array) -> tuple[Array, Pullback]:
    """Rectifier: negative entries become 0; NaN stays NaN.

    y = max(x, 0)
    ∂L/∂x = dy · [x > 0]   (0 at x = 0, dy at NaN)
    """
    x = np.asarray(x)
    if x.dtype.kind == "f":
        y = x.clip(0.0, np.inf)  # in a third of the time of np.maximum
    else:
        _require_numbers("relu", x)
        y = np.maximum(x, 0)  # integers stay integers, as in torch

    def pullback(dy: Array) -> tuple[Array]:
        return (masked(dy, ~(y <= 0)),)

    return y, pullback


def _require_numbers(name: str, x: Array) -> None:
    if x.dtype.kind not in "fiu":  # of complex numbers none is the larger one
        raise TypeError(f"{name} takes real numbers, got dtype {x.dtype} with shape {x.shape}")


def leaky_relu(x: Array, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """Rectifier that lets a little of the negative side through.

    y = x where x > 0, else s · x
    ∂L/∂x = dy where x > 0, else s · dy
    """
    x, negative_slope = as_float(x), float(negative_slope)
    positive = x > 0

    def pullback(dy: Array) -> tuple[Array]:
        return (np.where(positive, dy, dy * negative_slope),)

    return np.where(positive, x, x * negative_slope), pullback


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> tuple[Array, Pullback]:
    """The identity between two bounds, constant beyond them; NaN stays NaN.

        y = min(max(x, min_val), max_val)
        ∂L/∂x = dy · [min_val < x < max_val]   (0 at the bounds, dy at NaN)

    `clip` has the same values, but passes the gradient at its bounds: so do torch's two. Integers
    stay integers, and the bounds lose their fraction then, as in torch.
    """
    x = np.asarray(x)
    _require_numbers("hardtanh", x)
    number = float if x.dtype.kind == "f" else int
    low, high = number(min_val), number(max_val)
    if low > high:
        raise ValueError(f"hardtanh: min_val {min_val} is greater than max_val {max_val}")
    y = x.clip(low, high)

    def pullback(dy: Array) -> tuple[Array]:
        return (masked(dy, ~((y <= low) | (y >= high))),)

    return y, pullback


def relu6(x: Array) -> tuple[Array, Pullback]:
    """Rectifier that stops at 6, which suits low-precision arithmetic.

    y = min(max(x, 0), 6)
    ∂L/∂x = dy · [0 < x < 6]   (0 at 0 and 6, dy at NaN)
    """
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: Array) -> tuple[Array, Pullback]:
    """Logistic function made of three straight lines.

    y = h(x) = min(max(x + 3, 0), 6) / 6
    ∂L/∂x = dy/6 · [0 < y < 1]   (0 at x = ±3 and at NaN)
    """
    y = _hardsigmoid(as_float(x))

    def pullback(dy: Array) -> tuple[Array]:
        return (masked(dy * (1.0 / 6.0), (y > 0) & (y < 1)),)

    return y, pullback


def _hardsigmoid(x: Array) -> Array:
    y = np.asarray(x + 3.0)
    np.clip(y, 0.0, 6.0, out=y)
    y /= 6.0
    return y


def hardswish(x: Array) -> tuple[Array, Pullback]:
    """silu with straight lines for its σ: 0 up to −3, the identity from 3 on.

        y = x · h(x),   h(x) = min(max(x + 3, 0), 6) / 6
        ∂L/∂x = dy · (h(x) + x/6 · [−3 < x < 3])   (0 at −3, dy at 3)

    Source: Howard et al. 2019 (MobileNetV3), section 5.2.
    """
    x = as_float(x)

    def pullback(dy: Array) -> tuple[Array]:
        slope = masked(x, (x > -3.0) & (x < 3.0))
        slope *= 1.0 / 6.0
        slope += _hardsigmoid(x)
        slope *= dy
        return (slope,)

    y = _hardsigmoid(x)
    y *= x
    return y, pullback


def elu(x: Array, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Exponential linear unit: bends smoothly to −α on the negative side.

    y = x where x > 0, else α (eˣ − 1)
    ∂L/∂x = dy where x > 0, else dy · α eˣ   (y + α, but that would cancel far out)
    """
    x, alpha = as_float(x), float(alpha)
    positive = x > 0

    def pullback(dy: Array) -> tuple[Array]:
        return (np.where(positive, dy, dy * (alpha * np.exp(np.minimum(x, 0)))),)

    return np.where(positive, x, alpha * np.expm1(np.minimum(x, 0))), pullback


def tanh(x: Array) -> tuple[Array, Pullback]:
    """Hyperbolic tangent.

    y = tanh x
    ∂L/∂x = dy · (1 − y²)
    """
    y = np.tanh(as_float(x))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (1.0 - y * y),)

    return y, pullback


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """Logistic function, from 0 to 1.

    y = σ(x) = 1 / (1 + e⁻ˣ)
    ∂L/∂x = dy · y (1 − y)
    """
    y = _sigmoid(as_float(x))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (y * (1.0 - y)),)

    return y, pullback


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):  # e⁻ˣ = ∞ gives 1/∞ = 0, which is the limit
        return 1.0 / (1.0 + np.exp(-x))


def silu(x: Array) -> tuple[Array, Pullback]:
    """Sigmoid-weighted linear unit, also called swish.

    y = x · σ(x)
    ∂L/∂x = dy · σ (1 + x (1 − σ))
    """
    x = as_float(x)
    s = _sigmoid(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * (s * (1.0 + x * (1.0 - s))),)

    return x * s, pullback


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """Smooth rectifier; the identity where β·x exceeds the threshold.

        y = ln(1 + exp(βx)) / β = (max(βx, 0) + ln(1 + exp(−|βx|))) / β,   x above the threshold
        ∂L/∂x = dy · σ(βx),   dy above the threshold

    In the second form exp never overflows; the threshold is torch's, and above 20 the difference is
    below float32's rounding.
    """
    x, beta = as_float(x), float(beta)
    scaled = x * beta
    beyond = scaled > threshold
    y = (np.maximum(scaled, 0.0) + np.log1p(np.exp(-np.abs(scaled)))) / beta

    def pullback(dy: Array) -> tuple[Array]:
        return (np.where(beyond, dy, dy * _sigmoid(x * beta)),)

    return np.where(beyond, x, y), pullback


def gelu(x: Array, approximate: str = "none") -> tuple[Array, Pullback]:
    """Gaussian error linear unit: x times the probability that a standard normal value lies below x.

        y = x · Φ(x),   Φ(x) = (1 + erf(x/√2)) / 2
        ∂L/∂x = dy · (Φ(x) + x · φ(x)),   φ(x) = exp(−x²/2) / √(2π)

    With approximate="tanh", Φ(x) ≈ (1 + t)/2 with t = tanh(u), u = √(2/π) x (1 + 0.044715 x²), and
    the slope of that: (1 + t)/2 + x (1 − t²)/2 · √(2/π) (1 + 3·0.044715 x²).
    Source: Hendrycks & Gimpel 2016, section 2.
    """
    x = as_float(x)
    if approximate == "none":
        cdf = 0.5 * (1.0 + erf(x * sqrt(0.5)))

        def slope() -> Array:
            a = _bounded(x)
            return cdf + a * np.exp(-0.5 * a * a) * (1.0 / sqrt(2.0 * pi))

    elif approximate == "tanh":
        a = _bounded(x)
        t = np.tanh(sqrt(2.0 / pi) * a * (1.0 + 0.044715 * a * a))
        cdf = 0.5 * (1.0 + t)

        def slope() -> Array:
            a = _bounded(x)  # once more, so that only x, t and cdf are kept
            du = sqrt(2.0 / pi) * (1.0 + 3.0 * 0.044715 * a * a)
            return cdf + 0.5 * a * (1.0 - t * t) * du

    else:
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * slope(),)

    return x * cdf, pullback


def _bounded(x: Array) -> Array:
    """Return x within ±40, where φ is 0 and tanh u is ±1 in every digit: its powers cannot overflow."""
    return np.clip(x, -40.0, 40.0)
