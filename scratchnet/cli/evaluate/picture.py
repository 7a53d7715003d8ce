"""The picture of an evaluation: ROC curve and confusion matrix, or predictions and residuals.

The figure is made without pyplot, so that nothing opens a window.
"""

from __future__ import annotations

import warnings
from typing import Any, BinaryIO

import numpy as np

from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate.evaluation import Drawn
from scratchnet.cli.evaluate.report import MAX_SHOWN, Report
from scratchnet.metrics import roc_curve

__all__ = ["write_picture"]

# Of a cloud or a curve: more cannot be told apart, and make an .svg of megabytes.
MAX_POINTS = 5000
MAX_BAND = 10_000  # samples: the band of more is too narrow to be seen


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
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # a label in a script that the font lacks; numbers whose difference is too large
        warnings.simplefilter("ignore")
        for axes, paint in zip(
            figure.subplots(1, len(paints), squeeze=False)[0], paints, strict=True
        ):
            paint(axes, report, drawn)
        try:
            figure.savefig(file, format=kind)
        except (ValueError, OverflowError) as error:  # of axes that cannot span the numbers
            raise CommandError(f"{report.file}: the numbers cannot be drawn: {error}") from error


def _paint_roc(axes: Any, report: Report, drawn: Drawn) -> None:
    from scratchnet.plotting import RocCurveDisplay, roc_band

    assert drawn.score is not None
    settings, band = report.settings, None
    if report.n_samples <= MAX_BAND and settings.n_resamples != 0:
        band = roc_band(
            drawn.truth,
            drawn.score,
            confidence_level=settings.confidence_level,
            n_resamples=settings.resamples(report.n_samples),
            random_state=settings.seed,
        )
    fpr, tpr, _ = roc_curve(drawn.truth, drawn.score)
    kept = _spread(len(fpr))
    area = report.measures["roc_auc"]
    interval = "" if area.low is None else f" [{area.low:.4f}, {area.high:.4f}]"
    display = RocCurveDisplay(fpr=fpr[kept], tpr=tpr[kept], band=band)
    display.plot(
        axes,
        curve_kwargs={"label": f"AUC = {area.value:.4f}{interval}"},
        plot_chance_level=True,
        chance_level_kw={"color": "0.7", "linewidth": 1},
    )
    if (best := report.youden) is not None:
        axes.plot(best.fpr, best.tpr, "o", color="C1", label=f"Youden's: {best.threshold:.4g}")
    axes.set(title="ROC curve", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="lower right", frameon=False, fontsize="small")


def _paint_confusion(axes: Any, report: Report, drawn: Drawn) -> None:
    from scratchnet.plotting import ConfusionMatrixDisplay

    assert report.confusion is not None
    n_classes = len(report.labels)
    is_small = n_classes <= MAX_SHOWN
    names = [_plain(label) for label in report.labels]
    digits = max(2, len(str(report.confusion.max())))
    ConfusionMatrixDisplay(report.confusion, display_labels=names).plot(
        include_values=is_small,
        values_format="d",
        cmap="Blues",
        xticks_rotation="vertical" if n_classes * max(map(len, names)) > 30 else "horizontal",
        ax=axes,
        colorbar=False,
        text_kw={"fontsize": min(14, 110 / n_classes / digits)},
    )
    axes.set_title("Confusion matrix")
    if not is_small:  # the names of so many would cover each other
        axes.set(xticks=[], yticks=[])


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
