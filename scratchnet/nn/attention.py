"""Multi-head attention: several heads look at the same sequence, each in features of its own.

Letters: N batch, L queries, S keys and values, E embed_dim, H heads, D = E / H features of a head.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.autograd import Tensor
from scratchnet.nn import init
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn._masks import is_causal_mask, merged_mask
from scratchnet.nn.layers import Linear
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.ops._array import require_probability, shapes_of
from scratchnet.random import Rng, resolve_rng

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of num_heads heads at once, each in embed_dim / num_heads features.

        Q = query W_Qᵀ + b_Q,   K = key W_Kᵀ + b_K,   V = value W_Vᵀ + b_V
        A_h = softmax(Q_h K_hᵀ / √D + mask)        (head h has the features h·D to (h + 1)·D)
        y = [A_1 V_1, …, A_H V_H] W_Oᵀ + b_O

    Backwards, where query, key and value are one x, it gets the sum of three gradients:

        dx = dQ W_Q + dK W_K + dV W_V

    in_proj_weight: (3E, E), the rows of W_Q, W_K and W_V; with another kdim or vdim these are
    q_proj_weight (E, E), k_proj_weight (E, kdim), v_proj_weight (E, vdim) · in_proj_bias: (3E,) ·
    bias_k, bias_v: (1, 1, E), with add_bias_kv: one more key and value, learned · out_proj: W_O, b_O.
    add_zero_attn: one more key and value of zeros. dropout: the probability with which, in training, an
    entry of A_h is 0; the others are scaled by 1/(1 − dropout).
    batch_first: sequences are (N, L, E); else (L, N, E). rng: what the parameters are drawn from, and
    later the dropout: a seed, a generator, or None for the shared generator.
    Source: Vaswani et al. 2017, section 3.2.2.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        e = self.embed_dim = size("embed_dim", embed_dim)
        self.num_heads = size("num_heads", num_heads)
        if e % self.num_heads:
            raise ValueError(f"num_heads={num_heads} must divide embed_dim={embed_dim}")
        require_probability("MultiheadAttention", dropout)
        self.head_dim = e // self.num_heads
        self.kdim = e if kdim is None else size("kdim", kdim)
        self.vdim = e if vdim is None else size("vdim", vdim)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.rng = None if rng is None else resolve_rng(rng)

        one_width = self.kdim == self.vdim == e
        self.q_proj_weight = None if one_width else _empty(e, e)
        self.k_proj_weight = None if one_width else _empty(e, self.kdim)
        self.v_proj_weight = None if one_width else _empty(e, self.vdim)
        self.in_proj_weight = _empty(3 * e, e) if one_width else None
        self.in_proj_bias = _empty(3 * e) if bias else None
        self.out_proj = Linear(e, e, bias, rng=self.rng)
        self.bias_k = _empty(1, 1, e) if add_bias_kv else None
        self.bias_v = _empty(1, 1, e) if add_bias_kv else None
        self.reset_parameters(self.rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw the weights anew as torch does: Xavier's rule for Q, K and V, biases 0.

        The rule takes in_proj_weight for one matrix (3E, E): its bound is √(6/4E), not √(6/2E).
        """
        rng = resolve_rng(rng)
        self.out_proj.reset_parameters(rng)
        for weight in (
            self.in_proj_weight,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
        ):
            if weight is not None:
                init.xavier_uniform_(weight, rng=rng)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra, rng=rng)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Return y, shaped like query, and the weights A, or None if not need_weights.

        query: (L, N, E) · key: (S, N, kdim) · value: (S, N, vdim), with N first if batch_first; or all
        three without N. A: (N, L, S), averaged over the heads, or (N, H, L, S); S counts the extra keys.

        In masks True means *ignore* (in `scaled_dot_product_attention` it means attend); floats are
        added to the scores and get a gradient. key_padding_mask: (N, S) or (S,), the keys that only fill
        up a batch · attn_mask: (L, S), or (N·H, L, S) · is_causal: query i sees the keys 0 to i; attn_mask
        is obeyed too and may be left out (torch demands it, and may ignore what it says). No mask
        touches the extra keys (torch hides them under is_causal with need_weights=False).

        A query with every key ignored gets weights 0, and the output b_O, with finite gradients; torch
        does so with need_weights=False, but gives NaN with need_weights=True. Without need_weights the
        matrix A is not kept, which is faster and saves memory.
        """
        self._check(query, key, value)
        q, k, v = (self._heads(x) for x in self._projected(query, key, value))  # (N, H, L or S, D)
        sizes = (self.num_heads, q.shape[2], k.shape[2])
        k, v, n_extra = self._with_extra_keys(k, v)
        if is_causal and is_causal_mask(attn_mask):
            attn_mask = None  # it says the same once more
        causal_alone = is_causal and attn_mask is None and key_padding_mask is None
        mask, by_flag = None, causal_alone and not need_weights and not n_extra
        if not by_flag:
            batch = () if query.ndim == 2 else q.shape[:1]
            mask = merged_mask(
                type(self).__name__,
                attn_mask,
                key_padding_mask,
                is_causal,
                batch,
                sizes,
                q.dtype,
                n_extra,
            )

        p = self.dropout if self.training else 0.0
        if not need_weights:
            y = functional.scaled_dot_product_attention(q, k, v, mask, p, by_flag, rng=self.rng)
            return self.out_proj(self._joined(y, query)), None
        weights = functional.dropout(_weights(q, k, mask), p, rng=self.rng)  # (N, H, L, S)
        y = functional.matmul(weights, v)  # (N, H, L, S) @ (N, H, S, D) -> (N, H, L, D)
        if average_attn_weights:
            weights = weights.mean(1)
        if query.ndim == 2:
            weights = weights.reshape(weights.shape[1:])
        return self.out_proj(self._joined(y, query)), weights

    def _check(self, query: Any, key: Any, value: Any) -> None:
        """Raise unless the three have the layer's dtype and fit it and each other."""
        for x in (query, key, value):
            require_dtype(self, x, self.out_proj.weight.dtype)
        arrays = (query, key, value)
        widths = (self.embed_dim, self.kdim, self.vdim)
        batch_axis = 0 if self.batch_first else 1
        if (
            {x.ndim for x in arrays} in ({2}, {3})
            and all(x.shape[-1] == width for x, width in zip(arrays, widths, strict=True))
            and key.shape[:-1] == value.shape[:-1]
            and (query.ndim == 2 or query.shape[batch_axis] == key.shape[batch_axis])
        ):
            return
        form = "{}" if query.ndim == 2 else "N, {}" if self.batch_first else "{}, N"
        q, k, v = (
            f"({form.format(letter)}, {width})" for letter, width in zip("LSS", widths, strict=True)
        )
        raise ValueError(
            f"{type(self).__name__}(batch_first={self.batch_first}) takes query {q}, key {k}, "
            f"value {v}, got {shapes_of(query=query, key=key, value=value)}"
        )

    def _projected(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Return Q, K and V; of one x as one product with (3E, E), of one memory K and V as one."""
        e, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        if weight is None:
            biases = (None, None, None) if bias is None else functional.split(bias, e)
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            inputs = (query, key, value)
            q, k, v = map(functional.linear, inputs, weights, biases)
            return q, k, v
        if _is_one(query, key) and _is_one(key, value):
            q, k, v = functional.split(functional.linear(query, weight, bias), e, -1)
            return q, k, v
        sizes = [e, 2 * e] if _is_one(key, value) else [e, e, e]
        inputs = (query, key, value)[: len(sizes)]
        weights = functional.split(weight, sizes)
        biases = [None] * len(sizes) if bias is None else functional.split(bias, sizes)
        q, *kv = map(functional.linear, inputs, weights, biases)
        k, v = kv if len(kv) == 2 else functional.split(kv[0], e, -1)
        return q, k, v

    def _heads(self, x: Any) -> Any:
        """Return (N, H, L, D) for a sequence (L, N, E), (N, L, E) if batch_first, or (L, E)."""
        if x.ndim == 2:
            x = x.reshape(1, *x.shape)
            order = (0, 2, 1, 3)
        else:
            order = (0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3)
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).permute(order)

    def _joined(self, y: Any, query: Any) -> Any:
        """Return y (N, H, L, D) with the heads side by side, shaped like the query."""
        time_first = query.ndim == 3 and not self.batch_first
        return y.permute((2, 0, 1, 3) if time_first else (0, 2, 1, 3)).reshape(query.shape)

    def _with_extra_keys(self, k: Any, v: Any) -> tuple[Any, Any, int]:
        """Return K and V followed by bias_k, bias_v and by zeros, and how many were added to each."""
        n, h, _, d = k.shape
        extras = []
        if self.bias_k is not None and self.bias_v is not None:
            biases = self.bias_k, self.bias_v
            extras.append([b.reshape(1, h, 1, d).expand(n, h, 1, d) for b in biases])
        if self.add_zero_attn:
            extras.append([Tensor(np.zeros((n, h, 1, d), k.dtype))] * 2)
        if extras:
            extra_k, extra_v = zip(*extras, strict=True)
            k = functional.concatenate([k, *extra_k], 2)
            v = functional.concatenate([v, *extra_v], 2)
        return k, v, len(extras)


def _empty(*shape: int) -> Parameter:
    return Parameter(np.empty(shape, np.float32))


def _is_one(x: Any, y: Any) -> bool:
    """Whether two Tensors are one: the same, or two of one array (a module wraps each) without gradient."""
    return x is y or (x.data is y.data and not x.requires_grad and not y.requires_grad)


def _weights(q: Any, k: Any, mask: Any) -> Any:
    """Return A = softmax(Q Kᵀ / √D + mask), with rows of 0 where every key is ignored."""
    scores = functional.matmul(q * (1.0 / sqrt(q.shape[-1])), k.transpose(-1, -2))  # (N, H, L, S)
    if mask is None:
        return functional.softmax(scores)
    scores = functional.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    nothing_seen = np.isneginf(scores.data.max(axis=-1, keepdims=True, initial=-np.inf))
    if not nothing_seen.any():
        return functional.softmax(scores)
    # softmax of −∞ throughout is NaN: such a row takes any finite scores, and then 0 for its weights
    weights = functional.softmax(functional.where(nothing_seen, 0.0, scores))
    return functional.where(nothing_seen, 0.0, weights)
