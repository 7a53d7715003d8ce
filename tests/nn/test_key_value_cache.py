"""The cache returns what was put in, in order, and takes nothing that does not fit."""

import re

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, nn, no_grad


@given(lengths=st.lists(st.integers(0, 5), max_size=8), dtype=st.sampled_from(["f4", "f8"]))
def test_all_that_was_appended_comes_back_in_order(lengths, dtype):
    cache, ends = nn.KeyValueCache(), np.cumsum(lengths)
    keys, values = (
        normal((2, 3, sum(lengths), 4), 0, dtype),
        normal((2, 3, sum(lengths), 5), 1, dtype),
    )
    for length, end in zip(lengths, ends, strict=True):
        new = slice(end - length, end)
        found = cache.append(keys[:, :, new], values[:, :, new])
        assert len(cache) == end
        np.testing.assert_array_equal(found[0], keys[:, :, :end])
        np.testing.assert_array_equal(found[1], values[:, :, :end])
        assert found[0].dtype == found[1].dtype == dtype


def test_appending_one_by_one_allocates_as_often_as_the_length_doubles():
    cache, bases = nn.KeyValueCache(), set()
    kept = []  # so that no address is used twice
    for t in range(100):
        keys, _ = cache.append(np.full((1, 1, 1, 2), t), np.full((1, 1, 1, 2), t))
        kept.append(keys)
        bases.add(keys.__array_interface__["data"][0])
    assert len(bases) == 8  # room for 1, 2, 4, …, 128
    np.testing.assert_array_equal(keys[0, 0, :, 0], np.arange(100))


def test_what_was_appended_is_copied():
    cache, key = nn.KeyValueCache(), normal((1, 1, 2, 3))
    cache.append(key, key)
    before = key.copy()
    key[:] = 0
    keys, _ = cache.append(np.zeros((1, 1, 0, 3)), np.zeros((1, 1, 0, 3)))
    np.testing.assert_array_equal(keys, before)


def test_what_comes_back_cannot_change_what_is_kept():
    cache = nn.KeyValueCache()
    for _ in range(2):
        for kept in cache.append(normal((1, 1, 2, 3)), normal((1, 1, 2, 3))):
            with pytest.raises(ValueError, match="read-only"):
                kept[:] = 0


def test_the_error_of_what_does_not_fit_shows_the_positions_that_are_filled():
    cache = nn.KeyValueCache()
    for _ in range(3):  # room for 4
        cache.append(normal((1, 1, 1, 3)), normal((1, 1, 1, 3)))
    with pytest.raises(ValueError, match=re.escape("holds (N, G, S, D) = (1, 1, 3, 3) float64")):
        cache.append(normal((1, 2, 1, 3)), normal((1, 2, 1, 3)))


def test_a_recorded_tensor_raises_and_changes_nothing():
    cache, x = nn.KeyValueCache(), normal((1, 1, 2, 3))
    recorded = Tensor(x, requires_grad=True)
    for pair in ((recorded, x), (x, recorded * 2)):
        with pytest.raises(
            RuntimeError, match=r"for inference: \w+ \(1, 1, 2, 3\) requires a grad"
        ):
            cache.append(*pair)
    assert len(cache) == 0
    with no_grad():
        keys, _ = cache.append(Tensor(x) * 2, Tensor(x))
    np.testing.assert_array_equal(keys, 2 * x)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((2, 1, 1, 3), "f8"), ((1, 2, 1, 3), "f8"), ((1, 1, 1, 4), "f8"), ((1, 1, 1, 3), "f4")],
)
def test_another_batch_heads_features_or_dtype_raise_and_change_nothing(shape, dtype):
    cache = nn.KeyValueCache()
    cache.append(normal((1, 1, 2, 3)), normal((1, 1, 2, 3)))
    message = f"holds (N, G, S, D) = (1, 1, 2, 3) float64, which does not go on with {shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        cache.append(normal(shape, 0, dtype), normal(shape, 0, dtype))
    with pytest.raises(ValueError, match=re.escape("got (1, 1, 3) and (1, 1, 3)")):
        cache.append(normal((1, 1, 3)), normal((1, 1, 3)))
    with pytest.raises(ValueError, match=re.escape("got (1, 1, 1, 3) and (1, 1, 2, 3)")):
        cache.append(normal((1, 1, 1, 3)), normal((1, 1, 2, 3)))
    with pytest.raises(TypeError, match="takes an array or a Tensor as value, got list"):
        cache.append(normal((1, 1, 1, 3)), [1.0])
    assert len(cache) == 2
