"""Recurrent cells: one step of reading, called once for every entry of a sequence (`ops.rnn_cell`, …).

Where the whole sequence is there beforehand, RNN, LSTM and GRU (`recurrent.py`) give the same in less
time; a cell is for what is made step by step, such as text that is being generated.

All weights and biases start as torch's do: drawn uniformly from ±1/√H.

Letters: N batch (no axis for a single sample), D features of what is read, H features of the memory.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.autograd import Tensor
from scratchnet.nn import init
from scratchnet.nn._checks import flag, require_dtype, size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.random import Rng, resolve_rng

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """What the three have in common: weights and biases with a block of H rows for each gate."""

    n_gates: int
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool, rng: Rng) -> None:
        self.input_size = size("input_size", input_size)
        self.hidden_size = size("hidden_size", hidden_size)
        self.bias = flag(self, "bias", bias)
        rows = self.n_gates * self.hidden_size
        self.weight_ih = Parameter(np.empty((rows, self.input_size), np.float32))
        self.weight_hh = Parameter(np.empty((rows, self.hidden_size), np.float32))
        self.bias_ih = Parameter(np.empty(rows, np.float32)) if bias else None
        self.bias_hh = Parameter(np.empty(rows, np.float32)) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw all weights and biases anew, uniformly from ±1/√hidden_size."""
        rng = resolve_rng(rng)  # one stream for all
        bound = 1.0 / sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng)

    def _zeros(self, x: Any) -> Tensor:
        """Return the state before anything was read."""
        return Tensor(np.zeros((*x.shape[:-1], self.hidden_size), x.dtype))

    def _parameters(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        bias = "" if self.bias else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(_Cell):
    """One step of the simple recurrent network, h′ = tanh(W_ih x + b_ih + W_hh h + b_hh).

    x: (N, D) · hx: the memory h (N, H), 0 if None → h′: (N, H)
    weight_ih: (H, D) · weight_hh: (H, H) · bias_ih, bias_hh: (H,), or None for bias=False.
    nonlinearity: "tanh" or "relu". rng: what the weights are drawn from.
    """

    n_gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: Rng = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, rng)
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, hx: Any = None) -> Any:
        require_dtype(self, x, self.weight_ih.dtype)
        h = self._zeros(x) if hx is None else hx
        return functional.rnn_cell(x, h, *self._parameters(), self.nonlinearity)

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(_Cell):
    """One step of long short-term memory; the equations stand at `ops.lstm_cell`.

    x: (N, D) · hx: the pair (h, c) of states (N, H), 0 if None → the pair (h′, c′)
    weight_ih: (4H, D) · weight_hh: (4H, H) · bias_ih, bias_hh: (4H,), or None for bias=False; the
    blocks are those of the gates i, f, g, o. rng: what the weights are drawn from.
    """

    n_gates = 4

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Rng = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng)

    def forward(self, x: Any, hx: Any = None) -> Any:
        require_dtype(self, x, self.weight_ih.dtype)
        if hx is None:
            hx = (self._zeros(x),) * 2
        require_pair(self, hx)
        return functional.lstm_cell(x, *hx, *self._parameters())


class GRUCell(_Cell):
    """One step of the gated recurrent unit; the equations stand at `ops.gru_cell`.

    The reset gate is applied after the matrix product, as in torch; the paper of 2014 has it before.

    x: (N, D) · hx: the memory h (N, H), 0 if None → h′: (N, H)
    weight_ih: (3H, D) · weight_hh: (3H, H) · bias_ih, bias_hh: (3H,), or None for bias=False; the
    blocks are those of r, z, n. rng: what the weights are drawn from.
    """

    n_gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, rng: Rng = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng)

    def forward(self, x: Any, hx: Any = None) -> Any:
        require_dtype(self, x, self.weight_ih.dtype)
        h = self._zeros(x) if hx is None else hx
        return functional.gru_cell(x, h, *self._parameters())


def require_pair(layer: Module, hx: Any) -> None:
    """Raise unless hx is a pair, of the two states of an LSTM."""
    if not isinstance(hx, tuple | list) or len(hx) != 2:
        found = f"{len(hx)} of them" if isinstance(hx, tuple | list) else type(hx).__name__
        raise TypeError(f"{type(layer).__name__} takes hx as a pair (h, c) of states, got {found}")
