"""Metrics of a confusion matrix, and their bootstrap, which needs nothing but the matrix.

`K` classes, `B` resamples, `C` cells that are not empty. n[k, l]: samples of class k predicted as l.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.evaluate.measure import Measure, Settings, with_quantiles

__all__ = ["count_measures", "count_metrics"]

BLOCK = 2**21  # entries of the matrices that are in memory at once: 16 MB

_UNDEFINED = {
    "f1_macro": "there is no class with a true or predicted sample",
    "balanced_accuracy": "there is no class with a sample",
    "matthews_corrcoef": "0/0: the truth or the prediction has one class only",
    "cohen_kappa": "0/0: truth and prediction have the same class only",
    "f1": "0/0: the class is neither in the truth nor in the prediction",
}


def count_metrics(n: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Return metrics of confusion matrices, (B, K, K): f1, (B, K), and the others, (B,).

        t[k] = Σ_l n[k, l],   p[k] = Σ_l n[l, k],   N = Σ t
        F1[k] = 2 n[k, k] / (t[k] + p[k]),                          f1_macro = mean_k F1[k]
        balanced accuracy = mean_k n[k, k] / t[k]
        MCC = (N Σ n[k, k] − Σ t p) / √((N² − Σ p²) (N² − Σ t²))
        κ = (N Σ n[k, k] − Σ t p) / (N² − Σ t p)

    0/0 is NaN; the means are over the classes that are not.
    """
    n = n.astype(np.float64, copy=False)
    hits = np.einsum("bkk->bk", n)
    t, p = n.sum(axis=2), n.sum(axis=1)  # (B, K)
    total, correct = t.sum(axis=1), hits.sum(axis=1)  # (B,)
    chance = (t * p).sum(axis=1)
    t_spread, p_spread = total**2 - (t * t).sum(axis=1), total**2 - (p * p).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a mean of nothing, which is NaN
        f1 = 2 * hits / (t + p)
        return {
            "balanced_accuracy": np.nanmean(hits / t, axis=1),
            "f1_macro": np.nanmean(f1, axis=1),
            "matthews_corrcoef": (total * correct - chance) / np.sqrt(t_spread) / np.sqrt(p_spread),
            "cohen_kappa": (total * correct - chance) / (total**2 - chance),
            "f1": f1,
        }


def count_measures(
    matrix: NDArray[np.int64], settings: Settings
) -> tuple[dict[str, Measure], list[Measure]]:
    """Return the metrics of the whole matrix, (K, K), and F1 of each class, with intervals.

    To draw N samples with replacement is to draw N cells of the matrix, each with probability n[k, l] / N:
    the resampled matrix is multinomial. That costs the same for a hundred samples and for a billion.
    The intervals are the quantiles of the resamples; those where a metric is 0/0 do not count.
    """
    values = {name: value[0] for name, value in count_metrics(matrix[None]).items()}
    quantiles = _quantiles(matrix, settings)

    def measure(name: str, k: tuple[int, ...] = ()) -> Measure:
        value, undefined = float(values[name][k]), _UNDEFINED[name]
        if quantiles is None:
            return Measure(None, reason=undefined) if np.isnan(value) else Measure(value)
        low, high = (float(end[k]) for end in quantiles[name])
        return with_quantiles(value, low, high, undefined)

    overall = {name: measure(name) for name in values if name != "f1"}
    return overall, [measure("f1", (k,)) for k in range(len(matrix))]


def _quantiles(matrix: NDArray[np.int64], settings: Settings) -> dict[str, NDArray[Any]] | None:
    """Return both ends of the interval of each metric, (2,) or (2, K); None without a bootstrap."""
    n_resamples = settings.n_resamples
    if n_resamples is None:
        n_resamples = settings.resamples(1)  # the number of samples costs nothing
    if n_resamples == 0:
        return None
    n_samples, n_classes = int(matrix.sum()), len(matrix)
    cells = np.flatnonzero(matrix)  # (C,)
    shares = matrix.ravel()[cells] / n_samples
    state = np.random.RandomState(settings.seed)
    rows = max(1, BLOCK // matrix.size)
    found = []
    for start in range(0, n_resamples, rows):
        size = min(rows, n_resamples - start)
        drawn = np.zeros((size, matrix.size))
        drawn[:, cells] = state.multinomial(n_samples, shares, size=size)
        found.append(count_metrics(drawn.reshape(size, n_classes, n_classes)))
    tail = (1 - settings.confidence_level) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # undefined in every resample: NaN
        return {
            name: np.nanquantile(np.concatenate([f[name] for f in found]), [tail, 1 - tail], axis=0)
            for name in found[0]
        }
