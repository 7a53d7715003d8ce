"""The picture of an explanation: what the network saw, and beside it where it looked.

The figure is made without pyplot, so that nothing opens a window.

Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based
localization".
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from scratchnet.cli.classify.images import Classified
from scratchnet.cli.classify.networks import Network
from scratchnet.serialization.errors import printable

__all__ = ["write_picture"]

_PER_ROW = 3  # images
_SIDE, _GAP, _TITLE, _LEGEND = 2.6, 0.1, 0.3, 0.65  # inches
_OPACITY = 0.75  # of the map at its largest


def write_picture(file: BinaryIO, network: Network, images: Sequence[Classified]) -> None:
    """Write a PNG: for each explained image its crop, and the crop in grey under the Grad-CAM map."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    # Transparent where nothing speaks for the class, so that the image stays visible there.
    colours = colormaps["inferno"](np.linspace(0, 1, 256))  # (256, 4)
    colours[:, 3] = np.linspace(0, _OPACITY, 256)
    scale = ListedColormap(colours)

    columns = min(len(images), _PER_ROW)
    rows = -(-len(images) // columns)
    width = columns * 2 * (_SIDE + _GAP) + _GAP
    height = rows * (_SIDE + _TITLE) + _LEGEND
    figure = Figure(figsize=(width, height), dpi=110)

    def axes(left: float, bottom: float, wide: float, high: float) -> Any:
        return figure.add_axes((left / width, bottom / height, wide / width, high / height))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name in a script that the font lacks
        for i, image in enumerate(images):
            row, column = divmod(i, columns)
            bottom = height - (row + 1) * (_SIDE + _TITLE)
            left = _GAP + 2 * column * (_SIDE + _GAP)
            plain = axes(left, bottom, _SIDE, _SIDE)
            mapped = axes(left + _SIDE + _GAP, bottom, _SIDE, _SIDE)
            shown = _paint(plain, mapped, scale, network, image)
        bar = axes((width - 3.4) / 2, _LEGEND - 0.25, 3.4, 0.12)
        bar.set_facecolor("0.5")  # a grey of an image
        figure.colorbar(shown, cax=bar, orientation="horizontal")
        bar.set_xlabel("evidence for the class (Grad-CAM), 1 at the strongest place", fontsize=8)
        bar.tick_params(labelsize=8)
        figure.savefig(file, format="png")


def _paint(left: Any, right: Any, scale: Any, network: Network, image: Classified) -> Any:
    """Draw one image on two Axes; return what the scale of colours belongs to."""
    seen = image.explanation
    assert seen is not None
    left.imshow(seen.crop)
    left.set_title(_plain(os.path.basename(image.file)), fontsize=9)
    grey = seen.crop @ np.array([0.299, 0.587, 0.114])  # luma, so that only the map has hues
    right.imshow(grey, cmap="gray", vmin=0, vmax=1)
    shown = right.imshow(seen.map, cmap=scale, vmin=0, vmax=1)
    name = _plain(network.categories[seen.label])
    nowhere = "" if seen.map.any() else ", no evidence"
    right.set_title(f"{name} {100 * seen.probability:.1f} %{nowhere}", fontsize=9)
    for axes in (left, right):
        axes.set_axis_off()
    return shown


def _plain(text: str) -> str:
    """Return a short text that matplotlib does not read as mathematics."""
    return printable(text, 30).replace("$", r"\$")
