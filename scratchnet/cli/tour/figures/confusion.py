"""How section 7 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchnet.cli.tour.drawing import BLUE, INK, ORANGE
from scratchnet.cli.tour.experiments.confusion import Found

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_precision_and_recall"]


def paint_precision_and_recall(ax: Axes, found: Found) -> None:
    """Both are a share of a whole, and the true positives are the part: only the whole differs."""
    _, fp, fn, tp = found.counts
    for y, (name, other, what) in enumerate(
        (
            (f"precision\n{found.precision:.1%}", fp, "false alarms"),
            (f"recall\n{found.recall:.1%}", fn, "missed"),
        )
    ):
        ax.barh(y, tp, height=0.5, color=BLUE)
        ax.barh(y, other, left=tp, height=0.5, color=ORANGE)
        ax.text(tp / 2, y, f"{tp} malignant, said so", color="white", ha="center", va="center")
        ax.text(tp + other, y, f"  {other} {what}", color=INK, va="center")
        ax.text(-0.02 * tp, y, name, color=INK, ha="right", va="center")
    ax.text(0, -0.42, f"all {tp + fp} that were called malignant", fontsize=8)
    ax.text(0, 0.58, f"all {tp + fn} that are malignant", fontsize=8)
    ax.set(xlim=(-0.28 * tp, 1.4 * tp), ylim=(1.4, -0.6))
    ax.axis("off")
