"""Minimising a smooth function from its value and gradient alone: gradient descent and L-BFGS.

They need no second derivative, so that their memory grows with the number of weights and not with its
square; Newton's method (`newton.py`) needs far fewer steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["gradient_descent", "lbfgs"]

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]  # w to its value and gradient


def gradient_descent(
    objective: Objective, w: Array, step: float, limit: float, max_iter: int
) -> tuple[Array, int, bool]:
    """Return the weights, the number of steps, and whether the gradient came below the limit.

        w ← w − η ∂f/∂w            until max |∂f/∂w| ≤ limit

    step: η. Every step lowers f if η ≤ 1/λ, λ the largest eigenvalue that its Hessian can have; the
    error then falls by 1 − λ_min/λ a step, so that features of different scale, or collinear ones,
    make it slow. Source: Boyd & Vandenberghe 2004, "Convex Optimization", section 9.3.
    """
    for n_iter in range(max_iter):
        gradient = objective(w)[1]
        if np.abs(gradient).max(initial=0) <= limit:
            return w, n_iter, True
        w = w - step * gradient
    return w, max_iter, bool(np.abs(objective(w)[1]).max(initial=0) <= limit)


def lbfgs(
    objective: Objective, w: Array, limit: float, max_iter: int, memory: int = 10
) -> tuple[Array, int, bool]:
    """Return the weights, the number of steps, and whether the gradient came below the limit.

        w ← w − t H ∂f/∂w            until max |∂f/∂w| ≤ limit

    H stands for the inverse of the Hessian: the last `memory` steps s and changes of the gradient y
    are remembered, and H maps each y to its s. Its product with the gradient is taken by the two
    loops of Nocedal 1980, "Updating quasi-Newton matrices with limited storage"; the step length t
    is halved or doubled until the conditions of Wolfe hold:

        f(w − t d) ≤ f(w) − 10⁻⁴ t d·∂f(w),    d·∂f(w − t d) ≤ 0.9 d·∂f(w),   d = H ∂f/∂w

    Source: Nocedal & Wright 2006, "Numerical Optimization", algorithms 7.4 and 3.5.
    """
    pairs: deque[tuple[Array, Array, float]] = deque(maxlen=memory)
    value, gradient = objective(w)
    for n_iter in range(max_iter):
        if np.abs(gradient).max(initial=0) <= limit:
            return w, n_iter, True
        direction = _two_loops(pairs, gradient)
        found = _wolfe(objective, w, value, gradient, direction, first=not pairs)
        if found is None:  # no step lowers f by more than its rounding
            return w, n_iter, False
        w_new, value, gradient_new = found
        s, y = w_new - w, gradient_new - gradient
        if (sy := float(s @ y)) > 0:
            pairs.append((s, y, sy))
        w, gradient = w_new, gradient_new
    return w, max_iter, bool(np.abs(gradient).max(initial=0) <= limit)


def _two_loops(pairs: deque[tuple[Array, Array, float]], gradient: Array) -> Array:
    """Return H ∂f/∂w."""
    q, coefficients = gradient.copy(), []
    for s, y, sy in reversed(pairs):
        a = float(s @ q) / sy
        coefficients.append(a)
        q -= a * y
    if pairs:
        s, y, sy = pairs[-1]
        q *= sy / float(y @ y)  # the scale of H before the first pair
    for (s, y, sy), a in zip(pairs, reversed(coefficients), strict=True):
        q += (a - float(y @ q) / sy) * s
    return q


def _wolfe(
    objective: Objective, w: Array, value: float, gradient: Array, direction: Array, first: bool
) -> tuple[Array, float, Array] | None:
    """Return (w, f, ∂f) at a step along −direction that meets Wolfe's conditions, or None."""
    slope = float(direction @ gradient)
    # The first direction is the gradient itself, whose length says nothing about the distance.
    t = min(1.0, 1.0 / float(np.abs(gradient).sum())) if first else 1.0
    low, high = 0.0, np.inf
    best = None
    for _ in range(50):
        trial = w - t * direction
        value_t, gradient_t = objective(trial)
        if not value_t <= value - 1e-4 * t * slope:
            high = t
        elif float(direction @ gradient_t) > 0.9 * slope:
            low, best = t, (trial, value_t, gradient_t)
        else:
            return trial, value_t, gradient_t
        t = 2 * low if high == np.inf else (low + high) / 2
    return best
