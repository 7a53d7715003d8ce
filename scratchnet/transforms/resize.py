"""Resizing, by Pillow's filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.transforms._image import MAX_PIXELS, ImageLike, as_pillow, check_filter, like, pair

__all__ = ["Resize"]


class Resize:
    """Resize an image: its short side to `size`, or to exactly (height, width).

        one number:   short' = size,  long' = ⌊size · long / short⌋
        max_size:     if long' > max_size:  short' = ⌊max_size · short' / long'⌋,  long' = max_size

    interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box", "hamming", or Pillow's number
    (`Image.Resampling.BILINEAR`). When an image shrinks, the filters but "nearest" widen to cover
    what each new pixel stands for (antialiasing). Palette and 1-bit images have no colours between
    two others: Pillow resizes them by "nearest" always, so convert them first (`to_rgb`).

    An image that has the size already is returned as it is. A result above 2²⁶ pixels, which a thin
    strip can reach (1 × 5000 to a short side of 256), raises a ValueError.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: str | int = "bilinear",
        max_size: int | None = None,
    ) -> None:
        height, width = pair(size)
        self.size: int | tuple[int, int] = (height, width) if np.size(size) == 2 else height
        self.interpolation, self._filter = check_filter(interpolation)
        self.max_size = max_size
        if max_size is not None:
            if not isinstance(self.size, int):
                raise ValueError(f"max_size goes with one number, got size={size!r}")
            if max_size <= self.size:
                raise ValueError(f"max_size must exceed size {self.size}, got {max_size}")

    def __call__(self, image: ImageLike) -> Any:
        source = as_pillow(image)
        width, height = self._new_size(*source.size)
        if width * height > MAX_PIXELS or 0 in (width, height):
            raise ValueError(
                f"resizing {source.width} × {source.height} by {self!r} gives {width} × {height} "
                f"pixels: between 1 and {MAX_PIXELS} are possible"
            )
        if source.size == (width, height):
            return image
        return like(image, source.resize((width, height), self._filter))

    def _new_size(self, width: int, height: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            return self.size[1], self.size[0]
        old_short, old_long = sorted((width, height))
        # The product first and then the quotient, cut off: the order decides the last pixel.
        short, long = self.size, int(self.size * old_long / old_short)
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        return (short, long) if width <= height else (long, short)

    def __repr__(self) -> str:
        more = "" if self.max_size is None else f", max_size={self.max_size}"
        return f"Resize({self.size}, interpolation={self.interpolation!r}{more})"
