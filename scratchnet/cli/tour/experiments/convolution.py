"""What section 2 computes: filters on a photograph, pooling, and how far units see.

`H W` height and width, `kh kw` those of a filter; images are (1, 1, H, W) where a layer takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet import Tensor, datasets, nn
from scratchnet import functional as F
from scratchnet.cli.tour.section import Say

__all__ = [
    "EYE",
    "FILTERS",
    "POOL",
    "Found",
    "Layer",
    "by_formula",
    "by_gradient",
    "compute",
    "extent",
    "window",
]

Array = NDArray[Any]

EYE = (slice(62, 182), slice(108, 288))  # the part of the photograph that is shown enlarged
POOL = 4  # side of a pooling window
FILTERS = {
    "blur": np.full((5, 5), 1 / 25),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "upright edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "level edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
}


@dataclass(frozen=True)
class Layer:
    """A layer without its weights: what decides how far it sees."""

    kind: str  # "conv" or "pool"
    size: int
    stride: int = 1

    def module(self) -> nn.Module:
        """Return the layer, each weight the same, so that nothing cancels in the gradient."""
        if self.kind == "pool":
            return nn.AvgPool2d(self.size, self.stride)
        layer = nn.Conv2d(1, 1, self.size, self.stride, bias=False)
        nn.init.constant_(layer.weight, 1 / self.size**2)
        return layer


CONVOLUTIONS = [Layer("conv", 3)] * 4
PYRAMID = [Layer("conv", 3), Layer("pool", 2, 2)] * 6


def by_formula(layers: list[Layer]) -> list[int]:
    """Return the receptive field after each layer, in pixels.

        r ← r + (k − 1) j,   j ← j s        from r = j = 1

    k is the layer's size and s its stride; j is how far apart, in the image, its neighbours look.
    """
    field, jump, fields = 1, 1, []
    for layer in layers:
        field += (layer.size - 1) * jump
        jump *= layer.stride
        fields.append(field)
    return fields


def by_gradient(layers: list[Layer], side: int) -> Array:
    """Return ∂(one unit in the middle)/∂image, (side, side): not zero where the unit looks."""
    image = Tensor(np.ones((1, 1, side, side)), requires_grad=True)
    out = nn.Sequential(*[layer.module() for layer in layers]).double()(image)
    middle = out.shape[-1] // 2
    out[0, 0, middle, middle].backward()
    assert image.grad is not None
    return image.grad[0, 0]


def extent(gradient: Array) -> int:
    """Return how many rows the gradient covers, from the first to the last that is not zero."""
    rows = np.flatnonzero(gradient.any(axis=1))
    return int(rows[-1] - rows[0] + 1)


@dataclass(frozen=True)
class Found:
    photograph: Array  # (H, W, 3), uint8
    image: Array  # (H, W), brightness from 0 to 1
    responses: dict[str, Array]  # (H, W) for each filter
    spot: tuple[int, int]  # the middle of the window that is followed by hand
    by_hand: float  # the sum of products there, of the filter for upright edges
    corner: tuple[int, int]  # in `edges`, of the 4 × 4 values that are pooled by hand
    edges: Array  # (h, w) strength of the edges in EYE
    pooled: dict[str, Array]  # "max", "mean": (h/POOL, w/POOL)
    moved: dict[str, float]  # how much a step of one pixel changes each map, relative
    fields: list[tuple[Layer, int, int]]  # of PYRAMID: by formula, by gradient
    gradients: list[Array]  # of CONVOLUTIONS: after 1, 2, … layers


def compute(seed: int, say: Say) -> Found:
    photograph = datasets.load_sample_image()
    image = (photograph @ np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)
    responses = {name: respond(image, kernel) for name, kernel in FILTERS.items()}
    rows, columns = EYE
    upright = np.abs(responses["upright edges"][EYE])
    i, j = np.unravel_index(upright.argmax(), upright.shape)
    spot = rows.start + int(i), columns.start + int(j)
    say(f"{len(FILTERS)} filters over {image.shape[0]} x {image.shape[1]} pixels")

    strength = np.hypot(responses["upright edges"], responses["level edges"])
    edges, beside = strength[EYE], strength[rows, columns.start + 1 : columns.stop + 1]
    pooled, moved = {}, {"edges": _change(edges, beside)}
    for name, pool in (("max", F.max_pool2d), ("mean", F.avg_pool2d)):
        pooled[name] = pool(edges[None, None], POOL)[0, 0]
        moved[name] = _change(pooled[name], pool(beside[None, None], POOL)[0, 0])
    say(f"pooling: {edges.size} values become {pooled['max'].size}")

    formula = by_formula(PYRAMID)
    side = 2 * formula[-1]
    measured = [extent(by_gradient(PYRAMID[: n + 1], side)) for n in range(len(PYRAMID))]
    gradients = [by_gradient(CONVOLUTIONS[: n + 1], 13) for n in range(len(CONVOLUTIONS))]
    say(f"receptive fields, measured by gradients: {', '.join(map(str, measured))} pixels")
    return Found(
        photograph=photograph,
        image=image,
        responses=responses,
        spot=spot,
        by_hand=float((window(image, spot) * FILTERS["upright edges"]).sum()),
        corner=(int(i) // 4 * 4, int(j) // 4 * 4),
        edges=edges,
        pooled=pooled,
        moved=moved,
        fields=list(zip(PYRAMID, formula, measured, strict=True)),
        gradients=gradients,
    )


def respond(image: Array, kernel: Array) -> Array:
    """Return the filter's response at every pixel, (H, W); beyond the border there are zeros."""
    weight = kernel.astype(image.dtype)[None, None]  # (1, 1, kh, kw)
    return np.asarray(F.conv2d(image[None, None], weight, padding="same")[0, 0])


def window(image: Array, spot: tuple[int, int]) -> Array:
    """Return the 3 × 3 pixels around a spot."""
    i, j = spot
    return image[i - 1 : i + 2, j - 1 : j + 2]


def _change(before: Array, after: Array) -> float:
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))
