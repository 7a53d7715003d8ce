"""Activations: the nonlinearity between two layers, entry by entry.

Each pullback multiplies dy by the slope. Where the slope can be told from the output, the pullback
keeps the output (which the next layer keeps anyway) and not the input.

`entrywise` works through large arrays in pieces, on threads. What it is given is the equation for a
piece, whose last operation writes into the result, `y` or `dx`. GELU has a file of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, masked
from scratchnet.ops._pieces import entrywise

__all__ = [
    "elu",
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
        y = entrywise(_positive_part, as_float(x))
    else:
        _require_numbers("relu", x)
        y = np.maximum(x, 0)  # integers stay integers, as in torch

    def slope(y: Array, dy: Array, dx: Array) -> None:
        masked(dy, ~(y <= 0), dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, y, dy),)

    return y, pullback


def _positive_part(x: Array, y: Array | None = None) -> Array:
    return x.clip(0.0, np.inf, out=y)  # in a third of the time of np.maximum


def _negative_part(x: Array) -> Array:
    return x.clip(-np.inf, 0.0)


def _require_numbers(name: str, x: Array) -> None:
    if x.dtype.kind not in "fiu":  # of complex numbers none is the larger one
        raise TypeError(f"{name} takes real numbers, got dtype {x.dtype} with shape {x.shape}")


def leaky_relu(x: Array, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """Rectifier that lets a little of the negative side through.

    y = x where x > 0, else s · x
    ∂L/∂x = dy where x > 0, else s · dy
    """
    x = as_float(x)
    one, s = np.array([1.0, negative_slope], x.dtype)

    def value(x: Array, y: Array, positive: Array) -> None:
        np.greater(x, 0, out=positive)
        _choose(positive, one, s, out=y)
        y *= x

    def slope(dy: Array, positive: Array, dx: Array) -> None:
        _choose(positive, one, s, out=dx)
        dx *= dy

    y, positive = entrywise(value, x, outputs=(None, bool))

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, np.asarray(dy, s.dtype), positive),)

    return y, pullback


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
    y = entrywise(lambda x, y: x.clip(low, high, out=y), x)

    def slope(y: Array, dy: Array, dx: Array) -> None:
        masked(dy, ~((y <= low) | (y >= high)), dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, y, dy),)

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
    y = entrywise(_hardsigmoid, as_float(x))

    def slope(y: Array, dy: Array, dx: Array) -> None:
        masked(dy * (1.0 / 6.0), (y > 0) & (y < 1), dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, y, dy),)

    return y, pullback


def _hardsigmoid(x: Array, y: Array) -> None:
    np.add(x, 3.0, out=y)
    y.clip(0.0, 6.0, out=y)
    y /= 6.0


def hardswish(x: Array) -> tuple[Array, Pullback]:
    """silu with straight lines for its σ: 0 up to −3, the identity from 3 on.

        y = x · h(x),   h(x) = min(max(x + 3, 0), 6) / 6
        ∂L/∂x = dy · (h(x) + x/6 · [−3 < x < 3])   (0 at −3, dy at 3)

    Source: Howard et al. 2019 (MobileNetV3), section 5.2.
    """
    x = as_float(x)

    def value(x: Array, y: Array) -> None:
        _hardsigmoid(x, y)
        y *= x

    def slope(x: Array, dy: Array, dx: Array) -> None:
        inner = masked(x, (x > -3.0) & (x < 3.0))
        inner *= 1.0 / 6.0
        _hardsigmoid(x, dx)
        dx += inner
        dx *= dy

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, dy),)

    return entrywise(value, x), pullback


def elu(x: Array, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """Exponential linear unit: bends smoothly to −α on the negative side.

    y = x where x > 0, else α (eˣ − 1)    (max(x, 0) + exp(min(x, 0)) − 1, times 1 or α)
    ∂L/∂x = dy where x > 0, else dy · α eˣ    (not y + α, which would cancel far out)
    """
    x = as_float(x)
    one, a = np.array([1.0, alpha], x.dtype)

    def value(x: Array, y: Array) -> None:
        negative = _negative_part(x)
        _positive_part(x, y)
        y += np.expm1(negative, out=negative)
        if a != one:
            y *= _choose(x > 0, one, a, out=negative)

    def slope(x: Array, dy: Array, dx: Array) -> None:
        negative = _negative_part(x)
        np.exp(negative, out=dx)
        if a != one:
            dx *= _choose(x > 0, one, a, out=negative)
        dx *= dy

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, dy),)

    return entrywise(value, x), pullback


def tanh(x: Array) -> tuple[Array, Pullback]:
    """Hyperbolic tangent.

    y = tanh x
    ∂L/∂x = dy · (1 − y²)
    """
    y = entrywise(np.tanh, as_float(x))

    def slope(y: Array, dy: Array, dx: Array) -> None:
        np.multiply(dy, 1.0 - y * y, out=dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, y, dy),)

    return y, pullback


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """Logistic function, from 0 to 1.

    y = σ(x) = 1 / (1 + e⁻ˣ)
    ∂L/∂x = dy · y (1 − y)
    """
    y = entrywise(_sigmoid, as_float(x))

    def slope(y: Array, dy: Array, dx: Array) -> None:
        np.multiply(dy, y * (1.0 - y), out=dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, y, dy),)

    return y, pullback


def _sigmoid(x: Array, y: Array | None = None) -> Array:
    return np.divide(1.0, _one_and_exp(x), out=y)


def _one_and_exp(x: Array) -> Array:
    """Return 1 + e⁻ˣ; of halves in float32, since e¹² is beyond the largest half."""
    dtype = np.float32 if x.dtype == HALF else x.dtype
    with np.errstate(over="ignore"):  # ∞, of which 1/∞ = 0 is the limit
        return 1.0 + np.exp(np.negative(x, dtype=dtype))


def silu(x: Array) -> tuple[Array, Pullback]:
    """Sigmoid-weighted linear unit, also called swish.

        y = x · σ(x) = x / (1 + e⁻ˣ)
        ∂L/∂x = dy · σ (1 + x (1 − σ)),   σ = 1 / (1 + e⁻ˣ)

    σ is computed once more for the slope: on large arrays that takes no longer than writing it and
    reading it back. (1 + tanh(x/2))/2 would be faster, but cancels: below −15 it has no digit left.
    """
    x = as_float(x)

    def value(x: Array, y: Array) -> None:
        np.divide(x, _one_and_exp(x), out=y)

    def slope(x: Array, dy: Array, dx: Array) -> None:
        s = _one_and_exp(x)
        np.divide(1.0, s, out=s)
        slopes = 1.0 - s  # from here in place
        slopes *= x
        slopes += 1.0
        slopes *= s
        np.multiply(slopes, dy, out=dx)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, dy),)

    return entrywise(value, x), pullback


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Pullback]:
    """Smooth rectifier; the identity where β·x exceeds the threshold.

        y = ln(1 + exp(βx)) / β = (max(βx, 0) + ln(1 + exp(−|βx|))) / β,   x above the threshold
        ∂L/∂x = dy · σ(βx),   dy above the threshold

    In the second form exp never overflows; the threshold is torch's, and above 20 the difference is
    below float32's rounding.
    """
    x, beta = as_float(x), float(beta)

    def value(x: Array, y: Array) -> None:
        scaled = x * beta
        np.add(_positive_part(scaled), np.log1p(np.exp(-np.abs(scaled))), out=y)
        y /= beta
        _overwrite(y, scaled > threshold, x)

    def slope(x: Array, dy: Array, dx: Array) -> None:
        scaled = x * beta
        np.multiply(dy, _sigmoid(scaled), out=dx)
        _overwrite(dx, scaled > threshold, dy)

    def pullback(dy: Array) -> tuple[Array]:
        return (entrywise(slope, x, dy),)

    return entrywise(value, x), pullback


def _overwrite(out: Array, here: Array, values: Array) -> None:
    """Write the values to out where `here` is true; np.where takes nine times as long on a random mask.

    out + here · (values − out), of the bits read as integers, whose overflow wraps around.
    """
    if not here.any():
        return
    if out.dtype.itemsize > 8:  # long doubles, for which there is no integer of that size
        np.copyto(out, values, where=here)
        return
    bits = f"i{out.dtype.itemsize}"
    difference = values.view(bits) - out.view(bits)
    difference *= here
    out.view(bits)[...] += difference


def _choose(here: Array, a: np.floating[Any], b: np.floating[Any], out: Array) -> Array:
    """Return out with the number a where `here` is true, b elsewhere.

    b + here · (a − b), of the bits as above: of the numbers, rounding or ∞ would leave something else than a.
    """
    if out.dtype.itemsize > 8:
        out[...] = np.where(here, a, b)
        return out
    numbers = out.view(f"i{out.dtype.itemsize}")
    numbers[...] = here
    numbers *= a.view(numbers.dtype) - b.view(numbers.dtype)
    numbers += b.view(numbers.dtype)
    return out
