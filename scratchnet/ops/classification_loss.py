"""Losses for classes: how improbable the network held what was true.

Letters: N batch, K classes, … further axes (pixels), D all positions N·… taken together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, is_differentiable
from scratchnet.ops.loss import reduce_losses

__all__ = ["cross_entropy", "nll_loss"]


def cross_entropy(
    x: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Array, Pullback]:
    """Cross-entropy between the softmax of the logits x and the target, from the logits themselves.

        l = −Σ_k q_k ln p_k,   ln p = x − logsumexp(x)
        ∂l/∂x_k = p_k Σ_j q_j − q_k,   ∂l/∂t_k = −(1 − ε) w_k ln p_k   (for targets that are probabilities)

    with q_k = w_k ((1 − ε) t_k + ε/K): t is the target (1 at the label, for labels), w the weight of
    the classes (1 if not given) and ε the label smoothing.

    The mean divides by Σ w[label] over the positions that are not ignored; for probabilities by the
    number of positions. Is everything ignored, the mean is NaN.

    x: (N, K, …) or (K,) · target: integer labels (N, …) or (), or floating probabilities like x
    weight: (K,), without gradient · ignore_index: a label that adds nothing → a number, or (N, …)
    Raises IndexError for a label outside 0 … K−1 that is not ignore_index.
    Source: Szegedy et al. 2016, section 7 (label smoothing).
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing lies between 0 and 1, got {label_smoothing}")
    x, target = as_float(x), np.asarray(target)
    scores, restore = _classes_last(x)  # (D, K)
    w = _class_weights(weight, scores)
    log_p = scores - scores.max(axis=1, keepdims=True, initial=-np.inf)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    eps, n_classes = label_smoothing, scores.shape[1]
    dtarget: Any = None

    if target.dtype.kind == "f":
        if target.shape != x.shape:
            raise ValueError(
                f"cross_entropy: probabilities are shaped like x {x.shape}, got {target.shape}"
            )
        t = _classes_last(target)[0].astype(x.dtype, copy=False)
        q = w * (t if eps == 0 else t * (1.0 - eps) + eps / n_classes)
        losses, total = -np.einsum("dk,dk->d", q, log_p), None
        total = float(len(losses))
        target_dtype = target.dtype

        def dscores(dl: Array) -> Array:
            return dl[:, None] * (np.exp(log_p) * q.sum(axis=1, keepdims=True) - q)

        def dtarget(dl: Array) -> Array:
            return (dl[:, None] * w * log_p * (eps - 1.0)).astype(target_dtype, copy=False)

    else:
        labels, kept, at_label = _labels(x, target, n_classes, ignore_index)
        w_label = w[labels] * kept  # (D,), 0 where ignored
        losses = -(1.0 - eps) * w_label * log_p[at_label]
        if eps:
            losses -= (eps / n_classes) * kept * (log_p @ w)
        total = float(w_label.sum())

        def dscores(dl: Array) -> Array:
            # q is (1 − ε) w[label] at the label, plus ε w/K everywhere; it is never laid out in full
            ds = np.exp(log_p)
            ds *= (dl * ((1.0 - eps) * w_label + (eps / n_classes) * w.sum() * kept))[:, None]
            ds[at_label] -= dl * (1.0 - eps) * w_label
            if eps:
                ds -= (dl * kept)[:, None] * (w * (eps / n_classes))
            return ds

    y, spread = reduce_losses(losses.astype(x.dtype, copy=False), reduction, total)
    shape = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    has_dtarget, n = is_differentiable(target), len(losses)

    def pullback(dy: Array) -> tuple[Array, ...]:
        dl = np.broadcast_to(np.reshape(spread(dy), -1), (n,)).astype(log_p.dtype, copy=False)
        grads = (restore(dscores(dl)),)
        return (*grads, restore(dtarget(dl))) if has_dtarget else grads

    return (y.reshape(shape) if reduction == "none" else y), pullback


def nll_loss(
    x: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[Array, Pullback]:
    """Negative log-likelihood of the labels, from log-probabilities (`cross_entropy` takes logits).

        l = −w[t] · x[t]
        ∂l/∂x_k = −w[t] · [k = t]

    The mean divides by Σ w[t] over the positions that are not ignored; of nothing it is NaN.

    x: (N, K, …) or (K,) · target: integer labels (N, …) or () · weight: (K,), without gradient
    → a number, or (N, …). Raises IndexError for a label outside 0 … K−1 that is not ignore_index.
    """
    x, target = as_float(x), np.asarray(target)
    scores, restore = _classes_last(x)
    w = _class_weights(weight, scores)
    labels, kept, at_label = _labels(x, target, scores.shape[1], ignore_index)
    w_label = w[labels] * kept
    losses = np.where(kept, -w_label * scores[at_label], 0.0).astype(x.dtype, copy=False)
    y, spread = reduce_losses(losses, reduction, float(w_label.sum()))
    shape = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    form, dtype = scores.shape, x.dtype

    def pullback(dy: Array) -> tuple[Array]:
        dl = np.broadcast_to(np.reshape(spread(dy), -1), form[:1])
        ds = np.zeros(form, dtype)
        ds[at_label] = -w_label * dl
        return (restore(ds),)

    return (y.reshape(shape) if reduction == "none" else y), pullback


def _classes_last(x: Array) -> tuple[Array, Any]:
    """Return x (N, K, …) or (K,) as (D, K), and the function that takes a gradient back."""
    if x.ndim == 0:
        raise ValueError("the scores of classes take the shape (N, K, …) or (K,), got a number")
    if x.ndim == 1:
        return x[None], lambda d: d[0]
    moved = np.moveaxis(x, 1, -1)  # (N, …, K)
    form, k = moved.shape, x.shape[1]
    rows = moved.reshape(int(np.prod(form[:-1])), k)
    return rows, lambda d: np.moveaxis(d.reshape(form), -1, 1)


def _class_weights(weight: Array | None, scores: Array) -> Array:
    if weight is None:
        return np.ones(scores.shape[1], scores.dtype)
    if np.shape(weight) != scores.shape[1:]:
        raise ValueError(
            f"weight takes one entry for each of {scores.shape[1]} classes, got {np.shape(weight)}"
        )
    return np.asarray(weight, scores.dtype)


def _labels(x: Array, target: Array, n_classes: int, ignore_index: int) -> tuple[Array, Array, Any]:
    """Return the labels with ignored ones as 0, which of them count, and the index of their scores."""
    wanted = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if target.dtype.kind not in "iu":
        raise TypeError(f"labels are integers and probabilities are floats, got {target.dtype}")
    if target.shape != wanted:
        raise ValueError(f"labels take the shape {wanted} for x {x.shape}, got {target.shape}")
    labels = target.reshape(-1).astype(np.int64)
    kept = labels != ignore_index
    wrong = kept & ((labels < 0) | (labels >= n_classes))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise IndexError(
            f"label {labels[at]} at position {at} is none of the {n_classes} classes 0 … {n_classes - 1}"
        )
    labels = np.where(kept, labels, 0)
    return labels, kept, (np.arange(len(labels)), labels)
