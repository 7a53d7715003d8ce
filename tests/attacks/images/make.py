"""Write the image files in this folder: damaged ones, and ones made to hurt whoever opens them.

    python tests/attacks/images/make.py

`tests/transforms/test_image_attacks.py` reads each of them and expects an error that names it.
"""

import struct
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))  # for `image_examples`


def png_header(width, height):
    """A PNG that promises width × height RGB pixels and holds hardly any."""
    from image_examples import png

    return png(width, height, 8, 2, b"\0" * 100)


def jpeg_header(width, height):
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def gif_header(width, height):
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return screen + frame + b"\x02\x02\x44\x01\x00;"


def bmp_header(width, height):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + info + b"\0" * 16


def webp_header(width, height):
    extended = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    lossless = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0"
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4 + extended
    body += b"VP8L" + struct.pack("<I", len(lossless)) + lossless
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(*entries, data=b""):
    """A little-endian TIFF of these (tag, value) pairs, or (tag, type, count, value)."""
    full = [e if len(e) == 4 else (e[0], 4, 1, e[1]) for e in entries]
    directory = struct.pack("<H", len(full)) + b"".join(struct.pack("<HHII", *e) for e in full)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + b"\0\0\0\0"


def tiff_grey(width, height, *more, data=b"\0" * 16):
    size = [(256, width), (257, height), (258, 8), (259, 1), (262, 1)]
    return tiff(*size, *more, data=data)


def attacks():
    """Return {name: content}."""
    from image_examples import chunk, encoded, pixels, png, smooth, stored

    sound_png = encoded(pixels(20, 30), "PNG")
    photo = encoded(smooth(60, 80), "JPEG")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels(4, 5))
    by_hand = png(5, 4, 8, 2, rows)
    # One bit of a pixel is another, and the checksum of the chunk fits it, but zlib's does not.
    wrong = bytearray(stored(rows))
    wrong[20] ^= 1
    text = zlib.compress(b"\0" * 2**22)
    strips = [(273, 8), (278, 2**31), (279, 2**31)]
    # A width that is text (type 2), which a product with the length would repeat.
    text_tiles = [(322, 2, 2, ord("a")), (323, 2**29)]
    tiles = [(322, 2**15), (323, 2**15), (324, 8), (325, 16)]
    return {
        "empty.png": b"",
        "text.jpg": b"This is a text file, whatever its name says.\n",
        "page.png": b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
        # Pillow would hand this to Ghostscript.
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "array.png": b"\x93NUMPY\x01\x00" + b"v\x00{'descr': '|u1', 'fortran_order': False}",
        "cut-off.png": sound_png[: len(sound_png) // 2],
        "no-end.png": sound_png[:-12],
        "cut-off.jpg": photo[: len(photo) // 2],
        "cut-off.gif": encoded(pixels(20, 30), "GIF")[:-300],
        "cut-off.webp": encoded(pixels(20, 30), "WEBP")[:-50],
        "cut-off.bmp": encoded(pixels(20, 30), "BMP")[:-50],
        "cut-off.ppm": encoded(pixels(20, 30), "PPM")[:-50],
        "cut-off.tif": tiff_grey(20, 30, (273, 8), (278, 30), (279, 600)),
        "head-alone.jpg": jpeg_header(8, 8),
        "wrong-checksum.png": by_hand[:60] + bytes([by_hand[60] ^ 1]) + by_hand[61:],
        "wrong-pixels.png": by_hand[:33] + chunk(b"IDAT", bytes(wrong)) + chunk(b"IEND", b""),
        "no-width.png": png(0, 4, 8, 2, b"\0" * 4),
        # Above read_image's limit and below that at which Pillow warns: 10000 × 8000.
        "large.png": png_header(10000, 8000),
        # Pillow warns.
        "larger.png": png_header(10000, 10000),
        "bomb.png": png_header(2**31 - 1, 2**31 - 1),
        "bomb.jpg": jpeg_header(65500, 65500),
        "bomb.gif": gif_header(65535, 65535),
        "bomb.bmp": bmp_header(2**31 - 1, 2**31 - 1),
        "bomb.webp": webp_header(2**14, 2**14),
        "large.webp": webp_header(10000, 8000),
        "bomb.ppm": b"P6 99999999 99999999 255\n" + b"\0" * 16,
        "digits.ppm": b"P6 " + b"9" * 5000 + b" 1 255\n",
        "bomb.tif": tiff_grey(2**31 - 1, 2**31 - 1, *strips),
        "bomb-strip.tif": tiff_grey(16, 2**21, *strips),
        # A small image in one tile of 2³⁰ pixels.
        "bomb-tile.tif": tiff_grey(16, 16, *tiles),
        "bomb-tile-lzw.tif": tiff((256, 16), (257, 16), (258, 8), (259, 5), (262, 1), *tiles),
        "bomb-tile-text.tif": tiff_grey(2, 2, (273, 8), (278, 2), (279, 4), *text_tiles),
        "bomb-count.tif": tiff((256, 3, 2**31, 8), (257, 16), (258, 8), (259, 1), (262, 1)),
        "bomb-text.png": by_hand[:33] + chunk(b"zTXt", b"a\0\0" + text) + by_hand[33:],
        # The directory of the file is followed by itself.
        "directory-loop.tif": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    }  # fmt: skip


if __name__ == "__main__":
    for name, content in attacks().items():
        (HERE / name).write_bytes(content)
