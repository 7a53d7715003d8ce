"""Additive attention: the stated average, its gradients, keys projected beforehand, masks."""

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import check_pullback
from scratchnet.ops import additive_attention, linear

sizes = st.integers(0, 4)
seeds = st.integers(0, 99)
SUMS = {"roundings": 32, "terms": 4.0}  # sums of at most some 20 terms of size about 1


def operands(lead, L, S, seed=0, dtype=np.float64, A=3):
    """Return query, key, value, weight_query, weight_key and weight_score."""
    shapes = [(*lead, L, 2), (*lead, S, 4), (*lead, S, 3), (A, 2), (A, 4), (A,)]
    return [normal(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


def bools(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).random(shape) < 0.6)


@given(sizes, sizes, seeds, st.integers(0, 3))
def test_it_is_the_stated_average_over_the_keys_that_the_mask_lets_through(L, S, seed, A):
    arrays, allowed = operands((), L, S, seed, A=A), bools((L, S), seed)
    found, _ = additive_attention(*arrays, allowed)
    for a, b in zip(found, naive.additive_attention(*arrays, allowed), strict=True):
        assert_close(a, b, **SUMS)


@given(sizes, sizes, seeds, st.sampled_from([np.float32, np.float64]), st.booleans())
def test_value_and_gradients_are_those_of_torchs_operations(torch, L, S, seed, dtype, masked):
    arrays = operands((2,), L, S, seed, dtype)
    mask = normal((2, 1, S), seed + 9, dtype)

    def reference(q, k, v, weight_query, weight_key, weight_score, *masks):
        h = torch.tanh((q @ weight_query.T)[:, :, None] + (k @ weight_key.T)[:, None])
        p = torch.softmax(sum(masks, h @ weight_score), -1)
        return p @ v, p

    assert_agrees_with_torch(
        torch, additive_attention, reference, *arrays, *[mask] * masked, **SUMS
    )


@given(sizes, sizes, seeds)
def test_the_pullback_is_the_derivative(L, S, seed):
    check_pullback(additive_attention, *operands((2,), L, S, seed), attn_mask=bools((L, S), seed))


leads = st.sampled_from([(), (1,), (2,), (3, 1), (3, 2)])


@given(leads, leads, leads, seeds, st.sampled_from([None, (4,), (3, 4), (2, 3, 4), (3, 2, 3, 4)]))
@example((), (), (2,), 0, None)
@example((1,), (1,), (2,), 0, (2, 3, 4))
def test_leading_axes_broadcast_in_values_and_gradients(torch, q, k, v, seed, mask_shape):
    query, key, value, *weights = operands((), 3, 4, seed)
    arrays = [
        normal((*lead, *x.shape), seed + 7)
        for lead, x in zip((q, k, v), (query, key, value), strict=True)
    ]
    arrays += weights
    lead = np.broadcast_shapes(q, k, v)
    masks = []
    if mask_shape is not None and np.broadcast_shapes(mask_shape, (*lead, 3, 4)) == (*lead, 3, 4):
        masks = [normal(mask_shape, seed + 9)]

    def reference(q, k, v, weight_query, weight_key, weight_score, *masks):
        h = torch.tanh((q @ weight_query.T)[..., :, None, :] + (k @ weight_key.T)[..., None, :, :])
        p = torch.softmax(sum(masks, h @ weight_score), -1).expand(*lead, 3, 4)
        return p @ v, p

    assert_agrees_with_torch(torch, additive_attention, reference, *arrays, *masks, **SUMS)
    check_pullback(additive_attention, *arrays, *masks)


def test_each_output_alone_has_its_part_of_the_gradient():
    (y, p), pullback = additive_attention(*operands((2,), 3, 4))
    dy, dp = normal(y.shape, 1), normal(p.shape, 2)
    both = pullback((dy, dp))
    for whole, *parts in zip(both, pullback((dy, None)), pullback((None, dp)), strict=True):
        assert_close(parts[0] + parts[1], whole, **SUMS)


def test_keys_may_be_projected_once_for_all_queries():
    query, key, value, weight_query, weight_key, weight_score = operands((2,), 3, 4)
    projected = linear(key, weight_key)[0]
    found = additive_attention(query, projected, value, weight_query, None, weight_score)
    expected = additive_attention(query, key, value, weight_query, weight_key, weight_score)
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(a, b)
    dys = tuple(normal(y.shape, 7) for y in expected[0])
    dq, dprojected, *others = found[1](dys)
    dx = expected[1](dys)
    assert_close(dprojected @ weight_key, dx[1], **SUMS)
    for a, b in zip((dq, *others), [d for i, d in enumerate(dx) if i not in (1, 4)], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [bool, float])
def test_a_query_whose_keys_are_all_masked_gets_0_and_gives_gradients_of_0(kind):
    arrays, mask = operands((2,), 3, 4), np.ones((3, 4), bool)
    mask[1] = False
    (y, p), pullback = additive_attention(
        *arrays, mask if kind is bool else np.where(mask, 0.0, -np.inf)
    )
    np.testing.assert_array_equal(y[:, 1], 0)
    np.testing.assert_array_equal(p[:, 1], 0)
    np.testing.assert_allclose(p[:, [0, 2]].sum(axis=-1), 1)
    grads = pullback((normal(y.shape, 1), normal(p.shape, 2)))
    assert all(np.isfinite(dx).all() for dx in grads)
    np.testing.assert_array_equal(grads[0][:, 1], 0)


def test_true_lets_a_query_attend():
    arrays = operands((), 2, 2)
    (y, p), _ = additive_attention(*arrays, np.array([[False, True], [True, False]]))
    np.testing.assert_array_equal(p, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(y, arrays[2][::-1])


def test_halves_are_computed_in_float32_and_rounded_once():
    arrays = [x * 8 for x in operands((2,), 3, 5, dtype=np.float16)]
    found, pullback = additive_attention(*arrays)
    expected, reference = additive_attention(*[x.astype(np.float32) for x in arrays])
    dys = [normal(y.shape, 3, np.float16) for y in found]
    grads = pullback(tuple(dys))
    wide_grads = reference(tuple(d.astype(np.float32) for d in dys))
    for a, b in zip((*found, *grads), (*expected, *wide_grads), strict=True):
        np.testing.assert_array_equal(a, b.astype(np.float16), strict=True)


@pytest.mark.parametrize(
    ("i", "shape", "message"),
    [
        (0, (2,), r"takes query \(…, L, D_q\).*got query \(2,\)"),
        (0, (3, 5), r"weight expects 2 features, x has 5"),
        (2, (5, 3), r"there are 4 keys, but 5 values"),
        (4, (2, 4), r"differ in their hidden units: .*weight_key \(2, 4\)"),
        (5, (4,), r"differ in their hidden units: .*weight_score \(4,\)"),
        (5, (3, 1), r"differ in their hidden units"),
        (3, (3,), r"weight_query \(A, D_q\).*got .*weight_query \(3,\)"),
        (1, (2, 4, 4), r"do not broadcast: query \(5, 3, 2\), key \(2, 4, 4\)"),
        (6, (3, 3), r"attn_mask \(3, 3\) does not broadcast to the scores"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_shown(i, shape, message):
    arrays = [*operands((5,) if i == 1 else (), 3, 4), np.ones((3, 4))]
    arrays[i] = np.ones(shape)
    with pytest.raises(ValueError, match=message):
        additive_attention(*arrays)


@pytest.mark.parametrize("i", [0, 1, 2, 3, 5])
def test_an_operand_that_is_missing_is_named(i):
    arrays = operands((), 3, 4)
    arrays[i] = None
    name = ("query", "key", "value", "weight_query", "", "weight_score")[i]
    with pytest.raises(TypeError, match=f"takes an array or a Tensor as {name}, got NoneType"):
        additive_attention(*arrays)


def test_a_mask_is_of_bools_or_of_the_dtype_of_the_rest():
    with pytest.raises(TypeError, match=r"bool \(True = attend\) or as float64 .*got float32"):
        additive_attention(*operands((), 3, 4), np.ones((3, 4), np.float32))
