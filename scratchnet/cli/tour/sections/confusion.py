"""Section 7: the confusion matrix, precision and recall."""

from __future__ import annotations

from collections.abc import Iterator

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, tint
from scratchnet.cli.tour.experiments.confusion import CLASSES, Array, Found, K, compute
from scratchnet.cli.tour.figures import confusion as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION", "matrix_grid"]


def write(found: Found) -> Iterator[str]:
    yield from _write_matrix(found)
    yield from _write_shares(found)
    yield from _write_never(found)


def matrix_grid(matrix: Array, label: str) -> str:
    """Return a confusion matrix of two classes as a panel, tinted by each row's shares."""
    share = matrix / matrix.sum(axis=1, keepdims=True)
    signs = ((-1, 1), (1, -1))  # blue is right, red is wrong
    return page.grid(
        [[str(n) for n in row] for row in matrix],
        [
            # a share of some percent must be seen as well, so it starts at a third
            [tint(s * min(1.0, 0.33 + p) if p else 0) for s, p in zip(*both, strict=True)]
            for both in zip(signs, share, strict=True)
        ],
        label,
        [f"is {name}" for name in CLASSES],
        [f"said {name}" for name in CLASSES],
    )


def _write_matrix(found: Found) -> Iterator[str]:
    tn, fp, fn, tp = found.counts
    yield page.paragraph(
        f"The {found.matrix.sum()} tumours again, and for each the answer of the fold's model that had not "
        "seen it (`cross_val_predict`). There are two ways to be right and two to be wrong, and they do "
        "not weigh the same: a false alarm costs another examination, a missed tumour may cost a life. "
        "So they are counted apart. *Positive* is what is looked for: malignant."
    )
    yield page.figure(
        [matrix_grid(found.matrix, "Confusion matrix: the truth (row) and what was said (column)")],
        f"Above, {tn} true negatives and {fp} false positives (false alarms); below, {fn} false negatives "
        f"(missed) and {tp} true positives (found). `confusion_matrix(y, predicted)` gives it in this "
        "order, [[tn, fp], [fn, tp]].",
    )


def _write_shares(found: Found) -> Iterator[str]:
    tn, fp, fn, tp = found.counts
    n = tn + fp + fn + tp
    yield page.heading("Precision and recall: two questions")
    yield page.paragraph(
        "*Precision* reads a column: of those that were called malignant, how many are? *Recall* reads a "
        "row: of those that are malignant, how many were found? Calling everything malignant has recall 1 "
        "and a poor precision; calling only the clearest one malignant has precision 1 and hardly any "
        "recall. F1 is their harmonic mean, and is high only if both are."
    )
    yield page.equation(
        f"precision = tp / (tp + fp) = {tp} / ({tp} + {fp}) = {found.precision:.4f}\n"
        f"recall    = tp / (tp + fn) = {tp} / ({tp} + {fn}) = {found.recall:.4f}\n"
        f"F1        = 2 tp / (2 tp + fp + fn) = {found.f1:.4f}\n"
        f"accuracy  = (tp + tn) / n = {tp + tn} / {n} = {found.accuracy:.4f}"
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_precision_and_recall, found, width=6.4, height=1.9),
                "Two bars: the true positives in all called malignant, and in all that are malignant.",
            )
        ],
        "The blue part is the same in both. Only what it is a part of differs.",
    )
    rows = (
        ("precision", found.precision_interval, f"{tp} of {tp + fp}"),
        ("recall", found.recall_interval, f"{tp} of {tp + fn}"),
        ("accuracy", found.accuracy_interval, f"{tp + tn} of {n}"),
    )
    yield page.paragraph(
        "These are shares of so many cases, and with other cases they would be others. Wilson's interval "
        "says between which values the true share lies, with 95% confidence:"
    )
    yield page.table(
        ("", "counted", "estimate", "from", "to"),
        ((name, of, f"{i.estimate:.1%}", f"{i.low:.1%}", f"{i.high:.1%}") for name, i, of in rows),
    )
    yield page.note(
        f"It takes the cases as independent. The answers come from {K} models that share training data, so "
        "the true interval is a little wider."
    )
    yield page.paragraph(
        "The same for each class in turn taken as the positive one, by `classification_report`. *Macro* "
        "is the mean of the classes, *weighted* the mean by their sizes:"
    )
    yield page.code(found.report.strip("\n"))


def _write_never(found: Found) -> Iterator[str]:
    yield page.heading("Why accuracy alone does not do")
    yield page.paragraph(
        f"Say “benign” to everyone. That is right in {found.never_accuracy:.1%} of the cases, because most "
        "tumours here are benign, and it has found no malignant one: its recall is 0. Its precision is 0 of "
        "0, which is no number; the library gives 0 and says so:"
    )
    yield page.figure(
        [matrix_grid(found.never_matrix, "Always “benign”")],
        f"“{found.never_warning}”",
    )


def learned(found: Found) -> list[str]:
    _, fp, fn, tp = found.counts
    precision, recall = found.precision_interval, found.recall_interval
    return [
        f"Of {tp + fp} tumours called malignant {tp} are: precision {found.precision:.1%} "
        f"({precision.low:.1%} to {precision.high:.1%})",
        f"Of {tp + fn} malignant tumours {tp} were found: recall {found.recall:.1%} "
        f"({recall.low:.1%} to {recall.high:.1%})",
        f"To call all of them benign is {found.never_accuracy:.1%} accurate and finds none",
    ]


SECTION = Section(
    name="confusion",
    title="The confusion matrix, precision and recall",
    about="two ways to be wrong about a tumour, counted apart",
    files=(
        "scratchnet/metrics/confusion.py",
        "scratchnet/metrics/fscore.py",
        "scratchnet/metrics/report.py",
        "scratchnet/metrics/proportion.py",
        "scratchnet/model_selection/predictions.py",
        "scratchnet/cli/tour/experiments/confusion.py",
    ),
    code="""
from scratchnet import datasets
from scratchnet.linear_model import LogisticRegression
from scratchnet.metrics import classification_report, confusion_matrix
from scratchnet.model_selection import cross_val_predict
X, y = datasets.load_breast_cancer(return_X_y=True)
predicted = cross_val_predict(LogisticRegression(), X, y, cv=5)
print(confusion_matrix(y, predicted))  # here 0 is malignant
print(classification_report(y, predicted))
""",
    compute=compute,
    write=write,
    learned=learned,
)
