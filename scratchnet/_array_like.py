"""What a Tensor shows of the array that it holds, and its shape changed; nothing here is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, resolve_dim
from scratchnet.ops.shape import flat_shape


def array_of(value: Any) -> Array:
    """Return the array of a Tensor, of another framework's tensor, or of anything array-like."""
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)


class ArrayLike:
    """Shape, conversion and printing of an object that holds its numbers in `data`."""

    __slots__ = ()

    data: Array
    requires_grad: bool
    reshape: Callable[..., Any]  # as the next an operation of the Tensor, which records it
    permute: Callable[..., Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    def dim(self) -> int:
        return self.data.ndim

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one axis."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """Return the number of entries."""
        return self.data.size

    def item(self) -> Any:
        """Return the only entry as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item() takes a Tensor with one entry, this has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        return self.data.tolist()

    def numpy(self) -> Array:
        """Return the array; a Tensor that requires a gradient must be detached first."""
        if self.requires_grad:
            raise RuntimeError("this Tensor requires a gradient: use .detach().numpy(), or .data")
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        name = type(self).__name__
        text = np.array2string(self.data, separator=", ", prefix=f"{name}(")
        usual = self.data.dtype in (np.float32, np.int64, np.bool_)
        dtype = "" if usual else f", dtype={self.dtype}"
        return f"{name}({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.data.__index__()

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        raise TypeError(f"{type(self).__name__} has no entries to pick")

    # --- its shape changed, by operations that the Tensor records

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        return self.reshape(flat_shape(self.shape, start_dim, end_dim))

    def squeeze(self, dim: int | None = None) -> Any:
        """Drop axes of length 1: all of them, or this one if its length is 1."""
        axis = None if dim is None else resolve_dim(dim, self.ndim)
        shape = [n for i, n in enumerate(self.shape) if n != 1 or (axis is not None and i != axis)]
        return self.reshape(shape)

    def unsqueeze(self, dim: int) -> Any:
        """Insert an axis of length 1 at `dim`."""
        axis = resolve_dim(dim, self.ndim + 1)
        return self.reshape((*self.shape[:axis], 1, *self.shape[axis:]))

    @property
    def T(self) -> Any:
        """The transposed matrix; all axes in reverse order."""
        return self.permute(range(self.ndim)[::-1])
