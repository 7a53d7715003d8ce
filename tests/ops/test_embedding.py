"""Embedding: rows picked and their gradients added up, padding, tokens that are out of range."""

import numpy as np
import pytest
from compare import assert_adjoint, assert_close, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import Tensor, functional, ops
from scratchnet.ops.embedding import _PIECE

seeds = st.integers(0, 99)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
floats = st.sampled_from([np.float32, np.float64])


def tokens_of(shape, size, seed, dtype=np.int64):
    return np.asarray(np.random.default_rng(seed).integers(0, size, shape), dtype)


@given(shapes, st.integers(1, 5), st.integers(0, 4), seeds)
def test_each_token_has_its_row_and_each_row_the_sum_of_its_gradients(shape, size, features, seed):
    tokens, weight = tokens_of(shape, size, seed), whole((size, features), seed)
    y, pullback = ops.embedding(tokens, weight)
    assert y.shape == (*shape, features)
    dy, expected = whole(y.shape, seed + 1), np.zeros_like(weight)
    for at in np.ndindex(shape):
        np.testing.assert_array_equal(y[at], weight[tokens[at]])
        expected[tokens[at]] += dy[at]
    np.testing.assert_array_equal(pullback(dy)[0], expected)


@given(shapes, st.integers(1, 5), st.integers(1, 4), seeds)
def test_the_gradient_is_the_exact_adjoint(shape, size, features, seed):
    tokens = tokens_of(shape, size, seed)
    assert_adjoint(lambda w: ops.embedding(tokens, w), whole((size, features), seed))


@given(shapes, st.integers(1, 5), st.integers(1, 4), seeds, floats, st.data())
def test_it_is_that_of_torch(torch, shape, size, features, seed, dtype, data):
    padding_idx = data.draw(st.none() | st.integers(-size, size - 1))
    tokens, weight = tokens_of(shape, size, seed), normal((size, features), seed, dtype)
    leaf = torch.from_numpy(weight.copy()).requires_grad_()
    expected = torch.nn.functional.embedding(torch.from_numpy(tokens), leaf, padding_idx)
    y, pullback = ops.embedding(tokens, weight, padding_idx)
    assert_close(y, expected.detach().numpy(), 0)
    dy = normal(y.shape, seed + 1, dtype)
    expected.backward(torch.from_numpy(dy))
    assert_close(pullback(dy)[0], leaf.grad.numpy(), terms=4.0)  # sums of at most 64 normal numbers


@pytest.mark.parametrize("size", [65, 30_000])
def test_long_texts_are_added_up_in_pieces(size):
    # 1,000 tokens of 40 features are three pieces; whole numbers, so that any order gives the same.
    assert 2 * _PIECE < 1_000 * 40
    tokens, dy = tokens_of((10, 100), size, 1), whole((10, 100, 40), 2, np.float32)
    found = ops.embedding(tokens, np.zeros((size, 40), np.float32))[1](dy)[0]
    expected = np.zeros((size, 40), np.float32)
    np.add.at(expected, tokens, dy)
    np.testing.assert_array_equal(found, expected, strict=True)


def test_the_padding_token_is_read_but_gets_no_gradient():
    weight, tokens = normal((4, 2)), np.array([[1, 0], [0, 2]])
    y, pullback = ops.embedding(tokens, weight, padding_idx=0)
    np.testing.assert_array_equal(y, weight[tokens])
    dweight = pullback(np.full((2, 2, 2), np.inf))[0]
    np.testing.assert_array_equal(dweight, [[0, 0], [np.inf] * 2, [np.inf] * 2, [0, 0]])
    np.testing.assert_array_equal(
        ops.embedding(tokens, weight, -4)[1](np.ones((2, 2, 2)))[0],
        ops.embedding(tokens, weight, 0)[1](np.ones((2, 2, 2)))[0],
    )


def test_sums_of_halves_go_on_growing():
    # 4,096 ones in half precision: added one by one, they would stop at 2048
    tokens = np.zeros(4096, np.int64)
    dweight = ops.embedding(tokens, np.zeros((2, 1), np.float16))[1](np.ones((4096, 1)))[0]
    np.testing.assert_array_equal(dweight, np.array([[4096], [0]], np.float16), strict=True)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_tokens_may_be_of_any_integer_type_or_a_list(dtype):
    weight = normal((5, 2))
    expected = weight[[4, 0, 3]]
    np.testing.assert_array_equal(ops.embedding(np.array([4, 0, 3], dtype), weight)[0], expected)
    np.testing.assert_array_equal(functional.embedding([4, 0, 3], weight), expected)


def test_the_output_is_no_view_of_the_table():
    weight = normal((3, 2))
    for tokens in (np.array(1), np.array([1])):
        assert not np.shares_memory(ops.embedding(tokens, weight)[0], weight)


def test_a_frozen_table_is_not_recorded():
    y = functional.embedding(Tensor([1, 2]), Tensor(normal((3, 2))))
    assert not y.requires_grad


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (
            [[0, 1], [5, 7]],
            r"token 5 at position \(1, 0\) is outside of the vocabulary of 5: 0 … 4",
        ),
        ([0, -1], r"token -1 at position 1 is outside of the vocabulary of 5"),
        (9, r"token 9 at position \(\) is outside"),
    ],
)
def test_a_token_out_of_range_is_named_with_its_position_and_the_vocabulary(tokens, words):
    with pytest.raises(IndexError, match=words):
        ops.embedding(np.array(tokens), np.zeros((5, 2)))


@pytest.mark.parametrize("tokens", [np.ones(3), np.ones(3, bool), np.ones(3, np.float32)])
def test_tokens_that_are_no_integers_are_refused(tokens):
    with pytest.raises(
        TypeError, match=rf"embedding: tokens are integers, got {tokens.dtype} \(3,\)"
    ):
        ops.embedding(tokens, np.zeros((5, 2)))


def test_no_tokens_are_no_floats():
    weight = np.zeros((5, 2))
    assert functional.embedding([], weight).shape == (0, 2)
    assert functional.embedding(np.zeros((3, 0)), weight).shape == (3, 0, 2)


def test_an_empty_vocabulary_has_no_token():
    with pytest.raises(
        IndexError, match=r"token 0 at position 0 is outside of the vocabulary of 0$"
    ):
        ops.embedding(np.array([0]), np.ones((0, 3)))


@pytest.mark.parametrize("padding_idx", [True, False, 1.0, "a"])
def test_the_padding_token_is_a_whole_number(padding_idx):
    with pytest.raises(TypeError, match=f"padding_idx is a whole number, got {padding_idx!r}"):
        ops.embedding(np.array([0]), np.zeros((5, 2)), padding_idx)


def test_a_table_and_padding_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"weight \(vocabulary, features\), got \(5,\)"):
        ops.embedding(np.array([0]), np.zeros(5))
    with pytest.raises(TypeError, match="got weight int64"):
        ops.embedding(np.array([0]), np.zeros((5, 2), int))
    for padding_idx in (5, -6):
        with pytest.raises(ValueError, match=f"padding_idx {padding_idx} is none of the 5 rows"):
            ops.embedding(np.array([0]), np.zeros((5, 2)), padding_idx)
    with pytest.raises(TypeError, match="max_norm"):
        functional.embedding(np.array([0]), np.zeros((5, 2)), max_norm=1.0)
