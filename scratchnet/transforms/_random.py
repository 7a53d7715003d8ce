"""What random transforms share: where their numbers come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.random import Rng, resolve_rng

__all__ = ["RandomTransform", "check_batch"]


class RandomTransform:
    """A transform that draws: `transform(image, rng=None)`.

    rng: a seed, which starts one generator for the life of the transform, or a generator; without
    it, the generator that `scratchnet.manual_seed` seeds. An `rng` in the call comes first.
    """

    def __init__(self, rng: Rng = None) -> None:
        self.rng = None if rng is None else resolve_rng(rng)

    def generator(self, rng: Rng) -> np.random.Generator:
        """Return the generator for this call."""
        return resolve_rng(self.rng if rng is None else rng)

    def __call__(self, image: Any, rng: Rng = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")


def check_batch(name: str, images: Any) -> NDArray[Any]:
    """Return images (N, C, H, W) as they are; anything else raises."""
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images)
        raise TypeError(f"{name}.batch takes an array (N, C, H, W), got {found}")
    return images
