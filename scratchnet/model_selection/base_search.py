"""What searches for parameters share: each candidate is cross-validated, the best one refitted.

`F` folds, `C` candidates (choices of parameters).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from time import perf_counter
from typing import Any, Self

import numpy as np

from scratchnet.base import BaseEstimator, check_is_fitted, clone
from scratchnet.model_selection.check_cv import check_cv
from scratchnet.model_selection.evaluation import Evaluation, Results, evaluate
from scratchnet.model_selection.folds import folds_of
from scratchnet.model_selection.samples import indexable
from scratchnet.model_selection.scoring import accepts_sample_weight, resolve_scorer
from scratchnet.model_selection.search_results import ranked_results
from scratchnet.utils.available_if import available_if
from scratchnet.utils.estimator_type import estimator_type, is_classifier

__all__ = ["BaseSearchCV"]


def _of_best_estimator(name: str) -> Any:
    """Return a method that is there if the estimator has it, and calls that of `best_estimator_`."""

    def has_method(self: BaseSearchCV) -> bool:
        self._check_refit(name)
        getattr(getattr(self, "best_estimator_", self.estimator), name)  # or AttributeError
        return True

    def method(self: BaseSearchCV, X: Any) -> Any:
        check_is_fitted(self, "best_estimator_")
        return getattr(self.best_estimator_, name)(X)

    method.__name__ = name
    method.__doc__ = f"Return what `{name}` of `best_estimator_` gives; needs refit."
    return available_if(has_method)(method)


class BaseSearchCV(BaseEstimator):
    """What the searches share. A subclass says in `_run_search` which candidates to evaluate.

    *Which model is the result?* The folds' models only judge the candidates. `best_estimator_` has
    the best one's parameters and is fitted to all samples. Its `best_score_` is the best of many, so it
    flatters: to judge the search itself, cross-validate the search, which is an estimator.
    """

    def __init__(
        self,
        estimator: Any,
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
        self.estimator = estimator
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.progress = progress
        self.executor = executor

    def _run_search(self, evaluate_candidates: Callable[..., dict[str, Any]]) -> None:
        """Call `evaluate_candidates(candidates)`, once or more; each call returns all results so far.

        candidates: dictionaries of parameters. `cv=` takes another splitter for them, `more_results=`
        a dictionary of further columns for `cv_results_`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _run_search")

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Evaluate the candidates on X and y, and fit the best one to all of them.

        params: arguments of the estimator's `fit`, those with an entry for each sample cut to the
            training parts; `groups` goes to the splitter, `sample_weight` also to the scores.
        Raises ValueError if every fit fails, or if a splitter gives another number of folds than it said.
        """
        scorer = resolve_scorer(self.estimator, self.scoring)
        if isinstance(scorer, dict):
            self._check_refit_names(scorer)
        X, y = indexable(X=X, y=y)
        fit_params = {name: value for name, value in params.items() if name != "groups"}
        groups = params.get("groups")
        self._checked_cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = self._checked_cv.get_n_splits(X, y, groups)
        candidates: list[dict[str, Any]] = []
        fits = Results()
        more: dict[str, list[Any]] = {}
        results: dict[str, Any] = {}

        def evaluate_candidates(
            new: Iterable[dict[str, Any]],
            cv: Any = None,
            more_results: Mapping[str, Iterable[Any]] | None = None,
        ) -> dict[str, Any]:
            nonlocal results
            new = list(new)
            folds = folds_of(cv or self._checked_cv, X, y, groups)
            if len(folds) != self.n_splits_:
                raise ValueError(
                    "cv.split and cv.get_n_splits return inconsistent results: "
                    f"{len(folds)} folds, where {self.n_splits_} were announced"
                )
            if self.verbose > 0:
                print(
                    f"Fitting {len(folds)} folds for each of {len(new)} candidates, totalling "
                    f"{len(folds) * len(new)} fits"
                )
            evaluation = Evaluation(
                self.estimator,
                X,
                y,
                folds,
                scorer,
                fit_params=fit_params,
                score_params=self._score_params(scorer, fit_params),
                error_score=self.error_score,
                return_train_score=self.return_train_score,
            )
            how = {"n_jobs": self.n_jobs, "executor": self.executor, "progress": self.progress}
            fits.extend(evaluate(evaluation, new, verbose=self.verbose, **how))
            candidates.extend(new)
            for name, values in (more_results or {}).items():
                more.setdefault(name, []).extend(values)
            results = ranked_results(candidates, len(folds), fits, more)
            return results

        self._run_search(evaluate_candidates)
        if not candidates:
            raise ValueError("No fits were performed: the search evaluated no candidates")
        self.multimetric_ = isinstance(fits.test_scores[0], dict)
        if self.multimetric_:  # of a callable it is known only now
            self._check_refit_names(fits.test_scores[0])
        self._take_best(results, fit_params, X, y)
        self.scorer_ = scorer
        self.cv_results_ = results
        return self

    def _take_best(
        self, results: dict[str, Any], fit_params: dict[str, Any], X: Any, y: Any
    ) -> None:
        """Set `best_index_` and what follows from it, and refit."""
        if self.multimetric_ and not self.refit:
            return  # several scores, and none of them was named to go by
        metric = self.refit if self.multimetric_ else "score"
        if callable(self.refit):
            self.best_index_ = self.refit(results)
            if not isinstance(self.best_index_, Integral):
                raise TypeError(f"refit must return an integer, it returned {self.best_index_!r}")
            if not 0 <= self.best_index_ < len(results["params"]):
                raise IndexError(
                    f"refit returned {self.best_index_}, there are {len(results['params'])} candidates"
                )
        else:  # of candidates with equal means the first
            self.best_index_ = results[f"rank_test_{metric}"].argmin()
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]
        if not self.refit:
            return
        # Cloned, because a parameter may be an estimator, which the fit would change.
        parameters = clone(self.best_params_, safe=False)
        self.best_estimator_ = clone(self.estimator).set_params(**parameters)
        start = perf_counter()
        if y is None:
            self.best_estimator_.fit(X, **fit_params)
        else:
            self.best_estimator_.fit(X, y, **fit_params)
        self.refit_time_ = perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _score_params(self, scorer: Any, fit_params: dict[str, Any]) -> dict[str, Any]:
        """Return `sample_weight` for the scorers that take it; warn of those that do not."""
        if fit_params.get("sample_weight") is None:
            return {}
        scorers = scorer if isinstance(scorer, dict) else {"scoring": scorer}
        takes = {name: accepts_sample_weight(s, self.estimator) for name, s in scorers.items()}
        for name in (name for name, does in takes.items() if not does):
            message = (
                f"the scorer {name}={scorers[name]} does not support sample_weight: the fits are "
                "weighted, its scores are not"
            )
            warnings.warn(message, UserWarning, stacklevel=4)
        return {"sample_weight": fit_params["sample_weight"]} if any(takes.values()) else {}

    def _check_refit_names(self, scores: Mapping[str, Any]) -> None:
        """Raise ValueError unless refit says which of several scores to go by, or is False or a function."""
        is_name = isinstance(self.refit, str) and self.refit in scores
        if not (self.refit is False or is_name or callable(self.refit)):
            raise ValueError(
                f"with several scores ({', '.join(scores)}) refit must be the name of one, a function "
                f"of cv_results_ that returns an index, or False; got {self.refit!r}"
            )

    def _check_refit(self, name: str) -> None:
        if not self.refit:
            raise AttributeError(
                f"This {type(self).__name__} has `refit=False`. {name} is available only after "
                "refitting on the best parameters: fit the estimator with best_params_ yourself"
            )

    predict = _of_best_estimator("predict")
    predict_proba = _of_best_estimator("predict_proba")
    predict_log_proba = _of_best_estimator("predict_log_proba")
    decision_function = _of_best_estimator("decision_function")
    score_samples = _of_best_estimator("score_samples")
    transform = _of_best_estimator("transform")
    inverse_transform = _of_best_estimator("inverse_transform")

    def score(self, X: Any, y: Any = None) -> Any:
        """Return the score of `best_estimator_` by `scoring`; of several scores, by the one of `refit`."""
        self._check_refit("score")
        check_is_fitted(self)
        scorer = self.scorer_[self.refit] if isinstance(self.scorer_, dict) else self.scorer_
        found = scorer(self.best_estimator_, X) if y is None else scorer(self.best_estimator_, X, y)
        return found[self.refit] if isinstance(found, dict) else found

    @property
    def classes_(self) -> Any:
        """The classes of `best_estimator_`."""
        self._check_refit("classes_")
        return getattr(self, "best_estimator_", self.estimator).classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features that `best_estimator_` saw."""
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(f"{type(self).__name__} has no n_features_in_ before it is fitted")
        n_features: int = self.best_estimator_.n_features_in_
        return n_features

    @property
    def _estimator_type(self) -> str | None:
        return estimator_type(self.estimator)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), self.estimator.__sklearn_tags__()
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = copy.deepcopy(inner.classifier_tags)
        tags.regressor_tags = copy.deepcopy(inner.regressor_tags)
        tags.target_tags.multi_output = inner.target_tags.multi_output
        tags.input_tags.pairwise = inner.input_tags.pairwise
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags

    # An executor can be neither copied nor sent to another process: a copy shares it, a pickle lacks it.

    def __sklearn_clone__(self) -> Self:
        params = self.get_params(deep=False)
        executor = params.pop("executor")
        return type(self)(**clone(params, safe=False), executor=executor)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "executor": None}
