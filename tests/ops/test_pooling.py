"""max_pool2d and avg_pool2d: their stated equations, torch's options, ties, padding and NaN."""

from dataclasses import dataclass, replace

import naive
import numpy as np
import pytest
from compare import assert_close, normal, whole
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import avg_pool2d, max_pool2d


@dataclass(frozen=True)
class Case:
    """The shape and options of one pool; dilation is for max_pool2d only."""

    x_shape: tuple[int, ...]
    kernel: tuple[int, int]
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    @property
    def max_options(self):
        return self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode

    @property
    def avg_options(self):
        counting = self.count_include_pad, self.divisor_override
        return self.kernel, self.stride, self.padding, self.ceil_mode, *counting


CEIL_DROPS_THE_LAST = Case((1, 1, 9, 9), (4, 4), (4, 4), (2, 2), ceil_mode=True)
CEIL_OVERHANGS = Case((2, 1, 4, 5), (3, 2), (3, 3), (1, 1), ceil_mode=True)
KERNEL_LARGER_THAN_IMAGE = Case((1, 2, 2, 3), (4, 5), (1, 1), (2, 2))
CEIL_KERNEL_LARGER_THAN_IMAGE = Case((1, 1, 3, 2), (4, 4), ceil_mode=True)
DILATED_WINDOW_SEES_PADDING_ONLY = Case((1, 1, 2, 2), (2, 2), (1, 1), (1, 1), (3, 3))
EMPTY_BATCH = Case((0, 2, 4, 4), (2, 2))


@st.composite
def cases(draw, dilated=False):
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if dilated else (1, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [
        max(1, r - 2 * p) + draw(st.integers(0, 5)) for r, p in zip(reach, padding, strict=True)
    ]
    return Case(
        (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size),
        kernel,
        stride,
        padding,
        dilation,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([None, 1, 3, -2])),
    )


def over_all_cases(dilated):
    def decorate(test):
        for case in (
            CEIL_DROPS_THE_LAST,
            CEIL_OVERHANGS,
            KERNEL_LARGER_THAN_IMAGE,
            CEIL_KERNEL_LARGER_THAN_IMAGE,
            EMPTY_BATCH,
        ):
            test = example(case)(test)
        return given(cases(dilated))(test)

    return decorate


def with_ties(shape, seed=0, dtype=np.float64):
    """Whole numbers from −2 to 2: in most windows the maximum stands more than once."""
    return whole(shape, seed, dtype, low=-2, high=3)


def all_different(shape):
    """The numbers from 0 on, shuffled: no ties, and every maximum ahead by 1."""
    return (
        np.random.default_rng(0)
        .permutation(float(np.prod(shape)) - np.arange(np.prod(shape)))
        .reshape(shape)
    )


# ---------------------------------------------------------------- the maximum


@over_all_cases(dilated=True)
@example(DILATED_WINDOW_SEES_PADDING_ONLY)
def test_the_maximum_is_the_largest_entry_and_the_first_of_equals(case):
    x = with_ties(case.x_shape)
    (y, positions), _ = max_pool2d(x, *case.max_options, return_indices=True)
    stride = case.stride or case.kernel
    expected, first = naive.max_pool2d(
        x, case.kernel, stride, case.padding, case.dilation, case.ceil_mode
    )
    np.testing.assert_array_equal(y, expected, strict=True)
    np.testing.assert_array_equal(positions, first, strict=True)
    np.testing.assert_array_equal(max_pool2d(x, *case.max_options)[0], expected, strict=True)


@over_all_cases(dilated=True)
@example(DILATED_WINDOW_SEES_PADDING_ONLY)
def test_the_first_maximum_takes_the_whole_gradient(case):
    x = with_ties(case.x_shape)
    (y, positions), pullback = max_pool2d(x, *case.max_options, return_indices=True)
    dy = whole(y.shape, 1)
    (dx,) = pullback((dy, None))
    expected = naive.max_pool2d_gradient(x.shape, positions, dy)
    np.testing.assert_array_equal(dx, expected, strict=True)
    assert dx.sum() == dy[positions >= 0].sum()
    (without_indices,) = max_pool2d(x, *case.max_options)[1](dy)
    np.testing.assert_array_equal(without_indices, dx)
    (unused,) = pullback((None, None))
    np.testing.assert_array_equal(unused, np.zeros(x.shape), strict=True)


@settings(max_examples=30)
@over_all_cases(dilated=True)
def test_the_pullback_of_the_maximum_is_its_derivative(case):
    check_pullback(
        max_pool2d,
        all_different(case.x_shape),
        **dict(
            zip(
                ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
                case.max_options,
                strict=True,
            )
        ),
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@over_all_cases(dilated=True)
def test_maxima_positions_and_gradients_are_those_of_torch(torch, dtype, case):
    x = with_ties(case.x_shape, 0, dtype)
    (y, positions), pullback = max_pool2d(x, *case.max_options, return_indices=True)
    seen = positions >= 0  # where a dilated window misses x, torch's position lies outside of x
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    expected, indices = torch.nn.functional.max_pool2d(leaf, *case.max_options, return_indices=True)
    np.testing.assert_array_equal(y, expected.detach().numpy(), strict=True)
    np.testing.assert_array_equal(positions[seen], indices.numpy()[seen], strict=True)
    dy = whole(y.shape, 1, dtype)
    if seen.all():  # and its gradient writes there
        expected.backward(torch.from_numpy(dy))
        np.testing.assert_array_equal(pullback((dy, None))[0], leaf.grad.numpy(), strict=True)


def test_padding_is_lower_than_any_entry():
    x = np.full((1, 1, 3, 3), -5.0)
    (y, positions), pullback = max_pool2d(x, 3, 1, 1, return_indices=True)
    np.testing.assert_array_equal(y, x)
    assert positions.min() >= 0
    lowest = np.full((1, 1, 2, 2), -np.inf)
    (y, positions), pullback = max_pool2d(lowest, 2, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, lowest)
    np.testing.assert_array_equal(positions, [[[[0, 1], [2, 3]]]])
    np.testing.assert_array_equal(pullback((np.ones((1, 1, 2, 2)), None))[0], np.ones((1, 1, 2, 2)))


def test_of_equal_entries_the_first_row_by_row_takes_the_gradient():
    _, pullback = max_pool2d(np.ones((1, 1, 3, 3)), 2, 1)
    dy = np.array([[[[1.0, 2.0], [4.0, 8.0]]]])
    np.testing.assert_array_equal(pullback(dy)[0], [[[[1, 2, 0], [4, 8, 0], [0, 0, 0]]]])


def test_an_entry_that_is_the_maximum_of_several_windows_gets_the_sum():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1.0
    _, pullback = max_pool2d(x, 2, 1)
    assert pullback(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]))[0][0, 0, 1, 1] == 15.0


def test_a_window_that_sees_only_padding_is_minus_infinity_without_position_or_gradient():
    (y, positions), pullback = max_pool2d(
        np.ones((1, 1, 2, 2)), *DILATED_WINDOW_SEES_PADDING_ONLY.max_options, return_indices=True
    )
    np.testing.assert_array_equal(y, [[[[-np.inf]]]])
    np.testing.assert_array_equal(positions, [[[[-1]]]])
    np.testing.assert_array_equal(
        pullback((np.ones((1, 1, 1, 1)), None))[0], np.zeros((1, 1, 2, 2))
    )


@given(st.integers(0, 2**16 - 1), st.integers(1, 3), st.booleans())
@example(0b1010_0000_0001_1000, 2, False)
def test_nan_wins_as_in_torch_and_its_gradient_goes_to_a_nan(torch, where, kernel, ceil_mode):
    x = all_different((1, 1, 4, 4))
    is_nan = np.array([where >> i & 1 for i in range(16)], bool).reshape(x.shape)
    x[is_nan] = np.nan
    (y, positions), pullback = max_pool2d(x, kernel, 2, 0, 1, ceil_mode, return_indices=True)
    expected, indices = torch.nn.functional.max_pool2d(
        torch.from_numpy(x), kernel, 2, 0, 1, ceil_mode, return_indices=True
    )
    np.testing.assert_array_equal(y, expected.numpy(), strict=True)
    undefined = np.isnan(y)
    np.testing.assert_array_equal(positions[~undefined], indices.numpy()[~undefined])
    assert np.isnan(x.ravel()[positions[undefined]]).all()
    dy = whole(y.shape, 1)
    np.testing.assert_array_equal(
        pullback((dy, None))[0], naive.max_pool2d_gradient(x.shape, positions, dy)
    )


def test_of_several_nan_in_a_window_the_first_counts():
    x = np.array([[[[1.0, np.nan, 2.0, np.nan]]]])
    (_, positions), pullback = max_pool2d(x, (1, 4), return_indices=True)
    assert positions.item() == 1
    np.testing.assert_array_equal(pullback((np.ones((1, 1, 1, 1)), None))[0], [[[[0, 1, 0, 0]]]])


def test_integers_have_a_maximum_too():
    x = np.array([[[[-7, -3], [-9, -5]]]], np.int8)
    y, _ = max_pool2d(x, 2, 1, 1)
    np.testing.assert_array_equal(
        y, np.array([[[[-7, -3, -3], [-7, -3, -3], [-9, -5, -5]]]], np.int8), strict=True
    )


# ---------------------------------------------------------------- the mean


def of_few_roundings(found, expected, n_terms, size):
    """A mean or a gradient is a sum of n terms up to `size`; each is rounded once or twice."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    error = 2 * (n_terms + 1) * np.finfo(found.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=0, atol=error * size)


@over_all_cases(dilated=False)
def test_the_mean_and_its_gradient_are_the_stated_sums(case):
    x = whole(case.x_shape)
    y, pullback = avg_pool2d(x, *case.avg_options)
    dy = whole(y.shape, 1)
    expected, expected_dx = naive.avg_pool2d(
        x,
        dy,
        case.kernel,
        case.stride or case.kernel,
        case.padding,
        case.ceil_mode,
        case.count_include_pad,
        case.divisor_override,
    )
    np.testing.assert_array_equal(y, expected, strict=True)  # an exact sum, divided once
    (dx,) = pullback(dy)
    of_few_roundings(dx, expected_dx, 16, 9.0)


@settings(max_examples=30)
@over_all_cases(dilated=False)
def test_the_pullback_of_the_mean_is_its_derivative(case):
    names = "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"
    check_pullback(
        avg_pool2d, normal(case.x_shape), **dict(zip(names, case.avg_options, strict=True))
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@over_all_cases(dilated=False)
def test_means_and_their_gradients_are_those_of_torch(torch, dtype, case):
    x = whole(case.x_shape, 0, dtype)
    y, pullback = avg_pool2d(x, *case.avg_options)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    expected = torch.nn.functional.avg_pool2d(leaf, *case.avg_options)
    of_few_roundings(y, expected.detach().numpy(), 1, 9.0 * 16)
    dy = whole(y.shape, 1, dtype)
    expected.backward(torch.from_numpy(dy))
    of_few_roundings(pullback(dy)[0], leaf.grad.numpy(), 16, 9.0)


@over_all_cases(dilated=False)
def test_the_sum_of_windows_and_its_gradient_are_exact_adjoints(case):
    case = replace(case, divisor_override=1)
    x = whole(case.x_shape)
    y, pullback = avg_pool2d(x, *case.avg_options)
    dy = whole(y.shape, 1)
    assert np.vdot(y, dy) == np.vdot(x, pullback(dy)[0])


def test_the_padding_counts_unless_it_is_told_not_to():
    x = np.ones((1, 1, 2, 2))
    np.testing.assert_array_equal(avg_pool2d(x, 2, 2, 1)[0], np.full((1, 1, 2, 2), 0.25))
    np.testing.assert_array_equal(avg_pool2d(x, 2, 2, 1, count_include_pad=False)[0], x)


def test_what_ceil_mode_overhangs_beyond_the_padding_is_not_counted():
    x = np.ones((1, 1, 1, 4))
    # Windows over the columns −1 0 1, 2 3 4 (4 is padding): nothing overhangs.
    y, _ = avg_pool2d(x, (1, 3), (1, 3), (0, 1), True)
    np.testing.assert_array_equal(y, [[[[2 / 3, 2 / 3]]]])
    # Over 0 1 2 and 3 4 5: 4 and 5 lie beyond x, which has no padding.
    y, _ = avg_pool2d(x, (1, 3), ceil_mode=True)
    np.testing.assert_array_equal(y, [[[[1.0, 1.0]]]])
    # Over −1 0 1 2 and 3 4 5 6: 4 is padding and counted, 5 and 6 are not.
    y, _ = avg_pool2d(x, (1, 4), (1, 4), (0, 1), True)
    np.testing.assert_array_equal(y, [[[[3 / 4, 1 / 2]]]])
    y, _ = avg_pool2d(x, (1, 4), (1, 4), (0, 1), True, count_include_pad=False)
    np.testing.assert_array_equal(y, [[[[1.0, 1.0]]]])


def test_divisor_override_replaces_every_count():
    y, pullback = avg_pool2d(np.ones((1, 1, 3, 3)), 2, 2, 1, True, False, divisor_override=8)
    np.testing.assert_array_equal(y, [[[[1 / 8, 2 / 8], [2 / 8, 4 / 8]]]])
    np.testing.assert_array_equal(pullback(np.ones((1, 1, 2, 2)))[0], np.full((1, 1, 3, 3), 1 / 8))


# ---------------------------------------------------------------- the size of the output


@settings(max_examples=400)
@given(
    st.integers(1, 14),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 3),
    st.integers(1, 3),
    st.booleans(),
)
@example(9, 4, 4, 2, 1, True)
@example(3, 4, 1, 0, 1, True)
@example(1, 6, 6, 0, 1, True)
def test_a_pool_has_the_output_size_of_torch_or_is_refused_as_there(
    torch, size, kernel, stride, padding, dilation, ceil_mode
):
    x = np.zeros((1, 1, size, size))
    options = kernel, stride, padding, dilation, ceil_mode
    try:
        expected = torch.nn.functional.max_pool2d(torch.from_numpy(x), *options).shape
    except RuntimeError:
        with pytest.raises(ValueError, match=r"window is larger|at most half"):
            max_pool2d(x, *options)
    else:
        assert max_pool2d(x, *options)[0].shape == expected
        if dilation == 1:
            assert avg_pool2d(x, kernel, stride, padding, ceil_mode)[0].shape == expected


def test_windows_that_would_start_in_the_right_padding_are_dropped():
    for pool in (max_pool2d, avg_pool2d):
        assert pool(np.zeros((1, 1, 9, 9)), 4, 4, 2, ceil_mode=True)[0].shape == (1, 1, 3, 3)


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_the_stride_is_the_kernel_unless_it_is_given(pool):
    x = normal((1, 2, 6, 6))
    np.testing.assert_array_equal(pool(x, (2, 3))[0], pool(x, (2, 3), (2, 3))[0])
    np.testing.assert_array_equal(pool(x, 2, np.int64(1))[0], pool(x, [2, 2], (1, 1))[0])


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 5, 5), {"kernel_size": 2}, r"3 dimensions: \(3, 5, 5\)"),
        (
            (2, 3, 0, 5),
            {"kernel_size": 2, "padding": 1},
            r"at least one pixel, got x \(2, 3, 0, 5\)",
        ),
        ((1, 1, 5, 5), {"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ((1, 1, 5, 5), {"kernel_size": (2, -1)}, r"kernel_size must be at least 1, got \(2, -1\)"),
        ((1, 1, 5, 5), {"kernel_size": 2.0}, "kernel_size takes an int or a pair of ints, got 2.0"),
        ((1, 1, 5, 5), {"kernel_size": (2, 2, 2)}, r"kernel_size takes .* got \(2, 2, 2\)"),
        ((1, 1, 5, 5), {"kernel_size": 2, "stride": 0}, "stride must be at least 1, got 0"),
        ((1, 1, 5, 5), {"kernel_size": 2, "padding": -1}, "padding must be at least 0, got -1"),
        (
            (1, 1, 5, 5),
            {"kernel_size": (3, 4), "padding": 2},
            r"padding \(2, 2\) must be at most half of kernel_size \(3, 4\)",
        ),
        (
            (1, 1, 5, 4),
            {"kernel_size": (5, 7), "padding": (0, 1)},
            r"larger than the padded x: kernel_size \(5, 7\), .* padding \(0, 1\), x \(1, 1, 5, 4\)",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_values_in_hand(pool, shape, options, message):
    with pytest.raises(ValueError, match=message):
        pool(np.zeros(shape, np.float32), **options)


def test_options_of_one_pool_alone_are_checked_too():
    x = np.zeros((1, 1, 4, 4))
    with pytest.raises(ValueError, match="dilation must be at least 1, got 0"):
        max_pool2d(x, 2, dilation=0)
    with pytest.raises(ValueError, match=r"larger .* dilation \(4, 4\)"):
        max_pool2d(x, 2, dilation=4)
    with pytest.raises(ValueError, match="divisor_override must not be 0"):
        avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(TypeError, match="of real numbers, got dtype bool"):
        max_pool2d(x > 0, 2)
    with pytest.raises(TypeError, match=r"complex128 with shape \(1, 1, 4, 4\)"):
        avg_pool2d(x + 0j, 2)


@pytest.mark.parametrize("divisor", [0.5, 2.0, float("nan"), "2"])
def test_a_divisor_is_a_whole_number_as_in_torch(torch, divisor):
    with pytest.raises(TypeError, match=f"divisor_override takes a whole number, got {divisor!r}"):
        avg_pool2d(np.zeros((1, 1, 4, 4)), 2, divisor_override=divisor)
    with pytest.raises(TypeError, match="divisor_override"):
        torch.nn.functional.avg_pool2d(torch.zeros(1, 1, 4, 4), 2, divisor_override=divisor)


def test_an_option_in_a_sequence_of_one_holds_for_both_axes_as_in_torch(torch):
    x = normal((1, 2, 6, 7))
    t, F = torch.from_numpy(x), torch.nn.functional
    found = max_pool2d(x, (2,), (1,), (1,), (2,))[0]
    np.testing.assert_array_equal(found, F.max_pool2d(t, (2,), (1,), (1,), (2,)).numpy())
    found = avg_pool2d(x, [3], [2], [1])[0]
    assert_close(found, F.avg_pool2d(t, [3], [2], [1]).numpy())


def test_the_mean_of_integers_is_float32():
    y, _ = avg_pool2d(np.array([[[[1, 2]]]]), (1, 2))
    np.testing.assert_array_equal(y, np.array([[[[1.5]]]], np.float32), strict=True)
