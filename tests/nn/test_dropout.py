"""Dropout: its masks, their seeds and the gradient."""

import copy

import numpy as np
import pytest

from scratchnet import Tensor, functional, manual_seed, nn


def test_dropout_zeroes_with_probability_p_and_scales_the_rest_exactly():
    n, p = 100_000, 0.3
    y = nn.Dropout(p, rng=0)(np.ones(n, np.float32)).data
    # the number of zeros is binomial; five standard deviations
    assert abs((y == 0).sum() - n * p) < 5 * (n * p * (1 - p)) ** 0.5
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / (1 - p))}


def test_dropout_draws_another_mask_at_every_call_and_the_same_sequence_for_a_seed():
    x = np.ones((8, 8), np.float32)
    a, b = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=np.random.default_rng(3))
    first, second = a(x).data, a(x).data
    assert (first != second).any()
    np.testing.assert_array_equal(b(x).data, first)
    np.testing.assert_array_equal(b(x).data, second)


def test_dropout_without_a_seed_follows_manual_seed():
    x, layer = np.ones((8, 8), np.float32), nn.Dropout(0.5)
    manual_seed(3)
    first = layer(x).data
    manual_seed(3)
    np.testing.assert_array_equal(layer(x).data, first)
    np.testing.assert_array_equal(nn.Dropout(0.5, rng=3)(x).data, first)


def test_a_copied_dropout_draws_the_same_masks_from_a_generator_of_its_own():
    x, layer = np.ones((8, 8), np.float32), nn.Dropout(0.5, rng=3)
    layer(x)
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(twin(x).data, layer(x).data)
    assert twin.rng is not layer.rng


def test_dropout_passes_the_gradient_where_it_kept_the_entry():
    x = Tensor(np.ones(50), requires_grad=True)
    y = nn.Dropout(0.5, rng=0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)


whole_channels = pytest.mark.parametrize(
    ("name", "shape", "n_positions"),
    [("Dropout1d", (40, 5), 1), ("Dropout1d", (8, 5, 6), 1), ("Dropout2d", (8, 5, 3, 4), 2)],
)


@whole_channels
def test_a_channel_is_kept_or_left_out_as_a_whole(name, shape, n_positions):
    x = Tensor(np.ones(shape), requires_grad=True)
    y = getattr(nn, name)(0.25, rng=0)(x)
    channels = y.data.reshape(-1, int(np.prod(shape[-n_positions:])))
    assert (channels == channels[:, :1]).all()
    # the number of zeros is binomial; five standard deviations
    n = len(channels)
    assert abs((channels[:, 0] == 0).sum() - n * 0.25) < 5 * (n * 0.25 * 0.75) ** 0.5
    assert set(np.unique(channels)) == {0.0, 1 / 0.75}
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)


@whole_channels
def test_channels_follow_the_seed_and_are_all_there_in_eval_mode(name, shape, n_positions):
    x, layer = np.ones(shape), getattr(nn, name)(0.5)
    manual_seed(3)
    first, second = layer(x).data, layer(x).data
    assert (first != second).any()
    manual_seed(3)
    np.testing.assert_array_equal(layer(x).data, first)
    np.testing.assert_array_equal(getattr(nn, name)(0.5, rng=3)(x).data, first)
    assert layer.eval()(x) is x


def test_three_axes_are_not_guessed_at_and_a_chance_is_checked_in_either_mode():
    # torch takes them for (N, C, L) and warns that this will change to (C, H, W)
    with pytest.raises(
        ValueError, match=r"dropout2d takes x of shape \(N, C, H, W\), got \(2, 3, 4\)"
    ):
        functional.dropout2d(np.ones((2, 3, 4)))
    for training in (True, False):
        with pytest.raises(ValueError, match=r"p is a probability, got 1\.5"):
            functional.dropout1d(np.ones((2, 3)), 1.5, training)
