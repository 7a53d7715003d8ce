"""Stacks of transformer layers, and both together: from one sequence to another.

Letters: N batch, T positions of the target, S positions of the source and the memory, E d_model. A
sequence is (T, N, E), (N, T, E) if batch_first, or (T, E) without a batch. In masks True means ignore,
and floats are added to the scores, as in `MultiheadAttention`.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.nn import init
from scratchnet.nn._masks import is_causal_mask, later_keys
from scratchnet.nn.containers import ModuleList
from scratchnet.nn.module import Module
from scratchnet.nn.normalization import LayerNorm
from scratchnet.nn.transformer_layer import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from scratchnet.ops._array import no_array, whole_number
from scratchnet.random import Rng, resolve_rng

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class TransformerEncoder(Module):
    """num_layers copies of a layer, one after the other, and a norm at the end if one is given.

        memory = norm(layer_n(… layer_1(src)))

    The copies start with the weights of encoder_layer, which is not itself among them; there may be 0
    (where torch makes the stack, but cannot call it). A generator
    that its dropouts draw from is shared by all, so that no two layers draw the same mask.

    norm: a module, usually `LayerNorm` after layers with norm_first · enable_nested_tensor: there are
    no nested tensors here, so padding is computed, while torch in eval mode may return 0 there.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = False,
    ) -> None:
        if enable_nested_tensor:
            raise ValueError("there are no nested tensors: enable_nested_tensor is False")
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = None,
    ) -> Any:
        """Return the memory, shaped like src.

        mask: (S, S) or (N·nhead, S, S) · src_key_padding_mask: (N, S) · is_causal: each position sees
        itself and those before; None asks whether the mask says exactly that, which is faster.
        """
        mask, is_causal = _by_flag(mask, is_causal, self.layers)
        for layer in self.layers:
            src = layer(
                src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal
            )
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a layer that all look at one memory, and a norm at the end if one is given.

        y = norm(layer_n(… layer_1(tgt, memory), memory))
        dmemory = Σ over the layers

    The copies are made as in `TransformerEncoder`.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Return y, shaped like tgt; the arguments are those of `TransformerDecoderLayer`.

        tgt_is_causal: None asks whether tgt_mask is exactly the causal mask, which is faster.
        """
        tgt_mask, tgt_is_causal = _by_flag(tgt_mask, tgt_is_causal, self.layers)
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder: y = decoder(tgt, encoder(src)).

    It begins behind the embeddings and positions and ends before the map to a vocabulary. Every matrix
    starts by Xavier's rule, each layer's by itself. custom_encoder, custom_decoder: modules in the
    place of the stacks; the other arguments are those of `TransformerEncoderLayer`.
    Source: Vaswani et al. 2017.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        rng = None if rng is None else resolve_rng(rng)
        options: tuple[Any, ...] = (
            *(d_model, nhead, dim_feedforward, dropout, activation),
            *(layer_norm_eps, batch_first, norm_first, bias),
        )
        if custom_encoder is None:
            custom_encoder = TransformerEncoder(
                TransformerEncoderLayer(*options, rng=rng),
                num_encoder_layers,
                LayerNorm(d_model, layer_norm_eps, bias=bias),
            )
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(
                TransformerDecoderLayer(*options, rng=rng),
                num_decoder_layers,
                LayerNorm(d_model, layer_norm_eps, bias=bias),
            )
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw every matrix anew by Xavier's rule; biases and norms stay as they are."""
        rng = resolve_rng(rng)
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p, rng=rng)

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Return y, shaped like tgt; the masks are those of the encoder and the decoder.

        The padding of src is not known to the decoder: memory_key_padding_mask is usually the same
        mask as src_key_padding_mask, and has to be given too.
        """
        for name, x in (("src", src), ("tgt", tgt)):
            if not isinstance(getattr(x, "dtype", None), np.dtype):
                raise no_array("Transformer", x, name)
        batch_axis = 0 if self.batch_first else 1
        if (
            src.ndim != tgt.ndim
            or src.ndim not in (2, 3)
            or {src.shape[-1], tgt.shape[-1]} != {self.d_model}
            or (src.ndim == 3 and src.shape[batch_axis] != tgt.shape[batch_axis])
        ):
            raise ValueError(
                f"Transformer(d_model={self.d_model}, batch_first={self.batch_first}) takes src and "
                f"tgt of one batch, d_model features each, got src {src.shape}, tgt {tgt.shape}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, dtype: npt.DTypeLike = np.float32
    ) -> npt.NDArray[Any]:
        """Return the causal mask (sz, sz): −∞ where the key comes after the query, else 0.

        >>> Transformer.generate_square_subsequent_mask(3)
        array([[  0., -inf, -inf],
               [  0.,   0., -inf],
               [  0.,   0.,   0.]], dtype=float32)
        """
        return np.where(later_keys(sz, sz), -np.inf, 0.0).astype(dtype)


def _by_flag(mask: Any, is_causal: bool | None, layers: ModuleList) -> tuple[Any, bool]:
    """Return the mask and the flag for all layers: the flag alone where the mask says the same.

    Then no layer has to compare the mask again. A layer of the user's own gets the mask too, since it
    may not know the flag.
    """
    if is_causal is False or not is_causal_mask(mask):
        return mask, bool(is_causal)
    ours = all(isinstance(x, TransformerEncoderLayer | TransformerDecoderLayer) for x in layers)
    return None if ours else mask, True


def _copies(layer: Module, num_layers: int) -> ModuleList:
    """Return num_layers deep copies that share the layer's generators of random numbers."""
    if whole_number("num_layers", num_layers) < 0:
        raise ValueError(f"a stack has 0 layers or more, got {num_layers}")
    rngs = [getattr(module, "rng", None) for module in layer.modules()]
    shared = {id(rng): rng for rng in rngs if rng is not None}
    return ModuleList(copy.deepcopy(layer, dict(shared)) for _ in range(num_layers))
