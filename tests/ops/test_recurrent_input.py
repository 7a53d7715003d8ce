"""Arrays and options of rnn, lstm and gru that do not fit are named with their values."""

import numpy as np
import pytest

from scratchnet import ops

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
over_all = pytest.mark.parametrize("name", GATES)


def arrays_for(name, T=4, N=2, D=3, H=2):
    G = GATES[name] * H
    states = [np.ones((N, H))] * (1 + (name == "lstm"))
    return [np.ones((T, N, D)), *states, np.ones((G, D)), np.ones((G, H)), np.ones(G), np.ones(G)]


@over_all
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([4, 0], "sample 1 has length 0; x has 4 steps, and a length is from 1 to 4"),
        ([5, 1], "sample 0 has length 5"),
        ([-1, 1], "sample 0 has length -1"),
        ([1, 2, 3], r"one length for each of the 2 samples, got \(3,\)"),
        (3, r"one length for each of the 2 samples, got \(\)"),
    ],
)
def test_lengths_that_do_not_fit_are_named(name, lengths, message):
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        getattr(ops, name)(*arrays_for(name), lengths=lengths)


@over_all
@pytest.mark.parametrize("lengths", [[1.0, 2.0], [True, True], ["1", "2"]])
def test_lengths_are_whole_numbers(name, lengths):
    with pytest.raises(TypeError, match=f"{name}: lengths are integers, got "):
        getattr(ops, name)(*arrays_for(name), lengths=lengths)


@over_all
@pytest.mark.parametrize("truncate", [0, -1, 2.0, True])
def test_truncate_is_a_number_of_steps(name, truncate):
    with pytest.raises(ValueError, match=f"truncate is a number of steps.*got {truncate}"):
        getattr(ops, name)(*arrays_for(name), truncate=truncate)


@over_all
@pytest.mark.parametrize(
    ("position", "shape", "message"),
    [
        (0, (4, 2), r"takes x \(T, N, D\)"),
        (0, (0, 2, 3), "at least one step"),
        (0, (4, 2, 5), "weight_ih must be"),
        (0, (4, 3, 3), r"h0 must be \(3, 2\) here, it is \(2, 2\)"),
        (1, (2, 5), r"h0 must be \(2, 2\) here, it is \(2, 5\)"),
        (-4, (7, 3), "weight_ih must be"),
        (-2, (5,), "bias_ih must be"),
        (-1, (5,), "bias_hh must be"),
    ],
)
def test_shapes_that_do_not_fit_are_shown(name, position, shape, message):
    arrays = arrays_for(name)
    arrays[position] = np.ones(shape)
    with pytest.raises(ValueError, match=message) as error:
        getattr(ops, name)(*arrays)
    assert str(shape) in str(error.value)


def test_the_hidden_features_are_a_whole_number_for_each_gate():
    x, h0, c0, *_ = arrays_for("lstm")
    with pytest.raises(ValueError, match=r"weight_hh must be \(8, 2\) here, it is \(7, 2\)"):
        ops.lstm(x, h0, c0, np.ones((7, 3)), np.ones((7, 2)))


def test_a_projection_has_the_features_of_h():
    x, _, c0, w, u, *_ = arrays_for("lstm", H=3)
    with pytest.raises(ValueError, match=r"weight_hr must be \(3, 3\) here, it is \(2, 3\)"):
        ops.lstm(x, None, c0, w, u, weight_hr=np.ones((2, 3)))


def test_another_nonlinearity_is_named():
    with pytest.raises(ValueError, match="got 'sigmoid'"):
        ops.rnn(*arrays_for("rnn"), nonlinearity="sigmoid")


@over_all
def test_arrays_of_two_dtypes_are_refused(name):
    x, *rest = arrays_for(name)
    with pytest.raises(TypeError, match="one dtype, got x float32"):
        getattr(ops, name)(x.astype(np.float32), *rest)


@over_all
@pytest.mark.parametrize(("position", "key"), [(0, "x"), (-4, "weight_ih"), (-3, "weight_hh")])
def test_what_is_needed_may_not_be_none(name, position, key):
    arrays = arrays_for(name)
    arrays[position] = None
    with pytest.raises(
        TypeError, match=f"{name} takes an array or a Tensor as {key}, got NoneType"
    ):
        getattr(ops, name)(*arrays)


@over_all
def test_reverse_is_true_or_false(name):
    with pytest.raises(TypeError, match=f"{name}: reverse is True or False, got 'no'"):
        getattr(ops, name)(*arrays_for(name), reverse="no")


@over_all
def test_lengths_are_in_one_array(name):
    with pytest.raises(
        ValueError, match=rf"{name}: lengths are integers in one array, got \[\[4\]"
    ):
        getattr(ops, name)(*arrays_for(name), lengths=[[4], [3, 2]])
