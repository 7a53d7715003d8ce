"""Damaged PyTorch checkpoints: an error that names the file, or exactly what is still in it."""

import pickle
import pickletools
import random
import struct
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from scratchnet.serialization import FormatError
from scratchnet.serialization.torch_checkpoint import is_torch_checkpoint, load_torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from attacks import harness
from attacks.torch.parts import SOUND, number, packed

SAMPLES = Path(__file__).parent.parent / "serialization" / "samples"


@pytest.mark.parametrize("name", SOUND)
def test_a_file_that_is_cut_off_anywhere_is_refused(name, tmp_path):
    path = tmp_path / "cut"
    for n in range(len(SOUND[name])):
        path.write_bytes(SOUND[name][:n])
        with pytest.raises(FormatError, match=r"cut is not a sound PyTorch checkpoint"):
            load_torch(path)
        is_torch_checkpoint(path)


BUGS = ("TypeError", "KeyError", "IndexError", "AttributeError", "RecursionError", "UnboundLocal")


def read_or_refused(path):
    """Return what is read, or None if it is refused as it must be."""
    try:
        return load_torch(path)
    except FormatError as error:
        message = str(error)
        assert message.startswith(f"{path} is not a sound PyTorch checkpoint: ")
        assert message.isprintable()
        assert not any(bug in message for bug in BUGS), message
        return None


def damaged(content, rng):
    """Return the content after one to three small injuries."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at, kind = rng.randrange(len(content)), rng.randrange(6)
        if kind == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at] = rng.choice(b"\0\1\x7f\x80\xff().NRbetsuq")
        elif kind == 2:
            del content[at : at + rng.randint(1, 8)]
        elif kind == 3:
            start = rng.randrange(len(content))
            content[at:at] = content[start : start + rng.randint(1, 40)]
        elif kind == 4:
            start = rng.randrange(len(content))
            piece = content[start : start + rng.randint(1, 40)]
            content[at : at + len(piece)] = piece
        else:
            code = rng.choice(["<I", "<Q", "<i"])
            value = rng.choice([0, 1, 2, 2**31 - 1]) if code == "<i" else rng.choice([0, 2**32 - 1])
            content[at : at + struct.calcsize(code)] = struct.pack(code, value)
    return bytes(content)


def arrays_in(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from arrays_in(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from arrays_in(child)


def same(found, expected):
    """Tell whether two values are equal in structure, types and every bit of their arrays."""
    return pickle.dumps([(a.dtype.str, a.shape, a.tobytes()) for a in arrays_in(found)]) == (
        pickle.dumps([(a.dtype.str, a.shape, a.tobytes()) for a in arrays_in(expected)])
    ) and repr(found) == repr(expected)


def test_a_damaged_archive_is_refused_or_read_right(tmp_path):
    # Every member has a checksum, so what is read of a damaged file is what was in it.
    rng, path = random.Random(1), tmp_path / "damaged"
    sound = [(SAMPLES / "zip.pt").read_bytes(), SOUND["zip"]]
    expected = [load_torch(SAMPLES / "zip.pt"), {"w": np.arange(1, 5, dtype=np.float32)}]
    read = refused = 0
    for turn in range(800):
        path.write_bytes(damaged(sound[turn % 2], rng))
        found = read_or_refused(path)
        if found is None:
            refused += 1
        else:
            read += 1
            assert same(found, expected[turn % 2])
    assert min(read, refused) > 50, "the damage is too small, or too large, to find anything"


def opcodes_of(content):
    """Return the opcodes of a pickle, each with its argument; without the frames around them."""
    places = [place for _, _, place in pickletools.genops(content)] + [len(content)]
    pieces = [content[a:b] for a, b in pairwise(places)]
    return [piece for piece in pieces if piece[:1] != b"\x95"]


def with_damaged_opcodes(pieces, rng):
    """Return a pickle after one or two injuries that leave each opcode whole."""
    pieces = list(pieces)
    for _ in range(rng.randint(1, 2)):
        at, other = rng.randrange(1, len(pieces) - 1), rng.randrange(1, len(pieces) - 1)
        alike = [piece for piece in pieces if piece[0] == pieces[at][0]]
        kind = rng.randrange(6)
        if kind == 0:
            pieces[at] = rng.choice(alike)
        elif kind == 1:
            numbers = [i for i, piece in enumerate(pieces) if piece[:1] in (b"K", b"M", b"J")]
            value = rng.choice([0, 1, 2, 3, 5, 30, -1, 2**31, 2**40, 2**63, 2**64])
            pieces[rng.choice(numbers)] = number(value)
        elif kind == 2:
            pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
        elif kind == 3:
            del pieces[at]
        elif kind == 4:
            pieces.insert(at, pieces[other])
        else:
            pieces[at] = pieces[other]
        if len(pieces) < 5:
            break
    return b"".join(pieces)


def damaged_pickles(n):
    """Yield checkpoints whose pickle is damaged, and whose checksums are right: 4n of them."""
    rng = random.Random(2)
    for sample in ("zip.pt", "zip-protocol-5.pt"):
        with zipfile.ZipFile(SAMPLES / sample) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        pickle_name = next(name for name in contents if name.endswith("/data.pkl"))
        pieces = opcodes_of(contents[pickle_name])
        for _ in range(n):
            yield packed(contents | {pickle_name: with_damaged_opcodes(pieces, rng)})
    older = (SAMPLES / "older.pt").read_bytes()
    begin = len(older) - len(older[older.index(b"}q\x00(X\x0a\x00\x00\x00state_dict") - 2 :])
    end = begin + next(p for o, _, p in pickletools.genops(older[begin:]) if o.name == "STOP") + 1
    pieces = opcodes_of(older[begin:end])
    for _ in range(n):
        yield older[:begin] + with_damaged_opcodes(pieces, rng) + older[end:]
        yield damaged(older, rng)


def test_a_damaged_pickle_is_refused_or_gives_arrays_within_bounds(tmp_path):
    path = tmp_path / "damaged"
    read = refused = 0
    for content in damaged_pickles(200):
        path.write_bytes(content)
        found = read_or_refused(path)
        if found is None:
            refused += 1
            continue
        read += 1
        promised = 0
        for array in arrays_in(found):
            assert array.dtype.kind in "biufc"
            assert array.dtype.isnative
            promised += array.nbytes
            repr(array.sum() if array.size < 2**20 else array[..., -1:])  # every entry is there
        assert promised <= 2**24 + 64 * len(content) + len(content)
        repr(found)
    assert min(read, refused) > 50, "the damage is too small, or too large, to find anything"


def test_a_damaged_pickle_takes_little_memory(tmp_path):
    path = tmp_path / "damaged"
    for content in damaged_pickles(20):
        path.write_bytes(content)
        assert harness.peak_memory(lambda: read_or_refused(path)) < 2 * harness.BYTES
