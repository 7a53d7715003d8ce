"""Confusion matrices: the stated count, over every type of label, with weights; what overflows elsewhere."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet.metrics import confusion_matrix, multilabel_confusion_matrix
from scratchnet.metrics._counts import BLOCK, SMALL

pytestmark = pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)
WORDS = ["b", "a", "dd", "c"]
# How a class 0 … 3 may be written; the sorted order of the strings is not that of the numbers.
LABELS = {
    "int": [0, 1, 2, 3],
    "gaps": [-7, 2, 40, 41],
    "far apart": [-(2**62), 0, 5, 2**62],
    "int8": list(np.array([-128, -1, 0, 127], np.int8)),
    "uint64": list(np.array([0, 5, 2**63, 2**64 - 1], np.uint64)),
    "huge": [2**62 + 1, 2**62 + 2, 2**62 + 4, 2**62 + 5],
    "float": [-1.0, 0.0, 0.5e3, 2.0],
    "str": WORDS,
}


def count(y_true, y_pred, labels, weight):
    """Return the matrix by its definition, pair by pair."""
    table = [[0 for _ in labels] for _ in labels]
    for t, p, w in zip(y_true, y_pred, weight, strict=True):
        if t in labels and p in labels:
            table[labels.index(t)][labels.index(p)] += w
    return table


@pytest.mark.parametrize("kind", LABELS)
@given(pairs, st.booleans())
def test_each_cell_counts_its_pairs_over_the_sorted_union_of_the_labels(kind, pairs, weighted):
    y_true, y_pred = ([LABELS[kind][k] for k in column] for column in zip(*pairs, strict=True))
    weight = [i % 3 + 1 for i in range(len(pairs))] if weighted else [1] * len(pairs)
    found = confusion_matrix(
        np.array(y_true), np.array(y_pred), sample_weight=weight if weighted else None
    )
    assert found.dtype == np.int64
    expected = count(y_true, y_pred, sorted({*y_true, *y_pred}), weight)
    np.testing.assert_array_equal(found, expected)


@given(pairs, st.permutations(range(4)), st.integers(1, 4))
def test_given_labels_choose_the_rows_and_their_order(pairs, order, n_labels):
    y_true, y_pred = ([WORDS[k] for k in column] for column in zip(*pairs, strict=True))
    labels = [WORDS[k] for k in order[:n_labels]]
    if not {*labels} & {*y_true}:
        with pytest.raises(ValueError, match="At least one label specified must be in y_true"):
            confusion_matrix(y_true, y_pred, labels=labels)
    else:
        found = confusion_matrix(y_true, y_pred, labels=labels)
        np.testing.assert_array_equal(found, count(y_true, y_pred, labels, [1] * len(pairs)))


@given(pairs, st.lists(st.integers(0, 3), min_size=12, max_size=12))
@example([(0, 1), (2, 2)], [1, 0] + [0] * 10)
def test_a_weight_of_w_equals_the_row_w_times_and_a_weight_of_zero_keeps_the_label(pairs, weights):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    weight = np.array(weights[: len(pairs)])
    if not weight.any():
        weight[0] = 1
    labels = sorted({*y_true, *y_pred})
    repeated = confusion_matrix(
        # each label once more, so that none is lost, and taken off again
        np.append(np.repeat(y_true, weight), labels),
        np.append(np.repeat(y_pred, weight), labels),
    ) - np.eye(len(labels), dtype=int)
    for w in (weight, weight.astype(float)):
        found = confusion_matrix(y_true, y_pred, sample_weight=w)
        np.testing.assert_array_equal(found, repeated)
        assert found.dtype == (np.int64 if w.dtype.kind == "i" else np.float64)


def test_integer_weights_are_summed_exactly_where_floats_would_round():
    big = 2**53 + 1
    found = confusion_matrix([0, 1, 1], [0, 1, 1], sample_weight=[big, 1, big])
    assert found.tolist() == [[big, 0], [0, big + 1]]
    most = np.full(3, np.iinfo(np.int64).max)
    assert confusion_matrix([0, 1, 1], [0, 1, 1], sample_weight=most)[1, 1] == -2  # int64 wraps


def test_labels_that_differ_beyond_the_digits_of_a_float_stay_apart():
    y_true = np.array([2**60, 2**60 + 1, 0], np.uint64)
    y_pred = np.array([2**60, 2**60, 0], np.int64)
    assert confusion_matrix(y_true, y_pred).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    y_pred = np.array([-1, 2**60, 0], np.int64)
    assert len(confusion_matrix(y_true + np.uint64(2**63), y_pred)) == 6  # all different


@pytest.mark.parametrize("N", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_blocks_together_are_all_pairs(N, weighted):
    rng = np.random.default_rng(N)
    y_true, y_pred = rng.integers(3, 9, (2, N))
    weight = rng.random(N) if weighted else None
    expected = np.bincount((y_true - 3) * 6 + y_pred - 3, weight, minlength=36).reshape(6, 6)
    found = confusion_matrix(y_true, y_pred, sample_weight=weight)
    # Each cell sums about N/36 weights: rounding grows with their number.
    np.testing.assert_allclose(found, expected, rtol=1e-12 if weighted else 0)


def test_many_classes_are_counted_as_few_are():
    rng = np.random.default_rng(0)
    K = int(SMALL**0.5) + 20
    y_true, y_pred = rng.integers(0, K, (2, 500)) * 2  # with gaps
    labels = sorted({*y_true.tolist(), *y_pred.tolist()})
    expected = count(y_true.tolist(), y_pred.tolist(), labels, [1] * 500)
    np.testing.assert_array_equal(confusion_matrix(y_true, y_pred), expected)
    C = np.array(expected)
    found = multilabel_confusion_matrix(y_true, y_pred)
    np.testing.assert_array_equal(found[:, 1, 1], C.diagonal())
    np.testing.assert_array_equal(found[:, 1].sum(axis=1), C.sum(axis=1))
    np.testing.assert_array_equal(found[:, :, 1].sum(axis=1), C.sum(axis=0))


@pytest.mark.parametrize(("normalize", "axis"), [("true", 1), ("pred", 0), ("all", None)])
@given(pairs=pairs)
def test_normalised_rows_columns_or_all_sum_to_one_or_are_zero(pairs, normalize, axis):
    y_true, y_pred = map(list, zip(*pairs, strict=True))
    sums = confusion_matrix(y_true, y_pred, normalize=normalize).sum(axis=axis)
    counted = confusion_matrix(y_true, y_pred).sum(axis=axis) > 0
    np.testing.assert_allclose(sums, counted.astype(float), rtol=1e-15)  # one rounding a cell


@given(pairs)
def test_each_class_against_the_rest_is_its_own_confusion_matrix(pairs):
    y_true, y_pred = map(np.array, zip(*pairs, strict=True))
    found = multilabel_confusion_matrix(y_true, y_pred, labels=[2, 0, 9])
    for table, label in zip(found, [2, 0, 9], strict=True):
        is_it = (y_true == label).tolist(), (y_pred == label).tolist()
        np.testing.assert_array_equal(table, count(*is_it, [False, True], [1] * len(pairs)))


@pytest.mark.parametrize("samplewise", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_column_or_row_of_a_table_has_its_own_counts(samplewise, weighted):
    rng = np.random.default_rng(1)
    true, pred = rng.integers(0, 2, (2, 7, 3))
    weight = rng.integers(0, 4, 7) if weighted else np.ones(7, int)
    labels = [2, 0]
    found = multilabel_confusion_matrix(
        true, pred, labels=labels, samplewise=samplewise, sample_weight=weight if weighted else None
    )
    tables = np.zeros((7 if samplewise else 2, 2, 2), int)
    for n in range(7):
        for k, label in enumerate(labels):
            tables[n if samplewise else k, true[n, label], pred[n, label]] += weight[n]
    np.testing.assert_array_equal(found, tables)


def test_no_sample_right_leaves_the_counts_integers():
    # scikit-learn returns floats there; a count is a count.
    assert multilabel_confusion_matrix([0, 1], [1, 0]).dtype == np.int64


def test_a_single_label_warns_because_the_matrix_has_one_cell():
    with pytest.warns(UserWarning, match=r"single label was found.*\[3\]"):
        assert confusion_matrix([3, 3], [3, 3]).tolist() == [[2]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confusion_matrix([0, 1], [0, 1], normalize="rows"), "'rows'"),
        (lambda: confusion_matrix([0, 1], [0, 1], labels=[]), "at least one label"),
        (
            lambda: confusion_matrix([[0, 1], [1, 1]], [[0, 1], [1, 1]]),
            "multilabel-indicator is not",
        ),
        (lambda: multilabel_confusion_matrix([0, 1], [0, 1], samplewise=True), "Samplewise"),
        (lambda: multilabel_confusion_matrix([[0, 1]], [[1, 1]], labels=[-1]), "Got -1 < 0"),
        (lambda: multilabel_confusion_matrix([[0, 1]], [[1, 1]], labels=[2]), "Got 2 > 1"),
        (lambda: multilabel_confusion_matrix([[0, 1]], [[1, 1]], labels=["a"]), "column numbers"),
        (lambda: multilabel_confusion_matrix([[0, 1]], [[1, 1, 0]]), "has 2 columns"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_value_in_hand(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
