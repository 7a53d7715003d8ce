"""Pools, float32: forward, and forward with the gradient of x.

The gradient of the global mean is a read-only view of one number for each plane.
N batch, C channels, H height and width.
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
Options = tuple[int, ...]  # kernel, stride and padding; of adaptive pools the output's size

# Function, options, and x as N, C, H.
POOLS: list[tuple[str, Options, tuple[int, int, int]]] = [
    ("max_pool2d", (3, 2, 1), (1, 64, 112)),  # ResNet's stem
    ("max_pool2d", (3, 2, 1), (8, 64, 112)),
    ("max_pool2d", (2,), (8, 64, 112)),
    ("max_pool2d", (2,), (64, 16, 24)),  # LeNet's first
    ("max_pool2d", (2,), (64, 32, 8)),  # and second
    ("max_pool2d", (3, 1, 1), (8, 64, 28)),
    ("max_pool2d", (7, 1, 3), (8, 64, 28)),
    ("avg_pool2d", (2,), (8, 64, 56)),
    ("avg_pool2d", (2,), (64, 16, 24)),
    ("avg_pool2d", (3, 1, 1), (8, 64, 28)),
    ("avg_pool2d", (7,), (8, 64, 56)),
    ("adaptive_avg_pool2d", (1,), (8, 512, 7)),  # ResNet's last
    ("adaptive_avg_pool2d", (6,), (8, 256, 13)),  # AlexNet's
    ("adaptive_max_pool2d", (1,), (8, 512, 7)),
    ("adaptive_max_pool2d", (6,), (8, 256, 13)),
]
WINDOWS = (2, 3, 5, 7, 9)


def inputs(name: str, options: Options, N: int, C: int, H: int) -> tuple[Array, Array]:
    """Return x (N, C, H, H), and dy in the shape of the output."""
    rng = np.random.default_rng(0)
    if name.startswith("adaptive"):
        out = options[0]
    else:
        kernel, stride, padding = (*options, *(options[0], 0)[len(options) - 1 :])
        out = (H + 2 * padding - kernel) // stride + 1
    x = rng.standard_normal((N, C, H, H), np.float32)
    return x, rng.standard_normal((N, C, out, out), np.float32)


def scratchnet_forward(name: str, options: Options, *shape: int) -> Call:
    from scratchnet import ops

    x, _ = inputs(name, options, *shape)
    op = getattr(ops, name)
    return lambda: op(x, *options)[0]


def torch_forward(name: str, options: Options, *shape: int) -> Call:
    import torch

    x = torch.from_numpy(inputs(name, options, *shape)[0])
    function = getattr(torch.nn.functional, name)
    return lambda: function(x, *options)


def scratchnet_both(name: str, options: Options, *shape: int) -> Call:
    from scratchnet import ops

    x, dy = inputs(name, options, *shape)
    op = getattr(ops, name)

    def call() -> Any:
        y, pullback = op(x, *options)
        return y, *pullback(dy)

    return call


def torch_both(name: str, options: Options, *shape: int) -> Call:
    import torch

    x, dy = map(torch.from_numpy, inputs(name, options, *shape))
    x.requires_grad = True
    function = getattr(torch.nn.functional, name)

    def call() -> Any:
        x.grad = None  # or torch would add to that of the last call
        y = function(x, *options)
        y.backward(dy)
        return y, x.grad

    return call


MODES: dict[str, tuple[dict[str, Callable[..., Call]], str]] = {
    "forward": ({"scratchnet": scratchnet_forward, "torch": torch_forward}, "forward"),
    "both": ({"scratchnet": scratchnet_both, "torch": torch_both}, "forward with backward"),
}


def case(mode: str, name: str, options: Options, shape: tuple[int, int, int]) -> Case:
    """Return one pool; maximum pools of stride 1 are a sweep over the size of the window."""
    sides, mean = MODES[mode]
    N, C, H = shape
    is_growing = mode == "both" and name == "max_pool2d" and options[1:2] == (1,)
    return Case(
        f"{mode} {name} {', '.join(map(str, options))} of {N}×{C}×{H}²",
        sides,
        (name, options, *shape),
        tolerance=1e-6,  # means of up to 49 numbers, added in another order: a few roundings
        mean=mean,
        sweep=("window", options[0]) if is_growing else None,
    )


def cases() -> list[Case]:
    """Return all pools in both modes, and what the sweep over the window needs besides."""
    growing = [("max_pool2d", (k, 1, k // 2), (8, 64, 28)) for k in WINDOWS]
    return [
        *(case(mode, *pool) for mode in MODES for pool in POOLS),
        *(replace(case("both", *pool), mean=None) for pool in growing if pool not in POOLS),
    ]


CASES = cases()
