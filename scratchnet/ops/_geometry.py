"""How the options of a convolution are written, in one or two dimensions, and the window that they mean.

Letters: N batch, C channels, L the length of a line, H W image. A line is an image of one row,
so there is one sliding window for both (`_window.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.ops._lines import require_lines, single
from scratchnet.ops._window import Pair, Window, pair, require_images

Padding = str | int | Sequence[int | Sequence[int]]
Sides = list[tuple[int, int]]  # (before, after) for each axis


def per_axis(name: str, value: Pair, minimum: int, axes: int) -> tuple[int, ...]:
    """Return an option as a tuple with an int for each of one or two axes; raise if it is none."""
    if axes == 1:
        return (single(name, value, minimum),)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = (*value, *value)  # (n,) stands for both axes, as in torch
    return pair(name, value, minimum)


def window_over(*options: tuple[int, ...]) -> Window:
    """Return the window with these options (those of `Window`) for each axis; a line is one row."""
    if len(options[0]) == 1:
        of_one_row = 1, 1, 1, 0, 1, 1  # padding 0; kernel, stride, dilation and sizes 1
        options = tuple((row, *option) for row, option in zip(of_one_row, options, strict=True))
    kernel, stride, dilation, before, image, out = cast("list[tuple[int, int]]", options)
    return Window(kernel, stride, dilation, before, image, out)


def extents(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return over how many entries a kernel extends along each axis, gaps included."""
    return tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)])


def sides_of(padding: Padding, extent: tuple[int, ...], stride: tuple[int, ...]) -> Sides:
    """Return (before, after) for each axis, for any way to write the padding."""
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0) for _ in extent]
        if padding != "same":
            raise ValueError(f"padding takes 'same', 'valid' or numbers, got {padding!r}")
        if any(s != 1 for s in stride):
            raise ValueError(f"padding='same' needs stride 1, got {stride}")
        # The total is dilation·(k−1); where it is odd, the extra one goes to the bottom and right.
        return [((e - 1) // 2, e - 1 - (e - 1) // 2) for e in extent]
    sides: tuple[Any, ...] = tuple(padding) if isinstance(padding, Iterable) else (padding,)
    if len(sides) == 1 and not isinstance(sides[0], Iterable):
        sides *= len(extent)
    if len(sides) != len(extent):
        forms = {
            1: "an int or ((left, right),)",
            2: "an int, a pair or ((top, bottom), (left, right))",
        }
        raise ValueError(f"padding takes {forms[len(extent)]}, got {padding!r}")
    return [pair("padding", side, 0) for side in sides]


def require_groups(groups: int, n: int, of: str, shapes: str) -> None:
    """Raise unless groups is a whole number that divides n."""
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer):
        raise TypeError(f"groups takes a whole number, got {groups!r}")
    if groups < 1 or n % groups:
        raise ValueError(f"groups={groups} does not divide the {n} {of}: {shapes}")


def sliding_window(
    image: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    sides: Sides,
    shapes: str,
) -> Window:
    """Return the window that slides over an image or a line of this size.

    shapes: the shapes in hand, shown when not even one window fits.
    """
    extent = extents(kernel, dilation)
    padded = tuple([n + before + after for n, (before, after) in zip(image, sides, strict=True)])
    out = tuple([(n - e) // s + 1 for n, e, s in zip(padded, extent, stride, strict=True)])
    if min(out) < 1:
        raise ValueError(f"the kernel extends over {extent}, the padded x has {padded}: {shapes}")
    return window_over(kernel, stride, dilation, tuple([side[0] for side in sides]), image, out)


def require_batch(name: str, x: Array, axes: int) -> None:
    """Raise unless x is a batch, maybe an empty one, of images or of lines that are not empty."""
    if axes == 2:
        require_images(name, x)
    else:
        require_lines(name, x)
