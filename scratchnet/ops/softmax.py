"""Softmax and its logarithm: scores to probabilities along one axis.

`linewise` works through large arrays in pieces of whole lines, on threads. What it is given is the
equation for a piece, with the lines along axis 1, whose last operation writes into the result.
float16 is computed in float32, as in torch: a sum of 65520 ones is beyond the largest half.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, in_float32, resolve_dim
from scratchnet.ops._pieces import linewise, maxima, sums

__all__ = ["log_softmax", "softmax"]


def softmax(x: Array, dim: int = -1) -> tuple[Array, Pullback]:
    """Probabilities in proportion to the exponentials of the scores.

        y_i = exp(x_i − m) / Σ_j exp(x_j − m),   m = max_j x_j
        ∂L/∂x_i = y_i (dy_i − Σ_j dy_j y_j)   (the whole Jacobian: ∂y_j/∂x_i = y_j ([i = j] − y_i))

    The maximum is subtracted, so exp cannot overflow. A row that is −∞ throughout is NaN. In a loss,
    `cross_entropy` takes the scores themselves and is more exact than log(softmax(x)).

    >>> softmax(np.log([[1.0, 2.0, 1.0]]))[0].round(12)
    array([[0.25, 0.5 , 0.25]])
    """
    x = as_float(x)
    if x.dtype == HALF:
        return in_float32(softmax, x, dim)
    axis = resolve_dim(dim, x.ndim)

    def value(x: Array, y: Array) -> None:
        np.subtract(x, maxima(x), out=y)  # NaN, as ∞ − ∞, in a row without a finite maximum
        np.exp(y, out=y)
        y *= 1.0 / sums(y)

    def slope(y: Array, dy: Array, dx: Array) -> None:
        np.multiply(dy, y, out=dx)
        np.subtract(dy, sums(dx), out=dx)
        dx *= y

    y = linewise(value, axis, x)

    def pullback(dy: Array) -> tuple[Array]:
        return (linewise(slope, axis, y, dy),)

    return y, pullback


def log_softmax(x: Array, dim: int = -1) -> tuple[Array, Pullback]:
    """Logarithms of the softmax probabilities, exact where those underflow.

        y_i = x_i − m − ln Σ_j exp(x_j − m),   m = max_j x_j
        ∂L/∂x_i = dy_i − exp(y_i) Σ_j dy_j

    A row that is −∞ throughout is NaN.
    """
    x = as_float(x)
    if x.dtype == HALF:
        return in_float32(log_softmax, x, dim)
    axis = resolve_dim(dim, x.ndim)

    def value(x: Array, y: Array) -> None:
        np.subtract(x, maxima(x), out=y)  # NaN, as ∞ − ∞, in a row without a finite maximum
        y -= np.log(sums(np.exp(y)))

    def slope(y: Array, dy: Array, dx: Array) -> None:
        np.exp(y, out=dx)
        dx *= -sums(dy)
        dx += dy

    y = linewise(value, axis, x)

    def pullback(dy: Array) -> tuple[Array]:
        return (linewise(slope, axis, y, dy),)

    return y, pullback
