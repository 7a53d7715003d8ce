"""Folds hold what a splitter says, in one array where that suffices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.model_selection.folds import Folds, folds_of

numbers = st.lists(st.integers(-1, 5), min_size=1, max_size=30).map(np.array)


@given(numbers)
def test_a_fold_tests_the_samples_of_its_number_and_trains_on_all_others(numbers):
    folds = Folds.from_numbers(numbers, 6)
    assert len(folds) == 6
    for fold, (train, test) in enumerate(folds):
        np.testing.assert_array_equal(test, np.flatnonzero(numbers == fold))
        np.testing.assert_array_equal(train, np.flatnonzero(numbers != fold))


@given(numbers)
def test_numbers_in_a_small_type_do_not_overflow(numbers):
    small = (numbers + 122).astype(np.int8)  # up to 127
    folds = Folds.from_numbers(small, 128)
    assert np.diff(folds.starts)[121:].sum() == len(numbers)


@given(numbers, st.data())
def test_the_counts_are_how_often_each_sample_is_trained_on(numbers, data):
    compact = Folds.from_numbers(numbers, 6)
    spelt_out = Folds.from_splits(iter(compact), len(numbers))
    first = data.draw(st.integers(0, 6))
    last = data.draw(st.integers(first, 6))
    counts = compact.train_counts(first, last)
    np.testing.assert_array_equal(counts, spelt_out.train_counts(first, last))
    for row, fold in zip(counts, range(first, last), strict=True):
        np.testing.assert_array_equal(np.flatnonzero(row), compact.train(fold))


def test_a_sample_may_be_trained_on_more_than_once():
    folds = Folds.from_splits([([0, 0, 2], [1])], 3)
    assert folds.train_counts(0, 1).tolist() == [[2, 0, 1]]
    assert folds.train(0).tolist() == [0, 0, 2]


def test_splits_may_be_masks_or_count_from_the_end():
    folds = Folds.from_splits([(np.array([True, False, True]), [1]), ([0, 1], [-1])], 3)
    assert [(train.tolist(), test.tolist()) for train, test in folds] == [
        ([0, 2], [1]),
        ([0, 1], [2]),
    ]


def test_a_sample_that_is_not_there_is_refused():
    for bad in ([0, 3], [-4]):
        with pytest.raises(ValueError, match="of 3 samples"):
            Folds.from_splits([([0], bad)], 3)


def test_whether_all_samples_are_tested_once():
    assert Folds.from_numbers(np.array([1, 0, 1]), 2).tests_all_once
    assert not Folds.from_numbers(np.array([1, 0, -1]), 2).tests_all_once
    assert not Folds.from_splits([([0], [1, 1])], 2).tests_all_once


def test_a_splitter_with_fold_numbers_is_not_enumerated():
    class Numbered:
        def fold_numbers(self, X, y=None, groups=None):
            return np.arange(len(X)) % 2

        def get_n_splits(self, X=None, y=None, groups=None):
            return 2

        def split(self, X, y=None, groups=None):
            raise AssertionError("asked for its splits")

    folds = folds_of(Numbered(), np.zeros((5, 1)))
    assert folds.train_parts is None
    assert folds.test(0).tolist() == [0, 2, 4]


def test_any_splitter_will_do():
    class Split:
        def split(self, X, y=None, groups=None):
            yield np.array([2, 0]), np.array([1])

    folds = folds_of(Split(), np.zeros((3, 1)))
    assert folds.train(0).tolist() == [2, 0]  # in the splitter's order
