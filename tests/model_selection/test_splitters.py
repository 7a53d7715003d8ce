"""The laws that all splitters obey, whatever the data."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet.model_selection import (
    BaseCrossValidator,
    BaseShuffleSplit,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)

ONCE = [  # every sample is tested exactly once
    KFold(3),
    KFold(4, shuffle=True, random_state=0),
    StratifiedKFold(3),
    StratifiedKFold(2, shuffle=True, random_state=0),
    LeaveOneOut(),
    GroupKFold(3),
    GroupKFold(3, shuffle=True, random_state=0),
    StratifiedGroupKFold(2),
    StratifiedGroupKFold(3, shuffle=True, random_state=0),
    LeaveOneGroupOut(),
]
COMPLETE = [  # every sample is in one part or the other
    *ONCE,
    LeavePOut(2),
    LeavePGroupsOut(2),
    RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0),
    ShuffleSplit(3, test_size=0.3, random_state=0),
    GroupShuffleSplit(3, random_state=0),
    StratifiedShuffleSplit(3, test_size=0.4, random_state=0),
]
ALL = [
    *COMPLETE,
    TimeSeriesSplit(3),
    TimeSeriesSplit(2, gap=1, test_size=2, max_train_size=3),
    ShuffleSplit(3, test_size=0.3, train_size=0.4, random_state=0),
    StratifiedShuffleSplit(2, test_size=0.4, train_size=0.4, random_state=0),
]
OF_GROUPS = [s for s in ALL if "Group" in type(s).__name__]


@st.composite
def samples(draw):
    """Return (X, y, groups): classes of 3 members or more, 3 groups or more."""
    counts = draw(st.lists(st.integers(3, 6), min_size=2, max_size=3))
    y = np.array(draw(st.permutations(np.repeat(np.arange(len(counts)), counts).tolist())))
    rest = st.lists(st.integers(0, 4), min_size=len(y) - 3, max_size=len(y) - 3)
    groups = np.array(draw(st.permutations([0, 1, 2, *draw(rest)])))
    return np.zeros((len(y), 2)), y, groups


def groups_for(splitter, groups):
    return groups if splitter in OF_GROUPS else None


def splits_of(splitter, X, y, groups):
    return list(splitter.split(X, y, groups_for(splitter, groups)))


@pytest.mark.parametrize("splitter", ALL, ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_get_n_splits_pairs_come_that_have_no_sample_in_common(splitter, data):
    splits = splits_of(splitter, *data)
    X, y, groups = data
    assert len(splits) == splitter.get_n_splits(X, y, groups_for(splitter, groups))
    for train, test in splits:
        assert train.dtype == test.dtype == np.intp
        both = np.concatenate([train, test])
        assert len(set(both.tolist())) == len(both)
        assert 0 <= both.min() <= both.max() < len(data[1])


@pytest.mark.parametrize("splitter", COMPLETE, ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_every_sample_is_in_one_part_or_the_other(splitter, data):
    for train, test in splits_of(splitter, *data):
        np.testing.assert_array_equal(
            np.sort(np.concatenate([train, test])), np.arange(len(data[1]))
        )


@pytest.mark.parametrize("splitter", ONCE, ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_folds_partition_the_samples(splitter, data):
    tested = np.concatenate([test for _, test in splits_of(splitter, *data)])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(data[1])))


@pytest.mark.parametrize("splitter", [*ONCE, PredefinedSplit([5, -1, 3, 5, 3, -1])], ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_split_tests_the_samples_that_have_the_folds_number(splitter, data):
    X, y, groups = data
    if isinstance(splitter, PredefinedSplit):
        X, y, groups = X[:6], y[:6], None
    groups = groups_for(splitter, groups)
    fold = splitter.fold_numbers(X, y, groups)
    assert fold.dtype == np.intp
    splits = list(splitter.split(X, y, groups))
    assert len(splits) == splitter.get_n_splits(X, y, groups) > fold.max()
    for f, (train, test) in enumerate(splits):
        np.testing.assert_array_equal(test, np.flatnonzero(fold == f))
        np.testing.assert_array_equal(train, np.flatnonzero(fold != f))


@pytest.mark.parametrize("splitter", OF_GROUPS, ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_no_group_is_on_both_sides(splitter, data):
    for train, test in splits_of(splitter, *data):
        assert not set(data[2][train].tolist()) & set(data[2][test].tolist())


@pytest.mark.parametrize("splitter", ALL, ids=repr)
@settings(max_examples=15)  # for each of the splitters
@given(data=samples())
def test_a_seed_gives_the_same_splits_again(splitter, data):
    first, second = splits_of(splitter, *data), splits_of(splitter, *data)
    for a, b in zip(itertools.chain(*first), itertools.chain(*second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "splitter_class", [KFold, StratifiedKFold, GroupKFold, StratifiedGroupKFold]
)
def test_a_random_state_goes_on_from_one_call_to_the_next(splitter_class):
    y, groups = np.arange(60) % 2, np.arange(60)
    splitter = splitter_class(3, shuffle=True, random_state=np.random.RandomState(0))
    arguments = (y, y, groups if splitter_class in (GroupKFold, StratifiedGroupKFold) else None)
    assert not np.array_equal(splitter.fold_numbers(*arguments), splitter.fold_numbers(*arguments))


@pytest.mark.parametrize("splitter", ALL, ids=repr)
def test_numpys_global_state_is_neither_read_nor_moved(splitter):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    y, groups = np.arange(12) % 2, np.arange(12) % 5
    splits_of(splitter, y, y, groups)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "splitter", [s for s in ALL if s not in OF_GROUPS] + [PredefinedSplit([0] * 12)], ids=repr
)
def test_groups_that_are_not_used_are_warned_of_at_once(splitter):
    y = np.arange(12) % 2
    with pytest.warns(UserWarning, match="groups parameter is ignored by") as caught:
        splitter.split(y, y, groups=y)
    assert caught[0].filename == __file__
    if hasattr(splitter, "fold_numbers"):
        with pytest.warns(UserWarning, match="groups parameter is ignored by") as caught:
            splitter.fold_numbers(y, y, groups=y)
        assert caught[0].filename == __file__


@pytest.mark.parametrize("splitter", OF_GROUPS, ids=repr)
def test_groups_that_are_needed_are_asked_for(splitter):
    y = np.arange(12) % 2
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        next(splitter.split(y, y))
    with pytest.raises(ValueError, match="groups contains NaN"):
        next(splitter.split(y, y, np.full(12, np.nan)))


@pytest.mark.parametrize("splitter", ALL, ids=repr)
def test_lengths_that_differ_are_refused_with_each_of_them(splitter):
    y, groups = np.arange(12) % 2, np.arange(12) % 5
    with pytest.raises(ValueError, match="X has 13, y has 12"):
        next(splitter.split(np.zeros(13), y, groups_for(splitter, groups)))


@pytest.mark.parametrize(
    ("X", "words"),
    [(None, "NoneType"), (np.array(3), "ndarray"), (3, "int"), (iter([1, 2]), "list_iterator")],
)
@pytest.mark.parametrize("splitter", [KFold(2), LeaveOneOut(), ShuffleSplit(), TimeSeriesSplit(2)])
def test_what_has_no_samples_is_refused(splitter, X, words):
    with pytest.raises(TypeError, match=f"Expected sequence or array-like, got .* of type {words}"):
        next(splitter.split(X))


# a splitter of the user's own


class EveryOther(BaseCrossValidator):
    def get_n_splits(self, X=None, y=None, groups=None):
        return 2

    def _iter_test_indices(self, X, y=None, groups=None):
        return (np.arange(start, len(X), 2) for start in range(2))


class Front(BaseShuffleSplit):
    def _iter_indices(self, X, y=None, groups=None):
        for i in range(self.n_splits):
            yield np.arange(i + 1, len(X)), np.arange(i + 1)


def test_a_splitter_of_ones_own_needs_only_its_test_parts():
    (train, test), (other_train, other_test) = EveryOther().split(range(5), groups=range(5))
    np.testing.assert_array_equal(train, [1, 3])
    np.testing.assert_array_equal(test, [0, 2, 4])
    np.testing.assert_array_equal(other_train, test)
    np.testing.assert_array_equal(other_test, train)
    assert repr(EveryOther()) == "EveryOther()"


def test_a_random_splitter_of_ones_own_needs_only_its_pairs():
    assert [len(test) for _, test in Front(3).split(range(5))] == [1, 2, 3]
    assert repr(Front(3)) == "Front(n_splits=3, random_state=None, test_size=None, train_size=None)"


def test_a_splitter_without_test_parts_says_what_it_lacks():
    class Nothing(BaseCrossValidator):
        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

    with pytest.raises(NotImplementedError, match="Nothing must define _iter_test_indices or"):
        next(Nothing().split(range(3)))
    with pytest.raises(TypeError, match="abstract"):
        BaseCrossValidator()
