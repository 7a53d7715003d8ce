"""Large kernels by Fourier's transform: the three products, beside the same by columns in float64."""

from unittest import mock

import numpy as np
import pytest
from compare import normal
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import get_num_threads, set_num_threads
from scratchnet.ops import _fourier, _planes, conv2d
from scratchnet.ops._window import Window

NAMES = ("filter_windows", "spread_windows", "weight_sums")
REPLKNET = Window((31, 31), (1, 1), (1, 1), (15, 15), (28, 28), (28, 28)), (2, 4, 1, 1)
DENSE = Window((7, 7), (1, 1), (1, 1), (3, 3), (20, 20), (20, 20)), (3, 1, 12, 16)
PADDING_BEYOND_THE_KERNEL = Window((2, 1), (1, 1), (1, 1), (4, 2), (2, 3), (9, 7)), (2, 2, 1, 1)
STRIDE_BEYOND_THE_KERNEL = Window((1, 2), (3, 3), (1, 1), (0, 1), (7, 7), (3, 3)), (1, 3, 1, 2)
INSIDE = Window((3, 2), (2, 1), (1, 2), (-2, -1), (11, 9), (4, 5)), (2, 2, 2, 1)


@st.composite
def cases(draw):
    """A window over any image, also one that no convolution makes, and (N, G, C/G, F/G)."""
    two = [
        draw(st.tuples(st.integers(low, high), st.integers(low, high)))
        for low, high in ((1, 5), (1, 3), (1, 3), (-2, 5), (1, 9), (1, 6))
    ]
    return Window(*two), tuple(draw(st.integers(low, 3)) for low in (0, 1, 1, 1))


def operands(case, dtype=np.float64):
    """Return x, weight and y, as each product takes two of them."""
    window, (n, groups, depth, filters) = case
    x = normal((n, groups * depth, *window.image), 1, dtype)
    weight = normal((groups * filters, depth, *window.kernel), 2, dtype)
    y = normal((n, groups * filters, *window.out), 3, dtype)
    return {"filter_windows": (x, weight), "spread_windows": (y, weight), "weight_sums": (x, y)}


def products(module, case, dtype=np.float64):
    window, (_, groups, _, _) = case
    return [
        getattr(module, name)(*arrays, window, groups)
        for name, arrays in operands(case, dtype).items()
    ]


def errors(case, dtype):
    """Return the largest error of each product, as a part of its largest entry in float64."""
    for found, expected in zip(
        products(_fourier, case, dtype), products(_planes, case), strict=True
    ):
        assert (found.shape, found.dtype) == (expected.shape, dtype)
        largest = np.max(np.abs(expected), initial=0)
        yield np.max(np.abs(found - expected), initial=0) / (largest or 1)


@given(cases())
@example(PADDING_BEYOND_THE_KERNEL)
@example(STRIDE_BEYOND_THE_KERNEL)
@example(INSIDE)
@example(REPLKNET)
@example(DENSE)
def test_spectra_give_what_the_windows_give(case):
    # Beside a result that happens to be small stands the rounding of terms of about 1.
    assert max(errors(case, np.float64)) < 1e-11


@pytest.mark.parametrize("case", [REPLKNET, DENSE])
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 2e-6), (np.float64, 1e-14)])
def test_the_error_is_what_the_module_states(case, dtype, error):
    assert max(errors(case, dtype)) < error


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.inf, np.nan, 3e38])
@pytest.mark.parametrize("operand", [0, 1])
def test_where_the_result_is_not_finite_there_is_none(name, value, operand):
    arrays = operands(DENSE, np.float32)[name]
    arrays[operand][0, 0, :2, :2] = value
    assert getattr(_fourier, name)(*arrays, DENSE[0], 1) is None


@pytest.mark.parametrize("terms", [0, 10**9])
def test_both_ways_to_multiply_over_channels_agree(terms):
    with mock.patch.object(_fourier, "EINSUM_TERMS", terms):
        assert max(errors(DENSE, np.float64)) < 1e-14


def test_how_many_images_are_transformed_at_a_time_does_not_matter():
    with (
        mock.patch.object(_fourier, "SPECTRA_BYTES", 1),
        mock.patch.object(_fourier, "BLOCK_BYTES", 1),
    ):
        assert max(errors(DENSE, np.float64)) < 1e-14


def test_results_do_not_depend_on_the_number_of_threads():
    before, found = get_num_threads(), []
    try:
        for number in (1, 2, 3):
            set_num_threads(number)
            found.append([*products(_fourier, REPLKNET), *products(_fourier, DENSE)])
    finally:
        set_num_threads(before)
    for results in zip(*found, strict=True):
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0], strict=True)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_one_infinite_pixel_reaches_only_the_outputs_that_see_it(value):
    x, weight = normal((1, 32, 40, 40), 1, np.float32), normal((32, 1, 13, 13), 2, np.float32)
    x[0, 0, 5, 5] = value
    y, _ = conv2d(x, weight, None, 1, 6, 1, 32)
    np.testing.assert_array_equal(np.isfinite(y[0, 0, :12, :12]), False)
    assert np.isfinite(y[0, 0, 12:]).all()
    assert np.isfinite(y[0, 1:]).all()


@pytest.mark.parametrize(
    ("n", "size", "kernel", "channels", "groups", "expected"),
    [
        (8, 28, 31, 64, 64, (True, True)),
        (8, 28, 9, 64, 64, (True, True)),
        (8, 28, 7, 64, 64, (True, False)),  # the sums of a run are one product of vectors
        (1, 56, 7, 64, 64, (False, False)),
        (8, 56, 3, 64, 64, (False, False)),
        (8, 28, 7, 32, 1, (True, True)),
        (1, 12, 5, 8, 1, (False, False)),
        (0, 28, 31, 64, 64, (False, False)),
        (1, 300, 31, 64, 64, (False, False)),  # matrices of exponentials that are too large
        (8, 56, 7, 256, 1, (False, False)),  # and spectra of the weights
    ],
)
def test_large_kernels_are_taken_by_their_spectra(n, size, kernel, channels, groups, expected):
    two = [(v, v) for v in (kernel, 1, 1, kernel // 2, size, size)]
    shape = channels, channels // groups, kernel, kernel
    found = [
        _fourier.pays(of, np.empty((n, 1), np.float32), shape, Window(*two), groups) for of in NAMES
    ]
    assert tuple(found) == (expected[0], *expected)  # spreading as filtering
