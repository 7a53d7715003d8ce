"""rnn, lstm, gru: the cell at every step on the tape, however the steps are grouped; NaN and halves."""

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
in_both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])
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


@given(cases(dtype=np.float16))
def test_halves_are_computed_in_float32_and_rounded(case):
    outputs, pullback = case()
    dys = ones_of(outputs)
    wide = Case(
        case.name, *[in_float32(part) for part in (case.x, case.states, case.weights)], case.options
    )
    expected, wide_pullback = wide()
    found = *outputs, *pullback(dys)
    for a, b in zip(found, (*expected, *wide_pullback(in_float32(dys))), strict=True):
        np.testing.assert_array_equal(a, b.astype(np.float16), strict=True)


def in_float32(part):
    if isinstance(part, list | tuple):
        return [in_float32(p) for p in part]
    return None if part is None else part.astype(np.float32)


@pytest.mark.parametrize(
    ("x", "dy", "dx"), [(-1.0, np.inf, 0.0), (np.nan, 1.0, 1.0), (0.0, 1.0, 0.0), (2.0, 1.0, 1.0)]
)
@in_both_precisions
def test_a_relu_lets_a_gradient_through_unless_it_is_off(torch, x, dy, dx, dtype):
    """Even an infinite one stops there, as in the cell and in torch."""
    one, zero = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
    x, dy = np.full((1, 1), x, dtype), np.full((1, 1), dy, dtype)
    (found, *_) = ops.rnn(x[None], zero, one, one, nonlinearity="relu")[1]((dy[None], None))
    of_cell = ops.rnn_cell(x, zero, one, one, nonlinearity="relu")[1](dy)[0]
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    torch.rnn_relu_cell(leaf, *map(torch.from_numpy, (zero, one, one))).backward(
        torch.from_numpy(dy)
    )
    for each in (found[0], of_cell, leaf.grad.numpy()):
        np.testing.assert_array_equal(each, np.full((1, 1), dx, dtype), strict=True)


def test_nan_in_the_last_step_leaves_the_gradients_of_a_relu_network_that_torch_gives(torch):
    x, weights = (
        normal((4, 3, 2)),
        [normal(s, i) for i, s in enumerate([(3, 2), (3, 3), (3,), (3,)])],
    )
    x[-1] = np.nan
    outputs, pullback = ops.rnn(x, None, *weights, nonlinearity="relu")
    leaves = [torch.from_numpy(w.copy()).requires_grad_() for w in weights]
    y, _ = torch.rnn_relu(
        torch.from_numpy(x), torch.zeros(1, 3, 3).double(), leaves, True, 1, 0.0, True, False, False
    )
    y.backward(torch.ones_like(y))
    for found, leaf in zip(pullback((np.ones_like(outputs[0]), None))[1:], leaves, strict=True):
        assert_close(found, leaf.grad.numpy(), **SUMS)
