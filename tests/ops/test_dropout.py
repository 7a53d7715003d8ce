"""dropout: what is left out, what it is scaled by, and where the randomness comes from."""

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import dropout

shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)
chances = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])


def bools(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).random(shape) < 0.5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(shapes, chances)
def test_what_the_mask_keeps_is_divided_by_one_minus_p_and_so_is_its_gradient(dtype, shape, p):
    x, dy, mask = normal(shape, 1, dtype), normal(shape, 2, dtype), bools(shape)
    y, pullback = dropout(x, p, mask=mask)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    error = 4 * np.finfo(dtype).eps  # of the division and of the factor
    np.testing.assert_allclose(y, np.where(mask, x * dtype(scale), 0), rtol=error)
    np.testing.assert_allclose(pullback(dy)[0], np.where(mask, dy * dtype(scale), 0), rtol=error)
    assert (y.dtype, pullback(dy)[0].dtype) == (dtype, dtype)


@given(shapes, chances)
def test_the_gradient_goes_where_the_output_came_from(shape, p):
    y, pullback = dropout(np.ones(shape), p, seed=3)
    np.testing.assert_array_equal(pullback(np.ones(shape))[0], y)


@given(shapes, chances)
def test_the_pullback_is_the_derivative(shape, p):
    check_pullback(dropout, normal(shape), p=p, mask=bools(shape))
    check_pullback(dropout, normal(shape), p=p, seed=5)


def test_the_same_seed_gives_the_same_mask_and_another_seed_another():
    x = np.ones((20, 20))
    np.testing.assert_array_equal(dropout(x, seed=1)[0], dropout(x, seed=1)[0])
    assert (dropout(x, seed=1)[0] != dropout(x, seed=2)[0]).any()
    kept = dropout(x.astype(np.float32), seed=1)[0] > 0
    np.testing.assert_array_equal(kept, dropout(x, seed=1)[0] > 0)  # whatever the dtype


def test_a_generator_goes_on_drawing():
    rng = np.random.default_rng(1)
    first, second = dropout(np.ones(400), seed=rng)[0], dropout(np.ones(400), seed=rng)[0]
    np.testing.assert_array_equal(first, dropout(np.ones(400), seed=1)[0])
    assert (first != second).any()


def test_numpys_global_state_is_neither_read_nor_written():
    before = np.random.get_state()  # noqa: NPY002 - this is the state that must not matter
    try:
        np.random.seed(0)  # noqa: NPY002
        expected = np.random.random(3)  # noqa: NPY002
        np.random.seed(0)  # noqa: NPY002
        first, _ = dropout(np.ones(100), seed=9)
        np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002
        np.testing.assert_array_equal(dropout(np.ones(100), seed=9)[0], first)
    finally:
        np.random.set_state(before)  # noqa: NPY002


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_a_share_p_is_left_out_and_the_expected_value_stays(p):
    n = 200_000
    y, _ = dropout(np.ones(n), p, seed=0)
    left_out = np.mean(y == 0)
    # six standard deviations of the share and of the mean, whose variance is p/(1 − p)/n
    assert abs(left_out - p) < 6 * np.sqrt(p * (1 - p) / n)
    assert abs(y.mean() - 1) < 6 * np.sqrt(p / (1 - p) / n)


def test_the_entries_are_left_out_independently():
    kept = dropout(np.ones((2, 200_000)), 0.5, seed=0)[0] > 0
    both = np.mean(kept[0] & kept[1]), np.mean(kept[0, 1:] & kept[0, :-1])
    np.testing.assert_allclose(both, 0.25, atol=6 * np.sqrt(0.25 * 0.75 / 200_000))


def test_with_p_0_nothing_changes_and_with_p_1_everything_is_0():
    x, dy = normal((30, 30)), normal((30, 30), 1)
    y, pullback = dropout(x, 0.0, seed=0)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(pullback(dy)[0], dy)
    y, pullback = dropout(x, 1.0, seed=0)
    np.testing.assert_array_equal(y, np.zeros_like(x))
    np.testing.assert_array_equal(pullback(dy)[0], np.zeros_like(x))


def test_a_kept_entry_is_that_of_torch(torch):
    x = normal((50, 4), 1, np.float32)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    torch.manual_seed(0)
    expected = torch.nn.functional.dropout(leaf, 0.3)
    expected.backward(torch.ones_like(leaf))
    y, pullback = dropout(x, 0.3, mask=(leaf.grad != 0).numpy())
    error = 2 * np.finfo(np.float32).eps  # of the factor, and of the product
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=error)
    np.testing.assert_allclose(pullback(np.ones_like(x))[0], leaf.grad.numpy(), rtol=error)


def test_integers_become_float32_and_a_mask_may_be_a_list():
    y, _ = dropout(np.array([1, 2, 3]), 0.5, mask=[True, False, True])
    np.testing.assert_array_equal(y, np.float32([2, 0, 6]), strict=True)


def test_along_an_axis_of_length_1_a_mask_keeps_or_leaves_out_all():
    x, dy, mask = normal((4, 3, 2)), normal((4, 3, 2), 1), bools((4, 3, 1))
    y, pullback = dropout(x, 0.3, mask=mask)
    expected, expected_pullback = dropout(x, 0.3, mask=np.repeat(mask, 2, axis=2))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(pullback(dy)[0], expected_pullback(dy)[0])
    check_pullback(dropout, x, p=0.3, mask=mask)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": -0.1, "seed": 0}, "p is a probability, got -0.1"),
        ({"p": 1.5, "seed": 0}, "p is a probability, got 1.5"),
        ({"p": np.nan, "seed": 0}, "p is a probability, got nan"),
        ({}, "either a seed or a mask"),
        ({"seed": 0, "mask": np.ones((2, 3), bool)}, "either a seed or a mask"),
        ({"mask": np.ones((3, 2), bool)}, r"bool mask like x \(2, 3\), got bool \(3, 2\)"),
        ({"mask": np.ones(3, bool)}, r"bool mask like x \(2, 3\), got bool \(3,\)"),
        ({"mask": np.ones((1, 2, 3), bool)}, r"bool mask like x \(2, 3\), got bool \(1, 2, 3\)"),
        ({"mask": np.ones((2, 3))}, r"bool mask like x \(2, 3\), got float64 \(2, 3\)"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_values_in_hand(options, message):
    with pytest.raises(ValueError, match=message):
        dropout(np.zeros((2, 3)), **options)
