"""`scratchnet convert`: a file of weights in another format."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scratchnet.cli.error import CommandError
from scratchnet.cli.terminal import escaped

__all__ = ["add_command", "run"]

_SHOWN = 20  # names in a message


def add_command(commands: Any) -> None:
    """Add the parser of `scratchnet convert` to the sub-commands."""
    parser = commands.add_parser(
        "convert",
        help="write the arrays of a file of weights as .safetensors or .npz",
        description="Write the arrays of a file of weights (safetensors, npz or a PyTorch checkpoint, "
        "recognised by its content) into a file of the format that its suffix says: .safetensors or "
        ".npz. Names of nested dictionaries, and places in lists that hold arrays, are joined by dots. "
        "What cannot be stored is listed on stderr. A file that is there already is replaced, as cp "
        "does, in one step and not before the new one is complete.",
    )
    add = parser.add_argument
    add("input", metavar="IN", help="the file to read")
    add("output", metavar="OUT", help="the file to write, .safetensors or .npz")
    add("--key", metavar="KEY", help="take the dictionary under this key only, such as state_dict")
    add(
        "--strip-prefix",
        metavar="PREFIX",
        help="take this from the names that begin with it, such as module.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code.

    Raises CommandError for a suffix that cannot be written (before anything is read), for IN and OUT
    being one file, for an unsound file, and for a key or a prefix that is not there.
    """
    from scratchnet.cli.evaluate.report import show
    from scratchnet.serialization.formats import format_of_suffix

    source, target = arguments.input, arguments.output
    try:
        out_format = format_of_suffix(target)
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    replaced = os.path.exists(target)
    if replaced and os.path.exists(source) and os.path.samefile(source, target):
        raise CommandError(f"{source} and {target} are the same file")
    try:
        arrays, notes, metadata = _read(arguments)
        _write(arrays, target, out_format, metadata, notes)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    for note in notes:
        print(f"scratchnet convert: {note}", file=sys.stderr)
    n_bytes = sum(array.nbytes for array in arrays.values())
    done = "replaced" if replaced else "wrote"
    show(f"{done} {escaped(target)}: {out_format}, arrays: {len(arrays):,}, bytes: {n_bytes:,}")
    return 0


def _read(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Return the arrays, notes about what is not as it was, and the metadata."""
    from scratchnet.cli.entries import entries_of, kind_of
    from scratchnet.serialization import (
        file_format,
        is_widened,
        load,
        load_safetensors,
        strip_prefix,
    )
    from scratchnet.serialization.errors import printable
    from scratchnet.serialization.state import is_array

    path, notes = arguments.input, []
    metadata: dict[str, str] = {}
    state: Mapping[Any, Any]
    if file_format(path) == "safetensors":
        file = load_safetensors(path)
        metadata, state = file.metadata, dict(file)
    else:
        state = load(path)
    if arguments.key is not None:
        state = _part(state, arguments.key, path)
    flat = entries_of(state, path)
    wide = [name for name, v in flat.items() if is_widened(v)]
    if wide:
        notes.append(f"widened from bfloat16 to float32: {_listed(wide)}")
    left = [f"{name} ({kind_of(v)})" for name, v in flat.items() if not is_array(v)]
    if left:
        notes.append(f"left out, because only arrays can be stored: {_listed(left)}")
    arrays = {name: value for name, value in flat.items() if is_array(value)}
    if not arrays:
        raise ValueError(f"{path} holds no arrays" + (" under this key" if arguments.key else ""))
    prefix = arguments.strip_prefix
    if prefix is not None:
        if not any(name.startswith(prefix) for name in arrays):
            raise ValueError(
                f"no name in {path} begins with '{printable(prefix)}': {_listed(arrays)}"
            )
        arrays = strip_prefix(arrays, prefix)
    return arrays, notes, metadata


def _part(state: Mapping[Any, Any], key: str, path: str) -> Mapping[Any, Any]:
    if key not in state or not isinstance(state[key], Mapping):
        inner = [str(name) for name, value in state.items() if isinstance(value, Mapping)]
        known = f"its dictionaries are {_listed(inner)}" if inner else "it holds none"
        raise ValueError(f"{path} has no dictionary under the key {key!r}: {known}")
    part: Mapping[Any, Any] = state[key]
    return part


def _write(
    arrays: Mapping[str, Any],
    target: str,
    out_format: str,
    metadata: Mapping[str, str],
    notes: list[str],
) -> None:
    from scratchnet.serialization import save_npz, save_safetensors

    if out_format == "safetensors":
        save_safetensors(arrays, Path(target), metadata or None)
    else:
        save_npz(arrays, Path(target))
        if metadata:
            notes.append(f"left out, because npz has no metadata: {_listed(metadata)}")


def _listed(names: Iterable[str]) -> str:
    from scratchnet.serialization.errors import printable

    shown = [printable(name) for name in names]
    more = f" and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
