"""Mirror images, at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.random import Rng
from scratchnet.transforms._image import ImageLike, as_pillow, like, pillow
from scratchnet.transforms._random import RandomTransform, check_batch

__all__ = ["RandomHorizontalFlip"]


class RandomHorizontalFlip(RandomTransform):
    """Swap left and right with probability p.

        y[h, w] = x[h, W − 1 − w]   with probability p, else x[h, w]

    rng: see `scratchnet.transforms`.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        super().__init__(rng)
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p is a probability, got {p}")
        self.p = p

    def __call__(self, image: ImageLike, rng: Rng = None) -> Any:
        source = as_pillow(image)
        if self.generator(rng).random() >= self.p:
            return image
        return like(image, source.transpose(pillow().Transpose.FLIP_LEFT_RIGHT))

    def batch(self, images: NDArray[Any], rng: Rng = None) -> NDArray[Any]:
        """Return a copy of images (N, C, H, W), of any dtype, each flipped with probability p."""
        images = check_batch("RandomHorizontalFlip", images)
        flip = self.generator(rng).random(len(images)) < self.p
        return np.where(flip[:, None, None, None], images[..., ::-1], images)

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"
