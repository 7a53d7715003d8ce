"""Self-attention of a language model: each position looks at itself and those before.

Letters: N batch, T positions, S positions so far and these, E embed_dim, H heads of the queries, G heads
of the keys and values (num_kv_heads), D = E / H features of a head.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn.key_value_cache import KeyValueCache
from scratchnet.nn.layers import Linear
from scratchnet.nn.module import Module
from scratchnet.nn.positions import RotaryPositions
from scratchnet.ops._array import require_probability
from scratchnet.random import Rng, resolve_rng

__all__ = ["CausalSelfAttention"]


class CausalSelfAttention(Module):
    """Causal attention of a sequence to itself, which can go on from a cache token by token.

        [Q, K, V] = x W_inᵀ + b_in                                       (one product)
        y_t = [Σ_{s ≤ t} a_{h,t,s} V_{g(h),s}]_h W_Oᵀ + b_O,   a_{h,t,·} = softmax_s(Q_{h,t}·K_{g(h),s}/√D)

    with the heads h side by side. Fewer heads of keys and values than of queries (num_kv_heads;
    g(h) = ⌊h·G/H⌋) make the cache smaller by H/G: grouped queries (Ainslie et al. 2023). rotary: the
    queries and keys are turned by their position (`RotaryPositions`), and no other positions are needed.

    in_proj.weight: (E + 2·G·D, E) · out_proj.weight: (E, E), with biases if bias · dropout: of the
    attention weights in training · rng: what the parameters are drawn from, and later the dropout.
    `MultiheadAttention` is torch's layer, with masks; this one has none, so padding belongs at the end.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        rotary: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        e, h = size("embed_dim", embed_dim), size("num_heads", num_heads)
        g = h if num_kv_heads is None else size("num_kv_heads", num_kv_heads)
        if e % h or h % g:
            raise ValueError(
                f"num_heads={h} must divide embed_dim={e}, and num_kv_heads={g} num_heads={h}"
            )
        require_probability("CausalSelfAttention", dropout)
        self.embed_dim, self.num_heads, self.num_kv_heads = e, h, g
        self.head_dim, self.dropout = e // h, dropout
        self.rng = None if rng is None else resolve_rng(rng)
        self.in_proj = Linear(e, e + 2 * g * self.head_dim, bias, rng=self.rng)
        self.out_proj = Linear(e, e, bias, rng=self.rng)
        self.positions = RotaryPositions(self.head_dim) if rotary else None

    def forward(self, x: Any, cache: KeyValueCache | None = None) -> Any:
        """Return y, shaped like x (N, T, E).

        cache: the keys and values of the positions before x; those of x are appended to it. Then
        position i of x is the position len(cache) + i of the sequence. In inference only: a recorded
        Tensor raises.
        """
        require_dtype(self, x, self.out_proj.weight.dtype)
        if x.ndim != 3 or x.shape[-1] != self.embed_dim:
            raise ValueError(f"CausalSelfAttention takes x (N, T, {self.embed_dim}), got {x.shape}")
        if not isinstance(cache, KeyValueCache | None):
            raise TypeError(f"the cache is a KeyValueCache or None, got {type(cache).__name__}")
        n, t, e = x.shape
        h, g, d = self.num_heads, self.num_kv_heads, self.head_dim
        q, k, v = functional.split(self.in_proj(x), [e, g * d, g * d], -1)
        q = q.reshape(n, t, h, d).permute(0, 2, 1, 3)  # (N, H, T, D)
        k = k.reshape(n, t, g, d).permute(0, 2, 1, 3)  # (N, G, T, D)
        v = v.reshape(n, t, g, d).permute(0, 2, 1, 3)
        before = 0 if cache is None else len(cache)
        if self.positions is not None:
            q, k = self.positions(q, before), self.positions(k, before)
        if cache is not None:
            k, v = cache.append(k, v)  # (N, G, S, D)
        # With a cache, query i is at position before + i and sees the keys 0 … before + i, where is_causal
        # would stop at i. A single new query sees all: no mask.
        mask = np.tri(t, before + t, before, dtype=bool) if before and t > 1 else None
        y = functional.scaled_dot_product_attention(
            q,
            k,
            v,
            mask,
            self.dropout if self.training else 0.0,
            before == 0,
            enable_gqa=g < h,
            rng=self.rng,
        )
        return self.out_proj(y.permute(0, 2, 1, 3).reshape(n, t, e))

    def extra_repr(self) -> str:
        return (
            f"{self.embed_dim}, {self.num_heads}, num_kv_heads={self.num_kv_heads}, "
            f"dropout={self.dropout}"
        )
