"""How training and test scores move with the number of samples, or with a parameter.

`F` folds, `S` sizes or values.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import clone
from scratchnet.model_selection.evaluation import Evaluation, Results, evaluate, evaluation_of
from scratchnet.model_selection.executors import spread
from scratchnet.model_selection.folds import Folds
from scratchnet.model_selection.samples import take_params, take_part
from scratchnet.model_selection.scoring import resolve_scorer
from scratchnet.utils.estimator_type import is_classifier
from scratchnet.utils.validation import check_random_state

__all__ = ["learning_curve", "validation_curve"]

FIVE_SIZES = np.linspace(0.1, 1.0, 5)
FIVE_SIZES.flags.writeable = False


def learning_curve(
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
    return_times: bool = False,
    params: dict[str, Any] | None = None,
    progress: bool = False,
    executor: Any = None,
) -> tuple[NDArray[Any], ...]:
    """Return the training sizes, (S,), and the training and test scores with each, both (S, F).

        scores[s, f] are those of clone(estimator).fit on the first sizes[s] samples of train_f

    Where the two meet, more samples of the kind will not help; where they stay apart, they may.

    train_sizes: shares of the largest training part (floats), or numbers of samples; duplicates are
        dropped with a RuntimeWarning. The largest is the first fold's training part.
    exploit_incremental_learning: one estimator a fold goes from size to size by `partial_fit`.
    shuffle, random_state: permute each training part before its first samples are taken, which
        otherwise may all be of one class. return_times: also the seconds of fit and score, (S, F).
    verbose: 1 prints the sizes. The other arguments are those of `cross_validate`.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [9], [1], [8], [2], [7]], [0, 1, 0, 1, 0, 1]
    >>> model = LogisticRegression()
    >>> sizes, train_scores, test_scores = learning_curve(model, X, y, train_sizes=[2, 4], cv=3)
    >>> sizes, test_scores.mean(axis=1)
    (array([2, 4]), array([1., 1.]))
    """
    if exploit_incremental_learning and not hasattr(estimator, "partial_fit"):
        raise ValueError(f"exploit_incremental_learning needs partial_fit, {estimator!r} has none")
    scorer = resolve_scorer(estimator, scoring)
    options = {"error_score": error_score, "return_train_score": True}
    whole = evaluation_of(estimator, X, y, groups, cv, scorer, params, **options)
    splits = list(whole.folds)
    if not splits:
        raise ValueError("cv gave no folds")
    sizes = _absolute_sizes(train_sizes, len(splits[0][0]))
    if verbose > 0:
        print(f"[learning_curve] Training set sizes: {sizes.tolist()}")
    if shuffle:
        rng = check_random_state(random_state)
        splits = [(rng.permutation(train), test) for train, test in splits]
    # One fold for each pair of a split and a size; the shorter training parts are views.
    tests = [test for _, test in splits for _ in sizes]
    folds = Folds(
        whole.n_samples,
        np.concatenate(tests),
        np.cumsum([0, *map(len, tests)]),
        [train[:size] for train, _ in splits for size in sizes.tolist()],
    )
    evaluation = replace(whole, folds=folds)
    if exploit_incremental_learning:
        classes = np.unique(np.asarray(whole.y)) if is_classifier(estimator) else None
        results = Results()
        work = _Incremental(evaluation, len(sizes), classes)
        for part in spread(work, range(len(splits)), n_jobs=n_jobs, executor=executor):
            results.extend(part)
    else:
        results = evaluate(
            evaluation, n_jobs=n_jobs, executor=executor, verbose=verbose, progress=progress
        )
    columns = [results.train_scores, results.test_scores]
    if return_times:
        columns += [results.fit_times, results.score_times]
    return sizes, *(np.array(column).reshape(-1, len(sizes)).T for column in columns)


def _absolute_sizes(train_sizes: ArrayLike, largest: int) -> NDArray[np.intp]:
    """Return the sizes as numbers of samples, ascending, each once."""
    given = np.asarray(train_sizes)
    is_share = given.dtype.kind == "f"
    if not given.size or given.min() <= 0 or given.max() > (1 if is_share else largest):
        kind = "shares within (0, 1]" if is_share else f"numbers of samples within (0, {largest}]"
        raise ValueError(f"train_sizes must be {kind}, got {given.tolist()}")
    sizes = np.clip((given * largest).astype(int), 1, largest) if is_share else given
    unique = np.unique(sizes)
    if len(unique) < len(given):
        message = (
            f"Removed duplicate entries from 'train_sizes': {len(unique)} remain of {len(given)}"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return unique


@dataclass
class _Incremental:
    """One estimator goes through the sizes of a split: a function of the split, for `spread`.

    evaluation: its folds are the pairs of a split and a size. classes: for `partial_fit`, or None.
    """

    evaluation: Evaluation
    n_sizes: int
    classes: NDArray[Any] | None

    def __call__(self, split: int) -> Results:
        e, results = self.evaluation, Results()
        estimator = clone(e.estimator)
        known = {} if self.classes is None else {"classes": self.classes}
        n_seen = 0
        for fold in range(split * self.n_sizes, (split + 1) * self.n_sizes):
            train, test = e.folds.train(fold), e.folds.test(fold)
            start = perf_counter()
            new = train[n_seen:]
            targets = () if e.y is None else (e.targets(new),)
            params = take_params(e.fit_params, e.n_samples, new)
            X_new = take_part(e.X, new, new if e.pairwise else None)
            estimator.partial_fit(X_new, *targets, **known, **params)
            fitted = perf_counter()
            for part, scores in ((test, results.test_scores), (train, results.train_scores)):
                X = take_part(e.X, part, train if e.pairwise else None)
                scores.append(e.score(estimator, X, e.targets(part), part, results))
            results.fit_times.append(fitted - start)
            results.score_times.append(perf_counter() - fitted)
            n_seen = len(train)
        return results


def validation_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    param_name: str,
    param_range: Sequence[Any] | NDArray[Any],
    groups: Any = None,
    cv: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    pre_dispatch: int | str | None = "all",
    verbose: int = 0,
    error_score: float | str = np.nan,
    params: dict[str, Any] | None = None,
    progress: bool = False,
    executor: Any = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the training and the test scores with each value of a parameter, both (S, F).

    Where both are low, the model is too simple for the data; where the training score rises and the
    test score falls, it learns what is there by chance.

    param_name, param_range: the parameter, `outer__inner` for one of an inner estimator, and its
    values. The other arguments are those of `cross_validate`.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [9], [1], [8], [2], [7]], [0, 1, 0, 1, 0, 1]
    >>> _, scores = validation_curve(
    ...     LogisticRegression(), X, y, param_name="C", param_range=[0.5, 1.0], cv=3
    ... )
    >>> scores
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """
    scorer = resolve_scorer(estimator, scoring)
    options = {"error_score": error_score, "return_train_score": True}
    evaluation = evaluation_of(estimator, X, y, groups, cv, scorer, params, **options)
    results = evaluate(
        evaluation,
        [{param_name: value} for value in param_range],
        n_jobs=n_jobs,
        executor=executor,
        verbose=verbose,
        progress=progress,
    )
    shape = len(param_range), len(evaluation.folds)
    return np.reshape(results.train_scores, shape), np.reshape(results.test_scores, shape)
