"""Scoring a fitted model: what a scorer is given, and what becomes of it if it fails.

A scorer is called as `scorer(model, X, y)` and gives a number, greater being better. One made of a
metric (by a name, or by `make_scorer`) asks the model for one method's output and passes that on to
the metric: `_response_method` names the method. Any other scorer may look at the model itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from numbers import Number
from traceback import format_exc
from typing import Any

from scratchnet.base import ClassifierMixin, RegressorMixin
from scratchnet.metrics.scorers import PassthroughScorer, check_scoring, get_scorer
from scratchnet.model_selection.folds import RESPONSES, depth_of

__all__ = [
    "FoldOutput",
    "accepts_sample_weight",
    "metric_of_score",
    "resolve_scorer",
    "response_method",
    "score",
]


def resolve_scorer(estimator: Any, scoring: Any) -> Any:
    """Return the scorer that `scoring` stands for; a dictionary of them if it names several."""
    scorer = check_scoring(estimator, scoring=scoring)
    if isinstance(scoring, list | tuple | set | dict):
        return dict(scorer._scorers)
    return scorer


def response_method(scorer: Any, estimator: Any) -> str | None:
    """Return the method whose output the scorer looks at, None if it may look at more than that."""
    methods = getattr(scorer, "_response_method", None)
    if isinstance(methods, str):
        return methods
    return next((method for method in methods or () if hasattr(estimator, method)), None)


def metric_of_score(scorer: Any, estimator: Any) -> Any:
    """Return the scorer by a metric that gives what `estimator.score` gives, if `scorer` calls that.

    It is accuracy for our classifiers and R² for our regressors, also at the end of a pipeline of
    ours. A `score` of another kind, and any other scorer, stay as they are.
    """
    if not isinstance(scorer, PassthroughScorer):
        return scorer
    cls = type(estimator)
    while hasattr(estimator, "steps") and depth_of(cls, "score") == depth_of(cls, "fit"):
        estimator = estimator.steps[-1][1]  # a pipeline scores as its last step does
        cls = type(estimator)
    method = getattr(cls, "score", None)
    if method is ClassifierMixin.score:
        return get_scorer("accuracy")
    return get_scorer("r2") if method is RegressorMixin.score else scorer


def accepts_sample_weight(scorer: Any, estimator: Any) -> bool:
    """Return whether the scorer takes `sample_weight`."""
    if hasattr(scorer, "_accept_sample_weight"):
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters


class FoldOutput:
    """Stands before a scorer in a model's place: its methods return output that is there already.

    model: what all other attributes are taken from. output: gives the output of a method by its name.
    attributes: those that are to be others than the model's.
    """

    def __init__(self, model: Any, output: Callable[[str], Any], **attributes: Any) -> None:
        self._model = model
        self._output = output
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Any:
        if name in ("_model", "_output"):  # a copy has none yet
            raise AttributeError(name)
        value = getattr(self._model, name)
        if name not in RESPONSES:
            return value

        def response(X: Any) -> Any:
            return self._output(name)

        response.__name__ = name  # scorers go by it
        return response


def score(
    scorer: Any,
    model: Any,
    X: Any,
    y: Any,
    params: dict[str, Any],
    error_score: Any,
    failures: list[str],
) -> Any:
    """Return the score of a model on X and y: a number, or a dictionary of them.

    What fails has the score `error_score`, and its traceback is appended to `failures`; "raise"
    raises. Raises ValueError if a scorer gives no number.
    """
    if not isinstance(scorer, dict):
        found = _call(scorer, model, X, y, params, error_score, failures)
        if not isinstance(found, dict):
            return _number(found, scorer)
        for name, value in found.items():
            if isinstance(value, str):  # scikit-learn's way to give back the traceback
                failures.append(value)
                value = error_score
            found[name] = _number(value, name)
        return found
    if len(scorer) > 1:  # several scorers may ask for the same output
        outputs: dict[str, Any] = {}

        def output(method: str) -> Any:
            if method not in outputs:
                outputs[method] = getattr(model, method)(X)
            return outputs[method]

        shared = FoldOutput(model, output)
    found = {}
    for name, one in scorer.items():
        known = params if not params or accepts_sample_weight(one, model) else {}
        seen = shared if len(scorer) > 1 and response_method(one, model) else model
        found[name] = _number(_call(one, seen, X, y, known, error_score, failures), name)
    return found


def _call(
    scorer: Any,
    model: Any,
    X: Any,
    y: Any,
    params: dict[str, Any],
    error_score: Any,
    failures: list[str],
) -> Any:
    try:
        return scorer(model, X, **params) if y is None else scorer(model, X, y, **params)
    except Exception:
        if error_score == "raise":
            raise
        failures.append(format_exc())
        return error_score


def _number(value: Any, scorer: Any) -> Any:
    if hasattr(value, "item"):  # an array of one entry, or a NumPy scalar
        with suppress(ValueError):
            value = value.item()
    if not isinstance(value, Number):
        raise ValueError(
            f"scoring must return a number, got {value!r} of type {type(value).__name__} instead "
            f"(scorer={scorer})"
        )
    return value
