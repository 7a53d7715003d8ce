"""The header of a safetensors file: JSON that says where each tensor lies in the data after it.

    {"__metadata__": {"format": "pt"},
     "conv.weight": {"dtype": "F32", "shape": [8, 3, 5, 5], "data_offsets": [0, 2400]}, ...}

The header is taken apart piece by piece, not by one call of `json.loads`: three bytes of it, `[],`,
would become 64 bytes of an empty list, before anything could have been checked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from scratchnet.serialization.errors import printable

__all__ = ["DTYPES", "METADATA", "TensorInfo", "parse_header"]

METADATA = "__metadata__"

# Name: (bits of an entry, NumPy's dtype or None), in the order in which tensors are written.
DTYPES: dict[str, tuple[int, str | None]] = {
    "U64": (64, "<u8"),
    "I64": (64, "<i8"),
    "F64": (64, "<f8"),
    "C64": (64, "<c8"),
    "F32": (32, "<f4"),
    "U32": (32, "<u4"),
    "I32": (32, "<i4"),
    "BF16": (16, "<u2"),  # the upper half of a float32
    "F16": (16, "<f2"),
    "U16": (16, "<u2"),
    "I16": (16, "<i2"),
    "F8_E5M2FNUZ": (8, None),
    "F8_E4M3FNUZ": (8, None),
    "F8_E8M0": (8, None),
    "F8_E4M3": (8, None),
    "F8_E5M2": (8, None),
    "I8": (8, "|i1"),
    "U8": (8, "|u1"),
    "F6_E3M2": (6, None),
    "F6_E2M3": (6, None),
    "F4": (4, None),
    "BOOL": (8, "|b1"),
}

_LONGEST_ENTRY = 4096  # characters: 64 sizes of 20 digits, and much space between
_MAX_DIMENSIONS = 64  # what a NumPy array can have
_MAX_BYTES = np.iinfo(np.intp).max
_SPACE = re.compile(r"[ \t\n\r]*")
_UNFIT = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of a character


class TensorInfo(NamedTuple):
    """What the header says of a tensor; its bytes are `begin` to `end` of the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def parse_header(text: str, n_data: int) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Return the tensors by name, in the header's order, and the metadata.

    Raises ValueError unless the tensors cover `n_data` bytes exactly, without holes or overlaps.
    """
    if not text.startswith("{"):
        raise ValueError("its header does not begin with {")
    scanner = _Scanner(text)
    tensors: dict[str, TensorInfo] = {}
    metadata: dict[str, str] = {}
    for name in scanner.object_keys():
        if name == METADATA:
            metadata = {key: scanner.string() for key in scanner.object_keys()}
        else:
            tensors[name] = _tensor_info(name, scanner.entry(name))
    scanner.finish()
    _check_cover(tensors, n_data)
    return tensors, metadata


class _Scanner:
    """A place in the header's text, and what can stand there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.decoder = json.JSONDecoder(object_pairs_hook=_without_duplicates)

    def skip_space(self) -> str:
        """Go on to the next character that is no space and return it; "" at the end."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> str:
        found = self.skip_space()
        if not found or found not in expected:
            choices = " or ".join(expected)
            raise ValueError(f"character {self.at} of its header is {found!r}, not {choices}")
        self.at += 1
        return found

    def string(self) -> str:
        if self.skip_space() != '"':
            raise ValueError(f"character {self.at} of its header begins no string")
        value, self.at = self.decoder.raw_decode(self.text, self.at)
        if _UNFIT.search(value):
            raise ValueError(f"'{printable(value)}' holds NUL or half a character")
        return str(value)

    def object_keys(self) -> Iterator[str]:
        """Yield the keys of an object; whoever takes one goes past its value before the next."""
        seen = set()
        self.take("{")
        if self.skip_space() == "}":
            self.at += 1
            return
        more = True
        while more:
            key = self.string()
            if key in seen:
                raise ValueError(f"its header has '{printable(key)}' twice")
            seen.add(key)
            self.take(":")
            yield key
            more = self.take(",}") == ","

    def entry(self, name: str) -> dict[str, Any]:
        """Return the object of a tensor: it holds two lists and no object, so it ends at the first }."""
        self.take("{")
        begin = self.at - 1
        self.at = self.text.find("}", begin, begin + _LONGEST_ENTRY) + 1
        piece = self.text[begin : self.at]
        if not piece or piece.count("[") > 2:  # lists in lists could be deeper than the stack
            raise ValueError(f"the entry of '{printable(name)}' is no tensor's")
        found: dict[str, Any] = self.decoder.decode(piece)
        return found

    def finish(self) -> None:
        if self.skip_space():
            raise ValueError(f"its header goes on after its end, at character {self.at}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(f"the keys {', '.join(printable(key) for key, _ in pairs)} repeat")
    return found


def _tensor_info(name: str, entry: Mapping[str, Any]) -> TensorInfo:
    """Return what an entry says; its size in bytes is that of its shape."""
    what = f"the entry of '{printable(name)}'"
    if entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{what} has the keys {', '.join(map(printable, entry))}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{what} has the dtype '{printable(str(dtype))}', which does not exist")
    if not _are_sizes(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"{what} has the shape {printable(str(shape))}")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"{what} has the offsets {printable(str(offsets))}")
    bits = DTYPES[dtype][0]
    # A size of 0 must not hide the others: NumPy cannot hold (0, 2⁶², 2⁶²) either.
    if math.prod(max(size, 1) for size in shape) * bits > 8 * _MAX_BYTES:
        raise ValueError(f"{what} has the shape {printable(str(shape))}, too large for any array")
    if 8 * (offsets[1] - offsets[0]) != (n_bits := math.prod(shape) * bits):
        raise ValueError(
            f"{what} has the offsets {offsets}, but {dtype} of shape {shape} takes {n_bits / 8:g} bytes"
        )
    return TensorInfo(dtype, tuple(shape), *offsets)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values
    )


def _check_cover(tensors: Mapping[str, TensorInfo], n_data: int) -> None:
    end = 0
    for name, info in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if info.begin != end:
            kind = "a hole" if info.begin > end else "an overlap"
            raise ValueError(
                f"'{printable(name)}' begins at byte {info.begin} of the data, {kind} after {end}"
            )
        end = info.end
    if end != n_data:
        raise ValueError(f"its tensors end at byte {end} of {n_data} bytes of data")
