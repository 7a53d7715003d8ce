"""The picture of an evaluation: ROC curve and confusion matrix, or predictions and residuals.

matplotlib is used without pyplot, so that no figure or backend is touched.
"""

from __future__ import annotations

import warnings
from typing import Any, BinaryIO

import numpy as np

from scratchnet.cli.evaluate.evaluation import Drawn
from scratchnet.cli.evaluate.report import MAX_SHOWN, Report
from scratchnet.metrics import roc_curve

__all__ = ["write_picture"]

MAX_POINTS = 5000  # of a cloud or a curve: more cannot be told apart, and make an .svg of megabytes


def write_picture(file: BinaryIO, kind: str, report: Report, drawn: Drawn) -> None:
    """Write the picture to a file of that kind ("png", "svg" or "pdf")."""
    from matplotlib.figure import Figure

    paints: list[Any] = []
    if drawn.prediction is not None:
        paints = [_paint_prediction, _paint_residuals]
    elif drawn.score is not None and 0 < drawn.truth.sum() < len(drawn.truth):
        paints = [_paint_roc]
    if report.confusion is not None:
        paints.append(_paint_confusion)
    if not paints:
        paints = [_paint_sizes]
    figure = Figure(figsize=(5.2 * len(paints), 4.8), layout="constrained", dpi=120)
    for axes, paint in zip(figure.subplots(1, len(paints), squeeze=False)[0], paints, strict=True):
        paint(axes, report, drawn)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a label in a script that the font lacks
        figure.savefig(file, format=kind)


def _paint_roc(axes: Any, report: Report, drawn: Drawn) -> None:
    assert drawn.score is not None
    fpr, tpr, _ = roc_curve(drawn.truth, drawn.score)
    if len(fpr) > MAX_POINTS:
        kept = np.linspace(0, len(fpr) - 1, MAX_POINTS).round().astype(int)
        fpr, tpr = fpr[kept], tpr[kept]
    area = report.measures["roc_auc"]
    label = f"AUC {area.value:.4f}"
    if area.low is not None:
        label += f" [{area.low:.4f}, {area.high:.4f}]"
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--", label="chance")
    axes.plot(fpr, tpr, color="C0", label=label)
    if report.youden is not None:
        best = report.youden
        axes.plot(best.fpr, best.tpr, "o", color="C1", label=f"Youden's: {best.threshold:.4g}")
    axes.set(
        title="ROC curve",
        xlabel="false-positive rate",
        ylabel="true-positive rate (recall)",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
    )
    axes.legend(loc="lower right", frameon=False)


def _paint_confusion(axes: Any, report: Report, drawn: Drawn) -> None:
    """Colours are shares of the true class, so that a rare class is seen as well; numbers are counts."""
    assert report.confusion is not None
    counts = report.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    n_classes = len(counts)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="truth")
    if n_classes > MAX_SHOWN:
        return
    names = [_plain(label) for label in report.labels]
    turned = 90 if max(map(len, names)) > 30 / n_classes else 0
    axes.set_xticks(range(n_classes), names, rotation=turned)
    axes.set_yticks(range(n_classes), names)
    size = min(14, 110 / n_classes / max(2, len(str(counts.max()))))
    for (k, l), count in np.ndenumerate(counts):
        colour = "white" if shares[k, l] > 0.5 else "black"
        axes.text(l, k, str(count), ha="center", va="center", color=colour, fontsize=size)


def _paint_sizes(axes: Any, report: Report, drawn: Drawn) -> None:
    names = [_plain(label) for label in report.labels[:MAX_SHOWN]]
    axes.barh(range(len(names)), [one.support for one in report.classes[:MAX_SHOWN]])
    axes.set_yticks(range(len(names)), names)
    axes.set(title="Samples of each class (there is no prediction)", xlabel="samples")


def _paint_prediction(axes: Any, report: Report, drawn: Drawn) -> None:
    assert drawn.prediction is not None
    chosen = _spread(len(drawn.truth))
    ends = [
        min(drawn.truth.min(), drawn.prediction.min()),
        max(drawn.truth.max(), drawn.prediction.max()),
    ]
    axes.plot(ends, ends, color="0.7", linewidth=1, linestyle="--")
    axes.plot(drawn.truth[chosen], drawn.prediction[chosen], ".", alpha=0.5, markeredgewidth=0)
    axes.set(title=_title("Prediction", report, len(chosen)), xlabel="truth", ylabel="predicted")


def _paint_residuals(axes: Any, report: Report, drawn: Drawn) -> None:
    assert drawn.prediction is not None
    chosen = _spread(len(drawn.truth))
    residual = drawn.truth[chosen] - drawn.prediction[chosen]
    axes.axhline(0, color="0.7", linewidth=1, linestyle="--")
    axes.plot(drawn.prediction[chosen], residual, ".", alpha=0.5, markeredgewidth=0)
    axes.set(
        title=_title("Residuals", report, len(chosen)),
        xlabel="predicted",
        ylabel="truth - predicted",
    )


def _spread(n_samples: int) -> Any:
    """Return the numbers of at most MAX_POINTS samples, evenly spread over the file."""
    n_points = min(n_samples, MAX_POINTS)
    return np.linspace(0, n_samples - 1, n_points).round().astype(int)


def _title(what: str, report: Report, n_points: int) -> str:
    some = "" if n_points == report.n_samples else f", {n_points} of {report.n_samples} samples"
    return what + some


def _plain(label: int | float | str) -> str:
    """Return a label as a short text that matplotlib does not read as mathematics."""
    text = str(label)
    text = text if text.isprintable() else ascii(text)
    text = text if len(text) <= 20 else text[:17] + "..."
    return text.replace("$", r"\$")
