"""Attention, float32: forward with the gradients of queries, keys and values, and the memory it takes.

N batch, T time (as many queries as keys), E features of a head. Below the rows: the peak of one head at
T = 8192 beside the plain form, which keeps the whole matrix of weights, T · T.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Case, Row

Array = npt.NDArray[np.float32]
Call = Callable[[], Any]

# N, heads, T, E
SHAPES = ((8, 8, 128, 64), (8, 4, 256, 64), (1, 8, 1024, 64), (1, 8, 2048, 64), (32, 4, 64, 32))
GROWING = [(1, 8, T, 64) for T in (256, 512, 1024, 2048)]
LONG = (1, 1, 8192, 64)


def inputs(*shape: int) -> tuple[Array, Array, Array, Array]:
    """Return queries, keys, values and dy, all of this shape."""
    rng = np.random.default_rng(0)
    q, k, v, dy = rng.standard_normal((4, *shape), np.float32)
    return q, k, v, dy


def scratchnet_both(*shape: int, is_causal: bool) -> Call:
    from scratchnet.ops import scaled_dot_product_attention

    q, k, v, dy = inputs(*shape)

    def call() -> Any:
        y, pullback = scaled_dot_product_attention(q, k, v, is_causal=is_causal)
        return y, *pullback(dy)

    return call


def torch_both(*shape: int, is_causal: bool) -> Call:
    import torch

    q, k, v, dy = map(torch.from_numpy, inputs(*shape))
    q.requires_grad = k.requires_grad = v.requires_grad = True

    def call() -> Any:
        q.grad = k.grad = v.grad = None  # or torch would add to the gradients of the last call
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=is_causal)
        y.backward(dy)
        return y, q.grad, k.grad, v.grad

    return call


def plain_both(q: Array, k: Array, v: Array, dy: Array) -> Any:
    """Return what attention returns, by way of the whole matrix of weights P (…, T, T)."""
    scale = q.shape[-1] ** -0.5
    P = (q * scale) @ k.swapaxes(-1, -2)
    P -= P.max(axis=-1, keepdims=True)
    np.exp(P, out=P)
    P /= P.sum(axis=-1, keepdims=True)
    y = P @ v
    dv = P.swapaxes(-1, -2) @ dy
    dS = dy @ v.swapaxes(-1, -2)
    dS -= (dy * y).sum(axis=-1, keepdims=True)
    dS *= P
    return y, dS @ k * scale, dS.swapaxes(-1, -2) @ q * scale, dv


def peak_bytes(call: Call) -> int:
    """Return the most that NumPy held at once during a call, its results included."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the peaks of both forms at T = 8192, and the first as a part of the second."""
    scratchnet_both(1, 1, 8, 8, is_causal=False)()  # what is set up once is set up here
    arrays = inputs(*LONG)
    blocks = peak_bytes(scratchnet_both(*LONG, is_causal=False))
    plain = peak_bytes(lambda: plain_both(*arrays))
    return {
        "MB beside the inputs at T = 8192, one head, in blocks": round(blocks / 1e6, 1),
        "MB in the plain form": round(plain / 1e6, 1),
        "in blocks / plain": round(blocks / plain, 3),
    }


def _case(shape: tuple[int, ...], is_causal: bool) -> Case:
    sides = {
        "scratchnet": lambda *shape: scratchnet_both(*shape, is_causal=is_causal),
        "torch": lambda *shape: torch_both(*shape, is_causal=is_causal),
    }
    n, heads, time, features = shape
    return Case(
        f"{'causal' if is_causal else 'all keys'}, {n}×{heads}×{time}×{features}",
        sides,
        shape,
        # Scores of size about 3 and sums over up to 2048 queries in float32, in another order than
        # torch's: that moves the gradients by about 1e-6 of their largest entry. Ten times that passes.
        tolerance=1e-5,
        mean=None if shape not in SHAPES else "causal" if is_causal else "all keys",
        sweep=("time", time) if shape in GROWING and not is_causal else None,
        # Six products: QKᵀ and PV forwards, the gradients of Q, K, V and P backwards. What computes
        # the scores anew instead of keeping them does a seventh. Causal: half of the scores are there.
        flops=(6.0 if is_causal else 12.0) * n * heads * time**2 * features,
    )


CASES = [
    *(_case(shape, is_causal) for is_causal in (False, True) for shape in SHAPES),
    *(_case(shape, False) for shape in GROWING if shape not in SHAPES),
]
