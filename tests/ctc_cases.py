"""Lines of labels for the tests of CTC, and what all their paths read as, one path after the other."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from compare import normal
from hypothesis import strategies as st


def reading(path, blank=0):
    """What a path reads as: repeated classes collapsed, then blanks dropped."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def paths(n_steps, n_classes):
    return itertools.product(range(n_classes), repeat=n_steps)


def probability(path, log_probs):
    return math.exp(math.fsum(log_probs[t][k] for t, k in enumerate(path)))


def all_readings(log_probs, blank=0):
    """The probability of every labelling that some path reads as, from log_probs (T, K)."""
    found = {}
    for path in paths(*np.shape(log_probs)):
        found.setdefault(reading(path, blank), []).append(probability(path, log_probs))
    return {labels: math.fsum(terms) for labels, terms in found.items()}


@dataclass(frozen=True)
class Lines:
    """A batch for ctc_loss; lengths may leave targets that no path reads as."""

    n_classes: int
    blank: int
    input_lengths: tuple[int, ...]
    target_lengths: tuple[int, ...]
    behind: int = 0  # steps and labels behind the longest length
    seed: int = 0
    highest: float = np.inf  # of the log-probabilities

    @property
    def n(self):
        return len(self.input_lengths)

    def log_probs(self, dtype=np.float64):
        """Any numbers up to the highest, not normalised."""
        shape = max(self.input_lengths, default=1) + self.behind, self.n, self.n_classes
        return np.minimum(normal(shape, self.seed, dtype), self.highest)

    def targets(self):
        """Labels (N, S), few enough classes that some repeat."""
        rng = np.random.default_rng(self.seed)
        shape = self.n, max(self.target_lengths, default=0) + self.behind
        labels = rng.integers(0, self.n_classes - 1, shape)
        return labels + (labels >= self.blank)

    @property
    def lengths(self):
        return np.array(self.input_lengths, int), np.array(self.target_lengths, int)

    def each(self):
        """Yield log_probs (T, K) and the labels of each line, without what is behind its lengths."""
        log_probs, targets = self.log_probs(), self.targets()
        for i, (n_steps, n_labels) in enumerate(zip(*self.lengths, strict=True)):
            yield log_probs[:n_steps, i], tuple(targets[i, :n_labels].tolist())


@st.composite
def ctc_layer(draw):
    """Options and inputs of nn.CTCLoss. To the derivative torch adds exp(log_probs), here nothing."""
    case = draw(lines(max_steps=7, max_classes=4, min_lines=1))
    options = {
        "blank": case.blank,
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "zero_infinity": draw(st.booleans()),
    }
    return options, [case.log_probs() - 40.0, case.targets(), *case.lengths]


@st.composite
def lines(draw, max_steps=5, max_classes=3, min_lines=0, highest=np.inf):
    n_classes = draw(st.integers(2, max_classes))
    n = draw(st.integers(min_lines, 3))
    return Lines(
        n_classes,
        draw(st.integers(0, n_classes - 1)),
        tuple(draw(st.lists(st.integers(1, max_steps), min_size=n, max_size=n))),
        tuple(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))),
        draw(st.integers(0, 1)),
        draw(st.integers(0, 99)),
        highest,
    )
