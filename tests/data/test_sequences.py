"""Sequences of unequal length: padding as torch does it, and batches of similar lengths."""

import functools
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import scratchnet.random
from scratchnet.data import BucketBatchSampler, DataLoader, pad_collate, pad_sequence

DTYPES = ["float32", "float64", "int64", "uint8", "bool"]


@st.composite
def sequences(draw, dtypes=DTYPES):
    dtype = draw(st.sampled_from(dtypes))
    rest = draw(st.sampled_from([(), (3,), (2, 0), (2, 1)]))
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    values = st.integers(0, 1) if dtype == "bool" else st.integers(0, 9)
    return [draw(hnp.arrays(dtype, (length, *rest), elements=values)) for length in lengths]


# ---------------------------------------------------------------- pad_sequence


@given(sequences(), st.booleans(), st.sampled_from([0, 1.0]), st.sampled_from(["left", "right"]))
def test_padding_is_that_of_torch(arrays, batch_first, padding_value, padding_side):
    torch = pytest.importorskip("torch")
    pad = torch.nn.utils.rnn.pad_sequence
    options = (batch_first, padding_value, padding_side)
    theirs = pad([torch.from_numpy(array) for array in arrays], *options).numpy()
    ours = pad_sequence(arrays, *options)
    assert ours.dtype == theirs.dtype
    assert ours.flags.c_contiguous
    np.testing.assert_array_equal(ours, theirs, strict=True)


@given(sequences(), st.sampled_from(["left", "right"]))
def test_every_entry_is_where_the_equation_says(arrays, padding_side):
    y = pad_sequence(arrays, padding_value=1, padding_side=padding_side)
    longest = max(len(array) for array in arrays)
    assert y.shape == (longest, len(arrays), *arrays[0].shape[1:])
    for n, array in enumerate(arrays):
        start = longest - len(array) if padding_side == "left" else 0
        for t in range(longest):
            inside = start <= t < start + len(array)
            np.testing.assert_array_equal(y[t, n], array[t - start] if inside else 1)


def test_padding_may_be_nan_infinite_or_inexact_where_the_dtype_has_it():
    for value in (np.nan, -np.inf, 0.1):
        y = pad_sequence([np.zeros(2, np.float32), np.zeros(1, np.float32)], padding_value=value)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y[1, 1], np.float32(value))


def test_dtypes_that_differ_are_promoted():
    assert pad_sequence([np.zeros(2, np.int64), np.zeros(1)]).dtype == np.float64


def test_an_empty_list_has_no_dtype_beside_others():
    assert pad_sequence([[1, 2], []]).dtype == np.int64
    assert pad_sequence([[], np.ones(1, np.float32), ()]).dtype == np.float32
    assert pad_sequence([np.zeros(0, np.float32), [1]]).dtype == np.float64  # an array has one
    assert pad_sequence([[], []]).shape == (0, 2)
    x, lengths, _ = pad_collate([([1, 2], 0), ([], 1)])
    assert x.dtype == np.int64
    np.testing.assert_array_equal(x, [[1, 0], [2, 0]])
    np.testing.assert_array_equal(lengths, [2, 0])


def test_sequences_may_come_from_a_generator():
    np.testing.assert_array_equal(pad_sequence(range(n) for n in (1, 2)), [[0, 0], [0, 1]])


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ([], {}, r"got shapes \[\]"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], {}, r"got shapes \[\(2, 3\), \(2, 4\)\]"),
        ([np.zeros(2), np.zeros((2, 4))], {}, r"got shapes \[\(2,\), \(2, 4\)\]"),
        ([1, 2], {}, r"got shapes \[\(\), \(\)\]"),
        ([["a"]], {}, "sequences must hold numbers, got <U1"),
        ([[1], [2, 3]], {"padding_value": 0.5}, "padding_value 0.5 does not fit .* int64"),
        ([[1], [2, 3]], {"padding_value": np.nan}, "padding_value nan does not fit"),
        ([np.zeros(1, np.uint8)], {"padding_value": -1}, "padding_value -1 does not fit .* uint8"),
        ([np.zeros(1, bool)], {"padding_value": 2}, "padding_value 2 does not fit .* bool"),
        ([np.zeros(1, np.float32)], {"padding_value": 1e300}, "1e[+]300 does not fit .* float32"),
        ([np.zeros(1)], {"padding_value": 1j}, "padding_value 1j does not fit .* float64"),
        ([np.zeros(1)], {"padding_value": "0"}, "padding_value 0 does not fit"),
        ([[1]], {"padding_value": 2**70}, f"padding_value {2**70} does not fit .* int64"),
        ([[1]], {"padding_value": None}, "padding_value None does not fit"),
        (
            [np.zeros(1, np.int64), np.zeros(1, np.uint64)],
            {},
            "no integers hold all of .*uint64.*: convert them first",
        ),
        ([[1]], {"padding_side": "top"}, '"left" or "right", got \'top\''),
    ],
)
def test_sequences_that_do_not_fit_together_are_an_error(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        pad_sequence(arrays, **options)


# ---------------------------------------------------------------- pad_collate


@given(sequences(), st.booleans())
def test_a_sequence_comes_padded_with_its_length_and_a_label_stacked(arrays, batch_first):
    labels = list(range(len(arrays)))
    x, lengths, y = pad_collate(list(zip(arrays, labels, strict=True)), batch_first)
    np.testing.assert_array_equal(x, pad_sequence(arrays, batch_first), strict=True)
    np.testing.assert_array_equal(lengths, [len(array) for array in arrays])
    assert lengths.dtype == np.int64
    np.testing.assert_array_equal(y, labels)


def test_two_sequences_in_a_sample_have_lengths_of_their_own():
    samples = [([1, 2], [3], "ab"), ([4], [5, 6, 7], "c")]
    source, source_lengths, target, target_lengths, names = pad_collate(samples, padding_value=9)
    np.testing.assert_array_equal(source, [[1, 4], [2, 9]])
    np.testing.assert_array_equal(source_lengths, [2, 1])
    np.testing.assert_array_equal(target, [[3, 5], [9, 6], [9, 7]])
    np.testing.assert_array_equal(target_lengths, [1, 3])
    assert names == ["ab", "c"]


def test_samples_without_labels_give_two_arrays_also_if_equally_long():
    x, lengths = pad_collate([np.array([1, 2]), np.array([3, 4])])
    np.testing.assert_array_equal(x, [[1, 3], [2, 4]])
    np.testing.assert_array_equal(lengths, [2, 2])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "at least one sample"),
        ([([1], 0), ([1],)], "differ in their number of fields"),
        ([([1], 0), (2, 0)], r"got shapes \[\(1,\), \(\)\]"),
        ([(1, 0), ([2], 0)], "differ in shape"),
        ([[[5, 6], 0], [[7], 1]], r"fields of a sample in a tuple, got \[\[5, 6\], 0\]"),
        ([{"a": [1]}, {"a": [1, 2]}], "fields of a sample in a tuple, got {'a': "),
    ],
)
def test_samples_that_make_no_batch_are_an_error(samples, message):
    with pytest.raises(ValueError, match=message):
        pad_collate(samples)


# ---------------------------------------------------------------- BucketBatchSampler


@given(
    lengths=st.lists(st.integers(0, 20), max_size=60),
    batch_size=st.integers(1, 9),
    multiplier=st.integers(1, 4),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
@example([], 3, 1, True, False)
def test_the_batches_hold_every_sample_once_by_the_stated_equation(
    lengths, batch_size, multiplier, shuffle, drop_last
):
    sampler = BucketBatchSampler(
        lengths,
        batch_size,
        shuffle,
        drop_last=drop_last,
        bucket_size_multiplier=multiplier,
        rng=4,
    )
    n = len(lengths)
    n_batches = n // batch_size if drop_last else -(-n // batch_size)
    rng = np.random.default_rng(4)
    order, place = range(n), range(n_batches)
    if shuffle:
        order, place = rng.permutation(n).tolist(), rng.permutation(n_batches).tolist()
    if drop_last:
        order = order[: n_batches * batch_size]
    size = batch_size * multiplier
    expected = []
    for start in range(0, len(order), size):
        bucket = sorted(order[start : start + size], key=lambda i: lengths[i])
        expected += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]

    batches = [batch.tolist() for batch in sampler]
    assert batches == [expected[b] for b in place]
    assert len(sampler) == len(batches) == n_batches
    seen = [i for batch in batches for i in batch]
    assert len(set(seen)) == len(seen) == (n_batches * batch_size if drop_last else n)


@pytest.mark.parametrize("size", [sys.maxsize, 10**30])
def test_a_batch_or_bucket_larger_than_all_is_all(size):
    assert [batch.tolist() for batch in BucketBatchSampler([3, 1, 2], size)] == [[1, 2, 0]]
    assert list(BucketBatchSampler([3, 1, 2], size, drop_last=True)) == []
    assert list(BucketBatchSampler([], size)) == []
    sampler = BucketBatchSampler([3, 1, 2], 2, bucket_size_multiplier=size)
    assert [batch.tolist() for batch in sampler] == [[1, 2], [0]]


def test_batches_of_similar_lengths_leave_less_to_pad():
    lengths = np.random.default_rng(0).integers(1, 100, 3200)

    def padding(batches):
        return sum(int((lengths[b].max() - lengths[b]).sum()) for b in batches)

    at_random = padding(DataLoader(np.arange(3200), 32, shuffle=True, rng=0))
    in_buckets = padding(BucketBatchSampler(lengths, 32, shuffle=True, rng=0))
    # At random the longest of 32 is near 97 and the mean 50: 47 steps of padding each. Sorted, the
    # 100 lengths are spread over 100 batches: a step or two at most.
    assert at_random > 40 * 3200
    assert in_buckets < 1 * 3200


def test_the_same_seed_gives_the_same_batches_and_every_epoch_others():
    lengths = np.arange(60) % 7

    def epochs(rng):
        sampler = BucketBatchSampler(lengths, 4, True, bucket_size_multiplier=3, rng=rng)
        return [[batch.tolist() for batch in sampler] for _ in range(3)]

    first = epochs(5)
    assert first == epochs(5)
    assert first[0] != first[1] != first[2] != first[0]
    assert first != epochs(6)
    scratchnet.random.manual_seed(5)
    assert epochs(None) == first


def test_resume_within_an_epoch_from_the_state_at_its_beginning():
    sampler = BucketBatchSampler(np.arange(40) % 9, 4, True, rng=5)
    state = sampler.rng.bit_generator.state
    whole = [batch.tolist() for batch in sampler]
    sampler.rng.bit_generator.state = state
    halves = iter(sampler)
    assert [next(halves).tolist() for _ in range(3)] == whole[:3]
    assert [batch.tolist() for batch in halves] == whole[3:]


def test_without_shuffling_nothing_is_drawn():
    scratchnet.random.manual_seed(8)
    before = scratchnet.random.get_rng_state()
    list(BucketBatchSampler([3, 1, 2], 2))
    assert scratchnet.random.get_rng_state() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], 0), "batch_size must be a positive integer, got 0"),
        (([[1, 2]], 1), r"one integer for each sample, got shape \(1, 2\)"),
        (([1.5], 1), "got shape .* dtype float64"),
    ],
)
def test_bad_arguments_are_an_error_with_the_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        BucketBatchSampler(*arguments)
    with pytest.raises(ValueError, match="bucket_size_multiplier must be a positive integer"):
        BucketBatchSampler([1], 1, bucket_size_multiplier=0)


def test_a_loader_pads_batches_of_similar_lengths():
    rng = np.random.default_rng(0)
    samples = [(np.full(n, i), i) for i, n in enumerate(rng.integers(1, 30, 100).tolist())]
    sampler = BucketBatchSampler([len(x) for x, _ in samples], 8, shuffle=True, rng=0)
    collate = functools.partial(pad_collate, batch_first=True, padding_value=-1)
    loader = DataLoader(samples, batch_sampler=sampler, collate_fn=collate)
    seen = []
    for x, lengths, labels in loader:
        assert x.shape == (len(labels), lengths.max())
        for row, length, label in zip(x, lengths, labels, strict=True):
            np.testing.assert_array_equal(row[:length], samples[label][0])
            assert (row[length:] == -1).all()
        seen += labels.tolist()
    assert sorted(seen) == list(range(100))
    assert len(loader) == 13
