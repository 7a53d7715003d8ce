"""From pixels to the numbers that a network takes: scaled to [0, 1], then standardised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.transforms._image import numbers, pillow

__all__ = ["Normalize", "ToArray"]


class ToArray:
    """Turn an image into a float32 array, channels first (torchvision's ToTensor).

        y[c, h, w] = x[h, w, c] / 255

    A Pillow image of 8 bits per channel or of 1 bit (0 and 1), or a uint8 array (H, W) or
    (H, W, C), gives (C, H, W). Floating pixels (a float array, Pillow's mode F) are taken as scaled
    already: they keep their values and dtype. Palette images, whose pixels are numbers of colours,
    and integers of more bits raise a TypeError: `to_rgb` makes 8-bit colours of both.
    """

    def __call__(self, image: Any) -> NDArray[Any]:
        pixels = image
        if not isinstance(image, np.ndarray):
            if not isinstance(image, pillow().Image):
                raise TypeError(
                    f"ToArray takes a Pillow image or an array, got {type(image).__name__}"
                )
            if image.mode in ("P", "PA"):
                raise TypeError(f"pixels of mode {image.mode} are no colours: convert with to_rgb")
            pixels = np.asarray(image)
        if pixels.ndim not in (2, 3):
            raise TypeError(f"ToArray takes (H, W) or (H, W, C), got an array {pixels.shape}")
        return _channels_first(pixels if pixels.ndim == 3 else pixels[:, :, None])

    def batch(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return images (N, H, W) or (N, H, W, C) as (N, C, H, W), scaled in the same way."""
        images = np.asarray(images)
        if images.ndim not in (3, 4):
            raise TypeError(
                f"ToArray.batch takes (N, H, W) or (N, H, W, C), got an array {images.shape}"
            )
        return _channels_first(images if images.ndim == 4 else images[..., None])

    def __repr__(self) -> str:
        return "ToArray()"


def _channels_first(pixels: NDArray[Any]) -> NDArray[Any]:
    moved = np.moveaxis(pixels, -1, -3)  # (..., H, W, C) -> (..., C, H, W)
    if pixels.dtype == np.uint8:
        return np.divide(moved, 255, dtype=np.float32, order="C")
    if pixels.dtype.kind == "f":
        return moved.copy()
    if pixels.dtype == bool:  # Pillow's mode 1
        return moved.astype(np.float32, order="C")
    raise TypeError(f"ToArray takes 8 bits per channel, got {pixels.dtype}: convert with to_rgb")


class Normalize:
    """Standardise each channel of an array (..., C, H, W), in the array's own float dtype.

        y[c] = (x[c] − mean[c]) / std[c]

    mean, std: one number for each channel, or one for all.

    >>> Normalize(mean=[0.5], std=[0.25])(np.array([[[0.0, 0.5, 1.0]]]))
    array([[[-2.,  0.,  2.]]])
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = (tuple(map(float, numbers(value))) for value in (mean, std))
        if not self.mean or not self.std:
            raise ValueError(
                f"mean and std are numbers, one for each channel or one for all: got {mean!r} and {std!r}"
            )
        if any(np.float32(s) == 0 for s in self.std):
            raise ValueError(f"std must not be 0, got {self.std}")

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim < 3:
            found = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"Normalize takes a float array (..., C, H, W), got {found}")
        for values in (self.mean, self.std):
            if len(values) not in (1, x.shape[-3]):
                raise ValueError(
                    f"{self!r} needs {len(values)} channels, x has {x.shape[-3]}: {x.shape}"
                )
        y = x - np.array(self.mean, x.dtype)[:, None, None]
        y /= np.array(self.std, x.dtype)[:, None, None]
        return y

    def batch(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return images (N, C, H, W) standardised: the same as a call."""
        return self(images)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"
