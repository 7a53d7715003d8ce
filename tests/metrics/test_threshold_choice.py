"""Thresholds: each is the best of all by its rule, and its rates and counts are those it gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.ranking_cases import binary_cases

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    roc_curve,
    threshold_for_cost,
    threshold_for_fpr,
    threshold_for_recall,
    threshold_for_youden,
)

RULES = {
    "youden": (threshold_for_youden, {}),
    "cost": (threshold_for_cost, {"cost_ratio": 0.5}),
    "prevalence": (threshold_for_cost, {"cost_ratio": 2.0, "prevalence": 0.7}),
    "recall": (threshold_for_recall, {"recall": 0.6}),
    "fpr": (threshold_for_fpr, {"fpr": 0.3}),
}


@pytest.mark.parametrize("rule", RULES)
@given(case=binary_cases(), is_weighted=st.booleans())
def test_rates_and_counts_are_those_of_score_at_least_the_threshold(rule, case, is_weighted):
    y_true, score, weight = case
    choose, arguments = RULES[rule]
    if not is_weighted:
        weight = np.ones(len(score), int)
    found = choose(y_true, score, sample_weight=weight if is_weighted else None, **arguments)
    predicted = score >= found.threshold
    matrix = [[weight[(y_true == t) & (predicted == p)].sum() for p in (0, 1)] for t in (0, 1)]
    np.testing.assert_array_equal(found.confusion_matrix, matrix)
    assert found.confusion_matrix.dtype == (np.float64 if is_weighted else np.int64)
    (tn, fp), (fn, tp) = matrix
    assert found.tpr == pytest.approx(tp / (tp + fn))
    assert found.fpr == pytest.approx(fp / (tn + fp))


@given(binary_cases(), st.floats(0.1, 10), st.floats(0.05, 0.95), st.floats(0, 1))
def test_no_other_threshold_is_better(case, cost_ratio, prevalence, wanted):
    y_true, score, _ = case
    fpr, tpr, thresholds = roc_curve(y_true, score, drop_intermediate=False)

    def first_best(gain):
        """Return the highest threshold whose gain is the best one, up to rounding."""
        return thresholds[np.flatnonzero(gain >= gain.max() - 1e-12)[0]]

    assert threshold_for_youden(y_true, score).threshold == first_best(tpr - fpr)

    for pi in (None, prevalence):
        share = y_true.mean() if pi is None else pi
        found = threshold_for_cost(y_true, score, cost_ratio=cost_ratio, prevalence=pi)
        cost = cost_ratio * (1 - share) * fpr + share * (1 - tpr)
        own = cost_ratio * (1 - share) * found.fpr + share * (1 - found.tpr)
        assert own == pytest.approx(cost.min(), abs=1e-12)

    found = threshold_for_recall(y_true, score, recall=wanted)
    assert found.tpr >= wanted
    assert found.threshold == thresholds[tpr >= wanted].max()
    assert found.fpr == fpr[tpr >= wanted].min()

    found = threshold_for_fpr(y_true, score, fpr=wanted)
    assert found.fpr <= wanted
    assert found.tpr == tpr[fpr <= wanted].max()
    assert found.threshold == thresholds[(fpr <= wanted) & (tpr == found.tpr)].max()


def test_thresholds_that_are_equally_good_are_seen_as_such():
    # J = 0.3 − 0 and then 0.4 − 0.1, which is 0.30000000000000004 in floats: the highest is taken.
    y_true = np.array([1] * 3 + [1, 0] + [0] * 9 + [1] * 6)
    score = np.repeat([0.9, 0.8, 0.7, 0.6], [3, 2, 9, 6])
    found = threshold_for_youden(y_true, score)
    assert (found.threshold, found.tpr, found.fpr) == (0.9, 0.3, 0.0)


def test_calibrated_probabilities_have_the_threshold_that_the_costs_give():
    rng = np.random.default_rng(0)
    prob = rng.random(50_000)
    y_true = (rng.random(50_000) < prob).astype(int)
    for ratio in (0.25, 1.0, 3.0):
        found = threshold_for_cost(y_true, prob, cost_ratio=ratio)
        # The cost is flat at its minimum, so the threshold strays: by about N^(−1/3) = 0.03.
        assert found.threshold == pytest.approx(ratio / (1 + ratio), abs=0.06)


def test_scores_that_know_nothing_are_best_left_unused():
    y_true, score = [1, 0, 0, 1], [0.1, 0.9, 0.8, 0.2]
    found = threshold_for_youden(y_true, score)
    assert (found.threshold, found.tpr, found.fpr) == (np.inf, 0, 0)
    found = threshold_for_fpr(y_true, score, fpr=0.1)
    assert found.threshold == np.inf
    assert threshold_for_recall(y_true, score, recall=1).threshold == 0.1


@pytest.mark.parametrize("rule", RULES)
def test_one_class_is_nan_with_a_warning_that_says_which_is_missing(rule):
    choose, arguments = RULES[rule]
    for y_true, missing in (([1, 1], "negatives"), ([0, 0], "positives")):
        with pytest.warns(UndefinedMetricWarning, match=f"no {missing}"):
            found = choose(y_true, [0.1, 0.2], **arguments)
        assert np.isnan(found[:3]).all()
        assert np.isnan(found.confusion_matrix).all()


@pytest.mark.parametrize(
    ("choose", "arguments", "words"),
    [
        (threshold_for_cost, {"cost_ratio": 0}, "cost_ratio must be above 0, got 0"),
        (threshold_for_cost, {"cost_ratio": 1, "prevalence": 1.0}, "prevalence must be below 1"),
        (threshold_for_recall, {"recall": 1.1}, "recall must be at most 1, got 1.1"),
        (threshold_for_fpr, {"fpr": -0.1}, "fpr must be at least 0, got -0.1"),
        (threshold_for_youden, {"sample_weight": [1, -1]}, "must not be negative"),
        (threshold_for_youden, {"y_true": [0, 2]}, "pos_label is not specified"),
    ],
)
def test_bad_arguments_are_refused(choose, arguments, words):
    arguments = {"y_true": [0, 1], "y_score": [0.1, 0.2], **arguments}
    with pytest.raises(ValueError, match=words):
        choose(**arguments)


def test_labels_may_be_strings():
    found = threshold_for_youden(["no", "yes", "no"], [0.1, 0.9, 0.2], pos_label="yes")
    assert (found.threshold, found.tpr, found.fpr) == (0.9, 1.0, 0.0)


def test_a_rate_that_is_the_wanted_one_but_for_rounding_is_the_wanted_one():
    y, score = [0] * 10 + [1], np.append(np.arange(10)[::-1] / 10, 0.65)
    plain = threshold_for_fpr(y, score, fpr=0.3)
    weighted = threshold_for_fpr(y, score, fpr=0.3, sample_weight=[0.1] * 11)
    assert plain.threshold == weighted.threshold == 0.65


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_of_the_weights_does_not_matter(unit):
    data = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    expected = threshold_for_youden(*data)
    found = threshold_for_youden(*data, sample_weight=[unit] * 4)
    assert found[:3] == expected[:3]
    np.testing.assert_allclose(found.confusion_matrix, unit * expected.confusion_matrix)


def test_an_infinite_cost_is_refused():
    with pytest.raises(ValueError, match="cost_ratio must be at most"):
        threshold_for_cost([0, 1], [0.1, 0.2], cost_ratio=float("inf"))
