"""max_pool1d and avg_pool1d, and what all four pools do with large arrays: blocks, and axis after axis."""

import naive
import numpy as np
import pytest
from compare import assert_close, normal, whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import _pooling_window, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d

MAX_OPTIONS = "kernel_size", "stride", "padding", "dilation", "ceil_mode"
AVG_OPTIONS = "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"


@st.composite
def cases(draw):
    """A shape (N, C, L) and the options of a pool, such that at least one window fits."""
    kernel, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel // 2))
    length = max(1, dilation * (kernel - 1) + 1 - 2 * padding) + draw(st.integers(0, 6))
    return (draw(st.integers(0, 2)), draw(st.integers(1, 3)), length), {
        "kernel_size": draw(st.sampled_from([kernel, (kernel,)])),
        "stride": draw(st.none() | st.integers(1, 4)),
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": draw(st.booleans()),
        "count_include_pad": draw(st.booleans()),
    }


def only(names, options):
    return {name: options[name] for name in names}


def of_one_row(options, *names):
    """The options of the same pool for an image of one row, in this order."""
    kernel = np.ravel(options["kernel_size"])[0]
    rows = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    full = {**options, "kernel_size": kernel, "stride": options["stride"] or kernel}
    return [(rows[k], full[k]) if k in rows else full[k] for k in names]


@given(cases())
def test_the_maximum_of_a_line_is_that_of_an_image_of_one_row(case):
    shape, options = case
    x = whole(shape, low=-2, high=3)  # with many ties
    (y, positions), pullback = max_pool1d(x, **only(MAX_OPTIONS, options), return_indices=True)
    expected, first = naive.max_pool2d(x[:, :, None], *of_one_row(options, *MAX_OPTIONS))
    np.testing.assert_array_equal(y, expected[:, :, 0], strict=True)
    np.testing.assert_array_equal(positions, first[:, :, 0], strict=True)
    dy = whole(y.shape, 1)
    dx = naive.max_pool2d_gradient(x[:, :, None].shape, first, dy[:, :, None])[:, :, 0]
    np.testing.assert_array_equal(pullback((dy, None))[0], dx, strict=True)
    alone, alone_pullback = max_pool1d(x, **only(MAX_OPTIONS, options))
    np.testing.assert_array_equal(alone, y)
    np.testing.assert_array_equal(alone_pullback(dy)[0], dx)
    assert dx.sum() == dy[positions >= 0].sum()


@given(cases())
def test_the_mean_of_a_line_is_that_of_an_image_of_one_row(case):
    shape, options = case
    x = whole(shape)
    y, pullback = avg_pool1d(x, **only(AVG_OPTIONS, options))
    dy = whole(y.shape, 1)
    expected, dx = naive.avg_pool2d(
        x[:, :, None], dy[:, :, None], *of_one_row(options, *AVG_OPTIONS), None
    )
    np.testing.assert_array_equal(y, expected[:, :, 0], strict=True)  # an exact sum, divided once
    assert_close(pullback(dy)[0], dx[:, :, 0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(case=cases())
def test_pools_of_lines_and_their_gradients_are_those_of_torch(torch, dtype, case):
    shape, options = case
    x = whole(shape, 0, dtype, low=-2, high=3)
    for ours, theirs, names in (
        (max_pool1d, torch.nn.functional.max_pool1d, MAX_OPTIONS),
        (avg_pool1d, torch.nn.functional.avg_pool1d, AVG_OPTIONS),
    ):
        y, pullback = ours(x, **only(names, options))
        leaf = torch.from_numpy(x.copy()).requires_grad_()
        expected = theirs(leaf, **only(names, options))
        assert_close(y, expected.detach().numpy())
        if np.isfinite(y).all():  # where a dilated window misses x, torch's gradient goes astray
            dy = whole(y.shape, 1, dtype)
            expected.backward(torch.from_numpy(dy))
            assert_close(pullback(dy)[0], leaf.grad.numpy())
    (y, positions), _ = max_pool1d(x, **only(MAX_OPTIONS, options), return_indices=True)
    _, indices = torch.nn.functional.max_pool1d(
        torch.from_numpy(x), **only(MAX_OPTIONS, options), return_indices=True
    )
    seen = positions >= 0
    np.testing.assert_array_equal(positions[seen], indices.numpy()[seen], strict=True)


@given(cases())
def test_the_pullbacks_are_the_derivatives(case):
    shape, options = case
    x = np.random.default_rng(0).permutation(np.arange(float(np.prod(shape)))).reshape(shape)
    check_pullback(max_pool1d, x, **only(MAX_OPTIONS, options))
    check_pullback(avg_pool1d, normal(shape), **only(AVG_OPTIONS, options))


def test_the_padding_of_a_line_is_lower_than_any_entry_and_zero_for_the_mean():
    x = np.full((1, 1, 3), -5.0)
    np.testing.assert_array_equal(max_pool1d(x, 3, 1, 1)[0], x)
    np.testing.assert_array_equal(avg_pool1d(x, 2, 2, 1)[0], [[[-2.5, -5.0]]])
    np.testing.assert_array_equal(
        avg_pool1d(x, 2, 2, 1, count_include_pad=False)[0], [[[-5.0, -5.0]]]
    )


# ---------------------------------------------------------------- blocks, axis after axis

SHAPES = [(3, 5, 7, 8), (1, 1, 7, 8), (0, 2, 7, 8), (2, 0, 7, 8)]
WINDOWS = [(3, 2, 1), (2, 2, 0), ((1, 3), 1, 0), ((3, 1), 2, 1), ((2, 3), (1, 2), (1, 0))]


@pytest.mark.parametrize("block_bytes", [1, 7 * 8 * 8 * 2, 7 * 8 * 8 * 11])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("window", WINDOWS)
def test_how_many_planes_are_taken_at_a_time_does_not_matter(
    monkeypatch, block_bytes, shape, window
):
    window = (*window[:2], tuple(np.minimum(window[2], np.array(window[0]) // 2) * np.ones(2, int)))
    x = whole(shape, low=-2, high=3)
    if x.size:
        x[-1, -1, 2, 3] = np.nan  # in the last block alone
    whole_at_once = [results(pool, x, window) for pool in (max_pool2d, avg_pool2d)]
    monkeypatch.setattr(_pooling_window, "BLOCK_BYTES", block_bytes)
    in_blocks = [results(pool, x, window) for pool in (max_pool2d, avg_pool2d)]
    for found, expected in zip(in_blocks, whole_at_once, strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def results(pool, x, window):
    y, pullback = pool(x, *window)
    return y, pullback(whole(y.shape, 1))[0]


@pytest.mark.parametrize(
    ("n", "c", "size"), [(3, 5, 8), (5, 1, 900), (1, 9, 400), (300, 3, 64), (0, 2, 9), (2, 0, 9)]
)
def test_every_plane_is_in_one_block(n, c, size):
    times = np.zeros((n, c), int)
    window = _pooling_window.pooling_window(np.zeros((1, 1, size, size)), 2, 1, 0, 1, False)
    for planes in _pooling_window.blocks_of_planes((n, c), window, 4):
        assert times[planes].size
        times[planes] += 1
    assert (times == 1).all()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("pool", [max_pool1d, avg_pool1d])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 5), {"kernel_size": 2}, r"2 dimensions: \(3, 5\); a single line is x\[None\]"),
        ((1, 3, 5, 5), {"kernel_size": 2}, r"1d takes x of shape \(N, C, L\), got 4 dimensions"),
        ((2, 3, 0), {"kernel_size": 2}, r"at least one entry, got x \(2, 3, 0\)"),
        ((1, 1, 5), {"kernel_size": (2, 2)}, r"kernel_size takes .* got \(2, 2\)"),
        ((1, 1, 5), {"kernel_size": 2.0}, "kernel_size takes an int .* got 2.0"),
        ((1, 1, 5), {"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ((1, 1, 5), {"kernel_size": 2, "stride": 0}, "stride must be at least 1, got 0"),
        ((1, 1, 5), {"kernel_size": 2, "padding": 2}, r"padding \(2,\) must be at most half"),
        ((1, 1, 5), {"kernel_size": 7}, r"kernel_size \(7,\), .* x \(1, 1, 5\)"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_values_in_hand(pool, shape, options, message):
    with pytest.raises(ValueError, match=message):
        pool(np.zeros(shape, np.float32), **options)


def test_a_single_image_is_refused_with_the_way_out():
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(ValueError, match=r"\(3, 5, 5\); a single image is x\[None\]"):
            pool(np.zeros((3, 5, 5)), 2)
