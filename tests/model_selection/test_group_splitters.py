"""Splitters of whole groups, against loops that do what their docstrings say."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    LeaveOneGroupOut,
    LeavePGroupsOut,
    StratifiedGroupKFold,
)

group_lists = st.lists(st.integers(0, 9), min_size=4, max_size=40).map(np.array)


def lightest_fold_first(groups, k):
    names, sizes = np.unique(groups, return_counts=True)
    load, fold_of = [0] * k, {}
    for size, name in sorted(zip(sizes.tolist(), names.tolist(), strict=True), reverse=True):
        fold_of[name] = load.index(min(load))
        load[fold_of[name]] += size
    return [fold_of[g] for g in groups.tolist()]


@given(groups=group_lists, k=st.integers(2, 5))
def test_the_largest_group_goes_to_the_lightest_fold(groups, k):
    if len(np.unique(groups)) < k:
        with pytest.raises(ValueError, match=f"n_splits={k} greater than the number of groups"):
            GroupKFold(min(k, len(groups))).fold_numbers(groups, groups=groups)
        return
    fold = GroupKFold(k).fold_numbers(groups, groups=groups)
    np.testing.assert_array_equal(fold, lightest_fold_first(groups, k))


@given(n_groups=st.integers(2, 12), k=st.integers(2, 12), seed=st.integers(0, 99))
def test_shuffled_folds_have_equal_numbers_of_groups(n_groups, k, seed):
    k = min(k, n_groups)
    splitter = GroupKFold(k, shuffle=True, random_state=seed)
    groups = np.repeat(np.arange(n_groups), 2)
    fold = splitter.fold_numbers(groups, groups=groups)[::2]
    np.testing.assert_array_equal(
        np.bincount(fold, minlength=k), [n_groups // k + (f < n_groups % k) for f in range(k)]
    )


def most_even_fold_first(y, groups, k):
    """StratifiedGroupKFold as its docstring tells it, with loops."""
    count = {g: np.array([np.sum((groups == g) & (y == c)) for c in np.unique(y)])
             for g in np.unique(groups).tolist()}  # fmt: skip
    in_fold = [np.zeros(len(np.unique(y))) for _ in range(k)]
    fold_of = {}
    for g in sorted(count, key=lambda g: -np.std(count[g])):
        best = None
        for f in range(k):
            trial = np.array([n + count[g] if i == f else n for i, n in enumerate(in_fold)])
            spread = np.mean(np.std(trial / sum(count.values()), axis=0))
            if (
                best is None
                or spread < best[0]
                or (np.isclose(spread, best[0]) and in_fold[f].sum() < best[1])
            ):
                best = spread, in_fold[f].sum(), f
        fold_of[g] = best[2]
        in_fold[best[2]] = in_fold[best[2]] + count[g]
    return [fold_of[g] for g in groups.tolist()]


@given(groups=group_lists, seed=st.integers(0, 99), k=st.integers(2, 4), classes=st.integers(1, 3))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_group_goes_where_it_leaves_the_classes_spread_most_evenly(groups, seed, k, classes):
    y = np.random.default_rng(seed).integers(0, classes, len(groups))
    if len(np.unique(groups)) >= k <= np.bincount(y).max():
        fold = StratifiedGroupKFold(k).fold_numbers(y, y, groups)
        np.testing.assert_array_equal(fold, most_even_fold_first(y, groups, k))


def test_a_stratified_fold_may_stay_empty_and_still_counts():
    # One group has nearly everything; the other folds get the rest.
    groups, y = np.repeat([0, 1, 2, 3], [40, 1, 1, 1]), np.zeros(43, int)
    y[:20] = 1
    splits = list(StratifiedGroupKFold(4).split(y, y, groups))
    assert len(splits) == 4


def test_groups_of_one_sample_are_stratified_as_single_samples_are():
    y = np.repeat([0, 1], [30, 60])
    fold = StratifiedGroupKFold(3, shuffle=True, random_state=0).fold_numbers(y, y, np.arange(90))
    for f in range(3):
        np.testing.assert_array_equal(np.bincount(y[fold == f]), [10, 20])


@given(groups=group_lists)
def test_each_group_is_left_out_once_in_sorted_order(groups):
    names = np.unique(groups)
    if len(names) < 2:
        with pytest.raises(ValueError, match="fewer than 2 unique groups"):
            LeaveOneGroupOut().fold_numbers(groups, groups=groups)
        return
    splits = list(LeaveOneGroupOut().split(groups, groups=groups))
    assert len(splits) == len(names)
    for name, (_, test) in zip(names, splits, strict=True):
        np.testing.assert_array_equal(test, np.flatnonzero(groups == name))


@given(groups=group_lists, p=st.integers(1, 3))
def test_every_choice_of_p_groups_is_left_out_once(groups, p):
    names = np.unique(groups)
    if len(names) <= p:
        with pytest.raises(ValueError, match=rf"n_groups={p} unique groups .* at least {p + 1}"):
            next(LeavePGroupsOut(p).split(groups, groups=groups))
        return
    splits = list(LeavePGroupsOut(p).split(groups, groups=groups))
    assert len(splits) == LeavePGroupsOut(p).get_n_splits(groups=groups) == math.comb(len(names), p)
    for chosen, (_, test) in zip(itertools.combinations(names, p), splits, strict=True):
        np.testing.assert_array_equal(test, np.flatnonzero(np.isin(groups, chosen)))


@pytest.mark.parametrize("p", [0, -1, 1.5])
def test_the_number_of_groups_left_out_is_an_integer_above_zero(p):
    with pytest.raises((ValueError, TypeError), match="n_groups must be"):
        next(LeavePGroupsOut(p).split(range(4), groups=range(4)))


def test_the_sizes_of_a_group_shuffle_split_count_groups():
    groups = np.repeat([0, 1, 2, 3, 4], [50, 1, 1, 1, 1])
    for train, test in GroupShuffleSplit(4, test_size=2, random_state=0).split(
        groups, None, groups
    ):
        assert len(np.unique(groups[test])) == 2
        assert len(np.unique(groups[train])) == 3


@pytest.mark.parametrize(
    "splitter", [GroupKFold(2), LeaveOneGroupOut(), LeavePGroupsOut(1), GroupShuffleSplit()]
)
def test_groups_may_be_of_any_type_that_can_be_sorted(splitter):
    names = np.array(["ann", "bob", "cat"])
    number = np.array([2, 0, 1, 1, 0, 2])
    if hasattr(splitter, "random_state") and not hasattr(splitter, "shuffle"):
        splitter = GroupShuffleSplit(random_state=0)
    expected = list(splitter.split(number, groups=number))
    for groups in (names[number], names[number].tolist(), names[number].astype(object), number / 7):
        found = list(splitter.split(number, groups=groups))
        for a, b in zip(itertools.chain(*expected), itertools.chain(*found), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_column_of_groups_is_read_as_a_vector_and_a_table_is_refused():
    column = np.array([[7], [5], [7]])
    fold = LeaveOneGroupOut().fold_numbers(column, groups=column)
    np.testing.assert_array_equal(fold, [1, 0, 1])
    with pytest.raises(ValueError, match=r"groups should be a 1d array, got .* \(3, 3\)"):
        LeaveOneGroupOut().fold_numbers(column, groups=np.eye(3))


def test_no_groups_at_all_are_refused():
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        next(LeaveOneGroupOut().split([], groups=[]))
