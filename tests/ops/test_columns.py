"""Columns with the channels first and last: windows written out and added back, in blocks of any size.

Whole numbers in float64 are added and multiplied without rounding, so the laws hold to the last bit.
"""

import contextlib
from unittest import mock

import naive
import numpy as np
import pytest
from compare import whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet.ops import _batch_last, _blocks, _columns, _products
from scratchnet.ops._blocks import cut
from scratchnet.ops._channels_last import add_windows, lay_out, reach, take_back, windows_of
from scratchnet.ops._columns import gather, gather_rows, of_rows, scatter
from scratchnet.ops._products import filter_windows, spread_windows, weight_sums
from scratchnet.ops._window import Window
from scratchnet.ops._workspace import Workspace
from scratchnet.ops.convolution import ways_of


@st.composite
def windows(draw):
    """Any window, also such as no convolution makes: windows far beyond the image or far into it
    (`before` below 0, as `of_rows` makes it), images of which only some rows are seen, or none."""
    two = [
        draw(st.tuples(st.integers(low, high), st.integers(low, high)))
        for low, high in ((1, 3), (1, 4), (1, 3), (-4, 6), (1, 6), (1, 3))
    ]
    return Window(*two)


@st.composite
def cases(draw):
    """A window and (N, G, channels and filters of a group)."""
    n, groups, filters = draw(st.tuples(*[st.integers(low, 2) for low in (0, 1, 1)]))
    return draw(windows()), (n, groups, draw(st.sampled_from([1, 3, 17])), filters)


FAR_BEYOND = Window((2, 3), (1, 1), (1, 1), (6, 5), (2, 1), (3, 3))
BEFORE_ALL_OF_THE_IMAGE = Window((2, 2), (1, 1), (1, 1), (9, 1), (3, 3), (2, 3))
BEHIND_ALL_OF_THE_IMAGE = Window((2, 2), (1, 1), (1, 1), (-4, -7), (3, 3), (2, 3))
STRIDE_BEYOND_THE_KERNEL = Window((1, 2), (4, 3), (1, 1), (0, 1), (6, 6), (2, 3))
DILATION_BEYOND_THE_IMAGE = Window((3, 2), (1, 2), (3, 2), (3, 0), (2, 6), (2, 2))
ONE_ROW = Window((1, 3), (1, 1), (1, 1), (0, 1), (1, 6), (1, 6))
ONE_BY_ONE = Window((1, 1), (2, 1), (1, 1), (-1, -2), (6, 6), (2, 3))
EACH_ENTRY = Window((1, 1), (1, 1), (1, 1), (0, 0), (3, 2), (3, 2))
CORNERS = (
    FAR_BEYOND,
    BEFORE_ALL_OF_THE_IMAGE,
    BEHIND_ALL_OF_THE_IMAGE,
    STRIDE_BEYOND_THE_KERNEL,
    DILATION_BEYOND_THE_IMAGE,
    ONE_ROW,
    ONE_BY_ONE,
    EACH_ENTRY,
)


def over_all_windows(test):
    for window in CORNERS:
        test = example(window)(test)
    return given(windows())(test)


def stated(x, window):
    """cols[n,c,i,j,p,q] = x[n, c, p·s + i·d − top, q·s + j·d − left], 0 on the padding."""
    rows, columns = [
        np.add.outer(np.arange(k) * d, np.arange(out) * s) - before  # (k, out)
        for k, s, d, before, _, out in zip(*window, strict=True)
    ]
    h, w = rows[:, None, :, None], columns[None, :, None, :]
    H, W = window.image
    inside = (h >= 0) & (h < H) & (w >= 0) & (w < W)
    return x[:, :, h.clip(0, H - 1), w.clip(0, W - 1)] * inside


def full_of_nan():
    """Return a workspace whose memory always comes with NaN in it: what is not written shows."""

    def memory(name, shape, dtype):
        return np.full(shape, np.nan, dtype)

    return mock.Mock(spec=Workspace, side_effect=memory)


# ---------------------------------------------------------------- gathering


@over_all_windows
def test_columns_tap_by_tap_are_the_stated_entries(window):
    x = whole((2, 3, *window.image), 1)
    expected = stated(x, window)
    np.testing.assert_array_equal(
        gather(x, window, np.zeros(expected.shape)), expected, strict=True
    )


@pytest.mark.parametrize(("last", "groups"), [(False, 1), (False, 2), (True, 1)])
@over_all_windows
def test_the_columns_of_some_rows_are_the_stated_entries(last, groups, window):
    x = whole((4, 6, *window.image), 1)
    for rows in {(0, window.out[0]), (window.out[0] - 1, window.out[0]), (0, 1)}:
        found = gather_rows(x, slice(1, 3), slice(*rows), window, groups, last, full_of_nan())
        cols = stated(x[1:3], window)[..., slice(*rows), :]
        if last:
            cols = cols.transpose(0, 2, 3, 1, 4, 5)  # (n, kh, kw, C, rows, OW)
        np.testing.assert_array_equal(found, cols.reshape(found.shape), strict=True)


@over_all_windows
def test_what_is_laid_out_is_the_image_with_its_padding_and_nothing_else(window):
    x = whole((2, 3, *window.image), 1)
    laid_out = lay_out(x, window, np.full((2, *reach(window), 3), np.nan))
    expected = stated(x, window).transpose(0, 4, 5, 2, 3, 1)
    np.testing.assert_array_equal(windows_of(laid_out, window), expected)
    inside = lay_out(np.ones_like(x), window, np.full_like(laid_out, np.nan))
    assert set(inside.ravel()) <= {0, 1}
    assert (laid_out[inside == 0] == 0).all()


def test_windows_of_one_entry_are_a_view():
    x = whole((2, 4, 5, 6))
    window = Window((1, 1), (1, 1), (1, 1), (0, 0), (5, 6), (5, 6))
    cols = gather_rows(x, slice(0, 2), slice(1, 3), window, 2, False, full_of_nan())
    assert np.shares_memory(cols, x)


# ---------------------------------------------------------------- adding back


@over_all_windows
def test_scattering_adds_each_entry_to_where_it_was_gathered(window):
    x = whole((2, 3, *window.image), 1)
    cols = whole((2, 3, *window.kernel, *window.out), 2)
    added = x.copy()
    scatter(cols, window, added, Workspace())
    ones = np.arange(x.size, dtype=float).reshape(x.shape)  # tells every entry from every other
    expected = x.copy()
    at = stated(ones + 1, window).astype(int).ravel()
    np.add.at(expected.ravel(), at[at > 0] - 1, cols.ravel()[at > 0])
    np.testing.assert_array_equal(added, expected, strict=True)

    again, dirty = x.copy(), Workspace()
    dirty("sums", (2, 3, window.kernel[0], window.out[0], reach(window)[1]), x.dtype).fill(np.nan)
    scatter(cols, window, again, dirty)
    np.testing.assert_array_equal(again, expected, strict=True)


@over_all_windows
def test_adding_windows_is_the_transpose_of_taking_them(window):
    x = whole((2, 3, *window.image), 1)
    laid_out = lay_out(x, window, np.empty((2, *reach(window), 3)))
    cols = whole(windows_of(laid_out, window).shape, 2)
    added = np.zeros_like(laid_out)
    for first, stop in ((0, 1), (1, window.out[0])):  # the first row of windows, then the others
        if first < stop:
            of_them = cols[:, first:stop]
            sums = np.full((2, stop - first, window.kernel[0], *laid_out.shape[2:]), np.nan)
            add_windows(of_them, window, first, added, sums)
    assert np.vdot(windows_of(laid_out, window), cols) == np.vdot(laid_out, added)

    back = np.zeros_like(x)
    take_back(added, window, back)
    assert np.vdot(x, back) == np.vdot(laid_out, added)


@over_all_windows
def test_a_window_of_some_rows_gives_these_rows(window):
    x = whole((1, 2, *window.image), 1)
    rows = slice(window.out[0] // 2, window.out[0])
    np.testing.assert_array_equal(stated(x, of_rows(window, rows)), stated(x, window)[..., rows, :])


# ---------------------------------------------------------------- the three products


@contextlib.contextmanager
def by_columns(last, block_bytes=2 << 20, shared_products=1 << 23):
    """Have columns in this order, in blocks of this size."""
    with contextlib.ExitStack() as stack:
        for module in (_blocks, _products):
            stack.enter_context(mock.patch.object(module, "BLOCK_BYTES", block_bytes))
            stack.enter_context(mock.patch.object(module, "SHARED_PRODUCTS", shared_products))
        stack.enter_context(mock.patch.object(_products, "channels_last_pays", return_value=last))
        yield


def sides_of(window):
    """Return the padding (before, after) of both axes that makes so many outputs."""
    return tuple(
        (before, (out - 1) * s + d * (k - 1) + 1 - n - before)
        for k, s, d, before, n, out in zip(*window, strict=True)
    )


def three(x, weight, y, window, groups):
    """Return the products of x and weight, of y and weight, of x and y."""
    return (
        filter_windows(x, weight, window, groups),
        spread_windows(y, weight, window, groups),
        weight_sums(x, y, window, groups),
    )


def assert_stated_sums(window, n, groups, depth, filters):
    x = whole((n, groups * depth, *window.image), 1)
    weight = whole((groups * filters, depth, *window.kernel), 2)
    y = whole((n, groups * filters, *window.out), 3)
    options = window.stride, sides_of(window), window.dilation, groups
    dx, dweight, _ = naive.conv2d_gradients(x, weight, y, *options)
    expected = naive.conv2d(x, weight, None, *options), dx, dweight
    for a, b in zip(three(x, weight, y, window, groups), expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def over_all_cases(test):
    for window in CORNERS:
        test = example((window, (2, 1, 17, 2)), 500, 0)(test)
    test = example((EACH_ENTRY, (0, 1, 3, 2)), 1, 0)(test)  # no images
    test = example((ONE_ROW, (1, 1, 3, 1)), 1, 0)(test)  # one row: no second thread has work
    sizes = st.sampled_from([1, 500, 5000, 2 << 20])
    return given(cases(), sizes, st.sampled_from([0, 1 << 23]))(test)


@pytest.mark.parametrize("last", [False, True])
@over_all_cases
def test_in_either_order_and_blocks_of_any_size_the_products_are_the_stated_sums(
    last, case, block_bytes, shared_products
):
    window, (n, groups, depth, filters) = case
    groups = 1 if last else groups
    with by_columns(last, block_bytes, shared_products):
        assert_stated_sums(window, n, groups, depth, filters)


@over_all_cases
def test_with_the_batch_last_columns_are_added_back_to_the_same_places(
    case, block_bytes, shared_products
):
    window, (n, _, depth, filters) = case
    y, weight = whole((n, filters, *window.out), 1), whole((filters, depth, *window.kernel), 2)
    with (
        mock.patch.object(_batch_last, "BLOCK_BYTES", block_bytes),
        mock.patch.object(_batch_last, "LEAST_IMAGES", 1),
    ):
        found = _batch_last.spread_windows(y, weight, window, 1)
    np.testing.assert_array_equal(found, spread_windows(y, weight, window, 1), strict=True)


@pytest.mark.parametrize(
    ("n_images", "weight_shape", "size", "stride", "expected"),
    [
        (64, (16, 6, 5, 5), 10, 1, True),  # LeNet's second layer
        (31, (16, 6, 5, 5), 10, 1, False),
        (64, (16, 17, 5, 5), 10, 1, False),
        (64, (16, 6, 5, 5), 17, 1, False),
        (64, (16, 6, 5, 5), 10, 2, False),
        (64, (6, 1, 5, 5), 10, 1, False),
    ],
)
def test_the_batch_comes_last_for_many_small_images_of_few_channels(
    n_images, weight_shape, size, stride, expected
):
    window = Window(
        weight_shape[2:], (stride, stride), (1, 1), (0, 0), (size * 2 + 4,) * 2, (size,) * 2
    )
    y = np.ones((n_images, weight_shape[0], size, size))
    ways = ways_of("spread_windows", y, weight_shape, window, 1)
    assert (_batch_last in ways) == expected


def parts_of(product, *arguments):
    """Return what a product gives its threads to do."""
    with mock.patch.object(_products, "run", wraps=_products.run) as run:
        product(*arguments)
    return run.call_args.args[1]


@pytest.mark.parametrize("last", [False, True])
def test_threads_share_the_filters_where_the_weights_are_most_and_the_channels_of_one_image(last):
    window, (n, depth, filters) = Window((2, 3), (1, 1), (1, 1), (1, 1), (2, 2), (3, 2)), (1, 17, 9)
    x, y = whole((n, depth, 2, 2), 1), whole((n, filters, 3, 2), 2)
    weight = whole((filters, depth, 2, 3), 3)
    with by_columns(last, block_bytes=100, shared_products=0):
        halves = [slice(0, 5), slice(5, 9)]
        assert [half for _, half in parts_of(filter_windows, x, weight, window, 1)] == halves
        assert [half for _, half in parts_of(weight_sums, x, y, window, 1)] == halves
        assert parts_of(spread_windows, y, weight, window, 1) == [
            (slice(0, 1), 0),
            (slice(0, 1), 1),
        ]
        assert_stated_sums(window, n, 1, depth, filters)


def test_the_order_is_the_one_that_was_chosen():
    """The tests above patch the choice: here is that this decides which way is taken."""
    window, x = Window((2, 2), (1, 1), (1, 1), (1, 1), (3, 3), (4, 4)), whole((2, 16, 3, 3))
    weight, y = whole((2, 16, 2, 2), 2), whole((2, 2, 4, 4), 3)
    for last in (False, True):
        with (
            by_columns(last),
            mock.patch.object(_products, "gather_rows", wraps=gather_rows) as gathered,
            mock.patch.object(_columns, "add_windows", wraps=add_windows) as added,
        ):
            filter_windows(x, weight, window, 1)
            weight_sums(x, y, window, 1)
            spread_windows(y, weight, window, 1)
        assert [call.args[5] for call in gathered.call_args_list] == [last, last]
        assert added.called == last


@pytest.mark.parametrize(
    ("weight_shape", "image", "groups", "expected"),
    [
        ((64, 64, 3, 3), (56, 56), 1, True),
        ((64, 3, 7, 7), (112, 112), 1, True),  # 21 numbers side by side
        ((16, 1, 5, 5), (24, 24), 1, False),  # 5
        ((64, 64, 1, 1), (56, 56), 1, False),  # a window of one entry is copied in neither order
        ((64, 32, 3, 3), (56, 56), 2, False),
        ((512, 512, 3, 3), (7, 7), 1, False),  # bringing the weights into order costs more
    ],
)
def test_the_channels_come_last_where_long_pieces_are_copied_for_many_windows(
    weight_shape, image, groups, expected
):
    kernel = weight_shape[2:]
    window = Window(kernel, (1, 1), (1, 1), (0, 0), image, image)
    assert _columns.channels_last_pays(weight_shape, window, groups, 1) == expected


# ---------------------------------------------------------------- what the arrays may be


def kinds_of(a):
    """Yield arrays equal to `a` that lie in memory otherwise, or may not be written to."""
    yield a.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    yield a[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]
    yield np.repeat(np.repeat(a, 2, 3), 2, 0)[::2, :, :, ::2]
    yield np.asfortranarray(a)
    constant = a.copy()
    constant.flags.writeable = False
    yield constant
    unaligned = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    unaligned[...] = a
    yield unaligned


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("window", [*CORNERS, Window((3, 3), *[(1, 1)] * 3, (4, 5), (4, 5))])
def test_arrays_may_lie_in_memory_in_any_way_and_are_not_written_to(last, window):
    x, weight = whole((2, 17, *window.image), 1), whole((3, 17, *window.kernel), 2)
    y = whole((2, 3, *window.out), 3)
    with by_columns(last, 500, 0):
        expected = three(x, weight, y, window, 1)
        for kind in zip(*map(kinds_of, (x, weight, y)), strict=True):
            before = [a.copy() for a in kind]
            for a, b in zip(three(*kind, window, 1), expected, strict=True):
                np.testing.assert_array_equal(a, b, strict=True)
                assert not any(np.shares_memory(a, other) for other in kind)
            for a, b in zip(kind, before, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("last", [False, True])
def test_one_number_may_stand_for_all(last):
    window = Window((3, 2), (1, 1), (1, 1), (1, 0), (4, 5), (4, 4))
    x, y = np.broadcast_to(2.0, (2, 17, 4, 5)), np.broadcast_to(3.0, (2, 3, 4, 4))
    weight = np.broadcast_to(5.0, (3, 17, 3, 2))
    arrays = x, weight, y
    with by_columns(last):
        expected = three(*map(np.ascontiguousarray, arrays), window, 1)
        for a, b in zip(three(*arrays, window, 1), expected, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


# ---------------------------------------------------------------- blocks


@given(
    st.integers(0, 9),
    st.integers(1, 40),
    st.integers(0, 3000),
    st.sampled_from([0, 1 << 40]),
    st.sampled_from([0, 1 << 15]),
)
@example(3, 1, 2000, 1 << 40, 0)
@example(1, 7, 3000, 0, 0)
def test_blocks_make_up_every_row_of_every_image_once(
    n_images, n_rows, bytes_per_row, products, weight_bytes
):
    with mock.patch.object(_blocks, "BLOCK_BYTES", 10_000):
        blocks = cut(n_images, n_rows, bytes_per_row, products, weight_bytes)
    counts = np.zeros((n_images, n_rows), int)
    for images, rows in blocks:
        counts[images, rows] += 1
        n, r = counts[images, rows].shape
        assert n == 1 or r == n_rows
        assert n == r == 1 or n * r * bytes_per_row <= max(10_000, weight_bytes) + bytes_per_row
    assert (counts == 1).all()
    if products and (n_images > 1 or n_rows > 1) and n_images:
        assert len(blocks) >= 2
    if n_images == 1 and len(blocks) < n_rows:
        assert len(blocks) == 1 or len(blocks) % 2 == 0


def test_a_little_work_is_one_block_and_no_images_are_none():
    assert len(cut(8, 10, 1000, _blocks.SHARED_PRODUCTS)) == 1
    assert len(cut(8, 10, 1000, _blocks.SHARED_PRODUCTS + 1)) == 2
    assert cut(0, 10, 1000, 0) == []
