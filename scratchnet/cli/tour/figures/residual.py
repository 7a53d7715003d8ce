"""How section 4 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.tour.drawing import BLUE, INK, MUTED, ORANGE
from scratchnet.cli.tour.experiments.photograph import Photograph
from scratchnet.cli.tour.experiments.residual import Found

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "overlay",
    "paint_accuracy",
    "paint_bars",
    "paint_gradients",
    "paint_loss",
    "paint_told",
]

Array = NDArray[Any]

_DASHED = (0, (4, 3))


def _paint_runs(ax: Axes, found: Found, column: str, scale: float = 1.0) -> None:
    runs = (
        (found.residual, BLUE, "-", f"{found.residual.depth} layers, shortcuts"),
        (found.plain, ORANGE, "-", f"{found.plain.depth} layers, plain"),
        (found.shallow, MUTED, _DASHED, f"{found.shallow.depth} layers, plain"),
    )
    for run, colour, style, name in runs:
        epochs = [row["epoch"] for row in run.history]
        values = [scale * row[column] for row in run.history]
        ax.plot(epochs, values, color=colour, linestyle=style, marker="o", markersize=3, label=name)
    ax.set(xlabel="epoch", xticks=epochs)


def paint_loss(ax: Axes, found: Found) -> None:
    _paint_runs(ax, found, "loss")
    ax.set(ylabel="cross-entropy", ylim=(0, None))
    _paint_guess(ax, float(np.log(10)), "guessing: ln 10")
    ax.legend(loc="lower left")


def paint_accuracy(ax: Axes, found: Found) -> None:
    _paint_runs(ax, found, "val_accuracy", 100)
    _paint_guess(ax)
    ax.set(ylabel="right, %", ylim=(0, 103))


def _paint_guess(ax: Axes, height: float = 10.0, name: str = "guessing") -> None:
    ax.axhline(height, color=MUTED, linewidth=0.8, zorder=0)
    right, top = ax.get_yaxis_transform(), 0.97 * height
    ax.text(0.99, top, name, color=MUTED, ha="right", va="top", fontsize=8, transform=right)


def _paint_starts(ax: Axes, residual: Array, plain: Array) -> None:
    blocks = np.arange(len(plain))
    for values, colour, name in ((residual, BLUE, "shortcuts"), (plain, ORANGE, "plain")):
        ax.plot(blocks, values, color=colour, marker="o", markersize=3, label=name)
    ax.set(xlabel="blocks passed", xticks=blocks[::3])


def paint_told(ax: Axes, found: Found) -> None:
    _paint_starts(ax, 100 * found.start_residual.told, 100 * found.start_plain.told)
    _paint_guess(ax)
    ax.set(ylabel="told by the nearest mean, %", ylim=(0, 103))
    ax.legend(loc="upper right")


def paint_gradients(ax: Axes, found: Found) -> None:
    starts = found.start_residual.gradients, found.start_plain.gradients
    _paint_starts(ax, *(g / g[-1] for g in starts))
    ax.set(ylabel="gradient, the last block's = 1", yscale="log")


def paint_bars(ax: Axes, values: Array, probabilities: bool) -> None:
    """Bars for the ten digits, logits or probabilities; the largest is coloured."""
    colours = [BLUE if k == values.argmax() else MUTED for k in range(len(values))]
    bars = ax.bar(np.arange(len(values)), values, color=colours, width=0.72)
    if probabilities:
        texts = [f"{v:.0%}" if v >= 0.005 else "" for v in values]
    else:
        texts = [f"{v:z.1f}".replace("-", "−") for v in values]
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.margins(y=0.13)  # for the numbers
    ax.bar_label(bars, texts, padding=2, fontsize=7)
    ax.set(xticks=np.arange(len(values)), ylabel="probability" if probabilities else "logit")
    if probabilities:
        ax.set_ylim(0, 1.12)
        ax.set_yticks([0, 0.5, 1])


def overlay(photograph: Photograph) -> Array:
    """Return where the network looked, (H, W, 3): gray where nothing speaks for the class."""
    from matplotlib import colormaps

    luma = photograph.crop @ np.array([0.299, 0.587, 0.114])  # (H, W)
    opacity = 0.75 * photograph.map[..., None]
    colours = colormaps["inferno"](0.85 * photograph.map)[..., :3]  # up to yellow, not to white
    blended: Array = (1 - opacity) * luma[..., None] + opacity * colours
    return blended.clip(0, 1)  # rounding
