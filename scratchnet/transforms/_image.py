"""What the transforms share: Pillow, images as Pillow images, sizes, filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "MAX_PIXELS",
    "ImageLike",
    "as_pillow",
    "check_filter",
    "like",
    "numbers",
    "pair",
    "pillow",
]

ImageLike: TypeAlias = "Image | NDArray[np.uint8]"  # what a transform takes and gives back

# Pillow warns above 89,478,485 pixels and stops at twice as many; one pixel takes it 4 bytes.
MAX_PIXELS = 2**26

# Pillow's numbers for its filters, so that a filter can be named without loading Pillow.
_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def pillow() -> Any:
    """Return PIL.Image. Raises ImportError without Pillow."""
    try:
        from PIL import Image
    except ImportError as error:
        message = "Pillow is needed for images: pip install 'scratchnet[image]'"
        raise ImportError(message) from error
    return Image


def as_pillow(image: Any) -> Any:
    """Return a Pillow image as it is, and a uint8 array (H, W), (H, W, 1) or (H, W, 3) as one."""
    Image = pillow()
    if isinstance(image, Image.Image):
        if 0 in image.size:
            raise ValueError(f"the image has no pixels: {image.width} × {image.height}")
        return image
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"an image is a Pillow image or a uint8 array (H, W, 3), got {type(image).__name__}"
        )
    channels = image.shape[2:] if image.ndim in (2, 3) else None
    if image.dtype != np.uint8 or channels not in ((), (1,), (3,)) or image.size == 0:
        raise TypeError(
            "an array is an image if it is uint8 and (H, W), (H, W, 1) or (H, W, 3), "
            f"got {image.dtype} {image.shape}"
        )
    return Image.fromarray(image[:, :, 0] if channels == (1,) else image)


def like(given: ImageLike, result: Any) -> Any:
    """Return the Pillow image `result` as an array if `given` was one, with a channel axis if so."""
    if not isinstance(given, np.ndarray):
        return result
    pixels = np.array(result)  # a copy: what Pillow hands out cannot be written to
    return pixels[:, :, None] if given.ndim == 3 and pixels.ndim == 2 else pixels


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Return (height, width): a number, or a sequence of one, means a square."""
    values = numbers(size, "iu")
    if len(values) not in (1, 2) or min(values) < 1:
        raise ValueError(f"size is one positive integer or (height, width), got {size!r}")
    return values[0], values[-1]


def numbers(value: Any, kinds: str = "iuf") -> tuple[Any, ...]:
    """Return a number, or a sequence of them, NumPy's too, as a tuple of Python's numbers.

    What is neither gives an empty tuple. kinds: NumPy's letters, "iu" for integers alone.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a sequence of sequences of several lengths
        return ()
    is_sound = array.ndim < 2 and array.dtype.kind in kinds
    return tuple(array.ravel().tolist()) if is_sound else ()


def check_filter(interpolation: str | int) -> tuple[str, int]:
    """Return the name and Pillow's number of a filter, given as either."""
    for name, number in _FILTERS.items():
        if interpolation in (name, number) and not isinstance(interpolation, bool):
            return name, number
    raise ValueError(f"interpolation is one of {', '.join(_FILTERS)}, got {interpolation!r}")
