"""Windows over a text and streams through it: every batch is the slice that its equation says."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet.data import BPTTIterator, DataLoader, SlidingWindows

# ---------------------------------------------------------------- SlidingWindows


@given(n=st.integers(2, 60), length=st.integers(1, 60), stride=st.none() | st.integers(1, 60))
def test_a_window_is_the_slice_that_its_equation_says(n, length, stride):
    assume(length < n)
    tokens = np.arange(n) * 7
    windows = SlidingWindows(tokens, length, stride)
    s = length if stride is None else stride
    starts = [i for i in range(0, n, s) if i + length + 1 <= n]
    assert len(windows) == len(starts) == (n - 1 - length) // s + 1
    for i, start in enumerate(starts):
        x, y = windows[i]
        np.testing.assert_array_equal(x, tokens[start : start + length])
        np.testing.assert_array_equal(y, tokens[start + 1 : start + length + 1])
    with pytest.raises(IndexError):
        windows[len(starts)]


def test_windows_are_views_that_cannot_change_the_text():
    tokens = np.arange(10, dtype=np.int32)
    for array in SlidingWindows(tokens, 3)[1]:
        assert np.shares_memory(array, tokens)
        assert array.dtype == np.int32
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    assert tokens.flags.writeable


def test_a_million_windows_take_no_memory_of_their_own():
    tokens = np.zeros(1_000_000, np.uint8)
    windows = SlidingWindows(tokens, 1000, stride=1)
    assert len(windows) == 999_000
    assert all(np.shares_memory(array, tokens) for array in windows.tensors)


def test_a_loader_gives_copies_of_inputs_and_targets_that_do_not_share_memory():
    tokens = np.arange(40)
    seen = []
    for x, y in DataLoader(SlidingWindows(tokens, 5), 3, shuffle=True, rng=0):
        assert x.shape[1:] == (5,)
        np.testing.assert_array_equal(y, x + 1)
        seen += x[:, 0].tolist()
        x[:] = -1  # the targets and the text stay as they were
        assert (y >= 0).all()
    assert sorted(seen) == list(range(0, 35, 5))
    np.testing.assert_array_equal(tokens, np.arange(40))


# ---------------------------------------------------------------- BPTTIterator


@given(
    n=st.integers(2, 80),
    n_streams=st.integers(1, 9),
    bptt_len=st.integers(1, 30),
    drop_last=st.booleans(),
)
def test_a_batch_is_the_slice_of_each_stream_that_its_equation_says(
    n, n_streams, bptt_len, drop_last
):
    assume(n > n_streams)
    tokens = np.arange(n) * 7
    length = (n - 1) // n_streams
    iterator = BPTTIterator(tokens, n_streams, bptt_len, drop_last=drop_last)
    batches = list(iterator)
    whole, rest = divmod(length, bptt_len)
    steps = [bptt_len] * whole + ([rest] if rest and not drop_last else [])
    assert len(iterator) == len(batches) == len(steps)
    for b, (x, y) in enumerate(batches):
        assert x.shape == y.shape == (steps[b], n_streams)
        for j in range(n_streams):
            start = j * length + b * bptt_len
            np.testing.assert_array_equal(x[:, j], tokens[start : start + steps[b]])
            np.testing.assert_array_equal(y[:, j], tokens[start + 1 : start + 1 + steps[b]])


@given(n=st.integers(2, 80), n_streams=st.integers(1, 9), bptt_len=st.integers(1, 30))
def test_the_streams_go_on_and_every_token_is_a_target_once(n, n_streams, bptt_len):
    assume(n > n_streams)
    batches = list(BPTTIterator(np.arange(n), n_streams, bptt_len))
    for (_, y), (x, _) in itertools.pairwise(batches):
        np.testing.assert_array_equal(x[0], y[-1])  # the last target is read next
    targets = np.sort(np.concatenate([y.ravel() for _, y in batches]))
    np.testing.assert_array_equal(targets, np.arange(1, 1 + (n - 1) // n_streams * n_streams))


def test_batch_first_is_the_same_the_other_way_round():
    tokens = np.arange(30)
    pairs = zip(
        BPTTIterator(tokens, 4, 3), BPTTIterator(tokens, 4, 3, batch_first=True), strict=True
    )
    for (x, y), (x_first, y_first) in pairs:
        np.testing.assert_array_equal(x_first, x.T)
        np.testing.assert_array_equal(y_first, y.T)


def test_batches_are_views_that_cannot_change_the_text_and_every_pass_is_the_same():
    tokens = np.arange(30)
    iterator = BPTTIterator(tokens, 4, 3)
    for (x, y), (x2, y2) in zip(iterator, iterator, strict=True):
        assert np.shares_memory(x, tokens)
        assert np.shares_memory(y, tokens)
        assert not x.flags.writeable
        assert not y.flags.writeable
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_holds_the_text_once_and_cannot_change_it(copied):
    tokens = np.arange(1000)
    makes = (
        lambda x: SlidingWindows(x, 30, 1),
        lambda x: SlidingWindows(x, 30),
        lambda x: BPTTIterator(x, 4, 30, drop_last=True),
        lambda x: BPTTIterator(x, 4, 30, batch_first=True),
    )
    for make in makes:
        original = make(tokens)
        twin = copied(original)
        assert len(pickle.dumps(original)) < 2 * tokens.nbytes
        pairs = list(original), list(twin)
        assert len(pairs[0]) == len(pairs[1])
        for batch, again in zip(*pairs, strict=True):
            for a, b in zip(batch, again, strict=True):
                np.testing.assert_array_equal(a, b, strict=True)
                assert not b.flags.writeable
                assert not np.shares_memory(a, b)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingWindows(range(5), 5), "need 6 tokens, got 5"),
        (lambda: SlidingWindows([], 1), "need 2 tokens, got 0"),
        (lambda: SlidingWindows(np.zeros((3, 2)), 1), r"\(n,\), got shape \(3, 2\)"),
        (lambda: SlidingWindows(range(5), 0), "length must be a positive integer, got 0"),
        (lambda: SlidingWindows(range(5), 2, 0), "stride must be a positive integer, got 0"),
        (lambda: SlidingWindows(range(5), 2, 1.0), "stride must be a positive integer, got 1.0"),
        (lambda: BPTTIterator(range(4), 4, 1), "need 5 tokens, got 4"),
        (lambda: BPTTIterator([], 4, 1), "need 5 tokens, got 0"),
        (lambda: BPTTIterator(range(9), True, 1), "batch_size must be a positive integer"),
        (lambda: BPTTIterator(range(9), 2, -1), "bptt_len must be a positive integer, got -1"),
        (lambda: BPTTIterator(3, 2, 1), r"\(n,\), got shape \(\)"),
    ],
)
def test_what_cannot_be_cut_is_an_error_with_the_numbers(make, message):
    with pytest.raises(ValueError, match=message):
        make()
