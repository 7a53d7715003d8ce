"""A classifier of sequences that tells which steps it looked at.

A recurrent network reads the tokens, and its memories at all steps are pooled into one vector, from
which the class is predicted. Pooling by attention gives each step a weight; drawn over the letters
(`scratchnet.plotting.TokenWeightsDisplay`) they show what counted.

Letters: N batch, T time, H features of the memory of one direction, D of the memory of all directions
(H or 2H), A hidden units of the attention, K classes.

Source: Yang et al. 2016, "Hierarchical attention networks for document classification", section 2.2,
equations 5 to 7; the small network that scores a step is that of Bahdanau, Cho & Bengio 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional, nn
from scratchnet.autograd import Tensor
from scratchnet.random import Rng, resolve_rng

__all__ = ["SequenceClassifier"]

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_POOLINGS = ("attention", "mean", "last")


class SequenceClassifier(nn.Module):
    """Embedding, recurrent layers, pooling over the steps, and a linear map to the classes.

        h_1 … h_T      the memories while reading the embedded tokens, L = length of the sample
        "attention"    e_t = v · tanh(W h_t + b),   a_t = exp(e_t) / Σ_s≤L exp(e_s),   c = Σ_t≤L a_t h_t
        "mean"         a_t = 1/L,                                                      c = Σ_t≤L a_t h_t
        "last"         c = the memory of each direction after all it reads: h_L forwards, h_1 backwards
        logits         W_c c + b_c

    With "attention" and "mean" a gradient comes to every step directly; with "last" only through the
    memory. For "mean" it is dh_t = dc/L, for "attention"

        da_t = dc · h_t,   de_t = a_t (da_t − Σ_s≤L a_s da_s)
        dh_t = a_t dc + Wᵀ [(1 − tanh²(W h_t + b)) ⊙ v] de_t

    cell: "lstm", "gru" or "rnn" · dropout: the probability with which entries are left out in training:
    of the embedding, between recurrent layers, and of c · padding_idx: see `nn.Embedding` · rng: what
    parameters and dropout are drawn from. The attention has A = hidden_size.

    tokens: integers (N, T) · lengths: (N,), 1 to T, None for T each → logits (N, num_classes); with
    return_weights the pair (logits, a), a (N, T) with rows that sum to 1. What stands beyond a length is
    not read: a is 0 there, and the figures are those of the sample alone. "last" has no weights and
    raises.
    """

    def __init__(
        self,
        num_tokens: int,
        num_classes: int,
        embedding_dim: int = 32,
        hidden_size: int = 64,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        pooling: str = "attention",
        padding_idx: int | None = None,
        *,
        rng: Rng = None,
    ) -> None:
        if cell not in _CELLS:
            raise ValueError(f"cell is one of {', '.join(_CELLS)}, got {cell!r}")
        if pooling not in _POOLINGS:
            raise ValueError(f"pooling is one of {', '.join(_POOLINGS)}, got {pooling!r}")
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.pooling = pooling
        self.embedding = nn.Embedding(num_tokens, embedding_dim, padding_idx, rng=rng)
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.recurrent = _CELLS[cell](
            embedding_dim,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
            rng=rng,
        )
        features = hidden_size * (1 + bidirectional)
        if pooling == "attention":
            self.hidden = nn.Linear(features, hidden_size, rng=rng)  # W, b
            self.score = nn.Linear(hidden_size, 1, bias=False, rng=rng)  # v
        self.classifier = nn.Linear(features, num_classes, rng=rng)

    def forward(
        self, tokens: Any, lengths: npt.ArrayLike | None = None, return_weights: bool = False
    ) -> Any:
        if np.ndim(tokens) != 2:
            raise ValueError(f"SequenceClassifier takes tokens (N, T), got {np.shape(tokens)}")
        if return_weights and self.pooling == "last":
            raise ValueError('pooling="last" has no weights: "attention" and "mean" have')
        x = self.dropout(self.embedding(Tensor(tokens)))
        states, final = self.recurrent(x, lengths=lengths)  # (N, T, D); it checks the lengths
        if self.pooling == "last":
            return self.classifier(self.dropout(self._last(final)))
        weights = self._weights(states, lengths)
        # (N, 1, T) @ (N, T, D) -> (N, 1, D); beyond a length weights and states are 0
        context = (weights.unsqueeze(1) @ states).squeeze(1)
        logits = self.classifier(self.dropout(context))
        return (logits, weights) if return_weights else logits

    def _weights(self, states: Any, lengths: Any) -> Any:
        """Return the weights a of all steps, (N, T), 0 beyond each length."""
        n, t = states.shape[:2]
        ends = np.full(n, t) if lengths is None else np.asarray(lengths)
        inside = np.arange(t) < ends[:, None]  # (N, T)
        if self.pooling == "mean":
            return Tensor((inside / ends[:, None]).astype(states.dtype))
        scores = self.score(self.hidden(states).tanh()).squeeze(2)  # (N, T, A) -> (N, T)
        return functional.softmax(functional.where(inside, scores, -np.inf), dim=1)

    def _last(self, final: Any) -> Any:
        """Return the final memory of the last layer, both directions side by side: (N, D)."""
        # h is (layers · directions, N, H); an LSTM gives the pair (h, c)
        h = final[0] if isinstance(final, tuple) else final
        directions = 1 + self.recurrent.bidirectional
        return functional.concatenate([h[k] for k in range(-directions, 0)], dim=1)

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}"
