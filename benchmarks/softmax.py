"""Softmax, its logarithm and cross-entropy, float32: forward with the gradient of the scores.

N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]

ROWS = [
    (64, 10),
    (16384, 10),
    (4096, 1000),
    (128, 32768),
]  # LeNet's, MNIST's test set, ResNet's, GPT's
SIZES = {
    "softmax": ROWS,
    "log_softmax": ROWS,
    "cross_entropy": [(64, 10), (4096, 1000), (512, 32768)],
}
SWEEP = [(N, 1000) for N in (16, 128, 1024, 8192)]


def inputs(name: str, N: int, K: int) -> tuple[Array, tuple[Any, ...], Any]:
    """Return the scores, the labels or none, and dy."""
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal((N, K), np.float32)
    if name == "cross_entropy":
        return x, (rng.integers(0, K, N),), np.float32(1.0)
    return x, (), rng.standard_normal((N, K), np.float32)


def scratchnet_both(name: str, N: int, K: int) -> Call:
    from scratchnet import ops

    x, labels, dy = inputs(name, N, K)
    op = getattr(ops, name)

    def call() -> Any:
        y, pullback = op(x, *labels)
        return y, *pullback(dy)

    return call


def torch_both(name: str, N: int, K: int) -> Call:
    import torch

    x, labels, dy = inputs(name, N, K)
    scores, gradient = torch.from_numpy(x), torch.as_tensor(dy)
    scores.requires_grad = True
    function = getattr(torch.nn.functional, name)
    arguments = tuple(map(torch.from_numpy, labels)) or (-1,)

    def call() -> Any:
        scores.grad = None  # or torch would add to that of the last call
        y = function(scores, *arguments)
        y.backward(gradient)
        return y, scores.grad

    return call


def case(
    name: str, N: int, K: int, mean: str | None, sweep: tuple[str, float] | None = None
) -> Case:
    return Case(
        f"{name} {N}×{K}{', growing batch' if sweep else ''}",
        {"scratchnet": scratchnet_both, "torch": torch_both},
        (name, N, K),
        # The largest sum has 32,768 terms, added in another order than torch does, and dy less the
        # sum of dy · y cancels: some tens of roundings.
        tolerance=5e-6,
        mean=mean,
        sweep=sweep,
    )


CASES = [
    case(name, N, K, "cross-entropy" if name == "cross_entropy" else "softmax")
    for name, sizes in SIZES.items()
    for N, K in sizes
]
CASES += [case("cross_entropy", N, K, None, ("batch", N)) for N, K in SWEEP]
