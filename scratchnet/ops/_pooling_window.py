"""The window of a pool: how its options are checked, how many windows fit, what padding counts as.

And the blocks in which the planes (the images' channels) are worked on.

Letters: N batch, C channels, H W image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._geometry import per_axis, window_over
from scratchnet.ops._window import Pair, Window

Planes = tuple[slice, slice]  # of images and of channels
# Planes of x taken at a time, times 1 + stride: of a large stride a call sees little of x. About the
# second-level cache of a core; smaller blocks lose more by threads that wait for each other's calls.
BLOCK_BYTES = 3 << 18


def pooling_window(
    x: Array, kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Window:
    """Check the arguments of a pool and return its sliding window."""
    kernel, step, before, gap = pooling_options(kernel_size, stride, padding, dilation, axes=2)
    out = out_sizes(x.shape, kernel, step, gap, before, ceil_mode)
    return window_over(kernel, step, gap, before, x.shape[2:], tuple(out))


def pooling_options(
    kernel_size: Pair, stride: Pair | None, padding: Pair, dilation: Pair, axes: int
) -> tuple[tuple[int, ...], ...]:
    """Return kernel, stride, padding and dilation with an int for each axis; raise if one has no meaning."""
    kernel = per_axis("kernel_size", kernel_size, 1, axes)
    step = kernel if stride is None else per_axis("stride", stride, 1, axes)
    gap, before = per_axis("dilation", dilation, 1, axes), per_axis("padding", padding, 0, axes)
    if any(p > k // 2 for p, k in zip(before, kernel, strict=True)):
        raise ValueError(f"padding {before} must be at most half of kernel_size {kernel}")
    return kernel, step, before, gap


def out_sizes(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    step: tuple[int, ...],
    gap: tuple[int, ...],
    before: tuple[int, ...],
    ceil_mode: bool,
) -> list[int]:
    """Return how many windows each axis of x has; raise if there is none."""
    out = []
    for n, k, s, d, p in zip(shape[2:], kernel, step, gap, before, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        windows = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (windows - 1) * s >= n + p:
            windows -= 1  # the last one would start in the right padding: it is dropped
        if windows < 1:
            raise ValueError(
                f"the window is larger than the padded x: kernel_size {kernel}, dilation {gap}, "
                f"padding {before}, x {shape}"
            )
        out.append(windows)
    return out


def lowest(dtype: np.dtype[Any]) -> Any:
    """Return what no entry is below: the padding under a maximum."""
    if dtype.kind not in "fiu":
        raise TypeError(f"a maximum is of real numbers, got dtype {dtype}")
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def overlap(window: Window) -> bool:
    """Whether an entry may lie in several windows."""
    return any(d * (k - 1) >= s for k, s, d in zip(*window[:3], strict=True))


def blocks_of_planes(shape: tuple[int, ...], window: Window, itemsize: int) -> list[Planes]:
    """Return slices of the images and channels of x that make up all its planes, in blocks of one size.

    Where there are several, their number is even if it can be, so that two threads end together.
    """
    (n, c), (height, width) = shape[:2], window.image
    block_bytes = BLOCK_BYTES * (1 + window.stride[0])
    count = -(-n * c * height * width * itemsize // block_bytes)
    if count > 1:
        count += count % 2
    images = max(1, -(-n // max(count, 1)))
    per_image = -(-count // max(n, 1))  # blocks; 1 where a block holds whole images
    channels = max(1, -(-c // max(per_image, 1)))
    return [
        (slice(image, image + images), slice(channel, channel + channels))
        for image in range(0, n, images)
        for channel in range(0, c, channels)
    ]
