"""linear, float32: forward, and forward with the gradients of x, of the weights and of the bias.

The shapes are those of a GPT block of 768 features, of one of 128, and of LeNet's last three layers.
N rows, D features before, E features after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]

# N, D, E
SHAPES = {
    "GPT, queries, keys and values": (1024, 768, 2304),
    "GPT, first": (1024, 768, 3072),
    "GPT, second": (1024, 3072, 768),
    "small GPT, first": (2048, 128, 512),
    "small GPT, second": (2048, 512, 128),
    "LeNet, first": (64, 400, 120),
    "LeNet, second": (64, 120, 84),
    "LeNet, third": (64, 84, 10),
}
WIDTHS = (128, 256, 512, 1024, 2048)


def inputs(N: int, D: int, E: int) -> tuple[Array, Array, Array, Array]:
    """Return x (N, D), weight (E, D), bias (E,) and dy (N, E)."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((N, features), np.float32) for features in (D, E))
    weight = rng.standard_normal((E, D), np.float32) * np.float32(D**-0.5)
    return x, weight, rng.standard_normal(E, np.float32), dy


def scratchnet_forward(*shape: int) -> Call:
    from scratchnet.ops import linear

    x, weight, bias, _ = inputs(*shape)
    return lambda: linear(x, weight, bias, needs=(False, False, False))[0]


def torch_forward(*shape: int) -> Call:
    import torch

    x, weight, bias, _ = map(torch.from_numpy, inputs(*shape))
    return lambda: torch.nn.functional.linear(x, weight, bias)


def scratchnet_both(*shape: int) -> Call:
    from scratchnet.ops import linear

    x, weight, bias, dy = inputs(*shape)

    def call() -> Any:
        y, pullback = linear(x, weight, bias)
        return y, *pullback(dy)

    return call


def torch_both(*shape: int) -> Call:
    import torch

    x, weight, bias, dy = map(torch.from_numpy, inputs(*shape))
    x.requires_grad = weight.requires_grad = bias.requires_grad = True

    def call() -> Any:
        x.grad = weight.grad = bias.grad = None  # or torch would add to those of the last call
        y = torch.nn.functional.linear(x, weight, bias)
        y.backward(dy)
        return y, x.grad, weight.grad, bias.grad

    return call


# The sides, the mean, and the number of products of the same size: y; dx; dW.
MODES: dict[str, tuple[dict[str, Callable[..., Call]], str, int]] = {
    "forward": ({"scratchnet": scratchnet_forward, "torch": torch_forward}, "forward", 1),
    "both": ({"scratchnet": scratchnet_both, "torch": torch_both}, "forward with backward", 3),
}


def case(mode: str, name: str, shape: tuple[int, int, int]) -> Case:
    sides, mean, products = MODES[mode]
    N, D, E = shape
    return Case(
        f"{mode}, {name} {N}×{D} → {E}",
        sides,
        shape,
        # Sums of up to 3072 products in another order: in float32 about 1e-6 of the largest entry.
        tolerance=1e-5,
        mean=mean,
        flops=products * 2.0 * N * D * E,
    )


def growing(width: int) -> Case:
    """Return the case of as many features after as before: D² products for each row."""
    square = case("both", "square", (256, width, width))
    return replace(square, mean=None, sweep=("width", width))


CASES = [
    *(case(mode, name, shape) for mode in MODES for name, shape in SHAPES.items()),
    *map(growing, WIDTHS),
]
