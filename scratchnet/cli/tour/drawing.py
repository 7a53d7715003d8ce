"""From what a function paints, and from arrays, to addresses (data URIs) that stand in the page.

matplotlib is used without pyplot, so that no figure, backend or setting of the user's is touched.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLUE",
    "CLASS_COLOURS",
    "GREEN",
    "INK",
    "MUTED",
    "ORANGE",
    "draw",
    "gray",
    "picture",
    "tint",
]

INK, MUTED = "#1f2933", "#7b8794"
BLUE, ORANGE, GREEN = "#3b82c4", "#e07a1f", "#2a9d6f"  # told apart by the colour-blind as well
CLASS_COLOURS = (BLUE, ORANGE, GREEN)

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "scratchnet",  # names inside the file, else random
}

# Where the reader prefers a dark page, the ink is light.
_DARK = (
    "@media (prefers-color-scheme: dark) {"
    + "".join(
        f'[style*="{what}: {colour}"] {{{what}: {light} !important}}'
        for colour, light in ((INK, "#e4e7eb"), (MUTED, "#9aa5b1"))
        for what in ("fill", "stroke")
    )
    + "}"
)


def draw(
    paint: Callable[..., None],
    *args: Any,
    width: float = 3.4,
    height: float = 2.8,
    bare: bool = False,
) -> str:
    """Return what `paint(axes, *args)` draws as the address of an SVG.

    width, height: in inches of 96 pixels · bare: the axes fill the figure, without room for labels
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # SVG counts in points, 72 to the inch; a browser shows a point as 96/72 pixels.
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout=None if bare else "constrained")
        paint(figure.add_axes((0, 0, 1, 1)) if bare else figure.add_subplot(), *args)
        file = BytesIO()
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = file.getvalue().decode().replace("</style>", _DARK + "</style>", 1)
    return _uri("image/svg+xml", svg.encode())


def picture(
    values: NDArray[Any],
    colours: str = "gray",
    low: float | None = None,
    high: float | None = None,
) -> str:
    """Return an array as the address of a PNG, one pixel for each entry.

    values: (H, W) shown in a scale of colours from `low` to `high`, by default the least and the
    greatest; or (H, W, 3), red, green and blue from 0 to 1 or to 255
    """
    from matplotlib.image import imsave

    file = BytesIO()
    imsave(file, values, format="png", cmap=colours, vmin=low, vmax=high)
    return _uri("image/png", file.getvalue())


def gray(value: float) -> str:
    """Return the CSS of a square that is black for 0 and white for 1, with ink that can be read."""
    level = round(255 * float(np.clip(value, 0, 1)))
    return f"background:rgb({level},{level},{level});color:{'#111' if level > 120 else '#fff'}"


def tint(value: float) -> str:
    """Return the CSS of a square that is blue for −1, red for +1 and clear for 0."""
    strength = min(1.0, abs(float(value)))
    colour = "214,73,51" if value > 0 else "47,111,176"
    return f"background:rgba({colour},{0.75 * strength:.2f})"


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
