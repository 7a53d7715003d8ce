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
        (nn.RNN(2, 3), (0, 4, 2), None, r"T > 0, with D = 2, got \(0, 4, 2\)"),
        (nn.RNN(2, 3), (5, 4, 3), None, r"with D = 2, got \(5, 4, 3\)"),
        (nn.RNN(2, 3), (5, 4, 2), lambda y: y, "loss gives one number as a Tensor"),
        (nn.RNN(2, 3), (5, 4, 2), lambda y: y.detach().sum(), "loss does not depend on the output"),
    ],
)
def test_what_cannot_be_followed_is_named(layer, x, loss, message):
    with pytest.raises((ValueError, TypeError), match=message):
        nn.gradient_norms(layer, np.zeros(x, np.float32), loss)


@pytest.mark.parametrize(
    ("dtype", "factor", "steps", "entry"),
    [
        (np.float32, 0.1, 38, 1.0),
        (np.float32, 10.0, 38, 1e-37),
        (np.float16, 0.1, 6, 1.0),
        (np.float16, 10.0, 4, 1e-4),
        (np.float64, 0.01, 150, 1.0),
        (np.float64, 100.0, 150, 1e-300),
    ],
)
def test_a_gradient_that_its_dtype_holds_has_a_norm_though_its_square_may_be_beyond(
    dtype, factor, steps, entry
):
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False).to(dtype)
    layer.weight_ih_l0.data[...] = 1.0
    layer.weight_hh_l0.data[...] = factor
    found = nn.gradient_norms(layer, np.full((steps, 1, 1), entry, dtype))
    # Each step rounds once, to 11 bits in halves, and to 5 where they are subnormal (1e-5 is 167 of
    # the smallest half).
    rtol = {np.float16: 2.0**-7, np.float32: 1e-5, np.float64: 1e-13}[dtype]
    np.testing.assert_allclose(found, factor ** np.arange(steps - 1.0, -1.0, -1.0), rtol=rtol)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_norm_of_a_gradient_that_is_no_number_is_none(value):
    layer, x = nn.RNN(2, 3, rng=0), np.zeros((1, 1, 2), np.float32)
    with np.errstate(invalid="ignore"):  # beyond the first step, ∞ − ∞
        found = nn.gradient_norms(layer, x, lambda y: y[0, 0, 0] * value)
    np.testing.assert_array_equal(found, [value])


def test_an_empty_batch_has_norms_of_zero():
    np.testing.assert_array_equal(nn.gradient_norms(nn.GRU(2, 3), np.zeros((4, 0, 2), "f4")), 0.0)


STATE = np.zeros((3, 4), np.float32)


@pytest.mark.parametrize(
    ("module", "hx", "message"),
    [
        (nn.LSTM(2, 4), (STATE, STATE), r"LSTM expects h of shape \(1, 3, 4\), got \(3, 4\)"),
        (nn.LSTM(2, 4), np.stack([STATE, STATE]), r"LSTM takes hx as a pair \(h, c\)"),
        (nn.LSTM(2, 4), (STATE[None],) * 3, r"as a pair \(h, c\) of states, got 3 of them"),
        (nn.LSTM(2, 4), (STATE[None], STATE), r"expects c of shape \(1, 3, 4\), got \(3, 4\)"),
        (nn.LSTMCell(2, 4), (STATE[:1], STATE[:1]), r"h of shape \(3, 4\), got \(1, 4\)"),
        (nn.GRU(2, 4), np.stack([STATE, STATE]), r"h of shape \(1, 3, 4\), got \(2, 3, 4\)"),
        (nn.RNNCell(2, 4), STATE[0], r"RNNCell expects h of shape \(3, 4\), got \(4,\)"),
        (nn.RNNCell(2, 4), STATE.astype(float), "RNNCell holds float32 arrays, h is float64"),
        (nn.LSTM(2, 4), (STATE[None], None), "takes an array or a Tensor as c, got NoneType"),
    ],
)
def test_an_initial_state_that_does_not_fit_is_shown(module, hx, message):
    with pytest.raises((ValueError, TypeError), match=message):
        nn.gradient_norms(module, np.zeros((6, 3, 2), np.float32), hx=hx)


@every
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 4, 2), int), "holds float32 arrays, x is int64"),
        (np.zeros((5, 4, 2)), "holds float32 arrays, x is float64"),
        ([[[0.0, 1.0]]], "takes an array or a Tensor, got list"),
        (None, "takes an array or a Tensor, got NoneType"),
    ],
)
def test_x_is_an_array_of_the_dtype_of_the_layer(name, x, message):
    with pytest.raises(TypeError, match=f"{name} {message}"):
        nn.gradient_norms(getattr(nn, name)(2, 3), x)
