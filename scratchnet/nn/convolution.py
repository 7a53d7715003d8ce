"""Convolution layers, transposed ones too, and the windows of an image as columns and back.

Weights and biases start uniformly from ±1/√fan_in (`layers.py`). A transposed convolution's fan_in is
out_channels/groups · kernel, as in torch: its weight has the axes of the convolution that it transposes.

Letters: N batch, H W image, OH OW output, kh kw kernel; L a line, OL its output, k its kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from scratchnet import functional
from scratchnet.nn._checks import require_dtype, size
from scratchnet.nn.layers import _Weighted
from scratchnet.nn.module import Module
from scratchnet.ops._geometry import Padding, extents, per_axis, sides_of
from scratchnet.ops._window import Pair
from scratchnet.random import Rng

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Fold", "Unfold"]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(_Weighted):
    """The settings that all convolutions have, checked, and how they are shown."""

    axes: ClassVar[int]
    padding: Any

    def _set(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair,
        dilation: Pair,
        groups: int,
    ) -> None:
        self.in_channels = size("in_channels", in_channels)
        self.out_channels = size("out_channels", out_channels)
        self.groups = size("groups", groups)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"groups={groups} must divide {in_channels} input and {out_channels} output channels"
            )
        self.kernel_size = per_axis("kernel_size", kernel_size, 1, self.axes)
        self.stride = per_axis("stride", stride, 1, self.axes)
        self.dilation = per_axis("dilation", dilation, 1, self.axes)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        ones, zeros = (1,) * self.axes, (0,) * self.axes
        defaults = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        parts += [
            f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k, v) != v
        ]
        if self.bias is None:
            parts.append("bias=False")
        mode = getattr(self, "padding_mode", "zeros")
        return ", ".join(parts if mode == "zeros" else [*parts, f"padding_mode={mode}"])


class _Conv(_Convolution):
    """Conv1d and Conv2d."""

    convolve: ClassVar[Callable[..., Any]]

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
        padding_mode: str = "zeros",
        *,
        rng: Rng = None,
    ) -> None:
        self._set(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = padding
        sides = self._sides()  # raises if padding means nothing
        if not isinstance(padding, str):
            even = all(before == after for before, after in sides)
            self.padding = tuple([before for before, _ in sides] if even else sides)
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode {padding_mode!r} is none of {', '.join(PADDING_MODES)}")
        self.padding_mode = padding_mode
        shape = self.out_channels, self.in_channels // self.groups, *self.kernel_size
        self._start(shape, self.out_channels if bias else None, rng)

    def _sides(self) -> list[tuple[int, int]]:
        """Return the padding as (before, after) for each axis."""
        return sides_of(self.padding, extents(self.kernel_size, self.dilation), self.stride)

    def forward(self, x: Any) -> Any:
        require_dtype(self, x, self.weight.dtype)
        padding = self.padding
        if self.padding_mode != "zeros":
            borders = [n for sides in reversed(self._sides()) for n in sides]  # last axis first
            x, padding = functional.pad(x, borders, self.padding_mode), 0
        return self.convolve(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv2d(_Conv):
    """Filters that slide over an image (`ops.conv2d`, which also says what `padding` may be).

    x: (N, in_channels, H, W) → y: (N, out_channels, OH, OW),
    OH = ⌊(H + 2·padding − dilation·(kh−1) − 1) / stride⌋ + 1, and OW likewise.
    weight: (out_channels, in_channels/groups, kh, kw) · bias: (out_channels,), or None for bias=False.
    padding_mode: what the padding holds: zeros, or x as `ops.pad` continues it (reflect, replicate,
    circular).
    rng: what the weights are drawn from: a seed, a generator, or None for the shared generator.
    """

    axes = 2
    convolve = staticmethod(functional.conv2d)


class Conv1d(_Conv):
    """Filters that slide over a line (`ops.conv1d`): Conv2d with one axis less.

    x: (N, in_channels, L) → y: (N, out_channels, OL),
    OL = ⌊(L + 2·padding − dilation·(k−1) − 1) / stride⌋ + 1.
    weight: (out_channels, in_channels/groups, k) · bias: (out_channels,), or None for bias=False.
    """

    axes = 1
    convolve = staticmethod(functional.conv1d)


class _ConvTranspose(_Convolution):
    """ConvTranspose1d and ConvTranspose2d."""

    convolve: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        padding_mode: str = "zeros",
        *,
        rng: Rng = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__} knows padding_mode 'zeros' only, got {padding_mode!r}"
            )
        self._set(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = per_axis("padding", padding, 0, self.axes)
        self.output_padding = per_axis("output_padding", output_padding, 0, self.axes)
        shape = self.in_channels, self.out_channels // self.groups, *self.kernel_size
        self._start(shape, self.out_channels if bias else None, rng)

    def forward(self, x: Any, output_size: Sequence[int] | None = None) -> Any:
        """output_size: the size of y, instead of output_padding; with or without N and out_channels."""
        require_dtype(self, x, self.weight.dtype)
        more = self.output_padding
        if output_size is not None:
            if not isinstance(output_size, Iterable):
                raise TypeError(f"output_size takes a number for each axis, got {output_size!r}")
            more = self._output_padding(x.shape, tuple(output_size))
        return self.convolve(
            x, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _output_padding(self, shape: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Return the output_padding that gives the wanted size; raise if none below stride does."""
        sizes = wanted[2:] if len(wanted) == len(shape) else wanted
        if len(sizes) != self.axes:
            raise ValueError(
                f"output_size takes {self.axes} or {len(shape)} numbers for x {shape}, got {wanted}"
            )
        extent = extents(self.kernel_size, self.dilation)
        least = tuple(
            (n - 1) * s - 2 * p + e
            for n, s, p, e in zip(shape[2:], self.stride, self.padding, extent, strict=True)
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if not all(a <= n <= b for a, n, b in zip(least, sizes, most, strict=True)):
            raise ValueError(f"output_size {sizes} is not from {least} to {most}: x {shape}")
        return tuple(n - a for n, a in zip(sizes, least, strict=True))


class ConvTranspose2d(_ConvTranspose):
    """The transposed map of a Conv2d, by which maps grow (`ops.conv_transpose2d`).

    x: (N, in_channels, H, W) → y: (N, out_channels, OH, OW),
    OH = (H − 1)·stride − 2·padding + dilation·(kh−1) + output_padding + 1, and OW likewise.
    weight: (in_channels, out_channels/groups, kh, kw) · bias: (out_channels,), or None for bias=False.
    `layer(x, output_size=image.shape)` chooses the output_padding that gives that size.
    rng: what the weights are drawn from: a seed, a generator, or None for the shared generator.
    """

    axes = 2
    convolve = staticmethod(functional.conv_transpose2d)


class ConvTranspose1d(_ConvTranspose):
    """The transposed map of a Conv1d (`ops.conv_transpose1d`): ConvTranspose2d with one axis less.

    x: (N, in_channels, L) → y: (N, out_channels, OL),
    OL = (L − 1)·stride − 2·padding + dilation·(k−1) + output_padding + 1.
    weight: (in_channels, out_channels/groups, k) · bias: (out_channels,), or None for bias=False.
    """

    axes = 1
    convolve = staticmethod(functional.conv_transpose1d)


class Unfold(Module):
    """Every window of an image as a column (`ops.unfold`).

    x: (N, C, H, W) → y: (N, C·kh·kw, OH·OW).
    """

    def __init__(
        self, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
    ) -> None:
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, x: Any) -> Any:
        return functional.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Columns added up to an image of size output_size (`ops.fold`).

    x: (N, C·kh·kw, OH·OW) → y: (N, C, H, W), (H, W) = output_size.
    """

    def __init__(
        self,
        output_size: Pair,
        kernel_size: Pair,
        dilation: Pair = 1,
        padding: Pair = 0,
        stride: Pair = 1,
    ) -> None:
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, x: Any) -> Any:
        return functional.fold(
            x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
