"""DataLoader: every epoch is a permutation of the samples, in batches, and can be repeated."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchnet.random
from scratchnet import Tensor
from scratchnet.data import DataLoader, Dataset, Subset, TensorDataset

repeatable = settings(derandomize=True, deadline=None, max_examples=150)


def epoch(loader):
    """The samples of one epoch, in the order in which they come."""
    return [int(i) for batch in loader for i in batch]


sizes = st.integers(0, 40), st.integers(1, 45), st.booleans(), st.booleans()


@repeatable
@given(*sizes)
def test_an_epoch_is_a_permutation_in_batches_of_the_stated_size(n, size, shuffle, drop_last):
    loader = DataLoader(np.arange(n), size, shuffle, drop_last=drop_last, rng=0)
    batches = list(loader)
    seen = [int(i) for batch in batches for i in batch]
    whole, rest = divmod(n, size)
    lengths = [size] * whole + ([rest] if rest and not drop_last else [])
    assert [len(batch) for batch in batches] == lengths
    assert len(loader) == len(lengths)
    assert len(set(seen)) == len(seen) == sum(lengths)
    assert set(seen) <= set(range(n))
    if not shuffle:
        assert seen == list(range(sum(lengths)))


@repeatable
@given(*sizes)
def test_the_number_and_size_of_batches_are_those_of_torch(n, size, shuffle, drop_last):
    data = pytest.importorskip("torch.utils.data")
    if shuffle and n == 0:
        return  # torch refuses to shuffle an empty data set; here it gives no batches
    theirs = data.DataLoader(range(n), size, shuffle, drop_last=drop_last)
    ours = DataLoader(range(n), size, shuffle, drop_last=drop_last)
    assert len(ours) == len(theirs)
    assert [len(batch) for batch in ours] == [len(batch) for batch in theirs]


def test_fields_stay_together_when_shuffled():
    x = np.arange(60.0, dtype=np.float32).reshape(20, 3)
    y = x[:, 0].astype(np.int64)
    for dataset in ((x, y), [x, y], TensorDataset(x, y), Subset((x, y), range(20))):
        for x_batch, y_batch in DataLoader(dataset, 6, shuffle=True, rng=0):
            assert x_batch.dtype == np.float32
            np.testing.assert_array_equal(x_batch[:, 0], y_batch)


def test_an_array_alone_gives_arrays():
    x = np.arange(6).reshape(3, 2)
    first, second = DataLoader(x, 2)
    np.testing.assert_array_equal(first, x[:2])
    np.testing.assert_array_equal(second, x[2:])


def test_a_batch_is_a_copy():
    x = np.zeros((4, 2))
    for shuffle in (False, True):
        for batch in DataLoader(x, 2, shuffle):
            batch += 1
    assert not x.any()


# ---------------------------------------------------------------- order


def test_the_same_seed_gives_the_same_orders_and_every_epoch_another():
    first = DataLoader(np.arange(50), 7, shuffle=True, rng=5)
    second = DataLoader(np.arange(50), 7, shuffle=True, rng=5)
    orders = [epoch(first) for _ in range(3)]
    assert orders == [epoch(second) for _ in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert orders[0] != epoch(DataLoader(np.arange(50), 7, shuffle=True, rng=6))


def test_the_order_does_not_depend_on_the_batch_size():
    orders = [epoch(DataLoader(np.arange(30), size, shuffle=True, rng=5)) for size in (1, 7, 99)]
    assert orders[0] == orders[1] == orders[2]


def test_manual_seed_after_construction_sets_the_order():
    loader = DataLoader(np.arange(50), 7, shuffle=True)
    scratchnet.random.manual_seed(8)
    first, second = epoch(loader), epoch(loader)
    scratchnet.random.manual_seed(8)
    assert [epoch(loader), epoch(loader)] == [first, second]
    assert first != second


def test_an_unshuffled_epoch_draws_nothing():
    scratchnet.random.manual_seed(8)
    before = scratchnet.random.get_rng_state()
    epoch(DataLoader(np.arange(5), 2))
    assert scratchnet.random.get_rng_state() == before


def test_a_generator_that_is_given_is_the_one_drawn_from():
    rng = np.random.default_rng(3)
    loader = DataLoader(np.arange(20), 4, shuffle=True, rng=rng)
    assert epoch(loader) == np.random.default_rng(3).permutation(20).tolist()
    assert loader.rng is rng
    assert rng.integers(2**40) != np.random.default_rng(3).integers(2**40)


def test_resume_between_epochs_from_the_state_of_the_generator():
    loader = DataLoader(np.arange(40), 7, shuffle=True, rng=5)
    epoch(loader)
    state = loader.rng.bit_generator.state
    following = [epoch(loader), epoch(loader)]

    restarted = DataLoader(np.arange(40), 7, shuffle=True, rng=0)
    restarted.rng.bit_generator.state = state
    assert [epoch(restarted), epoch(restarted)] == following


def test_resume_between_epochs_from_the_shared_state():
    loader = DataLoader(np.arange(40), 7, shuffle=True)
    state = scratchnet.random.get_rng_state()
    following = [epoch(loader), epoch(loader)]
    scratchnet.random.set_rng_state(state)
    assert [epoch(loader), epoch(loader)] == following


def test_resume_within_an_epoch_by_passing_over_the_batches_done():
    loader = DataLoader(np.arange(40), 7, shuffle=True, rng=5)
    state = loader.rng.bit_generator.state
    whole = epoch(loader)
    loader.rng.bit_generator.state = state
    assert epoch(itertools.islice(loader, 2, None)) == whole[14:]


def test_two_passes_at_once_do_not_disturb_each_other():
    loader = DataLoader(np.arange(30), 4, shuffle=True, rng=5)
    pairs = list(zip(loader, loader, strict=True))
    for side in (0, 1):
        assert sorted(int(i) for pair in pairs for i in pair[side]) == list(range(30))


# ---------------------------------------------------------------- where batches come from


class Counting(TensorDataset):
    calls = 0

    def __getitem__(self, index):
        self.calls += 1
        return super().__getitem__(index)


def test_a_batch_of_arrays_is_fetched_in_one_call():
    dataset = Counting(np.arange(100))
    assert len(list(DataLoader(dataset, 10, shuffle=True))) == 10
    assert dataset.calls == 10
    assert len(list(DataLoader(Subset(dataset, range(50)), 10))) == 5
    assert dataset.calls == 15


class Squares(Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return {"root": index, "square": np.array([index**2])}


def test_a_data_set_of_your_own_and_a_plain_list_are_stacked():
    first, *_ = DataLoader(Squares(), 3)
    np.testing.assert_array_equal(first["root"], [0, 1, 2])
    np.testing.assert_array_equal(first["square"], [[0], [1], [4]])
    samples = [(np.full(2, i), str(i)) for i in range(3)]
    (rows, names), (_, last) = DataLoader(samples, 2)
    np.testing.assert_array_equal(rows, [[0, 0], [1, 1]])
    assert (names, last) == (["0", "1"], ["2"])


def test_collate_fn_gets_the_list_of_samples():
    for dataset in ((np.arange(5), np.arange(5) * 10), [(i, 10 * i) for i in range(5)]):
        batches = list(DataLoader(dataset, 2, collate_fn=lambda samples: samples))
        assert batches == [[(0, 0), (1, 10)], [(2, 20), (3, 30)], [(4, 40)]]


# ---------------------------------------------------------------- batch_sampler


def test_a_batch_sampler_says_which_samples_are_in_a_batch():
    x = np.arange(10, 16)
    batches = [[5, 0], [1], np.array([3, 3, -1], np.int32), []]
    for dataset in (x, Subset(x, range(6)), TensorDataset(x), x.tolist()):
        loader = DataLoader(dataset, batch_sampler=batches[:3])
        assert len(loader) == 3
        for _ in range(2):
            got = [np.ravel(batch).tolist() for batch in loader]
            assert got == [[15, 10], [11], [13, 13, 15]]
    assert [len(batch) for batch in DataLoader(x, batch_sampler=batches)] == [2, 1, 3, 0]


@repeatable
@given(st.lists(st.lists(st.integers(0, 5), min_size=1), max_size=5))
def test_the_batches_of_a_batch_sampler_are_those_of_torch(batches):
    data = pytest.importorskip("torch.utils.data")
    rows = [(i, float(10 * i)) for i in range(6)]
    ours, theirs = (
        loader(rows, batch_sampler=batches, collate_fn=list)
        for loader in (DataLoader, data.DataLoader)
    )
    assert len(ours) == len(theirs)
    assert list(ours) == list(theirs)


@pytest.mark.parametrize(
    "options", [{"batch_size": 2}, {"shuffle": True}, {"drop_last": True}, {"rng": 0}]
)
def test_a_batch_sampler_excludes_what_it_decides(options):
    with pytest.raises(ValueError, match="excludes batch_size, shuffle, drop_last and rng"):
        DataLoader(np.arange(4), batch_sampler=[[0]], **options)


@pytest.mark.parametrize("batch", [0, [0.5], [[0]], [True]])
def test_what_a_batch_sampler_gives_must_be_indices(batch):
    with pytest.raises(ValueError, match="gives lists of indices, got"):
        list(DataLoader(np.arange(4), batch_sampler=[batch]))


def test_a_batch_sampler_without_a_length_makes_a_loader_without_one():
    class InOrder:
        def __iter__(self):
            return ([i] for i in range(4))

    loader = DataLoader(np.arange(4), batch_sampler=InOrder())
    with pytest.raises(TypeError, match="has no len"):
        len(loader)
    for _ in range(2):
        assert epoch(loader) == [0, 1, 2, 3]


def test_a_batch_sampler_that_one_pass_uses_up_is_refused():
    with pytest.raises(
        ValueError, match="anew in every pass; after one pass there is nothing left"
    ):
        DataLoader(np.arange(4), batch_sampler=([i] for i in range(4)))


@pytest.mark.parametrize("index", [3, -4, 2**63, 2**64 - 1])
def test_an_index_outside_the_data_set_is_an_error_with_the_index(index):
    batch = np.array([0, index], np.int64 if index < 2**63 else np.uint64)
    with pytest.raises(IndexError, match=f"index {index} is outside a data set of 3 samples"):
        list(DataLoader(np.arange(3), batch_sampler=[batch]))


# ---------------------------------------------------------------- edges


def test_a_batch_size_above_n_gives_one_batch_or_none_if_dropped():
    assert [len(batch) for batch in DataLoader(np.arange(3), 10)] == [3]
    assert list(DataLoader(np.arange(3), 10, drop_last=True)) == []


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dataset", [(np.zeros((0, 3)), np.zeros(0)), [], (), Subset([1], [])])
def test_an_empty_data_set_gives_no_batches(dataset, shuffle):
    loader = DataLoader(dataset, 4, shuffle)
    assert len(loader) == 0
    assert list(loader) == []


@pytest.mark.parametrize("size", [0, -1, 2.5, None, "8", True, np.float64(4)])
def test_a_batch_size_that_is_no_positive_integer_is_refused(size):
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got "):
        DataLoader(np.arange(3), size)


def test_a_numpy_integer_is_a_batch_size():
    assert [len(batch) for batch in DataLoader(np.arange(3), np.int32(2))] == [2, 1]


def test_unequal_lengths_are_an_error_with_both_lengths():
    with pytest.raises(ValueError, match=r"differ in length: \[5, 4\]"):
        DataLoader((np.zeros((5, 2)), np.zeros(4)))
    with pytest.raises(ValueError, match=r"differ in length: \[5, 4\]"):
        DataLoader((np.zeros((5, 2)), [0, 1, 2, 3]))


def test_a_generator_is_no_data_set():
    with pytest.raises(TypeError, match=r"must have a length .* got generator"):
        DataLoader(i for i in range(5))


class Frame:
    """What a DataFrame has of an array, and its index, which picks a column and no row."""

    iloc = None

    def __init__(self, rows):
        self.rows = np.asarray(rows)

    def __array__(self, dtype=None, copy=None):
        return self.rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, column):
        return self.rows[:, column]


@pytest.mark.parametrize("kind", [Frame, Tensor])
def test_tensors_and_frames_in_a_tuple_are_columns_as_arrays_are(kind):
    x, y = np.arange(12).reshape(4, 3), np.arange(4)
    loader = DataLoader((kind(x), kind(y)), 4)
    for found, expected in zip(next(iter(loader)), (x, y), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_samples_of_a_frame_are_its_rows():
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(next(iter(DataLoader(Frame(x), 2))), x[:2])
