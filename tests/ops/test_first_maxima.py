"""The first maxima of windows: the fast way to them finds what the simple one finds."""

import numpy as np
import pytest
from compare import whole
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import threads
from scratchnet.ops import max_pool2d
from scratchnet.ops._first_maxima import first_taps, first_taps_dealt
from scratchnet.ops._pooling_window import pooling_window
from scratchnet.ops._workspace import Workspace

sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


def dirty_workspace():
    """Memory that holds the number that whole() gives most often, where nothing was written."""
    workspace = Workspace()
    for name in ("phases", "maxima", "differs", "waiting", "taps"):
        workspace(name, (1 << 16,), np.dtype(np.float32)).fill(2)
    return workspace


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)),
    sizes,
    sizes,
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    sizes,
    st.booleans(),
    st.sampled_from([np.float16, np.float32, np.float64, np.longdouble]),
)
@example((2, 3, 12, 12), (3, 3), (2, 2), (1, 1), (1, 1), False, np.float32)
@example((2, 3, 12, 12), (2, 2), (2, 2), (0, 0), (1, 1), False, np.float32)
@example((1, 2, 11, 12), (2, 3), (4, 3), (1, 1), (2, 1), True, np.float32)
@example((1, 1, 2, 2), (2, 2), (3, 3), (1, 1), (1, 1), True, np.float32)
def test_taps_dealt_out_are_those_that_windows_see_first(
    shape, kernel, stride, padding, dilation, ceil_mode, dtype
):
    x = whole(shape, 0, dtype, low=0, high=4)  # in most windows the maximum stands more than once
    options = kernel, stride, padding, dilation, ceil_mode
    try:
        y, _ = max_pool2d(x, *options)
    except ValueError:
        return
    if y.min() == -np.inf:  # a window that sees no x is left to the simple form
        return
    window = pooling_window(x, *options)
    expected = first_taps(x, y, window)
    found = first_taps_dealt(x, y, window, dirty_workspace())
    np.testing.assert_array_equal(found, expected, strict=True)
    # And of images whose rows do not lie side by side.
    turned = np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)
    found = first_taps_dealt(turned, y, window, dirty_workspace())
    np.testing.assert_array_equal(found, expected, strict=True)


def test_a_kernel_may_have_more_taps_than_a_byte_counts():
    x = np.zeros((1, 1, 20, 20), np.float32)
    x[0, 0, 19, 19] = 1.0
    y, pullback = max_pool2d(x, 20)
    taps = first_taps_dealt(x, y, pooling_window(x, 20, None, 0, 1, False), Workspace())
    assert taps.item() == 399
    np.testing.assert_array_equal(pullback(np.full_like(y, 3.0))[0], 3.0 * x)


@pytest.mark.parametrize("options", [(2,), (3, 2, 1), (3, 1, 1)])
def test_the_number_of_threads_changes_nothing(options, monkeypatch):
    x = whole((4, 32, 80, 80), 1, np.float32)  # several blocks
    found = []
    for n_threads in (1, 3):
        monkeypatch.setattr(threads, "_num_threads", n_threads)
        y, pullback = max_pool2d(x, *options)
        found.append((y, pullback(whole(y.shape, 2, np.float32))[0]))
    for one, several in zip(*found, strict=True):
        np.testing.assert_array_equal(one, several, strict=True)


def test_infinite_gradients_stay_where_the_maxima_stand():
    x = whole((1, 1, 6, 6), 1, low=0, high=100)
    y, pullback = max_pool2d(x, 3, 2, 1)
    (dx,) = pullback(np.full(y.shape, np.inf))
    assert set(np.unique(dx)) == {0.0, np.inf}
    np.testing.assert_array_equal(dx == np.inf, pullback(np.ones(y.shape))[0] > 0)
