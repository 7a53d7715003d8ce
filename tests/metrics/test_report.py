"""The classification report: its rows are the functions' values, and its layout is scikit-learn's."""

import warnings

import numpy as np
import pytest

from scratchnet.metrics import (
    accuracy_score,
    classification_report,
    precision_recall_fscore_support,
)

TRUE = [0, 0, 0, 1, 1, 2, 2, 2, 2]
PRED = [0, 1, 2, 1, 1, 2, 2, 0, 2]
HEADERS = ["precision", "recall", "f1-score", "support"]


def values(report):
    return [list(row.values()) if isinstance(row, dict) else row for row in report.values()]


@pytest.mark.parametrize("weight", [None, np.arange(9) + 0.5])
def test_the_rows_hold_what_the_functions_give(weight):
    report = classification_report(TRUE, PRED, output_dict=True, sample_weight=weight)
    assert list(report) == ["0", "1", "2", "accuracy", "macro avg", "weighted avg"]
    assert list(report["0"]) == HEADERS
    options = {"sample_weight": weight}
    rows = np.transpose(precision_recall_fscore_support(TRUE, PRED, **options))
    np.testing.assert_array_equal(values(report)[:3], rows)
    # The micro average divides sums of weights in another order than the accuracy.
    assert report["accuracy"] == pytest.approx(accuracy_score(TRUE, PRED, **options), rel=1e-15)
    for average in ("macro", "weighted"):
        expected = precision_recall_fscore_support(TRUE, PRED, average=average, **options)[:3]
        total = 9.0 if weight is None else weight.sum()
        assert list(report[f"{average} avg"].values()) == [*expected, total]
    assert all(type(v) is float for row in values(report)[:3] for v in row)


def test_the_micro_average_stands_where_it_is_not_the_accuracy():
    some = classification_report(TRUE, PRED, labels=[2, 0], output_dict=True)
    assert list(some) == ["2", "0", "micro avg", "macro avg", "weighted avg"]
    with pytest.warns(UserWarning, match="ill-defined"):
        more = classification_report(TRUE, PRED, labels=[3, 2, 1, 0], output_dict=True)
    assert list(more)[4] == "accuracy"
    assert more["accuracy"] == accuracy_score(TRUE, PRED)


def test_a_table_has_micro_and_samples_averages():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 2, (2, 9, 3))
    report = classification_report(true, pred, output_dict=True, zero_division=0)
    assert list(report)[3:] == ["micro avg", "macro avg", "weighted avg", "samples avg"]
    expected = precision_recall_fscore_support(true, pred, average="samples", zero_division=0)
    assert list(report["samples avg"].values())[:3] == list(expected[:3])


def test_the_text_is_aligned_under_long_names_and_many_digits():
    text = classification_report(
        TRUE, PRED, target_names=["ant", "a rather long name", "cat"], digits=4
    )
    lines = text.split("\n")
    assert lines[0].split() == HEADERS
    assert lines[3] == "a rather long name     0.6667    1.0000    0.8000         2"
    assert lines[6] == "          accuracy                         0.6667         9"
    assert len({len(line) for line in lines if line}) == 1


def test_a_class_may_be_called_accuracy():
    text = classification_report(["accuracy", "b"], ["accuracy", "b"])
    assert text.split("\n")[2].split() == ["accuracy", "1.00", "1.00", "1.00", "1"]


def test_the_support_of_a_prediction_that_is_never_right_stays_a_whole_number():
    # scikit-learn prints 1.0 there: see the docstring.
    with pytest.warns(UserWarning, match="ill-defined"):
        text = classification_report([0, 1], [2, 2])
    assert [line.split()[-1] for line in text.split("\n")[2:5]] == ["1", "1", "0"]


def test_what_is_undefined_warns_once_at_the_users_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classification_report(["a", "b", "c"], ["a", "b", "d"])
    assert [str(w.message).split()[0] for w in caught] == ["Precision", "Recall"]
    assert {w.filename for w in caught} == {__file__}
    classification_report(["a", "b", "c"], ["a", "b", "d"], zero_division=np.nan)


def test_names_must_fit_the_classes():
    with pytest.raises(ValueError, match=r"classes, 3, .* target_names, 2"):
        classification_report(TRUE, PRED, target_names=["a", "b"])
    with pytest.warns(UserWarning, match=r"labels size, 2, .* target_names, 1"):
        classification_report(TRUE, PRED, labels=[0, 2], target_names=["a"])
    with pytest.raises(ValueError, match="digits must be at least 0"):
        classification_report(TRUE, PRED, digits=-1)
