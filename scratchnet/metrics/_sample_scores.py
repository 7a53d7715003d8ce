"""The metrics that are a mean over the samples, by their values for each sample.

Such a metric can be worked out for all folds of a cross-validation at once. The value of a sample must
not depend on which others are scored with it: log loss and F1, which look at the labels that occur,
are not here.

`N` samples, `M` outputs, `F` folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.metrics import accuracy, deviance, regression
from scratchnet.metrics._regression_targets import check_single_output, check_targets
from scratchnet.metrics._targets import check_targets as check_classes

__all__ = ["MeanMetric", "group_means", "mean_metric"]

Floats = NDArray[np.float64]


class MeanMetric(NamedTuple):
    """finish(mean of values(y_true, y_pred) over the samples), averaged over the outputs."""

    values: Callable[..., Floats]  # of (y_true, y_pred, **options), (N, M)
    finish: Callable[[Floats], Floats] | None = None  # np.sqrt, or None: the mean as it is
    options: tuple[str, ...] = ()  # the arguments of the metric that `values` takes


def mean_metric(score_func: Any, arguments: Mapping[str, Any]) -> MeanMetric | None:
    """Return the metric as a mean over the samples; None if it is none with these arguments."""
    known = MEAN_METRICS.get(score_func) if isinstance(score_func, FunctionType) else None
    return known if known is not None and set(arguments) <= set(known.options) else None


def group_means(values: Floats, starts: NDArray[Any]) -> Floats:
    """Return the means of the rows starts[f] to starts[f + 1] for each f, (N, M) → (F, M)."""
    bounds = np.asarray(starts)
    is_valid = bounds.ndim == 1 and len(bounds) > 1 and bounds.dtype.kind in "iu"
    sizes = np.diff(bounds.astype(np.int64)) if is_valid else np.zeros(1, np.int64)
    if not is_valid or bounds[0] != 0 or bounds[-1] != len(values) or sizes.min() < 1:
        raise ValueError(
            "starts must be whole numbers that rise from 0 to the number of samples, "
            f"{len(values)}, without an empty fold; got {starts!r}"
        )
    return np.add.reduceat(values, bounds[:-1], axis=0) / sizes[:, np.newaxis]


def _is_right(y_true: ArrayLike, y_pred: ArrayLike) -> Floats:
    """Return 1 for the samples predicted right, every label of them, else 0: (N, 1)."""
    targets = check_classes(y_true, y_pred)
    is_right = targets.y_true == targets.y_pred
    if targets.is_multilabel:
        is_right = is_right.all(axis=1)
    return is_right.astype(np.float64)[:, np.newaxis]


def _is_wrong(y_true: ArrayLike, y_pred: ArrayLike) -> Floats:
    return 1 - _is_right(y_true, y_pred)


def _of_quantities(losses: Callable[..., Floats]) -> Callable[..., Floats]:
    """Return the losses of what is not checked yet."""

    def values(y_true: ArrayLike, y_pred: ArrayLike, **options: Any) -> Floats:
        truth, predicted, _ = check_targets(y_true, y_pred)
        return losses(truth, predicted, **options)

    return values


def _deviances(power: float) -> Callable[..., Floats]:
    """Return the deviances of a Tweedie law, by default the one with this power."""

    def values(y_true: ArrayLike, y_pred: ArrayLike, power: float = power) -> Floats:
        truth, predicted, _ = check_targets(y_true, y_pred)
        check_single_output(truth, "a deviance")
        return deviance.tweedie_deviances(truth, predicted, power)

    return values


MEAN_METRICS: dict[Any, MeanMetric] = {
    accuracy.accuracy_score: MeanMetric(_is_right),
    accuracy.zero_one_loss: MeanMetric(_is_wrong),
    regression.mean_squared_error: MeanMetric(_of_quantities(regression.squared_errors)),
    regression.root_mean_squared_error: MeanMetric(
        _of_quantities(regression.squared_errors), np.sqrt
    ),
    regression.mean_squared_log_error: MeanMetric(_of_quantities(regression.squared_log_errors)),
    regression.root_mean_squared_log_error: MeanMetric(
        _of_quantities(regression.squared_log_errors), np.sqrt
    ),
    regression.mean_absolute_error: MeanMetric(_of_quantities(regression.absolute_errors)),
    regression.mean_absolute_percentage_error: MeanMetric(
        _of_quantities(regression.absolute_percentage_errors)
    ),
    regression.mean_pinball_loss: MeanMetric(
        _of_quantities(regression.pinball_losses), options=("alpha",)
    ),
    deviance.mean_tweedie_deviance: MeanMetric(_deviances(0), options=("power",)),
    deviance.mean_poisson_deviance: MeanMetric(_deviances(1)),
    deviance.mean_gamma_deviance: MeanMetric(_deviances(2)),
}
