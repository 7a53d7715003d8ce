"""Embedding: tokens become vectors, each read from its row of a learned table.

Letters: V tokens in the vocabulary, D features of each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchnet.ops._array import (
    HALF,
    Array,
    Pullback,
    require_same_dtype,
    whole_number,
    whole_numbers,
)

__all__ = ["embedding"]

_PIECE = 1 << 14  # numbers added at a time


def embedding(
    input: Array, weight: Array, padding_idx: int | None = None
) -> tuple[Array, Pullback]:
    """Rows of a table: for each token the vector that stands in its row.

        y[…] = W[t[…]],   t: the input
        ∂L/∂W[v] = Σ dy[…] over all places … with t[…] = v;   0 for v = padding_idx

    A token that occurs often gets the sum of all its gradients, one that does not occur gets 0. It is
    the product of one-hot rows with W, without laying those out.

    input: integers (…) from 0 to V − 1 · weight: (V, D) → y: (…, D)
    padding_idx: the token that fills up short sequences; its row is read like any other, but gets no
    gradient. A negative one counts from the end.
    Raises IndexError for a token outside of the vocabulary, negative ones too.

    >>> y, pullback = embedding(np.array([2, 0, 2]), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    >>> y
    array([[4., 5.],
           [0., 1.],
           [4., 5.]])
    >>> pullback(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))[0]
    array([[2., 2.],
           [0., 0.],
           [4., 4.]])
    """
    require_same_dtype("embedding", weight=weight)
    if weight.ndim != 2:
        raise ValueError(f"embedding takes weight (vocabulary, features), got {weight.shape}")
    shape, dtype = weight.shape, weight.dtype
    if padding_idx is not None:
        padding_idx = whole_number("padding_idx", padding_idx)
        if not -shape[0] <= padding_idx < shape[0]:
            raise ValueError(f"padding_idx {padding_idx} is none of the {shape[0]} rows of weight")
    tokens = _tokens(input, shape[0])
    y = weight.take(tokens, axis=0)

    def pullback(dy: Array) -> tuple[Array]:
        of_sums = np.dtype(np.float32) if dtype == HALF else dtype  # halves end at 65504
        dweight = _add_rows(tokens, dy.astype(of_sums, copy=False), shape)
        if padding_idx is not None:
            dweight[padding_idx] = 0.0
        return (dweight.astype(dtype, copy=False),)

    return y, pullback


def _add_rows(tokens: Array, dy: Array, shape: tuple[int, int]) -> Array:
    """Return zeros (V, D) with each row of dy (…, D) added to the row of its token.

    np.add.at runs at full speed for single numbers only, not for rows: entry d of row v is number
    v·D + d of the table. In pieces, so that these numbers stay in the cache. For a text of 100,000
    tokens and D = 128 this takes a quarter of the time of np.add.at by rows and a third of that of
    sorting and np.add.reduceat, with vocabularies of 65 and of 30,000.
    """
    features = shape[1]
    sums = np.zeros(shape[0] * features, dy.dtype)
    first, entries = tokens.reshape(-1) * features, dy.reshape(-1)
    rows = max(1, _PIECE // max(1, features))  # in a piece
    for start in range(0, len(first), rows):
        at = first[start : start + rows, None] + np.arange(features)  # (rows, D)
        np.add.at(sums, at.reshape(-1), entries[start * features : (start + rows) * features])
    return sums.reshape(shape)


def _tokens(input: Any, size: int) -> Array:
    """Return the tokens as an array of indices; raise unless each is one of a vocabulary of this size."""
    tokens = whole_numbers("embedding: tokens", input)
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < size):
        wrong = np.argwhere((tokens < 0) | (tokens >= size))[0]
        at = tuple(wrong.tolist())
        raise IndexError(
            f"token {tokens[at]} at position {at[0] if len(at) == 1 else at} is outside of the "
            f"vocabulary of {size}" + (f": 0 … {size - 1}" if size else "")
        )
    return tokens.astype(np.intp, copy=False)
