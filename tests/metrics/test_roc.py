"""ROC and DET curves: each point is what its threshold gives; ties are one point."""

import numpy as np
import pytest
from hypothesis import given
from metrics.ranking_cases import binary_cases

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import auc, det_curve, roc_auc_score, roc_curve


def rates_at(threshold, y_true, score, weight):
    """Return fpr and tpr by the definition: positive is predicted where the score reaches it."""
    predicted = score >= threshold
    negative, positive = y_true == 0, y_true == 1
    fpr = weight[predicted & negative].sum() / weight[negative].sum()
    return fpr, weight[predicted & positive].sum() / weight[positive].sum()


@given(binary_cases())
def test_each_point_of_the_curve_is_what_its_threshold_gives(case):
    y_true, score, weight = case
    for w in (None, weight):
        fpr, tpr, thresholds = roc_curve(y_true, score, sample_weight=w)
        ones = np.ones(len(score)) if w is None else w
        expected = [rates_at(t, y_true, score, ones) for t in thresholds]
        # The weights are multiples of ½, so that their sums are exact and only the quotient rounds.
        np.testing.assert_allclose(np.column_stack((fpr, tpr)), expected, rtol=1e-15)


@given(binary_cases())
def test_the_curve_runs_from_0_0_at_infinity_to_1_1_at_the_lowest_score(case):
    y_true, score, weight = case
    fpr, tpr, thresholds = roc_curve(y_true, score, sample_weight=weight)
    assert (fpr[0], tpr[0], thresholds[0]) == (0, 0, np.inf)
    assert (fpr[-1], tpr[-1], thresholds[-1]) == (1, 1, score.min())
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert (np.diff(thresholds) < 0).all()


def test_a_block_of_equal_scores_is_one_point():
    fpr, tpr, thresholds = roc_curve([0, 1, 1], [0.5, 0.9, 0.5])
    np.testing.assert_array_equal(fpr, [0, 0, 1])
    np.testing.assert_array_equal(tpr, [0, 0.5, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 0.9, 0.5])


@given(binary_cases())
def test_what_drop_intermediate_leaves_out_lies_on_straight_lines(case):
    y_true, score, _ = case
    whole = roc_curve(y_true, score, drop_intermediate=False)
    short = roc_curve(y_true, score)
    assert len(whole[0]) == len(np.unique(score)) + 1
    assert set(short[2]) <= set(whole[2])
    # Same area, and the area is that of a line through fewer points: up to rounding of some 40 terms.
    assert auc(*short[:2]) == pytest.approx(auc(*whole[:2]), abs=1e-14)
    # Between two kept points the curve is straight: tpr is linear in the place along the curve.
    kept = np.isin(whole[2], short[2])
    place = np.arange(len(kept))
    for rates in whole[:2]:
        np.testing.assert_allclose(np.interp(place, place[kept], rates[kept]), rates, atol=1e-14)


@given(binary_cases())
def test_a_weight_of_two_is_the_sample_twice_and_of_zero_is_none(case):
    y_true, score, _ = case
    times = np.resize([1, 2, 0, 3], len(score))
    times[[np.argmax(y_true), np.argmin(y_true)]] = 1  # both classes stay
    weighted = roc_curve(y_true, score, sample_weight=times)
    repeated = roc_curve(np.repeat(y_true, times), np.repeat(score, times))
    for a, b in zip(weighted, repeated, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_add_up_in_the_order_of_the_samples_within_a_block():
    # Sums of floats depend on their order in the last bits: to be the same on every machine, where
    # sorts differ, they need an order of their own.
    rng = np.random.default_rng(0)
    y_true, score, weight = rng.integers(0, 2, 300), rng.integers(0, 5, 300), rng.random(300)
    _, tpr, thresholds = roc_curve(y_true, score, sample_weight=weight, drop_intermediate=False)
    order = np.argsort(-score, kind="stable")
    sums = np.cumsum((weight * y_true)[order])
    last = [np.flatnonzero(score[order] == t)[-1] for t in thresholds[1:]]
    np.testing.assert_array_equal(tpr[1:], sums[last] / sums[-1])


@pytest.mark.parametrize(
    ("y_true", "index", "name"), [([1, 1, 1], 0, "negative"), ([0, 0, 0], 1, "positive")]
)
def test_one_class_gives_nan_rates_of_the_other_with_a_warning(y_true, index, name):
    with pytest.warns(UndefinedMetricWarning, match=f"No {name} samples"):
        curve = roc_curve(y_true, [0.1, 0.2, 0.3])
    assert np.isnan(curve[index]).all()
    assert np.isfinite(curve[1 - index]).all()


@pytest.mark.parametrize(
    ("labels", "pos_label"),
    [
        (["no", "yes"], "yes"),
        ([False, True], None),
        ([-1, 1], None),
        ([1, 2], 2),
        ([0.0, 1.0], None),
    ],
)
def test_labels_of_any_type_give_the_same_curve(labels, pos_label):
    y, score = np.array([0, 1, 1, 0, 1]), [0.1, 0.5, 0.3, 0.3, 0.9]
    for truth in (np.array(labels)[y], np.array(labels, dtype=object)[y]):
        if truth.dtype == object and not isinstance(labels[0], str):
            continue  # objects that are no strings are no labels
        for a, b in zip(
            roc_curve(truth, score, pos_label=pos_label), roc_curve(y, score), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_pos_label_takes_one_of_several_classes():
    y = np.array([0, 1, 2, 1, 2, 0])
    score = np.array([0.1, 0.4, 0.8, 0.2, 0.6, 0.5])
    for a, b in zip(roc_curve(y, score, pos_label=2), roc_curve(y == 2, score), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("y_true", "score", "words"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], "multiclass format is not supported"),
        ([0, 1], [0.1, 0.2, 0.3], "y_true has 2, y_score has 3"),
        ([1, 2], [0.1, 0.2], r"y_true takes value in \{1, 2\} and pos_label is not specified"),
        (["a", "b"], [0.1, 0.2], r"y_true takes value in \{'a', 'b'\} and pos_label"),
        ([0, 1], [0.1, np.nan], "y_score contains NaN: row 1"),
        ([0, 1], [0.1, np.inf], "y_score contains infinity: row 1"),
        ([0.5, 1], [0.1, 0.2], "continuous format is not supported"),
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], r"predict_proba\(X\)\[:, 1\]"),
        ([], [], "y_score is empty"),
    ],
)
@pytest.mark.parametrize("curve", [roc_curve, det_curve])
def test_bad_input_is_refused_with_the_values_in_hand(curve, y_true, score, words):
    with pytest.raises(ValueError, match=words):
        curve(y_true, score)


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="at least one non-zero"):
        roc_curve([0, 1], [0.1, 0.2], sample_weight=[0, 0])
    with pytest.raises(ValueError, match="sample_weight has 3, y_true has 2"):
        roc_curve([0, 1], [0.1, 0.2], sample_weight=[1, 1, 1])


def test_bytes_are_no_labels():
    with pytest.raises(TypeError, match="bytes"):
        roc_curve([b"a", b"b"], [0.1, 0.2], pos_label=b"b")


@given(binary_cases())
def test_the_det_curve_is_the_roc_curve_of_misses_between_its_ends(case):
    y_true, score, weight = case
    fpr, fnr, thresholds = det_curve(y_true, score, sample_weight=weight)
    expected = [rates_at(t, y_true, score, weight) for t in thresholds]
    # 1 − tpr is rounded twice
    np.testing.assert_allclose(np.column_stack((fpr, 1 - fnr)), expected, rtol=1e-15, atol=2.3e-16)
    assert (np.diff(thresholds) > 0).all()
    assert fnr[0] == 0
    whole_fpr, whole_tpr, _ = roc_curve(
        y_true, score, sample_weight=weight, drop_intermediate=False
    )
    assert fpr[-1] == 0
    assert fnr[-1] == pytest.approx(1 - whole_tpr[whole_fpr == 0].max(), abs=2.3e-16)


def test_the_det_curve_of_one_class_is_refused():
    for y_true in ([0, 0], [1, 1]):
        with pytest.raises(ValueError, match="Only one class is present"):
            det_curve(y_true, [0.1, 0.2])


def test_the_trapezoids_of_a_falling_curve_count_positive():
    x, y = np.array([0.0, 0.25, 1.0]), np.array([1.0, 3.0, 0.0])
    area = 0.25 * (1 + 3) / 2 + 0.75 * (3 + 0) / 2
    assert auc(x, y) == auc(x[::-1], y[::-1]) == area
    assert auc(x[:, None], y.tolist()) == area


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([0, 2, 1], [1, 1, 1], "neither increasing nor decreasing: it falls after point 1"),
        ([0], [1], "at least 2 points"),
        ([0, 1], [1, 1, 1], "x has 2, y has 3"),
        ([[0, 1]], [[0, 1]], "should be a 1d array"),
    ],
)
def test_points_that_are_no_curve_are_refused(x, y, words):
    with pytest.raises(ValueError, match=words):
        auc(x, y)


def test_nan_rates_have_a_nan_area():
    with pytest.warns(UndefinedMetricWarning):
        fpr, tpr, _ = roc_curve([1, 1], [0.1, 0.2])
    assert np.isnan(auc(fpr, tpr))
    assert roc_auc_score([0, 1], [0.1, 0.2]) == auc(*roc_curve([0, 1], [0.1, 0.2])[:2]) == 1
