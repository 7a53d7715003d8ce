"""Positions: the waves as stated, learned vectors, rotated pairs, and sequences that go on."""

import copy
import pickle
import re
import tracemalloc

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, nn

every_kind = pytest.mark.parametrize(
    "make",
    [
        lambda d: nn.SinusoidalPositions(d),
        lambda d: nn.LearnedPositions(20, d, rng=0),
        lambda d: nn.RotaryPositions(d),
        lambda d: nn.RotaryPositions(d, 100.0, interleaved=True),
    ],
    ids=["sinusoidal", "learned", "rotary", "interleaved"],
)


@given(d=st.integers(1, 7), t=st.integers(0, 5), offset=st.integers(0, 600))
def test_waves_are_those_of_the_equation(d, t, offset):
    y = nn.SinusoidalPositions(d).eval()(np.zeros((2, t, d)), offset)
    for position in range(t):
        for j in range(d):
            i = j // 2
            angle = (position + offset) / 10000 ** (2 * i / d)
            expected = np.sin(angle) if j % 2 == 0 else np.cos(angle)
            # an angle of 600 is known to 600 · 2e-16
            np.testing.assert_allclose(y[:, position, j], expected, 0, 1e-12)


def test_waves_far_out_take_memory_for_their_rows_alone_and_none_is_kept():
    layer, x = nn.SinusoidalPositions(64).eval(), np.zeros((1, 1, 64))
    before = len(pickle.dumps(layer))
    tracemalloc.start()
    try:
        y = layer(x, 10**12)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # a table up to it would have 7 TiB
    finally:
        tracemalloc.stop()
    # feature 62 has the angle 1e12 / 10000^(62/64), about 1.3e8, known to 1.3e8 · 2e-16 · a few
    np.testing.assert_allclose(y[0, 0, 62], np.sin(1e12 / 10000 ** (62 / 64)), 0, 1e-6)
    assert len(pickle.dumps(layer)) == before


@pytest.mark.parametrize("dtype", [np.int64, bool])
def test_waves_are_not_rounded_to_whole_numbers(dtype):
    with pytest.raises(TypeError, match=r"takes floating x, got \w+ \(1, 3, 4\)"):
        nn.SinusoidalPositions(4).eval()(np.zeros((1, 3, 4), dtype))


@every_kind
def test_what_is_no_array_is_refused(make):
    with pytest.raises(TypeError, match="takes an array or a Tensor"):
        make(4)([[1.0, 2.0, 3.0, 4.0]])


@given(n_before=st.integers(0, 8), t=st.integers(1, 8))
@every_kind
def test_a_sequence_in_two_parts_gets_the_positions_of_the_whole(make, n_before, t):
    layer, x = make(4).double().eval(), normal((2, 3, n_before + t, 4))
    first, rest = layer(x[:, :, :n_before]), layer(x[:, :, n_before:], n_before)
    np.testing.assert_array_equal(np.concatenate([first, rest], 2), layer(x))


@every_kind
def test_the_dtype_and_any_leading_axes_are_kept(make):
    for dtype in (np.float32, np.float64):
        layer = make(4).to(dtype)
        for shape in ((3, 4), (2, 3, 4), (2, 5, 3, 4), (0, 3, 4), (2, 0, 4)):
            x = Tensor(normal(shape, 0, dtype), requires_grad=True)
            y = layer(x)
            assert (y.shape, y.dtype) == (shape, dtype)
            y.sum().backward()
            assert (x.grad.shape, x.grad.dtype) == (shape, dtype)


@every_kind
def test_a_copied_or_pickled_layer_computes_the_same(make):
    layer, x = make(4), normal((1, 3, 4), 0, np.float32)
    expected = layer(x, 2).data
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        np.testing.assert_array_equal(twin(x, 2).data, expected)


def test_waves_pass_the_gradient_on_and_keep_no_state():
    layer, x = nn.SinusoidalPositions(4), Tensor(normal((2, 3, 4)), requires_grad=True)
    dy = normal((2, 3, 4), 1)
    layer(x).backward(dy)
    np.testing.assert_array_equal(x.grad, dy)
    assert layer.state_dict() == {}


def test_each_learned_vector_gets_the_gradient_of_its_position_summed_over_the_batch():
    layer, x = nn.LearnedPositions(6, 4).double(), Tensor(normal((2, 3, 4)), requires_grad=True)
    dy = normal((2, 3, 4), 1)
    y = layer(x, 2)
    np.testing.assert_array_equal(y.data, x.data + layer.weight.data[2:5])
    y.backward(dy)
    np.testing.assert_array_equal(x.grad, dy)
    expected = np.zeros((6, 4))
    expected[2:5] = dy[0] + dy[1]
    np.testing.assert_array_equal(layer.weight.grad, expected)


def test_learned_vectors_start_normal_with_a_spread_of_a_fiftieth():
    weight = nn.LearnedPositions(100, 100, rng=0).weight.data
    # 10,000 numbers: the spread is known to 0.7 %, the mean to 0.0002 (one standard deviation)
    assert abs(weight.std() - 0.02) < 0.001
    assert abs(weight.mean()) < 0.001
    np.testing.assert_array_equal(nn.LearnedPositions(100, 100, rng=0).weight.data, weight)


@given(t=st.integers(0, 50), s=st.integers(0, 50), shift=st.integers(0, 50), pairs=st.booleans())
def test_the_product_of_a_rotated_query_and_key_depends_on_their_distance_alone(t, s, shift, pairs):
    layer = nn.RotaryPositions(6, interleaved=pairs).eval()
    q, k = normal((1, 6)), normal((1, 6), 1)
    here = (layer(q, t) * layer(k, s)).sum()
    there = (layer(q, t + shift) * layer(k, s + shift)).sum()
    np.testing.assert_allclose(here, there, 0, 1e-12)  # angles up to 100, known to 100 · 2e-16
    np.testing.assert_allclose((layer(q, t) ** 2).sum(), (q**2).sum(), 0, 1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.SinusoidalPositions(0), "embed_dim must be at least 1, got 0"),
        (lambda: nn.LearnedPositions(0, 4), "max_len must be at least 1, got 0"),
        (lambda: nn.RotaryPositions(5), "head_dim=5 is odd"),
        (lambda: nn.RotaryPositions(4, 0), "takes a positive base, got 0"),
        (lambda: nn.RotaryPositions(4, np.nan), "takes a positive base, got nan"),
        (lambda: nn.SinusoidalPositions(4)(normal((2, 3, 5))), "takes x (…, T, 4), got (2, 3, 5)"),
        (lambda: nn.RotaryPositions(4)(normal((4,))), "takes x (…, T, 4), got (4,)"),
        (lambda: nn.SinusoidalPositions(4)(normal((3, 4)), -1), "offset is at least 0, got -1"),
        (
            lambda: nn.LearnedPositions(6, 4).double()(normal((2, 3, 4)), 4),
            "has 6 positions, the sequence goes on to 7: x (2, 3, 4), offset 4",
        ),
    ],
)
def test_what_does_not_fit_is_shown(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_learned_positions_take_their_own_dtype_only():
    with pytest.raises(TypeError, match="holds float32 arrays, x is float64"):
        nn.LearnedPositions(6, 4)(normal((2, 3, 4)))
