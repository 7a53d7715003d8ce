"""What the curves of two classes share: reading the scores, one fold or several, and the lines.

`N` samples, `F` folds, `M` curves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scratchnet.metrics._binary import is_positive
from scratchnet.metrics._response import response_method as method_of
from scratchnet.metrics._response import response_values
from scratchnet.plotting._axes import line_style
from scratchnet.utils.estimator_type import is_classifier
from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_array, check_consistent_length, check_is_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = [
    "Scores",
    "as_list",
    "binary_scores",
    "check_lengths",
    "check_pos_label",
    "draw_curves",
    "line_styles",
    "one_or_all",
    "scores_of_folds",
]


class Scores(NamedTuple):
    """What a curve is made of: the samples of one fold, and which class is the positive one."""

    y_true: Any
    y_score: Any
    sample_weight: Any
    pos_label: Any


def binary_scores(estimator: Any, X: Any, response_method: str, pos_label: Any) -> tuple[Any, Any]:
    """Return the scores of the positive class, (N,), and that class: `classes_[1]` for None.

    response_method: "auto" takes `predict_proba`, or where there is none `decision_function`.
    Raises ValueError unless the estimator is a fitted classifier of two classes.
    """
    check_is_fitted(estimator)
    if not is_classifier(estimator):
        raise ValueError(f"Expected a classifier of two classes, got {type(estimator).__name__}")
    classes = estimator.classes_
    if len(classes) != 2:
        raise ValueError(
            f"Expected a classifier of two classes, {type(estimator).__name__} knows "
            f"{len(classes)}: {list(classes)}"
        )
    if pos_label is None:
        pos_label = classes[1]
    names = ["predict_proba", "decision_function"]
    method = method_of(estimator, names if response_method == "auto" else response_method)
    return response_values(estimator, method.__name__, method(X), pos_label), pos_label


def check_pos_label(y_true: Any, y_score: Any, sample_weight: Any, pos_label: Any) -> Any:
    """Return the positive class, 1 for None. Raises ValueError unless `y_true` holds two classes."""
    labels = _check_binary(y_true, "y_true")
    check_consistent_length(y_true=labels, y_score=y_score, sample_weight=sample_weight)
    if pos_label is not None:
        return pos_label
    is_positive(labels.ravel(), None)  # raises where None does not say which one it is
    return 1


def _check_binary(y: Any, name: str) -> Any:
    kind = type_of_target(y, name)
    if kind != "binary":
        raise ValueError(f"The target {name} is not binary. Got {kind} type of target.")
    return check_array(y, dtype=None, ensure_2d=False, input_name=name)


def scores_of_folds(
    cv_results: Mapping[str, Any],
    X: Any,
    y: Any,
    sample_weight: Any,
    response_method: str,
    pos_label: Any,
) -> Iterator[Scores]:
    """Yield, for each fold, what its model gives for the samples that it had not seen.

    cv_results: what `cross_validate` returns with `return_estimator=True, return_indices=True`.
    """
    missing = {"estimator", "indices"} - set(cv_results)
    if missing:
        raise ValueError(
            f"cv_results lacks {sorted(missing)}: pass return_estimator=True and "
            "return_indices=True to cross_validate"
        )
    trains, tests = cv_results["indices"]["train"], cv_results["indices"]["test"]
    expected = 1 + max(int(np.max(part)) for part in (*trains, *tests))
    # A splitter may leave samples out (TimeSeriesSplit), and then X may hold more of them.
    leaves_none_out = len(trains[0]) + len(tests[0]) == expected
    if num_samples(X) < expected or (leaves_none_out and num_samples(X) != expected):
        raise ValueError(
            "X does not contain the correct number of samples: the folds are those of "
            f"{expected}, X has {num_samples(X)}"
        )
    _check_binary(y, "y")
    check_consistent_length(X=X, y=y, sample_weight=sample_weight)
    for estimator, test in zip(cv_results["estimator"], tests, strict=True):
        y_score, label = binary_scores(estimator, take_samples(X, test), response_method, pos_label)
        weight = None if sample_weight is None else take_samples(sample_weight, test)
        yield Scores(take_samples(y, test), y_score, weight, label)


def as_list(values: Any) -> Any:
    """Return a list, (M,), of what may be the value of a single curve; None stays None."""
    return values if values is None or isinstance(values, list) else [values]


def check_lengths(**lists: list[Any] | None) -> None:
    """Raise a ValueError that gives every length, unless all are equal. None is left out."""
    lengths = {name: len(values) for name, values in lists.items() if values is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ValueError(f"one of each is needed for every curve, in lists of one length: {found}")


def line_styles(
    n_curves: int,
    name: str | list[str] | None,
    scores: list[Any] | None,
    score_name: str,
    curve_kwargs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    default: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return how each of M curves is drawn, its label in it: arguments of `Axes.plot`.

    A list of styles labels each curve with its own score. One style for several curves has one entry
    in the legend, with the mean and the standard deviation of the scores.

    name: of the curves; a list of different ones needs a list of styles. scores: (M,), or None.
    default: what holds unless curve_kwargs says otherwise.
    """
    each = isinstance(curve_kwargs, list)
    given: Any = curve_kwargs if each else [curve_kwargs] * n_curves
    if len(given) != n_curves:
        raise ValueError(
            "curve_kwargs must be None, a dictionary, or a list of one dictionary for each of "
            f"{n_curves} curves, got a list of {len(given)}"
        )
    names = as_list(name) or [None]
    if len(names) > 1 and not each:
        raise ValueError(
            f"{len(names)} names for curves that look the same: curve_kwargs must be a list of "
            f"{n_curves} dictionaries, or name a single string for all curves"
        )
    if len(names) == 1:
        names = names * n_curves
    check_lengths(curves=given, name=names)
    if n_curves > 1:
        default = {**default, "alpha": 0.5, "linestyle": "--", "color": "blue"}
    labels: list[str | None] = [None] * n_curves
    if n_curves > 1 and not each:
        summary = None
        if scores:
            summary = f"{score_name} = {np.mean(scores):0.2f} +/- {np.std(scores):0.2f}"
        labels[0] = _label(names[0], summary)
    else:
        texts = [f"{score_name} = {score:0.2f}" for score in scores] if scores else labels
        labels = [_label(*pair) for pair in zip(names, texts, strict=True)]
    return [
        line_style({**default, "label": label}, style)
        for label, style in zip(labels, given, strict=True)
    ]


def _label(name: str | None, score: str | None) -> str | None:
    if name is None or score is None:
        return score if name is None else name
    return f"{name} ({score})"


def draw_curves(
    ax: Axes, xs: list[Any], ys: list[Any], styles: list[dict[str, Any]]
) -> list[Line2D]:
    """Draw the curves in the unit square, (M,)."""
    lines = [ax.plot(x, y, **style)[0] for x, y, style in zip(xs, ys, styles, strict=True)]
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return lines


def one_or_all(artists: list[Any]) -> Any:
    """Return the artist of a single curve itself, of several their list."""
    return artists[0] if len(artists) == 1 else artists
