"""Reading an image file from outside: checked first, then upright and in 8-bit RGB."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from scratchnet.files import open_regular
from scratchnet.transforms._image import MAX_PIXELS, as_pillow, pillow

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read_image", "to_rgb"]

# Named, because Pillow knows forty more, some of which start other programs (EPS: Ghostscript).
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")

_ORIENTATION = 0x0112  # EXIF tags, which are also TIFF's
_BITS_PER_SAMPLE = 0x0102
_PHOTOMETRIC = 0x0106  # 1: black is zero
_SAMPLE_FORMAT = 0x0153  # 1: unsigned
_TILE_WIDTH, _TILE_LENGTH = 0x0142, 0x0143


def read_image(file: str | os.PathLike[str] | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in an image file as a Pillow image: upright, RGB, 8 bits (see `to_rgb`).

    file: the path of a regular file (a pipe might never end), or a file opened in binary mode, which
    is read from its beginning. It is JPEG, PNG, GIF, BMP, WEBP, TIFF or PPM, recognised by its content
    and not by its name. Of several pictures (an animation, pages) the first is taken.

    A file that is none of these, is cut off, or fails its checksums (PNG) raises a ValueError that
    begins with the file's name; so does one of more than `max_pixels`, before its pixels are
    unpacked. What Pillow cannot tell from a picture is read: damage inside the compressed pixels of
    a JPEG, a stream of pixels that is complete but too short (the rest is black). A missing file
    raises FileNotFoundError.
    """
    pillow()  # without it nothing is opened
    if isinstance(file, str | os.PathLike):
        with io.BufferedReader(open_regular(file)) as opened:
            return _read(opened, os.fspath(file), max_pixels)
    stream = file if file.seekable() else io.BytesIO(file.read())
    return _read(stream, str(getattr(file, "name", "the file")), max_pixels)


def _read(stream: BinaryIO, name: str, max_pixels: int) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(stream, formats=_FORMATS)  # reads the header alone
        _check_size(image, max_pixels)
        if image.format == "PNG":
            image.verify()  # the checksums, which decoding alone passes over
            image = Image.open(stream, formats=_FORMATS)
        return to_rgb(image)
    except UnidentifiedImageError as error:
        reason = f"it has no sound header of {', '.join(_FORMATS)}"
        raise ValueError(f"{name} cannot be read as an image: {reason}") from error
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError
        reason = str(error) or repr(error)
        raise ValueError(f"{name} cannot be read as an image: {reason}") from error


def _check_size(image: Any, max_pixels: int) -> None:
    tags = getattr(image, "tag_v2", {})  # a TIFF is unpacked tile by tile, whatever its own size
    tile = tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1)
    # A tag may hold text, of which the product would be that many copies.
    if not all(isinstance(side, int) and side > 0 for side in tile):
        raise ValueError("the sides of its tiles are not positive integers")
    for what, (width, height) in (("the image", image.size), ("a tile", tile)):
        if width * height > max_pixels:
            raise ValueError(f"{what} has {width} × {height} pixels, max_pixels is {max_pixels}")


def to_rgb(image: Image) -> Image:
    """Return a Pillow image upright and in 8-bit RGB; one that is so already is returned itself.

    - Orientation: turned and flipped as its EXIF data says; where that is missing or damaged (of
      which Pillow warns), the picture is taken as upright.
    - Grey and black-and-white: the three channels are equal.
    - Palette: the colours, not their numbers.
    - Transparency is dropped, as torchvision's loader does: what counts are the colours beneath.
    - 16-bit grey: the high byte. So 16-bit colour is read too, and 8 bits that were widened to
      16 (v·256 or v·257) come back as they were. Pillow's own conversion would make all above 255
      white.
    - CMYK and other colour spaces: Pillow's conversion.

    A ValueError where white is not defined: pixels that are floating, or integers outside 16 bits,
    or a grey TIFF of 12, 32 or signed 16 bits, or one of 16 bits in which white is zero.
    """
    from PIL import ImageOps

    image = as_pillow(image)
    tags = getattr(image, "tag_v2", None)
    is_integer = image.mode.startswith("I")
    if image.mode == "F" or (is_integer and tags is not None and not _is_plain_grey_16(tags)):
        raise ValueError(f"pixels of mode {image.mode} without a defined white: scale to 8 bits")

    image.load()  # which turns a TIFF already, while old versions leave the tag that says to
    if image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if is_integer:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(
                "integer pixels are read as 16 bits, 0 black to 65535 white: "
                f"got {values.min()} to {values.max()}"
            )
        image = pillow().fromarray((values >> 8).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the same colours, and Pillow does not warn
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_plain_grey_16(tags: Any) -> bool:
    found = tags.get(_BITS_PER_SAMPLE), tags.get(_PHOTOMETRIC), tags.get(_SAMPLE_FORMAT, (1,))
    return found == ((16,), 1, (1,))
