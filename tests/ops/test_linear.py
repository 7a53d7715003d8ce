"""Products: the sums they stand for, torch's values and gradients, what is refused."""

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import ops

seeds = st.integers(0, 99)
sizes = st.integers(0, 4)
lead = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
floats = st.sampled_from([np.float32, np.float64])
SUMS = {"roundings": 8, "terms": 16.0}  # dot products of at most 27·4 terms of size about 1


# --- linear


@given(st.tuples(sizes, sizes, sizes), seeds)
def test_linear_and_its_gradients_are_the_stated_sums(size, seed):
    n, d_in, d_out = size
    x, weight = whole((n, d_in), seed), whole((d_out, d_in), seed + 1)
    bias, dy = whole((d_out,), seed + 2), whole((n, d_out), seed + 3)
    y, pullback = ops.linear(x, weight, bias)
    np.testing.assert_array_equal(y, naive.linear(x, weight, bias))
    expected = naive.linear_gradients(x, weight, dy)
    for found, dx in zip(pullback(dy), expected, strict=True):
        np.testing.assert_array_equal(found, dx)
    for found, dx in zip(ops.linear(x, weight)[1](dy), expected[:2], strict=True):
        np.testing.assert_array_equal(found, dx)


@given(lead, sizes, sizes, seeds, floats, st.booleans())
def test_linear_is_that_of_torch_for_any_leading_axes(torch, shape, d_in, d_out, seed, dtype, bias):
    arrays = [normal((*shape, d_in), seed, dtype), normal((d_out, d_in), seed + 1, dtype)]
    arrays += [normal((d_out,), seed + 2, dtype)] * bias
    assert_agrees_with_torch(torch, ops.linear, torch.nn.functional.linear, *arrays, **SUMS)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "message"),
    [
        ((8, 4), (16, 3), None, r"expects 3 features, x has 4: x \(8, 4\), weight \(16, 3\)"),
        ((8, 3), (16, 3), (3,), r"gives 16 features, bias has another.*bias \(3,\)"),
        ((8, 3), (16, 3), (16, 1), r"gives 16 features, bias has another"),
        ((8, 3), (3,), None, r"x \(…, in\) and weight \(out, in\)"),
        ((), (16, 3), None, r"x \(…, in\) and weight \(out, in\)"),
        ((8, 3), (2, 16, 3), None, r"x \(…, in\) and weight \(out, in\)"),
    ],
)
def test_linear_refuses_shapes_that_do_not_fit_and_shows_them(x, weight, bias, message):
    arrays = [None if s is None else np.ones(s) for s in (x, weight, bias)]
    with pytest.raises(ValueError, match=message):
        ops.linear(*arrays)


def test_linear_does_not_write_its_output_into_the_bias_or_x():
    x, weight, bias = normal((2, 3)), normal((4, 3), 1), normal((4,), 2)
    y = ops.linear(x, weight, bias)[0]
    assert not any(np.shares_memory(y, a) for a in (x, weight, bias))


# --- matmul


@given(st.tuples(sizes, sizes, sizes), seeds)
def test_matmul_is_the_stated_sum(size, seed):
    n, k, m = size
    x, y = whole((n, k), seed), whole((k, m), seed + 1)
    np.testing.assert_array_equal(ops.matmul(x, y)[0], naive.matmul(x, y))


@st.composite
def factors(draw):
    """Return two shapes whose product is defined: vectors, matrices, stacks that broadcast."""
    n, k, m = (draw(sizes) for _ in range(3))
    left, right = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3, min_side=0)
    ).input_shapes
    x = draw(st.sampled_from([(k,), (n, k), (*left, n, k)]))
    y = draw(st.sampled_from([(k,), (k, m), (*right, k, m)]))
    return x, y


@given(factors(), seeds, floats)
def test_matmul_is_that_of_torch_for_vectors_matrices_and_stacks(torch, shapes, seed, dtype):
    x, y = normal(shapes[0], seed, dtype), normal(shapes[1], seed + 1, dtype)
    assert_agrees_with_torch(torch, ops.matmul, torch.matmul, x, y, **SUMS)


@given(factors(), seeds)
def test_matmul_is_linear_in_each_factor_with_exact_adjoints(shapes, seed):
    # ⟨x y, dz⟩ = ⟨x, dx⟩ = ⟨y, dy⟩: all three are the same sum of products of three numbers.
    x, y = whole(shapes[0], seed), whole(shapes[1], seed + 1)
    z, pullback = ops.matmul(x, y)
    dz = whole(np.shape(z), seed + 2)
    dx, dy = pullback(dz)
    assert np.sum(z * dz) == np.sum(x * dx) == np.sum(y * dy)


@pytest.mark.parametrize(
    ("x", "y"), [((2, 3), (2, 3)), ((3,), (2,)), ((), (3,)), ((3,), ()), ((2, 3), (4, 2, 3))]
)
def test_matmul_refuses_lengths_that_do_not_meet_and_shows_the_shapes(x, y):
    with pytest.raises(ValueError, match=r"does not meet the rows of y: x \(.*\), y \("):
        ops.matmul(np.ones(x), np.ones(y))


def test_matmul_refuses_stacks_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        ops.matmul(np.ones((2, 2, 3)), np.ones((3, 3, 2)))


@pytest.mark.parametrize("op", [ops.matmul, ops.linear])
@pytest.mark.parametrize(
    ("dtype_x", "dtype_y"), [("float32", "float64"), ("float64", "int64"), ("int64", "int64")]
)
def test_products_take_floating_arrays_of_one_dtype(op, dtype_x, dtype_y):
    # torch refuses the first two as well; a silent conversion would halve the speed.
    with pytest.raises(TypeError, match=rf"one dtype, got x {dtype_x} \(2, 2\)"):
        op(np.ones((2, 2), dtype_x), np.ones((2, 2), dtype_y))


@pytest.mark.parametrize("op", [ops.matmul, ops.linear])
def test_transposed_and_strided_factors_give_the_same(op):
    x, y = normal((4, 6))[:, ::2], normal((3, 3), 1).T
    z, pullback = op(x, y)
    expected, reference = op(x.copy(), y.copy())
    assert_close(z, expected)
    dz = normal((3, 4), 2).T
    for found, dx in zip(pullback(dz), reference(dz.copy()), strict=True):
        assert_close(found, dx)
