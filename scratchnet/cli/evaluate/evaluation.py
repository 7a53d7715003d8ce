"""From a file to a report: what the columns mean, which task it is, and what is measured.

`N` is the number of samples, `K` that of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate.classes import Classes, find_classes, find_positive
from scratchnet.cli.evaluate.classification import (
    are_probabilities,
    measure_classes,
    measure_scores,
)
from scratchnet.cli.evaluate.columns import Roles, class_in_name, find_roles
from scratchnet.cli.evaluate.measure import Measure, Settings
from scratchnet.cli.evaluate.regression import measure_regression
from scratchnet.cli.evaluate.report import Report
from scratchnet.cli.evaluate.table import Column, quoted, read_table

__all__ = ["Drawn", "Samples", "evaluate", "read"]

MAX_GUESSED = 20  # different whole numbers that are taken for classes


@dataclass(frozen=True)
class Samples:
    """What was read: the columns, their roles, and the task, which the notes say if it was guessed."""

    file: str
    task: str
    roles: Roles
    truth: Column
    prediction: Column | None
    scores: tuple[Column, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """What a picture shows: truth and prediction of a regression, or truth and score of two classes."""

    truth: NDArray[Any]
    prediction: NDArray[Any] | None = None
    score: NDArray[np.float64] | None = None


def read(
    file: BinaryIO,
    name: str,
    *,
    truth: str | None = None,
    prediction: str | None = None,
    scores: Sequence[str] | None = None,
    task: str | None = None,
) -> Samples:
    """Return the samples in a file. What is None is found by the names of the columns, or guessed."""
    found: list[Roles] = []

    def choose(names: Sequence[str]) -> dict[str, str]:
        roles = find_roles(names, name, truth, prediction, () if task == "regression" else scores)
        found.append(roles)
        kind = {None: "either", "classification": "label", "regression": "number"}[task]
        wanted = {roles.truth: kind}
        if roles.prediction is not None:
            wanted[roles.prediction] = kind
        return wanted | dict.fromkeys(roles.scores, "number")

    columns = read_table(file, name, choose)
    roles = found[0]
    samples = Samples(
        name,
        task or "",
        roles,
        columns[roles.truth],
        None if roles.prediction is None else columns[roles.prediction],
        tuple(columns[score] for score in roles.scores),
    )
    return samples if task is not None else _with_task(samples)


def _with_task(samples: Samples) -> Samples:
    """Return the samples with the task that they look like, and a note that it is a guess.

    Classification: text, or at most 20 different whole numbers that the prediction shares with the
    truth in kind. A prediction between 0 and 1 of a truth of 0 and 1 is a score.
    """
    truth, prediction, roles = samples.truth, samples.prediction, samples.roles
    is_told = "score" not in roles.guessed  # who names scores means classes
    numbers = [c.values for c in (truth, prediction) if c is not None and c.texts is None]
    if len(numbers) < 1 + (prediction is not None) or is_told or _are_few(numbers[0]):
        if len(numbers) == 2 and not (numbers[1] % 1 == 0).all():
            if "prediction" in roles.guessed and not samples.scores and _is_chance(*numbers):
                assert prediction is not None
                note = (
                    f"Column {quoted(prediction.name)} is taken for a score, of class 1 "
                    "(--task regression if it is none)."
                )
                roles = replace(roles, prediction=None, scores=(prediction.name,))
                return replace(
                    samples,
                    task="classification",
                    roles=roles,
                    prediction=None,
                    scores=(prediction,),
                    notes=(note,),
                )
            if not samples.scores:
                return replace(samples, task="regression", notes=(_guess_note("classification"),))
        notes = (_guess_note("regression"),) if numbers else ()  # text leaves no choice
        return replace(samples, task="classification", notes=notes)
    if prediction is None:
        raise CommandError(
            f"{samples.file}: column {quoted(truth.name)} holds values rather than classes, and no "
            "column looks like their prediction: name it by --prediction, or say --task classification"
        )
    return replace(samples, task="regression", notes=(_guess_note("classification"),), scores=())


def _guess_note(other: str) -> str:
    return f"The task was guessed: --task {other} says otherwise."


def _are_few(values: NDArray[np.float64]) -> bool:
    if (values % 1 != 0).any():
        return False
    return len(np.unique(values)) <= MAX_GUESSED


def _is_chance(truth: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    return bool(np.isin(truth, (0, 1)).all() and values.min() >= 0 and values.max() <= 1)


def evaluate(
    samples: Samples,
    settings: Settings,
    *,
    positive: str | None = None,
    threshold: float | None = None,
) -> tuple[Report, Drawn]:
    """Return the report on the samples, and what a picture of them shows.

    positive, threshold: as the options of the command.
    """
    roles = samples.roles
    columns = {"truth": roles.truth, "prediction": roles.prediction, "score": list(roles.scores)}
    report = Report(
        samples.file,
        samples.task,
        len(samples.truth.values),
        columns,
        settings,
        {},
        notes=list(samples.notes),
    )
    if samples.task == "classification":
        return report, _classify(report, samples, positive, threshold)
    for option, value in (("positive", positive), ("threshold", threshold)):
        if value is not None:
            raise CommandError(
                f"--{option} is for classification, and this looks like regression: "
                "say --task classification if it is not",
                2,
            )
    assert samples.prediction is not None
    columns["score"] = []
    truth, prediction = samples.truth.values, samples.prediction.values
    report.measures = measure_regression(truth, prediction, settings)
    return report, Drawn(truth, prediction)


def _classify(report: Report, samples: Samples, told: str | None, threshold: float | None) -> Drawn:
    """Fill the report of a classification; return what a picture shows."""
    if threshold is not None and samples.prediction is not None:
        raise CommandError(
            f"--threshold makes predictions of scores, but column {quoted(samples.prediction.name)} "
            "has predictions",
            2,
        )
    classes = _all_classes(samples, told)
    scores, positive, is_difference = _scores(report, samples, classes, told)
    if is_difference and threshold is None:
        threshold = 0.0  # the class with the higher score
    if positive is not None and len(classes.labels) == 2:
        report.positive = classes.labels[positive]
    classes = _with_prediction(report, classes, scores, positive, threshold)
    measured = measure_classes(classes, report.settings)
    truth = classes.truth
    if scores is not None:
        if scores.ndim == 1:
            truth = (truth == positive).astype(np.int64)
        measure_scores(
            measured, truth, scores, report.settings, may_be_probabilities=not is_difference
        )
    report.labels, report.classes = classes.labels, measured.classes
    report.confusion, report.youden = measured.confusion, measured.youden
    report.measures = measured.overall | _of_positive(measured.classes, classes, positive)
    return Drawn(truth, score=scores if scores is not None and scores.ndim == 1 else None)


def _all_classes(samples: Samples, told: str | None) -> Classes:
    """Return the classes of the columns, and those that only an option or a score's name knows."""
    truth, prediction, file = samples.truth, samples.prediction, samples.file
    classes = find_classes(truth, prediction, file)
    extra: list[str] = []
    if len(samples.scores) > 1:
        named = [class_in_name(column.name) for column in samples.scores]
        extra = [name for name in named if classes.number_of(name) is None]
    elif len(classes.labels) == 1 and (samples.scores or told):
        (label,) = classes.labels
        pairs: dict[Any, list[str]] = {0: ["1"], 1: ["0"], -1: ["1"]}
        extra = pairs.get(label, [])
        if told is not None and classes.number_of(told) is None:
            extra = [told]
        if not extra:
            raise CommandError(
                f"{file}: column {quoted(truth.name)} has the class {quoted(str(label))} only: there "
                "is nothing to tell apart"
            )
    if extra:
        classes = find_classes(truth, prediction, file, extra)
    if prediction is not None and all(isinstance(label, int | float) for label in classes.labels):
        is_whole = np.array([float(label).is_integer() for label in classes.labels])
        assert classes.prediction is not None
        if is_whole[classes.truth].all() and not is_whole[classes.prediction].all():
            label = classes.labels[classes.prediction[~is_whole[classes.prediction]][0]]
            raise CommandError(
                f"{file}: column {quoted(prediction.name)} has {label}, which is no class of the truth: "
                f"if it is a score, say --score {prediction.name}"
            )
    return classes


def _scores(
    report: Report, samples: Samples, classes: Classes, told: str | None
) -> tuple[NDArray[np.float64] | None, int | None, bool]:
    """Return the scores, (N,) of the positive class or (N, K), or None, and the positive class.

    The last value says whether the scores are differences, between the positive class and the other.
    """
    columns, file, n_classes = samples.scores, samples.file, len(classes.labels)
    if told is not None and n_classes > 2:
        raise CommandError(f"--positive is for two classes, {file} has {n_classes}")
    names = [class_in_name(column.name) for column in columns]
    if not columns:
        try:
            positive = find_positive(classes, told, (), file) if n_classes == 2 else None
        except CommandError:
            if told is not None:
                raise
            positive = None  # each class has its row
        return None, positive, False
    if len(columns) == 1:
        if n_classes == 2:
            return columns[0].values, find_positive(classes, told, names, file), False
        if "score" in samples.roles.guessed and samples.prediction is not None:
            report.notes.append(
                f"Column {quoted(columns[0].name)} was left out: {n_classes} classes need a score each."
            )
            report.columns["score"] = []
            return None, None, False
        raise CommandError(
            f"{file}: {n_classes} classes need a column of scores each, there is "
            f"{quoted(columns[0].name)} alone"
        )
    of_class: dict[int | None, Column] = {}
    for name, column in zip(names, columns, strict=True):
        number = classes.number_of(name)
        if number is None or number in of_class:
            raise CommandError(
                f"{file}: line 1: the name of column {quoted(column.name)} does not say of which class "
                f"its scores are ({quoted(name)}): name the columns of scores by --score"
            )
        of_class[number] = column
    if missing := [label for k, label in enumerate(classes.labels) if k not in of_class]:
        raise CommandError(
            f"{file}: line 1: class {quoted(str(missing[0]))} has no column of scores, there are "
            f"{', '.join(quoted(column.name) for column in columns[:20])}"
        )
    scores = np.column_stack([of_class[k].values for k in range(n_classes)])
    if n_classes > 2:
        return scores, None, False
    positive = find_positive(classes, told, (), file)
    if are_probabilities(scores):  # the other column says nothing more
        return scores[:, positive].copy(), positive, False
    with np.errstate(over="ignore"):
        difference = scores[:, positive] - scores[:, 1 - positive]
    if not np.isfinite(difference).all():
        raise CommandError(f"{file}: the scores are too large to subtract one class from the other")
    report.notes.append(
        f"The score is column {quoted(of_class[positive].name)} minus column "
        f"{quoted(of_class[1 - positive].name)}: they are no probabilities that sum to 1."
    )
    return difference, positive, True


def _with_prediction(
    report: Report,
    classes: Classes,
    scores: NDArray[np.float64] | None,
    positive: int | None,
    threshold: float | None,
) -> Classes:
    """Return the classes with the prediction that the scores make, if there is none."""
    if threshold is not None and (scores is None or scores.ndim == 2):
        raise CommandError("--threshold needs a column of scores of two classes", 2)
    if classes.prediction is not None or scores is None:
        return classes
    if scores.ndim == 2:
        report.notes.append("Predicted is the class with the highest score.")
        return replace(classes, prediction=scores.argmax(axis=1))
    assert positive is not None
    if threshold is None:
        if not are_probabilities(scores):
            report.notes.append(
                "The scores are no probabilities: say --threshold T for predictions of them."
            )
            return classes
        threshold = 0.5
    report.notes.append(
        f"Predicted is {report.positive} where the score is at least {threshold:g}."
    )
    return replace(classes, prediction=np.where(scores >= threshold, positive, 1 - positive))


def _of_positive(each: Sequence[Any], classes: Classes, positive: int | None) -> dict[str, Measure]:
    """Return precision, recall, specificity and F1 of the positive class of two."""
    if positive is None or classes.prediction is None or len(each) != 2:
        return {}
    of = each[positive].measures
    return {
        "precision": of["precision"],
        "recall": of["recall"],
        "specificity": each[1 - positive].measures["recall"],
        "f1": of["f1"],
    }
