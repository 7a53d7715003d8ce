"""Section 9: R², and what 0, 1 and a negative one mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw
from scratchnet.cli.tour.experiments.r2 import EXAMPLE_Y, N_FEW, Found, K, Prediction, compute
from scratchnet.cli.tour.figures import r2 as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]


def write(found: Found) -> Iterator[str]:
    yield from _write_squares(found)
    yield from _write_diabetes(found)
    yield from _write_folds(found)


def _write_squares(found: Found) -> Iterator[str]:
    mean, best, wrong = found.lines
    total, left, worse = (
        float(np.square(EXAMPLE_Y - line.predicted).sum()) for line in found.lines
    )
    yield page.paragraph(
        "Where a number is predicted, the errors are squared and added up. Whether the sum is large or small "
        "depends on the unit. R² takes the unit out: it compares with the least that one can do, to predict "
        "the mean for everybody."
    )
    yield page.equation("R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)²")
    yield page.figure(
        [
            page.image(
                draw(figures.paint_squares, line, width=3.3, height=2.1),
                f"Five points, {line.name}, and the squares of the errors.",
                f"{line.name.capitalize()}: R² = {page.number(line.r2)}",
            )
            for line in (mean, best, wrong)
        ],
        "Five points, and the errors drawn as squares. R² is 1 minus their area as a share of the area on "
        f"the left: 1 − {total:.1f}/{total:.1f} = {page.number(mean.r2)}; 1 − {left:.1f}/{total:.1f} = "
        f"{page.number(best.r2)}; 1 − {worse:.1f}/{total:.1f} = {page.number(wrong.r2)}.",
    )
    yield page.table(
        ("R²", "means"),
        (
            ("1", "every prediction is exact: no squares are left"),
            (page.number(best.r2), f"{best.r2:.0%} of the variance is explained, the rest is left"),
            ("0", "no better than the mean of these y for everybody"),
            (
                "negative",
                "worse than that, without a lower limit: R² is not the square of anything",
            ),
        ),
    )


def _write_diabetes(found: Found) -> Iterator[str]:
    model, by_heart, elsewhere = found.model, found.by_heart, found.elsewhere
    yield page.heading("Progress of diabetes: a model, and one that learns by heart")
    yield page.paragraph(
        f"{len(model.y)} patients, ten measurements of each, and how far the disease had progressed a year "
        "later. A linear model has eleven numbers to learn, ten weights and an intercept. Fitted to no more "
        f"than {N_FEW} patients it meets each of them exactly, and has learned nothing about anybody else."
    )
    yield page.figure(
        [
            _panel(found.mean),
            _panel(model),
            page.line_break(),
            _panel(by_heart),
            _panel(elsewhere),
        ],
        f"Each point is a patient, and a right prediction lies on the dashed line. The mean has R² "
        f"{page.number(found.mean.r2, 0)}. The linear model, on patients that it has not seen, explains "
        f"{model.r2:.0%} of the variance; it is off by {model.rmse:.0f} (root mean square) where the mean is "
        f"off by {found.mean.rmse:.0f}. The model by heart has R² {page.number(by_heart.r2)} on the {N_FEW} "
        f"patients that it was fitted to and {page.number(elsewhere.r2, 1)} on the {len(elsewhere.y)} "
        "others: orange marks are predictions beyond the edge. So R² on the samples that were learned from "
        "says nothing; this is what cross-validation is for.",
    )


def _panel(prediction: Prediction) -> str:
    places = 1 if prediction.r2 < -1 else 2
    return page.image(
        draw(figures.paint_prediction, prediction, width=3.3, height=3.1),
        f"Truth against prediction: {prediction.name}.",
        f"{prediction.name.capitalize()}: R² = {page.number(prediction.r2, places)}",
    )


def _write_folds(found: Found) -> Iterator[str]:
    scores = found.fold_scores
    yield page.heading("R² of a fold, and of one patient")
    yield page.paragraph(
        f"In {K} folds R² is {', '.join(page.number(score) for score in scores)}: the mean is "
        f"{page.number(scores.mean(), 3)}. It compares each fold with the fold's own mean. All out-of-fold "
        f"predictions together, compared with the mean of all, have {page.number(found.pooled, 3)} "
        "(`pooled_score`). Leave one out, and a fold has one patient, whose own value is the mean: nothing "
        "is there to be explained. "
        f"`cross_val_score` gives {np.isnan(found.single_scores).sum()} times NaN, and says:"
    )
    yield page.note(f"“{found.single_warning}.”")
    yield page.paragraph(f"For leave-one-out it is {page.number(found.single_pooled, 3)}.")


def learned(found: Found) -> list[str]:
    verdict = ": worse than the mean" if found.elsewhere.r2 < 0 else ""
    return [
        f"R2 of a linear model on patients that it has not seen: {found.model.r2:.2f}; of the mean: "
        f"{_ascii(found.mean.r2, 0)}",
        f"Fitted to {N_FEW} patients, it has {_ascii(found.by_heart.r2, 2)} on these and "
        f"{_ascii(found.elsewhere.r2, 1)} on the others{verdict}",
        f"One patient has no R2: leave-one-out is scored by all predictions together, "
        f"{_ascii(found.single_pooled, 2)}",
    ]


def _ascii(value: float, places: int) -> str:
    return page.number(value, places).replace("−", "-")


SECTION = Section(
    name="r2",
    title="What an R2 of one, of zero and below zero means",
    about="what is left of the squares, and how a model can be worse than the mean",
    files=(
        "scratchnet/metrics/explained.py",
        "scratchnet/metrics/regression.py",
        "scratchnet/linear_model/linear_regression.py",
        "scratchnet/model_selection/predictions.py",
        "scratchnet/cli/tour/experiments/r2.py",
    ),
    code="""
from scratchnet import datasets
from scratchnet.linear_model import LinearRegression
from scratchnet.model_selection import LeaveOneOut
from scratchnet.model_selection import cross_val_score, pooled_score
X, y = datasets.load_diabetes(return_X_y=True)
print(cross_val_score(LinearRegression(), X, y, cv=5))  # R² of each fold
print(pooled_score(LinearRegression(), X, y, cv=LeaveOneOut()))
""",
    compute=compute,
    write=write,
    learned=learned,
)
