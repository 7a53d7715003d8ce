"""Labels as numbers from 0, beside np.unique."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet.utils.label_codes import label_codes, samples_by_code

integers = st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]).flatmap(
    lambda kind: st.lists(
        st.integers(int(np.iinfo(kind).min), int(np.iinfo(kind).max)), min_size=1, max_size=5
    ).flatmap(
        lambda values: st.lists(
            st.sampled_from([*values, *(v + 1 for v in values if v < np.iinfo(kind).max)]),
            max_size=40,
        ).map(lambda labels: np.array(labels, dtype=kind))
    )
)
others = st.one_of(
    st.lists(st.floats(allow_nan=False), max_size=30).map(np.array),
    st.lists(st.floats(-3, 3).map(np.floor), max_size=30).map(lambda y: np.array(y, np.float32)),
    st.lists(st.booleans(), max_size=30).map(lambda y: np.array(y, bool)),
    st.lists(st.sampled_from(["b", "a", "ab"]), max_size=30).map(lambda y: np.array(y, object)),
    st.lists(st.sampled_from(["b", "a", "ab"]), max_size=30).map(lambda y: np.array(y, "U2")),
)


@given(labels=integers | others)
@example(labels=np.array([-128, 127] * 200, np.int8))
@example(labels=np.array([2**63 - 2, 2**63 + 1, 2**63 - 2], np.uint64))
@example(labels=np.array([-(2**63), -(2**63) + 3]))
@example(labels=np.array([1e300, -1e300, np.inf, 0.5]))
def test_codes_are_those_of_unique_inverse(labels):
    values, codes, counts = label_codes(labels)
    expected = np.unique(labels, return_inverse=True, return_counts=True)
    assert values.dtype == expected[0].dtype
    for found, wanted in zip((values, codes, counts), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert codes.dtype == counts.dtype == np.intp


@pytest.mark.parametrize("n_codes", [1, 3, 256, 257, 2**16, 2**16 + 1])
def test_each_code_gets_its_samples_in_ascending_order(n_codes):
    codes = np.random.default_rng(0).permutation(np.arange(2 * n_codes + 1) % n_codes)
    members = samples_by_code(codes, np.bincount(codes))
    assert len(members) == n_codes
    for k in {0, n_codes // 2, n_codes - 1}:
        np.testing.assert_array_equal(members[k], np.flatnonzero(codes == k))
