"""The affine map, what only reshapes, and how a layer's weights start.

Weights and biases start as torch's do: drawn uniformly from ±1/√fan_in, where fan_in is how many inputs
feed one output. (torch writes it as Kaiming's rule with slope √5, which comes to the same.)

Letters: N batch, C channels, H W image.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.nn import init
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.random import Rng, resolve_rng

__all__ = ["Flatten", "Identity", "Linear"]


class _Weighted(Module):
    """A layer with a weight (out, in, …), transposed (in, out, …), and a bias (out,) or None."""

    weight: Parameter
    bias: Parameter | None

    def _start(self, shape: tuple[int, ...], n_biases: int | None, rng: Rng) -> None:
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = None if n_biases is None else Parameter(np.empty(n_biases, np.float32))
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw the weight and the bias anew, uniformly from ±1/√fan_in."""
        rng = resolve_rng(rng)  # one stream for both: a seed must not give the same numbers twice
        bound = 1.0 / sqrt(init.fan_in_and_out(self.weight)[0])
        init.uniform_(self.weight, -bound, bound, rng)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, rng)


class Linear(_Weighted):
    """Affine map of the last axis: y = x Wᵀ + b (`ops.linear`).

    x: (…, in_features) → y: (…, out_features).
    weight: (out_features, in_features) · bias: (out_features,), or None for bias=False.
    rng: what they are drawn from: a seed, a generator, or None for the shared generator.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, rng: Rng = None
    ) -> None:
        self.in_features = size("in_features", in_features)
        self.out_features = size("out_features", out_features)
        shape = self.out_features, self.in_features
        self._start(shape, self.out_features if bias else None, rng)

    def forward(self, x: Any) -> Any:
        require_dtype(self, x, self.weight.dtype)
        return functional.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        has_bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"


class Flatten(Module):
    """All axes from start_dim to end_dim joined into one; by default everything but the batch.

    x: (N, C, H, W) → (N, C·H·W), a view of x where NumPy can give one.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        return functional.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """What comes in, goes out, not copied: a place holder where a layer may be."""

    def forward(self, x: Any) -> Any:
        return x
