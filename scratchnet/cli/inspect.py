"""`scratchnet inspect`: what is in a file of weights."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scratchnet.cli.error import CommandError
from scratchnet.cli.terminal import escaped

__all__ = ["add_command", "run"]


@dataclass
class ArrayRow:
    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass
class ValueRow:
    name: str
    type: str
    value: str | None  # None where it is more than one value


@dataclass
class Contents:
    """What is in a file."""

    file: str
    format: str
    metadata: dict[str, str]
    arrays: list[ArrayRow]
    values: list[ValueRow]  # plain ones, beside the arrays of a PyTorch checkpoint
    total_entries: int
    total_bytes: int


def add_command(commands: Any) -> None:
    """Add the parser of `scratchnet inspect` to the sub-commands."""
    parser = commands.add_parser(
        "inspect",
        help="show what is in a file of weights: names, dtypes, shapes, sizes",
        description="Show what is in a file of weights (safetensors, npz or a PyTorch checkpoint, "
        "recognised by its content): names, dtypes, shapes and sizes, metadata and plain values. "
        "Nothing in the file is executed.",
    )
    parser.add_argument("file", metavar="FILE", help="the file")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code. Raises CommandError for an unsound file."""
    from scratchnet.cli.evaluate.report import show

    try:
        contents = _contents(arguments.file)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    show(json.dumps(asdict(contents), indent=2) if arguments.json else _as_text(contents))
    return 0


def _contents(path: str) -> Contents:
    from scratchnet.cli.entries import entries_of, kind_of
    from scratchnet.serialization import file_format, is_widened, load, load_safetensors
    from scratchnet.serialization.state import is_array

    found = file_format(path)
    metadata: Mapping[str, str] = {}
    values = []
    if found == "safetensors":  # the header tells it all
        from scratchnet.serialization._header import DTYPES

        file = load_safetensors(path)
        metadata = file.metadata
        arrays = [
            ArrayRow(name, _dtype_name(info.dtype, DTYPES), info.shape, info.end - info.begin)
            for name, info in file.info.items()
        ]
    else:
        state = entries_of(load(path), path)
        arrays = [
            ArrayRow(name, "BF16", value.shape, value.nbytes // 2)
            if is_widened(value)
            else ArrayRow(name, value.dtype.name, value.shape, value.nbytes)
            for name, value in state.items()
            if is_array(value)
        ]
        values = [
            ValueRow(name, kind_of(value), _short(value))
            for name, value in state.items()
            if not is_array(value)
        ]
    return Contents(
        file=path,
        format=found,
        metadata=dict(metadata),
        arrays=arrays,
        values=values,
        total_entries=sum(math.prod(row.shape) for row in arrays),
        total_bytes=sum(row.bytes for row in arrays),
    )


def _dtype_name(name: str, dtypes: Mapping[str, tuple[int, str | None]]) -> str:
    """Return NumPy's name of a dtype of safetensors, or the format's own where NumPy has none."""
    import numpy as np

    dtype = dtypes[name][1]
    return name if dtype is None or name == "BF16" else np.dtype(dtype).name


def _short(value: Any) -> str | None:
    """Return a plain value as Python writes it; None for what has parts, whose text could be huge."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"{value.bit_length()} bits"
    if isinstance(value, str | bytes):
        return repr(value[:80]) + ("…" if len(value) > 80 else "")
    return repr(value) if value is None or isinstance(value, int | float | complex) else None


def _as_text(contents: Contents) -> str:
    from scratchnet.serialization.errors import printable

    lines = [
        f"{escaped(contents.file)}: {contents.format}, arrays: {len(contents.arrays):,}, "
        f"entries: {contents.total_entries:,}, bytes: {contents.total_bytes:,}"
    ]
    for key, text in contents.metadata.items():
        lines.append(f"metadata {printable(key)}: {printable(text, 200)}")
    rows = [
        (printable(row.name, 200), row.dtype, str(row.shape), f"{row.bytes:,}")
        for row in contents.arrays
    ]
    if rows:
        rows.insert(0, ("name", "dtype", "shape", "bytes"))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines += [""]
        for name, dtype, shape, size in rows:
            lines.append(
                f"{name:<{widths[0]}}  {dtype:<{widths[1]}}  {shape:<{widths[2]}}  {size:>{widths[3]}}"
            )
    if contents.values:
        lines += ["", "plain values"]
    for row in contents.values:
        value = "" if row.value is None else f" {printable(row.value, 200)}"
        lines.append(f"{printable(row.name, 200)}: {printable(row.type)}{value}")
    return "\n".join(lines)
