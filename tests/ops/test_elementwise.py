"""Elementwise operations: torch's values, gradients and dtypes, and the edges of each."""

import itertools

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import check_pullback, ops

INF, NAN = float("inf"), float("nan")
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
pairs_of_shapes = hnp.mutually_broadcastable_shapes(
    num_shapes=2, min_side=0, max_side=4, max_dims=3
)
triples_of_shapes = hnp.mutually_broadcastable_shapes(num_shapes=3, max_side=3, max_dims=3)
seeds = st.integers(0, 99)
floats = st.sampled_from([np.float32, np.float64])
numbers = st.sampled_from([np.float32, np.float64, np.int64, np.int32])

# A broadcast entry's gradient is a sum of up to 64 terms of size up to about 4, which may cancel.
SUMS = {"roundings": 8, "terms": 16.0}


def positive(x):
    """Return |x| + ½, or 1 to 4 for integers: nothing to divide by is near 0."""
    return (np.abs(x) + 0.5).astype(x.dtype) if x.dtype.kind == "f" else x % 4 + 1


def draw_array(shape, seed, dtype):
    return normal(shape, seed, dtype) if np.dtype(dtype).kind == "f" else whole(shape, seed, dtype)


# --- arithmetic with broadcasting


@pytest.mark.parametrize(
    ("name", "theirs", "safe"),
    [
        ("add", "add", lambda x, y: (x, y)),
        ("subtract", "sub", lambda x, y: (x, y)),
        ("multiply", "mul", lambda x, y: (x, y)),
        ("divide", "div", lambda x, y: (x, positive(y))),
        ("pow", "pow", lambda x, y: (positive(x), positive(y))),
        ("maximum", "maximum", lambda x, y: (x, y)),
        ("minimum", "minimum", lambda x, y: (x, y)),
    ],
)
@given(data=st.data())
def test_arithmetic_is_that_of_torch_for_any_shapes_and_dtypes(torch, name, theirs, safe, data):
    shape_x, shape_y = data.draw(pairs_of_shapes).input_shapes
    x = draw_array(shape_x, data.draw(seeds), data.draw(numbers))
    y = draw_array(shape_y, data.draw(seeds), data.draw(floats))
    if data.draw(st.booleans()):
        x, y = y, x
    x, y = safe(x, y)
    assert_agrees_with_torch(torch, getattr(ops, name), getattr(torch, theirs), x, y, **SUMS)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow"])
@pytest.mark.parametrize("number", [1, 3, -2, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_may_stand_on_either_side(torch, name, number, dtype):
    theirs = {"subtract": "sub", "multiply": "mul", "divide": "div"}.get(name, name)
    reference = getattr(torch, theirs)
    x = positive(normal((2, 3), 0, dtype))
    assert_agrees_with_torch(torch, getattr(ops, name), reference, x, number)
    if name != "pow" or number > 0:  # a negative number under a fractional power is NaN
        assert_agrees_with_torch(
            torch,
            lambda a: getattr(ops, name)(number, a),
            lambda t: reference(torch.tensor(number, dtype=t.dtype), t),
            x,
        )


@given(pairs_of_shapes, seeds)
def test_the_gradient_of_a_broadcast_operand_is_the_sum_over_its_copies(pair, seed):
    shape_x, shape_y = pair.input_shapes
    x, y, dz = (whole(s, seed) for s in (shape_x, shape_y, pair.result_shape))
    dx, dy = ops.multiply(x, y)[1](dz)  # whole numbers: exact in any order
    np.testing.assert_array_equal(dx, naive.broadcast_gradient(shape_x, dz * y))
    np.testing.assert_array_equal(dy, naive.broadcast_gradient(shape_y, dz * x))


def test_shapes_that_do_not_broadcast_are_an_error_with_both_shapes():
    for op in (ops.add, ops.multiply, ops.maximum, ops.pow):
        with pytest.raises(ValueError, match=r"\(2,3\).*\(2,\)"):
            op(np.ones((2, 3)), np.ones(2))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "where"])
def test_what_is_no_real_number_is_refused(name):
    op = ops.where if name == "where" else getattr(ops, name)
    first = (np.array([True, False]),) if name == "where" else ()
    for bad in (np.array(["a", "b"]), np.ones(2, complex), np.array([None, None])):
        with pytest.raises(TypeError, match="expected real numbers, got dtype"):
            op(*first, np.ones(2), bad)


# --- dtypes

DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float32", "float64"]
FORMS = [
    *[(f"{d} array", np.array([1, 0, 1], d)) for d in DTYPES],
    *[(f"{d} 0-d", np.array(1, d)) for d in DTYPES],
    ("Python bool", True),
    ("Python int", 1),
    ("Python float", 1.0),
]
PAIRS = [
    pytest.param(x, y, id=f"{name_x}, {name_y}")
    for (name_x, x), (name_y, y) in itertools.product(FORMS, FORMS)
]


def torch_result_type(torch, x, y):
    """Return the NumPy dtype of torch's result type; arrays become tensors."""
    tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in (x, y)]
    if not any(isinstance(t, torch.Tensor) for t in tensors):
        return torch.where(torch.tensor(True), *tensors).numpy().dtype  # takes two numbers
    return torch.empty(0, dtype=torch.result_type(*tensors)).numpy().dtype


@pytest.mark.parametrize(("x", "y"), PAIRS)
def test_the_dtype_of_a_result_is_that_of_torch(torch, x, y):
    expected = torch_result_type(torch, x, y)
    c = np.array([True, False, True])
    for op in (ops.add, ops.multiply, ops.maximum, ops.minimum, lambda a, b: ops.where(c, a, b)):
        z, pullback = op(x, y)
        assert z.dtype == expected
        dtypes = [a.dtype for a in (x, y) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        assert [dx.dtype for dx in pullback(np.ones_like(z))] == dtypes
    if expected.kind != "b":
        assert ops.subtract(x, y)[0].dtype == expected
        assert ops.pow(x, y)[0].dtype == expected
    if np.all(np.asarray(y)):
        quotient = ops.divide(x, y)[0]
        assert quotient.dtype == (expected if expected.kind == "f" else np.float32)


@pytest.mark.parametrize("name", ["add", "mul", "where"])
def test_torchs_operations_follow_its_result_type(torch, name):
    # The table above compares with torch.result_type; that this is what torch computes is seen here.
    for (_, x), (_, y) in itertools.product(FORMS[: 2 * len(DTYPES)], FORMS):
        a = torch.from_numpy(x)
        b = torch.from_numpy(y) if isinstance(y, np.ndarray) else y
        c = torch.tensor([True, False, True])
        z = torch.where(c, a, b) if name == "where" else getattr(torch, name)(a, b)
        assert z.numpy().dtype == torch_result_type(torch, x, y)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt"])
def test_functions_of_integers_are_float32(name):
    x = np.array([1, 2, 3], np.uint8)
    expected = getattr(np, name)(x.astype(np.float32))
    np.testing.assert_array_equal(getattr(ops, name)(x)[0], expected, strict=True)


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_conversion_gives_the_gradient_back_in_the_dtype_of_the_input(source, target):
    x = np.array([0, 1, 2]).astype(source)
    y, pullback = ops.astype(x, target)
    np.testing.assert_array_equal(y, x.astype(target), strict=True)
    grads = pullback(np.ones(3, target))
    if x.dtype.kind == "f":
        slope = 1.0 if y.dtype.kind == "f" else 0.0  # rounding to integers is flat
        np.testing.assert_array_equal(grads[0], np.full(3, slope, source), strict=True)
    assert len(grads) == (x.dtype.kind == "f")


def test_a_conversion_is_a_copy():
    x = np.ones(3)
    y = ops.astype(x, np.float64)[0]
    y[0] = 5.0
    assert x[0] == 1.0


# --- functions of one array


@pytest.mark.parametrize("name", ["absolute", "exp", "log", "negative", "sqrt"])
@given(shape=shapes, seed=seeds, dtype=floats)
def test_functions_of_one_array_are_those_of_torch(torch, name, shape, seed, dtype):
    x = normal(shape, seed, dtype)
    x = positive(x) if name in ("log", "sqrt") else x
    assert_agrees_with_torch(torch, getattr(ops, name), getattr(torch, name), x)


def test_at_the_ends_of_their_domain_functions_give_the_limits(torch):
    x = np.array([0.0, INF, -1.0])
    for name in ("log", "sqrt", "exp"):
        t = torch.tensor(x, requires_grad=True)
        reference = getattr(torch, name)(t)
        reference.sum().backward()
        with np.errstate(divide="ignore", invalid="ignore"):
            y, pullback = getattr(ops, name)(x)
            (dx,) = pullback(np.ones(3))
        assert_close(y, reference.detach().numpy())
        assert_close(dx, t.grad.numpy())


def test_the_slope_of_the_absolute_value_at_zero_is_zero():
    y, pullback = ops.absolute(np.array([-2.0, 0.0, -0.0, 3.0]))
    np.testing.assert_array_equal(y, [2, 0, 0, 3])
    np.testing.assert_array_equal(pullback(np.ones(4))[0], [-1, 0, 0, 1])


# --- powers


def test_powers_at_zero_infinity_and_nan_are_those_of_torch(torch):
    values = [-INF, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, INF, NAN]
    x, p = (np.array(v) for v in zip(*itertools.product(values, values), strict=True))
    t, q = (torch.tensor(v, requires_grad=True) for v in (x, p))
    expected = torch.pow(t, q)
    expected.sum().backward()
    with np.errstate(all="ignore"):
        z, pullback = ops.pow(x, p)
        dx, dp = pullback(np.ones_like(z))
    assert_close(z, expected.detach().numpy())
    assert_close(dx, t.grad.numpy())
    assert_close(dp, q.grad.numpy())


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.0, 1.0, 2.0])
def test_a_power_of_zero_has_a_finite_gradient_without_a_warning(exponent):
    (dx,) = ops.pow(np.zeros(2), exponent)[1](np.ones(2))
    np.testing.assert_array_equal(dx, np.full(2, 1.0 if exponent == 1 else 0.0))


@pytest.mark.parametrize("exponent", [-3, -1, 0, 1, 2, 5, 0.5, -1.5])
def test_powers_have_the_stated_derivative(exponent):
    x = np.array([0.3, 1.0, 2.5])
    check_pullback(lambda a: ops.pow(a, exponent), x)
    check_pullback(ops.pow, x, np.full(3, float(exponent)))
    if exponent == int(exponent):
        check_pullback(lambda a: ops.pow(a, exponent), -x)


def test_integers_keep_their_dtype_under_an_integer_power():
    np.testing.assert_array_equal(ops.pow(np.array([2, 3]), 2)[0], np.array([4, 9]), strict=True)


# --- extrema of two arrays


def test_equal_entries_share_the_gradient_of_maximum_and_minimum():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    dz = np.array([10.0, 20.0, 30.0])
    z, pullback = ops.maximum(x, y)
    np.testing.assert_array_equal(z, [2, 2, 3])
    np.testing.assert_array_equal(pullback(dz), [[0, 10, 30], [10, 10, 0]])
    z, pullback = ops.minimum(x, y)
    np.testing.assert_array_equal(z, [1, 2, 2])
    np.testing.assert_array_equal(pullback(dz), [[10, 10, 0], [0, 10, 30]])


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@given(data=st.data())
def test_with_ties_infinities_and_nan_extrema_are_those_of_torch(torch, name, data):
    values = st.sampled_from([-INF, -1.0, 0.0, 1.0, INF, NAN])
    x, y = (np.array(data.draw(st.lists(values, min_size=6, max_size=6))) for _ in range(2))
    assert_agrees_with_torch(torch, getattr(ops, name), getattr(torch, name), x, y)


@given(pairs_of_shapes, seeds)
def test_maximum_and_minimum_pass_on_the_whole_gradient(pair, seed):
    x, y = (whole(s, seed + i, low=-1, high=2) for i, s in enumerate(pair.input_shapes))
    dz = 2.0 * whole(pair.result_shape, seed)  # even: halves are whole too
    for op in (ops.maximum, ops.minimum):
        assert sum(dx.sum() for dx in op(x, y)[1](dz)) == dz.sum()


# --- bounds

bound = st.one_of(st.none(), st.floats(-1.5, 1.5), st.integers(-2, 2))


@given(shapes, seeds, floats, bound, bound)
def test_clip_by_numbers_is_that_of_torch(torch, shape, seed, dtype, lo, hi):
    if lo is None and hi is None:
        hi = 0.5
    assert_agrees_with_torch(torch, ops.clip, torch.clamp, normal(shape, seed, dtype), lo, hi)


@given(triples_of_shapes, seeds, floats, st.sampled_from(["both", "min", "max"]))
def test_clip_by_arrays_is_that_of_torch(torch, triple, seed, dtype, which):
    # Whole numbers between −2 and 2: entries on a bound, equal bounds and lo > hi all occur. x has
    # the shape of the result, since torch's own backward fails where the bounds broadcast x.
    _, shape_lo, shape_hi = triple.input_shapes
    x = whole(triple.result_shape, seed, dtype, -2, 3)
    lo, hi = whole(shape_lo, seed + 1, dtype, -2, 3), whole(shape_hi, seed + 2, dtype, -2, 3)
    bounds = (lo if which != "max" else None, hi if which != "min" else None)
    assert_agrees_with_torch(torch, ops.clip, torch.clamp, x, *bounds, **SUMS)


def test_bounds_may_broadcast_the_array():
    check_pullback(
        ops.clip, normal((1, 3)), -0.1 - normal((2, 1), 1) ** 2, 0.1 + normal((2, 3), 2) ** 2
    )


def test_a_value_on_a_bound_keeps_its_gradient():
    y, pullback = ops.clip(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), -1.0, 1.0)
    np.testing.assert_array_equal(y, [-1, -1, 0, 1, 1])
    np.testing.assert_array_equal(pullback(np.ones(5))[0], [0, 1, 1, 1, 0])


def test_where_the_lower_bound_exceeds_the_upper_the_upper_is_the_result():
    x, lo, hi = np.array([-3.0, 0.5, 3.0]), np.full(3, 1.0), np.full(3, -1.0)
    y, pullback = ops.clip(x, lo, hi)
    np.testing.assert_array_equal(y, hi)
    np.testing.assert_array_equal(pullback(np.ones(3)), [[0, 0, 0], [0, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((1, 2), np.array([1, 1, 2])),
        ((None, 1), np.array([-3, 1, 1])),
        ((0, None), np.array([0, 1, 5])),
        ((0.5, None), np.array([0.5, 1, 5], np.float32)),
    ],
)
def test_integers_stay_integers_between_integer_bounds(torch, bounds, expected):
    x = np.array([-3, 1, 5])
    y, pullback = ops.clip(x, *bounds)
    np.testing.assert_array_equal(y, expected, strict=True)
    np.testing.assert_array_equal(torch.clamp(torch.from_numpy(x), *bounds), expected, strict=True)
    assert pullback(np.ones(3)) == ()


def test_nan_is_not_clipped():
    y, pullback = ops.clip(np.array([NAN, 5.0]), -1.0, 1.0)
    np.testing.assert_array_equal(y, [NAN, 1.0])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [0.0, 0.0])


def test_clip_without_a_bound_is_an_error():
    with pytest.raises(ValueError, match="clip needs min or max"):
        ops.clip(np.ones(2))


# --- selection


@given(triples_of_shapes, seeds, floats, floats)
def test_where_is_that_of_torch(torch, triple, seed, dtype_x, dtype_y):
    shape_c, shape_x, shape_y = triple.input_shapes
    c = np.asarray(normal(shape_c, seed) > 0)
    x, y = normal(shape_x, seed + 1, dtype_x), normal(shape_y, seed + 2, dtype_y)
    assert_agrees_with_torch(torch, ops.where, torch.where, c, x, y, **SUMS)


def test_what_the_branch_not_taken_holds_does_not_reach_the_gradient():
    c = np.array([True, False, True])
    x, y = np.array([1.0, NAN, INF]), np.array([NAN, 2.0, -INF])
    z, pullback = ops.where(c, x, y)
    np.testing.assert_array_equal(z, [1, 2, INF])
    dx, dy = pullback(np.array([3.0, NAN, 5.0]))  # and a NaN in dz stays on its own side
    np.testing.assert_array_equal(dx, [3, 0, 5])
    np.testing.assert_array_equal(dy, [0, NAN, 0])


@pytest.mark.parametrize("condition", [np.array([1, 0]), np.array([1.0, 0.0]), 1])
def test_a_condition_that_is_not_bool_is_refused(condition):
    with pytest.raises(TypeError, match="where takes a bool condition, got"):
        ops.where(condition, np.ones(2), np.zeros(2))
