"""Cutting a part out of an image: the centre, a random place, a random place and size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scratchnet.random import Rng
from scratchnet.transforms._image import ImageLike, as_pillow, check_filter, like, numbers, pair
from scratchnet.transforms._random import RandomTransform, check_batch

__all__ = ["CenterCrop", "RandomCrop", "RandomResizedCrop"]

_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")

_WIDE_MODES = {"I;16": np.uint16, "I": np.int32, "F": np.float32}  # the other modes have 8 bits


class CenterCrop:
    """Cut out the centre: height × width of `size`, one number meaning a square.

        top = round((H − h) / 2),   left = round((W − w) / 2)

    A half is rounded to the even number, as Python's `round` does. Where the image is smaller, the
    missing pixels are 0, and if they are odd in number, the extra one is below or on the right.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair(size)

    def __call__(self, image: ImageLike) -> Any:
        source = as_pillow(image)
        height, width = self.size
        top, left = _centred(source.height, height), _centred(source.width, width)
        # Pillow fills with 0 what lies outside the image.
        return like(image, source.crop((left, top, left + width, top + height)))

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


def _centred(length: int, part: int) -> int:
    return round((length - part) / 2) if part <= length else -((part - length) // 2)


class RandomCrop(RandomTransform):
    """Cut out height × width of `size` at a random place, each place with the same probability.

        top ~ Uniform{0 … H − h},   left ~ Uniform{0 … W − w},   H and W after padding

    padding: pixels added first: on every side; (left and right, top and bottom); or
        (left, top, right, bottom). 4 is usual for 32 × 32 images.
    pad_if_needed: where the image is still smaller than the crop, pad both sides with what is
        missing. Otherwise such an image raises a ValueError.
    fill: the value, or one for each channel, of the padding if its mode is "constant". Where pixels
        are integers it is rounded, and one outside their range raises a ValueError.
    padding_mode: "constant"; "edge" repeats the border; "reflect" mirrors the image without the
        border, 3 2 | 1 2 3, and "symmetric" with it, 2 1 | 1 2 3.
    rng: see `scratchnet.transforms`.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(rng)
        self.size = pair(size)
        self.padding = _sides(padding)
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode is one of {', '.join(_PADDING_MODES)}, got {padding_mode!r}"
            )
        if not numbers(fill):
            raise ValueError(f"fill is a number, or one for each channel, got {fill!r}")
        self.pad_if_needed, self.fill, self.padding_mode = pad_if_needed, fill, padding_mode

    def __call__(self, image: ImageLike, rng: Rng = None) -> Any:
        source = as_pillow(image)
        for sides in self._paddings(source.height, source.width):
            source = self._pad(source, sides)
        tops, lefts = self._places(source.height, source.width, 1, self.generator(rng))
        top, left = int(tops[0]), int(lefts[0])
        height, width = self.size
        return like(image, source.crop((left, top, left + width, top + height)))

    def batch(self, images: NDArray[Any], rng: Rng = None) -> NDArray[Any]:
        """Return images (N, C, H, W), of any dtype, each cropped at a place of its own."""
        x = check_batch("RandomCrop", images)
        for sides in self._paddings(x.shape[2], x.shape[3]):
            x = self._pad_batch(x, sides)
        n, _, H, W = x.shape
        top, left = self._places(H, W, n, self.generator(rng))
        windows = sliding_window_view(x, self.size, axis=(2, 3))  # (N, C, H−h+1, W−w+1, h, w)
        return windows[np.arange(n), :, top, left]  # (N, C, h, w)

    def _paddings(self, height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
        left, top, right, bottom = self.padding
        if any(self.padding):
            yield self.padding
        if self.pad_if_needed:
            rows = max(self.size[0] - height - top - bottom, 0)
            columns = max(self.size[1] - width - left - right, 0)
            if rows or columns:
                yield columns, rows, columns, rows

    def _places(
        self, height: int, width: int, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        h, w = self.size
        if h > height or w > width:
            raise ValueError(
                f"a crop of {h} × {w} (height × width) does not fit into {height} × {width}: "
                "give padding or pad_if_needed=True"
            )
        return rng.integers(height - h + 1, size=n), rng.integers(width - w + 1, size=n)

    def _pad(self, source: Any, sides: tuple[int, int, int, int]) -> Any:
        if self.padding_mode == "constant":
            from PIL import ImageOps

            dtype = np.dtype(_WIDE_MODES.get(source.mode, np.uint8))
            fill = self._fill_for(len(source.getbands()), dtype).tolist()
            return ImageOps.expand(source, sides, tuple(fill) if len(fill) > 1 else fill[0])
        left, top, right, bottom = sides
        pixels = np.asarray(source)
        widths = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
        pixels = np.pad(pixels, widths, mode=self.padding_mode)  # type: ignore[call-overload]
        # A crop that reaches over the border has the mode and the palette; then all pixels are set.
        padded = source.crop((-left, -top, source.width + right, source.height + bottom))
        data = np.packbits(pixels, axis=1) if source.mode == "1" else pixels  # 8 pixels in a byte
        padded.frombytes(data.tobytes())
        return padded

    def _fill_for(self, channels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the values for so many channels of pixels of this dtype, (channels,)."""
        values = np.array(self.fill, float)
        if values.size not in (1, channels):
            raise ValueError(f"fill={self.fill} does not fit images of {channels} channels")
        if dtype.kind in "iub":
            low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            values = np.rint(values)
            if not ((low <= values) & (values <= high)).all():
                raise ValueError(f"fill={self.fill} does not fit pixels from {low} to {high}")
        return np.broadcast_to(values.astype(dtype), channels)

    def _pad_batch(self, x: NDArray[Any], sides: tuple[int, int, int, int]) -> NDArray[Any]:
        left, top, right, bottom = sides
        N, C, H, W = x.shape
        if self.padding_mode != "constant":
            widths = [(0, 0), (0, 0), (top, bottom), (left, right)]
            return np.pad(x, widths, mode=self.padding_mode)  # type: ignore[call-overload]
        padded = np.empty((N, C, top + H + bottom, left + W + right), x.dtype)
        padded[...] = self._fill_for(C, x.dtype)[:, None, None]
        padded[:, :, top : top + H, left : left + W] = x
        return padded

    def __repr__(self) -> str:
        return (
            f"RandomCrop({self.size}, padding={self.padding}, pad_if_needed={self.pad_if_needed}, "
            f"fill={self.fill}, padding_mode={self.padding_mode!r})"
        )


def _sides(padding: int | Sequence[int] | None) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom)."""
    values = numbers(0 if padding is None else padding, "iu")
    if len(values) not in (1, 2, 4) or min(values) < 0:
        raise ValueError(
            "padding is one number, (left and right, top and bottom) or (left, top, right, bottom), "
            f"none below 0: got {padding!r}"
        )
    left, top, right, bottom = (values * 4)[:4]
    return left, top, right, bottom


class RandomResizedCrop(RandomTransform):
    """Cut out a random part of an image and resize it to height × width of `size`.

        area ~ H·W · Uniform(scale),   ratio ~ exp Uniform(log ratio)
        w = round(√(area · ratio)),   h = round(√(area / ratio)),   then a random place

    The first of ten tries that fits into the image is taken. If none does, it is the largest
    centred part whose width / height is within `ratio`. The augmentation of ImageNet training.
    Source: Szegedy et al. 2015, "Going deeper with convolutions", section 6.

    rng: see `scratchnet.transforms`.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: str | int = "bilinear",
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(rng)
        self.size = pair(size)
        self.scale, self.ratio = numbers(scale), numbers(ratio)
        for name, given, range_ in (("scale", scale, self.scale), ("ratio", ratio, self.ratio)):
            if len(range_) != 2 or not 0 < range_[0] <= range_[1] < math.inf:
                raise ValueError(f"{name} is a range (low, high) above 0, got {given!r}")
        self.interpolation, self._filter = check_filter(interpolation)

    def __call__(self, image: ImageLike, rng: Rng = None) -> Any:
        source = as_pillow(image)
        left, top, width, height = self._part(source.width, source.height, self.generator(rng))
        part = source.crop((left, top, left + width, top + height))
        if part.size != self.size[::-1]:
            part = part.resize(self.size[::-1], self._filter)
        return like(image, part)

    def _part(self, W: int, H: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """Return left, top, width and height of the part to cut out of W × H."""
        low, high = self.ratio
        area = W * H * rng.uniform(self.scale[0], self.scale[1], 10)
        ratio = np.exp(rng.uniform(math.log(low), math.log(high), 10))
        widths, heights = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
        fits = (widths > 0) & (widths <= W) & (heights > 0) & (heights <= H)
        if fits.any():
            first = fits.argmax()
            w, h = int(widths[first]), int(heights[first])
            return int(rng.integers(W - w + 1)), int(rng.integers(H - h + 1)), w, h
        w = min(W, max(1, round(H * high)))
        h = min(H, max(1, round(W / low)))
        return (W - w) // 2, (H - h) // 2, w, h

    def __repr__(self) -> str:
        return (
            f"RandomResizedCrop({self.size}, scale={self.scale}, ratio={self.ratio}, "
            f"interpolation={self.interpolation!r})"
        )
