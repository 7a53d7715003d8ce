"""Dropout: its masks, their seeds and the gradient."""

import copy

import numpy as np

from scratchnet import Tensor, manual_seed, nn


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
