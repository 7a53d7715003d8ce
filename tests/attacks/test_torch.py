"""Hostile PyTorch checkpoints: each is refused by name, soon, in little memory, and runs nothing.

The small ones lie in `torch/`, beside the scripts that make them; the large ones are made here.
"""

import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from scratchnet.serialization import load
from scratchnet.serialization.torch_checkpoint import load_torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from attacks.harness import assert_refused
from attacks.torch import make
from attacks.torch.parts import (
    APPENDS,
    EMPTY_LIST,
    EMPTY_SET,
    MARK,
    NONE,
    SOUND,
    checkpoint,
    deflated_zeros,
    number,
    packed,
    storage,
    tensor,
)

FOLDER = Path(make.__file__).parent
SAMPLES = FOLDER.parent.parent / "serialization" / "samples"


@pytest.mark.parametrize("name", make.files())
def test_a_hostile_file_is_refused_by_name_soon_and_in_little_memory(name):
    path = FOLDER / f"{name}{make.SUFFIX}"
    assert_refused(load_torch, path)
    assert_refused(load, path)


def test_the_files_are_those_that_the_script_makes():
    files = {f"{name}{make.SUFFIX}": content for name, content in make.files().items()}
    assert {path.name: path.read_bytes() for path in FOLDER.glob(f"*{make.SUFFIX}")} == files


@pytest.mark.parametrize("name", SOUND)
def test_what_the_script_builds_without_lies_is_read(name, tmp_path):
    # Otherwise a file could be refused for a mistake of the script, and not for its lie.
    path = tmp_path / "sound"
    path.write_bytes(SOUND[name])
    assert load_torch(path)["w"].tolist() == [1, 2, 3, 4]


def test_zeros_deflated_by_hand_are_zeros():
    for n in (259, 1000, 200_000):
        assert zlib.decompress(deflated_zeros(n), -15) == bytes(n)


REASONS = {
    "calls-global-os-system": r"it holds os\.system, which is no plain data and was not run",
    "calls-stack-global-os-system": r"it holds os\.system",
    "calls-global-torch-load": r"it holds torch\.load",
    "calls-global-load-from-bytes": "a PyTorch file inside a pickle",
    "calls-inst-os-system": "opcode 0x69 makes an instance",
    "calls-extension-1": "registered extension",
    "calls-class-left-over": "no value",
    "pickles-text-of-exabytes": "cut off",
    "pickles-integer-of-four-gigabytes": "an integer of more than 255 bytes",
    "pickles-name-of-control-characters": r"it holds \\x1b\[2J\\u202e\.\\x07",
    "pickles-key-whose-hash-takes-2-to-the-60": "a value of type tuple like this one cannot be a key",
    "pickles-key-of-many-characters": "a key has 16385 characters",
    "pickles-key-a-tuple-of-many-characters": "a key has 20000 characters",
    "pickles-key-an-integer-of-129-bits": "cannot be a key",
    "pickles-size-of-65-numbers": "not made of 64 integers at most",
    "pickles-device-of-many-characters": "a torch.device is not made",
    "pickles-sets-without-end": "containers of more than 64 times",
    "arrays-buffer-of-many-axes": "not made of a buffer",
    "tensors-storage-key-of-many-characters": "a reference to a storage is not",
    "pickles-list-in-itself": "a list contains itself",
    "pickles-billion-laughs": "more than 419[0-9]{4} values",
    "pickles-deep-lists": "more than 100 levels",
    "pickles-deep-marks": "more than 1000 marks",
    "pickles-copies-of-one-memo": "more than 16 times its size",
    "pickles-sets-of-one-list": "more than 16 times its size",
    "tensors-offset-beyond": "from entry 1 on reaches entry 4 of a storage of 4",
    "tensors-stride-negative": "negative",
    "tensors-size-that-wraps-around": "size",
    "tensors-expanded-to-terabytes": "more than 64 times its size",
    "tensors-expanded-to-terabytes-in-parts": "more than 64 times its size",
    "tensors-storage-longer-than-its-member": "of 20 bytes is expected, the archive has 16",
    "tensors-storage-of-two-types": "IntStorage 0 of 16 bytes is also the FloatStorage",
    "tensors-dtype-float8_e4m3fn": "at w: NumPy has no torch.float8_e4m3fn",
    "tensors-storage-quantized": "at w: it holds torch.QInt8Storage: quantized",
    "arrays-array-of-objects": "objects, text and records",
    "archives-byteorder-unknown": "'middle', neither little nor big",
    "archives-torchscript-code": "TorchScript",
    "archives-member-twice": "one name",
    "archives-member-overlaps": "overlaps",
    "archives-member-encrypted": "encrypted",
    "archives-member-checksum-wrong": "CRC",
    "archives-deflated-bombs": "more than 16 times its size",
    "older-keys-twice": "does not match",
    "older-entries-of-exabytes": "cut off",
    "older-view-beyond-its-storage": "not inside it",
    "older-tar": "a tar archive",
}


@pytest.mark.parametrize("name", REASONS)
def test_the_error_tells_the_reason(name):
    assert_refused(load_torch, FOLDER / f"{name}{make.SUFFIX}", REASONS[name])


# --- nothing is run

WATCH = """
import os
import sys
from pathlib import Path
from scratchnet.serialization import load
from scratchnet.serialization.torch_checkpoint import load_torch
load(sys.argv[1])
import encodings.cp437  # of names in archives; Python imports it at the first use
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
seen = []
sys.addaudithook(lambda event, arguments: watched and seen.append((event, arguments)))
watched = True
for path in map(Path, sys.argv[2:]):
    path = str(path)
    seen.clear()
    try:
        load_torch(path)
    except ValueError:
        pass
    for event, arguments in seen:
        if event == "builtins.id":
            continue
        is_file = arguments[0] == path or type(arguments[0]) is int  # what is open already
        reading = event == "open" and is_file and not arguments[2] & writing
        assert reading, (path, event, arguments)
watched = False
"""


def test_no_file_opens_imports_or_runs_anything(tmp_path):
    # Python reports every import, open, compile, exec, process and connection to audit hooks.
    files = [*sorted(FOLDER.glob("*.pt")), *sorted(SAMPLES.glob("*.pt"))]
    program = [sys.executable, "-c", "watched = False" + WATCH, SAMPLES / "zip.pt", *files]
    done = subprocess.run(
        program, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the command is of Unix")
def test_the_calls_are_real_for_a_reader_that_runs_them(tmp_path):
    body = dict(make.calls())["global-os-system"]
    program = f"import pickle; pickle.loads({make.pickled(body)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=60, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["canary"]


# --- large files


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", make.pickled(tensor(storage(n=10**7), size=(10**7,))))
        archive.writestr("a/data/0", bytes(4 * 10**7))
    assert_refused(load_torch, path, "more than 16 times its size")


def test_a_bomb_that_declares_little_is_unpacked_no_further(tmp_path):
    path = tmp_path / "bomb.pt"
    stream = deflated_zeros(10**7)
    lies = {"stream": stream, "packed": len(stream), "method": 8}
    path.write_bytes(packed(make.members(make.pickled(make.state(tensor()))), **{"a/data/0": lies}))
    assert_refused(load_torch, path, "CRC")


def test_a_pickle_that_is_unpacked_has_no_more_than_the_file_explains(tmp_path):
    path = tmp_path / "packed.pt"
    for opcodes in (EMPTY_SET, EMPTY_LIST, NONE, number(1000)):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            body = MARK + opcodes * (500_000 // len(opcodes)) + b"t"
            archive.writestr("a/data.pkl", make.pickled(body))
        assert_refused(load_torch, path, r"more than 16 times its size")


def test_many_names_of_one_storage_are_refused_once_they_promise_too_much(tmp_path):
    entries = bytes(100_000)
    whole = storage(n=25_000) + make.put(0)
    again = tensor(make.get(0), size=(25_000,))
    for n, refused in ((20, False), (400, True)):
        path = tmp_path / f"{n}.pt"
        body = EMPTY_LIST + MARK + tensor(whole, size=(25_000,)) + again * n + APPENDS
        path.write_bytes(checkpoint(body, {"0": entries}))
        if refused:
            assert_refused(load_torch, path, "more than 64 times its size")
        else:
            found = load_torch(path)
            assert all(np.shares_memory(array, found[0]) for array in found)
