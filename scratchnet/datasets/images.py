"""A photograph that ships with the package; Pillow (the extra `image`) decodes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_sample_image", "sample_image_path"]

_FILES = Path(__file__).with_name("files")


def sample_image_path(image_name: str = "chelsea.jpg") -> Path:
    """Return the file of a photograph; source and licence stand in the `.md` file beside it.

    There is one: `chelsea.jpg`, the face of a tabby cat. Another name raises a ValueError.
    """
    names = sorted(path.name for path in _FILES.glob("*.jpg"))
    if image_name not in names:
        raise ValueError(f"there is no photograph {image_name!r}, only {', '.join(names)}")
    return _FILES / image_name


def load_sample_image(image_name: str = "chelsea.jpg") -> NDArray[np.uint8]:
    """Return a photograph as an array (H, W, 3): red, green and blue, each from 0 to 255.

    `chelsea.jpg` is 300 pixels high and 451 wide. Every call returns a new array. Decoders of JPEG
    may round differently, so single values can differ by a few units between Pillow's versions.
    """
    path = sample_image_path(image_name)
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pillow is needed to read photographs: pip install 'scratchnet[image]'"
        ) from error
    with Image.open(path, formats=["JPEG"]) as image:
        return np.array(image.convert("RGB"))
