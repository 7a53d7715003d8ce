"""Scorers: what judges a fitted estimator, as `scorer(estimator, X, y)`; the larger, the better.

A scorer asks the estimator for its predictions (or its probabilities, or its decision function) and
hands them to a metric. Errors and losses come with the sign turned; their names begin with `neg_`.
`N` samples, `F` folds.
"""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._response import response_method, response_values
from scratchnet.metrics._sample_scores import group_means, mean_metric
from scratchnet.metrics._scorer_table import METRICS
from scratchnet.utils.estimator_type import is_regressor

__all__ = [
    "MultimetricScorer",
    "PassthroughScorer",
    "Scorer",
    "check_scoring",
    "get_scorer",
    "get_scorer_names",
    "make_scorer",
]

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Scorer:
    """A metric made ready to judge an estimator; `make_scorer` makes it.

    Called as `scorer(estimator, X, y_true)`, with `sample_weight` if the metric takes it.
    """

    def __init__(
        self,
        score_func: Callable[..., Any],
        sign: int,
        kwargs: dict[str, Any],
        response_method: str | Sequence[str] = "predict",
    ) -> None:
        self._score_func = score_func
        self._sign = sign
        self._kwargs = kwargs
        self._response_method = response_method

    def __call__(
        self, estimator: Any, X: Any, y_true: Any, *, sample_weight: ArrayLike | None = None
    ) -> Any:
        kwargs = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._score(partial(_response, {}), estimator, X, y_true, **kwargs)

    def _score(
        self, method_caller: Callable[..., Any], estimator: Any, X: Any, y_true: Any, **kwargs: Any
    ) -> Any:
        """Return the score; `method_caller(estimator, method, X, pos_label=...)` gives the output.

        scikit-learn's scorers have this method too, so that ours and theirs share outputs.
        """
        if overlap := set(self._kwargs) & set(kwargs):
            message = f"{self!r} has values for {sorted(overlap)}; those passed take their place"
            warnings.warn(message, UserWarning, stacklevel=3)
        method = response_method(estimator, self._response_method)
        pos_label = None if is_regressor(estimator) else self._pos_label()
        y_pred = method_caller(estimator, _name_of(method), X, pos_label=pos_label)
        return self._sign * self._score_func(y_true, y_pred, **{**self._kwargs, **kwargs})

    @property
    def sample_scores(self) -> Callable[[ArrayLike, ArrayLike], NDArray[np.float64]] | None:
        """None; or, if the metric is a mean over samples, the function that gives the values.

        They are of shape (N,), from y_true and y_pred, and on any part of the samples

            score = sign · finish(mean of the values),   finish: the root for RMSE and RMSLE, else none

        where of several outputs the values are averaged first, but for the roots: there the values are
        (N, M), and the roots are averaged.
        """
        metric = self._mean_metric()
        if metric is None:
            return None

        def values(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
            found = metric.values(y_true, y_pred, **self._kwargs)  # (N, M)
            if found.shape[1] == 1:
                return found[:, 0]
            return found if metric.finish else found.mean(axis=1)

        return values

    def score_groups(
        self, y_true: ArrayLike, y_pred: ArrayLike, starts: ArrayLike
    ) -> NDArray[np.float64]:
        """Return the scores of F folds at once, (F,): what the metric gives for each of them alone.

        y_true, y_pred: (N,) or (N, M), in the order of the folds. starts: (F + 1,), fold f being the
        samples starts[f] to starts[f + 1]; none may be empty.
        Raises TypeError if `sample_scores` is None.
        """
        metric = self._mean_metric()
        if metric is None:
            raise TypeError(f"{self!r} is not a mean over samples: it needs each fold by itself")
        values = metric.values(y_true, y_pred, **self._kwargs)  # (N, M)
        means = group_means(values, np.asarray(starts))  # (F, M)
        return self._sign * (metric.finish(means) if metric.finish else means).mean(axis=1)

    def _mean_metric(self) -> Any:
        return mean_metric(self._score_func, self._kwargs) if self._takes_predictions() else None

    def _takes_predictions(self) -> bool:
        return self._response_method in ("predict", ["predict"], ("predict",))

    def _pos_label(self) -> Any:
        if "pos_label" in self._kwargs:
            return self._kwargs["pos_label"]
        parameter = inspect.signature(self._score_func).parameters.get("pos_label")
        return None if parameter is None else parameter.default

    def _accept_sample_weight(self) -> bool:
        return "sample_weight" in inspect.signature(self._score_func).parameters

    def __repr__(self) -> str:
        function = self._score_func
        parts = [repr(function) if isinstance(function, partial) else function.__name__]
        parts += ["greater_is_better=False"] * (self._sign < 0)
        parts += [f"response_method={self._response_method!r}"]
        parts += [f"{name}={value}" for name, value in self._kwargs.items()]
        return f"make_scorer({', '.join(parts)})"


class PassthroughScorer:
    """Scores by the estimator's own `score`."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __call__(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        return estimator.score(*args, **kwargs)

    def _accept_sample_weight(self) -> bool:
        return "sample_weight" in inspect.signature(self._estimator.score).parameters

    def __repr__(self) -> str:
        return f"{type(self._estimator).__name__}.score"


class MultimetricScorer:
    """Several scorers by name: a dictionary of scores, for which each method is called once.

    raise_exc: False gives, for a scorer that fails, the traceback as text instead of the score.
    """

    def __init__(self, *, scorers: Mapping[str, Any], raise_exc: bool = True) -> None:
        self._scorers = dict(scorers)
        self._raise_exc = raise_exc

    def __call__(self, estimator: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        call = partial(_response, outputs)
        weight = {"sample_weight": kwargs.pop("sample_weight", None)}
        scores = {}
        for name, scorer in self._scorers.items():
            known = weight["sample_weight"] is not None and _takes_weight(scorer)
            arguments = {**kwargs, **weight} if known else kwargs
            try:
                if hasattr(scorer, "_score") and hasattr(scorer, "_response_method"):
                    scores[name] = scorer._score(call, estimator, *args, **arguments)
                else:
                    scores[name] = scorer(estimator, *args, **arguments)
            except Exception:
                if self._raise_exc:
                    raise
                scores[name] = traceback.format_exc()
        return scores

    def _accept_sample_weight(self) -> bool:
        return any(_takes_weight(scorer) for scorer in self._scorers.values())

    def __repr__(self) -> str:
        names = ", ".join(f'"{name}"' for name in self._scorers)
        return f"MultiMetricScorer({names})"


def make_scorer(
    score_func: Callable[..., Any],
    *,
    response_method: str | Sequence[str] = "predict",
    greater_is_better: bool = True,
    **kwargs: Any,
) -> Scorer:
    """Return a scorer that judges an estimator by `score_func(y_true, y_pred, **kwargs)`.

    response_method: the method of the estimator that gives y_pred, "predict", "predict_proba" or
        "decision_function"; of several the first that it has. Of two classes the probability, or the
        decision, is that of `pos_label`: from kwargs, else the default of `score_func`.
    greater_is_better: False turns the sign.

    >>> from scratchnet.metrics import fbeta_score
    >>> make_scorer(fbeta_score, beta=2)
    make_scorer(fbeta_score, response_method='predict', beta=2)
    """
    if not callable(score_func):
        raise TypeError(f"score_func must be a function of y_true and y_pred, got {score_func!r}")
    methods = [response_method] if isinstance(response_method, str) else list(response_method)
    if not methods or not all(method in RESPONSES for method in methods):
        raise ValueError(f"response_method must be of {list(RESPONSES)}, got {response_method!r}")
    return Scorer(score_func, 1 if greater_is_better else -1, kwargs, response_method)


def get_scorer(scoring: str | Callable[..., Any]) -> Any:
    """Return the scorer of this name, a new one every time; what is no name comes back as it is.

    >>> get_scorer("neg_mean_squared_error")
    make_scorer(mean_squared_error, greater_is_better=False, response_method='predict')
    """
    if not isinstance(scoring, str):
        return scoring
    if scoring not in METRICS:
        raise ValueError(
            f"{scoring!r} is not a valid scoring value: "
            "scratchnet.metrics.get_scorer_names() lists them"
        )
    metric, arguments = METRICS[scoring]
    return make_scorer(metric, **arguments)


def get_scorer_names() -> list[str]:
    """Return the names of all scorers, sorted.

    >>> get_scorer_names()[:3]
    ['accuracy', 'adjusted_mutual_info_score', 'adjusted_rand_score']
    """
    return sorted(METRICS)


def check_scoring(
    estimator: Any = None,
    scoring: Any = None,
    *,
    allow_none: bool = False,
    raise_exc: bool = True,
) -> Any:
    """Return the scorer that `scoring` stands for.

    scoring: a name; a scorer, ours or scikit-learn's, or any function of (estimator, X, y); a list,
        tuple or set of names, or a dictionary from any names to scorers or their names, for several
        at once; None for the estimator's own `score`.
    allow_none: None where the estimator has no `score`; otherwise TypeError.
    raise_exc: for several scorers, whether the error of one is raised; else its text is the score.
    """
    if estimator is not None and not hasattr(estimator, "fit"):
        raise TypeError(f"estimator must have a method 'fit', got {estimator!r}")
    if isinstance(scoring, str):
        return get_scorer(scoring)
    if callable(scoring):
        if _is_metric(scoring):
            raise ValueError(
                f"{scoring!r} is a metric, which knows no estimator: make_scorer turns it into a scorer"
            )
        return scoring
    if isinstance(scoring, list | tuple | set | dict):
        scorers = _named_scorers(estimator, scoring)
        return MultimetricScorer(scorers=scorers, raise_exc=raise_exc)
    if scoring is not None:
        raise ValueError(
            f"scoring must be a name, a callable, several of them, or None, got {scoring!r}"
        )
    if hasattr(estimator, "score"):
        return PassthroughScorer(estimator)
    if allow_none:
        return None
    raise TypeError(
        f"without scoring, the estimator needs a 'score' method, which {estimator!r} has not"
    )


def _named_scorers(estimator: Any, scoring: Any) -> dict[str, Any]:
    """Return a scorer for each name in a list, tuple or set of names, or in a dictionary."""
    if not len(scoring):
        raise ValueError(f"scoring is empty: {scoring!r}")
    wrong = [name for name in scoring if not isinstance(name, str)]
    if wrong and isinstance(scoring, dict):
        raise ValueError(f"the keys of scoring must be strings, got {wrong!r}")
    if wrong:
        raise ValueError(
            f"scoring must hold names of scorers, got {wrong!r}: for scorers without a name pass a "
            "dictionary from names of your own to the scorers"
        )
    if len(set(scoring)) < len(scoring):
        raise ValueError(f"scoring names a scorer twice: {scoring!r}")
    named = scoring.items() if isinstance(scoring, dict) else ((name, name) for name in scoring)
    return {name: check_scoring(estimator, scoring=scorer) for name, scorer in named}


def _response(
    outputs: dict[str, Any], estimator: Any, method: str, X: Any, *, pos_label: Any = None
) -> Any:
    """Return the output of a method as the metrics take it; it is called if it is not in `outputs`.

    The raw output is kept: scorers with another pos_label take another column of it.
    """
    if method not in outputs:
        outputs[method] = getattr(estimator, method)(X)
    return response_values(estimator, method, outputs[method], pos_label)


def _name_of(method: Any) -> str:
    """Return the name of a method, also of one inside `functools.partial`."""
    while isinstance(method, partial):
        method = method.func
    return str(method.__name__)


def _takes_weight(scorer: Any) -> bool:
    if hasattr(scorer, "_accept_sample_weight"):
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in inspect.signature(scorer).parameters


def _is_metric(function: Any) -> bool:
    """Return whether it is a metric of ours or of scikit-learn's instead of a scorer."""
    module = getattr(function, "__module__", None) or ""
    return inspect.isfunction(function) and module.startswith(
        ("scratchnet.metrics.", "sklearn.metrics._", "sklearn.metrics.cluster._")
    )
