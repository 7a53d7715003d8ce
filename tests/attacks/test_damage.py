"""Safetensors and npz files damaged at random: an error, or the arrays that the file says."""

import io
import json

import numpy as np
import pytest
from attacks import harness
from attacks.npz import make as npz
from attacks.safetensors import make as safetensors

from scratchnet.serialization import load_npz, load_safetensors, save_npz, save_safetensors

READERS = {safetensors: lambda path: dict(load_safetensors(path)), npz: load_npz}


def naive_safetensors(content):
    """Read a sound file in the simplest way."""
    n = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + n]), content[8 + n :]
    header.pop("__metadata__", None)
    dtypes = {"BOOL": "?", "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1"}
    dtypes |= {"C64": "<c8", "U64": "<u8", "I32": "<i4", "U32": "<u4", "I16": "<i2", "I8": "i1"}
    dtypes |= {"U16": "<u2"}
    found = {}
    for name, one in header.items():
        begin, end = one["data_offsets"]
        if one["dtype"] == "BF16":
            wide = b"".join(b"\0\0" + data[i : i + 2] for i in range(begin, end, 2))
            found[name] = np.frombuffer(wide, "<f4").reshape(one["shape"])
        else:
            found[name] = np.frombuffer(data[begin:end], dtypes[one["dtype"]]).reshape(one["shape"])
    return found


def naive_npz(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def sound_files(folder):
    """Return the contents of sound files of each format, to begin with."""
    rng = np.random.default_rng(0)
    states = [
        {"w": rng.normal(size=(12, 10)).astype(np.float32), "b": np.arange(3), "s": np.array(True)},
        {"empty": np.zeros((0, 4), np.int16), "f": np.asfortranarray(rng.normal(size=(9, 8)))},
        {str(i): np.full(i, i, np.uint8) for i in range(6)},
    ]
    found = {safetensors: [], npz: []}
    for state in states:
        save_safetensors(state, folder / "a", {"format": "np"} if "w" in state else None)
        found[safetensors].append((folder / "a").read_bytes())
        for write in (lambda s, path: save_npz(s, path), lambda s, path: compress(path, s)):
            write(state, folder / "a.npz")
            found[npz].append((folder / "a.npz").read_bytes())
    half = safetensors.entry((5, 9), 0, 90, "BF16")
    found[safetensors].append(safetensors.file(f'{{"half":{half}}}', rng.bytes(90)))
    return found


def compress(path, state):
    np.savez_compressed(path, **state)


NUMBERS = [
    b"0",
    b"1",
    b"2",
    b"3",
    b"-1",
    b"8",
    b"24",
    b"4294967296",
    b"1.0",
    b"1e2",
    b"[]",
    b"null",
]


def damaged(content, others, rng):
    """Return the content after one or two small injuries."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        at, to = sorted(rng.integers(0, len(content) + 1, 2))
        kind = rng.integers(8)
        if kind == 0 and content:
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        elif kind == 1 and content:
            content[rng.integers(len(content))] = rng.choice([0, 1, 9, 32, 34, 48, 125, 127, 255])
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : min(to, at + 8)]
        elif kind == 4:
            content[at:at] = content[at : min(to, at + 64)]
        elif kind == 5:
            other = others[rng.integers(len(others))]
            start = rng.integers(len(other) + 1)
            content[at : min(to, at + 32)] = other[start : start + 32]
        elif kind == 6:
            digits = [i for i, c in enumerate(content) if 48 <= c <= 57]
            if digits:
                i = digits[rng.integers(len(digits))]
                content[i : i + 1] = NUMBERS[rng.integers(len(NUMBERS))]
        else:
            content[at:at] = rng.bytes(int(rng.integers(1, 5)))
        if not content:
            break
    return bytes(content)


def with_right_length(content):
    """Return a safetensors file whose length of the header is right again, so that more is looked at."""
    end = content.find(b"}}", 8) + 2
    return (end - 8).to_bytes(8, "little") + content[8:] if end > 1 else content


@pytest.mark.parametrize("make", [safetensors, npz], ids=lambda make: make.SUFFIX)
@pytest.mark.filterwarnings("ignore::UserWarning")  # NumPy's, about headers of Python 2
def test_a_damaged_file_is_refused_or_read_as_what_it_says(make, tmp_path):
    rng = np.random.default_rng(7)
    sound = sound_files(tmp_path)[make]
    naive = {safetensors: naive_safetensors, npz: naive_npz}[make]
    path = tmp_path / "damaged"
    read, refused = 0, 0
    for turn in range(3000):
        content = damaged(sound[turn % len(sound)], sound, rng)
        if make is safetensors and rng.integers(2):
            content = with_right_length(content)
        path.write_bytes(content)
        try:
            found = READERS[make](path)
        except harness.FormatError as error:
            message = str(error)
            refused += 1
        else:
            message = ""
            read += 1
        if message:
            assert message.startswith(str(path))
            continue
        expected = naive(content)
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert (array.shape, array.dtype) == (expected[name].shape, expected[name].dtype)
            assert array.tobytes() == expected[name].tobytes()
    # Nearly every byte matters to something that is checked; what is left are dates and the like.
    assert min(read, refused) > 50, "the damage is too small, or too large, to find anything"
