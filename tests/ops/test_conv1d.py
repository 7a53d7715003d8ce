"""conv1d: its equations, that it is conv2d of one row, torch, and what it refuses."""

import re

import convolution_cases
import naive
import numpy as np
import pytest
from compare import normal, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import conv1d, conv2d


@st.composite
def cases(draw):
    """A weight's shape, x's shape, and options; also paddings that differ by side."""
    kernel, dilation, stride = draw(st.tuples(*[st.integers(1, n) for n in (4, 3, 3)]))
    groups, depth, per_group = draw(st.tuples(*[st.integers(1, n) for n in (3, 2, 2)]))
    before, after = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    extent = dilation * (kernel - 1) + 1
    length = max(1, extent - before - after) + draw(st.integers(0, 5))
    options = {
        "stride": stride,
        "padding": ((before, after),),
        "dilation": dilation,
        "groups": groups,
    }
    x_shape = draw(st.integers(0, 3)), groups * depth, length
    return x_shape, (groups * per_group, depth, kernel), options


@given(cases(), st.booleans())
def test_values_and_gradients_are_the_stated_sums(case, has_bias):
    x_shape, weight_shape, options = case
    x, weight = whole(x_shape, 1), whole(weight_shape, 2)
    bias = [whole(weight_shape[0], 3)] if has_bias else []
    y, pullback = conv1d(x, weight, *bias, **options)
    sides = (0, 0), *options["padding"]
    settings_ = (1, options["stride"]), sides, (1, options["dilation"]), options["groups"]
    rows = x[:, :, None], weight[:, :, None]  # the same sums with i = p = 0
    stated = naive.conv2d(*rows, *(bias or [None]), *settings_)
    np.testing.assert_array_equal(y[:, :, None], stated, strict=True)

    dy = whole(y.shape, 4)
    dx, dweight, dbias = naive.conv2d_gradients(*rows, dy[:, :, None], *settings_)
    stated = (dx[:, :, 0], dweight[:, :, 0], dbias)[: 2 + has_bias]
    for found, expected in zip(pullback(dy), stated, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


@settings(max_examples=30)
@given(cases())
def test_the_pullback_is_the_derivative(case):
    x_shape, weight_shape, options = case
    arrays = normal(x_shape, 1), normal(weight_shape, 2), normal(weight_shape[0], 3)
    check_pullback(conv1d, *arrays, **options)


# torch says that an odd total of padding costs it a copy; that is not our concern.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=40)
@given(convolution_cases.convolution(1))
def test_values_and_gradients_are_those_of_torch(torch, dtype, layer):
    options, (x,) = layer
    kernel, groups = options["kernel_size"], options["groups"]
    k = kernel if isinstance(kernel, int) else kernel[0]
    shape = options["out_channels"], options["in_channels"] // groups, k
    x = whole(x.shape, 1, dtype)
    weight, bias = whole(shape, 2, dtype), whole(shape[0], 3, dtype)
    rest = [options[key] for key in ("stride", "padding", "dilation", "groups")]
    arrays = [x, weight, bias] if options["bias"] else [x, weight]

    def with_rest(function):
        return lambda x, weight, bias=None: function(x, weight, bias, *rest)

    convolution_cases.assert_agrees_on_whole_numbers(
        torch, with_rest(conv1d), with_rest(torch.nn.functional.conv1d), *arrays
    )


def test_it_is_conv2d_of_one_row():
    x, weight, bias = whole((2, 4, 9)), whole((6, 2, 3), 2), whole(6, 3)
    y, pullback = conv1d(x, weight, bias, 2, 1, 2, 2)
    rows, rows_pullback = conv2d(x[:, :, None], weight[:, :, None], bias, (1, 2), (0, 1), (1, 2), 2)
    np.testing.assert_array_equal(y, rows[:, :, 0])
    dy = whole(y.shape, 4)
    dx, dweight, dbias = rows_pullback(dy[:, :, None])
    for a, b in zip(pullback(dy), (dx[:, :, 0], dweight[:, :, 0], dbias), strict=True):
        np.testing.assert_array_equal(a, b)


def test_same_keeps_the_length_and_pads_the_odd_one_at_the_end():
    x, weight = whole((1, 1, 6)), whole((1, 1, 4), 2)
    y, _ = conv1d(x, weight, padding="same")
    assert y.shape == x.shape
    np.testing.assert_array_equal(y, conv1d(x, weight, padding=[(1, 2)])[0])


def test_options_may_be_an_int_or_the_only_one_of_a_sequence():
    x, weight = whole((2, 1, 8)), whole((2, 1, 3), 2)
    y, _ = conv1d(x, weight, None, 2, 1, 2)
    for form in (tuple, list, np.array):
        again, _ = conv1d(x, weight, None, form([2]), form([1]), form([2]))
        np.testing.assert_array_equal(again, y)


@pytest.mark.parametrize(
    ("x", "weight", "options", "message"),
    [
        ((2, 3, 1, 5), (2, 3, 2), {}, "conv1d takes x of shape (N, C, L), got 4 dimensions"),
        ((3, 5), (2, 3, 2), {}, "conv1d takes x of shape (N, C, L), got 2 dimensions: (3, 5)"),
        ((2, 3, 0), (2, 3, 1), {"padding": 1}, "at least one entry, got x (2, 3, 0)"),
        ((2, 3, 5), (2, 3, 1, 2), {}, "(F, C/groups, k) with at least one filter and tap: x (2, 3"),
        ((2, 4, 5), (2, 3, 2), {}, "expects 3 input channels, x has 4: x (2, 4, 5), weight (2, 3"),
        ((2, 4, 5), (3, 2, 2), {"groups": 2}, "groups=2 does not divide the 3 filters"),
        ((2, 3, 4), (2, 3, 3), {"dilation": 2}, "extends over (5,), the padded x has (4,): x (2"),
        ((2, 3, 4), (2, 3, 3), {"padding": (1, 2)}, "int or ((left, right),), got (1, 2)"),
        ((2, 3, 4), (2, 3, 3), {"padding": -1}, "padding must be at least 0, got -1"),
        ((2, 3, 4), (2, 3, 3), {"padding": "full"}, "'same', 'valid' or numbers, got 'full'"),
        ((2, 3, 4), (2, 3, 3), {"padding": "same", "stride": 2}, "needs stride 1, got (2,)"),
        ((2, 3, 4), (2, 3, 3), {"stride": 0}, "stride must be at least 1, got 0"),
        ((2, 3, 4), (2, 3, 3), {"stride": (1, 1)}, "stride takes an int"),
        ((2, 3, 4), (2, 3, 3), {"dilation": 1.5}, "dilation takes an int"),
    ],
)
def test_what_does_not_fit_is_refused_and_shown(x, weight, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        conv1d(np.zeros(x), np.zeros(weight), **options)


def test_a_bias_or_a_dtype_that_does_not_fit_is_refused():
    x, weight = np.zeros((2, 3, 5)), np.zeros((2, 3, 2))
    with pytest.raises(ValueError, match="one entry for each of 2 filters"):
        conv1d(x, weight, np.zeros(3))
    with pytest.raises(TypeError, match="conv1d takes floating arrays of one dtype"):
        conv1d(x, weight.astype(np.float32))
