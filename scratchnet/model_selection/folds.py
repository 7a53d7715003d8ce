"""The training and test parts of all folds at once, and what it takes to fit them all at once.

`N` samples, `F` folds, `M` test samples in all folds together.

An estimator that can fit many training parts together has a method

    fit_folds(X, y, folds, sample_weight=None) -> FoldModels | None

which leaves the estimator itself as it is. None says that it cannot for this data or with these
parameters; the caller then fits a clone to each training part, with which `fit_folds` agrees up to
the tolerance of the solver. `cross_validate`, `cross_val_score`, `cross_val_predict` and the
searches ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.indexing import num_samples

__all__ = [
    "RESPONSES",
    "FoldModels",
    "FoldScaling",
    "Folds",
    "depth_of",
    "folds_of",
    "has_fit_folds",
]


RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class FoldModels(Protocol):
    """What `fit_folds` returns: one fitted model for each fold.

    The models of a classifier all know the same classes. Where a training part lacks a class,
    `fit_folds` returns None.
    """

    def model(self, fold: int) -> Any:
        """Return the estimator of a fold, as `clone(estimator).fit(X[train], y[train])` would be."""

    def test_output(self, method: str) -> NDArray[Any]:
        """Return what each fold's model gives for the samples that the fold tests, (M, ...).

        method: "predict", "decision_function", "predict_proba" or "predict_log_proba"; the samples
        are in the order of `folds.test_indices`.
        """


@dataclass(frozen=True)
class FoldScaling:
    """What a scaler, fitted to each training part, does to the features there.

        z = (x − shift) / scale

    shift, scale: (F, D). A scaler gives it by `fold_scaling(X, folds)`; a pipeline hands it to the
    `fit_folds` of a linear model behind the scaler, as `scaling=`.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]


class Folds:
    """Which samples each fold tests and which it trains on.

        test(f) = test_indices[starts[f] : starts[f + 1]]
        train(f) = all samples but test(f), if no training parts are given

    For folds that partition the samples that is N + F + 1 numbers, where F pairs of index arrays
    would be F·N: leave-one-out of 10,000 samples is 160 kB here instead of 800 MB.

    n_samples: N. test_indices: (M,). starts: (F + 1,). train_parts: None, or F index arrays.

    >>> folds = Folds(4, np.array([0, 2, 1, 3]), np.array([0, 2, 4]))
    >>> [(train.tolist(), test.tolist()) for train, test in folds]
    [([1, 3], [0, 2]), ([0, 2], [1, 3])]
    """

    def __init__(
        self,
        n_samples: int,
        test_indices: NDArray[np.intp],
        starts: NDArray[np.intp],
        train_parts: list[NDArray[np.intp]] | None = None,
    ) -> None:
        self.n_samples = n_samples
        self.test_indices = test_indices
        self.starts = starts
        self.train_parts = train_parts

    @classmethod
    def from_numbers(cls, numbers: NDArray[np.integer], n_folds: int) -> Folds:
        """Return the folds in which sample i is tested by fold numbers[i]; by none if that is −1.

        Within a fold the test samples keep their order.
        """
        order = np.argsort(numbers, kind="stable")
        counts = np.bincount(numbers.astype(np.intp) + 1, minlength=n_folds + 1)  # −1 comes first
        return cls(len(numbers), order[counts[0] :], np.cumsum(counts) - counts[0])

    @classmethod
    def from_splits(cls, splits: Iterable[tuple[Any, Any]], n_samples: int) -> Folds:
        """Return the folds of (train, test) pairs of indices or of masks.

        Training parts that are all samples but the tested ones, in order, are not kept.
        """
        trains: list[NDArray[np.intp] | None] = []
        tests: list[NDArray[np.intp]] = []
        for pair in splits:
            train, test = (_indices(part, n_samples) for part in pair)
            is_rest = len(train) + len(test) == n_samples and np.array_equal(
                train, _all_but(test, n_samples)
            )
            trains.append(None if is_rest else train)
            tests.append(test)
        starts = np.cumsum([0, *map(len, tests)])
        test_indices = np.concatenate([np.zeros(0, np.intp), *tests])
        if all(train is None for train in trains):
            return cls(n_samples, test_indices, starts)
        train_parts = [
            _all_but(test, n_samples) if train is None else train
            for train, test in zip(trains, tests, strict=True)
        ]
        return cls(n_samples, test_indices, starts, train_parts)

    def __len__(self) -> int:
        """Return F."""
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the pairs (train, test) of indices, as a splitter does."""
        return ((self.train(fold), self.test(fold)) for fold in range(len(self)))

    def test(self, fold: int) -> NDArray[np.intp]:
        """Return the samples that a fold tests."""
        return self.test_indices[self.starts[fold] : self.starts[fold + 1]]

    def train(self, fold: int) -> NDArray[np.intp]:
        """Return the samples that a fold trains on."""
        if self.train_parts is not None:
            return self.train_parts[fold]
        return _all_but(self.test(fold), self.n_samples)

    def train_counts(self, first: int, last: int) -> NDArray[np.float64]:
        """Return how often each sample stands in the training parts first … last − 1, (B, N).

        0 or 1, unless a training part names a sample more than once, as a bootstrap does.
        """
        if self.train_parts is not None:
            rows = [np.bincount(p, minlength=self.n_samples) for p in self.train_parts[first:last]]
            return np.array(rows, dtype=np.float64).reshape(last - first, self.n_samples)
        counts = np.ones((last - first, self.n_samples))
        row = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
        counts[row, self.test_indices[self.starts[first] : self.starts[last]]] = 0
        return counts

    @property
    def tests_all_once(self) -> bool:
        """Whether each of the N samples is tested by exactly one fold."""
        return len(self.test_indices) == self.n_samples and bool(
            (np.bincount(self.test_indices, minlength=self.n_samples) == 1).all()
        )


def _indices(part: Any, n_samples: int) -> NDArray[np.intp]:
    """Return indices, or the places where a mask is true, as indices from 0 to N − 1."""
    indices = np.asarray(part)
    if indices.dtype == bool:
        return np.flatnonzero(indices)
    if len(indices) and not -n_samples <= indices.min() <= indices.max() < n_samples:
        raise ValueError(f"a fold names sample {indices.max()} of {n_samples} samples")
    return indices.astype(np.intp, copy=False) % max(n_samples, 1)


def _all_but(test: NDArray[np.intp], n_samples: int) -> NDArray[np.intp]:
    is_training = np.ones(n_samples, dtype=bool)
    is_training[test] = False
    return np.flatnonzero(is_training)


def folds_of(cv: Any, X: Any, y: Any = None, groups: Any = None) -> Folds:
    """Return the folds of a splitter, ours or any other that has `split`.

    A splitter that has `fold_numbers` is asked for one number a sample; the others enumerate.
    """
    if hasattr(cv, "fold_numbers"):
        return Folds.from_numbers(cv.fold_numbers(X, y, groups), cv.get_n_splits(X, y, groups))
    return Folds.from_splits(cv.split(X, y, groups), num_samples(X))


def has_fit_folds(cls: type) -> bool:
    """Return whether `fit_folds` speaks for the `fit` and `predict` that the class has.

    A subclass with a `fit` of its own inherits a `fit_folds` that knows nothing of it.
    """
    own = depth_of(cls, "fit_folds")
    others = ("fit", *RESPONSES)
    return hasattr(cls, "fit_folds") and all(own <= depth_of(cls, name) for name in others)


def depth_of(cls: type, name: str) -> int:
    """Return how many classes lie before the one that defines an attribute; all, if none does."""
    bases = cls.__mro__
    return next((i for i, base in enumerate(bases) if name in vars(base)), len(bases))
