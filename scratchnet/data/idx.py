"""IDX files, the format of MNIST and Fashion-MNIST: written, and read with every check.

An IDX file is a header and an array, all numbers big-endian:

    2 bytes     0
    1 byte      type: 0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32, 0x0D float32, 0x0E float64
    1 byte      R, the number of dimensions
    4·R bytes   the size of each dimension, as 32-bit integers
    the rest    the entries, the last dimension varying fastest

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", on file formats.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.files import replacing

__all__ = ["load_mnist", "read_idx", "write_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
_MAX_DIMENSIONS = 64  # what a NumPy array can have
_CHUNK = 1 << 20

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (N, 28, 28), labels (N,)


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = 2**30) -> NDArray[Any]:
    """Return the array in an IDX file, gzip-compressed or not, in the machine's byte order.

    Compression is recognised by the file's first bytes; its name does not matter.

    A file that is not exactly a header and the entries that it promises raises a ValueError that
    names the file: a wrong magic number, an unknown type, no dimensions, a file cut off, bytes left
    over, damaged compression. So does an array of more than `max_bytes`. Memory is taken as the
    entries arrive, never because a header promises them, and no more is unpacked than the header
    promises and one buffer of gzip's. A missing file raises FileNotFoundError.
    """
    try:
        with _open_for_reading(path) as stream:
            dtype, shape = _read_header(stream, max_bytes)
            data = _read_exactly(stream, math.prod(shape) * dtype.itemsize, "entries")
            # Reading past the end also makes gzip compare its checksum.
            if stream.read(1):
                raise ValueError(f"bytes are left over after the entries of shape {shape}")
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound IDX file: {error}") from error
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_idx(path: str | os.PathLike[str], array: ArrayLike) -> None:
    """Write an array as an IDX file, gzip-compressed if the name ends in `.gz`.

    The same array gives the same bytes, compressed too: no time stamp is stored. The file is
    written beside its place and renamed, so a failure leaves what was there before.

    A dtype that IDX does not have raises a TypeError; an array without dimensions, or a dimension
    above 2³¹ − 1, a ValueError.
    """
    values = np.asarray(array)
    codes = {name: code for code, name in _TYPES.items()}
    name = values.dtype.str[1:]  # without the byte order
    if name not in codes:
        names = ", ".join(np.dtype(name).name for name in codes)
        raise TypeError(f"IDX files hold {names}, got {values.dtype}: convert with astype")
    if values.ndim == 0 or max(values.shape) >= 2**31:
        raise ValueError(f"IDX needs 1 dimension or more, each below 2³¹, got {values.shape}")
    header = bytes([0, 0, codes[name], values.ndim]) + np.array(values.shape, ">u4").tobytes()

    compress = Path(path).suffix == ".gz"
    with replacing(path) as file, _compress_if(compress, file) as stream:
        stream.write(header)
        stream.write(values.astype(f">{name}").tobytes())


def load_mnist(folder: str | os.PathLike[str]) -> tuple[Split, Split]:
    """Return `((x_train, y_train), (x_test, y_test))` of MNIST or Fashion-MNIST.

    The folder holds the four files as they are published: `train-images-idx3-ubyte`,
    `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or with a dot
    before `idx`, each with or without `.gz` (without comes first if both are there).

    x: (N, 28, 28), uint8, 0 background to 255 · y: (N,), uint8

    A missing file raises FileNotFoundError with the names looked for. A damaged file (`read_idx`),
    images or labels of another shape or dtype, and a number of labels that is not the number of
    images raise a ValueError.
    """
    return _load_split(Path(folder), "train"), _load_split(Path(folder), "t10k")


def _load_split(folder: Path, split: str) -> Split:
    images_path = _find_file(folder, f"{split}-images", "idx3-ubyte")
    labels_path = _find_file(folder, f"{split}-labels", "idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} must hold uint8 images (N, 28, 28), got {images.dtype} {images.shape}"
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(
            f"{labels_path} must hold uint8 labels (N,), got {labels.dtype} {labels.shape}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} has {len(images)} images, {labels_path} {len(labels)} labels"
        )
    return images, labels


def _find_file(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{mark}{kind}{end}" for end in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has none of the files {', '.join(names)}")


def _read_header(stream: BinaryIO, max_bytes: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = _read_exactly(stream, 4, "magic number")
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise ValueError(f"its magic number is 0x{magic.hex()}, which is none of IDX")
    if not 1 <= magic[3] <= _MAX_DIMENSIONS:
        raise ValueError(f"{magic[3]} dimensions, expected 1 to {_MAX_DIMENSIONS}")
    dtype = np.dtype(f">{_TYPES[magic[2]]}")
    shape = tuple(np.frombuffer(_read_exactly(stream, 4 * magic[3], "sizes"), ">u4").tolist())
    # A size of 0 must not hide the others: NumPy cannot hold (0, 2³¹, 2³¹, 2³¹) either.
    n_bytes = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if n_bytes > max_bytes:
        raise ValueError(f"{dtype.name} of shape {shape} is {n_bytes} bytes, above {max_bytes=}")
    return dtype, shape


def _read_exactly(stream: BinaryIO, n_bytes: int, what: str) -> bytearray:
    """Return the next `n_bytes` of a stream, in memory that grows with what the stream gives."""
    data = bytearray()
    while len(data) < n_bytes:
        chunk = stream.read(min(n_bytes - len(data), _CHUNK))
        if not chunk:
            raise ValueError(f"cut off: {len(data)} of {n_bytes} bytes of {what}")
        data += chunk
    return data


@contextmanager
def _open_for_reading(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    with open(path, "rb") as file:
        if file.peek(2)[:2] == b"\x1f\x8b":  # gzip's own magic number
            with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                yield stream  # type: ignore[misc]
        else:
            yield file


def _compress_if(compress: bool, file: BinaryIO) -> Any:
    """Return a context manager that gives the file itself, or one that compresses into it."""
    if compress:
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
    return nullcontext(file)
