"""Work in pieces: what is cut is whole, and gives what the whole array gives, in every layout."""

import tracemalloc

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scratchnet import ops
from scratchnet.ops import _pieces
from scratchnet.ops._pieces import entrywise, linewise, pieces, run_pieces
from scratchnet.threads import get_num_threads, set_num_threads

SIZES = st.integers(0, 300)


@pytest.fixture
def tiny_pieces(monkeypatch):
    """Cut whatever has more than four float64 numbers, and count how often pieces were several."""
    cuts = []

    def run(function, blocks):
        cuts.append(len(blocks))
        for block in reversed(blocks):  # the order must not matter
            function(block)

    monkeypatch.setattr(_pieces, "ALONE_BYTES", 32)
    monkeypatch.setattr(_pieces, "PIECE_BYTES", 16)
    monkeypatch.setattr(_pieces, "run_blocks", run)
    return cuts


@given(SIZES, st.sampled_from([0, 1, 1000, 1 << 16, 1 << 21]))
def test_pieces_make_up_the_rows_and_have_about_the_stated_size(n_rows, row_bytes):
    found = pieces(n_rows, row_bytes)
    assert [i for s in found for i in range(s.start, s.stop)] == list(range(n_rows))
    assert all(s.stop > s.start for s in found)
    if n_rows * row_bytes <= _pieces.ALONE_BYTES:
        assert len(found) == min(n_rows, 1)
    else:
        largest = max(s.stop - s.start for s in found) * row_bytes
        assert largest < _pieces.PIECE_BYTES + row_bytes
        lengths = {s.stop - s.start for s in found}
        assert max(lengths) - min(lengths) <= 1
        assert len(found) % 2 == 0 or lengths == {1}


def layouts(x):
    """Return arrays equal to x in different orders in memory, one with gaps."""
    wide = np.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return [
        x,
        np.asfortranarray(x),
        wide[..., ::2],
        x.swapaxes(0, 1).copy().swapaxes(0, 1),
        x[::-1].copy()[::-1],
    ]


@pytest.mark.parametrize("i", range(5))
@pytest.mark.parametrize("j", range(5))
def test_entrywise_meets_entries_of_the_same_place_whatever_the_order_in_memory(i, j, tiny_pieces):
    x, dy = layouts(normal((3, 4, 5), 1))[i], layouts(normal((3, 4, 5), 2))[j]
    before = x.copy(), dy.copy()
    z = entrywise(lambda x, dy, z: np.subtract(2 * x, dy, out=z), x, dy)
    np.testing.assert_array_equal(z, 2 * before[0] - before[1], strict=True)
    np.testing.assert_array_equal((x, dy), before)
    assert tiny_pieces[-1] > 1


def test_entrywise_takes_one_number_spread_out_another_dtype_no_axes_and_nothing(tiny_pieces):
    def compute(x, dy, first, second):
        assert x.ndim
        np.add(x, dy, out=first)
        np.subtract(x, dy, out=second)

    for x in (
        normal((4, 5), dtype=np.float32),
        normal((), dtype=np.float32),
        np.zeros((0, 3), "f"),
    ):
        dy = np.broadcast_to(np.float64(2.0), x.shape)
        total, difference = entrywise(compute, x, dy, outputs=(None, None))
        np.testing.assert_array_equal(total, np.asarray(x + np.float32(2)), strict=True)
        np.testing.assert_array_equal(difference, np.asarray(x - np.float32(2)), strict=True)


@given(
    st.lists(st.integers(0, 5), max_size=4)
    .map(tuple)
    .flatmap(lambda shape: st.tuples(st.just(shape), st.integers(0, max(0, len(shape) - 1))))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_linewise_sees_whole_lines(tiny_pieces, case):
    shape, axis = case
    x, dy = normal(shape, 1), normal(shape, 2)

    def compute(x, dy, y):
        np.cumsum(x, axis=1, out=y)
        y += dy.sum(axis=1, keepdims=True)

    expected = np.cumsum(x, axis=axis) + dy.sum(axis=axis, keepdims=True) if x.ndim else x + dy
    assert_close(linewise(compute, axis, x, dy), np.reshape(expected, shape))


@pytest.mark.parametrize("name", ["gelu", "leaky_relu", "relu", "silu", "softmax", "cross_entropy"])
def test_beside_the_results_there_is_room_for_pieces_only(name):
    x = normal((2000, 1000), 1, np.float32)  # 8 MB
    results = {"gelu": 2, "cross_entropy": 0, "leaky_relu": 1.25}.get(name, 1)
    arguments = (np.zeros(2000, int),) if name == "cross_entropy" else ()
    tracemalloc.start()
    try:
        y, pullback = getattr(ops, name)(x, *arguments)
        forward = tracemalloc.get_traced_memory()[1]
        dy = np.float32(1.0) if name == "cross_entropy" else x
        tracemalloc.reset_peak()
        kept = tracemalloc.get_traced_memory()[0]
        pullback(dy)
        backward = tracemalloc.get_traced_memory()[1] - kept
    finally:
        tracemalloc.stop()
    assert y is not None
    # Three temporaries of a piece and their like, for each thread.
    room = 4 * _pieces.PIECE_BYTES * get_num_threads()
    assert forward <= results * x.nbytes + room
    assert backward <= x.nbytes + room


def test_overflow_in_a_piece_shows_in_the_result_without_a_warning():
    found = entrywise(np.exp, np.array([1e3, 0.0]))
    np.testing.assert_array_equal(found, [np.inf, 1.0])


def test_an_error_in_a_piece_is_raised():
    with pytest.raises(ZeroDivisionError):
        run_pieces(lambda piece: 1 // (piece - 2), range(4))


ACTIVATIONS = [
    ("elu", {}),
    ("elu", {"alpha": 0.3}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardtanh", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": -0.5}),
    ("relu", {}),
    ("sigmoid", {}),
    ("silu", {}),
    ("softplus", {"beta": 2.0, "threshold": 3.0}),
    ("tanh", {}),
]


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.usefixtures("tiny_pieces")
def test_activations_in_pieces_are_those_of_single_numbers(name, options, dtype):
    x, dy = (3 * normal((4, 15), 1)).astype(dtype), normal((4, 15), 2, dtype)
    x[0, :4] = np.inf, -np.inf, np.nan, 0.0
    op = getattr(ops, name)
    y, pullback = op(np.asfortranarray(x), **options)
    (dx,) = pullback(dy)
    singly = [op(np.array([a]), **options) for a in x.ravel()]
    values = np.concatenate([v for v, _ in singly]).reshape(x.shape)
    slopes = np.concatenate(
        [p(d.reshape(1))[0] for (_, p), d in zip(singly, dy.ravel(), strict=True)]
    )
    # NumPy's loops for a whole register and for what is left over may differ by a rounding.
    np.testing.assert_allclose(y, values, rtol=4 * np.finfo(dtype).eps, strict=True)
    error = 16 * float(np.finfo(dtype).eps)  # 1 − σ and the like cancel
    np.testing.assert_allclose(dx, slopes.reshape(x.shape), rtol=error, atol=error, strict=True)


@pytest.mark.parametrize("name", ["relu", "gelu", "softmax", "log_softmax", "cross_entropy"])
@pytest.mark.parametrize("shape", [(300, 1500), (45000, 10), (2, 300, 750)])
def test_three_threads_give_exactly_what_one_gives(name, shape):
    pytest.importorskip("threadpoolctl")
    x = normal(shape, 1, np.float32)
    arguments = {"cross_entropy": (np.zeros((shape[0], *shape[2:]), int),)}.get(name, ())
    found = []
    before = get_num_threads()
    for n in (1, 3):
        set_num_threads(n)
        y, pullback = getattr(ops, name)(x, *arguments)
        found.append((y, *pullback(np.float32(1.0) if np.ndim(y) == 0 else x)))
    set_num_threads(before)
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("shape", [(40, 3, 2), (1, 5, 30), (3, 0, 4), (0, 3, 2), (200, 2, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_in_pieces_is_that_of_the_equation(name, shape, dim, tiny_pieces):
    x, dy = 3 * normal(shape, 1), normal(shape, 2)
    y, pullback = getattr(ops, name)(x, dim)
    (dx,) = pullback(dy)
    e = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
    p = e / e.sum(axis=dim, keepdims=True)
    softmax = name == "softmax"
    assert_close(y, p if softmax else np.log(p))
    total = (dy * p if softmax else dy).sum(axis=dim, keepdims=True)
    assert_close(dx, p * (dy - total) if softmax else dy - p * total, terms=4.0)
    assert not x.size or tiny_pieces


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("n", "k"), [(40, 3), (500, 2), (7, 9)])
def test_cross_entropy_in_pieces_is_that_of_the_whole(smoothing, n, k, tiny_pieces):
    x, labels = 3 * normal((n, k), 1), np.arange(n) % k
    labels[2] = -100
    weight = np.linspace(0.5, 2.0, k)
    found, pullback = ops.cross_entropy(x, labels, weight, label_smoothing=smoothing)
    kept = np.delete(np.arange(n), 2)
    log_p = ops.log_softmax(x[kept])[0]
    q = weight * ((1 - smoothing) * np.eye(k)[labels[kept]] + smoothing / k)
    total = weight[labels[kept]].sum()
    assert_close(found, -(q * log_p).sum() / total)
    expected = np.zeros_like(x)
    expected[kept] = (np.exp(log_p) * q.sum(axis=1, keepdims=True) - q) / total
    assert_close(pullback(np.float64(1.0))[0], expected)
    assert max(tiny_pieces) > 1
