"""The perceptron: a linear unit that learns from its mistakes (Rosenblatt 1958).

`N` samples, `D` features, `K` classes; `y_i` is +1 or −1 here, and `η` is the learning rate.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator, clone
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model.base import LinearClassifierMixin
from scratchnet.linear_model.fold_models import LinearFoldModels, learned_attributes
from scratchnet.linear_model.online import (
    Patience,
    row_states,
    sample_permutation,
    stratified_holdout,
)
from scratchnet.linear_model.perceptron_folds import fit_perceptron_folds
from scratchnet.linear_model.rosenblatt import Penalty, penalised_epoch, rosenblatt_epoch
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.utils.class_weight import compute_class_weight
from scratchnet.utils.multiclass import unique_labels
from scratchnet.utils.parallel import parallel_map
from scratchnet.utils.validation import (
    check_array,
    check_random_state,
    check_sample_weight,
    check_scalar,
    column_or_1d,
    validate_data,
)

__all__ = ["Perceptron"]

# The type and the range of each numeric parameter, and which ends belong to the range.
RANGES: dict[str, tuple[type, float, float | None, str]] = {
    "alpha": (Real, 0, None, "both"),
    "l1_ratio": (Real, 0, 1, "both"),
    "max_iter": (Integral, 1, None, "both"),
    "tol": (Real, 0, None, "both"),
    "verbose": (Integral, 0, None, "both"),
    "eta0": (Real, 0, None, "neither"),
    "validation_fraction": (Real, 0, 1, "neither"),
    "n_iter_no_change": (Integral, 1, None, "both"),
}


class Perceptron(LinearClassifierMixin, BaseEstimator):
    """Rosenblatt's perceptron: whatever it gets wrong is added to its weights.

        f(x) = w·x + b,   predicted +1 where f(x) > 0
        for a mistake, y_i f(x_i) ≤ 0:   w ← w + η y_i x_i,   b ← b + η y_i

    *It converges if a hyperplane separates the classes* (they are linearly separable). Let
    z_i = (x_i, 1), R = max_i ‖z_i‖, and let some u with ‖u‖ = 1 leave the margin
    γ = min_i y_i u·z_i > 0. Starting from 0 with a constant η, the number of mistakes over all epochs
    is at most (R/γ)², whatever η and whatever the order.
    (Each mistake adds at least ηγ to u·(w, b) and at most η²R² to ‖(w, b)‖², so after M of them
    ηγM ≤ ‖(w, b)‖ ≤ ηR√M.) Without an intercept the same holds with z_i = x_i. If no hyperplane
    separates them, as in XOR, every epoch makes a mistake and the weights wander for ever.

    *When it stops.* After an epoch without a mistake: nothing has moved, so nothing ever will.
    Before that, as in scikit-learn, when the mean loss max(0, −y f(x)) of an epoch was not below
    the best by `tol` for `n_iter_no_change` epochs in a row, or after `max_iter` epochs. The rule
    of `tol` may give up on classes that are separable by a small margin; tol=None goes on.
    scikit-learn runs on after the epoch without a mistake until `tol` stops it; that changes
    `n_iter_` and `t_` but not the weights, which are the same as here.

    *It says so* by a ConvergenceWarning if the last epoch still made mistakes, whichever rule
    stopped it. scikit-learn warns only where `max_iter` stopped it and `tol` is not None; so do we
    with a penalty or early stopping, which do not aim at an epoch without mistakes.

    *Several classes* are learned one against all others, each with a hyperplane of its own; the
    largest f_k(x) wins. A class that lies between others has no such hyperplane, even where some f_1 … f_K
    would tell all classes apart.

    Parameters, as in scikit-learn:

    penalty: None, "l2", "l1" or "elasticnet"; `alpha` its factor, `l1_ratio` the share of l1 in
        "elasticnet". A penalty makes the fit slower: it moves the weights at every sample.
    fit_intercept: whether to learn b. max_iter, tol, n_iter_no_change: see above.
    shuffle: take the samples in a new order in each epoch, the order that scikit-learn takes for
        the same `random_state`; False takes them as they come.
    verbose: print a line for every epoch. eta0: η; without a penalty it scales w and b, no more.
    early_stopping: hold out the stratified `validation_fraction` of the samples, and stop when the
        accuracy on it has not risen by `tol` for `n_iter_no_change` epochs in a row.
    class_weight: a factor on η for each class: "balanced" for N / (K N_k), a dictionary, or None.
        Of several classes, the weight counts where the class is the one, not among the others.
    warm_start: start `fit` from the weights of the last one.
    n_jobs: threads over the rows of several classes. The steps are many and short, so that with
        Python's interpreter lock threads gain nothing; the result is the same.

    Learned: `coef_` (1 or K, D), `intercept_` (1 or K,), one row for two classes (positive means
    the second), K for more; `classes_`; `n_iter_`, the epochs of the row that took most;
    `t_` = 1 + n_iter_ · N; `n_features_in_`; `feature_names_in_` of a DataFrame; and `mistakes_`,
    for each row the number of mistakes in each epoch, an array of its own since rows stop at
    different epochs. float32 stays float32, all else becomes float64.

    Sources: Rosenblatt 1958, "The perceptron: a probabilistic model for information storage and
    organization in the brain"; Novikoff 1962, "On convergence proofs on perceptrons".

    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> either = Perceptron(shuffle=False).fit(X, [0, 1, 1, 1])
    >>> either.coef_, either.intercept_
    (array([[2., 2.]]), array([-1.]))
    >>> either.mistakes_
    [array([3, 1, 2, 2, 1, 0])]
    """

    mistakes_: list[NDArray[np.int_]]
    n_iter_: int
    t_: float

    def __init__(
        self,
        *,
        penalty: str | None = None,
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        eta0: float = 1.0,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.eta0 = eta0
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from `X` (N, D) and the labels `y` (N,), until it stops (see the class).

        coef_init, intercept_init: where to start, in the shapes of `coef_` and `intercept_`.
        sample_weight: (N,), a factor on η for each sample. A weight of 2 is one step of twice the
            length, not two steps; a sample of weight 0 is left out, but its class stays.
        Raises ValueError for one class only, and if the weights overflow.
        """
        self._check_parameters()
        table, labels = validate_data(self, X, y)
        if self.warm_start and hasattr(self, "coef_"):
            coef_init = self.coef_ if coef_init is None else coef_init
            intercept_init = self.intercept_ if intercept_init is None else intercept_init
        unfinished = self._learn(
            table,
            labels,
            unique_labels(labels),
            check_sample_weight(sample_weight, len(table), table.dtype),
            (coef_init, intercept_init),
            self.max_iter,
        )
        self.t_ = 1.0 + self.n_iter_ * len(table)
        if unfinished:
            message = (
                f"Perceptron stopped after {self.n_iter_} epochs without having converged "
                f"({'; '.join(unfinished)}). Either no plane separates the classes, or it takes "
                f"more epochs: max_iter={self.max_iter}, tol={self.tol} (None goes on until an "
                "epoch makes no mistake)"
            )
            warnings.warn(ConvergenceWarning(message), stacklevel=2)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Take one epoch over `X` (N, D) and `y` (N,), from the weights as they are.

        classes: all classes that will ever come; needed in the first call, unless `fit` came before.
        """
        self._check_parameters()
        if self.early_stopping or self.class_weight == "balanced":
            option = "early_stopping=True" if self.early_stopping else "class_weight='balanced'"
            raise ValueError(f"{option} needs all the data, and partial_fit sees a part of it")
        is_first = not hasattr(self, "coef_")
        if is_first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        given = self.classes_ if classes is None else unique_labels(column_or_1d(classes))
        if not is_first and not np.array_equal(given, self.classes_):
            raise ValueError(f"classes={given.tolist()}, but before: {self.classes_.tolist()}")
        table, labels = validate_data(self, X, y, reset=is_first)
        weight = check_sample_weight(sample_weight, len(table), table.dtype)
        start = (None, None) if is_first else (self.coef_, self.intercept_)
        self._learn(table, labels, given, weight, start, 1)
        self.t_ = getattr(self, "t_", 1.0) + len(table)
        return self

    def fit_folds(
        self,
        X: ArrayLike,
        y: ArrayLike,
        folds: Folds,
        sample_weight: ArrayLike | None = None,
        scaling: FoldScaling | None = None,
    ) -> LinearFoldModels | None:
        """Return the models of all folds, fitted together; None if that cannot be done here.

        See `model_selection/folds.py` for the protocol, `perceptron_folds.py` for the method. It is
        for the plain rule: without a penalty, early stopping or weights of samples.
        """
        fitted = clone(self)
        is_seeded = not self.shuffle or isinstance(self.random_state, Integral)
        plain = self.penalty is None and not (self.early_stopping or self.verbose)
        if not plain or not is_seeded or sample_weight is not None:
            return None
        try:
            fitted._check_parameters()
            table, labels = validate_data(fitted, X, y)
            classes = unique_labels(labels)
            if self.class_weight == "balanced" or len(classes) < 2:
                return None
            weight = compute_class_weight(self.class_weight, classes=classes, y=labels)
        except (TypeError, ValueError):
            return None
        if not weight.all():
            return None
        models = fit_perceptron_folds(
            self, table, np.searchsorted(classes, labels), classes, weight, folds, scaling
        )
        if models is not None:
            models.attributes.update(learned_attributes(fitted))
        return models

    def _learn(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        classes: NDArray[Any],
        weight: NDArray[Any],
        start: tuple[ArrayLike | None, ArrayLike | None],
        max_iter: int,
    ) -> list[str]:
        """Learn every row, set what was learned, and return what has not converged, in words."""
        if len(classes) < 2:
            raise ValueError(
                f"Perceptron needs two classes or more, y has {len(classes)} class: {classes.tolist()}"
            )
        two = len(classes) == 2
        positive = classes[1:] if two else classes  # the class of each row
        coef = _start(start[0], (len(positive), X.shape[1]), "coef_init", X.dtype)
        intercept = _start(start[1], (len(positive),), "intercept_init", X.dtype)
        class_weight = compute_class_weight(self.class_weight, classes=classes, y=y)
        held = np.zeros(len(X), dtype=bool)
        if self.early_stopping:
            split_state = check_random_state(self.random_state)
            held = stratified_holdout(y, self.validation_fraction, split_state)
            if not weight[held].any():
                raise ValueError("sample_weight is zero for all of the samples held out")
        states = row_states(self.random_state, len(positive))

        def learn_row(k: int) -> tuple[NDArray[Any], float, list[int], bool]:
            sign = np.where(y == positive[k], 1, -1).astype(X.dtype)
            # Of two classes each has its weight; of several, all the others have weight 1.
            of_rest, of_class = class_weight if two else (1.0, class_weight[k])
            rate = self.eta0 * (np.where(sign > 0, of_class, of_rest).astype(X.dtype) * weight)
            start = coef[k], float(intercept[k])
            return self._learn_row(*start, X, sign, rate, held, weight, states[k], max_iter)

        rows = parallel_map(learn_row, range(len(positive)), self.n_jobs)
        self.coef_ = np.stack([w for w, _, _, _ in rows])
        self.intercept_ = np.array([b for _, b, _, _ in rows], X.dtype)
        self.classes_ = classes
        self.mistakes_ = [np.array(mistakes) for _, _, mistakes, _ in rows]
        self.n_iter_ = max(len(mistakes) for mistakes in self.mistakes_)
        return [
            f"class {label}: {mistakes[-1]} mistakes in the last epoch"
            for label, (_, _, mistakes, converged) in zip(positive, rows, strict=True)
            if not converged
        ]

    def _learn_row(
        self,
        w: NDArray[Any],
        b: float,
        X: NDArray[Any],
        y: NDArray[Any],
        rate: NDArray[Any],
        held: NDArray[np.bool_],
        weight: NDArray[Any],
        state: np.random.RandomState,
        max_iter: int,
    ) -> tuple[NDArray[Any], float, list[int], bool]:
        """Learn one hyperplane; return w, b, the mistakes of each epoch, and whether no warning is due."""
        penalty = None
        if self.penalty is not None:
            penalty = Penalty(self.penalty, self.alpha, self.l1_ratio, self.eta0)
        aims_at_no_mistakes = penalty is None and not self.early_stopping
        patience = Patience(self.tol, self.n_iter_no_change)
        is_taken = (rate > 0) & ~held
        order = np.arange(len(X))
        permutation = sample_permutation(len(X), state, self.shuffle)
        history: list[int] = []
        while len(history) < max_iter:
            order = order[permutation]
            samples = order[is_taken[order]]
            with np.errstate(over="ignore", invalid="ignore"):
                if penalty is None:
                    w, b, mistakes, loss = rosenblatt_epoch(
                        w, b, X, y, rate, samples, self.fit_intercept
                    )
                else:
                    w, b, mistakes, loss = penalised_epoch(
                        w, b, X, y, rate, samples, self.fit_intercept, penalty
                    )
            history.append(mistakes)
            if not np.isfinite(loss + b + w.sum()):
                raise ValueError(
                    f"the weights overflowed in epoch {len(history)}: the entries of X reach "
                    f"{np.abs(X).max():.3g}, scale them"
                )
            loss /= max(1, len(samples))
            if self.verbose:
                print(f"epoch {len(history)}: {mistakes} mistakes, loss {loss:.6g}")
            if mistakes == 0 and penalty is None:
                return w, b, history, True
            value = -loss
            if self.early_stopping:
                is_right = (X[held] @ w + b > 0) == (y[held] > 0)
                value = float(np.average(is_right, weights=weight[held]))
            # The last entry says whether the fit needs no warning. With a penalty or early stopping,
            # running out of patience is a normal end; reaching max_iter warns if tol was set.
            if patience.is_lost(value):
                return w, b, history, not aims_at_no_mistakes
        return w, b, history, self.tol is None and not aims_at_no_mistakes

    def _check_parameters(self) -> None:
        if self.penalty not in (None, "l2", "l1", "elasticnet"):
            raise ValueError(
                f"penalty must be 'l2', 'l1', 'elasticnet' or None, got {self.penalty!r}"
            )
        for name, (kind, low, high, ends) in RANGES.items():
            if name != "tol" or self.tol is not None:
                value = getattr(self, name)
                check_scalar(value, name, kind, min_val=low, max_val=high, include_boundaries=ends)
        for name in ("fit_intercept", "shuffle", "early_stopping", "warm_start"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))


def _start(
    given: ArrayLike | None, shape: tuple[int, ...], name: str, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the weights to start from, in the shape and dtype they will have: those given, or zeros."""
    if given is None:
        return np.zeros(shape, dtype)
    start = check_array(given, dtype=dtype, ensure_2d=False, input_name=name)
    if start.size != np.prod(shape) or start.ndim > len(shape):
        raise ValueError(
            f"the weights to start from ({name}, or those of the last fit) must have shape {shape}, "
            f"they have {start.shape}"
        )
    return start.reshape(shape)
