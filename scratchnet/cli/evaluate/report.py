"""A report, as aligned text for a terminal and as JSON for a program."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.evaluate.classification import ClassMeasures
from scratchnet.cli.evaluate.measure import Measure, Settings
from scratchnet.cli.evaluate.table import quoted
from scratchnet.cli.terminal import escaped
from scratchnet.metrics import ThresholdChoice

__all__ = ["Report", "as_json", "as_text", "show"]

MAX_SHOWN = 20  # classes whose confusion matrix is shown as text


@dataclass
class Report:
    """All that is shown. `classes` and what follows it: of a classification only."""

    file: str
    task: str
    n_samples: int
    columns: dict[str, Any]  # truth, prediction, score
    settings: Settings
    measures: dict[str, Measure]
    labels: Sequence[int | float | str] = ()
    positive: int | float | str | None = None
    classes: Sequence[ClassMeasures] = ()
    confusion: NDArray[np.int64] | None = None
    youden: ThresholdChoice | None = None
    notes: list[str] = field(default_factory=list)


def as_json(report: Report) -> str:
    """Return the report as JSON: no NaN and no infinity, but null and a reason."""
    found: dict[str, Any] = {
        "file": report.file,
        "task": report.task,
        "n_samples": report.n_samples,
        "columns": report.columns,
        "confidence_level": report.settings.confidence_level,
        "seed": report.settings.seed,
        "metrics": {name: vars(measure) for name, measure in report.measures.items()},
    }
    if report.task == "classification":
        found["positive"] = report.positive
        found["classes"] = [
            {"label": label, "support": one.support}
            | {name: vars(measure) for name, measure in one.measures.items()}
            for label, one in zip(report.labels, report.classes, strict=True)
        ]
        found["confusion_matrix"] = None if report.confusion is None else report.confusion.tolist()
        found["youden"] = None if report.youden is None else _youden(report.youden)
    found["notes"] = report.notes
    return json.dumps(found, indent=2, allow_nan=False)


def as_text(report: Report) -> str:
    """Return the report as lines of text, ASCII but for labels and names."""
    columns = ", ".join(
        f"{role} {_names(names)}" for role, names in report.columns.items() if names
    )
    lines = [f"{escaped(report.file)}: {report.task} of {report.n_samples} samples", columns]
    if report.positive is not None:
        lines.append(f"positive class: {_label(report.positive)}")
    level = f"{100 * report.settings.confidence_level:g} % interval"
    rows = [["", "value", level, ""]]
    for name, measure in report.measures.items():
        interval = _interval(measure, brackets=False)
        rows.append(
            [name, _number(measure.value), interval, measure.method or measure.reason or ""]
        )
    lines += ["", *_aligned(rows, "<><<")]
    if report.classes:
        lines += ["", *_class_table(report)]
    if report.confusion is not None:
        lines += ["", *_confusion_table(report)]
    if report.youden is not None:
        lines += ["", *_youden_lines(report.youden)]
    lines += ["", *report.notes] if report.notes else []
    return "\n".join(line.rstrip() for line in lines)


def show(text: str) -> None:
    """Print lines; what would steer the terminal, and what its encoding lacks, is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    text = "\n".join(map(escaped, text.split("\n")))
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _class_table(report: Report) -> list[str]:
    names = list(report.classes[0].measures)
    rows = [["class", "samples", *(part for name in names for part in (name, ""))]]
    reasons: dict[str, None] = {}
    for label, one in zip(report.labels, report.classes, strict=True):
        row = [_label(label), str(one.support)]
        for name in names:
            measure = one.measures[name]
            row += [_number(measure.value), _interval(measure)]
            if measure.reason:
                reasons[f"{name} of {_label(label)}: {measure.reason}"] = None
        rows.append(row)
    table = _aligned(rows, "<>" + "><" * len(names))
    methods = {
        name: one.measures[name].method
        for name in names
        for one in report.classes
        if one.measures[name].method
    }
    if methods:
        table.append(f"intervals: {', '.join(f'{n} {method}' for n, method in methods.items())}")
    return table + list(reasons)[:MAX_SHOWN]


def _confusion_table(report: Report) -> list[str]:
    assert report.confusion is not None
    if len(report.labels) > MAX_SHOWN:
        n = len(report.labels)
        return [f"The confusion matrix of {n} classes is in the output of --json."]
    labels = [_label(label) for label in report.labels]
    rows = [["truth \\ predicted", *labels]]
    rows += [
        [label, *map(str, row)]
        for label, row in zip(labels, report.confusion.tolist(), strict=True)
    ]
    return _aligned(rows, "<" + ">" * len(labels))


def _youden_lines(youden: ThresholdChoice) -> list[str]:
    (tn, fp), (fn, tp) = youden.confusion_matrix.tolist()
    if math.isinf(youden.threshold):
        return ["No threshold of the score is better than chance (Youden's J is 0)."]
    return [
        f"Youden's threshold: positive where the score is at least {youden.threshold!r}",
        f"there: recall {youden.tpr:.4f}, false-positive rate {youden.fpr:.4f}, "
        f"tn {tn}, fp {fp}, fn {fn}, tp {tp}",
        "It was chosen on these samples, so that its rates are optimistic.",
    ]


def _youden(youden: ThresholdChoice) -> dict[str, Any]:
    finite = math.isfinite(youden.threshold)
    return {
        "threshold": youden.threshold if finite else None,
        "tpr": youden.tpr,
        "fpr": youden.fpr,
        "confusion_matrix": youden.confusion_matrix.tolist(),
        "reason": None if finite else "no threshold is better than chance",
    }


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Return the rows as lines, each column as wide as its longest cell, to the left or right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        )
        for row in rows
    ]


def _interval(measure: Measure, brackets: bool = True) -> str:
    if measure.low is None or measure.high is None:
        return ""
    ends = _number(measure.low), _number(measure.high)
    return f"[{ends[0]}, {ends[1]}]" if brackets else f"{ends[0]} to {ends[1]}"


def _number(value: float | None) -> str:
    """Return four decimals, or five digits of what is far from 1."""
    if value is None:
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}"
    return f"{value:.5g}"


def _label(label: int | float | str) -> str:
    text = str(label)
    return text if text.isprintable() and len(text) <= 40 else quoted(text)


def _names(names: str | Sequence[str]) -> str:
    return quoted(names) if isinstance(names, str) else ", ".join(map(quoted, names))
