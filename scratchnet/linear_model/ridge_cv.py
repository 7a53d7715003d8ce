"""Ridge regression that chooses its penalty by cross-validation.

`N` samples, `D` features, `M` targets, `A` penalties.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator
from scratchnet.linear_model.base import LinearRegressorMixin
from scratchnet.linear_model.leave_one_out import leave_one_out_errors
from scratchnet.linear_model.ridge import Ridge
from scratchnet.metrics import check_scoring
from scratchnet.model_selection.scoring import FoldOutput, accepts_sample_weight
from scratchnet.model_selection.search import GridSearchCV
from scratchnet.utils.validation import check_sample_weight, check_scalar, validate_data

__all__ = ["RidgeCV"]


class RidgeCV(LinearRegressorMixin, BaseEstimator):
    """Ridge regression with the α of the smallest leave-one-out error among those given.

        α* = argmin_α  1/N Σ_i s_i (e_i / (1 − h_i))²

    *This is exact leave-one-out*, N fits for the price of one (`leave_one_out_errors` derives it). It
    is not generalised cross-validation (GCV, Golub, Heath & Wahba 1979), which puts the mean leverage in
    the place of each h_i and agrees with it only where all leverages are equal; `gcv_mode` is
    scikit-learn's name all the same.

    Parameters, as in scikit-learn:

    alphas: the penalties to choose from; above 0, or from 0 on with `cv`.
    fit_intercept: whether to learn b; see `Ridge`.
    scoring: None for the squared error above; else the α of the greatest score of all N left-out
        predictions together: a name, or a callable `scorer(model, X, y)`.
    cv: None for leave-one-out; else an integer, a splitter or splits: the α of the greatest mean score
        over folds (by `GridSearchCV`; R² for scoring=None).
    gcv_mode: "svd" decomposes X, "eigen" XᵀX or XXᵀ; None and "auto" take "eigen". Where rounding
        would show in the result of "eigen", X is decomposed.
    store_cv_results: keep `cv_results_`. alpha_per_target: choose an α for each target. Both only
        without `cv`.

    Learned: `alpha_`, the chosen one, or (M,) with `alpha_per_target`; `best_score_`, its score (minus
    the mean squared error for scoring=None); `coef_`, `intercept_` of `Ridge(alpha_)` fitted to all
    samples; `cv_results_` (N, A), or (N, M, A) for y (N, M), the squared errors times s_i, or with
    `scoring` the left-out predictions; `n_features_in_`; `feature_names_in_` of a DataFrame.

    The score that chose α flatters: to judge the procedure, cross-validate RidgeCV itself.

    >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> model = RidgeCV(alphas=[0.5, 5.0], store_cv_results=True).fit(X, y)
    >>> model.cv_results_[:, 0]  # leaving out 0: mean 1.5, w = 0.5 / (0.5 + 0.5), error −0.75
    array([0.5625, 0.    , 0.5625])
    """

    alpha_: Any
    best_score_: Any
    cv_results_: NDArray[Any]

    def __init__(
        self,
        alphas: ArrayLike = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: str | Callable[..., float] | None = None,
        cv: Any = None,
        gcv_mode: str | None = None,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.gcv_mode = gcv_mode
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose α and learn from `X` (N, D) and `y` (N,) or (N, M).

        sample_weight: (N,), s_i. Leave-one-out weights the errors with it too, and hands it to a scorer
        that takes it; folds (`cv`) are scored without.
        """
        alphas = self.checked_alphas()
        if self.cv is not None:
            table, targets = validate_data(self, X, y, multi_output=True)
            return self._fit_with_cv(table, targets, alphas, sample_weight)
        # Worked out in float64; the result has the type of X.
        table, targets = validate_data(self, X, y, multi_output=True, dtype=np.float64)
        kept = np.dtype(np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(table))
        columns = targets.reshape(len(table), -1)  # (N, M)
        scorer = check_scoring(self, scoring=self.scoring, allow_none=True)
        errors_of_alphas = leave_one_out_errors(
            table,
            columns,
            weight,
            alphas,
            fit_intercept=self.fit_intercept,
            exact=self.gcv_mode == "svd",
        )
        scores, results = [], []
        for errors in errors_of_alphas:  # (N, M)
            if self.scoring is None:
                found = errors**2 if weight is None else weight[:, None] * errors**2
                mean = found.mean(axis=0)
                scores.append(-mean if self.alpha_per_target else [-mean.mean()])
            else:
                found = columns - errors
                scores.append(self._score(scorer, found.reshape(targets.shape), targets, weight))
            if self.store_cv_results:
                results.append(found.reshape(targets.shape).astype(kept))
        table_of_scores = np.array(scores, dtype=np.float64)  # (A, 1) or (A, M)
        # The first of several that are equally good; a score of NaN is never the best.
        best = np.where(np.isnan(table_of_scores), -np.inf, table_of_scores).argmax(axis=0)
        self.alpha_ = alphas[best]
        self.best_score_ = table_of_scores[best, np.arange(table_of_scores.shape[1])]
        if len(best) == 1:
            self.alpha_, self.best_score_ = float(self.alpha_[0]), float(self.best_score_[0])
        if self.store_cv_results:
            self.cv_results_ = np.stack(results, axis=-1)
        model = Ridge(self.alpha_, fit_intercept=self.fit_intercept).fit(table, targets, weight)
        self.coef_, self.intercept_ = model.coef_.astype(kept), model.intercept_
        if self.fit_intercept:
            self.intercept_ = self.intercept_.astype(kept)
        return self

    def checked_alphas(self) -> NDArray[np.float64]:
        """Return the penalties to choose from, (A,); raise an error for a parameter out of its range."""
        for name in ("fit_intercept", "store_cv_results", "alpha_per_target"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))
        if self.gcv_mode not in (None, "auto", "svd", "eigen"):
            raise ValueError(
                f"gcv_mode must be None, 'auto', 'svd' or 'eigen', got {self.gcv_mode!r}"
            )
        if self.cv is not None:
            for name in ("store_cv_results", "alpha_per_target"):
                if getattr(self, name):
                    raise ValueError(f"cv!=None and {name}=True are incompatible")
        ends = "neither" if self.cv is None else "left"
        several: Any = self.alphas if np.ndim(self.alphas) else [self.alphas]
        if not len(several):
            raise ValueError("alphas is empty: there is nothing to choose from")
        for index, alpha in enumerate(several):
            name = f"alphas[{index}]" if len(several) > 1 else "alphas"
            check_scalar(alpha, name, Real, min_val=0, max_val=np.inf, include_boundaries=ends)
        return np.array(several, dtype=np.float64)

    def _score(
        self, scorer: Any, predictions: NDArray[Any], y: NDArray[Any], weight: NDArray[Any] | None
    ) -> list[float]:
        """Return the score of the left-out predictions, or one for each target."""
        known = {}
        if weight is not None and accepts_sample_weight(scorer, self):
            known["sample_weight"] = weight
        pairs = [(predictions, y)]
        if self.alpha_per_target and y.ndim == 2:
            pairs = list(zip(predictions.T, y.T, strict=True))

        def score(found: NDArray[Any], truth: NDArray[Any]) -> float:
            return float(scorer(FoldOutput(self, lambda _: found), found, truth, **known))

        return [score(found, truth) for found, truth in pairs]

    def _fit_with_cv(
        self, X: NDArray[Any], y: NDArray[Any], alphas: NDArray[Any], sample_weight: Any
    ) -> Self:
        """Choose α by the mean score over folds, and take over the best model."""
        search = GridSearchCV(
            Ridge(fit_intercept=self.fit_intercept),
            {"alpha": alphas.tolist()},
            cv=self.cv,
            scoring=self.scoring,
        )
        known = {} if sample_weight is None else {"sample_weight": sample_weight}
        search.fit(X, y, **known)
        model = search.best_estimator_
        self.alpha_, self.best_score_ = model.alpha, search.best_score_
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        return self
