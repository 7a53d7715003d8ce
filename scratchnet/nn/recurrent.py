"""Recurrent layers: whole sequences, through one or more layers, in one or both directions.

Each layer and direction is one call of `functional.rnn`, `lstm` or `gru`, where the mathematics and its
gradients stand. Here the output of a layer becomes the input of the next. Read in both directions,
a step has the memory of what came before it and the memory of what comes after it, side by side.

Parameters have torch's names: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 (and weight_hr_l0 of
a projection) of layer 0, …_l1 of layer 1, and …_l0_reverse of the direction that reads backwards. They
start as torch's do: drawn uniformly from ±1/√H.

Letters: T time, N batch, D features of what is read, H features of the memory, P those of the output of
an LSTM with a projection (H without), L layers, B directions (1 or 2).
"""

from __future__ import annotations

import warnings
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.nn import init
from scratchnet.nn._checks import flag, require_dtype, size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.nn.recurrent_cell import require_pair
from scratchnet.ops._array import whole_number
from scratchnet.random import Rng, resolve_rng

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """Layers and directions around one operation, which `_read` of a subclass calls."""

    n_gates: int
    n_states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        rng: Rng,
    ) -> None:
        name = type(self).__name__
        self.input_size = size("input_size", input_size)
        self.hidden_size = size("hidden_size", hidden_size)
        self.num_layers = size("num_layers", num_layers)
        self.bias = flag(self, "bias", bias)
        self.batch_first = flag(self, "batch_first", batch_first)
        self.bidirectional = flag(self, "bidirectional", bidirectional)
        if isinstance(dropout, bool) or not isinstance(dropout, int | float | np.floating):
            raise TypeError(f"{name}: dropout is a probability, got {dropout!r}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout is a probability, got {dropout}")
        self.dropout = float(dropout)
        self.proj_size = whole_number("proj_size", proj_size)
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(
                f"{name}: proj_size is 0 for none, or below hidden_size={hidden_size}, "
                f"got {proj_size}"
            )
        if dropout and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} has no effect with one layer: it is between layers",
                stacklevel=3,
            )
        self.rng = None if rng is None else resolve_rng(rng)
        rows, features = self.n_gates * self.hidden_size, self.input_size
        for suffixes in self._suffixes():
            for suffix in suffixes:
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, features),
                    "weight_hh": (rows, self._output_size),
                }
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
                shapes |= {"weight_hr": (proj_size, self.hidden_size)} if proj_size else {}
                for key, shape in shapes.items():
                    setattr(self, key + suffix, Parameter(np.empty(shape, np.float32)))
            features = len(suffixes) * self._output_size
        self.reset_parameters(self.rng)

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _suffixes(self) -> list[list[str]]:
        """Return, for each layer, how the names of the parameters of its directions end."""
        directions = ["", "_reverse"][: 1 + self.bidirectional]
        return [[f"_l{k}{direction}" for direction in directions] for k in range(self.num_layers)]

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw all weights and biases anew, uniformly from ±1/√hidden_size."""
        rng = resolve_rng(rng)  # one stream for all
        bound = 1.0 / sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng)

    def forward(
        self,
        x: Any,
        hx: Any = None,
        *,
        lengths: npt.ArrayLike | None = None,
        truncate: int | None = None,
    ) -> Any:
        self._require_input(x, lengths)
        batched = x.ndim == 3
        if not batched:
            x = x.unsqueeze(1)  # (T, D) -> (T, 1, D)
        elif self.batch_first:
            x = x.transpose(0, 1)  # (N, T, D) -> (T, N, D)
        states = iter(self._initial_states(hx, x.shape[1], batched))
        finals = []
        for layer, suffixes in enumerate(self._suffixes()):
            if layer:
                x = functional.dropout(x, self.dropout, self.training, rng=self.rng)
            outputs = []
            for suffix in suffixes:
                y, *final = self._read(
                    x,
                    *next(states),
                    **self._parameters(suffix),
                    lengths=lengths,
                    reverse=suffix.endswith("_reverse"),
                    truncate=truncate,
                )
                outputs.append(y)  # (T, N, P)
                finals.append(final)
            x = functional.concatenate(outputs, dim=2) if len(outputs) > 1 else outputs[0]
        last = [functional.stack(of_kind) for of_kind in zip(*finals, strict=True)]  # (L·B, N, P)
        if not batched:
            x, last = x.squeeze(1), [state.squeeze(1) for state in last]
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, last[0] if self.n_states == 1 else tuple(last)

    def _read(self, x: Any, *states: Any, **options: Any) -> Any:
        """Return the output of one layer in one direction, then its final states."""
        raise NotImplementedError

    def _parameters(self, suffix: str) -> dict[str, Any]:
        """Return the parameters of one layer and direction, by the names of the operation."""
        keys = "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"
        found = {key: vars(self).get(key + suffix) for key in keys}
        return {key: parameter for key, parameter in found.items() if parameter is not None}

    def _require_input(self, x: Any, lengths: Any) -> None:
        name, features = type(self).__name__, self.input_size
        if hasattr(x, "batch_sizes") and hasattr(x, "data"):
            raise TypeError(
                f"{name} takes a padded array and lengths=, not a PackedSequence: "
                "pad_packed_sequence gives both"
            )
        require_dtype(self, x, next(self.parameters()).dtype)
        if x.ndim not in (2, 3) or x.shape[-1] != features:
            batch = "(N, T, D)" if self.batch_first else "(T, N, D)"
            raise ValueError(
                f"{name} takes x {batch}, or (T, D) for one sequence, with D = {features}, "
                f"got {x.shape}"
            )
        if x.ndim == 2 and lengths is not None:
            raise ValueError(f"{name}: lengths are for a batch, x is one sequence {x.shape}")

    def _initial_states(self, hx: Any, n: int, batched: bool) -> list[tuple[Any, ...]]:
        """Return the states before reading, (N, P), of each layer and direction; None for 0."""
        count = self.num_layers * (1 + self.bidirectional)
        if hx is None:
            return [(None,) * self.n_states] * count
        if self.n_states == 2:
            require_pair(self, hx)
        given = (hx,) if self.n_states == 1 else hx
        features = (self._output_size, self.hidden_size)[: self.n_states]
        for state, key, size_of_state in zip(given, "hc", features, strict=False):
            require_dtype(self, state, next(self.parameters()).dtype, key)
            shape = (count, n, size_of_state) if batched else (count, size_of_state)
            if state.shape != shape:
                raise ValueError(
                    f"{type(self).__name__} expects {key} of shape {shape}, got {state.shape}"
                )
        return [
            tuple([state[k] if batched else state[k].unsqueeze(0) for state in given])
            for k in range(count)
        ]

    def extra_repr(self) -> str:
        options = {
            "proj_size": (self.proj_size, 0),
            "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0.0),
            "bidirectional": (self.bidirectional, False),
        }
        shown = [f", {k}={value}" for k, (value, default) in options.items() if value != default]
        return f"{self.input_size}, {self.hidden_size}{''.join(shown)}"


class RNN(_Recurrent):
    """The simple recurrent network over whole sequences (`ops.rnn`).

    Called with (x, hx=None, *, lengths=None, truncate=None), it returns (output, h_n).

    x: (T, N, D), (N, T, D) with batch_first, or (T, D) for one sequence
    hx: the memory of each layer and direction before reading, (L·B, N, H), or (L·B, H) for one
    sequence, whatever batch_first is; 0 if None.
    → output: like x, with the B·H features of the last layer; h_n: the memory of each layer and
    direction after its last step, like hx.

    lengths: the number of steps of each sample, (N,), in any order, in place of torch's
    PackedSequence: what stands beyond is not read, the output is 0 there, and h_n is that at the
    sample's own end, where the backward direction begins. torch's flatten_parameters and all_weights
    are left out as well: no weights are laid out for a GPU, and parameters() gives all of them.
    truncate: gradients do not cross steps truncate, 2·truncate, … of either direction, counted as it
    reads; the memory does.

    nonlinearity: "tanh" or "relu". bias: whether there are biases. dropout: the probability with which
    each entry of the output of a layer, but for the last, is left out in training. bidirectional:
    whether a second memory reads backwards. rng: what weights and dropout are drawn from: a seed, which
    starts one generator for the life of the layer, a generator, or None for the shared one.
    """

    n_gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        options = bias, batch_first, dropout, bidirectional
        super().__init__(input_size, hidden_size, num_layers, *options, 0, rng)

    def _read(self, x: Any, *states: Any, **options: Any) -> Any:
        return functional.rnn(x, *states, nonlinearity=self.nonlinearity, **options)


class LSTM(_Recurrent):
    """Long short-term memory over whole sequences (`ops.lstm`).

    As `RNN`, but with two states: hx is a pair (h, c), and what is returned (output, (h_n, c_n)).
    proj_size: P; the output and h are projected to so many features (W_hr h), while c keeps H. Then
    hx is of the shapes (L·B, N, P) and (L·B, N, H).
    """

    n_gates = 4
    n_states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        rng: Rng = None,
    ) -> None:
        options = bias, batch_first, dropout, bidirectional, proj_size
        super().__init__(input_size, hidden_size, num_layers, *options, rng)

    def _read(self, x: Any, *states: Any, **options: Any) -> Any:
        return functional.lstm(x, *states, **options)


class GRU(_Recurrent):
    """The gated recurrent unit over whole sequences (`ops.gru`); arguments and returns as of `RNN`.

    The reset gate is applied after the matrix product, as in torch; the paper of 2014 has it before.
    """

    n_gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        options = bias, batch_first, dropout, bidirectional
        super().__init__(input_size, hidden_size, num_layers, *options, 0, rng)

    def _read(self, x: Any, *states: Any, **options: Any) -> Any:
        return functional.gru(x, *states, **options)
