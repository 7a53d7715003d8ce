"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from scratchnet.random import Rng, resolve_rng
from scratchnet.transforms._random import RandomTransform

__all__ = ["Compose"]


class Compose:
    """Apply transforms in order; each is anything that can be called with the one before's result.

        y = f_n(… f_2(f_1(x)))

    An `rng` in the call is handed to the random transforms in the list, which then draw from it in
    turn instead of from their own: the same seed gives the same image.

    >>> Compose([abs, float])(-2)
    2.0
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        if not isinstance(transforms, Iterable):
            raise TypeError(f"Compose takes a list of transforms, got {transforms!r}")
        self.transforms = list(transforms)
        for transform in self.transforms:
            if not callable(transform):
                raise TypeError(f"Compose takes what can be called, got {transform!r}")

    def __call__(self, image: Any, rng: Rng = None) -> Any:
        generator = None if rng is None else resolve_rng(rng)
        for transform in self.transforms:
            draws = isinstance(transform, RandomTransform | Compose)
            image = transform(image, generator) if draws else transform(image)
        return image

    def batch(self, images: NDArray[Any], rng: Rng = None) -> Any:
        """Apply the transforms to all images at once, each by its own `batch`.

        A transform that has none (`ColorJitter`, a function) raises a TypeError.
        """
        generator = None if rng is None else resolve_rng(rng)
        for transform in self.transforms:
            if not hasattr(transform, "batch"):
                raise TypeError(f"{transform!r} has no batch: call it image by image")
            draws = isinstance(transform, RandomTransform | Compose)
            images = transform.batch(images, generator) if draws else transform.batch(images)
        return images

    def __repr__(self) -> str:
        return f"Compose({self.transforms})"
