"""How far an area under the ROC curve can be trusted, and whether two of them differ.

`X` the scores of the m positives, `Y` those of the n negatives.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._binary import read_binary
from scratchnet.metrics._normal import critical_value, two_sided_p

__all__ = ["AUCInterval", "DeLongTest", "delong_test", "roc_auc_interval"]


class AUCInterval(NamedTuple):
    """An area under the ROC curve, its interval, and DeLong's standard error."""

    estimate: float
    low: float
    high: float
    standard_error: float


class DeLongTest(NamedTuple):
    """The difference of two areas under the ROC curve, and whether it could be chance."""

    difference: float
    low: float
    high: float
    standard_error: float
    statistic: float
    p_value: float
    auc_a: float
    auc_b: float
    covariance: float


def roc_auc_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    confidence_level: float = 0.95,
    pos_label: Any = None,
) -> AUCInterval:
    """Return the area under the ROC curve with a confidence interval, in O(N log N).

        A = mean_i P_i = mean_j Q_j
        P_i = mean_j ([X_i > Y_j] + ½ [X_i = Y_j])  the share of the negatives below positive i
        Q_j = mean_i ([X_i > Y_j] + ½ [X_i = Y_j])  the share of the positives above negative j
        se² = var(P) / m + var(Q) / n               with m − 1 and n − 1 in the variances
        interval: σ(logit A ± z se / (A (1 − A))),  σ(t) = 1 / (1 + e⁻ᵗ),  z the quantile 1 − α/2

    y_true: the labels, (N,), of two classes. y_score: (N,), higher for likelier positives.
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    Returns `estimate`, `low`, `high`, `standard_error`.

    *Why the logit*: near 1 the estimate's distribution is skewed, and A ± z se reaches beyond 1 and
    covers too seldom. The logit has no end there, and its interval stays within (0, 1).

    *Every positive above every negative*, A = 1: no sample shows any variation, se is 0 (NaN with one
    sample of a class) and says nothing. But if A = 1 was seen, then k = min(m, n) pairs without a
    common sample were all in order,
    which happens with probability θᵏ if θ is the true area. So `low` is (α/2)^(1/k), α = 1 −
    confidence_level, the smallest θ that this does not refute: exact for those k pairs, and cautious,
    since all m n were in order. `high` is 1. Likewise for A = 0.

    NaN, with an UndefinedMetricWarning: everything, with one class only; the interval of 0 < A < 1,
    with one sample of a class or where se is 0 (all scores equal).
    The samples must be independent.

    `delong_test` compares two scores on the same samples.

    Sources: DeLong, DeLong & Clarke-Pearson 1988, "Comparing the areas under two or more correlated
    receiver operating characteristic curves"; Sun & Xu 2014, "Fast implementation of DeLong's
    algorithm", whose midranks give the same P and Q; Pepe 2003, sec. 5.2.5, for the logit.

    >>> interval = roc_auc_interval([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> interval.estimate, interval.standard_error  # P = ½, 1 and Q = 1, ½: se² = ⅛/2 + ⅛/2
    (0.75, 0.3535...)
    """
    z = critical_value(confidence_level)
    positive, score, _ = read_binary(y_true, y_score, pos_label)
    # Only the variances are wanted, not which sample is which; sorted, the search stays in the cache.
    above, below = _placements(np.sort(score[positive]), np.sort(score[~positive]))
    m, n = len(above), len(below)
    nan = math.nan
    if m == 0 or n == 0:
        _warn(f"y_true has {m} positives and {n} negatives: the area and its interval are NaN")
        return AUCInterval(nan, nan, nan, nan)
    area = float(above.mean())
    variance = _variance(above) / m + _variance(below) / n
    error = math.sqrt(variance)
    if area in (0, 1):
        k = min(m, n)
        end = ((1 - confidence_level) / 2) ** (1 / k)
        low, high = (end, 1.0) if area == 1 else (0.0, 1 - end)
        return AUCInterval(area, low, high, error)
    if not error > 0:
        reason = "one sample of a class" if min(m, n) == 1 else "scores that do not vary"
        _warn(
            f"the variance cannot be estimated from {reason} ({m} positives, {n} negatives): the "
            "interval is NaN"
        )
        return AUCInterval(area, nan, nan, error)
    center, half = math.log(area / (1 - area)), z * error / (area * (1 - area))
    return AUCInterval(area, _sigmoid(center - half), _sigmoid(center + half), error)


def delong_test(
    y_true: ArrayLike,
    y_score_a: ArrayLike,
    y_score_b: ArrayLike,
    *,
    confidence_level: float = 0.95,
    pos_label: Any = None,
) -> DeLongTest:
    """Return the difference of the areas of two scores on the same samples, and test it against 0.

        A_a, A_b, P and Q of each score as in `roc_auc_interval`, sample by sample
        cov = cov(P_a, P_b) / m + cov(Q_a, Q_b) / n
        se² = var(A_a) + var(A_b) − 2 cov = var(P_a − P_b) / m + var(Q_a − Q_b) / n
        z = (A_a − A_b) / se,   p = P(|Z| ≥ |z|),   interval: A_a − A_b ± z_{1−α/2} se

    y_true: the labels, (N,), of two classes. y_score_a, y_score_b: (N,).
    pos_label: the positive class; None means 1, for labels 0 and 1, or −1 and 1.
    Returns `difference`, `low`, `high`, `standard_error`, `statistic` (z), `p_value` (two-sided),
    `auc_a`, `auc_b` and their `covariance`.

    The test is paired: what is hard for both scores cancels, so that it finds differences that
    two intervals side by side would not show. Both classifiers must have been trained on other data,
    and not one within the other (Demler, Pencina & D'Agostino 2012): for nested models the
    difference is not normal.

    NaN, with an UndefinedMetricWarning: everything, with one class only; standard error, interval and
    test with one sample of a class; interval and test if the difference has no variation at all (se
    0), as for two scores that rank the samples alike.

    Source: DeLong, DeLong & Clarke-Pearson 1988, eq. 4 and 5; Sun & Xu 2014.

    >>> a, b = [0.1, 0.4, 0.2, 0.8, 0.9, 0.3], [0.2, 0.1, 0.9, 0.3, 0.6, 0.7]
    >>> test = delong_test([0, 0, 0, 1, 1, 1], a, b)
    >>> round(test.auc_a, 3), round(test.auc_b, 3), round(test.p_value, 2)
    (0.889, 0.667, 0.59)
    """
    z = critical_value(confidence_level)
    positive, a, _ = read_binary(y_true, y_score_a, pos_label, name="y_score_a")
    _, b, _ = read_binary(y_true, y_score_b, pos_label, name="y_score_b")
    above_a, below_a = _placements(a[positive], a[~positive])
    above_b, below_b = _placements(b[positive], b[~positive])
    m, n = len(above_a), len(below_a)
    nan = math.nan
    if m == 0 or n == 0:
        _warn(f"y_true has {m} positives and {n} negatives: the areas and their test are NaN")
        return DeLongTest(nan, nan, nan, nan, nan, nan, nan, nan, nan)
    area_a, area_b = float(above_a.mean()), float(above_b.mean())
    difference = area_a - area_b
    if min(m, n) == 1:
        _warn(
            f"the variance cannot be estimated from {m} positives and {n} negatives: the test is NaN"
        )
        return DeLongTest(difference, nan, nan, nan, nan, nan, area_a, area_b, nan)
    covariance = _covariance(above_a, above_b) / m + _covariance(below_a, below_b) / n
    error = math.sqrt(_variance(above_a - above_b) / m + _variance(below_a - below_b) / n)
    low, high = difference - z * error, difference + z * error
    statistic = p_value = nan
    if error > 0:
        statistic = difference / error
        p_value = two_sided_p(statistic)
    else:
        low = high = nan
        _warn(f"the difference, {difference:g}, has no variation in these samples: the test is NaN")
    return DeLongTest(difference, low, high, error, statistic, p_value, area_a, area_b, covariance)


def _placements(
    positives: NDArray[Any], negatives: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P, the share of the negatives below each positive, (m,), and Q, the share of the
    positives above each negative, (n,); a tie counts one half.
    """

    def twice_below(scores: NDArray[Any], others: NDArray[Any]) -> NDArray[np.intp]:
        ranked = np.sort(others)
        return ranked.searchsorted(scores) + ranked.searchsorted(scores, side="right")

    if len(positives) == 0 or len(negatives) == 0:
        return np.full(len(positives), np.nan), np.full(len(negatives), np.nan)
    above = twice_below(positives, negatives) / (2 * len(negatives))
    return above, 1 - twice_below(negatives, positives) / (2 * len(positives))


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else math.nan


def _covariance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(((a - a.mean()) * (b - b.mean())).sum() / (len(a) - 1))


def _sigmoid(t: float) -> float:
    # exp of a negative number cannot overflow
    return 1 / (1 + math.exp(-t)) if t >= 0 else math.exp(t) / (1 + math.exp(t))


def _warn(message: str) -> None:
    warnings.warn(UndefinedMetricWarning(message), stacklevel=3)
