"""The picture of a confusion matrix: its numbers, its options, its legibility."""

import itertools

import numpy as np
import pytest
from plotting.drawn import samples

from scratchnet import metrics
from scratchnet.linear_model import LogisticRegression
from scratchnet.plotting import ConfusionMatrixDisplay


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
@pytest.mark.parametrize("labels", [None, ["c", "a"]])
def test_image_and_texts_are_the_confusion_matrix(normalize, labels):
    rng = np.random.RandomState(0)
    true, pred = np.array(["a", "b", "c"])[rng.randint(3, size=(2, 50))]
    args = {"labels": labels, "normalize": normalize, "sample_weight": rng.randint(1, 3, size=50)}
    display = ConfusionMatrixDisplay.from_predictions(true, pred, values_format=".3g", **args)
    table = metrics.confusion_matrix(true, pred, **args)
    np.testing.assert_array_equal(display.im_.get_array(), table)
    assert [[t.get_text() for t in row] for row in display.text_] == [
        [f"{v:.3g}" for v in row] for row in table
    ]
    for i, j in np.ndindex(table.shape):  # row i is a true class, and stands at height i
        assert display.text_[i, j].get_position() == (j, i)
    for ticks in (display.ax_.get_xticklabels(), display.ax_.get_yticklabels()):
        assert [t.get_text() for t in ticks] == (labels or ["a", "b", "c"])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Predicted label", "True label")


def test_the_matrix_obeys_its_options():
    table = np.array([[1, 1234], [0, 5]])
    display = ConfusionMatrixDisplay(table, display_labels=["no", "yes"]).plot(
        include_values=False, cmap="cividis", xticks_rotation=30, colorbar=False, im_kw={"alpha": 0.5}
    )  # fmt: skip
    assert display.text_ is None
    assert display.im_.get_cmap().name == "cividis"
    assert display.im_.get_alpha() == 0.5
    assert [t.get_rotation() for t in display.ax_.get_xticklabels()] == [30, 30]
    assert len(display.figure_.axes) == 1
    display.plot(text_kw={"color": "red", "ha": "left"})
    assert display.text_[0, 1].get_text() == "1234"
    assert display.text_[0, 1].get_color() == "red"
    assert display.text_[0, 1].get_horizontalalignment() == "left"
    assert len(display.figure_.axes) == 2


def test_a_classifier_is_drawn_by_its_predictions():
    X, y, _, _ = samples()
    model = LogisticRegression().fit(X, y)
    display = ConfusionMatrixDisplay.from_estimator(model, X, y)
    table = metrics.confusion_matrix(y, model.predict(X))
    np.testing.assert_array_equal(display.confusion_matrix, table)


@pytest.mark.parametrize(
    ("n_classes", "name", "scale", "rotation"),
    [
        (2, "{}", 10**6, "horizontal"),
        (12, "{}", 1000, "horizontal"),
        (7, "species {}", 10, "horizontal"),
        (12, "a long name of class {}", 10, "vertical"),
    ],
)
def test_no_text_of_a_confusion_matrix_lies_on_another(n_classes, name, scale, rotation):
    table = np.random.RandomState(0).randint(scale, size=(n_classes, n_classes))
    names = [name.format(k) for k in range(n_classes)]
    display = ConfusionMatrixDisplay(table, display_labels=names).plot(xticks_rotation=rotation)
    display.figure_.draw_without_rendering()
    ax = display.ax_
    texts = [*display.text_.flat, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += [ax.xaxis.label, ax.yaxis.label]
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
