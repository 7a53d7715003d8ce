"""Random flips: of one image and of a batch."""

import numpy as np
import pytest
from image_examples import pixels
from PIL import Image

import scratchnet
from scratchnet.transforms import RandomHorizontalFlip


def test_probability_one_swaps_left_and_right_and_zero_changes_nothing():
    array = pixels(5, 8)
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(array), array[:, ::-1])
    flipped = RandomHorizontalFlip(1)(Image.fromarray(array))
    np.testing.assert_array_equal(np.asarray(flipped), array[:, ::-1])
    assert RandomHorizontalFlip(0)(array) is array

    x = np.random.default_rng(0).random((3, 2, 4, 5))
    np.testing.assert_array_equal(RandomHorizontalFlip(1).batch(x), x[..., ::-1])
    np.testing.assert_array_equal(RandomHorizontalFlip(0).batch(x), x)


@pytest.mark.parametrize("p", [0.5, 0.2])
def test_each_image_is_flipped_with_probability_p(p):
    row = np.array([[0, 1]], np.uint8)
    flip, rng = RandomHorizontalFlip(p), np.random.default_rng(0)
    single = [flip(row, rng)[0, 0] for _ in range(2000)]
    batch = flip.batch(np.tile(row, (2000, 1, 1, 1)), rng)[:, 0, 0, 0]
    # 3.3 standard deviations, once in 1000 seeds
    bound = 3.3 * np.sqrt(p * (1 - p) / 2000)
    for flipped in (single, batch):
        assert abs(np.mean(flipped) - p) < bound


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_each_image_of_a_batch_is_itself_or_its_mirror_image(dtype):
    x = (np.random.default_rng(0).random((40, 3, 4, 5)) * 255).astype(dtype)
    before = x.copy()
    found = RandomHorizontalFlip().batch(x, 1)
    assert found.dtype == dtype
    same = [np.array_equal(a, b) for a, b in zip(found, x, strict=True)]
    mirrored = [np.array_equal(a, b[..., ::-1]) for a, b in zip(found, x, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert any(same)
    assert any(mirrored)
    found += 1
    np.testing.assert_array_equal(x, before)


def test_the_same_seed_flips_the_same_images():
    x = pixels(3, 4)[None].transpose(0, 3, 1, 2).repeat(50, axis=0)
    first = RandomHorizontalFlip(rng=5).batch(x)
    np.testing.assert_array_equal(first, RandomHorizontalFlip().batch(x, rng=5))
    scratchnet.manual_seed(5)
    np.testing.assert_array_equal(first, RandomHorizontalFlip().batch(x))
    flip = RandomHorizontalFlip(rng=5)
    assert not np.array_equal(flip.batch(x), flip.batch(x))


def test_a_batch_of_none_and_what_is_no_batch():
    assert RandomHorizontalFlip().batch(np.zeros((0, 1, 2, 2))).shape == (0, 1, 2, 2)
    with pytest.raises(TypeError, match=r"\(N, C, H, W\), got float64 \(2, 2\)"):
        RandomHorizontalFlip().batch(np.zeros((2, 2)))
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="p is a probability"):
            RandomHorizontalFlip(p)
