"""Additive attention: how well a key fits a query is told by a small network with one hidden layer.

Letters: L queries, S keys and values, A hidden units, D_q, D_k and E_v features of queries, keys and
values; … leading axes (batch), the same for all three or broadcast.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import (
    HALF,
    Array,
    Pullback,
    in_float32,
    no_array,
    require_same_dtype,
    shapes_of,
    sum_to,
)
from scratchnet.ops._attention_operands import require_mask
from scratchnet.ops.linear import linear

__all__ = ["additive_attention"]

_NAME = "additive_attention"


def additive_attention(
    query: Array,
    key: Array,
    value: Array,
    weight_query: Array,
    weight_key: Array | None,
    weight_score: Array,
    attn_mask: Array | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 7,
) -> tuple[tuple[Array, Array], Pullback]:
    """The values averaged for each query, and the weights: softmax(v · tanh(W_q query + W_k key)).

        h_ij = tanh(W_q q_i + W_k k_j)    e_ij = v · h_ij + mask_ij    p_ij = exp(e_ij) / Σ_k exp(e_ik)
        context_i = Σ_j p_ij value_j

        dvalue_j = Σ_i p_ij dcontext_i        dp_ij = dcontext_i · value_j + dweights_ij
        de_ij = p_ij (dp_ij − Σ_k dp_ik p_ik) = dmask_ij        dweight_score = Σ_ij de_ij h_ij
        da_ij = de_ij v ∘ (1 − h_ij²)    with a = W_q q_i + W_k k_j, so that
        d(W_q q_i) = Σ_j da_ij        d(W_k k_j) = Σ_i da_ij        and on through two linear maps

    query: (…, L, D_q) · key: (…, S, D_k) · value: (…, S, E_v) · weight_query: (A, D_q) ·
    weight_key: (A, D_k), or None if key is W_k key already, (…, S, A): a decoder that asks the same
    keys at every step projects them once · weight_score: v, (A,) → context: (…, L, E_v), weights:
    (…, L, S). attn_mask: broadcasts to (…, L, S), bool (True = attend) or float (added). needs: which
    of the gradients, in argument order, are wanted.

    h takes room for L·S·A numbers; `scaled_dot_product_attention` has no hidden layer and works in
    blocks. A query whose keys are all masked gets weights and context of 0, and gives gradients of 0.
    Source: Bahdanau, Cho & Bengio 2015, section 3.1 and appendix A.1.2.

    >>> one = np.ones((1, 1))
    >>> keys, values = np.array([[-9.0], [9.0]]), np.array([[1.0], [5.0]])
    >>> context, weights = additive_attention(one, keys, values, 0 * one, one, np.log([3.0]) / 2)[0]
    >>> weights.round(6)  # h is −1 and 1, so that the scores differ by ln 3
    array([[0.25, 0.75]])
    >>> context.round(6)
    array([[4.]])
    """
    operands: dict[str, Array | None] = {
        "query": query,
        "key": key,
        "value": value,
        "weight_query": weight_query,
        "weight_key": weight_key,
        "weight_score": weight_score,
    }
    for name, x in operands.items():
        if x is None and name != "weight_key":
            raise no_array(_NAME, x, name)
    require_same_dtype(_NAME, **operands)
    lead = _check_shapes(query, key, value, weight_query, weight_key, weight_score)
    if attn_mask is not None:
        scores = (*lead, query.shape[-2], key.shape[-2])
        require_mask(_NAME, attn_mask, (query.dtype,), scores, shapes_of(query=query, key=key))
        if attn_mask.dtype.kind == "f":
            operands["attn_mask"] = attn_mask
    if query.dtype == HALF:
        own = query, key, value, weight_query, weight_key, weight_score, attn_mask
        return in_float32(lambda *wide: additive_attention(*wide, needs=needs), *own)
    names = [name for name, x in operands.items() if x is not None]  # what has a gradient
    need = dict.fromkeys(names, False) | dict(zip(names, needs, strict=False))

    queries, queries_pullback = linear(  # (…, L, A)
        query, weight_query, needs=(need["query"], need["weight_query"])
    )
    keys, keys_pullback = key, None  # (…, S, A)
    if weight_key is not None:
        keys, keys_pullback = linear(key, weight_key, needs=(need["key"], need["weight_key"]))
    h = queries[..., :, None, :] + keys[..., None, :, :]  # (…, L, S, A)
    np.tanh(h, out=h)
    e = h @ weight_score  # (…, L, S)
    if e.shape[:-2] != lead:  # only the values have some of the leading axes
        e = np.broadcast_to(e, (*lead, *e.shape[-2:])).copy()
    p = _masked_softmax(e, attn_mask)
    context = p @ value  # (…, L, S) @ (…, S, E_v)

    need_scores = any(need[name] for name in names if name != "value")
    kept_h, kept_value, v = (h, value, weight_score) if need_scores else (None, None, None)
    kept_p = p if any(need.values()) else None
    value_shape, queries_shape, keys_shape = value.shape, queries.shape, keys.shape
    mask_shape = () if attn_mask is None else attn_mask.shape

    def pullback(dys: tuple[Array | None, Array | None]) -> tuple[Array | None, ...]:
        dcontext, dweights = dys
        found: dict[str, Array | None] = dict.fromkeys(names)
        if kept_p is None:
            return tuple(found.values())
        if need["value"]:
            found["value"] = np.zeros(value_shape, kept_p.dtype)
            if dcontext is not None:  # (…, S, L) @ (…, L, E_v)
                found["value"] = sum_to(kept_p.swapaxes(-1, -2) @ dcontext, value_shape)
        if kept_h is None or kept_value is None or v is None:
            return tuple(found.values())
        dp = np.zeros_like(kept_p)
        if dcontext is not None:
            dp += dcontext @ kept_value.swapaxes(-1, -2)  # (…, L, E_v) @ (…, E_v, S)
        if dweights is not None:
            dp += dweights
        de = kept_p * (dp - (dp * kept_p).sum(axis=-1, keepdims=True))  # (…, L, S)
        if need.get("attn_mask"):
            found["attn_mask"] = sum_to(de, mask_shape)
        de = sum_to(de, kept_h.shape[:-1])
        if need["weight_score"]:
            found["weight_score"] = np.tensordot(de, kept_h, axes=de.ndim)  # (A,)
        if any(need.get(name) for name in ("query", "key", "weight_query", "weight_key")):
            da = 1.0 - kept_h * kept_h  # (…, L, S, A)
            da *= de[..., None] * v
            dqueries = sum_to(da.sum(axis=-2), queries_shape)
            found["query"], found["weight_query"] = queries_pullback(dqueries)
            dkeys = sum_to(da.sum(axis=-3), keys_shape)
            if keys_pullback is not None:
                found["key"], found["weight_key"] = keys_pullback(dkeys)
            elif need["key"]:
                found["key"] = dkeys
        return tuple(found.values())

    return (context, p), pullback


def _masked_softmax(e: Array, attn_mask: Array | None) -> Array:
    """Return the softmax of the rows of e + mask, written into e; 0 in a row that is −∞ throughout."""
    if attn_mask is not None:
        hidden = attn_mask
        if attn_mask.dtype == np.bool_:
            hidden = np.where(attn_mask, e.dtype.type(0), e.dtype.type(-np.inf))
        e += hidden
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # NaN from ∞ − ∞; −∞ far below a huge maximum
        # A finite maximum, also of a row of −∞: all of that row's exponentials are then 0.
        e -= e.max(axis=-1, keepdims=True, initial=np.finfo(e.dtype).min)
        np.exp(e, out=e)
    z = e.sum(axis=-1, keepdims=True)
    z[z == 0] = 1.0
    e /= z
    return e


def _check_shapes(
    query: Array,
    key: Array,
    value: Array,
    weight_query: Array,
    weight_key: Array | None,
    weight_score: Array,
) -> tuple[int, ...]:
    """Return the leading axes, broadcast; raise unless the operands have the shapes of the docstring."""
    shapes = shapes_of(
        query=query,
        key=key,
        value=value,
        weight_query=weight_query,
        weight_key=weight_key,
        weight_score=weight_score,
    )
    units = weight_query.shape[:1]
    projected = key.shape[-1:] if weight_key is None else weight_key.shape[:1]
    if (
        min(query.ndim, key.ndim, value.ndim) < 2
        or weight_query.ndim != 2
        or (weight_key is not None and weight_key.ndim != 2)
    ):
        raise ValueError(
            f"{_NAME} takes query (…, L, D_q), key (…, S, D_k), value (…, S, E_v), weight_query "
            f"(A, D_q), weight_key (A, D_k) or None and weight_score (A,), got {shapes}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"there are {key.shape[-2]} keys, but {value.shape[-2]} values: {shapes}")
    if projected != units or weight_score.shape != units:
        raise ValueError(f"queries, keys and scores differ in their hidden units: {shapes}")
    try:
        return np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except ValueError:
        raise ValueError(f"{_NAME}: the leading axes do not broadcast: {shapes}") from None
