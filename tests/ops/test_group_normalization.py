"""group_norm and instance_norm: which values share a mean, and their gradients."""

import re

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import batch_norm, batch_norm_inference, group_norm, instance_norm, layer_norm

in_both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])
affine = st.sampled_from([(True, True), (True, False), (False, True), (False, False)])
eps = st.sampled_from([1e-3, 0.5])
# The deviation of a group is at least √eps, about 1/30, by which the rounding of x − μ is divided:
# once in y, again in dx. So the terms are this much larger than what comes out.
TERMS = 1000.0


@st.composite
def grouped(draw):
    """A shape (N, C, …) and a number of groups with at least two values each."""
    groups, each = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    positions = draw(st.lists(st.integers(1, 4), max_size=2))
    if each * np.prod(positions, dtype=int) == 1:
        each = 2
    return (draw(st.integers(0, 3)), groups * each, *positions), groups


# (N, C, …) with at least two values per channel
instances = st.tuples(
    st.integers(0, 3), st.integers(1, 3), st.integers(2, 4), st.integers(1, 3)
) | st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(2, 5))


def arguments(shape, has_weight, has_bias, dtype=np.float64):
    """Return x with a mean and deviation of its own in each channel, and weight and bias or None."""
    c = np.arange(shape[1], dtype=dtype).reshape(-1, *[1] * (len(shape) - 2))
    x = normal(shape, 1, dtype) * (1 + c) + c - 2
    weight = normal(shape[1], 2, dtype) if has_weight else None
    return x, weight, normal(shape[1], 3, dtype) if has_bias else None


def with_parameters(op, which):
    """Return op(x, weight, bias) as a function of x and of those parameters that are there."""

    def call(x, *parameters):
        remaining = iter(parameters)
        return op(x, *[next(remaining) if has else None for has in which])

    return call


def given_ones(arrays):
    return [a for a in arrays if a is not None]


def assert_is_the_stated_normalisation(found, x, weight, bias, dy, eps_, groups):
    """Compare y, dx, dweight and dbias with the equations, group by group and entry by entry."""
    n, c = x.shape[:2]
    w = np.ones(c) if weight is None else weight
    b = np.zeros(c) if bias is None else bias
    by_channel = n, c, int(np.prod(x.shape[2:]))
    x3, dy3 = x.reshape(by_channel), dy.reshape(by_channel)
    y, dx, dweight, dbias = np.zeros(x3.shape), np.zeros(x3.shape), np.zeros(c), np.zeros(c)
    channels = np.split(np.arange(c), groups)
    for i in range(n):
        for group in channels:
            values = [v for k in group for v in x3[i, k]]
            xhat = np.reshape(naive.normalized(values, eps_)[0], (len(group), -1))
            dxhat = [w[k] * d for k in group for d in dy3[i, k]]
            stated = naive.normalized_gradient(values, dxhat, eps_)
            dx[i, group] = np.reshape(stated, (len(group), -1))
            for k, row in zip(group, xhat, strict=True):
                y[i, k] = w[k] * row + b[k]
                dweight[k] += sum(dy3[i, k] * row)
                dbias[k] += sum(dy3[i, k])
    expected = [y.reshape(x.shape), dx.reshape(x.shape)]
    expected += [g for g, a in ((dweight, weight), (dbias, bias)) if a is not None]
    assert len(found) == len(expected)
    for a, e in zip(found, expected, strict=True):
        assert_close(a, e, terms=TERMS)


# ---------------------------------------------------------------- group_norm


@given(grouped(), affine, eps)
def test_each_group_of_channels_is_normalised_by_its_own_mean_and_biased_variance(
    form, which, eps_
):
    shape, groups = form
    x, weight, bias = arguments(shape, *which)
    y, pullback = group_norm(x, groups, weight, bias, eps_)
    dy = normal(shape, 4)
    found = y, *pullback(dy)
    assert_is_the_stated_normalisation(found, x, weight, bias, dy, eps_, groups)


@given(grouped())
def test_a_group_has_mean_0_and_variance_1(form):
    (n, c, *positions), groups = form
    y, _ = group_norm(arguments((n, c, *positions), False, False)[0], groups, eps=0.0)
    rows = y.reshape(n * groups, c // groups * int(np.prod(positions)))
    # Rounding of values up to 10, divided by the deviation of as few as two of them.
    np.testing.assert_allclose(rows.mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(rows.var(axis=1), 1.0, rtol=1e-12)


@given(grouped(), affine, eps)
def test_the_pullback_of_group_norm_is_its_derivative(form, which, eps_):
    shape, groups = form
    arrays = arguments(shape, *which)
    op = with_parameters(lambda x, w, b: group_norm(x, groups, w, b, eps_), which)
    check_pullback(op, *given_ones(arrays))


@in_both_precisions
@given(grouped().filter(lambda form: form[0][0] > 0), affine, eps)  # torch fails on no samples
def test_group_norm_and_its_gradients_are_those_of_torch(torch, dtype, form, which, eps_):
    shape, groups = form

    def reference(x, weight, bias):
        if weight is None and bias is not None:
            weight = torch.ones_like(bias)  # torch's backward fails on a bias alone
        return torch.nn.functional.group_norm(x, groups, weight, bias, eps_)

    assert_agrees_with_torch(
        torch,
        with_parameters(lambda x, w, b: group_norm(x, groups, w, b, eps_), which),
        with_parameters(reference, which),
        *given_ones(arguments(shape, *which, dtype)),
        terms=TERMS,
    )


@given(instances, eps)
def test_one_group_is_layer_norm_over_all_but_the_batch(shape, eps_):
    x, dy = arguments(shape, False, False)[0], normal(shape, 4)
    y, pullback = group_norm(x, 1, eps=eps_)
    expected, expected_pullback = layer_norm(x, shape[1:], eps=eps_)
    assert_close(y, expected)
    assert_close(pullback(dy)[0], expected_pullback(dy)[0], terms=TERMS)


@given(instances, affine, eps)
def test_as_many_groups_as_channels_are_instance_norm(shape, which, eps_):
    arrays, dy = arguments(shape, *which), normal(shape, 4)
    y, pullback = group_norm(arrays[0], shape[1], *arrays[1:], eps_)
    (expected, _, _), expected_pullback = instance_norm(*arrays, eps_)
    assert_close(y, expected, terms=TERMS)
    for a, b in zip(pullback(dy), expected_pullback((dy, None, None)), strict=True):
        assert_close(a, b, terms=TERMS)


def test_one_value_per_group_becomes_the_bias_but_not_in_a_single_sample(torch):
    # torch refuses the single sample; a batch of such samples has more than one value in all
    x, bias = normal((2, 3)), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(group_norm(x, 3, None, bias)[0], [bias, bias])
    leaf = torch.from_numpy(x)
    torch.nn.functional.group_norm(leaf, 3)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        torch.nn.functional.group_norm(leaf[:1], 3)
    with pytest.raises(ValueError, match=r"more than one value per group, x \(1, 3\)"):
        group_norm(x[:1], 3)


# ---------------------------------------------------------------- instance_norm


@given(instances, affine, eps)
def test_each_channel_of_each_sample_is_normalised_by_its_own_statistics(shape, which, eps_):
    x, weight, bias = arguments(shape, *which)
    (y, mean, var), pullback = instance_norm(x, weight, bias, eps_)
    dy = normal(shape, 4)
    found = y, *pullback((dy, None, None))
    assert_is_the_stated_normalisation(found, x, weight, bias, dy, eps_, shape[1])
    axes = tuple(range(2, len(shape)))
    assert_close(mean, x.mean(axis=axes), terms=np.abs(x).max(initial=1.0))
    assert_close(var, x.var(axis=axes), terms=np.abs(x).max(initial=1.0) ** 2)


@given(instances, affine, eps)
def test_the_pullback_of_instance_norm_is_its_derivative_through_all_three_outputs(
    shape, which, eps_
):
    arrays = arguments(shape, *which)
    check_pullback(
        with_parameters(lambda x, w, b: instance_norm(x, w, b, eps_), which), *given_ones(arrays)
    )


@in_both_precisions
@given(instances.filter(lambda shape: shape[0] > 0), affine, eps)  # torch fails on no samples
def test_instance_norm_and_its_gradients_are_those_of_torch(torch, dtype, shape, which, eps_):
    axes = list(range(2, len(shape)))

    def reference(x, weight, bias):
        y = torch.nn.functional.instance_norm(x, None, None, weight, bias, True, 0.1, eps_)
        return y, x.mean(axes), x.var(axes, correction=0)

    assert_agrees_with_torch(
        torch,
        with_parameters(lambda x, w, b: instance_norm(x, w, b, eps_), which),
        with_parameters(reference, which),
        *given_ones(arguments(shape, *which, dtype)),
        terms=TERMS,
    )


def test_instance_norm_of_one_sample_is_batch_norm_of_it():
    arrays = arguments((1, 3, 4, 2), True, True)
    (y, mean, var), _ = instance_norm(*arrays)
    expected = batch_norm(*arrays)[0]
    for a, b in zip((y, mean[0], var[0]), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_with_its_own_statistics_inference_gives_what_instance_norm_gave():
    x, weight, bias = arguments((1, 3, 5), True, True)
    (y, mean, var), _ = instance_norm(x, weight, bias)
    assert_close(batch_norm_inference(x, mean[0], var[0], weight, bias)[0], y)


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0), (0, 4, 3, 2)])
def test_nothing_is_normalised_to_nothing(shape):
    x, ones = np.zeros(shape), np.ones(4)
    y, pullback = group_norm(x, 2, ones, ones)
    (z, mean, var), instance_pullback = instance_norm(x, ones, ones)
    assert y.shape == z.shape == shape
    assert np.isfinite(mean).all()
    assert np.isfinite(var).all()
    for dx, dweight, dbias in (pullback(y), instance_pullback((z, None, None))):
        assert dx.shape == shape
        np.testing.assert_array_equal([dweight, dbias], np.zeros((2, 4)))


def test_the_other_samples_of_a_batch_do_not_matter():
    x, weight, bias = arguments((4, 6, 3), True, True)
    np.testing.assert_array_equal(
        group_norm(x, 2, weight, bias)[0][1:2], group_norm(x[1:2], 2, weight, bias)[0]
    )
    np.testing.assert_array_equal(
        instance_norm(x, weight, bias)[0][0][1:2], instance_norm(x[1:2], weight, bias)[0][0]
    )


# ---------------------------------------------------------------- bad input


def single(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("op", "arguments", "error", "message"),
    [
        (group_norm, (single(2, 4, 3), 3), ValueError, "num_groups 3 must divide 4 channels"),
        (group_norm, (single(2, 4, 3), 0), ValueError, "num_groups 0 must divide 4 channels"),
        (group_norm, (single(2, 4, 3), -2), ValueError, "x (2, 4, 3)"),
        (group_norm, (single(4), 2), ValueError, "(N, C, …), got (4,)"),
        (group_norm, (single(2, 4), 2, single(2)), ValueError, "x (2, 4), weight (2,)"),
        (group_norm, (single(2, 4), 2, None, np.zeros(4)), TypeError, "bias float64 (4,)"),
        (instance_norm, (single(2, 3),), ValueError, "one value in each channel, x (2, 3)"),
        (instance_norm, (single(2, 3, 1),), ValueError, "one value in each channel, x (2, 3, 1)"),
        (instance_norm, (single(3),), ValueError, "(N, C, …), got (3,)"),
        (instance_norm, (single(2, 3, 4), single(4)), ValueError, "3 channels: x (2, 3, 4)"),
        (instance_norm, (single(2, 3, 4), np.zeros(3)), TypeError, "weight float64 (3,)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_and_shown(op, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        op(*arguments)
