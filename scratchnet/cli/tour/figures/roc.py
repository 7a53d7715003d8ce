"""How section 8 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchnet.cli.tour.drawing import BLUE, GREEN, INK, MUTED, ORANGE
from scratchnet.cli.tour.experiments.roc import (
    EXAMPLE_SCORES,
    EXAMPLE_TRUTH,
    Choice,
    Found,
    Ranking,
    sweep,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_choices", "paint_curves", "paint_example", "paint_scores", "paint_sweep"]

_DASHED = (0, (4, 3))
_MARKS = ("o", "s", "D")  # of the chosen thresholds, in their order


def paint_example(ax: Axes) -> None:
    """Ten samples along the score, and the threshold that comes from the right."""
    for k, (colour, name) in enumerate(((BLUE, "negative"), (ORANGE, "positive"))):
        score = EXAMPLE_SCORES[k == EXAMPLE_TRUTH]
        ax.scatter(score, np.zeros_like(score), s=70, color=colour, label=name, zorder=3)
    ax.axhline(0, color=MUTED, linewidth=0.8)
    ax.axvline(0.6, color=INK, linestyle=_DASHED)
    ax.annotate(
        "the threshold\ngoes down",
        (0.42, 0.55),
        (0.63, 0.55),
        va="center",
        fontsize=8,
        arrowprops={"arrowstyle": "->", "color": INK},
    )
    ax.set(xlim=(0, 1.05), ylim=(-1, 1), yticks=[], xlabel="score")
    ax.spines["left"].set_visible(False)
    ax.legend(loc="lower left", ncols=2, handletextpad=0.1, columnspacing=0.8)


def paint_sweep(ax: Axes) -> None:
    """The curve of the ten samples, a step for each."""
    fpr, tpr = (np.append(0, rates) for rates in sweep(EXAMPLE_TRUTH, EXAMPLE_SCORES))
    ax.fill_between(fpr, tpr, color=MUTED, alpha=0.2, linewidth=0)
    for i, is_positive in enumerate(EXAMPLE_TRUTH):
        ax.plot(
            fpr[i : i + 2], tpr[i : i + 2], color=ORANGE if is_positive else BLUE, linewidth=2.4
        )
    ax.scatter(fpr, tpr, s=14, color=INK, zorder=3)
    _diagonal(ax)
    _label(ax)


def paint_scores(ax: Axes, found: Found) -> None:
    """How the scores of both classes are spread, and the chosen thresholds."""
    score = found.full.score
    bins = np.linspace(score.min(), score.max(), 50)
    for k, (colour, name) in enumerate(((BLUE, "benign"), (ORANGE, "malignant"))):
        ax.hist(score[found.y == k], list(bins), color=colour, alpha=0.75, label=name)
    top = ax.get_ylim()[1]
    for i, (choice, mark) in enumerate(zip(found.choices, _MARKS, strict=True)):
        ax.axvline(choice.threshold, color=INK, linestyle=_DASHED, linewidth=0.8)
        # at different heights, because thresholds may lie close together
        ax.scatter([choice.threshold], [(1 + 0.09 * i) * top], s=34, color=INK, marker=mark)
    ax.set(xlabel="score, w·x + b", ylabel="tumours", ylim=(0, 1.25 * top))
    ax.legend(loc="best")


def paint_curves(ax: Axes, found: Found) -> None:
    for ranking, colour in ((found.full, GREEN), (found.texture, MUTED)):
        _curve(ax, ranking, colour)
    _diagonal(ax)
    _label(ax)
    ax.legend(loc="lower right")


def paint_choices(ax: Axes, found: Found) -> None:
    """The upper left corner of the curve, with the chosen thresholds."""
    _curve(ax, found.full, GREEN)
    for choice, mark in zip(found.choices, _MARKS, strict=True):
        ax.scatter(
            [choice.fpr],
            [choice.recall],
            s=40,
            color=INK,
            marker=mark,
            label=_name(choice),
            zorder=3,
        )
    _label(ax)
    right = max(0.15, 1.15 * max(choice.fpr for choice in found.choices))
    bottom = min(0.9, min(choice.recall for choice in found.choices) - 0.02)
    ax.set(xlim=(-0.02 * right, right), ylim=(bottom, 1.005))
    handles, names = ax.get_legend_handles_labels()
    ax.legend(handles[1:], names[1:], loc="lower right")


def _name(choice: Choice) -> str:
    return f"{choice.rule}: ≥ {choice.threshold:.2f}".replace("-", "−")


def _curve(ax: Axes, ranking: Ranking, colour: str) -> None:
    name = f"{ranking.name}: {ranking.auc.estimate:.3f}"
    ax.plot(ranking.fpr, ranking.tpr, color=colour, label=name)


def _diagonal(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], color=MUTED, linestyle=_DASHED, linewidth=0.8)


def _label(ax: Axes) -> None:
    ax.set(
        xlabel="false alarms, share of the negatives",
        ylabel="found, share of the positives",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
