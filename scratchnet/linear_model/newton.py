"""Newton's method for a stack of logistic regressions, all of them in every step.

`B` models, `K` score rows, `D` columns; the loss and its derivatives are `LogisticLoss`'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.linear_model.logistic_loss import Array, LogisticLoss

__all__ = ["NEWTON_TOL", "newton"]

# Close to the minimum the digits double with each step, so that this gradient is reached a few steps
# after one of 1e-4 (2 on the tumours, 4 on the digits): whoever asks for less gets it.
NEWTON_TOL = 1e-9

# What is added to the diagonal of the Hessian, once that is scaled to ones, so that its inverse
# exists where columns are collinear. It turns the step a little and leaves the solution, gradient 0,
# where it is. The second is for a step that rounding has turned uphill.
DAMPINGS = (1e-13, 1e-10)
MAX_HALVINGS = 30


def newton(
    loss: LogisticLoss, w: Array, tol: float, max_iter: int
) -> tuple[Array, NDArray[np.int_], Array]:
    """Return the weights that minimise each model's loss, the steps taken, and what gradient is left.

        w ← w − s (∂²L/∂w²)⁻¹ ∂L/∂w,   s = 1, or halved until the step is accepted
        stop when  max |∂L/∂w| / Σ_i m_i ≤ min(tol, NEWTON_TOL)

    A step is accepted if it halves the largest entry of the gradient, or else if it lowers the loss
    by 10⁻⁴ s of what the gradient promises (Armijo 1966). The loss is convex, so a gradient that
    goes to 0 goes to the minimum; looking at the loss alone would stop short of it, because near the
    minimum the loss changes by less than its rounding. Close to the minimum s = 1 and the number of
    correct digits doubles with each step. Models that have converged take no further part.

    w: where to start, (B, K, D) → w (B, K, D), steps (B,), max |∂L/∂w| / Σ_i m_i (B,)

    Of several classes, the same number added to a column of all K rows changes no probability. Where
    that column is not penalised, the step has no part in this direction: from 0, the rows sum to 0.

    Source: Boyd & Vandenberghe 2004, "Convex Optimization", section 9.5.
    """
    w = w.copy()
    every = np.arange(len(w))
    total = loss.weight.sum(axis=1)
    limit = min(tol, NEWTON_TOL) * total
    n_iter = np.zeros(len(w), dtype=int)
    p = loss.probabilities(w)
    gradient = loss.gradient(w, p, every)
    stalled = np.zeros(len(w), dtype=bool)
    for _ in range(max_iter):
        going = every[(_largest(gradient) > limit) & ~stalled]
        if not len(going):
            break
        n_iter[going] += 1
        step = _newton_step(loss, p[going], gradient[going], going)
        promise = (step * gradient[going]).sum(axis=(1, 2))
        length = 1.0
        for _ in range(MAX_HALVINGS):
            trial = w[going] - length * step
            p_trial = loss.probabilities(trial)
            gradient_trial = loss.gradient(trial, p_trial, going)
            accepted = _largest(gradient_trial) <= 0.5 * _largest(gradient[going])
            if not accepted.all():
                asked = np.flatnonzero(~accepted)
                models = going[asked]
                allowed = loss.value(w[models], models) - 1e-4 * length * promise[asked]
                accepted[asked] = loss.value(trial[asked], models) < allowed
            taken = going[accepted]
            w[taken], p[taken] = trial[accepted], p_trial[accepted]
            gradient[taken] = gradient_trial[accepted]
            if accepted.all():
                break
            going, step, promise = going[~accepted], step[~accepted], promise[~accepted]
            length /= 2
        else:
            stalled[going] = True
    return w, n_iter, _largest(gradient) / total


def _largest(gradient: Array) -> Array:
    """Return the largest absolute entry for each model, (B,)."""
    return np.abs(gradient).max(axis=(1, 2), initial=0)


def _newton_step(loss: LogisticLoss, p: Array, gradient: Array, models: NDArray[np.intp]) -> Array:
    """Return (∂²L/∂w²)⁻¹ ∂L/∂w, (B, K, D)."""
    B, K, D = gradient.shape
    hessian = loss.hessian(p, models)
    diagonal = np.einsum("bii->bi", hessian)  # a view
    if K > 1:  # see the docstring: curvature for the direction in which the loss has none
        blocks = hessian.reshape(B, K, D, K, D)
        for d in np.flatnonzero(loss.ridge[0] == 0):
            own = diagonal.reshape(B, K, D)[:, :, d].mean(axis=1)
            blocks[:, :, d, :, d] += own[:, None, None]
    # Penalties and features of very different size share a Hessian: each is measured by its own.
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
    hessian *= scale[:, :, None]
    hessian *= scale[:, None, :]
    right = (gradient.reshape(B, K * D) * scale)[:, :, None]
    step: NDArray[Any] = np.zeros_like(right)
    for damping in DAMPINGS:
        diagonal += damping
        try:
            step = np.linalg.solve(hessian, right)
        except np.linalg.LinAlgError:  # every probability is 0 or 1 to the last digit
            step = np.linalg.pinv(hessian, hermitian=True) @ right
        if ((step * right).sum(axis=(1, 2)) > 0).all():
            break
    return np.asarray((step[:, :, 0] * scale).reshape(B, K, D), dtype=np.float64)
