"""LSTM, GRU and RNN, float32: forward alone, and forward with the gradients of x and of all parameters.

Each geometric mean is over all three layers; those of each layer stand below the rows. Forward alone is
how a layer runs under `no_grad`: nothing is kept for a backward pass.
T time steps, N batch, H features before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row, geometric_mean

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
SHAPES = [(T, N, H) for H in (128, 256) for N in (1, 32, 64) for T in (50, 100, 400)]
RAGGED = (100, 32, 128)  # with lengths from 1 to T


def inputs(name: str, T: int, N: int, H: int) -> tuple[Array, list[Array], Array]:
    """Return x (T, N, H), weights and biases as torch draws them, and dy (T, N, H)."""
    rng = np.random.default_rng(0)
    G, bound = GATES[name] * H, H**-0.5
    shapes = (G, H), (G, H), (G,), (G,)
    weights = [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes]
    x, dy = rng.standard_normal((2, T, N, H), np.float32)
    return x, weights, dy


def torch_layer(name: str, weights: Sequence[Array]) -> Any:
    """Return torch's layer with these weights."""
    import torch

    H = weights[1].shape[1]
    layer = getattr(torch.nn, name)(H, H)
    for parameter, weight in zip(layer.parameters(), weights, strict=True):
        parameter.data = torch.from_numpy(weight)
    return layer


def lengths_of(T: int, N: int) -> npt.NDArray[np.int64]:
    """Return N lengths from 1 to T, the longest first."""
    return np.sort(np.random.default_rng(1).integers(1, T + 1, N))[::-1].copy()


def scratchnet_forward(name: str, T: int, N: int, H: int) -> Call:
    from scratchnet import ops

    x, weights, _ = inputs(name, T, N, H)
    op: Any = {"LSTM": ops.lstm, "GRU": ops.gru, "RNN": ops.rnn}[name]
    states = [None, None] if name == "LSTM" else [None]
    needs = (False,) * (1 + len(weights))
    return lambda: op(x, *states, *weights, needs=needs)[0][0]


def torch_forward(name: str, T: int, N: int, H: int) -> Call:
    import torch

    arrays = inputs(name, T, N, H)
    x, layer = torch.from_numpy(arrays[0]), torch_layer(name, arrays[1])

    def call() -> Any:
        with torch.inference_mode():
            return layer(x)[0]

    return call


def scratchnet_both(name: str, T: int, N: int, H: int, ragged: bool = False) -> Call:
    from scratchnet import ops

    x, weights, dy = inputs(name, T, N, H)
    op: Any = {"LSTM": ops.lstm, "GRU": ops.gru, "RNN": ops.rnn}[name]
    states = [None, None] if name == "LSTM" else [None]
    lengths = lengths_of(T, N) if ragged else None

    def call() -> Any:
        (y, *finals), pullback = op(x, *states, *weights, lengths=lengths)
        dx, *dweights = pullback((dy, *[None] * len(finals)))
        return y, dx, *dweights

    return call


def torch_both(name: str, T: int, N: int, H: int, ragged: bool = False) -> Call:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    arrays = inputs(name, T, N, H)
    x, dy = torch.from_numpy(arrays[0]).requires_grad_(), torch.from_numpy(arrays[2])
    layer = torch_layer(name, arrays[1])
    lengths = torch.from_numpy(lengths_of(T, N))

    def call() -> Any:
        x.grad = None  # or torch would add to the gradients of the last call
        layer.zero_grad()
        if ragged:
            y, _ = pad_packed_sequence(layer(pack_padded_sequence(x, lengths))[0], total_length=T)
        else:
            y, _ = layer(x)
        y.backward(dy)
        return y, x.grad, *[p.grad for p in layer.parameters()]

    return call


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the geometric mean of each layer."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if row.mean is not None and row.ratio is not None:
            name = next(name for name in GATES if name in row.case)
            ratios.setdefault(f"geometric mean, {name}, {row.mean}", []).append(row.ratio)
    return {name: round(geometric_mean(r), 2) for name, r in ratios.items()}


# The sides, the mean, and the products of one step's size that a step takes: two forwards, and for
# each of these two backwards.
MODES: dict[str, tuple[dict[str, Callable[..., Call]], str, int]] = {
    "forward": ({"scratchnet": scratchnet_forward, "torch": torch_forward}, "forward", 2),
    "both": ({"scratchnet": scratchnet_both, "torch": torch_both}, "forward with backward", 6),
}


def case(mode: str, name: str, T: int, N: int, H: int) -> Case:
    sides, mean, products = MODES[mode]
    return Case(
        f"{mode} {name} {T}×{N}×{H}",
        sides,
        (name, T, N, H),
        # Gradients of weights sum up to 25,600 products, over 400 steps each of which starts
        # from the rounded result of the last: about 1e-5 of the largest entry.
        tolerance=1e-4,
        mean=mean,
        sweep=("time steps", T) if (mode, name, N, H) == ("both", "LSTM", 32, 128) else None,
        flops=products * 2.0 * T * N * GATES[name] * H * H,
    )


def ragged(name: str) -> Case:
    """Return the case of sequences of unequal lengths."""
    even = case("both", name, *RAGGED)
    args, label = (*even.args, True), f"{even.name} unequal lengths"
    return replace(even, name=label, args=args, mean=None, sweep=None, flops=None)


CASES = [
    *(case(mode, name, *shape) for mode in MODES for name in GATES for shape in SHAPES),
    *map(ragged, GATES),
]
