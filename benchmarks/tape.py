"""The tape's cost per recorded operation: a chain of products of four numbers, float32.

The arithmetic itself takes nanoseconds; what is measured is the recording and the walk back. A row
is the time of the whole pass divided by the number of operations, so an exponent of 0 says that the
cost of an operation does not depend on the length of the chain. The mean is of both passes together
over the chain of 1,000.
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


def scratchnet_chain(length: int, together: bool = False) -> Callable[[], Timed]:
    from scratchnet import Tensor

    x, w = (Tensor(array, requires_grad=True) for array in inputs())
    return chain(x, w, np.ones(4, np.float32), length, together)


def torch_chain(length: int, together: bool = False) -> Callable[[], Timed]:
    import torch

    x, w = (torch.from_numpy(array).requires_grad_() for array in inputs())
    return chain(x, w, torch.ones(4), length, together)


def mygrad_chain(length: int, together: bool = False) -> Callable[[], Timed]:
    import mygrad

    x, w = (mygrad.tensor(array) for array in inputs())
    return chain(x, w, np.ones(4, np.float32), length, together)


def chain(x: Any, w: Any, dy: Any, length: int, together: bool) -> Callable[[], Timed]:
    """Return a call that computes y = x·w·w·… and its gradients, and times both passes.

    together: as one figure. backward frees the graph, so there is one of each in a repetition.
    """

    def call() -> Timed:
        for leaf in (x, w):  # or the gradients would be added to those of the last call
            if hasattr(leaf, "null_grad"):
                leaf.null_grad()  # MyGrad's `grad` cannot be set
            else:
                leaf.grad = None
        y = x
        start = perf_counter()
        for _ in range(length):
            y = y * w
        middle = perf_counter()
        y.backward(dy)
        end = perf_counter()
        seconds = {"forward": (middle - start) / length, "backward": (end - middle) / length}
        if together:
            seconds = {"": (end - start) / length}
        return Timed(seconds, (y, x.grad, w.grad))

    return call


def case(length: int, together: bool = False) -> Case:
    sides = {"scratchnet": scratchnet_chain, "torch": torch_chain, "mygrad": mygrad_chain}
    return Case(
        f"x·w·w·…, one product of {length:,}{', both passes' if together else ''}",
        sides,
        (length, together),
        # A rounding of 6e-8 for each product, in the order that both sides share: ten thousand of
        # them are a random walk of 6e-6.
        tolerance=2e-5,
        mean="forward with backward" if together else None,
        sweep=None if together else ("operations", length),
    )


LENGTH = 1000
CASES = [case(LENGTH, together=True), *map(case, (10, 100, LENGTH, 10_000))]
