"""Indexing and padding: exact adjoints, torch's values and gradients, what is refused.

The other rearrangements are in `test_shape.py`, which tells what an adjoint is.
"""

import naive
import numpy as np
import pytest
from compare import assert_adjoint, assert_agrees_with_torch, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import ops

seeds = st.integers(0, 99)


# --- indexing


@given(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4), seeds, st.data())
def test_basic_indexing_is_numpys_and_its_adjoint(shape, seed, data):
    # Integers, slices with any step, None and Ellipsis.
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = whole(shape, seed)
    y, pullback = ops.getitem(x, index)
    np.testing.assert_array_equal(y, x[index])
    assert_adjoint(lambda a: ops.getitem(a, index), x)
    dy = whole(np.shape(y), seed)
    np.testing.assert_array_equal(pullback(dy)[0], naive.getitem_gradient(shape, index, dy))


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), seeds, st.data())
def test_an_entry_that_is_picked_twice_gets_both_gradients(shape, seed, data):
    index = data.draw(
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=5))
    )
    x = whole(shape, seed)
    y, pullback = ops.getitem(x, index)
    dy = whole(y.shape, seed)
    np.testing.assert_array_equal(pullback(dy)[0], naive.getitem_gradient(shape, index, dy))
    assert_adjoint(lambda a: ops.getitem(a, index), x)


MASK = np.array([True, False, True])
INDICES = [
    0,
    -1,
    (1, 2),
    np.int64(1),
    slice(None, None, 2),
    (slice(1, None), None, 0),
    (..., 1),
    (None, ..., None),
    [0, 2, 0],
    np.array([-1, 0, -1]),
    np.array(2),
    (slice(None), [1, 1, 3]),
    ([0, 2], [1, 1]),
    (np.array([[0], [2]]), np.array([1, 1])),
    ([0, 1], slice(None), [1, 0]),
    MASK,
    MASK.tolist(),
    (slice(None), np.array([True, False, False, True])),
    (MASK, 1),
    (MASK, [1, 3]),
    np.zeros(3, bool),
    np.arange(24).reshape(3, 4, 2) % 3 == 0,
    (),
    True,
    np.array([], int),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_every_kind_of_index_has_torchs_values_and_gradients(torch, index):
    def theirs(t):
        items = index if isinstance(index, tuple) else (index,)
        return t[tuple(torch.from_numpy(i) if isinstance(i, np.ndarray) else i for i in items)]

    assert_agrees_with_torch(torch, lambda a: ops.getitem(a, index), theirs, normal((3, 4, 2)))


# Where an integer and a list stand apart, NumPy puts the picked axis first; torch does not.
@pytest.mark.parametrize("index", [*INDICES, (0, slice(None, 3), [1, 0]), []], ids=str)
def test_every_kind_of_index_has_the_values_of_numpy_and_the_transposed_gradient(index):
    x = normal((3, 4, 2))
    y, pullback = ops.getitem(x, index)
    np.testing.assert_array_equal(y, x[index], strict=True)
    dy = whole(np.shape(y))
    np.testing.assert_array_equal(pullback(dy)[0], naive.getitem_gradient(x.shape, index, dy))


def test_a_step_backwards_which_torch_lacks_reverses_the_gradient():
    y, pullback = ops.getitem(np.arange(4.0), slice(None, None, -1))
    np.testing.assert_array_equal(y, [3, 2, 1, 0])
    np.testing.assert_array_equal(pullback(np.arange(4.0))[0], [3, 2, 1, 0])


@pytest.mark.parametrize("index", [3, (0, 4), [0, 3], (0, 0, 0, 0), np.ones(2, bool), "a", 1.0])
def test_an_index_out_of_range_is_an_index_error(index):
    with pytest.raises(IndexError):
        ops.getitem(np.ones((3, 4, 2)), index)


# --- padding

# How far each mode can go beyond an axis of length 4, or crop it.
FARTHEST = {"constant": 6, "reflect": 3, "replicate": 6, "circular": 4}


@st.composite
def paddings(draw, mode):
    n_axes = draw(st.integers(1, 2))
    widths = []
    for _ in range(n_axes):
        before, after = (draw(st.integers(-1, FARTHEST[mode])) for _ in range(2))
        if mode == "circular" and min(before, after) < 0:
            before, after = min(before, 0), min(after, 0)
        widths += [before, after]
    return tuple(widths)


@pytest.mark.parametrize("mode", FARTHEST)
@given(data=st.data(), seed=seeds, dtype=st.sampled_from([np.float32, np.float64]))
def test_pad_is_that_of_torch_and_its_adjoint(torch, mode, data, seed, dtype):
    widths = data.draw(paddings(mode))
    x = normal((2, 1, 4, 4) if len(widths) == 4 else (2, 3, 4), seed, dtype)
    value = data.draw(st.sampled_from([0.0, 1.5])) if mode == "constant" else 0.0
    assert_agrees_with_torch(
        torch,
        lambda a: ops.pad(a, widths, mode, value),
        lambda t: torch.nn.functional.pad(t, widths, mode, value),
        x,
        terms=30.0,  # an edge may gather the gradient of a row of 7
    )
    assert_adjoint(lambda a: ops.pad(a, widths, mode), whole(x.shape, seed))


@pytest.mark.parametrize("mode", FARTHEST)
@given(data=st.data(), seed=seeds)
def test_each_padded_entry_is_the_one_that_the_mode_names(mode, data, seed):
    widths = tuple(data.draw(st.integers(0, FARTHEST[mode])) for _ in range(2))
    x = normal((4,), seed)
    value = 2.5 if mode == "constant" else 0.0
    np.testing.assert_array_equal(
        ops.pad(x, widths, mode, value)[0], naive.pad(x, widths, mode, value)
    )


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


@pytest.mark.parametrize(
    ("widths", "mode"),
    [
        ((4, 0), "reflect"),
        ((0, 5), "circular"),
        ((-1, 1), "circular"),
        ((-3, -2), "constant"),
        ((-3, -2), "reflect"),
        ((-3, -2), "replicate"),
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
