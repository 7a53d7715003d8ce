"""Fitting and scoring all folds at once, for estimators that have `fit_folds` (see `folds.py`).

`F` folds, `M` test samples in all folds together.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.metrics.explained import r2_score
from scratchnet.model_selection.folds import FoldModels, Folds, has_fit_folds
from scratchnet.model_selection.samples import take_params
from scratchnet.model_selection.scoring import (
    FoldOutput,
    metric_of_score,
    response_method,
    score,
)
from scratchnet.utils.indexing import take_samples

__all__ = ["fit_all_folds", "score_all_folds"]


def fit_all_folds(
    estimator: Any, X: Any, y: Any, folds: Folds, fit_params: dict[str, Any]
) -> FoldModels | None:
    """Return one model for each fold, fitted together; None where that is not possible.

    It is not for an estimator without `fit_folds`, with arguments of `fit` other than
    `sample_weight`, or where `fit_folds` says so by None. Where it raises, None too: fitted one by
    one, the folds say which of them fail, and how.
    """
    if not has_fit_folds(type(estimator)) or fit_params.keys() - {"sample_weight"}:
        return None
    try:
        models: FoldModels | None = estimator.fit_folds(X, y, folds, **fit_params)
    except Exception:
        return None
    return models


def score_all_folds(
    scorer: Any,
    estimator: Any,
    models: FoldModels,
    X: Any,
    y: Any,
    folds: Folds,
    params: dict[str, Any],
    error_score: Any,
    failures: list[str],
) -> list[Any]:
    """Return the score of each fold's model on its test part: F numbers, or F dictionaries of them.

    A metric that is a mean over samples is worked out for all folds at once, any other one on each
    fold's slice of the output. A scorer that may look at the model itself is given each model.
    params, error_score, failures: as for `score`, params of full length.
    """
    model = models.model(0)
    y_true = None if y is None else np.asarray(take_samples(y, folds.test_indices))  # (M, ...)
    outputs: dict[str, NDArray[Any]] = {}  # of each method, (M, ...)

    def output(method: str) -> NDArray[Any]:
        if method not in outputs:
            outputs[method] = models.test_output(method)
        return outputs[method]

    def score_one(scorer: Any, fold: int, first: int, last: int) -> Any:
        if last - first == 1 and getattr(scorer, "_score_func", None) is r2_score:
            return np.nan  # without a warning for each: the caller gives one for all
        test = folds.test(fold)
        known = take_params(params, folds.n_samples, test)
        if response_method(scorer, model) is None:
            y_test = None if y is None else take_samples(y, test)
            parts = models.model(fold), take_samples(X, test), y_test
        else:  # the scorer hands X on to the method and has no other use for it
            seen = FoldOutput(model, lambda method: output(method)[first:last])
            parts = seen, None, None if y_true is None else y_true[first:last]
        try:
            return score(scorer, *parts, known, error_score, failures)
        except Exception as error:
            error.add_note(f"This was fold {fold} of {len(folds)}.")
            raise

    def scores(scorer: Any) -> list[Any]:
        if not hasattr(scorer, "_response_method"):
            scorer = metric_of_score(scorer, estimator)
        if getattr(scorer, "sample_scores", None) is not None and not params:
            with suppress(Exception):  # fold by fold it is the failure of some of them
                y_pred = output(response_method(scorer, model) or "")
                found: list[Any] = scorer.score_groups(y_true, y_pred, folds.starts).tolist()
                return found
        bounds = pairwise(folds.starts.tolist())
        return [score_one(scorer, f, first, last) for f, (first, last) in enumerate(bounds)]

    if not isinstance(scorer, dict):
        return scores(scorer)
    columns = [scores(one) for one in scorer.values()]
    return [dict(zip(scorer, row, strict=True)) for row in zip(*columns, strict=True)]
