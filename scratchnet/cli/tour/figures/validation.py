"""How section 6 is drawn. Each `paint_…` takes matplotlib's Axes first and computes nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.tour.drawing import CLASS_COLOURS, GREEN, INK, MUTED
from scratchnet.cli.tour.experiments.validation import Splits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["paint_final", "paint_splits"]

Array = NDArray[Any]

_UNUSED = 0.2  # how strongly training samples are drawn


def paint_splits(ax: Axes, splits: Splits) -> None:
    """A row for each fold: what it tests in the colour of its class, what it trains on in grey."""
    n, k = len(splits.labels), len(splits.tests)
    for fold, test in enumerate(splits.tests):
        _row(ax, fold, np.isin(np.arange(n), test), splits.labels)
    ax.set(
        xlim=(0, n),
        ylim=(k - 0.5, -0.5),
        yticks=range(0, k, 1 if k < 10 else 5),
        xlabel="sample",
        ylabel="fold",
    )
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)


def paint_final(ax: Axes, scores: Array) -> None:
    """What becomes of the k models, and below them the one that trains on everything."""
    n, k = 100, len(scores)  # in percent, and the test parts side by side, as when shuffled
    edges = np.linspace(0, n, k + 1)
    for fold, (left, right) in enumerate(pairwise(edges)):
        _bar(ax, fold, [(0, left), (right, n - right)], MUTED, _UNUSED)
        _bar(ax, fold, [(left, right - left)], CLASS_COLOURS[0])
        middle = (left + right) / 2
        ax.text(middle, fold, f"{scores[fold]:.1%}", color="white", ha="center", va="center")
        ax.text(n + 3, fold, "scored, then dropped", color=MUTED, va="center", fontsize=8)
    _bar(ax, k + 0.5, [(0, n)], GREEN, 0.85)
    ax.text(n / 2, k + 0.5, "trains on all samples", color="white", ha="center", va="center")
    ax.text(n + 3, k + 0.5, "the model to use", color=INK, va="center", fontsize=8, weight="bold")
    ax.set(xlim=(0, 1.42 * n), ylim=(k + 1.1, -0.6), xticks=[], yticks=[*range(k), k + 0.5])
    ax.set_yticklabels([*(f"model {fold + 1}" for fold in range(k)), "final"])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)


def _row(ax: Axes, y: float, is_test: Array, labels: Array) -> None:
    _bar(ax, y, _runs(~is_test), MUTED, _UNUSED)
    for k, colour in enumerate(CLASS_COLOURS[: labels.max() + 1]):
        _bar(ax, y, _runs(is_test & (labels == k)), colour)


def _bar(ax: Axes, y: float, spans: Any, colour: str, alpha: float = 1.0) -> None:
    spans = [span for span in spans if span[1] > 0]
    ax.broken_barh(spans, (y - 0.4, 0.8), facecolors=colour, alpha=alpha, linewidth=0)


def _runs(mask: Array) -> Iterator[tuple[int, int]]:
    """Yield the beginning and the length of each run of true entries."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]])))
    for first, last in edges.reshape(-1, 2):
        yield int(first), int(last - first)
