"""Colours: each change against its equation or Pillow's, ranges, order, seeds."""

import colorsys
import itertools

import numpy as np
import pytest
from image_examples import palette_image, pixels
from PIL import Image, ImageEnhance

import scratchnet
from scratchnet.transforms import ColorJitter, Grayscale

ARRAY = pixels(12, 15)
FACTORS = [0.0, 0.3, 0.99, 1.5, 4.0]


def grey(array):
    r, g, b = array.astype(float).transpose(2, 0, 1)
    return 0.299 * r + 0.587 * g + 0.114 * b


def blend(f, x, other):
    return np.clip(f * x.astype(float) + (1 - f) * other, 0, 255)


# Pillow cuts off to whole numbers, and the grey value it blends with is a whole number too: 1 of
# 255, times the weight |1 − f| of the grey.
@pytest.mark.parametrize("f", FACTORS)
def test_brightness_contrast_and_saturation_follow_their_equations(f):
    tolerance = 1 + abs(1 - f)
    for name, other in (
        ("brightness", 0.0),
        ("contrast", grey(ARRAY).mean()),
        ("saturation", grey(ARRAY)[..., None]),
    ):
        found = ColorJitter(**{name: (f, f)})(ARRAY).astype(float)
        assert np.abs(found - blend(f, ARRAY, other)).max() <= tolerance, name


@pytest.mark.parametrize("f", FACTORS)
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_a_fixed_factor_gives_what_pillow_gives(name, enhance, f):
    image = Image.fromarray(ARRAY)
    found = ColorJitter(**{name: (f, f)})(image)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(enhance(image).enhance(f)))


@pytest.mark.parametrize("turn", [-0.5, -0.3, -0.001, 0.1, 0.5])
def test_hue_turns_in_steps_of_pillows_hsv(turn):
    h, s, v = np.moveaxis(np.asarray(Image.fromarray(ARRAY).convert("HSV")).astype(int), -1, 0)
    turned = (h + int(turn * 255)) % 256
    hsv = np.stack([turned, s, v], axis=-1).astype(np.uint8)
    expected = np.asarray(Image.frombytes("HSV", (15, 12), hsv.tobytes()).convert("RGB"))
    np.testing.assert_array_equal(ColorJitter(hue=(turn, turn))(ARRAY), expected)


def test_a_third_of_a_turn_makes_red_green():
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 200
    found = ColorJitter(hue=(1 / 3, 1 / 3))(red)[0, 0] / 255
    hue, saturation, value = colorsys.rgb_to_hsv(*found)
    assert abs(hue - 1 / 3) < 1 / 100  # 256 steps in Pillow, cut off
    assert (saturation, value) == (1, 200 / 255)


def test_hue_leaves_grey_images_alone_and_keeps_other_modes():
    image = Image.fromarray(ARRAY[..., 0])
    assert ColorJitter(hue=0.4)(image) is image
    assert ColorJitter(0.4, 0.4, 0.4, 0.4)(image, rng=0).mode == "L"


@pytest.mark.parametrize("mode", ["1", "P", "PA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"])
def test_a_mode_without_such_colours_is_refused_and_named(mode):
    with pytest.raises(TypeError, match=f"got mode {mode}: convert with to_rgb"):
        ColorJitter(0.5)(Image.new(mode, (3, 3)))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_stays(mode):
    alpha = Image.fromarray(pixels(12, 15, 1, seed=1))
    image = Image.fromarray(ARRAY if mode == "RGBA" else ARRAY[..., 0])
    plain = image.copy()
    image.putalpha(alpha)
    found = ColorJitter(0.4, 0.4, 0.4, 0.3)(image, rng=0)
    assert found.mode == mode
    np.testing.assert_array_equal(np.asarray(found.getchannel("A")), np.asarray(alpha))
    expected = ColorJitter(0.4, 0.4, 0.4, 0.3)(plain, rng=0)
    colours = np.asarray(found)[..., : len(mode) - 1].reshape(np.asarray(expected).shape)
    np.testing.assert_array_equal(colours, np.asarray(expected))


def test_numpys_numbers_and_arrays_are_ranges_too():
    jitter = ColorJitter(np.float32(0.5), np.array([0.5, 2]))
    assert (jitter.brightness, jitter.contrast) == ((0.5, 1.5), (0.5, 2.0))


def test_numbers_are_ranges_around_no_change():
    jitter = ColorJitter(0.4, 1.5, (0.5, 0.75), 0.1)
    assert jitter.brightness == (0.6, 1.4)
    assert jitter.contrast == (0.0, 2.5)
    assert jitter.saturation == (0.5, 0.75)
    assert jitter.hue == (-0.1, 0.1)
    nothing = ColorJitter(0, (1.0, 1.0), 0.0, 0)
    assert {nothing.brightness, nothing.contrast, nothing.saturation, nothing.hue} == {None}
    np.testing.assert_array_equal(nothing(ARRAY), ARRAY)


def test_factors_are_uniform():
    image = np.full((1, 1), 100, np.uint8)  # brightness f makes it ⌊100 f⌋
    jitter, rng = ColorJitter(brightness=(0.5, 1.5)), np.random.default_rng(0)
    values = np.sort([jitter(image, rng)[0, 0] for _ in range(2000)])
    # Kolmogorov-Smirnov: 1.95 / √2000 once in 1000 seeds, and 1 of 100 for the whole steps
    assert np.abs(values / 100 - np.linspace(0.5, 1.5, 2000)).max() < 0.044 + 0.01


def test_the_changes_come_in_every_order_equally_often():
    fixed = {"brightness": (1.7, 1.7), "contrast": (0.4, 0.4), "saturation": (2.5, 2.5)}
    image, expected = Image.fromarray(ARRAY), []
    for order in itertools.permutations(fixed):
        changed = image
        for name in order:
            changed = ColorJitter(**{name: fixed[name]})(changed)
        expected.append(changed.tobytes())
    assert len(set(expected)) == 6  # the order can be seen
    jitter, rng = ColorJitter(**fixed), np.random.default_rng(0)
    counts = np.zeros(6)
    for _ in range(600):
        counts[expected.index(jitter(image, rng).tobytes())] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 20.6  # χ² with 5 degrees, once in 1000 seeds


def test_the_same_seed_gives_the_same_colours():
    def three(jitter, **options):
        return [jitter(ARRAY, **options).tobytes() for _ in range(3)]

    first = three(ColorJitter(0.5, 0.5, 0.5, 0.5, rng=1))
    assert first == three(ColorJitter(0.5, 0.5, 0.5, 0.5, rng=1))
    assert len(set(first)) == 3
    assert three(ColorJitter(0.5, 0.5, 0.5, 0.5), rng=1) == [first[0]] * 3
    scratchnet.manual_seed(1)
    assert first == three(ColorJitter(0.5, 0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"brightness": -0.1}, "brightness must not be below 0, got -0.1"),
        ({"contrast": (-0.5, 1)}, "contrast must lie within 0.0"),
        ({"saturation": (2, 1)}, "saturation must lie within"),
        ({"hue": 0.6}, "hue must lie within -0.5 … 0.5, got 0.6"),
        ({"hue": (-0.6, 0)}, "hue must lie within"),
        ({"brightness": float("nan")}, "brightness must"),
        ({"brightness": (1, float("inf"))}, "brightness must"),
        ({"brightness": (1, 2, 3)}, r"brightness is one number or a range .*, got \(1, 2, 3\)"),
        ({"saturation": None}, "saturation is one number or a range .*, got None"),
        ({"hue": (0.1,)}, "hue is one number or a range"),
        ({"contrast": "0.5"}, "contrast is one number or a range"),
        ({"contrast": np.ones((2, 2))}, "contrast is one number or a range"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ColorJitter(**options)


@pytest.mark.parametrize("channels", [1, 3])
def test_grayscale_is_pillows_grey_in_one_or_three_channels(channels):
    expected = np.asarray(Image.fromarray(ARRAY).convert("L"))
    found = Grayscale(channels)(ARRAY)
    assert found.shape == (12, 15, channels)
    for c in range(channels):
        np.testing.assert_array_equal(found[..., c], expected)
    assert np.abs(expected - grey(ARRAY)).max() <= 0.51  # rounded to whole numbers
    assert Grayscale(channels)(palette_image()).mode == {1: "L", 3: "RGB"}[channels]
    with pytest.raises(ValueError, match="1 or 3, got 2"):
        Grayscale(2)
