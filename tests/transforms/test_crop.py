"""Crops: the centre exactly, random places evenly, one image and whole batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_examples import palette_image, pixels
from PIL import Image

import scratchnet
from scratchnet.transforms import CenterCrop, RandomCrop, RandomResizedCrop

sides = st.integers(1, 25)

# ---------------------------------------------------------------- the centre


@given(sides, sides, sides, sides)
def test_the_centre_of_the_image_padded_with_zeros_where_it_is_smaller(H, W, h, w):
    array = pixels(H, W)
    before, after = ((h - H) // 2, (w - W) // 2), ((h - H + 1) // 2, (w - W + 1) // 2)
    widths = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    padded = np.pad(array, [*widths, (0, 0)])
    top, left = round((padded.shape[0] - h) / 2), round((padded.shape[1] - w) / 2)
    expected = padded[top : top + h, left : left + w]
    np.testing.assert_array_equal(CenterCrop((h, w))(array), expected)
    found = CenterCrop((h, w))(Image.fromarray(array))
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_a_half_is_rounded_to_the_even_place():
    row = np.arange(9, dtype=np.uint8)[None]
    assert CenterCrop((1, 4))(row[:, :5]).tolist() == [[0, 1, 2, 3]]  # 0.5 → 0
    assert CenterCrop((1, 4))(row[:, :7]).tolist() == [[2, 3, 4, 5]]  # 1.5 → 2
    assert CenterCrop((1, 4))(row[:, :9]).tolist() == [[2, 3, 4, 5]]  # 2.5 → 2


def test_one_number_is_a_square():
    assert CenterCrop(3)(pixels(5, 9)).shape == (3, 3, 3)
    with pytest.raises(ValueError, match=r"got \(3, 4, 5\)"):
        CenterCrop((3, 4, 5))


# ---------------------------------------------------------------- a random place

NUMBERED = np.arange(30, dtype=np.uint8).reshape(5, 6)  # each place in it is seen by its number
PADDINGS = [None, 2, (1, 2), (1, 0, 3, 2)]


def places(crops):
    """Count each top left corner."""
    return np.bincount([int(np.asarray(c).flat[0]) for c in crops], minlength=30).reshape(5, 6)


def test_a_random_crop_is_a_part_of_the_image_and_every_place_is_as_probable():
    crop, rng = RandomCrop((3, 4)), np.random.default_rng(0)
    crops = [crop(NUMBERED, rng) for _ in range(1800)]
    for c in crops[:50]:
        top, left = divmod(int(c[0, 0]), 6)
        np.testing.assert_array_equal(c, NUMBERED[top : top + 3, left : left + 4])
    # 9 places, 200 each expected. χ² with 8 degrees of freedom is above 26 once in 1000 seeds.
    counts = places(crops)
    assert counts[3:].sum() == counts[:, 3:].sum() == 0
    assert ((counts[:3, :3] - 200) ** 2 / 200).sum() < 26


def test_a_batch_of_random_crops_has_its_own_place_for_each_image():
    x = np.tile(NUMBERED.astype(np.float32), (1800, 2, 1, 1))
    x[:, 1] += 100
    found = RandomCrop((3, 4)).batch(x, 0)
    assert found.shape == (1800, 2, 3, 4)
    assert found.dtype == np.float32
    for image in found[:50]:
        top, left = divmod(int(image[0, 0, 0]), 6)
        expected = NUMBERED[top : top + 3, left : left + 4]
        np.testing.assert_array_equal(image, [expected, expected + 100])
    counts = places(found[:, 0])
    assert ((counts[:3, :3] - 200) ** 2 / 200).sum() < 26  # as above


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", PADDINGS)
def test_one_image_and_a_batch_are_padded_alike_and_as_numpy_pads(mode, padding):
    array = pixels(7, 8)
    left, top, right, bottom = {
        None: (0, 0, 0, 0), 2: (2, 2, 2, 2), (1, 2): (1, 2, 1, 2),
    }.get(padding, padding)  # fmt: skip
    padded = np.pad(array, [(top, bottom), (left, right), (0, 0)], mode=mode)
    whole = RandomCrop(padded.shape[:2], padding, padding_mode=mode)  # one place is possible
    np.testing.assert_array_equal(whole(array), padded)
    np.testing.assert_array_equal(np.asarray(whole(Image.fromarray(array))), padded)
    found = whole.batch(array.transpose(2, 0, 1)[None])
    np.testing.assert_array_equal(found, padded.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("fill", [0, 77, (10, 20, 30)])
def test_fill_is_one_value_or_one_for_each_channel(fill):
    array = pixels(4, 5)
    expected = np.empty((6, 7, 3), np.uint8)
    expected[:] = fill
    expected[1:-1, 1:-1] = array
    whole = RandomCrop((6, 7), padding=1, fill=fill)
    np.testing.assert_array_equal(whole(array), expected)
    found = whole.batch(array.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("fill", "rounded"), [(2.0, 2), (2.7, 3), ((1.0, 2.4, 254.6), (1, 2, 255)), (-0.4, 0)]
)
def test_fill_is_rounded_where_pixels_are_integers(fill, rounded):
    array = pixels(4, 5)
    whole, expected = (RandomCrop((6, 7), padding=1, fill=f) for f in (fill, rounded))
    np.testing.assert_array_equal(whole(array), expected(array))
    x = array.transpose(2, 0, 1)[None]
    np.testing.assert_array_equal(whole.batch(x), expected.batch(x))
    floats = whole.batch(x.astype(np.float32))[0, :, 0, 0]
    np.testing.assert_array_equal(floats, np.broadcast_to(np.float32(fill), 3))


@pytest.mark.parametrize("fill", [300, -1, (0, 0, 255.6), float("nan")])
def test_a_fill_outside_the_range_of_the_pixels_is_refused(fill):
    crop = RandomCrop(6, padding=1, fill=fill)
    with pytest.raises(ValueError, match=r"fill=.* does not fit pixels from 0 to 255"):
        crop(pixels(4, 4))
    with pytest.raises(ValueError, match=r"fill=.* does not fit pixels from 0 to 255"):
        crop.batch(np.zeros((1, 3, 4, 4), np.uint8))
    assert crop.batch(np.zeros((1, 3, 4, 4), np.float32)).shape == (1, 3, 6, 6)


@pytest.mark.parametrize(
    ("mode", "fill"), [("I;16", 40_000), ("I", -70_000), ("F", 0.5), ("1", 255)]
)
def test_a_fill_may_have_the_range_of_the_mode(mode, fill):
    image = RandomCrop(6, padding=1, fill=fill)(Image.new(mode, (4, 4)))
    assert (image.mode, image.getpixel((0, 0)), image.getpixel((1, 1))) == (mode, fill, 0)


def test_a_fill_for_another_number_of_channels_is_refused():
    with pytest.raises(ValueError, match=r"fill=\(1, 2, 3\) does not fit images of 1 channels"):
        RandomCrop(3, 1, fill=(1, 2, 3))(pixels(3, 3, 1))
    for fill in ("red", None, ()):
        with pytest.raises(ValueError, match="fill is a number, or one for each channel, got"):
            RandomCrop(3, fill=fill)


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]


@pytest.mark.parametrize("padding_mode", ["edge", "reflect", "symmetric"])
@pytest.mark.parametrize("mode", MODES)
def test_a_padded_image_keeps_its_mode_and_its_palette(mode, padding_mode):
    if mode == "PA":
        image = palette_image().convert("PA")
    elif mode == "P":
        image = palette_image()
    elif mode == "I;16":
        image = Image.fromarray(pixels(6, 11, 1).astype(np.uint16) * 257)
    else:
        grey = mode in ("1", "L", "LA", "I", "F")
        image = Image.fromarray(pixels(6, 11, 1 if grey else 3)).convert(mode)
    before = np.asarray(image)
    whole = RandomCrop((image.height + 3, image.width + 4), (1, 2, 3, 1), padding_mode=padding_mode)
    found = whole(image)
    widths = [(2, 1), (1, 3), (0, 0)][: before.ndim]
    np.testing.assert_array_equal(np.asarray(found), np.pad(before, widths, mode=padding_mode))
    assert found.mode == mode
    assert found.getpalette() == image.getpalette()


def test_pad_if_needed_adds_on_both_sides_what_is_missing():
    array = pixels(4, 9, 1)
    crop = RandomCrop((6, 5), pad_if_needed=True)
    padded = np.pad(array, [(2, 2), (0, 0)])
    windows = {padded[t : t + 6, l : l + 5].tobytes() for t in range(3) for l in range(5)}
    found = {crop(array, rng=seed).tobytes() for seed in range(120)}
    assert found == windows
    batched = crop.batch(np.repeat(array[None, None], 400, axis=0), 0)
    assert {image.tobytes() for image in batched} == windows


def test_a_crop_that_does_not_fit_is_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"6 × 5 \(height × width\) does not fit into 4 × 9"):
        RandomCrop((6, 5))(pixels(4, 9))
    with pytest.raises(ValueError, match=r"6 × 5 .* does not fit into 4 × 9"):
        RandomCrop((6, 5)).batch(np.zeros((2, 3, 4, 9)))


def test_arguments_that_make_no_sense_are_refused():
    for padding in (-1, (1, 2, 3), (1, -1), 1.5, "12"):
        with pytest.raises(ValueError, match="padding is one number"):
            RandomCrop(3, padding)
    assert RandomCrop(3, np.int64(4)).padding == (4, 4, 4, 4)
    assert RandomCrop(3, np.array([1, 2])).padding == (1, 2, 1, 2)
    with pytest.raises(ValueError, match=r"padding_mode is one of constant, .* got 'wrap'"):
        RandomCrop(3, 1, padding_mode="wrap")
    with pytest.raises(TypeError, match=r"\(N, C, H, W\), got uint8 \(4, 9, 3\)"):
        RandomCrop(3).batch(pixels(4, 9))


def test_a_batch_is_neither_changed_nor_shared():
    x = np.random.default_rng(0).random((3, 2, 5, 5), np.float32)
    before = x.copy()
    out = RandomCrop(5).batch(x)  # the only place is the whole image
    out += 1
    np.testing.assert_array_equal(x, before)
    assert RandomCrop(5, 1).batch(x[:0]).shape == (0, 2, 5, 5)


# ---------------------------------------------------------------- a random place and size


def parts(W, H, n=3000, **options):
    crop, rng = RandomResizedCrop(8, **options), np.random.default_rng(0)
    return np.array([crop._part(W, H, rng) for _ in range(n)], float).T


def test_areas_are_uniform_and_log_ratios_too():
    left, top, w, h = parts(1000, 1000, scale=(0.1, 0.5), ratio=(0.5, 2.0))
    area, ratio = w * h / 1e6, np.log(w / h)
    # Of 3000 uniform draws the largest gap to the distribution is above 0.036 once in 1000 seeds
    # (Kolmogorov-Smirnov, 1.95 / √n); all draws fit, since √(0.5 · 2) = 1.
    for values, low, high in ((area, 0.1, 0.5), (ratio, -np.log(2), np.log(2))):
        expected = np.linspace(low, high, len(values))
        assert np.abs(np.sort(values) - expected).max() < 0.036 * (high - low)
    assert abs(np.corrcoef(area, ratio)[0, 1]) < 0.06  # 3.3 / √n
    for place, room in ((left, 1000 - w), (top, 1000 - h)):
        assert (place >= 0).all()
        assert (place <= room).all()
        where = np.sort(place / np.maximum(room, 1))[1:-1]
        assert np.abs(where - np.linspace(0, 1, len(where))).max() < 0.05  # room of few pixels too


@pytest.mark.parametrize(
    ("W", "H", "expected"),
    [
        (1000, 10, (493, 0, 13, 10)),  # too wide: 4/3 of 10 is 13.3; left (1000 − 13) // 2
        (10, 1000, (0, 493, 10, 13)),
        (1, 5000, (0, 2499, 1, 1)),
        (5000, 1, (2499, 0, 1, 1)),
    ],
)
def test_if_no_try_fits_the_largest_centred_part_within_ratio_is_taken(W, H, expected):
    crop = RandomResizedCrop(8, scale=(1.0, 1.0))
    assert crop._part(W, H, np.random.default_rng(0)) == expected


def test_a_part_is_cut_out_and_resized_as_pillow_does():
    array = pixels(40, 50)
    crop = RandomResizedCrop((9, 12), interpolation="bicubic")
    for seed in range(20):
        left, top, w, h = crop._part(50, 40, np.random.default_rng(seed))
        part = Image.fromarray(array[top : top + h, left : left + w])
        expected = part.resize((12, 9), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(crop(array, rng=seed), np.asarray(expected))


@given(sides, sides, st.integers(0, 9))
def test_every_image_gives_the_size_asked_for(H, W, seed):
    assert RandomResizedCrop((5, 6))(pixels(H, W), rng=seed).shape == (5, 6, 3)


@pytest.mark.parametrize(
    "range_", [(1, 0.5), (0, 1), (0.5,), (1, float("nan")), 0.5, None, "ab", [[1, 2]]]
)
def test_a_range_that_is_none_is_refused(range_):
    for name in ("scale", "ratio"):
        with pytest.raises(ValueError, match=f"{name} is a range"):
            RandomResizedCrop(5, **{name: range_})


# ---------------------------------------------------------------- seeds


@pytest.mark.parametrize("make", [RandomCrop, RandomResizedCrop])
def test_the_same_seed_gives_the_same_crops(make):
    array = pixels(20, 30)

    def images(transform, **options):
        return [transform(array, **options).tobytes() for _ in range(5)]

    first = images(make(4, rng=3))
    assert first == images(make(4, rng=3))
    assert len(set(first)) == 5  # a seed at construction starts one stream
    assert len(set(images(make(4), rng=3))) == 1  # a seed in the call starts it anew
    assert first[0] == make(4, rng=8)(array, rng=3).tobytes()  # the call comes first
    scratchnet.manual_seed(3)
    assert first == images(make(4))
