"""What was found, as text for a terminal and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scratchnet.cli.classify.images import Classified
from scratchnet.cli.classify.networks import Network
from scratchnet.cli.terminal import escaped
from scratchnet.serialization.errors import printable

__all__ = ["as_json", "header", "image_lines"]


def header(network: Network) -> str:
    """Return the lines about network, weights and preprocessing."""
    below = f", below {printable(network.prefix)}" if network.prefix else ""
    recipe = f"as for {network.recipe!r}, " if network.recipe is not None else ""
    return "\n".join(
        [
            f"model: {network.name}, {network.n_parameters:,} parameters",
            f"weights: {escaped(network.file)} ({network.format}{below})",
            f"classes: {len(network.categories):,}, {escaped(network.categories_from)}",
            f"preprocessing: {recipe}{network.preprocessing.describe()}",
        ]
    )


def image_lines(image: Classified, network: Network) -> str:
    """Return the name of an image and a line for each class: probability, number, name."""
    width = len(str(len(network.categories) - 1))
    lines = [
        f"  {100 * p:6.2f} %  {k:>{width}}  {printable(network.categories[k])}"
        for k, p in zip(image.classes, image.probabilities, strict=True)
    ]
    return "\n".join([printable(image.file, 1000), *lines])


def as_json(network: Network, images: Sequence[Classified], picture: str | None) -> str:
    """Return everything as one JSON document; its keys are listed in the command's help."""
    preset = network.preprocessing
    found = {
        "model": network.name,
        "parameters": network.n_parameters,
        "weights": {
            "file": network.file,
            "format": network.format,
            "prefix": network.prefix,
        },
        "n_classes": len(network.categories),
        "preprocessing": {
            "weights": None if network.recipe is None else repr(network.recipe),
            "description": preset.describe(),
            "resize_size": preset.resize_size,
            "crop_size": preset.crop_size,
            "interpolation": preset.interpolation,
            "mean": preset.mean,
            "std": preset.std,
        },
        "picture": picture,
        "images": [_image(image, network) for image in images],
    }
    return json.dumps(found, indent=2, allow_nan=False)


def _image(image: Classified, network: Network) -> dict[str, Any]:
    def one(label: int, probability: float) -> dict[str, Any]:
        return {"class": label, "name": network.categories[label], "probability": probability}

    top = zip(image.classes.tolist(), image.probabilities.tolist(), strict=True)
    seen = image.explanation
    return {
        "file": image.file,
        "error": image.error,
        "top": [one(label, probability) for label, probability in top],
        "explained": None if seen is None else one(seen.label, seen.probability),
    }
