"""Padding: where each entry of the border comes from, exact adjoints, torch's values and gradients."""

import itertools
import re

import naive
import numpy as np
import pytest
from compare import assert_adjoint, assert_agrees_with_torch, normal, whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import ops

seeds = st.integers(0, 99)
# How far each mode can go beyond an axis of length 4, or crop it.
FARTHEST = {"constant": 6, "reflect": 3, "replicate": 6, "circular": 4}


@st.composite
def paddings(draw, mode):
    """Widths for one to three axes of length 4; where circular wraps, it does not crop."""
    widths = []
    for _ in range(draw(st.integers(1, 3))):
        before, after = (draw(st.integers(-1, FARTHEST[mode])) for _ in range(2))
        if mode == "circular" and min(before, after) < 0:
            before, after = min(before, 3), min(after, 3)
        widths += [before, after]
    return tuple(widths)


@pytest.mark.parametrize("mode", FARTHEST)
@given(data=st.data(), seed=seeds, dtype=st.sampled_from([np.float32, np.float64]))
def test_pad_is_that_of_torch_and_its_adjoint(torch, mode, data, seed, dtype):
    widths = data.draw(paddings(mode))
    axes = [4] * (len(widths) // 2)
    # torch takes one or two axes in front of these, in constant mode any number
    lead = data.draw(st.lists(st.integers(1, 2), min_size=1, max_size=2))
    if mode == "constant":
        lead = data.draw(st.lists(st.integers(0, 2), max_size=2))
    x = normal((*lead, *axes), seed, dtype)
    value = data.draw(st.sampled_from([None, 0.0, 1.5])) if mode == "constant" else None
    assert_agrees_with_torch(
        torch,
        lambda a: ops.pad(a, widths, mode, value),
        lambda t: torch.nn.functional.pad(t, widths, mode, value),
        x,
        terms=300.0,  # a corner may gather the gradients of 7 · 7 · 7 places, each about 0.8
    )
    assert_adjoint(lambda a: ops.pad(a, widths, mode), whole(x.shape, seed))


@pytest.mark.parametrize("mode", FARTHEST)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_pair_of_widths_gives_what_torch_gives_or_is_refused_as_there(torch, mode, n):
    x = whole((2, 1, n), n)
    for widths in itertools.product(range(-5, 6), repeat=2):
        leaf = torch.from_numpy(x.copy()).requires_grad_()
        remaining = n + min(widths[0], 0) + min(widths[1], 0)
        try:
            expected = torch.nn.functional.pad(leaf, widths, mode)
        except RuntimeError:
            expected = None
        if mode == "circular" and (max(widths) > remaining or remaining < 0):
            expected = None  # what torch returns here is partly memory that was never written
        if expected is None:
            with pytest.raises(ValueError, match=f"pad: {mode} cannot pad axis 2 by"):
                ops.pad(x, widths, mode)
            continue
        y, pullback = ops.pad(x, widths, mode)
        np.testing.assert_array_equal(y, expected.detach().numpy(), strict=True)
        dy = whole(y.shape, 1)
        expected.backward(torch.from_numpy(dy))
        np.testing.assert_array_equal(pullback(dy)[0], leaf.grad.numpy(), strict=True)


@pytest.mark.parametrize("mode", FARTHEST)
@given(data=st.data(), seed=seeds)
def test_each_padded_entry_is_the_one_that_the_mode_names(mode, data, seed):
    widths = tuple(data.draw(st.integers(0, FARTHEST[mode])) for _ in range(2))
    x = normal((4,), seed)
    value = 2.5 if mode == "constant" else 0.0
    np.testing.assert_array_equal(
        ops.pad(x, widths, mode, value)[0], naive.pad(x, widths, mode, value)
    )


@pytest.mark.parametrize("mode", FARTHEST)
@given(data=st.data(), seed=seeds)
def test_padding_two_axes_is_padding_one_and_then_the_other_in_either_order(mode, data, seed):
    left, right, top, bottom = (data.draw(st.integers(0, 3)) for _ in range(4))
    x = normal((2, 4, 5), seed)
    rows_first = ops.pad(ops.pad(x, (0, 0, top, bottom), mode)[0], (left, right), mode)[0]
    columns_first = ops.pad(ops.pad(x, (left, right), mode)[0], (0, 0, top, bottom), mode)[0]
    both = ops.pad(x, (left, right, top, bottom), mode)[0]
    np.testing.assert_array_equal(both, rows_first)
    np.testing.assert_array_equal(both, columns_first)


def test_the_border_of_each_mode_is_the_one_in_the_docstring():
    x = np.array([1, 2, 3])  # a b c
    expected = {
        "constant": [0, 0, 1, 2, 3, 0, 0],
        "reflect": [3, 2, 1, 2, 3, 2, 1],
        "replicate": [1, 1, 1, 2, 3, 3, 3],
        "circular": [2, 3, 1, 2, 3, 1, 2],
    }
    for mode, border in expected.items():
        np.testing.assert_array_equal(ops.pad(x, (2, 2), mode)[0], border)


def test_the_gradient_of_the_border_is_folded_onto_the_entries_that_stand_there():
    dy = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])  # of (x₀|x₁, x₀, x₁, x₂, x₁|x₂), say
    expected = {
        "constant": [10, 100, 1000],
        "reflect": [10, 10101, 1000],
        "replicate": [11, 100, 11000],
        "circular": [10010, 100, 1001],
    }
    for mode, dx in expected.items():
        np.testing.assert_array_equal(ops.pad(np.zeros(3), (1, 1), mode)[1](dy)[0], dx)


def test_pad_starts_with_the_last_axis():
    assert ops.pad(np.zeros((2, 3, 4)), (1, 2))[0].shape == (2, 3, 7)
    assert ops.pad(np.zeros((2, 3, 4)), (1, 2, 10, 20))[0].shape == (2, 33, 7)
    assert ops.pad(np.zeros((2, 3, 4)), (0, 0, 0, 0, 5, 6))[0].shape == (13, 3, 4)
    assert ops.pad(np.zeros((2, 3, 4)), ())[0].shape == (2, 3, 4)


@pytest.mark.parametrize("mode", FARTHEST)
def test_negative_widths_crop(mode):
    y, pullback = ops.pad(np.arange(5.0), (-1, -2), mode)
    np.testing.assert_array_equal(y, [1, 2])
    np.testing.assert_array_equal(pullback(np.array([3.0, 4.0]))[0], [0, 3, 4, 0, 0])


def test_circular_wraps_what_is_left_after_the_crop_and_reflect_mirrors_the_whole():
    x = np.arange(5.0)
    np.testing.assert_array_equal(ops.pad(x, (-1, 2), "circular")[0], [1, 2, 3, 4, 1, 2])
    np.testing.assert_array_equal(
        ops.pad(x, (-1, 4), "reflect")[0], [1, 2, 3, 4, 3, 2, 1, 0]
    )  # the 0 that was cropped in front stands at the end


@pytest.mark.parametrize("mode", FARTHEST)
def test_integers_stay_integers(torch, mode):
    x = np.arange(1, 4)[None]
    value = 1.5 if mode == "constant" else None  # loses its fraction
    expected = torch.nn.functional.pad(torch.from_numpy(x), (2, 1), mode, value).numpy()
    np.testing.assert_array_equal(ops.pad(x, (2, 1), mode, value)[0], expected, strict=True)


@pytest.mark.parametrize("mode", FARTHEST)
def test_an_empty_batch_is_padded_to_an_empty_batch(mode):
    y, pullback = ops.pad(np.zeros((0, 2, 3, 4)), (1, 2, 1, 0), mode)
    assert y.shape == (0, 2, 4, 7)
    assert pullback(y)[0].shape == (0, 2, 3, 4)


@pytest.mark.parametrize(
    ("widths", "mode"),
    [
        ((4, 0), "reflect"),
        ((0, 5), "circular"),
        ((-2, 3), "circular"),
        ((-3, -2), "constant"),
        ((-3, -2), "reflect"),
        ((-3, -2), "replicate"),
        ((-2, -2), "replicate"),
        ((-5, 5), "constant"),
    ],
)
def test_what_reaches_too_far_is_an_error_with_the_shape(widths, mode):
    with pytest.raises(ValueError, match=r"pad: .*x \(2, 4\)"):
        ops.pad(np.ones((2, 4)), widths, mode)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_an_empty_axis_has_nothing_to_repeat(mode):
    with pytest.raises(ValueError, match="cannot pad axis 1"):
        ops.pad(np.ones((2, 0)), (1, 0), mode)


@pytest.mark.parametrize("widths", [(1,), (1, 2, 3), (1, 1, 1, 1, 1, 1)])
def test_widths_come_in_pairs_for_axes_that_exist(widths):
    with pytest.raises(ValueError, match=r"pad takes a pair for each of the last axes"):
        ops.pad(np.ones((2, 3)), widths)


def test_an_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="mode 'wrap' is none of 'constant', 'reflect'"):
        ops.pad(np.ones(3), (1, 1), "wrap")


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_a_value_for_a_mode_that_uses_none_is_refused_as_in_torch(torch, mode):
    with pytest.raises(ValueError, match=f"mode '{mode}' takes no value, got 1.5"):
        ops.pad(np.ones((2, 3)), (1, 1), mode, 1.5)
    with pytest.raises(RuntimeError, match="doesn't take in value argument"):
        torch.nn.functional.pad(torch.ones(2, 3), (1, 1), mode, 1.5)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (np.int64, np.inf),
        (np.int64, np.nan),
        (np.int64, 2.0**64),
        (np.uint8, 256),
        (np.uint8, -1),
        (np.float32, 1e39),
        (np.float16, 65536),
    ],
)
def test_a_value_that_the_dtype_cannot_hold_is_refused_as_in_torch(torch, dtype, value):
    x = np.ones(2, dtype)
    with pytest.raises(ValueError, match=re.escape(f"pad: x is {x.dtype}, which has no {value!r}")):
        ops.pad(x, (1, 1), value=value)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.nn.functional.pad(torch.from_numpy(x), (1, 1), value=value)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (np.int64, 1.5),
        (np.uint8, 255),
        (bool, 2),
        (np.float32, np.inf),
        (np.float16, np.nan),
        (np.float32, True),
    ],
)
def test_a_value_becomes_one_of_the_dtype_as_in_torch(torch, dtype, value):
    x = np.ones(2, dtype)
    expected = torch.nn.functional.pad(torch.from_numpy(x), (1, 1), value=value).numpy()
    np.testing.assert_array_equal(ops.pad(x, (1, 1), value=value)[0], expected, strict=True)


@pytest.mark.parametrize("value", [np.ones(3), [1.0], "1", 1j])
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_a_value_is_one_number(mode, value):
    with pytest.raises(TypeError, match="pad: value takes a number, got"):
        ops.pad(np.ones(3), (1, 1), mode, value)


def test_one_number_is_no_pair_of_widths():
    with pytest.raises(TypeError, match=r"pad takes a pair of widths .* got 1"):
        ops.pad(np.ones(3), 1)
