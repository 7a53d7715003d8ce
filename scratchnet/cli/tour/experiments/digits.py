"""What section 3 computes: a small convolutional network learns handwritten digits.

`N` pictures of 8 × 8 pixels, `C` feature maps, `K` = 10 classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import datasets, nn
from scratchnet import functional as F
from scratchnet.cli.tour.experiments.perceptron import fit_unseparable
from scratchnet.cli.tour.section import Say
from scratchnet.linear_model import Perceptron
from scratchnet.optim import AdamW
from scratchnet.optim.lr_scheduler import OneCycleLR
from scratchnet.random import resolve_rng
from scratchnet.training import accuracy, fit, predict

__all__ = [
    "BATCH_SIZE",
    "EPOCHS",
    "Found",
    "compute",
    "confusion_counts",
    "small_cnn",
    "stratified_split",
    "train",
]

Array = NDArray[Any]

HELD_OUT = 0.25
EPOCHS, BATCH_SIZE = 20, 64


# fmt: off
def small_cnn() -> nn.Sequential:
    return nn.Sequential(  # (N, 1, 8, 8)
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 4, 4)
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 2, 2)
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 2 * 2, 10),  # (N, 10)
    )
# fmt: on


def train(
    model: nn.Module, X: Array, y: Array, held_out: tuple[Array, Array]
) -> list[dict[str, float]]:
    steps = EPOCHS * -(-len(X) // BATCH_SIZE)
    optimizer = AdamW(model.parameters(), lr=0.01, weight_decay=0.2)
    return fit(
        model,
        (X, y),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=optimizer,
        scheduler=OneCycleLR(optimizer, max_lr=0.01, total_steps=steps),
        scheduler_per_batch=True,
        validation=held_out,  # measured after each epoch; nothing is chosen by it
        metrics={"accuracy": accuracy},
        progress=False,
    )


def stratified_split(y: Array, fraction: float, rng: np.random.Generator) -> Array:
    """Return a mask (N,) of the samples to hold out: of each class the same fraction, at random."""
    held = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == k))
        held[members[: round(fraction * len(members))]] = True
    return held


def confusion_counts(y_true: Array, y_pred: Array, classes: int = 10) -> Array:
    """Return how often class i was read as class j, (K, K)."""
    pairs = y_true * classes + y_pred
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


@dataclass(frozen=True)
class Found:
    n_train: int
    X: Array  # (N, 1, 8, 8), the held-out pictures, from 0 to 1
    y: Array  # (N,)
    probabilities: Array  # (N, K)
    history: list[dict[str, float]]
    filters: Array  # (16, 3, 3), of the first layer
    shown: Array  # (1, 8, 8), the picture whose feature maps are drawn
    maps: list[Array]  # (C, H, W): after the first and after the second convolution
    parameters: int
    perceptron: float  # the accuracy of ten perceptrons

    @property
    def predicted(self) -> Array:
        return self.probabilities.argmax(axis=1)

    @property
    def wrong(self) -> Array:
        return np.flatnonzero(self.predicted != self.y)

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.y).mean())


def compute(seed: int, say: Say) -> Found:
    X, y = datasets.load_digits(return_X_y=True)
    held = stratified_split(y, HELD_OUT, resolve_rng())
    X_train, y_train, X_held, y_held = X[~held], y[~held], X[held], y[held]
    units = Perceptron(random_state=seed)
    fit_unseparable(units, X_train, y_train)
    perceptron = units.score(X_held, y_held)
    say(f"ten perceptrons: {perceptron:.1%} of {len(y_held)} held-out digits right")

    def images(rows: Array) -> Array:
        return (rows / 16).astype(np.float32).reshape(-1, 1, 8, 8)

    model = small_cnn()
    history = train(model, images(X_train), y_train, (images(X_held), y_held))
    say(f"convolutional network, {EPOCHS} epochs: {history[-1]['val_accuracy']:.1%} right")

    probabilities = F.softmax(predict(model, images(X_held)), dim=1)
    shown = images(X_held)[np.flatnonzero(y_held == 8)[:1]]
    return Found(
        n_train=len(y_train),
        X=images(X_held),
        y=y_held,
        probabilities=probabilities,
        history=history,
        filters=model[0].weight.data[:, 0],
        shown=shown[0],
        maps=[predict(model[:3], shown)[0], predict(model[:7], shown)[0]],
        parameters=sum(p.data.size for p in model.parameters()),
        perceptron=perceptron,
    )
