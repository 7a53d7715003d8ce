"""batch_norm, batch_norm_inference and layer_norm: which mean, which variance, and their gradients."""

import re

import naive
import numpy as np
import pytest
from compare import normal
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import batch_norm, batch_norm_inference, layer_norm

in_both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])
affine = st.sampled_from([(True, True), (True, False), (False, True), (False, False)])
eps = st.sampled_from([1e-5, 1e-3, 0.5])

# (N, C, …) with at least two values per channel
channel_shapes = st.one_of(
    st.tuples(st.integers(2, 6), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(2, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.integers(1, 3)),
)


def channel_arguments(shape, has_weight, has_bias, dtype=np.float64):
    """Return x with a mean and deviation of its own in each channel, and weight and bias or None."""
    c = np.arange(shape[1], dtype=dtype).reshape(-1, *[1] * (len(shape) - 2))
    x = normal(shape, 1, dtype) * (1 + c) + 3 * c - 2
    weight = normal(shape[1], 2, dtype) if has_weight else None
    return x, weight, normal(shape[1], 3, dtype) if has_bias else None


def by_channel(x):
    """Return x as (C, values)."""
    return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)


def assert_near(found, expected, size, roundings=64):
    """Equal up to some roundings of the terms, whose size is given: the terms may cancel.

    Most of them come from x − μ, whose rounding the division by a small deviation enlarges.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    error = roundings * np.finfo(found.dtype).eps * float(size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=error)


def sizes(x, weight, dy, var, eps_):
    """Return how large the terms of y, dx and dweight are; `var`: of each group, the smallest counts."""
    deviation = np.sqrt(np.min(var) + eps_)
    scale = 1.0 if weight is None else max(1.0, np.abs(weight).max())
    largest = (1.0 + np.abs(x).max() / deviation) * np.abs(dy).max(initial=1.0)
    return scale * largest, scale * largest / deviation, x.size * largest


# ---------------------------------------------------------------- batch_norm


@given(channel_shapes, affine, eps)
def test_each_channel_is_normalised_by_the_mean_and_the_biased_variance_of_the_batch(
    shape, which, eps_
):
    x, weight, bias = channel_arguments(shape, *which)
    (y, mean, var), pullback = batch_norm(x, weight, bias, eps_)
    dy = normal(shape, 4)
    dx, *dparameters = pullback((dy, None, None))
    size_y, size_dx, size_dw = sizes(x, weight, dy, var, eps_)
    dweight, dbias = [], []
    for c, values in enumerate(by_channel(x)):
        w, b = 1.0 if weight is None else weight[c], 0.0 if bias is None else bias[c]
        xhat, expected_mean, expected_var = naive.normalized(list(values), eps_)
        assert_near(by_channel(y)[c], [w * v + b for v in xhat], size_y)
        assert_near(mean[c], expected_mean, np.abs(x).max())
        assert_near(var[c], expected_var, np.abs(x).max() ** 2)
        dy_c = by_channel(dy)[c]
        stated = naive.normalized_gradient(list(values), [w * d for d in dy_c], eps_)
        assert_near(by_channel(dx)[c], stated, size_dx)
        dweight.append(sum(d * v for d, v in zip(dy_c, xhat, strict=True)))
        dbias.append(sum(dy_c))
    expected = [g for g, has in zip((dweight, dbias), which, strict=True) if has]
    assert len(dparameters) == len(expected)
    for found, stated in zip(dparameters, expected, strict=True):
        assert_near(found, stated, size_dw)


@given(channel_shapes, affine, eps)
def test_the_pullback_of_batch_norm_is_its_derivative_through_the_mean_and_the_variance_too(
    shape, which, eps_
):
    x, weight, bias = channel_arguments(shape, *which)
    given_arrays = [a for a in (weight, bias) if a is not None]

    def op(x, *parameters):
        remaining = iter(parameters)
        w, b = (next(remaining) if has else None for has in which)
        return batch_norm(x, w, b, eps_)

    check_pullback(op, x, *given_arrays)
    check_pullback(lambda x: only_output(batch_norm(x, eps=eps_), 1), x)
    check_pullback(lambda x: only_output(batch_norm(x, eps=eps_), 2), x)


def only_output(out_and_pullback, i):
    """Return one of the three outputs of batch_norm with the pullback for it alone."""
    out, pullback = out_and_pullback
    return out[i], lambda d: pullback(tuple(d if j == i else None for j in range(3)))


@in_both_precisions
@given(channel_shapes, affine, eps)
def test_batch_norm_and_its_gradients_are_those_of_torch_in_training(
    torch, dtype, shape, which, eps_
):
    arrays = channel_arguments(shape, *which, dtype)
    (y, mean, var), pullback = batch_norm(*arrays, eps_)
    dys = normal(shape, 4, dtype), normal(shape[1], 5, dtype), normal(shape[1], 6, dtype)
    grads = pullback(dys)

    leaves = [None if a is None else torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    x, weight, bias = leaves
    expected = torch.nn.functional.batch_norm(x, None, None, weight, bias, True, 0.1, eps_)
    axes = [i for i in range(len(shape)) if i != 1]
    statistics = x.mean(axes), x.var(axes, correction=0)
    torch.autograd.backward((expected, *statistics), [torch.from_numpy(d) for d in dys])

    size_y, size_dx, size_dw = sizes(arrays[0], arrays[1], dys[0], var, eps_)
    assert_near(y, expected.detach().numpy(), size_y)
    assert_near(mean, statistics[0].detach().numpy(), np.abs(arrays[0]).max())
    assert_near(var, statistics[1].detach().numpy(), np.abs(arrays[0]).max() ** 2)
    expected_grads = [leaf.grad.numpy() for leaf in leaves if leaf is not None]
    assert len(grads) == len(expected_grads)
    for found, stated, size in zip(
        grads, expected_grads, (size_dx, size_dw, size_dw), strict=False
    ):
        assert_near(found, stated, size + np.abs(arrays[0]).max())


def test_the_variance_is_biased():
    (y, mean, var), _ = batch_norm(np.array([[1.0], [3.0]]), eps=0.0)
    np.testing.assert_array_equal(mean, [2.0])
    np.testing.assert_array_equal(var, [1.0])  # ((−1)² + 1²) / 2; unbiased it would be 2
    np.testing.assert_array_equal(y, [[-1.0], [1.0]])


def test_a_large_mean_does_not_spoil_the_variance():
    x = normal((64, 1, 9), 1, np.float32)
    (y, _, var), _ = batch_norm(x)
    (shifted_y, _, shifted_var), _ = batch_norm(x + np.float32(4096))
    # x + 4096 itself is rounded to 4096 · eps = 2⁻¹¹, so its deviations are off by that much at most.
    np.testing.assert_allclose(shifted_var, var, rtol=0, atol=4 * 2.0**-11)
    np.testing.assert_allclose(shifted_y, y, rtol=0, atol=8 * 2.0**-11)


def test_a_constant_channel_becomes_the_bias_and_has_finite_gradients():
    (y, _, var), pullback = batch_norm(
        np.full((4, 2), 7.0), np.array([2.0, 3.0]), np.array([5.0, 6.0])
    )
    np.testing.assert_array_equal(y, [[5.0, 6.0]] * 4)
    np.testing.assert_array_equal(var, [0.0, 0.0])
    assert all(np.isfinite(g).all() for g in pullback((normal((4, 2)), None, None)))


def test_the_gradient_of_a_channel_sums_to_zero_since_a_shift_changes_nothing():
    x, weight, bias = channel_arguments((5, 3, 4), True, True)
    _, pullback = batch_norm(x, weight, bias)
    dx = pullback((normal(x.shape, 4), None, None))[0]
    np.testing.assert_allclose(dx.sum(axis=(0, 2)), 0.0, atol=1e-13)  # 20 roundings of about 1


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1)])
def test_one_value_per_channel_is_refused(shape):
    message = rf"more than one value per channel in training, x \({', '.join(map(str, shape))}\)"
    with pytest.raises(ValueError, match=message):
        batch_norm(np.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2), (2, 3, 0)])
def test_nothing_is_normalised_to_nothing(shape):
    (y, mean, var), pullback = batch_norm(np.zeros(shape), np.ones(3), np.ones(3))
    assert y.shape == shape
    assert np.isfinite([mean, var]).all()
    dx, dweight, dbias = pullback((y, np.ones(3), np.ones(3)))
    assert dx.shape == shape
    np.testing.assert_array_equal([dweight, dbias], np.zeros((2, 3)))


# ---------------------------------------------------------------- batch_norm_inference


def kept_statistics(n, dtype=np.float64):
    return normal(n, 7, dtype), normal(n, 8, dtype) ** 2 + dtype(0.1)


@given(channel_shapes | st.tuples(st.just(1), st.integers(1, 3)), affine, eps)
@example((0, 3, 2), (True, True), 1e-5)
def test_with_kept_statistics_each_channel_is_an_affine_map(shape, which, eps_):
    x, weight, bias = channel_arguments(shape, *which)
    mean, var = kept_statistics(shape[1])
    y, pullback = batch_norm_inference(x, mean, var, weight, bias, eps_)
    dy = normal(shape, 4)
    dx, *dparameters = pullback(dy)
    expected_y, expected_dx = np.zeros(shape), np.zeros(shape)
    dweight, dbias = np.zeros(shape[1]), np.zeros(shape[1])
    for i in np.ndindex(*shape):
        c = i[1]
        deviation = np.sqrt(var[c] + eps_)
        w, b = 1.0 if weight is None else weight[c], 0.0 if bias is None else bias[c]
        xhat = (x[i] - mean[c]) / deviation
        expected_y[i], expected_dx[i] = w * xhat + b, dy[i] * w / deviation
        dweight[c] += dy[i] * xhat
        dbias[c] += dy[i]
    expected = [g for g, has in zip((dweight, dbias), which, strict=True) if has]
    assert len(dparameters) == len(expected)
    for found, stated in zip(
        (y, dx, *dparameters), (expected_y, expected_dx, *expected), strict=True
    ):
        # (x − μ)·scale against w·((x − μ)/σ) + b, and sums of up to 36 such terms
        assert_near(found, stated, 1.0 + np.abs(stated).max(initial=0.0))


@in_both_precisions
@given(channel_shapes, affine, eps)
def test_with_kept_statistics_values_and_gradients_are_those_of_torch(
    torch, dtype, shape, which, eps_
):
    arrays = channel_arguments(shape, *which, dtype)
    mean, var = kept_statistics(shape[1], dtype)
    y, pullback = batch_norm_inference(arrays[0], mean, var, *arrays[1:], eps_)
    dy = normal(shape, 4, dtype)
    leaves = [None if a is None else torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    expected = torch.nn.functional.batch_norm(
        leaves[0], torch.from_numpy(mean), torch.from_numpy(var), *leaves[1:], False, 0.1, eps_
    )
    expected.backward(torch.from_numpy(dy))
    size_y, size_dx, size_dw = sizes(arrays[0], arrays[1], dy, var, eps_)
    # torch computes x·scale + (bias − mean·scale), whose two terms are larger than their sum
    assert_near(y, expected.detach().numpy(), size_y + np.abs(mean).max() * size_dx)
    found = pullback(dy)
    expected_grads = [leaf.grad.numpy() for leaf in leaves if leaf is not None]
    for dx, stated, size in zip(found, expected_grads, (size_dx, size_dw, size_dw), strict=False):
        assert_near(dx, stated, size)


@given(channel_shapes, affine)
def test_the_pullback_with_kept_statistics_is_the_derivative(shape, which):
    x, weight, bias = channel_arguments(shape, *which)
    mean, var = kept_statistics(shape[1])

    def op(x, *parameters):
        remaining = iter(parameters)
        w, b = (next(remaining) if has else None for has in which)
        return batch_norm_inference(x, mean, var, w, b)

    check_pullback(op, x, *[a for a in (weight, bias) if a is not None])


def test_with_the_statistics_of_the_batch_inference_gives_what_training_gave():
    x, weight, bias = channel_arguments((4, 3, 5), True, True)
    (y, mean, var), _ = batch_norm(x, weight, bias)
    again, _ = batch_norm_inference(x, mean, var, weight, bias)
    np.testing.assert_allclose(again, y, rtol=1e-14, atol=1e-14)


# ---------------------------------------------------------------- layer_norm

layer_shapes = st.tuples(
    st.lists(st.integers(0, 3), max_size=2).map(tuple),
    st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple),
)


def layer_arguments(lead, form, has_weight, has_bias, dtype=np.float64):
    x = normal((*lead, *form), 1, dtype) * dtype(2) + dtype(3)
    weight = normal(form, 2, dtype) if has_weight else None
    return x, weight, normal(form, 3, dtype) if has_bias else None


@given(layer_shapes, affine, eps)
def test_each_row_is_normalised_by_its_own_mean_and_biased_variance(shapes, which, eps_):
    lead, form = shapes
    x, weight, bias = layer_arguments(lead, form, *which)
    y, pullback = layer_norm(x, form, weight, bias, eps_)
    dy = normal(x.shape, 4)
    dx, *dparameters = pullback(dy)
    w, b = np.ones(form) if weight is None else weight, np.zeros(form) if bias is None else bias
    d = int(np.prod(form))
    dweight, dbias, smallest = np.zeros(d), np.zeros(d), np.inf
    for row, y_row, dy_row, dx_row in zip(
        *[a.reshape(-1, d) if a.size else np.zeros((0, d)) for a in (x, y, dy, dx)], strict=True
    ):
        xhat, _, var = naive.normalized(list(row), eps_)
        smallest = min(smallest, var)
        size_y, size_dx, _ = sizes(x, weight, dy, var, eps_)
        assert_near(y_row, w.ravel() * xhat + b.ravel(), size_y)
        stated = naive.normalized_gradient(list(row), list(dy_row * w.ravel()), eps_)
        assert_near(dx_row, stated, size_dx)
        dweight += dy_row * xhat
        dbias += dy_row
    expected = [g for g, has in zip((dweight, dbias), which, strict=True) if has]
    assert len(dparameters) == len(expected)
    for found, stated in zip(dparameters, expected, strict=True):
        size = sizes(x, weight, dy, smallest, eps_)[2] if x.size else 0.0
        assert_near(found, stated.reshape(form), size)


@in_both_precisions
@given(layer_shapes, affine, eps)
def test_layer_norm_and_its_gradients_are_those_of_torch(torch, dtype, shapes, which, eps_):
    lead, form = shapes
    arrays = layer_arguments(lead, form, *which, dtype)
    y, pullback = layer_norm(arrays[0], form, *arrays[1:], eps_)
    dy = normal(y.shape, 4, dtype)
    leaves = [None if a is None else torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    expected = torch.nn.functional.layer_norm(leaves[0], form, *leaves[1:], eps_)
    expected.backward(torch.from_numpy(dy))
    var = arrays[0].reshape(-1, int(np.prod(form))).var(axis=1) if y.size else 0.0
    size_y, size_dx, size_dw = sizes(arrays[0], arrays[1], dy, var, eps_) if y.size else (0, 0, 0)
    assert_near(y, expected.detach().numpy(), size_y)
    expected_grads = [leaf.grad.numpy() for leaf in leaves if leaf is not None]
    found = pullback(dy)
    assert len(found) == len(expected_grads)
    for dx, stated, size in zip(found, expected_grads, (size_dx, size_dw, size_dw), strict=False):
        assert_near(dx, stated, size)


@given(layer_shapes, affine, eps)
def test_the_pullback_of_layer_norm_is_its_derivative(shapes, which, eps_):
    lead, form = shapes
    x, weight, bias = layer_arguments(lead, form, *which)

    def op(x, *parameters):
        remaining = iter(parameters)
        w, b = (next(remaining) if has else None for has in which)
        return layer_norm(x, form, w, b, eps_)

    check_pullback(op, x, *[a for a in (weight, bias) if a is not None])


def test_the_normalised_shape_may_be_a_number_or_a_list():
    x = normal((2, 3, 4))
    y, _ = layer_norm(x, (4,))
    for form in (4, [4], np.int64(4)):
        np.testing.assert_array_equal(layer_norm(x, form)[0], y)


def test_one_value_in_a_row_becomes_zero():
    y, pullback = layer_norm(np.array([[3.0], [-2.0]]), 1)
    np.testing.assert_array_equal(y, [[0.0], [0.0]])
    np.testing.assert_array_equal(pullback(np.ones((2, 1)))[0], [[0.0], [0.0]])


# ---------------------------------------------------------------- bad input


def single(*shape):
    return np.zeros(shape, np.float32)


ARGUMENTS_THAT_DO_NOT_FIT = [
    (batch_norm, (single(3),), ValueError, "shape (N, C, …), got (3,)"),
    (batch_norm, (single(2, 3), single(2)), ValueError, "3 channels: x (2, 3), weight (2,)"),
    (batch_norm, (single(2, 3, 4), None, single(4)), ValueError, "x (2, 3, 4), bias (4,)"),
    (batch_norm, (single(2, 3), np.zeros(3)), TypeError, "x float32 (2, 3), weight float64 (3,)"),
    (batch_norm, (np.zeros((2, 3), np.int64),), TypeError, "x int64 (2, 3)"),
    (batch_norm_inference, (single(2, 3), single(3), single(4)), ValueError, "running_var (4,)"),
    (batch_norm_inference, (single(2, 3), single(1), single(3)), ValueError, "running_mean (1,)"),
    (batch_norm_inference, (single(2, 3), single(3), np.zeros(3)), TypeError, "var float64 (3,)"),
    (layer_norm, (single(2, 3), (2,)), ValueError, "end in normalized_shape (2,), x (2, 3)"),
    (layer_norm, (single(3), (2, 3)), ValueError, "normalized_shape (2, 3), x (3,)"),
    (layer_norm, (single(2, 3), ()), ValueError, "normalized_shape (), x (2, 3)"),
    (layer_norm, (single(2, 3), 3, single(2, 3)), ValueError, "weight (2, 3) must have"),
    (layer_norm, (single(2, 3), 3, None, single(1)), ValueError, "bias (1,) must have"),
    (layer_norm, (single(2, 3), 3, single(3), np.zeros(3)), TypeError, "bias float64 (3,)"),
]


@pytest.mark.parametrize(("op", "arguments", "error", "message"), ARGUMENTS_THAT_DO_NOT_FIT)
def test_arrays_that_do_not_fit_are_refused_and_shown(op, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        op(*arguments)
