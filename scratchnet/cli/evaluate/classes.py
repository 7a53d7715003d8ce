"""From the columns of truth and prediction to classes, numbered in sorted order.

`N` is the number of samples, `K` that of classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate.table import MAX_CLASSES, Column, quoted, read_number

__all__ = ["Classes", "find_classes", "find_positive"]

Label = int | float | str

# From here on, neighbouring whole numbers are one float64.
_INEXACT = 2.0**53

_POSITIVE_WORDS = ("true", "yes", "positive", "pos", "t", "y")


@dataclass(frozen=True)
class Classes:
    """The labels, sorted, and for each sample the number of the true and of the predicted one."""

    labels: tuple[Label, ...]
    truth: NDArray[np.int64]  # (N,)
    prediction: NDArray[np.int64] | None

    def number_of(self, text: str) -> int | None:
        """Return the number of the class that an option or the name of a column means, or None."""
        found = [k for k, label in enumerate(self.labels) if str(label) == text]
        if not found:
            value = read_number(text)
            found = [k for k, label in enumerate(self.labels) if label == value]
        if not found:
            found = [k for k, label in enumerate(self.labels) if str(label).lower() == text.lower()]
        return found[0] if len(found) == 1 else None


def find_classes(
    truth: Column, prediction: Column | None, where: str, extra: Sequence[str] = ()
) -> Classes:
    """Return the classes that occur in either column.

    Both columns are numbers, so that 1 and 1.0 are one class, or both are text, as numbers of 2⁵³ or
    more are. extra: classes that need not occur. where: the file, for errors.
    """
    columns = [truth] if prediction is None else [truth, prediction]
    as_numbers = [_numbers_of(column) for column in columns]
    more: Any = [value for value in map(read_number, extra) if math.isfinite(value)]
    is_exact = all(abs(value) < _INEXACT for value in more)
    for column, found_values in zip(columns, as_numbers, strict=True):
        if found_values is not None and np.abs(found_values).max() >= _INEXACT:
            is_exact = False
            if column.texts is None:
                raise CommandError(
                    f"{where}: column {quoted(column.name)} holds numbers of 2**53 or more, of which "
                    "several would be one class: say --task classification, or --task regression"
                )
    if is_exact and all(values is not None for values in as_numbers):
        values = [values for values in as_numbers if values is not None]
    else:
        for column, other in zip(columns, reversed(columns), strict=True):
            if column.texts is None:
                assert other.texts is not None
                raise CommandError(
                    f"{where}: column {quoted(column.name)} holds numbers, column {quoted(other.name)} "
                    f"text like {quoted(other.texts[0])}: they cannot be the same classes"
                )
        more = list(extra)
        values = [np.array(column.texts) for column in columns]
    # Unique within each column first: joined, the columns would be as long as both.
    found = [_unique(v, c) for v, c in zip(values, columns, strict=True)]
    labels = np.unique(
        np.concatenate([*(v for v, _ in found), np.array(more, dtype=values[0].dtype)])
        if more
        else np.concatenate([v for v, _ in found])
    )
    if len(labels) > MAX_CLASSES:
        raise CommandError(
            f"{where}: {len(labels)} different labels in column {quoted(truth.name)} are too many for "
            f"classes, of which there may be {MAX_CLASSES}: --task regression?"
        )
    codes = [np.searchsorted(labels, v)[inverse] for v, inverse in found]
    return Classes(
        tuple(_label(label) for label in labels.tolist()),
        codes[0],
        codes[1] if prediction is not None else None,
    )


def find_positive(classes: Classes, told: str | None, names: Sequence[str], where: str) -> int:
    """Return the number of the positive class, of two.

    It is the one that `told` says, 1 beside 0 or −1, a word that says so ("yes"), or the only one that
    the name of a score column ends in (`names`).
    """
    listed = ", ".join(quoted(str(label)) for label in classes.labels)
    if told is not None:
        number = classes.number_of(told)
        if number is None:
            raise CommandError(f"{where}: there is no class {quoted(told)}, there are {listed}")
        return number
    if set(classes.labels) in ({0, 1}, {-1, 1}, {1}):
        return classes.labels.index(1)
    named = {classes.number_of(name) for name in names} - {None}
    if len(named) == 1 and len(names) == 1:
        return next(number for number in named if number is not None)
    words = [k for k, label in enumerate(classes.labels) if str(label).lower() in _POSITIVE_WORDS]
    if len(words) == 1:
        return words[0]
    raise CommandError(
        f"{where}: which of the classes {listed} has the high scores? Name it by --positive"
    )


def _numbers_of(column: Column) -> NDArray[np.float64] | None:
    """Return the values, or for text those of the texts, or None if those are not all numbers."""
    if column.texts is None:
        return column.values
    values = np.array([read_number(text) for text in column.texts])
    return None if np.isnan(values).any() else values


def _unique(values: NDArray[Any], column: Column) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the different labels, and for each sample the position of its own."""
    labels, inverse = np.unique(values, return_inverse=True)
    return labels, inverse if column.texts is None else inverse[column.values]


def _label(value: Any) -> Label:
    return int(value) if isinstance(value, float) and value.is_integer() else value
