"""Reading a file of whatever format it turns out to be, and writing by the suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from scratchnet.serialization._opening import open_archive, open_regular, refusing
from scratchnet.serialization.errors import FormatError, printable
from scratchnet.serialization.npz import load_npz, save_npz
from scratchnet.serialization.safetensors import load_safetensors, save_safetensors
from scratchnet.serialization.state import strip_prefix

__all__ = ["file_format", "format_of_suffix", "load", "save"]

Format = Literal["safetensors", "npz", "torch"]


def load(
    path: str | os.PathLike[str], *, prefix: str | None = None, max_bytes: int = 2**32
) -> dict[str, Any]:
    """Return what is in a file of safetensors, npz or PyTorch, recognised by its content.

    Arrays by name; a PyTorch checkpoint may also hold plain values and dictionaries in dictionaries,
    which stay as they are: `load("run.pt")["state_dict"]`. For a module: `model.load_state_dict(load(path))`.
    Nothing in the file is executed. Arrays may be read-only, and those of a safetensors file are read
    from it when they are first looked at (`load_safetensors` tells more).

    prefix: taken from the names that begin with it, such as "module." (`strip_prefix`)
    max_bytes: of an npz file, what may be unpacked (`load_npz`)

    Raises FormatError, which names the file, if it is damaged, hostile or of another format.
    """
    found = file_format(path)
    state: Mapping[str, Any]
    if found == "safetensors":
        state = load_safetensors(path)
    elif found == "npz":
        state = load_npz(path, max_bytes=max_bytes)
    else:
        from scratchnet.serialization.torch_checkpoint import load_torch

        state = load_torch(path)
        if not isinstance(state, Mapping):  # `torch.save` takes any object
            kind = type(state).__name__
            raise FormatError(f"{os.fsdecode(path)} holds a value of type {kind}, not a dictionary")
    if prefix is None:
        return dict(state)
    with refusing(path, "state"):  # two names may become one, a dictionary may contain itself
        return strip_prefix(state, prefix)


def save(state: Mapping[Any, Any], path: str | os.PathLike[str]) -> None:
    """Write arrays by name into a file of the format that the suffix says: .safetensors or .npz.

    `save(model.state_dict(), "model.safetensors")`. Arrays and Tensors are stored with their shape
    and dtype. Nested dictionaries become dotted names, and stay so: `load` returns the flat names. Two
    arrays that share memory are written twice.

    Raises ValueError for another suffix, and TypeError that names the entry for what is no array and
    for a dtype that the format lacks; then what was in the file before is still there.
    """
    if format_of_suffix(path) == "safetensors":
        save_safetensors(state, path)
    else:
        save_npz(state, path)


def format_of_suffix(path: str | os.PathLike[str]) -> Literal["safetensors", "npz"]:
    """Return the format that `save` writes for this name, or raise ValueError."""
    suffix = Path(os.fsdecode(path)).suffix.lower()
    if suffix == ".safetensors":
        return "safetensors"
    if suffix == ".npz":
        return "npz"
    if suffix in (".pt", ".pth", ".bin", ".ckpt", ".tar"):
        raise ValueError(
            f"{os.fsdecode(path)}: PyTorch's files are read but not written. Save as .safetensors, "
            "which PyTorch users load with safetensors.torch.load_file(path)"
        )
    raise ValueError(f"{os.fsdecode(path)}: the suffix must be .safetensors or .npz")


def file_format(path: str | os.PathLike[str]) -> Format:
    """Return "safetensors", "npz" or "torch", recognised by the content; the name does not matter.

    Raises FormatError for all others.
    """
    with open_regular(path) as file:
        start = file.read(9)
    # A header of less than 2⁴⁰ bytes, then the brace that it begins with; a zip has a zero there.
    if start[5:] == b"\0\0\0{":
        return "safetensors"
    from scratchnet.serialization.torch_checkpoint import is_torch_checkpoint

    if is_torch_checkpoint(path):
        return "torch"
    if start[:2] == b"PK":
        _check_is_npz(path)
        return "npz"
    advice = ""
    if start[:6] == b"\x93NUMPY":
        advice = ": it is a single .npy array, which numpy.load(path, allow_pickle=False) reads"
    raise FormatError(f"{os.fsdecode(path)} is no file of safetensors, npz or PyTorch{advice}")


def _check_is_npz(path: str | os.PathLike[str]) -> None:
    with refusing(path, "zip archive"), open_archive(path) as (archive, _):
        names = archive.namelist()
    if not all(name.endswith(".npy") for name in names):
        shown = ", ".join(printable(name) for name in names[:3])
        raise FormatError(
            f"{os.fsdecode(path)} is a zip archive of neither npz nor PyTorch: it holds {shown}"
        )
