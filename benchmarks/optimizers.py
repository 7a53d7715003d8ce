"""One step of each optimiser, float32, and clipping by norm; torch chooses its own implementation.

The parameters are those of ResNet-18, one array of 10⁶ numbers, or those of a LeNet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]
Shapes = list[tuple[int, ...]]


def resnet18() -> Shapes:
    """Return the shapes of its parameters: convolutions, each with a batch norm, and a classifier."""
    convolutions = [(64, 3, 7, 7)]
    c = 64
    for f in (64, 128, 256, 512):
        convolutions += [(f, c, 3, 3)] + 3 * [(f, f, 3, 3)] + ([(f, c, 1, 1)] if f != c else [])
        c = f
    shapes = [shape for conv in convolutions for shape in (conv, conv[:1], conv[:1])]
    return [*shapes, (1000, 512), (1000,)]


LENET: Shapes = [
    *((6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)),
    *((120, 400), (120,), (84, 120), (84,), (10, 84), (10,)),
]
PARAMETERS: dict[str, Shapes] = {"ResNet-18": resnet18(), "10⁶ numbers": [(10**6,)], "LeNet": LENET}
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "SGD, momentum": ("SGD", {"momentum": 0.9, "weight_decay": 1e-4}),
    "SGD, Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad": ("Adagrad", {}),
}


def inputs(shapes: Shapes) -> list[tuple[Array, Array]]:
    """Return each parameter with its gradient."""
    rng = np.random.default_rng(0)
    return [tuple(rng.standard_normal((2, *shape), np.float32)) for shape in shapes]


def scratchnet_parameters(shapes: Shapes) -> list[Any]:
    from scratchnet import Tensor

    params = []
    for w, dw in inputs(shapes):
        params.append(Tensor(w, requires_grad=True))
        params[-1].grad = dw
    return params


def torch_parameters(shapes: Shapes) -> list[Any]:
    import torch

    params = []
    for w, dw in inputs(shapes):
        params.append(torch.from_numpy(w).requires_grad_())
        params[-1].grad = torch.from_numpy(dw)
    return params


def scratchnet_step(name: str, options: dict[str, Any], shapes: Shapes) -> Call:
    from scratchnet import optim

    params = scratchnet_parameters(shapes)
    step = getattr(optim, name)(params, lr=1e-3, **options).step

    def call() -> Any:
        step()
        return [p.data for p in params]

    return call


def torch_step(name: str, options: dict[str, Any], shapes: Shapes) -> Call:
    import torch

    params = torch_parameters(shapes)
    step = getattr(torch.optim, name)(params, lr=1e-3, **options).step

    def call() -> Any:
        step()
        return params

    return call


def clipping(clip: Callable[..., Any], params: list[Any]) -> Call:
    """Return a function that clips the gradients to a little less at each call, so that it must act."""
    longest = [1.0]

    def call() -> Any:
        longest[0] *= 0.9999
        clip(params, longest[0])
        return [p.grad for p in params]

    return call


def scratchnet_clip(shapes: Shapes) -> Call:
    from scratchnet.nn.utils import clip_grad_norm_

    return clipping(clip_grad_norm_, scratchnet_parameters(shapes))


def torch_clip(shapes: Shapes) -> Call:
    import torch

    return clipping(torch.nn.utils.clip_grad_norm_, torch_parameters(shapes))


def step_case(
    name: str, shapes: Shapes, of: str, mean: str | None, sweep: tuple[str, float] | None = None
) -> Case:
    # A dozen roundings of numbers near 1, and Adam's first step is m̂/√v̂ = ±1 times the rate.
    return Case(
        f"{name}: {of}",
        {"scratchnet": scratchnet_step, "torch": torch_step},
        (*OPTIMIZERS[name], shapes),
        tolerance=1e-6,
        mean=mean,
        sweep=sweep,
    )


CASES = [
    step_case(name, shapes, of, "optimiser steps")
    for name in OPTIMIZERS
    for of, shapes in PARAMETERS.items()
]
CASES += [
    Case(
        f"clip_grad_norm_: {of}",
        {"scratchnet": scratchnet_clip, "torch": torch_clip},
        (PARAMETERS[of],),
        # The norm of 10⁷ numbers: in float32, ours is off by 3e-6 of it, torch's by 3e-5.
        tolerance=1e-4,
        mean="clipping by norm",
    )
    for of in ("ResNet-18", "LeNet")
]
CASES += [
    step_case("Adam", [(n,)], f"{n} numbers", None, ("numbers", n))
    for n in (10**4, 10**5, 10**6, 10**7)
]
