"""Indexing: exact adjoints, torch's values and gradients, what is refused.

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
