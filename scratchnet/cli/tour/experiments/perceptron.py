"""What section 1 computes: one unit on iris and XOR, and two layers on both.

`N` samples of `D` = 2 features; `y_i` is +1 or −1 for one unit, a label 0 … K−1 for networks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchnet import datasets, nn
from scratchnet.cli.tour.section import Say
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.functional import cross_entropy
from scratchnet.linear_model import Perceptron
from scratchnet.optim import Adam
from scratchnet.random import resolve_rng
from scratchnet.training import predict

__all__ = [
    "MAX_EPOCHS",
    "N_STARTS",
    "XOR",
    "XOR_LABELS",
    "Found",
    "Layers",
    "Regions",
    "Unit",
    "classify",
    "compute",
    "fit_unseparable",
    "learn",
    "share_right",
    "two_layers",
    "unfinished",
]

Array = NDArray[Any]
Step = tuple[int, Array, float]  # which sample was wrong, and w and b after it was learned from

SEPALS, PETALS = [0, 1], [2, 3]  # columns of iris
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
XOR_LABELS = np.array([0, 1, 1, 0])
MAX_EPOCHS = 100  # where there is no end
N_STARTS, N_STEPS = 10, 200


# Shown on the page as it stands here, as `two_layers` is.
def learn(X: Array, y: Array, w: Array, b: float, max_epochs: int) -> list[Step]:
    steps = []
    for _ in range(max_epochs):
        mistakes = 0
        for i in range(len(X)):
            if y[i] * (w @ X[i] + b) <= 0:  # on the wrong side, or on the line
                w, b = w + y[i] * X[i], b + y[i]
                steps.append((i, w, b))
                mistakes += 1
        if mistakes == 0:
            break
    return steps


def two_layers(hidden: int, classes: int) -> nn.Sequential:
    first, second = nn.Linear(2, hidden), nn.Linear(hidden, classes)
    return nn.Sequential(first, nn.Tanh(), second)


@dataclass(frozen=True)
class Unit:
    """A perceptron and what it was trained on: two features, and whether a flower is a setosa."""

    X: Array
    is_setosa: Array
    model: Perceptron

    @property
    def mistakes(self) -> int:
        return int(self.model.mistakes_[0].sum())

    @property
    def epochs(self) -> int:
        return len(self.model.mistakes_[0])


class Regions(NamedTuple):
    """Which class is predicted at each point of a grid over the plane."""

    x: Array  # (W,)
    y: Array  # (H,)
    labels: Array  # (H, W)


@dataclass(frozen=True)
class Layers:
    """Two layers: the network and the regions that it divides the plane into."""

    model: nn.Sequential
    regions: Regions
    accuracy: float


@dataclass(frozen=True)
class Found:
    petals: Unit
    sepals: Unit
    steps: list[Step]  # of `learn` on the petals
    agrees: bool  # whether `learn` and the library end at the same weights, here and on XOR
    species: Array  # (N,) label of each flower
    three: Perceptron
    three_regions: Regions
    three_accuracy: float
    three_warning: str
    xor_steps: list[Step]  # of one unit on XOR
    xor_mistakes: Array  # (MAX_EPOCHS,)
    losses: Array  # (N_STARTS, N_STEPS), of two layers on XOR
    solved: Array  # (N_STARTS,) bool
    xor_layers: Layers  # the start with the least loss
    hidden: Array  # (4, 2), where its hidden units put the four points
    hidden_regions: Regions  # what its second layer makes of every place there
    iris_layers: Layers


def compute(seed: int, say: Say) -> Found:
    rng = resolve_rng()
    iris = datasets.load_iris()
    order = rng.permutation(len(iris.data))
    flowers, species = iris.data[order], iris.target[order]

    petals = setosa_or_not(flowers[:, PETALS], species)
    sepals = setosa_or_not(flowers[:, SEPALS], species)
    X = petals.X
    steps = learn(X, np.where(petals.is_setosa, 1, -1), np.zeros(2), 0.0, petals.epochs)
    say(f"iris, setosa or not: {petals.epochs} epochs by petals, {sepals.epochs} by sepals")

    three = Perceptron(tol=None, max_iter=MAX_EPOCHS, random_state=seed)
    three_warning = fit_unseparable(three, X, species)
    say(f"iris, three species: mistakes without end for {len(unfinished(three))} of 3 units")

    w, b = rng.normal(size=2), float(rng.normal())  # the line to start from
    order = np.concatenate([rng.permutation(4) for _ in range(MAX_EPOCHS)])
    # `learn` takes the samples in a fixed order, and XOR needs another one in each epoch: so all
    # epochs are passed as one long epoch, and sample i belongs to epoch i // 4.
    corners, labels = XOR[order].astype(float), XOR_LABELS[order]
    xor = Perceptron(max_iter=1, shuffle=False)
    fit_unseparable(xor, corners, labels, coef_init=w, intercept_init=b)
    xor_steps = learn(corners, 2 * labels - 1, w, b, 1)
    xor_mistakes = np.bincount([i // 4 for i, _, _ in xor_steps], minlength=MAX_EPOCHS)
    say(f"XOR, one unit: {xor_mistakes.sum()} mistakes in {MAX_EPOCHS} epochs")

    runs = [train(two_layers(2, 2), XOR, XOR_LABELS, N_STEPS) for _ in range(N_STARTS)]
    losses = np.array([losses for _, losses in runs])
    solved = np.array([accuracy(model, XOR, XOR_LABELS) == 1 for model, _ in runs])
    best, _ = runs[int(losses[:, -1].argmin())]
    say(f"XOR, two layers: solved from {solved.sum()} of {N_STARTS} random starts")

    deep, _ = train(two_layers(8, 3), X.astype(np.float32), species, 300)
    iris_layers = Layers(deep, regions(classify(deep), X), accuracy(deep, X, species))
    say(f"iris, three species, two layers: {iris_layers.accuracy:.1%} right")
    return Found(
        petals=petals,
        sepals=sepals,
        steps=steps,
        agrees=ends_at(steps, petals.model) and ends_at(xor_steps, xor),
        species=species,
        three=three,
        three_regions=regions(three.predict, X),
        three_accuracy=three.score(X, species),
        three_warning=three_warning,
        xor_steps=xor_steps,
        xor_mistakes=xor_mistakes,
        losses=losses,
        solved=solved,
        xor_layers=Layers(best, regions(classify(best), XOR, 0.4), accuracy(best, XOR, XOR_LABELS)),
        hidden=predict(best[:2], XOR),
        hidden_regions=regions(classify(best[2]), np.array([[-1, -1], [1, 1]])),
        iris_layers=iris_layers,
    )


def setosa_or_not(X: Array, species: Array) -> Unit:
    # in the order given, so that it takes the same steps as `learn`
    model = Perceptron(shuffle=False, tol=None, max_iter=10_000).fit(X, species == 0)
    return Unit(X, species == 0, model)


def fit_unseparable(model: Perceptron, X: Array, y: Array, **start: Any) -> str:
    """Fit where no line separates the classes, and return the warning that this brings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, y, **start)
    return str(caught[-1].message) if caught else ""


def ends_at(steps: list[Step], model: Perceptron) -> bool:
    """Return whether the steps end at the model's weights, to rounding."""
    _, w, b = steps[-1]
    return np.allclose(w, model.coef_[0]) and np.allclose(b, model.intercept_[0])


def unfinished(model: Perceptron) -> list[int]:
    """Return the units that still made mistakes in their last epoch."""
    return [k for k, mistakes in enumerate(model.mistakes_) if mistakes[-1] > 0]


def share_right(w: Array, b: float) -> float:
    """Return what share of XOR's four points is on its side of the line w·x + b = 0."""
    return float(((XOR @ w + b > 0) == XOR_LABELS).mean())


def train(model: nn.Sequential, X: Array, y: Array, steps: int) -> tuple[nn.Sequential, Array]:
    """Take `steps` steps on all samples at once; return the model and the loss before each step."""
    optimizer, losses = Adam(model.parameters(), lr=0.1), []
    for _ in range(steps):
        loss = cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.eval(), np.array(losses)


def classify(model: nn.Module) -> Callable[[Array], Array]:
    """Return the function from points (N, 2) to the class of the largest logit, (N,)."""
    return lambda points: predict(model, points.astype(np.float32)).argmax(axis=1)


def accuracy(model: nn.Module, X: Array, y: Array) -> float:
    return float((classify(model)(X) == y).mean())


def regions(
    predict: Callable[[Array], Array], X: Array, margin: float = 0.25, n: int = 240
) -> Regions:
    """Return what is predicted around the points X (N, 2), `margin` beyond them on every side."""
    (left, bottom), (right, top) = X.min(axis=0) - margin, X.max(axis=0) + margin
    x, y = np.linspace(left, right, n), np.linspace(bottom, top, n)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)  # (H·W, 2)
    return Regions(x, y, predict(points).reshape(n, n))
