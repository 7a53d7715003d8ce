"""Padding layers: `ops.pad` with its widths and its mode kept.

padding: one width for all sides, or (left, right) for 1d and (left, right, top, bottom) for 2d;
a negative width crops. Letters: N batch, C channels, L length, H W image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

from scratchnet import functional
from scratchnet.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ZeroPad1d",
    "ZeroPad2d",
]


class _Pad(Module):
    """Borders around the last one or two axes, with or without a batch axis in front."""

    n_axes: int
    mode: str
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        n = 2 * self.n_axes
        widths = tuple(padding) if isinstance(padding, Iterable) else (padding,) * n
        if len(widths) != n:
            raise ValueError(
                f"{type(self).__name__}: padding takes one width or {n}, got {padding!r}"
            )
        self.padding = tuple(map(index, widths))

    def forward(self, x: Any) -> Any:
        # A border of one value is the same for any axes in front.
        if self.mode != "constant" and x.ndim not in (self.n_axes + 1, self.n_axes + 2):
            form = "(N, C, L) or (C, L)" if self.n_axes == 1 else "(N, C, H, W) or (C, H, W)"
            raise ValueError(f"{type(self).__name__} takes x of shape {form}, got {x.shape}")
        return functional.pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of one value. x: (N, C, L) or (C, L)."""

    n_axes = 1


class ConstantPad2d(_ConstantPad):
    """A border of one value. x: (N, C, H, W) or (C, H, W)."""

    n_axes = 2


class ZeroPad1d(_Pad):
    """A border of zeros. x: (N, C, L) or (C, L)."""

    n_axes, mode = 1, "constant"


class ZeroPad2d(_Pad):
    """A border of zeros. x: (N, C, H, W) or (C, H, W)."""

    n_axes, mode = 2, "constant"


class ReflectionPad1d(_Pad):
    """A mirror at each edge, which is not repeated. x: (N, C, L) or (C, L)."""

    n_axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """A mirror at each edge, which is not repeated. x: (N, C, H, W) or (C, H, W)."""

    n_axes, mode = 2, "reflect"


class ReplicationPad1d(_Pad):
    """The edge repeated. x: (N, C, L) or (C, L)."""

    n_axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edge repeated. x: (N, C, H, W) or (C, H, W)."""

    n_axes, mode = 2, "replicate"


class CircularPad1d(_Pad):
    """The other end, as if x went on in a circle. x: (N, C, L) or (C, L)."""

    n_axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The other end, as if x went on in circles both ways. x: (N, C, H, W) or (C, H, W)."""

    n_axes, mode = 2, "circular"
