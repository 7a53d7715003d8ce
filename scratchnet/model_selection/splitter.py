"""What all splitters share: `split`, the number of the fold that tests each sample, the printed form.

`N` samples, numbered from 0; `k` folds, numbered from 0.
"""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.indexing import num_samples
from scratchnet.utils.metadata_routing import split_request
from scratchnet.utils.validation import check_consistent_length

__all__ = ["BaseCrossValidator", "PartitionSplitter", "Split", "Splitter"]

Split = tuple[NDArray[np.intp], NDArray[np.intp]]  # the indices of the training and the test part


class Splitter(ABC):
    """A rule that splits samples into a training and a test part, one or more times."""

    # True: needs groups. False: has no use for them and says so. None: a subclass has not said.
    _uses_groups: bool | None = None

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (train, test) for each split: the indices of the samples of each part.

        X: the samples, of which only the number is looked at. y: the target, which stratified
        splitters need. groups: a label for each sample; those that split by groups need it, the
        others warn where they get it.
        Bad input raises when the first split is asked for.
        """
        self._check_groups_are_used(groups)
        return self._splits(X, y, groups)

    @abstractmethod
    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        """Yield what `split` does."""

    @abstractmethod
    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many splits `split` yields."""

    def _check_groups_are_used(self, groups: Any) -> None:
        if groups is not None and self._uses_groups is False:
            message = f"The groups parameter is ignored by {type(self).__name__}"
            warnings.warn(message, UserWarning, stacklevel=3)

    def __repr__(self) -> str:
        """Show every parameter, by the alphabet, in the form that scikit-learn gives it."""
        name, init = type(self).__name__, type(self).__init__
        parameters = [] if init is object.__init__ else list(inspect.signature(init).parameters)[1:]
        text, width = "", len(name)
        with np.printoptions(precision=5, threshold=64, edgeitems=2):
            for parameter in sorted(parameters):
                value = getattr(self, parameter, None)
                entry = f"{parameter}={value if isinstance(value, float) else repr(value)}"
                if len(entry) > 500:
                    entry = f"{entry[:300]}...{entry[-100:]}"
                if text and (width + len(entry) >= 75 or "\n" in entry):
                    separator = ",\n" + " " * (1 + len(name) // 2)
                    width = 0
                else:
                    separator = ", " if text else ""
                text += separator + entry
                width += len(separator) + len(entry)
        return f"{name}({text})"

    def get_metadata_routing(self) -> Any:
        """Return whether groups are asked for. Only scikit-learn calls this."""
        return split_request(self, bool(self._uses_groups))


class BaseCrossValidator(Splitter):
    """A splitter whose training part is all that it does not test.

    A subclass has `get_n_splits`, and yields its test parts as arrays of indices
    (`_iter_test_indices`) or as masks, (N,) (`_iter_test_masks`).
    """

    def _splits(self, X: Any, y: Any, groups: Any) -> Iterator[Split]:
        check_consistent_length(X=X, y=y, groups=groups)
        for is_test in self._iter_test_masks(X, y, groups):
            # np.flatnonzero does the same with more around it, which counts at 100 samples.
            yield (~is_test).nonzero()[0], is_test.nonzero()[0]

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[NDArray[np.bool_]]:
        for test in self._iter_test_indices(X, y, groups):
            is_test = np.zeros(num_samples(X), dtype=bool)
            is_test[test] = True
            yield is_test

    def _iter_test_indices(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[NDArray[np.intp]]:
        raise NotImplementedError(
            f"{type(self).__name__} must define _iter_test_indices or _iter_test_masks"
        )


class PartitionSplitter(BaseCrossValidator):
    """A splitter that tests no sample twice, so that one number a sample says everything.

        test(f) = {n : fold_numbers[n] = f},   train(f) = {n : fold_numbers[n] ≠ f}

    A subclass has `get_n_splits` and `_fold_numbers`; what `split` yields follows from them.
    """

    def fold_numbers(self, X: Any, y: Any = None, groups: Any = None) -> NDArray[np.intp]:
        """Return the number of the fold that tests each sample, (N,).

        A sample that no fold tests has −1: it is in every training part. All folds together take N
        numbers, where `split` yields k·N indices. A splitter that shuffles draws anew at each call,
        unless `random_state` is an integer.

        X, y, groups: as for `split`.
        """
        self._check_groups_are_used(groups)
        return self._fold_numbers(X, y, groups).astype(np.intp, copy=False)

    @abstractmethod
    def _fold_numbers(self, X: Any, y: Any, groups: Any) -> NDArray[np.integer]:
        """Return what `fold_numbers` does, in any type of integer: a small one is read faster."""

    def _n_folds(self, fold: NDArray[np.integer]) -> int:
        """Return how many folds there are, given the fold numbers."""
        return int(fold.max(initial=-1)) + 1

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[NDArray[np.bool_]]:
        fold = self._fold_numbers(X, y, groups)
        for f in range(self._n_folds(fold)):
            yield fold == f
