"""Losses on real-valued targets and on binary logits; those for classes are in `classification_loss`.

l is the loss of one entry. reduction: "mean" over all n entries, "sum", or "none" for every l. The
gradient of what is returned: ∂L/∂x = dy · ∂l/∂x, divided by n for "mean".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, gradients, like, promote
from scratchnet.ops.activation import _sigmoid

__all__ = ["binary_cross_entropy_with_logits", "huber_loss", "l1_loss", "mse_loss"]


def mse_loss(x: Array, target: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """Mean squared error.

    l = (x − t)²
    ∂l/∂x = 2 (x − t),   ∂l/∂t = −2 (x − t)

    x, target: one shape → a number, or that shape for reduction="none"
    """
    d = _difference("mse_loss", x, target)
    return _reduced(d * d, reduction, (x, lambda: 2.0 * d), (target, lambda: -2.0 * d))


def l1_loss(x: Array, target: Array, reduction: str = "mean") -> tuple[Array, Pullback]:
    """Mean absolute error.

    l = |x − t|
    ∂l/∂x = sign(x − t),   ∂l/∂t = −sign(x − t)   (0 where x = t)

    x, target: one shape → a number, or that shape for reduction="none"
    """
    d = _difference("l1_loss", x, target)
    return _reduced(np.abs(d), reduction, (x, lambda: np.sign(d)), (target, lambda: -np.sign(d)))


def huber_loss(
    x: Array, target: Array, reduction: str = "mean", delta: float = 1.0
) -> tuple[Array, Pullback]:
    """Squared error near the target, absolute error beyond δ, so that outliers pull less.

        l = c (|x − t| − c/2),   c = min(|x − t|, δ)     (½ (x − t)² near, δ (|x − t| − δ/2) far)
        ∂l/∂x = x − t bounded to ±δ,   ∂l/∂t = −∂l/∂x

    x, target: one shape → a number, or that shape for reduction="none"
    Source: Huber 1964, section 1.
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    delta, d = float(delta), _difference("huber_loss", x, target)
    distance = np.abs(d)
    c = np.minimum(distance, delta)
    losses = c * (distance - 0.5 * c)

    def slope() -> Array:
        return np.clip(d, -delta, delta)

    return _reduced(losses, reduction, (x, slope), (target, lambda: -slope()))


def binary_cross_entropy_with_logits(
    x: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> tuple[Array, Pullback]:
    """Binary cross-entropy, from the logit x of the positive class.

        l = w · [p · t · ln(1 + e⁻ˣ) + (1 − t) · ln(1 + eˣ)]       (p = pos_weight)
        ∂l/∂x = w · [(1 − t) σ(x) − p · t σ(−x)],   ∂l/∂t = w · [p · ln(1 + e⁻ˣ) − ln(1 + eˣ)]

    ln(1 + e⁻ˣ) is −ln σ(x), the loss of a positive, and ln(1 + eˣ) is −ln(1 − σ(x)). Written as
    max(±x, 0) + ln(1 + e⁻|x|) they neither overflow nor cancel, whatever the logit.

    x, target: one shape, targets between 0 and 1; weight, pos_weight: broadcast to it, without
    gradient → a number, or that shape for reduction="none". The mean divides by the number of entries.
    """
    if np.shape(x) != np.shape(target):
        raise ValueError(
            f"binary_cross_entropy_with_logits: x {np.shape(x)} and target {np.shape(target)} differ"
        )
    a, t = map(as_float, promote(x, target))
    w, p = _weight("weight", weight, a), _weight("pos_weight", pos_weight, a)
    tail = np.log1p(np.exp(-np.abs(a)))  # ln(1 + e⁻|x|)
    positive, negative = p * (np.maximum(-a, 0.0) + tail), np.maximum(a, 0.0) + tail
    with np.errstate(invalid="ignore"):  # 0 · ∞: the loss of an infinite logit is NaN or ∞
        losses = np.asarray(w * (t * positive + (1.0 - t) * negative))
    return _reduced(
        losses,
        reduction,
        (x, lambda: w * ((1.0 - t) * _sigmoid(a) - p * t * _sigmoid(-a))),
        (target, lambda: w * (positive - negative)),
    )


def _weight(name: str, weight: Array | None, x: Array) -> Any:
    """Return the weight in the dtype of x, 1 if there is none; raise if it does not broadcast to x."""
    if weight is None:
        return 1.0
    try:
        np.broadcast_to(weight, x.shape)
    except ValueError:
        raise ValueError(f"{name} {np.shape(weight)} does not broadcast to x {x.shape}") from None
    return np.asarray(weight, x.dtype)


def _difference(name: str, x: Array, target: Array) -> Array:
    # Broadcasting (N,) against (N, 1) would silently compare every entry with every other one.
    if np.shape(x) != np.shape(target):
        raise ValueError(f"{name}: x {np.shape(x)} and target {np.shape(target)} differ in shape")
    a, t = map(as_float, promote(x, target))
    return np.asarray(a - t)


def _reduced(losses: Array, reduction: str, *operands: tuple[Array, Any]) -> tuple[Array, Pullback]:
    """Reduce the losses; `operands` pairs each array with the function that gives its slope ∂l/∂x."""
    forms = [(like(a), slope) for a, slope in operands]
    y, spread = reduce_losses(losses, reduction)

    def pullback(dy: Array) -> tuple[Array, ...]:
        dl = spread(dy)
        # slope=slope: bound now, a closure would see the last one
        return gradients(*[(form, lambda slope=slope: dl * slope()) for form, slope in forms])

    return y, pullback


def reduce_losses(losses: Array, reduction: str, total: float | None = None) -> tuple[Array, Any]:
    """Reduce losses to their mean, sum or nothing, and return also the pullback of that: dy to dl.

    total: what the mean divides by, if that is not the number of losses. The mean of nothing is NaN.
    """
    if reduction == "none":
        return losses, lambda dy: dy
    if reduction == "sum":
        return losses.sum(), lambda dy: dy
    if reduction != "mean":
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")
    n = float(losses.size if total is None else total)
    inverse = 1.0 / n if n else float("nan")
    return losses.sum() * inverse, lambda dy: dy * inverse
