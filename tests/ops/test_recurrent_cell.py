"""Recurrent cells: the stated equations one entry at a time, torch's values and gradients, bad input."""

import math
import re

import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet import check_pullback, ops

sizes = st.integers(1, 4)
seeds = st.integers(0, 99)
floats = st.sampled_from([np.float32, np.float64])
GATES = {"rnn_cell": 1, "lstm_cell": 4, "gru_cell": 3}
STATES = {"rnn_cell": 1, "lstm_cell": 2, "gru_cell": 1}
cells = pytest.mark.parametrize("name", GATES)
# A state is a sum of at most 4 + 4 products and two biases, each of size about 1, put through σ and
# tanh, whose slopes are at most 1; gradients pass through a second such product.
SUMS = {"roundings": 16.0, "terms": 8.0}


def arguments(name, n, d, h, seed=0, dtype=np.float64, bias=True):
    """x, the states, both weights and both biases; without an n, one sample."""
    lead, rows = () if n is None else (n,), GATES[name] * h
    shapes = [(*lead, d), *[(*lead, h)] * STATES[name], (rows, d), (rows, h), *[(rows,)] * 2 * bias]
    return [normal(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


# --- the equations, one entry at a time


def sigma(a):
    return 1.0 / (1.0 + math.exp(-a))


def affine(weight, x, bias, row):
    return bias[row] + math.fsum(weight[row, i] * x[i] for i in range(len(x)))


def naive_rnn(x, h, w_ih, w_hh, b_ih, b_hh):
    """h′[j] = tanh(a_x[j] + a_h[j])"""
    return [
        math.tanh(affine(w_ih, x, b_ih, j) + affine(w_hh, h, b_hh, j)) for j in range(len(h))
    ], None


def naive_lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """c′[j] = f c[j] + i g, h′[j] = o tanh(c′[j]); gate k of entry j has row k·H + j."""
    after, cells = [], []
    for j in range(len(h)):
        i, f, g, o = (
            affine(w_ih, x, b_ih, k * len(h) + j) + affine(w_hh, h, b_hh, k * len(h) + j)
            for k in range(4)
        )
        cells.append(sigma(f) * c[j] + sigma(i) * math.tanh(g))
        after.append(sigma(o) * math.tanh(cells[-1]))
    return after, cells


def naive_gru(x, h, w_ih, w_hh, b_ih, b_hh):
    """n = tanh(n_x + r n_h): the reset gate after the product; h′[j] = (1 − z) n + z h[j]"""
    after = []
    for j in range(len(h)):
        rows = [k * len(h) + j for k in range(3)]
        r_x, z_x, n_x = (affine(w_ih, x, b_ih, row) for row in rows)
        r_h, z_h, n_h = (affine(w_hh, h, b_hh, row) for row in rows)
        z = sigma(z_x + z_h)
        after.append((1 - z) * math.tanh(n_x + sigma(r_x + r_h) * n_h) + z * h[j])
    return after, None


NAIVE = {"rnn_cell": naive_rnn, "lstm_cell": naive_lstm, "gru_cell": naive_gru}


@cells
@given(n=st.integers(0, 3), d=sizes, h=sizes, seed=seeds)
def test_a_step_is_the_stated_equation(name, n, d, h, seed):
    arrays = arguments(name, n, d, h, seed)
    k = 1 + STATES[name]
    found = getattr(ops, name)(*arrays)[0]
    found = found if isinstance(found, tuple) else (found,)
    assert [y.shape for y in found] == [(n, h)] * STATES[name]
    for row in range(n):
        expected = NAIVE[name](*[a[row] for a in arrays[:k]], *arrays[k:])
        for y, values in zip(found, expected, strict=False):
            assert_close(y[row], values, **SUMS)


def test_a_relu_cell_is_the_rectified_sum():
    arrays = arguments("rnn_cell", 5, 3, 4)
    x, h, w_ih, w_hh, b_ih, b_hh = arrays
    expected = np.maximum(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 0)
    assert (expected == 0).any()
    assert (expected > 0).any()
    assert_close(ops.rnn_cell(*arrays, "relu")[0], expected, **SUMS)


def test_the_reset_gate_of_a_gru_is_applied_after_the_matrix_product():
    # r = σ(0) = 1/2, z = σ(−50) ≈ 0 and n = tanh(r (W_hn h + b_hn)) with W_hn = 0, b_hn = 1:
    # before the product, r ⊙ h would not touch b_hn, and n would be tanh(1).
    bias_hh = np.array([0.0, -50.0, 1.0])
    h_new = ops.gru_cell(
        np.zeros((1, 1)), np.ones((1, 1)), np.zeros((3, 1)), np.zeros((3, 1)), None, bias_hh
    )[0]
    np.testing.assert_allclose(h_new, [[math.tanh(0.5)]], rtol=1e-12)  # σ(−50) is 2e-22


# --- gradients


@cells
@given(data=st.data(), n=st.integers(1, 3), d=sizes, h=sizes, seed=seeds)
def test_the_pullback_is_the_derivative_with_any_of_the_biases(name, data, n, d, h, seed):
    arrays = arguments(name, data.draw(st.sampled_from([n, None])), d, h, seed)
    both, first, second = arrays, arrays[:-1], [*arrays[:-2], None, arrays[-1]]
    check_pullback(getattr(ops, name), *data.draw(st.sampled_from([both, first, second])))


@given(st.integers(1, 3), sizes, sizes, seeds)
def test_the_pullback_of_a_relu_cell_is_the_derivative(n, d, h, seed):
    arrays = arguments("rnn_cell", n, d, h, seed)
    assume(np.abs(ops.rnn_cell(*arrays)[0]).min() > 1e-3)  # at a kink there is no derivative
    check_pullback(lambda *parts: ops.rnn_cell(*parts, "relu"), *arrays)


@cells
@given(data=st.data(), n=st.integers(0, 3), d=sizes, h=sizes, seed=seeds, dtype=floats)
def test_a_cell_is_that_of_torch(torch, name, data, n, d, h, seed, dtype):
    form = data.draw(st.sampled_from(["tanh", "relu"])) if name == "rnn_cell" else None
    arrays = arguments(name, n, d, h, seed, dtype, data.draw(st.booleans()))

    def reference(x, *others):
        states, weights = others[: STATES[name]], others[STATES[name] :]
        function = getattr(torch, name if form is None else f"rnn_{form}_cell")
        return function(x, states if len(states) == 2 else states[0], *weights)

    def op(*parts):
        return getattr(ops, name)(*parts, **({"nonlinearity": form} if form else {}))

    assert_agrees_with_torch(torch, op, reference, *arrays, **SUMS)


@cells
def test_one_sample_is_a_batch_of_one_without_its_axis(name):
    batch = arguments(name, 1, 3, 2)
    k = 1 + STATES[name]
    single = [*[a[0] for a in batch[:k]], *batch[k:]]
    y, pullback = getattr(ops, name)(*single)
    z, batch_pullback = getattr(ops, name)(*batch)
    dz = normal((1, 2), 50)
    if name == "lstm_cell":
        grads, expected = pullback((dz[0], None)), batch_pullback((dz, None))
        y, z = y[1], z[1]
    else:
        grads, expected = pullback(dz[0]), batch_pullback(dz)
    np.testing.assert_array_equal(y, z[0])
    for i, (dx, reference) in enumerate(zip(grads, expected, strict=True)):
        np.testing.assert_array_equal(dx, reference[0] if i < k else reference)


def test_large_sums_saturate_the_gates_without_overflow():
    # with warnings as errors; the cell is kept (f = 1, i = 0) and not shown (o = 0)
    bias = np.array([-1e30, 1e30, 0.0, -1e30], np.float32)
    zero, cell = np.zeros((1, 1), np.float32), np.full((1, 1), 3.0, np.float32)
    weight = np.zeros((4, 1), np.float32)
    (h, c), pullback = ops.lstm_cell(zero, zero, cell, weight, weight, bias)
    np.testing.assert_array_equal(h, 0.0)
    np.testing.assert_array_equal(c, 3.0)
    dc = pullback((None, np.ones((1, 1), np.float32)))[2]
    np.testing.assert_array_equal(dc, 1.0)  # the gradient passes undiminished


# --- bad input


@cells
@pytest.mark.parametrize(
    ("position", "shape", "words"),
    [
        (0, (5, 4), "expects weight_ih (G, 4)"),
        (0, (2, 5, 3), "takes x (N, D), or (D,) for one sample"),
        (0, (3,), "expects h (2,)"),
        (1, (4, 2), "expects h (5, 2)"),
        (1, (5, 3), "expects h (5, 2)"),
        (-4, (7, 3), "expects weight_ih (G, 3)"),
        (-3, (7, 2), "expects weight_hh (G, 2)"),
        (-2, (7,), "expects bias_ih (G,)"),
        (-1, (7, 1), "expects bias_hh (G,)"),
    ],
)
def test_what_does_not_fit_is_shown_with_all_shapes(name, position, shape, words):
    arrays = arguments(name, 5, 3, 2)
    arrays[position] = np.zeros(shape)
    message = words.replace("G", str(2 * GATES[name]))
    with pytest.raises(ValueError, match=re.escape(f"{name} {message}")) as error:
        getattr(ops, name)(*arrays)
    assert str(shape) in str(error.value)


def test_the_cell_of_an_lstm_has_the_shape_of_its_memory():
    arrays = arguments("lstm_cell", 5, 3, 2)
    arrays[2] = np.zeros((5, 4))
    with pytest.raises(ValueError, match=r"lstm_cell expects c \(5, 2\): .*c \(5, 4\)"):
        ops.lstm_cell(*arrays)


@cells
def test_a_state_of_another_dtype_is_refused(name):
    arrays = arguments(name, 5, 3, 2)
    arrays[1] = arrays[1].astype(np.float32)
    with pytest.raises(TypeError, match=rf"{name} takes .* one dtype.*h float32 \(5, 2\)"):
        getattr(ops, name)(*arrays)


def test_another_nonlinearity_is_named():
    with pytest.raises(ValueError, match="nonlinearity is 'tanh' or 'relu', got 'sigmoid'"):
        ops.rnn_cell(*arguments("rnn_cell", 5, 3, 2), "sigmoid")


@cells
@pytest.mark.parametrize(("position", "key"), [(0, "x"), (1, "h"), (-4, "weight_ih")])
def test_only_a_bias_may_be_none(name, position, key):
    arrays = arguments(name, 5, 3, 2)
    arrays[position] = None
    with pytest.raises(
        TypeError, match=f"{name} takes an array or a Tensor as {key}, got NoneType"
    ):
        getattr(ops, name)(*arrays)
