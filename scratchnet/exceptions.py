"""Errors and warnings of the estimators, under scikit-learn's names."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

__all__ = [
    "ConvergenceWarning",
    "DataConversionWarning",
    "FitFailedWarning",
    "NotFittedError",
    "UndefinedMetricWarning",
]


class _AlsoScikitLearns:
    """An instance is also of scikit-learn's class of the same name, where that is already loaded.

    `except` and `warnings.filterwarnings` then catch it by either class, whichever of the two
    packages was imported first, because the class is looked up when the instance is made. A
    warning is therefore given as an instance: `warnings.warn(ConvergenceWarning("..."))`.
    """

    def __new__(cls: Any, *args: Any) -> Any:
        theirs = getattr(sys.modules.get("sklearn.exceptions"), cls.__name__, None)
        both = cls if theirs is None or issubclass(cls, theirs) else _both(cls, theirs)
        return super().__new__(both, *args)


@cache  # one class for each pair: warnings are shown once for each class, text and line
def _both(ours: Any, theirs: Any) -> type:
    # A pickle keeps our class alone: the process that reads it looks for scikit-learn itself.
    reduce = {"__reduce__": lambda self: (ours, self.args)}
    return type(ours.__name__, (ours, theirs), {"__module__": ours.__module__} | reduce)


class NotFittedError(_AlsoScikitLearns, ValueError, AttributeError):
    """An estimator was used before `fit`."""


class ConvergenceWarning(_AlsoScikitLearns, UserWarning):
    """An iteration ended before it had converged."""


class DataConversionWarning(_AlsoScikitLearns, UserWarning):
    """The data was read in another shape or type than the one it was given in."""


class FitFailedWarning(_AlsoScikitLearns, RuntimeWarning):
    """An estimator could not be fitted to some training parts, whose scores are replaced."""


class UndefinedMetricWarning(_AlsoScikitLearns, UserWarning):
    """A score has no defined value on this data."""
