"""How section 2 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scratchnet.cli.tour.experiments.convolution import Found

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_fields", "paint_photograph"]

Array = NDArray[Any]

EYE_CENTRE = (110, 172)  # row and column of the cat's left eye
_FRAME = "#ffd54a"  # seen on fur as well as on the pupil


def _paint_image(ax: Axes, photograph: Array) -> None:
    ax.imshow(photograph)
    ax.axis("off")


def paint_photograph(ax: Axes, photograph: Array, part: tuple[slice, slice]) -> None:
    from matplotlib.patches import Rectangle

    _paint_image(ax, photograph)
    rows, columns = part
    corner = columns.start - 0.5, rows.start - 0.5
    size = columns.stop - columns.start, rows.stop - rows.start
    ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor=_FRAME, linewidth=1.6))


def paint_fields(ax: Axes, found: Found) -> None:
    """Squares around the eye: what a unit sees after each convolution."""
    from matplotlib.patches import Rectangle

    _paint_image(ax, found.photograph)
    row, column = EYE_CENTRE
    for layer, _, side in found.fields:
        if layer.kind == "conv":
            corner = column - side / 2, row - side / 2
            ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=_FRAME, linewidth=1.3))
            if side > 20:  # else there is no room
                ax.text(
                    corner[0] + side - 2,
                    corner[1] + 2,
                    str(side),
                    color=_FRAME,
                    ha="right",
                    va="top",
                )
    height, width, _ = found.photograph.shape
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
