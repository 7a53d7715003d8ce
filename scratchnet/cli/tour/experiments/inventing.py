"""What section 5 computes in the end: a network learns which letter comes next, and invents names.

`N` names, `T` steps, `K` tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import functional as F
from scratchnet import manual_seed
from scratchnet.data import CharVocabulary, pad_sequence
from scratchnet.models import RecurrentLanguageModel, generate
from scratchnet.optim import AdamW
from scratchnet.optim.lr_scheduler import OneCycleLR
from scratchnet.random import Rng, resolve_rng
from scratchnet.training import fit

__all__ = [
    "EPOCHS",
    "TEMPERATURES",
    "WRITTEN",
    "Writing",
    "Written",
    "next_letter_loss",
    "next_letters",
    "train",
    "write",
    "write_names",
]

Array = NDArray[Any]

EMBEDDING, HIDDEN = 16, 128
EPOCHS, BATCH_SIZE, RATE = 12, 64, 0.01
TEMPERATURES = (0.5, 1.0, 1.5)
WRITTEN, LONGEST = 200, 15  # names at each temperature, letters


def next_letters(names: Array, vocabulary: CharVocabulary) -> tuple[Array, Array]:
    """Return what is read and what comes next, both (N, T), padded with 0.

    read    <bos> a   d   a          next    a   d   a   <eos>
    """
    start, end = vocabulary["<bos>"], vocabulary["<eos>"]
    rows = [np.array([start, *vocabulary.encode(name.lower()), end]) for name in names]
    tokens = pad_sequence(rows, batch_first=True)
    return np.where(tokens == end, 0, tokens)[:, :-1], tokens[:, 1:]


def next_letter_loss(output: Any, target: Array) -> Any:
    """Cross-entropy of what comes next, a mean over letters; output: the pair (logits, state)."""
    logits, _ = output  # (N, T, K)
    k = logits.shape[-1]
    return F.cross_entropy(logits.reshape(-1, k), target.reshape(-1), ignore_index=0)


def train(model: RecurrentLanguageModel, tokens: Array, target: Array) -> list[dict[str, float]]:
    """Train the model, which is in eval mode afterwards; return the history."""
    steps = EPOCHS * -(-len(tokens) // BATCH_SIZE)
    optimizer = AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    return fit(
        model,
        (tokens, target),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=optimizer,
        loss_fn=next_letter_loss,
        scheduler=OneCycleLR(optimizer, max_lr=RATE, total_steps=steps),
        scheduler_per_batch=True,
        max_grad_norm=1.0,
        progress=False,
    )


def write(
    model: RecurrentLanguageModel,
    vocabulary: CharVocabulary,
    n: int,
    temperature: float,
    rng: Rng = None,
) -> list[str]:
    """Return n names, each written letter by letter until its end is drawn, or it has LONGEST."""
    start, end = vocabulary["<bos>"], vocabulary["<eos>"]
    rng = resolve_rng(rng)  # one stream for all names
    texts = [generate(model, [start], LONGEST, temperature, rng=rng, stop=end) for _ in range(n)]
    return [vocabulary.decode(tokens, skip_specials=True).capitalize() for tokens in texts]


@dataclass(frozen=True)
class Written:
    """Names that were drawn at one temperature."""

    temperature: float
    names: list[str]
    known: Array  # (N,): whether it has learned from this very name
    held_out: Array  # (N,): whether it is a name that exists, and that it has not seen

    @property
    def different(self) -> int:
        return len(set(self.names))


@dataclass(frozen=True)
class Writing:
    perplexity: float  # on the held-out names
    uniform: int  # that of guessing: letters, and the end
    history: list[dict[str, float]]
    surest: str  # temperature 0
    written: list[Written]


def write_names(training: Array, held_out: Array, vocabulary: CharVocabulary, seed: int) -> Writing:
    """Return what a new network has learned from the training names, and what it writes.

    perplexity = exp(cross-entropy): as uncertain as between so many letters that are equally likely
    """
    manual_seed(seed)
    model = RecurrentLanguageModel(len(vocabulary), EMBEDDING, HIDDEN)
    history = train(model, *next_letters(training, vocabulary))
    tokens, target = next_letters(held_out, vocabulary)
    loss = float(next_letter_loss(model(tokens), target))
    rng = np.random.default_rng(seed)
    written = []
    for temperature in TEMPERATURES:
        names = write(model, vocabulary, WRITTEN, temperature, rng)
        is_known, is_real = np.isin(names, training), np.isin(names, held_out)
        written.append(Written(temperature, names, is_known, is_real))
    return Writing(
        perplexity=float(np.exp(loss)),
        uniform=len(vocabulary) - len(vocabulary.specials) + 1,
        history=history,
        surest=write(model, vocabulary, 1, 0.0)[0],
        written=written,
    )
