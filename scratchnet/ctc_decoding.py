"""Reading the labelling out of what a network trained with CTC gives: the best path, a beam of prefixes.

A path is one class for each time step, and reads as the labelling that is left when repeated classes
are collapsed and then blanks dropped (`ops/ctc_loss.py`). A labelling is as probable as all paths that
read as it together, so the most probable path need not read as the most probable labelling.

Letters: T time steps, N batch, K classes with the blank, B prefixes in the beam.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import whole_numbers
from scratchnet.ops._ctc_arguments import require_blank, require_lengths

__all__ = ["ctc_beam_search", "ctc_greedy_decode"]

Labels = npt.NDArray[np.int64]
Readings = list[tuple[Labels, float]]  # labellings and their log-probabilities

_NONE = -1  # stands for the label and for the parent of a prefix that has none
_DEAD = -2  # stands in the beam where there are fewer prefixes than places
_ROUNDED = 1e-3  # what ln p of half precision may be above 0: ln(1 + 2⁻¹⁰)


def ctc_greedy_decode(
    log_probs: npt.ArrayLike, input_lengths: npt.ArrayLike | None = None, blank: int = 0
) -> Any:
    """Return what the most probable path reads as.

        path[t] = argmax_k log_probs[t, k],   kept where path[t] ≠ blank and path[t] ≠ path[t−1]

    Of equal classes the first is taken. Exact, and as good as `ctc_beam_search`, where the network is
    sure at every step; otherwise the beam finds labellings of more probability.

    log_probs: (T, N, K), or (T, K) for one line; scores in any monotone form will do
    input_lengths: (N,), None for T each → a list of N arrays of labels; one array for one line
    Source: Graves et al. 2006, section 3.2 (best path decoding).

    >>> p = np.array([[0.1, 0.9, 0.0], [0.1, 0.9, 0.0], [0.8, 0.2, 0.0], [0.0, 0.6, 0.4]])
    >>> ctc_greedy_decode(p)
    array([1, 1])
    """
    scores, steps, is_batch = _checked(log_probs, input_lengths, blank)
    path = scores.argmax(axis=2).T  # (N, T)
    kept = (path != blank) & (np.arange(len(scores)) < steps[:, None])
    kept[:, 1:] &= path[:, 1:] != path[:, :-1]
    readings = np.split(path[kept], kept.sum(axis=1).cumsum()[:-1]) if len(path) else []
    return readings if is_batch else readings[0]


def ctc_beam_search(
    log_probs: npt.ArrayLike,
    input_lengths: npt.ArrayLike | None = None,
    beam_size: int = 10,
    n_best: int = 1,
    blank: int = 0,
) -> Any:
    """Return the n_best most probable labellings that a beam finds, and their log-probabilities.

        b[−1](empty) = 1, all others 0                                           before the first step
        b[t](l)   = p[t](blank) · (b[t−1] + a[t−1])(l)                           ends with a blank
        a[t](l)   = p[t](c) · a[t−1](l)                                          ends with its label c:
                  + p[t](c) · (b[t−1] + a[t−1])(l′), or p[t](c) · b[t−1](l′) if l′ ends with c too

    For each prefix l in the beam, b is the probability of all paths up to t that read as l and end with
    a blank, a that of those that end with its last label c; l′ is l without c. After each step the
    beam_size prefixes of largest b + a are kept. What falls out takes the probability of its paths
    along, so what is returned is a lower bound; if nothing with a probability above 0 ever fell out, it
    is exact, and the n_best are the best of all. Which of several equally probable prefixes falls out is
    unspecified.

    log_probs: (T, N, K), or (T, K) for one line, natural logarithms: ValueError for what is above 0
    input_lengths: (N,), None for T each
    → for each of N lines a list of pairs (labels, log-probability), the best first: n_best, or as many
    as have a probability above 0 in the beam; one such list for one line
    Source: Graves 2012, "Supervised sequence labelling", section 7.5.2; Hannun et al. 2014,
    "First-pass large vocabulary continuous speech recognition", algorithm 1 (without its language model).

    >>> p = np.array([[0.6, 0.4], [0.6, 0.4]])  # blank and a: the best path, - -, has 0.36,
    >>> (labels, log_p), _ = ctc_beam_search(np.log(p), n_best=2)  # a a, a - and - a together 0.64
    >>> labels, round(float(np.exp(log_p)), 12)
    (array([1]), 0.64)
    """
    scores, steps, is_batch = _checked(log_probs, input_lengths, blank)
    for name, size in (("beam_size", beam_size), ("n_best", n_best)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{name} is a number of labellings, at least 1, got {size!r}")
    # Behind its end a line goes on with a blank for certain, which changes no reading.
    behind = np.arange(len(scores))[:, None] >= steps
    certain = np.where(np.arange(scores.shape[2]) == blank, 0.0, -np.inf)
    scores = np.where(behind[:, :, None], certain, scores.astype(np.float64))  # (T, N, K)
    if (too_large := scores > _ROUNDED).any():
        t, i, k = np.argwhere(too_large)[0]
        raise ValueError(
            f"the logarithm of a probability is at most 0, got {scores[t, i, k]} at time {t} of line "
            f"{i}, class {k}: log_softmax turns scores into log_probs, np.log probabilities"
        )

    beam = _Beam(scores.shape[1], int(beam_size), int(blank))
    for step in scores:
        beam.advance(step)
    readings = beam.best(int(n_best))
    return readings if is_batch else readings[0]


class _Beam:
    """The B most probable prefixes of each of N lines, all lines at once.

    A prefix has a number, which is the same whenever it is met again: its children (number, label) are
    looked up in `numbers`. The N empty prefixes are 0 … N − 1.
    """

    def __init__(self, n: int, size: int, blank: int) -> None:
        self.blank, self.size = blank, size
        self.numbers: dict[tuple[int, int], int] = {}
        self.parents, self.labels = [_NONE] * n, [_NONE] * n  # of every number
        self.prefix = np.arange(n)[:, None]  # (N, B), all of these
        self.parent = self.last = np.full((n, 1), _NONE)  # of those in the beam, (N, B)
        self.with_blank = np.zeros((n, 1))  # ln b
        self.with_label = np.full((n, 1), -np.inf)  # ln a

    def advance(self, step: npt.NDArray[np.float64]) -> None:
        """Take one step of time: step (N, K), the log-probabilities of the classes."""
        n, n_classes = step.shape
        row, width = np.arange(n)[:, None], self.prefix.shape[1]
        label = np.maximum(self.last, 0)  # the empty prefix has none, but its ln a is −∞ anyway
        total = np.logaddexp(self.with_blank, self.with_label)  # (N, B)

        # Each prefix with each label appended: (N, B, K). Its own last one needs a blank before it.
        grown = total[:, :, None] + step[:, None, :]
        grown[row, np.arange(width), label] = self.with_blank + step[row, label]
        grown[:, :, self.blank] = -np.inf

        # Each prefix as it is. If its parent is in the beam too, the parent grown by its last label is
        # the same prefix: the two are added, and the grown one is struck out.
        with_blank = total + step[:, self.blank, None]
        with_label = self.with_label + step[row, label]
        line, child, parent = np.nonzero(self.parent[:, :, None] == self.prefix[:, None, :])
        grown_to = line, parent, self.last[line, child]
        with_label[line, child] = np.logaddexp(with_label[line, child], grown[grown_to])
        grown[grown_to] = -np.inf

        # The best of both kinds: the first B candidates are the prefixes as they are.
        stay = np.logaddexp(with_blank, with_label)
        candidates = np.concatenate([stay, grown.reshape(n, width * n_classes)], axis=1)
        count = min(self.size, candidates.shape[1])
        best = np.argpartition(-candidates, count - 1, axis=1)[:, :count]
        is_new = best >= width
        source = np.where(is_new, (best - width) // n_classes, best)
        score = candidates[row, best]
        self.with_blank = np.where(is_new, -np.inf, with_blank[row, source])
        self.with_label = np.where(is_new, score, with_label[row, source])
        self.parent = np.where(is_new, self.prefix[row, source], self.parent[row, source])
        self.last = np.where(is_new, (best - width) % n_classes, self.last[row, source])
        self.prefix = self.prefix[row, source]
        # Probability 0: struck out above, or impossible. It is marked, for it may be a prefix that is
        # in the beam already.
        dead = score == -np.inf
        self.prefix[dead], self.parent[dead] = _DEAD, _NONE
        self._number(is_new & ~dead)

    def _number(self, is_new: npt.NDArray[np.bool_]) -> None:
        """Give the prefixes that have grown their numbers."""
        found = []
        for key in zip(self.parent[is_new].tolist(), self.last[is_new].tolist(), strict=True):
            number = self.numbers.get(key)
            if number is None:
                number = self.numbers[key] = len(self.parents)
                self.parents.append(key[0])
                self.labels.append(key[1])
            found.append(number)
        self.prefix[is_new] = found

    def best(self, n_best: int) -> list[Readings]:
        """Return the best prefixes of each line, read from their parents."""
        total = np.logaddexp(self.with_blank, self.with_label)
        order = np.argsort(-total, axis=1, kind="stable")[:, :n_best]
        return [
            [
                (self._read(self.prefix[i, j]), float(total[i, j]))
                for j in places
                if self.prefix[i, j] != _DEAD
            ]
            for i, places in enumerate(order)
        ]

    def _read(self, prefix: int) -> Labels:
        labels = []
        while self.parents[prefix] != _NONE:
            labels.append(self.labels[prefix])
            prefix = self.parents[prefix]
        return np.array(labels[::-1], np.int64)


def _checked(
    log_probs: npt.ArrayLike, input_lengths: npt.ArrayLike | None, blank: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], bool]:
    """Return the scores as (T, N, K), the lengths (N,), and whether a batch was given."""
    scores = np.asarray(log_probs)
    if scores.dtype.kind != "f":
        raise TypeError(f"log_probs are floats, got {scores.dtype} {scores.shape}")
    if scores.ndim not in (2, 3) or 0 in (scores.shape[0], scores.shape[-1]):
        raise ValueError(f"log_probs take (T, N, K) or (T, K) with T, K ≥ 1, got {scores.shape}")
    is_batch = scores.ndim == 3
    scores = scores if is_batch else scores[:, None]
    n_steps, n, n_classes = scores.shape
    require_blank(blank, n_classes)
    if input_lengths is None:
        steps = np.full(n, n_steps)
    else:
        steps = whole_numbers("input_lengths", input_lengths)
        if steps.ndim > 1 or steps.size != n:
            raise ValueError(f"input_lengths: one for each of {n} lines, got {steps.shape}")
        steps = require_lengths("input_lengths", steps, 1, n_steps)
    inside = np.arange(n_steps)[:, None] < steps
    if np.isnan(scores[inside]).any():
        t, i, k = np.argwhere(np.isnan(scores) & inside[:, :, None])[0]
        raise ValueError(f"log_probs hold NaN at time {t} of line {i}, class {k}")
    return scores, steps, is_batch
