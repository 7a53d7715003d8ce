"""ROC and precision-recall curves: the lines are the metric's points, the legend its area."""

import numpy as np
import pytest
from plotting.drawn import CURVES, legend, points, samples

from scratchnet import metrics
from scratchnet.linear_model import LogisticRegression
from scratchnet.model_selection import StratifiedKFold, TimeSeriesSplit, cross_validate
from scratchnet.plotting import PrecisionRecallDisplay, RocCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("drop", [False, True])
def test_the_roc_line_is_roc_curve_and_the_legend_its_area(weighted, drop):
    _, y, score, weight = samples()
    weight = weight if weighted else None
    display = RocCurveDisplay.from_predictions(
        y, score, sample_weight=weight, drop_intermediate=drop
    )
    fpr, tpr, _ = metrics.roc_curve(y, score, sample_weight=weight, drop_intermediate=drop)
    np.testing.assert_array_equal(points(display.line_), [fpr, tpr])
    area = metrics.roc_auc_score(y, score, sample_weight=weight)
    # One sum of the same numbers in another order.
    np.testing.assert_allclose(display.roc_auc, area, rtol=1e-13)
    assert legend(display) == [f"Classifier (AUC = {area:0.2f})"]
    assert display.band_ is None
    assert display.chance_level_ is None
    assert display.ax_.get_xlabel() == "False Positive Rate (Positive label: 1)"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("drop", [False, True])
def test_the_precision_recall_line_is_the_curve_and_the_legend_its_average_precision(
    weighted, drop
):
    _, y, score, weight = samples()
    weight = weight if weighted else None
    display = PrecisionRecallDisplay.from_predictions(
        y, score, sample_weight=weight, drop_intermediate=drop, plot_chance_level=True
    )
    precision, recall, _ = metrics.precision_recall_curve(
        y, score, sample_weight=weight, drop_intermediate=drop
    )
    np.testing.assert_array_equal(points(display.line_), [recall, precision])
    assert display.line_.get_drawstyle() == "steps-post"
    area = metrics.average_precision_score(y, score, sample_weight=weight)
    assert display.average_precision == area
    share = np.average(y, weights=weight)
    assert points(display.chance_level_)[1] == pytest.approx([share, share], rel=1e-15)
    assert legend(display) == [
        f"Classifier (AP = {area:0.2f})",
        f"Chance level (AP = {share:0.2f})",
    ]


def test_a_weight_of_two_is_the_sample_twice_also_in_the_chance_level():
    _, y, score, weight = samples()
    args = {"plot_chance_level": True}
    weighted = PrecisionRecallDisplay.from_predictions(y, score, sample_weight=weight, **args)
    repeated = PrecisionRecallDisplay.from_predictions(
        np.repeat(y, weight), np.repeat(score, weight), **args
    )
    for name in ("line_", "chance_level_"):
        found, expected = (points(getattr(d, name)) for d in (weighted, repeated))
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("cls", CURVES)
@pytest.mark.parametrize("pos_label", [None, "no", "yes"])
def test_an_estimator_is_drawn_by_its_scores_of_the_positive_class(cls, pos_label):
    X, y, _, _ = samples()
    truth = np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X, truth)
    display = cls.from_estimator(model, X, truth, pos_label=pos_label)
    probability = model.predict_proba(X)[:, 0 if pos_label == "no" else 1]
    same = cls.from_predictions(truth, probability, pos_label=pos_label or "yes")
    np.testing.assert_array_equal(points(display.line_), points(same.line_))
    assert display.pos_label == (pos_label or "yes")
    assert legend(display)[0].startswith("LogisticRegression (A")
    other = cls.from_estimator(
        model, X, truth, pos_label=pos_label, response_method="decision_function"
    )
    # The logistic function is monotone: the same order of the samples, so the same curve.
    np.testing.assert_allclose(points(other.line_), points(same.line_), atol=1e-15)


@pytest.mark.parametrize("cls", CURVES)
@pytest.mark.parametrize("cv", [StratifiedKFold(3), TimeSeriesSplit(3)])
def test_each_fold_is_drawn_by_the_scores_of_its_test_samples(cls, cv):
    X, y, _, weight = samples()
    results = cross_validate(
        LogisticRegression(), X, y, cv=cv, return_estimator=True, return_indices=True
    )
    display = cls.from_cv_results(results, X, y, sample_weight=weight, drop_intermediate=False)
    assert len(display.line_) == 3
    folds = zip(results["estimator"], results["indices"]["test"], display.line_, strict=True)
    values = []
    for model, test, line in folds:
        one = cls.from_predictions(
            y[test],
            model.predict_proba(X[test])[:, 1],
            sample_weight=weight[test],
            drop_intermediate=False,
        )
        np.testing.assert_array_equal(points(line), points(one.line_))
        values.append(one.roc_auc if cls is RocCurveDisplay else one.average_precision)
    name = "AUC" if cls is RocCurveDisplay else "AP"
    assert legend(display) == [f"{name} = {np.mean(values):0.2f} +/- {np.std(values):0.2f}"]
    display.plot(name=["a", "b", "c"], curve_kwargs=[{"c": "k"}, {"lw": 3}, {"ls": ":"}])
    assert legend(display) == [
        f"{fold} ({name} = {v:0.2f})" for fold, v in zip("abc", values, strict=True)
    ]
    assert display.line_[0].get_color() == "k"
    assert display.line_[1].get_linewidth() == 3
    assert display.line_[2].get_linestyle() == ":"


@pytest.mark.parametrize("cls", CURVES)
def test_styles_override_the_defaults(cls):
    _, y, score, _ = samples()
    _, ax = plt.subplots()
    unnamed = {"label": None}
    display = cls.from_predictions(
        y, score, curve_kwargs=unnamed, plot_chance_level=True, chance_level_kw=unnamed
    )
    assert display.ax_.get_legend() is None
    display = cls.from_predictions(
        y,
        score,
        ax=ax,
        name="model",
        despine=True,
        curve_kwargs={"lw": 4, "label": "mine"},
        plot_chance_level=True,
        chance_level_kw={"c": "r", "label": "nothing"},
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.line_.get_linewidth() == 4
    assert display.chance_level_.get_color() == "r"
    assert legend(display) == ["mine", "nothing"]
    assert not ax.spines["top"].get_visible()
    with pytest.raises(TypeError, match="linewidth"):
        cls.from_predictions(y, score, curve_kwargs={"lw": 4, "linewidth": 4})
