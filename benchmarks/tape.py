"""The tape's cost per recorded operation: a chain of 1,000 products of four numbers, float32.

The arithmetic itself takes nanoseconds; what is measured is the recording and the walk back. A row
is the time of the whole pass divided by the number of operations.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Timed


def inputs() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return x and w; w is so near to 1 that its thousandth power stays within [1/e, e]."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(4, np.float32), 1 + rng.uniform(-1e-3, 1e-3, 4).astype(np.float32)


def scratchnet_chain(length: int) -> Callable[[], Timed]:
    from scratchnet import Tensor

    x, w = (Tensor(array, requires_grad=True) for array in inputs())
    return chain(x, w, np.ones(4, np.float32), length)


def torch_chain(length: int) -> Callable[[], Timed]:
    import torch

    x, w = (torch.from_numpy(array).requires_grad_() for array in inputs())
    return chain(x, w, torch.ones(4), length)


def chain(x: Any, w: Any, dy: Any, length: int) -> Callable[[], Timed]:
    """Return a call that computes y = x·w·w·… and its gradients, and times both passes.

    backward frees the graph, so there is one of each in a repetition.
    """

    def call() -> Timed:
        x.grad = w.grad = None
        y = x
        start = perf_counter()
        for _ in range(length):
            y = y * w
        middle = perf_counter()
        y.backward(dy)
        end = perf_counter()
        seconds = {"forward": (middle - start) / length, "backward": (end - middle) / length}
        return Timed(seconds, (y, x.grad, w.grad))

    return call


LENGTH = 1000
CASES = [
    Case(
        "x·w·w·…, one product",
        {"scratchnet": scratchnet_chain, "torch": torch_chain},
        (LENGTH,),
        # A thousand roundings of 6e-8, in the order that both sides share: a random walk of 2e-6.
        tolerance=1e-5,
        mean="forward and backward",
    )
]
