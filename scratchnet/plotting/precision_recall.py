"""The picture of precision against recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics._binary import read_binary
from scratchnet.metrics.average_precision import average_precision_score, precision_recall_curve
from scratchnet.plotting._axes import despine as remove_top_and_right
from scratchnet.plotting._axes import drawing_on, line_style, pyplot
from scratchnet.plotting._curves import (
    Scores,
    as_list,
    binary_scores,
    check_lengths,
    check_pos_label,
    draw_curves,
    line_styles,
    one_or_all,
    scores_of_folds,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PrecisionRecallDisplay"]


class PrecisionRecallDisplay:
    """Precision-recall curves, as the steps that the average precision sums up.

    precision, recall: the points of the curve, or a list of such arrays for several curves.
    average_precision: the area under the steps, or a list, for the legend. name: of the curve, or a
        list. pos_label: the positive class, named beside the axes.
    prevalence_pos_label: the share of the positives, or a list: what a ranking that knows nothing has
        as its precision.

    `plot` sets `ax_`, `figure_`, `line_` and `chance_level_` (lists for several curves; None where
    not drawn).
    """

    def __init__(
        self,
        precision: Any,
        recall: Any,
        *,
        average_precision: Any = None,
        name: str | list[str] | None = None,
        pos_label: Any = None,
        prevalence_pos_label: Any = None,
    ) -> None:
        self.precision = precision
        self.recall = recall
        self.average_precision = average_precision
        self.name = name
        self.pos_label = pos_label
        self.prevalence_pos_label = prevalence_pos_label

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | list[str] | None = None,
        curve_kwargs: Mapping[str, Any] | list[Mapping[str, Any]] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> PrecisionRecallDisplay:
        """Draw the curves, and return the display.

        ax: where; None makes a new figure. name: None is the display's.
        curve_kwargs: arguments of `Axes.plot`. One dictionary is for all curves, which then have one
            entry in the legend with the mean AP; a list of them labels each curve.
        plot_chance_level: draw the share of the positives, in the style chance_level_kw.
        despine: no frame at the top and on the right.
        """
        pyplot()
        precisions, recalls, areas, shares = (
            as_list(v)
            for v in (
                self.precision,
                self.recall,
                self.average_precision,
                self.prevalence_pos_label,
            )
        )
        check_lengths(
            precision=precisions,
            recall=recalls,
            average_precision=areas,
            prevalence_pos_label=shares,
        )
        if plot_chance_level and shares is None:
            raise ValueError(
                "the chance level is the share of the positives: prevalence_pos_label is needed, "
                "which from_estimator and from_predictions set"
            )
        n_curves = len(precisions)
        name = self.name if name is None else name
        default = {"drawstyle": "steps-post"}
        styles = line_styles(n_curves, name, areas, "AP", curve_kwargs, default)
        label = "" if self.pos_label is None else f" (Positive label: {self.pos_label})"
        level = {"color": "k", "linestyle": "--"} | ({"alpha": 0.3} if n_curves > 1 else {})
        dashed = line_style(level, chance_level_kw)
        with drawing_on(ax) as drawn:
            self.line_ = one_or_all(draw_curves(drawn, recalls, precisions, styles))
            self.chance_level_ = None
            if plot_chance_level and shares is not None:
                chance = [drawn.plot((0, 1), (share, share), **dashed)[0] for share in shares]
                if "label" not in dashed:
                    spread = f" +/- {np.std(shares):0.2f}" if n_curves > 1 else ""
                    chance[0].set_label(f"Chance level (AP = {np.mean(shares):0.2f}{spread})")
                self.chance_level_ = one_or_all(chance)
            drawn.set(xlabel="Recall" + label, ylabel="Precision" + label)
            if despine:
                remove_top_and_right(drawn)
            if any(
                style.get("label", "by default") is not None
                for style in (*styles, *[dashed] * plot_chance_level)
            ):
                drawn.legend(loc="lower left")
            self.ax_, self.figure_ = drawn, drawn.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        drop_intermediate: bool = False,
        response_method: str = "auto",
        pos_label: Any = None,
        name: str | None = None,
        ax: Axes | None = None,
        curve_kwargs: Mapping[str, Any] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> PrecisionRecallDisplay:
        """Draw the curve of a fitted classifier of two classes.

        response_method: "predict_proba", "decision_function", or "auto", the first that there is.
        pos_label: None is `classes_[1]`. name: None is the name of the estimator's class.
        The others are those of `from_predictions`.
        """
        pyplot()
        y_score, pos_label = binary_scores(estimator, X, response_method, pos_label)
        return cls.from_predictions(
            y,
            y_score,
            sample_weight=sample_weight,
            drop_intermediate=drop_intermediate,
            pos_label=pos_label,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            curve_kwargs=curve_kwargs,
            plot_chance_level=plot_chance_level,
            chance_level_kw=chance_level_kw,
            despine=despine,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        drop_intermediate: bool = False,
        pos_label: Any = None,
        name: str | None = None,
        ax: Axes | None = None,
        curve_kwargs: Mapping[str, Any] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> PrecisionRecallDisplay:
        """Draw the curve of scores, (N,).

        y_true, y_score, sample_weight, drop_intermediate, pos_label: as for
        `precision_recall_curve`. name: None is "Classifier". The others are those of `plot`.

        The chance level counts the positives by their weights, as the curve does. (scikit-learn
        counts samples there.)
        """
        pyplot()
        label = check_pos_label(y_true, y_score, sample_weight, pos_label)
        scores = Scores(y_true, y_score, sample_weight, label)
        precision, recall, area, share = _curve(scores, drop_intermediate)
        display = cls(
            precision,
            recall,
            average_precision=area,
            name="Classifier" if name is None else name,
            pos_label=label,
            prevalence_pos_label=share,
        )
        return display.plot(
            ax,
            curve_kwargs=curve_kwargs,
            plot_chance_level=plot_chance_level,
            chance_level_kw=chance_level_kw,
            despine=despine,
        )

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        drop_intermediate: bool = True,
        response_method: str = "auto",
        pos_label: Any = None,
        name: str | list[str] | None = None,
        ax: Axes | None = None,
        curve_kwargs: Mapping[str, Any] | list[Mapping[str, Any]] | None = None,
        plot_chance_level: bool = False,
        chance_level_kwargs: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> PrecisionRecallDisplay:
        """Draw one curve for each fold, of the samples that its model had not seen.

        cv_results: of `cross_validate(..., return_estimator=True, return_indices=True)`.
        """
        pyplot()
        folds = list(scores_of_folds(cv_results, X, y, sample_weight, response_method, pos_label))
        curves = [_curve(scores, drop_intermediate) for scores in folds]
        precisions, recalls, areas, shares = (list(column) for column in zip(*curves, strict=True))
        display = cls(
            precisions,
            recalls,
            average_precision=areas,
            name=name,
            pos_label=folds[-1].pos_label,
            prevalence_pos_label=shares,
        )
        return display.plot(
            ax,
            curve_kwargs=curve_kwargs,
            plot_chance_level=plot_chance_level,
            chance_level_kw=chance_level_kwargs,
            despine=despine,
        )


def _curve(scores: Scores, drop_intermediate: bool) -> tuple[Any, Any, float, float]:
    """Return precision, recall, the average precision, and the share of the positives."""
    y_true, y_score, weight, label = scores
    precision, recall, _ = precision_recall_curve(
        y_true,
        y_score,
        pos_label=label,
        sample_weight=weight,
        drop_intermediate=drop_intermediate,
    )
    area = average_precision_score(y_true, y_score, pos_label=label, sample_weight=weight)
    positive, _, kept = read_binary(y_true, y_score, label, weight)
    return precision, recall, float(area), float(np.average(positive, weights=kept))
