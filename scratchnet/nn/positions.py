"""Where in the sequence a vector stands: attention by itself cannot tell one order from another.

`SinusoidalPositions` and `LearnedPositions` add a vector for each position to what goes into the first
layer; `RotaryPositions` turns the queries and keys of every layer, so that their products depend on
the distance alone.

Letters: T positions, D features, … any leading axes, such as the batch. offset: how many positions came
before, for a sequence that goes on (`KeyValueCache`).
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.nn import init
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.ops._array import no_array
from scratchnet.random import Rng

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]


class SinusoidalPositions(Module):
    """Add waves of growing length: each position has its own pattern, and nothing is learned.

        y_t = x_t + P_t,   P_{t, 2i} = sin(t / 10000^{2i/D}),   P_{t, 2i+1} = cos(t / 10000^{2i/D})
        dx = dy

    P_{t+k} is P_t turned by an angle that depends on k only, so a linear map can look k steps back.

    x: (…, T, D) → y like x. Any T: there is no longest sequence. The input embedding is usually scaled
    by √D before, so that P does not drown it.
    Source: Vaswani et al. 2017, section 3.5.

    >>> SinusoidalPositions(2).eval()(np.zeros((1, 3, 2))).round(3)
    array([[[ 0.   ,  1.   ],
            [ 0.841,  0.54 ],
            [ 0.909, -0.416]]])
    """

    def __init__(self, embed_dim: int) -> None:
        self.embed_dim = size("embed_dim", embed_dim)

    def forward(self, x: Any, offset: int = 0) -> Any:
        start, end = _span(self, x, self.embed_dim, offset)
        if x.dtype.kind != "f":
            raise TypeError(f"SinusoidalPositions takes floating x, got {x.dtype} {x.shape}")
        return x + self._waves(start, end).astype(x.dtype)  # (…, T, D) + (T, D)

    def _waves(self, start: int, end: int) -> np.ndarray[Any, Any]:
        """Return the rows P_start … P_{end−1}, in float64: the angles of far positions need the digits."""
        d = self.embed_dim
        angles = np.arange(start, end)[:, None] * 10000.0 ** (-np.arange(0, d, 2) / d)  # (T, ⌈D/2⌉)
        waves = np.empty((end - start, d))
        waves[:, 0::2] = np.sin(angles)
        waves[:, 1::2] = np.cos(angles[:, : d // 2])
        return waves

    def extra_repr(self) -> str:
        return f"{self.embed_dim}"


class LearnedPositions(Module):
    """Add a vector for each position, learned like a word's.

        y_t = x_t + W_t
        dx = dy,   dW_t = Σ_n dy[n, t]

    x: (…, T, D) → y like x. weight: (max_len, D), drawn from N(0, 0.02²); a sequence that goes beyond
    max_len raises. rng: what it is drawn from.
    Source: Gehring et al. 2017, section 3.1; Radford et al. 2018 for language models.
    """

    def __init__(self, max_len: int, embed_dim: int, *, rng: Rng = None) -> None:
        self.max_len, self.embed_dim = size("max_len", max_len), size("embed_dim", embed_dim)
        self.weight = Parameter(np.empty((self.max_len, self.embed_dim), np.float32))
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw the vectors anew from N(0, 0.02²)."""
        init.normal_(self.weight, std=0.02, rng=rng)

    def forward(self, x: Any, offset: int = 0) -> Any:
        require_dtype(self, x, self.weight.dtype)
        start, end = _span(self, x, self.embed_dim, offset)
        if end > self.max_len:
            raise ValueError(
                f"LearnedPositions has {self.max_len} positions, the sequence goes on to {end}: "
                f"x {x.shape}, offset {offset}"
            )
        return x + self.weight[start:end]  # (…, T, D) + (T, D)

    def extra_repr(self) -> str:
        return f"{self.max_len}, {self.embed_dim}"


class RotaryPositions(Module):
    """Turn each pair of features by an angle that grows with the position (`ops.rotary_embedding`).

    For a query at position t and a key at s, turned alike, q · k depends on t − s and not on where both
    stand. Nothing is learned, and the lengths stay as they are.

    x: (…, T, D), the queries or keys of a head, D even → y like x. base: the longest wave is about
    2π · base positions. interleaved: whether a pair is 2i and 2i + 1, or i and i + D/2.
    Source: Su et al. 2021 (RoFormer), section 3.2.
    """

    def __init__(self, head_dim: int, base: float = 10000.0, interleaved: bool = False) -> None:
        self.head_dim, self.base, self.interleaved = size("head_dim", head_dim), base, interleaved
        if self.head_dim % 2:
            raise ValueError(f"RotaryPositions turns pairs of features: head_dim={head_dim} is odd")
        if not base > 0:
            raise ValueError(f"RotaryPositions takes a positive base, got {base}")

    def forward(self, x: Any, offset: int = 0) -> Any:
        start, _ = _span(self, x, self.head_dim, offset)
        return functional.rotary_embedding(x, start, self.base, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.head_dim}, base={self.base}, interleaved={self.interleaved}"


def _span(layer: Module, x: Any, n_features: int, offset: int) -> tuple[int, int]:
    """Return the first position and the one after the last; raise unless x (…, T, D) and offset fit."""
    if not isinstance(getattr(x, "dtype", None), np.dtype):
        raise no_array(type(layer).__name__, x)
    if x.ndim < 2 or x.shape[-1] != n_features:
        raise ValueError(f"{type(layer).__name__} takes x (…, T, {n_features}), got {x.shape}")
    start = index(offset)
    if start < 0:
        raise ValueError(f"{type(layer).__name__}: offset is at least 0, got {offset}")
    return start, start + x.shape[-2]
