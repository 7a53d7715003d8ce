"""The standard normal distribution, as intervals and tests need it, without SciPy."""

from __future__ import annotations

import math
from numbers import Real

from scratchnet.utils.validation import check_scalar

__all__ = ["critical_value", "normal_cdf", "normal_quantile", "two_sided_p"]


def normal_quantile(p: float) -> float:
    """Return z with Φ(z) = p, for 0 < p < 1 (Wichura 1988, algorithm AS 241).

    >>> round(normal_quantile(0.975), 3)
    1.96
    """
    from statistics import NormalDist  # here, because it imports several modules more

    return NormalDist().inv_cdf(p)


def normal_cdf(z: float) -> float:
    """Return Φ(z) = ½ erfc(−z / √2), which is accurate far out on the left too."""
    return math.erfc(-z / math.sqrt(2)) / 2


def two_sided_p(z: float) -> float:
    """Return P(|Z| ≥ |z|) = erfc(|z| / √2)."""
    return math.erfc(abs(z) / math.sqrt(2))


def critical_value(confidence_level: float) -> float:
    """Return z with P(|Z| ≤ z) = confidence_level, which must lie in (0, 1).

    >>> round(critical_value(0.95), 3)
    1.96
    """
    check_scalar(
        confidence_level,
        "confidence_level",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    return -normal_quantile((1 - confidence_level) / 2)
