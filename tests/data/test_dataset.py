"""Data sets in memory: arrays side by side, parts of them, random splits, stacking of samples."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import scratchnet.random
from scratchnet.data import Dataset, Subset, TensorDataset, default_collate, random_split

repeatable = settings(derandomize=True, deadline=None, max_examples=150)


class Squares(Dataset):
    """A data set that knows how to make one sample and nothing else."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        assert type(index) is int
        return np.full(2, index), index**2


def test_a_sample_holds_one_row_of_each_array():
    x, y = np.arange(12.0).reshape(4, 3), np.array([3, 2, 1, 0])
    dataset = TensorDataset(x, y)
    assert len(dataset) == 4
    row, label = dataset[-1]
    np.testing.assert_array_equal(row, x[3])
    assert label == 0
    rows, labels = dataset[np.array([2, 0])]
    np.testing.assert_array_equal(rows, x[[2, 0]])
    np.testing.assert_array_equal(labels, [1, 3])
    with pytest.raises(IndexError):
        dataset[4]


def test_iterating_over_a_data_set_gives_every_sample():
    assert [int(y) for _, y in TensorDataset(np.zeros((3, 2)), np.arange(3))] == [0, 1, 2]
    assert [int(y) for (y,) in Subset(TensorDataset(np.arange(3)), [2, 0])] == [2, 0]


def test_arrays_are_not_copied_and_lists_become_arrays():
    x = np.zeros((2, 3))
    dataset = TensorDataset(x, [5, 6])
    assert dataset.tensors[0] is x
    np.testing.assert_array_equal(dataset.tensors[1], [5, 6])


def test_unequal_lengths_are_an_error_with_both_lengths():
    with pytest.raises(ValueError, match=r"differ in length: \[5, 4\].*\(5, 2\), \(4,\)"):
        TensorDataset(np.zeros((5, 2)), np.zeros(4))


@pytest.mark.parametrize("tensors", [(), (np.float64(1),), (np.zeros(3), np.array(7))])
def test_a_data_set_needs_arrays_that_have_a_length(tensors):
    with pytest.raises(ValueError, match="arrays that have a length"):
        TensorDataset(*tensors)


def test_a_data_set_without_its_two_methods_says_which_is_missing():
    class Empty(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Empty does not define __len__"):
        len(Empty())
    with pytest.raises(NotImplementedError, match="Empty does not define __getitem__"):
        Empty()[0]


def test_batch_of_a_data_set_of_your_own_stacks_its_samples():
    x, y = Squares(9).batch(np.array([3, 0, 8]))
    np.testing.assert_array_equal(x, [[3, 3], [0, 0], [8, 8]])
    np.testing.assert_array_equal(y, [9, 0, 64])


# ---------------------------------------------------------------- Subset


@repeatable
@given(st.data(), st.integers(1, 20))
def test_a_subset_is_the_array_indexed(data, n):
    x = np.arange(10 * n).reshape(n, 10)
    outer = data.draw(st.lists(st.integers(-n, n - 1), min_size=1))
    inner = data.draw(st.lists(st.integers(0, len(outer) - 1)))
    for dataset in (x, TensorDataset(x), [(row,) for row in x]):
        subset = Subset(Subset(dataset, outer), inner)
        assert len(subset) == len(inner)
        for i, row in enumerate(x[outer][inner]):
            sample = subset[i]
            np.testing.assert_array_equal(sample[0] if isinstance(sample, tuple) else sample, row)
    indices = np.arange(len(inner))
    np.testing.assert_array_equal(Subset(Subset(x, outer), inner).batch(indices), x[outer][inner])
    (batch,) = Subset(Subset(TensorDataset(x), outer), inner)[:]
    np.testing.assert_array_equal(batch, x[outer][inner])


def test_a_subset_asks_a_data_set_of_your_own_for_single_samples():
    subset = Subset(Squares(9), [4, 4, -1])
    assert subset[1][1] == 16
    np.testing.assert_array_equal(Subset(Squares(9), [8, 2]).batch(np.array([1]))[1], [4])


def test_a_subset_does_not_change_with_the_list_that_made_it():
    indices = np.array([1, 2])
    subset = Subset(range(5), indices)
    indices[:] = 0
    assert [subset[0], subset[1]] == [1, 2]


@pytest.mark.parametrize("outside", [5, -6, 2**62])
def test_an_index_outside_the_data_set_is_an_error_with_both_numbers(outside):
    with pytest.raises(IndexError, match=f"index {outside} is outside a data set of 5 samples"):
        Subset(np.zeros(5), [0, outside])


@pytest.mark.parametrize("indices", [[0.0, 1.0], [True, False], 3, [[0, 1]], ["a"]])
def test_indices_that_are_no_list_of_integers_are_refused(indices):
    with pytest.raises(ValueError, match="indices must be a list of integers"):
        Subset(np.zeros(5), indices)


def test_what_has_no_length_is_no_data_set():
    with pytest.raises(TypeError, match="got generator"):
        Subset((i for i in range(5)), [0])


# ---------------------------------------------------------------- random_split

fractions = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any).map(np.array)


@repeatable
@given(st.integers(0, 60), fractions)
@example(10, np.array([1] * 10))  # 0.1 ten times sums to 0.9999999999999999
@example(7, np.array([1, 1, 1]))
def test_fractions_give_a_partition_with_the_stated_counts(n, weights):
    lengths = (weights / weights.sum()).tolist()
    if (empty := 0 in counts_as_stated(n, lengths)) or n == 0:
        with pytest.warns(UserWarning, match="of the split is empty"):
            parts = random_split(range(n), lengths, rng=1)
        assert empty
    else:
        parts = random_split(range(n), lengths, rng=1)
    assert [len(part) for part in parts] == counts_as_stated(n, lengths)
    assert sorted(i for part in parts for i in part.indices) == list(range(n))


def counts_as_stated(n, lengths):
    """Floors, and what is left over one by one from the first part on."""
    floors = [math.floor(n * fraction) for fraction in lengths]
    left = n - sum(floors)
    k = len(floors)
    return [count + left // k + (i < left % k) for i, count in enumerate(floors)]


@repeatable
@given(st.lists(st.integers(0, 20), max_size=6).filter(lambda counts: sum(counts) != 1))
def test_counts_give_a_partition_with_these_counts(counts):
    parts = random_split(range(sum(counts)), counts, rng=1)
    assert [len(part) for part in parts] == counts
    assert sorted(i for part in parts for i in part.indices) == list(range(sum(counts)))


@pytest.mark.parametrize(
    ("n", "lengths"),
    [
        (10, [3, 7]),
        (10, [0.3, 0.3, 0.4]),
        (10, [0.3333, 0.3333, 0.3334]),
        (7, [1 / 3, 1 / 3, 1 / 3]),
        (9, [0.5, 0.25, 0.25]),
        (10, [0.1] * 10),
        (10, [1]),
        (7, [0, 1]),
        (3, [0.9, 0.1]),
        (0, [0.5, 0.5]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # both warn of an empty part
def test_the_counts_are_those_of_torch(n, lengths):
    data = pytest.importorskip("torch.utils.data")
    expected = [len(part) for part in data.random_split(range(n), lengths)]
    assert [len(part) for part in random_split(range(n), lengths)] == expected


@pytest.mark.parametrize(
    "lengths", [[3, 3], [12, -2], [0.5, 0.4], [-0.5, 1.5], [4.5, 5.5], [], [0.7, 0.4]]
)
def test_lengths_that_do_not_add_up_are_an_error_with_the_values(lengths):
    with pytest.raises(ValueError, match=r"sum to the 10 samples or fractions .* got \["):
        random_split(range(10), lengths)


def test_a_split_is_random_and_repeats_with_its_seed():
    def order(rng):
        return np.concatenate([part.indices for part in random_split(range(50), [25, 25], rng)])

    assert (order(3) == order(3)).all()
    assert (order(3) != order(4)).any()
    scratchnet.random.manual_seed(3)
    assert (order(None) == order(3)).all()
    assert (order(None) != order(3)).any()  # the shared generator has gone on


def test_arrays_in_a_tuple_are_split_together():
    x = np.arange(20).reshape(10, 2)
    train, test = random_split((x, x[:, 0]), [8, 2], rng=0)
    for part in (train, test):
        rows, labels = part[:]
        np.testing.assert_array_equal(rows[:, 0], labels)


# ---------------------------------------------------------------- default_collate


def test_samples_are_stacked_field_by_field_through_tuples_lists_and_dicts():
    samples = [{"x": np.full(2, i), "y": [i, (float(i), "ab"[i])]} for i in range(2)]
    batch = default_collate(samples)
    assert list(batch) == ["x", "y"]
    np.testing.assert_array_equal(batch["x"], [[0, 0], [1, 1]])
    labels, (numbers, names) = batch["y"]
    np.testing.assert_array_equal(labels, [0, 1])
    assert labels.dtype == np.int64
    assert numbers.dtype == np.float64
    assert names == ["a", "b"]


def test_stacking_keeps_the_dtype():
    assert default_collate([np.zeros(3, np.float32)] * 2).dtype == np.float32
    assert default_collate([np.uint8(3)] * 2).dtype == np.uint8


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([np.zeros((2, 3)), np.zeros((3, 2))], r"differ in shape: \[\(2, 3\), \(3, 2\)\]"),
        ([(1, 2), (1,)], "differ in their number of fields"),
        ([], "at least one sample"),
    ],
)
def test_samples_that_do_not_fit_together_are_an_error(samples, message):
    with pytest.raises(ValueError, match=message):
        default_collate(samples)
