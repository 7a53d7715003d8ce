"""The drawing of folds: what stands in each row."""

import itertools

import numpy as np
import pytest

from scratchnet.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from scratchnet.plotting import plot_folds

plt = pytest.importorskip("matplotlib.pyplot")

Y = np.repeat([0, 1, 2], [12, 9, 3])
GROUPS = np.arange(24) // 2


@pytest.mark.parametrize(
    "cv",
    [
        KFold(4, shuffle=True, random_state=0),
        StratifiedKFold(3),
        GroupKFold(3),
        LeaveOneOut(),
        TimeSeriesSplit(3),
        ShuffleSplit(3, test_size=5, train_size=9, random_state=0),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_each_row_shows_what_its_fold_trains_on_and_tests(cv):
    ax = plot_folds(cv, Y, Y, GROUPS)
    groups = GROUPS if isinstance(cv, GroupKFold) else None
    expected = [
        [2 if i in test else 1 if i in train else 0 for i in range(24)]
        for train, test in cv.split(Y, Y, groups)
    ]
    np.testing.assert_array_equal(ax.images[0].get_array(), expected)
    assert len(ax.images) == 3


def test_the_rows_below_show_class_and_group_of_each_sample():
    ax = plot_folds(KFold(2), Y, Y, GROUPS)
    for image, values in zip(ax.images[1:], (Y, GROUPS), strict=True):
        colours = [tuple(colour) for colour in image.get_array()[0]]
        pairs = set(zip(colours, values.tolist(), strict=True))
        assert len(pairs) == len({c for c, _ in pairs}) == len({v for _, v in pairs})
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Train", "Test", "Class 0", "Class 1", "Class 2"]  # too many groups to name
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1", "Class", "Group"]


def test_quantities_are_shown_as_a_scale():
    ax = plot_folds(KFold(2), [[0]] * 3, [0.0, 0.5, 1.5])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1", "Target"]
    viridis = plt.get_cmap("viridis")
    np.testing.assert_array_equal(ax.images[1].get_array()[0], viridis([0, 1 / 3, 1.0]))


def test_a_sample_in_both_parts_stands_out():
    ax = plot_folds([([0, 1], [1, 2])], np.zeros((4, 1)))
    assert ax.images[0].get_array().tolist() == [[1, 3, 2, 0]]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Left out", "Train", "Test", "Train and test"]


def test_a_number_of_folds_is_stratified_for_classes():
    drawn, expected = (plot_folds(cv, Y, Y).images[0] for cv in (3, StratifiedKFold(3)))
    np.testing.assert_array_equal(drawn.get_array(), expected.get_array())


@pytest.mark.parametrize("n_folds", [4, 20, 21, 150])
def test_no_text_of_a_drawing_of_folds_lies_on_another(n_folds):
    y = np.arange(150) % 3
    ax = plot_folds(KFold(n_folds), y, y, np.arange(150) // 30)
    ax.figure.draw_without_rendering()
    texts = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
    boxes = [t.get_window_extent() for t in [*texts, *ax.get_legend().get_texts()]]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    page = ax.figure.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)


def test_folds_that_no_picture_shows_are_refused():
    with pytest.raises(ValueError, match="4000 folds of 4000 samples are more than a picture"):
        plot_folds(LeaveOneOut(), np.zeros((4000, 1)))
    with pytest.raises(ValueError, match="X has 3, y has 2"):
        plot_folds(KFold(2), [[0]] * 3, [0, 1])
    with pytest.raises(ValueError, match="no folds"):
        plot_folds([], [[0]] * 3)
