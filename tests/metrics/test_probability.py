"""Log loss, Brier score, their D² and the hinge loss, by the sums that they state; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    brier_score_loss,
    d2_brier_score,
    d2_log_loss_score,
    hinge_loss,
    log_loss,
)
from scratchnet.metrics.probability import BLOCK

FUNCTIONS = [log_loss, brier_score_loss, d2_log_loss_score, d2_brier_score]
NAMES = np.array(["b", "a", "dd", "c"])  # the columns are in the sorted order: a, b, c, dd
seeds = st.integers(0, 2**32 - 1)


def problem(seed, N=9, K=3):
    """Return classes of which each occurs, probabilities and weights."""
    rng = np.random.default_rng(seed)
    y = np.append(np.arange(K), rng.integers(0, K, N - K))
    return y, rng.dirichlet(np.ones(K), N), rng.random(N) + 0.1


@pytest.mark.parametrize("weighted", [False, True])
@given(seed=seeds)
def test_the_losses_are_the_stated_sums_and_d2_compares_with_the_frequencies(seed, weighted):
    y, p, w = problem(seed)
    weight = w if weighted else np.ones(9)
    options = {"sample_weight": w if weighted else None}
    Y = np.eye(3)[y]
    q = np.tile(weight @ Y / weight.sum(), (9, 1))
    log_losses = [-(weight[:, None] * Y * np.log(r)).sum() for r in (p, q)]
    squares = [(weight[:, None] * (r - Y) ** 2).sum() for r in (p, q)]
    expected = [
        log_losses[0] / weight.sum(),
        squares[0] / weight.sum(),
        1 - log_losses[0] / log_losses[1],
        1 - squares[0] / squares[1],
    ]
    for truth in (y, Y.astype(int)):  # classes, or a table of zeros and ones
        for function, value in zip(FUNCTIONS, expected, strict=True):
            assert function(truth, p, **options) == pytest.approx(value, rel=1e-13, abs=1e-14)
    assert log_loss(y, p, normalize=False, **options) == pytest.approx(log_losses[0], rel=1e-13)


@pytest.mark.parametrize("function", FUNCTIONS)
@given(seed=seeds)
def test_of_two_classes_the_second_column_is_enough(function, seed):
    y, p, w = problem(seed, K=2)
    for weight in (None, w):
        found = function(y, p[:, 1], sample_weight=weight)
        assert found == pytest.approx(function(y, p, sample_weight=weight), rel=1e-13, abs=1e-14)
        assert function(y, p[:, 1:], sample_weight=weight) == found


@pytest.mark.parametrize("function", FUNCTIONS)
@given(seed=seeds)
def test_the_columns_are_the_sorted_classes_and_labels_add_those_that_are_missing(function, seed):
    y, p, _ = problem(seed, K=3)
    names = np.array(["ant", "bee", "cat"])[y]
    assert function(names, p) == function(y, p)
    assert function(names.astype(object), p.tolist()) == function(y, p)
    wider = np.insert(p, 1, 0.0, axis=1)
    found = function(names, wider, labels=["ant", "aunt", "bee", "cat"])
    assert found == pytest.approx(function(y, p), rel=1e-14, abs=1e-15)
    with pytest.warns(UserWarning, match="order"):
        assert function(names, wider, labels=["cat", "bee", "aunt", "ant"]) == found


@pytest.mark.parametrize("y", [[0, 1, 1, 1], [0, 1, 1, 2]])
@pytest.mark.parametrize("function", [d2_log_loss_score, d2_brier_score])
def test_d2_of_the_frequencies_is_exactly_zero_and_of_the_truth_one(function, y):
    one_hot = np.eye(max(y) + 1)[y]
    assert function(y, np.tile(one_hot.mean(axis=0), (4, 1))) == 0
    assert function(y, one_hot) == pytest.approx(1, abs=1e-14)  # the log loss is clipped at 1 − ε


def test_d2_of_one_sample_is_undefined():
    for function in (d2_log_loss_score, d2_brier_score):
        with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
            assert np.isnan(function([1], [0.5]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_a_probability_of_zero_costs_minus_the_logarithm_of_epsilon(dtype):
    found = log_loss([0, 1], np.array([1, 0], dtype))  # both are wrong
    epsilon = float(np.finfo(dtype).eps)
    # The logarithm is taken in the dtype of the probabilities.
    assert found == pytest.approx(-np.log(epsilon), rel=2 * epsilon)


def test_halving_the_brier_score():
    y, p, _ = problem(0, K=2)
    half = np.mean((p[:, 1] - y) ** 2)
    for proba in (p, p[:, 1]):
        assert brier_score_loss(y, proba) == pytest.approx(half, rel=1e-14)
        assert brier_score_loss(y, proba, scale_by_half=False) == pytest.approx(2 * half, rel=1e-14)
    y, p, _ = problem(0, K=3)
    whole = brier_score_loss(y, p)
    assert brier_score_loss(y, p, scale_by_half=True) == whole / 2


def test_the_positive_class_of_the_brier_score():
    p = [0.25, 0.5, 1.0]
    score = (0.25**2 + 0.5**2) / 3
    for y in ([0, 1, 1], [-1, 1, 1], [3, 5, 5], [False, True, True]):
        assert brier_score_loss(y, p) == pytest.approx(score, rel=1e-15)
    assert brier_score_loss(["no", "yes", "yes"], p, pos_label="yes") == pytest.approx(score)
    assert brier_score_loss([1, 0, 0], p, pos_label=0) == pytest.approx(score)
    with pytest.raises(ValueError, match="pos_label is not specified"):
        brier_score_loss(["no", "yes", "yes"], p)


def test_the_blocks_of_rows_together_are_all_rows():
    y, p, _ = problem(0, N=2 * BLOCK + 3)
    expected = ((p - np.eye(3)[y]) ** 2).sum(axis=1).mean()
    assert brier_score_loss(y, p) == pytest.approx(expected, rel=1e-13)
    margin = np.array([row[t] - max(np.delete(row, t)) for row, t in zip(p, y, strict=True)])
    assert hinge_loss(y, p) == pytest.approx(np.maximum(0, 1 - margin).mean(), rel=1e-13)


def test_the_former_name_of_the_probabilities_still_works():
    for function in (log_loss, d2_log_loss_score):
        with pytest.warns(FutureWarning, match="renamed to `y_proba`"):
            found = function([0, 1], y_pred=[0.25, 0.75])
        assert found == function([0, 1], [0.25, 0.75])
        with pytest.raises(ValueError, match="y_proba alone"):
            function([0, 1], [0.25, 0.75], y_pred=[0.25, 0.75])


def test_rows_that_do_not_sum_to_one_warn_and_say_which():
    with pytest.warns(UserWarning, match="do not sum to one: those of row 1"):
        log_loss([0, 1], [[0.5, 0.5], [0.6, 0.6]])


VALUE_ERRORS = [
    (([0, 1], [0.5, 1.5]), {}, "greater than 1: 1.5"),
    (([0, 1], [-0.5, 0.5]), {}, "lower than 0: -0.5"),
    (([0, 1], [0.5, np.nan]), {}, "y_proba contains NaN: row 1"),
    (([0, 1], [0.5, 0.5, 0.5]), {}, "3"),
    (([0, 1, 2], [[0.5, 0.5]] * 3), {}, r"y_true has 3 \(\[0, 1, 2\]\), y_proba has 2"),
    (([0, 0], [[0.5, 0.5]] * 2), {}, "only one label"),
    (([0, 0], [[0.5, 0.5]] * 2), {"labels": [0]}, "at least two labels"),
    (([0, 2], [[0.5, 0.5]] * 2), {"labels": [0, 1]}, r"values \[2\] not belonging"),
    (([0, 1], [[0.5, 0.5]] * 2), {"labels": [0, 1, 2]}, "there are 3"),
    (([0.5, 1], [[0.5, 0.5]] * 2), {}, "continuous"),
    (([[0, 2], [1, 3]], [[0.5, 0.5]] * 2), {}, "multiclass-multioutput"),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("arguments", "options", "message"), VALUE_ERRORS)
def test_what_are_no_probabilities_of_these_classes_is_refused(
    function, arguments, options, message
):
    with pytest.raises(ValueError, match=message):
        function(*arguments, **options)


@given(seeds)
def test_the_hinge_loss_of_two_classes_is_the_stated_one(seed):
    rng = np.random.default_rng(seed)
    y, d, w = np.append([0, 1], rng.integers(0, 2, 5)), rng.normal(size=7), rng.random(7)
    losses = [max(0, 1 - (1 if t else -1) * v) for t, v in zip(y, d, strict=True)]
    for weight in (None, w):
        expected = np.average(losses, weights=weight)
        for truth in (y, y * 2 - 1, NAMES[[1, 0]][y]):
            found = hinge_loss(truth, d, sample_weight=weight)
            assert found == pytest.approx(expected, rel=1e-14)


@given(seeds)
def test_the_hinge_loss_of_several_is_against_the_best_other_class(seed):
    rng = np.random.default_rng(seed)
    y, d = rng.integers(0, 3, 7), rng.normal(size=(7, 4))  # class 3 does not occur
    best_other = [np.delete(row, t).max() for row, t in zip(d, y, strict=True)]
    expected = np.maximum(0, 1 - (d[np.arange(7), y] - best_other)).mean()
    before = d.copy()
    assert hinge_loss(y, d, labels=[0, 1, 2, 3]) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_array_equal(d, before)


def test_the_hinge_loss_refuses_decisions_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(4, 3\), got \(4, 4\).*pass `labels`"):
        hinge_loss([0, 1, 2, 2], np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"\(3, 3\), got \(3,\)"):
        hinge_loss([0, 1, 2], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"contains \[2\]"):
        hinge_loss([0, 1, 2], np.zeros((3, 2)), labels=[0, 1])
