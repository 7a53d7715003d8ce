"""Activations and dropout as layers: `functional` with its settings kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.nn.module import Module

__all__ = [
    "ELU",
    "GELU",
    "Dropout",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, *inputs: Any) -> Any:
        return functional.relu(inputs[0])


class Tanh(Module):
    """tanh x"""

    def forward(self, *inputs: Any) -> Any:
        return functional.tanh(inputs[0])


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)"""

    def forward(self, *inputs: Any) -> Any:
        return functional.sigmoid(inputs[0])


class SiLU(Module):
    """x / (1 + e⁻ˣ)"""

    def forward(self, *inputs: Any) -> Any:
        return functional.silu(inputs[0])


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x"""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, *inputs: Any) -> Any:
        return functional.leaky_relu(inputs[0], self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where x > 0, else alpha · (eˣ − 1)"""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, *inputs: Any) -> Any:
        return functional.elu(inputs[0], self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """x · Φ(x); approximate="tanh" for the form with tanh."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, *inputs: Any) -> Any:
        return functional.gelu(inputs[0], self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """ln(1 + exp(beta · x)) / beta"""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, *inputs: Any) -> Any:
        return functional.softplus(inputs[0], self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """Probabilities from scores along `dim`. A loss takes the scores themselves."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, *inputs: Any) -> Any:
        return functional.softmax(inputs[0], self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Log-probabilities from scores along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, *inputs: Any) -> Any:
        return functional.log_softmax(inputs[0], self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Dropout(Module):
    """In training, set entries to 0 with probability p and scale the others by 1/(1 − p).

    rng: a seed or a generator; without it, the generator that `scratchnet.manual_seed` seeds.
    """

    def __init__(self, p: float = 0.5, rng: int | np.random.Generator | None = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is a probability, got {p}")
        self.p = p
        self.rng = None if rng is None else np.random.default_rng(rng)

    def forward(self, *inputs: Any) -> Any:
        return functional.dropout(inputs[0], self.p, self.training, self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"
