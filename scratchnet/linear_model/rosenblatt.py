"""The perceptron's rule, an epoch at a time: without a penalty, and with one.

`N` samples, `D` features; `y_i` is +1 or −1, and `η_i` is the learning rate of sample i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Penalty", "penalised_epoch", "rosenblatt_epoch"]


def rosenblatt_epoch(
    w: NDArray[Any],
    b: float,
    X: NDArray[Any],
    y: NDArray[Any],
    rate: NDArray[Any],
    order: NDArray[np.intp],
    fit_intercept: bool = True,
) -> tuple[NDArray[Any], float, int, float]:
    """Take the samples in `order`, learn from each mistake; return w, b, the mistakes and the loss.

        f(x) = w·x + b
        y_i f(x_i) ≤ 0   ⇒   w ← w + η_i y_i x_i,   b ← b + η_i y_i        (else nothing changes)
        loss = Σ_i max(0, −y_i f(x_i)),  each with the w and b that x_i met

    w: (D,) · X: (N, D) · y, rate (the η_i): (N,) · order: (M,) indices → w: (D,), b, the number of
    mistakes, the summed loss

    Between two mistakes the weights stand still, so all samples up to the next mistake can be
    scored in one product. How far that is, is not known: after a mistake the next 16 are scored,
    then four times as many, and so on. The rule is the same as with one sample at a time, and no
    sample is judged with weights that it would not have met there.

    A score of exactly 0 is a mistake, so that the rule can leave w = 0, b = 0.
    Source: Rosenblatt 1958, "The perceptron: a probabilistic model for information storage and
    organization in the brain"; in this form Novikoff 1962.

    >>> X, y = np.array([[1.0], [3.0], [2.0]]), np.array([1.0, -1.0, -1.0])
    >>> rosenblatt_epoch(np.zeros(1), 0.0, X, y, rate=np.ones(3), order=np.arange(3))
    (array([-2.]), 0.0, 2, 4.0)
    """
    w, mistakes, loss = w.copy(), 0, 0.0
    step = rate * y
    width = chunk = max(16, 2**16 // X.shape[1])  # a chunk stays in the cache (512 kB of float64)
    for start in range(0, len(order), chunk):
        rows = order[start : start + chunk]
        X_chunk, y_chunk, step_chunk = X[rows], y[rows], step[rows]
        i = 0
        while i < len(rows):
            score = X_chunk[i : i + width] @ w  # (width, D) @ (D,) -> (width,)
            score += b
            score *= y_chunk[i : i + width]
            first = int((score > 0).argmin())  # the first not right (NaN is not); 0 if all are
            if score[first] > 0:
                i += width
                width *= 4
                continue
            mistakes += 1
            loss -= float(score[first])
            i += first
            w += step_chunk[i] * X_chunk[i]
            if fit_intercept:
                b += float(step_chunk[i])
            i += 1
            width = 16
    return w, b, mistakes, loss


class Penalty:
    """The penalty  R(w) = α ((1 − ρ)/2 ‖w‖² + ρ ‖w‖₁)  and what it does to the weights each step.

        decay:     w ← max(0, 1 − η α (1 − ρ)) w
        truncate:  u ← u + η α ρ
                   s_j = sign(w_j),   w_j ← s_j max(0, |w_j| − (u + s_j q_j)),   q_j ← q_j + Δw_j

    u is what every weight owes to the l1 term since the start, −s_j q_j what w_j has paid of it. A
    weight stops at 0 instead of changing its sign; the rest of its debt is due when it moves again.

    kind: "l2" is ρ = 0, "l1" is ρ = 1, "elasticnet" takes ρ = l1_ratio.
    Source: Tsuruoka, Tsujii & Ananiadou 2009, "Stochastic gradient descent training for
    L1-regularized log-linear models with cumulative penalty", section 3.2.
    """

    def __init__(self, kind: str, alpha: float, l1_ratio: float, eta: float) -> None:
        self.alpha, self.eta = alpha, eta
        self.l1_ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[kind]
        self.u = 0.0
        self.q: Any = 0.0  # (D,) after the first step

    def value(self, w: NDArray[Any]) -> float:
        """Return R(w)."""
        ridge, lasso = float(w @ w), float(np.abs(w).sum())
        return self.alpha * ((1 - self.l1_ratio) / 2 * ridge + self.l1_ratio * lasso)

    def decay(self, w: NDArray[Any]) -> None:
        """Scale `w` in place; a rate so large that it would turn the signs gives 0."""
        w *= max(0.0, 1 - self.eta * self.alpha * (1 - self.l1_ratio))

    def truncate(self, w: NDArray[Any]) -> None:
        """Move `w` in place towards 0 by what it owes."""
        if self.l1_ratio == 0:
            return
        self.u += self.eta * self.alpha * self.l1_ratio
        before, s = w.copy(), np.sign(w)
        w[:] = s * np.maximum(0, np.abs(w) - (self.u + s * self.q))
        self.q = self.q + (w - before)


def penalised_epoch(
    w: NDArray[Any],
    b: float,
    X: NDArray[Any],
    y: NDArray[Any],
    rate: NDArray[Any],
    order: NDArray[np.intp],
    fit_intercept: bool,
    penalty: Penalty,
) -> tuple[NDArray[Any], float, int, float]:
    """Take one epoch of the perceptron's rule with a penalty; return w, b, mistakes and loss.

        decay w;   at a mistake add η_i y_i x_i to w and η_i y_i to b;   truncate w

    Arguments and results as in `rosenblatt_epoch`; the loss has R(w) added at each sample. Since the
    penalty moves the weights at every sample, there is no stretch of samples to score at once.
    """
    w, mistakes, loss = w.copy(), 0, 0.0
    for i in order.tolist():
        score = float(y[i] * (X[i] @ w + b))
        loss += max(0.0, -score) + penalty.value(w)
        penalty.decay(w)
        if not score > 0:
            mistakes += 1
            w += rate[i] * y[i] * X[i]
            if fit_intercept:
                b += float(rate[i] * y[i])
        penalty.truncate(w)
    return w, b, mistakes, loss
