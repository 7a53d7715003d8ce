"""Normalisation, float32: forward with the gradients of x, of the weight and of the bias.

N batch, C channels, H height and width, D features; group norm has 32 groups.
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

EARLY, LATE, SMALL = (8, 64, 56, 56), (8, 256, 14, 14), (64, 16, 12, 12)  # two of ResNet's, LeNet's
SHAPES: dict[str, list[Shape]] = {
    "batch_norm": [EARLY, LATE, SMALL],
    "layer_norm": [(64, 128, 768), (32, 64)],
    "group_norm": [EARLY],
    "instance_norm": [EARLY],
}
SWEEP = [(N, 64, 28, 28) for N in (1, 4, 16, 64)]
GROUPS = 32


def inputs(name: str, shape: Shape) -> tuple[Array, Array, Array, Array]:
    """Return x, the weight, the bias, and dy."""
    rng = np.random.default_rng(0)
    form = shape[-1] if name == "layer_norm" else shape[1]
    x, dy = rng.standard_normal((2, *shape), np.float32)
    return x + 1, rng.standard_normal(form, np.float32), rng.standard_normal(form, np.float32), dy


def scratchnet_both(name: str, shape: Shape) -> Call:
    from scratchnet import ops

    x, weight, bias, dy = inputs(name, shape)
    between = {"layer_norm": (weight.shape,), "group_norm": (GROUPS,)}.get(name, ())
    op = getattr(ops, name)
    with_statistics = name in ("batch_norm", "instance_norm")

    def call() -> Any:
        out, pullback = op(x, *between, weight, bias)
        y, d = (out[0], (dy, None, None)) if with_statistics else (out, dy)
        return y, *pullback(d)

    return call


def torch_both(name: str, shape: Shape) -> Call:
    import torch

    x, weight, bias, dy = map(torch.from_numpy, inputs(name, shape))
    x.requires_grad = weight.requires_grad = bias.requires_grad = True
    between = {
        "batch_norm": (None, None),
        "layer_norm": (tuple(weight.shape),),
        "group_norm": (GROUPS,),
        "instance_norm": (None, None),
    }[name]
    options = {"training": True} if name == "batch_norm" else {}
    op = getattr(torch.nn.functional, name)

    def call() -> Any:
        x.grad = weight.grad = bias.grad = None  # or torch would add to those of the last call
        y = op(x, *between, weight, bias, **options)
        y.backward(dy)
        return y, x.grad, weight.grad, bias.grad

    return call


def case(name: str, shape: Shape, mean: str | None, sweep: tuple[str, float] | None = None) -> Case:
    return Case(
        f"{name} {'×'.join(map(str, shape))}{', growing batch' if sweep else ''}",
        {"scratchnet": scratchnet_both, "torch": torch_both},
        (name, shape),
        # The gradient of the weight sums up to 50,176 products in another order than torch does: in
        # float32 that moves it by about 1e-6 of its largest entry. Ten times that passes.
        tolerance=1e-5,
        mean=mean,
        sweep=sweep,
    )


CASES = [
    case(name, shape, "forward with backward")
    for name, shapes in SHAPES.items()
    for shape in shapes
]
CASES += [case("batch_norm", shape, None, ("batch", shape[0])) for shape in SWEEP]
