"""KFold, StratifiedKFold and their repeats; leaving out; folds that are given."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

K_FOLDS = [KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold]


@given(n=st.integers(2, 300), k=st.integers(2, 300), shuffle=st.booleans())
def test_the_first_n_mod_k_folds_have_one_sample_more(n, k, shuffle):
    splitter = KFold(k, shuffle=shuffle, random_state=0 if shuffle else None)
    if k > n:
        with pytest.raises(ValueError, match=f"n_splits={k} greater than .* n_samples={n}"):
            splitter.fold_numbers(range(n))
        return
    sizes = np.bincount(splitter.fold_numbers(range(n)))
    np.testing.assert_array_equal(sizes, [n // k + (f < n % k) for f in range(k)])


@given(n=st.integers(2, 50), k=st.integers(2, 5))
def test_unshuffled_folds_are_stretches_of_consecutive_samples(n, k):
    fold = KFold(min(k, n)).fold_numbers(range(n))
    assert (np.diff(fold) >= 0).all()


def test_every_sample_comes_into_every_fold_about_equally_often_when_shuffled():
    state = np.random.RandomState(0)
    fold = np.array(
        [KFold(3, shuffle=True, random_state=state).fold_numbers(range(6)) for _ in range(3000)]
    )
    # 1000 expected in each cell, with a standard deviation of 26.
    for f in range(3):
        assert abs((fold == f).sum(axis=0) - 1000).max() < 110


classes = st.lists(st.integers(0, 3), min_size=2, max_size=60).map(np.array)


def dealt(y, k):
    """Deal the samples to k folds, class by class, in the order in which the classes appear."""
    order = list(dict.fromkeys(y.tolist()))
    positions = itertools.count()
    fold = np.empty(len(y), int)
    for c in order:
        members = np.flatnonzero(y == c)
        fold[members] = sorted(next(positions) % k for _ in members)
    return fold


@given(y=classes, k=st.integers(2, 6))
@example(y=np.repeat([0, 1, 2], [7, 4, 1]), k=3)
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_samples_are_dealt_to_the_folds_class_by_class(y, k):
    if np.bincount(y).max() >= k:
        np.testing.assert_array_equal(StratifiedKFold(k).fold_numbers(y, y), dealt(y, k))


@given(y=classes, k=st.integers(2, 6), seed=st.integers(0, 99))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_no_fold_has_more_than_one_sample_of_a_class_above_another(y, k, seed):
    if np.bincount(y).max() >= k:
        fold = StratifiedKFold(k, shuffle=True, random_state=seed).fold_numbers(y, y)
        for is_member in [np.ones(len(y), bool), *(y == c for c in np.unique(y))]:
            sizes = np.bincount(fold[is_member], minlength=k)
            assert sizes.max() - sizes.min() <= 1


@given(y=classes, seed=st.integers(0, 99))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_what_the_classes_are_called_does_not_matter(y, seed):
    if np.bincount(y).max() >= 2:
        splitter = StratifiedKFold(2, shuffle=True, random_state=seed)
        expected = splitter.fold_numbers(y, y)
        for names in (np.array(["d", "a", "b", "c"]), np.array([-1e300, 2.0, 1e300, 0.0])):
            np.testing.assert_array_equal(splitter.fold_numbers(y, names[y]), expected)


def test_only_if_all_classes_are_too_small_is_it_an_error():
    y = [0, 0, 0, 1, 1]
    with pytest.warns(UserWarning, match="only 2 members, which is less than n_splits=3") as caught:
        next(StratifiedKFold(3).split(y, y))
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match=r"n_splits=4 cannot be greater .* largest class has 3"):
        next(StratifiedKFold(4).split(y, y))


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (None, TypeError, "y is None"),
        ([0.5, 1.5, 1.5, 2], ValueError, "target types.* Got 'continuous' instead"),
        (np.eye(4, dtype=int), ValueError, "Got 'multilabel-indicator' instead"),
        ([0, 1, 0, np.nan], ValueError, "Input y contains NaN: row 3"),
    ],
)
def test_a_target_without_classes_cannot_be_stratified(y, error, words):
    for splitter, groups in ((StratifiedKFold(2), None), (StratifiedGroupKFold(2), range(4))):
        with pytest.raises(error, match=words):
            next(splitter.split(range(4), y, groups))


@pytest.mark.parametrize(
    "splitter", [StratifiedKFold(), RepeatedStratifiedKFold()], ids=lambda s: type(s).__name__
)
def test_a_stratified_split_asks_for_y(splitter):
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        splitter.split(range(4))


@pytest.mark.parametrize("k_fold", K_FOLDS)
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n_splits": 1}, ValueError, "n_splits=2 or more, got n_splits=1"),
        ({"n_splits": 2.0}, ValueError, "must be an integer, got n_splits=2.0 of type float"),
        ({"n_splits": 3, "shuffle": None}, TypeError, "shuffle must be of type bool, got None"),
        ({"n_splits": 3, "random_state": 0}, ValueError, "has no effect since shuffle is False"),
    ],
)
def test_parameters_out_of_range_are_refused_by_the_constructor(k_fold, arguments, error, words):
    with pytest.raises(error, match=words):
        k_fold(**arguments)


# repeats


@pytest.mark.parametrize(
    ("repeated", "single"),
    [(RepeatedKFold, KFold), (RepeatedStratifiedKFold, StratifiedKFold)],
)
def test_a_repeat_is_the_splitter_shuffled_with_a_state_that_goes_on(repeated, single):
    y = np.arange(20) % 2
    state = np.random.RandomState(7)
    expected = [
        pair for _ in range(3) for pair in single(4, shuffle=True, random_state=state).split(y, y)
    ]
    found = list(repeated(n_splits=4, n_repeats=3, random_state=7).split(y, y))
    for a, b in zip(itertools.chain(*expected), itertools.chain(*found), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found[0][1], found[4][1])  # the repeats differ


@pytest.mark.parametrize("n_repeats", [0, -1, 1.5, "2"])
def test_the_number_of_repeats_is_an_integer_above_zero(n_repeats):
    with pytest.raises(ValueError, match="n_repeats must be an integer above 0, got"):
        RepeatedKFold(n_repeats=n_repeats)


# leaving out


def test_leave_one_out_is_k_fold_with_as_many_folds_as_samples():
    np.testing.assert_array_equal(
        LeaveOneOut().fold_numbers(range(9)), KFold(9).fold_numbers(range(9))
    )


@pytest.mark.parametrize("alpha", [0.0, 2.5])
def test_the_residual_of_a_sample_left_out_follows_from_one_fit(alpha):
    # The equation in the docstring of LeaveOneOut, beside one fit for each sample.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)

    def coefficients(X, y):
        return np.linalg.solve(X.T @ X + alpha * np.eye(3), X.T @ y)

    hat = np.diag(X @ np.linalg.inv(X.T @ X + alpha * np.eye(3)) @ X.T)
    shortcut = (y - X @ coefficients(X, y)) / (1 - hat)
    for train, test in LeaveOneOut().split(X):
        refitted = y[test] - X[test] @ coefficients(X[train], y[train])
        np.testing.assert_allclose(shortcut[test], refitted, rtol=1e-10)  # two small float64 solves


@given(n=st.integers(2, 8), p=st.integers(1, 4))
def test_every_choice_of_p_samples_is_tested_once(n, p):
    if n <= p:
        with pytest.raises(ValueError, match=f"p={p} must be strictly less than .*={n}"):
            next(LeavePOut(p).split(range(n)))
        return
    tests = [tuple(test.tolist()) for _, test in LeavePOut(p).split(range(n))]
    assert tests == list(itertools.combinations(range(n), p))
    assert len(tests) == LeavePOut(p).get_n_splits(range(n)) == math.comb(n, p)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: next(LeaveOneOut().split([[1]])), ValueError, "LeaveOneOut with n_samples=1"),
        (lambda: LeaveOneOut().get_n_splits(None), ValueError, "'X' parameter should not be None"),
        (lambda: LeavePOut(2).get_n_splits(None), ValueError, "'X' parameter should not be None"),
        (lambda: next(LeavePOut(0).split([1, 2])), ValueError, "p must be at least 1, got 0"),
        (lambda: next(LeavePOut(1.5).split([1, 2])), TypeError, "p must be of type Integral"),
    ],
)
def test_leaving_out_needs_something_that_stays(call, error, words):
    with pytest.raises(error, match=words):
        call()


# folds that are given


@given(test_fold=st.lists(st.integers(-3, 4), min_size=1, max_size=20).map(np.array))
def test_given_folds_are_numbered_in_ascending_order_and_minus_one_is_none(test_fold):
    splitter = PredefinedSplit(test_fold)
    numbers = sorted(set(test_fold.tolist()) - {-1})
    assert splitter.get_n_splits() == len(numbers)
    assert splitter.unique_folds.tolist() == numbers
    for number, (train, test) in zip(numbers, splitter.split(), strict=True):
        np.testing.assert_array_equal(test, np.flatnonzero(test_fold == number))
        np.testing.assert_array_equal(train, np.flatnonzero(test_fold != number))


def test_given_folds_are_not_changed_by_writing_into_what_is_returned():
    splitter = PredefinedSplit([0, 1, 0])
    splitter.fold_numbers()[:] = 7
    np.testing.assert_array_equal(splitter.fold_numbers(), [0, 1, 0])


@pytest.mark.parametrize("test_fold", [[0, 1, 0.5], [0, np.nan], [[0, 1]]])
def test_given_folds_are_whole_numbers_in_a_vector(test_fold):
    with pytest.raises(ValueError, match="test_fold"):
        PredefinedSplit(test_fold)


def test_given_folds_must_be_as_many_as_samples():
    with pytest.raises(ValueError, match="test_fold has 3, X has 4"):
        next(PredefinedSplit([0, 1, 0]).split(range(4)))
