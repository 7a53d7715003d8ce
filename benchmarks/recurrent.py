"""LSTM, GRU and RNN, float32: forward with the gradients of x and of all parameters.

T time steps, N batch, H features before and after. Below the rows: the geometric mean over all three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row

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


def lengths_of(T: int, N: int) -> Array:
    """Return N lengths from 1 to T, the longest first."""
    return np.sort(np.random.default_rng(1).integers(1, T + 1, N))[::-1].copy()


def scratchnet_both(name: str, T: int, N: int, H: int, ragged: bool = False) -> Call:
    from scratchnet import ops

    x, weights, dy = inputs(name, T, N, H)
    op = {"LSTM": ops.lstm, "GRU": ops.gru, "RNN": ops.rnn}[name]
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
    layer = getattr(torch.nn, name)(H, H)
    for parameter, weight in zip(layer.parameters(), arrays[1], strict=True):
        parameter.data = torch.from_numpy(weight)
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
    """Return the geometric mean of the ratios over all three layers."""
    ratios = [row.ratio for row in rows if row.mean is not None and row.ratio is not None]
    if not ratios:
        return {}
    return {"geometric mean, all three": round(prod(ratios) ** (1 / len(ratios)), 2)}


def cases() -> list[Case]:
    """Return all shapes for each layer, and one with unequal lengths."""
    sides = {"scratchnet": scratchnet_both, "torch": torch_both}
    return [
        Case(
            f"{name} {T}×{N}×{H}{' unequal lengths' if ragged else ''}",
            sides,
            (name, T, N, H, ragged),
            # Gradients of weights sum up to 25,600 products, over 400 steps each of which starts
            # from the rounded result of the last: about 1e-5 of the largest entry.
            tolerance=1e-4,
            mean=None if ragged else name,
        )
        for name in GATES
        for T, N, H, ragged in [*[(*shape, False) for shape in SHAPES], (*RAGGED, True)]
    ]


CASES = cases()
