"""Arguments, attributes and legends are scikit-learn's."""

import inspect

import numpy as np
import pytest
from plotting.drawn import CURVES, DISPLAYS, legend, points, samples

from scratchnet import plotting
from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import cross_validate
from scratchnet.plotting import ConfusionMatrixDisplay, LearningCurveDisplay, RocCurveDisplay

LEFT_OUT = {"y_pred", "kwargs", "estimator_name"}  # deprecated there


def theirs_of(cls):
    sklearn = pytest.importorskip("sklearn", minversion="1.9")
    module = "model_selection" if cls is LearningCurveDisplay else "metrics"
    return getattr(pytest.importorskip(f"{sklearn.__name__}.{module}"), cls.__name__)


@pytest.mark.parametrize("cls", DISPLAYS)
def test_arguments_are_scikit_learns_with_ours_behind_them(cls):
    theirs = theirs_of(cls)
    methods = ["__init__", "plot", "from_estimator", "from_predictions", "from_cv_results"]
    for method in (m for m in methods if hasattr(theirs, m)):
        their, our = (
            [p for p in inspect.signature(getattr(c, method)).parameters.values()
             if p.name not in LEFT_OUT]
            for c in (theirs, cls)
        )  # fmt: skip
        assert [p.name for p in our][: len(their)] == [p.name for p in their], method
        for a, b in zip(our, their, strict=False):
            if b.name == "y_score":
                continue  # theirs has None, an error, until y_pred is gone
            assert a.kind == b.kind, (method, a.name)
            np.testing.assert_equal(a.default, b.default)
        assert all(p.kind is p.KEYWORD_ONLY for p in our[len(their) :])


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("cls", CURVES)
def test_curves_have_scikit_learns_figures(cls, pos_label):
    X, y, score, weight = samples()
    weight = weight if cls is RocCurveDisplay else None  # its chance level counts no weights
    theirs = theirs_of(cls)
    ours, expected = (
        c.from_predictions(y, score, pos_label=pos_label, sample_weight=weight)
        for c in (cls, theirs)
    )
    for name in vars(expected).keys() - {"line_", "ax_", "figure_", "chance_level_"}:
        found, wanted = getattr(ours, name), getattr(expected, name)
        if isinstance(wanted, str | None):
            assert found == wanted, name
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-13)  # sums in another order
    assert legend(ours) == legend(expected)
    assert ours.ax_.get_xlabel() == expected.ax_.get_xlabel()
    results = cross_validate(
        LogisticRegression(), X, y, cv=3, return_estimator=True, return_indices=True
    )
    ours, expected = (
        c.from_cv_results(results, X, y, plot_chance_level=True) for c in (cls, theirs)
    )
    for line, wanted in zip(ours.line_, expected.line_, strict=True):
        np.testing.assert_allclose(points(line), points(wanted), atol=1e-13)
    assert legend(ours) == legend(expected)


def test_matrices_and_learning_curves_have_scikit_learns_figures():
    ours, expected = (
        c.from_predictions(["b", "a", "b"], ["b", "b", "a"], normalize="true")
        for c in (ConfusionMatrixDisplay, theirs_of(ConfusionMatrixDisplay))
    )
    np.testing.assert_array_equal(ours.confusion_matrix, expected.confusion_matrix)
    assert list(ours.display_labels) == list(expected.display_labels)
    for a, b in zip(ours.text_.flat, expected.text_.flat, strict=True):
        assert (a.get_text(), a.get_color()) == (b.get_text(), b.get_color())
    X, y, _, _ = samples()
    args = {"cv": 3, "train_sizes": [20, 40], "scoring": "accuracy"}
    ours, expected = (
        c.from_estimator(LogisticRegression(), X, y, **args)
        for c in (LearningCurveDisplay, theirs_of(LearningCurveDisplay))
    )
    for name in ("train_sizes", "train_scores", "test_scores", "score_name"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name))
    assert legend(ours) == legend(expected)


def test_plotting_exports_every_display():
    assert {cls.__name__ for cls in DISPLAYS} <= set(plotting.__all__)
