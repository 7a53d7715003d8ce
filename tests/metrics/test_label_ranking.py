"""Rankings of labels: each metric by its definition, label by label."""

import numpy as np
import pytest
from hypothesis import given
from metrics.ranking_cases import table_cases

from scratchnet.metrics import (
    coverage_error,
    label_ranking_average_precision_score,
    label_ranking_loss,
)

METRICS = [coverage_error, label_ranking_average_precision_score, label_ranking_loss]


def coverage(y, s):
    return sum(v >= min(s[y == 1]) for v in s) if y.any() else 0


def precision(y, s):
    if y.all() or not y.any():
        return 1
    return np.mean([(s[y == 1] >= v).sum() / (s >= v).sum() for v in s[y == 1]])


def loss(y, s):
    if y.all() or not y.any():
        return 0
    return np.mean(s[y == 1][:, None] <= s[y == 0])


@pytest.mark.parametrize(
    ("metric", "of_row"), list(zip(METRICS, [coverage, precision, loss], strict=True))
)
@given(case=table_cases())
def test_it_is_the_mean_over_samples_of_the_definition(metric, of_row, case):
    y_true, score, weight = case
    each = [of_row(y, s) for y, s in zip(y_true, score, strict=True)]
    assert metric(y_true, score) == pytest.approx(np.mean(each), rel=1e-13)
    found = metric(y_true, score, sample_weight=weight)
    assert found == pytest.approx(np.average(each, weights=weight), rel=1e-13)


@given(table_cases())
def test_the_best_ranking_has_the_best_value(case):
    y_true, _, _ = case
    assert coverage_error(y_true, y_true) == pytest.approx(
        np.mean(np.where(y_true.any(axis=1), y_true.sum(axis=1), 0))
    )
    assert label_ranking_average_precision_score(y_true, y_true) == 1
    assert label_ranking_loss(y_true, y_true) == 0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_score", "words"),
    [
        ([0, 1, 0], [0.1, 0.2, 0.3], "binary format is not supported"),
        ([[0, 1, 2]], [[0.1, 0.2, 0.3]], "multiclass-multioutput format is not supported"),
        ([[0, 1]], [[0.1, 0.2, 0.3]], "different shape"),
        ([[0, 1], [1, 0]], [[0.1, 0.2]], "y_true has 2, y_score has 1"),
        ([[0, 1]], [[0.1, np.nan]], "contains NaN: row 0, column 1"),
    ],
)
def test_bad_input_is_refused(metric, y_true, y_score, words):
    with pytest.raises(ValueError, match=words):
        metric(y_true, y_score)


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_labels_are_refused_with_the_way_out(metric):
    class Sparse:
        def tocsr(self):
            return self

    with pytest.raises(TypeError, match=r"toarray\(\)"):
        metric(Sparse(), [[0.1, 0.2]])


@pytest.mark.parametrize("metric", METRICS)
def test_a_table_of_many_blocks_is_the_mean_of_its_parts(metric):
    from scratchnet.metrics._row_blocks import BLOCK

    rng = np.random.default_rng(0)
    n = 3 * (BLOCK // 4) + 8  # of four labels: more than three blocks
    y_true, score = rng.integers(0, 2, (n, 4)), rng.random((n, 4))
    parts = [metric(y_true[i : i + 8], score[i : i + 8]) for i in range(0, n, 8)]
    assert n % 8 == 0
    assert metric(y_true, score) == pytest.approx(np.mean(parts), rel=1e-12)
