"""Wilson's interval solves its equation, and covers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import wilson_interval
from scratchnet.metrics._normal import critical_value, normal_cdf, normal_quantile, two_sided_p


@given(st.integers(1, 1000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_its_ends_are_where_the_normal_test_just_does_not_reject(n, share, level):
    k = round(share * n)
    found = wilson_interval(k, n, confidence_level=level)
    z = critical_value(level)
    assert found.estimate == k / n
    for p in (found.low, found.high):
        # |k/n − p| = z √(p(1−p)/n), the equation whose two solutions they are; squared it has no
        # root to lose digits in. 1e-15 is some roundings of numbers up to 1.
        assert (k / n - p) ** 2 == pytest.approx(z**2 * p * (1 - p) / n, rel=1e-9, abs=1e-15)
    assert 0 <= found.low <= k / n <= found.high <= 1
    assert found.low < found.high


def test_no_success_and_no_failure_end_exactly_at_0_and_1():
    n = np.arange(1, 200)
    assert (wilson_interval(0, n).low == 0).all()
    assert (wilson_interval(n, n).high == 1).all()
    assert wilson_interval(0, 10).high == pytest.approx(1.959964**2 / (10 + 1.959964**2))


def test_arrays_broadcast_and_numbers_give_numbers():
    found = wilson_interval([[3], [5]], [10, 20, 30])
    assert found.low.shape == (2, 3)
    assert found.low[1, 2] == wilson_interval(5, 30).low
    assert all(isinstance(value, float) for value in wilson_interval(3, 10))


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
def test_it_covers_on_average_as_it_says(p):
    # The exact coverage, Σ_k P(k) [low_k ≤ p ≤ high_k], swings with n; its mean over n does not. Plain
    # k/n ± z √(…) covers 0.02 with less than 0.8 here.
    coverage = []
    for n in range(20, 60):
        k = np.arange(n + 1)
        log_choose = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k]
        chance = np.exp(log_choose + k * math.log(p) + (n - k) * math.log(1 - p))
        found = wilson_interval(k, n)
        coverage.append(chance[(found.low <= p) & (p <= found.high)].sum())
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.02)


def test_no_trial_is_nan_with_a_warning():
    with pytest.warns(UndefinedMetricWarning, match="no trials"):
        found = wilson_interval([0, 1], [0, 2])
    assert np.isnan(found.low).tolist() == np.isnan(found.estimate).tolist() == [True, False]


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (1, -2), ([1, 3], [2, 2])])
def test_counts_that_cannot_be_are_refused(k, n):
    with pytest.raises(ValueError, match="n_successes must be between 0 and n_trials, got"):
        wilson_interval(k, n)


def test_the_normal_distribution_is_consistent_far_out():
    for z in (-30.0, -6.0, -1.0, 0.0, 2.0, 5.0):
        assert normal_cdf(z) + normal_cdf(-z) == pytest.approx(1)
        assert two_sided_p(z) == pytest.approx(2 * normal_cdf(-abs(z)))
        assert normal_quantile(normal_cdf(z)) == pytest.approx(z, rel=1e-9, abs=1e-12)
    assert critical_value(0.95) == pytest.approx(1.959963984540054)
    assert normal_cdf(-30.0) == pytest.approx(4.906713927148187e-198, rel=1e-12)


def test_huge_counts_do_not_overflow():
    low, high = np.array(wilson_interval([1e154, 1.0], [1e155, 1e308])[1:])
    assert ((low >= 0) & (high <= 1) & (low <= high)).all()
    np.testing.assert_allclose([low[0], high[0]], 0.1)
