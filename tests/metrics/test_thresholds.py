"""Counts and metrics at each threshold."""

import numpy as np
import pytest
from hypothesis import given
from metrics.ranking_cases import binary_cases

from scratchnet.metrics import confusion_matrix_at_thresholds, metric_at_thresholds


def counts(y_true, y_pred, sample_weight=None):
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    return [
        weight[(y_true == t) & (y_pred == p)].sum() for t, p in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]


@given(binary_cases())
def test_counts_are_those_of_the_predictions_at_each_threshold(case):
    y_true, score, weight = case
    for w in (None, weight):
        *found, thresholds = confusion_matrix_at_thresholds(y_true, score, sample_weight=w)
        np.testing.assert_array_equal(thresholds, np.unique(score)[::-1])
        expected = [counts(y_true, score >= t, w) for t in thresholds]
        # multiples of ½, whose sums are exact
        np.testing.assert_array_equal(np.column_stack(found), expected)
        values, same = metric_at_thresholds(y_true, score, counts, sample_weight=w)
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(same, thresholds)


def test_samples_of_weight_zero_have_no_threshold_and_parameters_reach_the_metric():
    def share(y_true, y_pred, sample_weight, factor):
        return factor * np.average(y_true == y_pred, weights=sample_weight)

    values, thresholds = metric_at_thresholds(
        [0, 1, 1],
        [0.2, 0.7, 0.4],
        share,
        sample_weight=[2, 1, 0],
        metric_params={"factor": 3},
    )
    np.testing.assert_array_equal(thresholds, [0.7, 0.2])
    np.testing.assert_allclose(values, [3, 1])
    *_, thresholds = confusion_matrix_at_thresholds(
        [0, 1, 1], [0.2, 0.7, 0.4], sample_weight=[2, 1, 0]
    )
    np.testing.assert_array_equal(thresholds, [0.7, 0.2])


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="y_true has 2, y_score has 3"):
        metric_at_thresholds([0, 1], [0.1, 0.2, 0.3], counts)
