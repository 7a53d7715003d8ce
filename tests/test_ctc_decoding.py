"""Greedy and beam decoding of CTC: against all paths of small lines, and against the loss."""

import math

import numpy as np
import pytest
from compare import normal
from ctc_cases import Lines, all_readings, lines, paths, probability, reading
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import Tensor
from scratchnet.ctc_decoding import ctc_beam_search, ctc_greedy_decode
from scratchnet.ops import ctc_loss, log_softmax

EVERYTHING = 10**4  # more prefixes than these small lines have
ERROR = 1e-12  # sums of some hundred products, rounded as many times


def decoded(readings):
    return [(tuple(labels.tolist()), log_p) for labels, log_p in readings]


# ---------------------------------------------------------------- the best path


@given(lines(max_steps=4))
def test_greedy_decoding_reads_the_most_probable_of_all_paths(case):
    found = ctc_greedy_decode(case.log_probs(), case.lengths[0], case.blank)
    assert len(found) == case.n
    for labels, (log_probs, _) in zip(found, case.each(), strict=True):
        best = max(paths(*log_probs.shape), key=lambda path: probability(path, log_probs))
        assert tuple(labels.tolist()) == reading(best, case.blank)


def test_repeated_classes_are_one_label_unless_a_blank_stands_between():
    path = np.array([1, 1, 0, 1, 2, 2, 0, 0])
    one_hot = np.eye(3)[path]
    np.testing.assert_array_equal(ctc_greedy_decode(one_hot), [1, 1, 2])
    np.testing.assert_array_equal(ctc_greedy_decode(one_hot, 3), [1])
    np.testing.assert_array_equal(ctc_greedy_decode(one_hot, blank=1), [0, 2, 0])
    np.testing.assert_array_equal(ctc_greedy_decode(np.eye(3)[[0, 0]]), [])


def test_of_equal_classes_the_first_is_on_the_path():
    assert ctc_greedy_decode(np.array([[0.0, 1.0, 1.0]])).tolist() == [1]
    assert ctc_greedy_decode(np.array([[1.0, 1.0, 1.0]])).tolist() == []


# ---------------------------------------------------------------- the beam


@given(lines(max_steps=5, highest=0.0))
@example(Lines(3, 2, (5, 1), (0, 0), 1, highest=-1.0))
def test_a_beam_of_all_prefixes_gives_every_labelling_its_whole_probability(case):
    found = ctc_beam_search(case.log_probs(), case.lengths[0], EVERYTHING, EVERYTHING, case.blank)
    assert len(found) == case.n
    for readings, (log_probs, _) in zip(found, case.each(), strict=True):
        expected = all_readings(log_probs, case.blank)
        pairs = decoded(readings)
        assert {labels for labels, _ in pairs} == set(expected)
        assert len(pairs) == len(expected)
        assert [p for _, p in pairs] == sorted((p for _, p in pairs), reverse=True)
        for labels, log_p in pairs:
            assert log_p == pytest.approx(math.log(expected[labels]), rel=ERROR, abs=ERROR)


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=40)
def test_a_smaller_beam_gives_each_labelling_once_with_at_most_its_probability(n, size, seed):
    # Sure enough that prefixes fall out while their extensions stay, and come back later.
    log_probs = log_softmax(3 * normal((n, 4), seed))[0]
    pairs = decoded(ctc_beam_search(log_probs, beam_size=size, n_best=size))
    assert len({labels for labels, _ in pairs}) == len(pairs)
    for labels, log_p in pairs:
        loss, _ = ctc_loss(log_probs, np.array(labels, int), n, len(labels))
        assert log_p <= -loss * max(len(labels), 1) + ERROR


@given(lines(max_steps=8, max_classes=5, highest=0.0), st.integers(1, 6))
def test_lines_in_a_batch_are_read_as_each_of_them_alone(case, size):
    found = ctc_beam_search(case.log_probs(), case.lengths[0], size, 3, case.blank)
    greedy = ctc_greedy_decode(case.log_probs(), case.lengths[0], case.blank)
    for readings, path, (log_probs, _) in zip(found, greedy, case.each(), strict=True):
        alone = ctc_beam_search(log_probs, None, size, 3, case.blank)
        assert decoded(readings) == decoded(alone)
        assert path.tolist() == ctc_greedy_decode(log_probs, blank=case.blank).tolist()


def test_the_most_probable_labelling_need_not_be_that_of_the_most_probable_path():
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert ctc_greedy_decode(log_probs).tolist() == []
    (best, second), expected = decoded(ctc_beam_search(log_probs, n_best=2)), 0.4 * 0.4 + 0.48
    assert best == ((1,), pytest.approx(math.log(expected), rel=ERROR))
    assert second == ((), pytest.approx(math.log(0.36), rel=ERROR))


def prefix_beam(p, beam_size):
    """Algorithm 1 of Hannun et al. 2014, word for word: from probabilities p (T, K), blank 0."""
    beam = {(): (1.0, 0.0)}  # of each prefix: ending with a blank, ending with its label
    for step in p:
        found = {}

        def add(labels, with_blank, with_label, found=found):
            b, a = found.get(labels, (0.0, 0.0))
            found[labels] = b + with_blank, a + with_label

        for labels, (b, a) in beam.items():
            add(labels, step[0] * (b + a), 0.0)
            for k in range(1, len(step)):
                again = labels[-1:] == (k,)
                if again:
                    add(labels, 0.0, step[k] * a)
                add((*labels, k), 0.0, step[k] * (b if again else b + a))
        found = {labels: both for labels, both in found.items() if sum(both) > 0}
        largest = sorted(found, key=lambda labels: sum(found[labels]), reverse=True)
        beam = {labels: found[labels] for labels in largest[:beam_size]}
    return [(labels, sum(found)) for labels, found in beam.items()]


# In a beam of 3, (2, 1) falls out while (2, 1, 2) stays, comes back from (2,) and grows again.
COMES_BACK = [
    [0.1, 0.01, 0.89],
    [0.01, 0.3, 0.69],
    [0.01, 0.02, 0.97],
    [0.01, 0.4, 0.59],
    [0.3, 0.01, 0.69],
    [0.9, 0.02, 0.08],
]


def assert_same_beam(p, beam_size):
    found = decoded(ctc_beam_search(np.log(p), beam_size=beam_size, n_best=beam_size))
    expected = prefix_beam(p, beam_size)
    assert [labels for labels, _ in found] == [labels for labels, _ in expected]
    np.testing.assert_allclose(
        [log_p for _, log_p in found], np.log([q for _, q in expected]), rtol=ERROR
    )


@given(st.integers(1, 9), st.integers(2, 5), st.integers(1, 12), st.integers(0, 999))
def test_a_beam_of_any_size_holds_what_one_prefix_after_the_other_gives(n, n_classes, size, seed):
    assert_same_beam(np.exp(log_softmax(2 * normal((n, n_classes), seed))[0]), size)


def test_a_prefix_that_fell_out_and_comes_back_is_one_with_what_had_grown_from_it():
    p = np.array(COMES_BACK)
    kept = [[labels for labels, _ in prefix_beam(p[:n], 3)] for n in range(1, 7)]
    assert any(
        (2, 1) in kept[t - 1] and (2, 1) not in kept[t] and (2, 1, 2) in kept[t]
        for t in range(1, 6)
    )
    assert (2, 1) in kept[-1]
    for n in range(1, 7):
        assert_same_beam(p[:n], 3)


def test_a_labelling_of_probability_zero_is_not_returned():
    certain = np.where(np.eye(3)[[1, 0, 2]] > 0, 0.0, -np.inf)
    assert decoded(ctc_beam_search(certain, beam_size=20, n_best=20)) == [((1, 2), 0.0)]
    assert ctc_beam_search(np.full((2, 3), -np.inf)) == []


def test_long_lines_of_small_probabilities_do_not_underflow():
    log_probs = log_softmax(normal((2000, 30), 0, np.float32))[0]
    ((labels, log_p),) = ctc_beam_search(log_probs, beam_size=4)
    loss, _ = ctc_loss(log_probs, labels, 2000, len(labels), reduction="sum")
    assert -np.inf < log_p <= -float(loss)


def test_an_empty_batch_has_no_readings():
    assert ctc_greedy_decode(np.zeros((3, 0, 2))) == []
    assert ctc_beam_search(np.zeros((3, 0, 2)), []) == []


def test_a_tensor_is_read_as_its_array():
    x = normal((4, 2, 3), 0, np.float32)
    assert [r.tolist() for r in ctc_greedy_decode(Tensor(x))] == [
        r.tolist() for r in ctc_greedy_decode(x)
    ]


BAD = [
    ({"log_probs": normal(3)}, ValueError, r"\(T, N, K\) or \(T, K\).* got \(3,\)"),
    ({"log_probs": np.ones((2, 3), int)}, TypeError, r"floats, got int64 \(2, 3\)"),
    ({"input_lengths": [0, 4]}, ValueError, r"a length is 1 … 4, got 0 for line 0"),
    ({"input_lengths": [4, 5]}, ValueError, r"a length is 1 … 4, got 5 for line 1"),
    ({"input_lengths": [4]}, ValueError, r"one for each of 2 lines, got \(1,\)"),
    ({"input_lengths": [1.5, 2.0]}, TypeError, r"integers, got float64"),
    ({"input_lengths": [[4], [4, 4]]}, ValueError, "input_lengths are integers in one array"),
    ({"blank": 3}, ValueError, r"one of the 3 classes 0 … 2, got 3"),
    ({"blank": 1.5}, TypeError, "blank is a whole number, got 1.5"),
    ({"blank": 1.0}, TypeError, "blank is a whole number, got 1.0"),
    ({"blank": True}, TypeError, "blank is a whole number, got True"),
    ({"blank": None}, TypeError, "blank is a whole number, got None"),
]


@pytest.mark.parametrize("decode", [ctc_greedy_decode, ctc_beam_search])
@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_an_error_with_the_values_in_hand(decode, change, error, message):
    with pytest.raises(error, match=message):
        decode(**{"log_probs": normal((4, 2, 3)), **change})


@pytest.mark.parametrize("decode", [ctc_greedy_decode, ctc_beam_search])
def test_nan_is_an_error_that_says_where_unless_it_stands_behind_the_end(decode):
    log_probs = -np.abs(normal((4, 2, 3)))
    log_probs[3, 1, 2] = np.nan
    with pytest.raises(ValueError, match="NaN at time 3 of line 1, class 2"):
        decode(log_probs)
    assert len(decode(log_probs, [4, 3])) == 2


def test_the_beam_refuses_what_is_the_logarithm_of_no_probability():
    log_probs = log_softmax(normal((4, 2, 3)))[0]
    with pytest.raises(ValueError, match=r"at most 0, got .* at time 0 of line 0, class 0: log_"):
        ctc_beam_search(np.exp(log_probs))
    log_probs[3, 1, 2] = np.inf
    with pytest.raises(ValueError, match="at most 0, got inf at time 3 of line 1, class 2"):
        ctc_beam_search(log_probs)
    assert len(ctc_beam_search(log_probs, [4, 3])) == 2


def test_logarithms_of_rounded_probabilities_may_be_a_little_above_0():
    rounded_up = np.nextafter(np.float16(1), np.float16(2))
    p = np.array([[rounded_up, 0.0], [0.5, 0.5]], np.float16)
    with np.errstate(divide="ignore"):
        log_probs = np.log(p)
    assert log_probs.max() > 0
    assert decoded(ctc_beam_search(log_probs))[0][0] == ()


@pytest.mark.parametrize("name", ["beam_size", "n_best"])
@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_the_beam_takes_whole_sizes_of_at_least_one(name, size):
    with pytest.raises(ValueError, match=f"{name} .*at least 1, got {size}"):
        ctc_beam_search(normal((2, 3)), **{name: size})
