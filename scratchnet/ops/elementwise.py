"""Elementwise operations: arithmetic with broadcasting, powers, bounds, selection.

The operands are x and y and the output is z, so dz here is what is dy elsewhere.
Every z = f(x, y) works entry by entry, so its Jacobian is diagonal and the pullback multiplies dz by
the partial derivative. Where an operand was broadcast, each of its entries fed several entries of z,
and its gradient is the sum over them: `gradients` does that, and gives Python numbers no entry.
The usual case, two arrays that are `alike`, needs none of it and goes the short way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import (
    Array,
    Operand,
    Pullback,
    alike,
    as_float,
    gradients,
    like,
    masked,
    promote,
)

__all__ = [
    "absolute",
    "add",
    "astype",
    "clip",
    "divide",
    "exp",
    "log",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "pow",
    "sqrt",
    "subtract",
    "where",
]


def add(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Sum of two arrays.

        z = x + y
        ∂L/∂x = dz,   ∂L/∂y = dz

    x, y: shapes that broadcast → z: the broadcast shape
    """
    if alike(x, y):
        return x + y, lambda dz: (dz, dz)
    a, b = promote(x, y)
    like_x, like_y = like(x), like(y)

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((like_x, lambda: dz), (like_y, lambda: dz))

    return a + b, pullback


def subtract(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Difference of two arrays.

        z = x − y
        ∂L/∂x = dz,   ∂L/∂y = −dz

    x, y: shapes that broadcast → z: the broadcast shape
    """
    if alike(x, y):
        return x - y, lambda dz: (dz, -dz)
    a, b = promote(x, y)
    like_x, like_y = like(x), like(y)

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((like_x, lambda: dz), (like_y, lambda: -dz))

    return a - b, pullback


def multiply(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Product of two arrays.

        z = x · y
        ∂L/∂x = dz · y,   ∂L/∂y = dz · x

    x, y: shapes that broadcast → z: the broadcast shape
    """
    if alike(x, y):  # x and y as defaults: as a closure's cells they would be two objects more
        return x * y, lambda dz, x=x, y=y: (dz * y, dz * x)
    return _multiply(x, y)


def _multiply(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Product of a number and an array, or of arrays that differ in shape or dtype."""
    like_x, like_y = like(x), like(y)
    a, b = promote(x, y)
    b_for_x, a_for_y = like_x and b, like_y and a  # beside a number, the array is not kept

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((like_x, lambda: dz * b_for_x), (like_y, lambda: dz * a_for_y))

    return a * b, pullback


def divide(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Quotient of two arrays; integers are divided as float32.

        z = x / y
        ∂L/∂x = dz / y,   ∂L/∂y = −dz · z / y

    x, y: shapes that broadcast → z: the broadcast shape
    """
    a, b = promote(x, y)
    if np.result_type(a, b).kind != "f":
        a, b = as_float(a), as_float(b)
    z = a / b

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((x, lambda: dz / b), (y, lambda: -dz * z / b))

    return z, pullback


def astype(x: Array, dtype: npt.DTypeLike) -> tuple[Array, Pullback]:
    """The same numbers in another dtype.

    y = x, rounded to the dtype
    ∂L/∂x = dy in the dtype of x   (0 if y is not floating: it does not vary with x)
    """
    form, y = like(x), x.astype(dtype)
    varies = y.dtype.kind == "f"

    def pullback(dy: Array) -> tuple[Array, ...]:
        if form is None:
            return ()
        return (dy.astype(form[1]) if varies else np.zeros(*form),)

    return y, pullback


def negative(x: Array) -> tuple[Array, Pullback]:
    """Negative of an array.

    y = −x
    ∂L/∂x = −dy
    """

    def pullback(dy: Array) -> tuple[Array]:
        return (-dy,)

    return -x, pullback


def pow(x: Operand, exponent: Operand) -> tuple[Array, Pullback]:
    """Power of an array.

        z = xᵖ
        ∂L/∂x = dz · p · xᵖ⁻¹   (0 where p = 0, whatever x is)
        ∂L/∂p = dz · z · ln x   (0 where x = 0 and p ≥ 0)

    x, exponent: shapes that broadcast; either may be a number. A negative x under a fractional p is
    NaN, as is the gradient of p under a negative x.
    """
    a, p = promote(x, exponent)
    z = a**p

    def dx() -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 ** -1 where p = 0, masked below
            return np.where(p == 0, 0, p * a ** (p - 1))

    def dp() -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):  # log 0 where x = 0, masked below
            return np.where((a == 0) & (p >= 0), 0, z * np.log(a))

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((x, lambda: dz * dx()), (exponent, lambda: dz * dp()))

    return z, pullback


def exp(x: Array) -> tuple[Array, Pullback]:
    """Exponential function.

    y = eˣ
    ∂L/∂x = dy · y
    """
    y = np.exp(as_float(x))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * y,)

    return y, pullback


def log(x: Array) -> tuple[Array, Pullback]:
    """Natural logarithm.

    y = ln x
    ∂L/∂x = dy / x
    """
    x = as_float(x)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy / x,)

    return np.log(x), pullback


def sqrt(x: Array) -> tuple[Array, Pullback]:
    """Square root.

    y = √x
    ∂L/∂x = dy / (2 y)   (infinite at x = 0)
    """
    y = np.sqrt(as_float(x))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy / (2.0 * y),)

    return y, pullback


def absolute(x: Array) -> tuple[Array, Pullback]:
    """Absolute value.

    y = |x|
    ∂L/∂x = dy · sign(x)   (0 at x = 0)
    """

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * np.sign(x),)

    return np.abs(x), pullback


def maximum(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Larger of two arrays, entry by entry; NaN if either is NaN.

        z = max(x, y)
        ∂L/∂x = dz · [x > y] + dz/2 · [x = y],   ∂L/∂y likewise

    Where both are equal, each takes half of the gradient; beside a NaN, each takes the whole.
    """
    a, b = promote(x, y)

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((x, lambda: dz * _share(a, b)), (y, lambda: dz * _share(b, a)))

    return np.maximum(a, b), pullback


def minimum(x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Smaller of two arrays, entry by entry; NaN if either is NaN.

        z = min(x, y)
        ∂L/∂x = dz · [x < y] + dz/2 · [x = y],   ∂L/∂y likewise

    Where both are equal, each takes half of the gradient; beside a NaN, each takes the whole.
    """
    a, b = promote(x, y)

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients((x, lambda: dz * _share(b, a)), (y, lambda: dz * _share(a, b)))

    return np.minimum(a, b), pullback


def _share(larger: Operand, smaller: Operand) -> Array:
    """Return 1 where the first is larger or one is NaN, ½ where both are equal, else 0."""
    dtype = np.result_type(larger, smaller)
    share = np.subtract(1.0, np.less(larger, smaller), dtype=dtype)
    share -= 0.5 * np.equal(larger, smaller)
    return share


def clip(
    x: Array, min: Operand | None = None, max: Operand | None = None
) -> tuple[Array, Pullback]:
    """Values bounded from below and above.

        y = min(max(x, lo), hi),   lo = min, hi = max
        ∂L/∂x  = dy · [lo ≤ x ≤ hi]
        ∂L/∂lo = dy · [x < lo < hi],   ∂L/∂hi = dy · [x > hi or hi < lo]

    A value that lies exactly on a bound keeps its gradient. min, max: numbers or arrays that
    broadcast with x, or None for no bound (not both). Where lo > hi the result is hi; where lo = hi,
    values outside give no gradient to either, as in torch.
    """
    if min is None and max is None:
        raise ValueError("clip needs min or max, both are None")
    lo, hi = -np.inf if min is None else min, np.inf if max is None else max
    if np.asarray(x).dtype.kind != "f":  # an infinite bound would turn integers into floats
        lo = np.iinfo(x.dtype).min if min is None else min
        hi = np.iinfo(x.dtype).max if max is None else max
    a, low = promote(x, lo)
    a, high = promote(a, hi)

    def pullback(dy: Array) -> tuple[Array, ...]:
        return gradients(
            (x, lambda: masked(dy, (a >= low) & (a <= high))),
            (min, lambda: masked(dy, (a < low) & (low < high))),
            (max, lambda: masked(dy, (a > high) | (high < low))),
        )

    return np.minimum(np.maximum(a, low), high), pullback


def where(condition: Array, x: Operand, y: Operand) -> tuple[Array, Pullback]:
    """Entries of x where the condition holds, of y elsewhere.

        z = x where c, else y
        ∂L/∂x = dz · [c],   ∂L/∂y = dz · [not c]

    condition: bool; condition, x, y: shapes that broadcast. A NaN or infinity in the branch that was
    not taken does not reach the gradient.
    """
    keep = np.asarray(condition)
    if keep.dtype != bool:
        raise TypeError(f"where takes a bool condition, got {keep.dtype}")
    a, b = promote(x, y)
    like_x, like_y = like(x), like(y)

    def pullback(dz: Array) -> tuple[Array, ...]:
        return gradients(
            (like_x, lambda: masked(dz, keep)),
            (like_y, lambda: masked(dz, ~keep)),
        )

    return np.asarray(np.where(keep, a, b)), pullback
