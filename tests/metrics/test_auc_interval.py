"""DeLong's interval and test: against the formulas of 1988 pair by pair, resampling, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.ranking_cases import SCORES, binary_cases

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    bootstrap_interval,
    delong_test,
    roc_auc_interval,
    roc_auc_score,
)
from scratchnet.metrics.auc_interval import _placements


def components(y_true, score):
    """Return V10 and V01 of DeLong et al. 1988 from the table of all pairs."""
    x, y = score[y_true == 1], score[y_true == 0]
    psi = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
    return psi.mean(axis=1), psi.mean(axis=0)


def covariance_1988(y_true, scores):
    """Return the covariance matrix of the areas, S = S10 / m + S01 / n (their eq. 4 and 5)."""
    v10, v01 = zip(*(components(y_true, s) for s in scores), strict=True)
    s10, s01 = np.atleast_2d(np.cov(v10)), np.atleast_2d(np.cov(v01))
    return s10 / len(v10[0]) + s01 / len(v01[0])


def at_least_two(y_true):
    return min(np.bincount(y_true, minlength=2)) >= 2


@given(binary_cases(min_samples=4))
def test_placements_are_the_means_over_all_pairs(case):
    y_true, score, _ = case
    found = _placements(score[y_true == 1], score[y_true == 0])
    for a, b in zip(found, components(y_true, score), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-15)


@given(binary_cases(min_samples=6, scores=("uniform", "few", "logits", "float32")))
@pytest.mark.filterwarnings("ignore::scratchnet.exceptions.UndefinedMetricWarning")
def test_the_interval_is_that_of_the_variance_of_1988_on_the_logit_scale(case):
    y_true, score, _ = case
    if not at_least_two(y_true):
        return
    found = roc_auc_interval(y_true, score, confidence_level=0.9)
    area = roc_auc_score(y_true, score)
    error = math.sqrt(covariance_1988(y_true, [score])[0, 0])
    assert found.estimate == pytest.approx(area, rel=1e-14)
    assert found.standard_error == pytest.approx(error, abs=1e-15)
    if 0 < area < 1 and error > 1e-9:
        half = 1.6448536269514722 * error / (area * (1 - area))
        logits = [math.log(p / (1 - p)) for p in (found.low, found.high)]
        center = math.log(area / (1 - area))
        np.testing.assert_allclose(logits, [center - half, center + half], rtol=1e-9)
        assert 0 < found.low < area < found.high < 1


@given(st.integers(0, 2**32), st.sampled_from(["uniform", "few", "logits"]))
@pytest.mark.filterwarnings("ignore::scratchnet.exceptions.UndefinedMetricWarning")
def test_the_test_is_that_of_the_covariance_of_1988(seed, kind):
    rng = np.random.default_rng(seed)
    y_true = np.append([0, 0, 1, 1], rng.integers(0, 2, 20))
    a = SCORES[kind](rng, 24) + 0.3 * y_true
    b = np.round(a + rng.normal(size=24), 1)
    found = delong_test(y_true, a, b)
    cov = covariance_1988(y_true, [a, b])
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    assert found.auc_a == pytest.approx(roc_auc_score(y_true, a))
    assert found.auc_b == pytest.approx(roc_auc_score(y_true, b))
    assert found.difference == found.auc_a - found.auc_b
    assert found.covariance == pytest.approx(cov[0, 1], abs=1e-15)
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    z = found.difference / math.sqrt(variance)
    assert found.statistic == pytest.approx(z, rel=1e-9)
    assert found.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-9)
    half = 1.959963984540054 * math.sqrt(variance)
    ends = found.difference - half, found.difference + half
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-9)
    # the interval and the test agree on whether 0 is excluded
    assert (found.low <= 0 <= found.high) == (found.p_value >= 0.05)


@given(binary_cases(min_samples=6, scores=("uniform", "few")))
@pytest.mark.filterwarnings("ignore::scratchnet.exceptions.UndefinedMetricWarning")
def test_exchanging_the_scores_or_the_classes_mirrors_the_result(case):
    y_true, score, weight = case
    if not at_least_two(y_true):
        return
    there = delong_test(y_true, score, score * weight)
    back = delong_test(y_true, score * weight, score)
    np.testing.assert_allclose(there.difference, -back.difference)
    np.testing.assert_allclose(there.p_value, back.p_value)
    mirrored = roc_auc_interval(1 - y_true, -score)
    np.testing.assert_allclose(mirrored, roc_auc_interval(y_true, score), atol=1e-14)
    falling = roc_auc_interval(y_true, -score)
    np.testing.assert_allclose(
        [1 - falling.high, 1 - falling.low], roc_auc_interval(y_true, score)[1:3], atol=1e-12
    )


def binormal(rng, m, n, shift):
    return np.repeat([1, 0], [m, n]), np.append(rng.normal(shift, 1, m), rng.normal(0, 1, n))


def test_the_standard_error_is_that_of_resampling():
    rng = np.random.default_rng(1)
    y_true, score = binormal(rng, 60, 80, 1.0)
    other = score + rng.normal(size=140)
    interval = roc_auc_interval(y_true, score)
    resampled = bootstrap_interval(
        roc_auc_score, y_true, score, n_resamples=600, stratify=y_true, random_state=0
    )
    # A standard error from B resamples is off by about its 1/√(2B), 3 %; the bootstrap divides by m
    # where DeLong divides by m − 1, 1 %. Three times that.
    assert interval.standard_error == pytest.approx(resampled.standard_error, rel=0.1)
    # and the interval's ends are as close as quantiles of 600 are known, a tenth of its width
    width = interval.high - interval.low
    assert interval.low == pytest.approx(resampled.low, abs=0.1 * width)
    assert interval.high == pytest.approx(resampled.high, abs=0.1 * width)

    def difference(y, a, b):
        return roc_auc_score(y, a) - roc_auc_score(y, b)

    test = delong_test(y_true, score, other)
    resampled = bootstrap_interval(
        *(difference, y_true, score, other), n_resamples=600, stratify=y_true, random_state=0
    )
    assert test.standard_error == pytest.approx(resampled.standard_error, rel=0.1)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_covers_the_true_area_as_often_as_it_says(shift):
    rng = np.random.default_rng(2)
    true = 0.5 * math.erfc(-shift / 2)  # Φ(shift / √2): 0.5, 0.76, 0.961
    hits = plain = 0
    for _ in range(800):
        y_true, score = binormal(rng, 30, 30, shift)
        found = roc_auc_interval(y_true, score)
        hits += found.low <= true <= found.high
        plain += abs(found.estimate - true) <= 1.959964 * found.standard_error
    # 800 draws know a share of 0.95 to ± 0.023 (three standard deviations).
    assert 0.927 <= hits / 800 <= 0.985
    if shift == 2.5:  # near 1 the plain interval covers too seldom: the reason for the logit
        assert plain / 800 < 0.927


def test_the_test_rejects_equal_scores_as_often_as_it_says():
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(600):
        y_true, signal = binormal(rng, 40, 40, 1.0)
        a, b = (signal + rng.normal(size=80) for _ in range(2))
        rejected += delong_test(y_true, a, b).p_value < 0.05
    assert 0.023 <= rejected / 600 <= 0.077  # 0.05 ± three standard deviations


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 50), (10, 30), (40, 40)])
def test_a_perfect_separation_has_the_exact_lower_bound_of_disjoint_pairs(m, n):
    y_true = np.repeat([0, 1], [n, m])
    score = np.arange(m + n)
    k = min(m, n)
    up = roc_auc_interval(y_true, score)
    assert (up.estimate, up.high) == (1, 1)
    assert up.low**k == pytest.approx(0.025)  # θᵏ: k pairs without a common sample, all in order
    down = roc_auc_interval(y_true, -score)
    assert (down.estimate, down.low) == (0, 0)
    assert down.high == pytest.approx(1 - up.low)


def test_undefined_intervals_are_nan_with_a_warning_that_says_why():
    with pytest.warns(UndefinedMetricWarning, match="3 positives and 0 negatives"):
        assert np.isnan(roc_auc_interval([1, 1, 1], [0.1, 0.2, 0.3])).all()
    with pytest.warns(UndefinedMetricWarning, match="one sample of a class"):
        found = roc_auc_interval([1, 0, 0], [0.2, 0.1, 0.3])
    assert found.estimate == 0.5
    assert np.isnan(found[1:]).all()
    with pytest.warns(UndefinedMetricWarning, match="scores that do not vary"):
        found = roc_auc_interval([1, 1, 0, 0], [0.5] * 4)
    np.testing.assert_array_equal(found, [0.5, np.nan, np.nan, 0.0])
    with pytest.warns(UndefinedMetricWarning, match="0 positives and 3 negatives"):
        assert np.isnan(delong_test([0, 0, 0], [1, 2, 3], [1, 2, 3])).all()
    with pytest.warns(UndefinedMetricWarning, match="1 positives and 2 negatives"):
        found = delong_test([1, 0, 0], [0.2, 0.1, 0.3], [0.3, 0.2, 0.1])
    assert (found.difference, found.auc_a, found.auc_b) == (-0.5, 0.5, 1.0)
    assert np.isnan(found.p_value)
    with pytest.warns(UndefinedMetricWarning, match="no variation"):
        found = delong_test([0, 1, 0, 1], [1, 3, 2, 4], [10, 30, 20, 40])
    assert found.difference == 0
    assert np.isnan([found.low, found.high, found.statistic, found.p_value]).all()


@pytest.mark.parametrize("confidence_level", [0, 1, 95])
def test_the_level_lies_between_0_and_1(confidence_level):
    with pytest.raises(ValueError, match="confidence_level must be"):
        roc_auc_interval([0, 1], [0.1, 0.2], confidence_level=confidence_level)


def test_errors_name_the_scores_that_are_wrong():
    with pytest.raises(ValueError, match="y_score_b contains NaN: row 1"):
        delong_test([0, 1], [0.1, 0.2], [0.1, np.nan])
    with pytest.raises(ValueError, match="y_true has 2, y_score_b has 3"):
        delong_test([0, 1], [0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="pos_label is not specified"):
        roc_auc_interval(["a", "b"], [0.1, 0.2])
