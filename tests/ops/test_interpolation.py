"""interpolate: the stated equation of each mode, the transposed map, torch's coordinates, bad input."""

import math

import numpy as np
import pytest
from compare import assert_adjoint, assert_close, normal, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import adaptive_avg_pool1d, adaptive_avg_pool2d, interpolate

NEAREST = ["nearest", "nearest-exact"]
OF_IMAGES = [(m, None) for m in (*NEAREST, "area")] + [("bilinear", False), ("bilinear", True)]
OF_LINES = [(m, None) for m in (*NEAREST, "area")] + [("linear", False), ("linear", True)]
every_mode_of_images = pytest.mark.parametrize(("mode", "align_corners"), OF_IMAGES)
every_mode_of_lines = pytest.mark.parametrize(("mode", "align_corners"), OF_LINES)


@st.composite
def targets(draw, shape):
    """size, or scale_factor such that at least one entry is left."""
    axes = len(shape) - 2
    if draw(st.booleans()):
        return {"size": tuple(draw(st.integers(1, 14)) for _ in range(axes))}
    # Some factors whose inverse is no binary fraction, and sizes that end up equal or doubled.
    factors = [st.sampled_from([1 / n, 0.7, 1.0, 1.2, 1.5, 2, 2.2, 3.3]) for n in shape[2:]]
    factors = tuple(max(draw(f), 1 / n) for f, n in zip(factors, shape[2:], strict=True))
    recompute = draw(st.sampled_from([None, False, True]))
    return {"scale_factor": factors, "recompute_scale_factor": recompute}


@st.composite
def cases(draw, axes):
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 5)))
    shape += tuple(draw(st.integers(1, 9)) for _ in range(axes))
    return shape, draw(targets(shape))


def weights(n, m, s, mode, align_corners):
    """The matrix (m, n) with the weight of x[h] in y[q], by the stated equations, in float32 where
    "nearest" rounds."""
    matrix = np.zeros((m, n))
    for q in range(m):
        if mode == "nearest":
            matrix[q, min(math.floor(np.float32(q) * np.float32(s)), n - 1)] = 1
        elif mode == "nearest-exact":
            matrix[q, min(math.floor(np.float32(q + 0.5) * np.float32(s)), n - 1)] = 1
        else:
            u = max(0.0, (q + 0.5) * s - 0.5)
            if align_corners:
                u = q * (n - 1) / (m - 1) if m > 1 else 0.0
            before = min(math.floor(u), n - 1)
            part = u - before
            matrix[q, before] += 1 - part
            matrix[q, min(before + 1, n - 1)] += part
    return matrix


def step(n, m, factor, mode, recompute):
    """How far apart in x neighbouring outputs are."""
    same = (m == n and mode != "nearest-exact") or (m == 2 * n and mode == "nearest")
    return n / m if factor is None or recompute or same else 1 / factor


# ---------------------------------------------------------------- the equations


@pytest.mark.parametrize(("mode", "align_corners"), [c for c in OF_IMAGES if c[0] != "area"])
@given(cases(2))
def test_values_and_gradients_are_those_of_the_stated_equations(mode, align_corners, case):
    shape, target = case
    x = whole(shape)
    y, pullback = interpolate(x, mode=mode, align_corners=align_corners, **target)
    factors = target.get("scale_factor", (None, None))
    recompute = target.get("recompute_scale_factor")
    out = target.get("size") or [math.floor(n * f) for n, f in zip(shape[2:], factors, strict=True)]
    assert y.shape == (*shape[:2], *out)
    rows, columns = [
        weights(n, m, step(n, m, f, mode, recompute), mode, align_corners)
        for n, m, f in zip(shape[2:], out, factors, strict=True)
    ]
    assert_close(y, rows @ x @ columns.T, terms=9.0)
    dy = whole(y.shape, 1)
    assert_close(pullback(dy)[0], rows.T @ dy @ columns, roundings=32, terms=9.0 * 14)


@every_mode_of_images
@settings(max_examples=30)
@given(cases(2))
def test_the_pullback_is_the_derivative(mode, align_corners, case):
    shape, target = case
    check_pullback(interpolate, normal(shape), mode=mode, align_corners=align_corners, **target)


@pytest.mark.parametrize("mode", NEAREST)
@given(cases(2))
def test_choosing_entries_and_adding_their_gradients_are_exact_adjoints(mode, case):
    shape, target = case
    assert_adjoint(lambda x: interpolate(x, mode=mode, **target), whole(shape))


@every_mode_of_images
@given(cases(2))
def test_weights_add_up_to_one_so_that_a_constant_stays_and_gradients_keep_their_sum(
    mode, align_corners, case
):
    shape, target = case
    options = {"mode": mode, "align_corners": align_corners, **target}
    y, pullback = interpolate(np.full(shape, 3.0), **options)
    np.testing.assert_allclose(y, 3.0, rtol=1e-14)
    dy = whole(y.shape, 1)
    np.testing.assert_allclose(pullback(dy)[0].sum(), dy.sum(), rtol=1e-12, atol=1e-9)


@every_mode_of_lines
@given(cases(1))
def test_a_line_is_resampled_as_the_rows_of_an_image(mode, align_corners, case):
    shape, target = case
    x = whole(shape)
    y, pullback = interpolate(x, mode=mode, align_corners=align_corners, **target)
    key = "size" if "size" in target else "scale_factor"
    target = {**target, key: (1, *target[key])}
    z, image_pullback = interpolate(
        x[:, :, None], mode="bi" * (mode == "linear") + mode, align_corners=align_corners, **target
    )
    np.testing.assert_array_equal(y, z[:, :, 0], strict=True)
    dy = whole(y.shape, 1)
    (dx,) = pullback(dy)
    # The image has a row to resample too: to itself, which costs "bilinear" no rounding.
    np.testing.assert_array_equal(dx, image_pullback(dy[:, :, None])[0][:, :, 0], strict=True)


def test_nearest_with_a_whole_factor_repeats_every_entry():
    x = whole((2, 3, 4, 5))
    for mode in NEAREST:
        y, pullback = interpolate(x, scale_factor=3, mode=mode)
        np.testing.assert_array_equal(y, x.repeat(3, 2).repeat(3, 3), strict=True)
        np.testing.assert_array_equal(pullback(np.ones(y.shape))[0], np.full(x.shape, 9.0))


def test_nearest_exact_looks_at_centres_and_nearest_at_the_left_edges():
    x = np.arange(5.0)[None, None]
    np.testing.assert_array_equal(interpolate(x, 3)[0], [[[0, 1, 3]]])
    np.testing.assert_array_equal(interpolate(x, 3, mode="nearest-exact")[0], [[[0, 2, 4]]])


def test_linear_continues_a_straight_line_and_stops_at_the_outermost_centres():
    x = 2.0 * np.arange(4)[None, None]  # a pixel's value is twice the place of its centre, less ½
    y, _ = interpolate(x, 8, mode="linear")
    np.testing.assert_array_equal(y, [[[0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6]]])
    y, _ = interpolate(x, 7, mode="linear", align_corners=True)
    np.testing.assert_array_equal(y, [[np.arange(7.0)]])


def test_area_is_the_adaptive_mean():
    x = normal((2, 3, 7, 5))
    for size in (3, (4, 9)):
        np.testing.assert_array_equal(
            interpolate(x, size, mode="area")[0], adaptive_avg_pool2d(x, size)[0]
        )
    np.testing.assert_array_equal(
        interpolate(x[0], 3, mode="area")[0], adaptive_avg_pool1d(x[0], 3)[0]
    )


def test_a_given_factor_is_the_step_unless_it_is_to_be_recomputed():
    x = np.arange(5.0)[None, None]
    given_step, _ = interpolate(x, scale_factor=1.5, mode="linear")  # 7 outputs, 1/1.5 apart
    assert_close(np.diff(given_step[0, 0, 1:-1]), np.full(4, 1 / 1.5), terms=5.0)
    recomputed, _ = interpolate(x, None, 1.5, "linear", None, True)  # 5/7 apart
    assert_close(recomputed, interpolate(x, 7, mode="linear")[0])
    assert not np.allclose(given_step, recomputed)


@pytest.mark.parametrize("mode", NEAREST)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_labels_can_be_resampled_to_the_nearest(mode, dtype):
    x = whole((1, 2, 3, 4), 0, np.int64, 0, 2).astype(dtype)
    y, _ = interpolate(x, (5, 6), mode=mode)
    expected, _ = interpolate(x.astype(np.float64), (5, 6), mode=mode)
    np.testing.assert_array_equal(y, expected.astype(dtype), strict=True)


def test_infinities_stay_with_their_neighbours():
    x = np.zeros((1, 1, 6))
    x[..., 0] = np.inf
    y, pullback = interpolate(x, 12, mode="linear")
    assert np.isfinite(y[..., 3:]).all()
    dy = np.zeros((1, 1, 12))
    dy[..., 1] = np.inf
    assert np.isfinite(pullback(dy)[0][..., 2:]).all()


# ---------------------------------------------------------------- torch


def compare(torch, x, options, roundings):
    """Compare values and gradients, each to so many roundings of the terms that it is made of."""
    y, pullback = interpolate(x, **options)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    expected = torch.nn.functional.interpolate(leaf, **options)
    assert_close(y, expected.detach().numpy(), roundings, terms=9.0)
    dy = whole(y.shape, 1, x.dtype)
    expected.backward(torch.from_numpy(dy))
    assert_close(pullback(dy)[0], leaf.grad.numpy(), roundings, terms=9.0 * 14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_mode_of_images
@given(cases(2))
def test_images_and_their_gradients_are_those_of_torch(torch, dtype, mode, align_corners, case):
    shape, target = case
    options = {"mode": mode, "align_corners": align_corners, **target}
    # A place u ≤ 9 is rounded, and λ = u − ⌊u⌋ has the error of u: 9 roundings of λ, on two axes.
    compare(torch, whole(shape, 0, dtype), options, 1 if mode in NEAREST else 32)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("mode", "align_corners"), [("linear", False), ("linear", True)])
@given(cases(1))
def test_lines_and_their_gradients_are_those_of_torch(torch, dtype, mode, align_corners, case):
    shape, target = case
    options = {"mode": mode, "align_corners": align_corners, **target}
    compare(torch, whole(shape, 0, dtype), options, 32)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mode", NEAREST)
def test_where_rounding_decides_the_nearest_entry_is_that_of_torchs_gradient(torch, dtype, mode):
    # For instance 2 → 41 (exact): output 20 looks at 20.5 · 2/41 = 1, on the border of both entries.
    for n in (2, 3, 5, 6, 7, 10, 14):
        for m in range(1, 60):
            x = np.arange(n, dtype=dtype)[None, None]
            leaf = torch.from_numpy(x.copy()).requires_grad_()
            torch.nn.functional.interpolate(leaf, m, mode=mode).backward(
                torch.arange(1, m + 1, dtype=leaf.dtype)[None, None]
            )
            _, pullback = interpolate(x, m, mode=mode)
            (dx,) = pullback(np.arange(1, m + 1, dtype=dtype)[None, None])
            np.testing.assert_array_equal(dx, leaf.grad.numpy(), strict=True)


@settings(max_examples=200)
@given(st.integers(1, 40), st.floats(0.05, 4), st.booleans())
def test_the_output_has_the_size_of_torch_or_is_refused_as_there(torch, n, factor, recompute):
    x = np.zeros((1, 1, n))
    options = {"scale_factor": factor, "recompute_scale_factor": recompute}
    try:
        expected = torch.nn.functional.interpolate(torch.from_numpy(x), **options).shape
    except RuntimeError:
        with pytest.raises(ValueError, match="leaves nothing of x"):
            interpolate(x, **options)
    else:
        assert interpolate(x, **options)[0].shape == tuple(expected)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 5), {"size": 3}, r"x of shape \(N, C, L\) or \(N, C, H, W\), .* got \(4, 5\)"),
        ((1, 1, 2, 2, 2), {"size": 3}, r"got \(1, 1, 2, 2, 2\)"),
        ((1, 0, 4, 5), {"size": 3}, r"got \(1, 0, 4, 5\)"),
        ((1, 1, 4, 0), {"size": 3}, r"got \(1, 1, 4, 0\)"),
        ((1, 1, 4, 5), {}, "give size or scale_factor, one of them: None, None"),
        ((1, 1, 4, 5), {"size": 3, "scale_factor": 2}, "one of them: 3, 2"),
        ((1, 1, 4, 5), {"size": (3,)}, r"size takes one or 2 ints .* got \(3,\)"),
        ((1, 1, 4, 5), {"size": 3.0}, r"size takes one or 2 ints .* got 3.0"),
        ((1, 1, 4, 5), {"size": (None, 2)}, r"size takes .* got \(None, 2\)"),
        ((1, 1, 4), {"scale_factor": (2, 2)}, r"scale_factor takes one or 1 numbers .*\(2, 2\)"),
        ((1, 1, 4), {"scale_factor": "2"}, r"scale_factor takes .* got '2'"),
        ((1, 1, 4, 5), {"size": (3, 0)}, r"size=\(3, 0\) leaves nothing of x \(1, 1, 4, 5\)"),
        ((1, 1, 4, 5), {"scale_factor": 0.1}, r"scale_factor=0.1 leaves nothing .* \(0, 0\)"),
        ((1, 1, 4), {"scale_factor": -1.0}, r"scale_factor=-1.0 leaves nothing"),
        ((1, 1, 4), {"scale_factor": float("nan")}, r"scale_factor=nan leaves nothing"),
        ((1, 1, 4), {"scale_factor": float("inf")}, r"scale_factor=inf leaves nothing"),
        ((1, 1, 4), {"size": 3, "mode": "cubic"}, "mode takes 'nearest', .*, got 'cubic'"),
        ((1, 1, 4, 5), {"size": 3, "mode": "linear"}, "mode 'linear' is not .* take 'bilinear'"),
        ((1, 1, 4), {"size": 3, "mode": "bilinear"}, "mode 'bilinear' is not .* take 'linear'"),
        ((1, 1, 4), {"size": 3, "align_corners": False}, "align_corners .* mode is 'nearest'"),
        (
            (1, 1, 4),
            {"size": 3, "recompute_scale_factor": True},
            "recompute_scale_factor is for scale_factor, got size=3",
        ),
        (
            (1, 1, 4, 5),
            {"size": 3, "mode": "bilinear", "antialias": True},
            "interpolate has no antialias",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_values_in_hand(shape, options, message):
    with pytest.raises(ValueError, match=message):
        interpolate(np.zeros(shape, np.float32), **options)


def test_weights_need_floating_entries():
    with pytest.raises(TypeError, match="mode 'linear' takes floating x, got dtype int64"):
        interpolate(np.zeros((1, 1, 4), np.int64), 3, mode="linear")


def test_where_the_length_stays_or_doubles_nearest_is_exact_as_in_torchs_gradient(torch):
    x = np.arange(4.0).reshape(1, 1, 4)
    for factor, expected in ((1.2, [0, 1, 2, 3]), (2.2, [0, 0, 1, 1, 2, 2, 3, 3])):
        y, pullback = interpolate(x, scale_factor=factor)
        np.testing.assert_array_equal(y, np.reshape(expected, (1, 1, -1)))
        leaf = torch.from_numpy(x).requires_grad_()
        theirs = torch.nn.functional.interpolate(leaf, scale_factor=factor)
        theirs.backward(torch.from_numpy(y))
        np.testing.assert_array_equal(pullback(y)[0], leaf.grad.numpy())
        # torch's forward pass counts with 1/scale_factor here
        q = np.arange(len(expected))
        np.testing.assert_array_equal(theirs.detach().numpy().ravel(), np.floor(q / factor))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_the_gradient_of_few_entries_in_a_long_line_is_the_transposed_map(mode):
    assert_adjoint(lambda x: interpolate(x, 256, mode=mode), whole((1, 2, 4)))
