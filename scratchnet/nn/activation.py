"""Activations and dropout as layers: `functional` with its settings kept. x: any shape → y like x."""

from __future__ import annotations

from typing import Any

from scratchnet import functional
from scratchnet.nn.module import Module
from scratchnet.ops._array import require_probability
from scratchnet.random import Rng, resolve_rng

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

    def forward(self, x: Any) -> Any:
        return functional.relu(x)


class Tanh(Module):
    """tanh x"""

    def forward(self, x: Any) -> Any:
        return functional.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)"""

    def forward(self, x: Any) -> Any:
        return functional.sigmoid(x)


class SiLU(Module):
    """x / (1 + e⁻ˣ)"""

    def forward(self, x: Any) -> Any:
        return functional.silu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x"""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return functional.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where x > 0, else alpha · (eˣ − 1)"""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return functional.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """x · Φ(x); approximate="tanh" for the form with tanh."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return functional.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """ln(1 + exp(beta · x)) / beta"""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Any:
        return functional.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """Probabilities from scores along `dim`. A loss takes the scores themselves."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return functional.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Log-probabilities from scores along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return functional.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Dropout(Module):
    """In training, set entries to 0 with probability p and scale the others by 1/(1 − p).

    In eval mode x is returned as it is.

    rng: a seed, which starts one generator for the life of the layer, or a generator; without it, the
    generator that `scratchnet.manual_seed` seeds.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        require_probability("Dropout", p)
        self.p = p
        self.rng = None if rng is None else resolve_rng(rng)

    def forward(self, x: Any) -> Any:
        return functional.dropout(x, self.p, self.training, self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"
