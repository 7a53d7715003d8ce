"""Pooling layers: the pools of `ops` with their settings kept.

Letters: N batch, C channels, H W image, L line, OH OW output, OL its length.
"""

from __future__ import annotations

from typing import Any, ClassVar

from scratchnet import functional
from scratchnet.nn.module import Module
from scratchnet.ops._pooling_window import pooling_options
from scratchnet.ops._window import Pair
from scratchnet.ops.adaptive_pooling import OutputSize

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "MaxPool1d",
    "MaxPool2d",
]


class _MaxPool(Module):
    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        pooling_options(kernel_size, stride, padding, dilation, self.axes)  # raises if one is wrong
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def _options(self) -> tuple[Any, ...]:
        window = self.kernel_size, self.stride, self.padding, self.dilation
        return *window, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest entry of each window; of equal ones the first takes the gradient (`ops.max_pool1d`).

    x: (N, C, L) → y: (N, C, OL); with return_indices (y, positions). stride: kernel_size if None.
    """

    axes = 1

    def forward(self, x: Any) -> Any:
        return functional.max_pool1d(x, *self._options())


class MaxPool2d(_MaxPool):
    """Largest entry of each window; of equal ones the first takes the gradient (`ops.max_pool2d`).

    x: (N, C, H, W) → y: (N, C, OH, OW); with return_indices (y, positions h·W + w).
    stride: kernel_size if None.
    """

    axes = 2

    def forward(self, x: Any) -> Any:
        return functional.max_pool2d(x, *self._options())


class AvgPool1d(Module):
    """Mean of each window (`ops.avg_pool1d`).

    x: (N, C, L) → y: (N, C, OL). stride: kernel_size if None.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        options = pooling_options(kernel_size, stride, padding, 1, axes=1)
        self.kernel_size, self.stride, self.padding, _ = options
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Any) -> Any:
        window = self.kernel_size, self.stride, self.padding
        return functional.avg_pool1d(x, *window, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """Mean of each window (`ops.avg_pool2d`).

    x: (N, C, H, W) → y: (N, C, OH, OW). stride: kernel_size if None.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        pooling_options(kernel_size, stride, padding, 1, axes=2)  # raises if one is wrong
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        return functional.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptivePool(Module):
    output_size: Any

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """Mean of each of OL bins of a line (`ops.adaptive_avg_pool1d`).

    x: (N, C, L) → y: (N, C, OL). output_size: OL.
    """

    def __init__(self, output_size: Pair) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        return functional.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Mean of each bin of an image cut into OH × OW (`ops.adaptive_avg_pool2d`); 1 is the global mean.

    x: (N, C, H, W) → y: (N, C, OH, OW). output_size: (OH, OW), None for the length of x; or an int.
    """

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        return functional.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool1d(_AdaptivePool):
    """Largest entry of each of OL bins of a line (`ops.adaptive_max_pool1d`).

    x: (N, C, L) → y: (N, C, OL); with return_indices (y, positions). output_size: OL.
    """

    def __init__(self, output_size: Pair, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Any) -> Any:
        return functional.adaptive_max_pool1d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptivePool):
    """Largest entry of each bin of an image cut into OH × OW (`ops.adaptive_max_pool2d`).

    x: (N, C, H, W) → y: (N, C, OH, OW); with return_indices (y, positions h·W + w).
    output_size: (OH, OW), None for the length of x; or an int.
    """

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Any) -> Any:
        return functional.adaptive_max_pool2d(x, self.output_size, self.return_indices)
