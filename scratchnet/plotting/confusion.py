"""The picture of a confusion matrix. `K` classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._targets import check_targets
from scratchnet.metrics.confusion import confusion_matrix as confusion_matrix_of
from scratchnet.plotting._axes import drawing_on, pyplot
from scratchnet.utils.estimator_type import is_classifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["ConfusionMatrixDisplay"]


class ConfusionMatrixDisplay:
    """A confusion matrix, its rows the true classes and its columns the predicted ones.

    confusion_matrix: (K, K). display_labels: the names of the classes, (K,); None is 0 … K − 1.

    `plot` sets `ax_`, `figure_`, `im_` (the image) and `text_` (the numbers, (K, K), or None).
    """

    def __init__(
        self, confusion_matrix: NDArray[Any], *, display_labels: ArrayLike | None = None
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.display_labels = display_labels

    def plot(
        self,
        *,
        include_values: bool = True,
        cmap: str | Colormap = "viridis",
        xticks_rotation: str | float = "horizontal",
        values_format: str | None = None,
        ax: Axes | None = None,
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ConfusionMatrixDisplay:
        """Draw the matrix, and return the display. A new figure has room for the texts in the cells.

        include_values: write the numbers into the cells, in `values_format`; None is "d" for counts,
            or ".2g" where that is shorter, and ".2g" for shares.
        xticks_rotation: "horizontal", "vertical", or degrees; long names of many classes need it.
        ax: where; None makes a new figure. im_kw, text_kw: arguments of `Axes.imshow`, `Axes.text`.
        """
        plt = pyplot()
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.text import Text

        matrix = np.asarray(self.confusion_matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"confusion_matrix must be square, it has shape {matrix.shape}")
        n = len(matrix)
        labels = range(n) if self.display_labels is None else np.asarray(self.display_labels)
        if len(labels) != n:
            raise ValueError(
                f"display_labels has {len(labels)} entries, confusion_matrix {n} classes"
            )
        values = [[_text(value, values_format) for value in row] for row in matrix]
        style = normalize_kwargs(dict(text_kw or {}), Text)
        names = [str(label) for label in labels] if xticks_rotation in ("horizontal", 0) else [""]
        texts = [*names, *(text for row in values for text in row if include_values)]
        width, height = plt.rcParams["figure.figsize"]
        cell = _width(max(map(len, texts)), plt.rcParams["font.size"])  # inches
        size = (max(width, n * cell + 2), max(height, n * cell + 1)) if n > 3 else (width, height)
        with drawing_on(ax, figsize=size) as drawn:
            image = {"interpolation": "nearest", "cmap": cmap, **(im_kw or {})}
            self.im_ = drawn.imshow(matrix, **image)
            self.text_ = None
            if include_values:
                # Dark cells have the text in the colour of the highest value, light ones of the lowest.
                middle = (matrix.max() + matrix.min()) / 2
                lowest, highest = self.im_.cmap(0), self.im_.cmap(1.0)
                self.text_ = np.empty((n, n), dtype=object)
                for i, j in np.ndindex(n, n):
                    placed = {
                        "horizontalalignment": "center",
                        "verticalalignment": "center",
                        "color": highest if matrix[i, j] < middle else lowest,
                    }
                    self.text_[i, j] = drawn.text(j, i, values[i][j], **{**placed, **style})
            if colorbar:
                drawn.figure.colorbar(self.im_, ax=drawn)
            drawn.set(
                xticks=np.arange(n),
                yticks=np.arange(n),
                xticklabels=labels,
                yticklabels=labels,
                xlabel="Predicted label",
                ylabel="True label",
                ylim=(n - 0.5, -0.5),
            )
            plt.setp(drawn.get_xticklabels(), rotation=xticks_rotation)
            self.ax_, self.figure_ = drawn, drawn.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        normalize: str | None = None,
        display_labels: ArrayLike | None = None,
        include_values: bool = True,
        xticks_rotation: str | float = "horizontal",
        values_format: str | None = None,
        cmap: str | Colormap = "viridis",
        ax: Axes | None = None,
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ConfusionMatrixDisplay:
        """Draw the matrix of a fitted classifier's predictions; see `from_predictions`."""
        pyplot()
        if not is_classifier(estimator):
            raise ValueError(
                f"a confusion matrix is that of a classifier, got {type(estimator).__name__}"
            )
        return cls.from_predictions(
            y,
            estimator.predict(X),
            labels=labels,
            sample_weight=sample_weight,
            normalize=normalize,
            display_labels=display_labels,
            include_values=include_values,
            xticks_rotation=xticks_rotation,
            values_format=values_format,
            cmap=cmap,
            ax=ax,
            colorbar=colorbar,
            im_kw=im_kw,
            text_kw=text_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        normalize: str | None = None,
        display_labels: ArrayLike | None = None,
        include_values: bool = True,
        xticks_rotation: str | float = "horizontal",
        values_format: str | None = None,
        cmap: str | Colormap = "viridis",
        ax: Axes | None = None,
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> ConfusionMatrixDisplay:
        """Draw the matrix of predictions.

        y_true, y_pred, labels, sample_weight, normalize: as for `confusion_matrix`.
        display_labels: None is `labels`, or the sorted classes. The others are those of `plot`.
        """
        pyplot()
        table = confusion_matrix_of(
            y_true, y_pred, labels=labels, sample_weight=sample_weight, normalize=normalize
        )
        if display_labels is None:
            display_labels = labels
        if display_labels is None:
            targets = check_targets(y_true, y_pred)
            display_labels = np.unique(np.concatenate([targets.y_true, targets.y_pred]))
        return cls(table, display_labels=display_labels).plot(
            include_values=include_values,
            xticks_rotation=xticks_rotation,
            values_format=values_format,
            cmap=cmap,
            ax=ax,
            colorbar=colorbar,
            im_kw=im_kw,
            text_kw=text_kw,
        )


def _text(value: Any, values_format: str | None) -> str:
    if values_format is not None:
        return format(value, values_format)
    short = format(value, ".2g")
    if value.dtype.kind == "f":
        return short
    return min(short, format(value, "d"), key=len)


def _width(n_characters: int, font_size: float) -> float:
    """Return the side of a cell that holds so many characters, in inches, at most one.

    A digit is about 0.6 of the font's size wide, which is in points, of which an inch has 72.
    """
    return min(1.0, max(0.4, (n_characters + 1) * 0.65 * font_size / 72))
