"""cross_entropy and nll_loss: labels and probabilities, what is ignored, what the mean divides by."""

import itertools
import math
import re
from dataclasses import dataclass, replace

import naive
import numpy as np
import pytest
from compare import normal
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import cross_entropy, log_softmax, nll_loss

in_both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@dataclass(frozen=True)
class Case:
    """One call of a loss: lead and trail are the shapes around the axis of the classes."""

    lead: tuple[int, ...]
    n_classes: int
    trail: tuple[int, ...] = ()
    weighted: bool = False
    ignore_index: int = -100
    ignored: float = 0.0  # which share of the labels
    reduction: str = "mean"
    smoothing: float = 0.0

    def logits(self, dtype=np.float64):
        return np.asarray(2 * normal((*self.lead, self.n_classes, *self.trail), 1, dtype))

    def weight(self, dtype=np.float64):
        return (normal(self.n_classes, 2, dtype) ** 2 + dtype(0.1)) if self.weighted else None

    def labels(self):
        rng = np.random.default_rng(3)
        shape = self.lead + self.trail
        labels = rng.integers(0, self.n_classes, shape)
        return np.where(rng.random(shape) < self.ignored, self.ignore_index, labels)

    def probabilities(self, dtype=np.float64):
        p = np.asarray(normal((*self.lead, self.n_classes, *self.trail), 4, dtype) ** 2)
        return np.asarray(p / p.sum(axis=len(self.lead), keepdims=True))

    @property
    def options(self):
        return {"reduction": self.reduction, "label_smoothing": self.smoothing}


@st.composite
def cases(draw):
    single = draw(st.booleans()) and draw(st.booleans())
    n_classes = draw(st.integers(1, 5))
    return Case(
        () if single else (draw(st.integers(0, 4)),),
        n_classes,
        () if single else tuple(draw(st.lists(st.integers(1, 3), max_size=2))),
        draw(st.booleans()),
        draw(
            st.sampled_from([-100, -1, n_classes, 0])
        ),  # a label of its own, or one of the classes
        draw(st.sampled_from([0.0, 0.4, 1.0])),
        draw(st.sampled_from(["mean", "sum", "none"])),
        draw(st.sampled_from([0.0, 0.1, 1.0])),
    )


def positions(case, a):
    """Return an array of the shape of the logits as one row of classes for each position."""
    moved = np.moveaxis(a, len(case.lead), -1)
    return moved.reshape(math.prod(moved.shape[:-1]), case.n_classes)


def reduced(losses, shape, reduction, divisor):
    if reduction == "none":
        return np.reshape(losses, shape)
    total = math.fsum(losses)
    return total if reduction == "sum" else (total / divisor if divisor else math.nan)


def loss_gradients(dy, n, reduction, divisor):
    """∂L/∂l of each position; of a mean of nothing no position counts."""
    if reduction == "none":
        return np.ravel(dy)
    return np.full(n, dy if reduction == "sum" or not divisor else dy / divisor)


# Logits of size up to 6 have log-probabilities up to about 15, whose differences lose that much.
ERROR = 2e-14


def assert_near(found, expected, error=ERROR):
    np.testing.assert_allclose(found, expected, rtol=error, atol=error, strict=True)


# ---------------------------------------------------------------- labels


@given(cases())
@example(Case((2,), 3, ignored=1.0))
@example(Case((), 3, weighted=True, smoothing=0.1))
def test_cross_entropy_of_labels_is_the_stated_loss_with_the_stated_gradient(case):
    x, labels, weight = case.logits(), case.labels(), case.weight()
    y, pullback = cross_entropy(x, labels, weight, case.ignore_index, **case.options)
    w = np.ones(case.n_classes) if weight is None else weight
    losses, slopes, divisor = [], [], 0.0
    for row, label in zip(positions(case, x), labels.ravel(), strict=True):
        if label == case.ignore_index:
            losses.append(0.0)
            slopes.append([0.0] * case.n_classes)
            continue
        one_hot = [float(k == label) for k in range(case.n_classes)]
        loss, slope, _ = naive.cross_entropy(list(row), one_hot, w, case.smoothing)
        losses.append(loss)
        slopes.append(slope)
        divisor += w[label]
    expected = reduced(losses, labels.shape, case.reduction, divisor)
    assert_near(np.asarray(y), np.asarray(expected))
    dy = normal(np.shape(y), 5)
    (dx,) = pullback(dy)
    dl = loss_gradients(dy, len(losses), case.reduction, divisor)
    stated = dl[:, None] * np.reshape(slopes, (-1, case.n_classes))
    assert dx.shape == x.shape
    assert_near(positions(case, dx), stated)


@given(cases())
def test_nll_loss_is_the_stated_loss_with_the_stated_gradient(case):
    x, labels, weight = case.logits(), case.labels(), case.weight()
    y, pullback = nll_loss(x, labels, weight, case.ignore_index, case.reduction)
    w = np.ones(case.n_classes) if weight is None else weight
    rows, losses, divisor = positions(case, x), [], 0.0
    slopes = np.zeros(rows.shape)
    for d, label in enumerate(labels.ravel()):
        kept = label != case.ignore_index
        losses.append(-w[label] * rows[d, label] if kept else 0.0)
        if kept:
            slopes[d, label] = -w[label]
            divisor += w[label]
    assert_near(np.asarray(y), np.asarray(reduced(losses, labels.shape, case.reduction, divisor)))
    dy = normal(np.shape(y), 5)
    (dx,) = pullback(dy)
    dl = loss_gradients(dy, len(losses), case.reduction, divisor)
    assert dx.shape == x.shape
    assert_near(positions(case, dx), dl[:, None] * slopes)


@given(cases())
def test_cross_entropy_is_nll_loss_after_log_softmax(case):
    x, labels, weight = case.logits(), case.labels(), case.weight()
    y, _ = cross_entropy(x, labels, weight, case.ignore_index, case.reduction)
    log_p, _ = log_softmax(x, len(case.lead))
    expected, _ = nll_loss(log_p, labels, weight, case.ignore_index, case.reduction)
    assert_near(np.asarray(y), np.asarray(expected))


def agree_with_torch(torch, ours, theirs, arrays, dtype):
    """Compare a loss and its gradients with torch's, all of them for one random dy."""
    y, pullback = ours(*arrays)
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    expected = theirs(*leaves)
    dy = normal(np.shape(y), 5, dtype)
    expected.backward(torch.from_numpy(dy))
    error = 128 * np.finfo(dtype).eps  # logarithms up to about 15, times the largest weight
    assert np.asarray(y).dtype == dtype
    assert_near(np.asarray(y), expected.detach().numpy(), error)
    grads = pullback(dy)
    assert len(grads) == len(leaves)
    for found, leaf in zip(grads, leaves, strict=True):
        assert_near(found, leaf.grad.numpy(), error)


@in_both_precisions
@given(cases())
@example(Case((3,), 4, (2,), True, 0, 1.0, "mean", 0.1))
@example(Case((0,), 3))
def test_cross_entropy_of_labels_is_that_of_torch(torch, dtype, case):
    labels, weight = case.labels(), case.weight(dtype)
    their_weight = None if weight is None else torch.from_numpy(weight)
    agree_with_torch(
        torch,
        lambda x: cross_entropy(x, labels, weight, case.ignore_index, **case.options),
        lambda x: torch.nn.functional.cross_entropy(
            x,
            torch.from_numpy(labels),
            their_weight,
            ignore_index=case.ignore_index,
            **case.options,
        ),
        [case.logits(dtype)],
        dtype,
    )


@in_both_precisions
@given(cases())
def test_nll_loss_is_that_of_torch(torch, dtype, case):
    labels, weight = case.labels(), case.weight(dtype)
    their_weight = None if weight is None else torch.from_numpy(weight)
    options = {"ignore_index": case.ignore_index, "reduction": case.reduction}
    agree_with_torch(
        torch,
        lambda x: nll_loss(x, labels, weight, **options),
        lambda x: torch.nn.functional.nll_loss(
            x, torch.from_numpy(labels), their_weight, **options
        ),
        [case.logits(dtype)],
        dtype,
    )


@settings(max_examples=40)
@given(cases())
def test_the_pullbacks_for_labels_are_the_derivatives(case):
    labels, weight = case.labels(), case.weight()
    if case.reduction == "mean" and not (labels != case.ignore_index).any():
        return  # NaN
    options = {"weight": weight, "ignore_index": case.ignore_index}
    check_pullback(cross_entropy, case.logits(), target=labels, **options, **case.options)
    check_pullback(nll_loss, case.logits(), target=labels, **options, reduction=case.reduction)


# ---------------------------------------------------------------- probabilities


@given(cases())
def test_cross_entropy_of_probabilities_is_the_stated_loss_with_the_stated_gradients(case):
    x, t, weight = case.logits(), case.probabilities(), case.weight()
    y, pullback = cross_entropy(x, t, weight, **case.options)
    w = np.ones(case.n_classes) if weight is None else weight
    found = [
        naive.cross_entropy(list(row), list(p), w, case.smoothing)
        for row, p in zip(positions(case, x), positions(case, t), strict=True)
    ]
    losses = [loss for loss, _, _ in found]
    shape = case.lead + case.trail
    assert_near(np.asarray(y), np.asarray(reduced(losses, shape, case.reduction, len(losses))))
    dy = normal(np.shape(y), 5)
    dx, dt = pullback(dy)
    dl = loss_gradients(dy, len(losses), case.reduction, len(losses))[:, None]
    for found_gradient, i in ((dx, 1), (dt, 2)):
        stated = dl * np.reshape([f[i] for f in found], (-1, case.n_classes))
        assert found_gradient.shape == x.shape
        assert_near(positions(case, found_gradient), stated)


@in_both_precisions
@given(cases())
def test_cross_entropy_of_probabilities_is_that_of_torch(torch, dtype, case):
    weight = case.weight(dtype)
    their_weight = None if weight is None else torch.from_numpy(weight)
    agree_with_torch(
        torch,
        lambda x, t: cross_entropy(x, t, weight, **case.options),
        lambda x, t: torch.nn.functional.cross_entropy(x, t, their_weight, **case.options),
        [case.logits(dtype), case.probabilities(dtype)],
        dtype,
    )


@settings(max_examples=40)
@given(cases())
def test_the_pullback_for_probabilities_is_the_derivative(case):
    if case.reduction == "mean" and 0 in case.lead:
        return  # NaN
    check_pullback(
        cross_entropy, case.logits(), case.probabilities(), weight=case.weight(), **case.options
    )


@given(cases())
def test_a_label_is_the_probability_one_for_its_class(case):
    """Without weights; with them the two means divide by different numbers."""
    case = replace(case, weighted=False, ignored=0.0)
    x, labels = case.logits(), case.labels()
    one_hot = np.moveaxis(np.eye(case.n_classes)[labels], -1, len(case.lead))
    y, pullback = cross_entropy(x, labels, **case.options)
    soft_y, soft_pullback = cross_entropy(x, one_hot, **case.options)
    assert_near(np.asarray(y), np.asarray(soft_y))
    dy = normal(np.shape(y), 5)
    if case.reduction != "mean" or labels.size:
        assert_near(pullback(dy)[0], soft_pullback(dy)[0])


def test_the_mean_divides_by_the_weights_of_what_was_not_ignored():
    x, weight = normal((3, 2)), np.array([1.0, 3.0])
    labels = np.array([0, 1, -100])
    each, _ = cross_entropy(x, labels, weight, reduction="none")
    assert each[2] == 0.0
    mean, _ = cross_entropy(x, labels, weight)
    assert mean == pytest.approx((each[0] + each[1]) / (1.0 + 3.0), rel=1e-15)
    # for probabilities by the number of positions, whatever the weights
    one_hot = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    each, _ = cross_entropy(x, one_hot, weight, reduction="none")
    mean, _ = cross_entropy(x, one_hot, weight)
    assert mean == pytest.approx(each.sum() / 3, rel=1e-15)


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss])
def test_if_everything_is_ignored_the_mean_is_nan_the_sum_zero_and_the_gradient_zero(loss):
    x, labels = normal((2, 3)), np.array([-100, -100])
    y, pullback = loss(x, labels)
    assert np.isnan(y)
    np.testing.assert_array_equal(pullback(np.array(1.0))[0], np.zeros((2, 3)))
    assert loss(x, labels, reduction="sum")[0] == 0.0


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss])
def test_what_is_ignored_may_have_any_scores(loss):
    x = np.array([[-np.inf, 1.0, 2.0], [np.nan, 1.0, 2.0], [1.0, 2.0, 3.0]])
    y, _ = loss(x, np.array([-100, -100, 1]), reduction="none")
    assert y[0] == y[1] == 0.0
    assert y[2] == loss(x[2:], np.array([1]))[0]
    if loss is cross_entropy:
        smoothed, pullback = loss(x[[0, 2]], np.array([-100, 1]), label_smoothing=0.1)
        alone, _ = loss(x[2:], np.array([1]), label_smoothing=0.1)
        assert smoothed == pytest.approx(alone, rel=1e-14)  # a product of two rows and of one
        np.testing.assert_array_equal(pullback(np.array(1.0))[0][0], np.zeros(3))


def test_a_class_that_is_ruled_out_has_no_gradient_and_spoils_nothing():
    x = np.array([[-np.inf, 1.0, 2.0]])
    y, pullback = cross_entropy(x, np.array([2]))
    without, without_pullback = cross_entropy(x[:, 1:], np.array([1]))
    assert y == pytest.approx(without, rel=1e-15)  # one term less in the sum
    dy = np.array(1.0)
    (dx,), (expected,) = pullback(dy), without_pullback(dy)
    assert dx[0, 0] == 0.0
    np.testing.assert_allclose(dx[:, 1:], expected, rtol=1e-15)
    assert cross_entropy(x, np.array([0]))[0] == np.inf


@in_both_precisions
def test_logits_of_any_size_give_a_finite_loss_and_the_full_gradient(dtype):
    x = np.array([[1e4, 0.0, -1e4], [0.0, 1e30, 0.0]], dtype)
    y, pullback = cross_entropy(x, np.array([2, 1]), reduction="none")
    np.testing.assert_array_equal(y, np.array([2e4, 0.0], dtype))
    (dx,) = pullback(np.ones(2, dtype))
    np.testing.assert_array_equal(dx, np.array([[1, 0, -1], [0, 0, 0]], dtype))
    # log(p + eps) would stop at −log(eps), and its gradient would vanish
    y, pullback = cross_entropy(np.array([[200.0, 0.0]], dtype), np.array([1]))
    assert y == 200.0
    np.testing.assert_allclose(pullback(dtype(1.0))[0], [[1.0, -1.0]])


def test_the_gradient_at_a_position_sums_to_zero_since_a_shift_of_its_logits_changes_nothing():
    for smoothing, weight in itertools.product((0.0, 0.3), (None, np.array([1.0, 2.0, 0.5, 3.0]))):
        _, pullback = cross_entropy(
            normal((5, 4)), np.array([0, 1, 2, 3, 0]), weight, label_smoothing=smoothing
        )
        (dx,) = pullback(np.array(1.0))
        np.testing.assert_allclose(dx.sum(axis=1), 0.0, atol=4e-15)  # roundings of terms up to 1


def test_label_smoothing_mixes_the_label_with_all_classes_alike():
    x = normal((1, 4))
    label = cross_entropy(x, np.array([2]))[0]
    uniform = cross_entropy(x, np.full((1, 4), 0.25))[0]
    mixed, _ = cross_entropy(x, np.array([2]), label_smoothing=0.2)
    assert mixed == pytest.approx(0.8 * label + 0.2 * uniform, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_may_be_integers_of_any_kind(dtype):
    x = normal((3, 4))
    expected, _ = cross_entropy(x, np.array([3, 0, 2]))
    assert cross_entropy(x, np.array([3, 0, 2], dtype))[0] == expected
    assert cross_entropy(x, [3, 0, 2])[0] == expected


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "label 3 at position 1 is none of the 3 classes 0 … 2"),
        ([-1, 0], "label -1 at position 0 is none of the 3 classes 0 … 2"),
        ([0, 255], "label 255 at position 1"),
    ],
)
def test_a_label_out_of_range_is_an_index_error_that_says_where(loss, labels, message):
    with pytest.raises(IndexError, match=message):
        loss(np.zeros((2, 3)), np.array(labels))
    with pytest.raises(IndexError, match=r"label -100 at position 0"):
        loss(np.zeros((1, 3)), np.array([-100]), ignore_index=-1)


whole = np.int64
TARGETS_THAT_DO_NOT_FIT = [
    ((2, 3), (2, 1), whole, {}, ValueError, "shape (2,) for x (2, 3), got (2, 1)"),
    ((2, 3), (3,), whole, {}, ValueError, "shape (2,) for x (2, 3), got (3,)"),
    ((2, 3, 4), (2,), whole, {}, ValueError, "shape (2, 4) for x (2, 3, 4), got (2,)"),
    ((3,), (1,), whole, {}, ValueError, "shape () for x (3,), got (1,)"),
    ((2, 3), (2,), bool, {}, TypeError, "got bool (2,)"),
    ((2, 3), (2,), complex, {}, TypeError, "got complex128 (2,)"),
    ((), (), whole, {}, ValueError, "(N, K, …) or (K,) with K ≥ 1, got ()"),
    ((2, 0), (2,), whole, {}, ValueError, "with K ≥ 1, got (2, 0)"),
    ((2, 3), (2,), whole, {"weight": np.ones(2)}, ValueError, "each of 3 classes, got (2,)"),
    ((2, 3), (2,), whole, {"weight": np.ones((3, 1))}, ValueError, "got (3, 1)"),
    ((2, 3), (2,), whole, {"reduction": "avg"}, ValueError, "'none', got 'avg'"),
]


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss])
@pytest.mark.parametrize(
    ("x", "target", "dtype", "options", "error", "message"), TARGETS_THAT_DO_NOT_FIT
)
def test_targets_that_do_not_fit_are_refused_and_shown(
    loss, x, target, dtype, options, error, message
):
    with pytest.raises(error, match=re.escape(message)):
        loss(np.zeros(x), np.zeros(target, dtype), **options)


def test_probabilities_that_do_not_fit_are_refused():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"shape of x \(2, 3\), got \(2,\)"):
        cross_entropy(x, np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="ignore_index=1 is for labels, the target is float64"):
        cross_entropy(x, np.full((2, 3), 1 / 3), ignore_index=1)
    with pytest.raises(
        TypeError, match=r"only cross_entropy takes probabilities.*float64 \(2, 3\)"
    ):
        nll_loss(x, x)


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, np.nan])
def test_label_smoothing_is_a_share(smoothing):
    with pytest.raises(ValueError, match=f"between 0 and 1, got {smoothing}"):
        cross_entropy(np.zeros((2, 3)), np.zeros(2, int), label_smoothing=smoothing)


@pytest.mark.parametrize("loss", [cross_entropy, nll_loss])
def test_halves_add_up_in_float32(loss):
    x = np.full((100_000, 4), -1.25, np.float16)  # more positions than the largest half
    y, pullback = loss(x, np.zeros(100_000, int))
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, math.log(4) if loss is cross_entropy else 1.25, rtol=1e-3)
    (dx,) = pullback(np.float16(1000))
    assert dx.dtype == np.float16
    np.testing.assert_allclose(dx[:, 0], -0.0075 if loss is cross_entropy else -0.01, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_beside_scores_of_halves_the_targets_gradient_keeps_its_dtype(dtype):
    _, pullback = cross_entropy(np.ones((3, 4), np.float16), np.full((3, 4), 0.25, dtype))
    dx, dtarget = pullback(np.float16(1))
    assert (dx.dtype, dtarget.dtype) == (np.float16, dtype)
