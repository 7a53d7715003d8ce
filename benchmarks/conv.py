"""conv2d, float32: forward, and forward with the gradients of x and of the weights.

The geometric means are over ResNet-18's 3×3 layers at batch 1 and 8.
N batch, C channels, H height and width, F filters, k kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]

STAGES = ((64, 56, 64), (128, 28, 128), (256, 14, 256), (512, 7, 512))
# N, C, H, F, k, stride, padding
RESNET = [(n, c, h, f, 3, 1, 1) for n in (1, 8) for c, h, f in STAGES]
OTHERS = {
    "ResNet's stem": (1, 3, 224, 64, 7, 2, 3),
    "LeNet's first": (64, 1, 28, 16, 5, 1, 0),
    "LeNet's second": (64, 16, 12, 32, 5, 1, 0),
    "1×1": (8, 64, 56, 256, 1, 1, 0),
    "1×1 shortcut": (8, 64, 56, 128, 1, 2, 0),
}


def inputs(
    N: int, C: int, H: int, F: int, k: int, stride: int, padding: int
) -> tuple[Array, Array, Array]:
    """Return x (N, C, H, H), the weights (F, C, k, k), and dy in the shape of the output."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, H, H), np.float32)
    weight = rng.standard_normal((F, C, k, k), np.float32) * np.float32((C * k * k) ** -0.5)
    out = (H + 2 * padding - k) // stride + 1
    return x, weight, rng.standard_normal((N, F, out, out), np.float32)


def scratchnet_forward(*shape: int) -> Call:
    from scratchnet.ops import conv2d

    x, weight, _ = inputs(*shape)
    stride, padding = shape[5:]
    return lambda: conv2d(x, weight, None, stride, padding, needs=(False, False))[0]


def torch_forward(*shape: int) -> Call:
    import torch

    x, weight, _ = map(torch.from_numpy, inputs(*shape))
    stride, padding = shape[5:]
    return lambda: torch.nn.functional.conv2d(x, weight, None, stride, padding)


def scratchnet_both(*shape: int) -> Call:
    from scratchnet.ops import conv2d

    x, weight, dy = inputs(*shape)
    stride, padding = shape[5:]

    def call() -> Any:
        y, pullback = conv2d(x, weight, None, stride, padding, needs=(True, True))
        return y, *pullback(dy)

    return call


def torch_both(*shape: int) -> Call:
    import torch

    x, weight, dy = map(torch.from_numpy, inputs(*shape))
    x.requires_grad = weight.requires_grad = True
    stride, padding = shape[5:]

    def call() -> Any:
        x.grad = weight.grad = None  # or torch would add to the gradients of the last call
        y = torch.nn.functional.conv2d(x, weight, None, stride, padding)
        y.backward(dy)
        return y, x.grad, weight.grad

    return call


def cases() -> list[Case]:
    """Return forward and both passes, each over ResNet's layers and then over the others."""
    modes = {
        "forward": {"scratchnet": scratchnet_forward, "torch": torch_forward},
        "both": {"scratchnet": scratchnet_both, "torch": torch_both},
    }
    named = [("", shape) for shape in RESNET] + [(f" {k}", shape) for k, shape in OTHERS.items()]
    return [
        Case(
            f"{mode}{name} {shape[0]}×{shape[1]}×{shape[2]}² → {shape[3]}",
            sides,
            shape,
            # The weight gradient sums 25,088 products in another order than torch does: in float32
            # that moves it by about 1e-6 of its largest entry. Ten times that passes.
            tolerance=1e-5,
            mean=None if name else "forward" if mode == "forward" else "forward with backward",
        )
        for mode, sides in modes.items()
        for name, shape in named
    ]


CASES = cases()
