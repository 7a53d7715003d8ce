"""The networks that there are, where their weights come from, and how images are prepared for them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from scratchnet import models, nn
from scratchnet.cli.classify.states import check_fit, read_state
from scratchnet.cli.error import CommandError
from scratchnet.files import open_regular
from scratchnet.models.download import cache_dir, cached_file
from scratchnet.models.weights import WeightsEnum, imagenet_categories
from scratchnet.serialization.errors import printable
from scratchnet.transforms import ImageClassification

__all__ = ["MODELS", "Network", "class_number", "load_network"]

Builder = Callable[[], models.ResNet]

MODELS: dict[str, tuple[Builder, type[WeightsEnum]]] = {
    name: (models.get_model_builder(name), models.get_model_weights(name))
    for name in models.list_models()
}

_MAX_CLASSES = 1 << 16  # of a file from outside: the layer for them is allocated
_MAX_NAMES = 1 << 24  # bytes of a file of names


@dataclass
class Network:
    """A network in eval mode with its weights, and all that is told about it."""

    name: str
    model: models.ResNet
    recipe: WeightsEnum | None  # the published weights whose preprocessing it is
    file: str
    format: str
    prefix: str  # what was taken from the names in the file
    n_parameters: int
    categories: list[str]
    categories_from: str
    preprocessing: ImageClassification


def load_network(
    name: str,
    file: str | None,
    categories: str | None = None,
    resize: int | None = None,
    download: bool = False,
) -> Network:
    """Return a network with the weights in a file, or without one those in PyTorch's cache folder.

    categories: a file with the name of a class in each line. resize: the short side before the crop,
    if not as the weights were trained. download: get the weights if there are none.
    """
    if name not in MODELS:
        raise CommandError(f"there is no model {name!r}: choose from {', '.join(MODELS)}", 2)
    build, kind = MODELS[name]
    if file is None:
        recipe = _published(name, kind, download)
        try:
            path = os.fspath(cached_file(recipe.url, recipe.sha256))
        except ValueError as error:  # what is in the cache is damaged
            raise CommandError(str(error)) from error
    else:
        path = file
        # The published files have the beginning of their hash in their names, and converted ones may
        # have kept it. Any other file is prepared for as the oldest of them.
        members = [m for m in kind if m.sha256 in Path(path).name]
        recipe = members[0] if members else next(iter(kind))
    names = None if categories is None else _read_names(categories)

    model = build().eval()
    state, prefix, form = read_state(path, model.state_dict().keys())
    n_classes = _n_classes(path, state)
    if n_classes not in (None, model.fc.out_features):
        model.fc = nn.Linear(model.fc.in_features, n_classes).eval()
    check_fit(path, name, state, model.state_dict())
    model.load_state_dict(state)

    n_classes = model.fc.out_features
    if names is not None and len(names) != n_classes:
        raise CommandError(f"{categories} has {len(names)} names, {path} {n_classes} classes")
    known = "the names of ImageNet-1K" if n_classes == 1000 else "without names (--categories)"
    if names is None:
        names = imagenet_categories() if n_classes == 1000 else _numbered(n_classes)
    return Network(
        name=name,
        model=model,
        recipe=recipe if resize is None else None,
        file=path,
        format=form,
        prefix=prefix,
        n_parameters=sum(p.data.size for p in model.parameters()),
        categories=names,
        categories_from=known if categories is None else categories,
        preprocessing=recipe.transforms(**{} if resize is None else {"resize_size": resize}),
    )


def class_number(text: str, categories: Sequence[str]) -> int:
    """Return the number of a class, given by its name (capitals count only if they must) or its number."""
    for same in (str, str.casefold):
        found = [i for i, name in enumerate(categories) if same(name) == same(text)]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(map(str, found))
            raise CommandError(f"--class {text!r}: there are several of this name: {numbers}", 2)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(categories):
        return int(text)
    near = difflib.get_close_matches(text, categories, n=4)
    hint = f"near it: {', '.join(map(printable, near))}; " if near else ""
    raise CommandError(
        f"--class '{printable(text)}' is no class: {hint}numbers go from 0 to {len(categories) - 1}",
        2,
    )


def _published(name: str, kind: type[WeightsEnum], download: bool) -> WeightsEnum:
    """Return the published weights that are in the cache folder, the best first, or are to get there."""
    best: WeightsEnum = kind["DEFAULT"]
    for member in (best, *kind):
        if (cache_dir() / member.value.file_name).is_file():
            return member
    if not download:
        raise CommandError(
            f"no weights for {name}: --download fetches {best.url} ({best.value.megabytes:.0f} MB) "
            f"into {cache_dir()}, put it there yourself, or name another file with --weights"
        )
    return best


def _n_classes(path: str, state: dict[str, Any]) -> int | None:
    """Return how many classes the last layer in a state has; None if there is no such layer."""
    shape: tuple[int, ...] = getattr(state.get("fc.weight"), "shape", ())
    if len(shape) != 2:
        return None
    if not 2 <= shape[0] <= _MAX_CLASSES:  # the softmax of one logit is 1, whatever the image
        raise CommandError(
            f"{path}: fc.weight has {shape[0]} rows, one for each class: between 2 and "
            f"{_MAX_CLASSES} are possible"
        )
    return int(shape[0])


def _read_names(file: str) -> list[str]:
    """Return the lines of a text file, without spaces around them."""
    try:
        with BufferedReader(open_regular(file)) as opened:
            data = opened.read(_MAX_NAMES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8: {error}") from error
    except ValueError as error:  # no regular file
        raise CommandError(str(error)) from error
    if len(data) > _MAX_NAMES:
        raise CommandError(f"{file} has more than {_MAX_NAMES} bytes: it is no list of names")
    names = [line.strip() for line in text.rstrip().split("\n")]
    if "" in names:
        raise CommandError(f"{file}: line {names.index('') + 1} has no name")
    return names


def _numbered(n_classes: int) -> list[str]:
    return [f"class {i}" for i in range(n_classes)]
