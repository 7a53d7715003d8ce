"""Awkward image files, made by Pillow or by hand: every mode, odd sizes, EXIF, transparency."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def pixels(height, width, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height, width):
    """An image that survives JPEG: slow changes, different in each channel and corner."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([200 * x + 20, 120 * y + 60 * x, 220 - 180 * y], axis=-1).astype(np.uint8)


def encoded(image, format, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def with_orientation(array, value, format="JPEG", **options):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return encoded(array, format, exif=exif, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def stored(data):
    """A zlib stream that does not compress: the same bytes with every zlib."""
    assert len(data) < 65536
    block = b"\x01" + struct.pack("<HH", len(data), 0xFFFF - len(data)) + data
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(data))


def png(width, height, bits, colour, rows, *, before=b"", interlaced=0):
    """A PNG by hand. colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", stored(rows))
        + chunk(b"IEND", b"")
    )


def png16(values, colour, before=b""):
    """A 16-bit PNG of an array (H, W, channels)."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, 16, colour, rows, before=before)


def png_interlaced(array):
    """An RGB PNG in the seven passes of Adam7."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2)]
    passes.append((1, 2, 0, 1))
    rows = b""
    for top, down, left, right in passes:
        part = array[top::down, left::right]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return png(array.shape[1], array.shape[0], 8, 2, rows, interlaced=1)


def tiff(values, *, bits, photometric=1, sample_format=1):
    """A grey TIFF by hand, little-endian, uncompressed, of the bytes in `values` (H, W)."""
    data = values.tobytes() if isinstance(values, np.ndarray) else values[0]
    height, width = values.shape if isinstance(values, np.ndarray) else values[1]
    entries = [
        (256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8),
        (277, 1), (278, height), (279, len(data)), (339, sample_format),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + b"\0\0\0\0"


def palette_image(colours=7):
    return Image.fromarray(pixels(40, 57)).quantize(colours)


def awkward():
    """Return {name: bytes of a file} whose reference is exif_transpose, then convert("RGB")."""
    palette = palette_image()
    grey = pixels(33, 41, 1)
    many = [Image.fromarray(pixels(30, 40, seed=i)).quantize(16) for i in range(3)]
    rgb = [Image.fromarray(pixels(30, 40, seed=i)) for i in range(3)]
    files = {
        f"{h} x {w}.png": encoded(pixels(h, w), "PNG")
        for h, w in [(1, 1), (1, 9), (9, 1), (2, 300), (300, 2), (31, 33), (223, 225), (256, 256)]
        + [(224, 224), (255, 341), (257, 259), (500, 333)]
    }
    files |= {
        f"orientation {i}.jpg": with_orientation(smooth(50, 80), i, quality=90) for i in range(1, 9)
    }
    files |= {
        "orientation 0.jpg": with_orientation(smooth(50, 80), 0),
        "orientation 9.jpg": with_orientation(smooth(50, 80), 9),
        "orientation 6.png": with_orientation(pixels(50, 80), 6, "PNG"),
        "orientation 6.webp": with_orientation(pixels(50, 80), 6, "WEBP", lossless=True),
        "orientation 6 palette.png": with_orientation(palette, 6, "PNG"),
        "palette.png": encoded(palette, "PNG"),
        "palette transparent.png": encoded(palette, "PNG", transparency=2),
        "palette alpha.png": encoded(palette, "PNG", transparency=bytes([0, 9, 128, 255])),
        "grey.png": encoded(grey, "PNG"),
        "grey transparent.png": encoded(grey, "PNG", transparency=7),
        "grey.jpg": encoded(grey, "JPEG"),
        "grey alpha.png": encoded(Image.fromarray(pixels(33, 41, 2), "LA"), "PNG"),
        "black and white.png": encoded(Image.fromarray(grey > 99), "PNG"),
        "rgba.png": encoded(pixels(33, 41, 4), "PNG"),
        "rgb transparent.png": encoded(pixels(33, 41), "PNG", transparency=(1, 2, 3)),
        "rgba.webp": encoded(pixels(33, 41, 4), "WEBP"),
        "cmyk.jpg": encoded(Image.fromarray(smooth(40, 60)).convert("CMYK"), "JPEG"),
        "cmyk.tif": encoded(Image.fromarray(pixels(40, 60)).convert("CMYK"), "TIFF"),
        "progressive.jpg": encoded(smooth(40, 60), "JPEG", progressive=True),
        "interlaced.png": png_interlaced(pixels(19, 23)),
        "animated.gif": encoded(many[0], "GIF", save_all=True, append_images=many[1:]),
        "animated.png": encoded(rgb[0], "PNG", save_all=True, append_images=rgb[1:]),
        "animated.webp": encoded(rgb[0], "WEBP", save_all=True, append_images=rgb[1:]),
        "pages.tif": encoded(rgb[0], "TIFF", save_all=True, append_images=rgb[1:]),
        "two.mpo": encoded(rgb[0], "MPO", save_all=True, append_images=rgb[1:]),
        "lzw.tif": encoded(pixels(33, 41), "TIFF", compression="tiff_lzw"),
        "rgb.bmp": encoded(pixels(33, 41), "BMP"),
        "rgb.ppm": encoded(pixels(33, 41), "PPM"),
        "bits.pbm": encoded(Image.fromarray(grey > 99), "PPM"),
        "16-bit colour.png": png16(pixels(9, 9).astype(np.uint16) * 250, 2),
        "16-bit colour alpha.png": png16(pixels(9, 9, 4).astype(np.uint16) * 250, 6),
    }  # fmt: skip
    return files
