"""Colours changed at random, and colours taken away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchnet.random import Rng
from scratchnet.transforms._image import ImageLike, as_pillow, like, numbers, pillow
from scratchnet.transforms._random import RandomTransform

__all__ = ["ColorJitter", "Grayscale"]

Range = tuple[float, float] | None

_GREY_MODES, _COLOUR_MODES = ("L", "LA"), ("RGB", "RGBA")  # grey has no hue


class ColorJitter(RandomTransform):
    """Change brightness, contrast, saturation and hue by random factors, in a random order.

        brightness:  y = f · x
        contrast:    y = f · x + (1 − f) · mean of the grey image
        saturation:  y = f · x + (1 − f) · grey(x)
        hue:         h' = h + int(255 f) of the 256 steps of the colour circle
        f ~ Uniform[max(0, 1 − value), 1 + value] for the first three, Uniform[−hue, hue]

    Each is one number or a range (low, high); a factor that cannot change anything is left out.
    Values are cut off to 0 … 255 after each step, so the order matters. Hue needs 0 ≤ hue ≤ 0.5
    and is done in Pillow's HSV; as in torchvision, the factor is 255, so a half (f = 0.5) turns it by
    127 steps.

    An image is grey or RGB, of 8 bits, with or without alpha, which stays. Another mode raises a
    TypeError: `to_rgb` converts it.

    rng: see `scratchnet.transforms`. The factors are drawn first and then the order.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(rng)
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = _factors("hue", hue, centre=0.0, low=-0.5, high=0.5)

    def __call__(self, image: ImageLike, rng: Rng = None) -> Any:
        from PIL import ImageEnhance

        source = as_pillow(image)
        if source.mode not in (*_GREY_MODES, *_COLOUR_MODES):
            raise TypeError(
                f"ColorJitter takes grey and RGB images of 8 bits, got mode {source.mode}: convert "
                "with to_rgb"
            )
        generator = self.generator(rng)
        changes = (
            (self.brightness, lambda x, f: ImageEnhance.Brightness(x).enhance(f)),
            (self.contrast, lambda x, f: ImageEnhance.Contrast(x).enhance(f)),
            (self.saturation, lambda x, f: ImageEnhance.Color(x).enhance(f)),
            (self.hue, _turn_hue),
        )
        drawn = [(generator.uniform(*r), change) for r, change in changes if r is not None]
        for i in generator.permutation(len(drawn)):
            factor, change = drawn[i]
            source = change(source, factor)
        return like(image, source)

    def __repr__(self) -> str:
        return (
            f"ColorJitter(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _factors(
    name: str,
    value: float | Sequence[float],
    *,
    centre: float = 1.0,
    low: float = 0.0,
    high: float = math.inf,
) -> Range:
    """Return the range of a factor, or None if it is the `centre` alone, which changes nothing."""
    values = numbers(value)
    if np.ndim(value) == 0 and len(values) == 1:
        (spread,) = values
        if spread < 0:
            raise ValueError(f"{name} must not be below 0, got {value}")
        first, last = centre - spread, centre + spread
        if name != "hue":
            first = max(first, 0.0)
    elif len(values) == 2:
        first, last = values
    else:
        raise ValueError(f"{name} is one number or a range (low, high), got {value!r}")
    if not (low <= first <= last <= high and last < math.inf):
        raise ValueError(f"{name} must lie within {low} … {high}, got {value}")
    return None if first == last == centre else (float(first), float(last))


def _turn_hue(image: Any, turn: float) -> Any:
    if image.mode in _GREY_MODES:
        return image
    Image = pillow()
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.uint8(int(turn * 255) % 256)  # uint8: wraps round the circle
    result = Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(image.mode)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


class Grayscale:
    """Make an image grey.

        y = 0.299 R + 0.587 G + 0.114 B   (ITU-R BT.601, as Pillow computes it)

    num_output_channels: 1, or 3 equal ones.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"num_output_channels is 1 or 3, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def __call__(self, image: ImageLike) -> Any:
        grey = as_pillow(image).convert("L")
        return like(image, grey if self.num_output_channels == 1 else grey.convert("RGB"))

    def __repr__(self) -> str:
        return f"Grayscale({self.num_output_channels})"
