"""Additive attention: the stated equation on the tape, masks, and keys projected once."""

import re

import numpy as np
import pytest
from attention_cases import bools, masks
from compare import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, nn, no_grad


@given(
    data=st.data(),
    n=st.integers(1, 3),
    l=st.integers(1, 3),
    s=st.integers(1, 4),
    batched=bools,
    own_values=bools,
)
@settings(max_examples=50)
def test_it_is_the_stated_equation_in_values_and_gradients(data, n, l, s, batched, own_values):
    layer, batch = nn.AdditiveAttention(3, 4, 5, rng=0).double(), (n,) if batched else ()
    query, key = normal((*batch, l, 3)), normal((*batch, s, 4), 1)
    value = normal((*batch, s, 2), 2) if own_values else None
    mask = data.draw(masks((*batch, s)) | masks((*batch, l, s)))

    def tensors(*arrays):
        return [a if a is None else Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]

    inputs, twins = tensors(query, key, value, mask), tensors(query, key, value, mask)
    found = layer(*inputs)
    w_q, w_k, v = (Tensor(p.data, requires_grad=True) for p in layer.parameters())
    q, k, values, added = twins
    queries, keys = q @ w_q.T, k @ w_k.T
    hidden = (queries.unsqueeze(-2) + keys.unsqueeze(-3)).tanh()  # (…, L, S, A)
    scores = hidden @ v
    if added is not None:
        added = added if added.ndim == len(batch) + 2 else added.unsqueeze(-2)
        is_bool = added.dtype == bool
        scores = functional.where(~added.data, scores, -np.inf) if is_bool else scores + added
    weights = scores.softmax()
    expected = weights @ (k if values is None else values), weights

    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f.data, e.data, 0, 1e-13)  # one formula in two forms
    for outputs in (found, expected):
        (outputs[0] * normal(found[0].shape, 3)).sum().backward(retain_graph=True)
        (outputs[1] * normal(found[1].shape, 4)).sum().backward()
    pairs = [*zip(inputs, twins, strict=True)]
    pairs += zip(layer.parameters(), (w_q, w_k, v), strict=True)
    for ours, theirs in pairs:
        if theirs is not None and theirs.requires_grad:
            np.testing.assert_allclose(ours.grad, theirs.grad, 0, 1e-12)


def test_a_query_with_every_key_ignored_gets_nothing_and_gives_finite_gradients():
    layer = nn.AdditiveAttention(3, 3, 4, rng=0)
    x = Tensor(normal((2, 3, 3), 0, np.float32), requires_grad=True)
    ignored = np.array([[False, False, True], [True, True, True]])
    for mask in (ignored, np.where(ignored, -np.inf, 0.0)):
        context, weights = layer(x, x, mask=mask)
        assert not context.data[1].any()
        assert not weights.data[1].any()
        assert not weights.data[0, :, 2].any()
        (context.sum() + weights.sum()).backward()
        assert all(np.isfinite(leaf.grad).all() for leaf in (x, *layer.parameters()))


def test_keys_projected_once_give_the_figures_and_gradients_of_keys_projected_each_time():
    found = []
    for once in (True, False):
        layer = nn.AdditiveAttention(3, 4, 5, rng=0).double()
        key = Tensor(normal((2, 6, 4), 1), requires_grad=True)
        projected = layer.project(key) if once else None
        steps = [layer(normal((2, 1, 3), t), key, projected=projected)[0] for t in range(3)]
        sum((y * y).sum() for y in steps).backward()
        arrays = [*(y.data for y in steps), key.grad, *(p.grad for p in layer.parameters())]
        found.append(arrays)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 0, 1e-12)  # one formula, summed in another order


def test_projected_keys_are_an_array_where_a_call_gives_arrays():
    layer, query, key = (
        nn.AdditiveAttention(3, 4, 5),
        normal((2, 3), 0, "f4"),
        normal((6, 4), 1, "f4"),
    )
    assert layer.project(key).requires_grad
    with no_grad():
        assert type(layer.project(key)) is np.ndarray
    layer.eval()
    assert layer.project(Tensor(key)).requires_grad
    projected = layer.project(key)
    assert type(projected) is np.ndarray
    found, expected = layer(query, key, projected=projected), layer(query, key)
    for a, b in zip(found, expected, strict=True):
        assert type(a) is np.ndarray
        np.testing.assert_array_equal(a, b)


def test_arrays_in_eval_mode_give_arrays_of_their_dtype():
    for dtype in (np.float32, np.float64):
        layer = nn.AdditiveAttention(3, 4, 5).to(dtype).eval()
        context, weights = layer(normal((2, 3), 0, dtype), normal((6, 4), 1, dtype))
        assert (context.shape, weights.shape) == ((2, 4), (2, 6))
        assert type(context) is type(weights) is np.ndarray
        assert context.dtype == weights.dtype == dtype
        np.testing.assert_allclose(weights.sum(-1), 1, 1e-6)  # rounding of float32


def test_weights_start_uniform_by_the_length_of_their_rows():
    layer = nn.AdditiveAttention(64, 256, 400, rng=0)
    for p in layer.parameters():
        # of n uniform numbers the largest is below the bound by about 1/n of it, n ≥ 400
        np.testing.assert_allclose(abs(p.data).max(), p.shape[-1] ** -0.5, 0.02)


x33 = np.zeros((2, 3, 3), np.float32)
layer33 = nn.AdditiveAttention(3, 3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.AdditiveAttention(3, 0, 4), ValueError, "key_dim must be at least 1, got 0"),
        (
            lambda: layer33(x33[..., :2], x33),
            ValueError,
            "takes query (N, L, 3), key (N, S, 3) and value (N, S, D), or all without N, "
            "got query (2, 3, 2), key (2, 3, 3), value (2, 3, 3)",
        ),
        (lambda: layer33(x33, x33[:1]), ValueError, "key (1, 3, 3)"),
        (lambda: layer33(x33, x33, x33[:, :2]), ValueError, "value (2, 2, 3)"),
        (lambda: layer33(x33[0], x33), ValueError, "query (3, 3), key (2, 3, 3)"),
        (lambda: layer33(x33.astype(float), x33), TypeError, "holds float32 arrays, x is float64"),
        (
            lambda: layer33(x33, x33, mask=np.zeros((3, 3), bool)),
            ValueError,
            "mask has the shape (2, 3) or (2, 3, 3), got (3, 3)",
        ),
        (
            lambda: layer33(x33, x33, mask=np.zeros((2, 3), int)),
            TypeError,
            "mask is bool (True = ignore) or floats to be added, got int64 (2, 3)",
        ),
    ],
)
def test_what_does_not_fit_is_shown(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
