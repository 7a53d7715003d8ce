"""Is a score better than chance? Scores on permuted targets say what chance gives.

`N` samples, `F` folds, `B` permutations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.check_cv import check_cv
from scratchnet.model_selection.evaluation import Evaluation, Results
from scratchnet.model_selection.executors import spread
from scratchnet.model_selection.folds import Folds, folds_of
from scratchnet.model_selection.samples import indexable
from scratchnet.model_selection.scoring import resolve_scorer
from scratchnet.utils.estimator_type import is_classifier
from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.progress import progress_bar
from scratchnet.utils.validation import check_random_state, check_scalar

__all__ = ["permutation_test_score"]


def permutation_test_score(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    n_permutations: int = 100,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    verbose: int = 0,
    scoring: Any = None,
    params: dict[str, Any] | None = None,
    progress: bool = False,
    executor: Any = None,
) -> tuple[float, NDArray[np.float64], float]:
    """Return the mean score over the folds, that of each permutation of y, (B,), and the p-value.

        p = (1 + #{b : score_b ≥ score}) / (1 + B)

    A permutation breaks whatever ties y to X. If nothing does, the true order is one of 1 + B that
    are equally likely to score best, so that p ≤ α has a probability of at most α. The least p that
    B permutations can give is 1 / (1 + B).

    groups: y is permuted within each group, and the splitter gets them. n_permutations: B.
    random_state: draws the permutations. verbose: 1 prints the score of each.
    The other arguments are those of `cross_validate`; an error in a fit or a score is raised.

    Source: Ojala & Garriga 2010, "Permutation tests for studying classifier performance", test 1.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [1], [2], [3], [7], [8], [9], [10]], [0] * 4 + [1] * 4
    >>> score, permuted, p = permutation_test_score(LogisticRegression(), X, y, cv=2, n_permutations=19)
    >>> score, p, (1 + int((permuted >= score).sum())) / 20
    (1.0, 0.1, 0.1)
    """
    check_scalar(n_permutations, "n_permutations", Integral, min_val=1)
    X, y, groups = indexable(X=X, y=y, groups=groups)
    cv = check_cv(cv, y, classifier=is_classifier(estimator))
    work = _MeanScore(estimator, X, y, resolve_scorer(estimator, scoring), params or {})

    def task(order: NDArray[np.intp]) -> tuple[NDArray[np.intp], Folds]:
        # Here, not in a worker, where a splitter that draws would start anew. Stratified folds follow y.
        return order, folds_of(cv, X, take_samples(y, order), groups)

    score = work((None, folds_of(cv, X, y, groups)))
    rng = check_random_state(random_state)
    tasks = map(task, _permutations(n_permutations, num_samples(y), groups, rng))
    permuted = np.empty(n_permutations)
    with progress_bar(n_permutations, "permutation") if progress else nullcontext() as bar:
        for b, found in enumerate(spread(work, tasks, n_jobs=n_jobs, executor=executor)):
            permuted[b] = found
            if verbose:
                print(f"permutation {b + 1}/{n_permutations}: score={found:.3f}")
            if bar is not None:
                bar.update(1)
    return score, permuted, float((1 + (permuted >= score).sum()) / (1 + n_permutations))


def _permutations(
    n_permutations: int, n_samples: int, groups: Any, rng: np.random.RandomState
) -> Iterator[NDArray[np.intp]]:
    """Yield permutations of the samples, which move none out of its group."""
    members = []
    if groups is not None:
        members = [np.flatnonzero(np.asarray(groups) == group) for group in np.unique(groups)]
    for _ in range(n_permutations):
        if groups is None:
            yield rng.permutation(n_samples)
        else:
            order = np.arange(n_samples)
            for group in members:
                order[group] = rng.permutation(group)
            yield order


@dataclass
class _MeanScore:
    """The mean score over the folds for an order of y: a function of both, for `spread`."""

    estimator: Any
    X: Any
    y: Any
    scorer: Any
    fit_params: dict[str, Any]

    def __call__(self, task: tuple[NDArray[np.intp] | None, Folds]) -> float:
        order, folds = task
        y = self.y if order is None else take_samples(self.y, order)
        data = self.estimator, self.X, y, folds, self.scorer
        evaluation = Evaluation(*data, fit_params=self.fit_params, error_score="raise")
        results = evaluation.evaluate_all(None)
        if results is None:
            results = Results()
            estimator = evaluation.new_estimator(None)  # one for all folds, as in scikit-learn
            for fold in range(len(folds)):
                evaluation.evaluate_fold(estimator, fold, results, evaluation.pairwise)
        return float(np.mean(results.test_scores))
