"""The three products of a convolution: by columns and on planes alike, on any number of threads.

Whole numbers in float64 are added and multiplied without rounding, so the laws hold to the last bit.
"""

import threading
import tracemalloc
from unittest import mock

import naive
import numpy as np
import pytest
from compare import normal, whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import get_num_threads, set_num_threads
from scratchnet.ops import _blocks, _planes, _products, conv2d
from scratchnet.ops._window import Window


@st.composite
def cases(draw):
    """A window over any image, and (N, G, channels and filters of a group).

    Also windows that no convolution makes: padding far beyond the kernel, images that only some of
    the windows see, outputs that see nothing.
    """
    two = [
        draw(st.tuples(st.integers(low, high), st.integers(low, high)))
        for low, high in ((1, 3), (1, 3), (1, 3), (0, 5), (1, 7), (1, 4))
    ]
    return Window(*two), tuple(draw(st.integers(low, 3)) for low in (0, 1, 1, 1))


PADDING_BEYOND_THE_KERNEL = Window((2, 1), (1, 1), (1, 1), (4, 2), (2, 3), (9, 7)), (2, 2, 1, 1)
STRIDE_BEYOND_THE_KERNEL = Window((1, 2), (3, 3), (1, 1), (0, 1), (7, 7), (3, 3)), (1, 3, 1, 2)
DILATION_BEYOND_THE_STRIDE = Window((3, 2), (2, 3), (3, 2), (1, 0), (7, 6), (1, 2)), (2, 2, 2, 1)


def over_all_cases(test):
    for case in (PADDING_BEYOND_THE_KERNEL, STRIDE_BEYOND_THE_KERNEL, DILATION_BEYOND_THE_STRIDE):
        test = example(case)(test)
    return given(cases())(test)


def arrays(case):
    """Return x, weight, y for a case, and its number of groups."""
    window, (n, groups, depth, filters) = case
    x = whole((n, groups * depth, *window.image), 1)
    weight = whole((groups * filters, depth, *window.kernel), 2)
    return x, weight, whole((n, groups * filters, *window.out), 3), groups


def products(case, way):
    """Return the three products, worked out this way."""
    x, weight, y, groups = arrays(case)
    return (
        way.filter_windows(x, weight, case[0], groups),
        way.spread_windows(y, weight, case[0], groups),
        way.weight_sums(x, y, case[0], groups),
    )


@pytest.mark.parametrize("way", [_products, _planes])
@over_all_cases
def test_each_product_is_the_transpose_of_the_others(way, case):
    x, weight, y, _ = arrays(case)
    filtered, spread, sums = products(case, way)
    assert (filtered.shape, spread.shape, sums.shape) == (y.shape, x.shape, weight.shape)
    assert np.vdot(filtered, y) == np.vdot(x, spread) == np.vdot(weight, sums)


@over_all_cases
def test_planes_give_what_columns_give(case):
    for a, b in zip(products(case, _planes), products(case, _products), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("bytes_", [1, 1500, 5000, 1 << 20])
def test_results_do_not_depend_on_how_many_planes_are_taken_at_a_time(bytes_):
    case = Window((3, 2), (1, 2), (1, 1), (1, 0), (5, 6), (5, 3)), (5, 3, 2, 2)
    with (
        mock.patch.object(_planes, "BLOCK_BYTES", bytes_),
        mock.patch.object(_planes, "RUN", bytes_ // 100),
    ):
        found = products(case, _planes)
    for a, b in zip(found, products(case, _products), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


# ---------------------------------------------------------------- threads

# (N, C, H, F), kernel, stride and padding; for each, what the threads share.
SHARED = {
    "images": ((6, 24, 14, 20), 3, 2, 1),
    "rows of one image": ((1, 3, 40, 24), 7, 2, 3),
    "rows, channels first": ((1, 2, 40, 24), 5, 1, 0),
    "halves of filters and of channels": ((1, 64, 4, 256), 3, 1, 1),
    "1×1": ((4, 24, 20, 32), 1, 1, 0),
    "batch last": ((64, 6, 14, 16), 5, 1, 0),
    "Winograd's tiles": ((2, 64, 24, 64), 3, 1, 1),
    "Winograd's sums of weights": ((6, 96, 8, 96), 3, 1, 1),
}


def run_shared(name, seed=0):
    """Return y and the gradients, with every product shared among threads."""
    (n, channels, size, filters), kernel, stride, padding = SHARED[name]
    x = normal((n, channels, size, size), seed, np.float32)
    weight = normal((filters, channels, kernel, kernel), seed + 1, np.float32)
    y, pullback = conv2d(x, weight, None, stride, padding)
    return y, *pullback(normal(y.shape, seed + 2, np.float32))


@pytest.fixture
def much_work():
    """Blocks are small, and no work is so little that one thread does it."""
    sizes = {"BLOCK_BYTES": 40_000, "SHARED_PRODUCTS": 0}
    with mock.patch.multiple(_blocks, **sizes), mock.patch.multiple(_products, **sizes):
        yield


@pytest.mark.parametrize("name", SHARED)
def test_results_do_not_depend_on_the_number_of_threads(name, much_work):
    pytest.importorskip("threadpoolctl")
    before, results = get_num_threads(), []
    try:
        for number in (1, 2, 3):
            set_num_threads(number)
            results.append(run_shared(name))
    finally:
        set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("name", SHARED)
def test_two_threads_that_convolve_at_once_do_not_meet(name, much_work):
    expected = [run_shared(name, seed) for seed in (10, 20)]
    start, wrong = threading.Barrier(2, timeout=30), []

    def call(i):
        start.wait()
        for _ in range(2):
            found = run_shared(name, 10 * (i + 1))
            # One of them finds the workers taken. When the other ends, BLAS gets its own threads back,
            # and cuts the sums of the first otherwise: what is rounded differs, up to 1e-6 (Winograd).
            wrong.extend(
                name
                for a, b in zip(found, expected[i], strict=True)
                if np.abs(a - b).max() > 1e-5 * np.abs(b).max()
            )
        done.append(i)

    done = []
    callers = [threading.Thread(target=call, args=(i,)) for i in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(done) == [0, 1]
    assert not wrong


@pytest.mark.parametrize("name", SHARED)
def test_results_are_no_scratch_memory(name):
    first = run_shared(name, 1)
    kept = [a.copy() for a in first]
    run_shared(name, 2)
    for a, b in zip(first, kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_small_convolution_wakes_no_other_thread():
    x, weight = normal((8, 4, 10, 10), 1), normal((6, 4, 3, 3), 2)
    y = normal((8, 6, 8, 8), 3)
    window = Window((3, 3), (1, 1), (1, 1), (0, 0), (10, 10), (8, 8))
    with mock.patch.object(_products, "run", wraps=_products.run) as run:
        _products.filter_windows(x, weight, window, 1)
        _products.spread_windows(y, weight, window, 1)
        _products.weight_sums(x, y, window, 1)
    assert [len(call.args[1]) for call in run.call_args_list] == [1, 1, 1]


# ---------------------------------------------------------------- infinities and NaN


def test_opposite_infinities_in_several_images_give_nan_and_no_warning(much_work):
    x, weight = np.ones((9, 16, 12, 12), np.float32), np.ones((4, 16, 3, 3), np.float32)
    x[0, 0, 5, 5], x[8, 0, 5, 5] = np.inf, -np.inf  # in parts that are summed by themselves
    y, pullback = conv2d(x, weight)
    dweight = pullback(np.ones_like(y))[1]
    assert np.isnan(dweight[:, 0]).all()
    assert (dweight[:, 1:] == 900).all()


def depthwise_arrays(infected, value, dtype, stride=1):
    """Return x, weight, dy without zeros; one of them has a value at a row's end and one after it."""
    out = (7 - 3) // stride + 1, (9 - 3) // stride + 1
    shapes = {"x": (2, 3, 7, 9), "weight": (3, 1, 3, 3), "dy": (2, 3, *out)}
    arrays = {name: whole(shape, i, dtype) for i, (name, shape) in enumerate(shapes.items())}
    for array in arrays.values():
        array[array == 0] = 1
    arrays[infected][:, :, 1, -1], arrays[infected][:, :, 2, 0] = value, -value
    return arrays.values()


non_finite = pytest.mark.parametrize("value", [np.inf, np.nan])


@non_finite
@pytest.mark.parametrize("infected", ["x", "weight", "dy"])
@pytest.mark.parametrize("stride", [1, 2])
def test_on_planes_infinities_and_nan_reach_what_sees_them_and_nothing_else(
    infected, value, stride
):
    x, weight, dy = depthwise_arrays(infected, value, np.float64, stride)
    options = (stride, stride), ((0, 0), (0, 0)), (1, 1), 3
    with np.errstate(invalid="ignore"):  # ∞ − ∞, where a window or a sum does hold both
        expected = (
            naive.conv2d(x, weight, None, *options),
            *naive.conv2d_gradients(x, weight, dy, *options)[:2],
        )
        y, pullback = conv2d(x, weight, None, stride, groups=3)
        found = y, *pullback(dy)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@non_finite
@pytest.mark.parametrize("infected", ["x", "weight", "dy"])
def test_on_planes_infinities_and_nan_go_where_they_go_in_torch(torch, dtype, infected, value):
    x, weight, dy = depthwise_arrays(infected, value, dtype)
    with np.errstate(invalid="ignore"):
        y, pullback = conv2d(x, weight, groups=3)
        found = y, *pullback(dy)
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, weight)]
    theirs = torch.nn.functional.conv2d(*leaves, groups=3)
    theirs.backward(torch.from_numpy(dy.copy()))
    expected = theirs.detach(), *[leaf.grad for leaf in leaves]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b.numpy(), strict=True)


def test_what_is_cut_off_between_two_rows_gives_no_warning():
    x, weight, dy = depthwise_arrays("x", np.inf, np.float64)
    y, pullback = conv2d(
        x, weight, groups=3
    )  # +∞ and −∞ are in no window together, in a run they are
    assert not np.isnan(y).any()
    assert not np.isnan(pullback(np.abs(dy))[1]).any()


def routes(x_shape, weight_shape, groups, stride=1):
    """Return which of the three products of a convolution are taken on planes."""
    names = ("filter_windows", "spread_windows", "weight_sums")
    with mock.patch.multiple(
        _planes, **{name: mock.Mock(wraps=getattr(_planes, name)) for name in names}
    ):
        y, pullback = conv2d(normal(x_shape), normal(weight_shape), None, stride, 1, 1, groups)
        pullback(np.ones_like(y))
        return {name for name in names if getattr(_planes, name).called}


ALL = {"filter_windows", "spread_windows", "weight_sums"}


@pytest.mark.parametrize(
    ("channels", "weight_shape", "groups", "stride", "expected"),
    [
        (8, (8, 1, 3, 3), 8, 1, ALL),  # depthwise
        (8, (16, 1, 3, 3), 8, 2, ALL),
        (8, (8, 1, 3, 3), 8, 3, set()),  # windows side by side share nothing
        (8, (8, 4, 3, 3), 2, 1, ALL - {"weight_sums"}),
        (8, (8, 4, 3, 3), 2, 2, ALL - {"weight_sums"}),
        (16, (16, 8, 3, 3), 2, 1, {"spread_windows"}),
        (32, (32, 16, 3, 3), 2, 1, set()),
        (2, (6, 1, 3, 3), 2, 1, set()),
        (8, (8, 1, 1, 1), 8, 1, set()),  # a window of one entry needs no copy at all
        (1, (1, 1, 3, 3), 1, 1, set()),
        (4, (4, 4, 3, 3), 1, 1, set()),  # one group: the ordinary convolution
    ],
)
def test_groups_of_few_channels_are_taken_on_planes(
    channels, weight_shape, groups, stride, expected
):
    assert routes((2, channels, 6, 6), weight_shape, groups, stride) == expected


def test_the_windows_of_a_single_row_are_not_copied_to_planes():
    assert "filter_windows" not in routes((2, 8, 1, 9), (8, 1, 3, 3), 8, (3, 1))


def test_a_depthwise_convolution_needs_no_more_than_blocks_beside_its_arrays():
    x, weight = normal((2, 64, 60, 60), 1), normal((64, 1, 3, 3), 2)
    y, pullback = conv2d(x, weight, None, 1, 1, 1, 64)
    dy = np.ones_like(y)
    pullback(dy)
    tracemalloc.start()
    try:
        pullback(dy)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # dx, a block of columns, and planes and rows that are no larger than that.
    one_image = x.nbytes // len(x) * 9
    assert peak < x.nbytes + 3 * _planes.BLOCK_BYTES < one_image
