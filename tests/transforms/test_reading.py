"""Reading an image: the picture that was saved comes back, upright and in 8-bit RGB."""

import io
import os
import struct
import sys
import warnings

import numpy as np
import pytest
from image_examples import (
    awkward,
    encoded,
    palette_image,
    pixels,
    png,
    png16,
    png_interlaced,
    smooth,
    tiff,
    with_orientation,
)
from PIL import Image, ImageOps

from scratchnet.transforms import read_image, to_rgb

AWKWARD = awkward()


def read(data, **options):
    image = read_image(io.BytesIO(data), **options)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_file_reads_as_pillow_transposes_and_converts_it(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of palettes with alpha
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(AWKWARD[name])))
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read(AWKWARD[name]), expected)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}), ("BMP", {}), ("PPM", {}), ("TIFF", {}), ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "packbits"}),
    ],
)  # fmt: skip
def test_what_a_lossless_format_saved_comes_back(format, options):
    array = pixels(23, 31)
    np.testing.assert_array_equal(read(encoded(array, format, **options)), array)


def test_an_interlaced_png_is_put_in_order():
    np.testing.assert_array_equal(read(png_interlaced(pixels(19, 23))), pixels(19, 23))


# What undoes each orientation, on the array: flips of the stored image, then its transpose.
TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("value", TURNS)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(format, value):
    array = pixels(5, 8)
    options = {"lossless": True} if format == "WEBP" else {}
    data = with_orientation(array, value, format, **options)
    np.testing.assert_array_equal(read(data), TURNS[value](array))


@pytest.mark.parametrize("value", TURNS)
def test_a_turned_photograph_is_the_upright_one(value):
    upright = read(encoded(smooth(48, 64), "JPEG", quality=95)).astype(int)
    stored = smooth(48, 64)  # turned so that the orientation brings it back
    for _ in range({6: 3, 8: 3}.get(value, 1)):
        stored = TURNS[value](stored)
    found = read(with_orientation(np.ascontiguousarray(stored), value, quality=95)).astype(int)
    # 4: the JPEG is cut into blocks at other places, which moves values by a few of 255.
    assert np.abs(found - upright).max() <= 4


def test_grey_16_bit_orientation_is_applied_too():
    values = pixels(5, 8, 1).astype(np.uint16) << 8
    data = with_orientation(values, 6, "PNG")
    np.testing.assert_array_equal(read(data)[..., 0], TURNS[6](values >> 8))


def test_16_bit_grey_is_its_high_byte_and_equals_16_bit_colour():
    values = np.array([[0, 1, 255, 256, 257, 32767, 32768, 65279, 65280, 65535]], np.uint16)
    grey = read(png16(values[..., None], 0))
    assert grey[0, :, 0].tolist() == [0, 0, 0, 1, 1, 127, 128, 254, 255, 255]
    np.testing.assert_array_equal(grey, read(png16(np.repeat(values[..., None], 3, -1), 2)))
    np.testing.assert_array_equal(grey, read(encoded(Image.fromarray(values), "TIFF")))


@pytest.mark.parametrize("factor", [256, 257])
def test_8_bits_widened_to_16_come_back(factor):
    levels = np.arange(256, dtype=np.uint16)[None]
    found = read(png16((levels * factor).astype(np.uint16)[..., None], 0))
    np.testing.assert_array_equal(found[..., 0], levels)


def test_a_16_bit_pgm_is_scaled_by_its_own_maximum():
    data = b"P5 3 1 1023\n" + np.array([0, 512, 1023], ">u2").tobytes()
    assert read(data)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_spans_black_to_white(bits):
    # Pillow cannot write these. One row of 8 // bits pixels, all black but the last.
    count, top = 8 // bits, 2**bits - 1
    levels = [0] * (count - 1) + [top]
    row = sum(level << (8 - bits * (i + 1)) for i, level in enumerate(levels))
    found = read(png(count, 1, bits, 0, bytes([0, row])))
    assert found[0, :, 0].tolist() == [0] * (count - 1) + [255]


def test_transparency_is_dropped_and_the_colours_beneath_stay():
    array = pixels(12, 13, 4)
    array[..., 3] = 0
    np.testing.assert_array_equal(read(encoded(array, "PNG")), array[..., :3])


@pytest.mark.parametrize("transparency", [None, 2, bytes([0, 9, 128, 255])])
def test_a_palette_gives_its_colours(transparency):
    image = palette_image()
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    options = {} if transparency is None else {"transparency": transparency}
    found = read(encoded(image, "PNG", **options))
    np.testing.assert_array_equal(found, colours[np.asarray(image)])


def test_of_several_pictures_the_first_is_read():
    frames = [np.full((6, 7, 3), v, np.uint8) for v in (10, 90, 200)]
    images = [Image.fromarray(f) for f in frames]
    for format in ("PNG", "TIFF", "GIF", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        data = encoded(images[0], format, save_all=True, append_images=images[1:], **options)
        np.testing.assert_array_equal(read(data), frames[0])


# ---------------------------------------------------------------- where white is not defined


@pytest.mark.parametrize(
    "data",
    [
        tiff((bytes(3), (1, 2)), bits=12),
        tiff(np.zeros((2, 3), "<u2"), bits=16, photometric=0),
        tiff(np.zeros((2, 3), "<i2"), bits=16, sample_format=2),
        tiff(np.zeros((2, 3), "<u4"), bits=32),
        tiff(np.zeros((2, 3), "<f4"), bits=32, sample_format=3),
    ],
    ids=["12 bits", "white is zero", "signed", "32 bits", "float"],
)
def test_a_tiff_without_a_defined_white_is_refused(data):
    Image.open(io.BytesIO(data)).load()  # Pillow reads it
    with pytest.raises(ValueError, match=r"the file cannot be read as an image: .* defined white"):
        read(data)


def test_the_tiff_made_by_hand_is_sound_where_white_is_defined():
    values = np.array([[0, 256, 65535]], "<u2")
    assert read(tiff(values, bits=16))[0, :, 0].tolist() == [0, 1, 255]


def test_integer_pixels_in_memory_are_16_bit_or_refused():
    ramp = Image.fromarray(np.array([[0, 256, 65535]], np.int32))
    assert np.asarray(to_rgb(ramp))[0, :, 1].tolist() == [0, 1, 255]
    for values in ([[0, 65536]], [[-1, 5]]):
        with pytest.raises(ValueError, match=r"read as 16 bits.* got -?\d+ to \d+"):
            to_rgb(Image.fromarray(np.array(values, np.int32)))
    with pytest.raises(ValueError, match="mode F"):
        to_rgb(Image.new("F", (2, 2)))


# ---------------------------------------------------------------- laws of to_rgb


def test_to_rgb_returns_an_upright_rgb_image_itself():
    image = Image.fromarray(pixels(3, 4))
    assert to_rgb(image) is image


@pytest.mark.parametrize("name", ["orientation 6.jpg", "palette alpha.png", "grey alpha.png"])
def test_to_rgb_leaves_its_argument_alone_and_done_twice_changes_nothing(name):
    image = Image.open(io.BytesIO(AWKWARD[name]))
    mode, size, before = image.mode, image.size, np.array(image)
    once = to_rgb(image)
    assert (image.mode, image.size) == (mode, size)
    np.testing.assert_array_equal(np.asarray(image), before)
    np.testing.assert_array_equal(np.asarray(to_rgb(once)), np.asarray(once))


# ---------------------------------------------------------------- where it is read from


def test_a_path_a_string_a_file_and_a_stream_give_the_same(tmp_path):
    path = tmp_path / "photo.dat"  # the name does not matter
    path.write_bytes(AWKWARD["31 x 33.png"])

    class Stream(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *args):
            raise io.UnsupportedOperation("seek")

    expected = pixels(31, 33)
    for source in (path, str(path), Stream(path.read_bytes())):
        np.testing.assert_array_equal(np.asarray(read_image(source)), expected)
    with open(path, "rb") as file:
        file.read(5)  # the position does not matter
        np.testing.assert_array_equal(np.asarray(read_image(file)), expected)
        assert not file.closed


def test_a_missing_file_and_a_folder_are_the_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        read_image(tmp_path / "no.png")
    with pytest.raises(IsADirectoryError):
        read_image(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names, on Unix only")
def test_the_path_of_a_pipe_is_refused_at_once_and_a_stream_of_one_is_read(tmp_path):
    path = tmp_path / "p.png"
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"p\.png is not a regular file"):
        read_image(path)
    data = encoded(pixels(4, 5), "PNG")  # fits into what a pipe holds
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        np.testing.assert_array_equal(np.asarray(read_image(stream)), pixels(4, 5))


def test_max_pixels_is_the_largest_image_that_is_read():
    data = encoded(pixels(10, 20), "PNG")
    assert read(data, max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(ValueError, match="the image has 20 × 10 pixels, max_pixels is 199"):
        read(data, max_pixels=199)


def ifd(kind, count, value):
    """EXIF data with one entry, the orientation, of this type, count and value or offset."""
    entry = struct.pack("<HHII", 0x0112, kind, count, value)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


@pytest.mark.parametrize(
    "exif",
    [b"", b"garbage garbage", ifd(3, 1, 6)[:-8], ifd(3, 0, 0), ifd(3, 2**31, 99), ifd(7, 4, 6),
     b"II*\0" + struct.pack("<I", 2**31)],
    ids=["empty", "garbage", "cut off", "no value", "too many", "bytes", "far away"],
)  # fmt: skip
def test_damaged_exif_data_leaves_the_picture_as_it_is_stored(exif):
    data = encoded(smooth(8, 9), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow says that it is damaged
        found = read(data[:2] + segment + data[2:])
    np.testing.assert_array_equal(found, read(data))


def test_without_pillow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'scratchnet\[image\]'"):
        read_image("anything.png")
