"""What is done to a block of attention's scores: masks hide keys, dropout leaves out weights.

Letters: B all leading axes as one, L queries, S keys. The slices `heads`, `rows` and `cols` of B, L and S
say which block of the scores (B, L, S) is meant.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import Array

__all__ = ["Mask", "WeightDropout", "hide_later"]


def hide_later(scores: Array, rows: slice, cols: slice) -> None:
    """Set the scores of query i and key j > i to −∞, whatever they were, NaN too."""
    if cols.stop - 1 > rows.start:
        queries, keys = np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)
        np.copyto(scores, -np.inf, where=keys > queries[:, None])


class Mask:
    """A mask of any shape that broadcasts to the scores (*lead, L, S), read block by block."""

    def __init__(self, attn_mask: Array, lead: tuple[int, ...]) -> None:
        self._shape, self._dtype = attn_mask.shape, attn_mask.dtype
        shape = (1,) * (len(lead) + 2 - attn_mask.ndim) + attn_mask.shape
        self._planes = attn_mask.reshape(prod(shape[:-2]), *shape[-2:])  # (n, 1 or L, 1 or S)
        # The plane that belongs to each of the B matrices of scores.
        numbers = np.arange(len(self._planes)).reshape(shape[:-2])
        self._plane_of = np.broadcast_to(numbers, lead).reshape(prod(lead))
        self._repeated = tuple(axis for axis in (1, 2) if self._planes.shape[axis] == 1)

    def add_to(self, scores: Array, heads: slice, rows: slice, cols: slice) -> None:
        """scores += mask, where True is 0 and False is −∞."""
        # One plane for all needs no copy, and no conversion for each head.
        planes = slice(None) if len(self._planes) == 1 else self._plane_of[heads]
        block = self._planes[(planes, *self._inside(rows, cols))]
        if block.dtype == np.bool_:
            block = np.where(block, scores.dtype.type(0), scores.dtype.type(-np.inf))
        scores += block

    def zero_gradient(self, dtype: npt.DTypeLike) -> Array:
        """Return zeros for `add_gradient` to add to."""
        return np.zeros(self._planes.shape, dtype)

    def add_gradient(
        self, total: Array, dscores: Array, heads: slice, rows: slice, cols: slice
    ) -> None:
        """total += dscores, summed over the axes along which the mask was repeated."""
        sums = dscores.sum(axis=self._repeated, keepdims=True)
        inside = self._inside(rows, cols)
        for plane, dplane in zip(self._plane_of[heads], sums, strict=True):
            total[(plane, *inside)] += dplane

    def gradient(self, total: Array) -> Array:
        """Return the finished sum in the shape and dtype of the mask."""
        return total.reshape(self._shape).astype(self._dtype, copy=False)

    def _inside(self, rows: slice, cols: slice) -> tuple[slice, slice]:
        _, n_rows, n_cols = self._planes.shape
        return slice(None) if n_rows == 1 else rows, slice(None) if n_cols == 1 else cols


class WeightDropout:
    """Dropout of attention weights, drawn anew for a block each time that it is asked for.

    A block's draws come from Philox, whose state is a key and a counter (Salmon et al. 2011): the key
    is drawn once, the counter is the block's place. So the backward pass meets the same weights without
    any of them being kept.
    """

    def __init__(self, p: float, rng: int | np.random.Generator) -> None:
        self._p = p
        self._scale = 1.0 / (1.0 - float(p)) if p < 1 else 0.0
        self._key = int(np.random.default_rng(rng).integers(2**63))

    def __call__(self, weights: Array, heads: slice, rows: slice, cols: slice) -> Array:
        """Return 0 with probability p, otherwise 1/(1 − p), for a block of weights (b, l, s)."""
        # The first word counts what is drawn: the streams of two blocks never meet.
        counter = [0, cols.start, rows.start, heads.start]
        rng = np.random.Generator(np.random.Philox(key=self._key, counter=counter))
        return (rng.random(weights.shape, np.float32) >= self._p) * weights.dtype.type(self._scale)
