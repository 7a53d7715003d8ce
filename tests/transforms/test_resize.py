"""Resize: torchvision's rounding of the new size, Pillow's filters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_examples import pixels
from PIL import Image

from scratchnet.transforms import Resize

sides = st.integers(1, 60)


@given(sides, sides, sides)
def test_the_short_side_becomes_size_and_the_long_one_is_cut_off(height, width, size):
    new = Resize(size)(pixels(height, width)).shape[:2]
    assert min(new) == size
    # ⌊size · long / short⌋ in whole numbers; the quotient in floats is not off by one here.
    assert max(new) == size * max(height, width) // min(height, width)
    assert (new[0] <= new[1]) == (height <= width) or new[0] == new[1]


@pytest.mark.parametrize(
    ("image", "size", "max_size", "expected"),
    [
        ((480, 640), 256, None, (256, 341)),  # 341.33
        ((640, 480), 256, None, (341, 256)),
        ((3, 2), 5, None, (7, 5)),  # 7.5
        ((100, 300), 50, 120, (40, 120)),
        ((300, 100), 50, 150, (150, 50)),  # not above max_size
        ((100, 301), 60, 100, (33, 100)),  # 60 · 301 / 100 = 180.6; 100 · 60 / 180 = 33.3
        ((10, 20), (7, 5), None, (7, 5)),
        ((10, 20), [6], None, (6, 12)),
        ((10, 20), np.array([7, 5]), None, (7, 5)),
        ((10, 20), np.int64(6), None, (6, 12)),
    ],
)
def test_sizes_worked_out_by_hand(image, size, max_size, expected):
    assert Resize(size, max_size=max_size)(pixels(*image)).shape == (*expected, 3)


@pytest.mark.parametrize("filter", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
@pytest.mark.parametrize("size", [(5, 9), (40, 31)])
def test_the_filters_are_pillows_by_name_and_by_number(filter, size):
    array, number = pixels(17, 23), Image.Resampling[filter.upper()]
    expected = np.asarray(Image.fromarray(array).resize(size[::-1], number))
    for choice in (filter, number, int(number)):
        np.testing.assert_array_equal(Resize(size, choice)(array), expected)


def test_an_image_of_the_size_already_is_returned_itself():
    array = pixels(6, 9)
    image = Image.fromarray(array)
    assert Resize(6)(array) is array
    assert Resize((6, 9))(image) is image


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1), (8, 9, 3)])
def test_an_array_gives_an_array_of_the_same_kind_that_can_be_written(shape):
    array = pixels(8, 9, 3)[..., : shape[-1]] if len(shape) == 3 else pixels(8, 9, 1)
    result = Resize((4, 5))(array)
    assert result.shape == (4, 5, *shape[2:])
    assert result.dtype == np.uint8
    result += 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_pillow_image_keeps_its_mode(mode):
    image = Image.fromarray(pixels(8, 9, 1)).convert(mode)
    assert Resize((4, 5))(image).mode == mode


def test_arrays_that_are_not_contiguous_are_images_too():
    array = pixels(30, 40)
    expected = Resize(10)(np.ascontiguousarray(array[::-2, ::3]))
    np.testing.assert_array_equal(Resize(10)(array[::-2, ::3]), expected)


@pytest.mark.parametrize(
    "size", [0, -3, 2.5, True, (3,) * 3, (), (4, 0), "12", None, [[3, 4]], [3, [4]]]
)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"size is one positive integer or \(height, width\), got"):
        Resize(size)


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"one number, got size=\(3, 4\)"):
        Resize((3, 4), max_size=9)
    with pytest.raises(ValueError, match="must exceed size 9, got 9"):
        Resize(9, max_size=9)
    for filter in ("cubic", 7, None, True):
        with pytest.raises(ValueError, match="interpolation is one of nearest, "):
            Resize(9, filter)


def test_a_result_without_pixels_or_with_too_many_is_refused():
    with pytest.raises(ValueError, match="gives 0 × 2 pixels"):
        Resize(1, max_size=2)(pixels(300, 1))
    with pytest.raises(ValueError, match="gives 300000 × 256 pixels"):
        Resize((256, 300000))(pixels(2, 2))


@pytest.mark.parametrize(
    "value", [np.zeros((3, 4)), np.zeros((3, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8), "a"]
)
def test_what_is_no_image_is_refused(value):
    with pytest.raises(TypeError, match="got"):
        Resize(3)(value)
    with pytest.raises(ValueError, match="no pixels: 0 × 5"):
        Resize(3)(Image.new("RGB", (0, 5)))
