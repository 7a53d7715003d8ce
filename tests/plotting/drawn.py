"""Samples to draw, and what was drawn, read back from matplotlib."""

import numpy as np

from scratchnet.plotting import (
    ConfusionMatrixDisplay,
    LearningCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
)

CURVES = [RocCurveDisplay, PrecisionRecallDisplay]
DISPLAYS = [*CURVES, ConfusionMatrixDisplay, LearningCurveDisplay]


def samples(n=60, seed=0):
    """Return X, y, scores with ties, and weights."""
    rng = np.random.RandomState(seed)
    y = rng.randint(2, size=n)
    X = rng.randn(n, 2) + y[:, None]
    return X, y, X.sum(axis=1).round(1), rng.randint(1, 4, size=n)


def points(line):
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def band_of(collection):
    """Return {x: (lowest, highest)} of what `fill_between` filled."""
    vertices = collection.get_paths()[0].vertices
    return {x: (vertices[vertices[:, 0] == x, 1].min(), vertices[vertices[:, 0] == x, 1].max())
            for x in np.unique(vertices[:, 0])}  # fmt: skip


def scores_of(sizes, n_folds=2):
    return {
        "train_sizes": np.asarray(sizes),
        "train_scores": np.ones((len(sizes), n_folds)),
        "test_scores": np.zeros((len(sizes), n_folds)),
    }
