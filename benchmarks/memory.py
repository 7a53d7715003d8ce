"""Memory in training: what one step of a convolutional network holds, and its peak beside torch's.

The network is LeNet-like, float32: two 5×5 convolutions with pools, two affine maps.
Below the rows, at a batch of 64: the bytes that are alive after the forward pass (counted by
tracemalloc), the bytes of the arrays that the recorded pullbacks capture, and what the columns of the
convolutions would take if they were kept. The first two agree: nothing is held beyond what the backward
pass needs.
"""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row

BATCH = 64
# (channels, size) before each convolution, and its output's size: 5×5 kernels without padding
CONVOLUTIONS = ((1, 28, 24), (16, 12, 8))


def inputs(batch: int = BATCH) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, 1, 28, 28), np.float32), rng.integers(0, 10, batch)


def network(nn: Any) -> Any:
    """Return the network in the words that both libraries share."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def constant_weights(model: Any) -> None:
    """Give both libraries the same weights, by the order of the parameters."""
    rng = np.random.default_rng(1)
    for p in model.parameters():
        values = rng.standard_normal(tuple(p.shape)).astype(np.float32) * 0.05
        p.data[...] = values if isinstance(p.data, np.ndarray) else p.data.new_tensor(values)


def scratchnet_step(batch: int) -> Callable[[], Any]:
    from scratchnet import functional, nn

    x, labels = inputs(batch)
    model = network(nn)
    constant_weights(model)

    def call() -> Any:
        model.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        return (loss.detach().numpy(), *[p.grad for p in model.parameters()])

    return call


def torch_step(batch: int) -> Callable[[], Any]:
    import torch

    x, labels = map(torch.from_numpy, inputs(batch))
    model = network(torch.nn)
    constant_weights(model)

    def call() -> Any:
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        return (loss, *[p.grad for p in model.parameters()])

    return call


def captured_bytes(root: Any, without: Sequence[Any]) -> int:
    """Return the bytes of all arrays that a recorded Tensor keeps alive, each buffer counted once."""
    known = {id(a) for a in without}
    found, waiting = 0, [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in known or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        known.add(id(thing))
        if isinstance(thing, np.ndarray):
            if thing.base is None:
                found += thing.nbytes
            else:
                waiting.append(thing.base)
        elif callable(thing) and hasattr(thing, "__closure__"):
            for cell in thing.__closure__ or ():
                with contextlib.suppress(ValueError):  # a name that is not bound
                    waiting.append(cell.cell_contents)
            waiting += [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
        else:
            waiting += gc.get_referents(thing)
    return found


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the bytes held after a forward pass, beside what is captured and what columns would take."""
    from scratchnet import functional, nn

    x, labels = inputs()
    model = network(nn)
    functional.cross_entropy(model(x), labels)  # whatever is made once is made here
    gc.collect()
    tracemalloc.start()
    loss = functional.cross_entropy(model(x), labels)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    own = [x, labels, *[p.data for p in model.parameters()]]
    columns = sum(4 * BATCH * c * 25 * out * out for c, _, out in CONVOLUTIONS)
    return {
        "MB alive after the forward pass": round(held / 1e6, 2),
        "MB in arrays that pullbacks capture": round(captured_bytes(loss, own) / 1e6, 2),
        "MB that kept columns would add": round(columns / 1e6, 2),
    }


def case(batch: int) -> Case:
    return Case(
        f"one step, batch {batch}",
        {"scratchnet": scratchnet_step, "torch": torch_step},
        (batch,),
        tolerance=1e-4,  # gradients of a network in float32, summed in another order
        mean="time of a training step" if batch == BATCH else None,
        sweep=("batch", batch),
    )


CASES = [case(batch) for batch in (16, BATCH, 256, 1024)]
