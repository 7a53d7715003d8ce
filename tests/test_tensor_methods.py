"""The methods of a Tensor: torch's names, arguments, values and gradients."""

import numpy as np
import pytest
from compare import assert_close, normal

from scratchnet import Tensor

X = np.array([[0.3, 1.2, 0.5], [2.0, 0.1, 0.9]])
METHODS = [
    lambda t: t.abs(),
    lambda t: t.exp(),
    lambda t: t.log(),
    lambda t: t.sqrt(),
    lambda t: t.tanh(),
    lambda t: t.sigmoid(),
    lambda t: t.relu(),
    lambda t: t.pow(3),
    lambda t: t.clip(0.4, 1.0),
    lambda t: t.clamp(min=0.4),
    lambda t: t.softmax(-1),
    lambda t: t.softmax(dim=0),
    lambda t: t.log_softmax(1),
    lambda t: t.sum(),
    lambda t: t.sum(0),
    lambda t: t.sum(dim=(0, 1), keepdim=True),
    lambda t: t.mean(-1, keepdim=True),
    lambda t: t.var(),
    lambda t: t.var(1, correction=0),
    lambda t: t.max(),
    lambda t: t.max(1)[0],
    lambda t: t.min(dim=0, keepdim=True)[0],
    lambda t: t.amax(dim=(0, 1)),
    lambda t: t.amin(0),
    lambda t: t.logsumexp(1),
    lambda t: t.transpose(0, 1),
    lambda t: t.T,
    lambda t: t.permute(1, 0),
    lambda t: t.permute((1, 0)),
    lambda t: t.reshape(3, 2),
    lambda t: t.reshape((3, 2)),
    lambda t: t.reshape(-1),
    lambda t: t.view(6),
    lambda t: t.view([1, 6]),
    lambda t: t.sum().reshape(()),
    lambda t: t.flatten(),
    lambda t: t.reshape(1, 2, 3).flatten(1),
    lambda t: t.reshape(1, 2, 3).flatten(0, 1),
    lambda t: t.unsqueeze(0),
    lambda t: t.unsqueeze(-1),
    lambda t: t.unsqueeze(1).squeeze(1),
    lambda t: t.reshape(1, 2, 1, 3).squeeze(),
    lambda t: t.reshape(1, 2, 1, 3).squeeze(-2),
    lambda t: t.squeeze(0),
    lambda t: t.unsqueeze(0).expand(4, 2, 3),
    lambda t: t.unsqueeze(0).expand(4, -1, -1),
    lambda t: t.split(2, dim=1)[0],
    lambda t: t.split([1, 1])[1],
    lambda t: t[0],
    lambda t: t[:, 1:],
    lambda t: t[..., None, 0],
    lambda t: t[t > 0.6],
    lambda t: t[:, t[0].argmax()],
    lambda t: t[0, int(t[0].argmin()) :],
    lambda t: t @ t.T,
    lambda t: t.matmul(t.T),
    lambda t: t.clone(),
    lambda t: t.double(),
]


@pytest.mark.parametrize("method", range(len(METHODS)))
def test_methods_have_the_values_and_gradients_of_torch(torch, method):
    call = METHODS[method]
    t, u = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    ours, theirs = call(t), call(u)
    assert_close(ours.data, theirs.detach().numpy())
    dy = normal(ours.shape, 1, ours.dtype)
    ours.backward(dy)
    theirs.backward(torch.from_numpy(dy))
    assert_close(t.grad, u.grad.numpy())


def test_the_gradient_comes_back_through_a_conversion_in_the_dtype_of_the_leaf():
    t = Tensor(X, requires_grad=True)
    assert t.float().dtype == np.float32
    (t.float() * 3).double().sum().backward()
    np.testing.assert_array_equal(t.grad, np.full((2, 3), 3.0), strict=True)


@pytest.mark.parametrize(
    "method",
    [
        lambda t: t.long(),
        lambda t: t > 0.5,
        lambda t: t.argmax(),
        lambda t: t.argmax(1),
        lambda t: t.argmin(dim=0, keepdim=True),
        lambda t: t.max(1)[1],
        lambda t: t.detach(),
    ],
)
def test_what_does_not_vary_with_the_input_requires_no_gradient(torch, method):
    ours = method(Tensor(X, requires_grad=True))
    theirs = method(torch.tensor(X, requires_grad=True))
    np.testing.assert_array_equal(ours.data, theirs.numpy(), strict=True)
    assert not theirs.requires_grad
    assert not ours.requires_grad


def test_sizes_are_told_as_in_torch(torch):
    t, u = Tensor(np.zeros((2, 3))), torch.zeros(2, 3)
    for ours, theirs in [
        (t.shape, u.shape),
        (t.size(), u.size()),
        (t.size(1), u.size(1)),
        (t.ndim, u.ndim),
        (t.dim(), u.dim()),
        (t.numel(), u.numel()),
        (len(t), len(u)),
    ]:
        assert ours == theirs


def test_iteration_goes_over_the_first_axis_and_is_recorded():
    t = Tensor(X, requires_grad=True)
    first, second = t
    (first * 2 + second * 3).sum().backward()
    np.testing.assert_array_equal(t.grad, [[2, 2, 2], [3, 3, 3]])
    with pytest.raises(TypeError):
        list(Tensor(1.0))
