"""Features that span a given range."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.preprocessing.scaler_folds import training_ranges
from scratchnet.utils.validation import check_array, check_is_fitted, check_scalar, validate_data

__all__ = ["MinMaxScaler"]

FLOATS = (np.float64, np.float32, np.float16)  # what stays as it is


class MinMaxScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Maps the smallest value of each feature to one end of a range and the largest to the other.

        z = low + (x − min) (high − low) / (max − min)

    Samples outside of what was fitted come out outside of the range, unless `clip`. One outlier moves all
    the others together: `StandardScaler` minds it less.

    *A constant feature* is mapped to `low`: its range counts as 1, not 0. *NaN* are left out of
    minimum and maximum and stay NaN. Infinity is refused.

    Parameters, as in scikit-learn:

    feature_range: (low, high), low < high. copy: False transforms X in place, if it is an array of
        floats. clip: cut off what lies outside of the range.

    Learned: `data_min_`, `data_max_`, `data_range_` = max − min, `scale_` = (high − low) / range and
    `min_` = low − min · scale, so that z = scale_ x + min_; all (D,), of X's dtype;
    `n_samples_seen_`; `n_features_in_`; `feature_names_in_` of a DataFrame.

    `set_output` is left out.

    >>> scaler = MinMaxScaler().fit([[1.0], [5.0]])
    >>> scaler.transform([[1.0], [2.0], [7.0]]).ravel()
    array([0.  , 0.25, 1.5 ])
    """

    data_min_: NDArray[Any]
    data_max_: NDArray[Any]
    data_range_: NDArray[Any]
    scale_: NDArray[Any]
    min_: NDArray[Any]
    n_samples_seen_: int

    def __init__(
        self, feature_range: tuple[float, float] = (0, 1), *, copy: bool = True, clip: bool = False
    ) -> None:
        self.feature_range = feature_range
        self.copy = copy
        self.clip = clip

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn minimum and maximum of `X` (N, D). y is not looked at."""
        if hasattr(self, "n_samples_seen_"):
            del self.n_samples_seen_
        return self.partial_fit(X, y)

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Take in more samples; the result is that of a fit to all of them."""
        for name in ("copy", "clip"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))
        if not isinstance(self.feature_range, tuple) or len(self.feature_range) != 2:
            raise ValueError(
                f"feature_range must be a tuple (low, high), got {self.feature_range!r}"
            )
        low, high = self.feature_range
        if not low < high:
            raise ValueError(
                f"Minimum of desired feature range must be smaller than maximum. Got {low}, {high}."
            )
        is_first = not hasattr(self, "n_samples_seen_")
        table = validate_data(self, X, reset=is_first, dtype=FLOATS, ensure_all_finite="allow-nan")
        least, greatest = table.min(axis=0), table.max(axis=0)  # NaN if there is one
        if np.isnan(least).any():
            least, greatest = np.fmin.reduce(table, axis=0), np.fmax.reduce(table, axis=0)
        seen = 0
        if not is_first:
            least = np.fmin(self.data_min_, least)
            greatest = np.fmax(self.data_max_, greatest)
            seen = self.n_samples_seen_
        self.n_samples_seen_ = seen + len(table)
        self.data_min_, self.data_max_ = least, greatest
        self.data_range_ = greatest - least
        self.scale_ = self._scale_of(self.data_range_).astype(table.dtype, copy=False)
        self.min_ = low - least * self.scale_
        return self

    def _scale_of(self, span: NDArray[Any]) -> NDArray[Any]:
        """Return (high − low) / span; a feature that is constant, but for rounding, has a span of 1."""
        low, high = self.feature_range
        tiny = 10 * np.finfo(span.dtype).eps
        scale: NDArray[Any] = (high - low) / np.where(span < tiny, 1, span)
        return scale

    def fold_scaling(self, X: NDArray[Any], folds: Folds) -> FoldScaling | None:
        """Return what this scaler would learn from the training part of each fold.

        X: (N, D), without NaN. None with `clip`, which is not affine. `Pipeline.fit_folds` uses it.
        """
        if self.clip:
            return None
        least, greatest = training_ranges(X, folds)
        scale = self._scale_of(greatest - least)  # z = low + (x − least) scale
        return FoldScaling(least - self.feature_range[0] / scale, 1 / scale)

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return `X` (N, D) scaled, (N, D)."""
        check_is_fitted(self, "n_samples_seen_")
        table = validate_data(self, X, reset=False, dtype=FLOATS, ensure_all_finite="allow-nan")
        out = None if self.copy or not table.flags.writeable else table
        scaled = np.multiply(table, self.scale_.astype(table.dtype, copy=False), out=out)
        scaled += self.min_.astype(table.dtype, copy=False)
        return np.clip(scaled, *self.feature_range, out=scaled) if self.clip else scaled

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return  x = (z − min_) / scale_  for `X` (N, D) of scaled samples."""
        check_is_fitted(self, "n_samples_seen_")
        table = check_array(X, dtype=FLOATS, ensure_all_finite="allow-nan")
        out = None if self.copy or not table.flags.writeable else table
        back = np.subtract(table, self.min_.astype(table.dtype, copy=False), out=out)
        back /= self.scale_.astype(table.dtype, copy=False)
        return back

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
