"""One layer of a transformer: attention, then a network of two layers at each position by itself.

Around each of these blocks f there is a way past it, a residual connection, and a norm:

    norm_first=False   y = norm(x + f(x))   (Vaswani et al. 2017)
    norm_first=True    y = x + f(norm(x))   (Xiong et al. 2020)

Backwards, with u the sum that is normalised or the norm's result:

    norm_first=False   du = (∂norm/∂u)ᵀ dy,   dx = du + (∂f/∂x)ᵀ du
    norm_first=True    dx = dy + (∂norm/∂x)ᵀ (∂f/∂u)ᵀ dy

With norm_first the gradient comes through any number of layers unchanged in its first term, so that deep
stacks learn from the start; without, each layer's norm rescales it, and the rate has to warm up.

Letters: N batch, T positions, S positions of the memory, E d_model, F dim_feedforward. A sequence is
(T, N, E), (N, T, E) if batch_first, or (T, E) without a batch. In masks True means ignore, and floats are
added to the scores, as in `MultiheadAttention`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet import functional
from scratchnet.nn.attention import MultiheadAttention
from scratchnet.nn.dropout import Dropout
from scratchnet.nn.layers import Linear
from scratchnet.nn.module import Module
from scratchnet.nn.normalization import LayerNorm
from scratchnet.random import Rng, resolve_rng

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = str | Callable[[Any], Any]


_ACTIVATIONS = {"relu": functional.relu, "gelu": functional.gelu}


def _as_function(activation: Activation) -> Callable[[Any], Any]:
    function = _ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
    if not callable(function):
        raise ValueError(f"activation is 'relu', 'gelu' or a function, got {activation!r}")
    return function


class _TransformerLayer(Module):
    """What both layers have: the residual connection and the feed-forward block."""

    linear1: Linear
    linear2: Linear
    dropout: Dropout
    activation: Callable[[Any], Any]
    norm_first: bool

    def _past(self, x: Any, norm: Module, block: Callable[[Any], Any]) -> Any:
        """Return x + block(norm(x)), or norm(x + block(x)) if not norm_first."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def _feed_forward(self, x: Any) -> Any:
        """Return W₂ a(W₁ x + b₁) + b₂, at each position by itself. (…, E) -> (…, F) -> (…, E)"""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and feed-forward block, each with a residual connection and a norm.

        x = x + dropout1(self_attn(norm1(x)))
        y = x + dropout2(W₂ dropout(activation(W₁ norm2(x) + b₁)) + b₂)

    with norm_first; else the norms stand behind the sums. The gradient stands at the head of the file.

    d_model: E · nhead: heads · dim_feedforward: F, the width between W₁ and W₂ · dropout: also of the
    attention weights · activation: "relu", "gelu" or a function · layer_norm_eps: eps of the norms ·
    bias: whether the linear maps and norms add one · rng: what parameters and dropout are drawn from.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, rng=rng
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, rng=rng)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.activation = _as_function(activation)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """Return y, shaped like src.

        src_mask: (T, T) or (N·nhead, T, T) · src_key_padding_mask: (N, T) · is_causal: each position
        sees itself and those before; src_mask is obeyed too and may be left out.
        """

        def attend(x: Any) -> Any:
            y, _ = self.self_attn(
                x,
                x,
                x,
                attn_mask=src_mask,
                key_padding_mask=src_key_padding_mask,
                need_weights=False,
                is_causal=is_causal,
            )
            return self.dropout1(y)

        x = self._past(src, self.norm1, attend)
        return self._past(x, self.norm2, lambda x: self.dropout2(self._feed_forward(x)))


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to the encoder's memory, and a feed-forward block.

        x = x + dropout1(self_attn(norm1(x)))
        x = x + dropout2(multihead_attn(norm2(x), memory, memory))
        y = x + dropout3(W₂ dropout(activation(W₁ norm3(x) + b₁)) + b₂)

    with norm_first; else the norms stand behind the sums. The memory is not normalised here; its
    gradient is the sum over all layers that look at it. The arguments are those of
    `TransformerEncoderLayer`.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, rng=rng
        )
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, rng=rng
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, rng=rng)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.dropout3 = Dropout(dropout, rng=rng)
        self.activation = _as_function(activation)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """Return y, shaped like tgt.

        tgt_mask: (T, T) · memory_mask: (T, S), either also with N·nhead in front ·
        tgt_key_padding_mask: (N, T) · memory_key_padding_mask: (N, S) · tgt_is_causal: each position
        sees itself and those before; the mask is obeyed too and may be left out.
        """

        def attend(x: Any) -> Any:
            y, _ = self.self_attn(
                x,
                x,
                x,
                attn_mask=tgt_mask,
                key_padding_mask=tgt_key_padding_mask,
                need_weights=False,
                is_causal=tgt_is_causal,
            )
            return self.dropout1(y)

        def attend_to_memory(x: Any) -> Any:
            y, _ = self.multihead_attn(
                x,
                memory,
                memory,
                attn_mask=memory_mask,
                key_padding_mask=memory_key_padding_mask,
                need_weights=False,
                is_causal=memory_is_causal,
            )
            return self.dropout2(y)

        x = self._past(tgt, self.norm1, attend)
        x = self._past(x, self.norm2, attend_to_memory)
        return self._past(x, self.norm3, lambda x: self.dropout3(self._feed_forward(x)))
