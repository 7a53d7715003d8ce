"""The part of a file that is a network's state: found by its names, and compared before it is loaded."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.entries import entries_of
from scratchnet.cli.error import CommandError
from scratchnet.serialization import file_format, load
from scratchnet.serialization.errors import printable
from scratchnet.serialization.state import is_array

__all__ = ["check_fit", "common_prefix", "read_state"]

_SHOWN = 4  # names of each kind in a message

# What tells the networks apart: blocks of the four layers, whether these have three convolutions, and
# the channels out and in of their second one.
_STRUCTURES: dict[tuple[tuple[int, ...], bool, tuple[int, ...]], str] = {
    ((2, 2, 2, 2), False, (64, 64)): "resnet18",
    ((3, 4, 6, 3), False, (64, 64)): "resnet34",
    ((3, 4, 6, 3), True, (64, 64)): "resnet50",
    ((3, 4, 23, 3), True, (64, 64)): "resnet101",
    ((3, 8, 36, 3), True, (64, 64)): "resnet152",
    ((3, 4, 6, 3), True, (128, 4)): "resnext50_32x4d",
    ((3, 4, 6, 3), True, (128, 128)): "wide_resnet50_2",
}


def read_state(
    path: str | os.PathLike[str], keys: Collection[str]
) -> tuple[dict[str, NDArray[Any]], str, str]:
    """Return the arrays of a network with these keys in a file, what stood before their names, the format.

    Training scripts put the state into a dictionary ({"state_dict": ...}, {"model": ...}), and torch's
    DataParallel puts "module." before each name; whatever stands before most of the keys is taken off,
    and what does not begin with it (an optimiser's state) is left out.
    """
    try:
        found = entries_of(load(path), path)
        form = file_format(path)
    except OSError as error:
        raise CommandError(f"{os.fspath(path)}: {error.strerror or error}") from error
    except ValueError as error:  # a FormatError names the file
        text = str(error)
        named = text.startswith(os.fspath(path))
        raise CommandError(text if named else f"{os.fspath(path)}: {text}") from error
    arrays = {name: value for name, value in found.items() if is_array(value)}
    prefix = common_prefix(arrays, keys)
    state = {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    return state, prefix, form


def common_prefix(names: Collection[str], keys: Collection[str]) -> str:
    """Return what stands before the keys in the names, most often; "" if none of the keys is there.

    Of two that stand before equally many, the first: a copy of averaged weights comes after the model.

    >>> common_prefix(["model.fc.weight", "model.fc.bias", "ema.fc.weight"], {"fc.weight", "fc.bias"})
    'model.'
    """
    n_parts = 1 + max((key.count(".") for key in keys), default=0)
    found: Counter[str] = Counter()
    for name in names:
        parts = name.rsplit(".", n_parts)
        for i in range(len(parts)):
            key = ".".join(parts[i:])
            if key in keys:
                found[name.removesuffix(key)] += 1
    return max(found, key=found.__getitem__, default="")


def check_fit(
    path: str | os.PathLike[str],
    model: str,
    state: Mapping[str, NDArray[Any]],
    expected: Mapping[str, NDArray[Any]],
) -> None:
    """Raise CommandError if a state has not the names and shapes that are expected.

    The message names the first few, and the network that the state belongs to if that can be seen.
    """
    # Counters of batches seen: torch wrote none before 2018, and nothing is computed from them.
    missing = [
        key for key in expected if key not in state and not key.endswith(".num_batches_tracked")
    ]
    unexpected = [key for key in state if key not in expected]
    misshapen = [
        f"{key} {np.shape(state[key])} instead of {value.shape}"
        for key, value in expected.items()
        if key in state and np.shape(state[key]) != value.shape
    ]
    strange = [
        f"{key} of {state[key].dtype}"
        for key in expected
        if key in state and np.asarray(state[key]).dtype.kind not in "biuf"
    ]
    problems = {
        "missing": missing,
        "unexpected": unexpected,
        "misshapen": misshapen,
        "no numbers": strange,
    }
    texts = [f"{what}: {_listed(names)}" for what, names in problems.items() if names]
    if not texts:
        return
    if len(unexpected) == len(state):
        texts = [
            f"none of its names is of that network; it has {_listed(unexpected) or 'no arrays'}"
        ]
    other = _network_of(state)
    if other not in (None, model):
        texts.append(f"by its blocks it is a {other}: --model {other}")
    raise CommandError(f"{os.fspath(path)} does not fit {model}: {'; '.join(texts)}")


def _network_of(state: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the name of the network that has as many blocks in each layer, or None."""
    blocks = tuple(
        len({key.split(".")[1] for key in state if key.startswith(f"layer{i}.")})
        for i in range(1, 5)
    )
    second = np.shape(state.get("layer1.0.conv2.weight", ()))[:2]
    return _STRUCTURES.get((blocks, "layer1.0.conv3.weight" in state, second))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name) for name in names[:_SHOWN]) + more
