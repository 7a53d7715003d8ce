"""Section 8: all thresholds at once, the area under the ROC curve, and a threshold to use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw
from scratchnet.cli.tour.experiments.roc import (
    EXAMPLE_SCORES,
    EXAMPLE_TRUTH,
    N_HALVINGS,
    WANTED,
    Found,
    compute,
    pairs_in_order,
    sweep,
)
from scratchnet.cli.tour.figures import roc as figures
from scratchnet.cli.tour.section import Section
from scratchnet.cli.tour.sections.confusion import matrix_grid

__all__ = ["SECTION"]


def write(found: Found) -> Iterator[str]:
    yield from _write_sweep(found)
    yield from _write_area(found)
    yield from _write_choice(found)


def _write_sweep(found: Found) -> Iterator[str]:
    in_order, pairs = pairs_in_order(EXAMPLE_TRUTH, EXAMPLE_SCORES)
    agreement = "the same points" if found.example_agrees else "other points"
    yield page.paragraph(
        "A classifier gives a score, and somebody has to say from which score on the answer is yes. Lower "
        "the threshold, and more of the positives are found, at the price of more false alarms. The ROC "
        "curve shows all thresholds at once: a step up for each positive that the threshold passes, a step "
        "to the right for each negative."
    )
    yield page.code(inspect.getsource(sweep))
    yield page.figure(
        [
            page.image(
                draw(figures.paint_example, width=3.9, height=2.2),
                "Ten samples along the score, and a threshold that moves down.",
                "Ten samples by their score",
            ),
            page.image(
                draw(figures.paint_sweep, width=3.4, height=3.1),
                "The curve of the ten samples: five steps up, five to the right.",
                "Their ROC curve",
            ),
        ],
        f"From the highest score down: two positives (up, up), a negative (right), and so on. The area "
        f"under the curve, {found.example_auc:.2f}, is the share of pairs of a positive and a negative in "
        f"which the positive has the higher score: {page.number(in_order, 0)} of {pairs}. `roc_curve` gives "
        f"{agreement} as the lines above, and takes samples with equal scores in one slanted step.",
    )


def _write_area(found: Found) -> Iterator[str]:
    full, texture, difference = found.full, found.texture, found.difference
    in_order, pairs = pairs_in_order(found.y, full.score)
    yield page.heading("The area under the curve, and how far to trust it")
    yield page.paragraph(
        "An area of ½ is chance (the diagonal), 1 is perfect order. The tumours, scored out of fold by a "
        "model of all measurements, and by a model of one, the texture:"
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_curves, found, width=4.2, height=3.7),
                "ROC curves of all measurements and of texture alone, above the diagonal.",
                "ROC curves of the tumours, with their areas",
            )
        ],
        f"By all measurements {in_order:,.0f} of {pairs:,} pairs of a malignant and a benign "
        "tumour are in the right order.",
    )
    yield page.table(
        ("scored by", "area", "from", "to", "standard error"),
        (
            (
                ranking.name,
                f"{ranking.auc.estimate:.4f}",
                f"{ranking.auc.low:.4f}",
                f"{ranking.auc.high:.4f}",
                f"{ranking.auc.standard_error:.4f}",
            )
            for ranking in (full, texture)
        ),
    )
    yield page.paragraph(
        "“From” and “to” are DeLong's interval, 95%, by `roc_auc_interval`: how far the area would vary "
        "with other tumours of the same kind. Two scores of the same tumours are compared in pairs, because "
        "what is hard for one is hard for the other: "
        f"the difference is {difference.difference:.3f}, between {difference.low:.3f} and "
        f"{difference.high:.3f} (`delong_test`, {_p_value(difference.p_value)})."
    )


def _write_choice(found: Found) -> Iterator[str]:
    half, youden, wanted = found.choices
    recalls = found.recalls
    yield page.heading("Which threshold to use")
    yield page.paragraph(
        "The area is about all thresholds; in use there is one. A score of 0 is a probability of one half, "
        "which is what `predict` takes. *Youden's* threshold is the point of the curve farthest above the "
        "diagonal, where recall minus false alarms is largest. Or say what is needed: find "
        f"{WANTED:.0%} of the malignant tumours, with as few false alarms as that allows."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_scores, found, width=4.4, height=3.1),
                "Histogram of the scores of both classes, with the three thresholds.",
                "Scores of benign and malignant tumours",
            ),
            page.image(
                draw(figures.paint_choices, found, width=4.4, height=3.1),
                "The upper left corner of the ROC curve, with the three thresholds as points.",
                "The corner of the curve (its axes are cut)",
            ),
        ],
        "Each mark on the left is a threshold, and on the right its point of the curve.",
    )
    yield page.figure(
        [
            matrix_grid(c.matrix, f"{c.rule}: score ≥ {page.number(c.threshold)}")
            for c in (half, youden, wanted)
        ],
        f"From {half.matrix[1, 0]} missed and {half.matrix[0, 1]} false alarms at ½ to {wanted.matrix[1, 0]} "
        f"missed and {wanted.matrix[0, 1]} false alarms at a recall of {wanted.recall:.1%}: the last few "
        "are dear.",
    )
    yield page.note(
        "A threshold is learned as well, so do not judge it on the samples that chose it. In "
        f"{N_HALVINGS} random halvings of the tumours it was chosen on one half for a recall of "
        f"{WANTED:.0%}; on the other half the recall was {recalls.mean():.1%} on average, and in "
        f"{(recalls < WANTED).mean():.0%} of the halvings it was below {WANTED:.0%}."
    )


def _p_value(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def learned(found: Found) -> list[str]:
    auc, (half, _, wanted) = found.full.auc, found.choices
    return [
        f"Area under the ROC curve: {auc.estimate:.4f} ({auc.low:.4f} to {auc.high:.4f}) by all "
        f"measurements, {found.texture.auc.estimate:.4f} by texture alone",
        f"To find {WANTED:.0%} of the malignant tumours costs {wanted.matrix[0, 1]} false alarms; at a "
        f"probability of one half it is {half.matrix[0, 1]}, with {half.matrix[1, 0]} missed",
        f"A threshold chosen for a recall of {WANTED:.0%} has {found.recalls.mean():.1%} on other samples",
    ]


SECTION = Section(
    name="roc",
    title="The ROC curve, and the threshold to use",
    about="every threshold at once, the area with its interval, and the price of finding nearly all",
    files=(
        "scratchnet/metrics/roc.py",
        "scratchnet/metrics/roc_auc.py",
        "scratchnet/metrics/auc_interval.py",
        "scratchnet/metrics/threshold_choice.py",
        "scratchnet/cli/tour/experiments/roc.py",
    ),
    code="""
from scratchnet import datasets, metrics
from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import cross_val_predict
X, y = datasets.load_breast_cancer(return_X_y=True)
model = LogisticRegression()
score = cross_val_predict(model, X, y, cv=5, method="decision_function")
print(metrics.roc_auc_interval(y, score))
print(metrics.threshold_for_recall(y, score, recall=0.99))
""",
    compute=compute,
    write=write,
    learned=learned,
)
