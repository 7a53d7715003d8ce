"""What section 4 computes if PyTorch's cache has the weights of ResNet-18: what is in the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from scratchnet import datasets
from scratchnet.cli.classify.images import classify
from scratchnet.cli.classify.networks import load_network
from scratchnet.cli.error import CommandError
from scratchnet.models import ResNet18_Weights
from scratchnet.models.download import cache_dir

__all__ = ["Photograph", "classify_photograph"]

Array = NDArray[Any]

TOP = 5


@dataclass(frozen=True)
class Photograph:
    names: list[str]  # of the most probable classes, best first
    probabilities: Array  # (TOP,)
    preprocessing: str  # in words
    crop: Array  # (H, W, 3), what the network saw, from 0 to 1
    map: Array  # (H, W), where it found what speaks for the first class, from 0 to 1


def classify_photograph() -> Photograph | str | None:
    """Return what ResNet-18 sees in the photograph; None without weights; or why they are of no use.

    Nothing is downloaded: the weights are looked for where PyTorch keeps them.
    """
    try:
        if not (cache_dir() / ResNet18_Weights.DEFAULT.value.file_name).is_file():
            return None
        network = load_network("resnet18", None)  # compares the file's hash, and its names
        file = str(datasets.sample_image_path())
        (found,) = classify(network, [file], TOP, explain=True)
    except (CommandError, OSError) as error:
        return str(error)
    assert found.explanation is not None  # the photograph is part of the package
    return Photograph(
        names=[network.categories[k] for k in found.classes],
        probabilities=found.probabilities,
        preprocessing=network.preprocessing.describe(),
        crop=found.explanation.crop,
        map=found.explanation.map,
    )
