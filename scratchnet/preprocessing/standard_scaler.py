"""Features with mean 0 and variance 1."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from scratchnet.model_selection.folds import Folds, FoldScaling
from scratchnet.preprocessing.moments import Moments, combine_moments, deviation_scale, moments_of
from scratchnet.preprocessing.scaler_folds import training_moments
from scratchnet.utils.validation import (
    check_array,
    check_is_fitted,
    check_sample_weight,
    check_scalar,
    validate_data,
)

__all__ = ["StandardScaler"]

FLOATS = (np.float64, np.float32, np.float16)  # what stays as it is


class StandardScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Subtracts each feature's mean and divides by its standard deviation.

        z = (x − x̄) / σ,   x̄ = Σ_i s_i x_i / Σ_i s_i,   σ² = Σ_i s_i (x_i − x̄)² / Σ_i s_i

    s_i is the sample weight. σ divides by N, not by N − 1. To fit it on data that is tested on later
    leaks the test samples: put it in front of the estimator in a `Pipeline`, and each fold is scaled by
    its own training part.

    *A constant feature* is only centred: its scale is 1, not 0. A variance that is no more than what
    rounding of the mean can leave counts as 0.
    *NaN* are left out of mean and variance and stay NaN. Infinity is refused.

    Parameters, as in scikit-learn:

    copy: False transforms X in place, if it is an array of floats. with_mean, with_std: whether to
        subtract, whether to divide.

    Learned: `mean_`, `var_`, `scale_` (D,), which is σ with 1 for 0, in float64 also for float32 data;
    None for what is not used (`mean_` is there with either of the two); `n_samples_seen_`, the number of
    samples or the sum of their weights, (D,) where NaN make it differ; `n_features_in_`;
    `feature_names_in_` of a DataFrame. What is transformed keeps float32
    and float16.

    Sparse matrices and `set_output` are left out.

    >>> scaler = StandardScaler().fit([[0.0, 5.0], [2.0, 5.0]])
    >>> scaler.mean_, scaler.scale_
    (array([1., 5.]), array([1., 1.]))
    >>> scaler.transform([[4.0, 6.0]])
    array([[3., 1.]])
    """

    mean_: NDArray[np.float64] | None
    var_: NDArray[np.float64] | None
    scale_: NDArray[np.float64] | None
    n_samples_seen_: Any

    def __init__(self, *, copy: bool = True, with_mean: bool = True, with_std: bool = True) -> None:
        self.copy = copy
        self.with_mean = with_mean
        self.with_std = with_std

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn mean and standard deviation of `X` (N, D). y is not looked at. sample_weight: (N,)."""
        if hasattr(self, "n_samples_seen_"):
            del self.n_samples_seen_
        return self.partial_fit(X, y, sample_weight)

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Take in more samples; the result is that of a fit to all of them (`combine_moments`)."""
        for name in ("copy", "with_mean", "with_std"):
            check_scalar(getattr(self, name), name, (bool, np.bool_))
        is_first = not hasattr(self, "n_samples_seen_")
        table = validate_data(self, X, reset=is_first, dtype=FLOATS, ensure_all_finite="allow-nan")
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(table))
        moments = moments_of(table, weight)
        if not is_first:
            moments = combine_moments(self._moments_so_far(table.shape[1]), moments)
        n, mean, _ = moments
        self.mean_ = mean if self.with_mean or self.with_std else None
        self.var_ = self.scale_ = None
        if self.with_std:
            self.var_, self.scale_ = deviation_scale(moments)
        is_integer = weight is None and (
            is_first or np.asarray(self.n_samples_seen_).dtype != float
        )
        seen = n.astype(np.int64) if is_integer else n
        self.n_samples_seen_ = seen[0] if (seen == seen[0]).all() else seen
        return self

    def fold_scaling(self, X: NDArray[Any], folds: Folds) -> FoldScaling:
        """Return what this scaler would learn from the training part of each fold.

        X: (N, D), without NaN. `Pipeline.fit_folds` uses it.
        """
        moments = training_moments(X, folds)
        scale = deviation_scale(moments)[1] if self.with_std else np.ones_like(moments.mean)
        return FoldScaling(moments.mean if self.with_mean else np.zeros_like(scale), scale)

    def _moments_so_far(self, n_features: int) -> Moments:
        """Return the moments that the learned attributes stand for."""
        n = np.broadcast_to(self.n_samples_seen_, n_features).astype(np.float64)
        zeros = np.zeros(n_features)
        mean = zeros if self.mean_ is None else self.mean_
        scatter = zeros if self.var_ is None else np.where(n > 0, self.var_, 0) * n
        return Moments(n, mean, scatter)

    def transform(self, X: ArrayLike, copy: bool | None = None) -> NDArray[Any]:
        """Return `X` (N, D) scaled, (N, D). copy: in place of the parameter, for this call."""
        check_is_fitted(self, "n_samples_seen_")
        table = validate_data(self, X, reset=False, dtype=FLOATS, ensure_all_finite="allow-nan")
        out = self._writable(table, copy)
        if self.with_mean and self.mean_ is not None:
            table = out = np.subtract(table, self.mean_.astype(table.dtype, copy=False), out=out)
        if self.with_std and self.scale_ is not None:
            table = out = np.divide(table, self.scale_.astype(table.dtype, copy=False), out=out)
        return table.copy() if out is None else table

    def inverse_transform(self, X: ArrayLike, copy: bool | None = None) -> NDArray[Any]:
        """Return  x = σ z + x̄  for `X` (N, D) of scaled samples."""
        check_is_fitted(self, "n_samples_seen_")
        table = check_array(X, dtype=FLOATS, ensure_all_finite="allow-nan")
        out = self._writable(table, copy)
        if self.with_std and self.scale_ is not None:
            table = out = np.multiply(table, self.scale_.astype(table.dtype, copy=False), out=out)
        if self.with_mean and self.mean_ is not None:
            table = out = np.add(table, self.mean_.astype(table.dtype, copy=False), out=out)
        return table.copy() if out is None else table

    def _writable(self, table: NDArray[Any], copy: bool | None) -> NDArray[Any] | None:
        """Return the array to write into: the table itself, or None for a new one."""
        copy = self.copy if copy is None else copy
        return None if copy or not table.flags.writeable else table

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
