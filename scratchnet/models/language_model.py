"""A recurrent language model: it reads a text from left to right and tells at each token what may follow.

Letters: N batch, T time, D features of an embedded token, H features of the memory, L layers, K tokens
in the vocabulary; W_E the table of the embedding, (K, D).

Sources: Mikolov et al. 2010, "Recurrent neural network based language model"; Inan, Khosravi & Socher
2017 and Press & Wolf 2017 (one table for input and output).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import nn
from scratchnet.autograd import Tensor
from scratchnet.random import Rng, resolve_rng

__all__ = ["RecurrentLanguageModel", "detach_state"]

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentLanguageModel(nn.Module):
    """Embedding, recurrent layers, and a linear map to the logits of the next token.

        x_t = W_E[token_t]
        h_t = cell(x_t, h_{t−1})                               (and c_t of an LSTM, layer upon layer)
        P(token_{t+1} = k | token_1 … token_t) = softmax(W h_t + b)_k

    The memory h_t is all that the model knows of the text before, and its size does not grow with it:
    `state` hands it on from one piece of the text to the next.

    embedding_dim: D · hidden_size: H · num_layers: L · cell: "lstm", "gru" or "rnn" · dropout: the
    probability with which entries are left out in training: of x, between layers, and of the last h ·
    tie_weights: W is W_E, which needs D = H; its gradient is the sum of both uses · rng: what parameters
    and dropout are drawn from.

    tokens: integers (N, T) · state: what an earlier call returned, None for zeros
    → logits (N, T, K) and the state after the last token, h (L, N, H) or for an LSTM the pair (h, c).

    Trained by truncated backpropagation through time, piece by piece of parallel streams of the text
    (`scratchnet.data.BPTTIterator`):

        logits, state = model(tokens, state)
        cross_entropy(logits.reshape(-1, K), targets.reshape(-1)).backward()
        state = detach_state(state)

    `generate` continues a text. `GPT` looks at the text itself in place of a memory.
    """

    def __init__(
        self,
        num_tokens: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        tie_weights: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        if cell not in _CELLS:
            raise ValueError(f"cell is one of {', '.join(_CELLS)}, got {cell!r}")
        if tie_weights and embedding_dim != hidden_size:
            raise ValueError(
                "tie_weights needs one size for tokens and memory, got "
                f"embedding_dim={embedding_dim} and hidden_size={hidden_size}"
            )
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        self.embedding = nn.Embedding(num_tokens, embedding_dim, rng=rng)
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.recurrent = _CELLS[cell](
            embedding_dim,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            rng=rng,
        )
        self.decoder = nn.Linear(hidden_size, num_tokens, rng=rng)
        if tie_weights:
            # As small as the weights of a linear map: with N(0, 1) the logits would start at ±√H.
            nn.init.normal_(self.embedding.weight, std=hidden_size**-0.5, rng=rng)
            self.decoder.weight = self.embedding.weight

    @property
    def num_tokens(self) -> int:
        """K, the size of the vocabulary."""
        return self.embedding.num_embeddings

    def forward(self, tokens: Any, state: Any = None) -> Any:
        if np.ndim(tokens) != 2:
            raise ValueError(f"RecurrentLanguageModel takes tokens (N, T), got {np.shape(tokens)}")
        x = self.dropout(self.embedding(tokens))  # (N, T, D)
        h, state = self.recurrent(x, state)  # (N, T, H)
        return self.decoder(self.dropout(h)), state


def detach_state(state: Any) -> Any:
    """Return the state of a recurrent network cut off from the steps that led to it.

    The memory goes on to the next piece of a text, the gradient stops between both: ∂h/∂h_before = 0
    where truth has a product of Jacobians. Without it, `backward` of the next piece would go through
    this one once more, and raises, since its pullbacks are freed.

    state: a Tensor, or the pair of an LSTM; arrays are returned as they are.
    """
    if isinstance(state, tuple):
        return tuple(detach_state(part) for part in state)
    return state.detach() if isinstance(state, Tensor) else state
