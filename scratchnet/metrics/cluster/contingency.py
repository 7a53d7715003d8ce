"""Which samples two clusterings put together: the counts that all comparisons of them start from.

`N` samples, `K` classes (the true clustering), `L` clusters (the predicted one).
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from scratchnet.utils.label_codes import label_codes
from scratchnet.utils.validation import check_array, check_consistent_length

__all__ = ["Overlaps", "check_clusterings", "contingency_matrix", "overlaps"]


class Overlaps(NamedTuple):
    """The cells of the contingency table that are not empty, row by row, and its sums.

    Two clusterings of N samples share at most N cells, where the whole table has K L: of samples that
    are all clusters of their own that would be N².
    """

    row: NDArray[np.intp]  # the class of each cell
    column: NDArray[np.intp]  # its cluster
    counts: NDArray[np.int64]  # how many samples are in both
    class_sizes: NDArray[np.int64]  # (K,)
    cluster_sizes: NDArray[np.int64]  # (L,)

    @property
    def n_samples(self) -> int:
        return int(self.class_sizes.sum())

    @property
    def are_equal(self) -> bool:
        """Whether the clusterings are the same but for the names of the clusters."""
        return len(self.counts) == len(self.class_sizes) == len(self.cluster_sizes)


def check_clusterings(
    labels_true: ArrayLike, labels_pred: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as vectors, (N,), of whatever type they are; N may be 0.

    Raises ValueError for tables, unequal lengths, NaN and infinity. Floats with a fractional part are
    clusters like any other, with a warning.
    """
    labels = {}
    for name, given in (("labels_true", labels_true), ("labels_pred", labels_pred)):
        vector = check_array(given, dtype=None, ensure_2d=False, input_name=name)
        if vector.ndim != 1:
            raise ValueError(f"{name} must be 1D: shape is {vector.shape}")
        labels[name] = vector
    check_consistent_length(**labels)
    fractional = [
        name for name, y in labels.items() if y.dtype.kind == "f" and (y != np.floor(y)).any()
    ]
    if fractional:
        message = (
            "Clusterings are compared by discrete labels, but "
            f"{' and '.join(fractional)} received continuous values"
        )
        warnings.warn(message, UserWarning, stacklevel=3)
    return labels["labels_true"], labels["labels_pred"]


def overlaps(labels_true: NDArray[Any], labels_pred: NDArray[Any]) -> Overlaps:
    """Return the overlaps of two clusterings that are checked."""
    _, classes, class_sizes = label_codes(labels_true)
    _, clusters, cluster_sizes = label_codes(labels_pred)
    n_clusters = len(cluster_sizes)
    cell = classes * n_clusters + clusters
    n_cells = len(class_sizes) * n_clusters
    if n_cells <= 1000 + 4 * len(cell):
        counts = np.bincount(cell, minlength=n_cells)
        present = np.flatnonzero(counts)
        counts = counts[present]
    else:  # counting would take more room than the samples do
        present, counts = np.unique(cell, return_counts=True)
    row, column = np.divmod(present, max(n_clusters, 1))
    return Overlaps(row, column, counts, class_sizes, cluster_sizes)


def contingency_matrix(
    labels_true: ArrayLike,
    labels_pred: ArrayLike,
    *,
    eps: float | None = None,
    sparse: bool = False,
    dtype: DTypeLike = np.int64,
) -> NDArray[Any]:
    """Return the table (K, L): entry (k, l) counts the samples of class k in cluster l.

    Rows and columns are in the order of the sorted labels.

    eps: added to every entry; the table is then of floats. dtype: the type of the counts.
    sparse: not supported, since it needs SciPy; True raises ValueError.

    >>> contingency_matrix(["a", "a", "b"], [1, 2, 2])
    array([[1, 1],
           [0, 1]])
    """
    if sparse:
        raise ValueError("sparse=True is not supported: contingency_matrix returns an array")
    found = overlaps(np.asarray(labels_true).ravel(), np.asarray(labels_pred).ravel())
    table = np.zeros((len(found.class_sizes), len(found.cluster_sizes)), dtype)
    table[found.row, found.column] = found.counts
    return table if eps is None else table + eps
