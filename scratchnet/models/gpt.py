"""GPT: a language model of attention alone, in which each token looks at all that stand before it.

Letters: N batch, T positions, S positions in all (those in the cache, then these), E embed_dim, H heads,
L blocks, K tokens in the vocabulary; W_E the table of the embedding, (K, E), and p_t the vector of
position t; J_A and J_M the Jacobians of the two branches of a block (the products with their transposes
are their backward passes).

Sources: Radford et al. 2018 and 2019 (GPT and GPT-2: pre-norm, GELU by tanh, initial weights); Vaswani
et al. 2017 (attention); He et al. 2016, "Identity mappings in deep residual networks" (the gradient).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional, nn
from scratchnet.nn._checks import size
from scratchnet.random import Rng, resolve_rng

__all__ = ["GPT", "GPTBlock"]

_STD = 0.02  # of the initial weights of GPT-2


class GPTBlock(nn.Module):
    """Attention, then a network for each position by itself, both added to what comes in.

        u  = x + A(x),   A(x) = attention(norm1(x))               positions exchange what they know
        y  = u + M(u),   M(u) = W₂ GELU(W₁ norm2(u) + b₁) + b₂    each works on it alone, with 4E units
        du = dy + J_Mᵀ dy
        dx = du + J_Aᵀ du = (1 + J_A)ᵀ (1 + J_M)ᵀ dy

    In the product over L blocks, one term is the bare 1: the gradient of the last output reaches every
    block, and the embedding, whole, however small the Jacobians are. Pre-norm keeps it so: no norm
    stands on the way of x itself.

    x: (N, T, E) → y like x. dropout: of the attention weights, and of A and M before they are added.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        rotary: bool = False,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.norm1 = nn.LayerNorm(embed_dim, bias=bias)
        self.attention = nn.CausalSelfAttention(
            embed_dim, num_heads, dropout=dropout, bias=bias, rotary=rotary, rng=rng
        )
        self.norm2 = nn.LayerNorm(embed_dim, bias=bias)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, 4 * embed_dim, bias, rng=rng),
            nn.GELU("tanh"),
            nn.Linear(4 * embed_dim, embed_dim, bias, rng=rng),
        )
        self.dropout = nn.Dropout(dropout, rng=rng)

    def forward(self, x: Any, cache: nn.KeyValueCache | None = None) -> Any:
        x = x + self.dropout(self.attention(self.norm1(x), cache))
        return x + self.dropout(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Embedding, positions, L blocks, a norm, and the embedding once more, which gives the logits.

        x⁰_t = W_E[token_t] + p_t                (p is learned; with rotary the attention turns instead)
        xˡ = block_l(xˡ⁻¹)
        P(token_{t+1} = k | token_1 … token_t) = softmax(W_E norm(xᴸ_t))_k

    W_E, the table of the input, also compares what comes out with each token (tied, as in GPT-2); its
    gradient is the sum of both uses.

    context_length: the longest sequence, of cached and new tokens together; a longer one raises, also
    with rotary, since it was not trained for · embed_dim: E · num_heads: H · num_layers: L · dropout: the
    probability with which entries are left out in training: of x⁰, of attention weights, and of what
    the branches add · rotary: positions by turning queries and keys · bias: whether linear maps and
    norms have one · rng: what parameters and dropout are drawn from.

    Weights start from N(0, 0.02²) and biases at 0. The 2L maps whose output is added to x start smaller
    by 1/√(2L), so that the sum of all keeps its variance whatever the depth is (Radford et al. 2019,
    section 2.3).

    tokens: integers (N, T) · caches: one `nn.KeyValueCache` for each block, with the S − T tokens before;
    those of `tokens` are appended, in inference only → logits (N, T, K). `generate` continues a text.
    """

    def __init__(
        self,
        num_tokens: int,
        context_length: int,
        embed_dim: int,
        num_heads: int,
        num_layers: int,
        dropout: float = 0.0,
        rotary: bool = False,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.context_length = size("context_length", context_length)
        self.embedding = nn.Embedding(num_tokens, embed_dim, rng=rng)
        self.positions = None if rotary else nn.LearnedPositions(context_length, embed_dim, rng=rng)
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.blocks = nn.ModuleList(
            GPTBlock(embed_dim, num_heads, dropout, rotary, bias, rng=rng)
            for _ in range(size("num_layers", num_layers))
        )
        self.norm = nn.LayerNorm(embed_dim, bias=bias)
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw all weights anew as GPT-2 does; norms are left as they are."""
        rng = resolve_rng(rng)  # one stream for all
        blocks = [module for module in self.modules() if isinstance(module, GPTBlock)]
        added = {last for b in blocks for last in (b.attention.out_proj, b.mlp[-1])}  # 2L maps
        for module in self.modules():
            if isinstance(module, nn.Embedding | nn.Linear | nn.LearnedPositions):
                std = _STD / sqrt(len(added)) if module in added else _STD
                nn.init.normal_(module.weight, std=std, rng=rng)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def num_tokens(self) -> int:
        """K, the size of the vocabulary."""
        return self.embedding.num_embeddings

    def forward(self, tokens: Any, caches: Sequence[nn.KeyValueCache] | None = None) -> Any:
        if np.ndim(tokens) != 2:
            raise ValueError(f"GPT takes tokens (N, T), got {np.shape(tokens)}")
        n_blocks = len(self.blocks)
        if caches is not None and len(caches) != n_blocks:
            raise ValueError(f"GPT takes a cache for each of {n_blocks} blocks, got {len(caches)}")
        lengths = [len(cache) for cache in caches or ()]
        if len(set(lengths)) > 1 or len(set(map(id, caches or ()))) < len(lengths):
            raise ValueError(
                "GPT takes caches that are not one object, and have seen the same tokens: their "
                f"lengths are {lengths}"
            )
        before = lengths[0] if lengths else 0
        if (end := before + np.shape(tokens)[1]) > self.context_length:
            raise ValueError(
                f"GPT has a context of {self.context_length} tokens, the sequence goes on to {end}: "
                f"{before} cached and tokens {np.shape(tokens)}"
            )
        x = self.embedding(tokens)  # (N, T, E)
        if self.positions is not None:
            x = self.positions(x, before)
        x = self.dropout(x)
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i])
        return functional.linear(self.norm(x), self.embedding.weight)  # (N, T, E) @ (E, K)

    def extra_repr(self) -> str:
        return f"context_length={self.context_length}"
