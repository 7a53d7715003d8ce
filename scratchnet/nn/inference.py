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

It is asked for only if `forward` is the one that it was written for: a class derived from Block with a
`forward` of its own is left alone, and so is any object that was given a `forward` of its own.

A Sequential in which layers were fused becomes a FusedSequential, which is called as a whole: its entries
no longer return what they did.
"""

from __future__ import annotations

import copy
from contextvars import ContextVar
from typing import Any, TypeGuard, TypeVar

import numpy as np

from scratchnet import kernels
from scratchnet.kernels.blocks import NO_BOUNDS, Bounds
from scratchnet.nn._fused import (
    Absorbed,
    FusedConv2d,
    FusedLinear,
    FusedMaxPool2d,
    FusedSequential,
)
from scratchnet.nn.activation import ReLU, ReLU6
from scratchnet.nn.containers import Sequential
from scratchnet.nn.convolution import Conv2d
from scratchnet.nn.layers import Identity, Linear
from scratchnet.nn.module import Module
from scratchnet.nn.normalization import BatchNorm2d
from scratchnet.nn.pooling import MaxPool2d
from scratchnet.ops._array import Array
from scratchnet.ops._fast_convolution import get_fast_convolution
from scratchnet.ops._geometry import extents, sides_of

__all__ = ["can_fuse", "fold_batch_norm", "fuse", "optimize_for_inference"]

Layer = TypeVar("Layer", bound=Module)

# Whether the network that is being optimised may take Winograd's convolutions: modules that call `fuse`
# in their `fuse_layers` need not hand it on.
_winograd: ContextVar[bool] = ContextVar("winograd", default=True)


def optimize_for_inference(
    model: Module, inplace: bool = False, winograd: bool | None = None
) -> Module:
    """Return a network that computes the same in less time, forward only.

    Convolutions take up the batch norm, ReLU or ReLU6 after them, and where a module says so (the
    blocks of ResNet do) the residual that is added in between; affine maps take up ReLU. The results
    differ from the plain network's by rounding. Those of ResNet-18 in float32 are within 2e-6 of what
    float64 gives, as a fraction of the largest logit (of 16 networks the worst by 1.1e-6, the median by
    7e-7; with winograd=False 1.3e-6 and 4e-7).

    model: in eval mode, else ValueError. It is copied first; with inplace=True it is itself turned
    into the form that is returned, layer by layer, which needs less memory, and is of no other use
    afterwards. Its fused layers have no parameters, and asking for them raises: keep the model, or its
    file. The other layers stay what they were. If something raises, a model that was to be changed in
    place is left half changed.

    winograd: whether 3×3 convolutions may take Winograd's way (`kernels/winograd.py`), which saves half to
    three quarters of the multiplications and rounds more; by default as `scratchnet.set_fast_convolution` has
    it, which says more about the errors.

    Between the fused layers arrays lie channels-last in memory, where windows are gathered in longer
    runs, though their shape stays (N, C, H, W). Where an input is infinite or NaN, more outputs than
    in the plain network are NaN (`kernels/winograd.py`).
    """
    if any(module.training for module in model.modules()):
        raise ValueError(
            "optimize_for_inference takes a network in eval mode: call model.eval() before, since "
            "batch norm and dropout do something else in training"
        )
    before = _winograd.set(get_fast_convolution() if winograd is None else winograd)
    try:
        return _form(model if inplace else copy.deepcopy(model), {}).eval()  # new ones included
    finally:
        _winograd.reset(before)


def fuse(
    conv: Module,
    norm: Module | None = None,
    activation: Module | None = None,
    winograd: bool | None = None,
) -> FusedConv2d:
    """Return one layer that computes activation(norm(conv(x))).

    norm: a BatchNorm2d with running statistics, Identity or None · activation: ReLU, ReLU6, Identity
    or None. With a residual, `fused(x, residual)` is activation(norm(conv(x)) + residual).
    winograd: whether Winograd's way may be taken; None: as `optimize_for_inference` was told, else True.
    """
    if isinstance(conv, FusedConv2d) and _is_nothing(norm) and _is_nothing(activation):
        return conv  # it was fused before
    if not _is_fusible(conv):
        raise TypeError(f"fuse takes a Conv2d padded with zeros, got {conv!r}")
    scale, shift = None, None if conv.bias is None else conv.bias.data
    if not _is_nothing(norm):
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
        conv.weight.data,
        shift,
        (rows, columns),
        (top_bottom, left_right),
        (d, e),
        conv.groups,
        _winograd.get() if winograd is None else winograd,
    )
    if scale is not None:
        kernel.scale_filters(scale)
    absorbs = scale is not None or bounds != NO_BOUNDS
    dtype = conv.weight.dtype
    return FusedConv2d(conv.in_channels, conv.out_channels, dtype, kernel, bounds, absorbs)


def can_fuse(conv: Module, norm: Module | None = None, activation: Module | None = None) -> bool:
    """Whether `fuse` takes these layers."""
    folds = _is_nothing(norm) or _is_foldable(norm)
    return _is_fusible(conv) and folds and _bounds_of(activation) is not None


def fold_batch_norm(norm: BatchNorm2d, bias: Array | None = None) -> tuple[Array, Array]:
    """Return scale and shift, (F,), such that BN(W ∗ x + b) = (scale·W) ∗ x + shift.

        scale = γ / √(var + eps),   shift = scale·(b − μ) + β

    worked out in float64. norm: with running statistics (F,) · bias: (F,), or None for 0

    >>> norm = BatchNorm2d(1).eval()
    >>> norm.running_mean[:], norm.running_var[:] = 3.0, 4.0 - norm.eps
    >>> fold_batch_norm(norm, np.array([5.0]))
    (array([0.5], dtype=float32), array([1.], dtype=float32))
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


def _form(module: Module, made: dict[Module, Module]) -> Module:
    """Return the inference form of a module, which is changed in place; `made` holds those of before."""
    if module in made:
        return made[module]
    form: Any = module
    if _knows_its_layers(module):
        form = form.fuse_layers()
        if not isinstance(form, Module):
            raise TypeError(f"{type(module).__name__}.fuse_layers returned {form!r}, not a module")
    elif isinstance(module, Sequential) and _has_forward_of(module, Sequential):
        form = _fuse_neighbours(module)
    elif _is_fusible(module):
        form = fuse(module)
    elif _is(module, Linear):
        form = FusedLinear(module)
    elif _is(module, MaxPool2d) and not module.return_indices:
        form = FusedMaxPool2d(module)
    made[module] = made[form] = form
    for name, child in list(form._slots()):
        setattr(form, name, _form(child, made))
    return form


def _fuse_neighbours(sequence: Sequential) -> Module:
    """Return a sequence, under the same names, with layers fused with what follows them."""
    layers = dict(sequence._slots())
    names = list(layers)
    for i, name in enumerate(names):
        layer = layers[name]
        rest = [layers[n] for n in names[i + 1 : i + 3]]
        norm = rest.pop(0) if rest and _is_fusible(layer) and _is_foldable(rest[0]) else None
        bounds = _bounds_of(rest[0]) if rest else None
        activation = rest[0] if bounds is not None and bounds != NO_BOUNDS else None
        absorbed = names[i + 1 : i + 1 + (norm is not None) + (activation is not None)]
        if not absorbed:
            continue  # by itself, or nothing that can be fused: `_form` makes it ready
        if _is_fusible(layer):
            layers[name] = fuse(layer, norm, activation)
        elif _is(layer, Linear):
            layers[name] = FusedLinear(layer, bounds or NO_BOUNDS, absorbs=True)
        else:
            continue
        layers |= {later: Absorbed() for later in absorbed}
    if any(isinstance(layer, Absorbed) for layer in layers.values()):
        return FusedSequential(layers)
    return sequence


def _knows_its_layers(module: Module) -> bool:
    """Whether a module has `fuse_layers`, and its `forward` is the one that this was written for."""
    kinds = type(module).__mro__
    recipe = next((i for i, kind in enumerate(kinds) if "fuse_layers" in vars(kind)), None)
    return recipe is not None and _has_forward_of(module, kinds[recipe])


def _has_forward_of(module: Module, kind: type) -> bool:
    """Whether no class derived from this one, nor the object itself, has another `forward`."""
    kinds = type(module).__mro__
    derived = kinds[: kinds.index(kind)]
    return "forward" not in vars(module) and not any(
        name in vars(other) for other in derived for name in ("forward", "__call__")
    )


def _is(module: Any, kind: type[Layer]) -> TypeGuard[Layer]:
    """Whether a layer is of this class, not of a derived one, and has no `forward` of its own."""
    return type(module) is kind and "forward" not in vars(module)


def _is_nothing(layer: Module | None) -> bool:
    return layer is None or _is(layer, Identity) or isinstance(layer, Absorbed)


def _is_fusible(layer: Module) -> TypeGuard[Conv2d]:
    """Whether a layer is a Conv2d whose padding is zeros."""
    return _is(layer, Conv2d) and layer.padding_mode == "zeros"


def _is_foldable(layer: Module | None) -> TypeGuard[BatchNorm2d]:
    """Whether a layer is a BatchNorm2d with running statistics."""
    return _is(layer, BatchNorm2d) and layer.running_mean is not None


def _bounds_of(activation: Module | None) -> Bounds | None:
    """Return what an activation clips to, None for one that does something else."""
    if _is_nothing(activation):
        return NO_BOUNDS
    return (0.0, None) if _is(activation, ReLU) else (0.0, 6.0) if _is(activation, ReLU6) else None
