"""Precision, recall, F-score and Jaccard: sets of samples, averaged in every way, and where undefined."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    accuracy_score,
    f1_score,
    fbeta_score,
    jaccard_score,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)
indicators = arrays(np.int64, (2, 5, 3), elements=st.integers(0, 1))
FUNCTIONS = {
    "precision": precision_score,
    "recall": recall_score,
    "f1": f1_score,
    "f2": lambda *a, **k: fbeta_score(*a, beta=2, **k),
    "jaccard": jaccard_score,
}
CLOSE = {"rel": 1e-14, "nan_ok": True}  # a few roundings


def of_sets(A, B, undefined):
    """Return every score of the true set A and the predicted set B, from their definitions."""
    hit = len(A & B)

    def ratio(numerator, denominator):
        return numerator / denominator if denominator else undefined

    return {
        "precision": ratio(hit, len(B)),
        "recall": ratio(hit, len(A)),
        "f1": ratio(2 * hit, len(A) + len(B)),
        "f2": ratio(5 * hit, 4 * len(A) + len(B)),
        "jaccard": ratio(hit, len(A | B)),
    }


def mean(values, weights):
    kept = [(v, w) for v, w in zip(values, weights, strict=True) if not np.isnan(v)]
    if not kept:
        return np.nan
    total = sum(w for _, w in kept)
    if total == 0:
        return sum(v for v, _ in kept) / len(kept)
    return sum(v * w for v, w in kept) / total


def check_averages(A, B, call, averages, undefined):
    """Compare `call(function, average)` with the scores of the sets A[k], B[k] of each label k."""
    each = [of_sets(a, b, undefined) for a, b in zip(A, B, strict=True)]
    offset = (
        [{(k, n) for n in s} for k, s in enumerate(A)],
        [{(k, n) for n in s} for k, s in enumerate(B)],
    )
    together = of_sets(set().union(*offset[0]), set().union(*offset[1]), undefined)
    for name, function in FUNCTIONS.items():
        if name == "jaccard" and np.isnan(undefined):
            continue
        values = [scores[name] for scores in each]
        expected = {
            None: values,
            "macro": mean(values, [1] * len(values)),
            "weighted": mean(values, [len(a) for a in A]),
            "micro": together[name],
        }
        for average in averages:
            assert call(function, average) == pytest.approx(expected[average], **CLOSE), name


@pytest.mark.parametrize("undefined", [0, 1, np.nan])
@given(pairs=pairs, labels=st.permutations(range(5)), n_labels=st.integers(1, 5))
def test_of_classes_each_label_is_a_set_of_samples(undefined, pairs, labels, n_labels):
    labels = labels[:n_labels]
    names = np.array(["b", "a", "dd", "c", "never"])
    y_true, y_pred = (names[list(column)] for column in zip(*pairs, strict=True))
    A, B = (
        [{n for n, y in enumerate(column) if y == names[k]} for k in labels]
        for column in (y_true, y_pred)
    )
    options = {"labels": names[labels], "zero_division": undefined}
    check_averages(
        A,
        B,
        lambda function, average: function(y_true, y_pred, average=average, **options),
        (None, "macro", "weighted", "micro"),
        undefined,
    )


@pytest.mark.parametrize("undefined", [0, 1, np.nan])
@given(tables=indicators, labels=st.permutations(range(3)), n_labels=st.integers(1, 3))
def test_of_tables_each_column_is_a_set_of_samples_and_each_row_one_of_labels(
    undefined, tables, labels, n_labels
):
    labels = labels[:n_labels]
    options = {"labels": labels, "zero_division": undefined}
    columns = [[set(np.flatnonzero(t[:, k]).tolist()) for k in labels] for t in tables]
    check_averages(
        *columns,
        lambda function, average: function(*tables, average=average, **options),
        (None, "macro", "weighted", "micro"),
        undefined,
    )
    rows = [[{k for k in labels if row[k]} for row in t] for t in tables]
    for weight in (None, [1, 2, 4, 1, 3]):
        for name, function in FUNCTIONS.items():
            if name == "jaccard" and np.isnan(undefined):
                continue
            values = [of_sets(a, b, undefined)[name] for a, b in zip(*rows, strict=True)]
            found = function(*tables, average="samples", sample_weight=weight, **options)
            assert found == pytest.approx(mean(values, weight or [1] * 5), **CLOSE)


@given(pairs, st.integers(0, 3))
def test_the_binary_average_is_the_score_of_the_positive_class(pairs, pos_label):
    y_true, y_pred = ([k % 2 for k in column] for column in zip(*pairs, strict=True))
    present = {*y_true, *y_pred}
    for function in FUNCTIONS.values():
        options = {"pos_label": pos_label, "zero_division": 0}
        if pos_label not in present and len(present) == 2:
            with pytest.raises(ValueError, match=f"pos_label={pos_label} is not a valid label"):
                function(y_true, y_pred, **options)
            continue
        alone = function(y_true, y_pred, average=None, labels=[pos_label], zero_division=0)
        found = function(y_true, y_pred, **options)
        assert found == alone[0]
        assert type(found) is float


@given(pairs, st.floats(0.01, 100))
def test_f_beta_is_the_weighted_harmonic_mean_of_precision_and_recall(pairs, beta):
    y_true, y_pred = zip(*pairs, strict=True)
    p, r, f, n = precision_recall_fscore_support(y_true, y_pred, beta=beta, zero_division=0)
    for k in range(len(n)):
        if p[k] > 0:
            assert 1 / f[k] == pytest.approx((1 / p[k] + beta**2 / r[k]) / (1 + beta**2), rel=1e-13)
    assert n.tolist() == [y_true.count(k) for k in sorted({*y_true, *y_pred})]
    extremes = (
        precision_recall_fscore_support(y_true, y_pred, beta=b, zero_division=0)[2]
        for b in (0, np.inf)
    )
    np.testing.assert_array_equal(next(extremes), p)
    np.testing.assert_array_equal(next(extremes), r)


@given(pairs)
def test_micro_averages_over_all_classes_are_the_accuracy(pairs):
    y_true, y_pred = zip(*pairs, strict=True)
    accuracy = accuracy_score(y_true, y_pred)
    for name in ("precision", "recall", "f1"):
        assert FUNCTIONS[name](y_true, y_pred, average="micro") == pytest.approx(
            accuracy, rel=1e-15
        )


@given(pairs)
def test_jaccard_and_f1_of_a_label_give_each_other(pairs):
    y_true, y_pred = zip(*pairs, strict=True)
    f1 = f1_score(y_true, y_pred, average=None)
    jaccard = jaccard_score(y_true, y_pred, average=None)
    np.testing.assert_allclose(jaccard, f1 / (2 - f1), rtol=1e-14)


@pytest.mark.parametrize("average", [None, "macro", "weighted", "micro"])
@given(pairs=pairs)
def test_a_weight_of_two_is_the_row_twice(average, pairs):
    y_true, y_pred = map(np.array, zip(*pairs, strict=True))
    weight = np.arange(len(pairs)) % 3 + 1
    for function in FUNCTIONS.values():
        found = function(y_true, y_pred, average=average, sample_weight=weight, zero_division=0)
        twice = np.repeat(y_true, weight), np.repeat(y_pred, weight)
        assert found == pytest.approx(function(*twice, average=average, zero_division=0), rel=1e-14)


def given_warnings(call):
    """Return the texts of the warnings of one call, and in which file they point to a line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(issubclass(w.category, UserWarning) for w in caught)
    assert {w.filename for w in caught} <= {__file__}
    return [str(w.message).split(". Use")[0] for w in caught]


def test_each_undefined_score_warns_once_of_its_own_reason_and_at_the_users_line():
    never = "is ill-defined and being set to 0.0 in labels with no"
    assert given_warnings(
        lambda: precision_recall_fscore_support([0, 0, 1], [0, 2, 1], labels=[0, 1, 2, 3])
    ) == [
        f"Precision {never} predicted samples",
        f"Recall {never} true samples",
        f"F-score {never} true nor predicted samples",
    ]
    assert given_warnings(lambda: precision_score([0, 1], [0, 0])) == [
        "Precision is ill-defined and being set to 0.0 due to no predicted samples"
    ]
    assert given_warnings(
        lambda: jaccard_score([[0, 0], [1, 1]], [[0, 0], [1, 1]], average="samples")
    ) == ["Jaccard is ill-defined and being set to 0.0 in samples with no true or predicted labels"]
    assert given_warnings(lambda: recall_score([0, 1], [0, 0])) == []
    assert given_warnings(lambda: precision_score([0, 1], [0, 0], zero_division=0.0)) == []
    with pytest.warns(UndefinedMetricWarning):
        f1_score([0], [0])


def test_a_pos_label_that_nothing_uses_warns():
    (text,) = given_warnings(lambda: f1_score([0, 2], [0, 2], pos_label=2, average="macro"))
    assert "pos_label (set to 2) is ignored when average != 'binary' (got 'macro')" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"average": "mean"}, "got 'mean'"),
        ({"y_true": [0, 1, 2]}, "Target is multiclass but average='binary'"),
        ({"average": "samples"}, "Samplewise metrics"),
        ({"zero_division": 0.5}, "zero_division must be .* got 0.5"),
        ({"beta": -1}, "beta must be at least 0, got -1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    arguments = {"y_true": [0, 1, 1], "y_pred": [0, 1, 0], "beta": 1} | options
    with pytest.raises(ValueError, match=message):
        fbeta_score(**arguments)


def test_a_table_has_no_binary_average():
    with pytest.raises(ValueError, match="multilabel-indicator but average='binary'"):
        f1_score([[0, 1]], [[0, 1]])
