"""What the names of Python and NumPy stand for in a pickle: functions of ours, one for each.

Each takes the tuple of arguments and accepts exactly what Python's and NumPy's own pickles write; an
`int` that `bytearray` would turn into that many bytes is an error here, not memory. The patterns name
types, `int(3)` and not `3`, because a comparison with an array compares all its entries.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.serialization._entries import are_bools
from scratchnet.serialization.limits import Limits
from scratchnet.serialization.pickle_machine import Function, Unfinished

__all__ = ["numpy_names", "python_names"]

Names = dict[tuple[str, str], Any]

_MOST_DIMENSIONS = 64
_NUMPY_TYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"}
_ENTRY = 128  # bytes of memory for an entry of a set or a dictionary, about
_PYTHON_2 = {"builtins": "__builtin__", "range": "xrange"}  # as protocol 2 writes the names


def python_names(limits: Limits) -> Names:
    """Return the table for Python's own types.

    A dictionary of any kind (OrderedDict, defaultdict, Counter) is read as a dict.
    """

    def make_set(arguments: tuple[Any, ...]) -> set[Any]:
        match arguments:
            case [list() as members]:
                limits.allocate(_ENTRY * (2 + len(members)))  # an empty set has 216 bytes
                made: set[Any] = set()
                for member in members:
                    made.add(limits.key(member, len(made)))
                return made
        raise ValueError("a set is not made of a list")

    def make_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
        match arguments:
            case []:
                return {}
            case [dict() as counts]:  # of a Counter; not copied, so that copies cost nothing
                return counts
            case [list() as pairs]:  # an OrderedDict of Python 2: [[key, value], ...]
                if all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
                    limits.allocate(_ENTRY * len(pairs))
                    made: dict[Any, Any] = {}
                    for key, value in pairs:
                        made[limits.key(key, len(made))] = value
                    return made
        raise ValueError("a dictionary is made of something else than keys and values")

    def encode(arguments: tuple[Any, ...]) -> bytes:
        # Protocol 2 has no bytes: it writes the text whose characters have their values.
        match arguments:
            case [str() as text, str("latin1" | "latin-1")]:
                limits.allocate(len(text))
                return text.encode("latin-1")
        raise ValueError("bytes are encoded otherwise than as latin1")

    def make_bytearray(arguments: tuple[Any, ...]) -> bytearray:
        match arguments:
            case []:
                return bytearray()
            case [bytes() as data]:
                limits.allocate(len(data))
                return bytearray(data)
            case [str(), str()]:
                return bytearray(encode(arguments))
        raise ValueError("a bytearray is made of something else than bytes")

    table: Names = {
        ("collections", "OrderedDict"): Function("OrderedDict", make_dict),
        ("collections", "Counter"): Function("Counter", make_dict),
        ("collections", "defaultdict"): Function("defaultdict", _defaultdict),
        ("_codecs", "encode"): Function("encode", encode),
        ("builtins", "bytearray"): Function("bytearray", make_bytearray),
        ("builtins", "bytes"): Function("bytes", _bytes),
        ("builtins", "complex"): Function("complex", _complex),
        ("builtins", "slice"): Function("slice", _slice),
        ("builtins", "range"): Function("range", _range),
        ("builtins", "set"): Function("set", make_set),
        ("builtins", "frozenset"): Function("frozenset", lambda a: frozenset(make_set(a))),
    }
    for name in ("list", "dict", "int", "float"):  # what a defaultdict fills in
        table["builtins", name] = Function(name, _no_call)
    for (module, name), function in list(table.items()):
        old = (_PYTHON_2.get(module, module), _PYTHON_2.get(name, name))
        table[old] = function
    return table


def numpy_names(limits: Limits) -> Names:
    """Return the table for NumPy's arrays and numbers of the dtypes that PyTorch shares."""

    def array(data: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
        """Return a writable array in the machine's byte order; it never has objects in it."""
        if (
            not isinstance(data, bytes | bytearray)
            or not isinstance(dtype, np.dtype)
            or type(shape) is not tuple
            or len(shape) > _MOST_DIMENSIONS
            or any(type(n) is not int or n < 0 for n in shape)
        ):
            raise ValueError("a NumPy array is made of something else than bytes, dtype and shape")
        # A size of 0 must not hide the others, which NumPy could not hold either.
        if math.prod(max(n, 1) for n in shape) >= 1 << 59:
            raise ValueError(f"a NumPy array of shape {shape}")
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{dtype} of shape {shape} does not take {len(data)} bytes")
        limits.allocate(len(data))
        values = np.frombuffer(data, dtype)
        if dtype == np.bool_ and not are_bools(values):
            raise ValueError("a bool is neither 0 nor 1")
        native = values.astype(dtype.newbyteorder("="))
        return native.reshape(shape, order=order)  # type: ignore[call-overload]

    def scalar(arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case [dtype, bytes() as data]:
                return array(data, dtype, (), "C")[()]
        raise ValueError("a NumPy number is not made of a dtype and bytes")

    def from_buffer(arguments: tuple[Any, ...]) -> NDArray[Any]:
        match arguments:  # protocol 5; the last argument is newer and only for other orders of axes
            case [data, dtype, shape, str("C" | "F") as order, *axes]:
                if len(axes) <= 1 and all(part is None for part in axes):
                    return array(data, dtype, shape, order)
        raise ValueError("a NumPy array is not made of a buffer, dtype, shape and order C or F")

    def finish_array(state: Any) -> NDArray[Any]:
        match state:
            case [int(1), shape, dtype, bool() as fortran, data]:
                return array(data, dtype, shape, "F" if fortran else "C")
        raise ValueError("the state of a NumPy array is not version, shape, dtype, order, bytes")

    array_type = Function("ndarray", _no_call)

    def reconstruct(arguments: tuple[Any, ...]) -> Unfinished:
        match arguments:
            case [Function() as kind, (int(0),), bytes(b"b")] if kind is array_type:
                return Unfinished(finish_array)
        raise ValueError("a NumPy array is begun with something else than its type")

    table: Names = {
        ("numpy", "dtype"): Function("dtype", _dtype),
        ("numpy", "ndarray"): array_type,
    }
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = Function("_reconstruct", reconstruct)
        table[f"{core}.multiarray", "scalar"] = Function("scalar", scalar)
        table[f"{core}.numeric", "_frombuffer"] = Function("_frombuffer", from_buffer)
    return table


# --- Python


def _no_call(arguments: tuple[Any, ...]) -> Any:
    raise ValueError("a type is called that only serves as an argument")


def _defaultdict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    match arguments:
        case [] | [None] | [Function()]:
            return {}
    raise ValueError("a defaultdict is made of something else than a type")


def _bytes(arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise ValueError("bytes are made of something")
    return b""


def _complex(arguments: tuple[Any, ...]) -> complex:
    match arguments:
        case [float() as real, float() as imaginary]:
            return complex(real, imaginary)
    raise ValueError("a complex number is not made of two floats")


def _slice(arguments: tuple[Any, ...]) -> slice:
    if len(arguments) != 3 or any(type(a) not in (int, type(None)) for a in arguments):
        raise ValueError("a slice is not made of three integers")
    return slice(*arguments)


def _range(arguments: tuple[Any, ...]) -> range:
    if len(arguments) != 3 or any(type(a) is not int for a in arguments) or arguments[2] == 0:
        raise ValueError("a range is not made of three integers, the last not 0")
    return range(*arguments)


def _dtype(arguments: tuple[Any, ...]) -> Unfinished:
    match arguments:
        case [str() as code, *_] if code in _NUMPY_TYPES:

            def finish(state: Any) -> np.dtype[Any]:
                match state:
                    case [int(3), str("<" | ">" | "|") as byte_order, None, None, None, *numbers]:
                        if [type(n) for n in numbers] == [int] * 3 and numbers == [-1, -1, 0]:
                            return np.dtype(code).newbyteorder(byte_order)
                raise ValueError("the state of a NumPy dtype is not that of a number")

            return Unfinished(finish)
    raise ValueError(
        "a NumPy dtype that is no plain number: objects, text and records are not read"
    )
