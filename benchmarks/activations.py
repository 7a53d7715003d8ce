"""Activations, float32: forward with the gradient of x.

Exact GELU has a mean of its own: NumPy has no error function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]
Shape = tuple[int, ...]

SHAPES = [
    (64, 512),
    (8, 64, 56, 56),
    (64, 128, 768),
]  # a small layer, one of ResNet's, one of GPT's
TANH = {"approximate": "tanh"}
NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {}),
    "hardswish": ("hardswish", {}),
    "elu": ("elu", {}),
    "softplus": ("softplus", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "silu": ("silu", {}),
    "gelu by tanh": ("gelu", TANH),
    "gelu by erf": ("gelu", {}),
}
SWEEP = [(n, 1024) for n in (16, 128, 1024, 8192)]
# exp and tanh differ by two roundings, and gelu by erf is torch's to its last digit but one.
TOLERANCE = 2e-6


def inputs(shape: Shape) -> tuple[Array, Array]:
    """Return x and dy."""
    x, dy = np.random.default_rng(0).standard_normal((2, *shape), np.float32)
    return 2 * x, dy


def scratchnet_both(name: str, options: dict[str, Any], shape: Shape) -> Call:
    from scratchnet import ops

    x, dy = inputs(shape)
    op = getattr(ops, name)

    def call() -> Any:
        y, pullback = op(x, **options)
        return y, *pullback(dy)

    return call


def torch_both(name: str, options: dict[str, Any], shape: Shape) -> Call:
    import torch

    x, dy = map(torch.from_numpy, inputs(shape))
    x.requires_grad = True
    op = getattr(torch.nn.functional, name)

    def call() -> Any:
        x.grad = None  # or torch would add to that of the last call
        y = op(x, **options)
        y.backward(dy)
        return y, x.grad

    return call


def case(
    title: str, shape: Shape, mean: str | None, sweep: tuple[str, float] | None = None
) -> Case:
    return Case(
        f"{title} {'×'.join(map(str, shape))}{', growing size' if sweep else ''}",
        {"scratchnet": scratchnet_both, "torch": torch_both},
        (*NAMES[title], shape),
        TOLERANCE,
        mean,
        sweep=sweep,
    )


CASES = [
    case(title, shape, "gelu by erf" if title == "gelu by erf" else "forward with backward")
    for title in NAMES
    for shape in SHAPES
]
CASES += [case("silu", shape, None, ("size", shape[0] * shape[1])) for shape in SWEEP]
