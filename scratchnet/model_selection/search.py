"""Searching for parameters: over a grid, or at random.

`F` folds, `C` candidates (choices of parameters).
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from scratchnet.model_selection.base_search import BaseSearchCV
from scratchnet.model_selection.parameters import ParameterGrid, ParameterSampler
from scratchnet.utils.validation import check_scalar

__all__ = ["GridSearchCV", "RandomizedSearchCV"]


class GridSearchCV(BaseSearchCV):
    """Cross-validates every choice of a grid, and fits the best one to all samples.

        best = argmax over candidates of (1/F) Σ_f score_f

    *Which model is the result?* The folds' models only judge the candidates. `best_estimator_` has
    the best one's parameters and is fitted to all samples; `predict` and the like call it. Its
    `best_score_` is the best of many and so flatters: to judge the search, cross-validate the search.

    estimator: any with `fit`. param_grid: as for `ParameterGrid`; `outer__inner` for a parameter of an
        inner estimator.
    scoring, cv, n_jobs, executor, error_score, progress, pre_dispatch: as for `cross_validate`. An
        estimator with `fit_folds` fits the folds of each candidate together, and workers share out
        the candidates. A clone of the search keeps the executor; a pickle leaves it behind.
    refit: False, or True to fit the best; of several scores the name of the one to go by; or a
        function of `cv_results_` that returns the index of the candidate to take.
    return_train_score: add training scores. verbose: 1 prints the number of fits, 2 a line for each,
        3 adds its scores.

    Learned: `cv_results_`, the columns that `ranked_results` lists; `best_index_`, `best_params_`,
    `best_score_` (not if refit is a function; none of the three for several scores without refit);
    `best_estimator_`, `refit_time_` in seconds; `n_splits_`; `scorer_` (a dictionary for several);
    `multimetric_`; `classes_`, `n_features_in_`, `feature_names_in_` of the best estimator.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [9], [1], [8], [2], [7]], [0, 1, 0, 1, 0, 1]
    >>> search = GridSearchCV(LogisticRegression(), {"C": [0.5, 1.0]}, cv=3).fit(X, y)
    >>> search.best_params_, search.cv_results_["rank_test_score"]
    ({'C': 0.5}, array([1, 1], dtype=int32))
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str | None = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        progress: bool = False,
        executor: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            progress=progress,
            executor=executor,
        )
        self.param_grid = param_grid

    def _run_search(self, evaluate_candidates: Callable[..., dict[str, Any]]) -> None:
        evaluate_candidates(ParameterGrid(self.param_grid))


class RandomizedSearchCV(BaseSearchCV):
    """Cross-validates choices drawn at random, and fits the best one to all samples.

    Where few of the parameters matter, random choices try more values of each than a grid of the same
    size: `n_iter` different ones, where a grid over two parameters has √n_iter.

    param_distributions: as for `ParameterSampler`: lists, or distributions with `rvs`. n_iter: how many
        choices. random_state: draws them.
    The other arguments, and what is learned, are those of `GridSearchCV`.

    Source: Bergstra & Bengio 2012, "Random search for hyper-parameter optimization".

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [9], [1], [8], [2], [7]], [0, 1, 0, 1, 0, 1]
    >>> values = {"C": [0.25, 0.5, 1.0, 2.0], "fit_intercept": [True, False]}
    >>> search = RandomizedSearchCV(LogisticRegression(), values, n_iter=3, cv=3, random_state=0)
    >>> len(search.fit(X, y).cv_results_["params"]), float(search.best_score_)
    (3, 1.0)
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str | None = "2*n_jobs",
        random_state: int | np.random.RandomState | None = None,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        progress: bool = False,
        executor: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            progress=progress,
            executor=executor,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state

    def _run_search(self, evaluate_candidates: Callable[..., dict[str, Any]]) -> None:
        check_scalar(self.n_iter, "n_iter", Integral, min_val=1)
        evaluate_candidates(
            ParameterSampler(self.param_distributions, self.n_iter, random_state=self.random_state)
        )
