"""Attention: each query reads the values, weighted by how well their keys match it.

Letters: L queries, S keys and values, E features of queries and keys, E_v features of values; B all
leading axes (batch, heads) as one. In the code a block has b of the B, l of the L and s of the S: the
slices `heads`, `rows` and `cols`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from scratchnet.ops._array import (
    HALF,
    Array,
    Pullback,
    require_probability,
    require_same_dtype,
    shapes_of,
)
from scratchnet.ops._attention_mask import Mask, WeightDropout, hide_later
from scratchnet.ops._attention_operands import (
    Stacking,
    lead_of,
    require_attention_shapes,
    require_mask,
)
from scratchnet.ops._workspace import Workspace, run

__all__ = ["scaled_dot_product_attention"]

# Queries and keys in a block. Under a causal mask, smaller ones waste less on the diagonal.
BLOCK = (256, 512)
CAUSAL_BLOCK, LONG_CAUSAL_BLOCK = (128, 128), (256, 256)
LONG = 1024
# Scores in a block, of as many heads as fit: in float32 half a megabyte, which stays in a core's cache.
BLOCK_SCORES = 1 << 17
# If there is much to do, it is cut into at least so many tasks, for the threads to share. Their number
# has no part in it: it would show in the rounding.
LEAST_TASKS = 4

_NAME = "scaled_dot_product_attention"
_Place: TypeAlias = tuple[slice, slice, slice]  # heads, rows, cols


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    rng: int | np.random.Generator | None = None,
    block_size: int | None = None,
    needs: tuple[bool, ...] = (True, True, True, True),
) -> tuple[Array, Pullback]:
    """The values of all keys, averaged for each query with weights softmax(query · key).

        S = scale · Q Kᵀ + mask        P_ij = exp(S_ij) / Σ_k exp(S_ik)        Y = P V

        dV = Pᵀ dY        dP = dY Vᵀ        dS_ij = P_ij (dP_ij − D_i)        dmask = dS
        dQ = scale · dS K        dK = scale · dSᵀ Q

    with D_i = Σ_j dP_ij P_ij: a score that rises takes weight from all others of its row. Since
    dP = dY Vᵀ, it is dY_i · Y_i, for which a whole row of P need never exist. Dropout multiplies P by M,
    which is 0 with probability p and otherwise 1/(1 − p): Y = (P∘M) V, dV = (P∘M)ᵀ dY,
    dP = dY Vᵀ ∘ M, and D_i = dY_i · Y_i still.

    The L·S scores never exist at once. They are worked out in blocks, forwards with a running maximum
    m and sum z of each row, backwards once more from Q and K: memory grows with L + S (`_attend`,
    `_attend_backward`).

    query: (…, L, E) · key: (…, S, E) · value: (…, S, E_v) → y: (…, L, E_v); leading axes broadcast.
    attn_mask: broadcasts to (…, L, S); bool (True = attend; MultiheadAttention's key_padding_mask
    means the opposite) or float (added to the scores; its gradient may take room for L·S numbers, and
    is summed on one thread). is_causal: query i sees the keys j ≤ i, also where L ≠ S: query 0 sees
    key 0 alone. scale: 1/√E if None. enable_gqa: each head of key (axis −3), and each of value, serves
    a run of neighbouring heads of query. rng: what dropout draws from, an int (the same weights every
    time) or a Generator. block_size: how many queries and keys a block has, chosen by itself if None;
    one as large as L and S is the plain form. Dropout's draws depend on it; with finite inputs nothing
    else does beyond rounding. needs: which gradients (query, key, value, float mask) are wanted.

    A query whose keys are all masked, or that has none, gets 0, and gives gradients of 0. Blocks that
    is_causal hides whole are skipped; those that attn_mask hides are computed. Kept for the pullback:
    Q, K, V, Y, and of each query m and z; no score.
    A NaN under a mask stays NaN, as in torch. Under is_causal the score of a later key is never looked
    at, but its weight of 0 times a value of NaN or ∞ is NaN if query and key are in one block.
    Source: Vaswani et al. 2017, eq. 1; Milakov & Gimelshein 2018, alg. 3 (running softmax); Rabe &
    Staats 2021; Dao et al. 2022 (FlashAttention), alg. 2 and 4; Ainslie et al. 2023 (grouped queries).

    >>> keys, values = np.eye(2), np.array([[1.0], [5.0]])
    >>> query = np.log([[3.0, 1.0]])  # the scores are ln 3 and ln 1, so the weights ¾ and ¼
    >>> scaled_dot_product_attention(query, keys, values, scale=1.0)[0].round(12)
    array([[2.]])
    """
    require_same_dtype(_NAME, query=query, key=key, value=value)
    shapes = shapes_of(query=query, key=key, value=value)
    require_attention_shapes(_NAME, query, key, value, shapes)
    require_probability(_NAME, dropout_p)
    if is_causal and attn_mask is not None:
        raise ValueError(f"{_NAME} takes attn_mask or is_causal=True, not both")
    if dropout_p > 0 and rng is None:
        raise ValueError(f"{_NAME} takes a seed or a generator as rng to draw its dropout from")
    operands = query, key, value
    stackings = (
        Stacking(query.shape, query.dtype, 1),
        Stacking.of(_NAME, key, query, enable_gqa, shapes),
        Stacking.of(_NAME, value, query, enable_gqa, shapes),
    )
    lead = lead_of(_NAME, stackings, shapes)
    L, S, E = query.shape[-2], *key.shape[-2:]
    if attn_mask is not None:
        require_mask(_NAME, attn_mask, (query.dtype, np.float32), (*lead, L, S), shapes)

    dtype = np.dtype(np.float32) if query.dtype == HALF else query.dtype
    # (B, L, E), (B, S, E), (B, S, E_v)
    q, k, v = [s.stack(x, lead, dtype) for s, x in zip(stackings, operands, strict=True)]
    rules = _Rules(
        float(scale) if scale is not None else max(E, 1) ** -0.5,
        None if attn_mask is None else Mask(attn_mask, lead),
        is_causal,
        WeightDropout(dropout_p, rng) if dropout_p > 0 and rng is not None else None,
        _block_sizes(len(q), L, S, max(E, value.shape[-1]), is_causal, block_size),
    )
    y, m, z = _attend(q, k, v, rules)
    out = y.reshape(*lead, L, v.shape[-1]).astype(query.dtype, copy=False)

    has_mask_gradient = attn_mask is not None and attn_mask.dtype.kind == "f"
    needs = (*needs, False, False, False)[: 3 + has_mask_gradient]
    kept = (q, k, v, y, m, z, rules) if any(needs) else None
    stacked_y = y.shape

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        if kept is None:
            return (None,) * len(needs)
        *found, dmask = _attend_backward(np.reshape(dy, stacked_y), *kept, needs)
        grads = [
            None if dx is None else s.unstack(dx, lead)
            for dx, s in zip(found, stackings, strict=True)
        ]
        return (*grads, dmask) if has_mask_gradient else tuple(grads)

    return out, pullback


class _Rules(NamedTuple):
    """How scores come about, and in which blocks they are worked out."""

    scale: float
    mask: Mask | None
    is_causal: bool
    dropout: WeightDropout | None
    block: tuple[int, int, int]  # heads, queries and keys in a block


def _scores(q: Array, k: Array, rules: _Rules, place: _Place, workspace: Workspace) -> Array:
    """Return one block of S = Q Kᵀ + mask, q scaled already.   (b, l, E), (b, s, E) → (b, l, s)"""
    S = workspace("scores", (*q.shape[:2], k.shape[1]), q.dtype)
    np.matmul(q, k.swapaxes(-1, -2), out=S)
    if rules.mask is not None:
        rules.mask.add_to(S, *place)
    if rules.is_causal:
        hide_later(S, *place[1:])
    return S


def _attend(q: Array, k: Array, v: Array, rules: _Rules) -> tuple[Array, Array, Array]:
    """Return Y, and of each row of S its maximum m and z = Σ_j exp(S_ij − m_i).

    One block of keys after the other, S the block's scores, V its values, ′ for what is new:

        m′ = max(m, max_j S_j)        P̃ = exp(S − m′)
        z′ = z · exp(m − m′) + Σ_j P̃_j        Y′ = Y · exp(m − m′) + P̃ V        at the end, Y / z

    Dropout is of P̃ in Y′, and not in z′. `workspace(name, shape, dtype)` is the thread's memory of that
    name, with anything in it; `run` shares the blocks out to the threads.

    q: (B, L, E) · k: (B, S, E) · v: (B, S, E_v) → Y: (B, L, E_v), m: (B, L, 1), z: (B, L, 1)
    """
    (B, L), (S, E_v), dtype = q.shape[:2], v.shape[1:], q.dtype
    n_heads, n_rows, n_cols = rules.block
    key_blocks = _cut(S, n_cols)
    y, z = np.zeros((B, L, E_v), dtype), np.zeros((B, L, 1), dtype)
    # The lowest number stands for −∞, since −∞ − (−∞) would be NaN: where every key is masked, S − m
    # is still −∞ and P̃ is 0.
    m = np.full((B, L, 1), np.finfo(dtype).min, dtype)

    def work(block: tuple[slice, slice], workspace: Workspace) -> None:
        rows, heads = block
        q_i = q[heads, rows] * rules.scale  # (b, l, E)
        y_i, m_i, z_i = y[heads, rows], m[heads, rows], z[heads, rows]
        for cols in key_blocks:
            if rules.is_causal and cols.start >= rows.stop:
                break  # these keys and all after them are later than these queries
            place = (heads, rows, cols)
            p = _scores(q_i, k[heads, cols], rules, place, workspace)  # P̃ in the end: (b, l, s)
            old = m_i.copy()
            np.maximum(old, p.max(axis=-1, keepdims=True), out=m_i)
            p -= m_i
            np.exp(p, out=p)
            shrink = np.exp(old - m_i)
            z_i *= shrink
            z_i += p.sum(axis=-1, keepdims=True)
            if rules.dropout is not None:
                p *= rules.dropout(p, *place)
            y_i *= shrink
            _add_product(y_i, p, v[heads, cols], workspace)  # (b, l, s) @ (b, s, E_v)
        z_i[z_i == 0] = 1.0  # no key was seen: 0 / 1
        y_i /= z_i

    # Under a causal mask the last queries see most: they are begun first, and no thread ends late.
    run(work, [(rows, heads) for rows in reversed(_cut(L, n_rows)) for heads in _cut(B, n_heads)])
    return y, m, z


def _attend_backward(
    dy: Array,
    q: Array,
    k: Array,
    v: Array,
    y: Array,
    m: Array,
    z: Array,
    rules: _Rules,
    needs: tuple[bool, ...],
) -> tuple[Array | None, Array | None, Array | None, Array | None]:
    """Return dQ, dK, dV and dmask, None for those that are not needed.

    Block by block, P̃ = exp(S − m) is worked out again, and P = P̃ / z. The division is done once for each
    query instead of once for each score: dS = P ∘ (dP − D) = P̃ ∘ (dP′ − D′) and Pᵀ dY = P̃ᵀ dY′, where

        dY′ = dY / z        dP′ = dY′ Vᵀ        D′_i = dY′_i · Y_i

    and with dropout dP′ = dY′ Vᵀ ∘ M and (P̃∘M)ᵀ dY′. (FlashAttention keeps the one number m + ln z; in
    float32 ln z is rounded away beside a large m, as a mask of −10⁵ in all of a row makes it.)
    """
    (B, L, E), (S, E_v), dtype = q.shape, v.shape[1:], q.dtype
    n_heads, n_rows, n_cols = rules.block
    need_q, need_k, need_v, need_mask = (*needs, False)[:4]
    head_blocks, key_blocks = _cut(B, n_heads), _cut(S, n_cols)
    # With few heads the keys are shared out as well. Each share has a dQ of its own, added up at the end:
    # no two threads write to one place, and sums do not depend on which thread was quicker.
    n_shares = max(1, min(len(key_blocks), -(-LEAST_TASKS // max(1, len(head_blocks)))))
    dq = np.zeros((n_shares, B, L, E), dtype) if need_q else None
    dk = np.zeros((B, S, E), dtype) if need_k else None
    dv = np.zeros((B, S, E_v), dtype) if need_v else None
    dmask = rules.mask.zero_gradient(dtype) if need_mask and rules.mask is not None else None

    def work(tasks: Sequence[tuple[slice, int]], workspace: Workspace) -> None:
        for heads, share in tasks:
            for cols in key_blocks[share::n_shares]:
                for rows in _cut(L, n_rows):
                    if rules.is_causal and rows.stop <= cols.start:
                        continue  # all of these keys are later than all of these queries
                    place = (heads, rows, cols)
                    q_i = workspace("q", q[heads, rows].shape, dtype)  # (b, l, E)
                    np.multiply(q[heads, rows], rules.scale, out=q_i)
                    dy_i = workspace("dy", y[heads, rows].shape, dtype)  # (b, l, E_v)
                    np.divide(dy[heads, rows], z[heads, rows], out=dy_i)
                    p = _scores(q_i, k[heads, cols], rules, place, workspace)  # (b, l, s)
                    p -= m[heads, rows]
                    np.exp(p, out=p)
                    drop = None if rules.dropout is None else rules.dropout(p, *place)
                    if dv is not None:  # (b, s, l) @ (b, l, E_v)
                        weights = p if drop is None else p * drop
                        _add_product(dv[heads, cols], weights.swapaxes(-1, -2), dy_i, workspace)
                    if dq is None and dk is None and dmask is None:
                        continue
                    ds = workspace("dscores", p.shape, dtype)
                    np.matmul(dy_i, v[heads, cols].swapaxes(-1, -2), out=ds)  # dP′: (b, l, s)
                    if drop is not None:
                        ds *= drop
                    ds -= np.einsum("ble,ble->bl", dy_i, y[heads, rows])[..., None]  # D′
                    ds *= p
                    if dk is not None:  # (b, s, l) @ (b, l, E); the scale is in q
                        _add_product(dk[heads, cols], ds.swapaxes(-1, -2), q_i, workspace)
                    if dq is not None:  # (b, l, s) @ (b, s, E)
                        _add_product(dq[share, heads, rows], ds, k[heads, cols], workspace)
                    if dmask is not None and rules.mask is not None:
                        rules.mask.add_gradient(dmask, ds, *place)
            if dq is not None:
                dq[share, heads] *= rules.scale

    tasks = [(heads, share) for heads in head_blocks for share in range(n_shares)]
    # Several heads may add to one place of dmask: then all is one block for one thread.
    run(work, [[task] for task in tasks] if dmask is None else [tasks])
    total_q = None if dq is None else dq[0] if n_shares == 1 else dq.sum(axis=0)
    total_mask = None if dmask is None or rules.mask is None else rules.mask.gradient(dmask)
    return total_q, dk, dv, total_mask


def _block_sizes(
    B: int, L: int, S: int, width: int, is_causal: bool, block_size: int | None
) -> tuple[int, int, int]:
    """Return how many heads, queries and keys a block has; width: the features of a row, E or E_v."""
    if block_size is None:
        causal = CAUSAL_BLOCK if min(L, S) < LONG else LONG_CAUSAL_BLOCK
        n_rows, n_cols = causal if is_causal else BLOCK
    elif isinstance(block_size, int | np.integer) and block_size >= 1:
        n_rows = n_cols = int(block_size)
    else:
        raise ValueError(f"{_NAME}: block_size is a positive whole number, got {block_size!r}")
    n_rows, n_cols = max(1, min(n_rows, L)), max(1, min(n_cols, S))
    # A block's part of dK has s · E numbers: with few queries these are more than its scores.
    n_heads = BLOCK_SCORES // max(n_rows * n_cols, max(n_rows, n_cols) * width)
    if B * L * S > BLOCK_SCORES:
        n_heads = min(n_heads, B // LEAST_TASKS)
    return max(1, min(n_heads, B)), n_rows, n_cols


def _cut(n: int, size: int) -> list[slice]:
    """Return the slices of this size that make up n entries; the last may be shorter."""
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def _add_product(total: Array, x: Array, y: Array, workspace: Workspace) -> None:
    """total += x @ y"""
    product = workspace("product", total.shape, total.dtype)
    total += np.matmul(x, y, out=product)
