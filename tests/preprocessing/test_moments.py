"""Means and squared deviations: exact sums, parts put together, NaN left out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.preprocessing.moments import combine_moments, moments_of


def in_fractions(column, weight):
    """Return the exact moments of the entries that are not NaN, as floats."""
    pairs = [
        (Fraction(float(x)), Fraction(float(s)))
        for x, s in zip(column, weight, strict=True)
        if x == x
    ]
    total = sum(s for _, s in pairs)
    mean = sum(s * x for x, s in pairs) / total
    return float(total), float(mean), float(sum(s * (x - mean) ** 2 for x, s in pairs))


@given(
    seed=st.integers(0, 1000),
    mean=st.sampled_from([0.0, 1.0, 1e8, -1e12]),
    weighted=st.booleans(),
    with_nan=st.booleans(),
)
def test_the_moments_are_those_of_exact_arithmetic(seed, mean, weighted, with_nan):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(25, 2)) + mean
    if with_nan:
        X[rng.random(X.shape) < 0.3] = np.nan
    weight = rng.uniform(0.1, 3, 25) if weighted else None
    found = moments_of(X, weight)
    for d in range(2):
        expected = in_fractions(X[:, d], np.ones(25) if weight is None else weight)
        # The numbers stored are sums of 25 terms; none of them cancels.
        np.testing.assert_allclose([part[d] for part in found], expected, rtol=1e-13, atol=1e-15)


@given(seed=st.integers(0, 1000), cut=st.integers(1, 19), weighted=st.booleans())
def test_two_parts_together_have_the_moments_of_the_whole(seed, cut, weighted):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 3)) + [0, 100, 1e6]
    X[rng.random(X.shape) < 0.2] = np.nan
    X[0] = X[-1] = 5.0  # no feature with nothing but NaN
    weight = rng.uniform(0.1, 3, 20) if weighted else np.ones(20)
    parts = moments_of(X[:cut], weight[:cut]), moments_of(X[cut:], weight[cut:])
    for found, expected in zip(combine_moments(*parts), moments_of(X, weight), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_a_part_with_nothing_but_nan_changes_nothing():
    X = np.array([[1.0], [3.0]])
    empty = moments_of(np.full((2, 1), np.nan))
    assert empty.weight[0] == 0
    assert np.isnan(empty.mean[0])
    for found in (
        combine_moments(moments_of(X), empty),
        combine_moments(empty, moments_of(X)),
    ):
        assert [float(part[0]) for part in found] == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_short_floats_are_summed_in_float64(dtype):
    X = (np.random.default_rng(0).normal(size=(1000, 2)) + 100).astype(dtype)
    expected = moments_of(X.astype(np.float64))
    for found, part in zip(moments_of(X), expected, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, part, rtol=1e-13)
