"""Random splits, splits in time, and train_test_split."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    train_test_split,
)
from scratchnet.model_selection.shuffle_split import part_sizes

counts_of_classes = st.lists(st.integers(2, 30), min_size=1, max_size=5)


@given(n=st.integers(2, 200), test=st.floats(0.01, 0.99), train=st.floats(0.01, 0.99))
def test_shares_are_rounded_up_for_the_test_and_down_for_the_training_part(n, test, train):
    n_test, n_train = math.ceil(test * n), math.floor(train * n)
    if n_test < n:
        assert part_sizes(n, test, None, 0.1) == (n - n_test, n_test)
    if n_train > 0:
        assert part_sizes(n, None, train, 0.1) == (n_train, n - n_train)
    if test + train <= 1 and n_train > 0 and n_train + n_test <= n:
        assert part_sizes(n, test, train, 0.1) == (n_train, n_test)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"test_size": 1.0}, r"test_size=1\.0 should be .* smaller than the number of samples 10"),
        ({"test_size": 0}, "test_size=0 should be either positive"),
        ({"test_size": 10}, "test_size=10 should be"),
        ({"train_size": -0.1}, r"train_size=-0\.1 should be"),
        ({"train_size": 11, "test_size": 1}, "train_size=11 should be"),
        ({"test_size": math.nan}, "test_size=nan should be"),
        ({"test_size": "half"}, "test_size must be a float, an int or None, got 'half'"),
        ({"train_size": True}, "train_size must be a float, an int or None, got True"),
        ({"train_size": 0.7, "test_size": 0.4}, r"sum of test_size and train_size = 1\.1"),
        ({"train_size": 6, "test_size": 5}, "train_size and test_size = 11 .* samples 10"),
        ({"test_size": 0.99}, r"n_samples=10, test_size=0\.99 .* train set will be empty"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        train_test_split(range(10), **sizes)
    y = np.arange(10) % 2
    for splitter in (ShuffleSplit(**sizes), StratifiedShuffleSplit(**sizes)):
        with pytest.raises(ValueError, match=words):
            next(splitter.split(y, y))
    with pytest.raises(ValueError, match=words):
        next(GroupShuffleSplit(**sizes).split(range(10), groups=range(10)))


@given(counts=counts_of_classes, seed=st.integers(0, 99), share=st.floats(0.2, 0.8))
def test_each_class_gets_its_share_of_the_training_part_to_one_sample(counts, seed, share):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n_test = math.ceil(share * len(y))
    n_train = len(y) - n_test
    if min(n_train, n_test) < len(counts):
        return
    splitter = StratifiedShuffleSplit(1, test_size=share, random_state=seed)
    train, test = next(splitter.split(y, y))
    assert (len(train), len(test)) == (n_train, n_test)
    for c, count in enumerate(counts):
        assert abs(np.sum(y[train] == c) - count / len(y) * n_train) < 1


def test_every_sample_is_drawn_about_equally_often():
    y = np.repeat([0, 1], [4, 8])
    splitter = StratifiedShuffleSplit(3000, test_size=0.25, random_state=0)
    n_tested = np.bincount(np.concatenate([test for _, test in splitter.split(y, y)]))
    # 750 expected of each, with a standard deviation of 24.
    assert abs(n_tested - 750).max() < 100


def test_each_combination_of_labels_is_a_class():
    y = np.repeat([[0, 1], [1, 1], [10, 1]], [4, 8, 4], axis=0)
    splitter = StratifiedShuffleSplit(1, test_size=0.5, random_state=0)
    train, test = next(splitter.split(y, y))
    for part in (train, test):
        assert np.bincount(y[part, 0]).tolist() == [2, 4, *[0] * 8, 2]


@pytest.mark.parametrize(
    ("y", "sizes", "error", "words"),
    [
        ([0, 0, 0, 1], {}, ValueError, r"only 1 member, .*; found \[1\]"),
        ([0, 0, 1, 1], {"test_size": 1}, ValueError, "test_size = 1 should be .* classes = 2"),
        ([0, 0, 1, 1], {"train_size": 1}, ValueError, "train_size = 1 should be .* classes = 2"),
        (None, {}, TypeError, "y is None"),
    ],
)
def test_a_stratified_draw_needs_a_sample_of_each_class_in_both_parts(y, sizes, error, words):
    with pytest.raises(error, match=words):
        next(StratifiedShuffleSplit(**sizes).split(range(4), y))


# time


@given(
    n=st.integers(3, 60),
    k=st.integers(2, 5),
    gap=st.integers(0, 3),
    size=st.none() | st.integers(1, 5),
    most=st.none() | st.integers(0, 10),
)
def test_the_test_parts_end_the_series_and_training_is_what_came_before(n, k, gap, size, most):
    splitter = TimeSeriesSplit(k, gap=gap, test_size=size, max_train_size=most)
    t = size or n // (k + 1)
    if n < k + 1 or n - gap - k * t <= 0:
        with pytest.raises(ValueError, match=r"number of folds=|Too many splits="):
            list(splitter.split(range(n)))
        return
    for f, (train, test) in enumerate(splitter.split(range(n))):
        start = n - (k - f) * t
        assert test.tolist() == list(range(start, start + t))
        assert train.tolist() == list(range(start - gap))[-(most or n) :]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"gap": -1}, ValueError, "gap must be at least 0, got -1"),
        ({"gap": 0.5}, TypeError, "gap must be of type Integral"),
        ({"test_size": 0}, ValueError, "test_size must be at least 1, got 0"),
        ({"max_train_size": -1}, ValueError, "max_train_size must be at least 0, got -1"),
        ({"n_splits": 1}, ValueError, "n_splits=2 or more"),
    ],
)
def test_a_split_in_time_refuses_what_has_no_meaning(arguments, error, words):
    with pytest.raises(error, match=words):
        TimeSeriesSplit(**arguments)


# train_test_split


def test_all_arrays_are_split_alike_and_keep_their_type():
    table, names = np.arange(20).reshape(10, 2), [f"s{i}" for i in range(10)]
    cube = np.arange(60).reshape(10, 3, 2)
    parts = train_test_split(table, names, tuple(names), cube, range(10), random_state=3)
    expected_types = [np.ndarray, list, list, np.ndarray, list]
    for part in (0, 1):
        found = parts[part::2]
        assert [type(a) for a in found] == expected_types
        indices = np.array(found[-1])
        assert len(indices) == (7, 3)[part]
        np.testing.assert_array_equal(found[0], table[indices])
        np.testing.assert_array_equal(found[3], cube[indices])
        assert found[1] == found[2] == [names[i] for i in indices]


def test_without_shuffling_the_test_part_comes_right_after_the_training_part():
    assert train_test_split(range(8), shuffle=False, train_size=3, test_size=2) == [
        [0, 1, 2],
        [3, 4],
    ]


def test_a_table_with_iloc_is_asked_for_its_rows():
    class Rows:
        def __init__(self, rows):
            self.rows = rows

        def __getitem__(self, indices):
            return Frame([self.rows[i] for i in indices])

    class Frame:
        def __init__(self, rows):
            self.rows, self.shape, self.iloc = rows, (len(rows), 1), Rows(rows)

    train, test = train_test_split(Frame(list("abcd")), shuffle=False)
    assert (train.rows, test.rows) == (["a", "b", "c"], ["d"])


def test_sparse_matrices_come_back_as_csr():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.arange(20).reshape(10, 2)
    for kind in ("coo", "csc", "csr"):
        parts = train_test_split(sparse.coo_array(dense).asformat(kind), dense, random_state=0)
        for part in (0, 1):
            assert parts[part].format == "csr"
            np.testing.assert_array_equal(parts[part].toarray(), parts[2 + part])


@pytest.mark.parametrize(
    ("arrays", "options", "error", "words"),
    [
        ([], {}, ValueError, "At least one array"),
        ([range(3), range(4)], {}, ValueError, "array 0 has 3, array 1 has 4"),
        (
            [range(4)],
            {"shuffle": False, "stratify": [0, 1, 0, 1]},
            ValueError,
            "needs shuffle=True",
        ),
        ([range(4)], {"shuffle": "no"}, TypeError, "shuffle must be of type bool"),
        ([range(4)], {"random_state": "0"}, ValueError, "random_state must be"),
        ([None], {}, TypeError, "Expected sequence or array-like, got None"),
        ([range(4)], {"folds": 2}, TypeError, "unexpected keyword argument 'folds'"),
    ],
)
def test_what_cannot_be_split_is_refused(arrays, options, error, words):
    with pytest.raises(error, match=words):
        train_test_split(*arrays, **options)
