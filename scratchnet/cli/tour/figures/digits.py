"""How section 3 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scratchnet.cli.tour.drawing import BLUE, MUTED, ORANGE
from scratchnet.cli.tour.experiments.digits import Found

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_errors", "paint_losses"]

History = Sequence[dict[str, float]]


def _ticks(history: History) -> list[int]:
    return [1, *range(5, len(history) + 1, 5)]


def paint_losses(ax: Axes, history: History) -> None:
    epochs = [row["epoch"] for row in history]
    for column, colour, name in (("loss", ORANGE, "training"), ("val_loss", BLUE, "held out")):
        ax.plot(
            epochs,
            [row[column] for row in history],
            color=colour,
            marker="o",
            markersize=3,
            label=name,
        )
    ax.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", xticks=_ticks(history))
    ax.legend(loc="best")


def paint_errors(ax: Axes, found: Found) -> None:
    history = found.history
    epochs = [row["epoch"] for row in history]
    errors = 100 * (1 - np.array([row["val_accuracy"] for row in history]))
    ax.plot(epochs, errors, color=BLUE, marker="o", markersize=3, label="the network")
    ax.axhline(
        100 * (1 - found.perceptron), color=MUTED, linestyle=(0, (4, 3)), label="ten perceptrons"
    )
    ax.set(
        xlabel="epoch",
        ylabel="wrong, %",
        xticks=_ticks(history),
        ylim=(0, min(100, 1.25 * max(errors[1:].max(), 8))),
    )
    ax.legend(loc="best")
