"""Losses for classes: minus the log-probability that the network gives to the true class.

Letters: N batch, K classes, … further axes (pixels), M all positions N·… taken together. float16 is
computed in float32: the sums over classes and positions are soon beyond the largest half.

reduction: "mean" over the positions, "sum", or "none" for the loss of every position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, as_float, in_float32
from scratchnet.ops._pieces import maxima, pieces, run_pieces, sums
from scratchnet.ops.loss import reduce_losses
from scratchnet.ops.softmax import log_softmax

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
    number of positions. If every position is ignored, the mean is NaN and its gradient 0.

    x: (N, K, …) or (K,) · target: integer labels (N, …) or (), or floating probabilities like x
    weight: (K,), without gradient · ignore_index: a label that adds nothing → a number, or (N, …)
    Raises IndexError for a label outside 0 … K−1 that is not ignore_index.
    Source: Szegedy et al. 2016, section 7 (label smoothing).

    >>> float(cross_entropy(np.log([[0.5, 0.25, 0.25]]), np.array([1]))[0].round(6))  # ln 4
    1.386294
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing lies between 0 and 1, got {label_smoothing}")
    x, target = as_float(x), np.asarray(target)
    if x.dtype == HALF:
        options = weight, ignore_index, reduction, label_smoothing
        y, pullback_in_float32 = cross_entropy(x.astype(np.float32), target, *options)

        def pullback_of_halves(dy: Array) -> tuple[Array, ...]:
            dx, *dtarget = pullback_in_float32(np.asarray(dy, np.float32))
            return dx.astype(HALF), *dtarget

        return y.astype(HALF), pullback_of_halves
    scores, restore = _classes_last(x)  # (M, K)
    w = _class_weights(weight, scores)
    eps = float(label_smoothing)
    sharp, smooth = 1.0 - eps, eps / scores.shape[1]  # q = w (sharp · t + smooth)

    if target.dtype.kind == "f":
        t = _probabilities(x, target, ignore_index)
        log_p, _ = log_softmax(scores, dim=1)
        q = w * (sharp * t + smooth)
        with np.errstate(invalid="ignore"):  # 0 · −∞
            losses = -np.einsum("mk,mk->m", q, log_p)
        total = float(len(losses))

        def dscores(dl: Array) -> Array:
            return dl[:, None] * (np.exp(log_p) * q.sum(axis=1, keepdims=True) - q)

    else:
        labels, kept, _ = _labels(x, target, scores.shape[1], ignore_index)
        w_label = w[labels] * kept  # (M,), 0 where ignored
        log_p_label, log_p_sum, m, s = _log_likelihood(scores, labels, w if smooth else None)
        losses = -sharp * w_label * np.where(kept, log_p_label, 0.0)
        if smooth:
            losses -= smooth * np.where(kept, log_p_sum, 0.0)
        total = float(w_label.sum())

        def dscores(dl: Array) -> Array:
            # q is w · sharp at the label, plus w · smooth everywhere; it is never laid out in full.
            dl = np.where(kept, dl, 0.0)
            at_label = dl * sharp * w_label
            factor = ((at_label + dl * (smooth * w.sum())) / s)[:, None]  # of exp(x − m) = p · s
            ds = np.empty_like(scores)

            def work(rows: slice) -> None:
                d = ds[rows]
                np.exp(np.subtract(scores[rows], m[rows], out=d), out=d)
                d *= factor[rows]
                d[np.arange(len(d)), labels[rows]] -= at_label[rows]
                if smooth:
                    d -= dl[rows, None] * (smooth * w)

            run_pieces(work, pieces(len(scores), scores[:1].nbytes))
            return ds

    y, spread = reduce_losses(losses, reduction, total)
    target_dtype = target.dtype

    def pullback(dy: Array) -> tuple[Array, ...]:
        dl = np.ravel(spread(dy))  # (M,), or (1,) for all of them
        dx = restore(dscores(dl))
        if target_dtype.kind != "f":
            return (dx,)
        return dx, restore(dl[:, None] * (-sharp * w * log_p)).astype(target_dtype, copy=False)

    return (y.reshape(_without_classes(x)) if reduction == "none" else y), pullback


def _log_likelihood(
    scores: Array, labels: Array, w: Array | None
) -> tuple[Array, Array, Array, Array]:
    """Return for each row of the scores (M, K) ln p of its label, Σ_k w_k ln p_k, m and s.

        ln p_k = x_k − m − ln s,   m = max_j x_j,   s = Σ_j exp(x_j − m)

    m and s are all that the gradient needs beside the scores: no array of all p is written. m (M, 1),
    the others (M,); without w the second is 0.
    """
    n = len(scores)
    m, s, at_label, weighted = (np.zeros(n, scores.dtype) for _ in range(4))

    def work(rows: slice) -> None:
        m[rows] = maxima(scores[rows])[:, 0]
        z = scores[rows] - m[rows, None]
        at_label[rows] = z[np.arange(len(z)), labels[rows]]
        if w is not None:
            np.einsum("mk,k->m", z, w, out=weighted[rows])
        s[rows] = sums(np.exp(z, out=z))[:, 0]

    run_pieces(work, pieces(n, scores[:1].nbytes))
    with np.errstate(invalid="ignore"):
        log_s = np.log(s)
        log_p_sum = weighted if w is None else weighted - log_s * w.sum()
        return at_label - log_s, log_p_sum, m[:, None], s


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

    The mean divides by Σ w[t] over the positions that are not ignored; of nothing it is NaN, and its
    gradient 0.

    x: (N, K, …) or (K,) · target: integer labels (N, …) or () · weight: (K,), without gradient
    → a number, or (N, …). Raises IndexError for a label outside 0 … K−1 that is not ignore_index.
    """
    x, target = as_float(x), np.asarray(target)
    if x.dtype == HALF:
        return in_float32(nll_loss, x, target, weight, ignore_index, reduction)
    scores, restore = _classes_last(x)  # (M, K)
    w = _class_weights(weight, scores)
    labels, kept, at_label = _labels(x, target, scores.shape[1], ignore_index)
    w_label = w[labels] * kept  # (M,), 0 where ignored
    losses = -w_label * np.where(kept, scores[at_label], 0.0)
    y, spread = reduce_losses(losses, reduction, float(w_label.sum()))
    form, dtype = scores.shape, x.dtype

    def pullback(dy: Array) -> tuple[Array]:
        dl = np.ravel(spread(dy))  # (M,), or (1,) for all of them
        ds = np.zeros(form, dtype)
        ds[at_label] = np.where(kept, -w_label * dl, 0.0)
        return (restore(ds),)

    return (y.reshape(_without_classes(x)) if reduction == "none" else y), pullback


def _classes_last(x: Array) -> tuple[Array, Any]:
    """Return x (N, K, …) or (K,) as (M, K), and the function that takes a gradient back."""
    if x.ndim == 0 or x.shape[min(1, x.ndim - 1)] == 0:
        raise ValueError(f"the scores take the shape (N, K, …) or (K,) with K ≥ 1, got {x.shape}")
    if x.ndim == 1:
        return x[None], lambda d: d[0]
    if x.ndim == 2:
        return x, lambda d: d
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


def _without_classes(x: Array) -> tuple[int, ...]:
    """Return the shape of the positions: (N, …) for x (N, K, …), () for x (K,)."""
    return x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()


def _probabilities(x: Array, target: Array, ignore_index: int) -> Array:
    """Return targets that are probabilities as (M, K), in the dtype of x."""
    if target.shape != x.shape:
        raise ValueError(f"probabilities take the shape of x {x.shape}, got {target.shape}")
    if ignore_index >= 0:
        raise ValueError(f"ignore_index={ignore_index} is for labels, the target is {target.dtype}")
    return _classes_last(target)[0].astype(x.dtype, copy=False)


def _labels(x: Array, target: Array, n_classes: int, ignore_index: int) -> tuple[Array, Array, Any]:
    """Return the labels with ignored ones as 0, which of them count, and the index of their scores."""
    wanted = _without_classes(x)
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"labels are integers, and only cross_entropy takes probabilities (floats): "
            f"got {target.dtype} {target.shape}"
        )
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
