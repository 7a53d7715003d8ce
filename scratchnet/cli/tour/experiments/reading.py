"""What section 5 computes: recurrent networks tell female from male first names, letter by letter.

`N` names, `T` letters of the longest one, `H` numbers of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import datasets, manual_seed
from scratchnet import functional as F
from scratchnet.cli.tour.experiments.digits import stratified_split
from scratchnet.cli.tour.experiments.inventing import Writing, write_names
from scratchnet.cli.tour.experiments.reach import Recall, recall_first_letter
from scratchnet.cli.tour.section import Say
from scratchnet.data import CharVocabulary, pad_sequence
from scratchnet.metrics import (
    AUCInterval,
    DeLongTest,
    accuracy_score,
    balanced_accuracy_score,
    delong_test,
    roc_auc_interval,
    roc_auc_score,
)
from scratchnet.models import SequenceClassifier
from scratchnet.optim import AdamW
from scratchnet.optim.lr_scheduler import OneCycleLR
from scratchnet.random import resolve_rng
from scratchnet.training import fit

__all__ = [
    "EPOCHS",
    "HIDDEN",
    "VOCABULARY",
    "Found",
    "Names",
    "Read",
    "Told",
    "after_each_letter",
    "changing_names",
    "compute",
    "last_letter",
    "load",
    "reader",
    "train",
    "turned",
]

Array = NDArray[Any]

HELD_OUT = 0.25
EMBEDDING, HIDDEN = 16, 32
EPOCHS, BATCH_SIZE, RATE = 8, 64, 0.01
SHOWN, ATTENDED = 2, 6  # names of each kind, of which the memory and the attention are drawn

VOCABULARY = CharVocabulary(ascii_lowercase, specials=["<pad>", "<bos>", "<eos>"])


@dataclass(frozen=True)
class Names:
    """Names as a network reads them."""

    text: Array  # (N,) strings
    tokens: Array  # (N, T), 0 beyond the end of a name
    lengths: Array  # (N,)
    y: Array  # (N,): 0 female, 1 male

    def __getitem__(self, rows: Array) -> Names:
        return Names(self.text[rows], self.tokens[rows], self.lengths[rows], self.y[rows])

    def __len__(self) -> int:
        return len(self.y)


def load() -> Names:
    text, y = datasets.load_names(return_X_y=True)
    encoded = [VOCABULARY.encode(name.lower()) for name in text]
    lengths = np.array([len(name) for name in encoded])
    return Names(text, pad_sequence(encoded, batch_first=True), lengths, y)


def last_letter(train: Names, held: Names) -> Array:
    """Return for each held-out name the share of males among training names with its last letter."""
    share = np.full(len(VOCABULARY), train.y.mean())  # of a letter that ends no training name
    last, last_held = (
        names.tokens[np.arange(len(names)), names.lengths - 1] for names in (train, held)
    )
    for letter in np.unique(last):
        share[letter] = train.y[last == letter].mean()
    return share[last_held]


def reader(cell: str, pooling: str = "last") -> SequenceClassifier:
    """Return a new network; with attention it reads in both directions."""
    return SequenceClassifier(
        len(VOCABULARY),
        2,
        EMBEDDING,
        HIDDEN,
        cell,
        bidirectional=pooling == "attention",
        pooling=pooling,
    )


def train(model: SequenceClassifier, names: Names) -> None:
    """Train the model, which is in eval mode afterwards."""
    steps = EPOCHS * -(-len(names) // BATCH_SIZE)
    optimizer = AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    fit(
        model,
        (names.tokens, names.lengths, names.y),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=optimizer,
        scheduler=OneCycleLR(optimizer, max_lr=RATE, total_steps=steps),
        scheduler_per_batch=True,
        max_grad_norm=1.0,
        progress=False,
    )


def male(logits: Array) -> Array:
    """Return the probability of the class 1, in float64: (…, 2) -> (…)."""
    p: Array = F.softmax(logits.astype(np.float64), dim=-1)[..., 1]
    return p


def after_each_letter(model: SequenceClassifier, names: Names) -> tuple[Array, Array]:
    """Return the memory after each letter, (N, T, H), and what the network would say then, (N, T).

        h_t = cell(x_t, h_{t-1}),   p_t = softmax(W h_t + b)_male

    At the last letter of a name p is the answer of the network; beyond it h is 0 and p is NaN.
    """
    h, _ = model.recurrent(model.embedding(names.tokens), lengths=names.lengths)
    p = male(model.classifier(h))
    beyond = np.arange(names.tokens.shape[1]) >= names.lengths[:, None]  # (N, T)
    return h, np.where(beyond, np.nan, p)


def changing_names(p: Array, y: Array, right: Array, n: int) -> Array:
    """Return n names of each class that are told right, those on which the mind is changed most.

    change of mind = Σ_t |p_t − p_{t−1}|          p: (N, T), NaN beyond the end of a name
    """
    change = np.nansum(np.abs(np.diff(p, axis=1)), axis=1)
    order = (-change).argsort(kind="stable")
    return np.concatenate([order[right[order] & (y[order] == k)][:n] for k in (0, 1)])


@dataclass(frozen=True)
class Told:
    """How well the held-out names are told by one way of telling."""

    name: str
    p: Array  # (N,), the probability of being male
    accuracy: float
    balanced: float
    auc: float
    interval: AUCInterval | None  # None: all names have the same score

    @staticmethod
    def of(name: str, p: Array, y: Array) -> Told:
        answer = (p > 0.5).astype(int)
        right = accuracy_score(y, answer), balanced_accuracy_score(y, answer)
        interval = roc_auc_interval(y, p) if np.ptp(p) else None
        return Told(name, p, *right, float(roc_auc_score(y, p)), interval)


@dataclass(frozen=True)
class Read:
    """How one name was read."""

    text: str
    y: int
    memory: Array  # (T, H), as `turned` gives it
    p: Array  # (T,), after each letter


def turned(model: SequenceClassifier, h: Array) -> Array:
    """Return memories (…, H) in which plus speaks for male, the units that count most first.

    logit_male − logit_female = Σ_j w_j h_j + b,   w = W_male − W_female
    unit j as sign(w_j) h_j, in falling order of |w_j|
    """
    w = np.diff(model.classifier.weight.data, axis=0)[0]  # (H,)
    memory: Array = (np.sign(w) * h)[..., (-abs(w)).argsort(kind="stable")]
    return memory


def read(model: SequenceClassifier, names: Names, h: Array, p: Array, rows: Array) -> list[Read]:
    memory, ends = turned(model, h), names.lengths
    return [
        Read(names.text[i], int(names.y[i]), memory[i, : ends[i]], p[i, : ends[i]]) for i in rows
    ]


@dataclass(frozen=True)
class Found:
    n_train: int
    held: Names
    told: list[Told]  # always female, by the last letter, RNN, LSTM, LSTM with attention
    difference: DeLongTest  # of the AUC of LSTM and RNN
    read_by_rnn: list[Read]
    read_by_lstm: list[Read]  # the same names
    weights: Array  # (N, T), of the attention, over the letters of the held-out names
    attended: Array  # which of them are drawn
    recalls: list[Recall]
    writing: Writing


def compute(seed: int, say: Say) -> Found:
    rng = resolve_rng()
    names = load()
    is_held = stratified_split(names.y, HELD_OUT, rng)
    training, held = names[~is_held], names[is_held]
    told = [
        Told.of("always “female”", np.zeros(len(held)), held.y),
        Told.of("by the last letter", last_letter(training, held), held.y),
    ]

    models = []
    ways = (
        ("RNN", "rnn", "last"),
        ("LSTM", "lstm", "last"),
        ("LSTM, attention", "lstm", "attention"),
    )
    for name, cell, pooling in ways:
        manual_seed(seed)
        model = reader(cell, pooling)
        train(model, training)
        told.append(Told.of(name, male(model(held.tokens, held.lengths)), held.y))
        say(f"{name}, {EPOCHS} epochs: {told[-1].accuracy:.1%} of {len(held)} held-out names right")
        models.append(model)
    rnn, lstm, attentive = models

    (h_rnn, p_rnn), (h_lstm, p_lstm) = (after_each_letter(model, held) for model in (rnn, lstm))
    both_right = ((told[2].p > 0.5) == held.y) & ((told[3].p > 0.5) == held.y)
    rows = changing_names(p_rnn, held.y, both_right, SHOWN)
    _, weights = attentive(held.tokens, held.lengths, return_weights=True)
    attended = np.concatenate(
        [rng.permutation(np.flatnonzero(held.y == k))[:ATTENDED] for k in (0, 1)]
    )

    recalls = recall_first_letter(names.tokens[names.tokens > 0], VOCABULARY, seed)
    ends = ", ".join(f"{recall.accuracies[-1]:.0%}" for recall in recalls)
    say(f"the first letter of a long text, recalled by {len(recalls)} networks: {ends} right")
    writing = write_names(training.text, held.text, VOCABULARY, seed)
    say(f"{sum(len(w.names) for w in writing.written)} names written, letter by letter")
    return Found(
        n_train=len(training),
        held=held,
        told=told,
        difference=delong_test(held.y, told[3].p, told[2].p),
        read_by_rnn=read(rnn, held, h_rnn, p_rnn, rows),
        read_by_lstm=read(lstm, held, h_lstm, p_lstm, rows),
        weights=weights,
        attended=attended,
        recalls=recalls,
        writing=writing,
    )
