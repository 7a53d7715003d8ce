"""Section 6: cross-validation. Three ways to split, what it costs, and which model to use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, tint
from scratchnet.cli.tour.experiments.validation import (
    Array,
    Found,
    Splits,
    compute,
    one_by_one,
    validate_and_fit,
)
from scratchnet.cli.tour.figures import validation as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]

_SPECIES = ("setosa", "versicolor", "virginica")


def write(found: Found) -> Iterator[str]:
    yield from _write_splitters(found)
    yield from _write_sorted(found)
    yield from _write_costs(found)
    yield from _write_answer(found)


def _write_splitters(found: Found) -> Iterator[str]:
    yield page.paragraph(
        "How good is a model on samples that it has not seen? Hold some back, and look. The section on "
        "digits held back a quarter, once. *Cross-validation* does it k times and wastes nothing: the "
        "samples are divided into k parts, the folds, and each part in turn is tested by a model that "
        "was fitted to the others."
    )
    labels = found.small[0].labels
    first, second = (int((labels == k).sum()) for k in (0, 1))
    yield page.figure(
        [
            page.image(
                draw(figures.paint_splits, splits, width=3.3, height=2.9),
                f"{splits.name}: a row for each fold, with the samples that it tests in colour.",
                f"{splits.name}: {len(splits.tests)} folds",
            )
            for splits in found.small
        ],
        f"{len(labels)} samples, the {first} of the first class (blue) before the {second} of the second "
        "(orange). A row is a fold: in colour what it tests, in grey what it trains on. Each column has "
        "one coloured cell, because each sample is tested once. `KFold` cuts the row as it comes; "
        "`StratifiedKFold` gives each fold its share of both classes; `LeaveOneOut` tests one sample at a "
        "time.",
    )


def _write_sorted(found: Found) -> Iterator[str]:
    plain, shuffled, stratified = (scores.mean() for scores in found.iris_scores)
    yield page.heading("Why the classes are dealt out")
    yield page.paragraph(
        "Files are often sorted by class, and the 150 irises are: 50 of each species, one after the "
        "other. Then plain folds test what they have hardly trained on."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_splits, splits, width=3.3, height=1.9),
                f"{splits.name} on the irises: a row for each fold.",
                splits.name,
            )
            for splits in found.irises
        ],
        "Blue, orange and green are setosa, versicolor and virginica, in the order of the file. "
        "`scratchnet.plotting.plot_folds(cv, X, y)` draws such a picture of any splitter.",
    )
    yield page.figure(
        [_counts(splits) for splits in found.irises],
        "How many irises of each species a fold tests. Shuffled folds have about the right shares, "
        f"stratified ones have them exactly. Logistic regression has {plain:.1%} right in plain folds, "
        f"{shuffled:.1%} in shuffled and {stratified:.1%} in stratified ones.",
    )
    yield page.note(
        f"With three plain folds it is {found.unseen.mean():.0%}: each fold tests the one species that it "
        "has not trained on. That says nothing about the model. `cross_val_score(…, cv=5)` stratifies by "
        "itself if the model is a classifier."
    )


def _counts(splits: Splits) -> str:
    counts = splits.counts
    return page.grid(
        [[str(n) if n else "" for n in row] for row in counts],
        [[tint(-n / counts.max()) for n in row] for row in counts],
        splits.name,
        [f"fold {fold}" for fold in range(len(counts))],
        [name[:4] + "." for name in _SPECIES],
    )


def _write_costs(found: Found) -> Iterator[str]:
    loo = found.costs[-1]
    yield page.heading("What it costs")
    yield page.paragraph(
        f"Is a tumour malignant? {len(found.tested)} of them, 30 measurements of each; the model scales "
        "them and fits a logistic regression. Cross-validation is this loop:"
    )
    yield page.code(inspect.getsource(one_by_one))
    yield page.paragraph(
        f"Leaving one out means {len(loo.scores)} fits. But the {len(loo.scores)} models hardly differ: "
        "`cross_val_score` starts all of them from the fit to all samples, takes Newton steps for all of "
        "them together, and scales each fold by its own training part, as the loop does. The more folds "
        f"there are, the more there is to gain. {_agreement(found)}"
    )
    yield page.table(
        ("", "models", "right", "fold by fold, ms", "all at once, ms", "gain"),
        (
            (
                cost.name,
                str(len(cost.scores)),
                f"{cost.scores.mean():.1%}",
                f"{1000 * cost.by_fold:.1f}",
                f"{1000 * cost.at_once:.1f}",
                f"{cost.by_fold / cost.at_once:.1f}×",
            )
            for cost in found.costs
        ),
    )
    yield page.note(
        "The times were measured on this computer just now, and are the only figures on the page that "
        f"differ from run to run; a single fit took {_time(found.one_fit)}. Five folds were shuffled "
        "before they were cut."
    )


def _write_answer(found: Found) -> Iterator[str]:
    k = len(found.scores)
    yield page.heading("If I cross-validate, which model do I use in the end?")
    yield page.paragraph(
        f"None of the {k}. A fold's model is there to be scored on the samples that it has not seen, and "
        "is then dropped. Each sample is tested "
        f"{_times(found.tested)} and trained on {_times(found.trained)} (k − 1). The scores estimate the "
        "*procedure*: these features, this scaling, this kind of model with these settings. The model to "
        "use is the same procedure, fitted to everything."
    )
    yield page.code(inspect.getsource(validate_and_fit))
    yield page.figure(
        [
            page.image(
                draw(figures.paint_final, found.scores, width=6.6, height=2.8),
                f"{k} models, each scored on its own part and dropped; a final one trains on everything.",
                f"{k} models for the estimate, one to use",
            )
        ],
        f"Blue: what a model is tested on, with the share that it has right. The mean, "
        f"{found.scores.mean():.1%}, is the estimate for the final model; it errs a little on the side of "
        f"caution, as each fold's model has learned from only {(k - 1) / k:.0%} of the samples. The folds "
        f"range from {found.scores.min():.1%} to {found.scores.max():.1%}: do not trust the last digit.",
    )
    yield page.paragraph(
        "The model whose fold scored best is not the best one: its fold may have been the easiest. Nor are "
        f"the {k} the same: on {found.disputed} of {len(found.tested)} tumours they "
        f"do not all say the same. And the final model's {found.final_accuracy:.1%} on the samples "
        "that it has learned from is no estimate at all."
    )
    yield page.note(
        "If cross-validation was used to *choose* (between models, features, settings), the winner's "
        "score is too good: it won by luck as well. Then hold back a test part that takes no part in the "
        "choice, or validate the choosing itself: `cross_val_score(GridSearchCV(…), X, y)`."
    )


def _agreement(found: Found) -> str:
    differing = [cost.name for cost in found.costs if not cost.agrees]
    if not differing:
        return "The scores are the same, fold for fold."
    return f"The scores of {' and '.join(differing)} differ in some folds."


def learned(found: Found) -> list[str]:
    plain, _, stratified = (scores.mean() for scores in found.iris_scores)
    loo = found.costs[-1]
    return [
        f"Irises sorted by species: {plain:.1%} right in plain folds, {stratified:.1%} in stratified ones, "
        f"{found.unseen.mean():.0%} in three plain folds, which test what they have not seen",
        f"Leave-one-out on {len(loo.scores)} tumours: {loo.scores.mean():.1%} right; fold by fold "
        f"{_time(loo.by_fold)}, all at once {_time(loo.at_once)}",
        f"Each sample is tested {_times(found.tested)} and trained on {_times(found.trained)}; the model "
        "to use is fitted to everything",
    ]


def _times(counts: Array) -> str:
    low, high = int(counts.min()), int(counts.max())
    if low < high:
        return f"{low} to {high} times"
    return "once" if low == 1 else f"{low} times"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


SECTION = Section(
    name="validation",
    title="Cross-validation, and the model to use in the end",
    about="three ways to split, what they cost, and what the scores are scores of",
    files=(
        "scratchnet/model_selection/k_fold.py",
        "scratchnet/model_selection/stratified.py",
        "scratchnet/model_selection/leave_out.py",
        "scratchnet/model_selection/validation.py",
        "scratchnet/model_selection/folds.py",
        "scratchnet/linear_model/logistic_folds.py",
        "scratchnet/cli/tour/experiments/validation.py",
    ),
    code="""
from scratchnet import datasets
from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import StratifiedKFold, cross_val_score
from scratchnet.pipeline import make_pipeline
from scratchnet.preprocessing import StandardScaler
X, y = datasets.load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression())
scores = cross_val_score(model, X, y, cv=StratifiedKFold(5))
print(scores.mean())  # how good the procedure is
model.fit(X, y)  # the model to use
""",
    compute=compute,
    write=write,
    learned=learned,
)
