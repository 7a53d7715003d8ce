"""rnn, lstm, gru: the cell at every step on the tape, however the steps are grouped; what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, check_pullback, ops
from scratchnet import functional as F
from scratchnet.ops import _sequence

NAMES = ("rnn", "lstm", "gru")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
names = st.sampled_from(NAMES)
over_all = pytest.mark.parametrize("name", NAMES)

# A gate is a sum of at most ten terms of size about 1, at most nine steps follow each other, and both
# sides sum in another order: some ten roundings of the largest term.
SUMS = {"roundings": 32, "terms": 8.0}


@dataclass
class Case:
    """What an operation is called with: T steps, N samples, D features, H hidden ones, P shown."""

    name: str
    x: np.ndarray
    states: list
    weights: list  # weight_ih, weight_hh, bias_ih, bias_hh, and weight_hr of an LSTM
    options: dict

    def __call__(self, x=None, **changed):
        x = self.x if x is None else x
        return getattr(ops, self.name)(x, *self.states, *self.weights, **(self.options | changed))


@st.composite
def cases(draw, name=names, dtype=np.float64, ragged=None):
    name, seed = draw(name), draw(st.integers(0, 99))
    T, N, D, H = draw(st.tuples(*[st.integers(1, 9)] * 2, *[st.integers(1, 3)] * 2))
    P = draw(st.integers(1, H)) if name == "lstm" and draw(st.booleans()) else None
    shown, G = P or H, GATES[name] * H
    shapes = [(G, D), (G, shown), *[(G,) if draw(st.booleans()) else None for _ in range(2)]]
    shapes += [(P, H)] if P else []
    state_shapes = [(N, shown), (N, H)] if name == "lstm" else [(N, shown)]
    options = {
        "lengths": draw(st.none() | st.lists(st.integers(1, T), min_size=N, max_size=N)),
        "reverse": draw(st.booleans()),
        "truncate": draw(st.none() | st.integers(1, T + 1)),
    }
    if ragged:
        options["lengths"] = draw(st.lists(st.integers(1, T), min_size=N, max_size=N))
    if name == "rnn":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))

    def arrays(shapes, seed):
        return [
            None if s is None else normal(s, seed + 10 * i, dtype) for i, s in enumerate(shapes)
        ]

    initial = arrays(state_shapes, seed + 1) if draw(st.booleans()) else [None] * len(state_shapes)
    return Case(name, normal((T, N, D), seed, dtype), initial, arrays(shapes, seed + 2), options)


def ones_of(outputs):
    return tuple(normal(y.shape, 50 + i, y.dtype) for i, y in enumerate(outputs))


def projected_lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr):
    z = F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)
    i, f, g, o = z.split(len(c))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return F.linear(o.sigmoid() * c.tanh(), weight_hr), c


def unrolled(case):
    """Return the outputs and gradients of the cell, called at every step on every sample alone."""
    leaves = {}

    def leaf(key, array):
        if array is not None:
            leaves[key] = Tensor(array, requires_grad=True)
        return leaves.get(key)

    (T, N, _), options = case.x.shape, dict(case.options)
    lengths, truncate = options.pop("lengths") or [T] * N, options.pop("truncate")
    reverse = options.pop("reverse")
    x = leaf("x", case.x)
    states = [leaf(f"state {i}", s) for i, s in enumerate(case.states)]
    weights = [leaf(f"weight {i}", w) for i, w in enumerate(case.weights)]
    cell = projected_lstm_cell if len(weights) == 5 else getattr(F, f"{case.name}_cell")
    P = case.weights[1].shape[1]
    widths = [P, len(case.weights[1]) // 4] if case.name == "lstm" else [P]
    y = [[Tensor(np.zeros(P, case.x.dtype))] * N for _ in range(T)]
    finals = [[] for _ in widths]
    for n in range(N):
        now = [
            Tensor(np.zeros(width, case.x.dtype)) if s is None else s[n]
            for s, width in zip(states, widths, strict=True)
        ]
        for step in range(lengths[n]):
            t = lengths[n] - 1 - step if reverse else step
            if truncate and step and step % truncate == 0:
                now = [s.detach() for s in now]
            out = cell(x[t, n], *now, *weights, **options)
            now = list(out) if case.name == "lstm" else [out]
            y[t][n] = now[0]
        for final, s in zip(finals, now, strict=True):
            final.append(s)
    outputs = [F.stack([F.stack(row) for row in y]), *map(F.stack, finals)]
    for out, dy in zip(outputs, ones_of(outputs), strict=True):
        if out.requires_grad:
            (out * dy).sum().backward(retain_graph=True)
    return outputs, [t.grad if t.grad is not None else np.zeros(t.shape) for t in leaves.values()]


@given(cases())
def test_a_sequence_is_the_cell_unrolled_forwards_and_backwards(case):
    outputs, pullback = case()
    expected, gradients = unrolled(case)
    for y, t in zip(outputs, expected, strict=True):
        assert_close(y, t.data, **SUMS)
    for dx, expected_dx in zip(pullback(ones_of(outputs)), gradients, strict=True):
        assert_close(dx, expected_dx, **SUMS)


@given(cases())
def test_the_pullback_is_the_derivative(case):
    """Of everything but truncation, which is not one, and relu, which has kinks."""
    case.options |= {"truncate": None}
    if case.name == "rnn":
        case.options |= {"nonlinearity": "tanh"}

    def op(*arrays):
        given = iter(arrays)
        x, *rest = (next(given) if a is not None else None for a in parts)
        return getattr(ops, case.name)(x, *rest, **case.options)

    parts = [case.x, *case.states, *case.weights]
    check_pullback(op, *[a for a in parts if a is not None])


@given(cases(), st.integers(1, 40), st.integers(1, 12))
def test_how_the_steps_are_grouped_changes_nothing(case, room, rows):
    """Runs and stretches as short as a step, where usually all of so small a case is one."""
    outputs, pullback = case()
    gradients = pullback(ones_of(outputs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sequence, "ROOM", room)
        patch.setattr(_sequence, "ROWS", rows)
        others, other_pullback = case()
        other_gradients = other_pullback(ones_of(outputs))
    for a, b in zip((*others, *other_gradients), (*outputs, *gradients), strict=True):
        assert_close(a, b, **SUMS)


@given(cases(ragged=True))
def test_padding_changes_nothing_even_nan_and_gets_no_gradient(case):
    beyond = np.arange(len(case.x))[:, None] >= np.array(case.options["lengths"])  # (T, N)
    outputs, pullback = case()
    others, other_pullback = case(np.where(beyond[..., None], np.nan, case.x))
    dys = ones_of(outputs)
    gradients = pullback(dys)
    dys[0][beyond] = np.nan
    for a, b in zip((*others, *other_pullback(dys)), (*outputs, *gradients), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not outputs[0][beyond].any()
    assert not gradients[0][beyond].any()


@given(cases(ragged=True))
def test_samples_of_unequal_lengths_are_read_as_each_alone(case):
    outputs, _ = case()
    for n, length in enumerate(case.options["lengths"]):
        states = [None if s is None else s[n : n + 1] for s in case.states]
        options = case.options | {"lengths": None}
        alone = Case(case.name, case.x[:length, n : n + 1], states, case.weights, options)()[0]
        assert_close(outputs[0][:length, n], alone[0][:, 0], **SUMS)
        for final, of_one in zip(outputs[1:], alone[1:], strict=True):
            assert_close(final[n], of_one[0], **SUMS)


@given(cases())
def test_outputs_without_a_gradient_count_as_zero(case):
    outputs, pullback = case()
    dys = ones_of(outputs)
    for i in range(len(outputs)):
        alone = tuple(dy if i == j else None for j, dy in enumerate(dys))
        zeros = tuple(dy if i == j else np.zeros_like(dy) for j, dy in enumerate(dys))
        for a, b in zip(pullback(alone), pullback(zeros), strict=True):
            assert_close(a, b, **SUMS)


@over_all
def test_many_steps_in_single_precision_stay_near_double(name):
    """400 steps of a contracting network: errors of single steps die out instead of adding up."""
    T, N, D, H = 400, 9, 8, 16
    G = GATES[name] * H
    shapes = [(T, N, D), (G, D), (G, H), (G,), (G,)]
    arrays = [normal(s, i) * (0.2 if i else 1.0) for i, s in enumerate(shapes)]
    states = [None] * (1 + (name == "lstm"))

    def both(dtype):
        x, *weights = [a.astype(dtype) for a in arrays]
        outputs, pullback = getattr(ops, name)(x, *states, *weights)
        return *outputs, *pullback(ones_of(outputs))

    for single, double in zip(both(np.float32), both(np.float64), strict=True):
        assert single.dtype == np.float32
        # Weight gradients sum 3600 terms: an error of some dozens of roundings of the largest.
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


@over_all
def test_a_gradient_dies_out_or_grows_with_the_way_back(name):
    """The longer the way from the last step back, the more often it was multiplied (see the file)."""
    T, H = 30, 4
    G = GATES[name] * H
    x, w, u = normal((T, 1, 2), 0), normal((G, 2), 1) * 0.1, normal((G, H), 2) * 0.1
    states = [None] * (1 + (name == "lstm"))
    (y, *rest), pullback = getattr(ops, name)(x, *states, w, u)
    dy = np.zeros_like(y)
    dy[-1] = 1.0
    dx = np.abs(pullback((dy, *[None] * len(rest)))[0]).sum(axis=(1, 2))
    assert dx[-1] > dx[-10] > dx[-20] > 0


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
    with pytest.raises(TypeError, match="lengths are whole numbers, got dtype"):
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
