"""Calibration: bins by their definition, and the error of models whose error is known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.metrics import calibration_curve, expected_calibration_error


def bins_of(prob, edges):
    """Return the samples of each bin, (low, high]; the first takes in its lower end."""
    found = []
    for b, (low, high) in enumerate(pairwise(edges)):
        is_last = b == len(edges) - 2
        inside = ((prob > low) | (b == 0)) & ((prob <= high) | is_last)
        found.append(np.flatnonzero(inside))
    return found


@given(
    st.integers(0, 2**32), st.sampled_from([1, 2, 7, 40]), st.sampled_from(["uniform", "quantile"])
)
def test_each_bin_has_its_mean_probability_and_its_share_of_positives(seed, n_bins, strategy):
    rng = np.random.default_rng(seed)
    prob = np.round(rng.random(60), rng.integers(1, 8))  # some of them on the edges
    y = (rng.random(60) < prob).astype(int)
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.quantile(prob, edges)
    used = [rows for rows in bins_of(prob, edges) if len(rows)]
    prob_true, prob_pred = calibration_curve(y, prob, n_bins=n_bins, strategy=strategy)
    np.testing.assert_allclose(prob_true, [y[rows].mean() for rows in used], rtol=1e-15)
    np.testing.assert_allclose(prob_pred, [prob[rows].mean() for rows in used], rtol=1e-14)

    weight = rng.choice([0.5, 1.0, 3.0], 60)
    for w in (np.ones(60), weight):
        gaps = [
            w[rows].sum()
            * abs(np.average(y[rows], weights=w[rows]) - np.average(prob[rows], weights=w[rows]))
            for rows in used
        ]
        found = expected_calibration_error(
            y, prob, n_bins=n_bins, strategy=strategy, sample_weight=w
        )
        assert found == pytest.approx(sum(gaps) / w.sum(), abs=1e-14)


def test_a_model_that_is_always_off_by_the_same_has_that_error():
    # In each of ten bins, of ten samples at p = b/10 + 0.05, as many are positive as p + 0.05 says.
    prob = np.repeat(np.arange(10) / 10 + 0.05, 20)
    y = np.concatenate([np.arange(20) < 2 * (b + 1) for b in range(10)]).astype(int)
    assert expected_calibration_error(y, prob, n_bins=10) == pytest.approx(0.05)


def test_the_error_of_a_perfect_model_falls_with_the_samples():
    rng = np.random.default_rng(0)
    errors = []
    for n in (100, 10_000):
        prob = rng.random(n)
        errors.append(expected_calibration_error((rng.random(n) < prob).astype(int), prob))
    # Σ_b (n_b/N) E|o − c| = E√(2c(1−c)/π) / √(N/15) ≈ 0.31 √(15/N): 0.12 and 0.012
    assert 0.06 < errors[0] < 0.24
    assert 0.006 < errors[1] < 0.024


def test_of_several_classes_it_is_that_of_the_confidence_in_the_predicted_one():
    rng = np.random.default_rng(0)
    prob = rng.dirichlet([1, 1, 1], 200)
    y = np.append([0, 1, 2], rng.integers(0, 3, 197))
    names = np.array(["ant", "bee", "cat"])
    expected = expected_calibration_error(prob.argmax(axis=1) == y, prob.max(axis=1))
    assert expected_calibration_error(names[y], prob) == expected
    kept = y != 1
    assert expected_calibration_error(names[y[kept]], prob[kept], labels=names) == pytest.approx(
        expected_calibration_error(prob.argmax(axis=1)[kept] == y[kept], prob.max(axis=1)[kept])
    )


def test_labels_may_be_strings_and_one_class_is_no_error():
    assert expected_calibration_error(["n", "p"], [0.25, 0.5], pos_label="p", n_bins=1) == 0.125
    assert expected_calibration_error([1, 1], [0.75, 1.0], n_bins=1) == 0.125
    prob_true, prob_pred = calibration_curve(["n", "p"], [0.25, 0.75], pos_label="p", n_bins=1)
    assert (prob_true.item(), prob_pred.item()) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y_prob": [0.5, 1.5, 0.2]}, r"outside \[0, 1\]: they span 0.2 to 1.5"),
        ({"y_true": [0, 1, 2]}, "Only binary classification"),
        ({"y_true": ["a", "b", "b"]}, "pos_label is not specified"),
        ({"n_bins": 0}, "n_bins must be at least 1, got 0"),
        ({"strategy": "even"}, "strategy must be one of 'uniform', 'quantile', got 'even'"),
        ({"y_true": [0, 1]}, "y_true has 2, y_prob has 3"),
    ],
)
@pytest.mark.parametrize("metric", [calibration_curve, expected_calibration_error])
def test_bad_input_is_refused(metric, arguments, words):
    arguments = {"y_true": [0, 1, 1], "y_prob": [0.1, 0.5, 0.9], **arguments}
    with pytest.raises(ValueError, match=words):
        metric(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y_true": [0, 1, 0]}, "3 columns, there are 2 classes"),
        ({"labels": [2, 1, 0]}, "labels must be sorted and unique"),
        ({"y_prob": np.full((3, 3), 0.5)}, "row 0 sums to 1.5"),
    ],
)
def test_bad_columns_are_refused(arguments, words):
    arguments = {"y_true": [0, 1, 2], "y_prob": np.eye(3), **arguments}
    with pytest.raises(ValueError, match=words):
        expected_calibration_error(**arguments)
