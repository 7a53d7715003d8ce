"""Two small estimators that can fit all folds at once: the mean, and the nearest class mean.

`N` samples, `D` features, `K` classes, `F` folds. `fit_folds` takes the mean of each training part from
one product with the counts, where `fit` takes it from the samples themselves.
"""

import numpy as np

from scratchnet.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from scratchnet.utils.validation import check_sample_weight, validate_data


class MeanRegressor(RegressorMixin, BaseEstimator):
    """Predicts the (weighted) mean of y, plus `shift`."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None):
        if self.shift is None:
            raise ValueError("shift must be a number, got None")
        weight = check_sample_weight(sample_weight, len(y))
        self.mean_ = np.average(y, axis=0, weights=weight) + self.shift
        return self

    def predict(self, X):
        return np.repeat(np.asarray(self.mean_)[None], len(X), axis=0)

    def fit_folds(self, X, y, folds, sample_weight=None):
        if self.shift is None:
            raise ValueError("shift must be a number, got None")
        weight = folds.train_counts(0, len(folds)) * check_sample_weight(sample_weight, len(y))
        means = (weight @ np.asarray(y, dtype=float)) / weight.sum(axis=1, keepdims=np.ndim(y) > 1)
        return MeanFolds(self, folds, means + self.shift)


class MeanFolds:
    def __init__(self, estimator, folds, means):
        self.estimator, self.folds, self.means = estimator, folds, means

    def model(self, fold):
        fitted = clone(self.estimator)
        fitted.mean_ = self.means[fold]
        return fitted

    def test_output(self, method):
        assert method == "predict"
        return np.repeat(self.means, np.diff(self.folds.starts), axis=0)


class NearestMean(ClassifierMixin, BaseEstimator):
    """Predicts the class whose mean is nearest; the `weight` of the distances scales the scores."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y)
        self.classes_ = np.unique(y)
        weight = check_sample_weight(sample_weight, len(y))
        self.means_ = np.stack(
            [np.average(X[y == c], axis=0, weights=weight[y == c]) for c in self.classes_]
        )
        return self

    def decision_function(self, X):
        return self.scores(validate_data(self, X, reset=False), self.means_)

    def scores(self, X, means):
        """X (N, D), means (K, D) or (N, K, D) -> (N, K), or (N,) of two classes."""
        distance = ((X[:, None, :] - means) ** 2).sum(axis=2)
        scores = -self.scale * distance
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def labels(self, scores, classes):
        return classes[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def probabilities(self, scores):
        scores = np.stack([np.zeros_like(scores), scores], axis=1) if scores.ndim == 1 else scores
        exp = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exp / exp.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.labels(self.decision_function(X), self.classes_)

    def predict_proba(self, X):
        return self.probabilities(self.decision_function(X))

    def fit_folds(self, X, y, folds, sample_weight=None):
        fitted = clone(self)
        X, y = validate_data(fitted, X, y)
        classes = np.unique(y)
        weight = folds.train_counts(0, len(folds)) * check_sample_weight(sample_weight, len(y))
        of_class = (y[:, None] == classes).astype(float)  # (N, K)
        total = weight @ of_class  # (F, K)
        if not total.all():
            return None
        means = np.einsum("fn,nk,nd->fkd", weight, of_class, X) / total[:, :, None]
        return NearestMeanFolds(self, folds, X, classes, means)


class NearestMeanFolds:
    def __init__(self, estimator, folds, X, classes, means):
        self.estimator, self.folds, self.X = estimator, folds, X
        self.classes, self.means = classes, means

    def model(self, fold):
        fitted = clone(self.estimator)
        fitted.classes_, fitted.means_ = self.classes, self.means[fold]
        fitted.n_features_in_ = self.X.shape[1]
        return fitted

    def test_output(self, method):
        fold = np.repeat(np.arange(len(self.folds)), np.diff(self.folds.starts))
        scores = self.estimator.scores(self.X[self.folds.test_indices], self.means[fold])
        if method == "decision_function":
            return scores
        if method == "predict_proba":
            return self.estimator.probabilities(scores)
        return self.estimator.labels(scores, self.classes)


class OneByOneRegressor(MeanRegressor):
    """Its `fit` is its own, so that the `fit_folds` it inherits does not speak for it."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight)


class OneByOneClassifier(NearestMean):
    """Likewise."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight)
