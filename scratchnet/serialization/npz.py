"""npz: NumPy's own files of arrays by name, a zip archive with one .npy file for each array.

    conv.weight.npy     "\\x93NUMPY", version, length of the header
                        {'descr': '<f4', 'fortran_order': False, 'shape': (8, 3, 5, 5), }
                        the entries

`numpy.load` reads the same files. This reader is for files from outside: only numbers, no pickle,
and no more memory than the archive's directory declares, which is checked first. A single .npy file
is not read here, because its array has no name: `numpy.load(path, allow_pickle=False)`.
"""

from __future__ import annotations

import ast
import math
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.files import replacing
from scratchnet.serialization._opening import open_archive, refusing
from scratchnet.serialization.errors import printable
from scratchnet.serialization.state import arrays_of

__all__ = ["load_npz", "save_npz"]

_SUFFIX = ".npy"
_LONGEST_HEADER = 4096  # bytes; 64 dimensions of 20 digits take 1,400
_MAX_DIMENSIONS = 64  # what a NumPy array can have
_CHUNK = 1 << 20
_NUMBERS = "biufc"  # kinds of dtypes
_MAGIC = b"\x93NUMPY"
_NUMBER = re.compile(r"[<>|=][biufc][0-9]{1,2}")
_PYTHON_2 = re.compile(r"(?<=[0-9])L(?=[,)])")  # which wrote (8L, 3L)
_PROVOKING = re.compile(r"\\|[0-9]\s*[A-Za-z_]")  # Python warns of "\s" and of 1or 2


def load_npz(path: str | os.PathLike[str], *, max_bytes: int = 2**32) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name, in the machine's byte order.

    An array that was saved in Fortran order is in Fortran order again.

    What is not compressed takes no more memory than the file is long. What is compressed may take up
    to `max_bytes` in all, as the archive's directory declares before anything is unpacked; that no
    more is unpacked than was declared is zipfile's guarantee.

    Raises FormatError for everything that is not exactly an archive of sound .npy files of numbers:
    damage (the checksums are compared), objects, texts and structures, two arrays of one name,
    encryption, other compressions than deflate, sizes that contradict each other.
    """
    with refusing(path, "npz file"), open_archive(path) as (archive, size):
        members = archive.infolist()
        _check_members(members, size, max_bytes)
        arrays = {}
        for member in members:
            with archive.open(member) as stream:
                arrays[member.filename.removesuffix(_SUFFIX)] = _read_array(stream, member)
        return arrays


def save_npz(state: Mapping[Any, Any], path: str | os.PathLike[str]) -> None:
    """Write arrays as an .npz file, not compressed; the same arrays give the same bytes.

    state: arrays or Tensors by name; of nested dictionaries the names are joined by dots. Arrays of
        any layout and byte order; two that share memory are written twice

    Raises TypeError that names the entry for what is no array of numbers, and ValueError for a name
    that the archive cannot hold. The file is written beside its place and renamed, so a failure
    leaves what was there before.
    """
    arrays = arrays_of(state, "an npz file")
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMBERS:
            raise TypeError(f"{printable(name)} has dtype {array.dtype}: npz files are for numbers")
        if "\0" in name or any("\ud800" <= c <= "\udfff" for c in name):
            raise ValueError(f"'{printable(name)}' holds NUL or half a character (a surrogate)")
        if len(name.encode()) + len(_SUFFIX) >= 2**16:
            raise ValueError(f"the name '{printable(name)}' is too long for a zip archive")
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(name + _SUFFIX, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def _check_members(members: Sequence[zipfile.ZipInfo], size: int, max_bytes: int) -> None:
    """Check what the directory of an archive of `size` bytes declares."""
    names = set()
    for member in members:
        name = printable(member.orig_filename)  # zipfile cuts the other one at NUL
        if not member.filename.endswith(_SUFFIX) or "\0" in member.orig_filename:
            raise ValueError(f"'{name}' is no {_SUFFIX} file")
        if member.filename in names:
            raise ValueError(f"two arrays have the name '{name}'")
        names.add(member.filename)
        if member.flag_bits & 1:
            raise ValueError(f"'{name}' is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"'{name}' has the compression {member.compress_type}")
    stored = sum(m.file_size for m in members if m.compress_type == zipfile.ZIP_STORED)
    if stored > size:
        raise ValueError(f"its arrays would have {stored} bytes, but the file has {size}")
    unpacked = sum(m.file_size for m in members if m.compress_type == zipfile.ZIP_DEFLATED)
    if unpacked > max_bytes:
        raise ValueError(f"it would be {unpacked} bytes when unpacked, above {max_bytes=}")


def _read_array(stream: IO[bytes], member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return the array of one member, whose declared size must be exactly that of its array."""
    name = printable(member.filename)
    # The header is read from a piece, because NumPy would take any length that it claims.
    start = stream.read(_LONGEST_HEADER)
    head = BytesIO(start)
    try:
        dtype, shape, in_columns = _read_header(head)
    except Exception as error:  # whatever the text can provoke in literal_eval
        raise ValueError(f"'{name}' has no sound header: {error}") from error
    # A size of 0 must not hide the others: NumPy cannot hold (0, 2⁶², 2⁶²) either.
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > np.iinfo(np.intp).max:
        raise ValueError(f"'{name}' has the shape {shape}, too large for any array")
    n_bytes, n_declared = math.prod(shape) * dtype.itemsize, member.file_size - head.tell()
    if n_bytes != n_declared:
        raise ValueError(f"'{name}' has {n_declared} bytes for {dtype} {shape}")
    data = bytearray(head.read())
    for chunk in _chunks(stream):  # in memory that grows with what arrives; zipfile stops in time
        data += chunk
    if len(data) != n_bytes:
        raise ValueError(f"'{name}' is cut off: {len(data)} of {n_bytes} bytes")
    if dtype == np.bool_ and np.frombuffer(data, np.uint8).max(initial=0) > 1:
        raise ValueError(f"'{name}' is bool, but not all 0 and 1")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BytesIO) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Return dtype, shape and whether the first dimension is the fastest.

    NumPy's own reader warns about what it can still make sense of, in words from the file.
    """
    magic, version = stream.read(len(_MAGIC)), stream.read(2)
    n_length = {b"\1\0": 2, b"\2\0": 4}.get(version)
    if (
        magic != _MAGIC or n_length is None
    ):  # 3.0 has other alphabets in names of fields, and no more
        raise ValueError(f"it begins with {magic!r}, its version of {_SUFFIX} is {list(version)}")
    length = int.from_bytes(stream.read(n_length), "little")
    text = stream.read(length).decode("ascii")
    if len(text) < length:
        raise ValueError(f"it would have {length} bytes, more than {_LONGEST_HEADER} or its member")
    text = _PYTHON_2.sub("", text)
    if _PROVOKING.search(text):
        raise ValueError("it is not written as NumPy writes it")
    header = ast.literal_eval(text)
    if type(header) is not dict or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("it has not the three entries descr, fortran_order and shape")
    descr, shape, in_columns = header["descr"], header["shape"], header["fortran_order"]
    if type(descr) is not str or not _NUMBER.fullmatch(descr):
        raise ValueError(f"its dtype is {descr!r:.80}, only numbers are read")
    if (
        type(shape) is not tuple
        or len(shape) > _MAX_DIMENSIONS
        or any(type(n) is not int or n < 0 for n in shape)
    ):
        raise ValueError(f"its shape is {shape!r:.200}")
    if type(in_columns) is not bool:
        raise ValueError(f"its fortran_order is {in_columns!r:.80}")
    return np.dtype(descr), shape, in_columns


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk
