"""Cross-validation: fitting to the training part of each fold and scoring on its test part.

`N` samples, `F` folds.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.model_selection.evaluation import (
    Results,
    evaluate,
    evaluation_of,
    score_columns,
)
from scratchnet.model_selection.folds import Folds
from scratchnet.model_selection.scoring import resolve_scorer

__all__ = ["cross_val_score", "cross_validate"]


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str | None = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: float | str = np.nan,
    progress: bool = False,
    executor: Any = None,
) -> dict[str, Any]:
    """Return the scores and times of one fit for each fold, as a dictionary of arrays (F,).

        model_f = clone(estimator).fit(X[train_f], y[train_f])
        score_f = score(model_f, X[test_f], y[test_f])

    The scores judge the procedure, not a model: the one to use is fitted to all samples afterwards.
    What is learned from data before the fit (a scaler, a choice of features) belongs in the
    estimator, as a pipeline, or the test samples have been seen.

    *All folds at once.* An estimator with `fit_folds` (see `folds.py`) fits them together, here and
    not in workers. Then the time is shared equally among the folds.

    estimator: any with `fit`, of any library; it stays unfitted. X, y: array, DataFrame, list of
        whatever the estimator takes. groups: (N,), for splitters by groups.
    scoring: the name of a score, a callable `scorer(model, X, y)`, None for the estimator's own
        `score`; a list of names or a dictionary of scorers for several.
    cv: as for `check_cv`: stratified folds of a classifier, else `KFold`; 5 if None.
    n_jobs, executor: where the fits run: in `n_jobs` processes of our own (−1: one a processor), or
        by whatever has `submit` or `map`, such as a `ThreadPoolExecutor`. Each worker is sent the data
        once, and the results do not depend on it; `executors.py` says what each needs.
    verbose: 2 prints a line for each fit, 3 adds its scores. progress: show a bar (needs tqdm); an
        executor moves it once a worker.
    params: arguments of `fit`; those with N entries are cut to the training part. scikit-learn's
        metadata routing is not supported.
    pre_dispatch: of no effect, since what waits for a worker is the number of a fold.
    error_score: the score where `fit` or a score raises, with a FitFailedWarning or UserWarning (a
        ValueError if every fit failed); "raise" raises it, with a note that names the fold.
    Returns fit_time and score_time, in seconds; test_score, or test_<name> for several; if asked for
    train_score(s), estimator (list), and indices: {"train": F arrays, "test": F arrays}.

    A score that is undefined for one sample (R², AUC) is NaN in a fold of one, as in leave-one-out,
    with a warning: `pooled_score` is the way out.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [1], [2], [7], [8], [9]], [0, 0, 0, 1, 1, 1]
    >>> cross_validate(LogisticRegression(), X, y, cv=3, return_train_score=True)["train_score"]
    array([1., 1., 1.])
    """
    evaluation = evaluation_of(
        estimator,
        X,
        y,
        groups,
        cv,
        resolve_scorer(estimator, scoring),
        params,
        error_score=error_score,
        return_train_score=return_train_score,
        return_estimator=return_estimator,
    )
    results = evaluate(
        evaluation, n_jobs=n_jobs, executor=executor, verbose=verbose, progress=progress
    )
    found: dict[str, Any] = {
        "fit_time": np.array(results.fit_times),
        "score_time": np.array(results.score_times),
    }
    if return_estimator:
        found["estimator"] = results.estimators
    if return_indices:
        trains, tests = zip(*evaluation.folds, strict=True)
        found["indices"] = {"train": trains, "test": tests}
    test_scores = score_columns(results.test_scores)
    train_scores = score_columns(results.train_scores) if return_train_score else {}
    for name, scores in test_scores.items():
        found[f"test_{name}"] = scores
        if return_train_score:
            found[f"train_{name}"] = train_scores[name]
    warn_of_single_samples(test_scores, results, evaluation.folds)
    return found


def cross_val_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str | None = "2*n_jobs",
    error_score: float | str = np.nan,
    progress: bool = False,
    executor: Any = None,
) -> NDArray[Any]:
    """Return the score of each fold, (F,), by a model that was fitted to the other samples.

    The arguments are those of `cross_validate`, which also takes several scores and gives times,
    training scores and the models. `pooled_score` gives one score over all test samples together.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [1], [2], [7], [8], [9]], [0, 0, 0, 1, 1, 1]
    >>> cross_val_score(LogisticRegression(), X, y, cv=3)
    array([1., 1., 1.])
    """
    # A dictionary of one, so that what is no number is refused.
    scorer = {"score": resolve_scorer(estimator, scoring)}
    evaluation = evaluation_of(estimator, X, y, groups, cv, scorer, params, error_score=error_score)
    results = evaluate(
        evaluation, n_jobs=n_jobs, executor=executor, verbose=verbose, progress=progress
    )
    test_scores = score_columns(results.test_scores)
    warn_of_single_samples(test_scores, results, evaluation.folds)
    return test_scores["score"]


def warn_of_single_samples(
    test_scores: dict[str, NDArray[Any]], results: Results, folds: Folds
) -> None:
    """Warn of scores that are NaN because a fold tests a single sample, and name the way out."""
    is_single = np.diff(folds.starts) == 1
    if results.score_errors or any(results.fit_errors) or not is_single.any():
        return
    for name, scores in test_scores.items():
        is_float = scores.dtype.kind == "f"  # what is no float is never NaN
        n_undefined = int((np.isnan(scores) & is_single).sum()) if is_float else 0
        if n_undefined:
            message = (
                f"the {name} of one sample is not defined: it is NaN in {n_undefined} of "
                f"{len(folds)} folds, which test one sample each. pooled_score scores the "
                "predictions of all folds together"
            )
            warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
