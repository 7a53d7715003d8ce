"""Masks of the attention layers: a bool says which keys to ignore, floats are added to the scores.

`scaled_dot_product_attention` takes the opposite bool, True = attend; what is returned here is in its
polarity.

Letters: N batch, H heads, L queries, S keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.autograd import Tensor
from scratchnet.ops._array import Array, no_array


def later_keys(n_queries: int, n_keys: int) -> npt.NDArray[np.bool_]:
    """Return (L, S): True where the key comes after the query, key j > query i."""
    return ~np.tri(n_queries, n_keys, dtype=bool)


def is_causal_mask(mask: Any) -> bool:
    """Whether a mask (L, S) ignores exactly the keys after each query, and changes nothing else."""
    if not isinstance(mask, Tensor) or mask.ndim != 2 or mask.requires_grad:
        return False
    values, later = mask.data, later_keys(*mask.shape)
    if values.dtype == bool:
        return np.array_equal(values, later)
    return np.array_equal(np.isneginf(values), later) and not values[~later].any()


def merged_mask(
    layer: str,
    attn_mask: Any,
    key_padding_mask: Any,
    is_causal: bool,
    batch: tuple[int, ...],
    sizes: tuple[int, int, int],
    dtype: np.dtype[Any],
    n_extra: int = 0,
) -> Any:
    """Return one mask that broadcasts to (N, H, L, S + n_extra), or None where nothing is masked.

    A key is attended to where no mask ignores it; floats are summed. The result is bool, True =
    attend, if no floats came in, else floats of this dtype to be added, −∞ where a bool ignores.

    attn_mask: (L, S) or (N·H, L, S) · key_padding_mask: (N, S) · batch: (N,), or () for one sequence
    without N · sizes: (H, L, S) · n_extra: how many keys follow that no mask touches.
    """
    n, (h, l, s) = prod(batch), sizes
    masks: list[Any] = []
    shapes: dict[tuple[int, ...], tuple[int, ...]]
    if attn_mask is not None:
        shapes = {(l, s): (1, 1, l, s), (n * h, l, s): (n, h, l, s)}
        masks.append(reshaped_mask(layer, "attn_mask", attn_mask, shapes))
    if key_padding_mask is not None:
        shapes = {(*batch, s): (n, 1, 1, s)}
        masks.append(reshaped_mask(layer, "key_padding_mask", key_padding_mask, shapes))
    ignored: Array | None = later_keys(l, s)[None, None] if is_causal else None
    added = None
    for mask in masks:
        if mask.dtype == bool:
            ignored = mask.data if ignored is None else ignored | mask.data
        else:
            mask = mask.to(dtype)
            added = mask if added is None else added + mask
    if n_extra and ignored is not None:
        ignored = np.pad(ignored, [(0, 0)] * 3 + [(0, n_extra)])
    if n_extra and added is not None:
        added = functional.pad(added, (0, n_extra))
    if added is None:
        return None if ignored is None else ~ignored
    return added if ignored is None else functional.where(ignored, -np.inf, added)


def reshaped_mask(
    layer: str,
    name: str,
    mask: Any,
    shapes: Mapping[tuple[int, ...], tuple[int, ...]],
) -> Any:
    """Return the mask in the shape that `shapes` gives for its own; raise if it gives none."""
    if not isinstance(getattr(mask, "dtype", None), np.dtype):
        raise no_array(layer, mask, name)
    if mask.dtype != bool and mask.dtype.kind != "f":
        raise TypeError(
            f"{layer}: {name} is bool (True = ignore) or floats to be added, got {mask.dtype} "
            f"{mask.shape}"
        )
    if mask.shape not in shapes:
        raise ValueError(
            f"{layer}: {name} has the shape {' or '.join(map(str, shapes))}, got {mask.shape}"
        )
    return mask.reshape(shapes[mask.shape])
