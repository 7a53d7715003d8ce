"""Kernels against `ops.conv2d`, for every geometry, in blocks of any size, on any number of threads."""

import re
from unittest import mock

import numpy as np
import pytest
from compare import normal, whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import ops
from scratchnet.kernels import (
    DepthwiseConvolution,
    DirectConvolution,
    WinogradConvolution,
    convolution,
    prepare_convolution,
    winograd,
)
from scratchnet.ops import _blocks

SIDES = st.tuples(st.integers(0, 3), st.integers(0, 3))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def last(x):
    return x.transpose(0, 2, 3, 1)


def expected_of(x, weight, bias, stride, padding, dilation, groups, residual, bounds):
    """Return clip(W ∗ x + b + residual), channels first, with scratchnet.ops; None if nothing fits."""
    extent = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    if any(e > n + sum(p) for e, n, p in zip(extent, x.shape[2:], padding, strict=True)):
        return None
    y, _ = ops.conv2d(x, weight, bias, stride, padding, dilation, groups)
    y = y + residual(y.shape)
    low, high = bounds
    return y if (low, high) == (None, None) else np.clip(y, low, high)


@st.composite
def convolutions(draw):
    groups, depth, per_group = draw(st.tuples(*[st.integers(1, 3)] * 3))
    if draw(st.booleans()):
        depth = per_group = 1  # depthwise where there are groups
    kernel, stride, dilation = draw(PAIRS), draw(PAIRS), draw(PAIRS)
    x_shape = (draw(st.integers(0, 3)), groups * depth, *draw(st.tuples(*[st.integers(1, 9)] * 2)))
    w_shape = (groups * per_group, depth, *kernel)
    return x_shape, w_shape, stride, (draw(SIDES), draw(SIDES)), dilation, groups


@given(
    convolutions(),
    st.sampled_from([1, 300, 1 << 20]),
    st.sampled_from([0, 400, 2000]),
    st.sampled_from([(None, None), (0.0, None), (0.0, 6.0)]),
    st.booleans(),
)
@example(
    ((2, 4, 5, 6), (3, 4, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1), 1, 0, (None, None), False
)
@example(((1, 1, 7, 8), (1, 1, 2, 2), (3, 4), ((0, 0), (0, 0)), (1, 1), 1), 1, 0, (0.0, None), True)
@example(  # halves: 1020 bytes of windows and results, 2880 of weights
    ((1, 5, 1, 3), (8, 5, 3, 3), (1, 1), ((1, 1), (1, 0)), (1, 1), 1), 1, 2000, (0.0, None), True
)
def test_kernels_compute_what_the_operation_does(
    case, block_bytes, halves_below, bounds, with_residual
):
    # Whole numbers: nothing is rounded, in whatever order it is added.
    x_shape, w_shape, *options = case
    x, weight, bias = whole(x_shape, 1), whole(w_shape, 2), whole(w_shape[0], 3)

    def residual_of(shape):
        return whole(shape, 4) if with_residual else np.zeros(shape)

    expected = expected_of(x, weight, bias, *options, residual_of, bounds)
    kernel = prepare_convolution(weight, bias, *options)
    if expected is None:
        with pytest.raises(ValueError, match="extends beyond the padded image"):
            kernel(last(x))
        return
    residual = last(residual_of(expected.shape)) if with_residual else None
    # As many blocks as if there were much to do; and filters in halves where that is the rule.
    with (
        mock.patch.object(_blocks, "BLOCK_BYTES", block_bytes),
        mock.patch.object(_blocks, "SHARED_PRODUCTS", -1),
        mock.patch.object(convolution, "BLOCK_BYTES", halves_below),
        mock.patch.object(convolution, "SHARED_PRODUCTS", -1),
    ):
        y = kernel(last(x), residual, bounds)
    np.testing.assert_array_equal(y, last(expected))


@given(
    st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 13), st.integers(1, 13)),
    st.integers(1, 6),
    st.tuples(SIDES, SIDES),
    st.sampled_from([2, 4]),
    st.sampled_from([1, 3000, 1 << 20]),
    st.sampled_from([1, 2, 64]),
    st.booleans(),
)
@example((2, 2, 5, 6), 4, ((1, 1), (1, 1)), 4, 3000, 1, True)  # four panels
@example(
    (1, 2, 2, 3), 3, ((1, 0), (1, 0)), 4, 3000, 1, True
)  # one tile, filters in two parts: 2 and 1
def test_winograd_computes_the_convolution(x_shape, filters, padding, m, block_bytes, panel, after):
    x, weight = normal(x_shape, 1), normal((filters, x_shape[1], 3, 3), 2)
    bias = normal(filters, 3)
    bounds = (0.0, None) if after else (None, None)

    def residual_of(shape):
        return normal(shape, 4) if after else np.zeros(shape)

    options = (1, 1), padding, (1, 1), 1
    expected = expected_of(x, weight, bias, *options, residual_of, bounds)
    with mock.patch.object(winograd, "PANEL", panel):
        kernel = WinogradConvolution(weight, bias, padding, m)
    if expected is None:
        with pytest.raises(ValueError, match="extends beyond the padded image"):
            kernel(last(x))
        return
    with (
        mock.patch.object(_blocks, "BLOCK_BYTES", block_bytes),
        mock.patch.object(winograd, "SHARED_PRODUCTS", -1),
    ):
        y = kernel(last(x), last(residual_of(expected.shape)) if after else None, bounds)
    # Entries of Aᵀ reach 8 on each axis, so sums of some hundred cancel: 1e-12.
    np.testing.assert_allclose(y, last(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("m", [2, 4])
def test_winograds_rounding_error_in_float32_is_what_the_docstring_says(m):
    x, weight = normal((1, 64, 24, 24), 1), normal((64, 64, 3, 3), 2)
    expected = ops.conv2d(x, weight, padding=1)[0]
    kernel = WinogradConvolution(
        weight.astype(np.float32), np.zeros(64, np.float32), ((1, 1), (1, 1)), m
    )
    error = np.abs(kernel(last(x.astype(np.float32))) - last(expected)).max()
    stated = {2: 4e-7, 4: 3e-6}[m]
    assert stated / 4 < error / np.abs(expected).max() <= stated


def test_the_one_dimensional_equations_of_the_docstring_are_the_convolution():
    (d0, d1, d2, d3), (g0, g1, g2) = normal(4, 1), normal(3, 2)
    m1, m4 = (d0 - d2) * g0, (d1 - d3) * g2
    m2, m3 = (d1 + d2) * (g0 + g1 + g2) / 2, (d2 - d1) * (g0 - g1 + g2) / 2
    expected = [d0 * g0 + d1 * g1 + d2 * g2, d1 * g0 + d2 * g1 + d3 * g2]
    np.testing.assert_allclose([m1 + m2 + m3, m2 - m3 - m4], expected, rtol=1e-12)


def test_the_quickest_kernel_is_chosen_by_the_weights():
    def kind(*shape, **options):
        kernel = prepare_convolution(
            np.zeros(shape, options.pop("dtype", np.float32)), None, **options
        )
        return type(kernel), getattr(kernel, "m", None)

    assert kind(64, 64, 3, 3) == (WinogradConvolution, 4)
    assert kind(256, 256, 3, 3) == (WinogradConvolution, 2)
    assert kind(512, 512, 3, 3) == (WinogradConvolution, 2)
    # Reading 16/9 as many weights costs more than the multiplications do.
    assert kind(1024, 512, 3, 3) == (DirectConvolution, None)
    assert kind(64, 64, 3, 3, winograd=False) == (DirectConvolution, None)
    assert kind(64, 3, 3, 3) == (DirectConvolution, None)
    assert kind(64, 64, 3, 3, stride=(2, 2)) == (DirectConvolution, None)
    assert kind(64, 64, 3, 3, dilation=(2, 2)) == (DirectConvolution, None)
    assert kind(64, 64, 3, 3, dtype=np.float16) == (DirectConvolution, None)  # too few digits
    assert kind(64, 1, 3, 3, groups=64) == (DepthwiseConvolution, None)
    assert kind(64, 2, 3, 3, groups=32) == (DirectConvolution, None)


def test_weights_are_copied():
    weight, bias = normal((2, 2, 3, 3), 1), normal(2, 2)
    x = normal((1, 5, 5, 2), 3)
    for kernel in (
        prepare_convolution(weight, bias),
        WinogradConvolution(weight, bias, ((0, 0), (0, 0)), 2),
    ):
        before = kernel(x)
        weight += 1.0
        bias += 1.0
        np.testing.assert_array_equal(kernel(x), before)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("m", [None, 2, 4])
def test_scaling_the_filters_scales_the_result(groups, m):
    weight, scale, x = normal((4, 4 // groups, 3, 3), 1), normal(4, 2), normal((2, 6, 7, 4), 3)
    if m is None:
        kernel = prepare_convolution(weight, None, groups=groups)
    else:
        kernel = WinogradConvolution(weight[:, :1].repeat(4, 1), np.zeros(4), ((0, 0), (0, 0)), m)
    expected = kernel(x) * scale
    kernel.scale_filters(scale)
    np.testing.assert_allclose(kernel(x), expected, rtol=0, atol=1e-12)


def test_any_strides_of_the_input_will_do():
    weight = whole((3, 2, 3, 3), 1)
    x = whole((2, 2, 7, 6), 2)
    kernel = prepare_convolution(weight, None, padding=((1, 1), (1, 1)))
    expected = kernel(np.ascontiguousarray(last(x)))
    np.testing.assert_array_equal(kernel(last(x)), expected)
    np.testing.assert_array_equal(kernel(last(x)[:, ::-1][:, ::-1]), expected)
    flat = prepare_convolution(whole((3, 2, 1, 1), 1), None)
    np.testing.assert_array_equal(flat(last(x)), flat(np.ascontiguousarray(last(x))))


def test_a_kernel_larger_than_the_image_is_refused_with_the_sizes():
    kernel = prepare_convolution(whole((1, 1, 5, 5)), None)
    with pytest.raises(ValueError, match=re.escape("(5, 5)") + ".*" + re.escape("(4, 9)")):
        kernel(whole((1, 4, 9, 1)))
