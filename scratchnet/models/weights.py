"""Pretrained weights: where they are, what they were measured to do, how an image must be prepared.

    weights = ResNet18_Weights.DEFAULT
    model = resnet18(weights=weights).eval()
    logits = model(weights.transforms()(image)[None])
    name = weights.meta["categories"][int(logits.argmax())]

The files are those that torchvision publishes. Nothing is downloaded before `get_state_dict` is called.
An image must be scaled as in training: take the transforms, those of the measured accuracy, from the
same member as the weights (`transforms/presets.py` says why).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = [
    "ResNeXt50_32X4D_Weights",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Weights",
    "WeightsEnum",
    "Wide_ResNet50_2_Weights",
    "get_weight",
    "imagenet_categories",
]

_CATEGORIES = Path(__file__).with_name("files") / "imagenet_classes.txt"
_FOLDER = "https://download.pytorch.org/models/"


def imagenet_categories() -> list[str]:
    """Return the names of the 1000 classes of ImageNet-1K, in the order of the logits, as torchvision's.

    >>> imagenet_categories()[281]
    'tabby'
    """
    return _CATEGORIES.read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class Weights:
    """One file of weights for ImageNet-1K, and what torchvision says about it.

    acc_1, acc_5: accuracy in percent on the validation images, of the most probable class and of the
    five most probable ones. gflops: 10⁹ multiply-adds for one image, each
    counted once.
    megabytes: size of the file in 2²⁰ bytes.
    """

    file_name: str
    num_params: int
    acc_1: float
    acc_5: float
    gflops: float
    megabytes: float
    resize_size: int = 256
    crop_size: int = 224


class WeightsEnum(Enum):
    """The files of weights that one network has; `DEFAULT` is the most accurate of them."""

    value: Weights

    @classmethod
    def verify(cls, obj: Any) -> Self | None:
        """Return the member: given as such, by its name ("DEFAULT", "ResNet18_Weights.DEFAULT"), or None.

        A member of another network's weights raises TypeError, an unknown name ValueError.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if not isinstance(obj, str):
            raise TypeError(f'expected {cls.__name__}, its name ("DEFAULT") or None, got {obj!r}')
        name = obj.removeprefix(f"{cls.__name__}.")
        if name not in cls.__members__:
            raise ValueError(f"{obj!r} is none of {cls.__name__}: {', '.join(cls.__members__)}")
        return cls[name]

    @property
    def url(self) -> str:
        return _FOLDER + self.value.file_name

    @property
    def sha256(self) -> str:
        """The first 8 hexadecimal digits of the file's SHA-256: its name has them, no more is public."""
        return Path(self.value.file_name).stem.rpartition("-")[2]

    @property
    def meta(self) -> dict[str, Any]:
        """A new dictionary with torchvision's keys but for `recipe` and `_docs`; reads the class names."""
        w = self.value
        return {
            "min_size": (1, 1),
            "categories": imagenet_categories(),
            "num_params": w.num_params,
            "_metrics": {"ImageNet-1K": {"acc@1": w.acc_1, "acc@5": w.acc_5}},
            "_ops": w.gflops,
            "_file_size": w.megabytes,
        }

    @property
    def transforms(self) -> partial[Any]:
        """What makes the preprocessing: `weights.transforms()(image)` is an array (3, 224, 224).

        The short side becomes 256 pixels (232 for IMAGENET1K_V2), of which the middle 224 × 224 are
        kept, scaled to 0 … 1, and standardised by ImageNet's mean and standard deviation.
        """
        from scratchnet.transforms import ImageClassification

        w = self.value
        return partial(ImageClassification, crop_size=w.crop_size, resize_size=w.resize_size)

    def get_state_dict(
        self,
        progress: bool = True,
        check_hash: bool = True,
        *,
        model_dir: str | os.PathLike[str] | None = None,
        timeout: float = 30.0,
    ) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays by name: from PyTorch's cache folder, or downloaded into it first.

        Arguments and errors as `models.download.cached_file`.
        """
        from scratchnet.models.download import cached_file
        from scratchnet.serialization import load

        sha256 = self.sha256 if check_hash else None
        return load(cached_file(self.url, sha256, model_dir, progress=progress, timeout=timeout))

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class ResNet18_Weights(WeightsEnum):
    """Weights for `resnet18`."""

    IMAGENET1K_V1 = Weights("resnet18-f37072fd.pth", 11_689_512, 69.758, 89.078, 1.814, 44.661)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    """Weights for `resnet34`."""

    IMAGENET1K_V1 = Weights("resnet34-b627a593.pth", 21_797_672, 73.314, 91.420, 3.664, 83.275)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    """Weights for `resnet50`; V2 was trained by a newer recipe and takes images resized to 232."""

    IMAGENET1K_V1 = Weights("resnet50-0676ba61.pth", 25_557_032, 76.130, 92.862, 4.089, 97.781)
    IMAGENET1K_V2 = Weights("resnet50-11ad3fa6.pth", 25_557_032, 80.858, 95.434, 4.089, 97.79, 232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    """Weights for `resnet101`; V2 was trained by a newer recipe and takes images resized to 232."""

    IMAGENET1K_V1 = Weights("resnet101-63fe2227.pth", 44_549_160, 77.374, 93.546, 7.801, 170.511)
    IMAGENET1K_V2 = Weights(
        "resnet101-cd907fc2.pth", 44_549_160, 81.886, 95.780, 7.801, 170.53, 232
    )
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    """Weights for `resnet152`; V2 was trained by a newer recipe and takes images resized to 232."""

    IMAGENET1K_V1 = Weights("resnet152-394f9c45.pth", 60_192_808, 78.312, 94.046, 11.514, 230.434)
    IMAGENET1K_V2 = Weights(
        "resnet152-f82ba261.pth", 60_192_808, 82.284, 96.002, 11.514, 230.474, 232
    )
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    """Weights for `resnext50_32x4d`; V2 was trained by a newer recipe and takes images resized to 232."""

    IMAGENET1K_V1 = Weights(
        "resnext50_32x4d-7cdf4587.pth", 25_028_904, 77.618, 93.698, 4.23, 95.789
    )
    IMAGENET1K_V2 = Weights(
        "resnext50_32x4d-1a0047aa.pth", 25_028_904, 81.198, 95.340, 4.23, 95.833, 232
    )
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet50_2_Weights(WeightsEnum):
    """Weights for `wide_resnet50_2`; V2 was trained by a newer recipe and takes images resized to 232."""

    IMAGENET1K_V1 = Weights(
        "wide_resnet50_2-95faca4d.pth", 68_883_240, 78.468, 94.086, 11.398, 131.82
    )
    IMAGENET1K_V2 = Weights(
        "wide_resnet50_2-9ba9bcbe.pth", 68_883_240, 81.602, 95.758, 11.398, 263.124, 232
    )
    DEFAULT = IMAGENET1K_V2


def get_weight(name: str) -> WeightsEnum:
    """Return the weights of this full name, "ResNet50_Weights.IMAGENET1K_V2"; else ValueError.

    >>> get_weight("ResNet50_Weights.IMAGENET1K_V2").sha256
    '11ad3fa6'
    """
    kinds = {kind.__name__: kind for kind in WeightsEnum.__subclasses__()}
    kind, dot, _ = name.partition(".")
    if not dot or kind not in kinds:
        raise ValueError(
            f"a name of weights is 'ResNet18_Weights.DEFAULT' or the like, got {name!r}; there are "
            f"{', '.join(kinds)}"
        )
    found = kinds[kind].verify(name)
    assert found is not None  # only None gives None
    return found
