"""How section 5 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchnet.cli.tour.drawing import BLUE, GREEN, INK, MUTED, ORANGE
from scratchnet.cli.tour.experiments.reach import VOWELS, Recall
from scratchnet.cli.tour.experiments.reading import Read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_reach", "paint_read", "paint_recall"]

_DASHED = (0, (4, 3))
# In the order of `reach.WAYS`: a colour for what carries the memory, dashes for a way to begin.
_LINES = ((ORANGE, "-"), (ORANGE, _DASHED), (BLUE, "-"), (BLUE, _DASHED), (GREEN, "-"))


def paint_read(ax: Axes, read: Read) -> None:
    """The memory after each letter, a column each, and above it what the network would say then."""
    steps = np.arange(len(read.p))
    ax.imshow(read.memory.T, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    ax.set(xticks=steps, yticks=[])
    ax.set_xticklabels(list(read.text))
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    above = ax.inset_axes((0, 1.06, 1, 0.36), sharex=ax)
    above.axhline(0.5, color=MUTED, linewidth=0.6)
    above.plot(steps, read.p, color=INK, marker="o", markersize=3)
    above.set(ylim=(-0.15, 1.25), yticks=[0, 1])  # room for the words beside the ticks
    above.set_yticklabels(["female", "male"])
    above.tick_params(labelbottom=False, length=0)
    above.spines["bottom"].set_visible(False)


def paint_reach(ax: Axes, recalls: list[Recall]) -> None:
    """The gradient by letters back, from right to left as it goes."""
    for recall, (colour, style) in zip(recalls, _LINES, strict=True):
        back = np.arange(len(recall.gradients))
        ax.plot(back, recall.gradients, color=colour, linestyle=style, label=recall.way.name)
    ax.set(xlabel="letters back", ylabel="gradient, the last letter's = 1", yscale="log")
    ax.legend(loc="lower left")


def paint_recall(ax: Axes, recalls: list[Recall]) -> None:
    for recall, (colour, style) in zip(recalls, _LINES, strict=True):
        epochs = np.arange(1, len(recall.accuracies) + 1)
        right = [100 * accuracy for accuracy in recall.accuracies]
        ax.plot(epochs, right, color=colour, linestyle=style, marker="o", markersize=3)
    guess = 100 / len(VOWELS)
    ax.axhline(guess, color=MUTED, linewidth=0.8, zorder=0)
    right_edge = ax.get_yaxis_transform()
    ax.text(0.99, 0.97 * guess, "guessing", color=MUTED, ha="right", va="top", transform=right_edge)
    ax.set(xlabel="epoch", xticks=epochs, ylabel="right, %", ylim=(0, 103))
