"""Precision-recall curve and average precision."""

import numpy as np
import pytest
from hypothesis import given
from metrics.ranking_cases import binary_cases, table_cases

from scratchnet.metrics import average_precision_score, precision_recall_curve


@given(binary_cases())
def test_each_point_of_the_curve_is_what_its_threshold_gives(case):
    y_true, score, weight = case
    precision, recall, thresholds = precision_recall_curve(y_true, score, sample_weight=weight)
    np.testing.assert_array_equal(thresholds, np.unique(score))
    positive = y_true == 1
    for p, r, t in zip(precision, recall, thresholds, strict=False):
        predicted = score >= t
        tp = weight[predicted & positive].sum()
        assert p == pytest.approx(tp / weight[predicted].sum(), rel=1e-15)
        assert r == pytest.approx(tp / weight[positive].sum(), rel=1e-15)


@given(binary_cases())
def test_the_curve_runs_from_recall_1_to_a_point_of_precision_1_and_recall_0(case):
    precision, recall, thresholds = precision_recall_curve(*case[:2])
    assert recall[0] == 1
    assert (precision[-1], recall[-1]) == (1, 0)
    assert len(precision) == len(recall) == len(thresholds) + 1
    assert (np.diff(recall) <= 0).all()


@given(binary_cases())
def test_what_drop_intermediate_leaves_out_lies_between_points_of_its_recall(case):
    whole = precision_recall_curve(*case[:2])
    short = precision_recall_curve(*case[:2], drop_intermediate=True)
    dropped = ~np.isin(whole[2], short[2])
    for i in np.flatnonzero(dropped):
        assert 0 < i < len(dropped) - 1
        assert whole[1][i - 1] == whole[1][i] == whole[1][i + 1]
    assert set(short[1]) == set(whole[1])


@given(binary_cases())
def test_average_precision_is_the_mean_over_positives_of_the_precision_at_their_score(case):
    y_true, score, weight = case
    positive = y_true == 1
    at_own_score = []
    for s in score[positive]:
        predicted = score >= s
        at_own_score.append(weight[predicted & positive].sum() / weight[predicted].sum())
    expected = np.average(at_own_score, weights=weight[positive])
    found = average_precision_score(y_true, score, sample_weight=weight)
    assert found == pytest.approx(expected, rel=1e-13)  # sums of at most 40 terms
    # and the area of the steps of the curve
    precision, recall, _ = precision_recall_curve(y_true, score, sample_weight=weight)
    assert found == pytest.approx(-(np.diff(recall) * precision[:-1]).sum(), rel=1e-13)


def test_it_is_a_sum_of_steps_and_no_trapezoid():
    y_true, score = [0, 1, 1], [0.5, 0.9, 0.1]
    assert average_precision_score(y_true, score) == pytest.approx((1 + 2 / 3) / 2)
    precision, recall, _ = precision_recall_curve(y_true, score)
    assert -np.trapezoid(precision, recall) == pytest.approx(0.5 + 0.5 * (1 / 2 + 2 / 3) / 2)


def test_constant_scores_have_the_share_of_the_positives():
    assert average_precision_score([1, 0, 0, 0], np.zeros(4)) == 0.25


def test_no_positive_is_0_with_a_warning():
    with pytest.warns(UserWarning, match="No positive class found"):
        assert average_precision_score([0, 0], [0.1, 0.2]) == 0
    with pytest.warns(UserWarning, match="No positive class found"):
        precision, recall, _ = precision_recall_curve([0, 0], [0.1, 0.2])
    np.testing.assert_array_equal(recall, [1, 1, 0])
    np.testing.assert_array_equal(precision, [0, 0, 1])


@given(table_cases())
@pytest.mark.filterwarnings("ignore:No positive class")
def test_averages_over_labels_are_what_they_say(case):
    y_true, score, weight = case

    def precision(average, weight=weight):
        return average_precision_score(y_true, score, average=average, sample_weight=weight)

    columns = [
        average_precision_score(t, s, sample_weight=weight)
        for t, s in zip(y_true.T, score.T, strict=True)
    ]
    support = weight @ y_true
    np.testing.assert_array_equal(precision(None), columns)
    assert precision("macro") == pytest.approx(np.mean(columns))
    assert precision("weighted") == pytest.approx(columns @ support / support.sum())
    flat = np.repeat(weight, y_true.shape[1])
    assert precision("micro") == average_precision_score(
        y_true.ravel(), score.ravel(), sample_weight=flat
    )
    rows = [average_precision_score(t, s) for t, s in zip(y_true, score, strict=True)]
    assert precision("samples") == pytest.approx(weight @ rows / weight.sum())


def test_several_classes_are_each_one_against_the_rest():
    rng = np.random.default_rng(0)
    y, score = np.append([0, 1, 2], rng.integers(0, 3, 20)), rng.random((23, 3))
    names = np.array(["ant", "bee", "cat"])[y]
    each = [average_precision_score(y == k, score[:, k]) for k in range(3)]
    np.testing.assert_array_equal(average_precision_score(names, score, average=None), each)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pos_label": 2}, r"pos_label=2 is not a valid label: y_true holds \[0, 1\]"),
        ({"y_true": ["a", "b"]}, r"pos_label=1 is not a valid label: y_true holds \['a', 'b'\]"),
        (
            {"y_true": np.eye(2), "y_score": np.eye(2), "pos_label": 0},
            "pos_label is for two classes",
        ),
        ({"y_true": [0, 1, 2], "y_score": [1, 2, 3]}, r"\(3, 3\), it has shape \(3,\)"),
        ({"y_true": [0, 0.5]}, "continuous format is not supported"),
        ({"average": "all"}, "average must be one of"),
    ],
)
def test_what_is_not_defined_is_refused(arguments, words):
    arguments = {"y_true": [0, 1], "y_score": [0.1, 0.2], **arguments}
    with pytest.raises(ValueError, match=words):
        average_precision_score(**arguments)
