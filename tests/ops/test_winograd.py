"""Winograd's convolution: the sums that columns give, its rounding, what it refuses, when it is taken."""

import tracemalloc
from unittest import mock

import naive
import numpy as np
import pytest
from compare import normal, whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import get_fast_convolution, set_fast_convolution, threads
from scratchnet.ops import _blocks, _products, _winograd, conv2d, conv_transpose2d
from scratchnet.ops._window import Window
from scratchnet.ops._winograd import best_tile
from scratchnet.ops._winograd_transforms import transforms

SIZES = (2, 4)
either_size = pytest.mark.parametrize("m", SIZES)


@pytest.fixture(autouse=True)
def enabled():
    """Winograd's way is on before and after each test."""
    set_fast_convolution(True)
    yield
    set_fast_convolution(True)


def window_of(image, sides=((1, 1), (1, 1))):
    """Return the window of a 3×3 kernel for this padding (before, after) of rows and columns."""
    out = tuple(n + before + after - 2 for n, (before, after) in zip(image, sides, strict=True))
    return Window((3, 3), (1, 1), (1, 1), tuple(before for before, _ in sides), image, out)


def three(way, x, weight, dy, window, *options):
    """Return y, dx and dW by the three products of a way."""
    return (
        way.filter_windows(x, weight, window, 1, *options),
        way.spread_windows(dy, weight, window, 1, *options),
        way.weight_sums(x, dy, window, 1, *options),
    )


def by_conv2d(m, x, weight, dy, sides=((1, 1), (1, 1))):
    """Return y, dx and dW as `conv2d` works them out with these tiles; 0: by columns."""
    with (
        mock.patch.object(_winograd, "pays", return_value=m > 0),
        mock.patch.object(_winograd, "best_tile", return_value=m),
    ):
        y, pullback = conv2d(x, weight, padding=sides)
        return y, *pullback(dy)


def arrays(make, shape, window, dtype=np.float32):
    """Return x, weight and dy for (N, C, F)."""
    n, channels, filters = shape
    x = make((n, channels, *window.image), 1, dtype)
    return x, make((filters, channels, 3, 3), 2, dtype), make((n, filters, *window.out), 3, dtype)


def small(shape, seed, dtype):
    return whole(shape, seed, dtype, -4, 5)


# ---------------------------------------------------------------- the sums


@st.composite
def cases(draw):
    """(N, C, F), the image, and its padding on each side, maybe more than the kernel."""
    shape = draw(st.tuples(*[st.integers(low, 3) for low in (0, 1, 1)]))
    image = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    sides = []
    for n in image:
        before, after = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
        sides.append((before, max(after, 3 - n - before)))  # so that one window fits
    return shape, image, tuple(sides)


ONE_PIXEL = (2, 3, 1), (1, 1), ((1, 1), (1, 1))
ONE_WINDOW = (1, 2, 3), (3, 3), ((0, 0), (0, 0))
TILES_OVER_THE_EDGE = (2, 2, 2), (7, 5), ((1, 1), (1, 1))
ONE_SIDED = (2, 1, 3), (4, 6), ((0, 2), (1, 0))
MORE_PADDING_THAN_THE_KERNEL = (1, 2, 2), (2, 1), ((4, 3), (3, 4))
NO_IMAGES = (0, 2, 3), (4, 4), ((1, 1), (1, 1))


@either_size
@pytest.mark.parametrize("shared_products", [0, 1 << 23])
@example(ONE_PIXEL, 1)
@example(ONE_WINDOW, 1)
@example(TILES_OVER_THE_EDGE, 1)
@example(ONE_SIDED, 1)
@example(MORE_PADDING_THAN_THE_KERNEL, 1)
@example(NO_IMAGES, 1)
@given(cases(), st.sampled_from([1, 2000, 2 << 20]))
def test_the_three_products_are_the_stated_sums(m, shared_products, case, block_bytes):
    shape, image, sides = case
    window = window_of(image, sides)
    x, weight, dy = arrays(small, shape, window)
    options = (1, 1), sides, (1, 1), 1
    dx, dweight, _ = naive.conv2d_gradients(x, weight, dy, *options)
    expected = naive.conv2d(x, weight, None, *options), dx, dweight
    with (
        mock.patch.object(_blocks, "BLOCK_BYTES", block_bytes),
        mock.patch.object(_blocks, "SHARED_PRODUCTS", shared_products),
    ):
        found = three(_winograd, x, weight, dy, window, m)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, np.float32)
        # With m = 2 the matrices hold 1, 1/2 and 1/4: nothing is rounded. With m = 4 they hold thirds, and
        # an error of 1e-4 of the sums here, all below 2,000, is less than a half.
        np.testing.assert_array_equal(np.rint(a) if m == 4 else a, b)


def test_filters_are_shared_where_their_sums_are_most_and_tiles_where_these_are():
    """What the threads are given in the test above, so that it does see both ways."""
    with mock.patch.object(_winograd, "run", wraps=_winograd.run) as run:
        for image, filters in (((4, 4), 3), ((40, 40), 2)):
            window = window_of(image)
            x, _, dy = arrays(small, (1, 2, filters), window)
            with mock.patch.object(_blocks, "BLOCK_BYTES", 1):
                _winograd.weight_sums(x, dy, window, 1, 4)
    halves, parts = [call.args[1] for call in run.call_args_list]
    assert halves == [(0, slice(0, 1)), (0, slice(1, 3))]
    assert parts == [(i, slice(0, 2)) for i in range(4)]


# ---------------------------------------------------------------- rounding


def amplification(first, second, last, n_terms):
    """Return how much larger the terms are that are added for an entry than the entry is (root mean
    square, the largest over the entries of a tile), for independent numbers on both sides.

    Of rows as independent numbers, the squares of the matrices' entries add up.
    """
    terms = (last**2) @ ((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return terms.max() / n_terms  # √ of it along one axis, and there are two


def amplifications(m):
    """Return the amplification in y and dx, a sum of 3×3 numbers, and in dW, a sum of m×m for a tile."""
    BT, G, AT = transforms(m)
    return amplification(BT, G, AT, 3), amplification(BT, AT.T, G.T, m)


def test_the_amplifications_are_those_of_the_docstring():
    np.testing.assert_allclose([amplifications(m) for m in SIZES], [[1.7, 2], [10, 8.5]], rtol=0.05)


def relu(shape, seed, dtype):
    return np.maximum(normal(shape, seed, dtype), 0)


@either_size
@pytest.mark.parametrize("make", [normal, relu])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((4, 16, 16), 30), ((2, 64, 48), 21), ((1, 256, 128), 14), ((2, 512, 16), 7)],
)
def test_rounding_in_float32_is_what_the_docstring_says(m, make, shape, size):
    window = window_of((size, size))
    x, weight, dy = arrays(make, shape, window)
    found = three(_winograd, x, weight, dy, window, m)
    direct = three(_products, x, weight, dy, window)
    exact = three(_products, *[a.astype(np.float64) for a in (x, weight, dy)], window)
    in_y, in_weight = amplifications(m)
    of_three = zip(found, direct, exact, (in_y, in_y, in_weight), strict=True)
    for a, b, stated, amplified in of_three:
        largest = np.abs(stated).max()
        assert np.abs(b - stated).max() <= 1e-6 * largest
        assert np.abs(a - stated).max() <= amplified * 1e-6 * largest


@either_size
def test_each_product_is_the_transpose_of_the_others_within_rounding(m):
    window = window_of((13, 10), ((0, 1), (2, 1)))
    x, weight, dy = arrays(normal, (3, 24, 20), window)
    y, dx, dweight = three(_winograd, x, weight, dy, window, m)

    def dot(a, b):
        return np.vdot(a.astype(np.float64), b.astype(np.float64))

    # The errors, each at most 1e-5 of the largest entry, meet numbers that do not depend on them: their
    # sum grows with the root of how many there are.
    error = [1e-5 * np.abs(a).max() * np.linalg.norm(b) for a, b in ((y, dy), (dx, x))]
    assert abs(dot(y, dy) - dot(x, dx)) <= sum(error)
    error[1] = 1e-5 * np.abs(dweight).max() * np.linalg.norm(weight)
    assert abs(dot(y, dy) - dot(weight, dweight)) <= sum(error)


# ---------------------------------------------------------------- infinities and NaN


@either_size
@pytest.mark.parametrize("values", [(np.inf,), (-np.inf,), (np.nan,), (np.inf, -np.inf)])
@pytest.mark.parametrize("infected", ["x", "weight", "dy"])
def test_infinities_and_nan_go_where_columns_send_them_and_nowhere_else(m, infected, values):
    sides = (1, 1), (2, 0)
    window = window_of((11, 9), sides)
    case = dict(zip(("x", "weight", "dy"), arrays(normal, (2, 5, 6), window), strict=True))
    for value, place in zip(values, [(1, 3, 0, 2), (1, 4, 2, 1)], strict=False):
        case[infected][place] = value
    with np.errstate(invalid="ignore"):  # ∞ − ∞, where a window or a sum does hold both
        found = by_conv2d(m, *case.values(), sides)
        expected = by_conv2d(0, *case.values(), sides)
    unseen = {"x": 1, "weight": 2, "dy": 0}[
        infected
    ]  # dx has not seen x, nor dW the weights, nor y dy
    for product, (a, b) in enumerate(zip(found, expected, strict=True)):
        if product == unseen:
            assert np.isfinite(a).all()
            assert (a != b).any()  # it has not been given up
        else:
            assert not np.isfinite(b).all()
            np.testing.assert_array_equal(a, b, strict=True)


@either_size
def test_where_a_number_grows_too_large_on_the_way_columns_are_taken(m):
    window = window_of((11, 9))
    x, weight, dy = arrays(normal, (2, 6, 6), window)
    x = np.where(x < 0, -3e38, 3e38).astype(np.float32)
    weight, dy = weight * np.float32(1e-20), dy * np.float32(1e-20)
    assert _winograd.filter_windows(x, weight, window, 1, m) is None
    assert _winograd.spread_windows(x, weight, window, 1, m) is None
    assert _winograd.weight_sums(x, dy, window, 1, m) is None
    y, dx, dweight = by_conv2d(0, x, weight, x)
    assert [np.isfinite(a).all() for a in (y, dx, dweight)] == [True, True, False]
    for a, b in zip(by_conv2d(m, x, weight, x), (y, dx, dweight), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@either_size
def test_results_whose_sum_overflows_are_no_reason_to_warn(m):
    window = window_of((21, 18))
    case = [np.full_like(a, 1e17) for a in arrays(normal, (2, 16, 24), window)]
    with np.errstate(all="raise"):
        found = by_conv2d(m, *case)
    for a, b in zip(found, by_conv2d(0, *case), strict=True):
        assert 1e36 < a.max() < np.inf
        np.testing.assert_allclose(a, b, rtol=1e-5)


# ---------------------------------------------------------------- when it is taken


def test_it_can_be_turned_off_and_then_the_columns_are_taken_to_the_last_bit():
    x, weight, dy = arrays(normal, (2, 64, 48), window_of((24, 24)))

    def run():
        y, pullback = conv2d(x, weight, padding=1)
        return y, *pullback(dy)

    assert get_fast_convolution() is True
    on = run()
    set_fast_convolution(False)
    assert get_fast_convolution() is False
    for a, b, other in zip(run(), by_conv2d(0, x, weight, dy), on, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
        assert (a != other).any()


@pytest.mark.parametrize("value", [1, 0, None, "off"])
def test_it_is_turned_off_by_false_and_by_nothing_else(value):
    with pytest.raises(TypeError, match=f"True or False, got {value!r}"):
        set_fast_convolution(value)
    assert get_fast_convolution() is True
    set_fast_convolution(np.bool_(False))
    assert get_fast_convolution() is False


def products_taken(function, x, weight, *options):
    """Return which of the three products are taken Winograd's way."""
    names = ("filter_windows", "spread_windows", "weight_sums")
    wrapped = {name: mock.Mock(wraps=getattr(_winograd, name)) for name in names}
    with mock.patch.multiple(_winograd, **wrapped):
        y, pullback = function(x, weight, None, *options)
        pullback(np.ones_like(y))
    return {name for name in names if wrapped[name].called}


@pytest.mark.parametrize("function", [conv2d, conv_transpose2d])
def test_all_three_products_of_a_3x3_convolution_in_float32_are_taken_this_way(function):
    x, weight = normal((1, 64, 24, 24), 1, np.float32), normal((64, 64, 3, 3), 2, np.float32)
    assert len(products_taken(function, x, weight, 1, 1)) == 3


@pytest.mark.parametrize(
    ("dtype", "kernel", "channels", "options"),
    [
        (np.float64, (3, 3), 64, ()),
        (np.float16, (3, 3), 64, ()),
        (">f4", (3, 3), 64, ()),
        (np.float32, (3, 2), 64, ()),
        (np.float32, (5, 5), 64, ()),
        (np.float32, (1, 1), 64, ()),
        (np.float32, (3, 3), 8, ()),
        (np.float32, (3, 3), 64, (2,)),  # stride
        (np.float32, (3, 3), 64, ((1, 2),)),
        (np.float32, (3, 3), 64, (1, 1, 2)),  # dilation
        (np.float32, (3, 3), 64, (1, 1, 1, 2)),  # groups
    ],
)
def test_other_convolutions_are_not(dtype, kernel, channels, options):
    groups = options[3] if len(options) > 3 else 1
    x = np.ones((1, channels * groups, 24, 24), dtype)
    weight = np.ones((64 * groups, channels, *kernel), dtype)
    assert products_taken(conv2d, x, weight, *options) == set()


@pytest.mark.parametrize(
    ("n_images", "channels", "size", "expected"),
    [
        (1, 64, 56, 4),  # ResNet's four stages
        (1, 128, 28, 4),
        (1, 256, 14, 0),
        (1, 512, 7, 0),  # 4 or 16 tiles: the weights' transforms cost more than they save
        (8, 64, 56, 4),
        (8, 128, 28, 4),
        (8, 256, 14, 4),
        (8, 512, 7, 2),
        (0, 64, 56, 0),
        (1, 64, 1, 0),
    ],
)
def test_the_larger_tile_is_taken_where_there_are_many(n_images, channels, size, expected):
    of_all = "filter_windows", "spread_windows", "weight_sums"
    window = window_of((size, size))
    shape = channels, channels, 3, 3
    assert {best_tile(of, n_images, shape, window) for of in of_all} == {expected}


# ---------------------------------------------------------------- arrays and memory


@either_size
def test_arrays_may_lie_in_memory_in_any_way_and_are_not_written_to(m):
    window = window_of((9, 7))
    case = arrays(normal, (3, 16, 18), window)
    expected = three(_winograd, *case, window, m)
    for order in ((0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 2, 3)):
        back = np.argsort(order)
        other = [a.transpose(order).copy().transpose(back) for a in case]
        backwards = [a[::-1, :, ::-1, ::-1].copy()[::-1, :, ::-1, ::-1] for a in case]
        for like in (other, backwards):
            for a in like:
                a.flags.writeable = False
            for a, b in zip(three(_winograd, *like, window, m), expected, strict=True):
                # The same products of the same numbers; BLAS may add them in another order.
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


@either_size
def test_beside_the_results_there_are_only_the_transformed_weights(m):
    window = window_of((28, 28))
    x, weight, dy = arrays(normal, (8, 64, 64), window)
    U = weight.nbytes * (m + 2) ** 2 // 9
    operands_and_bound = {
        "filter_windows": (x, weight, x.nbytes + U),
        "spread_windows": (dy, weight, x.nbytes + U),
        "weight_sums": (x, dy, 5 * weight.nbytes),  # up to four sums of weights, and their sum
    }
    with mock.patch.object(threads, "_num_threads", 1):
        three(_winograd, x, weight, dy, window, m)  # the scratch memory, which the thread keeps
        for name, (a, b, bound) in operands_and_bound.items():
            tracemalloc.start()
            try:
                getattr(_winograd, name)(a, b, window, 1, m)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < bound + 100_000
