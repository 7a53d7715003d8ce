"""Compose: order, seeds, batches."""

import numpy as np
import pytest
from image_examples import pixels

import scratchnet
from scratchnet.transforms import (
    CenterCrop,
    ColorJitter,
    Compose,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    ToArray,
)


def test_transforms_are_applied_in_order_and_anything_callable_is_one():
    assert Compose([lambda x: x + 1, lambda x: x * 10])(2) == 30
    assert Compose([])("as it is") == "as it is"
    with pytest.raises(TypeError, match="what can be called, got 3"):
        Compose([abs, 3])
    for transforms in (None, ToArray()):
        with pytest.raises(TypeError, match="takes a list of transforms, got"):
            Compose(transforms)


def augmentation(rng=None):
    return Compose(
        [
            RandomResizedCrop(8, rng=rng),
            Compose([RandomHorizontalFlip(rng=rng), ColorJitter(0.4, 0.4, 0.4, 0.1, rng=rng)]),
            ToArray(),
            Normalize([0.5], [0.5]),
        ]
    )


def test_one_seed_in_the_call_seeds_all_random_transforms_in_turn():
    array = pixels(20, 30)
    # The generators of the transforms themselves are not used, nor is the shared one.
    scratchnet.manual_seed(0)
    before = scratchnet.random.get_rng_state()
    first = augmentation()(array, rng=4)
    np.testing.assert_array_equal(first, augmentation(rng=1)(array, rng=4))
    np.testing.assert_array_equal(first, augmentation()(array, rng=np.random.default_rng(4)))
    assert scratchnet.random.get_rng_state() == before
    assert not np.array_equal(first, augmentation()(array, rng=5))


def test_two_equal_transforms_under_one_seed_draw_one_after_the_other():
    row, places = np.arange(200, dtype=np.uint8)[None], []

    def note(crop):
        places.append(int(crop[0, 0]))
        return row

    Compose([RandomCrop(1), note, RandomCrop(1), note])(row, rng=0)
    rng = np.random.default_rng(0)
    assert places == [int(RandomCrop(1)(row, rng)[0, 0]) for _ in range(2)]
    assert places[0] != places[1]


def test_without_a_seed_the_shared_generator_decides():
    array = pixels(20, 30)
    scratchnet.manual_seed(7)
    first = [augmentation()(array) for _ in range(2)]
    scratchnet.manual_seed(7)
    second = [augmentation()(array) for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(*first)


def test_a_batch_goes_through_the_batch_of_each_transform():
    x = pixels(28, 28, 60).transpose(2, 0, 1)  # (60, 28, 28)
    augment = Compose(
        [ToArray(), Normalize([0.5], [0.5]), RandomCrop(28, padding=2), RandomHorizontalFlip()]
    )
    found = augment.batch(x, rng=3)
    assert found.shape == (60, 1, 28, 28)
    assert found.dtype == np.float32
    rng = np.random.default_rng(3)
    step = Normalize([0.5], [0.5])(ToArray().batch(x))
    step = RandomHorizontalFlip().batch(RandomCrop(28, padding=2).batch(step, rng), rng)
    np.testing.assert_array_equal(found, step)
    scratchnet.manual_seed(3)
    np.testing.assert_array_equal(found, augment.batch(x))


def test_a_transform_without_a_batch_is_named():
    for transform in (ColorJitter(0.1), CenterCrop(3)):
        with pytest.raises(TypeError, match=f"{type(transform).__name__}.* has no batch"):
            Compose([transform]).batch(np.zeros((1, 1, 4, 4)))


def test_the_repr_shows_what_is_done():
    assert repr(Compose([CenterCrop(3), ToArray()])) == "Compose([CenterCrop((3, 3)), ToArray()])"
