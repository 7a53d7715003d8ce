"""DCG and NDCG: the sum over ranks as stated, ties as the mean over all orders."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.metrics import dcg_score, ndcg_score


def gain(ranked, k=None, base=2.0):
    """Return Σ_r y[r] / log(r + 1) over the first k ranks."""
    ranks = range(1, len(ranked) + 1)
    terms = [y * np.log(base) / np.log(r + 1) for r, y in zip(ranks, ranked, strict=True)]
    return sum(terms[:k])


def gain_over_orders(relevance, score, **options):
    """Return the mean gain over all orders that the scores leave open."""
    k = len(score)
    orders = [o for o in permutations(range(k)) if (np.diff(score[list(o)]) <= 0).all()]
    return np.mean([gain(relevance[list(o)], **options) for o in orders])


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 5), st.booleans())
def test_dcg_is_the_mean_over_all_orders_of_equal_scores(seed, n, k, has_ties):
    rng = np.random.default_rng(seed)
    relevance = rng.integers(0, 4, (n, k))
    relevance[0, :2] = [0, 3]
    score = rng.integers(0, 3, (n, k)).astype(float) if has_ties else rng.random((n, k))
    weight = rng.choice([0.5, 1, 2], n)
    for options in ({}, {"k": 2}, {"base": 10}):
        each = [gain_over_orders(r, s, **options) for r, s in zip(relevance, score, strict=True)]
        arguments = {"log_base" if name == "base" else name: v for name, v in options.items()}
        found = dcg_score(relevance, score, sample_weight=weight, **arguments)
        assert found == pytest.approx(np.average(each, weights=weight), rel=1e-13)
        if options != {"base": 10}:
            ideal = [gain(sorted(r, reverse=True), **options) for r in relevance]
            shares = [g / i if i else 0.0 for g, i in zip(each, ideal, strict=True)]
            found = ndcg_score(relevance, score, sample_weight=weight, **arguments)
            assert found == pytest.approx(np.average(shares, weights=weight), rel=1e-13)


@given(st.integers(0, 2**32))
def test_without_ties_ignoring_them_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    relevance, score = rng.random((3, 6)), rng.random((3, 6))
    for metric in (dcg_score, ndcg_score):
        assert metric(relevance, score, ignore_ties=True) == metric(relevance, score)


def test_a_ranking_by_relevance_is_1_and_one_without_relevance_0():
    relevance = np.array([[3, 1, 0, 2], [0, 0, 0, 0]])
    assert ndcg_score(relevance[:1], relevance[:1]) == pytest.approx(1)
    assert ndcg_score(relevance, relevance) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"y_true": [0, 1, 2]}, "must be a table"),
        ({"y_score": [[1, 2]]}, "different shapes"),
        ({"y_true": [[1], [2]], "y_score": [[1], [2]]}, "must be a table|more than 1 document"),
    ],
)
@pytest.mark.parametrize("metric", [dcg_score, ndcg_score])
def test_what_is_not_defined_is_refused(metric, arguments, words):
    arguments = {"y_true": [[0, 1, 2]], "y_score": [[0.1, 0.2, 0.3]], **arguments}
    with pytest.raises(ValueError, match=words):
        metric(**arguments)


def test_negative_relevance_has_no_normalised_gain_and_the_base_is_positive():
    with pytest.raises(ValueError, match="the lowest is -1"):
        ndcg_score([[0, -1, 2]], [[0.1, 0.2, 0.3]])
    with pytest.raises(ValueError, match="log_base must be above 0"):
        dcg_score([[0, 1, 2]], [[0.1, 0.2, 0.3]], log_base=0)
