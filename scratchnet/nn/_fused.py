"""Layers of the inference form: forward only, several steps in one, without parameters.

`optimize_for_inference` (`inference.py`) puts them in the place of others.

Letters: N batch, C channels in, F filters, H W image, OH OW output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from scratchnet import kernels
from scratchnet.autograd import Tensor, is_grad_enabled
from scratchnet.kernels.blocks import NO_BOUNDS, Bounds
from scratchnet.nn._checks import require_dtype
from scratchnet.nn.layers import Identity, Linear
from scratchnet.nn.module import Module
from scratchnet.nn.pooling import MaxPool2d
from scratchnet.ops._array import Array
from scratchnet.ops._pooling_window import pooling_window
from scratchnet.ops._window import require_images


class Frozen(Module):
    """A layer of the inference form. It has no parameters, and asking for them raises."""

    training = False
    absorbs = False  # whether layers were fused into it, so that it returns what they returned

    def _own(self) -> NoReturn:
        raise RuntimeError(
            "the layers of this network were fused for inference: it has no parameters to train, "
            "convert or save; keep the model that it was made from"
        )

    @property
    def weight(self) -> NoReturn:
        self._own()

    @property
    def bias(self) -> NoReturn:
        self._own()

    def _array(self, x: Any, dtype: np.dtype[Any] | None = None) -> Array:
        """Return the array of an input, checked; raise in training mode and where a gradient is asked for."""
        if self.training or (is_grad_enabled() and getattr(x, "requires_grad", False)):
            raise RuntimeError(
                f"{type(self).__name__} is for inference and computes no gradients: use the model "
                "that it was made from, or eval() and no_grad()"
            )
        if dtype is not None:
            require_dtype(self, x, dtype)
        array: Array = x.data if isinstance(x, Tensor) else x
        return array


class FusedConv2d(Frozen):
    """clip(W ∗ x + b + residual): a convolution, batch norm folded in, with what comes after it.

    x: (N, C, H, W), residual: like y, or None → y: (N, F, OH, OW), in memory channels-last.
    `nn.fuse` makes it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dtype: np.dtype[Any],
        kernel: kernels.Convolution,
        bounds: Bounds,
        absorbs: bool,
    ) -> None:
        self.in_channels, self.out_channels, self.dtype = in_channels, out_channels, dtype
        self.kernel, self.bounds, self.absorbs = kernel, bounds, absorbs

    def forward(self, x: Any, residual: Any = None) -> Any:
        x = self._array(x, self.dtype)
        require_images("FusedConv2d", x)
        if x.shape[1] != self.in_channels:
            raise ValueError(f"FusedConv2d takes {self.in_channels} channels, got x {x.shape}")
        if residual is not None:
            residual = _channels_last(self._array(residual, self.dtype))
        return Tensor(_channels_first(self.kernel(_channels_last(x), residual, self.bounds)))

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {self.kernel!r}{_after(self.bounds)}"


class FusedLinear(Frozen):
    """clip(x Wᵀ + b), the features shared among threads.   x: (…, in_features) → (…, out_features)"""

    def __init__(self, linear: Linear, bounds: Bounds = NO_BOUNDS, absorbs: bool = False) -> None:
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.dtype, self.bounds, self.absorbs = linear.weight.dtype, bounds, absorbs
        bias = None if linear.bias is None else linear.bias.data
        self.kernel = kernels.LinearKernel(linear.weight.data, bias)

    def forward(self, x: Any) -> Any:
        x = self._array(x, self.dtype)
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ValueError(f"FusedLinear takes {self.in_features} features, got x {x.shape}")
        return Tensor(self.kernel(x, self.bounds))

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}{_after(self.bounds)}"


class FusedMaxPool2d(Frozen):
    """Largest entry of each window, in memory channels-last (`nn.MaxPool2d` without a gradient)."""

    def __init__(self, pool: MaxPool2d) -> None:
        self.options = pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode

    def forward(self, x: Any) -> Any:
        x = self._array(x)
        require_images("FusedMaxPool2d", x)
        window = pooling_window(x, *self.options)
        return Tensor(_channels_first(kernels.max_pool(_channels_last(x), window)))

    def extra_repr(self) -> str:
        return f"kernel_size={self.options[0]}, stride={self.options[1]}, padding={self.options[2]}"


class Absorbed(Identity):
    """What stands in the place of a layer that was fused into the one before: x goes through."""

    training = False


class FusedSequential(Module):
    """Modules in a row of which some were fused, under the names that they had; called as a whole only.

    Its entries no longer return what they did, so picking them out raises.
    """

    training = False

    def __init__(self, modules: Mapping[str, Module]) -> None:
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Any) -> Any:
        for _, module in self._slots():
            x = module(x)
        return x

    def __iter__(self) -> NoReturn:
        raise RuntimeError(
            "the layers of this Sequential were fused for inference and no longer return what they "
            "did: call it as a whole, or use the plain model"
        )

    def __getitem__(self, index: Any) -> NoReturn:
        self.__iter__()


def _after(bounds: Bounds) -> str:
    """Return how what is clipped to is shown behind a layer's sizes."""
    low, high = bounds
    return "" if low is None else ", ReLU" if high is None else f", ReLU{high:g}"


def _channels_last(x: Array) -> Array:
    return x.transpose(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C), a view


def _channels_first(y: Array) -> Array:
    return y.transpose(0, 3, 1, 2)
