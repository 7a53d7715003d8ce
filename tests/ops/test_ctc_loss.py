"""ctc_loss: the sum over all paths, its gradient, lengths, what no path reads as, bad input."""

import itertools
import math

import numpy as np
import pytest
from compare import assert_close, normal
from ctc_cases import Lines, all_readings, lines, paths, probability, reading
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, check_pullback, functional
from scratchnet.ops import ctc_loss, log_softmax

in_both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])
reductions = st.sampled_from(["mean", "sum", "none"])
bools = st.booleans()
# Two equal labels in two steps, and three labels in one.
IMPOSSIBLE = Lines(3, 0, (2, 4, 1), (2, 2, 3), seed=0)
# Logarithms of sums of some thousand products are rounded some hundred times on the way.
ERROR = 1e-13


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=ERROR, atol=ERROR)


def losses(case, **options):
    return ctc_loss(
        case.log_probs(), case.targets(), *case.lengths, case.blank, reduction="none", **options
    )


# ---------------------------------------------------------------- the value and the gradient


@given(lines())
@example(IMPOSSIBLE)
def test_the_loss_is_minus_the_logarithm_of_the_sum_over_all_paths(case):
    y, _ = losses(case)
    expected = []
    for log_probs, labels in case.each():
        p = all_readings(log_probs, case.blank).get(labels, 0.0)
        expected.append(-math.log(p) if p else math.inf)
    assert y.shape == (case.n,)
    assert_near(y, expected)


@given(lines())
def test_the_gradient_is_minus_the_share_of_the_paths_that_are_at_that_class_at_that_time(case):
    _, pullback = losses(case, zero_infinity=True)
    dy = normal(case.n, 1)
    (dx,) = pullback(dy)
    expected = np.zeros_like(dx)
    for i, (log_probs, labels) in enumerate(case.each()):
        found = [
            (path, probability(path, log_probs))
            for path in paths(*log_probs.shape)
            if reading(path, case.blank) == labels
        ]
        total = math.fsum(p for _, p in found)
        for path, p in found:
            for t, k in enumerate(path):
                expected[t, i, k] -= dy[i] * p / total
    assert_near(dx, expected)


@given(lines(max_steps=6, max_classes=4), reductions, bools)
@settings(max_examples=30)
def test_the_pullback_is_the_derivative_for_log_probs_of_any_kind(case, reduction, zero_infinity):
    if np.isinf(losses(case)[0]).any() and not zero_infinity:
        return  # no derivative
    if case.n == 0 and reduction == "mean":
        return  # NaN
    check_pullback(
        lambda x: ctc_loss(x, case.targets(), *case.lengths, case.blank, reduction, zero_infinity),
        case.log_probs(),
    )


@given(st.integers(1, 4), st.integers(2, 3), st.integers(0, 99))
@settings(max_examples=20)
def test_the_probabilities_of_all_targets_sum_to_one(n_steps, n_classes, seed):
    log_probs = log_softmax(normal((n_steps, n_classes), seed))[0]
    targets = [
        t for s in range(n_steps + 1) for t in itertools.product(range(1, n_classes), repeat=s)
    ]
    n, flat = len(targets), [label for target in targets for label in target]
    repeated = np.repeat(log_probs[:, None], n, axis=1)
    y, _ = ctc_loss(
        repeated, np.array(flat, int), [n_steps] * n, [len(t) for t in targets], reduction="none"
    )
    assert np.exp(-y).sum() == pytest.approx(1.0, rel=ERROR)


@given(lines(max_steps=9, max_classes=5, min_lines=1))
def test_at_every_time_the_shares_of_the_classes_sum_to_one(case):
    _, pullback = losses(case, zero_infinity=True)
    (dx,) = pullback(np.ones(case.n))
    possible = ~np.isinf(losses(case)[0])
    inside = np.arange(len(dx))[:, None] < case.lengths[0]
    assert_near(dx.sum(axis=2), np.where(inside & possible, -1.0, 0.0))


@given(lines(max_steps=8, max_classes=5, min_lines=1))
def test_read_backwards_in_time_a_target_is_as_probable(case):
    case = Lines(case.n_classes, case.blank, case.input_lengths, case.target_lengths, 0, case.seed)
    backwards = case.log_probs(), case.targets()
    for i, (n_steps, n_labels) in enumerate(zip(*case.lengths, strict=True)):
        backwards[0][:n_steps, i] = backwards[0][:n_steps, i][::-1]
        backwards[1][i, :n_labels] = backwards[1][i, :n_labels][::-1]
    found, _ = ctc_loss(*backwards, *case.lengths, case.blank, reduction="none")
    assert_near(found, losses(case)[0])


# ---------------------------------------------------------------- torch


def torchs(torch, case, log_probs, reduction, zero_infinity):
    """Return torch's loss of a leaf, or of what was made from one."""
    targets, lengths = torch.from_numpy(case.targets()), map(torch.from_numpy, case.lengths)
    return torch.nn.functional.ctc_loss(
        log_probs, targets, *lengths, case.blank, reduction, zero_infinity
    )


@in_both_precisions
@given(lines(max_steps=9, max_classes=6, min_lines=1), reductions, bools)
@example(IMPOSSIBLE, "none", False)
@example(IMPOSSIBLE, "mean", True)
def test_after_log_softmax_value_and_gradient_are_those_of_torch(
    torch, dtype, case, reduction, zero_infinity
):
    logits = 3 * case.log_probs(dtype)
    x, leaf = Tensor(logits, requires_grad=True), torch.from_numpy(logits.copy()).requires_grad_()
    found = functional.ctc_loss(
        x.log_softmax(-1), case.targets(), *case.lengths, case.blank, reduction, zero_infinity
    )
    expected = torchs(torch, case, leaf.log_softmax(-1), reduction, zero_infinity)
    # torch adds logarithms up to some fifty in the precision of its input; exp keeps their error.
    assert_close(found.data, expected.detach().numpy(), roundings=64)
    dy = normal(found.shape, 1, dtype)
    found.backward(dy)
    expected.backward(torch.from_numpy(dy))
    theirs = leaf.grad.numpy()
    # Of a line that no path reads, torch leaves NaN at all classes, as we do.
    np.testing.assert_array_equal(np.isnan(x.grad), np.isnan(theirs))
    assert_close(np.nan_to_num(x.grad), np.nan_to_num(theirs), roundings=64, terms=1.0)


@given(lines(max_steps=7, max_classes=4, min_lines=1))
def test_without_it_torch_adds_the_exponentials_which_is_not_the_derivative(torch, case):
    leaf = torch.from_numpy(case.log_probs()).requires_grad_()
    torchs(torch, case, leaf, "sum", True).backward()
    _, pullback = losses(case, zero_infinity=True)
    possible = ~np.isinf(losses(case)[0])
    inside = (np.arange(len(leaf))[:, None] < case.lengths[0]) & possible
    added = np.where(inside[:, :, None], np.exp(case.log_probs()), 0.0)
    # torch takes the difference of numbers up to exp(3); terms that cancel lose that much.
    assert_close(pullback(np.ones(case.n))[0], leaf.grad.numpy() - added, 1000, terms=20.0)


@in_both_precisions
def test_long_lines_keep_the_precision_of_their_dtype(torch, dtype):
    """300 steps with log-probabilities down to −40: float32 is exact where a float64 torch is."""
    shape, n_labels = (300, 2, 20), [60, 100]
    log_probs = log_softmax(8 * normal(shape, 0, dtype))[0]
    labels = np.random.default_rng(1).integers(1, 20, (2, 100))
    y, pullback = ctc_loss(log_probs, labels, [300, 280], n_labels, reduction="none")
    leaf = torch.from_numpy(log_probs.astype(np.float64)).requires_grad_()
    expected = torch.nn.functional.ctc_loss(
        leaf, torch.from_numpy(labels), (300, 280), tuple(n_labels), reduction="none"
    )
    assert expected.min() > 500
    assert_close(y, expected.detach().numpy().astype(dtype))
    expected.sum().backward()
    inside = np.arange(300)[:, None, None] < np.array([300, 280])[:, None]
    share = leaf.grad.numpy() - np.where(inside, np.exp(leaf.detach().numpy()), 0.0)
    # ln α of size 1000 is known to 1e-13, and so to 1e-12 after 300 steps is its exponential.
    (dx,) = pullback(np.ones(2, dtype))
    atol = max(1e-11, float(np.finfo(dtype).eps))
    np.testing.assert_allclose(dx, share, rtol=0, atol=atol)


# ---------------------------------------------------------------- which paths there are


def only_path(log_probs, targets, n_labels):
    """Return the classes at each time if one path has the whole probability."""
    _, pullback = ctc_loss(log_probs, targets, len(log_probs), n_labels)
    share = -n_labels * pullback(np.float64(1))[0]
    np.testing.assert_allclose(share.max(axis=1), 1.0, rtol=1e-14)
    return share.argmax(axis=1).tolist()


def test_two_equal_labels_need_a_blank_between_them_and_two_different_ones_need_none():
    log_probs = normal((3, 4))
    assert only_path(log_probs, np.array([2, 2]), 2) == [2, 0, 2]
    assert only_path(log_probs[:2], np.array([2, 3]), 2) == [2, 3]
    assert ctc_loss(log_probs[:2], np.array([2, 2]), 2, 2)[0] == np.inf
    assert only_path(log_probs, np.array([1, 2, 3]), 3) == [1, 2, 3]


def test_an_empty_target_is_read_from_blanks_alone():
    log_probs = normal((4, 2, 3))
    for targets in ([], np.zeros((2, 0)), np.zeros(0, int), np.array([[7], [-3]])):
        y, pullback = ctc_loss(log_probs, targets, [4, 3], [0, 0], 2, "none")
        np.testing.assert_allclose(
            y, [-log_probs[:, 0, 2].sum(), -log_probs[:3, 1, 2].sum()], rtol=1e-14
        )
        expected = np.zeros((4, 2, 3))
        expected[:, 0, 2] = expected[:3, 1, 2] = -1.0
        np.testing.assert_allclose(pullback(np.ones(2))[0], expected, rtol=1e-14)


def test_the_mean_divides_each_loss_by_its_targets_length_of_at_least_one():
    log_probs, targets, lengths = normal((5, 3, 4)), np.array([[1, 2], [3, 0], [0, 0]]), [5, 5, 5]
    each, _ = ctc_loss(log_probs, targets, lengths, [2, 1, 0], reduction="none")
    mean, _ = ctc_loss(log_probs, targets, lengths, [2, 1, 0])
    assert mean == pytest.approx((each[0] / 2 + each[1] + each[2]) / 3, rel=1e-15)


def test_a_target_that_no_path_reads_has_the_loss_inf_and_the_gradient_nan_or_both_zero():
    log_probs, targets = normal((3, 2, 3)), np.array([[1, 2, 1, 2], [1, 2, 0, 0]])
    y, pullback = ctc_loss(log_probs, targets, [3, 3], [4, 2], reduction="none")
    assert y[0] == np.inf
    assert np.isfinite(y[1])
    (dx,) = pullback(np.ones(2))
    assert np.isnan(dx[:, 0]).all()
    assert np.isfinite(dx[:, 1]).all()
    z, pullback = ctc_loss(log_probs, targets, [3, 3], [4, 2], 0, "none", True)
    np.testing.assert_array_equal(z, [0.0, y[1]])
    (dz,) = pullback(np.ones(2))
    np.testing.assert_array_equal(dz[:, 0], 0.0)
    np.testing.assert_array_equal(dz[:, 1], dx[:, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_has_diverged_has_the_loss_nan_without_a_warning(torch, value):
    log_probs = normal((4, 2, 3))
    log_probs[1, 0, 0] = log_probs[1, 0, 1] = log_probs[1, 0, 2] = value
    targets, lengths = np.array([[1, 2], [2, 1]]), ([4, 4], [2, 1])
    y, pullback = ctc_loss(log_probs, targets, *lengths, reduction="none")
    expected = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs), torch.from_numpy(targets), *lengths, reduction="none"
    )
    np.testing.assert_allclose(y, expected.numpy(), rtol=ERROR)
    assert np.isnan(y).tolist() == [True, False]
    (dx,) = pullback(np.ones(2))
    assert np.isfinite(dx[:, 1]).all()
    assert np.isnan(dx[:, 0]).any()


def test_a_class_that_is_ruled_out_is_on_no_path_and_has_the_gradient_zero():
    log_probs = normal((3, 3))
    log_probs[1, 0] = -np.inf  # no blank in the middle
    assert ctc_loss(log_probs, np.array([2, 2]), 3, 2)[0] == np.inf
    y, pullback = ctc_loss(log_probs, np.array([1, 2]), 3, 2)
    assert np.isfinite(y)
    (dx,) = pullback(np.float64(1))
    assert dx[1, 0] == 0.0
    np.testing.assert_allclose(dx.sum(axis=1), -0.5, rtol=1e-14)  # the mean over two labels


# ---------------------------------------------------------------- lengths and layouts


@given(lines(max_steps=6, max_classes=4, min_lines=1))
def test_each_line_is_as_if_it_were_alone_whatever_stands_behind_its_length(case):
    log_probs, targets = case.log_probs(), case.targets()
    for i, (n_steps, n_labels) in enumerate(zip(*case.lengths, strict=True)):
        log_probs[n_steps:, i], targets[i, n_labels:] = np.nan, 10**6
    y, pullback = ctc_loss(
        log_probs, targets, *case.lengths, case.blank, "none", zero_infinity=True
    )
    (dx,) = pullback(np.ones(case.n))
    for i, (alone, labels) in enumerate(case.each()):
        n_steps = len(alone)
        z, pullback_alone = ctc_loss(
            alone, np.array(labels, int), n_steps, len(labels), case.blank, "none", True
        )
        assert z.shape == ()
        assert_near(y[i], z)
        assert_near(dx[:n_steps, i], pullback_alone(np.float64(1))[0])
        np.testing.assert_array_equal(dx[n_steps:, i], 0.0)


@given(lines(max_steps=6, max_classes=4))
def test_targets_may_stand_one_after_the_other(case):
    flat = np.array([label for _, labels in case.each() for label in labels], np.int32)
    y, _ = ctc_loss(case.log_probs(), flat, *case.lengths, case.blank, reduction="none")
    np.testing.assert_array_equal(y, losses(case)[0])


def test_lengths_may_be_sequences_arrays_and_tensors():
    x, targets = normal((4, 2, 3), 0, np.float32), np.array([[1, 2], [2, 0]])
    expected, _ = ctc_loss(x, targets, [4, 3], (2, 1))
    for kind in (np.array, Tensor):
        log_probs = Tensor(x, requires_grad=True)
        y = functional.ctc_loss(log_probs, targets, kind([4, 3]), kind([2, 1]))
        assert y.item() == expected
        y.backward()
        assert log_probs.grad.shape == x.shape


BAD = [
    ({"input_lengths": [4, 0]}, ValueError, r"input_lengths: a length is 1 … 4, got 0 for line 1"),
    ({"input_lengths": [5, 4]}, ValueError, r"input_lengths: a length is 1 … 4, got 5 for line 0"),
    ({"input_lengths": [4]}, ValueError, r"one length for each of 2 lines, got \(1,\)"),
    ({"input_lengths": [4.0, 4.0]}, TypeError, r"input_lengths are integers, got float64"),
    ({"target_lengths": [2, -1]}, ValueError, r"target_lengths: a length is at least 0, got -1"),
    ({"target_lengths": [3, 1]}, ValueError, r"\(2, S ≥ 3\).* target_lengths \[3, 1\], got \(2, 2"),
    ({"targets": np.array([[1, 2]])}, ValueError, r"got \(1, 2\)"),
    ({"targets": np.array([1, 2])}, ValueError, r"\(3,\) one after the other.* got \(2,\)"),
    ({"targets": np.ones((2, 2))}, TypeError, r"targets are integers, got float64 \(2, 2\)"),
    ({"targets": np.array([[1, 3], [1, 1]])}, IndexError, r"label 3 of line 0 is none of the 3"),
    ({"targets": np.array([[1, 1], [-1, 1]])}, IndexError, r"label -1 of line 1 is none of the 3"),
    ({"targets": np.array([[1, 1], [0, 1]])}, ValueError, r"line 1 holds 0, which is the blank"),
    ({"blank": 3}, ValueError, r"blank is one of the 3 classes 0 … 2, got 3"),
    ({"blank": -1}, ValueError, r"blank is one of the 3 classes 0 … 2, got -1"),
    ({"blank": 0.5}, TypeError, "blank is a whole number, got 0.5"),
    ({"blank": True}, TypeError, "blank is a whole number, got True"),
    ({"targets": [[1, 2], [2]]}, ValueError, r"targets are integers in one array, got \[\[1, 2"),
    ({"reduction": "max"}, ValueError, r"'mean', 'sum' or 'none', got 'max'"),
    ({"log_probs": normal(3)}, ValueError, r"\(T, N, K\) or \(T, K\).* got \(3,\)"),
    ({"log_probs": normal((0, 2, 3))}, ValueError, r"T, K ≥ 1, got \(0, 2, 3\)"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_an_error_with_the_values_in_hand(change, error, message):
    good = {
        "log_probs": normal((4, 2, 3)),
        "targets": np.array([[1, 2], [2, 2]]),
        "input_lengths": [4, 3],
        "target_lengths": [2, 1],
    }
    ctc_loss(**good)
    with pytest.raises(error, match=message):
        ctc_loss(**{**good, **change})
