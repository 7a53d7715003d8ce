"""What a search has found, as the dictionary of columns `cv_results_`.

`F` folds, `C` candidates.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.evaluation import Results, score_columns

__all__ = ["parameter_columns", "ranked_results"]


def ranked_results(
    candidates: list[dict[str, Any]], n_folds: int, fits: Results, more: dict[str, list[Any]]
) -> dict[str, Any]:
    """Return one column, (C,), for each of

        mean_fit_time, std_fit_time, mean_score_time, std_score_time     in seconds
        param_<name>          masked where a candidate does not set it
        params                the candidates, a list
        split<f>_test_<score>, mean_test_<score>, std_test_<score>, rank_test_<score>
        split<f>_train_<score>, mean_train_<score>, std_train_<score>    if they were asked for

    <score> is "score" where there is only one. The mean weighs folds equally; std divides by F.
    rank: 1 + the number of candidates with a higher mean, so equal means share a rank, and NaN has
    the last. Warns of means that are not finite.

    fits: those of candidate 0 in all folds, then those of candidate 1, … more: further columns.
    """
    results: dict[str, Any] = {name: np.asarray(values) for name, values in more.items()}

    def store(name: str, values: Any, of_splits: bool) -> NDArray[np.float64]:
        table = np.array(values, dtype=np.float64).reshape(len(candidates), n_folds)
        if of_splits:
            results.update({f"split{f}_{name}": column for f, column in enumerate(table.T)})
        means: NDArray[np.float64] = table.mean(axis=1)
        if of_splits and not np.isfinite(means).all():
            kind = name.split("_")[0]
            message = f"One or more of the {kind} scores are non-finite: {means}"
            warnings.warn(message, UserWarning, stacklevel=5)
        results[f"mean_{name}"] = means
        with np.errstate(invalid="ignore"):  # an infinite mean has no deviation
            results[f"std_{name}"] = np.sqrt(((table - means[:, None]) ** 2).mean(axis=1))
        return means

    store("fit_time", fits.fit_times, False)
    store("score_time", fits.score_times, False)
    results |= parameter_columns(candidates)
    results["params"] = candidates
    train_scores = score_columns(fits.train_scores) if fits.train_scores else {}
    for name, scores in score_columns(fits.test_scores).items():
        means = store(f"test_{name}", scores, True)
        results[f"rank_test_{name}"] = _ranks(means)
        if train_scores:
            store(f"train_{name}", train_scores[name], True)
    return results


def _ranks(means: NDArray[np.float64]) -> NDArray[np.int32]:
    losses = np.where(np.isnan(means), np.inf, -means)
    if np.isnan(means).any():  # behind −inf, unless there is nothing else
        losses = np.where(np.isposinf(losses) & ~np.isnan(means), np.finfo(np.float64).max, losses)
    return (1 + np.searchsorted(np.sort(losses), losses)).astype(np.int32)


def parameter_columns(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of each parameter as a masked array (C,), masked where it is not set.

    Numbers keep their type. Strings, sequences, and values of several kinds become objects.
    """
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for candidate in candidates for name in candidate):
        values = [candidate[name] for candidate in candidates if name in candidate]
        try:
            array = np.array(values)
            dtype = array.dtype if array.ndim == 1 and array.dtype.kind != "U" else np.dtype(object)
        except ValueError:  # sequences of several lengths
            dtype = np.dtype(object)
        column = np.ma.MaskedArray(np.empty(len(candidates), dtype=dtype), mask=True)
        for i, candidate in enumerate(candidates):
            if name in candidate:
                column[i] = candidate[name]
        columns[f"param_{name}"] = column
    return columns
