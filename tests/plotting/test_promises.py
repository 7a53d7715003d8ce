"""Bad input, figures left open, repeatability, no matplotlib: what holds for every picture."""

import sys

import numpy as np
import pytest
from plotting.drawn import CURVES, scores_of

from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import KFold
from scratchnet.plotting import (
    AttentionDisplay,
    ConfusionMatrixDisplay,
    LearningCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    TokenWeightsDisplay,
    plot_folds,
)

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")

X4, Y4, S4 = np.arange(4.0)[:, None], [0, 1, 0, 1], [0.1, 0.9, 0.3, 0.7]
UNIT = np.array([0.0, 1.0])


@pytest.mark.parametrize("cls", CURVES)
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.from_predictions([0, 1, 2, 1], S4), "not binary. Got multiclass"),
        (lambda c: c.from_predictions(Y4, S4[:3]), "y_true has 4, y_score has 3"),
        (lambda c: c.from_predictions(["a", "b"], [0.1, 0.2]), "pos_label is not specified"),
        (lambda c: c.from_predictions(Y4, S4, curve_kwargs=[{}, {}]), "1 curves, .* list of 2"),
        (lambda c: c([UNIT], [UNIT, UNIT]).plot(), "lists of one length: .*1, .*2"),
        (lambda c: c([UNIT] * 2, [UNIT] * 2, name=["a", "b"]).plot(), "2 names for curves"),
        (
            lambda c: c([UNIT] * 2, [UNIT] * 2, name=["a"] * 3).plot(curve_kwargs=[{}, {}]),
            "curves: 2, name: 3",
        ),
        (lambda c: c.from_cv_results({"estimator": []}, X4, Y4), r"lacks \['indices'\]"),
        (
            lambda c: c.from_cv_results(
                {"estimator": [], "indices": {"train": [[0, 1]], "test": [[2, 4]]}}, X4, Y4
            ),
            "those of 5, X has 4",
        ),
        (
            lambda c: c.from_cv_results(
                {"estimator": [], "indices": {"train": [[0]], "test": [[1, 2]]}}, X4, Y4
            ),
            "those of 3, X has 4",
        ),
        (
            lambda c: c.from_estimator(LogisticRegression().fit(X4, [0, 1, 2, 1]), X4, Y4),
            "two classes, LogisticRegression knows 3",
        ),
        (lambda c: c.from_estimator(LogisticRegression(), X4, Y4), "not fitted"),
        (lambda c: c.from_predictions(Y4, S4, curve_kwargs={"colr": 1}), "colr"),
    ],
)
def test_bad_curves_are_refused_and_leave_no_figure(cls, call, words):
    def construct(first, second, **args):
        names = ("fpr", "tpr") if cls is RocCurveDisplay else ("precision", "recall")
        return cls(**dict(zip(names, (first, second), strict=True)), **args)

    for name in ("from_predictions", "from_cv_results", "from_estimator"):
        setattr(construct, name, getattr(cls, name))
    with pytest.raises((ValueError, AttributeError), match=words):
        call(construct)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ConfusionMatrixDisplay(np.zeros((2, 3))).plot(), r"square, .* \(2, 3\)"),
        (
            lambda: ConfusionMatrixDisplay(np.eye(2), display_labels=["a"]).plot(),
            "display_labels has 1 entries, confusion_matrix 2",
        ),
        (lambda: ConfusionMatrixDisplay.from_predictions(Y4, S4), "mix of binary and continuous"),
        (lambda: ConfusionMatrixDisplay.from_estimator(object(), X4, Y4), "got object"),
        (lambda: ConfusionMatrixDisplay(np.eye(2)).plot(cmap="nothing"), "nothing"),
        (lambda: ConfusionMatrixDisplay(np.eye(2)).plot(values_format="d"), "'d'"),
        (lambda: PrecisionRecallDisplay(UNIT, UNIT).plot(plot_chance_level=True), "prevalence"),
        (lambda: LearningCurveDisplay(**scores_of([1, 2])).plot(score_type="x"), "'both'.*'x'"),
        (
            lambda: LearningCurveDisplay(**scores_of([1, 2])).plot(std_display_style="x"),
            "'errorbar', 'fill_between', None, got 'x'",
        ),
        (
            lambda: LearningCurveDisplay(
                train_sizes=[1, 2], train_scores=[[1]], test_scores=[[1], [2]]
            ).plot(),
            r"train_scores .* \(2,\), scores \(1, 1\)",
        ),
    ],
)
def test_other_bad_input_is_refused_and_leaves_no_figure(call, words):
    with pytest.raises(ValueError, match=words):
        call()
    assert not plt.get_fignums()


PICTURES = {
    "roc": lambda ax=None: RocCurveDisplay.from_predictions(
        Y4, S4, ax=ax, confidence_level=0.9, n_resamples=9, random_state=0
    ),
    "precision_recall": lambda ax=None: PrecisionRecallDisplay.from_predictions(Y4, S4, ax=ax),
    "confusion": lambda ax=None: ConfusionMatrixDisplay.from_predictions(Y4, Y4, ax=ax),
    "learning": lambda ax=None: LearningCurveDisplay.from_estimator(
        LogisticRegression(), X4, Y4, cv=2, train_sizes=[2], ax=ax
    ),
    "attention": lambda ax=None: AttentionDisplay([[0.2, 0.8]], "ab", "c").plot(ax),
    "token weights": lambda ax=None: TokenWeightsDisplay([[0.2, 0.8]], ["ab"]).plot(ax),
    "folds": lambda ax=None: plot_folds(KFold(2), X4, Y4, ax=ax),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_opens_one_figure_or_none_where_it_is_given_axes(picture):
    drawn = PICTURES[picture]()
    assert len(plt.get_fignums()) == 1
    figure = getattr(drawn, "figure_", None) or drawn.figure
    assert plt.fignum_exists(figure.number)
    _, ax = plt.subplots()
    drawn = PICTURES[picture](ax)
    assert (getattr(drawn, "ax_", drawn)) is ax
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("picture", PICTURES)
def test_the_same_call_gives_the_same_picture(picture):
    pixels = []
    for _ in range(2):
        drawn = PICTURES[picture]()
        figure = getattr(drawn, "figure_", None) or drawn.figure
        figure.canvas.draw()
        pixels.append(np.array(figure.canvas.buffer_rgba()))
    np.testing.assert_array_equal(*pixels)


@pytest.mark.parametrize("picture", PICTURES)
def test_without_matplotlib_the_error_names_the_extra(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"matplotlib .* pip install 'scratchnet\[plot\]'"):
        PICTURES[picture]()
