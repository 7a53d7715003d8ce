"""Layers with weights: the affine map and the convolution; and what only reshapes.

Weights and biases start as torch's do: drawn uniformly from ±1/√fan_in, where fan_in is how many inputs
feed one output. (torch writes it as Kaiming's rule with slope √5, which comes to the same.)

Letters: N batch, H W image, OH OW output, kh kw kernel.
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
from scratchnet.ops._window import Pair, pair
from scratchnet.ops.convolution import Padding
from scratchnet.random import Rng, resolve_rng

__all__ = ["Conv2d", "Flatten", "Identity", "Linear"]


class _Weighted(Module):
    """A layer with a weight (out, in, …) and a bias (out,) or None."""

    weight: Parameter
    bias: Parameter | None

    def _start(self, shape: tuple[int, ...], bias: bool, rng: Rng) -> None:
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = Parameter(np.empty(shape[0], np.float32)) if bias else None
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
        self._start((self.out_features, self.in_features), bias, rng)

    def forward(self, x: Any) -> Any:
        require_dtype(self, x, self.weight.dtype)
        return functional.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        has_bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"


class Conv2d(_Weighted):
    """Filters that slide over an image (`ops.conv2d`, which also says what `padding` may be).

    x: (N, in_channels, H, W) → y: (N, out_channels, OH, OW),
    OH = ⌊(H + 2·padding − dilation·(kh−1) − 1) / stride⌋ + 1, and OW likewise.
    weight: (out_channels, in_channels/groups, kh, kw) · bias: (out_channels,), or None for bias=False.
    rng: what they are drawn from: a seed, a generator, or None for the shared generator.
    """

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
        *,
        rng: Rng = None,
    ) -> None:
        self.in_channels = size("in_channels", in_channels)
        self.out_channels = size("out_channels", out_channels)
        self.groups = size("groups", groups)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"groups={groups} must divide {in_channels} input and {out_channels} output channels"
            )
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        self.stride, self.dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        self.padding = (padding, padding) if isinstance(padding, int | np.integer) else padding
        shape = self.out_channels, self.in_channels // self.groups, *self.kernel_size
        self._start(shape, bias, rng)

    def forward(self, x: Any) -> Any:
        require_dtype(self, x, self.weight.dtype)
        return functional.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        defaults = {"padding": (0, 0), "dilation": (1, 1), "groups": 1}
        parts += [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join(parts + ([] if self.bias is not None else ["bias=False"]))


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
