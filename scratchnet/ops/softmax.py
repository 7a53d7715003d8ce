"""Softmax and its logarithm: scores to probabilities along one axis."""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, resolve_dims

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
    axis = resolve_dims(dim, x.ndim)  # none for a 0-d array, which is a row of one
    with np.errstate(invalid="ignore"):  # ∞ − ∞ in a row without a finite maximum
        y = np.asarray(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
        np.exp(y, out=y)
        y /= y.sum(axis=axis, keepdims=True)

    def pullback(dy: Array) -> tuple[Array]:
        dx = dy * y
        dx -= y * dx.sum(axis=axis, keepdims=True)
        return (dx,)

    return y, pullback


def log_softmax(x: Array, dim: int = -1) -> tuple[Array, Pullback]:
    """Logarithms of the softmax probabilities, exact where those underflow.

        y_i = x_i − m − ln Σ_j exp(x_j − m),   m = max_j x_j
        ∂L/∂x_i = dy_i − exp(y_i) Σ_j dy_j

    A row that is −∞ throughout is NaN.
    """
    x = as_float(x)
    axis = resolve_dims(dim, x.ndim)  # none for a 0-d array, which is a row of one
    # ∞ − ∞ in a row without a finite maximum; ln 0 in a row of nothing
    with np.errstate(invalid="ignore", divide="ignore"):
        y = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))

    def pullback(dy: Array) -> tuple[Array]:
        dx = np.exp(y)
        dx *= -dy.sum(axis=axis, keepdims=True)
        dx += dy
        return (dx,)

    return y, pullback
