"""Ranking metrics against the installed scikit-learn: values, types, warnings, errors, signatures."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.ranking_cases import binary_cases, table_cases

from scratchnet import metrics

theirs = pytest.importorskip("sklearn.metrics")
calibration = pytest.importorskip("sklearn.calibration")

CURVES = [
    "confusion_matrix_at_thresholds",
    "det_curve",
    "precision_recall_curve",
    "roc_curve",
]
TABLES = [
    "coverage_error",
    "dcg_score",
    "label_ranking_average_precision_score",
    "label_ranking_loss",
    "ndcg_score",
]
NAMES = [
    *CURVES,
    *TABLES,
    "auc",
    "average_precision_score",
    "metric_at_thresholds",
    "roc_auc_score",
    "calibration_curve",
]
# Sums of some tens of terms that are added up in another order.
ROUNDING = {"rtol": 1e-12, "atol": 1e-14}


def pair(name):
    """Return our function of that name and theirs; the installed release may be without it."""
    module = calibration if name == "calibration_curve" else theirs
    if not hasattr(module, name):
        pytest.skip(f"this scikit-learn has no {name}")
    return getattr(metrics, name), getattr(module, name)


def outcome(function, *args, **kwargs):
    """Return what a call gives, or its error's class; and the classes of its warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = type(error)
            for base in (NotImplementedError, ValueError, TypeError):
                if isinstance(error, base):
                    result = base
    kinds = sorted({w.category.__name__ for w in seen} - {"FutureWarning", "RuntimeWarning"})
    return result, kinds


def assert_alike(name, *args, **kwargs):
    mine, other = pair(name)
    (a, warned), (b, expected) = outcome(mine, *args, **kwargs), outcome(other, *args, **kwargs)
    assert warned == expected
    if isinstance(b, type):
        assert a is b
        return
    assert not isinstance(a, type), f"ours raises {a}"
    parts = [(a, b)] if not isinstance(b, tuple) else zip(a, b, strict=True)
    for x, y in parts:
        assert np.shape(x) == np.shape(y)
        if isinstance(y, np.ndarray):
            assert x.dtype == y.dtype
        else:
            assert isinstance(x, float)
        np.testing.assert_allclose(np.asarray(x, float), np.asarray(y, float), **ROUNDING)


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_theirs(name):
    mine, other = pair(name)
    a, b = inspect.signature(mine).parameters, inspect.signature(other).parameters
    assert [(p.name, p.kind, p.default) for p in a.values()] == [
        (p.name, p.kind, p.default) for p in b.values()
    ]


@pytest.mark.parametrize("name", CURVES)
@settings(max_examples=15)
@given(case=binary_cases(), drop=st.booleans())
def test_curves_are_theirs(name, case, drop):
    y_true, score, weight = case
    options = {} if name == "confusion_matrix_at_thresholds" else {"drop_intermediate": drop}
    assert_alike(name, y_true, score, **options)
    assert_alike(name, y_true, score, sample_weight=weight, **options)
    assert_alike(name, np.array(["a", "b"])[y_true], score, pos_label="a", **options)
    zeros = np.where(np.arange(len(score)) % 3, weight, 0)
    if name != "det_curve" or set(y_true[zeros > 0]) == {0, 1}:
        # Theirs divides by zero where the class that is left out was the only one of its kind.
        assert_alike(name, y_true, score, sample_weight=zeros, **options)
    assert_alike(name, np.ones_like(y_true), score, **options)
    assert_alike(name, np.zeros_like(y_true), score, **options)


@settings(max_examples=15)
@given(binary_cases(), st.one_of(st.none(), st.floats(0.05, 1)))
def test_scores_of_two_classes_are_theirs(case, max_fpr):
    y_true, score, weight = case
    for w in (None, weight):
        assert_alike("roc_auc_score", y_true, score, sample_weight=w, max_fpr=max_fpr)
        assert_alike("average_precision_score", y_true, score, sample_weight=w)
    names = np.array(["a", "b"])[y_true]
    assert_alike("roc_auc_score", names, score, max_fpr=max_fpr)
    assert_alike("average_precision_score", names, score, pos_label="a")
    assert_alike("roc_auc_score", np.ones_like(y_true), score)
    assert_alike("average_precision_score", np.zeros_like(y_true), score)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples", None])
@settings(max_examples=15)
@given(case=table_cases())
def test_scores_of_several_labels_are_theirs(average, case):
    y_true, score, weight = case
    for name in ("roc_auc_score", "average_precision_score"):
        assert_alike(name, y_true, score, average=average)
        assert_alike(name, y_true, score, average=average, sample_weight=weight)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples", None])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), k=st.integers(3, 5), is_weighted=st.booleans())
def test_scores_of_several_classes_are_theirs(average, seed, k, is_weighted):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, k, 25)
    score = np.round(rng.random((25, k)), 1) + 0.1
    score /= score.sum(axis=1, keepdims=True)
    weight = rng.random(25) if is_weighted else None
    for multi_class in ("ovr", "ovo", "raise"):
        for labels in (None, range(k)):
            options = {"average": average, "multi_class": multi_class, "labels": labels}
            assert_alike("roc_auc_score", y_true, score, sample_weight=weight, **options)
    assert_alike("average_precision_score", y_true, score, average=average, sample_weight=weight)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=15)
@given(case=table_cases())
def test_rankings_are_theirs(name, case):
    y_true, score, weight = case
    assert_alike(name, y_true, score)
    assert_alike(name, y_true, score, sample_weight=weight)
    if "dcg" in name:
        relevance = y_true * np.arange(1, len(y_true) + 1)[:, None]
        for options in ({"k": 2}, {"ignore_ties": True}, {"k": 1, "ignore_ties": True}):
            assert_alike(name, relevance, score, **options)


@settings(max_examples=15)
@given(
    binary_cases(scores=("uniform", "few", "float32")),
    st.integers(1, 50),
    st.sampled_from(["uniform", "quantile"]),
)
def test_calibration_curves_are_theirs(case, n_bins, strategy):
    y_true, prob, _ = case
    assert_alike("calibration_curve", y_true, prob, n_bins=n_bins, strategy=strategy)


@settings(max_examples=15)
@given(binary_cases())
def test_metrics_at_thresholds_are_theirs(case):
    y_true, score, weight = case
    for w in (None, weight):
        assert_alike("metric_at_thresholds", y_true, score, theirs.accuracy_score, sample_weight=w)


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_areas_are_theirs(seed):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.random(20)), rng.random(20)
    assert_alike("auc", x, y)
    assert_alike("auc", x[::-1], y)
    assert_alike("auc", y, x)
    assert_alike("auc", [0.5], [0.5])


BAD = {
    "several classes": ([0, 1, 2], [0.1, 0.2, 0.3]),
    "lengths": ([0, 1], [0.1, 0.2, 0.3]),
    "NaN": ([0, 1], [0.1, np.nan]),
    "infinity": ([0, 1], [0.1, np.inf]),
    "NaN in y_true": ([0, np.nan], [0.1, 0.2]),
    "text": (["a", "b"], [0.1, 0.2]),
    "text for scores": ([0, 1], ["a", "b"]),
    "fractions": ([0.5, 1.0], [0.1, 0.2]),
    "a column for each class": ([0, 1], [[0.1, 0.2], [0.3, 0.4]]),
    "no column for each label": ([[0, 1], [1, 0]], [0.1, 0.2]),
    "NaN in a table": ([[0, 1], [1, 1]], [[0.1, np.nan], [0.3, 0.4]]),
    "too many columns": ([[0, 1], [1, 1]], [[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]]),
    "bytes": ([b"a", b"b"], [0.1, 0.2]),
    "a table of classes": ([[0, 1], [1, 2]], [[0.1, 0.2], [0.3, 0.4]]),
}


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("auc", "metric_at_thresholds")])
@pytest.mark.parametrize("what", BAD)
def test_what_they_refuse_is_refused(name, what):
    mine, other = pair(name)
    y_true, score = BAD[what]
    expected, _ = outcome(other, y_true, score)
    found, _ = outcome(mine, y_true, score)
    if not isinstance(expected, type):
        if name == "calibration_curve" and what == "NaN":  # a row that they let through
            assert found is ValueError
        else:
            assert_alike(name, y_true, score)
    elif what == "bytes":  # which they see in some functions only
        assert found in (TypeError, ValueError)
    else:  # they meet some of these as an IndexError or an AttributeError on the way
        assert found is ValueError
