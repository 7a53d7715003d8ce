"""Rotary positions: rotations by stated angles, lengths and distances kept, caches, both orders."""

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import rotary_embedding

shapes = st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3).map(lambda i: 2 * i))
seeds = st.integers(0, 99)


@given(shapes, st.integers(0, 50), st.booleans())
def test_each_pair_is_the_complex_number_turned_by_position_times_theta(shape, first, interleaved):
    x, E = normal(shape), shape[-1]
    y = rotary_embedding(x, first, 500.0, interleaved)[0]
    for i in range(E // 2):
        a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + E // 2)
        angles = (first + np.arange(shape[1])) * 500.0 ** (-2 * i / E)
        turned = (x[..., a] + 1j * x[..., b]) * np.exp(1j * angles)
        np.testing.assert_allclose(y[..., a] + 1j * y[..., b], turned, atol=1e-13)


@given(shapes, st.integers(0, 50), st.booleans())
def test_the_pullback_is_the_derivative_and_turns_back(shape, first, interleaved):
    check_pullback(rotary_embedding, normal(shape), positions=first, interleaved=interleaved)
    x = normal(shape, 1)
    y, pullback = rotary_embedding(x, first, interleaved=interleaved)
    assert_close(pullback(y)[0], x)  # the transpose of a rotation is its inverse
    assert_close((y**2).sum(axis=-1), (x**2).sum(axis=-1))


def test_products_of_queries_and_keys_depend_on_the_distance_alone():
    q, k = normal((1, 8)), normal((1, 8), 1)

    def product(p, q_position):
        return np.sum(rotary_embedding(q, q_position)[0] * rotary_embedding(k, p)[0])

    np.testing.assert_allclose(product(3, 10), product(1003, 1010), rtol=1e-11)
    assert abs(product(3, 10) - product(10, 3)) > 0.1  # before and after are told apart


@pytest.mark.parametrize("interleaved", [False, True])
def test_token_by_token_with_a_cache_gives_what_the_whole_gives(interleaved):
    x = normal((2, 3, 6, 4))
    whole = rotary_embedding(x, interleaved=interleaved)[0]
    for t in range(6):
        step = rotary_embedding(x[..., t : t + 1, :], t, interleaved=interleaved)[0]
        np.testing.assert_array_equal(step, whole[..., t : t + 1, :])
    each = np.array([[4, 0, 5]])
    found = rotary_embedding(x[..., [4, 0, 5], :], each, interleaved=interleaved)[0]
    np.testing.assert_array_equal(found, whole[..., [4, 0, 5], :])


def test_rows_of_a_batch_may_have_positions_of_their_own():
    x = normal((2, 3, 1, 4))
    y = rotary_embedding(x, np.array([2, 7])[:, None, None])[0]
    for n, position in enumerate([2, 7]):
        np.testing.assert_array_equal(y[n], rotary_embedding(x[n], position)[0])


def test_the_two_orders_are_permutations_of_each_other():
    x = normal((3, 6))
    order = [0, 2, 4, 1, 3, 5]
    found = rotary_embedding(x[:, order])[0]
    np.testing.assert_array_equal(found, rotary_embedding(x, interleaved=True)[0][:, order])


def test_far_positions_keep_the_digits_of_float32():
    x = normal((1, 4), dtype=np.float32)
    found = rotary_embedding(x, 1_000_003)[0]
    assert_close(found, rotary_embedding(x.astype(np.float64), 1_000_003)[0].astype(np.float32))


def test_halves_are_turned_in_float32_and_rounded_once():
    x = normal((2, 5, 4), dtype=np.float16)
    y, pullback = rotary_embedding(x, 3)
    expected = rotary_embedding(x.astype(np.float32), 3)[0]
    np.testing.assert_array_equal(y, expected.astype(np.float16), strict=True)
    assert pullback(x)[0].dtype == np.float16


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((3, 5), {}, ValueError, r"even number E of features, got \(3, 5\)"),
        ((4,), {}, ValueError, r"takes x \(…, T, E\)"),
        ((3, 4), {"positions": np.arange(2)}, ValueError, r"positions \(2,\) do not broadcast"),
        ((3, 4), {"positions": np.ones((2, 3), int)}, ValueError, r"positions \(2, 3\) do not"),
        ((3, 4), {"positions": 1.5}, TypeError, r"whole numbers as positions, got float64"),
        ((3, 4), {"base": 0.0}, ValueError, r"a positive base, got 0.0"),
        ((3, 4), {"base": np.nan}, ValueError, r"a positive base, got nan"),
    ],
)
def test_what_has_no_meaning_is_refused(shape, options, error, message):
    with pytest.raises(error, match=message):
        rotary_embedding(np.ones(shape), **options)
