"""The picture of a learning curve: means and deviations of the folds."""

import itertools

import numpy as np
import pytest
from plotting.drawn import band_of, legend, points, samples, scores_of

from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import learning_curve
from scratchnet.plotting import LearningCurveDisplay

matplotlib = pytest.importorskip("matplotlib")


@pytest.mark.parametrize("negate", [False, True])
def test_the_lines_are_the_means_and_the_bands_the_deviations_of_the_folds(negate):
    X, y, _, _ = samples()
    args = {"cv": 3, "train_sizes": [10, 20, 40], "scoring": "neg_log_loss"}
    display = LearningCurveDisplay.from_estimator(
        LogisticRegression(), X, y, negate_score=negate, **args
    )
    sizes, *scores = learning_curve(LogisticRegression(), X, y, **args)
    assert legend(display) == ["Train", "Test"]
    assert display.ax_.get_ylabel() == ("Log loss" if negate else "Negative log loss")
    assert display.errorbar_ is None
    for line, band, table in zip(display.lines_, display.fill_between_, scores, strict=True):
        mean, std = (-1 if negate else 1) * table.mean(axis=1), table.std(axis=1)
        np.testing.assert_array_equal(points(line), [sizes, mean])
        expected = dict(zip(sizes, zip(mean - std, mean + std, strict=True), strict=True))
        assert band_of(band) == expected
        assert band.get_facecolor()[0, :3].tolist() == list(
            matplotlib.colors.to_rgb(line.get_color())
        )


@pytest.mark.parametrize(
    ("sizes", "scale"),
    [([5], "linear"), ([1, 2, 3], "linear"), ([1, 2, 20], "log"), ([0, 1, 20], "symlog")],
)
def test_sizes_with_very_different_steps_are_on_a_logarithmic_axis(sizes, scale):
    display = LearningCurveDisplay(**scores_of(sizes)).plot()
    assert display.ax_.get_xscale() == scale


def test_numbers_on_a_logarithmic_axis_lie_apart():
    display = LearningCurveDisplay(**scores_of([20, 40, 80, 160, 455])).plot()
    display.figure_.draw_without_rendering()
    labels = [t for t in display.ax_.get_xticklabels(which="both") if t.get_text()]
    boxes = [t.get_window_extent() for t in labels]
    assert {"20", "50", "100", "200"} <= {t.get_text() for t in labels}
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_the_learning_curve_obeys_its_options():
    display = LearningCurveDisplay(**scores_of([1, 2]), score_name="s")
    display.plot(score_type="test", std_display_style=None, line_kw={"ls": ":"})
    assert (legend(display), display.fill_between_) == (["Test"], None)
    assert display.lines_[0].get_linestyle() == ":"
    assert display.ax_.get_ylabel() == "s"
    display.plot(std_display_style="errorbar", score_name="t", errorbar_kw={"color": "k"})
    assert (display.lines_, display.fill_between_, len(display.errorbar_)) == (None, None, 2)
    assert display.errorbar_[0].lines[0].get_color() == "k"
    assert display.ax_.get_ylabel() == "t"
    display.plot(score_type="train", fill_between_kw={"alpha": 0.1})
    assert (legend(display), display.fill_between_[0].get_alpha()) == (["Train"], 0.1)


@pytest.mark.parametrize(
    ("scoring", "negate", "name"),
    [
        (None, False, "Score"),
        (None, True, "Negative score"),
        ("accuracy", False, "Accuracy"),
        ("accuracy", True, "Negative accuracy"),
        ("neg_log_loss", False, "Negative log loss"),
        ("neg_log_loss", True, "Log loss"),
    ],
)
def test_the_axis_is_named_after_the_score(scoring, negate, name):
    X, y, _, _ = samples(20)
    args = {"scoring": scoring, "negate_score": negate, "cv": 2, "train_sizes": [8]}
    display = LearningCurveDisplay.from_estimator(LogisticRegression(), X, y, **args)
    assert display.ax_.get_ylabel() == name
