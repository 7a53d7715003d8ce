"""Layers with weights: the affine map and the convolution; and what only reshapes.

The weights start as torch's: evenly from ±1/√fan_in (Kaiming's rule with slope √5), the bias likewise.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from scratchnet import functional
from scratchnet.nn import init
from scratchnet.nn.module import Module, Parameter
from scratchnet.ops._window import Pair, pair
from scratchnet.ops.convolution import Padding

__all__ = ["Conv2d", "Flatten", "Identity", "Linear"]

Rng = int | np.random.Generator | None


def _start(layer: Any, shape: tuple[int, ...], bias: bool, rng: Rng) -> None:
    """Give the layer its weight (out, in, …) and its bias (out,), or None."""
    if isinstance(rng, int):  # a seed: one stream for the weight and the bias, not the same twice
        rng = np.random.default_rng(rng)
    if min(shape) < 1:
        raise ValueError(f"{type(layer).__name__}: sizes must be at least 1, got weight {shape}")
    layer.weight = Parameter(np.empty(shape, np.float32))
    init.kaiming_uniform_(layer.weight, a=sqrt(5.0), rng=rng)
    layer.bias = None
    if bias:
        layer.bias = Parameter(np.empty(shape[0], np.float32))
        bound = 1.0 / sqrt(init.fan_in_and_out(layer.weight)[0])
        init.uniform_(layer.bias, -bound, bound, rng=rng)


class Linear(Module):
    """Affine map of the last axis: y = x Wᵀ + b (`ops.linear`).

    x: (…, in_features) → y: (…, out_features). weight: (out_features, in_features).
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, rng: Rng = None
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        _start(self, (out_features, in_features), bias, rng)

    def forward(self, *inputs: Any) -> Any:
        return functional.linear(inputs[0], self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """Filters that slide over an image (`ops.conv2d`).

    x: (N, in_channels, H, W) → y: (N, out_channels, OH, OW).
    weight: (out_channels, in_channels/groups, kh, kw).
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        rng: Rng = None,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"groups={groups} must divide {in_channels} and {out_channels} channels"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        _start(self, (out_channels, in_channels // groups, *self.kernel_size), bias, rng)

    def forward(self, *inputs: Any) -> Any:
        return functional.conv2d(
            inputs[0], self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        parts += [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join(parts + ([] if self.bias is not None else ["bias=False"]))


class Flatten(Module):
    """All axes from start_dim to end_dim joined into one; by default everything but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, *inputs: Any) -> Any:
        return functional.flatten(inputs[0], self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """What comes in, goes out: a place holder where a layer may be."""

    def forward(self, *inputs: Any) -> Any:
        return inputs[0]
