"""Depth against accuracy and time, as two tables: python -m benchmarks.depth [FOLDER] [SEED].

The first has the residual networks for photographs: their published accuracy, and the time that one
image takes here, optimised for inference (GMAC: 10⁹ multiply-adds). The second trains residual networks
of 8 to 56 layers and plain ones of the same depth on a part of Fashion-MNIST (FOLDER), all with the same
recipe: up to some depth more layers help, a plain network then learns worse, and a residual one does not.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet import manual_seed, models, nn, optim
from scratchnet.data import DataLoader, load_mnist
from scratchnet.models import cifar_resnet, get_weight

NETWORKS = ("ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152")
DEPTHS = (8, 20, 32, 56)
TRAINED_ON, EPOCHS, BATCH, WIDTH = 10_000, 6, 100, 8


def milliseconds(call: Callable[[], Any], times: int = 10) -> float:
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def photographs() -> None:
    """Print the table of the networks for images of 224 × 224."""
    x = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    print("network     parameters   GMAC  published top-1  one image here")
    for name in NETWORKS:
        meta = get_weight(f"{name}_Weights.IMAGENET1K_V1").meta
        model = getattr(models, name.lower())().eval()
        form = nn.optimize_for_inference(model, inplace=True)
        top_1 = meta["_metrics"]["ImageNet-1K"]["acc@1"]
        print(
            f"{name:10}  {meta['num_params']:10,}  {meta['_ops']:5.1f}  {top_1:13.1f} %"
            f"  {milliseconds(lambda form=form: form(x)):11.1f} ms",
            flush=True,
        )


def small_images(folder: str, seed: int) -> None:
    """Print the table of networks that are trained here, on images of 14 × 14."""
    (x_train, y_train), (x_test, y_test) = load_mnist(folder)
    x_train, x_test = (halved(x) for x in (x_train[:TRAINED_ON], x_test))
    y_train = y_train[:TRAINED_ON]
    print(
        f"\n{TRAINED_ON:,} images of Fashion-MNIST at 14 × 14, {EPOCHS} epochs, seed {seed}\n"
        "depth  network   parameters  training loss  test accuracy  training  500 images"
    )
    for depth in DEPTHS:
        for residual in (True, False):
            manual_seed(seed)
            model = cifar_resnet(depth, in_channels=1, width=WIDTH, residual=residual)
            n_parameters = sum(p.numel() for p in model.parameters())
            start = time.perf_counter()
            loss = train(model, x_train, y_train)
            seconds = time.perf_counter() - start
            form = nn.optimize_for_inference(model.eval())
            logits = np.concatenate([form(x) for x in DataLoader(x_test, 500)])
            accuracy = np.mean(logits.argmax(1) == y_test)
            print(
                f"{depth:5}  {'residual' if residual else 'plain':8}  {n_parameters:10,}  {loss:13.3f}"
                f"  {accuracy:13.1%}  {seconds:6.0f} s"
                f"  {milliseconds(lambda form=form: form(x_test[:500]), 3):7.0f} ms",
                flush=True,
            )


def halved(x: np.ndarray) -> np.ndarray:
    """Return images (N, 28, 28) as (N, 1, 14, 14), each entry the mean of four, about standardised."""
    x = x.reshape(-1, 14, 2, 14, 2).mean((2, 4), dtype=np.float32)
    return ((x - 72.9) / 90.0)[:, None].astype(np.float32)


def train(model: nn.Module, x_train: np.ndarray, y_train: np.ndarray) -> float:
    """Train, and return the mean loss of the last epoch."""
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader((x_train, y_train), batch_size=BATCH, shuffle=True)
    optimizer = optim.SGD(model.parameters(), momentum=0.9, weight_decay=1e-4)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=EPOCHS * len(loader))
    for _ in range(EPOCHS):
        losses = []
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    return statistics.fmean(losses)


if __name__ == "__main__":
    photographs()
    if len(sys.argv) > 1:
        small_images(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
