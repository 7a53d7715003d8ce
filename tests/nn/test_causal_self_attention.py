"""Causal self-attention: against its equation, and token by token against the whole sequence."""

import re

import numpy as np
import pytest
from attention_cases import bools
from compare import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, nn, no_grad


@st.composite
def layers(draw, **fixed):
    """A layer with grouped queries or not, and with rotated queries and keys or not."""
    groups, repeats, rotary = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(bools)
    head_dim = draw(st.sampled_from([2, 4] if rotary else [1, 2, 3]))
    options = {
        "num_heads": groups * repeats,
        "num_kv_heads": groups if repeats > 1 else draw(st.sampled_from([None, groups])),
        "rotary": rotary,
        "bias": draw(bools),
    }
    embed_dim = groups * repeats * head_dim
    return nn.CausalSelfAttention(embed_dim, **options | fixed, rng=draw(st.integers(0, 9)))


def naive(layer, x):
    """The stated equation: one head, one position, one key at a time."""
    n, t, e = x.shape
    h, g, d = layer.num_heads, layer.num_kv_heads, layer.head_dim
    bias = 0 if layer.in_proj.bias is None else layer.in_proj.bias.data
    projected = x @ layer.in_proj.weight.data.T + bias
    y = np.zeros((n, t, e))
    turn = layer.positions.eval() if layer.positions is not None else lambda row, offset: row
    for i, head, end in np.ndindex(n, h, t):
        group = head * g // h
        q = turn(projected[i, end : end + 1, head * d : (head + 1) * d], end)
        scores = []
        for s in range(end + 1):
            k = projected[i, s : s + 1, e + group * d : e + (group + 1) * d]
            scores.append((q * turn(k, s)).sum() / d**0.5)
        a = np.exp(scores) / np.exp(scores).sum()
        v = projected[i, : end + 1, e + (g + group) * d : e + (g + group + 1) * d]
        y[i, end, head * d : (head + 1) * d] = a @ v
    out = layer.out_proj
    return y @ out.weight.data.T + (0 if out.bias is None else out.bias.data)


@given(layer=layers(), n=st.integers(1, 2), t=st.integers(1, 5))
@settings(max_examples=30)
def test_it_is_the_stated_equation(layer, n, t):
    layer.double().eval()
    x = normal((n, t, layer.embed_dim))
    np.testing.assert_allclose(layer(x), naive(layer, x), 0, 1e-12)  # some hundred sums


@given(layer=layers(), data=st.data(), t=st.integers(1, 12))
def test_going_on_from_a_cache_gives_the_figures_of_the_whole_sequence(layer, data, t):
    layer.double().eval()
    x = normal((2, t, layer.embed_dim))
    prefix = data.draw(st.integers(0, t))  # at once, then in pieces, mostly single tokens
    cache, parts, start = nn.KeyValueCache(), [], 0
    while start < t:
        size = prefix if start == 0 and prefix else data.draw(st.sampled_from([1, 1, 2, 3]))
        parts.append(layer(x[:, start : start + size], cache=cache))
        start += size
        assert len(cache) == min(start, t)
    np.testing.assert_allclose(np.concatenate(parts, 1), layer(x), 0, 1e-12)


@given(heads=st.integers(1, 3), t=st.integers(1, 5))
@settings(max_examples=20)
def test_without_groups_it_is_torchs_attention_with_a_causal_mask(torch, heads, t):
    ours = nn.CausalSelfAttention(heads * 2, heads, rng=0).double()
    theirs = torch.nn.MultiheadAttention(heads * 2, heads, batch_first=True).double()
    state = {k.replace("in_proj.", "in_proj_"): v for k, v in ours.state_dict().items()}
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    x, dy = Tensor(normal((2, t, heads * 2)), requires_grad=True), normal((2, t, heads * 2), 1)
    leaf = torch.tensor(x.data, requires_grad=True)
    mask = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    y, expected = ours(x), theirs(leaf, leaf, leaf, attn_mask=mask)[0]
    y.backward(dy)
    expected.backward(torch.tensor(dy))
    gradients = {k.replace("in_proj.", "in_proj_"): p.grad for k, p in ours.named_parameters()}
    # one formula, summed in another order
    np.testing.assert_allclose(y.data, expected.detach().numpy(), 0, 1e-12)
    np.testing.assert_allclose(x.grad, leaf.grad.numpy(), 0, 1e-12)
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(gradients[name], p.grad.numpy(), 0, 1e-12)


@given(layer=layers(), t=st.integers(1, 4))
@settings(max_examples=20)
def test_gradients_are_the_derivative_along_a_random_direction(layer, t):
    layer.double()
    x, dy = normal((2, t, layer.embed_dim)), normal((2, t, layer.embed_dim), 1)
    leaf = Tensor(x, requires_grad=True)
    layer(leaf).backward(dy)
    leaves = [leaf, *layer.parameters()]
    steps = [normal(p.shape, 5 + i) for i, p in enumerate(leaves)]
    slope = sum((p.grad * step).sum() for p, step in zip(leaves, steps, strict=True))
    starts, h, ends = [p.data.copy() for p in leaves], 1e-6, []
    for sign in (1, -1):
        for p, start, step in zip(leaves, starts, steps, strict=True):
            p.data[...] = start + sign * h * step
        with no_grad():
            ends.append((layer(leaf).data * dy).sum())
    # central difference: its error is h² = 1e-12 times a third derivative, rounding 1e-16 / h = 1e-10
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), 1e-6, 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_also_with_a_cache(dtype):
    layer = nn.CausalSelfAttention(8, 4, 2, rotary=True).to(dtype).eval()
    cache, x = nn.KeyValueCache(), normal((1, 3, 8), 0, dtype)
    assert layer(x).dtype == layer(x, cache).dtype == layer(x, cache).dtype == dtype


def test_dropout_is_of_the_weights_in_training_only_and_repeats_with_a_seed():
    x = normal((2, 3, 4), 0, np.float32)
    layer = nn.CausalSelfAttention(4, 2, dropout=1.0, rng=0)
    np.testing.assert_array_equal(
        layer(x).data, np.broadcast_to(layer.out_proj.bias.data, (2, 3, 4))
    )
    without = nn.CausalSelfAttention(4, 2, rng=0)
    np.testing.assert_array_equal(layer.eval()(x), without.eval()(x))
    first, again = (nn.CausalSelfAttention(4, 2, dropout=0.5, rng=3) for _ in range(2))
    a, b = first(x).data, first(x).data
    np.testing.assert_array_equal(again(x).data, a)
    assert (a != b).any()


def test_a_cache_in_training_raises():
    layer, x = nn.CausalSelfAttention(4, 2), normal((1, 3, 4), 0, np.float32)
    cache = nn.KeyValueCache()
    with pytest.raises(RuntimeError, match="KeyValueCache is for inference"):
        layer(x, cache)
    with pytest.raises(RuntimeError, match="KeyValueCache is for inference"):
        layer.eval()(Tensor(x), cache)  # recorded, since a Tensor came in
    assert len(cache) == 0
    with no_grad():
        layer(Tensor(x), cache)
    assert len(cache) == 3


@pytest.mark.parametrize("cache", [True, [nn.KeyValueCache()]])
def test_what_is_no_cache_is_refused(cache):
    with pytest.raises(TypeError, match=r"the cache is a KeyValueCache or None, got (bool|list)"):
        nn.CausalSelfAttention(4, 2).eval()(normal((1, 3, 4), 0, np.float32), cache)


def test_an_empty_batch_gives_an_empty_output_and_gradients_of_0():
    layer = nn.CausalSelfAttention(4, 2, rotary=True)
    layer(Tensor(np.zeros((0, 3, 4), np.float32))).sum().backward()
    assert all(not p.grad.any() for p in layer.parameters())


def test_repr_shows_the_settings():
    text = repr(nn.CausalSelfAttention(8, 4, 2, 0.1, rotary=True))
    assert "8, 4, num_kv_heads=2, dropout=0.1" in text
    assert "(positions): RotaryPositions(2, base=10000.0, interleaved=False)" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.CausalSelfAttention(8, 3), "num_heads=3 must divide embed_dim=8"),
        (lambda: nn.CausalSelfAttention(8, 4, 3), "and num_kv_heads=3 num_heads=4"),
        (lambda: nn.CausalSelfAttention(8, 4, 0), "num_kv_heads must be at least 1, got 0"),
        (lambda: nn.CausalSelfAttention(6, 2, rotary=True), "head_dim=3 is odd"),
        (lambda: nn.CausalSelfAttention(8, 4, dropout=2), "p is a probability, got 2"),
        (
            lambda: nn.CausalSelfAttention(8, 4)(np.zeros((3, 8), np.float32)),
            "takes x (N, T, 8), got (3, 8)",
        ),
    ],
)
def test_what_does_not_fit_is_shown(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
