"""The estimator protocol: parameters in `__init__`, what was learned in names that end in `_`.

An estimator stores its arguments under their own names and does nothing else in `__init__`; `fit`
checks them, learns, and returns the estimator. With that, `get_params`, `set_params`, `clone` and a
short `repr` come from here, and scikit-learn's pipelines and searches take the estimator as theirs.
scikit-learn is imported only where it asks (`__sklearn_tags__`).
"""

from __future__ import annotations

import copy
import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.utils.validation import (
    check_is_fitted,
)

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "OneToOneFeatureMixin",
    "RegressorMixin",
    "TransformerMixin",
    "check_is_fitted",
    "clone",
]


class BaseEstimator:
    """What all estimators have: their parameters, read and set by name."""

    @classmethod
    def _default_params(cls) -> dict[str, Any]:
        """Return each parameter of `__init__` with its default, in the order of the signature."""
        if cls.__init__ is object.__init__:
            return {}
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise RuntimeError(
                    f"{cls.__name__}.__init__ must name its parameters, it has {parameter}"
                )
        return {parameter.name: parameter.default for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` adds those of inner estimators as `outer__inner`."""
        params: dict[str, Any] = {}
        for name in sorted(self._default_params()):
            value = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params |= {f"{name}__{inner}": v for inner, v in value.get_params().items()}
            params[name] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, those of an inner estimator as `outer__inner`."""
        valid = sorted(self._default_params())
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, is_nested, inner = key.partition("__")
            if name not in valid:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(valid)}"
                )
            if is_nested:
                nested.setdefault(name, {})[inner] = value
            else:
                setattr(self, name, value)
        # Last, so that set_params(model=other, model__alpha=1) sets the alpha of the other model.
        for name, inner_params in nested.items():
            getattr(self, name).set_params(**inner_params)
        return self

    def __repr__(self) -> str:
        """Show the parameters that are not at their default."""
        changed = [
            f"{name}={value}"
            for name, default in self._default_params().items()
            if (value := repr(getattr(self, name))) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn (1.6 or later) asks of an estimator. Only it calls this."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


def clone(estimator: Any, *, safe: bool = True) -> Any:
    """Return an unfitted estimator with the same parameters; of a list of them, a list.

    Takes scikit-learn's estimators too. safe: what is no estimator raises TypeError; with False it
    is deep-copied.
    """
    # Exactly these types: a subclass (a named tuple, a defaultdict) may be built in another way.
    if type(estimator) in (list, tuple, set, frozenset):
        return type(estimator)([clone(e, safe=safe) for e in estimator])
    if type(estimator) is dict:
        return {key: clone(e, safe=safe) for key, e in estimator.items()}
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        if safe:
            raise TypeError(f"clone expects an estimator instance, got {estimator!r}")
        return copy.deepcopy(estimator)
    if hasattr(estimator, "__sklearn_clone__"):
        return estimator.__sklearn_clone__()
    params = {
        name: clone(value, safe=False) for name, value in estimator.get_params(deep=False).items()
    }
    new = type(estimator)(**params)
    for name, value in params.items():
        if getattr(new, name) is not value:
            raise RuntimeError(
                f"{type(estimator).__name__} cannot be cloned: its __init__ does not keep the "
                f"parameter {name} as it is given"
            )
    return new


class ClassifierMixin:
    """A classifier: `score` is the accuracy. Stands left of `BaseEstimator` among the bases."""

    _estimator_type = "classifier"

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on `X` and `y`: the (weighted) share of samples predicted right.

        accuracy = Σ_i w_i [ŷ_i = y_i] / Σ_i w_i
        """
        from scratchnet.metrics.accuracy import accuracy_score  # here: metrics stand above

        y_pred = self.predict(X)  # type: ignore[attr-defined]
        return float(accuracy_score(y, y_pred, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags


class RegressorMixin:
    """A regressor: `score` is R². Stands left of `BaseEstimator` among the bases."""

    _estimator_type = "regressor"

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R² on `X` and `y`: 1 is perfect, 0 what predicting the mean would score.

            R² = 1 − Σ_i w_i (y_i − ŷ_i)² / Σ_i w_i (y_i − ȳ)²,   ȳ = Σ_i w_i y_i / Σ_i w_i

        Of several outputs, (N, M), the mean of their R². A constant y scores 1 if it is predicted
        perfectly, else 0. Of fewer than two samples R² is undefined: NaN with a warning.
        """
        from scratchnet.metrics.explained import r2_score  # here: metrics stand above

        y_pred = self.predict(X)  # type: ignore[attr-defined]
        return float(r2_score(y, y_pred, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        return tags


class TransformerMixin:
    """A transformer: it has `fit` and `transform`. Stands left of `BaseEstimator` among the bases.

    scikit-learn's `set_output` is left out: what comes back is a NumPy array.
    """

    def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> NDArray[Any]:
        """Return `X` transformed by what was learned from it: `fit(X, y, **fit_params).transform(X)`."""
        fitted = self.fit(X, y, **fit_params)  # type: ignore[attr-defined]
        transformed: NDArray[Any] = fitted.transform(X)
        return transformed

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.transformer_tags = TransformerTags()
        return tags


class OneToOneFeatureMixin:
    """A transformer whose output has the features of its input, under their names."""

    n_features_in_: int

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the output's features, (D,).

        They are those of the DataFrame that was fitted, else `input_features`, else x0, x1, …
        Raises ValueError if `input_features` are not those fitted, or another number.
        """
        check_is_fitted(self, "n_features_in_")
        fitted = getattr(self, "feature_names_in_", None)
        if input_features is None:
            if fitted is not None:
                return np.array(fitted, dtype=object)
            return np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        names = np.asarray(input_features, dtype=object)
        if fitted is not None and not np.array_equal(names, fitted):
            raise ValueError("input_features is not equal to feature_names_in_")
        if len(names) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(names)}"
            )
        return names
