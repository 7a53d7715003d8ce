"""The networks with published weights by name, as torchvision lists them.

    name = "resnet50"
    model = get_model(name, weights="DEFAULT").eval()
    preprocessing = get_model_weights(name).DEFAULT.transforms()

`get_weight` (`weights.py`) finds one file of weights by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from scratchnet.models import resnet
from scratchnet.models import weights as published
from scratchnet.models.resnet import ResNet
from scratchnet.models.weights import WeightsEnum

__all__ = ["get_model", "get_model_builder", "get_model_weights", "list_models"]

Builder = Callable[..., ResNet]

_MODELS: dict[str, tuple[Builder, type[WeightsEnum]]] = {
    "resnet18": (resnet.resnet18, published.ResNet18_Weights),
    "resnet34": (resnet.resnet34, published.ResNet34_Weights),
    "resnet50": (resnet.resnet50, published.ResNet50_Weights),
    "resnet101": (resnet.resnet101, published.ResNet101_Weights),
    "resnet152": (resnet.resnet152, published.ResNet152_Weights),
    "resnext50_32x4d": (resnet.resnext50_32x4d, published.ResNeXt50_32X4D_Weights),
    "wide_resnet50_2": (resnet.wide_resnet50_2, published.Wide_ResNet50_2_Weights),
}


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """Return the names of the networks, sorted.

    module: only those that are in this package.
    include, exclude: patterns as of file names; those that one of `include` fits (all without it),
    and none of `exclude`.

    >>> list_models(include="resnet1*", exclude=["*2"])
    ['resnet101', 'resnet18']
    """

    def fits(name: str, patterns: Iterable[str] | str) -> bool:
        each = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatchcase(name, pattern) for pattern in each)

    return sorted(
        name
        for name, (builder, _) in _MODELS.items()
        if (module is None or builder.__module__.rpartition(".")[0] == module.__name__)
        and (not include or fits(name, include))
        and not (exclude and fits(name, exclude))
    )


def get_model(name: str, **config: Any) -> ResNet:
    """Return the network of this name, `resnet18(**config)` for "resnet18"; else ValueError."""
    return get_model_builder(name)(**config)


def get_model_builder(name: str) -> Builder:
    """Return the function that makes the network of this name; capitals do not count."""
    return _found(name)[0]


def get_model_weights(name: Builder | str) -> type[WeightsEnum]:
    """Return the weights of a network, given by its name or by its function.

    >>> get_model_weights("resnet18")["DEFAULT"]
    ResNet18_Weights.IMAGENET1K_V1
    """
    if isinstance(name, str):
        return _found(name)[1]
    for builder, weights in _MODELS.values():
        if builder is name:
            return weights
    raise ValueError(f"{name!r} makes no network with published weights: see list_models()")


def _found(name: str) -> tuple[Builder, type[WeightsEnum]]:
    if name.lower() not in _MODELS:
        raise ValueError(f"there is no model {name!r}: choose from {', '.join(_MODELS)}")
    return _MODELS[name.lower()]
