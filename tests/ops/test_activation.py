"""Activations: the stated equations, torch's values and gradients, and behaviour far out."""

import math

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import ops
from scratchnet.ops._erf import _LOG_ODDS, erf, normal_cdf

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
seeds = st.integers(0, 99)
dtypes = st.sampled_from([np.float32, np.float64])


def options_of(name):
    """Return calls of the operation and of torch's function with the same options, by a strategy."""
    number = st.floats(0.1, 3.0)
    return {
        "elu": st.builds(lambda a: {"alpha": a}, number),
        "gelu": st.sampled_from([{}, {"approximate": "none"}, {"approximate": "tanh"}]),
        "hardtanh": st.builds(lambda a, b: {"min_val": -a, "max_val": b}, number, number),
        "leaky_relu": st.builds(lambda s: {"negative_slope": s}, number),
        "softplus": st.builds(lambda b, t: {"beta": b, "threshold": t}, number, number),
    }.get(name, st.just({}))


ALL = [
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]


@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_values_and_gradients_are_those_of_torch(torch, name, data):
    options = data.draw(options_of(name))
    # torch's gradient of hardsigmoid has the digits of float32 in float64 too: its 1/6 has
    dtype = np.float32 if name == "hardsigmoid" else data.draw(dtypes)
    x = 3 * normal(data.draw(shapes), data.draw(seeds), dtype)
    reference = getattr(torch.nn.functional, name)
    assert_agrees_with_torch(
        torch,
        lambda a: getattr(ops, name)(a, **options),
        lambda t: reference(t, **options),
        np.asarray(x),
        roundings=8,  # chains of some eight rounded steps
        terms=4.0,  # x (1 + t) and dy (1 − t²) cancel far out: the error is that of x and of dy
    )


def sigma(x):
    return 1.0 / (1.0 + math.exp(-x))


# The equation for a number, written out once more.
EQUATIONS = {
    "elu": lambda x: x if x > 0 else math.exp(x) - 1.0,
    "gelu": naive.gelu,
    "hardsigmoid": lambda x: min(max(x + 3.0, 0.0), 6.0) / 6.0,
    "hardswish": lambda x: x * min(max(x + 3.0, 0.0), 6.0) / 6.0,
    "hardtanh": lambda x: min(max(x, -1.0), 1.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "sigmoid": sigma,
    "silu": lambda x: x * sigma(x),
    "softplus": lambda x: math.log(1.0 + math.exp(x)) if x <= 20.0 else x,
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
}


@pytest.mark.parametrize("name", ALL)
def test_values_are_those_of_the_equation(name):
    x = np.linspace(-30.0, 30.0, 601)
    expected = np.array([EQUATIONS[name](float(v)) for v in x])
    assert_close(getattr(ops, name)(x)[0], expected, roundings=4)


def test_tanh_form_of_gelu_is_its_equation():
    x = np.linspace(-8.0, 8.0, 321)
    u = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
    assert_close(ops.gelu(x, approximate="tanh")[0], 0.5 * x * (1.0 + np.tanh(u)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_is_exact_to_a_few_roundings(dtype):
    x = np.concatenate([np.linspace(-7, 7, 4001), [0.46875, -0.46875, 4.0, 1e-30, 1e30]])
    x = x.astype(dtype)
    expected = np.array([math.erf(float(v)) for v in x]).astype(dtype)
    # Near |x| = 1/2 erf is 1 − erfc with both about a half: the error of two roundings, not of one.
    np.testing.assert_allclose(erf(x), expected, rtol=4 * np.finfo(dtype).eps, atol=0)


def test_the_normal_cdf_in_float32_is_off_by_one_rounding_near_1():
    x = np.concatenate([np.linspace(-12, 12, 20001), np.linspace(-1e-3, 1e-3, 101)])
    x = np.append(x, [-3e38, 3e38, -1e19, 1e19]).astype(np.float32)
    expected = np.array([0.5 * math.erfc(-float(v) * math.sqrt(0.5)) for v in x])
    found = np.empty_like(x)
    with np.errstate(over="ignore"):  # of powers of x far out
        normal_cdf(x, found)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.3e-7)  # as its docstring says
    inner = np.abs(x) <= 3
    np.testing.assert_allclose(found[inner], expected[inner], rtol=2e-5)
    np.testing.assert_array_equal(found[-4:], [0, 1, 0, 1])


def test_the_polynomial_of_the_log_odds_has_one_sign_for_all_x():
    s = np.concatenate([[0.0], np.logspace(-6, 40, 4601)])
    with np.errstate(over="ignore"):
        assert (np.polyval(_LOG_ODDS, s) <= -1.59).all()


def test_erf_of_infinities_and_nan():
    np.testing.assert_array_equal(erf(np.array([-np.inf, np.inf, np.nan, 0.0])), [-1, 1, np.nan, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "options", "left", "right"),
    [
        # (value, slope) at the far left and, as a multiple of x, at the far right
        ("elu", {"alpha": 2.0}, (-2.0, 0.0), ("x", 1.0)),
        ("gelu", {}, (0.0, 0.0), ("x", 1.0)),
        ("gelu", {"approximate": "tanh"}, (0.0, 0.0), ("x", 1.0)),
        ("hardsigmoid", {}, (0.0, 0.0), (1.0, 0.0)),
        ("hardswish", {}, (0.0, 0.0), ("x", 1.0)),
        ("hardtanh", {"max_val": 2.0}, (-1.0, 0.0), (2.0, 0.0)),
        ("relu", {}, (0.0, 0.0), ("x", 1.0)),
        ("relu6", {}, (0.0, 0.0), (6.0, 0.0)),
        ("sigmoid", {}, (0.0, 0.0), (1.0, 0.0)),
        ("silu", {}, (0.0, 0.0), ("x", 1.0)),
        ("softplus", {}, (0.0, 0.0), ("x", 1.0)),
        ("tanh", {}, (-1.0, 0.0), (1.0, 0.0)),
    ],
)
def test_far_out_the_limits_are_reached_without_a_warning(dtype, name, options, left, right):
    # Warnings are errors in these tests: an overflow inside would raise.
    for size in (800.0, 1e4, 1e19, 1e30, float(np.finfo(dtype).max)):
        x = np.array([-size, size], dtype)
        y, pullback = getattr(ops, name)(x, **options)
        (dx,) = pullback(np.ones_like(x))
        values = [left[0], x[1] if right[0] == "x" else right[0]]
        np.testing.assert_array_equal(y, np.array(values, dtype))
        np.testing.assert_array_equal(dx, np.array([left[1], right[1]], dtype))


def test_small_probabilities_keep_their_digits():
    # 1 − σ(40) would be 0; σ(−40) and softplus(−40) are e⁻⁴⁰ to the last digit.
    x = np.array([-40.0])
    assert_close(ops.sigmoid(x)[0], np.exp(x))
    assert_close(ops.softplus(x)[0], np.exp(x))
    assert_close(ops.elu(np.array([-1e-9]))[0], np.array([math.expm1(-1e-9)]))


def test_at_zero_the_slope_is_the_one_that_is_stated():
    zero = np.zeros(1)
    slopes = {
        name: float(getattr(ops, name)(zero)[1](np.ones(1))[0][0])
        for name in ("relu", "relu6", "leaky_relu", "elu")
    }
    assert slopes == {"relu": 0.0, "relu6": 0.0, "leaky_relu": 0.01, "elu": 1.0}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 40])  # torch has another loop for what fills a vector register
@pytest.mark.parametrize(
    ("name", "options", "corners", "slopes"),
    [
        ("hardsigmoid", {}, (-3.0, 3.0), (0.0, 0.0)),
        ("hardswish", {}, (-3.0, 3.0), (0.0, 1.0)),
        ("hardtanh", {}, (-1.0, 1.0), (0.0, 0.0)),
        ("hardtanh", {"min_val": -0.5, "max_val": 2.5}, (-0.5, 2.5), (0.0, 0.0)),
        ("hardtanh", {"min_val": 2.0, "max_val": 2.0}, (2.0, 2.0), (0.0, 0.0)),
        ("relu6", {}, (0.0, 6.0), (0.0, 0.0)),
    ],
)
def test_at_the_corners_and_around_them_the_slopes_are_those_of_torch(
    torch, dtype, n, name, options, corners, slopes
):
    low, high = corners
    points = [low, high, low - 0.25, low + 0.25, high - 0.25, high + 0.25, -0.0]
    x = np.repeat(np.array(points, dtype), n)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    expected = getattr(torch.nn.functional, name)(leaf, **options)
    expected.backward(torch.ones_like(expected))
    y, pullback = getattr(ops, name)(x, **options)
    (dx,) = pullback(np.ones_like(x))
    np.testing.assert_array_equal(dx[[0, n]], slopes)  # the stated ones
    np.testing.assert_array_equal(dx == 0, leaf.grad.numpy() == 0)
    digits = np.float32 if name == "hardsigmoid" else dtype  # torch's 1/6 is rounded to float32
    assert_close(dx, leaf.grad.numpy(), roundings=2 * np.finfo(digits).eps / np.finfo(dtype).eps)
    assert_close(y, expected.detach().numpy(), roundings=2)


@pytest.mark.parametrize("name", ALL)
def test_nan_stays_nan_without_a_warning(name):
    y, pullback = getattr(ops, name)(np.array([np.nan, 1.0]))
    assert np.isnan(y).tolist() == [True, False]
    pullback(np.ones(2))


@pytest.mark.parametrize(
    "name",
    [
        "elu",
        "hardsigmoid",
        "hardtanh",
        "leaky_relu",
        "relu",
        "relu6",
        "sigmoid",
        "softplus",
        "tanh",
    ],
)
def test_infinite_inputs_give_torchs_limits(torch, name):
    x = np.array([-np.inf, np.inf])
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(getattr(ops, name)(x)[0], expected)


@pytest.mark.parametrize("name", sorted({*ALL} - {"hardtanh", "relu", "relu6"}))
def test_integers_become_float32(name):
    x = np.array([-2, 0, 3])
    expected = getattr(ops, name)(x.astype(np.float32))[0]
    np.testing.assert_array_equal(getattr(ops, name)(x)[0], expected, strict=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [("relu", {}), ("relu6", {}), ("hardtanh", {}), ("hardtanh", {"max_val": 2.75})],
)
def test_where_torch_keeps_integers_they_stay_integers(torch, name, options):
    x = np.array([-2, 0, 3, 9])
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(x), **options).numpy()
    np.testing.assert_array_equal(getattr(ops, name)(x, **options)[0], expected, strict=True)


def test_hardtanh_refuses_bounds_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"min_val 1.0 is greater than max_val -1.0"):
        ops.hardtanh(np.zeros(2), 1.0, -1.0)


def test_hardswish_is_x_times_hardsigmoid_and_relu6_is_hardtanh_from_0_to_6():
    x, dy = np.linspace(-8.0, 8.0, 321), normal(321)
    assert_close(ops.hardswish(x)[0], x * ops.hardsigmoid(x)[0], roundings=1)
    for a, b in zip(
        (ops.relu6(x)[0], *ops.relu6(x)[1](dy)),
        (ops.hardtanh(x, 0, 6)[0], *ops.hardtanh(x, 0, 6)[1](dy)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_gelu_names_the_approximation_that_it_does_not_know():
    with pytest.raises(ValueError, match="approximate is 'none' or 'tanh', got 'erf'"):
        ops.gelu(np.zeros(2), approximate="erf")


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh"])
@pytest.mark.parametrize(
    "x", [np.array([True]), np.array([1 + 1j]), np.array([1.0], object)], ids=lambda x: x.dtype.kind
)
def test_what_has_no_order_or_no_number_is_refused(name, x):
    called = "relu" if name == "relu" else "hardtanh"
    with pytest.raises(TypeError, match=rf"{called} takes real numbers, got dtype {x.dtype}"):
        getattr(ops, name)(x)


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh"])
def test_torch_refuses_bools_and_complex_numbers_too(torch, name):
    for x in (torch.tensor([True]), torch.tensor([1 + 1j])):
        with pytest.raises(RuntimeError, match=r"not supported|not implemented"):
            getattr(torch.nn.functional, name)(x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_far_left_silu_and_its_slope_keep_their_digits(dtype):
    x = np.linspace(-11, -1.5, 20).astype(dtype)
    y, pullback = ops.silu(x)
    s = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    # The smallest halves have fewer digits; 16 roundings, for 1 + x (1 − σ) is near 0 on the right.
    close = {"rtol": 16 * float(np.finfo(dtype).eps), "atol": float(np.finfo(dtype).tiny) / 512}
    np.testing.assert_allclose(y, (x * s).astype(dtype), **close)
    slope = s * (1 + x * (1 - s))
    np.testing.assert_allclose(pullback(np.ones_like(x))[0], slope.astype(dtype), **close)


def test_in_halves_gelu_has_the_digits_of_halves_where_its_factor_is_small():
    x = np.linspace(-4, -1, 13).astype(np.float16)
    for approximate in ("none", "tanh"):
        (y, pullback), (wide, slope) = (ops.gelu(a, approximate) for a in (x, x.astype(np.float64)))
        assert y.dtype == np.float16
        np.testing.assert_allclose(y, wide, rtol=2e-3)
        expected = slope(np.ones(13))[0]
        np.testing.assert_allclose(pullback(np.ones_like(x))[0], expected, rtol=2e-3)


@pytest.mark.parametrize("name", ["elu", "leaky_relu"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("factor", [-2.5, 3.3, 1e4, 1e8, math.inf])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # 1e8 as a half
def test_positive_entries_and_their_gradients_pass_exactly_whatever_the_factor(name, dtype, factor):
    x = np.array([0.3, 2.0, -1.0, np.inf], dtype)
    y, pullback = getattr(ops, name)(x, factor)
    positive = x > 0
    np.testing.assert_array_equal(y[positive], x[positive])
    np.testing.assert_array_equal(pullback(x)[0][positive], x[positive])
    with np.errstate(over="ignore"):
        wanted = dtype(factor) * (np.expm1(x[2]) if name == "elu" else x[2])
    np.testing.assert_allclose(y[2], wanted, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [6, 300_000])
def test_the_other_byte_order_gives_the_same_in_the_processors(name, size):
    x, dy = 3 * normal(size, 1, np.float32), normal(size, 2, np.float32)
    swapped = x.dtype.newbyteorder()
    y, pullback = getattr(ops, name)(x)
    found, pullback_of_swapped = getattr(ops, name)(x.astype(swapped))
    np.testing.assert_array_equal(found, y, strict=True)
    expected = pullback(dy)[0]
    np.testing.assert_array_equal(pullback_of_swapped(dy.astype(swapped))[0], expected, strict=True)
    assert found.dtype.isnative


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [6, 300_000])  # one piece, and several
@pytest.mark.parametrize("form", [(), (1,), (2, 3)])
def test_a_gradient_of_another_shape_is_refused(name, size, form):
    _, pullback = getattr(ops, name)(np.ones(size, np.float32))
    with pytest.raises(ValueError, match=rf"shape of its result, got .*\({size},\)"):
        pullback(np.ones(form, np.float32))
