"""The metrics of a confusion matrix: those of the library, and the bootstrap of the matrix alone."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchnet import metrics
from scratchnet.cli.evaluate.counts import count_measures, count_metrics
from scratchnet.cli.evaluate.measure import Settings, bootstrapped
from scratchnet.cli.evaluate.regression import median_ranks


def samples(matrix):
    """Return the truth and the prediction that have this confusion matrix."""
    cells = np.repeat(np.arange(matrix.size), matrix.ravel())
    return cells // len(matrix), cells % len(matrix)


@settings(max_examples=60, deadline=None)
@given(
    matrix=st.integers(2, 4)
    .flatmap(lambda k: arrays(np.int64, (k, k), elements=st.integers(0, 6)))
    .filter(np.any)
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # undefined figures, which are compared as well
def test_metrics_of_the_counts_are_those_of_the_samples(matrix):
    y_true, y_pred = samples(matrix)
    found = {name: value[0] for name, value in count_metrics(matrix[None]).items()}
    labels = np.arange(len(matrix))
    f1 = metrics.f1_score(y_true, y_pred, labels=labels, average=None, zero_division=np.nan)
    np.testing.assert_allclose(found["f1"], f1, rtol=1e-13)
    expected = {
        "balanced_accuracy": metrics.balanced_accuracy_score(y_true, y_pred),
        "f1_macro": metrics.f1_score(y_true, y_pred, average="macro"),
        "cohen_kappa": metrics.cohen_kappa_score(y_true, y_pred, replace_undefined_by=np.nan),
        "matthews_corrcoef": metrics.matthews_corrcoef(y_true, y_pred),
    }
    if np.isnan(found["matthews_corrcoef"]):
        assert expected.pop("matthews_corrcoef") == 0  # scikit-learn's figure for 0/0
    for name, value in expected.items():
        # κ and MCC are differences of numbers up to N², and come out near 0 only to 1e-16 absolutely
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-15)


def test_drawing_cells_is_drawing_samples():
    matrix = np.array([[50, 6, 4], [3, 20, 7], [1, 2, 12]])
    overall, each = count_measures(matrix, Settings(n_resamples=20_000))
    y_true, y_pred = samples(matrix)

    def f1_of_class_1(y_true, y_pred):
        return metrics.f1_score(y_true, y_pred, labels=[1], average="macro")

    pairs = {
        metrics.cohen_kappa_score: overall["cohen_kappa"],
        metrics.balanced_accuracy_score: overall["balanced_accuracy"],
        f1_of_class_1: each[1],
    }
    for metric, measure in pairs.items():
        drawn = metrics.bootstrap_interval(
            metric, y_true, y_pred, n_resamples=2000, method="percentile", random_state=1
        )
        # an end is a quantile of 2000 draws: its standard error is √(q(1−q)/2000) / density, for a
        # normal distribution 0.06 of a standard deviation; five of those
        tolerance = 0.3 * drawn.standard_error
        assert measure.low == pytest.approx(drawn.low, abs=tolerance)
        assert measure.high == pytest.approx(drawn.high, abs=tolerance)


def test_the_number_of_samples_costs_nothing_and_narrows_the_interval():
    small = np.array([[40, 10], [5, 45]])
    widths = []
    for factor in (1, 10**8):  # ten billion samples
        measure = count_measures(small * factor, Settings())[0]["cohen_kappa"]
        assert measure.value == pytest.approx(0.7)  # (0.85 − 0.5) / (1 − 0.5)
        widths.append(measure.high - measure.low)
    # the width falls with √N; that of 2000 resamples is known to a few per cent
    assert widths[0] / widths[1] == pytest.approx(10**4, rel=0.15)


def test_a_thousand_classes_are_resampled_in_blocks():
    matrix = np.diag(np.full(1000, 9)) + np.diag(np.ones(999, np.int64), 1)
    overall, each = count_measures(matrix, Settings(n_resamples=6))
    assert overall["f1_macro"].low < overall["f1_macro"].high
    assert len(each) == 1000


def spread(x):
    return float(np.sqrt(np.mean((x - x.mean()) ** 2)))


def test_the_interval_of_many_samples_is_that_of_a_part_made_narrower():
    x = np.random.default_rng(0).normal(5, 2, size=40_000)
    few = Settings(n_resamples=500)
    found = bootstrapped(spread, x, settings=few)
    assert found.value == spread(x)
    assert found.low < found.value < found.high
    # of a normal sample the standard error is σ/√(2N); the ends are quantiles of 500 draws, each
    # with a standard error of 0.12 standard deviations
    for end in (found.value - found.low, found.high - found.value):
        assert end == pytest.approx(1.96 * 2 / np.sqrt(2 * len(x)), rel=0.25)
    assert "of 10000 samples" in found.method
    rare = np.arange(len(x)) % 100 == 0  # about 100 of the 10,000 drawn
    all_drawn = bootstrapped(
        lambda x, rare: x[rare].mean(), x, rare, settings=Settings(n_resamples=20), stratify=rare
    )
    assert all_drawn.method == "bootstrap, percentile"


@pytest.mark.parametrize("n", [8, 10, 25, 100, 1000])
def test_the_median_lies_between_its_ranks_as_often_as_said(n):
    low, high = median_ranks(n, 0.95)
    assert 1 <= low < high <= n
    # the true median is between x_(l) and x_(u) if at least l and fewer than u samples are below it
    coverage = sum(comb(n, k) for k in range(low, high)) / 2**n
    # whole ranks: the binomial has steps of up to 0.8 / √n, and rounding is outwards
    assert 0.95 - 0.002 <= coverage <= 0.95 + 0.8 / np.sqrt(n)
    assert median_ranks(3, 0.95)[0] < 1
