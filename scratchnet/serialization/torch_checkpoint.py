"""PyTorch checkpoints, read without PyTorch and without running anything that is in them.

`torch.save` writes one of two formats:

    zip (since 1.6)   ARCHIVE/data.pkl        a pickle of the object, without the tensors' entries
                      ARCHIVE/data/KEY        the entries of storage KEY, uncompressed
                      ARCHIVE/byteorder       "little" or "big"; little if it is absent
                      passed over: version, .format_version, .storage_alignment, .data/serialization_id
    the older one     five pickles: a magic number, the protocol 1001, facts about the machine,
                      the object, a list of the storages' keys
                      for each key: the number of entries as int64, the entries, little-endian

In the pickle a tensor is a call of `torch._utils._rebuild_tensor_v2` with a reference to its storage:
("storage", type, KEY, device, number of entries). `pickle_machine.py` reads the pickle and
`torch_tensors.py` makes arrays of what the calls mean.

Source: `torch/serialization.py`.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from io import FileIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scratchnet.serialization._opening import archive_of, open_regular, refusing
from scratchnet.serialization.errors import FormatError, printable
from scratchnet.serialization.limits import Limits
from scratchnet.serialization.pickle_machine import PickleMachine
from scratchnet.serialization.plain_names import numpy_names, python_names
from scratchnet.serialization.plain_values import check_plain
from scratchnet.serialization.torch_tensors import (
    ByteOrder,
    StorageType,
    empty_tensors,
    entries_of,
    torch_names,
)

__all__ = ["is_torch_checkpoint", "load_torch"]

_CHUNK = 1 << 18
_HEAD = 512
_ZIP = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAGIC_BYTES = _MAGIC.to_bytes(10, "little")
_NO_BYTES = np.empty(0, np.uint8)
_KIND = "PyTorch checkpoint"
_BUFFER = 1 << 16
_VALUES = 16  # bytes of memory for a byte of a pickle, of what is no container (`Limits.hold`)
_LONGEST_KEY = 255
_TAR_MEMBERS = {b"sys_info", b"pickle", b"tensors", b"storages"}


def load_torch(path: str | os.PathLike[str]) -> Any:
    """Return what `torch.save` has put into a file, with NumPy arrays for the tensors.

    Dictionaries (OrderedDict, defaultdict and Counter too), lists, tuples, sets and plain values
    stay what they are. Tensors and parameters are arrays of the same dtype, bfloat16 widened to
    float32 (`is_widened` tells); requires_grad, attributes and hooks are dropped. NumPy's arrays and
    numbers are read; a `torch.Size` is a tuple, a device or dtype its text.

    The entries of a storage are read once. Tensors that share a storage give arrays that share
    memory, and a small view of a large storage keeps all of it, as in PyTorch; `expand` gives a
    read-only array.

    Everything else is a FormatError that names the file and what was refused: a pickled model
    (save its state_dict), TorchScript, quantized, sparse and 8-bit floating tensors, a damaged file,
    and one that would cost more than its size explains (`Limits`). Nothing that a file names is
    imported or run.
    """
    with refusing(path, _KIND), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD)
        file.seek(0)
        if head[:4] == _ZIP:
            value = _load_zip(file, size)
        elif _MAGIC_BYTES in head[:32]:
            with io.BufferedReader(file, _BUFFER) as stream:
                value = _load_older(stream, size)
        elif _is_old_tar(head):
            raise ValueError(
                "it is a tar archive, the format before PyTorch 0.2: load it in PyTorch and save again"
            )
        else:
            raise ValueError("it begins as neither a zip archive nor PyTorch's older format")
        check_plain(value, size)
    return value


def is_torch_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Tell by its content whether a file is one of PyTorch's, those that are refused included.

    A zip archive that is cut off is one if its first member is a checkpoint's.
    """
    try:
        with refusing(path, _KIND), open_regular(path) as file:
            head = file.read(_HEAD)
            if head[:4] != _ZIP:
                return _MAGIC_BYTES in head[:32] or _is_old_tar(head)
            first_name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
            if first_name.endswith(b"/data.pkl"):
                return True
            with archive_of(file) as archive:
                return any(name.endswith("/data.pkl") for name in archive.namelist())
    except FormatError:
        return False


def _is_old_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" and head[:100].rstrip(b"\0") in _TAR_MEMBERS


# --- the zip format


def _load_zip(file: FileIO, size: int) -> Any:
    limits = Limits(size)
    with archive_of(file) as archive:
        members = _members(archive, size, limits)
        folder = _folder(members)
        byte_order: ByteOrder = "<"
        if f"{folder}/byteorder" in members:
            byte_order = _byte_order(archive, members[f"{folder}/byteorder"])

        storages: dict[str, _Storage] = {}

        def storage(identifier: Any) -> NDArray[Any]:
            wanted = _Wanted.parse(identifier, 5)
            if wanted.key not in storages:
                info = members.get(f"{folder}/data/{wanted.key}")
                n_bytes = 0 if info is None else info.file_size
                if n_bytes != wanted.n_bytes:
                    raise ValueError(f"{wanted} is expected, the archive has {n_bytes} bytes")
                data = _NO_BYTES if info is None else _read(archive, info)
                storages[wanted.key] = _Storage(wanted, entries_of(data, wanted.kind, byte_order))
            return storages[wanted.key].entries_for(wanted)

        names = _names(limits, byte_order)
        info = members[f"{folder}/data.pkl"]
        if info.compress_type == zipfile.ZIP_DEFLATED:
            limits.allocate(_VALUES * info.file_size)
        with archive.open(info) as member, io.BufferedReader(member, _BUFFER) as stream:  # type: ignore[type-var]
            machine = PickleMachine(
                stream, info.file_size, names, limits=limits, persistent=storage
            )
            value = machine.run()
            # Reading past the end also makes zipfile compare the checksum.
            if machine.n_left or stream.read(1):
                raise ValueError(f"{machine.n_left} bytes are left over after the pickle")
    return value


def _members(archive: zipfile.ZipFile, size: int, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, once they are known to fit into the file and into the limits."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    members = {info.filename: info for info in infos}
    if len(members) != len(infos):
        raise ValueError("two members of the archive have one name")
    # All checksums are 0 after torch.serialization.set_crc32_options(False): there is none to
    # compare, and None tells zipfile so.
    if all(info.CRC == 0 for info in infos):
        for info in infos:
            info.CRC = None  # type: ignore[assignment]
    end = 0
    for info in infos:
        name = printable(info.filename)
        if info.header_offset < end:
            raise ValueError(f"the member {name} overlaps another one")
        end = info.header_offset + 30 + len(info.filename) + info.compress_size  # at least
        if end > size:
            raise ValueError(f"the member {name} reaches beyond the end of the file")
        if info.compress_type == zipfile.ZIP_DEFLATED:
            limits.allocate(info.file_size)
        elif info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"the member {name} is neither stored nor deflated")
    return members


def _folder(members: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder that holds a checkpoint's members; PyTorch names it after the file."""
    folders = [
        name.removesuffix("/data.pkl")
        for name in members
        if name.count("/") == 1 and name.endswith("/data.pkl")
    ]
    if len(folders) != 1:
        raise ValueError(f"{len(folders)} folders of the archive hold a data.pkl, 1 expected")
    folder = folders[0]
    if f"{folder}/constants.pkl" in members or any(
        n.startswith(f"{folder}/code/") for n in members
    ):
        raise ValueError(
            "it is a TorchScript archive, which is a program: save the weights alone, as in "
            "torch.save(torch.jit.load(path).state_dict(), new_path)"
        )
    return folder


def _byte_order(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ByteOrder:
    name = _read(archive, info).tobytes() if info.file_size < 10 else b"of many bytes"
    if name not in (b"little", b"big"):
        raise ValueError(f"its byte order is {name!r}, neither little nor big")
    return "<" if name == b"little" else ">"


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[np.uint8]:
    """Return the bytes of a member, which are as many as it declares and have its checksum."""
    data = np.empty(info.file_size, np.uint8)
    with archive.open(info) as stream:
        n_read = 0
        while n_read < data.size:
            n_new = stream.readinto(data[n_read : n_read + _CHUNK])  # type: ignore[attr-defined]
            if not n_new:
                raise ValueError(f"the member {printable(info.filename)} is cut off")
            n_read += n_new
        if stream.read(1):
            raise ValueError(f"the member {printable(info.filename)} is longer than it declares")
    return data


# --- the older format


def _load_older(stream: BinaryIO, size: int) -> Any:
    """Return the object, whose pickle is run twice: the storages stand behind it.

    In the first run every tensor is an empty array. It shows which storages there are, of which
    types, and where they begin.
    """

    def run(names: Any = None, storage: Any = None) -> Any:
        n_bytes = size - stream.tell()
        machine = PickleMachine(stream, n_bytes, names or {}, limits=limits, persistent=storage)
        return machine.run()

    limits = Limits(size)

    if run() != _MAGIC:
        raise ValueError("its magic number is none of PyTorch's")
    if run() != _PROTOCOL:
        raise ValueError(f"its protocol is not {_PROTOCOL}")
    if type(run()) is not dict:  # of the machine that wrote it, on which the rest does not depend
        raise ValueError("the facts about the machine that wrote it are no dictionary")

    roots: dict[str, _Wanted] = {}

    def note(identifier: Any) -> NDArray[Any]:
        wanted = _Wanted.parse(identifier, 6)
        if roots.setdefault(wanted.key, wanted) != wanted:
            raise ValueError(f"{wanted} is also {roots[wanted.key]}")
        return _NO_BYTES

    start = stream.tell()
    run(_names(limits) | empty_tensors(), note)
    keys = run()
    is_list = type(keys) is list and all(type(key) is str for key in keys)
    if not is_list or sorted(keys) != sorted(roots):
        raise ValueError("the list of storages does not match those of the tensors")
    storages = {key: _Storage(roots[key], _read_older(stream, size, roots[key])) for key in keys}
    if stream.read(1):
        raise ValueError("bytes are left over after the last storage")

    def storage(identifier: Any) -> NDArray[Any]:
        wanted = _Wanted.parse(identifier, 6)
        entries = storages[wanted.key].entries_for(wanted)
        match identifier[5]:
            case None:
                return entries
            case [str(), int() as first, int() as n]:
                if min(first, n, entries.size - first - n) >= 0:
                    return entries[first : first + n]
        raise ValueError(f"a view of {wanted} is not inside it")

    stream.seek(start)
    limits = Limits(size)  # for the same once more: what the first run made is gone
    return run(_names(limits), storage)


def _read_older(stream: BinaryIO, size: int, wanted: _Wanted) -> NDArray[Any]:
    """Return the entries of the storage that stands at the stream's place."""
    count = stream.read(8)
    n_entries = int.from_bytes(count, "little", signed=True)
    if len(count) != 8 or n_entries != wanted.n_entries:
        raise ValueError(f"{wanted} is expected, the file has {n_entries} entries")
    if wanted.n_bytes > size - stream.tell():
        raise ValueError(f"the file is cut off within {wanted}")
    data = np.empty(wanted.n_bytes, np.uint8)
    if stream.readinto(data) != data.size:  # type: ignore[attr-defined]
        raise ValueError(f"the file is cut off within {wanted}")
    return entries_of(data, wanted.kind, "<")


# --- both


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a pickle says of a storage, each time that a tensor refers to it."""

    kind: StorageType
    key: str
    n_entries: int

    @classmethod
    def parse(cls, identifier: Any, n_parts: int) -> _Wanted:
        # The fourth part is the device that it was on.
        match identifier:
            case [str("storage"), StorageType() as kind, str() as key, _, int() as n, *_]:
                sound = type(n) is int and n >= 0 and len(key) <= _LONGEST_KEY
                if sound and len(identifier) == n_parts:
                    return cls(kind, key, n)
        raise ValueError("a reference to a storage is not type, key, device and number of entries")

    @property
    def n_bytes(self) -> int:
        return self.n_entries * self.kind.stored.itemsize

    def __str__(self) -> str:
        return f"the {self.kind.name} {printable(self.key)} of {self.n_bytes} bytes"


@dataclass(frozen=True, slots=True)
class _Storage:
    """A storage that has been read."""

    wanted: _Wanted
    entries: NDArray[Any]

    def entries_for(self, wanted: _Wanted) -> NDArray[Any]:
        if wanted != self.wanted:
            raise ValueError(f"{wanted} is also {self.wanted}")
        return self.entries


def _names(limits: Limits, byte_order: ByteOrder = "<") -> dict[tuple[str, str], Any]:
    return python_names(limits) | numpy_names(limits) | torch_names(limits, byte_order)
