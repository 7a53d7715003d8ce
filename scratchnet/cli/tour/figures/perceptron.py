"""How section 1 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.tour.drawing import BLUE, CLASS_COLOURS, GREEN, INK, MUTED, ORANGE
from scratchnet.cli.tour.experiments.perceptron import XOR, XOR_LABELS, Found, Layers, Regions, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "SPECIES",
    "paint_hidden_lines",
    "paint_hidden_space",
    "paint_lines",
    "paint_losses",
    "paint_mistakes",
    "paint_regions",
    "paint_separated",
    "paint_step",
    "paint_three_mistakes",
    "paint_unit",
]

Array = NDArray[Any]
Line = tuple[Array, float]  # w and b of w·x + b = 0

_DASHED = (0, (4, 3))
SPECIES = ("setosa", "versicolor", "virginica")


def paint_unit(ax: Axes) -> None:
    ax.set(xlim=(0, 10), ylim=(0, 6.6))
    ax.axis("off")
    for y, source, weight in ((5.4, "$x_1$", "$w_1$"), (3.3, "$x_2$", "$w_2$"), (1.2, "1", "$b$")):
        _node(ax, 1.0, y, source, INK)
        _arrow(ax, (1.65, y), (4.05, 3.3 + 0.14 * (y - 3.3)))
        ax.text(2.75, y + (3.3 - y) * 0.42 + 0.28, weight, ha="center", color=ORANGE, fontsize=11)
    _node(ax, 4.75, 3.3, "Σ", INK)
    _arrow(ax, (5.4, 3.3), (6.6, 3.3))
    ax.plot([6.7, 7.3, 7.3, 7.9], [2.9, 2.9, 3.7, 3.7], color=BLUE, linewidth=2)
    ax.text(7.3, 2.3, "step", ha="center", color=BLUE, fontsize=9)
    _arrow(ax, (8.1, 3.3), (9.1, 3.3))
    ax.text(9.3, 3.3, "$y$", va="center", fontsize=12)


def _node(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.scatter([x], [y], s=430, facecolors="none", edgecolors=colour, linewidths=1.2)
    ax.text(x, y, text, ha="center", va="center", fontsize=11)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": MUTED, "linewidth": 1.1})


def paint_step(ax: Axes, unit: Unit, i: int, before: Line, after: Line) -> None:
    _paint_setosa(ax, unit)
    _dots(ax, unit.X[i : i + 1], INK, s=110, facecolors="none", linewidths=1.6, zorder=4)
    draw_line(ax, before, linestyle=_DASHED, color=MUTED, label="before")
    draw_line(ax, after, color=INK, label="after")
    ax.set(xlabel="petal length, cm", ylabel="petal width, cm")
    ax.legend(loc="lower right")


def paint_separated(ax: Axes, unit: Unit, part: str) -> None:
    _paint_setosa(ax, unit)
    draw_line(ax, (unit.model.coef_[0], unit.model.intercept_[0]), color=INK)
    ax.set(xlabel=f"{part} length, cm", ylabel=f"{part} width, cm")
    ax.legend(loc="best", handletextpad=0.2)


def _paint_setosa(ax: Axes, unit: Unit) -> None:
    _dots(ax, unit.X[unit.is_setosa], BLUE, label="setosa")
    _dots(ax, unit.X[~unit.is_setosa], ORANGE, label="the others")
    _frame(ax, unit.X, 0.25)


def _dots(ax: Axes, points: Array, colour: str, **style: Any) -> None:
    """Draw points (N, 2)."""
    look: Any = {"s": 16, "facecolors": colour, "edgecolors": colour, "linewidths": 0} | style
    ax.scatter(points[:, 0], points[:, 1], **look)


def _frame(ax: Axes, X: Array, margin: float) -> None:
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def draw_line(ax: Axes, line: Line, **style: Any) -> None:
    """Draw the points where w·x + b = 0; without weights there are none."""
    w, b = line
    length = float(w @ w)
    if length > 0:
        x, y = -b / length * w
        ax.axline((x, y), (x - w[1], y + w[0]), **style)


def paint_mistakes(ax: Axes, mistakes: Array) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(mistakes) + 1)
    if len(mistakes) <= 60:
        ax.bar(epochs, mistakes, color=ORANGE, width=0.75)
    else:
        ax.plot(epochs, mistakes, color=ORANGE, linewidth=0.9)
    ax.set(xlabel="epoch", ylabel="mistakes", ylim=(0, None))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def paint_three_mistakes(ax: Axes, mistakes: Sequence[Array]) -> None:
    for counts, colour, name in zip(mistakes, CLASS_COLOURS, SPECIES, strict=True):
        epochs = np.arange(1, len(counts) + 1)
        marker = "o" if len(counts) < 10 else ""  # a short curve would not be seen
        ax.plot(epochs, counts, color=colour, label=name, marker=marker, markersize=3)
    top = 1.3 * max(counts.max() for counts in mistakes)  # room for the legend
    ax.set(xlabel="epoch", ylabel="mistakes, of 150", ylim=(0, top))
    ax.legend(loc="upper right", ncols=3, columnspacing=0.8, handlelength=1.2)


def paint_regions(ax: Axes, plane: Regions, X: Array, labels: Array) -> None:
    _fill(ax, plane, len(SPECIES))
    for k, (colour, name) in enumerate(zip(CLASS_COLOURS, SPECIES, strict=True)):
        _dots(ax, X[labels == k], colour, s=14, label=name)
    ax.set(xlabel="petal length, cm", ylabel="petal width, cm")
    ax.legend(loc="upper left", handletextpad=0.2)


def _fill(ax: Axes, plane: Regions, classes: int) -> None:
    levels = np.arange(classes + 1) - 0.5
    ax.contourf(plane.x, plane.y, plane.labels, levels, colors=CLASS_COLOURS[:classes], alpha=0.22)


def paint_lines(ax: Axes, lines: Sequence[Line], best: Line) -> None:
    """The lines that a unit tried on XOR, and the one that had most points right."""
    for line in lines:
        draw_line(ax, line, color=MUTED, linewidth=0.7, alpha=0.5)
    draw_line(ax, best, color=INK, linewidth=2)
    _paint_corners(ax, XOR)


def paint_hidden_lines(ax: Axes, layers: Layers) -> None:
    _fill(ax, layers.regions, 2)
    first = layers.model[0]
    for w, b in zip(first.weight.data, first.bias.data, strict=True):
        draw_line(ax, (w, float(b)), color=INK, linestyle=_DASHED)
    _paint_corners(ax, XOR)


def _paint_corners(ax: Axes, places: Array) -> None:
    """The four points of XOR, at their own places or where hidden units put them."""
    for k in (0, 1):
        style: Any = {"s": 90, "edgecolors": INK, "linewidths": 1, "zorder": 3}
        _dots(ax, places[k == XOR_LABELS], CLASS_COLOURS[k], label=str(k), **style)
    _frame(ax, XOR, 0.4)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[0, 1], yticks=[0, 1])


def paint_hidden_space(ax: Axes, found: Found) -> None:
    """The outputs of the hidden units as coordinates, and the line where both logits are equal."""
    _fill(ax, found.hidden_regions, 2)
    last = found.xor_layers.model[2]
    weight, bias = last.weight.data, last.bias.data
    draw_line(ax, (weight[1] - weight[0], float(bias[1] - bias[0])), color=INK)
    _paint_corners(ax, found.hidden)
    for k in (0, 1):  # both points of a class often come to lie in one place: then one name
        p, q = found.hidden[k == XOR_LABELS]
        names = [f"{x1:.0f}, {x2:.0f}" for x1, x2 in XOR[k == XOR_LABELS]]
        if np.linalg.norm(p - q) < 0.4:
            _name(ax, p, " and ".join(names))
        else:
            _name(ax, p, names[0])
            _name(ax, q, names[1])
    _frame(ax, np.array([[-1, -1], [1, 1]]), 0.25)
    ax.set(xlabel="hidden unit 1", ylabel="hidden unit 2", xticks=[-1, 0, 1], yticks=[-1, 0, 1])


def _name(ax: Axes, place: Array, name: str) -> None:
    """Write a name beside a point, towards the middle, so that it stays in the picture."""
    x, y = place
    offset = (0, 12 if y < 0 else -18)
    side = "left" if x < -0.5 else "right" if x > 0.5 else "center"
    ax.annotate(name, (x, y), offset, textcoords="offset points", ha=side, fontsize=8)


def paint_losses(ax: Axes, found: Found) -> None:
    for curve, is_solved in zip(found.losses, found.solved, strict=True):
        ax.plot(curve, color=GREEN if is_solved else ORANGE, linewidth=1.1)
    for is_solved, colour, name in ((True, GREEN, "solved"), (False, ORANGE, "stuck")):
        if is_solved in found.solved:
            ax.plot([], [], color=colour, label=name)
    ax.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None))
    ax.legend(loc="best")
