"""softmax and log_softmax: sizes of any kind, the whole Jacobian, rows without a finite maximum."""

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import log_softmax, softmax

BOTH = pytest.mark.parametrize("op", [softmax, log_softmax])


@st.composite
def shapes_and_dims(draw):
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    return shape, draw(st.integers(-len(shape), len(shape) - 1))


def rows(x, dim):
    """Return the rows along one axis, as lists."""
    return np.moveaxis(x, dim, -1).reshape(-1, x.shape[dim]).tolist() if x.size else []


@given(shapes_and_dims())
def test_softmax_is_in_proportion_to_the_exponentials_and_its_pullback_the_whole_jacobian(case):
    shape, dim = case
    x, dy = 3.0 * normal(shape, 1), normal(shape, 2)
    y, pullback = softmax(x, dim)
    (dx,) = pullback(dy)
    assert y.shape == dx.shape == shape
    for row, y_row, dy_row, dx_row in zip(*[rows(a, dim) for a in (x, y, dy, dx)], strict=True):
        assert_close(y_row, naive.softmax(row))
        # Terms of size up to max |dy| cancel, so the error is some roundings of them.
        expected = naive.softmax_gradient(row, dy_row)
        np.testing.assert_allclose(dx_row, expected, rtol=0, atol=4e-15 * max(map(abs, dy_row)))


@given(shapes_and_dims())
def test_log_softmax_is_the_score_less_the_logarithm_of_the_sum(case):
    shape, dim = case
    x, dy = 3.0 * normal(shape, 1), normal(shape, 2)
    y, pullback = log_softmax(x, dim)
    (dx,) = pullback(dy)
    assert y.shape == dx.shape == shape
    for row, y_row, dy_row, dx_row in zip(*[rows(a, dim) for a in (x, y, dy, dx)], strict=True):
        expected = naive.log_softmax(row)
        scale = max(map(abs, row))  # the difference of two scores is as exact as they are
        np.testing.assert_allclose(y_row, expected, rtol=0, atol=4e-15 * max(1.0, scale))
        # ∂y_j/∂x_i = [i = j] − p_i
        expected = [d - p * sum(dy_row) for d, p in zip(dy_row, naive.softmax(row), strict=True)]
        np.testing.assert_allclose(dx_row, expected, rtol=0, atol=4e-15 * sum(map(abs, dy_row)))


@BOTH
@pytest.mark.parametrize(("dtype", "roundings"), [(np.float64, 16), (np.float32, 16)])
@given(shapes_and_dims())
def test_values_and_gradients_are_those_of_torch(torch, op, dtype, roundings, case):
    # Scores up to about 3 lose that many roundings in exp, and the terms of a gradient cancel.
    shape, dim = case
    reference = getattr(torch.nn.functional, op.__name__)
    assert_agrees_with_torch(
        torch,
        lambda x: op(x, dim),
        lambda x: reference(x, dim),
        normal(shape, 1, dtype),
        roundings=roundings,
    )


@BOTH
@given(shapes_and_dims())
def test_the_pullback_is_the_derivative(op, case):
    shape, dim = case
    check_pullback(op, normal(shape, 1), dim=dim)


@given(shapes_and_dims())
def test_probabilities_sum_to_one_and_a_shift_of_all_scores_changes_nothing(case):
    shape, dim = case
    x = np.round(8 * normal(shape)) / 8  # so that x + 1024 is exact
    y, pullback = softmax(x, dim)
    np.testing.assert_array_equal(softmax(x + 1024.0, dim)[0], y)
    np.testing.assert_array_equal(log_softmax(x + 1024.0, dim)[0], log_softmax(x, dim)[0])
    if shape[dim]:
        np.testing.assert_allclose(y.sum(axis=dim), 1.0, rtol=2e-15)  # four roundings, and theirs
    dx = pullback(normal(shape, 2))[0]
    np.testing.assert_allclose(dx.sum(axis=dim), 0.0, atol=1e-14)  # of terms up to 4


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scores_of_any_size_neither_overflow_nor_lose_the_logarithm(dtype):
    largest = np.finfo(dtype).max / 2
    x = np.array([[1000.0, 1001.0], [-largest, largest], [-1e4, -1e4 - 1]], dtype)
    y, _ = softmax(x)
    p = dtype(1 / (1 + np.exp(1.0)))
    np.testing.assert_allclose(y, [[p, 1 - p], [0, 1], [1 - p, p]], rtol=4 * np.finfo(dtype).eps)
    logs, pullback = log_softmax(np.array([[0.0, -1000.0, -1e30]], dtype))
    np.testing.assert_array_equal(logs, np.array([[0.0, -1000.0, -1e30]], dtype))
    np.testing.assert_array_equal(pullback(np.array([[0.0, 1.0, 0.0]], dtype))[0], [[-1, 1, 0]])


@BOTH
def test_infinite_scores_are_treated_as_in_torch_without_a_warning(torch, op):
    inf = np.inf
    x = np.array([[-inf, 0.0, 1.0], [-inf, -inf, -inf], [inf, 0.0, 1.0], [np.nan, 0.0, 1.0]])
    dy = normal(x.shape)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    expected = getattr(torch.nn.functional, op.__name__)(leaf, -1)
    expected.backward(torch.from_numpy(dy))
    y, pullback = op(x)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-15)
    np.testing.assert_allclose(pullback(dy)[0], leaf.grad.numpy(), rtol=1e-14)
    assert np.isfinite(pullback(dy)[0][0]).all()  # a masked score does not spoil the others
    assert np.isnan(y[1]).all()


@BOTH
def test_one_number_is_a_row_of_one(op):
    y, pullback = op(np.array(3.0))
    assert (y.shape, float(y)) == ((), 1.0 if op is softmax else 0.0)
    assert float(pullback(np.array(5.0))[0]) == 0.0


@BOTH
def test_integers_become_float32(op):
    y, _ = op(np.array([1, 2, 3]))
    np.testing.assert_array_equal(y, op(np.float32([1, 2, 3]))[0], strict=True)


@BOTH
@pytest.mark.parametrize("dim", [2, -3])
def test_an_axis_that_x_does_not_have_is_refused(op, dim):
    with pytest.raises(IndexError, match=f"dim {dim} is out of range for an array of 2 dimensions"):
        op(np.zeros((2, 3)), dim)


@BOTH
def test_complex_scores_are_refused(op):
    with pytest.raises(TypeError, match=r"complex128 with shape \(2,\)"):
        op(np.zeros(2, complex))


@BOTH
@pytest.mark.parametrize("form", [(), (3,), (3, 2), (6,)])
def test_a_gradient_of_another_shape_is_refused(op, form):
    _, pullback = op(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shape of its result, got \(2, 3\) and \("):
        pullback(np.ones(form))


@BOTH
def test_halves_add_up_in_float32(op):
    x = np.zeros((2, 70_000), np.float16)  # Σ exp is beyond the largest half
    y, pullback = op(x)
    assert y.dtype == np.float16
    p = 1 / 70_000
    np.testing.assert_allclose(y[:, ::999], p if op is softmax else np.log(p), rtol=4e-3)
    (dx,) = pullback(np.ones_like(x))
    assert dx.dtype == np.float16
    np.testing.assert_allclose(dx, 0, atol=1e-7 if op is softmax else 1e-3)


@BOTH
def test_the_other_byte_order_gives_the_same_in_the_processors(op):
    x, dy = normal((3, 4), 1), normal((3, 4), 2)
    swapped = x.dtype.newbyteorder()
    (y, pullback), (found, pullback_of_swapped) = op(x), op(x.astype(swapped))
    np.testing.assert_array_equal(found, y, strict=True)
    expected = pullback(dy)[0]
    np.testing.assert_array_equal(pullback_of_swapped(dy.astype(swapped))[0], expected, strict=True)


@pytest.mark.parametrize("dim", [0, 1])
def test_long_lines_are_summed_exactly_along_every_axis(dim):
    x = 3 * normal((32_767, 8), 1, np.float32)
    x = x if dim == 0 else x.T.copy()
    y, pullback = log_softmax(x, dim)
    exact = x - np.log(np.exp(x.astype(float)).sum(axis=dim, keepdims=True))
    # One rounding of a value near 20, and some of the sum; one sum after another is off by 3e-5.
    np.testing.assert_allclose(y, exact, rtol=0, atol=4e-6)
    assert abs(pullback(np.ones_like(x))[0].sum(axis=dim)).max() < 0.2
