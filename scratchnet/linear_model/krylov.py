"""Ridge regression by products with X and Xᵀ alone: conjugate gradients and LSQR.

Both look for w where k products with XᵀX lead from Xᵀy, and find the best one there; each step costs
2 N D, so that they pay where N and D are both large and a few digits are enough.

`N` samples, `D` features; one target at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["conjugate_gradients", "lsqr", "ridge_conjugate_gradients"]


def conjugate_gradients(
    product: Callable[[NDArray[Any]], NDArray[Any]], b: NDArray[Any], tol: float, max_iter: int
) -> tuple[NDArray[Any], bool]:
    """Return x with A x = b, A symmetric and positive definite, and whether ‖b − A x‖ ≤ tol ‖b‖.

        α = r·r / p·Ap,   x ← x + α p,   r ← r − α A p,   p ← r + (r·r / r_before·r_before) p

    from x = 0, r = p = b. Each direction p is conjugate to all before it (p·A p_before = 0), so what
    one step has minimised no later one spoils, and D steps would be exact but for rounding.

    product: the function p → A p. Source: Hestenes & Stiefel 1952, "Methods of conjugate gradients
    for solving linear systems".
    """
    x, r, p = np.zeros_like(b), b.copy(), b.copy()
    rr = float(r @ r)
    limit = tol**2 * rr
    for _ in range(max_iter):
        if rr <= limit:
            return x, True
        Ap = product(p)
        step = rr / float(p @ Ap)
        x += step * p
        r -= step * Ap
        rr, before = float(r @ r), rr
        p = r + rr / before * p
    return x, rr <= limit


def ridge_conjugate_gradients(
    X: NDArray[Any], y: NDArray[Any], alpha: float, tol: float, max_iter: int | None
) -> tuple[NDArray[Any], bool]:
    """Return the w, (D,), that minimises ‖y − Xw‖² + α‖w‖², and whether it converged.

        D ≤ N:   (XᵀX + α I) w = Xᵀy;        D > N:   (XXᵀ + α I) c = y,   w = Xᵀc

    by conjugate gradients, which need no XᵀX but only its product with a vector.
    max_iter: None for ten times the number of equations.
    """
    N, D = X.shape
    steps = 10 * min(N, D) if max_iter is None else max_iter
    if D > N:
        c, converged = conjugate_gradients(lambda p: X @ (X.T @ p) + alpha * p, y, tol, steps)
        return X.T @ c, converged
    return conjugate_gradients(lambda p: X.T @ (X @ p) + alpha * p, X.T @ y, tol, steps)


def lsqr(
    X: NDArray[Any], y: NDArray[Any], alpha: float, tol: float, max_iter: int | None
) -> tuple[NDArray[Any], int, bool]:
    """Return the w, (D,), that minimises ‖y − Xw‖² + α‖w‖², the steps taken, and if it converged.

        β u = X v − a u,   a v = Xᵀu − β v            (u, v of length 1; from β u = y, a v = Xᵀu)

    makes X bidiagonal step by step: X V = U B. The small problem in B is solved by rotations as it
    grows; one of them takes in √α. It is conjugate gradients on the normal equations without
    squaring X.

    It ends where the residual is a share tol of ‖y‖ and ‖X‖‖w‖, or orthogonal to the columns up to
    tol:  ‖Xᵀr − αw‖ ≤ tol ‖X‖ ‖r‖,  r with √α w appended, ‖X‖ as the Frobenius norm of B so far.
    max_iter: None for 2 D.

    Source: Paige & Saunders 1982, "LSQR: an algorithm for sparse linear equations and sparse least
    squares", sections 4 and 5.3.
    """
    D = X.shape[1]
    damp = float(np.sqrt(alpha))
    w = np.zeros(D, X.dtype)
    beta = norm_y = float(np.linalg.norm(y))
    if beta == 0:
        return w, 0, True
    u = y / beta
    v = X.T @ u
    a = float(np.linalg.norm(v))
    if a == 0:
        return w, 0, True
    v /= a
    direction = v.copy()
    phi_bar, rho_bar = beta, a
    norm_X2 = a**2  # of what is known of B, squared
    damped2 = 0.0  # what the damping rows leave in the squared residual
    n_steps = 2 * D if max_iter is None else max_iter
    for n_iter in range(1, n_steps + 1):
        u = X @ v - a * u
        beta = float(np.linalg.norm(u))
        norm_X2 += beta**2 + damp**2
        if beta > 0:
            u /= beta
            v = X.T @ u - beta * v
            a = float(np.linalg.norm(v))
            if a > 0:
                v /= a
            norm_X2 += a**2
        # The first rotation takes √α into the diagonal, the second β below it.
        rho_damped = float(np.hypot(rho_bar, damp))
        phi, lost = rho_bar / rho_damped * phi_bar, damp / rho_damped * phi_bar
        damped2 += lost**2
        rho = float(np.hypot(rho_damped, beta))
        cos, sin = rho_damped / rho, beta / rho
        theta, rho_bar = sin * a, -cos * a
        phi, phi_bar = cos * phi, sin * phi
        w += phi / rho * direction
        direction = v - theta / rho * direction
        residual = float(np.sqrt(phi_bar**2 + damped2))
        gradient = abs(phi_bar * a * cos)
        norm_X = float(np.sqrt(norm_X2))
        fits = residual <= tol * (norm_y + norm_X * float(np.linalg.norm(w)))
        if fits or gradient <= tol * norm_X * residual:
            return w, n_iter, True
    return w, n_steps, False
