"""How section 9 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchnet.cli.tour.drawing import BLUE, GREEN, INK, MUTED, ORANGE
from scratchnet.cli.tour.experiments.r2 import EXAMPLE_X, EXAMPLE_Y, Line, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_prediction", "paint_squares"]

_DASHED = (0, (4, 3))
_LOW, _HIGH = 0, 380  # the axes of progress; beyond them a prediction is drawn at the edge


def paint_squares(ax: Axes, line: Line) -> None:
    """The errors as squares: their areas are what R² compares."""
    from matplotlib.patches import Rectangle

    style: Any = {"facecolor": ORANGE, "edgecolor": ORANGE, "linewidth": 0.8, "alpha": 0.4}
    # To the left of what lies above a rising line, to the right of what lies below: never across it.
    left = -1 if line.predicted[-1] >= line.predicted[0] else 1
    for x, y, predicted in zip(EXAMPLE_X, EXAMPLE_Y, line.predicted, strict=True):
        side = y - predicted
        ax.add_patch(Rectangle((x, predicted), left * side, side, **style))
    ax.plot(EXAMPLE_X, line.predicted, color=INK)
    ax.scatter(EXAMPLE_X, EXAMPLE_Y, s=26, color=BLUE, zorder=3)
    ax.set(xlim=(-4.3, 7.3), ylim=(0.2, 6), aspect="equal", xlabel="$x$", ylabel="$y$")
    ax.set(xticks=range(5), yticks=range(1, 6))


def paint_prediction(ax: Axes, prediction: Prediction) -> None:
    """Truth against prediction: right answers lie on the diagonal."""
    ax.plot([_LOW, _HIGH], [_LOW, _HIGH], color=MUTED, linestyle=_DASHED, linewidth=0.8)
    shown = np.clip(prediction.predicted, _LOW, _HIGH)
    is_beyond = shown != prediction.predicted
    colour = GREEN if prediction.r2 > 0 else BLUE
    style: Any = {"linewidths": 0, "clip_on": False, "zorder": 3}
    ax.scatter(prediction.y[~is_beyond], shown[~is_beyond], s=14, color=colour, alpha=0.6, **style)
    for edge, mark in ((_LOW, "v"), (_HIGH, "^")):
        at_edge = is_beyond & (shown == edge)
        ax.scatter(
            prediction.y[at_edge],
            shown[at_edge],
            s=22,
            color=ORANGE,
            marker=mark,
            alpha=0.6,
            **style,
        )
    ax.set(
        xlim=(_LOW, _HIGH), ylim=(_LOW, _HIGH), aspect="equal", xlabel="truth", ylabel="predicted"
    )
    ax.set(xticks=[0, 100, 200, 300], yticks=[0, 100, 200, 300])
