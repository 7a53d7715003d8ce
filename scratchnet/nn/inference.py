"""The inference form of a trained network: layers that follow each other become one.

Batch norm in eval mode is an affine map of each channel, and a convolution is linear, so

    BN(W ∗ x + b) = s·(W ∗ x + b − μ) + β = (s·W) ∗ x + (s·(b − μ) + β),   s = γ / √(var + eps)

is one convolution with other weights (`fold_batch_norm`). What comes after it, adding the residual and
ReLU, is done to each part of the result while that is still in the cache, and the weights are laid out
once for the kernel that suits them (`scratchnet.kernels`).

Which layers follow each other is seen in a Sequential. Any other module knows it by itself, and says
it in a method `fuse_layers`, which puts fused layers in the place of its own and returns the module,
or another one to stand in its place:

    class Block(nn.Module):
        def forward(self, x):
            return self.relu(self.bn(self.conv(x)))

        def fuse_layers(self):
            self.conv = nn.fuse(self.conv, self.bn, self.relu)
            self.bn = self.relu = nn.Identity()
            return self

Without it the module's convolutions are made ready one by one, and its batch norms stay.

Fused layers stand at the place of the first, and Identity at the places of the others. So a network whose
Sequentials are called as a whole computes the same as before; one that calls their entries one by one
and uses what stands between a convolution and its batch norm or ReLU does not.
"""

from __future__ import annotations

import copy
from typing import Any, TypeGuard

import numpy as np

from scratchnet import kernels
from scratchnet.autograd import Tensor, is_grad_enabled
from scratchnet.kernels.blocks import NO_BOUNDS, Bounds
from scratchnet.nn.activation import ReLU, ReLU6
from scratchnet.nn.containers import Sequential
from scratchnet.nn.convolution import Conv2d
from scratchnet.nn.layers import Identity, Linear
from scratchnet.nn.module import Module
from scratchnet.nn.normalization import BatchNorm2d
from scratchnet.nn.pooling import MaxPool2d
from scratchnet.ops._array import Array
from scratchnet.ops._geometry import extents, sides_of
from scratchnet.ops._pooling_window import pooling_window
from scratchnet.ops._window import require_images

__all__ = [
    "FusedConv2d",
    "FusedLinear",
    "FusedMaxPool2d",
    "can_fuse",
    "fold_batch_norm",
    "fuse",
    "optimize_for_inference",
]


def optimize_for_inference(model: Module, inplace: bool = False) -> Module:
    """Return a network that computes the same in less time, forward only.

    Convolutions take up the batch norm, ReLU or ReLU6 after them, and where a module says so (the
    blocks of ResNet do) the residual that is added in between; affine maps take up ReLU. In float32
    the results differ from the plain network's by rounding: by less than 1e-4 of the largest logit for
    ResNets.

    model: in eval mode, else ValueError. It is copied first; with inplace=True it is itself turned
    into the form that is returned, layer by layer, which needs less memory, and is of no other use
    afterwards. Its fused layers have no parameters, and asking for them raises: keep the model, or its
    file. The other layers stay what they were.

    Between the fused layers arrays lie channels-last in memory, where windows are gathered in longer
    runs, though their shape stays (N, C, H, W). What a named layer returns (`create_feature_extractor`)
    is then what stands after all that was fused into it. Where an input is infinite, more outputs than
    in the plain network are NaN (`kernels/winograd.py`).
    """
    if any(module.training for module in model.modules()):
        raise ValueError(
            "optimize_for_inference takes a network in eval mode: call model.eval() before, since "
            "batch norm and dropout do something else in training"
        )
    return _form(model if inplace else copy.deepcopy(model), {})


def fuse(conv: Module, norm: Module | None = None, activation: Module | None = None) -> FusedConv2d:
    """Return one layer that computes activation(norm(conv(x))).

    norm: a BatchNorm2d with running statistics, Identity or None · activation: ReLU, ReLU6, Identity
    or None. With a residual, `fused(x, residual)` is activation(norm(conv(x)) + residual).
    """
    if not _is_fusible(conv):
        raise TypeError(f"fuse takes a Conv2d padded with zeros, got {conv!r}")
    scale, shift = None, None if conv.bias is None else conv.bias.data
    if not isinstance(norm, Identity | None):
        if not _is_foldable(norm):
            raise TypeError(f"fuse folds a BatchNorm2d with running statistics, got {norm!r}")
        if norm.num_features != conv.out_channels:
            raise ValueError(
                f"{conv.out_channels} filters, but batch norm has {norm.num_features} channels"
            )
        scale, shift = fold_batch_norm(norm, shift)
    bounds = _bounds_of(activation)
    if bounds is None:
        raise TypeError(f"fuse takes ReLU, ReLU6 or Identity as the activation, got {activation!r}")
    (rows, columns), (d, e) = conv.stride, conv.dilation
    top_bottom, left_right = sides_of(
        conv.padding, extents(conv.kernel_size, conv.dilation), conv.stride
    )
    kernel = kernels.prepare_convolution(
        conv.weight.data, shift, (rows, columns), (top_bottom, left_right), (d, e), conv.groups
    )
    if scale is not None:
        kernel.scale_filters(scale)
    return FusedConv2d(conv.in_channels, conv.out_channels, conv.weight.dtype, kernel, bounds)


def can_fuse(conv: Module, norm: Module | None = None, activation: Module | None = None) -> bool:
    """Whether `fuse` takes these layers."""
    folds = isinstance(norm, Identity | None) or _is_foldable(norm)
    return _is_fusible(conv) and folds and _bounds_of(activation) is not None


def fold_batch_norm(norm: BatchNorm2d, bias: Array | None = None) -> tuple[Array, Array]:
    """Return scale and shift, (F,), such that BN(W ∗ x + b) = (scale·W) ∗ x + shift.

    scale = γ / √(var + eps),   shift = scale·(b − μ) + β
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = 1.0 / np.sqrt(norm.running_var.astype(np.float64) + norm.eps)
    if norm.weight is not None:
        scale *= norm.weight.data
    shift = -scale * norm.running_mean if bias is None else scale * (bias - norm.running_mean)
    if norm.bias is not None:
        shift += norm.bias.data
    dtype = norm.running_mean.dtype
    return scale.astype(dtype), shift.astype(dtype)


class _Frozen(Module):
    """A layer of the inference form: forward only, without parameters."""

    training = False

    def _own(self) -> Any:
        raise RuntimeError(
            "the layers of this network were fused for inference: it has no parameters to train, "
            "convert or save; keep the model that it was made from"
        )

    def _array(self, x: Any) -> Array:
        """Return the array of an input; raise in training mode and where a gradient is asked for."""
        if self.training or (is_grad_enabled() and getattr(x, "requires_grad", False)):
            raise RuntimeError(
                f"{type(self).__name__} is for inference and computes no gradients: use the model "
                "that it was made from, or eval() and no_grad()"
            )
        array: Array = x.data if isinstance(x, Tensor) else x
        return array


class FusedConv2d(_Frozen):
    """clip(W ∗ x + b + residual): a convolution, batch norm folded in, with what comes after it.

    x: (N, C, H, W), residual: like y, or None → y: (N, F, OH, OW), in memory channels-last.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dtype: np.dtype[Any],
        kernel: kernels.Convolution,
        bounds: Bounds,
    ) -> None:
        self.in_channels, self.out_channels, self.dtype = in_channels, out_channels, dtype
        self.kernel, self.bounds = kernel, bounds

    def forward(self, x: Any, residual: Any = None) -> Any:
        x = self._array(x)
        require_images("FusedConv2d", x)
        if x.shape[1] != self.in_channels or x.dtype != self.dtype:
            raise ValueError(
                f"FusedConv2d takes {self.in_channels} channels of {self.dtype}, got x {x.shape} "
                f"of {x.dtype}"
            )
        if residual is not None:
            residual = _channels_last(self._array(residual))
        return Tensor(_channels_first(self.kernel(_channels_last(x), residual, self.bounds)))

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {self.kernel!r}{_after(self.bounds)}"


class FusedLinear(_Frozen):
    """clip(x Wᵀ + b), the features shared among threads.   x: (…, in_features) → (…, out_features)"""

    def __init__(self, linear: Linear, bounds: Bounds = NO_BOUNDS) -> None:
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.dtype, self.bounds = linear.weight.dtype, bounds
        bias = None if linear.bias is None else linear.bias.data
        self.kernel = kernels.LinearKernel(linear.weight.data, bias)

    def forward(self, x: Any) -> Any:
        x = self._array(x)
        if not x.ndim or x.shape[-1] != self.in_features or x.dtype != self.dtype:
            raise ValueError(
                f"FusedLinear takes {self.in_features} features of {self.dtype}, got x {x.shape} "
                f"of {x.dtype}"
            )
        return Tensor(self.kernel(x, self.bounds))

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}{_after(self.bounds)}"


class FusedMaxPool2d(_Frozen):
    """Largest entry of each window, in memory channels-last (`nn.MaxPool2d` without a gradient)."""

    def __init__(self, pool: MaxPool2d) -> None:
        self.options = (
            pool.kernel_size,
            pool.stride,
            pool.padding,
            pool.dilation,
            pool.ceil_mode,
        )

    def forward(self, x: Any) -> Any:
        x = self._array(x)
        require_images("FusedMaxPool2d", x)
        window = pooling_window(x, *self.options)
        return Tensor(_channels_first(kernels.max_pool(_channels_last(x), window)))

    def extra_repr(self) -> str:
        return f"kernel_size={self.options[0]}, stride={self.options[1]}, padding={self.options[2]}"


def _form(module: Module, made: dict[Module, Module]) -> Module:
    """Return the inference form of a module, which is changed in place; `made` holds those of before."""
    if module in made:
        return made[module]
    form = module
    if hasattr(module, "fuse_layers"):
        form = module.fuse_layers()
    elif type(module) is Sequential:
        _fuse_neighbours(module)
    elif _is_fusible(module):
        form = fuse(module)
    elif type(module) is Linear:
        form = FusedLinear(module)
    elif type(module) is MaxPool2d and not module.return_indices:
        form = FusedMaxPool2d(module)
    made[module] = made[form] = form
    for name, child in list(form._slots()):
        setattr(form, name, _form(child, made))
    return form


def _fuse_neighbours(sequence: Sequential) -> None:
    """Fuse layers with what follows them; Identity stays where a layer was, so names stay too."""
    names = [name for name, _ in sequence._slots()]
    for i, name in enumerate(names):
        layer = getattr(sequence, name)
        rest = [getattr(sequence, n) for n in names[i + 1 : i + 3]]
        norm = rest.pop(0) if rest and _is_fusible(layer) and _is_foldable(rest[0]) else None
        activation = rest[0] if rest and _bounds_of(rest[0]) is not None else None
        if _is_fusible(layer):
            setattr(sequence, name, fuse(layer, norm, activation))
        elif type(layer) is Linear:
            setattr(sequence, name, FusedLinear(layer, _bounds_of(activation) or NO_BOUNDS))
        else:
            continue
        for later in names[i + 1 : i + 1 + (norm is not None) + (activation is not None)]:
            setattr(sequence, later, Identity())


def _is_fusible(layer: Module) -> TypeGuard[Conv2d]:
    """Whether a layer is a Conv2d, and not a class derived from it, whose padding is zeros."""
    return type(layer) is Conv2d and layer.padding_mode == "zeros"


def _is_foldable(layer: Module | None) -> TypeGuard[BatchNorm2d]:
    """Whether a layer is a BatchNorm2d with running statistics, and not a class derived from it."""
    return type(layer) is BatchNorm2d and layer.running_mean is not None


def _bounds_of(activation: Module | None) -> Bounds | None:
    """Return what an activation clips to, None for one that does something else."""
    known: dict[type, Bounds] = {
        type(None): NO_BOUNDS,
        Identity: NO_BOUNDS,
        ReLU: (0.0, None),
        ReLU6: (0.0, 6.0),
    }
    return known.get(type(activation))


def _after(bounds: Bounds) -> str:
    """Return how what is clipped to is shown behind a layer's sizes."""
    low, high = bounds
    return "" if low is None else ", ReLU" if high is None else f", ReLU{high:g}"


def _channels_last(x: Array) -> Array:
    return x.transpose(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C), a view


def _channels_first(y: Array) -> Array:
    return y.transpose(0, 3, 1, 2)
