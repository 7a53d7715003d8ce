"""Whether predicted probabilities come true as often as they say.

`N` samples, `B` bins, `K` classes.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics._binary import check_option, is_positive, read_scores, read_weight
from scratchnet.utils.multiclass import type_of_target
from scratchnet.utils.validation import check_consistent_length, check_scalar, column_or_1d

__all__ = ["calibration_curve", "expected_calibration_error"]


def calibration_curve(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    pos_label: Any = None,
    n_bins: int = 5,
    strategy: str = "uniform",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each bin of probabilities, how often it was positive and the mean probability.

        prob_true[b] = #{i in bin b, y_i positive} / #{i in bin b}
        prob_pred[b] = Σ_{i in bin b} p_i / #{i in bin b}

    y_true: the labels, (N,), of two classes. y_prob: p, the probabilities of the positive one, (N,).
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    strategy: "uniform" cuts [0, 1] into `n_bins` of equal width; "quantile" at the quantiles of
        y_prob, so that each bin has about as many samples. A probability on a cut is in the lower bin.
    Returns two arrays of at most `n_bins` entries: bins without a sample are left out.

    Source: Niculescu-Mizil & Caruana 2005, "Predicting good probabilities with supervised learning".

    >>> calibration_curve([0, 1, 1, 1], [0.25, 0.5, 0.75, 1.0], n_bins=2)  # (0, ½] and (½, 1]
    (array([0.5, 1. ]), array([0.375, 0.875]))
    """
    positive, prob = _read_probabilities(y_true, y_prob, pos_label)
    _, hits, sums, counts = _binned(positive, prob, None, n_bins, strategy)
    return hits / counts, sums / counts


def expected_calibration_error(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    pos_label: Any = None,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    n_bins: int = 15,
    strategy: str = "uniform",
) -> float:
    """Return how far probabilities are from what came true, the mean over samples; 0 is best.

        ECE = Σ_b (n_b / N) |o_b − c_b|
        o_b  how often it came true in bin b,   c_b  the mean probability in bin b,   n_b  its samples

    y_true: the labels, (N,).
    y_prob: (N,), the probability of the positive class: a bin says how often samples of about that
        probability are positive (Naeini, Cooper & Hauskrecht 2015). Or (N, K), a column for each
        class: then it is the probability of the class with the highest one, and "true" means that
        it is the sample's class (Guo et al. 2017), the first of several that are equal.
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    labels: the classes of the columns, sorted; None: those in y_true.
    sample_weight: w, (N,); n_b, o_b and c_b are then weighted.
    n_bins, strategy: as in `calibration_curve`; 15 of equal width are Guo's. Many bins hide less of
        an error that changes its sign, and few are less noisy.

    *A perfect model does not score 0*: in a bin of n samples o_b alone strays by √(c(1−c)/n), so that
    the ECE grows with the number of bins and falls with that of the samples. Compare models on the
    same samples and bins only. "quantile" spreads the samples evenly over the bins; with "uniform"
    most of them often share one.

    >>> expected_calibration_error([0, 1, 1, 1], [0.25, 0.5, 0.75, 1.0], n_bins=2)
    0.125

    which is 2/4 · |0.5 − 0.375| + 2/4 · |1 − 0.875|.
    """
    prob = read_scores(y_prob, "y_prob")
    if prob.ndim == 1:
        hit, prob = _read_probabilities(y_true, prob, pos_label)
    else:
        hit, prob = _read_confidence(y_true, prob, labels)
    weight = read_weight(sample_weight, len(prob))
    sizes, hits, sums, _ = _binned(hit, prob, weight, n_bins, strategy)
    return float(np.abs(hits - sums).sum() / sizes.sum())


def _read_probabilities(
    y_true: ArrayLike, y_prob: ArrayLike, pos_label: Any
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which samples are positive, and the probability of that, (N,) both."""
    labels = column_or_1d(y_true, input_name="y_true")
    prob = column_or_1d(read_scores(y_prob, "y_prob"), input_name="y_prob")
    check_consistent_length(y_true=labels, y_prob=prob)
    kind = type_of_target(labels, "y_true")
    if kind != "binary":
        raise ValueError(f"Only binary classification is supported, y_true is {kind}")
    _check_probabilities(prob)
    return is_positive(labels, pos_label), prob


def _read_confidence(
    y_true: ArrayLike, prob: NDArray[Any], labels: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return whether the class of the highest probability is the true one, and its probability."""
    truth = column_or_1d(y_true, input_name="y_true")
    check_consistent_length(y_true=truth, y_prob=prob)
    classes = np.unique(truth if labels is None else column_or_1d(labels, input_name="labels"))
    if len(classes) != prob.shape[1]:
        raise ValueError(
            f"y_prob has {prob.shape[1]} columns, there are {len(classes)} classes: "
            f"{classes.tolist()}. If y_true lacks a class, name all of them by labels="
        )
    if labels is not None and not np.array_equal(classes, np.asarray(labels).ravel()):
        raise ValueError(f"labels must be sorted and unique, got {np.asarray(labels).tolist()}")
    _check_probabilities(prob)
    sums = prob.sum(axis=1)
    if not np.allclose(sums, 1):
        row = int(np.abs(sums - 1).argmax())
        raise ValueError(f"each row of y_prob must sum to 1: row {row} sums to {sums[row]}")
    return classes[prob.argmax(axis=1)] == truth, prob.max(axis=1)


def _check_probabilities(prob: NDArray[Any]) -> None:
    low, high = prob.min(), prob.max()
    if low < 0 or high > 1:
        raise ValueError(f"y_prob has values outside [0, 1]: they span {low} to {high}")


def _binned(
    hit: NDArray[np.bool_],
    prob: NDArray[Any],
    weight: NDArray[np.float64] | None,
    n_bins: int,
    strategy: str,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Return the weight, the weight of the hits, the summed probabilities and the number of samples
    of each bin that has a sample, (≤ B,).
    """
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    check_option("strategy", strategy, ("uniform", "quantile"))
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    if strategy == "quantile":
        edges = np.percentile(np.sort(prob), edges * 100)  # sorted, which halves the time
    bins = _bins_of(prob, edges[1:-1])
    counts = np.bincount(bins, minlength=n_bins)
    sizes = counts if weight is None else np.bincount(bins, weights=weight, minlength=n_bins)
    hits = np.bincount(bins, weights=hit if weight is None else hit * weight, minlength=n_bins)
    sums = np.bincount(bins, weights=prob if weight is None else prob * weight, minlength=n_bins)
    used = counts > 0
    return sizes[used], hits[used], sums[used], counts[used]


def _bins_of(prob: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number of inner edges below each probability: one on an edge is in the lower bin."""
    if len(edges) > 32:
        return np.searchsorted(edges, prob)
    # For few edges a pass for each is several times as fast as a search, which branches at random.
    bins = np.zeros(len(prob), np.uint8)
    for edge in edges:
        bins += prob > edge
    return bins.astype(np.intp)
