"""The order of samples, patience, and the samples held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model.online import Patience, stratified_holdout, xorshift_permutation


@given(n=st.integers(0, 50), seed=st.integers(0, 2**31 - 2))
def test_a_permutation_has_every_position_once(n, seed):
    np.testing.assert_array_equal(np.sort(xorshift_permutation(n, seed)), np.arange(n))


def test_the_seed_zero_shuffles_too():
    assert len(set(xorshift_permutation(20, 0))) == 20
    assert list(xorshift_permutation(20, 0)) != list(range(20))
    np.testing.assert_array_equal(xorshift_permutation(20, 0), xorshift_permutation(20, 1))


def test_every_permutation_of_three_comes_about_equally_often():
    counts = {}
    for seed in range(6000):
        # Seeds of neighbouring numbers start alike: spread them, as the draw of a seed does.
        order = tuple(xorshift_permutation(3, seed * 2_654_435_761 % (2**31 - 1)))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    # 1000 expected of each with a standard deviation of 29.
    assert max(abs(count - 1000) for count in counts.values()) < 120


def test_patience_counts_epochs_in_a_row_that_do_not_beat_the_best_by_tol():
    patience = Patience(tol=1.0, n_iter_no_change=2)
    values = [0.0, 1.0, 1.5, 2.5, 3.0, 3.25]
    assert [patience.is_lost(value) for value in values] == [False] * 5 + [True]
    # 1.0 beats 0.0 by tol; 1.5 does not beat 1.0; 2.5 beats 1.5; 3.0 and 3.25 do not beat 2.5.


def test_patience_without_tol_is_never_lost():
    patience = Patience(tol=None, n_iter_no_change=1)
    assert not any(patience.is_lost(-i) for i in range(10))


@given(
    seed=st.integers(0, 1000),
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=5),
    fraction=st.floats(0.05, 0.9),
)
def test_the_samples_held_out_are_scikit_learns(seed, counts, fraction):
    model_selection = pytest.importorskip("sklearn.model_selection")
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    splitter = model_selection.StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        _, expected = next(splitter.split(y, y))
    except ValueError:
        with pytest.raises(ValueError, match="validation_fraction"):
            stratified_holdout(y, fraction, np.random.RandomState(seed))
        return
    mask = stratified_holdout(y, fraction, np.random.RandomState(seed))
    np.testing.assert_array_equal(np.flatnonzero(mask), np.sort(expected))


def test_every_class_is_held_out_in_proportion():
    y = np.repeat(["a", "b", "c"], [100, 50, 10])
    mask = stratified_holdout(y, 0.2, np.random.RandomState(0))
    assert [int(mask[y == label].sum()) for label in "abc"] == [20, 10, 2]
