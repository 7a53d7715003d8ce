"""Normalisation in pieces and on threads: what the simple forms over whole arrays give, to the rounding."""

import numpy as np
import pytest
from compare import assert_close, normal

from scratchnet import get_num_threads, set_num_threads
from scratchnet.ops import _rows, batch_norm, group_norm, instance_norm, layer_norm

GROUPS = 3
OPS = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": lambda x, weight, bias: group_norm(x, GROUPS, weight, bias),
    "layer_norm": lambda x, weight, bias: layer_norm(x, x.shape[-1], weight, bias),
}
# Maps of 289 entries are longer than the buffers that NumPy is told to use, those of 12 are shorter.
SHAPES = [(5, 6, 17, 17), (7, 6, 3, 4), (40, 6)]


def simple(name, x, weight, bias, dy, eps=1e-5):
    """The equations over whole arrays: y, dx, dweight and dbias."""
    n, c = x.shape[:2]
    grouped = x.shape if name != "group_norm" else (n, GROUPS, c // GROUPS, *x.shape[2:])
    axes = {
        "batch_norm": (0, *range(2, x.ndim)),
        "instance_norm": tuple(range(2, x.ndim)),
        "group_norm": tuple(range(2, len(grouped))),
        "layer_norm": (-1,),
    }[name]
    over = tuple(range(x.ndim - 1)) if name == "layer_norm" else (0, *range(2, x.ndim))
    if name != "layer_norm":
        weight, bias = (a.reshape(c, *[1] * (x.ndim - 2)) for a in (weight, bias))
    values = x.reshape(grouped)
    deviation = np.sqrt(values.var(axis=axes, keepdims=True) + eps)
    xhat = (values - values.mean(axis=axes, keepdims=True)) / deviation
    dxhat = (dy * weight).reshape(grouped)
    along = (dxhat * xhat).mean(axis=axes, keepdims=True)
    dx = (dxhat - dxhat.mean(axis=axes, keepdims=True) - xhat * along) / deviation
    xhat = xhat.reshape(x.shape)
    return xhat * weight + bias, dx.reshape(x.shape), (dy * xhat).sum(over), dy.sum(over)


def arguments(name, shape, dtype=np.float64):
    form = shape[-1] if name == "layer_norm" else shape[1]
    x = normal(shape, 1, dtype) * dtype(2) + dtype(3)
    return x, normal(form, 2, dtype), normal(form, 3, dtype), normal(shape, 4, dtype)


def run(name, x, weight, bias, dy):
    out, pullback = OPS[name](x, weight, bias)
    y, d = (out[0], (dy, None, None)) if isinstance(out, tuple) else (out, dy)
    return y, *pullback(d)


def cases():
    return [
        pytest.param(name, shape, id=f"{name} {shape}")
        for name in OPS
        for shape in SHAPES
        if name != "instance_norm" or len(shape) > 2
    ]


@pytest.fixture(params=[200, 1 << 30], ids=["in pieces", "whole"])
def in_pieces(request, monkeypatch):
    monkeypatch.setattr(_rows, "PIECE_BYTES", request.param)
    monkeypatch.setattr(_rows, "ALONE_BYTES", request.param)


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize(("name", "shape"), cases())
def test_pieces_and_the_whole_give_what_the_simple_form_gives(name, shape):
    given = arguments(name, shape)
    for found, expected in zip(run(name, *given), simple(name, *given), strict=True):
        # Sums of up to 1445 terms of size about 10, half of them squares.
        assert_close(found, expected, terms=1e4)


@pytest.mark.parametrize(("name", "shape"), cases())
def test_the_number_of_threads_changes_nothing(name, shape, monkeypatch):
    monkeypatch.setattr(_rows, "PIECE_BYTES", 200)
    monkeypatch.setattr(_rows, "ALONE_BYTES", 200)
    given, before = arguments(name, shape, np.float32), get_num_threads()
    try:
        results = []
        for n in (1, 3):
            set_num_threads(n)
            results.append(run(name, *given))
    finally:
        set_num_threads(before)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm"])
def test_a_large_mean_costs_no_more_than_the_rounding_of_the_result(name):
    # x is exact in float32 and in float64, its mean 500 times its deviation.
    x, weight, bias, dy = arguments(name, (4, 6, 31, 33), np.float32)
    x = x + np.float32(1000)
    exact = simple(name, *[a.astype(np.float64) for a in (x, weight, bias, dy)])
    for found, expected in zip(run(name, x, weight, bias, dy)[:2], exact, strict=False):
        # c_r is within one rounding of a mean of the row, and what is left of it is added again.
        size = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=16 * size * 2.0**-24)


def test_the_size_of_numpys_buffers_is_left_as_it_was():
    before = np.getbufsize()
    run("layer_norm", *arguments("layer_norm", (4, 300)))
    assert np.getbufsize() == before


@pytest.mark.parametrize("rows", [(0, 5), (1, 5), (7, 0), (13, 5)])
@pytest.mark.parametrize("together", [1, 3])
def test_pieces_make_up_the_rows_and_keep_sets_together(rows, together, monkeypatch):
    monkeypatch.setattr(_rows, "PIECE_BYTES", 30)
    array = np.zeros((rows[0] * together, rows[1]), np.float32)
    pieces = _rows.for_rows(lambda piece: piece, array, together)
    assert [i for piece in pieces for i in range(len(array))[piece]] == list(range(len(array)))
    assert all(piece.start % together == 0 for piece in pieces)


@pytest.mark.parametrize("name", OPS)
def test_a_constant_input_with_eps_0_and_overflow_give_no_warning(name):
    op = {
        "batch_norm": lambda x: batch_norm(x, eps=0.0),
        "instance_norm": lambda x: instance_norm(x, eps=0.0),
        "group_norm": lambda x: group_norm(x, GROUPS, eps=0.0),
        "layer_norm": lambda x: layer_norm(x, x.shape[-1], eps=0.0),
    }[name]
    x = np.ones((4, 6, 8), np.float32)
    y, pullback = op(x)
    several = isinstance(y, tuple)
    (dx,) = pullback((x, None, None) if several else x)
    assert np.isnan(dx).all()
    weight = np.ones(8 if name == "layer_norm" else 6, np.float32)
    y, pullback = OPS[name](normal((4, 6, 8), 1, np.float32), weight, weight)
    huge = np.full((4, 6, 8), 3e38, np.float32)
    _, _, dbias = pullback((huge, None, None) if several else huge)
    assert np.isinf(dbias).all()
    squares_overflow = 1e25 * normal((4, 6, 8), 1, np.float32)
    OPS[name](squares_overflow, weight, weight)


@pytest.mark.parametrize("name", OPS)
def test_the_other_byte_order_gives_the_same_in_the_processors(name):
    arrays = [normal((4, 6, 6), 1), normal(6, 2), normal(6, 3)]
    y, pullback = OPS[name](*arrays)
    found, pullback_of_swapped = OPS[name](*[a.astype(a.dtype.newbyteorder()) for a in arrays])
    several = isinstance(y, tuple)
    dy = normal((4, 6, 6), 4)
    swapped_dy = dy.astype(dy.dtype.newbyteorder())
    dys = pullback((dy, None, None) if several else dy)
    dys_found = pullback_of_swapped((swapped_dy, None, None) if several else swapped_dy)
    for a, b in zip(
        (y[0] if several else y, *dys), (found[0] if several else found, *dys_found), strict=True
    ):
        assert b.dtype.isnative
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("together", [1, 3])
def test_rows_are_cut_into_an_even_number_of_whole_sets(together, monkeypatch):
    monkeypatch.setattr(_rows, "PIECE_BYTES", 256)
    rows = np.zeros((21 * together, 4))
    found = _rows.for_rows(lambda r: (r.start, r.stop), rows, together)
    assert len(found) % 2 == 0
    assert [i for start, stop in found for i in range(start, stop)] == list(range(len(rows)))
    lengths = {stop - start for start, stop in found}
    assert all(n % together == 0 for n in lengths)
    assert max(lengths) - min(lengths) <= together
