"""Clipping of gradients: torch's figures, and what it must keep."""

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor
from scratchnet.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

SHAPES = ((3, 4), (5,), (), (0, 2))


def parameters(dtype=np.float64, scale=1.0):
    params = [Tensor(np.zeros(shape, dtype), requires_grad=True) for shape in SHAPES]
    for i, p in enumerate(params):
        p.grad = np.asarray(scale * normal(p.shape, i), dtype)
    return [
        *params,
        Tensor(np.zeros(3, dtype), requires_grad=True),
    ]  # the last one without gradient


def in_torch(torch, params):
    tensors = [torch.tensor(p.data, requires_grad=True) for p in params]
    for t, p in zip(tensors, params, strict=True):
        t.grad = None if p.grad is None else torch.tensor(p.grad)
    return tensors


@given(
    st.sampled_from([1.0, 2.0, 3.0, 0.5, float("inf"), "inf"]),
    st.sampled_from([0.0, 0.1, 1.0, 5.0, 1e6]),
    st.sampled_from([np.float32, np.float64]),
)
def test_clipping_by_norm_agrees_with_torch(torch, norm_type, max_norm, dtype):
    params = parameters(dtype)
    if float(norm_type) == np.inf:
        params.pop(3)  # torch has no largest entry of none
    tensors = in_torch(torch, params)
    expected = torch.nn.utils.clip_grad_norm_(tensors, max_norm, norm_type)
    found = clip_grad_norm_(params, max_norm, norm_type)
    error = 20 * float(np.finfo(dtype).eps)  # sums of twenty terms, in any order
    assert found == pytest.approx(expected.item(), rel=error)
    for p, t in zip(params, tensors, strict=True):
        if p.grad is not None:
            assert p.grad.dtype == dtype
            np.testing.assert_allclose(p.grad, t.grad.numpy(), rtol=error)
        else:
            assert t.grad is None


@given(st.sampled_from([0.0, 0.3, 10.0]))
def test_clipping_by_value_agrees_with_torch(torch, clip_value):
    params = parameters(np.float32)
    tensors = in_torch(torch, params)
    torch.nn.utils.clip_grad_value_(tensors, clip_value)
    clip_grad_value_(params, clip_value)
    for p, t in zip(params[:-1], tensors[:-1], strict=True):
        np.testing.assert_array_equal(p.grad, t.grad.numpy())


def test_the_clipped_gradient_has_the_direction_and_at_most_the_length_asked_for():
    params = parameters(scale=10.0)
    before = np.concatenate([p.grad.ravel() for p in params[:-1]])
    norm = clip_grad_norm_(params, 2.0)
    after = np.concatenate([p.grad.ravel() for p in params[:-1]])
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-14)
    np.testing.assert_allclose(after, before * 2 / (norm + 1e-6), rtol=1e-14)
    assert 1.999 < np.linalg.norm(after) < 2.0


def test_a_short_gradient_is_left_as_it_is_bit_for_bit():
    params = parameters()
    before = [p.grad.copy() for p in params[:-1]]
    clip_grad_norm_(params, 1e3)
    clip_grad_norm_(params, float("inf"))
    for p, dw in zip(params, before, strict=False):
        np.testing.assert_array_equal(p.grad, dw)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_raises_or_does_what_torch_does(torch, bad):
    params = parameters()[:2]
    params[1].grad[2] = bad
    before = [p.grad.copy() for p in params]
    with pytest.raises(RuntimeError, match=f"norm of order 2.0 of the gradients is {bad}"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    for p, dw in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.grad, dw)

    tensors = in_torch(torch, params)
    torch.nn.utils.clip_grad_norm_(tensors, 1.0)
    assert not np.isfinite(clip_grad_norm_(params, 1.0))
    for p, t in zip(params, tensors, strict=True):
        np.testing.assert_array_equal(p.grad, t.grad.numpy())


def test_one_tensor_a_generator_and_no_gradients_at_all():
    p = parameters()[0]
    clip_grad_norm_(p, 0.5)
    assert np.linalg.norm(p.grad) == pytest.approx(0.5, rel=1e-5)
    clip_grad_value_(p, 0.01)
    assert np.abs(p.grad).max() == 0.01
    params = parameters()
    clip_grad_norm_((p for p in params), 0.5)
    assert get_total_norm(p.grad for p in params if p.grad is not None) == pytest.approx(
        0.5, rel=1e-5
    )
    p.grad = None
    assert clip_grad_norm_(p, 1.0) == 0.0
    assert clip_grad_norm_([], 1.0) == 0.0


def test_an_iterator_that_is_used_up_warns():
    with pytest.warns(UserWarning, match="used up"):
        clip_grad_norm_(iter([]), 1.0)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
@pytest.mark.parametrize("bound", [-1.0, np.nan])
def test_a_bound_below_0_is_refused(clip, bound):
    with pytest.raises(ValueError, match=f"must be 0 or more, got {bound}"):
        clip(parameters(), bound)
