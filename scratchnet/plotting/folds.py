"""A drawing of the folds: what each trains on, what it tests, and which samples these are.

`N` samples, `F` folds.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.check_cv import check_cv
from scratchnet.model_selection.folds import folds_of
from scratchnet.plotting._axes import drawing_on, pyplot
from scratchnet.utils.indexing import num_samples
from scratchnet.utils.validation import check_consistent_length, column_or_1d

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_folds"]

# What a fold does with a sample: 0 nothing, 1 trains on it, 2 tests it, 3 both.
USES = ("Left out", "Train", "Test", "Train and test")
# Light blue and dark orange differ in brightness too, so they do without colour.
COLOURS = ("#eeeeee", "#9ecae1", "#c44e00", "#000000")
MAX_CELLS = 10**7  # samples times folds; each takes bytes, and a picture shows far fewer
MAX_NAMED = 8  # so many classes or groups have an entry in the legend


def plot_folds(
    cv: Any, X: Any, y: Any = None, groups: Any = None, *, ax: Axes | None = None
) -> Axes:
    """Draw which samples each fold trains on and which it tests, and return the Axes.

    A row is a fold, a column a sample, in the order of X. Below, a row shows the class of each
    sample (or its target, if y holds quantities) and another one its group, where these are given.
    Samples that a fold leaves out are pale; one that it trains on *and* tests would be black.

    cv: a splitter, ours or any other; (train, test) pairs; or a number of folds, stratified if y holds
        classes. X: only its length counts. y, groups: (N,), or None.
    ax: where; None makes a new figure, the caller's to save and to close.
    Raises ValueError for more than ten million cells, which no picture shows.

    >>> from scratchnet.model_selection import KFold
    >>> ax = plot_folds(KFold(3), [[0], [1], [2], [3], [4], [5]])
    >>> ax.images[0].get_array().tolist()  # 1 trains, 2 tests
    [[2, 2, 1, 1, 1, 1], [1, 1, 2, 2, 1, 1], [1, 1, 1, 1, 2, 2]]
    >>> import matplotlib.pyplot as plt
    >>> plt.close(ax.figure)
    """
    plt = pyplot()
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator

    check_consistent_length(X=X, y=y, groups=groups)
    n = num_samples(X)
    rows = {}
    if y is not None:
        rows["Class"] = column_or_1d(y)
    if groups is not None:
        rows["Group"] = column_or_1d(groups, input_name="groups")
    uses = _uses(check_cv(cv, y, classifier=True), X, y, groups, n)  # (F, N)
    n_folds = len(uses)
    ticks = [float(fold) for fold in range(n_folds)]
    if n_folds > 20:
        located = MaxNLocator(10, integer=True).tick_values(0, n_folds - 1)
        ticks = [fold for fold in located if 0 <= fold < n_folds]
    names = [f"{fold:.0f}" for fold in ticks]
    size = (8, 1.4 + 0.3 * (min(n_folds, 20) + 2 * len(rows)))
    with drawing_on(ax, figsize=size) as drawn:

        def paint(table: NDArray[Any], top: float, **style: Any) -> None:
            extent = (-0.5, n - 0.5, top + len(table) - 0.5, top - 0.5)
            drawn.imshow(table, extent=extent, aspect="auto", interpolation="nearest", **style)

        paint(uses, 0, cmap=ListedColormap(COLOURS), vmin=0, vmax=3)
        handles = [
            Patch(facecolor=COLOURS[use], edgecolor="0.5", label=USES[use])
            for use in np.unique(uses)
        ]
        height = max(1, n_folds // 10)  # of the rows below: enough to be seen under many folds
        bottom = float(n_folds)
        for (title, values), cmap in zip(rows.items(), ("viridis", "magma"), strict=False):
            top = bottom + height / 2
            shades, entries = _shades(values, plt.get_cmap(cmap))
            paint(np.repeat(shades[None], height, axis=0), top)
            if entries is None:
                title = "Target"
            for value, shade in (entries or {}).items():
                handles.append(Patch(facecolor=shade, edgecolor="0.5", label=f"{title} {value}"))
            ticks.append(top + (height - 1) / 2)
            names.append(title)
            bottom = top + height
        drawn.set(
            xlim=(-0.5, n - 0.5),
            ylim=(bottom - 0.5, -0.5),
            yticks=ticks,
            yticklabels=names,
            xlabel="Sample",
            ylabel="Fold",
        )
        drawn.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawn


def _uses(cv: Any, X: Any, y: Any, groups: Any, n: int) -> NDArray[np.int8]:
    """Return what each fold does with each sample, (F, N): 0 nothing, 1 train, 2 test, 3 both."""
    with warnings.catch_warnings():
        # They are drawn: that a splitter does not look at them is what the picture shows.
        warnings.filterwarnings("ignore", "The groups parameter is ignored")
        folds = folds_of(cv, X, y, groups)
    if not len(folds):
        raise ValueError("cv gave no folds")
    if len(folds) * n > MAX_CELLS:
        raise ValueError(
            f"{len(folds)} folds of {n} samples are more than a picture can show: draw a part of them"
        )
    uses = np.zeros((len(folds), n), dtype=np.int8)
    for row, (train, test) in zip(uses, folds, strict=True):
        row[train] = 1
        row[test] += 2
    return uses


def _shades(values: NDArray[Any], cmap: Any) -> tuple[NDArray[np.float64], dict[Any, Any] | None]:
    """Return the colour of each sample, (N, 4), and of each class, if these are few enough to name.

    None instead of those if the values are quantities.
    """
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        return cmap((values - values.min()) / np.ptp(values)), None
    found, codes = np.unique(values, return_inverse=True)
    k = len(found)
    place = np.arange(k)
    if k > MAX_NAMED:  # neighbours half a scale apart, or their border could not be seen
        place = np.argsort(np.r_[0:k:2, 1:k:2])
    shades = cmap((place + 0.5) / k)  # (k, 4)
    named = dict(zip(found.tolist(), shades, strict=True)) if k <= MAX_NAMED else {}
    return shades[codes], named
