"""Norms of the gradient at every step: the product of Jacobians, torch's unrolled cells, bad input."""

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, nn, no_grad

NAMES = ["RNN", "LSTM", "GRU"]
every = pytest.mark.parametrize("name", NAMES)
SUMS = {"roundings": 64.0}  # a gradient is the product of up to six steps of sums of some ten terms


def of_torch(torch, name, layer, x, hx=None, loss=None):
    """Norms of the gradients that torch retains in its own cell, called at every step."""
    cell = getattr(torch.nn, f"{name}Cell")(layer.input_size, layer.hidden_size).double()
    cell.load_state_dict(
        {k.removesuffix("_l0"): torch.from_numpy(v.copy()) for k, v in layer.state_dict().items()}
    )
    state = None if hx is None else torch.from_numpy(hx)
    states = []
    for x_t in torch.from_numpy(x):
        state = cell(x_t, state)
        states.append(state if isinstance(state, tuple) else (state,))
        for s in states[-1]:
            s.retain_grad()
    outputs = torch.stack([s[0] for s in states])
    (states[-1][0].sum() if loss is None else loss(outputs)).backward()
    kinds = [
        np.array([0.0 if s.grad is None else float(s.grad.norm()) for s in kind])
        for kind in zip(*states, strict=True)
    ]
    return kinds[0] if name != "LSTM" else tuple(kinds)


@every
@given(seed=st.integers(0, 99))
def test_norms_are_those_of_the_gradients_that_torch_retains(torch, name, seed):
    layer, x = getattr(nn, name)(2, 3, rng=seed).double(), normal((6, 4, 2), seed)
    found, expected = nn.gradient_norms(layer, x), of_torch(torch, name, layer, x)
    for a, b in zip(np.atleast_2d(found), np.atleast_2d(expected), strict=True):
        assert a.shape == (6,)
        assert_close(a, b, **SUMS)


def test_the_norm_is_that_of_the_stated_product_of_jacobians():
    layer, x = nn.RNN(2, 3, rng=1).double(), normal((6, 2))  # one sequence
    h = layer.eval()(x)[0]  # (T, H)
    gradient, expected = np.ones(3), []
    for t in range(5, -1, -1):  # ∂h[t]/∂h[t−1] = diag(1 − h[t]²) W_hh
        expected.insert(0, np.linalg.norm(gradient))
        gradient = (np.diag(1 - h[t] ** 2) @ layer.weight_hh_l0.data).T @ gradient
    assert_close(nn.gradient_norms(layer, x), np.array(expected), **SUMS)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_gradient_vanishes_or_explodes_like_a_power_of_the_recurrent_weight(factor):
    layer = nn.RNN(3, 3, nonlinearity="relu", bias=False).double()
    layer.weight_ih_l0.data[...] = np.eye(3)
    layer.weight_hh_l0.data[...] = factor * np.eye(3)
    found = nn.gradient_norms(layer, np.ones((8, 4, 3)))  # positive: no unit of the ReLU is off
    np.testing.assert_array_equal(found, np.sqrt(12) * factor ** np.arange(7.0, -1.0, -1.0))


def test_the_cell_of_an_lstm_hands_the_gradient_on_by_its_forget_gate_alone():
    layer = nn.LSTM(1, 1, rng=0).double()
    for p in layer.parameters():
        p.data[...] = 0.0
    layer.bias_ih_l0.data[1] = 2.0  # a_f; i = o = 1/2, g = 0, so that c stays 0
    forget = 1 / (1 + np.exp(-2.0))
    _, of_cell = nn.gradient_norms(layer, np.zeros((5, 1, 1)))
    np.testing.assert_allclose(of_cell, 0.5 * forget ** np.arange(4.0, -1.0, -1.0), rtol=1e-12)


@every
def test_a_loss_of_ones_own_is_followed_and_steps_that_it_does_not_reach_have_zero(torch, name):
    layer, x, target = getattr(nn, name)(2, 3, rng=0).double(), normal((6, 4, 2)), normal((4, 3), 1)
    found = nn.gradient_norms(layer, x, lambda y: ((y[3] - Tensor(target)) ** 2).mean())
    expected = of_torch(
        torch, name, layer, x, None, lambda y: ((y[3] - torch.from_numpy(target)) ** 2).mean()
    )
    for a, b in zip(np.atleast_2d(found), np.atleast_2d(expected), strict=True):
        assert_close(a, b, **SUMS)
        assert (a[:4] > 0).all()
        assert not a[4:].any()


@every
def test_a_cell_a_layer_and_a_batch_first_layer_give_the_same(name):
    layer = getattr(nn, name)(2, 3, rng=0).double()
    first = getattr(nn, name)(2, 3, batch_first=True).double()
    cell = getattr(nn, f"{name}Cell")(2, 3).double()
    first.load_state_dict(layer.state_dict())
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state = normal((6, 4, 2)), normal((4, 3), 1)
    hx = (state, state) if name == "LSTM" else state
    layers_hx = (state[None], state[None]) if name == "LSTM" else state[None]
    expected = nn.gradient_norms(layer, x, hx=layers_hx)

    def last_of_each(y):
        assert y.shape == (4, 6, 3)
        return y[:, -1].sum()

    np.testing.assert_array_equal(nn.gradient_norms(cell, x, hx=hx), expected)
    np.testing.assert_array_equal(
        nn.gradient_norms(first, x.swapaxes(0, 1), last_of_each, layers_hx), expected
    )
    without = nn.gradient_norms(layer, x)
    assert (np.asarray(without)[..., 0] != np.asarray(expected)[..., 0]).all()


def test_the_outputs_are_those_of_the_layer_with_a_projection():
    layer, x, seen = nn.LSTM(2, 3, proj_size=2, rng=0).double(), normal((6, 4, 2)), []
    nn.gradient_norms(layer, x, lambda y: seen.append(y.data) or y.sum())
    assert_close(seen[0], layer.eval()(x)[0], **SUMS)


@every
def test_looking_leaves_the_gradients_of_the_layer_alone_and_works_under_no_grad(name):
    layer, x = getattr(nn, name)(2, 3, bias=False), normal((6, 4, 2), 0, np.float32)
    first = nn.gradient_norms(layer, Tensor(x))
    assert all(p.grad is None and p.requires_grad for p in layer.parameters())
    with no_grad():
        np.testing.assert_array_equal(nn.gradient_norms(layer.eval(), x), first)


@pytest.mark.parametrize(
    ("layer", "x", "loss", "message"),
    [
        (nn.RNN(2, 3, 2), (5, 4, 2), None, r"one layer in one direction, got RNN\(2, 3, num_la"),
        (nn.GRU(2, 3, bidirectional=True), (5, 4, 2), None, "one layer in one direction, got GRU"),
        (nn.Linear(2, 3), (5, 4, 2), None, "takes an RNN, LSTM, GRU or a cell .*, got Linear"),
        (nn.RNN(2, 3), (5, 4, 1, 2), None, r"takes x \(T, N, D\) or \(T, D\), .*\(5, 4, 1, 2\)"),
        (nn.RNN(2, 3), (0, 4, 2), None, r"T > 0, got \(0, 4, 2\)"),
        (nn.RNN(2, 3), (5, 4, 3), None, r"expects weight_ih \(3, 3\): x \(4, 3\)"),
        (nn.RNN(2, 3), (5, 4, 2), lambda y: y, "loss gives one number as a Tensor"),
    ],
)
def test_what_cannot_be_followed_is_named(layer, x, loss, message):
    with pytest.raises((ValueError, TypeError), match=message):
        nn.gradient_norms(layer, np.zeros(x, np.float32), loss)
