"""Connectionist temporal classification: the loss of a labelling whose place in time is not known.

A network gives at every time step a probability for each class, one of which is blank. A path is one
class for each time step; it reads as the labelling that is left when repeated classes are collapsed
and then blanks dropped: a a - a b b reads "a a b". The loss sums over all paths that read as the
target, so that nobody has to say which time step belongs to which label.

Letters: T time steps, N batch, K classes with the blank, S labels of the longest target, L = 2S + 1
places of the target with a blank before, between and after its labels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import Array, Pullback, as_float, whole_numbers
from scratchnet.ops._ctc_arguments import require_blank, require_lengths
from scratchnet.ops.loss import reduce_losses

__all__ = ["ctc_loss"]

_LOWEST = float(np.finfo(np.float64).min)


def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: npt.ArrayLike,
    target_lengths: npt.ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> tuple[Array, Pullback]:
    """Minus the log-probability of the target, summed over all paths that read as it.

        z = blank, ℓ_1, blank, ℓ_2, …, ℓ_S, blank            ℓ: the target,  y_t(k) = exp(log_probs[t, k])
        m_s = 1 if z_s is a label other than z_{s−2}, else 0          may a path leap from s − 2 to s?
        α_t(s) = y_t(z_s) · [α_{t−1}(s) + α_{t−1}(s−1) + m_s α_{t−1}(s−2)]          forwards in time
        β_t(s) = γ_{t+1}(s) + γ_{t+1}(s+1) + m_{s+2} γ_{t+1}(s+2),  γ_t(s) = y_t(z_s) β_t(s)
        p = Σ_s α_t(s) β_t(s)   (the same for every t),   loss = −ln p
        ∂loss/∂log_probs[t, k] = −Σ_{s: z_s = k} α_t(s) β_t(s) / p

    α_t(s) is the probability of all beginnings of paths that are at place s at time t, and β_t(s) that
    of all their ends. A path starts at s = 0 or 1 (α_0(s) = y_0(z_s) there, else 0), ends at one of the
    last two places (β = 1 there, else 0), and may leap over z_{s−1} only if that is a blank between two
    different labels: two equal ones need a blank between them, or they would be read as one. The
    gradient is minus the share of p whose path is at class k at time t. It follows from p being linear
    in each y_t(k): ∂p/∂y_t(k) = Σ_{s: z_s = k} α_t(s) β_t(s) / y_t(k), and ∂y/∂log_probs = y.

    That is the derivative for log_probs of any kind. torch returns exp(log_probs) minus that share: it
    has already gone through log_softmax. Going through it once more changes nothing, so the logits get
    the same gradient from both.

    log_probs: (T, N, K), or (T, K) for one line · targets: integers (N, S) with anything behind the
    length of each, or all of them one after the other, (Σ target_lengths,)
    input_lengths, target_lengths: (N,), how much of each line counts. Behind it the gradient is 0.
    "mean" divides each loss by its target's length (at least 1) and then averages over the batch.
    → a number, or (N,) for reduction="none", () for one line

    An empty target is read from blanks alone. A target that no path reads as (more labels, and blanks
    between equal ones, than time steps) has the loss inf and the gradient NaN, or both 0 with
    zero_infinity. Raises IndexError for a label outside 0 … K−1, ValueError for a label that is the
    blank, which no path can read as (torch returns a number), and for a length outside 1 … T (torch
    takes 0) or 0 … S.
    Source: Graves, Fernández, Gomez & Schmidhuber 2006, section 4; their β holds y_t(s), ours does not.

    >>> p = np.array([[0.5, 0.5], [0.25, 0.75]])  # two steps; the paths a a, a -, - a read as "a"
    >>> loss, _ = ctc_loss(np.log(p), np.array([1]), 2, 1)
    >>> float(np.exp(-loss).round(12))  # 1/2 · 3/4 + 1/2 · 1/4 + 1/2 · 3/4
    0.875
    """
    log_probs = as_float(log_probs)
    if log_probs.ndim not in (2, 3) or 0 in (log_probs.shape[0], log_probs.shape[-1]):
        raise ValueError(
            f"ctc_loss takes log_probs (T, N, K) or (T, K) with T, K ≥ 1, got {log_probs.shape}"
        )
    shape, dtype = log_probs.shape, log_probs.dtype
    n_steps, n, n_classes = shape if len(shape) == 3 else (shape[0], 1, shape[1])
    blank = require_blank(blank, n_classes)
    steps = _lengths("input_lengths", input_lengths, n, 1, n_steps)
    n_labels = _lengths("target_lengths", target_lengths, n, 0)
    places = _places(whole_numbers("targets", targets), n_labels, n_classes, blank)  # z, (N, L)

    # In float64: a sum of T logarithms grows to hundreds, of which float32 would keep four decimals.
    log_y = log_probs.reshape(n_steps, n, n_classes)[:, np.arange(n)[:, None], places]
    log_y = log_y.astype(np.float64, copy=False)  # (T, N, L)
    inside = np.arange(n_steps)[:, None] < steps  # (T, N)
    log_y[~inside] = -np.inf
    may_leap = np.zeros(places.shape, bool)  # m, from s − 2 to s
    may_leap[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    leap = np.where(may_leap, 0.0, -np.inf)
    place = np.arange(places.shape[1])
    is_end = (place <= 2 * n_labels[:, None]) & (place >= 2 * n_labels[:, None] - 1)
    end = np.where(is_end, 0.0, -np.inf)  # (N, L), ln β at the last step of each line

    with np.errstate(invalid="ignore"):  # NaN and +∞ in log_probs give NaN, and no warning
        log_alpha = _forwards(log_y, leap)  # (T, N, L)
        log_p = np.logaddexp.reduce(log_alpha[steps - 1, np.arange(n)] + end, axis=1)  # (N,)
    losses, per_label = -log_p, np.maximum(n_labels, 1) if reduction == "mean" else 1
    impossible = log_p == -np.inf
    if zero_infinity:
        losses = np.where(impossible, 0.0, losses)
    out, spread = reduce_losses(losses / per_label, reduction)
    if reduction == "none" and len(shape) == 2:
        out = out[0]

    @np.errstate(invalid="ignore")
    def pullback(dy: Array) -> tuple[Array]:
        dlosses = np.ravel(spread(dy)) / per_label  # (N,), or (1,) for all
        log_beta = _backwards(log_y, leap, end, steps)
        share = np.exp(log_alpha + log_beta - np.where(impossible, 0.0, log_p)[:, None])
        at = np.arange(n_steps * n).reshape(n_steps, n, 1) * n_classes + places  # (T, N, L)
        at_class = np.bincount(at.ravel(), share.ravel(), n_steps * n * n_classes)
        slope = np.where(impossible, 0.0 if zero_infinity else np.nan, -dlosses)
        slope = np.where(inside, slope, 0.0)[:, :, None]  # (T, N, 1)
        dx = at_class.reshape(n_steps, n, n_classes) * slope
        return (dx.reshape(shape).astype(dtype, copy=False),)

    return np.asarray(out).astype(dtype), pullback


def _forwards(log_y: Array, leap: Array) -> Array:
    """Return ln α (T, N, L)."""
    n_steps, n, n_places = log_y.shape
    # Two places of probability 0 before the first, so that s − 1 and s − 2 are there for every s.
    log_alpha = np.full((n_steps, n, 2 + n_places), -np.inf)
    log_alpha[0, :, 2:4] = log_y[0, :, :2]
    for t in range(1, n_steps):
        before = log_alpha[t - 1]
        log_alpha[t, :, 2:] = log_y[t] + _log_sum(
            before[:, 2:], before[:, 1:-1], before[:, :-2] + leap
        )
    return log_alpha[:, :, 2:]


def _backwards(log_y: Array, leap: Array, end: Array, steps: Array) -> Array:
    """Return ln β (T, N, L); each line starts at its own last step."""
    n_steps, n, n_places = log_y.shape
    log_beta = np.full(log_y.shape, -np.inf)
    after = np.full((n, n_places + 2), -np.inf)  # ln γ_{t+1}, two places more
    leap = np.pad(leap, ((0, 0), (0, 2)), constant_values=-np.inf)  # looked up at s + 2
    for t in reversed(range(n_steps)):
        if t + 1 < n_steps:
            after[:, :-2] = log_y[t + 1] + log_beta[t + 1]
            log_beta[t] = _log_sum(after[:, :-2], after[:, 1:-1], after[:, 2:] + leap[:, 2:])
        np.copyto(log_beta[t], end, where=(steps - 1 == t)[:, None])
    return log_beta


def _log_sum(a: Array, b: Array, c: Array) -> Array:
    """Return ln(eᵃ + eᵇ + eᶜ), −∞ where all three are."""
    largest = np.maximum(np.maximum(a, b), c)
    np.maximum(largest, _LOWEST, out=largest)  # −∞ − (−∞) would be NaN
    total = np.exp(a - largest)
    total += np.exp(b - largest)
    total += np.exp(c - largest)
    with np.errstate(divide="ignore"):  # ln 0
        np.log(total, out=total)
    return total + largest


def _lengths(name: str, lengths: npt.ArrayLike, n: int, low: int, high: int | None = None) -> Array:
    """Return the lengths as integers (N,); raise unless there is one in low … high for each line."""
    found = whole_numbers(name, lengths)
    if found.ndim > 1 or found.size != n:
        raise ValueError(f"{name} takes one length for each of {n} lines, got {found.shape}")
    return require_lengths(name, found, low, high)


def _places(targets: Array, n_labels: Array, n_classes: int, blank: int) -> Array:
    """Return the targets with blanks before, between, after and behind their labels, (N, 2S + 1)."""
    n, total = len(n_labels), int(n_labels.sum())
    longest = int(n_labels.max(initial=0))
    counts = np.arange(longest) < n_labels[:, None]  # (N, S)
    if targets.ndim == 2 and len(targets) == n and targets.shape[1] >= longest:
        labels = targets[:, :longest][counts]
    elif targets.shape == (total,):
        labels = targets
    else:
        raise ValueError(
            f"targets take the shape ({n}, S ≥ {longest}), or ({total},) one after the other, for "
            f"target_lengths {n_labels.tolist()}, got {targets.shape}"
        )
    labels = labels.astype(np.int64)
    wrong = (labels < 0) | (labels >= n_classes) | (labels == blank)
    if wrong.any():
        label, line = labels[np.argmax(wrong)], int(np.nonzero(counts)[0][np.argmax(wrong)])
        if label == blank:
            raise ValueError(f"the target of line {line} holds {blank}, which is the blank")
        raise IndexError(
            f"label {label} of line {line} is none of the {n_classes} classes 0 … {n_classes - 1}"
        )
    places = np.full((n, 2 * longest + 1), blank, np.int64)
    places[:, 1::2][counts] = labels
    return places
