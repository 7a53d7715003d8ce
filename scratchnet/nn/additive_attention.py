"""Additive attention: a decoder asks which of the encoder's states it needs now.

Letters: N batch, L queries, S keys and values, A hidden units.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.autograd import Tensor, is_grad_enabled
from scratchnet.nn import init
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn._masks import reshaped_mask
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.random import Rng, resolve_rng

__all__ = ["AdditiveAttention"]


class AdditiveAttention(Module):
    """Attention with scores from a small network: v · tanh(W_q query + W_k key).

        e_ij = v · tanh(W_q q_i + W_k k_j) + mask_ij,   a_ij = exp(e_ij) / Σ_k exp(e_ik)
        context_i = Σ_j a_ij value_j

    Queries and keys need not have one width, unlike in `MultiheadAttention`, which is faster. The
    gradients stand at `ops.additive_attention`.

    weight_query: W_q, (A, query_dim) · weight_key: W_k, (A, key_dim) · weight_score: v, (A,); each drawn
    uniformly from ±1/√fan_in as a linear map's, from rng.
    Source: Bahdanau, Cho & Bengio 2015, section 3.1 and appendix A.1.2.
    """

    def __init__(self, query_dim: int, key_dim: int, hidden_dim: int, *, rng: Rng = None) -> None:
        self.query_dim, self.key_dim = size("query_dim", query_dim), size("key_dim", key_dim)
        a = self.hidden_dim = size("hidden_dim", hidden_dim)
        self.weight_query = Parameter(np.empty((a, self.query_dim), np.float32))
        self.weight_key = Parameter(np.empty((a, self.key_dim), np.float32))
        self.weight_score = Parameter(np.empty(a, np.float32))
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw the weights anew, uniformly from ±1/√fan_in, fan_in being the length of a row."""
        rng = resolve_rng(rng)
        for weight in (self.weight_query, self.weight_key, self.weight_score):
            bound = 1.0 / sqrt(weight.shape[-1])
            init.uniform_(weight, -bound, bound, rng)

    def project(self, key: Any) -> Any:
        """Return W_k key, (…, S, A), for a decoder that asks the same keys at every step.

        As from a call of the module, an array gives an array in eval mode and under `no_grad`.
        """
        records = isinstance(key, Tensor) or (self.training and is_grad_enabled())
        return functional.linear(key, self.weight_key if records else self.weight_key.data)

    def forward(
        self, query: Any, key: Any, value: Any = None, mask: Any = None, projected: Any = None
    ) -> tuple[Any, Any]:
        """Return the context (N, L, D_v) and the weights a (N, L, S).

        query: (N, L, query_dim) · key: (N, S, key_dim) · value: (N, S, D_v), the keys if None; or all
        without N. mask: (N, S), which keys only fill up the batch, or (N, L, S); True means *ignore*,
        as in `MultiheadAttention`, floats are added to the scores. projected: what `project(key)` gave.

        A query with every key ignored gets weights and context 0, with finite gradients.
        """
        require_dtype(self, query, self.weight_query.dtype)
        require_dtype(self, key, self.weight_query.dtype)
        value = key if value is None else value
        if (
            query.ndim not in (2, 3)
            or {key.ndim, value.ndim} != {query.ndim}
            or (query.shape[-1], key.shape[-1]) != (self.query_dim, self.key_dim)
            or key.shape[:-1] != value.shape[:-1]
            or query.shape[:-2] != key.shape[:-2]
        ):
            raise ValueError(
                f"AdditiveAttention takes query (N, L, {self.query_dim}), key (N, S, {self.key_dim}) and "
                f"value (N, S, D), or all without N, got query {query.shape}, key {key.shape}, value "
                f"{value.shape}"
            )
        if mask is not None:
            batch, (l, s) = query.shape[:-2], (query.shape[-2], key.shape[-2])
            shapes = {(*batch, s): (*batch, 1, s), (*batch, l, s): (*batch, l, s)}
            mask = reshaped_mask(type(self).__name__, "mask", mask, shapes)
            mask = ~mask.data if mask.dtype == bool else mask.to(query.dtype)
        key, weight_key = (key, self.weight_key) if projected is None else (projected, None)
        context, weights = functional.additive_attention(
            query, key, value, self.weight_query, weight_key, self.weight_score, mask
        )
        return context, weights

    def extra_repr(self) -> str:
        return f"{self.query_dim}, {self.key_dim}, {self.hidden_dim}"
