"""Checkpoints: all that changes while a model is trained, in one file, so that a run can go on.

The file is an .npz archive (a zip of .npy arrays, not compressed): every array of the nested state
under its dotted name, and the rest of the state as JSON under the name `state`. Nothing in it is
executed. It is written to a temporary file and renamed atomically: after a crash the checkpoint
before it is intact.

A resumed run is the same bit for bit, because everything that it depends on is here: weights and
statistics, the optimiser's moments and options, the schedule's count, the generators that shuffle
and drop, the history and the best weights. Not here are the data, the loss and the functions of a
`LambdaLR`: they must be given as before. Not found are generators in closures, in objects with
`__slots__` and in lists longer than 1000, Python's `random` and NumPy's global generator.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scratchnet.autograd import Tensor
from scratchnet.files import replacing
from scratchnet.nn import Module
from scratchnet.optim import Optimizer
from scratchnet.optim.lr_scheduler import LRScheduler
from scratchnet.random import get_rng_state, set_rng_state

__all__ = ["Run", "load_checkpoint", "read_state", "save_checkpoint", "write_state"]

Array = NDArray[Any]
Row = dict[str, float]

_LONGEST = 1000  # entries of a list in which generators are looked for
_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType)
_FORMAT = "scratchnet checkpoint 1"
_ARRAY = "__array__"  # {_ARRAY: name} stands for an array in the JSON


def _generators_in(
    owner: Any, place: str, seen: set[int]
) -> Iterator[tuple[str, np.random.Generator]]:
    """Yield the generators among the attributes of an object, and of what it holds, each once.

    A loader holds a data set, which may hold another one; modules are owners of their own.
    """
    if isinstance(owner, list | tuple) and len(owner) > _LONGEST:  # samples, not parts
        parts = []
    elif isinstance(owner, list | tuple):
        parts = [(str(i), value) for i, value in enumerate(owner)]
    elif isinstance(owner, dict):
        parts = [(str(key), value) for key, value in owner.items()]
    else:
        parts = list(getattr(owner, "__dict__", {}).items())
    for name, value in parts:
        if id(value) in seen or isinstance(value, np.ndarray | Tensor | Module | str | type):
            continue
        if isinstance(value, np.random.Generator):
            seen.add(id(value))
            yield f"{place} {name}", value
        elif isinstance(value, list | tuple | dict) or (
            hasattr(value, "__dict__") and not isinstance(value, _FUNCTIONS)
        ):
            seen.add(id(value))
            yield from _generators_in(value, f"{place} {name}", seen)


@dataclass
class Run:
    """What changes in a training run, and what it must have in common with the run that it continues."""

    model: Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    loaders: Mapping[str, Any]
    columns: list[str]  # of the history
    best_epoch: Callable[[list[Row]], int] | None = None  # None: best weights are not kept
    history: list[Row] = field(default_factory=list)
    best_weights: dict[str, Array] | None = None

    def generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield the generators that loaders and layers have of their own, by where they are."""
        owners = {f"{name} loader": loader for name, loader in self.loaders.items()}
        owners |= {f"model {name}".strip(): module for name, module in self.model.named_modules()}
        seen: set[int] = set()
        for place, owner in owners.items():
            yield from _generators_in(owner, place, seen)

    def state_dict(self) -> dict[str, Any]:
        own = {place: rng.bit_generator.state for place, rng in self.generators()}
        return {
            "optimizer class": type(self.optimizer).__name__,
            "scheduler class": type(self.scheduler).__name__,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "shared generator": get_rng_state(),
            "generators": own,
            "history": self.history,
            "best_epoch": self.best_epoch(self.history) if self.best_epoch else None,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state. Raises if it does not fit, in the middle: `load_checkpoint` undoes that."""
        for what in ("optimizer", "scheduler"):
            ours = type(getattr(self, what)).__name__
            if state[f"{what} class"] != ours:
                raise ValueError(f"its {what} is {state[f'{what} class']}, this run's is {ours}")
        history, weights = [dict(row) for row in state["history"]], state["best_weights"]
        for row in history:
            if row.keys() != set(self.columns):
                raise ValueError(
                    f"its history has {', '.join(row)}, this run's {', '.join(self.columns)}"
                )
            if not all(isinstance(figure, int | float) for figure in row.values()):
                raise ValueError(f"its history holds what is no number: {row}")
        if [row["epoch"] for row in history] != list(range(1, len(history) + 1)):
            raise ValueError(f"its history has the epochs {[row['epoch'] for row in history]}")
        if self.best_epoch is not None:
            best = self.best_epoch(history)
            if state["best_epoch"] != best or (best > 0 and weights is None):
                raise ValueError(
                    f"its best weights are those of epoch {state['best_epoch']}, "
                    f"this run would have kept epoch {best}"
                )
        generators = dict(self.generators())
        if generators.keys() != state["generators"].keys():
            raise ValueError(
                f"its generators are [{', '.join(state['generators'])}], "
                f"this run's [{', '.join(generators)}]"
            )
        if weights is not None:
            self.model.load_state_dict(weights)  # to see that they fit: the next line overwrites
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        set_rng_state(state["shared generator"])
        for place, rng in generators.items():
            rng.bit_generator.state = state["generators"][place]
        self.history = history
        self.best_weights = None if self.best_epoch is None else weights


def save_checkpoint(path: str | os.PathLike[str], run: Run) -> None:
    """Write the state of a run; what was in the file before is replaced at once or stays."""
    write_state(path, run.state_dict())


def load_checkpoint(path: str | os.PathLike[str], run: Run) -> None:
    """Bring a run into the state in the file, or raise ValueError and leave the run as it is."""
    state, before = read_state(path), deepcopy(run.state_dict())
    try:
        run.load_state_dict(state)
    except BaseException as error:
        run.load_state_dict(before)
        if isinstance(error, Exception):
            raise ValueError(f"{os.fspath(path)} does not fit this run: {error}") from error
        raise


# --- nested dicts and lists of arrays and plain values, as an .npz file


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write nested dicts and lists that hold arrays, numbers, strings, bools and None."""
    arrays: dict[str, Array] = {}
    text = json.dumps({"format": _FORMAT, "state": _take_out(state, "", arrays)})
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"state": np.frombuffer(text.encode(), np.uint8), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write_state` wrote, with lists for tuples, strings for the keys of dicts, and
    read-only arrays.

    Whatever is damaged or of another kind raises a ValueError that names the file. The arrays take no
    more memory than the file is long.
    """
    with open(path, "rb") as file:
        try:
            arrays = dict(_read_arrays(file))
            whole = json.loads(arrays.pop("state").tobytes())
            if whole["format"] != _FORMAT:
                raise ValueError(f"its format is {whole['format']!r}, not {_FORMAT!r}")
            return dict(_put_back(whole["state"], arrays))
        except Exception as error:  # of zipfile, NumPy's header, JSON, missing names: all the same
            message = f"{os.fspath(path)} is not a sound checkpoint: {error!r}"
            raise ValueError(message) from error


def _take_out(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Return the value with each array replaced by its name, and collect the arrays."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {value.dtype}: a checkpoint holds numbers")
        if name in arrays or name == "state":
            raise ValueError(
                f"two arrays of the state, or one and its JSON, share the name {name!r}"
            )
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, Mapping):
        dot = f"{name}." if name else ""
        return {str(key): _take_out(v, f"{dot}{key}", arrays) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_take_out(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _put_back(value: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _put_back(v, arrays) for key, v in value.items()}
    return [_put_back(v, arrays) for v in value] if isinstance(value, list) else value


def _read_arrays(file: BinaryIO) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of an archive whose sizes have been checked against the file's length."""
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > size:
            raise ValueError(f"it promises more than its {size} bytes")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")
            with archive.open(member) as stream:
                if np.lib.format.read_magic(stream) != (1, 0):
                    raise ValueError(f"{member.filename} has another version of .npy")
                shape, in_columns, dtype = np.lib.format.read_array_header_1_0(stream)
                data = stream.read()
            if dtype.kind not in "biuf" or len(data) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{member.filename}: {len(data)} bytes for {dtype} {shape}")
            array = np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")
            yield member.filename.removesuffix(".npy"), array
