"""The linear kernel is `ops.linear`, however its features are shared."""

from unittest import mock

import numpy as np
from compare import whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import ops
from scratchnet.kernels import LinearKernel, linear


@given(
    st.lists(st.integers(0, 3), max_size=2),
    *[st.integers(1, 9)] * 2,
    st.sampled_from([1, 100, 1 << 20]),
    st.booleans(),
    st.sampled_from([(None, None), (0.0, None), (0.0, 6.0)]),
)
def test_the_kernel_computes_what_the_operation_does(batch, D, F, block_bytes, has_bias, bounds):
    x, weight = whole((*batch, D), 1), whole((F, D), 2)
    bias = whole(F, 3) if has_bias else None
    expected = ops.linear(x, weight, bias)[0]
    if bounds != (None, None):
        expected = np.clip(expected, *bounds)
    with mock.patch.object(linear, "BLOCK_BYTES", block_bytes):
        np.testing.assert_array_equal(LinearKernel(weight, bias)(x, bounds), expected)


def test_weights_are_copied():
    weight, bias, x = whole((3, 2), 1), whole(3, 2), whole((4, 2), 3)
    kernel = LinearKernel(weight, bias)
    before = kernel(x)
    weight += 1.0
    bias += 1.0
    np.testing.assert_array_equal(kernel(x), before)
