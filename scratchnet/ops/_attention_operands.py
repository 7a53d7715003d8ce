"""What attention takes: which shapes fit, and leading axes brought to one, and back for the gradients.

Letters: as in `attention.py`: B all leading axes as one, L queries, S keys, E and E_v features.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import Array, no_array, sum_to

__all__ = ["Stacking", "lead_of", "require_attention_shapes", "require_mask"]


def require_attention_shapes(
    name: str, query: Array, key: Array, value: Array, shapes: str
) -> None:
    """Raise unless these are (…, L, E), (…, S, E) and (…, S, E_v)."""
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(
            f"{name} takes query (…, L, E), key (…, S, E) and value (…, S, E_v), got {shapes}"
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"query has {query.shape[-1]} features, key has {key.shape[-1]}: {shapes}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"there are {key.shape[-2]} keys, but {value.shape[-2]} values: {shapes}")


def require_mask(
    name: str,
    attn_mask: Array,
    dtypes: Sequence[npt.DTypeLike],
    scores: tuple[int, ...],
    shapes: str,
) -> None:
    """Raise unless this is a mask of bools, or of one of the dtypes, that broadcasts to the scores."""
    if not isinstance(attn_mask, np.ndarray | np.generic):
        raise no_array(name, attn_mask, "attn_mask")
    if attn_mask.dtype not in (np.bool_, *dtypes):
        added = " or ".join(dict.fromkeys(str(np.dtype(d)) for d in dtypes))
        raise TypeError(
            f"{name} takes attn_mask as bool (True = attend) or as {added} (added to the scores), "
            f"got {attn_mask.dtype} {attn_mask.shape}"
        )
    missing = len(scores) - attn_mask.ndim
    pairs = zip(attn_mask.shape, scores[max(0, missing) :], strict=False)
    if missing < 0 or any(n not in (1, whole) for n, whole in pairs):
        raise ValueError(
            f"attn_mask {attn_mask.shape} does not broadcast to the scores (…, queries, keys) "
            f"{scores}: {shapes}"
        )


class Stacking(NamedTuple):
    """How an array (…, n, features) becomes a stack of matrices (B, n, features), and its gradient back.

    repeats: how many heads of query each head of this array serves (grouped queries), else 1
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]
    repeats: int

    @classmethod
    def of(cls, name: str, x: Array, query: Array, enable_gqa: bool, shapes: str) -> Stacking:
        if not enable_gqa:
            return cls(x.shape, x.dtype, 1)
        if min(query.ndim, x.ndim) < 3 or query.shape[-3] % max(1, x.shape[-3]):
            raise ValueError(
                f"{name} with enable_gqa=True takes (…, heads, length, features) with a number of "
                f"query heads that the heads of key and value divide, got {shapes}"
            )
        return cls(x.shape, x.dtype, query.shape[-3] // max(1, x.shape[-3]))

    @property
    def repeated(self) -> tuple[int, ...]:
        """Return the shape with every head repeated."""
        if self.repeats == 1:
            return self.shape
        return (*self.shape[:-3], self.shape[-3] * self.repeats, *self.shape[-2:])

    def stack(self, x: Array, lead: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return x as (B, n, features), a copy where heads are repeated or far apart in memory."""
        if self.repeats > 1:
            x = np.repeat(x, self.repeats, axis=-3)
        matrix = x.shape[-2:]
        x = np.broadcast_to(x, (*lead, *matrix)).reshape(prod(lead), *matrix)
        return np.ascontiguousarray(x, dtype)

    def unstack(self, dx: Array, lead: tuple[int, ...]) -> Array:
        """Return the gradient in the shape and dtype of x, summed over what was repeated."""
        dx = sum_to(dx.reshape(*lead, *dx.shape[-2:]), self.repeated)
        if self.repeats > 1:
            dx = dx.reshape(*self.shape[:-2], self.repeats, *self.shape[-2:]).sum(axis=-3)
        return dx.astype(self.dtype, copy=False)


def lead_of(name: str, stackings: tuple[Stacking, ...], shapes: str) -> tuple[int, ...]:
    """Return the leading axes that all operands are broadcast to."""
    try:
        return np.broadcast_shapes(*[s.repeated[:-2] for s in stackings])
    except ValueError:
        raise ValueError(f"{name}: the leading axes do not broadcast: {shapes}") from None
