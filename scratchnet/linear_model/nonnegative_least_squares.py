"""Least squares with coefficients that must not be negative.

`N` samples, `D` features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.linear_model.least_squares import triangle_of

__all__ = ["nonnegative_least_squares"]


def nonnegative_least_squares(
    X: NDArray[Any], y: NDArray[Any], max_iter: int | None = None
) -> NDArray[Any]:
    """Return the w ≥ 0, (D,), that minimises ½ ‖y − Xw‖².

    With the gradient  g = Xᵀ(Xw − y),  w is the minimum if and only if (Karush, Kuhn, Tucker)

        w_j > 0  ⇒  g_j = 0          no small change of a used coefficient helps
        w_j = 0  ⇒  g_j ≥ 0          and raising an unused one would do harm

    The used ones are found one by one: take the j with the steepest descent −g_j / ‖x_j‖ and solve
    the plain least squares of the used ones. Where that asks for a coefficient below 0, go towards
    it only until the first used one reaches 0, drop that one, and solve again. The sum of squares
    is lower after each round, so no set of used ones comes twice, and it ends.

    X: (N, D) · y: (N,). max_iter: how many sets may be solved, None for 3 D.
    Raises RuntimeError if they are not enough. A column that is zero, or a combination of used
    ones, stays unused.

    Source: Lawson & Hanson 1974, "Solving Least Squares Problems", chapter 23, algorithm NNLS.

    >>> nonnegative_least_squares(np.eye(2), np.array([3.0, -1.0]))  # without the bound: 3, −1
    array([3., 0.])
    """
    N, D = X.shape
    max_iter = 3 * D if max_iter is None else max_iter
    if N > D + 1:  # [X y] = Q R leaves all lengths and angles as they are
        R = triangle_of(np.column_stack([X, y]))
        X, y = R[:, :-1], R[:, -1]
    G = X.T @ X
    length = np.sqrt(np.diag(G))  # ‖x_j‖: the choice does not depend on the columns' units
    # Below what rounding leaves in the gradient there is nothing to gain.
    negligible = 10 * max(N, D) * float(np.finfo(X.dtype).eps) * float(np.sqrt(y @ y))
    w, is_used = np.zeros(D, X.dtype), np.zeros(D, dtype=bool)
    is_refused = length == 0
    n_solved = 0
    while True:
        descent = X.T @ (y - X @ w) / np.where(length > 0, length, 1)
        descent[is_used | is_refused] = -np.inf
        j = int(descent.argmax())
        if descent[j] <= negligible:
            return w
        is_used[j] = True
        aim = _least_squares_of(is_used, X, y, G)
        if aim is None or aim[j] <= 0:  # collinear with the used ones, up to rounding
            is_used[j], is_refused[j] = False, True
            continue
        while (below := is_used & (aim <= 0)).any():
            share = w[below] / (w[below] - aim[below])  # of the way, to where each reaches 0
            way = share.min()
            w += way * (aim - w)
            is_used[np.flatnonzero(below)[share == way]] = False
            w[~is_used] = 0
            n_solved += 1
            solved = _least_squares_of(is_used, X, y, G)
            aim = w if solved is None else solved
        w = aim.copy()
        is_refused = length == 0
        n_solved += 1
        if n_solved > max_iter:
            raise RuntimeError(
                f"non-negative least squares: {max_iter} sets of the {D} coefficients were solved "
                "and none is the minimum; raise max_iter"
            )


def _least_squares_of(
    is_used: NDArray[np.bool_], X: NDArray[Any], y: NDArray[Any], G: NDArray[Any]
) -> NDArray[Any] | None:
    """Return the least squares of the used coefficients, 0 elsewhere; None if they are collinear.

    G = XᵀX. The normal equations are solved for y and then once more for the residual, which brings
    back the digits that are lost by squaring X (Björck 1996, "Numerical Methods for Least Squares
    Problems", section 2.9.3).
    """
    X_used, G_used = X[:, is_used], G[np.ix_(is_used, is_used)]
    try:
        L = np.linalg.cholesky(G_used)
    except np.linalg.LinAlgError:
        return None
    if not (np.diag(L) ** 2 > 100 * np.finfo(X.dtype).eps * np.diag(G_used)).all():
        return None
    solution = np.zeros(X.shape[1], X.dtype)
    for _ in range(2):
        residual = y - X_used @ solution[is_used]
        solution[is_used] += np.linalg.solve(G_used, X_used.T @ residual)
    return solution
