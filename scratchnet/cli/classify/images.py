"""Images through a network, a few at a time: probabilities, and where the network looked.

Letters: N images of a batch, K classes, C channels, h w the positions of the last maps.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import functional, nn
from scratchnet.cli.classify.networks import Network
from scratchnet.cli.error import CommandError
from scratchnet.models import grad_cam
from scratchnet.serialization.errors import printable
from scratchnet.transforms import read_image

__all__ = ["Classified", "Explanation", "classify"]

BATCH = 8  # images at once: each takes 4 to 8 MB on its way through the network


@dataclass
class Explanation:
    """What the network saw, and where it found what speaks for a class."""

    label: int
    probability: float
    crop: NDArray[np.float32]  # (H, W, 3), from 0 to 1
    map: NDArray[np.float32]  # (H, W), from 0 to 1; all 0 where nothing speaks for the class


@dataclass
class Classified:
    """An image: the most probable classes, best first, or why it could not be read."""

    file: str
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    explanation: Explanation | None = None
    error: str | None = None


def classify(
    network: Network, files: Sequence[str], top: int, explain: bool, label: int | None = None
) -> Iterator[Classified]:
    """Yield each image with its most probable classes, in the order of the files.

    explain: also tell where the network looked, for the class `label` or the most probable one.
    """
    # The plain network keeps what Grad-CAM needs: the maps that the gradient goes through.
    with np.errstate(all="ignore"):  # of damaged weights: what comes of them is checked below
        fast = nn.optimize_for_inference(network.model, inplace=not explain)
    for start in range(0, len(files), BATCH):
        names = files[start : start + BATCH]
        read = [_read(network, name) for name in names]
        arrays = [x for x in read if not isinstance(x, str)]
        if arrays:
            x = np.stack(arrays)  # (N, 3, 224, 224)
            p = _probabilities(network, fast, x)  # (N, K)
            explained = _explained(network, x, p, label) if explain else [None] * len(x)
            found = zip(p, explained, strict=True)
        for name, image in zip(names, read, strict=True):
            if isinstance(image, str):
                yield Classified(name, np.array([], np.int64), np.array([]), error=image)
            else:
                row, explanation = next(found)
                best = np.argsort(-row, kind="stable")[:top]  # equal ones: the first class first
                yield Classified(name, best, row[best], explanation)


def _read(network: Network, file: str) -> NDArray[np.float32] | str:
    """Return an image as the network takes it, (3, 224, 224), or why that cannot be."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow's own limit is higher than that of `read_image`, whose error says enough.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return network.preprocessing(read_image(file))
    except OSError as error:
        text = error.strerror or str(error)
    except ValueError as error:
        text = str(error)
    # Most of the reader's own errors begin with the file's name.
    return printable(text if text.startswith(file) else f"{file}: {text}", 1000)


def _probabilities(
    network: Network, fast: nn.Module, x: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return softmax of the logits, (N, K), in float64: in float32 a row sums to 1 ± 1e-7 only."""
    with np.errstate(all="ignore"):
        logits: Any = fast(x)
    if not np.isfinite(logits).all():
        raise CommandError(
            f"{network.file}: with these weights {network.name} gives NaN or infinite logits"
        )
    p: NDArray[np.float64] = functional.softmax(logits.astype(np.float64), 1)
    return p


def _explained(
    network: Network, x: NDArray[np.float32], p: NDArray[np.float64], label: int | None
) -> list[Explanation]:
    """Return what is drawn of each image."""
    labels = p.argmax(axis=1) if label is None else np.full(len(p), label)
    maps, _ = grad_cam(network.model, x, "layer4", labels)  # (N, h, w)
    largest = maps.max(axis=(1, 2), keepdims=True)
    maps = maps / np.where(largest > 0, largest, 1)
    size = x.shape[2:]
    wide = functional.interpolate(maps[:, None], size=size, mode="bilinear")[:, 0]  # (N, H, W)
    mean, std = (
        np.array(v, np.float32)[:, None, None]
        for v in (network.preprocessing.mean, network.preprocessing.std)
    )
    crops = np.clip(x * std + mean, 0, 1).transpose(0, 2, 3, 1)  # back to colours, (N, H, W, 3)
    return [
        Explanation(int(k), float(row[k]), crop, map)
        for k, row, crop, map in zip(labels, p, crops, wide, strict=True)
    ]
