"""Safetensors: arrays by name in a file that can be mapped into memory and executes nothing.

    8 bytes     N, the length of the header, little-endian
    N bytes     the header: JSON, padded with spaces so that the data begins at a multiple of 8
    the rest    the data: the entries of each tensor, little-endian, the last dimension fastest

The tensors cover the data without holes, in any order. The reference library and `save_safetensors`
write them by descending alignment of their dtypes, and by name within a dtype, so that each begins at a
multiple of its entry's size.

Source: the format as its authors describe it, https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.files import replacing
from scratchnet.serialization._entries import are_bools, widened
from scratchnet.serialization._header import DTYPES, METADATA, TensorInfo, parse_header
from scratchnet.serialization._opening import open_regular, refusing
from scratchnet.serialization.errors import FormatError, printable
from scratchnet.serialization.state import arrays_of

__all__ = ["SafetensorsFile", "load_safetensors", "save_safetensors"]

_MAX_HEADER = 100_000_000


class SafetensorsFile(Mapping[str, NDArray[Any]]):
    """The tensors of a file by name, in the order of its header; read when they are asked for.

    The file is mapped into memory once, and an array is a read-only view of the map: its bytes come
    from the disk when they are first looked at, and no copy is made. There are two exceptions: BF16,
    which NumPy lacks, is widened to float32 exactly (`is_widened` tells), and tensors at odd places,
    where older versions of the format put them, are copied. The arrays stay valid without this
    object. While one of them is in use the file may be replaced or removed (not on Windows, which
    forbids it), but must not be cut or written into.

    Raises FormatError for a file that is not exactly what the format demands. `file[name]` raises it
    too, for what can only be seen then: dtypes that NumPy lacks (the F8 family, F6 and F4; the other
    tensors can be read), and a BOOL that is neither 0 nor 1.

    `metadata` holds the texts of the header by key, `info` its dtype, shape and place of each tensor.
    """

    metadata: dict[str, str]
    info: Mapping[str, TensorInfo]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fsdecode(path)
        with open_regular(path) as file, refusing(path, "safetensors file"):
            size = os.fstat(file.fileno()).st_size
            n_header = int.from_bytes(file.read(8), "little")
            if size < 8 or n_header > min(size - 8, _MAX_HEADER):
                raise ValueError(f"its header would have {n_header} bytes, the file has {size}")
            self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
            self._data_at = 8 + n_header
            header = memoryview(self._map)[8 : self._data_at]
            info, self.metadata = parse_header(str(header, "utf-8"), size - self._data_at)
            self.info = MappingProxyType(info)

    def __getitem__(self, name: str) -> NDArray[Any]:
        info = self.info[name]
        dtype = DTYPES[info.dtype][1]
        if dtype is None:
            raise FormatError(
                f"{self.path}: '{printable(name)}' is {info.dtype}, which NumPy has no dtype for"
            )
        at = self._data_at + info.begin
        array: NDArray[Any] = np.ndarray(info.shape, dtype, self._map, at)
        if info.dtype == "BF16":
            array = widened(array)
        if info.dtype == "BOOL" and not are_bools(array):
            raise FormatError(f"{self.path}: '{printable(name)}' is BOOL, but not all 0 and 1")
        if not array.flags.aligned:
            array = array.copy()
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        array.flags.writeable = False  # copies too: what holds for one array holds for all
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.info)

    def __len__(self) -> int:
        return len(self.info)

    def __contains__(self, name: object) -> bool:
        return name in self.info  # a Mapping would read the tensor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}, {len(self)} tensors>"


def load_safetensors(path: str | os.PathLike[str]) -> SafetensorsFile:
    """Return the tensors of a file as a mapping that reads each when it is asked for.

    `dict(load_safetensors(path))` is a dictionary of all of them.
    """
    return SafetensorsFile(path)


def save_safetensors(
    tensors: Mapping[Any, Any],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays as a safetensors file, byte for byte as the reference library writes it.

    tensors: arrays or Tensors by name; of nested dictionaries the names are joined by dots. Arrays of
        any layout and byte order; two that share memory are written twice
    metadata: texts to store beside them, in this order (the reference writes them in a random one);
        what reads PyTorch models may look for `{"format": "pt"}`

    Raises TypeError that names the entry for what is no array and for a dtype that the format lacks
    (complex128, longdouble, texts, objects), and ValueError for a name that it cannot hold. The file
    is written beside its place and renamed, so a failure leaves what was there before.
    """
    arrays = arrays_of(tensors, "a safetensors file")
    names = {dtype[1:]: name for name, (_, dtype) in DTYPES.items() if dtype and name != "BF16"}
    for name, array in arrays.items():
        if array.dtype.str[1:] not in names:
            raise TypeError(f"{printable(name)} has dtype {array.dtype}, which safetensors lacks")
    ranks = {name: rank for rank, name in enumerate(DTYPES)}
    dtypes = {name: names[array.dtype.str[1:]] for name, array in arrays.items()}
    order = sorted(arrays, key=lambda name: (ranks[dtypes[name]], name))
    header = _header({name: (dtypes[name], arrays[name]) for name in order}, metadata)
    with replacing(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in order:  # one tensor at a time, and no copy of what lies in order already
            array = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
            file.write(array.reshape(-1).view(np.uint8).data)


def _header(
    tensors: Mapping[str, tuple[str, NDArray[Any]]], metadata: Mapping[str, str] | None
) -> bytes:
    """Return the header for these dtypes and arrays in this order, padded."""
    entries: dict[str, Any] = {}
    if metadata is not None:
        for key, text in metadata.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise TypeError(f"metadata are texts by name, got {key!r:.80}: {text!r:.80}")
            _check_text(key)
            _check_text(text)
        entries[METADATA] = dict(metadata)
    end = 0
    for name, (dtype, array) in tensors.items():
        if name == METADATA:
            raise ValueError(
                f"a tensor cannot be called {METADATA}: the format means metadata by it"
            )
        _check_text(name)
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [begin, end]}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > _MAX_HEADER:
        raise ValueError(f"the header would have {len(header)} bytes, more than {_MAX_HEADER}")
    return header


def _check_text(text: str) -> None:
    """Raise for what could be written, but not be read again."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"'{printable(text)}' holds NUL or half a character (a surrogate)")
