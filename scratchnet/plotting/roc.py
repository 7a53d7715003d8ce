"""The picture of the receiver operating characteristic, with a confidence band on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics.roc import auc, roc_curve
from scratchnet.plotting._axes import despine as remove_top_and_right
from scratchnet.plotting._axes import drawing_on, line_style, pyplot
from scratchnet.plotting._curves import (
    as_list,
    binary_scores,
    check_lengths,
    check_pos_label,
    draw_curves,
    line_styles,
    one_or_all,
    scores_of_folds,
)
from scratchnet.plotting.roc_band import RocBand, roc_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RocCurveDisplay"]


class RocCurveDisplay:
    """ROC curves: the true-positive rate (recall) over the false-positive rate.

    fpr, tpr: the points of the curve, or a list of such arrays for several curves.
    roc_auc: the area, or a list of them, for the legend. name: of the curve, or a list.
    pos_label: the positive class, named beside the axes.
    band: a `RocBand`, drawn around a single curve.

    `plot` sets `ax_`, `figure_`, `line_` (a list for several curves), `chance_level_` and `band_`
    (None where not drawn).
    """

    def __init__(
        self,
        *,
        fpr: Any,
        tpr: Any,
        roc_auc: Any = None,
        name: str | list[str] | None = None,
        pos_label: Any = None,
        band: RocBand | None = None,
    ) -> None:
        self.fpr = fpr
        self.tpr = tpr
        self.roc_auc = roc_auc
        self.name = name
        self.pos_label = pos_label
        self.band = band

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | list[str] | None = None,
        curve_kwargs: Mapping[str, Any] | list[Mapping[str, Any]] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> RocCurveDisplay:
        """Draw the curves, and return the display.

        ax: where; None makes a new figure. name: None is the display's.
        curve_kwargs: arguments of `Axes.plot`. One dictionary is for all curves, which then have one
            entry in the legend with the mean AUC; a list of them labels each curve.
        plot_chance_level: draw the diagonal, the curve of a ranking that knows nothing; its style is
            chance_level_kw. despine: no frame at the top and on the right.
        fill_between_kw: arguments of `Axes.fill_between`, for the band.
        """
        pyplot()
        fprs, tprs, areas = (as_list(v) for v in (self.fpr, self.tpr, self.roc_auc))
        check_lengths(fpr=fprs, tpr=tprs, roc_auc=areas)
        if self.band is not None and len(fprs) > 1:
            raise ValueError(f"a band is drawn around one curve, there are {len(fprs)}")
        name = self.name if name is None else name
        styles = line_styles(len(fprs), name, areas, "AUC", curve_kwargs, {})
        diagonal = line_style(
            {"label": "Chance level (AUC = 0.5)", "color": "k", "linestyle": "--"},
            chance_level_kw,
        )
        label = "" if self.pos_label is None else f" (Positive label: {self.pos_label})"
        with drawing_on(ax) as drawn:
            curves = draw_curves(drawn, fprs, tprs, styles)
            self.line_ = one_or_all(curves)
            self.band_ = None
            if self.band is not None:
                fpr, low, high, level = self.band
                filling: dict[str, Any] = {
                    "facecolor": curves[0].get_color(),
                    "alpha": 0.2,
                    "linewidth": 0,
                    "label": f"{100 * level:.4g} % pointwise confidence band",
                }
                filling.update(fill_between_kw or {})
                self.band_ = drawn.fill_between(fpr, low, high, **filling)
            self.chance_level_ = None
            if plot_chance_level:
                (self.chance_level_,) = drawn.plot((0, 1), (0, 1), **diagonal)
            drawn.set(xlabel="False Positive Rate" + label, ylabel="True Positive Rate" + label)
            if despine:
                remove_top_and_right(drawn)
            if (
                self.band is not None
                or (plot_chance_level and diagonal["label"] is not None)
                or any(style["label"] is not None for style in styles)
            ):
                drawn.legend(loc="lower right")
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
        drop_intermediate: bool = True,
        response_method: str = "auto",
        pos_label: Any = None,
        name: str | None = None,
        ax: Axes | None = None,
        curve_kwargs: Mapping[str, Any] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
        confidence_level: float | None = None,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> RocCurveDisplay:
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
            confidence_level=confidence_level,
            n_resamples=n_resamples,
            random_state=random_state,
            fill_between_kw=fill_between_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        drop_intermediate: bool = True,
        pos_label: Any = None,
        name: str | None = None,
        ax: Axes | None = None,
        curve_kwargs: Mapping[str, Any] | None = None,
        plot_chance_level: bool = False,
        chance_level_kw: Mapping[str, Any] | None = None,
        despine: bool = False,
        confidence_level: float | None = None,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
    ) -> RocCurveDisplay:
        """Draw the curve of scores, (N,).

        y_true, y_score, sample_weight, drop_intermediate, pos_label: as for `roc_curve`.
        name: None is "Classifier".
        confidence_level: None draws no band; 0.95 draws the one in which the true curve lies, at each
            single false-positive rate, in about 95 of 100 cases. It comes from `n_resamples` resamples
            drawn with `random_state`, see `roc_band`.
        The others are those of `plot`.
        """
        pyplot()
        label = check_pos_label(y_true, y_score, sample_weight, pos_label)
        fpr, tpr, _ = roc_curve(
            y_true,
            y_score,
            pos_label=pos_label,
            sample_weight=sample_weight,
            drop_intermediate=drop_intermediate,
        )
        band = None
        if confidence_level is not None:
            band = roc_band(
                y_true,
                y_score,
                pos_label=pos_label,
                sample_weight=sample_weight,
                confidence_level=confidence_level,
                n_resamples=n_resamples,
                random_state=random_state,
            )
        name = "Classifier" if name is None else name
        display = cls(
            fpr=fpr, tpr=tpr, roc_auc=auc(fpr, tpr), name=name, pos_label=label, band=band
        )
        return display.plot(
            ax,
            curve_kwargs=curve_kwargs,
            plot_chance_level=plot_chance_level,
            chance_level_kw=chance_level_kw,
            despine=despine,
            fill_between_kw=fill_between_kw,
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
        ax: Axes | None = None,
        name: str | list[str] | None = None,
        curve_kwargs: Mapping[str, Any] | list[Mapping[str, Any]] | None = None,
        plot_chance_level: bool = False,
        chance_level_kwargs: Mapping[str, Any] | None = None,
        despine: bool = False,
    ) -> RocCurveDisplay:
        """Draw one curve for each fold, of the samples that its model had not seen.

        cv_results: of `cross_validate(..., return_estimator=True, return_indices=True)`.
        The spread of the folds is not that of the estimate, so no band is drawn from it: for one,
        pass the scores of `cross_val_predict` to `from_predictions`.
        """
        pyplot()
        fprs, tprs, areas = [], [], []
        for y_true, y_score, weight, label in scores_of_folds(
            cv_results, X, y, sample_weight, response_method, pos_label
        ):
            fpr, tpr, _ = roc_curve(
                y_true,
                y_score,
                pos_label=label,
                sample_weight=weight,
                drop_intermediate=drop_intermediate,
            )
            fprs.append(fpr)
            tprs.append(tpr)
            areas.append(auc(fpr, tpr))
        display = cls(fpr=fprs, tpr=tprs, roc_auc=areas, name=name, pos_label=label)
        return display.plot(
            ax,
            curve_kwargs=curve_kwargs,
            plot_chance_level=plot_chance_level,
            chance_level_kw=chance_level_kwargs,
            despine=despine,
        )
