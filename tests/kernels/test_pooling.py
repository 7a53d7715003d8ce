"""The pooling kernel is `ops.max_pool2d` on channels-last arrays."""

from unittest import mock

import numpy as np
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import ops
from scratchnet.kernels import max_pool
from scratchnet.ops import _blocks
from scratchnet.ops._pooling_window import pooling_window


@given(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    *[st.tuples(st.integers(1, 4), st.integers(1, 4))] * 2,
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.booleans(),
    st.sampled_from([1, 200, 1 << 20]),
    st.booleans(),
)
def test_the_kernel_pools_like_the_operation(
    shape, kernel, stride, padding, dilation, ceil_mode, block_bytes, with_nan
):
    x = -np.abs(normal(shape, 1))  # padding must not win over negative entries
    if with_nan:
        x[normal(shape, 2) > 1.0] = np.nan
    options = kernel, stride, padding, dilation, ceil_mode
    try:
        expected = ops.max_pool2d(x, *options)[0]
    except ValueError:
        return
    with mock.patch.object(_blocks, "BLOCK_BYTES", block_bytes):
        y = max_pool(x.transpose(0, 2, 3, 1), pooling_window(x, *options))
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), expected)
