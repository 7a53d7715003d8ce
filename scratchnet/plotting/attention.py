"""Pictures of attention weights: over the tokens of sequences, and between two sequences.

`N` sequences, `L` tokens of one, `T` tokens of the target, `S` of the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.plotting._axes import drawing_on, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["AttentionDisplay", "TokenWeightsDisplay"]

Tokens = Sequence[str]  # a string is one: its characters


class TokenWeightsDisplay:
    """Sequences of tokens in rows, one below the other; the darker a cell, the larger its weight.

    tokens: N sequences, each a string or a list of strings. weights: one row (≥ L,) for each; what
        stands behind the tokens of a sequence is padding, and not drawn: `SequenceClassifier` gives it
        in this form. labels: what stands before each row, such as its class; None is nothing.

    `plot` sets `ax_`, `figure_`, `im_` (the image) and `text_` (a list of texts for each sequence).
    """

    def __init__(
        self,
        weights: Sequence[ArrayLike] | NDArray[Any],
        tokens: Sequence[Tokens],
        *,
        labels: Sequence[Any] | None = None,
    ) -> None:
        self.weights = weights
        self.tokens = tokens
        self.labels = labels

    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: str | Colormap = "Blues",
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
        text_kw: Mapping[str, Any] | None = None,
    ) -> TokenWeightsDisplay:
        """Draw the rows, and return the display. A new figure has room for every token in its cell.

        The colours go from 0 to the largest weight of all rows, so that rows can be compared. A space
        is drawn as ␣, what cannot be printed as in Python's strings.

        ax: where; None makes a new figure. im_kw, text_kw: arguments of `Axes.imshow`, `Axes.text`.
        """
        plt = pyplot()
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.text import Text

        rows = self._rows()
        labels = [""] * len(rows) if self.labels is None else [str(label) for label in self.labels]
        if len(labels) != len(rows):
            raise ValueError(f"there are {len(labels)} labels for {len(rows)} sequences")
        longest = max(map(len, rows))
        table = np.full((len(rows), longest), np.nan)
        for cells, row in zip(table, rows, strict=True):
            cells[: len(row)] = row
        texts = [[_shown(token) for token in sequence] for sequence in self.tokens]

        font_size = plt.rcParams["font.size"]
        cell = _inches(max((text for row in texts for text in row), key=len), font_size)
        width = longest * cell + _inches(max(labels, key=len), font_size) + 1.5 * colorbar
        size = (max(width, 2.5), max(len(rows) * 0.4 + 0.4, 1.5 * colorbar))
        style = normalize_kwargs(dict(text_kw or {}), Text)
        with drawing_on(ax, figsize=size) as drawn:
            image = _image(table, cmap, im_kw)
            self.im_ = drawn.imshow(np.ma.masked_invalid(table), **image)
            middle = sum(self.im_.get_clim()) / 2
            light, dark = self.im_.cmap(0.0), self.im_.cmap(1.0)
            self.text_: list[list[Text]] = []
            for i, shown in enumerate(texts):
                self.text_.append([])
                for j, text in enumerate(shown):
                    placed = {
                        "horizontalalignment": "center",
                        "verticalalignment": "center_baseline",
                        "color": light if table[i, j] > middle else dark,
                        "parse_math": False,
                    }
                    self.text_[i].append(drawn.text(j, i, text, **{**placed, **style}))
            if colorbar:
                drawn.figure.colorbar(self.im_, ax=drawn, label="Weight")
            drawn.set_xticks([])
            drawn.set_yticks(range(len(rows)), labels, parse_math=False)
            drawn.tick_params(left=False)
            drawn.spines[:].set_visible(False)
            self.ax_, self.figure_ = drawn, drawn.figure
        return self

    def _rows(self) -> list[NDArray[Any]]:
        """Return the weights of the tokens of each sequence, (L,); raise if there are too few."""
        if isinstance(self.tokens, str):
            raise ValueError(f"tokens are a list of sequences, got one: {self.tokens!r}")
        n = len(self.tokens)
        if n == 0 or len(self.weights) != n:
            raise ValueError(
                f"weights must have one row for each sequence, at least one: there are "
                f"{len(self.weights)} rows and {n} sequences"
            )
        rows = []
        for i, (row, tokens) in enumerate(zip(self.weights, self.tokens, strict=True)):
            weights = np.asarray(row)
            if weights.ndim != 1 or not 1 <= len(tokens) <= len(weights):
                raise ValueError(
                    f"sequence {i} has {len(tokens)} tokens, at least 1, and a weight for each, got "
                    f"weights {weights.shape}"
                )
            rows.append(_checked(weights[: len(tokens)]))
        return rows


class AttentionDisplay:
    """How much each token of the target looked at each token of the source.

    weights: (T, S), as `Seq2Seq.translate` gives them. source, target: S and T tokens, each a string or
    a list of strings.

    `plot` sets `ax_`, `figure_` and `im_` (the image).
    """

    def __init__(self, weights: ArrayLike, source: Tokens, target: Tokens) -> None:
        self.weights = weights
        self.source = source
        self.target = target

    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: str | Colormap = "Blues",
        xticks_rotation: str | float = "horizontal",
        colorbar: bool = True,
        im_kw: Mapping[str, Any] | None = None,
    ) -> AttentionDisplay:
        """Draw the weights, and return the display: the target from top to bottom, as it is written.

        The colours go from 0 to the largest weight. A space is drawn as ␣, what cannot be printed as in
        Python's strings. A new figure has room for the tokens.

        xticks_rotation: "horizontal", "vertical", or degrees; long words of the source need it.
        ax: where; None makes a new figure. im_kw: arguments of `Axes.imshow`.
        """
        plt = pyplot()
        table = np.asarray(self.weights)
        expected = (len(self.target), len(self.source))
        if table.shape != expected or 0 in expected:
            raise ValueError(
                "weights must have a row for each token of the target and a column for each of the "
                f"source, at least one, {expected}: they have the shape {table.shape}"
            )
        _checked(table)
        source, target = ([_shown(token) for token in side] for side in (self.source, self.target))

        font_size = plt.rcParams["font.size"]
        above, beside = (_inches(max(side, key=len), font_size) for side in (source, target))
        flat = xticks_rotation in ("horizontal", 0)
        cell = above if flat else _inches("", font_size)
        width = expected[1] * cell + beside + 1.5 * colorbar + 0.5
        height = expected[0] * 0.3 + (0.3 if flat else above) + 0.5
        with drawing_on(ax, figsize=(max(width, 3.0), max(height, 2.5))) as drawn:
            self.im_ = drawn.imshow(table, **_image(table, cmap, im_kw))
            if colorbar:
                drawn.figure.colorbar(self.im_, ax=drawn, label="Weight")
            drawn.xaxis.tick_top()
            drawn.xaxis.set_label_position("top")
            drawn.set_xticks(range(len(source)), source, rotation=xticks_rotation, parse_math=False)
            drawn.set_yticks(range(len(target)), target, parse_math=False)
            drawn.set(xlabel="Source", ylabel="Target")
            self.ax_, self.figure_ = drawn, drawn.figure
        return self


def _image(
    table: NDArray[Any], cmap: str | Colormap, im_kw: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the arguments of imshow: colours from 0 to the largest weight, cells that fill the Axes."""
    largest = float(np.nanmax(table)) or 1.0
    default = {"cmap": cmap, "vmin": 0.0, "vmax": largest, "aspect": "auto"}
    return {**default, "interpolation": "nearest", **(im_kw or {})}


def _checked(weights: NDArray[Any]) -> NDArray[Any]:
    """Return the weights; raise unless all are numbers from 0 on."""
    if weights.dtype.kind not in "biuf" or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"weights must be finite and not negative, got {weights}")
    return weights


def _shown(token: str) -> str:
    """Return a token as it is drawn: a space must be seen, and a line break must not break the line."""
    text = str(token)
    return text.replace(" ", "␣") if text.isprintable() else repr(text)[1:-1]


def _inches(text: str, font_size: float) -> float:
    """Return the width of a cell that holds a text, at least that of a square cell.

    Most letters are below 0.7 of the font's size wide, which is in points, of which an inch has 72.
    """
    return max(0.3, (len(text) + 1) * 0.7 * font_size / 72)
