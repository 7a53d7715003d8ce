"""Weights in files: safetensors, npz, and PyTorch checkpoints, which are read without PyTorch.

    from scratchnet.serialization import load, save

    model.load_state_dict(load("resnet18.pth"))  # the format is recognised by the content
    save(model.state_dict(), "resnet18.safetensors")  # and written by the suffix

A file from outside is hostile until checked: nothing in it is executed, sizes are bounded before
anything is allocated, and what is not exactly as its format demands is a FormatError that names the
file, never a wrong array.
"""

from scratchnet.serialization._entries import is_widened
from scratchnet.serialization.errors import FormatError
from scratchnet.serialization.formats import file_format, load, save
from scratchnet.serialization.npz import load_npz, save_npz
from scratchnet.serialization.safetensors import (
    SafetensorsFile,
    load_safetensors,
    save_safetensors,
)
from scratchnet.serialization.state import flatten, strip_prefix

__all__ = [
    "FormatError",
    "SafetensorsFile",
    "file_format",
    "flatten",
    "is_widened",
    "load",
    "load_npz",
    "load_safetensors",
    "save",
    "save_npz",
    "save_safetensors",
    "strip_prefix",
]
