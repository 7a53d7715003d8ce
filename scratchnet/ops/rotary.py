"""Rotary positions: a query and a key are turned by their positions, so their product knows the distance.

Letters: T positions, E features, which are turned in pairs, number i = 0 … E/2 − 1.
"""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float

__all__ = ["rotary_embedding"]


def rotary_embedding(
    x: Array, positions: int | Array = 0, base: float = 10000.0, interleaved: bool = False
) -> tuple[Array, Pullback]:
    """Pair i of the features, (a, b), turned by the angle φ = position · θ_i, θ_i = base^(−2i/E).

        y_a = x_a cos φ − x_b sin φ        (a, b) = (i, i + E/2), interleaved (2i, 2i + 1)
        y_b = x_a sin φ + x_b cos φ        dx = dy turned back, by −φ

    A rotation is orthogonal, so its transpose undoes it. ⟨query turned by p, key turned by q⟩ depends on
    p − q alone: attention sees how far apart two tokens are. The norm of each vector is unchanged.

    x: (…, T, E), E even → y like x. positions: the position of the first of the T (with a key-value
    cache: how many went before), or integers that broadcast to (…, T), one for each row. interleaved:
    False is the order of GPT-NeoX and Llama, True that of the paper and GPT-J; weights trained with
    one order need that order. No gradient for positions.
    Source: Su et al. 2021 (RoFormer), section 3.2.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> rotary_embedding(x)[0].round(4)  # position 1 is turned by 1 radian: cos 1, sin 1
    array([[1.    , 0.    ],
           [0.5403, 0.8415]])
    """
    x = as_float(x)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(
            f"rotary_embedding takes x (…, T, E) with an even number E of features, got {x.shape}"
        )
    if not base > 0:  # or NaN
        raise ValueError(f"rotary_embedding takes a positive base, got {base}")
    E = x.shape[-1]
    where = _positions(positions, x.shape[:-1])  # broadcasts to (…, T)
    frequencies = float(base) ** (-np.arange(0, E, 2) / max(E, 1))  # θ, (E/2,)
    angles = where[..., None] * frequencies  # in float64: position 100,000 still has 11 digits
    # Halves are turned in float32 and rounded once.
    dtype = np.result_type(x.dtype, np.float32)
    cos, sin = np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)  # (…, T, E/2)
    first, second = (
        (slice(0, None, 2), slice(1, None, 2))
        if interleaved
        else (slice(0, E // 2), slice(E // 2, None))
    )

    def turned(a: Array, sin: Array) -> Array:
        left, right = a[..., first], a[..., second]
        out = np.empty(a.shape, x_dtype)
        out[..., first] = left * cos - right * sin
        out[..., second] = left * sin + right * cos
        return out

    x_dtype = x.dtype

    def pullback(dy: Array) -> tuple[Array]:
        return (turned(dy, -sin),)

    return turned(x, sin), pullback


def _positions(positions: int | Array, rows: tuple[int, ...]) -> Array:
    """Return the position of every row (…, T) as an array that broadcasts to it."""
    given = np.asarray(positions)
    if given.dtype.kind not in "iu":
        raise TypeError(
            f"rotary_embedding takes whole numbers as positions, got {given.dtype} {given.shape}"
        )
    if given.ndim == 0:
        return given + np.arange(rows[-1])
    missing = len(rows) - given.ndim
    if missing < 0 or any(
        n not in (1, whole) for n, whole in zip(given.shape, rows[max(0, missing) :], strict=False)
    ):
        raise ValueError(f"positions {given.shape} do not broadcast to the rows of x, {rows}")
    return given
