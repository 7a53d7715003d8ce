"""Cells: the layer read step by step, torch's values and gradients with states, bad input."""

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, nn

seeds = st.integers(0, 99)
CELLS = {"RNNCell": "RNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
cells = pytest.mark.parametrize("name", CELLS)
SUMS = {"roundings": 32.0, "terms": 1.0}  # some 20 terms, each rounded as often on its way


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def as_hx(states):
    return states[0] if len(states) == 1 else tuple(states)


def states_of(name, shape, seed, dtype=np.float64):
    return [normal(shape, seed + i, dtype) for i in range(1 + (name == "LSTMCell"))]


@cells
@given(seed=seeds, data=st.data())
def test_a_cell_called_at_every_step_gives_the_layer_forwards_and_backwards(name, seed, data):
    options = {"nonlinearity": data.draw(st.sampled_from(["tanh", "relu"]))}
    options = options if name == "RNNCell" else {}
    cell = getattr(nn, name)(2, 3, rng=seed, **options).double()
    layer = getattr(nn, CELLS[name])(2, 3, **options).double()
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x, states = normal((5, 4, 2), seed), states_of(name, (4, 3), seed + 1)

    state = as_hx([Tensor(s, requires_grad=True) for s in states])
    initial, outputs = parts(state), []
    for x_t in x:
        state = cell(x_t, state)
        outputs.append(parts(state)[0])
    leaves = [Tensor(s[None], requires_grad=True) for s in states]
    y, last = layer(x, as_hx(leaves))
    assert_close(np.stack([h.data for h in outputs]), y.data, **SUMS)
    for a, b in zip(parts(state), parts(last), strict=True):
        assert_close(a.data, b.data[0], **SUMS)

    dy = normal(y.shape, seed + 9)
    sum((h * d).sum() for h, d in zip(outputs, dy, strict=True)).backward()
    (y * dy).sum().backward()
    for a, b in zip(initial, leaves, strict=True):
        assert_close(a.grad, b.grad[0], **SUMS)
    for a, b in zip(cell.parameters(), layer.parameters(), strict=True):
        assert_close(a.grad, b.grad, **SUMS)


@cells
@given(seed=seeds, lead=st.sampled_from([(), (4,), (0,)]), with_state=st.booleans())
def test_a_cell_is_that_of_torch_with_and_without_a_state(torch, name, seed, lead, with_state):
    ours, theirs = getattr(nn, name)(2, 3, rng=seed), getattr(torch.nn, name)(2, 3)
    theirs.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in ours.state_dict().items()})
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    x = normal((*lead, 2), seed, np.float32)
    states = states_of(name, (*lead, 3), seed + 1, np.float32) if with_state else []
    leaves = [Tensor(a, requires_grad=True) for a in (x, *states)]
    theirs_leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, *states)]
    found = parts(ours(leaves[0], as_hx(leaves[1:]) if states else None))
    expected = parts(theirs(theirs_leaves[0], as_hx(theirs_leaves[1:]) if states else None))
    for a, b in zip(found, expected, strict=True):
        assert_close(a.data, b.detach().numpy(), **SUMS)
    dys = [normal(a.shape, seed + 5 + i, np.float32) for i, a in enumerate(found)]
    sum((a * dy).sum() for a, dy in zip(found, dys, strict=True)).backward()
    torch.autograd.backward(expected, [torch.from_numpy(dy) for dy in dys])
    pairs = zip([*leaves, *ours.parameters()], [*theirs_leaves, *theirs.parameters()], strict=True)
    for a, b in pairs:
        assert_close(a.grad, b.grad.numpy(), **SUMS)


@cells
def test_weights_start_uniformly_within_one_over_the_root_of_the_features(name):
    cell = getattr(nn, name)(20, 50, rng=0)
    drawn = np.concatenate([p.data.ravel() for p in cell.parameters()])
    bound = 1 / np.sqrt(50)
    assert np.abs(drawn).max() <= bound
    # 3,600 or more numbers with the variance bound²/3, whose estimate has a spread of 1.5 % at most
    np.testing.assert_allclose(drawn.std(), bound / np.sqrt(3), rtol=0.06)
    assert len(np.unique(drawn)) > 0.99 * len(drawn)
    assert list(nn.RNNCell(2, 3, bias=False).state_dict()) == ["weight_ih", "weight_hh"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.RNNCell(2, 0), "hidden_size must be at least 1, got 0"),
        (lambda: nn.GRUCell("2", 3), "input_size is a whole number, got '2'"),
        (lambda: nn.RNNCell(2, 4, "relu"), "RNNCell: bias is True or False, got 'relu'"),
        (lambda: nn.LSTMCell(2, 4, 2), "LSTMCell: bias is True or False, got 2"),
        (lambda: nn.RNNCell(2, 3, True, "elu"), "nonlinearity is 'tanh' or 'relu', got 'elu'"),
    ],
)
def test_a_cell_that_cannot_be_made_names_the_argument_and_its_value(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@cells
def test_x_and_states_that_do_not_fit_are_shown(name):
    cell, x = getattr(nn, name)(2, 3), np.zeros((4, 2), np.float32)
    state = np.zeros((5, 3), np.float32)
    with pytest.raises(ValueError, match=r"expects weight_ih \(\d+, 3\): x \(4, 3\)"):
        cell(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"expects h \(4, 3\): x \(4, 2\), h \(5, 3\)"):
        cell(x, (state, state) if name == "LSTMCell" else state)
    with pytest.raises(TypeError, match=rf"{name} holds float32 arrays, x is float64 \(4, 2\)"):
        cell(x.astype(np.float64))


def test_an_lstm_cell_takes_a_pair_of_states():
    with pytest.raises(
        TypeError, match=r"LSTMCell takes hx as a pair \(h, c\) of states, got Tensor"
    ):
        nn.LSTMCell(2, 3)(np.zeros((4, 2), np.float32), np.zeros((4, 3), np.float32))


@pytest.mark.parametrize(("which", "missing"), [((0,), "h"), ((1,), "c"), ((0, 1), "h")])
def test_a_pair_without_one_of_its_states_says_which(which, missing):
    hx = tuple(None if i in which else np.zeros((4, 3), np.float32) for i in range(2))
    with pytest.raises(
        TypeError, match=f"lstm_cell takes an array or a Tensor as {missing}, got N"
    ):
        nn.LSTMCell(2, 3)(np.zeros((4, 2), np.float32), hx)
