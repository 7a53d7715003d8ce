"""Normalisation layers: scale and shift are learned, running statistics are kept as buffers.

Letters: N batch, C channels, L length, H W image.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
]


class _ChannelNorm(Module):
    """A scale and a shift for each channel, and running statistics: what batch and instance norm keep."""

    _may_be_missing = ("num_batches_tracked",)  # weights saved by early releases of torch lack it
    weight: Parameter | None
    bias: Parameter | None
    running_mean: npt.NDArray[Any] | None
    running_var: npt.NDArray[Any] | None
    num_batches_tracked: npt.NDArray[Any] | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
    ) -> None:
        n = self.num_features = size("num_features", num_features)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(n, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(n, np.float32)) if affine and bias else None
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(n, np.float32) if tracked else None)
        self.register_buffer("running_var", np.ones(n, np.float32) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batch seen."""
        for buffer, start in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if buffer is not None:
                buffer[...] = start

    def _require_dtype(self, x: Any) -> None:
        like = self.running_mean if self.weight is None else self.weight
        if like is not None:
            require_dtype(self, x, like.dtype)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    """Normalise each channel by the batch in training, by running statistics in eval mode.

    momentum weights the *new* value in the running mean and variance; None averages all batches
    alike, weighting the n-th batch by 1/n. The running variance is the unbiased one, while training
    normalises with the biased one: the equations stand at `functional.batch_norm` and
    `ops.batch_norm`. Without running statistics the batch's are used in eval mode too.
    """

    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any) -> Any:
        self._require_dtype(x)
        if x.ndim not in self.dims or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) takes {self.num_features} channels and "
                f"{' or '.join(map(str, self.dims))} dimensions, got {x.shape}"
            )
        # With track_running_stats switched off, training neither uses nor changes what was kept.
        kept = self.track_running_stats or not self.training
        mean, var = (self.running_mean, self.running_var) if kept else (None, None)
        count = self.num_batches_tracked if kept and self.training else None
        momentum = self.momentum
        if momentum is None:
            momentum = 0.0 if count is None else 1.0 / (int(count) + 1)
        by_batch = self.training or mean is None
        y = functional.batch_norm(
            x, mean, var, self.weight, self.bias, by_batch, momentum, self.eps
        )
        if count is not None:
            count += 1  # in place: it is the buffer
        return y


class BatchNorm1d(_BatchNorm):
    """Batch normalisation, each channel by itself. x: (N, C) or (N, C, L) → y like x."""

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation, each channel by itself. x: (N, C, H, W) → y like x."""

    dims = (4,)


class _InstanceNorm(_ChannelNorm):
    """Normalise each channel of each sample by itself, in training and in eval mode.

    With track_running_stats, averages over the samples are kept, and eval mode uses those: the
    equations stand at `functional.instance_norm` and `ops.instance_norm`. momentum weights the new
    value; with None they stay as they are. num_batches_tracked is there for state dicts and is not
    counted, all as in torch.
    """

    n_axes: int  # after the channels

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any) -> Any:
        self._require_dtype(x)
        name, single = type(self).__name__, x.ndim == self.n_axes + 1
        if not single and x.ndim != self.n_axes + 2:
            raise ValueError(
                f"{name} takes {self.n_axes + 2} dimensions, or {self.n_axes + 1} for one sample, "
                f"got {x.shape}"
            )
        c = x.shape[0 if single else 1]
        if c != self.num_features and self._holds_arrays():
            raise ValueError(f"{name}({self.num_features}) takes that many channels, got {x.shape}")
        if c != self.num_features:
            warnings.warn(
                f"{name}({self.num_features}) got {c} channels: x {x.shape}; without affine and "
                "track_running_stats it works for any number",
                stacklevel=3,  # the line that called the module
            )
        y = functional.instance_norm(
            x.unsqueeze(0) if single else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return y.squeeze(0) if single else y

    def _holds_arrays(self) -> bool:
        return self.affine or self.running_mean is not None


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation. x: (N, C, L), or (C, L) for one sample → y like x."""

    n_axes = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation. x: (N, C, H, W), or (C, H, W) for one sample → y like x."""

    n_axes = 2


class GroupNorm(Module):
    """Normalise each group of neighbouring channels of a sample by itself (`ops.group_norm`).

    x: (N, num_channels, …) → y like x. weight, bias: (num_channels,), or None. Training and eval mode
    are alike. num_groups=1 takes all channels together, num_groups=num_channels each by itself.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        self.num_groups = size("num_groups", num_groups)
        n = self.num_channels = size("num_channels", num_channels)
        if n % self.num_groups:
            raise ValueError(f"num_groups={num_groups} must divide num_channels={num_channels}")
        self.eps, self.affine = eps, affine
        self.weight = Parameter(np.ones(n, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(n, np.float32)) if affine and bias else None

    def forward(self, x: Any) -> Any:
        if self.weight is not None:
            require_dtype(self, x, self.weight.dtype)
        return functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LayerNorm(Module):
    """Normalise each sample over its last axes (`ops.layer_norm`).

    x: (…, *normalized_shape) → y like x. weight, bias: normalized_shape, or None.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        if not isinstance(normalized_shape, Iterable):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(size("normalized_shape", n) for n in normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        if self.weight is not None:
            require_dtype(self, x, self.weight.dtype)
        return functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )
