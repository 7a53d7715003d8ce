"""Fitting an estimator to the training part of each fold, and scoring it on the test part.

`N` samples, `F` folds. What the public functions have in common: which model is fitted to what, what
is timed, what a failure becomes.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from numbers import Real
from time import perf_counter
from traceback import format_exc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.base import clone
from scratchnet.exceptions import FitFailedWarning
from scratchnet.model_selection.all_folds import fit_all_folds, score_all_folds
from scratchnet.model_selection.check_cv import check_cv
from scratchnet.model_selection.executors import spread
from scratchnet.model_selection.folds import Folds, folds_of
from scratchnet.model_selection.samples import indexable, take_params, take_part
from scratchnet.model_selection.scoring import score
from scratchnet.utils.estimator_type import is_classifier, is_pairwise
from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.progress import progress_bar

__all__ = ["Evaluation", "Results", "evaluate", "evaluation_of", "score_columns"]

Parameters = dict[str, Any] | None
Task = tuple[Parameters, range]  # the parameters to set, and the folds


@dataclass
class Results:
    """What the fits gave: in each list one entry for each fit, in their order."""

    test_scores: list[Any] = field(default_factory=list)  # a number, a dictionary of them, or None
    train_scores: list[Any] = field(default_factory=list)  # likewise; empty unless asked for
    fit_times: list[float] = field(default_factory=list)  # seconds
    score_times: list[float] = field(default_factory=list)
    estimators: list[Any] = field(default_factory=list)  # empty unless asked for
    fit_errors: list[str | None] = field(default_factory=list)  # the traceback, or None
    score_errors: list[str] = field(default_factory=list)  # one entry for each score that failed

    def extend(self, other: Results) -> None:
        """Append what other fits gave."""
        for name, values in vars(self).items():
            values.extend(getattr(other, name))


@dataclass
class Evaluation:
    """All that it takes to fit and score any fold: a function of a task, for `spread`.

    scorer: one scorer, or a dictionary of them. fit_params, score_params: arguments of `fit` and of
    the scorers, of full length. error_score: what the score of a failure is, or "raise".
    """

    estimator: Any
    X: Any
    y: Any
    folds: Folds
    scorer: Any
    fit_params: dict[str, Any] = field(default_factory=dict)
    score_params: dict[str, Any] = field(default_factory=dict)
    error_score: Any = np.nan
    return_train_score: bool = False
    return_estimator: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.error_score, Real) or self.error_score == "raise"):
            raise ValueError(f"error_score must be 'raise' or a number, got {self.error_score!r}")
        if not isinstance(self.fit_params, dict):
            raise TypeError(
                f"params must be a dictionary of arguments of fit, got {self.fit_params!r}"
            )
        self.n_samples = num_samples(self.X)
        self.pairwise = is_pairwise(self.estimator)

    def __call__(self, task: Task) -> Results:
        """Fit and score these folds with these parameters; all at once, if they are all folds."""
        parameters, numbers = task
        results = None
        if len(numbers) == len(self.folds):
            results = self.evaluate_all(parameters)
        if results is None:
            results = Results()
            for fold in numbers:
                estimator = self.new_estimator(parameters)
                pairwise = is_pairwise(estimator) if parameters else self.pairwise
                try:
                    self.evaluate_fold(estimator, fold, results, pairwise)
                except Exception as error:
                    which = f" with {parameters}" if parameters else ""
                    error.add_note(f"This was fold {fold} of {len(self.folds)}{which}.")
                    raise
        return results

    def new_estimator(self, parameters: Parameters) -> Any:
        """Return an unfitted estimator with these parameters."""
        estimator = clone(self.estimator)
        if parameters:
            # Cloned, because a parameter may be an estimator, which the fit would change.
            estimator.set_params(**clone(parameters, safe=False))
        return estimator

    def evaluate_all(self, parameters: Parameters) -> Results | None:
        """Fit and score all folds at once; None where the estimator cannot.

        The time is shared equally among the folds.
        """
        if not hasattr(self.estimator, "fit_folds"):
            return None
        estimator = self.new_estimator(parameters) if parameters else self.estimator
        if is_pairwise(estimator):
            return None
        n_folds = len(self.folds)
        data = self.X, self.y, self.folds
        start = perf_counter()
        models = fit_all_folds(estimator, *data, self.fit_params)
        if models is None:
            return None
        results = Results(fit_errors=[None] * n_folds)
        fitted = perf_counter()
        results.fit_times = [(fitted - start) / n_folds] * n_folds
        how = self.score_params, self.error_score, results.score_errors
        results.test_scores = score_all_folds(self.scorer, estimator, models, *data, *how)
        results.score_times = [(perf_counter() - fitted) / n_folds] * n_folds
        for fold in range(n_folds if self.return_train_score or self.return_estimator else 0):
            model = models.model(fold)
            if self.return_train_score:
                train = self.folds.train(fold)
                parts = take_samples(self.X, train), self.targets(train), train
                results.train_scores.append(self.score(model, *parts, results))
            if self.return_estimator:
                results.estimators.append(model)
        return results

    def evaluate_fold(
        self, estimator: Any, fold: int, results: Results, pairwise: bool = False
    ) -> None:
        """Fit an estimator to the training part of a fold, score it, and append what comes out.

        pairwise: whether X holds pairs of samples, so that its columns are cut too.
        """
        train, test = self.folds.train(fold), self.folds.test(fold)
        start = perf_counter()
        # The one part of X for the fit is also the one that the training score is for.
        X_train = take_part(self.X, train, train if pairwise else None)
        y_train = self.targets(train)
        fit_params = take_params(self.fit_params, self.n_samples, train)
        fit_error = test_score = train_score = None
        try:
            if y_train is None:
                estimator.fit(X_train, **fit_params)
            else:
                estimator.fit(X_train, y_train, **fit_params)
        except Exception:
            if self.error_score == "raise":
                raise
            fit_error = format_exc()
        fitted = scored = perf_counter()
        if fit_error is None:
            X_test = take_part(self.X, test, train if pairwise else None)
            test_score = self.score(estimator, X_test, self.targets(test), test, results)
            scored = perf_counter()
            if self.return_train_score:
                train_score = self.score(estimator, X_train, y_train, train, results)
        results.test_scores.append(test_score)
        if self.return_train_score:
            results.train_scores.append(train_score)
        results.fit_times.append(fitted - start)
        results.score_times.append(scored - fitted)
        if self.return_estimator:
            results.estimators.append(estimator)
        results.fit_errors.append(fit_error)

    def targets(self, indices: NDArray[np.intp]) -> Any:
        """Return y of these samples; None if there is no y."""
        return None if self.y is None else take_samples(self.y, indices)

    def score(self, model: Any, X: Any, y: Any, indices: NDArray[np.intp], results: Results) -> Any:
        """Return the score of a model on X and y, which are the samples at `indices`."""
        params = take_params(self.score_params, self.n_samples, indices)
        return score(self.scorer, model, X, y, params, self.error_score, results.score_errors)


def evaluation_of(
    estimator: Any,
    X: Any,
    y: Any,
    groups: Any,
    cv: Any,
    scorer: Any,
    params: dict[str, Any] | None,
    **options: Any,
) -> Evaluation:
    """Return what is to be evaluated, from what the user passed; options: those of `Evaluation`."""
    X, y, groups = indexable(X=X, y=y, groups=groups)
    folds = folds_of(check_cv(cv, y, classifier=is_classifier(estimator)), X, y, groups)
    return Evaluation(estimator, X, y, folds, scorer, fit_params=params or {}, **options)


def evaluate(
    evaluation: Evaluation,
    candidates: Iterable[Parameters] = (None,),
    *,
    n_jobs: int | None = None,
    executor: Any = None,
    verbose: int = 0,
    progress: bool = False,
) -> Results:
    """Fit and score all folds with each of the candidates' parameters, candidate by candidate.

    Warns of failures, or raises ValueError if every fit failed.
    verbose: 2 prints a line for each fit, 3 adds its scores. progress: show a bar.
    """
    candidates, n_folds = list(candidates), len(evaluation.folds)
    if not candidates or not n_folds:
        raise ValueError(
            f"No fits were performed: there are {len(candidates)} candidates and {n_folds} folds"
        )
    every = range(n_folds)
    has_fit_folds = hasattr(evaluation.estimator, "fit_folds")
    results = Results()
    total = len(candidates) * n_folds
    with progress_bar(total, "fit") if progress else nullcontext() as bar:
        at_once = None
        if has_fit_folds and len(candidates) == 1 < n_folds:
            at_once = evaluation.evaluate_all(candidates[0])  # here: there is nothing to spread
        if at_once is not None:
            tasks: list[Task] = [(candidates[0], every)]
            parts: Iterable[Results] = [at_once]
        else:
            by_candidate = has_fit_folds and len(candidates) > 1
            shares = [every] if by_candidate else [range(fold, fold + 1) for fold in every]
            tasks = [(parameters, share) for parameters in candidates for share in shares]
            parts = spread(evaluation, tasks, n_jobs=n_jobs, executor=executor)
        for (parameters, numbers), part in zip(tasks, parts, strict=True):
            results.extend(part)
            if verbose > 1:
                _print_lines(part, parameters, numbers, n_folds, verbose)
            if bar is not None:
                bar.update(len(numbers))
    _report_failures(results, evaluation)
    return results


def _print_lines(
    part: Results, parameters: Parameters, numbers: range, n_folds: int, verbose: int
) -> None:
    """Print a line for each fit: "[CV 1/5] END C=1; score=0.912 total time=  0.1s"."""
    setting = ", ".join(f"{name}={value}" for name, value in sorted((parameters or {}).items()))
    for i, fold in enumerate(numbers):
        line = f"[CV {fold + 1}/{n_folds}] END {setting}{';' if setting else ''}"
        if verbose > 2 and part.fit_errors[i] is None:
            tests = _by_name(part.test_scores[i])
            trains = _by_name(part.train_scores[i]) if part.train_scores else {}
            for name, test in tests.items():
                value = f"(train={trains[name]:.3f}, test={test:.3f})" if trains else f"{test:.3f}"
                line += f" {name}={value}"
        print(f"{line} total time={part.fit_times[i] + part.score_times[i]:5.1f}s")


def _by_name(scores: Any) -> dict[str, Any]:
    return scores if isinstance(scores, dict) else {"score": scores}


def _report_failures(results: Results, evaluation: Evaluation) -> None:
    """Warn of what failed, give it `error_score`; raise ValueError if every fit failed."""
    error_score = evaluation.error_score
    for error in results.score_errors:
        message = (
            "Scoring failed. The score on this train-test partition for these parameters will be "
            f"set to {error_score}. Details:\n{error}"
        )
        warnings.warn(message, UserWarning, stacklevel=4)
    failed = [i for i, error in enumerate(results.fit_errors) if error is not None]
    if not failed:
        return
    counts = Counter(results.fit_errors[i] for i in failed)
    details = "\n".join(
        f"{'-' * 80}\n{n} fits failed with the following error:\n{error}"
        for error, n in counts.items()
    )
    n_fits = len(results.fit_errors)
    if len(failed) == n_fits:
        raise ValueError(
            f"All the {n_fits} fits failed: the estimator or its parameters are likely wrong. "
            f"error_score='raise' raises the first error itself.\n{details}"
        )
    # A scorer may give a number or a dictionary: what it is, the fits that succeeded have shown.
    example = next(s for s, e in zip(results.test_scores, results.fit_errors, strict=True) if not e)
    for i in failed:
        for scores in filter(None, (results.test_scores, results.train_scores)):
            is_dict = isinstance(example, dict)
            scores[i] = dict.fromkeys(example, error_score) if is_dict else error_score
    message = (
        f"{len(failed)} fits failed out of a total of {n_fits}. The score on these train-test "
        f"partitions for these parameters will be set to {error_score}. error_score='raise' raises "
        f"the first error itself.\n{details}"
    )
    warnings.warn(FitFailedWarning(message), stacklevel=4)


def score_columns(scores: list[Any]) -> dict[str, NDArray[Any]]:
    """Return the scores as one array for each scorer, by its name; a single one is called "score"."""
    if not isinstance(scores[0], dict):
        return {"score": np.asarray(scores)}
    return {name: np.asarray([row[name] for row in scores]) for name in scores[0]}
