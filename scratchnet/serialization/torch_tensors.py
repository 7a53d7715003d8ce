"""Tensors of PyTorch's files: what a storage's type and the functions that rebuild tensors mean.

A tensor is a view of a storage, a row of entries in memory: with `offset`, `size` and `stride`, all
counted in entries,

    tensor[i, j, ...] = storage[offset + i·stride₀ + j·stride₁ + ...]

Several tensors may be views of one storage, as tied weights are; they stay so, and writing to one of
the arrays shows in the others. A tensor whose entries repeat (stride 0, as `expand` gives) is a
read-only array, because writing to it would change several entries at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scratchnet.serialization._entries import are_bools, widened
from scratchnet.serialization.errors import printable
from scratchnet.serialization.limits import Limits
from scratchnet.serialization.pickle_machine import Function, Refused

__all__ = ["ByteOrder", "StorageType", "empty_tensors", "entries_of", "torch_names"]

_MOST_DIMENSIONS = 64  # what a NumPy array can have

# NumPy's code of the entries as they are stored
_STORED = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",  # the upper half of a float32
    "ComplexDoubleStorage": "c16",
    "ComplexFloatStorage": "c8",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
    "UntypedStorage": "u1",
}
_QUANTIZED = ["QInt32", "QInt8", "QUInt2x4", "QUInt4x2", "QUInt8"]

# PyTorch's newer dtypes have no storage of their own: the tensor carries the dtype.
_NEWER = {"torch.uint16": "u2", "torch.uint32": "u4", "torch.uint64": "u8"}
_DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "bfloat16", "complex32", "complex64", "complex128"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    *("float4_e2m1fn_x2", "quint8", "qint8", "qint32", "quint4x2", "quint2x4"),
    *("bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"),
]

ByteOrder = Literal["<", ">"]


@dataclass(frozen=True, slots=True)
class StorageType:
    """The type of a storage: PyTorch's name, and the entries as they are stored."""

    name: str
    stored: np.dtype[Any]


def entries_of(data: NDArray[np.uint8], kind: StorageType, byte_order: ByteOrder) -> NDArray[Any]:
    """Return the entries of a storage from its bytes, in the machine's byte order.

    Where the bytes are what NumPy has in memory, this is a view. bfloat16 is widened to float32,
    which holds each of its values exactly.

    data: (n_bytes,) · byte_order: "<" or ">" → (n,)
    """
    stored = data.view(kind.stored.newbyteorder(byte_order))
    if kind.name == "BFloat16Storage":
        return widened(stored)
    if kind.name == "BoolStorage":
        if not are_bools(stored):
            raise ValueError("an entry of a BoolStorage is neither 0 nor 1")
        return stored.view(np.bool_)
    return stored.astype(kind.stored, copy=False)


def torch_names(limits: Limits, byte_order: ByteOrder = "<") -> dict[tuple[str, str], Any]:
    """Return the table of PyTorch's names.

    Its `Size` is read as a tuple; a `device` or dtype as its text, "cuda:0" or "torch.float32".
    """

    def rebuild_tensor(arguments: tuple[Any, ...]) -> NDArray[Any]:
        match arguments:
            case [np.ndarray() as storage, offset, tuple() as size, tuple() as stride]:
                return _view(storage, offset, size, stride, limits)
        raise ValueError("a tensor is not made of storage, offset, size and stride")

    def rebuild_tensor_v2(arguments: tuple[Any, ...]) -> NDArray[Any]:
        # The sixth are the backward hooks, which PyTorch ignores too.
        match arguments:
            case [*view, bool(), dict() | None]:
                return rebuild_tensor(tuple(view))
            case [*view, bool(), dict() | None, dict() | None as metadata]:
                return _resolved(rebuild_tensor(tuple(view)), metadata or {}, limits)
        raise ValueError("a tensor is not made of storage, offset, size, stride and three more")

    def rebuild_tensor_v3(arguments: tuple[Any, ...]) -> NDArray[Any]:
        match arguments:
            case [np.ndarray() as storage, offset, size, stride, bool(), _, str() as name, *rest]:
                if name not in _NEWER:
                    raise ValueError(f"NumPy has no {printable(name)}: convert it, then save again")
                marked = len(rest) > 1 or any(
                    type(r) is not dict or r for r in rest if r is not None
                )
                if storage.dtype != np.uint8 or storage.ndim != 1 or marked:
                    raise ValueError(f"a tensor of {name} is no plain view of bytes")
                dtype = np.dtype(byte_order + _NEWER[name])
                whole = storage[: storage.size // dtype.itemsize * dtype.itemsize].view(dtype)
                array = rebuild_tensor((whole, offset, size, stride))
                if array.dtype.isnative:
                    return array
                limits.allocate(array.nbytes)
                return array.astype(dtype.newbyteorder("="))
        raise ValueError("a tensor is not made of storage, offset, size, stride and four more")

    def rebuild_parameter(arguments: tuple[Any, ...]) -> NDArray[Any]:
        match arguments:  # with or without attributes, which are dropped
            case [np.ndarray() as data, bool(), dict() | None, *state] if len(state) <= 1:
                return data
        raise ValueError("a parameter is not made of a tensor, requires_grad and hooks")

    version_2 = Function("_rebuild_tensor_v2", rebuild_tensor_v2)
    version_3 = Function("_rebuild_tensor_v3", rebuild_tensor_v3)
    tensor_type = Function("Tensor", _no_call)

    def rebuild_from_type(arguments: tuple[Any, ...]) -> NDArray[Any]:
        match arguments:  # a tensor that was given attributes, which are dropped
            case [function, kind, tuple() as parts, _] if kind is tensor_type:
                if function is version_2 or function is version_3:
                    return function.call(parts)
        raise ValueError("a tensor with attributes is of a class of its own, which is not read")

    table: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor"): Function("_rebuild_tensor", rebuild_tensor),
        ("torch._utils", "_rebuild_tensor_v2"): version_2,
        ("torch._utils", "_rebuild_tensor_v3"): version_3,
        ("torch._tensor", "_rebuild_from_type_v2"): Function(
            "_rebuild_from_type_v2", rebuild_from_type
        ),
        ("torch", "Tensor"): tensor_type,
        ("torch", "Size"): Function("Size", _size),
        ("torch", "device"): Function("device", _device),
        ("torch.storage", "UntypedStorage"): StorageType("UntypedStorage", np.dtype("u1")),
    }
    for name in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        table["torch._utils", name] = Function(name, rebuild_parameter)
    for name, code in _STORED.items():
        table["torch", name] = StorageType(name, np.dtype(code))
    for name in _DTYPES:
        table["torch", name] = f"torch.{name}"
    return table | _REFUSED


def empty_tensors() -> dict[tuple[str, str], Any]:
    """Return a table in which every tensor is an empty array, whatever it would be a view of."""
    return {
        (module, name): Function(name, lambda arguments: np.empty(0))
        for module, name in (
            ("torch._utils", "_rebuild_tensor"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("torch._utils", "_rebuild_tensor_v3"),
            ("torch._tensor", "_rebuild_from_type_v2"),
        )
    }


_REFUSED = {
    ("torch._utils", "_rebuild_sparse_tensor"): Refused("a sparse tensor: save its to_dense()"),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): Refused("a meta tensor has no entries"),
    ("torch._utils", "_rebuild_nested_tensor"): Refused("a nested tensor: save its unbind()"),
    ("torch._utils", "_rebuild_qtensor"): Refused("a quantized tensor: save its dequantize()"),
    ("torch.storage", "_load_from_bytes"): Refused("a PyTorch file inside a pickle"),
} | {
    ("torch", f"{name}Storage"): Refused("quantized entries: save the dequantize() of the tensor")
    for name in _QUANTIZED
}


def _view(
    storage: NDArray[Any],
    offset: Any,
    size: tuple[Any, ...],
    stride: tuple[Any, ...],
    limits: Limits,
) -> NDArray[Any]:
    """Return the view of a storage that a tensor is, once every entry of it is known to be inside."""
    if storage.ndim != 1 or not storage.flags.c_contiguous:
        raise ValueError("a tensor is a view of something that is no storage")
    if len(size) != len(stride) or len(size) > _MOST_DIMENSIONS:
        raise ValueError(f"a tensor has {len(size)} sizes and {len(stride)} strides")
    if any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise ValueError("an offset, size or stride is negative or no integer")
    # A size of 0 must not hide the others, which NumPy could not hold either.
    if math.prod(max(n, 1) for n in size) * storage.itemsize >= 1 << 63:
        raise ValueError(f"a tensor of size {size}")

    n_entries = math.prod(size)
    limits.view(n_entries * storage.itemsize)
    if n_entries == 0:
        return storage[:0].reshape(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= storage.size:
        raise ValueError(
            f"a tensor of size {size} and stride {stride} from entry {offset} on reaches "
            f"entry {last} of a storage of {storage.size}"
        )

    # The stride of a size of 1 has no meaning, and may be anything.
    steps = [(step, n) for n, step in zip(size, stride, strict=True) if n > 1]
    if steps == _contiguous_steps(size):
        return storage[offset : offset + n_entries].reshape(size)
    array: NDArray[Any] = np.ndarray(
        size,
        storage.dtype,
        buffer=storage,
        offset=offset * storage.itemsize,
        strides=[
            step * storage.itemsize if n > 1 else 0 for n, step in zip(size, stride, strict=True)
        ],
    )
    array.flags.writeable = not _repeats(steps)
    return array


def _contiguous_steps(size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (stride, size) of each size above 1 for entries that follow each other, as in C."""
    steps, step = [], 1
    for n in reversed(size):
        if n > 1:
            steps.append((step, n))
        step *= n
    return steps[::-1]


def _repeats(steps: list[tuple[int, int]]) -> bool:
    """Tell whether two positions may share an entry: if not, each stride jumps over all smaller ones."""
    reach = 1
    for step, n in sorted(steps):
        if step < reach:
            return True
        reach += (n - 1) * step
    return False


def _resolved(array: NDArray[Any], metadata: dict[Any, Any], limits: Limits) -> NDArray[Any]:
    """Return the tensor that PyTorch means by marks on it: to be conjugated, to be negated."""
    for mark, is_set in metadata.items():
        if mark not in ("conj", "neg") or type(is_set) is not bool or array.dtype.kind not in "fc":
            raise ValueError("a tensor has marks that are not read (read are conj and neg)")
        if is_set:
            limits.allocate(array.nbytes)
            # Of an array without dimensions NumPy makes a number.
            array = np.asarray(np.conj(array) if mark == "conj" else -array)
    return array


def _size(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    match arguments:
        case [tuple() as size] if len(size) <= _MOST_DIMENSIONS:
            if all(type(n) is int for n in size):
                return size
    raise ValueError(f"a torch.Size is not made of {_MOST_DIMENSIONS} integers at most")


def _device(arguments: tuple[Any, ...]) -> str:
    match arguments:  # the kind is a copy each time
        case [str() as kind] if len(kind) < 32:
            return kind
        case [str() as kind, int() as index] if len(kind) < 32:
            return f"{kind}:{index}"
    raise ValueError("a torch.device is not made of a kind and an index")


def _no_call(arguments: tuple[Any, ...]) -> Any:
    raise ValueError("a class is called that only serves as an argument")
