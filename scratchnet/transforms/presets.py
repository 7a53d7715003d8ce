"""The preprocessing that pretrained weights were evaluated with.

Training cut and flipped images at random (`RandomResizedCrop`, `RandomHorizontalFlip`), but with the same
scale, mean and standard deviation. Those must be the same: the first convolution, and the mean and
variance that the first batch norm keeps, were fitted to values on this scale, from −2.1 to 2.6;
pixels from 0 to 255 are hundreds of standard deviations away from it. With another size the accuracy
is not the one that was measured.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.transforms._image import as_pillow
from scratchnet.transforms.arrays import Normalize, ToArray
from scratchnet.transforms.compose import Compose
from scratchnet.transforms.crop import CenterCrop
from scratchnet.transforms.reading import read_image, to_rgb
from scratchnet.transforms.resize import Resize

__all__ = ["ImageClassification"]


class ImageClassification:
    """Turn an image into what an ImageNet model is evaluated on: float32 (3, crop, crop).

        Resize(resize_size) → CenterCrop(crop_size) → x / 255 → (x − mean) / std

    The order matters: the filter works on the 8-bit colours, and the crop is cut after it.

    image: a path, a Pillow image, or a uint8 array (H, W), (H, W, 1) or (H, W, 3). Files go through
    `read_image`, and a Pillow image through `to_rgb`, so it is upright and in RGB whatever it was:
    `preset(path)` is `preset(Image.open(path))`.

    An upright RGB image gives torchvision's result bit for bit (torchvision on Pillow images, whose
    resizing is antialiased; its own resizing of tensors differs in the last bits). mean and std are
    those of ImageNet's training images on the scale from 0 to 1. A batch of one is
    `preset(path)[None]`; of several, `np.stack([preset(path) for path in paths])`.
    """

    def __init__(
        self,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: str | int = "bilinear",
    ) -> None:
        resize, crop = Resize(resize_size, interpolation), CenterCrop(crop_size)
        normalize = Normalize(mean, std)
        self.crop_size, self.resize_size = crop.size, resize.size
        self.mean, self.std = normalize.mean, normalize.std
        self.interpolation = resize.interpolation
        self._steps = Compose([resize, crop, ToArray(), normalize])

    def __call__(self, image: Any) -> NDArray[np.float32]:
        if isinstance(image, str | os.PathLike):
            image = read_image(image)
        return self._steps(to_rgb(as_pillow(image)))

    def describe(self) -> str:
        """Return in one line what is done."""
        if isinstance(self.resize_size, int):
            resize = f"short side resized to {self.resize_size}"
        else:
            resize = "resized to {} × {}".format(*self.resize_size)
        return (
            f"{resize} ({self.interpolation}, antialiased), centre crop {{}} × {{}}, ".format(
                *self.crop_size
            )
            + "scaled to [0, 1], "
            + f"minus mean {self.mean}, divided by std {self.std}"
        )

    def __repr__(self) -> str:
        return (
            f"ImageClassification(crop_size={self.crop_size}, resize_size={self.resize_size}, "
            f"mean={self.mean}, std={self.std}, interpolation={self.interpolation!r})"
        )
