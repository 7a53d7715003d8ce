"""Multi-head attention against torch, and what happens at the edges of its masks."""

import copy
import re

import numpy as np
import pytest
from attention_cases import assert_modules_agree, assert_near, bools, masks, share_random_state
from compare import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, manual_seed, nn, no_grad

pytestmark = pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")  # torch's


@st.composite
def cases(draw, **fixed):
    """Options of the layer, and arguments of the call."""
    heads, head_dim, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    l, e = draw(st.integers(1, 4)), heads * head_dim
    kind = draw(st.sampled_from(["self", "memory", "three", "widths"]))
    s = l if kind == "self" else draw(st.integers(1, 4))
    options = {
        "embed_dim": e,
        "num_heads": heads,
        "bias": draw(bools),
        "add_bias_kv": draw(bools),
        "add_zero_attn": draw(bools),
        "batch_first": draw(bools),
    }
    if kind == "widths":
        options |= {"kdim": draw(st.integers(1, 4)), "vdim": draw(st.integers(1, 4))}
    batched = draw(bools)

    def sequence(length, width, seed):
        order = (n, length) if options["batch_first"] else (length, n)
        return normal((*(order if batched else (length,)), width), seed)

    query = sequence(l, e, 0)
    key = query if kind == "self" else sequence(s, options.get("kdim", e), 1)
    apart = kind in ("three", "widths")
    value = sequence(s, options.get("vdim", e), 2) if apart else key
    batch = (n,) if batched else ()
    rows = n * heads if batched else heads
    arguments = {
        "query": query,
        "key": key,
        "value": value,
        "key_padding_mask": draw(masks((*batch, s))),
        "attn_mask": draw(masks((l, s)) | masks((rows, l, s))),
        "need_weights": draw(bools),
        "average_attn_weights": draw(bools),
    }
    return options, arguments | fixed


def two(torch, options, training=True):
    theirs = torch.nn.MultiheadAttention(**options).train(training)
    return nn.MultiheadAttention(**options).train(training), theirs


@given(case=cases(), dtype=st.sampled_from(["float64", "float64", "float32"]))
@settings(max_examples=150)
def test_attention_agrees_with_torch_in_values_weights_and_gradients(torch, case, dtype):
    options, arguments = case
    assert_modules_agree(torch, *two(torch, options), arguments, dtype)


@given(
    l=st.integers(1, 4),
    need_weights=bools,
    padded=bools,
    given_mask=st.sampled_from([None, bool, float]),
)
@settings(max_examples=40)
def test_is_causal_with_and_without_the_mask_is_torchs_causal_mask(
    torch, l, need_weights, padded, given_mask
):
    ours, theirs = two(torch, {"embed_dim": 4, "num_heads": 2, "batch_first": True})
    ours.double(), theirs.double()
    share_random_state(torch, ours, theirs)
    x = normal((2, l, 4))
    later = np.triu(np.ones((l, l), bool), 1)
    padding = np.array([[False] * l, [False] * (l - 1) + [l > 1]]) if padded else None
    mask = {None: None, bool: later, float: np.where(later, -np.inf, 0.0)}[given_mask]
    found, _ = ours(x, x, x, padding, need_weights, mask, is_causal=True)
    leaf = torch.tensor(x)
    their_padding = None if padding is None else torch.tensor(padding)
    expected, _ = theirs(
        leaf, leaf, leaf, their_padding, need_weights, torch.tensor(later), is_causal=True
    )
    assert_near(found.data, expected, "float64", "output")


@pytest.mark.parametrize("need_weights", [True, False])
def test_is_causal_and_another_mask_are_both_obeyed(need_weights):
    layer, x = nn.MultiheadAttention(4, 2, batch_first=True).double(), normal((1, 3, 4))
    mask = np.zeros((3, 3), bool)
    mask[2, 1] = True
    both = mask | np.triu(np.ones((3, 3), bool), 1)
    expected, _ = layer(x, x, x, None, need_weights, both)
    for form in (mask, np.where(mask, -np.inf, 0.0)):
        found, _ = layer(x, x, x, None, need_weights, form, is_causal=True)
        np.testing.assert_allclose(
            found.data, expected.data, 0, 1e-14
        )  # one formula, rounded twice


def test_with_is_causal_a_mask_that_says_the_same_is_dropped_and_no_other(monkeypatch):
    seen = []

    def attention(query, key, value, attn_mask, dropout_p, is_causal, rng):
        seen.append((attn_mask is None, is_causal))
        return value

    monkeypatch.setattr(functional, "scaled_dot_product_attention", attention)
    layer, x = nn.MultiheadAttention(4, 2).double(), normal((3, 2, 4))
    later = np.triu(np.ones((3, 3), bool), 1)
    added = np.where(later, -np.inf, 0.0)
    distances = np.where(later, -np.inf, np.subtract.outer(np.arange(3), np.arange(3)))
    for mask in (
        None,
        later,
        added,
        distances,
        Tensor(added, requires_grad=True),
        later[[0, 0, 2]],
    ):
        layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=True)
    assert seen == [(True, True)] * 3 + [(False, False)] * 3


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_float_mask_takes_the_dtype_of_the_layer(need_weights):
    layer, x = nn.MultiheadAttention(4, 2), normal((3, 2, 4), 0, np.float32)
    mask = normal((3, 3), 1)
    found, weights = layer(x, x, x, need_weights=need_weights, attn_mask=mask)
    expected, _ = layer(x, x, x, need_weights=need_weights, attn_mask=mask.astype(np.float32))
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.dtype == np.float32
    assert weights is None or weights.dtype == np.float32


@given(add_bias_kv=bools, add_zero_attn=bools, masked=bools)
@settings(max_examples=8)
def test_is_causal_leaves_the_extra_keys_to_every_query_with_and_without_weights(
    add_bias_kv, add_zero_attn, masked
):
    layer = nn.MultiheadAttention(4, 2, 0, True, add_bias_kv, add_zero_attn).double()
    x = normal((3, 2, 4))
    later = np.triu(np.ones((3, 3), bool), 1)
    mask = later if masked else None
    expected, weights = layer(x, x, x, None, True, later)
    found, _ = layer(x, x, x, None, False, mask, is_causal=True)
    np.testing.assert_allclose(found.data, expected.data, 0, 1e-14)  # one formula in two forms
    assert weights.shape == (2, 3, 3 + add_bias_kv + add_zero_attn)
    assert (weights.data[:, :, 3:] > 0).all()


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("how", ["key_padding_mask", "attn_mask"])
def test_a_query_with_every_key_ignored_gives_the_bias_weights_of_0_and_finite_gradients(
    kind, need_weights, how
):
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=0)
    layer.out_proj.bias.data[:] = [1, 2, 3, 4]
    x = Tensor(normal((2, 3, 4), 0, np.float32), requires_grad=True)
    ignored = np.zeros((2, 3) if how == "key_padding_mask" else (3, 3), bool)
    ignored[1] = True  # the keys of text 1, or those of query 1 in each text
    mask = ignored if kind == "bool" else np.where(ignored, -np.inf, 0.0).astype(np.float32)
    y, weights = layer(x, x, x, need_weights=need_weights, **{how: mask})
    rows = (1,) if how == "key_padding_mask" else (slice(None), 1)
    np.testing.assert_array_equal(y.data[rows], np.broadcast_to([1, 2, 3, 4], y.data[rows].shape))
    loss = (y * y).sum()
    if need_weights:
        assert not weights.data[rows].any()
        sums = weights.data.sum(-1)
        sums[rows] += 1
        np.testing.assert_allclose(sums, 1, 1e-6)  # rounding of float32
        loss = loss + (weights * weights).sum()
    loss.backward()
    assert all(np.isfinite(leaf.grad).all() for leaf in (x, *layer.parameters()))


def test_both_modes_agree_on_rows_with_every_key_ignored():
    layer = nn.MultiheadAttention(4, 2, batch_first=True).double()
    mask = np.random.default_rng(0).random((4, 3, 3)) < 0.6
    assert mask.all(-1).any()
    grads = []
    for need_weights in (True, False):
        x = Tensor(normal((2, 3, 4)), requires_grad=True)
        y, _ = layer(x, x, x, need_weights=need_weights, attn_mask=mask)
        (y * normal(y.shape, 1)).sum().backward()
        grads.append([y.data, x.grad])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, 0, 1e-13)  # one formula in two forms


def test_arrays_tensors_and_one_x_under_three_names_give_the_same():
    layer, x = nn.MultiheadAttention(6, 3).double().eval(), normal((4, 2, 6))
    with no_grad():
        from_arrays, _ = layer(x, x, x)
        one = Tensor(x)
        from_one, _ = layer(one, one, one)
        from_three, _ = layer(x, x.copy(), x.copy())
    assert isinstance(from_arrays, np.ndarray)
    np.testing.assert_array_equal(from_arrays, from_one.data)
    # a product with (3E, E) may be summed in another order than three with (E, E)
    np.testing.assert_allclose(from_arrays, from_three, 0, 1e-14)


def test_two_tensors_around_one_array_get_a_gradient_each():
    layer, x = nn.MultiheadAttention(4, 2).double(), normal((3, 1, 4))
    query, key, value = (Tensor(x, requires_grad=True) for _ in range(3))
    one = Tensor(x, requires_grad=True)
    layer(query, key, value)[0].sum().backward()
    layer(one, one, one)[0].sum().backward()
    np.testing.assert_allclose(query.grad + key.grad + value.grad, one.grad, 0, 1e-14)


# --- dropout


@pytest.mark.parametrize("need_weights", [True, False])
def test_dropout_is_of_the_weights_and_in_training_only(need_weights):
    layer = nn.MultiheadAttention(4, 2, dropout=1.0, batch_first=True)
    layer.out_proj.bias.data[:] = [1, 2, 3, 4]
    x = normal((2, 3, 4), 0, np.float32)
    y, weights = layer(x, x, x, need_weights=need_weights)
    np.testing.assert_array_equal(y.data, np.broadcast_to([1, 2, 3, 4], (2, 3, 4)))
    assert weights is None or not weights.data.any()
    without = nn.MultiheadAttention(4, 2, batch_first=True)
    without.load_state_dict(layer.state_dict())
    found, expected = layer.eval()(x, x, x)[0], without.eval()(x, x, x)[0]
    np.testing.assert_array_equal(found, expected)


def test_weights_are_returned_as_they_were_used_dropped_and_scaled():
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True, rng=0).double()
    x = np.zeros((1, 8, 4))  # equal scores: every weight is 1/8 before dropout
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert set(np.unique(weights.data)) == {0.0, 0.25}


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_seed_repeats_parameters_and_dropout(need_weights):
    x = normal((3, 2, 4), 0, np.float32)

    def two_calls():
        layer = nn.MultiheadAttention(4, 2, dropout=0.5, rng=3)
        return [layer(x, x, x, need_weights=need_weights)[0].data for _ in range(2)]

    first, again = two_calls(), two_calls()
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    layer = nn.MultiheadAttention(4, 2, dropout=0.5)
    outputs = []
    for _ in range(2):
        manual_seed(5)
        outputs.append(layer(x, x, x, need_weights=need_weights)[0].data)
    np.testing.assert_array_equal(*outputs)


# --- initial weights and shapes


@pytest.mark.parametrize("widths", [{}, {"kdim": 30, "vdim": 50}])
def test_initial_weights_have_torchs_distributions(torch, widths):
    ours = nn.MultiheadAttention(60, 3, add_bias_kv=True, rng=0, **widths)
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(60, 3, add_bias_kv=True, **widths)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if p.ndim == 1:
            assert not p.data.any(), name
            assert not q.any(), name
        elif p.size() == (1, 1, 60):
            # 60 normal numbers: the spread is known to 10 % (one standard deviation)
            assert 0.6 < p.data.std() / (2 / 120) ** 0.5 < 1.4, name
        else:
            # of n uniform numbers the largest is below the bound by about 1/n of it, n ≥ 1800
            np.testing.assert_allclose(abs(p.data).max(), abs(q.detach().numpy()).max(), 0.02)


def test_an_empty_batch_and_no_keys_give_outputs_of_the_right_shape():
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    for need_weights in (True, False):
        x = Tensor(np.zeros((0, 3, 4), np.float32), requires_grad=True)
        y, _ = layer(x, x, x, need_weights=need_weights)
        y.sum().backward()
        assert x.grad.shape == (0, 3, 4)
        assert not layer.in_proj_weight.grad.any()
        nothing = np.zeros((2, 0, 4), np.float32)
        y, _ = layer(normal((2, 3, 4), 0, np.float32), nothing, nothing, need_weights=need_weights)
        np.testing.assert_array_equal(y.data, np.zeros((2, 3, 4)))  # the bias, which is 0 yet


def test_a_copy_is_independent():
    layer = nn.MultiheadAttention(4, 2)
    twin = copy.deepcopy(layer)
    twin.in_proj_weight.data[:] = 0
    assert layer.in_proj_weight.data.any()


# --- bad input

x43 = np.zeros((4, 3, 8), np.float32)  # L 4, N 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "num_heads=3 must divide embed_dim=8"),
        (lambda: nn.MultiheadAttention(8, 0), ValueError, "num_heads must be at least 1, got 0"),
        (lambda: nn.MultiheadAttention(8, 2, 1.5), ValueError, "p is a probability, got 1.5"),
        (
            lambda: layer(x43, x43[:, :2], x43[:, :2]),
            ValueError,
            "got query (4, 3, 8), key (4, 2, 8)",
        ),
        (lambda: layer(x43, x43, x43[:3]), ValueError, "takes query (L, N, 8), key (S, N, 8)"),
        (lambda: layer(x43[..., :4], x43, x43), ValueError, "query (4, 3, 4)"),
        (
            lambda: layer(x43[0], x43, x43),
            ValueError,
            "takes query (L, 8), key (S, 8), value (S, 8)",
        ),
        (
            lambda: layer(x43.astype(float), x43, x43),
            TypeError,
            "holds float32 arrays, x is float64",
        ),
        (lambda: layer(x43, x43, x43.tolist()), TypeError, "takes an array or a Tensor, got list"),
        (
            lambda: layer(x43, x43, x43, np.zeros((4, 3), bool)),
            ValueError,
            "key_padding_mask has the shape (3, 4), got (4, 3)",
        ),
        (
            lambda: layer(x43, x43, x43, attn_mask=np.zeros((3, 4), bool)),
            ValueError,
            "attn_mask has the shape (4, 4) or (6, 4, 4), got (3, 4)",
        ),
        (
            lambda: layer(x43[0], x43[0], x43[0], np.zeros((1, 3), bool)),
            ValueError,
            "key_padding_mask has the shape (3,), got (1, 3)",
        ),
        (
            lambda: layer(x43, x43, x43, attn_mask=np.zeros((4, 4), np.int64)),
            TypeError,
            "attn_mask is bool (True = ignore) or floats to be added, got int64 (4, 4)",
        ),
        (lambda: layer(x43, x43, x43, [[True]]), TypeError, "as key_padding_mask, got list"),
        (
            lambda: layer(x43, x43, x43, attn_mask=[[0.0]], is_causal=True),
            TypeError,
            "as attn_mask, got list",
        ),
    ],
)
def test_what_does_not_fit_is_shown(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


layer = nn.MultiheadAttention(8, 2)
