"""conv2d: its four stated equations, every way to write its options, and what it refuses.

Whole numbers in float64 are added and multiplied without rounding, so most laws hold to the last bit.
"""

import re
import threading
import tracemalloc
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import naive
import numpy as np
import pytest
from compare import normal, whole
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import check_pullback, threads
from scratchnet.ops import _blocks, _products, conv2d, conv_transpose2d


@dataclass(frozen=True)
class Case:
    """The shapes and options of one convolution; `sides` is what its padding means."""

    x_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    padding: Any = 0
    sides: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True

    def arrays(self, make, dtype=np.float64):
        arrays = [make(self.x_shape, 1, dtype), make(self.weight_shape, 2, dtype)]
        return [*arrays, make(self.weight_shape[0], 3, dtype)] if self.bias else arrays

    def run(self, x, weight, bias=None, **options):
        return conv2d(
            x, weight, bias, self.stride, self.padding, self.dilation, self.groups, **options
        )


KERNEL_LARGER_THAN_IMAGE = Case((2, 2, 2, 1), (3, 2, 4, 3), padding=(1, 1), sides=((1, 1), (1, 1)))
SAME_WITH_AN_ODD_TOTAL = Case(
    (1, 2, 3, 5), (2, 2, 2, 4), padding="same", sides=((0, 1), (1, 2)), bias=False
)
ONE_BY_ONE = Case((2, 4, 3, 2), (6, 2, 1, 1), groups=2)
ONE_BY_ONE_STRIDED = Case((2, 4, 5, 4), (3, 4, 1, 1), stride=(2, 3))
ONE_BY_ONE_PADDED = Case((2, 1, 2, 2), (3, 1, 1, 1), padding=2, sides=((2, 2), (2, 2)))
ROWS_BETWEEN_WINDOWS_UNSEEN = Case((1, 1, 7, 8), (1, 1, 2, 2), stride=(3, 4))
EMPTY_BATCH = Case((0, 2, 4, 4), (3, 2, 3, 3), padding=1, sides=((1, 1), (1, 1)))
NO_CHANNELS = Case((2, 0, 4, 4), (3, 0, 3, 3))


@st.composite
def cases(draw):
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    groups, depth, per_group = draw(st.tuples(*[st.integers(1, n) for n in (3, 2, 2)]))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    p, q, r, s = draw(st.tuples(*[st.integers(0, 3)] * 4))
    form = draw(st.sampled_from(["int", "pair", "sides", "mixed", "same", "valid"]))
    padding, sides = {
        "int": (p, ((p, p), (p, p))),
        "pair": ((p, q), ((p, p), (q, q))),
        "sides": (((p, q), (r, s)), ((p, q), (r, s))),
        "mixed": ([p, (r, s)], ((p, p), (r, s))),
        "same": ("same", tuple(((n - 1) // 2, n // 2) for n in reach)),
        "valid": ("valid", ((0, 0), (0, 0))),
    }[form]
    if form == "same":
        stride = (1, 1)
    size = [
        max(1, n - sum(around)) + draw(st.integers(0, 3))
        for n, around in zip(reach, sides, strict=True)
    ]
    return Case(
        (draw(st.integers(0, 3)), groups * depth, *size),
        (groups * per_group, depth, *kernel),
        stride,
        padding,
        sides,
        dilation,
        groups,
        draw(st.booleans()),
    )


def over_all_cases(test):
    for case in (
        KERNEL_LARGER_THAN_IMAGE,
        SAME_WITH_AN_ODD_TOTAL,
        ONE_BY_ONE,
        ONE_BY_ONE_STRIDED,
        ONE_BY_ONE_PADDED,
        ROWS_BETWEEN_WINDOWS_UNSEEN,
        EMPTY_BATCH,
    ):
        test = example(case)(test)
    return given(cases())(test)


# ---------------------------------------------------------------- the equations


@over_all_cases
@example(NO_CHANNELS)
def test_each_output_is_the_stated_sum_over_its_window(case):
    x, weight, *bias = case.arrays(whole)
    y, _ = case.run(x, weight, *bias)
    expected = naive.conv2d(
        x, weight, *(bias or [None]), case.stride, case.sides, case.dilation, case.groups
    )
    np.testing.assert_array_equal(y, expected, strict=True)


@over_all_cases
def test_tap_by_tap_the_output_is_a_sum_of_products_over_the_channels(case):
    case = replace(case, groups=1, weight_shape=(3, case.x_shape[1], *case.weight_shape[2:]))
    x, weight, *bias = case.arrays(whole)
    y, _ = case.run(x, weight, *bias)
    (s_h, s_w), (d_h, d_w) = case.stride, case.dilation
    padded = np.pad(x, ((0, 0), (0, 0), *case.sides))
    expected = np.zeros(y.shape) + (bias[0][:, None, None] if bias else 0.0)
    for i, j in np.ndindex(case.weight_shape[2:]):
        seen = padded[:, :, i * d_h :: s_h, j * d_w :: s_w][:, :, : y.shape[2], : y.shape[3]]
        expected += np.einsum("fc,nchw->nfhw", weight[:, :, i, j], seen)
    np.testing.assert_array_equal(y, expected)


@over_all_cases
@example(NO_CHANNELS)
def test_the_gradients_are_the_stated_sums(case):
    x, weight, *bias = case.arrays(whole)
    y, pullback = case.run(x, weight, *bias)
    dy = whole(y.shape, 4)
    expected = naive.conv2d_gradients(
        x, weight, dy, case.stride, case.sides, case.dilation, case.groups
    )
    for found, stated in zip(pullback(dy), expected[: 2 + len(bias)], strict=True):
        np.testing.assert_array_equal(found, stated, strict=True)


@settings(max_examples=30)
@over_all_cases
def test_the_pullback_is_the_derivative(case):
    check_pullback(case.run, *case.arrays(normal))


@over_all_cases
def test_the_gradients_are_the_exact_adjoints_in_x_and_in_weight(case):
    case = replace(case, bias=False)  # with a bias the map is affine
    x, weight = case.arrays(whole)
    y, pullback = case.run(x, weight)
    dy = whole(y.shape, 4)
    dx, dweight = pullback(dy)
    assert np.vdot(y, dy) == np.vdot(x, dx) == np.vdot(weight, dweight)


# ---------------------------------------------------------------- torch


def assert_within_rounding(found, expected, terms, absolute_sum):
    """Two sums of the same n products differ by at most 2·n·eps times the sum of their absolute values
    (Higham, Accuracy and Stability, 3.1), in whatever order each was taken."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    allowed = 2.0 * (terms + 1) * np.finfo(found.dtype).eps * absolute_sum
    assert np.all(np.abs(found - expected) <= allowed)


# torch says that an odd total of padding costs it a copy; that is not our concern.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@over_all_cases
def test_values_and_gradients_are_those_of_torch(torch, dtype, case):
    arrays = case.arrays(normal, dtype)
    y, pullback = case.run(*arrays)
    dy = normal(y.shape, 4, dtype)
    grads = pullback(dy)

    x, weight, *bias = leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    padding = case.padding
    if not isinstance(padding, str):  # torch's conv2d has no padding that differs by side
        (top, bottom), (left, right) = case.sides
        x, padding = torch.nn.functional.pad(x, (left, right, top, bottom)), 0
    expected = torch.nn.functional.conv2d(
        x, weight, *(bias or [None]), case.stride, padding, case.dilation, case.groups
    )
    expected.backward(torch.from_numpy(dy))

    absolute, absolute_pullback = case.run(*[np.abs(a).astype(np.float64) for a in arrays])
    absolute_grads = absolute_pullback(np.abs(dy).astype(np.float64))
    n_filters, depth, kh, kw = case.weight_shape
    window, places = depth * kh * kw, y.shape[0] * y.shape[2] * y.shape[3]
    assert_within_rounding(y, expected.detach().numpy(), window, absolute)
    terms = (n_filters // case.groups * kh * kw, places, places)[: len(grads)]
    for found, leaf, n, absolute_sum in zip(grads, leaves, terms, absolute_grads, strict=True):
        assert_within_rounding(found, leaf.grad.numpy(), n, absolute_sum)


# ---------------------------------------------------------------- blocks of images


@pytest.mark.parametrize("bytes_", [1, 700, 2000, 5000, 1 << 20])
@pytest.mark.parametrize("groups", [1, 2])
def test_results_do_not_depend_on_how_many_images_are_gathered_at_a_time(bytes_, groups):
    case = Case((11, 2, 5, 4), (4, 2 // groups, 3, 2), (1, 2), 1, ((1, 1), (1, 1)), groups=groups)
    x, weight, bias = case.arrays(whole)
    dy = whole((11, 4, 5, 3), 4)
    with (
        mock.patch.object(_blocks, "BLOCK_BYTES", bytes_),
        mock.patch.object(_products, "BLOCK_BYTES", bytes_),
    ):
        y, pullback = case.run(x, weight, bias)
        found = y, *pullback(dy)
    dx, dweight, dbias = naive.conv2d_gradients(
        x, weight, dy, case.stride, case.sides, case.dilation, groups
    )
    expected = (
        naive.conv2d(x, weight, bias, case.stride, case.sides, case.dilation, groups),
        *(dx, dweight, dbias),
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def peak_of(function):
    """Return the most memory that a call takes, in bytes.

    Scratch memory is counted: all blocks run in one new thread, which has none yet.
    """
    peaks = []

    def measure():
        tracemalloc.start()
        try:
            function()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    with mock.patch.object(threads, "_num_threads", 1):
        thread = threading.Thread(target=measure)
        thread.start()
        thread.join()
    return peaks[0]


def test_the_columns_are_not_kept_for_the_pullback():
    x, weight = normal((256, 8, 20, 20), 1), normal((4, 8, 3, 3), 2)
    y, pullback = conv2d(x, weight)
    dy = np.ones_like(y)
    columns = x.nbytes * 9
    # The columns of one block; beside them its images, laid out, or the sums over its columns.
    scratch = 2 * _blocks.BLOCK_BYTES
    assert peak_of(lambda: conv2d(x, weight)) < y.nbytes + scratch < columns / 4
    assert peak_of(lambda: pullback(dy)) < x.nbytes + scratch < columns / 4

    tracemalloc.start()
    try:
        result = conv2d(x, weight)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < result[0].nbytes + 100_000  # the output, and the objects around it


@pytest.mark.parametrize("shape", [(1024, 64, 1, 1), (2048, 32, 4, 4)])
def test_the_weight_gradient_of_many_small_images_needs_no_more_than_blocks(shape):
    x, weight = normal(shape, 1), normal((32, shape[1], 1, 1), 2)
    y, pullback = conv2d(x, weight, needs=(False, True))
    dy = np.ones_like(y)
    peak = peak_of(lambda: pullback(dy))
    # A product for every image, summed afterwards, would take N times the weight.
    assert peak < 2.5 * _blocks.BLOCK_BYTES < len(x) * weight.nbytes / 2


# ---------------------------------------------------------------- the options in words


def test_the_kernel_is_not_flipped():
    x = np.array([[[[1.0, 2.0, 4.0]]]])
    y, _ = conv2d(x, np.array([[[[1.0, 10.0]]]]))
    np.testing.assert_array_equal(y, [[[[21.0, 42.0]]]])


def test_dilation_1_means_neighbouring_entries_and_2_every_second():
    x = np.array([[[[1.0, 2.0, 4.0, 8.0]]]])
    weight = np.ones((1, 1, 1, 2))
    np.testing.assert_array_equal(conv2d(x, weight, dilation=1)[0], [[[[3.0, 6.0, 12.0]]]])
    np.testing.assert_array_equal(conv2d(x, weight, dilation=2)[0], [[[[5.0, 10.0]]]])


@pytest.mark.parametrize(("kernel", "dilation"), [(2, 1), (4, 1), (2, 3), (3, 2), (1, 5)])
def test_same_keeps_the_size_and_pads_the_odd_one_at_the_bottom_and_right(kernel, dilation):
    x, weight = whole((1, 1, 6, 6)), whole((1, 1, kernel, kernel), 2)
    y, _ = conv2d(x, weight, padding="same", dilation=dilation)
    total = dilation * (kernel - 1)
    before, after = total // 2, total - total // 2
    assert y.shape == x.shape
    sides = ((before, after), (before, after))
    np.testing.assert_array_equal(y, conv2d(x, weight, padding=sides, dilation=dilation)[0])


def test_an_int_is_short_for_a_pair_and_that_for_two_pairs():
    x, weight = whole((2, 1, 4, 5)), whole((2, 1, 2, 3), 2)
    y, _ = conv2d(x, weight, None, (2, 2), ((1, 1), (1, 1)), (2, 2))
    for padding in (1, (1, 1), [1, 1], np.int64(1), np.array([1, 1]), (1, (1, 1))):
        np.testing.assert_array_equal(conv2d(x, weight, None, 2, padding, 2)[0], y)
    np.testing.assert_array_equal(
        conv2d(x, weight, padding="valid")[0], conv2d(x, weight, padding=0)[0]
    )


def test_groups_are_convolutions_side_by_side():
    x, weight, bias = whole((2, 6, 4, 4)), whole((4, 3, 2, 2), 2), whole(4, 3)
    y, pullback = conv2d(x, weight, bias, groups=2)
    dy = whole(y.shape, 4)
    dx, dweight, dbias = pullback(dy)
    for g in range(2):
        channels, filters = slice(3 * g, 3 * g + 3), slice(2 * g, 2 * g + 2)
        alone, alone_pullback = conv2d(x[:, channels], weight[filters], bias[filters])
        np.testing.assert_array_equal(y[:, filters], alone)
        found = dx[:, channels], dweight[filters], dbias[filters]
        for a, b in zip(found, alone_pullback(dy[:, filters]), strict=True):
            np.testing.assert_array_equal(a, b)


def test_an_image_is_convolved_alone_as_in_a_batch():
    x, weight, bias = whole((5, 2, 5, 5)), whole((3, 2, 3, 3), 2), whole(3, 3)
    together, _ = conv2d(x, weight, bias, padding=1)
    alone = [conv2d(x[i : i + 1], weight, bias, padding=1)[0] for i in range(5)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_without_a_bias_there_are_two_gradients_and_needs_may_name_two():
    x, weight = whole((1, 1, 3, 3)), whole((1, 1, 2, 2), 2)
    y, pullback = conv2d(x, weight, needs=(False, True))
    dx, dweight = pullback(np.ones_like(y))
    assert dx is None
    assert dweight.shape == weight.shape


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("x", "weight", "bias", "options", "message"),
    [
        ((3, 5, 5), (2, 3, 2, 2), None, {}, "x of shape (N, C, H, W), got 3 dimensions: (3, 5, 5)"),
        ((2, 4, 5, 5), (2, 4, 3), None, {}, "x (2, 4, 5, 5), weight (2, 4, 3)"),
        ((8, 4, 9, 9), (6, 3, 5, 5), None, {}, "expects 3 input channels, x has 4: x (8, 4, 9, 9)"),
        ((8, 4, 9, 9), (6, 3, 5, 5), None, {}, "x (8, 4, 9, 9), weight (6, 3, 5, 5)"),
        (
            (1, 4, 5, 5),
            (4, 4, 3, 3),
            None,
            {"groups": 2},
            "4 input channels in each of 2 groups, x",
        ),
        ((1, 4, 5, 5), (3, 2, 3, 3), None, {"groups": 2}, "groups=2 does not divide the 3 filters"),
        ((1, 4, 5, 5), (3, 2, 3, 3), None, {"groups": 0}, "groups=0"),
        ((1, 4, 5, 5), (3, 2, 3, 3), None, {"groups": -1}, "groups=-1"),
        (
            (1, 4, 5, 5),
            (3, 4, 3, 3),
            (4,),
            {},
            "each of 3 filters: x (1, 4, 5, 5), weight (3, 4, 3",
        ),
        ((1, 4, 5, 5), (3, 4, 3, 3), (3, 1), {}, "bias (3, 1)"),
        ((1, 1, 0, 5), (1, 1, 1, 1), None, {"padding": 1}, "one pixel, got x (1, 1, 0, 5)"),
        ((1, 1, 5, 5), (0, 1, 3, 3), None, {}, "x (1, 1, 5, 5), weight (0, 1, 3, 3)"),
        ((1, 1, 5, 5), (1, 1, 0, 3), None, {}, "x (1, 1, 5, 5), weight (1, 1, 0, 3)"),
        (
            (1, 1, 4, 3),
            (1, 1, 5, 2),
            None,
            {},
            "extends over (5, 2), the padded x has (4, 3): x (1",
        ),
        (
            (1, 1, 5, 5),
            (1, 1, 3, 3),
            None,
            {"dilation": 3, "padding": (0, 1)},
            "padded x has (5, 7)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_shown(x, weight, bias, options, message):
    arrays = [None if shape is None else np.zeros(shape) for shape in (x, weight, bias)]
    with pytest.raises(ValueError, match=re.escape(message)):
        conv2d(*arrays, **options)


def test_arrays_of_several_dtypes_or_of_integers_are_refused_and_shown():
    x, weight, bias = np.zeros((1, 1, 5, 5)), np.zeros((3, 1, 3, 3)), np.zeros(3, np.float32)
    with pytest.raises(TypeError, match=r"x float32 \(1, 1, 5, 5\), weight float64 \(3, 1, 3, 3\)"):
        conv2d(x.astype(np.float32), weight)
    with pytest.raises(TypeError, match=r"bias float32 \(3,\)"):
        conv2d(x, weight, bias)
    with pytest.raises(TypeError, match=r"x uint8 \(1, 1, 5, 5\)"):
        conv2d(x.astype(np.uint8), weight.astype(np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"stride": (1, -2)}, r"stride must be at least 1, got \(1, -2\)"),
        ({"stride": 1.5}, "stride takes an int or a pair of ints, got 1.5"),
        ({"stride": (1, 2, 3)}, r"stride takes .* got \(1, 2, 3\)"),
        ({"stride": None}, "stride takes .* got None"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"dilation": "2"}, "dilation takes .* got '2'"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"padding": ((0, -1), (0, 0))}, r"padding must be at least 0, got \(0, -1\)"),
        ({"padding": 0.5}, "padding takes .* got 0.5"),
        ({"padding": (1, 1, 1, 1)}, r"padding takes .* got \(1, 1, 1, 1\)"),
        ({"padding": ((1, 1, 1), (0, 0))}, r"padding takes .* got \(1, 1, 1\)"),
        ({"padding": "full"}, "padding takes 'same', 'valid' or numbers, got 'full'"),
        ({"padding": "same", "stride": 2}, r"padding='same' needs stride 1, got \(2, 2\)"),
    ],
)
def test_options_that_mean_nothing_are_refused_with_their_values(options, message):
    with pytest.raises(ValueError, match=message):
        conv2d(np.zeros((1, 1, 6, 6)), np.zeros((1, 1, 3, 3)), **options)


@pytest.mark.parametrize("groups", [True, 1.0, "2", None])
def test_groups_are_a_whole_number(groups):
    x, weight = np.zeros((1, 2, 6, 6)), np.zeros((2, 2, 3, 3))
    for convolve in (conv2d, conv_transpose2d):
        with pytest.raises(TypeError, match=f"groups takes a whole number, got {groups!r}"):
            convolve(x, weight, groups=groups)


def test_an_option_in_a_sequence_of_one_holds_for_both_axes_as_in_torch(torch):
    x, weight = whole((1, 2, 7, 8), 1), whole((2, 2, 2, 2), 2)
    for name, options in (
        ("conv2d", {"stride": (2,), "padding": (1,), "dilation": [3]}),
        ("conv_transpose2d", {"stride": (2,), "padding": (1,), "output_padding": (1,)}),
    ):
        found = {"conv2d": conv2d, "conv_transpose2d": conv_transpose2d}[name](x, weight, **options)
        expected = getattr(torch.nn.functional, name)(
            torch.from_numpy(x), torch.from_numpy(weight), **options
        )
        np.testing.assert_array_equal(found[0], expected.numpy())


def test_padding_far_beyond_what_the_windows_see_costs_no_memory():
    x, weight = whole((1, 1, 5, 5), 1), whole((1, 1, 2, 1), 2)
    step = 10**6
    y, pullback = conv2d(x, weight, None, step, 10 * step)
    expected = np.zeros((1, 1, 21, 21))
    expected[0, 0, 10, 10] = (x[0, 0, :2, 0] * weight[0, 0, :, 0]).sum()
    np.testing.assert_array_equal(y[..., :21, :21], expected)
    dx, dweight = pullback(np.ones_like(y))
    np.testing.assert_array_equal(dweight[0, 0, :, 0], x[0, 0, :2, 0])
    assert dx.sum() == weight.sum()
