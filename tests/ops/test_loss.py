"""mse, l1, Huber and binary cross-entropy: values, both gradients, reductions, logits of any size."""

import math

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import binary_cross_entropy_with_logits, huber_loss, l1_loss, mse_loss

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
reductions = st.sampled_from(["mean", "sum", "none"])
in_both_precisions = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def reduced(losses, reduction):
    """Σ l / n, Σ l or l, the mean of nothing being NaN."""
    if reduction == "none":
        return losses
    total = math.fsum(losses.ravel())
    return total if reduction == "sum" else (total / losses.size if losses.size else math.nan)


def reduced_slope(dy, shape, reduction):
    """∂L/∂l for every loss, from dy."""
    share = {"none": 1.0, "sum": 1.0, "mean": 1.0 / max(1, math.prod(shape))}[reduction]
    return np.broadcast_to(dy * share, shape)


# ---------------------------------------------------------------- of real-valued targets

# loss: (value and slope of one entry's difference d, options)
DIFFERENCE_LOSSES = [
    (mse_loss, lambda d: d * d, lambda d: 2 * d, {}),
    (l1_loss, abs, lambda d: float(np.sign(d)), {}),
    (huber_loss, lambda d: naive.huber(d, 1.0), lambda d: min(max(d, -1.0), 1.0), {}),
    (
        huber_loss,
        lambda d: naive.huber(d, 0.3),
        lambda d: min(max(d, -0.3), 0.3),
        {"delta": 0.3},
    ),
]
over_difference_losses = pytest.mark.parametrize(
    ("op", "value", "slope", "options"),
    DIFFERENCE_LOSSES,
    ids=["mse", "l1", "huber", "huber-0.3"],
)


@over_difference_losses
@given(shapes, reductions)
def test_loss_and_gradients_are_the_stated_ones(op, value, slope, options, shape, reduction):
    x, t = normal(shape, 1), normal(shape, 2)
    y, pullback = op(x, t, reduction, **options)
    losses = np.array([value(d) for d in np.ravel(x - t)]).reshape(shape)
    assert_close(y, np.asarray(reduced(losses, reduction)))
    dy = normal(np.shape(y), 3)
    slopes = np.array([slope(d) for d in np.ravel(x - t)]).reshape(shape)
    dl = reduced_slope(dy, shape, reduction)
    dx, dt = pullback(dy)
    assert_close(dx, dl * slopes)
    assert_close(dt, -dl * slopes)


@in_both_precisions
@over_difference_losses
@given(shapes, reductions)
def test_loss_and_gradients_are_those_of_torch(
    torch, op, value, slope, options, dtype, shape, reduction
):
    reference = getattr(torch.nn.functional, op.__name__)
    assert_agrees_with_torch(
        torch,
        lambda x, t: op(x, t, reduction, **options),
        lambda x, t: reference(x, t, reduction=reduction, **options),
        normal(shape, 1, dtype),
        normal(shape, 2, dtype),
    )


@over_difference_losses
@given(shapes, st.sampled_from(["sum", "none"]))
def test_the_pullback_is_the_derivative(op, value, slope, options, shape, reduction):
    check_pullback(op, normal(shape, 1), normal(shape, 2), reduction=reduction, **options)


@pytest.mark.parametrize("op", [mse_loss, l1_loss, huber_loss])
def test_shapes_that_only_broadcast_are_refused(op):
    """A deviation: torch warns and compares every prediction with every target."""
    with pytest.raises(ValueError, match=rf"{op.__name__}: x \(5,\) and target \(5, 1\) differ"):
        op(np.zeros(5), np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"x \(2, 3\) and target \(\)"):
        op(np.zeros((2, 3)), np.array(0.0))


@pytest.mark.parametrize("op", [mse_loss, l1_loss, huber_loss])
def test_the_mean_of_nothing_is_nan_and_its_sum_zero(op):
    nothing = np.zeros((0, 3))
    y, pullback = op(nothing, nothing)
    assert np.isnan(y)
    assert pullback(np.array(1.0))[0].shape == (0, 3)
    assert op(nothing, nothing, "sum")[0] == 0.0


@pytest.mark.parametrize("op", [mse_loss, l1_loss, huber_loss])
def test_whole_targets_have_no_gradient_and_whole_predictions_become_float32(op):
    x, t = normal((2, 3), 1, np.float32), np.arange(6).reshape(2, 3)
    y, pullback = op(x, t)
    assert y.dtype == np.float32
    assert [g.dtype for g in pullback(np.float32(1.0))] == [np.float32]
    y, pullback = op(t, np.zeros_like(t))
    assert y.dtype == np.float32
    assert float(y) == pytest.approx(float(op(t * 1.0, t * 0.0)[0]), rel=1e-6)  # float32's digits
    assert pullback(np.float32(1.0)) == ()
    assert op(np.array([True]), np.array([False]))[0] == (0.5 if op is huber_loss else 1.0)


def test_at_the_target_the_absolute_error_has_slope_zero():
    _, pullback = l1_loss(np.array([1.0, 2.0]), np.array([1.0, 3.0]), "sum")
    np.testing.assert_array_equal(pullback(np.array(1.0)), [[0.0, -1.0], [0.0, 1.0]])


def test_huber_meets_the_absolute_error_at_delta_without_a_step():
    delta, d = 0.75, np.array([0.75, -0.75])
    y, pullback = huber_loss(d, np.zeros(2), "none", delta)
    np.testing.assert_array_equal(y, np.full(2, 0.5 * delta**2))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], d)


def test_huber_of_a_huge_error_does_not_overflow():
    y, pullback = huber_loss(np.float32([1e30, -1e30]), np.float32([0, 0]), "none")
    np.testing.assert_array_equal(y, np.float32([1e30, 1e30]))
    np.testing.assert_array_equal(pullback(np.float32([1, 1]))[0], [1, -1])


@pytest.mark.parametrize("delta", [0, -1.0, np.nan])
def test_huber_needs_a_positive_delta(delta):
    with pytest.raises(ValueError, match=f"delta must be positive, got {delta}"):
        huber_loss(np.zeros(2), np.zeros(2), delta=delta)


@pytest.mark.parametrize("op", [mse_loss, l1_loss, huber_loss, binary_cross_entropy_with_logits])
def test_a_reduction_that_is_none_of_the_three_is_refused(op):
    with pytest.raises(ValueError, match="reduction is 'mean', 'sum' or 'none', got 'average'"):
        op(np.zeros(2), np.zeros(2), reduction="average")


# ---------------------------------------------------------------- of binary logits


@st.composite
def binary_cases(draw):
    """Return a shape, and for weight and pos_weight a shape that broadcasts to it, or None."""
    shape = draw(shapes)

    def part():
        lead = draw(st.integers(0, len(shape)))
        return tuple(draw(st.sampled_from([1, n])) for n in shape[lead:])

    return shape, *[part() if draw(st.booleans()) else None for _ in range(2)]


def weight_of(shape, seed, dtype=np.float64):
    return None if shape is None else np.asarray(np.abs(normal(shape, seed, dtype)) + dtype(0.1))


def probabilities(shape, seed, dtype=np.float64):
    return np.asarray(np.random.default_rng(seed).random(shape), dtype)


@given(binary_cases(), reductions)
def test_binary_cross_entropy_is_the_stated_loss(case, reduction):
    shape, w_shape, pos_shape = case
    x, t = 3.0 * normal(shape, 1), probabilities(shape, 2)
    weight, pos_weight = weight_of(w_shape, 3), weight_of(pos_shape, 4)
    y, pullback = binary_cross_entropy_with_logits(x, t, weight, reduction, pos_weight)
    w, pos = (np.broadcast_to(1.0 if a is None else a, shape).ravel() for a in (weight, pos_weight))
    entries = list(zip(x.ravel(), t.ravel(), w, pos, strict=True))
    losses = np.array([naive.binary_cross_entropy(*e) for e in entries]).reshape(shape)
    # 1 − σ(x) in the plain form keeps fewer digits: σ(10) leaves 4.5e-5, known to 1e-16.
    np.testing.assert_allclose(y, reduced(losses, reduction), rtol=1e-11, atol=1e-14)
    dy = normal(np.shape(y), 5)
    dl = reduced_slope(dy, shape, reduction).ravel()
    dx, dt = pullback(dy)
    for i, (a, t_i, w_i, pos_i) in enumerate(entries):
        yes, no = math.log1p(math.exp(-a)), math.log1p(math.exp(a))
        slope_x = w_i * ((1 - t_i) / (1 + math.exp(-a)) - pos_i * t_i / (1 + math.exp(a)))
        size = abs(dl[i]) * w_i * (1 + pos_i) * (1 + abs(a))  # of terms that cancel
        assert abs(dx.ravel()[i] - dl[i] * slope_x) <= 2e-15 * size
        assert abs(dt.ravel()[i] - dl[i] * w_i * (pos_i * yes - no)) <= 2e-15 * size


@in_both_precisions
@given(binary_cases(), reductions)
def test_binary_cross_entropy_and_its_gradients_are_those_of_torch(torch, dtype, case, reduction):
    shape, w_shape, pos_shape = case
    x, t = np.asarray(3 * normal(shape, 1, dtype)), probabilities(shape, 2, dtype)
    weight, pos_weight = weight_of(w_shape, 3, dtype), weight_of(pos_shape, 4, dtype)
    y, pullback = binary_cross_entropy_with_logits(x, t, weight, reduction, pos_weight)
    dy = normal(np.shape(y), 5, dtype)
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, t)]
    w, pos = (None if a is None else torch.from_numpy(a) for a in (weight, pos_weight))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        *leaves, w, reduction=reduction, pos_weight=pos
    )
    expected.backward(torch.from_numpy(dy))
    # torch takes the difference of two terms of the size of x, so that is what its digits are of.
    w_or_1, pos_or_1 = (1.0 if a is None else a for a in (weight, pos_weight))
    largest = [np.max(a, initial=1.0) for a in (1 + np.abs(x), w_or_1, pos_or_1)]
    error = 16 * np.finfo(dtype).eps * math.prod(largest) * np.abs(dy).max(initial=1.0)
    for found, stated in zip(
        (y, *pullback(dy)), (expected.detach(), *[a.grad for a in leaves]), strict=True
    ):
        np.testing.assert_allclose(found, stated.numpy(), rtol=error, atol=error)
        assert np.asarray(found).dtype == dtype


@given(binary_cases(), reductions)
def test_the_pullback_of_binary_cross_entropy_is_the_derivative(case, reduction):
    shape, w_shape, pos_shape = case
    if reduction == "mean" and 0 in shape:
        return  # the mean of nothing is NaN
    check_pullback(
        binary_cross_entropy_with_logits,
        3.0 * normal(shape, 1),
        probabilities(shape, 2),
        weight=weight_of(w_shape, 3),
        pos_weight=weight_of(pos_shape, 4),
        reduction=reduction,
    )


@in_both_precisions
def test_logits_of_any_size_give_an_exact_loss_and_gradient(dtype):
    x = np.array([80.0, -80.0, 1e4, -1e4, -50.0, 50.0], dtype)
    t = np.array([1, 0, 0, 1, 0, 1], dtype)
    y, pullback = binary_cross_entropy_with_logits(x, t, reduction="none")
    small = [math.exp(-80.0), math.exp(-80.0), 1e4, 1e4, math.exp(-50.0), math.exp(-50.0)]
    error = 16 * np.finfo(dtype).eps  # the roundings of exp and of log1p
    np.testing.assert_allclose(y, np.array(small, dtype), rtol=error)
    dx, _ = pullback(np.ones(6, dtype))
    # Where the answer is right, the slope is the tiny probability of being wrong, not 0.
    slopes = [-small[0], small[1], 1.0, -1.0, small[4], -small[5]]
    np.testing.assert_allclose(dx, np.array(slopes, dtype), rtol=error)


def test_an_infinite_logit_never_has_a_finite_loss():
    x, t = np.array([np.inf, -np.inf, np.inf, -np.inf]), np.array([1.0, 0.0, 0.0, 1.0])
    y, _ = binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_array_equal(y, [np.nan, np.nan, np.inf, np.inf])


def test_a_positive_weight_of_two_counts_every_yes_twice():
    x, yes, no = normal(6), np.ones(6), np.zeros(6)
    plain, _ = binary_cross_entropy_with_logits(x, yes, reduction="none")
    doubled, _ = binary_cross_entropy_with_logits(
        x, yes, reduction="none", pos_weight=np.array(2.0)
    )
    np.testing.assert_allclose(doubled, 2 * plain, rtol=1e-15)
    untouched, _ = binary_cross_entropy_with_logits(
        x, no, reduction="none", pos_weight=np.array(2.0)
    )
    np.testing.assert_array_equal(
        untouched, binary_cross_entropy_with_logits(x, no, reduction="none")[0]
    )


def test_the_weighted_mean_still_divides_by_the_number_of_entries():
    x, t = normal(4), np.array([0.0, 1.0, 1.0, 0.0])
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    total, _ = binary_cross_entropy_with_logits(x, t, weight, "sum")
    assert binary_cross_entropy_with_logits(x, t, weight)[0] == total / 4


def test_weights_and_whole_targets_leave_float32_as_it_is():
    x = normal((2, 3), 1, np.float32)
    y, pullback = binary_cross_entropy_with_logits(
        x, np.array([[0, 1, 1], [1, 0, 0]]), np.array([1.0, 2.0, 3.0]), pos_weight=np.array([2])
    )
    (dx,) = pullback(np.float32(1.0))
    assert (y.dtype, dx.dtype) == (np.float32, np.float32)
    answers = np.array([[False, True, True], [True, False, False]])
    again, _ = binary_cross_entropy_with_logits(
        x, answers, np.array([1.0, 2.0, 3.0]), pos_weight=np.array([2])
    )
    assert y == again
    whole_logits, _ = binary_cross_entropy_with_logits(np.array([1, -2]), np.array([1, 0]))
    assert (
        whole_logits == binary_cross_entropy_with_logits(np.float32([1, -2]), np.array([1, 0]))[0]
    )


@pytest.mark.parametrize(
    ("x", "target", "options", "message"),
    [
        ((3,), (3, 1), {}, r"x \(3,\) and target \(3, 1\) differ"),
        ((2, 3), (2, 3), {"weight": np.ones(2)}, r"weight \(2,\) does not broadcast to x \(2, 3\)"),
        ((3,), (3,), {"weight": np.ones((2, 3))}, r"weight \(2, 3\) does not .* x \(3,\)"),
        ((2, 3), (2, 3), {"pos_weight": np.ones(4)}, r"pos_weight \(4,\) does not .* x \(2, 3\)"),
        ((3,), (3,), {"pos_weight": np.ones((2, 1))}, r"pos_weight \(2, 1\) does not .* x \(3,\)"),
    ],
)
def test_binary_cross_entropy_refuses_what_does_not_fit(x, target, options, message):
    with pytest.raises(ValueError, match=message):
        binary_cross_entropy_with_logits(np.zeros(x), np.zeros(target), **options)
