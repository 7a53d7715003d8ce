"""The area under the ROC curve: the chance that a positive scores above a negative."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.ranking_cases import SCORES, binary_cases, table_cases

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import auc, roc_auc_score, roc_curve
from scratchnet.metrics._rank_sum import rank_sum_auc, sorted_keys

# one rounding of each of two sums of at most 40 terms, and of their quotient
ROUNDING = {"rel": 0, "abs": 1e-14}


def pair_share(y_true, score, weight=None):
    """Return the share of the pairs in order, each tie one half, by looking at all of them."""
    weight = np.ones(len(score)) if weight is None else weight
    p, n = np.asarray(y_true) == 1, np.asarray(y_true) == 0
    wins = (score[p][:, None] > score[n]) + 0.5 * (score[p][:, None] == score[n])
    return float(weight[p] @ wins @ weight[n] / (weight[p].sum() * weight[n].sum()))


@given(binary_cases())
def test_it_is_the_share_of_pairs_in_order_and_the_area_under_the_curve(case):
    y_true, score, weight = case
    area = roc_auc_score(y_true, score)
    assert area == pytest.approx(pair_share(y_true, score), **ROUNDING)
    assert area == pytest.approx(auc(*roc_curve(y_true, score)[:2]), **ROUNDING)
    weighted = roc_auc_score(y_true, score, sample_weight=weight)
    assert weighted == pytest.approx(pair_share(y_true, score, weight), **ROUNDING)


WIDE = {
    "all signs and sizes": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.integers(-300, 300, n),
    "float32 of all sizes": lambda rng, n: (
        rng.normal(size=n) * 10.0 ** rng.integers(-37, 37, n)
    ).astype(np.float32),
    "subnormal": lambda rng, n: rng.integers(-3, 3, n) * 5e-324,
    "subnormal and large": lambda rng, n: rng.choice([5e-324, 1e-323, -5e-324, 3.0, -3.0], n),
    "the ends": lambda rng, n: rng.choice(np.finfo(float).max * np.array([1, -1, 0.5, 0]), n),
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "extended": lambda rng, n: 1 + rng.integers(0, 4, n) * np.finfo(np.longdouble).eps,
    "int64 ends": lambda rng, n: rng.choice([2**63 - 1, -(2**63), 2**63 - 2, 0], n),
    "above 2**53": lambda rng, n: 2**60 + rng.integers(0, 4, n),
    "uint64": lambda rng, n: rng.choice(np.array([2**64 - 1, 2**64 - 2, 0], np.uint64), n),
}


@pytest.mark.parametrize("name", [*SCORES, *WIDE])
@given(seed=st.integers(0, 2**32), n=st.integers(2, 30))
def test_scores_of_any_type_and_range_are_told_apart_exactly(name, seed, n):
    rng = np.random.default_rng(seed)
    score = {**SCORES, **WIDE}[name](rng, n)
    positive = rng.random(n) < 0.5
    positive[:2] = [True, False]
    assert rank_sum_auc(positive, score) == pytest.approx(pair_share(positive, score), **ROUNDING)
    keys = sorted_keys(positive, score)
    order = np.lexsort((positive, np.searchsorted(np.unique(score), score) * -1))
    np.testing.assert_array_equal(keys & 1, positive[order])
    same = score[order][1:] == score[order][:-1]
    np.testing.assert_array_equal(keys[1:] >> 1 == keys[:-1] >> 1, same)


@given(binary_cases(scores=("uniform", "few", "logits")))
def test_a_rising_map_of_the_scores_changes_nothing_and_a_falling_one_reverses(case):
    y_true, score, _ = case
    area = roc_auc_score(y_true, score)
    # Each of them keeps scores apart that are; tanh would not, in floats.
    for rising in (
        3 * score + 7,
        score.astype(np.float64) ** 3,
        np.unique(score).searchsorted(score),
    ):
        if len(np.unique(rising)) == len(np.unique(score)):
            assert roc_auc_score(y_true, rising) == area
    assert roc_auc_score(y_true, -score) == pytest.approx(1 - area, **ROUNDING)
    assert roc_auc_score(1 - y_true, score) == pytest.approx(1 - area, **ROUNDING)


def test_neither_the_scores_nor_the_labels_are_written_to():
    y_true, score = np.array([0, 1, 1, 0]), np.array([3.0, -2.5, 0.0, -0.0])
    before = score.copy(), y_true.copy()
    roc_auc_score(y_true, score)
    np.testing.assert_array_equal(score, before[0])
    np.testing.assert_array_equal(y_true, before[1])


@given(binary_cases(min_samples=4), st.floats(0.01, 1))
def test_the_partial_area_is_that_left_of_max_fpr_stretched(case, max_fpr):
    y_true, score, weight = case
    fpr, tpr, _ = roc_curve(y_true, score, sample_weight=weight)
    # The area by a fine grid's exact trapezoids: all corners, and the end itself.
    x = np.unique(np.append(fpr[fpr < max_fpr], max_fpr))
    right = [tpr[np.searchsorted(fpr, v, side="right") - 1] for v in x[:-1]]  # above each jump
    left = [np.interp(v, *segment(fpr, tpr, v)) for v in x[1:]]  # before the next one
    area = float((np.diff(x) * (np.array(right) + np.array(left))).sum() / 2)
    chance = max_fpr**2 / 2
    expected = 0.5 * (1 + (area - chance) / (max_fpr - chance))
    found = roc_auc_score(y_true, score, sample_weight=weight, max_fpr=max_fpr)
    # The stretching divides the area's rounding by max_fpr, at least 0.01.
    assert found == pytest.approx(expected, abs=1e-12)


def segment(fpr, tpr, v):
    """Return the ends of the slanted piece of the curve that reaches v from the left."""
    i = int(np.searchsorted(fpr, v, side="left"))
    return fpr[i - 1 : i + 1], tpr[i - 1 : i + 1]


def test_one_class_is_nan_with_a_warning_that_names_the_way_out():
    for y_true in ([1, 1], [0, 0], ["a", "a"]):
        with pytest.warns(UndefinedMetricWarning, match="pooled_score"):
            assert np.isnan(roc_auc_score(y_true, [0.1, 0.2]))
    with pytest.warns(UndefinedMetricWarning):  # of the class that is left
        assert np.isnan(roc_auc_score([0, 1, 1], [0.1, 0.2, 0.3], sample_weight=[0, 1, 1]))


def test_strings_and_columns_are_read_as_numbers_are():
    y, score = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.5, 0.3, 0.3, 0.9])
    area = pair_share(y, score)
    for labels in (["no", "yes"], [3, 5], [False, True], [-1.0, 1.0]):
        assert roc_auc_score(np.array(labels)[y], score) == pytest.approx(area)
        assert roc_auc_score(np.array(labels)[y][:, None], score[:, None]) == pytest.approx(area)
    assert roc_auc_score(y.tolist(), score.tolist()) == pytest.approx(area)
    assert roc_auc_score(y, score.astype(object)) == pytest.approx(area)


# --- several labels, several classes


@given(table_cases())
@pytest.mark.filterwarnings("ignore:Only one class")
def test_averages_over_labels_are_what_they_say(case):
    y_true, score, weight = case
    columns = [
        roc_auc_score(t, s, sample_weight=weight) for t, s in zip(y_true.T, score.T, strict=True)
    ]

    def area(average):
        return roc_auc_score(y_true, score, average=average, sample_weight=weight)

    np.testing.assert_array_equal(area(None), columns)
    np.testing.assert_allclose(area("macro"), np.mean(columns), rtol=1e-15)
    support = weight @ y_true
    by_support = [v if s else 0.0 for v, s in zip(columns, support, strict=True)]
    np.testing.assert_allclose(area("weighted"), by_support @ support / support.sum(), rtol=1e-14)
    flat = roc_auc_score(
        y_true.ravel(), score.ravel(), sample_weight=np.repeat(weight, y_true.shape[1])
    )
    np.testing.assert_array_equal(area("micro"), flat)
    rows = [roc_auc_score(t, s) for t, s in zip(y_true, score, strict=True)]
    np.testing.assert_allclose(area("samples"), weight @ rows / weight.sum(), rtol=1e-14)


def multiclass_case(seed, n=40, k=4):
    rng = np.random.default_rng(seed)
    y = np.append(np.arange(k), rng.integers(0, k, n - k))
    score = np.round(rng.random((n, k)) * 8 + 3 * np.eye(k)[y]) + 1
    return y, score / score.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_one_against_the_rest_is_the_binary_area_of_each_column(seed):
    y, score = multiclass_case(seed)
    each = [pair_share(y == k, score[:, k]) for k in range(4)]
    np.testing.assert_allclose(
        roc_auc_score(y, score, multi_class="ovr", average=None), each, rtol=1e-14
    )
    weighted = roc_auc_score(y, score, multi_class="ovr", average="weighted")
    assert weighted == pytest.approx(np.average(each, weights=np.bincount(y)))
    micro = roc_auc_score(y, score, multi_class="ovr", average="micro")
    assert micro == pytest.approx(pair_share(np.eye(4)[y].ravel(), score.ravel()))


@pytest.mark.parametrize("seed", range(3))
def test_one_against_one_is_the_mean_over_pairs_of_classes(seed):
    y, score = multiclass_case(seed)
    areas, sizes = [], []
    for a, b in combinations(range(4), 2):
        both = (y == a) | (y == b)
        of_a = pair_share(y[both] == a, score[both, a])
        areas.append((of_a + pair_share(y[both] == b, score[both, b])) / 2)
        sizes.append(both.sum())
    assert roc_auc_score(y, score, multi_class="ovo") == pytest.approx(np.mean(areas))
    weighted = roc_auc_score(y, score, multi_class="ovo", average="weighted")
    assert weighted == pytest.approx(np.average(areas, weights=sizes))


def test_labels_name_the_columns_where_y_true_lacks_a_class():
    y, score = multiclass_case(0)
    names = np.array(["ant", "bee", "cat", "dog"])
    kept = y != 2
    ovo = roc_auc_score(names[y[kept]], score[kept], multi_class="ovo", labels=names)
    pairs = []
    for a, b in combinations((0, 1, 3), 2):
        both = (y == a) | (y == b)
        of_a = pair_share(y[both] == a, score[both, a])
        pairs.append((of_a + pair_share(y[both] == b, score[both, b])) / 2)
    assert ovo == pytest.approx(np.mean(pairs))
    with pytest.warns(UndefinedMetricWarning):
        each = roc_auc_score(
            y[kept], score[kept], multi_class="ovr", labels=[0, 1, 2, 3], average=None
        )
    assert np.isnan(each).tolist() == [False, False, True, False]


PROBABILITIES = np.full((4, 3), 1 / 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "multi_class must be in"),
        ({"multi_class": "both"}, "multi_class must be one of 'raise', 'ovr', 'ovo', got 'both'"),
        ({"multi_class": "ovr", "average": "samples"}, "average of several classes must be one of"),
        ({"multi_class": "ovo", "average": "micro"}, "average of multi_class='ovo' must be one of"),
        ({"multi_class": "ovo", "sample_weight": [1] * 4}, "sample_weight is not supported"),
        ({"multi_class": "ovr", "max_fpr": 0.5}, "max_fpr=0.5 is for two classes"),
        ({"multi_class": "ovr", "labels": [0, 0, 1]}, "must be unique"),
        ({"multi_class": "ovr", "labels": [1, 0, 2]}, "must be ordered"),
        ({"multi_class": "ovr", "labels": [0, 1]}, "given labels, 2, not equal"),
        ({"multi_class": "ovr", "labels": [0, 1, 3]}, r"not in parameter 'labels': \[2\]"),
        (
            {"multi_class": "ovr", "y_score": [0.1, 0.2, 0.3, 0.4]},
            r"shape \(n_samples, n_classes\)",
        ),
        ({"multi_class": "ovr", "y_score": PROBABILITIES * 2}, "row 0 sums up to 2.0"),
        ({"multi_class": "ovr", "y_true": [0, 1, 0, 1]}, r"classes in y_true \(2\) not equal"),
        ({"average": "mean"}, "average must be one of"),
        ({"y_true": [0, 1, 0, 1]}, "multi_class must be in"),
        ({"y_true": [0, 1, 0, 1], "y_score": PROBABILITIES[:, :2]}, "should be a 1d array"),
        ({"y_true": [0.5, 1, 0, 1], "y_score": [1, 2, 3, 4]}, "continuous format is not supported"),
        ({"y_true": np.eye(4)[:, :3], "y_score": [1, 2, 3, 4]}, "different shapes"),
    ],
)
def test_what_is_not_defined_is_refused(arguments, words):
    arguments = {"y_true": [0, 1, 2, 2], "y_score": PROBABILITIES, **arguments}
    with pytest.raises(ValueError, match=words):
        roc_auc_score(**arguments)


def test_one_against_one_without_an_average_is_not_there():
    with pytest.raises(NotImplementedError, match="ovo"):
        roc_auc_score([0, 1, 2, 2], PROBABILITIES, multi_class="ovo", average=None)


@pytest.mark.parametrize("max_fpr", [0, -0.1, 1.1])
def test_max_fpr_lies_above_0_and_at_most_at_1(max_fpr):
    with pytest.raises(ValueError, match="max_fpr must be"):
        roc_auc_score([0, 1], [0.1, 0.2], max_fpr=max_fpr)
