"""The picture of a learning curve. `S` sizes, `F` folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from scratchnet.metrics._binary import check_option
from scratchnet.model_selection.curves import FIVE_SIZES, learning_curve
from scratchnet.plotting._axes import drawing_on, line_style, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningCurveDisplay"]


class LearningCurveDisplay:
    """Training and test scores over the number of training samples.

    train_sizes: (S,). train_scores, test_scores: (S, F). score_name: what stands beside the axis.

    `plot` sets `ax_`, `figure_`, and lists of what it drew, the training scores first: `lines_`,
    `fill_between_`, `errorbar_` (None where not drawn).
    """

    def __init__(
        self,
        *,
        train_sizes: ArrayLike,
        train_scores: ArrayLike,
        test_scores: ArrayLike,
        score_name: str | None = None,
    ) -> None:
        self.train_sizes = train_sizes
        self.train_scores = train_scores
        self.test_scores = test_scores
        self.score_name = score_name

    def plot(
        self,
        ax: Axes | None = None,
        *,
        negate_score: bool = False,
        score_name: str | None = None,
        score_type: str = "both",
        std_display_style: str | None = "fill_between",
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
    ) -> LearningCurveDisplay:
        """Draw the curves, and return the display.

            line = mean of the F scores,    band or bars = mean ± standard deviation of the F scores

        The band is the spread of the folds, no confidence interval. Sizes whose smallest and largest
        steps differ more than fivefold are drawn on a logarithmic axis.

        negate_score: draw −score, for the negative errors ("neg_log_loss").
        score_name: None is the display's. score_type: "train", "test" or "both".
        std_display_style: "fill_between", "errorbar", or None for no spread.
        line_kw, fill_between_kw, errorbar_kw: arguments of the Axes' methods of those names.
        """
        pyplot()
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        check_option("std_display_style", std_display_style, ("errorbar", "fill_between", None))
        check_option("score_type", score_type, ("test", "train", "both"))
        sizes = np.asarray(self.train_sizes)
        scores = {"Train": np.asarray(self.train_scores), "Test": np.asarray(self.test_scores)}
        for name, table in scores.items():
            if sizes.ndim != 1 or table.ndim != 2 or len(table) != len(sizes):
                raise ValueError(
                    f"{name.lower()}_scores must have a row for each of the train_sizes and a column "
                    f"for each fold: train_sizes {sizes.shape}, scores {table.shape}"
                )
        if score_type != "both":
            scores = {score_type.capitalize(): scores[score_type.capitalize()]}
        sign = -1 if negate_score else 1
        curves = {
            name: (sign * table.mean(axis=1), table.std(axis=1)) for name, table in scores.items()
        }
        style = line_style({"marker": "."}, line_kw)
        with drawing_on(ax) as drawn:
            self.lines_: list[Any] | None = None
            self.fill_between_: list[Any] | None = None
            self.errorbar_: list[Any] | None = None
            if std_display_style == "errorbar":
                bars = line_style({"marker": ".", "capsize": 3}, errorbar_kw)
                self.errorbar_ = [
                    drawn.errorbar(sizes, mean, std, **{"label": name, **bars})
                    for name, (mean, std) in curves.items()
                ]
            else:
                self.lines_ = [
                    drawn.plot(sizes, mean, **{"label": name, **style})[0]
                    for name, (mean, _) in curves.items()
                ]
            if std_display_style == "fill_between" and self.lines_ is not None:
                self.fill_between_ = [
                    drawn.fill_between(
                        sizes,
                        mean - std,
                        mean + std,
                        **{
                            "facecolor": line.get_color(),
                            "alpha": 0.5,
                            "linewidth": 0,
                            **(fill_between_kw or {}),
                        },
                    )
                    for line, (mean, std) in zip(self.lines_, curves.values(), strict=True)
                ]
            drawn.legend()
            drawn.set_xscale(_scale(sizes))
            if drawn.get_xscale() == "log":  # few plain numbers, which do not run into each other
                drawn.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                drawn.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                drawn.xaxis.set_minor_formatter(NullFormatter())
            drawn.set_xlabel("Number of samples in the training set")
            drawn.set_ylabel(str(self.score_name if score_name is None else score_name))
            self.ax_, self.figure_ = drawn, drawn.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        train_sizes: ArrayLike = FIVE_SIZES,
        cv: Any = None,
        scoring: Any = None,
        exploit_incremental_learning: bool = False,
        n_jobs: int | None = None,
        pre_dispatch: int | str | None = "all",
        verbose: int = 0,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
        error_score: float | str = np.nan,
        fit_params: dict[str, Any] | None = None,
        ax: Axes | None = None,
        negate_score: bool = False,
        score_name: str | None = None,
        score_type: str = "both",
        std_display_style: str | None = "fill_between",
        line_kw: Mapping[str, Any] | None = None,
        fill_between_kw: Mapping[str, Any] | None = None,
        errorbar_kw: Mapping[str, Any] | None = None,
        progress: bool = False,
        executor: Any = None,
    ) -> LearningCurveDisplay:
        """Fit clones of an estimator to growing parts of the data, and draw their scores.

        groups … executor: as for `learning_curve`, where `fit_params` are called `params`.
        score_name: None makes one of `scoring`: "neg_log_loss" is "Negative log loss", and with
            `negate_score` "Log loss". The others are those of `plot`.
        """
        pyplot()
        check_option("std_display_style", std_display_style, ("errorbar", "fill_between", None))
        check_option("score_type", score_type, ("test", "train", "both"))
        sizes, train_scores, test_scores = learning_curve(
            estimator,
            X,
            y,
            groups=groups,
            train_sizes=train_sizes,
            cv=cv,
            scoring=scoring,
            exploit_incremental_learning=exploit_incremental_learning,
            n_jobs=n_jobs,
            pre_dispatch=pre_dispatch,
            verbose=verbose,
            shuffle=shuffle,
            random_state=random_state,
            error_score=error_score,
            params=fit_params,
            progress=progress,
            executor=executor,
        )
        display = cls(
            train_sizes=sizes,
            train_scores=train_scores,
            test_scores=test_scores,
            score_name=_score_name(scoring, negate_score) if score_name is None else score_name,
        )
        return display.plot(
            ax,
            negate_score=negate_score,
            score_type=score_type,
            std_display_style=std_display_style,
            line_kw=line_kw,
            fill_between_kw=fill_between_kw,
            errorbar_kw=errorbar_kw,
        )


def _scale(sizes: Any) -> str:
    steps = np.diff(np.sort(sizes))
    if len(steps) == 0 or steps.max() <= 5 * steps.min():
        return "linear"
    return "log" if sizes.min() > 0 else "symlog"


def _score_name(scoring: Any, negate_score: bool) -> str:
    """Return "Accuracy" for "accuracy", "Negative log loss" for "neg_log_loss", and so on."""
    if scoring is None:
        return "Negative score" if negate_score else "Score"
    name: str = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", str(scoring))
    is_negative = name.startswith("neg_")
    name = name.removeprefix("neg_")
    if is_negative != negate_score:
        name = f"negative {name}"
    return name.replace("_", " ").capitalize()
