"""Hostile safetensors and npz files: each is refused by name, soon and in little memory.

The small ones lie beside the `make.py` that makes them; the large ones are made here.
"""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from attacks import harness
from attacks.harness import assert_refused
from attacks.npz import make as npz
from attacks.safetensors import make as safetensors

from scratchnet.serialization import load, load_npz, load_safetensors

SMALL = [
    pytest.param(make, name, id=f"{make.SUFFIX[1:]}-{name}")
    for make in (safetensors, npz)
    for name in make.files()
]


def read_all(path):
    """Read a safetensors file and every tensor in it."""
    return dict(load_safetensors(path))


READERS = {safetensors: read_all, npz: load_npz}


def path_of(make, name):
    return Path(make.__file__).parent / f"{name}{make.SUFFIX}"


@pytest.mark.parametrize(("make", "name"), SMALL)
def test_a_hostile_file_is_refused_by_name_soon_and_in_little_memory(make, name):
    path = path_of(make, name)
    assert_refused(READERS[make], path)
    assert_refused(load, path)


@pytest.mark.parametrize("make", [safetensors, npz])
def test_the_files_are_those_that_the_scripts_make(make):
    files = {f"{name}{make.SUFFIX}": content for name, content in make.files().items()}
    found = Path(make.__file__).parent.glob(f"*{make.SUFFIX}")
    assert {path.name: path.read_bytes() for path in found} == files


@pytest.mark.parametrize(
    ("make", "content"),
    [
        (safetensors, safetensors.file('{"a":' + safetensors.entry() + "}")),
        (npz, npz.archive(npz.member())),
        (npz, npz.archive(npz.packed(npz.npy()))),
        (npz, npz.archive(npz.member(content=npz.npy(version=(2, 0))))),
    ],
)
def test_what_the_scripts_build_without_lies_is_read(make, content, tmp_path):
    # Otherwise a file could be refused for a mistake of the script, and not for its lie.
    path = tmp_path / "sound"
    path.write_bytes(content)
    (array,) = READERS[make](path).values()
    assert array.tobytes() == (b"x" if make is safetensors else b"xyz")


REASONS = {
    (safetensors, "header-above-the-limit"): "100000001 bytes",
    (safetensors, "name-twice-once-escaped"): "'a' twice",
    (safetensors, "name-with-nul"): r"'a\\x00' holds NUL",
    (safetensors, "overlap"): "'b' begins at byte 1 of the data, an overlap after 2",
    (safetensors, "hole"): "'b' begins at byte 2 of the data, a hole after 1",
    (safetensors, "bytes-after-the-end"): "end at byte 1 of 2",
    (safetensors, "shape-that-wraps-around-to-0"): "too large for any array",
    (safetensors, "shape-negative-twice"): r"the shape \[-1, -1\]",
    (safetensors, "dtype-unknown"): "'U9', which does not exist",
    (safetensors, "metadata-key-twice"): "'k' twice",
    (safetensors, "dtype-that-numpy-lacks"): "'a' is F8_E4M3",
    (npz, "dtype-object"): "only numbers",
    (npz, "dtype-object-inside"): "only numbers",
    (npz, "name-twice"): "two arrays have the name",
    (npz, "encrypted"): "encrypted",
    (npz, "deflated-sizes-beyond-the-limit"): "8589934588 bytes when unpacked",
    (npz, "stored-size-beyond-the-file"): "would have 2147483648 bytes",
    (npz, "shape-of-terabytes"): r"3 bytes for uint8 \(1000000000000,\)",
    (npz, "shape-0-times-huge"): "too large for any array",
    (npz, "shape-negative-twice"): r"its shape is \(-3, -1\)",
    (npz, "checksum-wrong"): "CRC",
    (npz, "name-with-nul"): r"'a.npy\\x00.npy' is no .npy file",
}


@pytest.mark.parametrize(("make", "name"), REASONS, ids=lambda part: getattr(part, "SUFFIX", part))
def test_the_error_tells_the_reason(make, name):
    assert_refused(READERS[make], path_of(make, name), REASONS[make, name])


# --- large files


def write_sparse(path, start, size):
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)


def test_a_header_above_the_limit_is_refused_though_the_file_has_it(tmp_path):
    path = tmp_path / "large.safetensors"
    write_sparse(path, struct.pack("<Q", 100_000_001) + b"{", 100_000_100)
    assert_refused(load_safetensors, path, "its header would have 100000001 bytes")


@pytest.mark.parametrize(
    "piece",
    ["[],", "{},", '"a":{},', '"":[[],[]],', " ", '"\\u0061', "\U0001f600", "9", "[", '{"a":'],
)
@pytest.mark.parametrize("start", ["{", '{"a":{"dtype":', '{"__metadata__":{', '{"'])
def test_a_long_header_takes_no_more_memory_than_a_few_times_its_length(piece, start, tmp_path):
    path = tmp_path / "long.safetensors"
    path.write_bytes(safetensors.file(start + piece * (1_000_000 // len(piece)), b""))
    assert_refused(load_safetensors, path)


def test_many_tensors_take_no_more_memory_than_a_few_times_the_header(tmp_path):
    entries = (f'"{i}":' + safetensors.entry((0,), 0, 0) for i in range(15_000))
    path = tmp_path / "many.safetensors"
    path.write_bytes(safetensors.file("{" + ",".join(entries) + "}", b""))
    peak = harness.peak_memory(lambda: load_safetensors(path))
    assert peak < harness.BYTES + harness.BYTES_FOR_EACH_BYTE * path.stat().st_size
    assert len(load_safetensors(path)) == 15_000


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, zeros=np.zeros(50_000_000, np.uint8))
    assert path.stat().st_size < 100_000
    assert_refused(lambda p: load_npz(p, max_bytes=10**7), path, "above max_bytes=10000000")
    assert_refused(lambda p: load(p, max_bytes=10**7), path, "above max_bytes=10000000")


def test_a_bomb_that_declares_little_is_unpacked_no_further(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, zeros=np.zeros(50_000_000, np.uint8))
    content = path.read_bytes()
    declared = struct.pack("<I", 50_000_128)
    assert declared in content
    path.write_bytes(content.replace(declared, struct.pack("<I", 100_128)))
    assert_refused(load_npz, path)


def test_a_header_that_a_bomb_inflates_is_not_read(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        length = 50_000_000
        header = b"\x93NUMPY\2\0" + struct.pack("<I", length) + b" " * length
        archive.writestr("a.npy", header)
    assert_refused(load_npz, path, "no sound header")


def test_a_declared_size_that_never_comes_is_not_allocated(tmp_path):
    length = 4_000_000_000
    declared = length + len(npz.npy(shape=f"({length},)", data=b""))
    lie = npz.packed(npz.npy(shape=f"({length},)"), size=declared)
    path = tmp_path / "lie.npz"
    path.write_bytes(npz.archive(lie))
    assert_refused(load_npz, path)


def test_a_directory_of_more_than_8_mebibytes_is_not_read(tmp_path):
    path = tmp_path / "many.npz"
    sound = npz.archive(npz.member())
    directory = sound[sound.index(b"PK\1\2") : -22]
    body, n = sound[: -22 - len(directory)], 2**23 // len(directory) + 1
    end = struct.pack("<HHHHIIH", 0, 0, 0, 0, n * len(directory), len(body), 0)
    path.write_bytes(body + directory * n + b"PK\5\6" + end)
    assert_refused(load_npz, path, "its directory would have")
    assert_refused(load, path, "its directory would have")


def test_a_long_directory_takes_no_more_memory_than_a_few_times_its_length(tmp_path):
    path = tmp_path / "many.npz"
    sound = npz.archive(npz.member(b"a", b""))
    directory = sound[sound.index(b"PK\1\2") : -22]
    body, n = sound[: -22 - len(directory)], 20_000
    end = struct.pack("<HHHHIIH", 0, 0, 20_000, 20_000, n * len(directory), len(body), 0)
    path.write_bytes(body + directory * n + b"PK\5\6" + end)
    assert_refused(load_npz, path)


# --- what is no file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("read", [load, load_npz, load_safetensors])
def test_a_pipe_that_never_ends_is_refused(read, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert_refused(read, path, "not a regular file")


@pytest.mark.parametrize("read", [load, load_npz, load_safetensors])
def test_a_missing_file_and_a_folder_are_the_systems_errors(read, tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")
    with pytest.raises(OSError, match=r"directory|denied"):
        read(tmp_path)
