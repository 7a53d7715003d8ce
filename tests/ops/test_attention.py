"""Attention: the stated average, torch's values and gradients, blocks of any size, masks, dropout."""

import re
import tracemalloc

import naive
import numpy as np
import pytest
from compare import assert_agrees_with_torch, assert_close, normal
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet import check_pullback, functional, manual_seed, threads
from scratchnet.ops import scaled_dot_product_attention as attention

seeds = st.integers(0, 99)
sizes = st.integers(0, 5)
floats = st.sampled_from([np.float32, np.float64])
# Weights, averages and gradients are sums of at most some 30 terms of size about 1.
SUMS = {"roundings": 32, "terms": 4.0}


def bools(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).random(shape) < 0.6)


def operands(lead, L, S, E, E_v, seed=0, dtype=np.float64):
    """Return query, key and value with the same leading axes."""
    shapes = (L, E), (S, E), (S, E_v)
    return [normal((*lead, *shape), seed + i, dtype) for i, shape in enumerate(shapes)]


def assert_same(found, expected, **close):
    """Assert that two calls gave the same output, and the same gradients for one dy."""
    (y, pullback), (z, reference) = found, expected
    assert_close(y, z, **close)
    dy = normal(np.shape(z), 77, z.dtype)
    for dx, dz in zip(pullback(dy), reference(dy), strict=True):
        assert_close(dx, dz, **close)


# --- the stated average


@given(sizes, sizes, sizes, sizes, seeds, st.booleans(), st.sampled_from([None, 0.3, -2.0]))
def test_it_is_the_stated_average_over_the_keys_that_a_mask_lets_through(
    L, S, E, E_v, seed, is_causal, scale
):
    q, k, v = operands((), L, S, E, E_v, seed)
    allowed = np.tri(L, S, dtype=bool) if is_causal else bools((L, S), seed)
    mask = {"is_causal": True} if is_causal else {"attn_mask": allowed}
    factor = scale if scale is not None else 1 / np.sqrt(max(E, 1))
    expected = naive.attention(q, k, v, allowed, np.zeros((L, S)), factor)
    assert_close(attention(q, k, v, scale=scale, **mask)[0], expected, **SUMS)
    added = normal((L, S), seed + 9) + np.where(allowed, 0, -np.inf)
    expected = naive.attention(q, k, v, allowed, added, factor)
    assert_close(attention(q, k, v, added, scale=scale)[0], expected, **SUMS)


def test_true_lets_a_query_attend_at_more_than_one_step():
    # Query 0 sees key 1 alone, query 1 sees key 0 alone: a mask of the other polarity would swap them.
    values = np.array([[1.0], [2.0]])
    mask = np.array([[False, True], [True, False]])
    np.testing.assert_array_equal(
        attention(np.ones((2, 3)), np.ones((2, 3)), values, mask)[0], [[2.0], [1.0]]
    )


def test_causal_is_aligned_at_the_top_left_whatever_the_lengths():
    ones = np.ones((5, 2))
    values = np.arange(5.0)[:, None]
    y = attention(ones[:3], ones, values, is_causal=True)[0]
    np.testing.assert_allclose(y[:, 0], [0.0, 0.5, 1.0], atol=1e-15)
    y = attention(ones, ones[:2], values[:2], is_causal=True)[0]
    np.testing.assert_allclose(y[:, 0], [0.0, 0.5, 0.5, 0.5, 0.5], atol=1e-15)


# --- torch


@st.composite
def calls(draw):
    """Return the shapes of query, key, value and mask (or None), which broadcast, and the options."""
    L, S, E, E_v, n = (draw(sizes) for _ in range(5))
    gqa = draw(st.booleans())
    heads, serves = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    lead = [(n, heads * serves), (n, heads), (n, heads)]
    if not gqa:  # some leading axes are missing or have length 1
        # where anything is empty torch returns the shape of the query and does not broadcast
        choices = [(n, 3), (1, 3), (n, 1), (3,), ()] if n * L * S * E * E_v else [(n, 3)]
        lead = [draw(st.sampled_from(choices)) for _ in range(3)]
    whole = np.broadcast_shapes(lead[0], *([] if gqa else lead[1:]))
    kind = draw(st.sampled_from(["none", "causal", "bool", "float"]))
    mask = None
    if kind in ("bool", "float"):
        full = (*whole, L, S)
        mask = tuple(1 if draw(st.booleans()) else k for k in full)[
            draw(st.integers(0, len(full))) :
        ]
    shapes = [(*lead[0], L, E), (*lead[1], S, E), (*lead[2], S, E_v), mask]
    scale = draw(st.sampled_from([None, None, 0.5]))
    return shapes, kind, {"is_causal": kind == "causal", "scale": scale, "enable_gqa": gqa}


@pytest.mark.parametrize("block_size", [None, 2])
@given(calls(), seeds, floats)
def test_it_is_that_of_torch_in_value_and_gradient(torch, block_size, call, seed, dtype):
    (*shapes, mask_shape), kind, options = call
    arrays = [normal(s, seed + i, dtype) for i, s in enumerate(shapes)]
    if kind == "bool":
        arrays.append(bools(mask_shape, seed))
    elif kind == "float":
        arrays.append(normal(mask_shape, seed + 3, dtype))

    def reference(*tensors):
        if len(tensors) > 3 and tensors[3].ndim < 2:  # at which some of its kernels stumble
            tensors = (*tensors[:3], torch.atleast_2d(tensors[3]))
        return torch.nn.functional.scaled_dot_product_attention(*tensors, **options)

    def op(*given):
        return attention(*given, **options, block_size=block_size)

    assert_agrees_with_torch(torch, op, reference, *arrays, **SUMS)


INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("block_size", [None, 1])
@pytest.mark.parametrize(
    "mask",
    [
        [[0.0, -INF], [0.0, 0.0]],
        [[-INF, -INF], [0.0, 1.0]],
        [[-INF, -INF], [-INF, -INF]],
        [[0.0, INF], [1.0, 1.0]],
        [[0.0, NAN], [1.0, 1.0]],
        [[-3e38, -3e38], [-3e38, 0.0]],  # below every score, and yet not −∞: the first row is even
    ],
)
def test_infinities_and_nan_in_a_mask_give_what_they_give_in_torch(torch, mask, block_size):
    q, k, v = operands((1, 1), 2, 2, 4, 3, dtype=np.float32)
    mask = np.float32(mask)
    found = attention(q, k, v, mask, block_size=block_size)[0]
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.from_numpy, (q, k, v, mask))
    )
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)  # some ten roundings of float32


def test_even_weights_below_every_score_have_the_gradient_of_even_weights():
    # In ln Σ exp of such a row the ln 2 is lost beside the mask; the gradients must not lose it.
    q, k, v = operands((), 1, 2, 3, 2, dtype=np.float32)
    low = attention(q, k, v, np.full((1, 2), -3e38, np.float32))
    dy = normal((1, 2), 5, np.float32)
    np.testing.assert_allclose(low[1](dy)[2], np.repeat(dy / 2, 2, axis=0), rtol=1e-6)


@pytest.mark.parametrize("where", ["key", "value"])
def test_nan_under_a_mask_and_after_the_present_is_as_in_torch(torch, where):
    # As its kernel for four axes and values as wide as keys does it; elsewhere it adds causal masks too.
    q, k, v = operands((1, 1), 2, 2, 4, 4, dtype=np.float32)
    (k if where == "key" else v)[..., 1, :] = NAN
    tensors = [torch.from_numpy(x) for x in (q, k, v)]
    for options in ({"is_causal": True}, {"attn_mask": np.tri(2, dtype=bool)}):
        given = {n: torch.from_numpy(x) if n == "attn_mask" else x for n, x in options.items()}
        expected = torch.nn.functional.scaled_dot_product_attention(*tensors, **given).numpy()
        found = attention(q, k, v, **options)[0]
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


# --- blocks


@given(
    st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(["none", "causal", "bool", "float", "heads"]),
    st.integers(1, 10),
    seeds,
)
@example((2, 9, 5), "causal", 2, 0)
def test_blocks_of_any_size_give_what_the_plain_form_gives(size, kind, block_size, seed):
    B, L, S = size
    q, k, v = operands((2, B), L, S, 3, 2, seed)
    options = {
        "none": {},
        "causal": {"is_causal": True},
        "bool": {"attn_mask": bools((L, S), seed)},
        "float": {"attn_mask": normal((B, 1, S), seed)},
        "heads": {"attn_mask": normal((2, 1, L, 1), seed)},
    }[kind]
    plain = attention(q, k, v, **options, block_size=10)  # one block holds all scores of a head
    assert_same(attention(q, k, v, **options, block_size=block_size), plain, **SUMS)


@pytest.mark.parametrize("lead", [(), (3,), (9,)])
@pytest.mark.parametrize("is_causal", [False, True])
def test_large_scores_are_cut_by_itself_and_give_the_same(lead, is_causal):
    # More scores than a block has: heads in groups, and for few heads shares of the keys.
    L, S = (1100, 1030) if len(lead) == 0 else (300, 600)
    q, k, v = operands(lead, L, S, 2, 3)
    found = attention(q, k, v, is_causal=is_causal)
    # Sums of 1100 weights, and of gradients over 600 queries, in another order.
    assert_same(found, attention(q, k, v, is_causal=is_causal, block_size=2000), roundings=256)


def test_scores_that_grow_from_block_to_block_do_not_overflow():
    # The running maximum goes from −1000 to 1000: without it exp would overflow, or all be 0.
    q = np.ones((1, 1), np.float32)
    k = np.linspace(-1000, 1000, 9, dtype=np.float32)[:, None]
    v = np.arange(9, dtype=np.float32)[:, None]
    for keys, last in ((k, 8.0), (k[::-1], 0.0)):
        y, pullback = attention(q, keys, v, block_size=2)
        np.testing.assert_array_equal(y, [[last]])
        dv = pullback(np.ones_like(y))[2]
        np.testing.assert_array_equal(np.flatnonzero(dv), [last])


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    pytest.importorskip("threadpoolctl")
    before = threads.get_num_threads()
    q, k, v = operands((2, 1), 520, 700, 4, 3, dtype=np.float32)
    dy = normal((2, 1, 520, 3), 9, np.float32)
    results = []
    try:
        for n in (1, 2, 3):
            threads.set_num_threads(n)
            y, pullback = attention(q, k, v, dropout_p=0.1, rng=1)
            results.append((y, *pullback(dy)))
    finally:
        threads.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_memory_grows_with_the_length_and_not_with_its_square():
    def peak(T):
        q, k, v = operands((1,), T, T, 4, 4, dtype=np.float32)
        tracemalloc.start()
        try:
            y, pullback = attention(q, k, v, is_causal=True)
            pullback(y)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(8)  # what is set up once is set up here
    short, long = peak(1024), peak(4096)
    assert long < 4096**2  # a quarter of one matrix of scores in float32
    assert long < 4 * short


# --- masks and empty axes


@pytest.mark.parametrize("block_size", [None, 2])
@pytest.mark.parametrize("kind", [bool, float])
def test_a_query_whose_keys_are_all_masked_gets_0_and_gives_gradients_of_0(kind, block_size):
    q, k, v = operands((2,), 3, 5, 4, 2)
    mask = np.ones((3, 5), bool)
    mask[1] = False
    given = mask if kind is bool else np.where(mask, 0.0, -np.inf)
    y, pullback = attention(q, k, v, given, block_size=block_size)
    grads = pullback(normal(y.shape, 3))
    np.testing.assert_array_equal(y[:, 1], 0)
    np.testing.assert_array_equal(grads[0][:, 1], 0)
    assert all(np.isfinite(dx).all() for dx in (y, *grads))
    assert (y[:, [0, 2]] != 0).all()
    # Keys and values learn from the other queries alone.
    dy = normal(y.shape, 3)
    dy[:, 1] = 0
    for dx, alone in zip(grads, pullback(dy), strict=True):
        np.testing.assert_array_equal(dx, alone)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 0, 0)])
def test_empty_batches_queries_and_keys_give_zeros_of_the_right_shape(shape):
    B, L, S = shape
    q, k, v = operands((B,), L, S, 4, 2, dtype=np.float32)
    for options in ({}, {"is_causal": True}, {"attn_mask": np.ones((L, S), np.float32)}):
        y, pullback = attention(q, k, v, **options)
        np.testing.assert_array_equal(y, np.zeros((B, L, 2), np.float32), strict=True)
        for dx, x in zip(pullback(y), [q, k, v, *options.values()], strict=False):
            np.testing.assert_array_equal(dx, np.zeros_like(x), strict=True)


@given(calls(), seeds)
def test_the_pullback_is_the_derivative(call, seed):
    (*shapes, mask_shape), kind, options = call
    arrays = [normal(s, seed + i) for i, s in enumerate(shapes)]
    if kind == "float":
        arrays.append(normal(mask_shape, seed + 3))
    elif kind == "bool":
        options["attn_mask"] = bools(mask_shape, seed)
    check_pullback(attention, *arrays, **options, block_size=2)
    check_pullback(attention, *arrays, **options, dropout_p=0.4, rng=seed)


def test_heads_split_from_one_array_give_the_same_as_copies():
    # (N, T, heads, E) seen as (N, heads, T, E), as a layer has it: rows of a head are far apart.
    q, k, v = [normal((2, 6, 3, 4), i).transpose(0, 2, 1, 3) for i in range(3)]
    assert_same(attention(q, k, v), attention(q.copy(), k.copy(), v.copy()), roundings=0)


# --- dropout


def weights_and_dropped(seed, p=0.3, **options):
    """Return the weights without dropout and with it: those of values that are unit vectors."""
    q, k, _ = operands((2, 3), 7, 9, 4, 1)
    one = np.eye(9)
    plain = attention(q, k, one, **options)[0]
    return plain, attention(q, k, one, dropout_p=p, rng=seed, **options)[0]


@pytest.mark.parametrize("block_size", [None, 4])
def test_dropout_leaves_out_weights_and_scales_the_others(block_size):
    plain, dropped = weights_and_dropped(1, block_size=block_size)
    left_out = dropped == 0
    np.testing.assert_allclose(dropped[~left_out], plain[~left_out] / 0.7, rtol=1e-6)
    n = left_out.size  # six standard deviations of the share
    assert abs(left_out.mean() - 0.3) < 6 * np.sqrt(0.3 * 0.7 / n)
    blocks = left_out.reshape(6, -1)  # no head is left the weights of another
    assert len({row.tobytes() for row in blocks}) == 6


def test_all_or_no_weights_may_be_left_out():
    plain, dropped = weights_and_dropped(1, p=1.0)
    np.testing.assert_array_equal(dropped, np.zeros_like(plain))
    np.testing.assert_array_equal(weights_and_dropped(None, p=0.0)[1], plain)


def test_a_seed_draws_the_same_again_and_a_generator_goes_on():
    first, again = weights_and_dropped(1)[1], weights_and_dropped(1)[1]
    np.testing.assert_array_equal(first, again)
    assert (first != weights_and_dropped(2)[1]).any()
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(weights_and_dropped(rng)[1], first)
    assert (weights_and_dropped(rng)[1] != first).any()


def test_without_rng_the_shared_generator_is_drawn_from_and_only_for_dropout():
    q, k, v = operands((2,), 4, 5, 3, 2)
    call = functional.scaled_dot_product_attention
    manual_seed(3)
    first = call(q, k, v, None, 0.5)
    second = call(q, k, v, dropout_p=0.5)
    assert (first != second).any()
    manual_seed(3)
    call(q, k, v)
    np.testing.assert_array_equal(call(q, k, v, dropout_p=0.5), first)


# --- halves


def test_halves_are_computed_in_float32_and_rounded_once(torch):
    q, k, v = [x * 30 for x in operands((2, 2), 5, 6, 64, 3, dtype=np.float16)]
    mask = normal((5, 6), 4, np.float32)
    y, pullback = attention(q, k, v, mask)
    wide, reference = attention(*[x.astype(np.float32) for x in (q, k, v)], mask)
    np.testing.assert_array_equal(y, wide.astype(np.float16), strict=True)
    dy = normal(y.shape, 8, np.float16)
    for dx, dz in zip(pullback(dy), reference(dy.astype(np.float32)), strict=True):
        assert dx.dtype == (np.float32 if dx.shape == mask.shape else np.float16)
        np.testing.assert_array_equal(dx, dz.astype(dx.dtype))


# --- what is not finite, and what is not needed


@pytest.mark.parametrize("block_size", [None, 1, 2])
def test_the_score_of_a_later_key_is_never_looked_at(block_size):
    q, k, v = operands((), 4, 4, 3, 3)
    expected = attention(q, k, v, is_causal=True)[0]
    k[3] = np.nan
    y = attention(q, k, v, is_causal=True, block_size=block_size)[0]
    assert_close(y[:3], expected[:3], **SUMS)
    assert np.isnan(y[3]).all()


@pytest.mark.parametrize(("block_size", "n_spared"), [(None, 0), (2, 2), (1, 3)])
def test_a_later_value_of_nan_reaches_the_earlier_queries_of_its_block(block_size, n_spared):
    q, k, v = operands((), 4, 4, 3, 3)
    v[3] = np.nan
    y = attention(q, k, v, is_causal=True, block_size=block_size)[0]
    np.testing.assert_array_equal(np.isnan(y).all(axis=-1), np.arange(4) >= n_spared)
    assert np.isfinite(y[:n_spared]).all()


def test_needs_that_are_not_told_are_not_needed():
    q, k, v = operands((), 2, 3, 4, 4)
    mask = np.zeros((2, 3))
    y, pullback = attention(q, k, v, mask, needs=(True,))
    dx = pullback(y)
    assert_close(dx[0], attention(q, k, v, mask)[1](y)[0])
    assert dx[1:] == (None, None, None)


# --- bad input


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        (((4,), (2, 4), (2, 4)), {}, r"takes query \(…, L, E\).*got query \(4,\)"),
        (((3, 4), (2, 5), (2, 4)), {}, r"query has 4 features, key has 5: query \(3, 4\)"),
        (((3, 4), (2, 4), (3, 4)), {}, r"there are 2 keys, but 3 values: .*value \(3, 4\)"),
        (((6, 3, 4), (2, 2, 4), (2, 2, 4)), {}, r"axes do not broadcast: query \(6, 3, 4\)"),
        (
            ((6, 3, 4), (4, 2, 4), (4, 2, 4)),
            {"enable_gqa": True},
            r"query heads that the heads of key and value divide, got query \(6, 3, 4\)",
        ),
        (((3, 4), (2, 4), (2, 4)), {"enable_gqa": True}, r"\(…, heads, length, features\)"),
        (
            ((3, 4), (2, 4), (2, 4)),
            {"attn_mask": np.ones((2, 3), bool)},
            r"attn_mask \(2, 3\) does not broadcast to the scores \(…, queries, keys\) \(3, 2\)",
        ),
        (
            ((3, 4), (2, 4), (2, 4)),
            {"attn_mask": np.ones((5, 3, 2), bool)},
            r"attn_mask \(5, 3, 2\) does not broadcast",
        ),
        (
            ((1, 3, 4), (1, 2, 4), (1, 2, 4)),
            {"attn_mask": np.ones((5, 3, 2), bool)},
            r"attn_mask \(5, 3, 2\) does not broadcast",
        ),
        (
            ((3, 4), (2, 4), (2, 4)),
            {"attn_mask": np.ones((3, 2), bool), "is_causal": True},
            "attn_mask or is_causal=True, not both",
        ),
        (((3, 4), (2, 4), (2, 4)), {"dropout_p": 1.5, "rng": 0}, "p is a probability, got 1.5"),
        (((3, 4), (2, 4), (2, 4)), {"dropout_p": 0.5}, "a seed or a generator as rng"),
        (((3, 4), (2, 4), (2, 4)), {"block_size": 0}, "positive whole number, got 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_shapes(shapes, options, message):
    with pytest.raises(ValueError, match=message):
        attention(*[np.ones(s) for s in shapes], **options)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            np.ones((3, 2), int),
            "bool (True = attend) or as float64 or float32 (added to the scores)",
        ),
        ([[True, False]], "takes an array or a Tensor as attn_mask, got list"),
        (np.ones((3, 2), np.float16), "got float16 (3, 2)"),
    ],
)
def test_a_mask_is_of_bools_or_of_the_dtype_of_the_query(mask, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        attention(np.ones((3, 4)), np.ones((2, 4)), np.ones((2, 4)), mask)


def test_operands_of_several_dtypes_are_refused():
    with pytest.raises(TypeError, match=r"floating arrays of one dtype, got query float32"):
        attention(np.ones((3, 4), np.float32), np.ones((2, 4)), np.ones((2, 4)))
