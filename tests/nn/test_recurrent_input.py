"""Options, inputs, lengths and states of RNN, LSTM and GRU that do not fit are named with their values."""

import numpy as np
import pytest

from scratchnet import nn

layers = pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])


def make(name, **options):
    return getattr(nn, name)(**{"input_size": 2, "hidden_size": 3, **options}).double()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.RNN(0, 3), "input_size must be at least 1, got 0"),
        (lambda: nn.LSTM(2, 2.5), "hidden_size is a whole number, got 2.5"),
        (lambda: nn.GRU(2, 3, 0), "num_layers must be at least 1, got 0"),
        (lambda: nn.RNN(2, 3, 1, "sigmoid"), "nonlinearity is 'tanh' or 'relu', got 'sigmoid'"),
        (lambda: nn.LSTM(2, 3, 2, 0.5), "LSTM: bias is True or False, got 0.5"),
        (lambda: nn.GRU(2, 3, 2, dropout=1.5), "GRU: dropout is a probability, got 1.5"),
        (lambda: nn.GRU(2, 3, 2, dropout=True), "GRU: dropout is a probability, got True"),
        (
            lambda: nn.LSTM(2, 3, proj_size=3),
            "proj_size is 0 for none, or below hidden_size=3, got 3",
        ),
        (lambda: nn.LSTM(2, 3, proj_size=-1), "got -1"),
        (lambda: nn.LSTM(2, 3, proj_size=1.5), "proj_size is a whole number, got 1.5"),
        (lambda: nn.LSTM(2, 3, proj_size=True), "proj_size is a whole number, got True"),
        (lambda: nn.LSTM(2, 3, dropout="a"), "LSTM: dropout is a probability, got 'a'"),
        (lambda: nn.LSTM(True, 3), "input_size is a whole number, got True"),
        (lambda: nn.GRU(2, 3, proj_size=2), "unexpected keyword argument 'proj_size'"),
    ],
)
def test_a_layer_that_cannot_be_made_names_the_argument_and_its_value(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@layers
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5, 4, 3), {}, r"takes x \(T, N, D\), or \(T, D\) for one .* D = 2, got \(5, 4, 3\)"),
        ((2,), {}, r"got \(2,\)"),
        ((1, 5, 4, 2), {}, r"got \(1, 5, 4, 2\)"),
        ((0, 4, 2), {}, r"at least one step.*x \(0, 4, 2\)"),
        ((5, 4, 2), {"lengths": [1, 5, 0, 2]}, r"sample 2 has length 0; x has 5 steps"),
        ((5, 4, 2), {"lengths": np.array([1, 6, 3, 2])}, r"sample 1 has length 6; x has 5 steps"),
        ((5, 4, 2), {"lengths": [1, 2]}, r"one length for each of the 4 samples, got \(2,\)"),
        ((5, 2), {"lengths": [5]}, r"lengths are for a batch, x is one sequence \(5, 2\)"),
        ((5, 4, 2), {"truncate": 0}, "truncate is a number of steps, an int of at least 1, got 0"),
    ],
)
def test_x_and_lengths_that_do_not_fit_are_shown(name, shape, options, message):
    with pytest.raises(ValueError, match=message):
        make(name)(np.zeros(shape), **options)


@layers
def test_x_of_a_batch_first_layer_is_described_so(name):
    with pytest.raises(ValueError, match=r"takes x \(N, T, D\)"):
        make(name, batch_first=True)(np.zeros((4, 5, 3)))


@layers
@pytest.mark.parametrize("shape", [(2, 3, 3), (1, 4, 3), (2, 4, 2), (2, 3)])
def test_an_initial_state_that_does_not_fit_is_shown(name, shape):
    layer = make(name, num_layers=2)
    right = np.zeros((2, 4, 3))
    hx = (np.zeros(shape), right) if name == "LSTM" else np.zeros(shape)
    with pytest.raises(ValueError, match=r"expects h of shape \(2, 4, 3\), got") as error:
        layer(np.zeros((5, 4, 2)), hx)
    assert str(shape) in str(error.value)
    if name == "LSTM":
        with pytest.raises(ValueError, match=r"LSTM expects c of shape \(2, 4, 3\), got"):
            layer(np.zeros((5, 4, 2)), (right, np.zeros(shape)))


def test_an_lstm_takes_a_pair_of_states():
    layer, state = nn.LSTM(2, 3), np.zeros((1, 4, 3), np.float32)
    for hx in (state, (state,), (state,) * 3):
        with pytest.raises(TypeError, match=r"LSTM takes hx as a pair \(h, c\)"):
            layer(np.zeros((5, 4, 2), np.float32), hx)


@layers
def test_x_and_states_of_another_dtype_are_told_how_to_convert(name):
    layer, x = getattr(nn, name)(2, 3), np.zeros((5, 4, 2))
    with pytest.raises(TypeError, match=rf"{name} holds float32 arrays, x is float64 \(5, 4, 2\)"):
        layer(x)
    state = np.zeros((1, 4, 3))
    with pytest.raises(
        TypeError, match=rf"{name} holds float32 arrays, h is float64 \(1, 4, 3\): convert h"
    ):
        layer(x.astype(np.float32), (state, state) if name == "LSTM" else state)


@layers
def test_a_packed_sequence_is_told_of_lengths(torch, name):
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 2, 2), [5, 3])
    with pytest.raises(TypeError, match=f"{name} takes a padded array and lengths=, not a Packed"):
        getattr(nn, name)(2, 3)(packed)


def test_a_pair_without_one_of_its_states_says_which():
    x, state = np.zeros((5, 4, 2), np.float32), np.zeros((1, 4, 3), np.float32)
    for hx, missing in (((None, state), "h"), ((state, None), "c")):
        with pytest.raises(TypeError, match=f"LSTM takes an array or a Tensor as {missing}, got N"):
            nn.LSTM(2, 3)(x, hx)
