"""What section 5 computes about memory: how far back a gradient reaches, and what is learned then.

`N` texts of `T` letters, each of which begins with one of `K` = 5 vowels, `H` numbers of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import functional as F
from scratchnet import manual_seed, nn
from scratchnet.data import CharVocabulary
from scratchnet.models import SequenceClassifier
from scratchnet.optim import AdamW
from scratchnet.training import accuracy, fit

__all__ = [
    "EPOCHS",
    "LENGTH",
    "TEXTS",
    "VOWELS",
    "WAYS",
    "Recall",
    "Way",
    "gradients",
    "network",
    "recall_first_letter",
    "texts",
]

Array = NDArray[Any]

VOWELS = "aeiou"
LENGTH = 40
TEXTS, TESTED = 2560, 500
EMBEDDING, HIDDEN = 16, 48
EPOCHS, BATCH_SIZE, RATE = 6, 64, 0.003
OPEN = 3.0  # a bias of the forget gate: σ(3) = 0.95 of the memory stays at each step


@dataclass(frozen=True)
class Way:
    """One way to begin, and to get from the memories to the answer."""

    name: str
    cell: str
    pooling: str = "last"
    orthogonal: bool = False
    forget_bias: float | None = None  # None: as torch draws it, about 0


WAYS = (
    Way("RNN", "rnn"),
    Way("RNN, orthogonal", "rnn", orthogonal=True),
    Way("LSTM", "lstm"),
    Way("LSTM, forget gate open", "lstm", forget_bias=OPEN),
    Way("RNN, attention", "rnn", pooling="attention"),
)


def network(way: Way, num_tokens: int) -> SequenceClassifier:
    model = SequenceClassifier(
        num_tokens,
        len(VOWELS),
        EMBEDDING,
        HIDDEN,
        way.cell,
        bidirectional=False,
        pooling=way.pooling,
    )
    layer = model.recurrent
    if way.orthogonal:
        nn.init.orthogonal_(layer.weight_hh_l0)
    if way.forget_bias is not None:
        forget = slice(HIDDEN, 2 * HIDDEN)  # the blocks are those of the gates i, f, g, o
        layer.bias_ih_l0.data[forget] = way.forget_bias
        layer.bias_hh_l0.data[forget] = 0.0
    return model


def texts(letters: Array, vowels: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return n texts (n, T), and which vowel each begins with, (n,): all vowels equally often.

    letters: those of all names, one behind the other; each text is a piece of it with a new first letter
    """
    starts = rng.integers(len(letters) - LENGTH, size=n)
    tokens = letters[starts[:, None] + np.arange(LENGTH)]
    y = rng.integers(len(vowels), size=n)
    tokens[:, 0] = vowels[y]
    return tokens, y


def gradients(model: SequenceClassifier, tokens: Array, y: Array) -> Array:
    """Return the norm of the loss's gradient 0, 1, … T−1 letters back, that of the last letter being 1.

    It is the gradient with respect to the memory that is carried on: h, of an LSTM c.
    """

    def loss(h: Any) -> Any:  # (N, T, H)
        if model.pooling == "last":
            pooled = h[:, -1]
        else:
            scores = model.score(model.hidden(h).tanh()).squeeze(2)  # (N, T)
            pooled = (F.softmax(scores, dim=1).unsqueeze(2) * h).sum(1)
        return F.cross_entropy(model.classifier(pooled), y)

    norms = nn.gradient_norms(model.recurrent, model.embedding(tokens), loss)
    model.zero_grad()
    carried = norms[-1] if isinstance(norms, tuple) else norms
    back: Array = carried[::-1] / carried[-1]
    return back


@dataclass(frozen=True)
class Recall:
    """How one network learned to say, at the end of a text, with which vowel it began."""

    way: Way
    gradients: Array  # (T,), before training, by the number of letters back
    accuracies: list[float]  # after each epoch, of texts it has not learned from

    def reach(self, share: float) -> int | None:
        """Return how many letters back the gradient is below this share; None: nowhere in the text."""
        below = np.flatnonzero(self.gradients < share)
        return int(below[0]) if below.size else None


def recall_first_letter(letters: Array, vocabulary: CharVocabulary, seed: int) -> list[Recall]:
    """Return how each network begins and learns; all get the same texts in the same order."""
    vowels, rng = vocabulary.encode(VOWELS), np.random.default_rng(seed)
    tokens, y = texts(letters, vowels, TEXTS, rng)
    tested = texts(letters, vowels, TESTED, rng)
    found = []
    for way in WAYS:
        manual_seed(seed)
        model = network(way, len(vocabulary))
        at_start = gradients(model, tokens[:BATCH_SIZE], y[:BATCH_SIZE])
        manual_seed(seed)  # networks draw differently many numbers: the batches are to be the same
        history = fit(
            model,
            (tokens, y),
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            optimizer=AdamW(model.parameters(), lr=RATE, weight_decay=0.0),
            max_grad_norm=1.0,
            validation=tested,
            metrics={"accuracy": accuracy},
            progress=False,
        )
        found.append(Recall(way, at_start, [row["val_accuracy"] for row in history]))
    return found
