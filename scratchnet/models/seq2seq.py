"""A network that turns one sequence into another, and looks for each token at what it needs.

The encoder reads the source in both directions and leaves a memory of each step. The decoder writes the
target token by token; before each it asks by attention which of these memories it needs now, so that a
long source need not fit into one vector.

Training is with teacher forcing: the decoder reads the true tokens of the target, whatever it would have
written. When translating it reads its own.

Letters: N batch, S steps of the source, T of the target, E features of an embedding, H of a memory,
A hidden units of the attention, K tokens of the target, B places in the beam.

Source: Bahdanau, Cho & Bengio 2015, "Neural machine translation by jointly learning to align and
translate", section 3 and appendix A.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scratchnet import functional, nn
from scratchnet.autograd import Tensor, no_grad
from scratchnet.random import Rng, resolve_rng
from scratchnet.training.evaluation import eval_mode

__all__ = ["Seq2Seq"]

Array = npt.NDArray[Any]
Tokens = npt.NDArray[np.int64]

_CELLS: dict[str, tuple[Any, Any]] = {"gru": (nn.GRU, nn.GRUCell), "lstm": (nn.LSTM, nn.LSTMCell)}


class _Memory(NamedTuple):
    """What the decoder asks at every step."""

    states: Any  # h, (N, S, 2H)
    projected: Any  # W_k h, (N, S, A): the same at every step, so it is computed once
    ignored: npt.NDArray[np.bool_]  # (N, S), what only fills up the batch

    def of(self, rows: npt.NDArray[np.intp]) -> _Memory:
        """Return the memories of these samples."""
        return _Memory(self.states[rows], self.projected[rows], self.ignored[rows])


class Seq2Seq(nn.Module):
    """Encoder in both directions, decoder with additive attention, a linear map to the tokens.

        h_j = [→h_j; ←h_j]                        the encoder's memories of the source x_1 … x_S
        s_0 = tanh(W_s [→h_S; ←h_1] + b_s)
        a_ij = softmax_j v · tanh(W_q s_i−1 + W_k h_j),   c_i = Σ_j a_ij h_j
        s_i = cell([e(y_i−1); c_i], s_i−1)
        p(y_i | y_<i, x) = softmax(W_o [s_i; c_i] + b_o)

    For an LSTM the s_i here is its h; its cell state starts like s_0, with rows of W_s and b_s of its own.

    Backwards, s_i gets its gradient from three: W_o, the cell at i + 1 and the query at i + 1. h_j gets
    one from every token of the target, Σ_i a_ij ∂L/∂c_i and what comes through the scores, besides what
    comes through the encoder's own memory and, at its two ends, through s_0. From a token to the step
    that it looked at there is one link, however far apart they are; without attention all would have to
    go through s_0.

    In the paper s_0 is made of ←h_1 alone, and a hidden layer (maxout) that also sees e(y_i−1) stands in
    the place of W_o.

    cell: "gru" or "lstm" · dropout: the probability with which entries of both embeddings and of
    [s_i; c_i] are left out in training · rng: what parameters and dropout are drawn from. The attention
    has A = hidden_size.
    """

    def __init__(
        self,
        num_source_tokens: int,
        num_target_tokens: int,
        embedding_dim: int = 32,
        hidden_size: int = 64,
        cell: str = "gru",
        dropout: float = 0.0,
        *,
        rng: Rng = None,
    ) -> None:
        if cell not in _CELLS:
            raise ValueError(f"cell is one of {', '.join(_CELLS)}, got {cell!r}")
        rng = None if rng is None else resolve_rng(rng)  # one stream for all that is drawn
        layer, step = _CELLS[cell]
        h, memory = hidden_size, 2 * hidden_size
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.source_embedding = nn.Embedding(num_source_tokens, embedding_dim, rng=rng)
        self.encoder = layer(embedding_dim, h, batch_first=True, bidirectional=True, rng=rng)
        self.bridge = nn.Linear(memory, h * layer.n_states, rng=rng)  # W_s, b_s
        self.attention = nn.AdditiveAttention(h, memory, h, rng=rng)
        self.target_embedding = nn.Embedding(num_target_tokens, embedding_dim, rng=rng)
        self.decoder = step(embedding_dim + memory, h, rng=rng)
        self.output = nn.Linear(h + memory, num_target_tokens, rng=rng)  # W_o, b_o

    def forward(
        self, source: Any, source_lengths: Any, target: Any, return_weights: bool = False
    ) -> Any:
        """Return the scores of the token after each of the target, which is known (teacher forcing).

        source: integers (N, S) · source_lengths: (N,), 1 to S, None for S each · target: integers
        (N, T), y_0 … y_T−1: y_0 is the token that begins every target → logits (N, T, K), those at t
        being of y_t+1; with return_weights the pair (logits, a), a (N, T, S).

        What stands beyond a length of the source is not read. What fills up short targets stands behind
        all that counts, and is left out by the loss: cross_entropy(ignore_index=…).
        """
        shape = np.shape(target)
        if len(shape) != 2 or shape[1] == 0 or shape[:1] != np.shape(source)[:1]:
            raise ValueError(
                "Seq2Seq takes a target (N, T) for the source (N, S), T at least 1, got source "
                f"{np.shape(source)}, target {shape}"
            )
        memory, state = self._encode(source, source_lengths)
        tokens = self.dropout(self.target_embedding(Tensor(target)))  # (N, T, E)
        read, weights = [], []
        for t in range(tokens.shape[1]):
            state, context, a = self._step(tokens[:, t], state, memory)
            read.append(functional.concatenate([state[0], context], dim=1))  # (N, 3H)
            weights.append(a)
        logits = self.output(self.dropout(functional.stack(read, dim=1)))  # all steps at once
        return (logits, functional.stack(weights, dim=1)) if return_weights else logits

    def translate(
        self,
        source: npt.ArrayLike | Tensor,
        source_lengths: npt.ArrayLike | None,
        max_length: int,
        bos: int,
        eos: int,
        beam_size: int = 1,
    ) -> tuple[list[Tokens], list[Array]]:
        """Return for each source the most probable target that is found, and what was looked at.

            log p(y | x) = Σ_i log p(y_i | y_<i, x)

        beam_size=1 takes the most probable token at every step (greedy); a larger beam keeps the
        beam_size beginnings with the largest log p, of which those that have ended stay as they are. It
        is the sum and not the mean over the tokens. Of equally probable tokens the first is taken.

        source, source_lengths: as in `forward` · bos: y_0 · eos: the token that ends a target ·
        max_length: what has not ended after so many tokens, eos counted, ends there
        → tokens: N arrays (T_n,), T_n ≤ max_length, without bos and eos · weights: N arrays (T_n, S_n),
        S_n the length of the source: a row for each token, what it looked at.

        The model runs in eval mode, and each module is afterwards in the mode it was found in. Nothing
        is recorded.
        """
        self._check_search(max_length, bos, eos, beam_size)
        with no_grad(), eval_mode(self):
            memory, state = self._encode(source, source_lengths)
            n = len(memory.ignored)
            beam = _Beam(n, beam_size, bos, eos)
            # From here on a row is a place in the beam: B of them for each sample.
            samples = np.repeat(np.arange(n), beam_size)
            beams, state = memory.of(samples), tuple(s[samples] for s in state)
            for _ in range(max_length):
                last = self.target_embedding(Tensor(beam.last))
                state, context, a = self._step(last, state, beams)
                logits = self.output(functional.concatenate([state[0], context], dim=1))
                kept = beam.advance(functional.log_softmax(logits).data, a.data)
                if beam.has_ended:
                    break
                state = tuple(s[kept] for s in state)
        return beam.best((~memory.ignored).sum(axis=1))

    def _encode(self, source: Any, lengths: Any) -> tuple[_Memory, tuple[Any, ...]]:
        """Return what the encoder remembers of the source, and the state the decoder begins with."""
        if np.ndim(source) != 2:
            raise ValueError(f"Seq2Seq takes a source (N, S), got {np.shape(source)}")
        x = self.dropout(self.source_embedding(Tensor(source)))
        states, final = self.encoder(x, lengths=lengths)  # (N, S, 2H); it checks the lengths
        n, steps = x.shape[:2]
        ends = np.full(n, steps) if lengths is None else np.asarray(lengths)
        ignored = np.arange(steps) >= ends[:, None]  # (N, S)
        h = final[0] if isinstance(final, tuple) else final  # (2, N, H): forwards, backwards
        start = self.bridge(functional.concatenate([h[0], h[1]], dim=1)).tanh()
        memory = _Memory(states, self.attention.project(states), ignored)
        return memory, functional.split(start, self.decoder.hidden_size, dim=1)

    def _step(
        self, token: Any, state: tuple[Any, ...], memory: _Memory
    ) -> tuple[tuple[Any, ...], Any, Any]:
        """Return the state s_i (a tuple of one or two), the context c_i and the weights a_i.

        token: the embedding of y_i−1, (N, E) · state: s_i−1, (N, H)
        """
        context, weights = self.attention(
            state[0].unsqueeze(1),  # one query: (N, 1, H)
            memory.states,
            mask=Tensor(memory.ignored),
            projected=memory.projected,
        )
        context, weights = context.squeeze(1), weights.squeeze(1)  # (N, 2H), (N, S)
        x = functional.concatenate([token, context], dim=1)
        if isinstance(self.decoder, nn.LSTMCell):
            return self.decoder(x, state), context, weights
        return (self.decoder(x, state[0]),), context, weights

    def _check_search(self, max_length: Any, bos: Any, eos: Any, beam_size: Any) -> None:
        n_tokens = self.output.out_features
        for name, value, low, high in (
            ("max_length", max_length, 1, None),
            ("beam_size", beam_size, 1, None),
            ("bos", bos, 0, n_tokens - 1),
            ("eos", eos, 0, n_tokens - 1),
        ):
            is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not is_whole or value < low or (high is not None and value > high):
                upwards = "on" if high is None else f"to {high}"
                raise ValueError(f"{name} is a whole number from {low} {upwards}, got {value!r}")


class _Beam:
    """The B most probable beginnings of a target for each of N samples, all at once.

        score(y_1 … y_i) = score(y_1 … y_i−1) + log p(y_i | …)

    One that has ended goes on with eos for certain, which changes no score. At the start there is one
    beginning, the empty one; the other places have a score of −∞ until there are more.
    """

    def __init__(self, n: int, size: int, bos: int, eos: int) -> None:
        self.size, self.eos = size, eos
        self.row = np.arange(n)
        self.score = np.full((n, size), -np.inf)
        self.score[:, 0] = 0.0
        self.last = np.full(n * size, bos)
        self.ended = np.zeros((n, size), bool)
        self.steps: list[tuple[Any, ...]] = []  # tokens and parents (N, B), weights (N, B, S)

    @property
    def has_ended(self) -> bool:
        """Whether no step can change a result: the best of each sample has ended, and scores fall."""
        return bool(self.ended[self.row, self.score.argmax(axis=1)].all())

    def advance(self, log_probs: Array, weights: Array) -> npt.NDArray[np.intp]:
        """Take the next token of every beginning, and return which rows the new ones come from.

        log_probs: (N·B, K) · weights: (N·B, S), what was looked at for this token.
        """
        n, size, n_tokens = len(self.row), self.size, log_probs.shape[1]
        certain = np.where(np.arange(n_tokens) == self.eos, 0.0, -np.inf)
        step = np.where(self.ended[:, :, None], certain, log_probs.reshape(n, size, n_tokens))
        scores = (self.score[:, :, None] + step).reshape(n, size * n_tokens)
        best = np.empty((n, size), np.intp)
        for k in range(size):  # cheaper than sorting, where B is small and K large
            best[:, k] = scores.argmax(axis=1)
            self.score[:, k] = scores[self.row, best[:, k]]
            scores[self.row, best[:, k]] = -np.inf
        parents, tokens = np.divmod(best, n_tokens)
        of_parents = self.row[:, None], parents
        self.steps.append((tokens, parents, weights.reshape(n, size, weights.shape[1])[of_parents]))
        self.ended = self.ended[of_parents] | (tokens == self.eos)
        self.last = tokens.reshape(-1)
        return (self.row[:, None] * size + parents).reshape(-1)

    def best(self, n_steps: npt.NDArray[np.intp]) -> tuple[list[Tokens], list[Array]]:
        """Return the tokens of the best of each sample, up to eos, and their weights.

        n_steps: how many steps the source of each sample has, (N,).
        """
        place, path = self.score.argmax(axis=1), []
        for tokens, parents, looked in reversed(self.steps):
            path.append((tokens[self.row, place], looked[self.row, place]))
            place = parents[self.row, place]
        tokens, looked = (np.stack(part[::-1]) for part in zip(*path, strict=True))
        is_end = np.concatenate([tokens, np.full_like(tokens[:1], self.eos)]) == self.eos
        ends = is_end.argmax(axis=0)  # of (T + 1, N): T where no eos was written
        found = [tokens[:end, i] for i, end in enumerate(ends)]
        return found, [looked[:end, i, : n_steps[i]] for i, end in enumerate(ends)]
