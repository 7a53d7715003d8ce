"""The bootstrap: its resamples, its quantiles, and what happens where a metric is undefined."""

import numpy as np
import pytest

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import bootstrap_interval, roc_auc_score
from scratchnet.metrics._normal import normal_cdf, normal_quantile

SAMPLES = np.random.default_rng(0).exponential(size=40)


def test_the_percentile_interval_is_the_quantiles_of_the_resampled_metric():
    found = bootstrap_interval(
        np.median, SAMPLES, n_resamples=500, method="percentile", random_state=1
    )
    # the resamples, drawn again one by one
    state = np.random.RandomState(1)
    index = state.randint(40, size=(500, 40))
    expected = [np.median(SAMPLES[i]) for i in index]
    np.testing.assert_array_equal(found.distribution, expected)
    assert found.estimate == np.median(SAMPLES)
    assert (found.low, found.high) == tuple(np.quantile(expected, [0.025, 0.975]))
    assert found.standard_error == np.std(expected, ddof=1)
    assert found.n_undefined == 0


def test_bca_takes_the_quantiles_that_the_bias_and_the_skewness_give():
    found = bootstrap_interval(np.mean, SAMPLES, n_resamples=800, random_state=1)
    theta = found.distribution
    z0 = normal_quantile(np.mean(theta < found.estimate))
    left_out = np.array([np.delete(SAMPLES, i).mean() for i in range(40)])
    d = left_out.mean() - left_out
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    assert a > 0.02  # exponential samples are skewed, so that this test sees it
    levels = [
        normal_cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
        for z in (-1.959963984540054, 1.959963984540054)
    ]
    np.testing.assert_allclose((found.low, found.high), np.quantile(theta, levels), rtol=1e-12)


def test_resamples_equal_to_the_estimate_count_half_in_the_bias():
    y_pred = np.array([1] * 15 + [0] * 5)  # an accuracy of few values, often that of the samples
    found = bootstrap_interval(np.mean, y_pred, n_resamples=800, random_state=1)
    theta = found.distribution
    share = np.mean(theta < 0.75) + np.mean(theta == 0.75) / 2
    assert np.mean(theta == 0.75) > 0.15
    d = y_pred - y_pred.mean()  # the mean without a sample is linear in it
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    z0 = normal_quantile(share)
    levels = [normal_cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in (-1.959964, 1.959964)]
    assert (found.low, found.high) == tuple(np.quantile(theta, levels))
    # With all of the ties, or none, on one side the interval would be another one.
    for other in (share - np.mean(theta == 0.75) / 2, share + np.mean(theta == 0.75) / 2):
        z0 = normal_quantile(other)
        levels = [normal_cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in (-1.959964, 1.959964)]
        assert (found.low, found.high) != tuple(np.quantile(theta, levels))


def test_bca_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    found = bootstrap_interval(np.var, SAMPLES, n_resamples=4000, random_state=1)
    theirs = stats.bootstrap((SAMPLES,), np.var, n_resamples=4000, method="BCa", rng=1)
    # Quantiles of 4000 draws each: a tenth of the width is about four of their standard errors.
    width = found.high - found.low
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.1 * width)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.1 * width)


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_the_same_seed_gives_the_same_interval_and_a_vectorized_metric_too(method):
    arguments = {"n_resamples": 200, "method": method, "random_state": 3}
    one = bootstrap_interval(np.mean, SAMPLES, **arguments)
    two = bootstrap_interval(np.mean, SAMPLES, **arguments)
    rows = bootstrap_interval(lambda x: x.mean(axis=-1), SAMPLES, vectorized=True, **arguments)
    for other in (two, rows):
        np.testing.assert_allclose(other.distribution, one.distribution, rtol=1e-15)
        np.testing.assert_allclose(other[:5], one[:5], rtol=1e-12)
    assert bootstrap_interval(np.mean, SAMPLES, **{**arguments, "random_state": 4}) != one


def test_all_arrays_are_drawn_alike():
    table = np.column_stack((SAMPLES, SAMPLES**2))

    def metric(x, xy):
        assert (xy[:, 0] == x).all()
        assert (xy[:, 1] == x**2).all()
        return xy.mean()

    bootstrap_interval(metric, SAMPLES, table, n_resamples=20, random_state=0)


def test_stratified_resamples_keep_the_size_of_each_class():
    y = np.repeat(["a", "b", "c"], [3, 30, 7])

    def metric(labels):
        assert (np.unique(labels, return_counts=True)[1] == [3, 30, 7]).all()
        return float((labels == "a").mean())

    with pytest.warns(UndefinedMetricWarning, match="0.075 for every resample"):
        bootstrap_interval(
            metric, y, stratify=y, n_resamples=50, method="percentile", random_state=0
        )


def test_blocks_do_not_change_the_draws(monkeypatch):
    from scratchnet.metrics import bootstrap

    whole = bootstrap_interval(np.mean, SAMPLES, n_resamples=100, random_state=0)
    monkeypatch.setattr(bootstrap, "BLOCK", 130)  # three resamples at once
    parts = bootstrap_interval(np.mean, SAMPLES, n_resamples=100, random_state=0)
    np.testing.assert_array_equal(whole.distribution, parts.distribution)


def test_leaving_out_parts_estimates_the_same_skewness(monkeypatch):
    from scratchnet.metrics import bootstrap

    x = np.sort(np.random.default_rng(1).exponential(size=300))  # parts must be random
    ends = []
    for most in (300, 130):  # each sample alone; parts of two and three
        monkeypatch.setattr(bootstrap, "MAX_JACKKNIFE", most)
        found = bootstrap_interval(
            lambda v: v.mean(axis=-1), x, n_resamples=4000, vectorized=True, random_state=0
        )
        ends.append((found.low, found.high))
    width = ends[0][1] - ends[0][0]
    # The same resamples, but a differs by its noise of 0.4 / 130 = 0.003, which moves z by z² times
    # that: by 0.012 of 3.92. The skewness itself, a = 0.02, moves it by 0.08.
    np.testing.assert_allclose(ends[0], ends[1], atol=0.01 * width)


def test_undefined_resamples_are_left_out_counted_and_reported():
    y, score = np.array([1, 0, 0, 0, 1, 0]), np.array([0.9, 0.1, 0.4, 0.2, 0.3, 0.5])
    with pytest.warns(
        UndefinedMetricWarning, match=r"undefined for \d+ of 300 .* stratify="
    ) as seen:
        found = bootstrap_interval(
            roc_auc_score, y, score, n_resamples=300, method="percentile", random_state=0
        )
    assert len(seen) == 1  # and not one for each resample
    assert found.n_undefined == np.isnan(found.distribution).sum() > 10
    defined = found.distribution[~np.isnan(found.distribution)]
    assert (found.low, found.high) == tuple(np.quantile(defined, [0.025, 0.975]))
    kept = bootstrap_interval(roc_auc_score, y, score, n_resamples=300, stratify=y, random_state=0)
    assert kept.n_undefined == 0
    assert np.isfinite(kept[:4]).all()


def test_what_leaves_no_interval_is_nan_with_a_warning_that_says_why():
    with pytest.warns(UndefinedMetricWarning, match="of these samples is undefined"):
        found = bootstrap_interval(
            roc_auc_score, [1, 1], [0.1, 0.2], n_resamples=10, random_state=0
        )
    assert np.isnan(found[:4]).all()
    with pytest.warns(UndefinedMetricWarning, match="such as sample 0"):
        bootstrap_interval(
            roc_auc_score,
            [1, 0, 0, 0],
            [0.3, 0.1, 0.4, 0.2],
            n_resamples=50,
            stratify=[1, 0, 0, 0],
            random_state=0,
        )
    with pytest.warns(UndefinedMetricWarning, match="one side of the estimate"):
        found = bootstrap_interval(
            lambda x: len(np.unique(x)), np.arange(30), n_resamples=50, random_state=0
        )
    assert np.isnan(found.low)
    assert found.standard_error > 0


def test_no_variation_at_all_is_reported():
    with pytest.warns(UndefinedMetricWarning, match="1 for every resample"):
        found = bootstrap_interval(np.mean, np.ones(5), n_resamples=20, random_state=0)
    assert found[:4] == (1, 1, 1, 0)


def test_where_the_skewness_leaves_no_quantile_it_is_the_end_of_the_distribution():
    # One sample outweighs the others: a is nearly its largest possible value, 1/6, and from z = 6 on
    # 1 − a (z₀ + z) is negative.
    x = np.append(np.linspace(0, 1, 400), 1e6)
    found = bootstrap_interval(
        np.mean, x, n_resamples=400, confidence_level=1 - 1e-11, random_state=0
    )
    assert found.high == found.distribution.max()
    mirrored = bootstrap_interval(
        np.mean, -x, n_resamples=400, confidence_level=1 - 1e-11, random_state=0
    )
    assert mirrored.low == mirrored.distribution.min() == -found.high


def test_an_error_of_the_metric_is_not_hidden():
    def metric(x):
        raise ZeroDivisionError("the metric's own")

    with pytest.raises(ZeroDivisionError, match="own"):
        bootstrap_interval(metric, SAMPLES, n_resamples=10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"arrays": ()}, "at least one array"),
        ({"arrays": ([],)}, "are empty"),
        ({"arrays": ([1, 2], [1, 2, 3])}, "array 1 has 2, array 2 has 3"),
        ({"arrays": (3.0,)}, "one is a number"),
        ({"stratify": [1]}, "stratify has 1"),
        ({"n_resamples": 1}, "n_resamples must be at least 2, got 1"),
        ({"method": "basic"}, "method must be one of 'BCa', 'percentile', got 'basic'"),
        ({"vectorized": True}, r"one number for each of 1 resamples, it returned the shape \(\)"),
        ({"confidence_level": 1}, "confidence_level must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    arrays = arguments.pop("arrays", (SAMPLES,)) if "arrays" in arguments else (SAMPLES,)
    with pytest.raises(ValueError, match=words):
        bootstrap_interval(np.mean, *arrays, **arguments)


@pytest.mark.parametrize("unit", [1e-200, 1e300])
@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_the_unit_of_the_metric_does_not_matter(unit, method):
    y = np.arange(8.0)
    plain, scaled = (
        bootstrap_interval(
            lambda y, u=u: y.mean() * u, y, n_resamples=200, method=method, random_state=0
        )
        for u in (1.0, unit)
    )
    np.testing.assert_allclose(scaled[:4], np.array(plain[:4]) * unit, rtol=1e-9)


def test_an_infinite_metric_is_undefined():
    with pytest.warns(UndefinedMetricWarning, match="undefined for"):
        found = bootstrap_interval(
            lambda y: np.inf if y[0] > 2 else y.mean(),
            np.arange(5.0),
            n_resamples=50,
            random_state=0,
        )
    assert np.isfinite(found[:4]).all()
    assert found.n_undefined > 0
