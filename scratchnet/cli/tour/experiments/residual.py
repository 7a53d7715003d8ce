"""What section 4 computes: a residual network beside a plain one, and what wrong preprocessing costs.

`N` pictures of 8 × 8 pixels, `K` = 10 classes, `D` values of a picture's maps after a block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import Tensor, datasets, manual_seed
from scratchnet import functional as F
from scratchnet.cli.tour.experiments.digits import stratified_split
from scratchnet.cli.tour.experiments.photograph import Photograph, classify_photograph
from scratchnet.cli.tour.section import Say
from scratchnet.models import CifarResNet, cifar_resnet
from scratchnet.optim import SGD
from scratchnet.optim.lr_scheduler import OneCycleLR
from scratchnet.random import resolve_rng
from scratchnet.training import accuracy, fit, predict

__all__ = [
    "BATCH_SIZE",
    "DEPTH",
    "EPOCHS",
    "PREPARED",
    "SHALLOW",
    "Fed",
    "Found",
    "Run",
    "Start",
    "at_start",
    "compute",
    "feed",
    "nearest_mean",
    "network",
    "train",
]

Array = NDArray[Any]

HELD_OUT = 0.25
DEPTH, SHALLOW, WIDTH = (
    32,
    8,
    4,
)  # layers with weights, of the two networks and of a third; channels
EPOCHS, BATCH_SIZE, RATE = 6, 64, 0.1

# How the network is fed: the first as in training, the others as one may by mistake.
PREPARED: dict[str, Callable[[Array], Array]] = {
    "as in training, from 0 to 1": lambda x: x,
    "from 0 to 255": lambda x: 255 * x,
    "standardised, mean 0 and deviation 1": lambda x: (x - x.mean()) / x.std(),
    "inverted, light ink on dark paper": lambda x: 1 - x,
    "upside down": lambda x: x[:, :, ::-1],
}


def network(depth: int, residual: bool, seed: int) -> CifarResNet:
    """Return the network with new weights. A shortcut has none, so with and without they are the same."""
    manual_seed(seed)
    return cifar_resnet(depth, num_classes=10, in_channels=1, width=WIDTH, residual=residual)


@dataclass(frozen=True)
class Run:
    """How one network learned."""

    depth: int
    residual: bool
    model: CifarResNet
    history: list[dict[str, float]]

    @property
    def accuracy(self) -> float:
        return self.history[-1]["val_accuracy"]

    @property
    def loss(self) -> float:
        return self.history[-1]["loss"]


def train(
    depth: int, residual: bool, seed: int, data: tuple[Array, Array], held_out: tuple[Array, Array]
) -> Run:
    """Train a new network. Everything but the depth and the shortcuts is the same, the batches too."""
    model = network(depth, residual, seed)
    optimizer = SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    steps = EPOCHS * -(-len(data[0]) // BATCH_SIZE)
    history = fit(
        model,
        data,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=optimizer,
        scheduler=OneCycleLR(optimizer, max_lr=RATE, total_steps=steps),
        scheduler_per_batch=True,
        validation=held_out,  # measured after each epoch; nothing is chosen by it
        metrics={"accuracy": accuracy},
        progress=False,
    )
    return Run(depth, residual, model, history)


@dataclass(frozen=True)
class Start:
    """A network before its first step: what comes through its blocks, there and back."""

    told: Array  # after the stem and each block: share of held-out digits told by the nearest mean
    gradients: Array  # there too: norm of the loss's gradient with respect to the maps


def at_start(model: CifarResNet, images: Array, y: Array, held: Array) -> Start:
    """Send all pictures through an untrained network, and the loss's gradient back.

    held: mask (N,) of those that are told; the means are those of the others
    """
    x = model.relu(model.bn1(model.conv1(Tensor(images))))
    maps = [x]
    for block in (*model.layer1, *model.layer2, *model.layer3):
        x = block(x)
        maps.append(x)
    for x in maps:
        x.retain_grad()
    F.cross_entropy(model.fc(model.avgpool(maps[-1]).flatten(1)), y).backward()
    told = [nearest_mean(x.data.reshape(len(y), -1), y, held) for x in maps]
    return Start(np.array(told), np.array([np.linalg.norm(x.grad) for x in maps]))


def nearest_mean(values: Array, y: Array, held: Array) -> float:
    """Return the share of held-out samples whose nearest class mean is that of their class.

    ‖v − m‖² = ‖v‖² − 2 (v·m − ½ ‖m‖²)          the nearest mean has the largest bracket

    values: (N, D) · y, held: (N,)
    """
    means = np.stack([values[~held & (y == k)].mean(axis=0) for k in np.unique(y)])  # (K, D)
    bracket = values[held] @ means.T - 0.5 * (means**2).sum(axis=1)  # (n, D) @ (D, K) -> (n, K)
    return float((np.unique(y)[bracket.argmax(axis=1)] == y[held]).mean())


@dataclass(frozen=True)
class Fed:
    """What the trained network makes of pictures that are prepared in one way."""

    name: str
    accuracy: float
    confidence: float  # mean probability of its answers
    picture: Array  # (8, 8), one of them
    answer: int
    probability: float


def feed(model: CifarResNet, X: Array, y: Array, shown: int) -> list[Fed]:
    """Return what comes out for each kind of preparation; shown: which picture is looked at."""
    found = []
    for name, prepare in PREPARED.items():
        x = prepare(X)
        p = F.softmax(predict(model, x), dim=1)  # (N, K)
        answers, sure = p.argmax(axis=1), p.max(axis=1)
        right = float((answers == y).mean())
        one = x[shown, 0], int(answers[shown]), float(sure[shown])
        found.append(Fed(name, right, float(sure.mean()), *one))
    return found


@dataclass(frozen=True)
class Found:
    residual: Run
    plain: Run
    shallow: Run  # plain too, of a few layers
    start_residual: Start
    start_plain: Start
    X: Array  # (N, 1, 8, 8), the held-out pictures, from 0 to 1
    y: Array  # (N,)
    logits: Array  # (N, K), of the residual network
    fed: list[Fed]
    photograph: Photograph | str | None  # a text says why not; None: there are no weights

    @cached_property
    def probabilities(self) -> Array:
        p: Array = F.softmax(self.logits.astype(np.float64), dim=1)
        return p

    @property
    def sure(self) -> int:
        """The picture whose answer has the highest probability."""
        return int(self.probabilities.max(axis=1).argmax())

    @property
    def doubtful(self) -> int:
        """The picture whose two most probable digits are nearest to each other."""
        second, first = np.sort(self.logits, axis=1)[:, -2:].T
        return int((first - second).argmin())

    @property
    def parameters(self) -> int:
        return sum(p.data.size for p in self.residual.model.parameters())


def compute(seed: int, say: Say) -> Found:
    X, y = datasets.load_digits(return_X_y=True)
    images = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    held = stratified_split(y, HELD_OUT, resolve_rng())
    data, held_out = (images[~held], y[~held]), (images[held], y[held])

    starts = [at_start(network(DEPTH, kind, seed), images, y, held) for kind in (True, False)]
    told = [f"{start.told[-1]:.0%}" for start in starts]
    say(f"before training: {told[0]} told through {DEPTH} layers with shortcuts, {told[1]} without")

    runs = []
    for depth, residual in ((DEPTH, True), (DEPTH, False), (SHALLOW, False)):
        run = train(depth, residual, seed, data, held_out)
        name = f"{depth} layers {'with' if residual else 'without'} shortcuts"
        say(f"{name}, {EPOCHS} epochs: {run.accuracy:.1%} of {held.sum()} held-out digits right")
        runs.append(run)

    model, (X_held, y_held) = runs[0].model, held_out
    logits = predict(model, X_held)
    shown = int(np.where(y_held == 7, logits[:, 7], -np.inf).argmax())  # a clear seven
    fed = feed(model, X_held, y_held, shown)
    say(f"fed in {len(fed)} ways: {', '.join(f'{f.accuracy:.0%}' for f in fed)} right")

    photograph = classify_photograph()
    say(
        f"ResNet-18 on the photograph: {photograph.names[0]}"
        if isinstance(photograph, Photograph)
        else "the photograph is not classified: no weights that can be used in PyTorch's cache"
    )
    return Found(
        residual=runs[0],
        plain=runs[1],
        shallow=runs[2],
        start_residual=starts[0],
        start_plain=starts[1],
        X=X_held,
        y=y_held,
        logits=logits,
        fed=fed,
        photograph=photograph,
    )
