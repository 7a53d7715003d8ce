"""Adaptive pools: their bins and stated equations, ties and NaN, the global pools, torch."""

import math

import numpy as np
import pytest
from compare import assert_adjoint, assert_close, normal, whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
)
from scratchnet.ops._ranges import are_long, sum_over, transposed

sizes = st.integers(1, 9)
images = st.tuples(st.integers(0, 2), st.integers(1, 3), sizes, sizes)
outputs = st.tuples(sizes | st.none(), sizes | st.none())


def over_all_cases(test):
    for shape, out in (
        ((2, 1, 7, 7), (1, 1)),  # global
        ((1, 2, 6, 4), (3, 2)),  # equal bins
        ((1, 1, 2, 3), (7, 5)),  # more bins than entries
        ((1, 1, 4, 5), (1, 3)),
        ((2, 2, 3, 4), (None, None)),  # every entry its own bin
        ((1, 1, 10, 10), (4, 7)),
    ):
        test = example(shape, out)(test)
    return given(images, outputs)(test)


def bins(n, m):
    """The entries of each bin, by the stated equation."""
    return [range(math.floor(i * n / m), math.ceil((i + 1) * n / m)) for i in range(m)]


def naive_pool(x, out, reduce):
    """The output, and for each bin the entry or entries (h, w) that `reduce` chose of it."""
    rows, columns = (bins(n, m or n) for n, m in zip(x.shape[2:], out, strict=True))
    y, chosen = np.zeros((*x.shape[:2], len(rows), len(columns))), {}
    for n, c, p, q in np.ndindex(y.shape):
        inside = [(h, w) for h in rows[p] for w in columns[q]]
        y[n, c, p, q], chosen[n, c, p, q] = reduce(x[n, c], inside)
    return y, chosen


def mean(plane, inside):
    return math.fsum(plane[at] for at in inside) / len(inside), inside


def first_maximum(plane, inside):
    """The first NaN, else the first of the largest."""
    values = [plane[at] for at in inside]
    nan = [i for i, v in enumerate(values) if v != v]
    i = nan[0] if nan else values.index(max(values))
    return values[i], [inside[i]]


def naive_gradient(shape, chosen, dy):
    dx = np.zeros(shape)
    for (n, c, p, q), entries in chosen.items():
        for h, w in entries:
            dx[n, c, h, w] += dy[n, c, p, q] / len(entries)
    return dx


# ---------------------------------------------------------------- the mean


@over_all_cases
def test_the_mean_and_its_gradient_are_the_stated_sums(shape, out):
    x = whole(shape)
    y, pullback = adaptive_avg_pool2d(x, out)
    expected, chosen = naive_pool(x, out, mean)
    np.testing.assert_array_equal(y, expected, strict=True)  # an exact sum, divided once
    dy = whole(y.shape, 1)
    assert_close(pullback(dy)[0], naive_gradient(shape, chosen, dy), terms=9.0 * 81)
    # The shares of a gradient add up to it again.
    np.testing.assert_allclose(pullback(dy)[0].sum(), dy.sum(), rtol=1e-12, atol=1e-10)


@given(images, outputs)
def test_the_pullback_of_the_mean_is_its_derivative(shape, out):
    check_pullback(adaptive_avg_pool2d, normal(shape), output_size=out)


@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([-1, -2]))
def test_the_sums_over_bins_and_over_the_bins_of_an_entry_are_exact_adjoints(n, m, axis):
    start, stop = np.array([(b.start, b.stop) for b in bins(n, m)]).T
    ranges = start, stop

    def op(x):
        return sum_over(ranges, x, axis), lambda dy: (sum_over(transposed(ranges, n), dy, axis),)

    x = whole((3, n) if axis == -1 else (n, 3))
    assert_adjoint(op, x)
    y = op(x)[0]
    expected = [x.take(range(a, b), axis).sum(axis) for a, b in zip(*ranges, strict=True)]
    np.testing.assert_array_equal(y, np.stack(expected, axis))


def test_infinities_and_nan_stay_in_the_bins_that_hold_them():
    x = np.zeros((1, 1, 5, 5))
    x[..., 0, 0], x[..., 4, 4] = np.inf, np.nan
    y, pullback = adaptive_avg_pool2d(x, (3, 3))
    np.testing.assert_array_equal(y, [[[[np.inf, 0, 0], [0, 0, 0], [0, 0, np.nan]]]])
    (dx,) = pullback(y)
    np.testing.assert_array_equal(np.isposinf(dx).sum(), 4)
    np.testing.assert_array_equal(np.isnan(dx).sum(), 4)


def test_bins_overlap_where_the_output_does_not_divide_the_input():
    y, pullback = adaptive_avg_pool1d(np.array([[[1.0, 2.0, 4.0, 8.0, 16.0]]]), 3)
    np.testing.assert_array_equal(y, [[[1.5, 14 / 3, 12.0]]])  # entries 0 1, 1 2 3, 3 4
    np.testing.assert_array_equal(
        pullback(np.array([[[2.0, 3.0, 4.0]]]))[0], [[[1.0, 2.0, 1.0, 3.0, 2.0]]]
    )


def test_the_global_pools_are_the_mean_and_the_maximum_of_the_last_axes():
    x = normal((3, 5, 7, 6))
    y, pullback = adaptive_avg_pool2d(x, 1)
    # Sums of 42 terms about 1 in another order, so 42 roundings each.
    np.testing.assert_allclose(y, x.mean(axis=(2, 3), keepdims=True), rtol=0, atol=42 * 2.3e-16)
    dy = normal(y.shape, 1)
    np.testing.assert_allclose(pullback(dy)[0], np.broadcast_to(dy / 42, x.shape), rtol=1e-15)
    np.testing.assert_array_equal(
        adaptive_max_pool2d(x, (1, 1))[0], x.max(axis=(2, 3), keepdims=True)
    )


# ---------------------------------------------------------------- the maximum


@over_all_cases
def test_the_maximum_is_the_largest_entry_and_the_first_of_equals_takes_the_gradient(shape, out):
    for seed, has_nan in ((0, False), (1, True)):
        x = whole(shape, seed, low=-5, high=-2)  # below zero, with many ties
        if has_nan:
            x[whole(shape, 2) > 6] = np.nan
        (y, positions), pullback = adaptive_max_pool2d(x, out, return_indices=True)
        expected, chosen = naive_pool(x, out, first_maximum)
        np.testing.assert_array_equal(y, expected, strict=True)
        first = np.array([h * shape[3] + w for [(h, w)] in chosen.values()], np.int64)
        np.testing.assert_array_equal(positions, first.reshape(y.shape), strict=True)
        dy = whole(y.shape, 1)
        dx = naive_gradient(shape, chosen, dy)
        np.testing.assert_array_equal(pullback((dy, None))[0], dx, strict=True)
        assert dx.sum() == dy.sum()
        alone, alone_pullback = adaptive_max_pool2d(x, out)
        np.testing.assert_array_equal(alone, y)
        np.testing.assert_array_equal(alone_pullback(dy)[0], dx)


@given(images, outputs)
def test_the_pullback_of_the_maximum_is_its_derivative(shape, out):
    x = np.random.default_rng(0).permutation(np.arange(float(np.prod(shape)))).reshape(shape)
    check_pullback(adaptive_max_pool2d, x, output_size=out)


def test_of_several_nan_in_a_bin_the_first_counts():
    x = np.array([[[1.0, np.nan, 2.0, np.nan, np.nan, 7.0]]])
    for out, expected in ((1, [1]), (2, [1, 3])):
        (y, positions), _ = adaptive_max_pool1d(x, out, return_indices=True)
        assert np.isnan(y).all()
        np.testing.assert_array_equal(positions, [[expected]])


def test_integers_have_a_maximum_too():
    x = np.array([[[-7, -3, -9, -5]]], np.int8)
    np.testing.assert_array_equal(
        adaptive_max_pool1d(x, 2)[0], np.array([[[-3, -5]]], np.int8), strict=True
    )


# ---------------------------------------------------------------- lines, torch


@given(images, sizes)
def test_the_pools_of_lines_are_those_of_images_of_one_row(shape, out):
    x = whole(shape[:3], low=-3, high=4)
    y, pullback = adaptive_avg_pool1d(x, (out,))
    z, image_pullback = adaptive_avg_pool2d(x[:, :, None], (1, out))
    dy = whole(y.shape, 1)
    np.testing.assert_array_equal(y, z[:, :, 0], strict=True)
    np.testing.assert_array_equal(pullback(dy)[0], image_pullback(dy[:, :, None])[0][:, :, 0])
    (y, positions), pullback = adaptive_max_pool1d(x, out, True)
    (z, places), image_pullback = adaptive_max_pool2d(x[:, :, None], (1, out), True)
    np.testing.assert_array_equal(y, z[:, :, 0], strict=True)
    np.testing.assert_array_equal(positions, places[:, :, 0], strict=True)
    np.testing.assert_array_equal(
        pullback((dy, None))[0], image_pullback((dy[:, :, None], None))[0][:, :, 0]
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@over_all_cases
def test_values_positions_and_gradients_are_those_of_torch(torch, dtype, shape, out):
    x = whole(shape, 0, dtype, low=-3, high=4)
    functional = torch.nn.functional
    line, length = x[:, :, 0], out[1] or shape[3]
    for ours, theirs, a, size in (
        (adaptive_avg_pool2d, functional.adaptive_avg_pool2d, x, out),
        (adaptive_max_pool2d, functional.adaptive_max_pool2d, x, out),
        (adaptive_avg_pool1d, functional.adaptive_avg_pool1d, line, length),
        (adaptive_max_pool1d, functional.adaptive_max_pool1d, line, length),
    ):
        leaf = torch.from_numpy(a.copy()).requires_grad_()
        if "max" in ours.__name__:
            (y, positions), pullback = ours(a, size, return_indices=True)
            expected, indices = theirs(leaf, size, return_indices=True)
            np.testing.assert_array_equal(positions, indices.numpy(), strict=True)
        else:
            (y, pullback), expected = ours(a, size), theirs(leaf, size)
        assert_close(y, expected.detach().numpy(), terms=3.0 * 81)
        dy = whole(y.shape, 1, dtype)
        expected.backward(torch.from_numpy(dy))
        found = pullback((dy, None) if "max" in ours.__name__ else dy)[0]
        assert_close(found, leaf.grad.numpy(), terms=9.0 * 81)


@pytest.mark.parametrize("pool", [adaptive_avg_pool2d, adaptive_max_pool2d])
@pytest.mark.parametrize("out", [0, (0, 2), (3, 0)])
def test_an_output_of_no_entries_is_empty_as_in_torch(torch, pool, out):
    x = normal((2, 3, 4, 5))
    y, pullback = pool(x, out)
    expected = getattr(torch.nn.functional, pool.__name__)(torch.from_numpy(x), out)
    assert y.shape == tuple(expected.shape)
    np.testing.assert_array_equal(pullback(y)[0], np.zeros(x.shape), strict=True)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("pool", [adaptive_avg_pool2d, adaptive_max_pool2d])
@pytest.mark.parametrize(
    ("shape", "out", "message"),
    [
        ((3, 5, 5), 1, r"3 dimensions: \(3, 5, 5\); a single image is x\[None\]"),
        ((2, 3, 0, 5), 1, r"at least one pixel, got x \(2, 3, 0, 5\)"),
        ((1, 1, 5, 5), -1, "output_size must be at least 0, got -1"),
        ((1, 1, 5, 5), (2, -3), r"output_size must be at least 0, got .2, -3."),
        ((1, 1, 5, 5), None, "output_size takes an int or a pair of ints, got None"),
        ((1, 1, 5, 5), (2,), r"output_size takes .* got \(2,\)"),
        ((1, 1, 5, 5), (2, 2, 2), r"output_size takes .* got \(2, 2, 2\)"),
        ((1, 1, 5, 5), 2.0, "output_size takes .* got 2.0"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_values_in_hand(pool, shape, out, message):
    with pytest.raises(ValueError, match=message):
        pool(np.zeros(shape, np.float32), out)


@pytest.mark.parametrize("pool", [adaptive_avg_pool1d, adaptive_max_pool1d])
def test_pools_of_lines_refuse_images_and_several_lengths(pool):
    with pytest.raises(ValueError, match=rf"{pool.__name__} takes x of shape \(N, C, L\), got 4"):
        pool(np.zeros((1, 1, 2, 2)), 1)
    with pytest.raises(ValueError, match=r"output_size takes .* got None"):
        pool(np.zeros((1, 1, 2)), None)


def test_what_is_no_real_number_is_refused():
    with pytest.raises(TypeError, match="of real numbers, got dtype bool"):
        adaptive_max_pool2d(np.zeros((1, 1, 2, 2), bool), 1)
    with pytest.raises(TypeError, match="real numbers, got dtype complex128"):
        adaptive_avg_pool2d(np.zeros((1, 1, 2, 2), complex), 1)


# ---------------------------------------------------------------- bins longer than they are many


@pytest.mark.parametrize(("shape", "out"), [((2, 2, 100, 3), (3, 3)), ((1, 2, 4, 150), (2, 4))])
def test_few_long_bins_have_the_means_and_the_first_maxima_of_their_entries(shape, out):
    x = whole(shape, 3)  # whole numbers: many equal maxima
    x[0, 0, 2, 1:3] = np.nan
    mean, unmean = adaptive_avg_pool2d(x, out)
    (largest, positions), _ = adaptive_max_pool2d(x, out, return_indices=True)
    rows, columns = bins(shape[2], out[0]), bins(shape[3], out[1])
    plane = np.arange(shape[2] * shape[3]).reshape(shape[2:])
    for p, q in np.ndindex(out):
        at = np.ix_(rows[p], columns[q])
        seen = x[:, :, *at].reshape(*shape[:2], -1)
        assert_close(mean[:, :, p, q], seen.mean(axis=2))
        first = seen.argmax(axis=2)  # NaN is larger than all numbers for argmax
        np.testing.assert_array_equal(positions[:, :, p, q], plane[at].ravel()[first])
        np.testing.assert_array_equal(
            largest[:, :, p, q], np.take_along_axis(seen, first[..., None], 2)[..., 0]
        )
    dy = whole(mean.shape, 4)
    dx = sum(  # each entry gets the share of each bin that holds it
        np.where(np.isin(plane, plane[np.ix_(rows[p], columns[q])]), dy[:, :, p, q, None, None], 0)
        / (len(rows[p]) * len(columns[q]))
        for p, q in np.ndindex(out)
    )
    assert_close(unmean(dy)[0], dx)


def test_the_loop_is_over_the_bins_where_these_are_few_and_long():
    assert are_long((np.array([0, 100_000]), np.array([100_000, 200_000])))
    assert are_long((np.array([0]), np.array([17])))
    assert not are_long((np.array([0]), np.array([16])))
    assert not are_long((np.zeros(0, int), np.zeros(0, int)))
