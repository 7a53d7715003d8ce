"""Training, float32: LeNet on a whole data set, and single steps of LeNet and of residual networks.

Both sides have the same network, starting weights, order of samples and optimiser. A step is forward,
loss, backward and update, over and over on one batch; gradients and weights after the first are compared.
LeNet is `scratchnet.models.LeNet`, trained with Adam in batches of 64. The epoch goes through MNIST if the
environment variable SCRATCHNET_MNIST names the folder of its four files, otherwise through the packaged
digits at 28×28; its row has the seconds of training, and what is compared is the accuracy on the test
images, which stands below the rows. Images are kept as bytes and normalised batch by batch. Peak memory
counts from before the data and the network are there.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row, Timed
from benchmarks.inference import fill
from scratchnet import models  # here, so that both sides have these before memory is counted
from scratchnet.data import DataLoader, load_mnist
from scratchnet.datasets import load_digits

if "torch" in sys.modules:  # on its side: 70 MB that it imports when an optimiser is made, or here
    import torch._dynamo  # noqa: F401

Array = npt.NDArray[Any]
Call = Callable[[], Any]

MNIST = os.environ.get("SCRATCHNET_MNIST")
N_DIGITS = 1500  # of 1797: the others are to test with
BATCH = 64
RATE = 1e-3
MEAN, DEVIATION = 33.3, 78.6  # of MNIST's pixels


def images() -> tuple[Array, Array, Array, Array]:
    """Return images (N, 1, 28, 28) of uint8 and their labels to train with, and others to test with."""
    if MNIST is None:
        return digits()
    (x, y), (x_test, y_test) = load_mnist(MNIST)
    return x[:, None], y.astype(np.int64), x_test[:, None], y_test.astype(np.int64)


def digits() -> tuple[Array, Array, Array, Array]:
    """Return the packaged digits in the form of MNIST, the last 297 to test with."""
    data = load_digits()
    # 8×8 pixels of 0 to 16: each becomes 3×3, and a margin of 2 makes 28×28 of 24×24.
    large = np.kron(data.images, np.ones((1, 3, 3))) * (255 / 16)
    x = np.pad(large, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)[:, None]
    y = data.target.astype(np.int64)
    return x[:N_DIGITS], y[:N_DIGITS], x[N_DIGITS:], y[N_DIGITS:]


def scratchnet_network(name: str) -> Any:
    """Return one of the networks of FLOPS, with weights from seeds."""
    if name == "LeNet":
        model: Any = models.LeNet()
    else:
        model = models.resnet18() if name == "ResNet-18" else models.cifar_resnet(20)
    fill(model.state_dict())
    return model


def torch_network(name: str) -> Any:
    """Return the same network in torch."""
    if name == "LeNet":
        model = torch_lenet()
    else:
        from tests.models import torch_resnet

        model = torch_resnet.resnet18() if name == "ResNet-18" else torch_resnet.CifarResNet(20)
    fill({key: tensor.numpy() for key, tensor in model.state_dict().items()})
    return model


def torch_lenet() -> Any:
    from torch import nn

    features = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.MaxPool2d(2), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU()),
    )
    classifier = nn.Sequential(
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    return nn.Sequential(OrderedDict(features=features, classifier=classifier))


def scratchnet_epoch() -> Call:
    from scratchnet import functional, no_grad, optim

    x, y, x_test, y_test = images()

    def normalised(batch: Array) -> Array:
        batch = batch.astype(np.float32)
        batch -= MEAN
        batch /= DEVIATION
        return batch

    def call() -> Timed:
        model = scratchnet_network("LeNet")
        optimizer = optim.Adam(model.parameters())
        start = perf_counter()
        for x_batch, labels in DataLoader((x, y), BATCH, shuffle=True, rng=0):
            optimizer.zero_grad()
            functional.cross_entropy(model(normalised(x_batch)), labels).backward()
            optimizer.step()
        seconds = perf_counter() - start
        model.eval()
        with no_grad():
            right = [
                (model(normalised(x_batch)).argmax(1) == labels).sum()
                for x_batch, labels in DataLoader((x_test, y_test), 500)
            ]
        return Timed({"": seconds}, np.array(sum(right) / len(y_test)))

    return call


def torch_epoch() -> Call:
    import torch

    x, y, x_test, y_test = map(torch.from_numpy, images())

    def normalised(batch: Any) -> Any:
        return batch.float().sub_(MEAN).div_(DEVIATION)

    def call() -> Timed:
        model = torch_network("LeNet")
        optimizer = torch.optim.Adam(model.parameters())
        start = perf_counter()
        # The order of our loader. Indexing by hand, since torch's loader would fetch and stack the
        # samples one by one.
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(x)))
        for indices in order.split(BATCH):
            optimizer.zero_grad()
            logits = model(normalised(x[indices]))
            torch.nn.functional.cross_entropy(logits, y[indices]).backward()
            optimizer.step()
        seconds = perf_counter() - start
        model.eval()
        with torch.inference_mode():
            right = [
                (model(normalised(x_batch)).argmax(1) == labels).sum().item()
                for x_batch, labels in zip(x_test.split(500), y_test.split(500), strict=True)
            ]
        return Timed({"": seconds}, np.array(sum(right) / len(y_test)))

    return call


def batch(*shape: int) -> tuple[Array, Array]:
    """Return images of this shape and a class from 0 to 9 for each."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, np.float32), rng.integers(0, 10, shape[0])


def step(model: Any, optimizer: Any, cross_entropy: Any, x: Any, labels: Any) -> Call:
    """Return one step of training, in the words that both libraries share."""
    parameters = list(model.parameters())

    def call() -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        # Without biases: in front of a batch norm their gradients are zero, and all rounding.
        gradients = (p.grad for p in parameters if p.ndim > 1)
        return (loss.detach(), *gradients, *(p.detach() for p in parameters))

    return call


def scratchnet_step(name: str, *shape: int) -> Call:
    from scratchnet import functional, optim

    x, labels = batch(*shape)
    model = scratchnet_network(name)
    optimizer = optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    return step(model, optimizer, functional.cross_entropy, x, labels)


def torch_step(name: str, *shape: int) -> Call:
    import torch

    x, labels = map(torch.from_numpy, batch(*shape))
    model = torch_network(name)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)
    return step(model, optimizer, torch.nn.functional.cross_entropy, x, labels)


# Of one image: the multiplications of all convolutions and affine maps forwards, twice as many
# backwards, and as many additions.
FLOPS = {"LeNet": 6 * 0.4165e6, "ResNet-18": 6 * 1.814e9, "ResNet-20": 6 * 40.8e6}
N_IMAGES = 60_000 if MNIST is not None else N_DIGITS


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return our accuracy after the epoch, and how far torch's is from it."""
    figures: dict[str, Any] = {}
    for row in rows:
        if row.case == CASES[0].name and row.error is None:
            figures["test accuracy after the epoch"] = f"{scratchnet_epoch()().result:.2%}"
            if row.difference is not None:
                figures["torch's differs by"] = f"{row.difference:.2%} of its own"
    return figures


def step_case(name: str, tolerance: float, *shape: int) -> Case:
    n, _, height, _ = shape
    return Case(
        f"{name}, one step, {n} images of {height}²",
        {"scratchnet": scratchnet_step, "torch": torch_step},
        (name, *shape),
        tolerance=tolerance,
        mean=f"{name} step",
        sweep=("batch", n) if name == "LeNet" else None,
        flops=n * FLOPS[name],
    )


# Gradients in float32 agree to some 3e-6 of their largest entry, until one number so near to 0 that
# rounding decides falls on another side of a ReLU: then what comes back through it is there or not. Among
# ResNet's millions of numbers that happens to both libraries, and moves single entries by some 3e-2, from
# each other and from float64. (A test holds that in float64 the sides agree to 1e-9.)
FEW, MANY = 1e-3, 1e-1

CASES = [
    Case(
        f"LeNet, one epoch of {'MNIST' if MNIST is not None else 'the packaged digits'}, "
        f"{N_IMAGES:,} images",
        {"scratchnet": scratchnet_epoch, "torch": torch_epoch},
        (),
        # Rounding makes two trainings part: the accuracies are as those of two seeds.
        tolerance=0.01 if MNIST is not None else 0.05,  # of 10,000 test images; of 297
        mean="epoch",
        flops=N_IMAGES * FLOPS["LeNet"],
    ),
    *(step_case("LeNet", FEW, n, 1, 28, 28) for n in (16, BATCH, 256)),
    step_case("ResNet-18", MANY, 8, 3, 224, 224),
    step_case("ResNet-20", MANY, 64, 3, 32, 32),
]
