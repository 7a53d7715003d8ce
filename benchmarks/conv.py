"""conv2d, float32: forward, and forward with the gradients of x and of the weights.

The geometric means leave out depthwise convolutions, which have their own: no product of matrices is in
them. Below the rows: the worst single shape of each mean.
N batch, C channels, H height and width, F filters, k kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Shape:
    """x (N, C, H, H) and weights (F, C/groups, k, k)."""

    N: int
    C: int
    H: int
    F: int
    k: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def out(self) -> int:
        """Height and width of the output."""
        return (self.H + 2 * self.padding - self.k) // self.stride + 1

    @property
    def flops(self) -> float:
        """Of the forward pass: a multiplication and an addition for each tap of each output."""
        taps = self.C // self.groups * self.k**2
        return 2.0 * self.N * self.F * self.out**2 * taps

    def __str__(self) -> str:
        return f"{self.N}×{self.C}×{self.H}² → {self.F}"


def at(batches: Sequence[int], *shape: int, **options: int) -> list[Shape]:
    """Return one shape, which is given without N, at each of these batches."""
    return [Shape(N, *shape, **options) for N in batches]


# By name; k is 3 where the name does not say.
SHAPES = {
    "": [
        *at((1, 8), 64, 56, 64, 3, padding=1),  # ResNet-18's 3×3 layers, stage by stage
        *at((1, 8), 128, 28, 128, 3, padding=1),
        *at((1, 8), 256, 14, 256, 3, padding=1),
        *at((1, 8), 512, 7, 512, 3, padding=1),
    ],
    "ResNet's stem": at((1, 8), 3, 224, 64, 7, stride=2, padding=3),
    "strided": at((1, 8), 64, 56, 128, 3, stride=2, padding=1),
    "1×1 shortcut": at((1, 8), 64, 56, 128, 1, stride=2),
    "1×1": at((8,), 64, 56, 256, 1),
    "LeNet's first": at((64,), 1, 28, 16, 5),
    "LeNet's second": at((64,), 16, 12, 32, 5),
    "5×5": at((8,), 32, 28, 64, 5, padding=2),
    "7×7": at((8,), 32, 28, 32, 7, padding=3),
    "31×31": at((8,), 8, 64, 8, 31, padding=15),
    "depthwise": [
        *at((1, 8), 64, 56, 64, 3, padding=1, groups=64),
        *at((8,), 256, 14, 256, 3, padding=1, groups=256),  # as in MobileNet
    ],
    "depthwise 31×31": at((1,), 128, 56, 128, 31, padding=15, groups=128),  # as in RepLKNet
}
GROWING = SHAPES[""][0]
BATCHES = (1, 2, 4, 8)


def inputs(shape: Shape) -> tuple[Array, Array, Array]:
    """Return x, the weights, and dy in the shape of the output."""
    rng = np.random.default_rng(0)
    N, C, H, F, k, c = shape.N, shape.C, shape.H, shape.F, shape.k, shape.C // shape.groups
    x = rng.standard_normal((N, C, H, H), np.float32)
    weight = rng.standard_normal((F, c, k, k), np.float32) * np.float32((c * k * k) ** -0.5)
    return x, weight, rng.standard_normal((N, F, shape.out, shape.out), np.float32)


def options_of(shape: Shape) -> dict[str, Any]:
    """Return the arguments that both sides call by the same names."""
    return {"stride": shape.stride, "padding": shape.padding, "groups": shape.groups}


def scratchnet_forward(shape: Shape) -> Call:
    from scratchnet.ops import conv2d

    x, weight, _ = inputs(shape)
    options = options_of(shape)
    return lambda: conv2d(x, weight, **options, needs=(False, False))[0]


def torch_forward(shape: Shape) -> Call:
    import torch

    x, weight, _ = map(torch.from_numpy, inputs(shape))
    options = options_of(shape)
    return lambda: torch.nn.functional.conv2d(x, weight, **options)


def scratchnet_both(shape: Shape) -> Call:
    from scratchnet.ops import conv2d

    x, weight, dy = inputs(shape)
    options = options_of(shape)

    def call() -> Any:
        y, pullback = conv2d(x, weight, **options, needs=(True, True))
        return y, *pullback(dy)

    return call


def torch_both(shape: Shape) -> Call:
    import torch

    x, weight, dy = map(torch.from_numpy, inputs(shape))
    x.requires_grad = weight.requires_grad = True
    options = options_of(shape)

    def call() -> Any:
        x.grad = weight.grad = None  # or torch would add to the gradients of the last call
        y = torch.nn.functional.conv2d(x, weight, **options)
        y.backward(dy)
        return y, x.grad, weight.grad

    return call


# The sides, the mean, and the cost as a multiple of the forward pass: dx and dW take as much as y each.
MODES: dict[str, tuple[dict[str, Callable[..., Call]], str, int]] = {
    "forward": ({"scratchnet": scratchnet_forward, "torch": torch_forward}, "forward", 1),
    "both": ({"scratchnet": scratchnet_both, "torch": torch_both}, "forward with backward", 3),
}


def case(mode: str, name: str, shape: Shape) -> Case:
    sides, mean, passes = MODES[mode]
    is_growing = mode == "forward" and replace(shape, N=GROWING.N) == GROWING
    return Case(
        " ".join(f"{mode} {name} {shape}".split()),
        sides,
        (shape,),
        # The weight gradient sums up to 100,352 products in another order than torch does, and
        # Winograd's transforms round: in float32 together up to 7e-6 of the largest entry.
        tolerance=2e-5,
        mean=f"depthwise {mean}" if shape.groups > 1 else mean,
        sweep=("batch", shape.N) if is_growing else None,
        flops=passes * shape.flops,
    )


def cases() -> list[Case]:
    """Return all shapes in both modes, and what the sweep over the batch needs besides."""
    named = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]
    between = [replace(GROWING, N=N) for N in BATCHES if replace(GROWING, N=N) not in SHAPES[""]]
    return [
        *(case(mode, name, shape) for mode in MODES for name, shape in named),
        *(replace(case("forward", "", shape), mean=None) for shape in between),
    ]


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the largest ratio of each mean, and whose it is."""
    ratios: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        if row.mean is not None and row.ratio is not None:
            ratios.setdefault(row.mean, []).append((row.ratio, row.case))
    worst = {mean: max(found) for mean, found in ratios.items()}
    return {f"worst {mean}": f"{ratio:.2f}, {case}" for mean, (ratio, case) in worst.items()}


CASES = cases()
