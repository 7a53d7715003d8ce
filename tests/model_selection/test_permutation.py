"""Permutation tests."""

import numpy as np
import pytest
from model_selection.mean_estimators import NearestMean, OneByOneClassifier

from scratchnet.model_selection import KFold, StratifiedKFold, permutation_test_score


def data(n_samples=30, effect=0.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_samples) % 2)
    return rng.normal(size=(n_samples, 3)) + effect * y[:, None], y


def test_the_p_value_counts_the_permutations_that_score_as_well():
    X, y = data()
    score, permuted, p = permutation_test_score(NearestMean(), X, y, n_permutations=40)
    assert permuted.shape == (40,)
    assert p == (1 + np.sum(permuted >= score)) / 41
    assert isinstance(p, float)


def test_the_least_p_value_is_that_of_a_score_above_all():
    X, y = data(effect=5.0)
    score, permuted, p = permutation_test_score(NearestMean(), X, y, n_permutations=19)
    assert score == 1.0 > permuted.max()
    assert p == 1 / 20


def test_p_values_without_an_effect_are_not_too_small_too_often():
    # P(p ≤ 1/4) ≤ 1/4; of 40 independent tests 18 or more with probability 0.004.
    found = [
        permutation_test_score(NearestMean(), *data(12, seed=seed), cv=2, n_permutations=7)[2]
        for seed in range(40)
    ]
    assert np.sum(np.array(found) <= 0.25) < 18


def test_a_permutation_moves_no_sample_out_of_its_group():
    X, y = data()
    groups = y.copy()  # so that every permutation within the groups leaves y as it is
    score, permuted, p = permutation_test_score(
        NearestMean(), X, y, groups=groups, cv=list(KFold(3).split(X)), n_permutations=5
    )
    np.testing.assert_array_equal(permuted, [score] * 5)
    assert p == 1.0


def test_a_seed_gives_the_same_permutations():
    X, y = data()
    one, other, third = (
        permutation_test_score(NearestMean(), X, y, n_permutations=5, random_state=seed)[1]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_an_error_is_raised():
    def scorer(model, X, y):
        raise OSError("no score")

    with pytest.raises(OSError, match="no score"):
        permutation_test_score(NearestMean(), *data(), scoring=scorer)


def test_verbose_prints_each_score(capsys):
    _, permuted, _ = permutation_test_score(NearestMean(), *data(), n_permutations=2, verbose=1)
    assert capsys.readouterr().out.splitlines() == [
        f"permutation {b}/2: score={score:.3f}" for b, score in zip((1, 2), permuted, strict=True)
    ]


@pytest.mark.parametrize(("number", "error"), [(0, ValueError), (1.5, TypeError)])
def test_a_number_of_permutations_that_is_none_is_refused(number, error):
    with pytest.raises(error, match="n_permutations must"):
        permutation_test_score(NearestMean(), *data(), n_permutations=number)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize("groups", [None, np.arange(30) // 10])
def test_scores_are_scikit_learns(groups):
    theirs = pytest.importorskip("sklearn.model_selection")
    X, y = data(effect=0.3)
    for cv in (StratifiedKFold(3), KFold(3, shuffle=True, random_state=1)):
        options = {"cv": cv, "n_permutations": 8, "random_state": 3, "groups": groups}
        found = permutation_test_score(OneByOneClassifier(), X, y, **options)
        expected = theirs.permutation_test_score(OneByOneClassifier(), X, y, **options)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-15)  # the mean over the folds
