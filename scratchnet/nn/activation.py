"""Activations as layers: `functional` with its settings kept. x: any shape → y like x.

With inplace=True, where a layer takes it, the Tensor that was passed is the result afterwards; what
it is a view of, stays as it is, unlike in torch (`scratchnet/_in_place.py`).
"""

from __future__ import annotations

from typing import Any

from scratchnet import functional
from scratchnet.nn._in_place import InPlace
from scratchnet.nn.module import Module

__all__ = [
    "ELU",
    "GELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(InPlace):
    """max(x, 0)"""

    def function(self, x: Any) -> Any:
        return functional.relu(x)


class ReLU6(InPlace):
    """min(max(x, 0), 6)"""

    def function(self, x: Any) -> Any:
        return functional.relu6(x)


class Hardtanh(InPlace):
    """min(max(x, min_val), max_val)"""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if max_val <= min_val:
            raise ValueError(f"Hardtanh: max_val {max_val} must be greater than min_val {min_val}")
        super().__init__(inplace)
        self.min_val, self.max_val = min_val, max_val

    def function(self, x: Any) -> Any:
        return functional.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return _joined(f"min_val={self.min_val}, max_val={self.max_val}", super().extra_repr())


class Hardsigmoid(InPlace):
    """min(max(x + 3, 0), 6) / 6"""

    def function(self, x: Any) -> Any:
        return functional.hardsigmoid(x)


class Hardswish(InPlace):
    """x · min(max(x + 3, 0), 6) / 6"""

    def function(self, x: Any) -> Any:
        return functional.hardswish(x)


class Tanh(Module):
    """tanh x"""

    def forward(self, x: Any) -> Any:
        return functional.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)"""

    def forward(self, x: Any) -> Any:
        return functional.sigmoid(x)


class SiLU(InPlace):
    """x / (1 + e⁻ˣ)"""

    def function(self, x: Any) -> Any:
        return functional.silu(x)


class LeakyReLU(InPlace):
    """x where x > 0, else negative_slope · x"""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def function(self, x: Any) -> Any:
        return functional.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return _joined(f"negative_slope={self.negative_slope}", super().extra_repr())


class ELU(InPlace):
    """x where x > 0, else alpha · (eˣ − 1)"""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def function(self, x: Any) -> Any:
        return functional.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return _joined(f"alpha={self.alpha}", super().extra_repr())


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


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))
