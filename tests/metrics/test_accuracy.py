"""Accuracy, balanced accuracy, Hamming and zero-one loss, top-k: the stated sums, ties, weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    hamming_loss,
    recall_score,
    top_k_accuracy_score,
    zero_one_loss,
)

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)
indicators = arrays(np.int64, (2, 5, 3), elements=st.integers(0, 1))
CLOSE = {"rel": 1e-14}  # a few roundings


@given(pairs, st.booleans())
def test_accuracy_is_the_weight_of_the_right_ones_and_the_zero_one_loss_the_rest(pairs, weighted):
    y_true, y_pred = zip(*pairs, strict=True)
    w = [(i % 3) + 0.5 for i in range(len(pairs))] if weighted else None
    weight = w or [1] * len(pairs)
    right = sum(v for (t, p), v in zip(pairs, weight, strict=True) if t == p)
    options = {"sample_weight": w}
    assert accuracy_score(y_true, y_pred, **options) == pytest.approx(right / sum(weight), **CLOSE)
    assert accuracy_score(y_true, y_pred, normalize=False, **options) == right
    wrong = sum(weight) - right
    assert zero_one_loss(y_true, y_pred, **options) == pytest.approx(wrong / sum(weight), **CLOSE)
    assert zero_one_loss(y_true, y_pred, normalize=False, **options) == wrong
    assert hamming_loss(y_true, y_pred, **options) == zero_one_loss(y_true, y_pred, **options)


@given(indicators)
def test_of_a_table_every_label_of_a_row_must_be_right_but_the_hamming_loss_counts_labels(tables):
    true, pred = tables
    weight = np.arange(1, 6)
    is_wrong = true != pred
    for w in (None, weight):
        expected = np.average(is_wrong.any(axis=1), weights=w)
        assert zero_one_loss(true, pred, sample_weight=w) == pytest.approx(expected, **CLOSE)
        assert accuracy_score(true, pred, sample_weight=w) == pytest.approx(1 - expected, **CLOSE)
        expected = np.average(is_wrong.mean(axis=1), weights=w)
        assert hamming_loss(true, pred, sample_weight=w) == pytest.approx(expected, **CLOSE)
        assert hamming_loss(true, pred, sample_weight=w) <= zero_one_loss(
            true, pred, sample_weight=w
        ) * (1 + 1e-15)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(pairs)
def test_balanced_accuracy_is_the_mean_recall_of_the_true_classes(pairs):
    y_true, y_pred = zip(*pairs, strict=True)
    classes = sorted(set(y_true))
    recall = recall_score(y_true, y_pred, average="macro", labels=classes)
    score = balanced_accuracy_score(y_true, y_pred)
    assert score == pytest.approx(recall, **CLOSE)
    if len(classes) > 1:
        chance = 1 / len(classes)
        adjusted = balanced_accuracy_score(y_true, y_pred, adjusted=True)
        assert adjusted == pytest.approx((score - chance) / (1 - chance), rel=1e-13, abs=1e-15)


def test_balanced_accuracy_of_classes_that_are_predicted_only_warns():
    with pytest.warns(UserWarning, match=r"not in y_true: \[2\]"):
        assert balanced_accuracy_score([0, 0, 1], [0, 2, 1]) == 0.75
    with pytest.warns(UserWarning, match="single label"), pytest.warns(RuntimeWarning):
        assert np.isnan(balanced_accuracy_score([1, 1], [1, 1], adjusted=True))
    with pytest.raises(ValueError, match="multilabel"):
        balanced_accuracy_score([[0, 1]], [[0, 1]])


scores = arrays(np.float64, (6, 4), elements=st.sampled_from([0.0, 0.25, 0.5]))


@given(scores, arrays(np.int64, 6, elements=st.integers(0, 3)), st.integers(1, 3))
def test_top_k_ranks_by_score_and_of_equal_scores_the_later_class_first(y_score, y_true, k):
    hits = 0
    for row, t in zip(y_score, y_true, strict=True):
        ranked = sorted(range(4), key=lambda j: (row[j], j), reverse=True)
        hits += t in ranked[:k]
    found = top_k_accuracy_score(y_true, y_score, k=k, labels=range(4), normalize=False)
    assert found == hits


def test_top_1_of_two_classes_is_thresholded_at_one_half_or_at_zero():
    assert top_k_accuracy_score([0, 1, 1], [0.5, 0.6, 0.4], k=1) == 2 / 3
    assert top_k_accuracy_score([0, 1, 1], [-0.5, 0.6, 0.4], k=1) == 1
    weight = [1, 1, 2]
    assert top_k_accuracy_score([0, 1, 1], [0.5, 0.6, 0.4], k=1, sample_weight=weight) == 0.5
    with pytest.warns(UndefinedMetricWarning, match="k=2 of 2 classes"):
        assert top_k_accuracy_score(["a", "b"], [0.9, 0.1]) == 1


THREE = np.full((3, 3), 1 / 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1, 0], THREE), "y_score has 3 columns"),
        (([0, 1, 2], [0.1, 0.2, 0.3]), r"must be \(N, K\)"),
        (([0, 1, 2], THREE[:, :2]), "y_true has 3 classes"),
        (([0.5, 1.5, 0.2], THREE), "'continuous'"),
        (([0, 1, 2], THREE[:2]), "y_true has 3, y_score has 2"),
        (([0, 1, 2], THREE, [0, 1, 1]), "unique"),
        (([0, 1, 2], THREE, [0, 2, 1]), "ordered"),
        (([0, 1, 2], THREE, [0, 1, 2, 3]), "4 labels"),
        (([0, 1, 2], THREE, [0, 1, 3]), r"contains \[2\]"),
    ],
)
def test_top_k_refuses_scores_that_do_not_fit_the_classes(arguments, message):
    y_true, y_score, *labels = arguments
    with pytest.raises(ValueError, match=message):
        top_k_accuracy_score(y_true, y_score, labels=labels[0] if labels else None)
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k_accuracy_score([0, 1, 2], THREE, k=0)
