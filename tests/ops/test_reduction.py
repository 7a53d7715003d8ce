"""Reductions: the stated equations, torch's values and gradients, ties, empty input, NaN."""

import math
import weakref

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import ops

INF, NAN = float("inf"), float("nan")
seeds = st.integers(0, 99)
floats = st.sampled_from([np.float32, np.float64])
filled = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)
SUMS = {"roundings": 8, "terms": 8.0}  # up to 256 terms of size about 1


@st.composite
def shape_and_dim(draw, empty=False, single=False):
    """Return a shape and what `dim` may be for it: None, an int, or several, counted from any end."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0 if empty else 1, max_side=4))
    n = max(len(shape), 1)  # a 0-d array takes dim 0 and −1
    one = st.integers(-n, n - 1)
    if single:
        return shape, draw(one)
    several = st.lists(one, max_size=n, unique_by=lambda d: d % n).map(tuple)
    return shape, draw(st.one_of(st.none(), one, several))


# --- against the stated equations

EQUATIONS = {
    "sum": (ops.sum, math.fsum),
    "mean": (ops.mean, lambda v: math.fsum(v) / len(v)),
    "var": (lambda x, dim, keepdim: ops.var(x, dim, 0, keepdim), lambda v: naive.var(v, 0)),
    "amax": (ops.amax, max),
    "amin": (ops.amin, min),
    "logsumexp": (ops.logsumexp, naive.logsumexp),
}


@pytest.mark.parametrize("name", EQUATIONS)
@given(pair=shape_and_dim(), seed=seeds, keepdim=st.booleans())
def test_each_output_is_the_equation_of_the_entries_that_it_takes_in(name, pair, seed, keepdim):
    shape, dim = pair
    op, equation = EQUATIONS[name]
    x = normal(shape, seed)
    dims = range(len(shape)) if dim is None or dim == () else np.atleast_1d(dim)
    dims = {int(d) % len(shape) for d in dims} if shape else set()
    expected = [equation([float(x[i]) for i in g]) for g in naive.groups(shape, dims)]
    kept = [1 if i in dims else n for i, n in enumerate(shape) if keepdim or i not in dims]
    assert_close(op(x, dim, keepdim)[0], np.reshape(expected, kept), **SUMS)


@given(pair=shape_and_dim(), seed=seeds, largest=st.booleans())
def test_equal_extrema_share_the_gradient_and_with_dim_the_first_takes_it(pair, seed, largest):
    shape, dim = pair
    x = whole(shape, seed, low=0, high=3)  # ties are frequent
    dims = range(len(shape)) if dim is None or dim == () else np.atleast_1d(dim)
    dims = {int(d) % len(shape) for d in dims} if shape else set()
    y, pullback = (ops.amax if largest else ops.amin)(x, dim)
    dy = normal(np.shape(y), seed)
    first = None
    if isinstance(dim, int):
        (_, indices), first = (ops.max if largest else ops.min)(x, dim)
        assert indices.dtype == np.int64
    shared_dx, first_dx = pullback(dy)[0], first((dy, None))[0] if first else None
    for group, d in zip(naive.groups(shape, dims), np.ravel(dy), strict=True):
        values = [float(x[i]) for i in group]
        shared = naive.extremum_gradient_shared(values, largest, float(d))
        assert_close(np.array([shared_dx[i] for i in group]), np.array(shared))
        if first:
            alone = naive.extremum_gradient_first(values, largest, float(d))
            assert_close(np.array([first_dx[i] for i in group]), np.array(alone))


# --- against torch


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
@given(pair=shape_and_dim(), seed=seeds, keepdim=st.booleans(), dtype=floats)
def test_reductions_are_those_of_torch(torch, name, pair, seed, keepdim, dtype):
    shape, dim = pair
    if name == "logsumexp" and dim in (None, ()):  # torch's wants the axes named
        dim = tuple(range(len(shape))) or 0
    assert_agrees_with_torch(
        torch,
        lambda a: getattr(ops, name)(a, dim, keepdim),
        lambda t: getattr(torch, name)(t, dim=dim, keepdim=keepdim),
        normal(shape, seed, dtype),
        **SUMS,
    )


@given(shape_and_dim(), seeds, st.booleans(), floats, st.sampled_from([0, 1, 0.5, 2]))
def test_variance_is_that_of_torch(torch, pair, seed, keepdim, dtype, correction):
    shape, dim = pair
    x = normal(shape, seed, dtype)
    if x.size // np.size(ops.sum(x, dim)[0]) <= correction:
        correction = 0  # too few values have a test of their own
    axes = None if dim == () else dim  # for () torch's gradient has another divisor than its value
    assert_agrees_with_torch(
        torch,
        lambda a: ops.var(a, dim, correction, keepdim),
        lambda t: torch.var(t, dim=axes, correction=correction, keepdim=keepdim),
        x,
        **SUMS,
    )


@pytest.mark.parametrize("name", ["amax", "amin"])
@given(pair=shape_and_dim(), seed=seeds, keepdim=st.booleans(), dtype=floats)
def test_extrema_over_several_axes_are_those_of_torch(torch, name, pair, seed, keepdim, dtype):
    shape, dim = pair
    dim = () if dim is None else dim  # torch's name for all axes here
    assert_agrees_with_torch(
        torch,
        lambda a: getattr(ops, name)(a, dim, keepdim),
        lambda t: getattr(torch, name)(t, dim=dim, keepdim=keepdim),
        whole(shape, seed, dtype, 0, 4),
    )


@pytest.mark.parametrize("name", ["max", "min"])
@given(pair=shape_and_dim(single=True), seed=seeds, keepdim=st.booleans(), dtype=floats)
def test_extrema_along_an_axis_have_torchs_values_indices_and_gradient(
    torch, name, pair, seed, keepdim, dtype
):
    shape, dim = pair
    assert_agrees_with_torch(
        torch,
        lambda a: getattr(ops, name)(a, dim, keepdim),
        lambda t: getattr(torch, name)(t, dim=dim, keepdim=keepdim),
        whole(shape, seed, dtype, 0, 4),
    )
    x = whole(shape, seed, dtype, 0, 4)
    assert_agrees_with_torch(torch, getattr(ops, name), getattr(torch, name), x)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_without_dim_keepdim_keeps_every_axis(name):
    y, pullback = getattr(ops, name)(np.arange(6.0).reshape(2, 3), keepdim=True)
    assert y.shape == (1, 1)
    assert pullback(np.ones((1, 1)))[0].shape == (2, 3)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_integers_are_summed_as_int64_and_averaged_as_float32(torch, dtype):
    x = np.array([[1, 0, 1], [1, 1, 1]], dtype)
    t = torch.from_numpy(x)
    np.testing.assert_array_equal(ops.sum(x, 1)[0], torch.sum(t, 1).numpy(), strict=True)
    np.testing.assert_array_equal(ops.sum(x)[0], np.int64(5), strict=True)
    assert ops.sum(x)[1](np.float64(1.0))[0].shape == (2, 3)
    for op in (ops.mean, ops.var, ops.logsumexp):  # torch refuses the first two
        assert op(x, 1)[0].dtype == np.float32
    np.testing.assert_array_equal(ops.amax(x, 0)[0], torch.amax(t, 0).numpy(), strict=True)
    np.testing.assert_array_equal(ops.max(x, 0)[0][0], torch.max(t, 0)[0].numpy(), strict=True)


# --- wrong dims

ALL = ["sum", "mean", "var", "amax", "amin", "max", "min", "logsumexp"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("shape", "dim"), [((2, 3), 2), ((2, 3), -3), ((), 1), ((), -2)])
def test_a_dim_out_of_range_is_an_index_error_as_in_torch(torch, name, shape, dim):
    with pytest.raises(IndexError):
        getattr(torch, name)(torch.ones(shape), dim=dim)
    with pytest.raises(IndexError, match=f"dim {dim} is out of range for an array of {len(shape)}"):
        getattr(ops, name)(np.ones(shape), dim)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "amin", "logsumexp"])
@pytest.mark.parametrize("dim", [(0, 0), (1, -1)])
def test_an_axis_named_twice_is_an_error(name, dim):
    with pytest.raises(ValueError, match="names an axis twice"):
        getattr(ops, name)(np.ones((2, 3)), dim)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dim", [0, -1])
def test_a_number_is_reduced_along_its_missing_axis(torch, name, dim):
    x = np.array(3.0)
    found = getattr(ops, name)(x, dim, **({"correction": 0} if name == "var" else {}))[0]
    options = {"correction": 0} if name == "var" else {}
    expected = getattr(torch, name)(torch.tensor(3.0, dtype=torch.float64), dim=dim, **options)
    pairs = zip(found, expected, strict=True) if name in ("max", "min") else [(found, expected)]
    for a, b in pairs:
        assert_close(a, b.numpy())


# --- empty input


@pytest.mark.parametrize(("shape", "dim"), [((0,), None), ((0, 3), 0), ((3, 0), 1), ((0, 2), ())])
def test_the_sum_of_nothing_is_0_its_mean_nan_and_its_logsumexp_minus_infinity(torch, shape, dim):
    x, t = np.zeros(shape), torch.zeros(shape, dtype=torch.float64)
    for name in ("sum", "mean"):
        y, pullback = getattr(ops, name)(x, dim)
        assert_close(y, getattr(torch, name)(t, dim=dim).numpy())
        assert pullback(np.ones_like(y))[0].shape == shape
    y, pullback = ops.logsumexp(x, dim)
    assert np.all(np.isneginf(y))
    assert pullback(np.ones_like(y))[0].shape == shape


@pytest.mark.parametrize("name", ALL)
def test_an_empty_axis_that_is_kept_gives_an_empty_result(name):
    y, pullback = getattr(ops, name)(np.zeros((0, 3)), dim=1)
    first = y[0] if name in ("max", "min") else y
    assert first.shape == (0,)
    dy = (np.zeros(0), None) if name in ("max", "min") else np.zeros(0)
    assert pullback(dy)[0].shape == (0, 3)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
@pytest.mark.parametrize("dim", [0, None])
def test_the_extremum_of_nothing_is_an_error_with_shape_and_dim(name, dim):
    with pytest.raises(ValueError, match=rf"extremum of nothing.*x \(0, 3\), dim {dim}"):
        getattr(ops, name)(np.zeros((0, 3)), dim)


@pytest.mark.parametrize(
    ("values", "correction"),
    [([1.0, 2.0], 2), ([1.0, 2.0], 3), ([3.0], 1), ([2.0, 2.0], 2), ([], 1), ([], 0)],
)
@pytest.mark.filterwarnings("ignore:var\\(\\). degrees of freedom:UserWarning")  # torch's own
def test_the_variance_of_too_few_values_is_that_of_torch_with_a_warning(torch, values, correction):
    expected = torch.var(torch.tensor(values, dtype=torch.float64), dim=0, correction=correction)
    with pytest.warns(UserWarning, match=f"var of {len(values)} values with correction"):
        y, pullback = ops.var(np.array(values), 0, correction)
    np.testing.assert_array_equal(y, expected.numpy())
    assert np.isnan(pullback(np.ones_like(y))[0]).all()


# --- NaN and infinity


def test_nan_wins_an_extremum_and_takes_its_gradient():
    x = np.array([1.0, NAN, 2.0, NAN])
    for op in (ops.amax, ops.amin, ops.max, ops.min):
        y, pullback = op(x)
        assert np.isnan(y)
        np.testing.assert_array_equal(pullback(np.ones_like(y))[0], [0, 0.5, 0, 0.5])
    for op in (ops.max, ops.min):
        (y, i), pullback = op(x, 0)
        assert np.isnan(y)
        assert i == 1
        np.testing.assert_array_equal(pullback((np.ones(()), None))[0], [0, 1, 0, 0])


def test_max_over_everything_with_nan_is_that_of_torch(torch):
    x = np.array([[1.0, NAN], [NAN, 2.0]])
    assert_agrees_with_torch(torch, ops.max, torch.max, x)
    assert_agrees_with_torch(torch, lambda a: ops.max(a, 1), lambda t: torch.max(t, dim=1), x)


@pytest.mark.parametrize(
    "values",
    [
        [1e4, 1e4],
        [-1e4, -1e4],
        [800.0, -800.0],
        [INF, 1000.0],
        [-INF, 1.0],
        [INF, -INF],
        [NAN, 1.0],
    ],
)
def test_logsumexp_of_huge_and_infinite_values_is_that_of_torch_without_a_warning(torch, values):
    x = np.array(values)
    assert_agrees_with_torch(
        torch, lambda a: ops.logsumexp(a, 0), lambda t: torch.logsumexp(t, 0), x
    )


def test_logsumexp_of_minus_infinity_alone_is_minus_infinity_with_gradient_0():
    y, pullback = ops.logsumexp(np.array([[-INF, -INF], [-INF, 2.0]]), 1)
    np.testing.assert_array_equal(y, [-INF, 2.0])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [[0, 0], [0, 1]])


# --- memory and precision


def test_an_extremum_along_an_axis_keeps_only_where_it_stands():
    x = normal((4, 5))
    pullback, reference = ops.max(x, 1)[1], weakref.ref(x)
    del x
    assert reference() is None
    assert pullback((np.ones(4), None))[0].sum() == 4


def test_variance_is_exact_far_from_zero():
    x = 1e8 + np.array([0.0, 1.0, 2.0, 3.0])  # the mean of squares minus the squared mean is wrong
    assert ops.var(x)[0] == pytest.approx(5.0 / 3.0, rel=1e-7)  # 1e8 holds 8 digits of the offset
