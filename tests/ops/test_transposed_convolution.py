"""conv_transpose1d and 2d: the stated sums, the transpose of conv2d, torch, and what they refuse.

Whole numbers in float64 are added and multiplied without rounding, so most laws hold to the last bit.
"""

import re

import naive
import numpy as np
import pytest
from compare import normal, whole
from convolution_cases import assert_agrees_on_whole_numbers, transposed_convolution
from hypothesis import given, settings

from scratchnet import check_pullback
from scratchnet.ops import conv2d, conv_transpose1d, conv_transpose2d

OPERATIONS = {1: conv_transpose1d, 2: conv_transpose2d}
in_one_and_two_dimensions = pytest.mark.parametrize("axes", [1, 2])


def call_of(case, make, dtype=np.float64):
    """Return the arrays and the further arguments of a call, from the options of a layer."""
    options, (x,) = case
    groups, out = options["groups"], options["out_channels"]
    arrays = [
        make(x.shape, 1, dtype),
        make((x.shape[1], out // groups, *options["kernel_size"]), 2, dtype),
    ]
    arrays += [make(out, 3, dtype)] if options["bias"] else []
    names = ("stride", "padding", "output_padding", "groups", "dilation")
    return arrays, [options[name] for name in names]


def with_rest(function, rest):
    def call(x, weight, bias=None):
        return function(x, weight, bias, *rest)

    return call


def images(arrays, axes):
    """Return lines as images of one row."""
    return [a if axes == 2 or a.ndim < 3 else a[:, :, None] for a in arrays]


def two(values, of_row):
    return (of_row, *values)[-2:]


@in_one_and_two_dimensions
def test_each_output_is_the_stated_sum(axes):
    @given(transposed_convolution(axes))
    def check(case):
        arrays, rest = call_of(case, whole)
        y, pullback = OPERATIONS[axes](*arrays, *([None] * (3 - len(arrays))), *rest)
        stride, padding, more, groups, dilation = rest
        sizes = zip(
            arrays[0].shape[2:],
            stride,
            padding,
            arrays[1].shape[2:],
            dilation,
            more,
            strict=True,
        )
        out = tuple((n - 1) * s - 2 * p + d * (k - 1) + m + 1 for n, s, p, k, d, m in sizes)
        assert y.shape[2:] == out
        x, weight, *bias = images(arrays, axes)
        options = two(stride, 1), two(padding, 0), two(dilation, 1), groups
        expected = naive.conv_transpose2d(x, weight, *(bias or [None]), two(out, 1), *options)
        np.testing.assert_array_equal(y, expected.reshape(y.shape), strict=True)

        dy = whole(y.shape, 4)
        stated = naive.conv_transpose2d_gradients(x, weight, *images([dy], axes), *options)
        for found, gradient in zip(pullback(dy), stated[: len(arrays)], strict=True):
            np.testing.assert_array_equal(found, gradient.reshape(found.shape), strict=True)

    check()


@in_one_and_two_dimensions
def test_the_pullback_is_the_derivative(axes):
    @settings(max_examples=25)
    @given(transposed_convolution(axes))
    def check(case):
        arrays, rest = call_of(case, normal)
        check_pullback(with_rest(OPERATIONS[axes], rest), *arrays)

    check()


@in_one_and_two_dimensions
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_gradients_are_those_of_torch(torch, axes, dtype):
    reference = getattr(torch.nn.functional, f"conv_transpose{axes}d")

    @settings(max_examples=40)
    @given(transposed_convolution(axes))
    def check(case):
        arrays, rest = call_of(case, whole, dtype)
        op = with_rest(OPERATIONS[axes], rest)
        assert_agrees_on_whole_numbers(torch, op, with_rest(reference, rest), *arrays)

    check()


@given(transposed_convolution(2))
def test_it_is_the_transpose_of_conv2d_with_the_same_weight(case):
    (x, weight, *_), (stride, padding, more, groups, dilation) = call_of(case, whole)
    more = tuple(
        min(m, s - 1) for m, s in zip(more, stride, strict=True)
    )  # else conv2d has more rows
    smallest = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, k, d, m in zip(
            x.shape[2:], stride, padding, weight.shape[2:], dilation, more, strict=True
        )
    )
    if min(smallest) < 1:
        return
    y, pullback = conv_transpose2d(x, weight, None, stride, padding, more, groups, dilation)
    z = whole(y.shape, 5)
    filtered, conv_pullback = conv2d(z, weight, None, stride, padding, dilation, groups)
    assert filtered.shape == x.shape
    assert np.vdot(y, z) == np.vdot(x, filtered)
    np.testing.assert_array_equal(conv_pullback(x)[0], y)
    np.testing.assert_array_equal(pullback(z)[0], filtered)


# ---------------------------------------------------------------- the options in words


def test_the_kernel_is_laid_down_unflipped_at_every_stride_th_place():
    x, weight = np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 100.0]]])
    np.testing.assert_array_equal(conv_transpose1d(x, weight)[0], [[[1.0, 12.0, 120.0, 200.0]]])
    y, _ = conv_transpose1d(x, weight, stride=3)
    np.testing.assert_array_equal(y, [[[1.0, 10.0, 100.0, 2.0, 20.0, 200.0]]])


def test_padding_cuts_off_on_both_sides_and_output_padding_takes_back_at_the_end():
    x, weight = np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 100.0]]])
    y, _ = conv_transpose1d(x, weight, stride=3, padding=1)
    np.testing.assert_array_equal(y, [[[10.0, 100.0, 2.0, 20.0]]])
    y, _ = conv_transpose1d(x, weight, stride=3, padding=1, output_padding=1)
    np.testing.assert_array_equal(y, [[[10.0, 100.0, 2.0, 20.0, 200.0]]])  # not a zero
    y, _ = conv_transpose1d(x, weight, stride=3, padding=1, output_padding=2)
    np.testing.assert_array_equal(y, [[[10.0, 100.0, 2.0, 20.0, 200.0, 0.0]]])


def test_output_padding_chooses_among_the_sizes_that_a_strided_convolution_makes_equal():
    weight = normal((1, 1, 3, 3))
    for size in (5, 6):
        small, _ = conv2d(np.ones((1, 1, size, size)), weight, None, 2, 1)
        assert small.shape[2:] == (3, 3)
        large, _ = conv_transpose2d(small, weight, None, 2, 1, size - 5)
        assert large.shape[2:] == (size, size)


def test_groups_are_transposed_convolutions_side_by_side():
    x, weight, bias = whole((2, 6, 3, 3)), whole((6, 2, 2, 2), 2), whole(4, 3)
    y, _ = conv_transpose2d(x, weight, bias, 2, groups=2)
    for g in range(2):
        inputs, outputs = slice(3 * g, 3 * g + 3), slice(2 * g, 2 * g + 2)
        alone, _ = conv_transpose2d(x[:, inputs], weight[inputs], bias[outputs], 2)
        np.testing.assert_array_equal(y[:, outputs], alone)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("x", "weight", "options", "message"),
    [
        ((4, 5, 5), (4, 3, 3, 3), {}, "(N, C, H, W), got 3 dimensions: (4, 5, 5)"),
        ((2, 4, 0, 5), (4, 3, 3, 3), {}, "at least one pixel, got x (2, 4, 0, 5)"),
        ((2, 4, 5, 5), (4, 3, 3), {}, "(C, F/groups, kh, kw) with at least one channel and tap"),
        ((2, 4, 5, 5), (4, 0, 3, 3), {}, "weight (4, 0, 3, 3)"),
        ((2, 0, 5, 5), (0, 3, 3, 3), {}, "weight (0, 3, 3, 3)"),
        ((2, 4, 5, 5), (5, 3, 3, 3), {}, "expects 5 input channels, x has 4: x (2, 4, 5, 5)"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"groups": 3}, "groups=3 does not divide the 4 input"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"groups": 0}, "groups=0"),
        (
            (2, 4, 5, 5),
            (4, 3, 3, 3),
            {"stride": 2, "output_padding": 2},
            "smaller than stride or dilation: (2, 2), stride (2, 2), dilation (1, 1)",
        ),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"output_padding": (0, 1)}, "dilation: (0, 1), stride (1, 1)"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"output_padding": -1}, "output_padding must be at least 0"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"padding": -1}, "padding must be at least 0, got -1"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"padding": "same"}, "padding takes an int or a pair of ints"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"stride": 0}, "stride must be at least 1, got 0"),
        ((2, 4, 5, 5), (4, 3, 3, 3), {"dilation": 0}, "dilation must be at least 1, got 0"),
        ((2, 4, 2, 1), (4, 3, 1, 1), {"padding": 1}, "would have the size (0, -1), padding is (1"),
    ],
)
def test_what_does_not_fit_is_refused_and_shown(x, weight, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        conv_transpose2d(np.zeros(x), np.zeros(weight), **options)


def test_lines_are_refused_and_shown_likewise():
    with pytest.raises(ValueError, match=r"conv_transpose1d takes x of shape \(N, C, L\), got 2"):
        conv_transpose1d(np.zeros((4, 5)), np.zeros((4, 3, 3)))
    with pytest.raises(ValueError, match=r"\(C, F/groups, k\) .* weight \(4, 3, 1, 3\)"):
        conv_transpose1d(np.zeros((2, 4, 5)), np.zeros((4, 3, 1, 3)))
    with pytest.raises(ValueError, match=r"smaller than stride or dilation: \(1,\), stride \(1,\)"):
        conv_transpose1d(np.zeros((2, 4, 5)), np.zeros((4, 3, 3)), output_padding=1)


def test_a_bias_or_a_dtype_that_does_not_fit_is_refused():
    x, weight = np.zeros((2, 4, 5, 5)), np.zeros((4, 3, 2, 2))
    with pytest.raises(ValueError, match="one entry for each of 6 output channels"):
        conv_transpose2d(x, weight, np.zeros(3), groups=2)
    with pytest.raises(TypeError, match="conv_transpose2d takes floating arrays of one dtype"):
        conv_transpose2d(x, weight.astype(np.float32))
