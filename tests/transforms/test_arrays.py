"""ToArray and Normalize: torch's float32 bits, shapes, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_examples import palette_image, pixels
from PIL import Image

from scratchnet.transforms import Normalize, ToArray


def test_all_256_levels_are_torchs_bit_for_bit(torch):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = torch.from_numpy(levels)[None].to(torch.float32).div(255).numpy()
    np.testing.assert_array_equal(ToArray()(levels), expected)
    mean, std = [0.485], [0.229]
    ours = Normalize(mean, std)(ToArray()(levels))
    theirs = torch.from_numpy(expected.copy()).sub_(torch.tensor(mean)).div_(torch.tensor(std))
    np.testing.assert_array_equal(ours, theirs.numpy())


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("CMYK", 4)])
def test_channels_come_first_and_values_are_divided_by_255(mode, channels):
    image = Image.fromarray(pixels(4, 6)).convert(mode)
    found = ToArray()(image)
    assert found.shape == (channels, 4, 6)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    array = np.asarray(image).reshape(4, 6, channels)
    np.testing.assert_array_equal(found, array.transpose(2, 0, 1).astype(np.float32) / 255)
    np.testing.assert_array_equal(found, ToArray()(array))


def test_black_and_white_become_zero_and_one_and_floats_stay():
    bits = np.array([[True, False, True]])
    assert ToArray()(Image.fromarray(bits)).tolist() == [[[1, 0, 1]]]
    values = np.array([[0.25, 300.0]], np.float32)
    np.testing.assert_array_equal(ToArray()(Image.fromarray(values)), values[None])
    assert ToArray()(values.astype(float)[..., None]).dtype == np.float64
    found = ToArray()(values)
    found += 1  # a copy
    assert values[0, 0] == 0.25


def test_a_batch_is_its_images(torch):
    x = pixels(4, 6, 30).transpose(2, 0, 1)  # (30, 4, 6)
    np.testing.assert_array_equal(ToArray().batch(x), np.stack([ToArray()(i) for i in x]))
    colour = x.reshape(10, 3, 4, 6).transpose(0, 2, 3, 1)
    found = ToArray().batch(colour)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, np.stack([ToArray()(i) for i in colour]))
    normalize = Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    np.testing.assert_array_equal(normalize.batch(found), np.stack([normalize(i) for i in found]))


@pytest.mark.parametrize(
    "image",
    [palette_image(), Image.new("I;16", (3, 3)), Image.new("I", (3, 3)), np.zeros((3, 3), int)],
    ids=["palette", "I;16", "I", "int64"],
)
def test_pixels_whose_white_is_unknown_are_refused(image):
    with pytest.raises(TypeError, match="convert with to_rgb"):
        ToArray()(image)


def test_what_is_no_image_is_refused():
    for shape in ((3,), (1, 2, 3, 4)):
        with pytest.raises(TypeError, match=r"ToArray takes \(H, W\)"):
            ToArray()(np.zeros(shape, np.uint8))
    for shape in ((3, 3), (1, 2, 3, 4, 5)):
        with pytest.raises(TypeError, match=r"ToArray.batch takes \(N, H, W\)"):
            ToArray().batch(np.zeros(shape, np.uint8))
    with pytest.raises(TypeError, match="got list"):
        ToArray()([[1, 2]])


@given(st.integers(1, 4), st.sampled_from([np.float32, np.float64]), st.booleans())
def test_normalize_keeps_the_dtype_and_undoes_its_inverse(channels, dtype, one_for_all):
    rng = np.random.default_rng(channels)
    n = 1 if one_for_all else channels
    mean, std = rng.normal(size=n), rng.uniform(0.5, 2, size=n)
    x = rng.normal(size=(2, channels, 3, 4)).astype(dtype)
    before = x.copy()
    y = Normalize(mean, std)(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(x, before)
    # Three roundings of numbers below 10: 3 · 10 · eps.
    back = y * std[:, None, None] + mean[:, None, None]
    np.testing.assert_allclose(back, x, rtol=0, atol=30 * np.finfo(dtype).eps)


def test_one_number_normalizes_every_channel():
    x = np.random.default_rng(0).random((3, 4, 5))
    np.testing.assert_array_equal(Normalize(0.25, 0.5)(x), Normalize([0.25] * 3, [0.5] * 3)(x))
    np.testing.assert_array_equal(Normalize(np.array([0.25]), np.float32(0.5))(x), 2 * x - 0.5)
    for mean, std in ((None, 1), (0, "1"), ([], [1]), (0, [[1.0]])):
        with pytest.raises(ValueError, match="mean and std are numbers, one for each channel"):
            Normalize(mean, std)


def test_normalize_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"needs 3 channels, x has 1: \(1, 2, 2\)"):
        Normalize((1, 2, 3), (1, 2, 3))(np.zeros((1, 2, 2), np.float32))
    with pytest.raises(ValueError, match="needs 2 channels, x has 3"):
        Normalize([0], (1, 2))(np.zeros((3, 2, 2), np.float32))
    with pytest.raises(ValueError, match="std must not be 0"):
        Normalize((0, 0), (1, 0))
    for x in (np.zeros((3, 2, 2), np.uint8), np.zeros((2, 2)), Image.new("RGB", (2, 2))):
        with pytest.raises(TypeError, match="takes a float array"):
            Normalize([0], [1])(x)
