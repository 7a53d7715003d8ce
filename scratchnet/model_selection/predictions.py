"""Out-of-fold predictions: each sample by a model that has not seen it.

`N` samples, `F` folds, `M` test samples in all folds together, `K` classes.
"""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.base import clone
from scratchnet.model_selection.all_folds import fit_all_folds
from scratchnet.model_selection.evaluation import evaluation_of
from scratchnet.model_selection.executors import spread
from scratchnet.model_selection.folds import RESPONSES, Folds
from scratchnet.model_selection.samples import take_params, take_part
from scratchnet.model_selection.scoring import (
    FoldOutput,
    resolve_scorer,
    response_method,
)
from scratchnet.utils.estimator_type import is_classifier, is_pairwise
from scratchnet.utils.indexing import num_samples, take_samples
from scratchnet.utils.progress import progress_bar

__all__ = ["cross_val_predict", "pooled_score"]


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str | None = "2*n_jobs",
    method: str = "predict",
    progress: bool = False,
    executor: Any = None,
) -> Any:
    """Return for each sample the output of the model that was not fitted to it, (N, ...).

        output[test_f] = method(clone(estimator).fit(X[train_f], y[train_f]), X[test_f])

    For pictures, and for models that learn from other models' output. A score of it is not the mean
    of the folds' scores: see `pooled_score`.

    method: "predict", "predict_proba", "predict_log_proba" or "decision_function". For the last
        three there is a column for each class in y, sorted; where a training part lacks a class, the
        probability is 0, the logarithm and the decision the least number, with a RuntimeWarning. Of
        several targets that `predict_proba` gives as a list, a list.
    The other arguments are those of `cross_validate`; an error in a fit is raised. verbose: 1 prints
    the number of folds.
    Raises ValueError unless the folds test each sample exactly once.

    >>> from scratchnet.linear_model import LogisticRegression
    >>> X, y = [[0], [1], [2], [7], [8], [9]], ["low"] * 3 + ["high"] * 3
    >>> cross_val_predict(LogisticRegression(), X, y, cv=3).tolist()
    ['low', 'low', 'low', 'high', 'high', 'high']
    """
    if method not in RESPONSES:
        raise ValueError(f"method must be one of {', '.join(RESPONSES)}, got {method!r}")
    work = _prediction(estimator, X, y, groups, cv, method, params)
    folds = work.folds
    if not folds.tests_all_once:
        raise ValueError(
            "cross_val_predict only works for partitions: the folds must test each of the "
            f"{folds.n_samples} samples once, they test {len(folds.test_indices)} in all"
        )
    if verbose:
        print(f"predicting {folds.n_samples} samples in {len(folds)} folds")
    place = np.empty(folds.n_samples, dtype=np.intp)
    place[folds.test_indices] = np.arange(folds.n_samples)
    output = _out_of_fold(work, n_jobs=n_jobs, executor=executor, progress=progress)
    return [one[place] for one in output] if isinstance(output, list) else output[place]


def pooled_score(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    params: dict[str, Any] | None = None,
    progress: bool = False,
    executor: Any = None,
) -> float:
    """Return one score of all out-of-fold predictions together.

        score(y[test_1, …, test_F], output of [model_1 on X[test_1], …, model_F on X[test_F]])

    The way out where a fold alone has no score, as in leave-one-out with R² or AUC. It differs from
    the mean of the folds' scores:

    - For a mean over samples (accuracy, squared error) the two are equal if the folds are of equal
      size; else the pooled one weighs samples equally, where the mean weighs folds equally.
    - R² compares with the mean of all y, where a fold's own R² compares with the mean of the fold.
    - AUC compares outputs of different models, whose scales may differ. A model that has learned
      nothing but the shares of the classes scores below ½, in leave-one-out even 0: where a positive
      sample is left out, fewer of the others are positive.

    scoring: a name, or a scorer by a metric (`make_scorer`); None is accuracy for a classifier, else
        R². The other arguments are those of `cross_validate`. Folds may overlap or leave samples out;
        a sample then counts as often as it is tested.
    Raises TypeError for a scorer that is not made of a metric: there is no one model to call it on.

    Source: Forman & Scholz 2010, "Apples-to-apples in cross-validation studies: pitfalls in
    classifier performance measurement".

    >>> from scratchnet.linear_model import LogisticRegression
    >>> from scratchnet.model_selection import LeaveOneOut
    >>> X, y = [[0], [1], [2], [7], [8], [9]], [0, 0, 0, 1, 1, 1]
    >>> pooled_score(LogisticRegression(), X, y, scoring="roc_auc", cv=LeaveOneOut())
    1.0
    """
    if scoring is None:
        scoring = "accuracy" if is_classifier(estimator) else "r2"
    scorer = resolve_scorer(estimator, scoring)
    method = response_method(scorer, estimator)
    if method is None:
        raise TypeError(
            "pooled_score needs one score by a metric: its name, or make_scorer(metric); "
            f"got scoring={scoring!r}"
        )
    work = _prediction(estimator, X, y, groups, cv, method, params)
    output = _out_of_fold(work, n_jobs=n_jobs, executor=executor, progress=progress)
    known = {} if work.classes is None else {"classes_": work.classes}
    seen = FoldOutput(estimator, lambda method: output, **known)
    return float(scorer(seen, None, take_samples(work.y, work.folds.test_indices)))


def _prediction(
    estimator: Any, X: Any, y: Any, groups: Any, cv: Any, method: str, params: Any
) -> _Prediction:
    whole = evaluation_of(estimator, X, y, groups, cv, None, params)
    return _Prediction(estimator, whole.X, whole.y, whole.folds, method, whole.fit_params)


@dataclass
class _Prediction:
    """All that it takes to predict the test part of any fold: a function of the fold, for `spread`."""

    estimator: Any
    X: Any
    y: Any
    folds: Folds
    method: str
    fit_params: dict[str, Any]

    def __post_init__(self) -> None:
        self.pairwise = is_pairwise(self.estimator)
        # A list of arrays for several targets, (N, T); None where the output needs no columns.
        self.classes: Any = None
        if self.y is not None and (self.method != "predict" or is_classifier(self.estimator)):
            y = np.asarray(self.y)
            self.classes = np.unique(y) if y.ndim == 1 else [np.unique(column) for column in y.T]

    def __call__(self, fold: int) -> Any:
        """Return what a fold's model gives for the samples that the fold tests."""
        try:
            return self.predict(fold)
        except Exception as error:
            error.add_note(f"This was fold {fold} of {len(self.folds)}.")
            raise

    def predict(self, fold: int) -> Any:
        train, test = self.folds.train(fold), self.folds.test(fold)
        against = train if self.pairwise else None
        targets = () if self.y is None else (take_samples(self.y, train),)
        model = clone(self.estimator)
        params = take_params(self.fit_params, num_samples(self.X), train)
        model.fit(take_part(self.X, train, against), *targets, **params)
        output = getattr(model, self.method)(take_part(self.X, test, against))
        if self.method == "predict" or not hasattr(model, "classes_") or self.classes is None:
            return output
        if isinstance(output, list):
            each = zip(output, model.classes_, self.classes, strict=True)
            return [self.columns(one, known, classes) for one, known, classes in each]
        if isinstance(self.classes, list):  # several targets in one table
            return output
        return self.columns(output, model.classes_, self.classes)

    def columns(self, output: NDArray[Any], known: NDArray[Any], classes: NDArray[Any]) -> Any:
        """Return the output with a column for each class, where the model knows some of them."""
        if len(known) == len(classes):
            return output
        advice = "Stratified folds have every class in every training part"
        message = (
            f"Number of classes in training fold ({len(known)}) does not match total number of "
            f"classes ({len(classes)}). {advice}"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        if self.method == "decision_function":
            if output.ndim == 2 and output.shape[1] != len(known):
                raise ValueError(
                    f"the decision_function has shape {output.shape} for {len(known)} classes: its "
                    "columns are not those of the classes, so that none can be added"
                )
            if len(known) <= 2:
                raise ValueError(
                    f"only {len(known)} of {len(classes)} classes in the training fold, whose "
                    f"decision_function has no column for each. {advice}"
                )
        unknown = 0 if self.method == "predict_proba" else np.finfo(output.dtype).min
        table = np.full((len(output), len(classes)), unknown, dtype=output.dtype)
        table[:, np.searchsorted(classes, known)] = output
        return table


def _out_of_fold(work: _Prediction, *, n_jobs: Any, executor: Any, progress: bool) -> Any:
    """Return the output for the test samples of all folds one after the other, (M, ...)."""
    n_folds = len(work.folds)
    if not n_folds:
        raise ValueError("cv gave no folds")
    if not work.pairwise and hasattr(work.estimator, "fit_folds"):
        models = fit_all_folds(work.estimator, work.X, work.y, work.folds, work.fit_params)
        if models is not None:
            return models.test_output(work.method)
    outputs = []
    with progress_bar(n_folds, "fit") if progress else nullcontext() as bar:
        for output in spread(work, range(n_folds), n_jobs=n_jobs, executor=executor):
            outputs.append(output)
            if bar is not None:
                bar.update(1)
    if hasattr(outputs[0], "tocsr"):
        raise TypeError(f"sparse predictions ({type(outputs[0]).__name__}) are not supported")
    if isinstance(outputs[0], list) and work.method != "predict":  # one array for each target
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]
    return np.concatenate(outputs)
