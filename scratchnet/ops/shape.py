"""Rearrangements: the same entries in another shape, order, or place.

Each is a linear map that copies entries and never mixes them; its pullback is the transposed map
(the adjoint), which carries every gradient entry back to where its value came from, and adds where
one value went to several places.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, is_differentiable, resolve_dim, sum_to

__all__ = [
    "broadcast_to",
    "concatenate",
    "getitem",
    "permute",
    "reshape",
    "split",
    "stack",
    "transpose",
]


def reshape(x: Array, shape: Sequence[int]) -> tuple[Array, Pullback]:
    """The same entries, in the same order, under another shape; one length may be −1.

    y = x under the new shape
    ∂L/∂x = dy under the old shape
    """
    old = x.shape
    try:
        if min(shape, default=0) < -1:  # NumPy takes any negative length for −1
            raise ValueError
        y = x.reshape(shape)
    except ValueError:
        raise ValueError(f"reshape: x {old} has {x.size} entries, shape {tuple(shape)}") from None

    def pullback(dy: Array) -> tuple[Array]:
        return (dy.reshape(old),)

    return y, pullback


def flat_shape(shape: tuple[int, ...], start_dim: int = 0, end_dim: int = -1) -> tuple[int, ...]:
    """Return the shape in which the axes from start_dim to end_dim are one."""
    if not shape:
        return (1,)
    start, end = resolve_dim(start_dim, len(shape)), resolve_dim(end_dim, len(shape))
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in {shape}")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def permute(x: Array, dims: Sequence[int]) -> tuple[Array, Pullback]:
    """Axes in another order: axis i of the result is axis dims[i] of x.

    y = x with permuted axes
    ∂L/∂x = dy with the inverse permutation
    """
    order = tuple(resolve_dim(d, x.ndim) for d in dims)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"permute: dims {tuple(dims)} is no permutation of the axes of x {x.shape}"
        )
    inverse = np.argsort(order)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy.transpose(inverse),)

    return x.transpose(order), pullback


def transpose(x: Array, dim0: int, dim1: int) -> tuple[Array, Pullback]:
    """Two axes exchanged.

    y = x with axes dim0 and dim1 exchanged
    ∂L/∂x = dy with the same two exchanged again
    """
    a, b = resolve_dim(dim0, x.ndim), resolve_dim(dim1, x.ndim)

    def pullback(dy: Array) -> tuple[Array]:
        return (dy.swapaxes(a, b) if dy.ndim else dy,)

    return x.swapaxes(a, b) if x.ndim else x, pullback


def broadcast_to(x: Array, shape: Sequence[int]) -> tuple[Array, Pullback]:
    """Entries repeated along new axes and axes of length 1, without a copy (torch: `expand`).

        y[…] = x[…]
        ∂L/∂x = Σ dy over the repeated axes

    A length of −1 keeps the one that x has there.
    """
    old = x.shape
    kept = (*[-1] * (len(shape) - x.ndim), *old)
    wanted = tuple(k if n == -1 else n for n, k in zip(shape, kept, strict=False))
    try:
        y = np.broadcast_to(x, wanted)
    except ValueError:
        raise ValueError(f"broadcast_to: x {old} does not fit into {tuple(shape)}") from None

    def pullback(dy: Array) -> tuple[Array]:
        return (sum_to(dy, old),)

    return y, pullback


def concatenate(tensors: Sequence[Array], dim: int = 0) -> tuple[Array, Pullback]:
    """Arrays joined along an axis that they have.

    y = [x₀, x₁, …]
    ∂L/∂xᵢ = the part of dy that xᵢ fills
    """
    arrays = [np.asarray(x) for x in tensors]
    _require_arrays("concatenate", tensors, arrays)
    if arrays[0].ndim == 0:
        raise ValueError("concatenate takes arrays with an axis, got a number: stack makes one")
    axis = resolve_dim(dim, arrays[0].ndim)
    others = [x.shape[:axis] + x.shape[axis + 1 :] for x in arrays]
    if any(x.ndim != arrays[0].ndim or o != others[0] for x, o in zip(arrays, others, strict=True)):
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise ValueError(f"concatenate: shapes differ outside dim {dim}: {shapes}")
    ends = np.cumsum([x.shape[axis] for x in arrays])[:-1]
    entries = [(i, x.dtype) for i, x in enumerate(arrays) if is_differentiable(tensors[i])]

    def pullback(dy: Array) -> tuple[Array, ...]:
        parts = np.split(dy, ends, axis=axis)
        return tuple(parts[i].astype(dtype, copy=False) for i, dtype in entries)

    return np.concatenate(arrays, axis=axis, dtype=_common_dtype(arrays)), pullback


def stack(tensors: Sequence[Array], dim: int = 0) -> tuple[Array, Pullback]:
    """Arrays of one shape joined along a new axis.

    y[…, i, …] = xᵢ
    ∂L/∂xᵢ = dy[…, i, …]
    """
    arrays = [np.asarray(x) for x in tensors]
    _require_arrays("stack", tensors, arrays)
    axis = resolve_dim(dim, arrays[0].ndim + 1)
    if len({x.shape for x in arrays}) > 1:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise ValueError(f"stack takes arrays of one shape, got {shapes}")
    entries = [(i, x.dtype) for i, x in enumerate(arrays) if is_differentiable(tensors[i])]

    def pullback(dy: Array) -> tuple[Array, ...]:
        return tuple(dy.take(i, axis=axis).astype(dtype, copy=False) for i, dtype in entries)

    return np.stack(arrays, axis=axis, dtype=_common_dtype(arrays)), pullback


def _require_arrays(name: str, tensors: Sequence[Array], arrays: list[Array]) -> None:
    if isinstance(tensors, np.ndarray):
        raise TypeError(
            f"{name} takes a sequence of arrays, got one array of shape {tensors.shape}"
        )
    if not arrays:
        raise ValueError(f"{name} takes at least one array, got none")


def _common_dtype(arrays: list[Array]) -> np.dtype[Any]:
    """Return torch's promotion: floats win over integers without widening."""
    floats = [x.dtype for x in arrays if x.dtype.kind == "f"]
    return np.result_type(*(floats or [x.dtype for x in arrays]))


def split(
    x: Array, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[tuple[Array, ...], Pullback]:
    """Parts of an array along an axis: of one size (the last may be smaller), or of given sizes.

    [y₀, y₁, …] = x
    ∂L/∂x = [dy₀, dy₁, …], with zeros for a part that was not used
    """
    axis = resolve_dim(dim, x.ndim)
    length = x.shape[axis] if x.ndim else 0
    if isinstance(split_size_or_sections, int | np.integer):
        size = int(split_size_or_sections)
        if size < 1:
            raise ValueError(f"split: a part needs a size of at least 1, got {size}")
        sizes = [min(size, length - i) for i in range(0, length, size)] or [0]
    else:
        sizes = [index(n) for n in split_size_or_sections]
    if x.ndim == 0 or sum(sizes) != length or min(sizes, default=-1) < 0:
        raise ValueError(
            f"split: sections {sizes} do not add up to the length of dim {dim}: x {x.shape}"
        )
    parts = tuple(np.split(x, np.cumsum(sizes)[:-1], axis=axis))
    shapes, dtype = [p.shape for p in parts], x.dtype

    def pullback(dys: tuple[Array | None, ...]) -> tuple[Array]:
        whole = [np.zeros(s, dtype) if d is None else d for d, s in zip(dys, shapes, strict=True)]
        return (np.concatenate(whole, axis=axis),)

    return parts, pullback


def getitem(x: Array, index: Any) -> tuple[Array, Pullback]:
    """Entries picked by NumPy's indexing: integers, slices, masks, integer arrays.

    y[j] = x[k_j],   k_j the place that the index picks for entry j
    ∂L/∂x[k] = Σ_j dy[j] · [k_j = k]   (an entry that was picked twice gets both gradients)
    """
    shape, dtype = x.shape, x.dtype
    items = index if isinstance(index, tuple) else (index,)
    # Slices and masks pick no entry twice; integer arrays may, and need the slower unbuffered sum.
    repeats = any(np.ndim(i) > 0 and np.asarray(i).dtype != bool for i in items)

    def pullback(dy: Array) -> tuple[Array]:
        dx = np.zeros(shape, dtype)
        if repeats:
            np.add.at(dx, index, dy)  # dx[index] += dy would keep only one of the repeats
        else:
            dx[index] = dy
        return (dx,)

    return x[index], pullback
