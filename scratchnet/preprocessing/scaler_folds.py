"""What a scaler would learn from the training part of every fold, from one pass over the samples.

`N` samples, `D` features, `F` folds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.folds import Folds
from scratchnet.preprocessing.moments import Moments, moments_of

__all__ = ["training_moments", "training_ranges"]

Array = NDArray[np.float64]

# Of a sum of squares, the part that has to be left for the difference to keep ten digits.
LEAST_PART = 1e-5


def training_moments(X: NDArray[Any], folds: Folds) -> Moments:
    """Return the moments of the features in the training part of each fold, (F, D) each.

        n_t = N − n_S,   Σ_t x̃ = −Σ_S x̃,   Q_t = Σ x̃² − Σ_S x̃² − n_t (Σ_t x̃ / n_t)²

    S is what the fold tests and x̃ is centred at the mean of all samples. Where little is left of a sum
    of squares, or the training part is not the complement of the test part, it is formed anew.
    """
    F, (N, D) = len(folds), X.shape
    sizes = np.diff(folds.starts)
    n = np.full((F, D), float(N)) - sizes[:, None]
    if folds.train_parts is None and (sizes > 0).all() and (sizes < N).all():
        _, mean, scatter = moments_of(X)
        tested = (X - mean)[folds.test_indices]  # (M, D)
        shift = -np.add.reduceat(tested, folds.starts[:-1], axis=0) / n
        left = scatter - np.add.reduceat(tested**2, folds.starts[:-1], axis=0) - n * shift**2
        anew = np.flatnonzero((left < LEAST_PART * scatter).any(axis=1))
        found = Moments(n, mean + shift, left)
    else:
        anew, found = np.arange(F), Moments(n, np.empty((F, D)), np.empty((F, D)))
    for fold in anew.tolist():
        for sums, part in zip(found, moments_of(X[folds.train(fold)]), strict=True):
            sums[fold] = part
    return found


def training_ranges(X: NDArray[Any], folds: Folds) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the greatest entry of each feature in each training part, (F, D) both.

    The minimum of all parts but one is the smaller of the minima before it and after it, so that all
    of them take two passes over the parts' minima. Where test parts overlap, as when k-fold is
    repeated, another part may hold samples that the fold tests; then each training part is looked at.
    """
    overlap = np.bincount(folds.test_indices, minlength=1).max() > 1
    if folds.train_parts is not None or overlap:
        parts = [X[folds.train(fold)] for fold in range(len(folds))]
        least = np.array([part.min(axis=0) for part in parts])
        return least, np.array([part.max(axis=0) for part in parts])
    tested = np.zeros(len(X), dtype=bool)
    tested[folds.test_indices] = True
    parts = [X[~tested], *(X[folds.test(fold)] for fold in range(len(folds)))]
    least = np.array([part.min(axis=0, initial=np.inf) for part in parts])  # (F + 1, D)
    greatest = np.array([part.max(axis=0, initial=-np.inf) for part in parts])
    return _least_of_the_others(least), -_least_of_the_others(-greatest)


def _least_of_the_others(least: NDArray[Any]) -> NDArray[Any]:
    """Return the minimum of all parts but one, for each part but the first, (F, D), from (F + 1, D)."""
    before = np.minimum.accumulate(least)[:-1]
    after = np.minimum.accumulate(least[::-1])[::-1]
    last = np.full_like(least[:1], np.inf)  # after the last part comes nothing
    others: NDArray[Any] = np.minimum(before, np.concatenate([after[2:], last]))
    return others
