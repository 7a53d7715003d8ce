"""Make the hostile safetensors files in this folder: `python tests/attacks/safetensors/make.py`."""

import json
from pathlib import Path

SUFFIX = ".safetensors"


def entry(shape=(1,), begin=0, end=1, dtype="U8"):
    """Return the JSON of a sound entry, one byte by default."""
    return json.dumps({"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]})


def raw(**parts):
    """Return the JSON of an entry whose parts are JSON already."""
    parts = {"dtype": '"U8"', "shape": "[1]", "data_offsets": "[0,1]"} | parts
    return "{" + ",".join(f'"{key}":{value}' for key, value in parts.items()) + "}"


def file(header, data=b"x", length=None):
    """Return a file: the header's length, which may be a lie, the header, the data."""
    header = header if isinstance(header, bytes) else header.encode()
    length = len(header) if length is None else length
    return length.to_bytes(8, "little") + header + data


def with_entry(json_text, data=b"x"):
    return file('{"a":' + json_text + "}", data)


def files():
    sound = file('{"a":' + entry() + "}")
    pair = '{{"a":{},"b":{}}}'
    return {
        # the length of the header
        "empty": b"",
        "seven-bytes": sound[:7],
        "length-only": sound[:8],
        "header-longer-than-the-file": file("{}", b"", length=3),
        "header-of-2-to-the-63": file("{}", b"", length=2**63),
        "header-of-2-to-the-64-minus-1": file("{}", b"", length=2**64 - 1),
        "header-length-plus-8-wraps-around": file("{}", b"", length=2**64 - 8),
        "header-above-the-limit": file("{}", b"", length=100_000_001),
        "header-shorter-than-its-json": file('{"a":' + entry() + "}", length=20),
        "header-of-no-bytes": file("", b""),
        # its text
        "not-utf-8": file(b'{"\xff":' + entry().encode() + b"}"),
        "overlong-utf-8": file(b'{"\xc0\x80":' + entry().encode() + b"}"),
        "utf-16": file(('{"a":' + entry() + "}").encode("utf-16-le")),
        "byte-order-mark": file("\ufeff{}", b""),
        "not-json": file("{tensors}", b""),
        "ends-in-the-middle": file('{"a":' + entry()),
        "ends-in-a-string": file('{"a'),
        "goes-on-after-its-end": file('{"a":' + entry() + "}{}"),
        "padded-with-nul": file('{"a":' + entry() + "}\0\0"),
        "begins-with-a-space": file(' {"a":' + entry() + "}"),
        "a-comma-too-many": file('{"a":' + entry() + ",}"),
        "a-list": file("[]", b""),
        "a-string": file('"a"', b""),
        "a-null": file("null", b""),
        "nested-too-deep": file("[" * 4_000, b""),
        "objects-nested-too-deep": file('{"a":' * 4_000, b""),
        "entry-nested-too-deep": with_entry(raw(shape="[" * 2000 + "]" * 2000)),
        "metadata-nested-too-deep": file('{"__metadata__":' + "[" * 4_000, b""),
        # names
        "name-twice": file('{"a":' + entry() + ',"a":' + entry() + "}"),
        "name-twice-once-escaped": file('{"a":' + entry() + r',"\u0061":' + entry() + "}"),
        "name-with-nul": file(r'{"a\u0000":' + entry() + "}"),
        "name-with-half-a-character": file(r'{"\ud800":' + entry() + "}"),
        "name-with-a-newline": file('{"a\n":' + entry() + "}"),
        "name-that-is-a-number": file("{1:" + entry() + "}"),
        "key-twice-in-an-entry": with_entry(raw()[:-1] + ',"dtype":"I8"}'),
        # metadata
        "metadata-twice": file('{"__metadata__":{},"__metadata__":{},"a":' + entry() + "}"),
        "metadata-key-twice": file('{"__metadata__":{"k":"1","k":"2"},"a":' + entry() + "}"),
        "metadata-of-numbers": file('{"__metadata__":{"k":1},"a":' + entry() + "}"),
        "metadata-null": file('{"__metadata__":null,"a":' + entry() + "}"),
        "metadata-that-is-a-tensor": file('{"__metadata__":' + entry() + "}"),
        "metadata-nested": file('{"__metadata__":{"k":{"l":"m"}},"a":' + entry() + "}"),
        # entries
        "entry-that-is-a-list": with_entry('["U8",[1],[0,1]]'),
        "entry-that-is-empty": with_entry("{}"),
        "entry-without-a-shape": with_entry('{"dtype":"U8","data_offsets":[0,1]}'),
        "entry-with-another-key": with_entry(raw(strides="[1]")),
        "entry-of-many-spaces": with_entry(raw(shape="[1" + " " * 9000 + "]")),
        "dtype-unknown": with_entry(entry(dtype="U9")),
        "dtype-in-small-letters": with_entry(entry(dtype="u8")),
        "dtype-of-numpy": with_entry(entry(dtype="O")),
        "dtype-that-is-a-number": with_entry(raw(dtype="8")),
        "dtype-that-is-a-list": with_entry(raw(dtype='["U8"]')),
        "shape-that-is-a-number": with_entry(raw(shape="1")),
        "shape-null": with_entry(raw(shape="null")),
        "shape-of-strings": with_entry(raw(shape='["1"]')),
        "shape-of-bools": with_entry(raw(shape="[true]")),
        "shape-of-fractions": with_entry(raw(shape="[1.0]")),
        "shape-with-an-exponent": with_entry(raw(shape="[1e0]")),
        "shape-nan": with_entry(raw(shape="[NaN]")),
        "shape-infinite": with_entry(raw(shape="[Infinity]")),
        "shape-negative": with_entry(raw(shape="[-1]")),
        "shape-negative-twice": with_entry(raw(shape="[-1,-1]")),
        "shape-that-wraps-around-to-0": with_entry(
            raw(shape=f"[{2**32},{2**32}]", data_offsets="[0,0]"), b""
        ),
        "shape-that-wraps-around-to-1": with_entry(raw(shape=f"[{2**64 + 1}]")),
        "shape-of-one-exabyte": with_entry(entry((2**60,), 0, 2**60)),
        "shape-0-times-huge": with_entry(entry((0, 2**62, 2**62), 0, 0), b""),
        "shape-huge-times-0": with_entry(entry((2**62, 2**62, 0), 0, 0), b""),
        "shape-of-4000-digits": with_entry(raw(shape="[" + "9" * 4000 + "]")),
        "shape-of-65-dimensions": with_entry(entry((1,) * 65)),
        "half-a-byte": with_entry(entry((1,), 0, 1, "F4")),
        # offsets
        "offsets-of-another-size-than-the-shape": with_entry(entry((2,), 0, 1)),
        "offsets-of-another-size-than-the-dtype": with_entry(entry((1,), 0, 1, "F32")),
        "offsets-negative": with_entry(raw(data_offsets="[-1,0]")),
        "offsets-backwards": with_entry(entry((1,), 1, 0)),
        "offsets-of-fractions": with_entry(raw(data_offsets="[0,1.0]")),
        "offsets-of-bools": with_entry(raw(data_offsets="[false,true]")),
        "offsets-three": with_entry(raw(data_offsets="[0,1,1]")),
        "offsets-one": with_entry(raw(data_offsets="[1]")),
        "offsets-that-wrap-around": with_entry(entry((2,), 2**64 - 1, 2**64 + 1)),
        "overlap": file(pair.format(entry((2,), 0, 2), entry((2,), 1, 3)), b"xxx"),
        "same-bytes-twice": file(pair.format(entry(), entry())),
        "empty-tensor-inside-another": file(
            pair.format(entry((2,), 0, 2), entry((0,), 1, 1)), b"xx"
        ),
        "hole": file(pair.format(entry(), entry((1,), 2, 3)), b"xxx"),
        "hole-at-the-beginning": with_entry(entry((1,), 1, 2), b"xx"),
        "bytes-after-the-end": with_entry(entry(), b"xx"),
        "bytes-without-a-tensor": file("{}", b"x"),
        "cut-off": with_entry(entry(), b""),
        # values
        "bool-of-2": with_entry(entry((3,), 0, 3, "BOOL"), b"\0\1\2"),
        "dtype-that-numpy-lacks": with_entry(entry(dtype="F8_E4M3")),
    }


if __name__ == "__main__":
    import sys

    here = Path(__file__).parent
    sys.path.insert(0, str(here.parent))
    from harness import write_files

    write_files(files(), here, SUFFIX)
