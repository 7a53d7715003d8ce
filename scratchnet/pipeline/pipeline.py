"""Steps one after another, as one estimator.

A scaler that is fitted on all data before cross-validation has seen the test samples. In a pipeline
it is part of the estimator, and is fitted to each training part anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from time import perf_counter
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray

from scratchnet.base import BaseEstimator, check_is_fitted, clone
from scratchnet.exceptions import NotFittedError
from scratchnet.model_selection.folds import FoldModels, Folds, depth_of, has_fit_folds
from scratchnet.pipeline.steps import StepsMixin, is_passthrough
from scratchnet.utils.available_if import available_if
from scratchnet.utils.estimator_type import estimator_type
from scratchnet.utils.indexing import take_samples
from scratchnet.utils.validation import check_array

__all__ = ["Pipeline", "make_pipeline"]


def _last_has(name: str) -> Callable[[Pipeline], bool]:
    """Return the condition that the last step has a method; its AttributeError says that it has none."""
    return lambda pipeline: getattr(pipeline._step(-1), name) is not None


def _last_transforms(pipeline: Pipeline) -> bool:
    return is_passthrough(pipeline._step(-1)) or hasattr(pipeline._step(-1), "transform")


def _last_fits_and_transforms(pipeline: Pipeline) -> bool:
    return _last_transforms(pipeline) or hasattr(pipeline._step(-1), "fit_transform")


def _all_invert(pipeline: Pipeline) -> bool:
    return all(hasattr(step, "inverse_transform") for _, _, step in pipeline._active())


class Pipeline(StepsMixin, BaseEstimator):
    """Transformers and at the end any estimator, fitted and used as one.

        fit:      X₁ = step₁.fit_transform(X, y),  …,  step_n.fit(X_{n−1}, y)
        predict:  step_n.predict(step_{n−1}.transform(… step₁.transform(X)))

    A test sample goes only through `transform`: what a step has learned, it has learned from the
    training samples. The pipeline has the methods of its last step (`predict`, `predict_proba`,
    `decision_function`, `score_samples`, `transform`, …).

    Parameters, as in scikit-learn:

    steps: a list of (name, estimator). All but the last have `fit` and `transform`, or `fit_transform`
        and `transform`, or are "passthrough"; so may the last be. The estimators themselves are fitted,
        not clones. `set_params(name=…)` replaces a step, `set_params(name__parameter=…)` sets one of its
        parameters, `pipeline[0]`, `pipeline["name"]`, `pipeline.named_steps.name` and `pipeline[:-1]`
        take steps out; a slice shares them.
    memory: where fitted transformers are kept, for the same data and parameters: None, an object with
        joblib's `Memory.cache`, or the path of a directory for a `joblib.Memory`. With it, clones of the
        transformers are fitted, and `steps` then holds those.
    verbose: print how long each step took.
    transform_input: left out, must be None. It is for scikit-learn's metadata routing.

    `fit` takes arguments for single steps as `name__argument`, such as `ridge__sample_weight`.
    Learned: what the steps learn; `classes_` of the last one, `n_features_in_` and `feature_names_in_` of
    the first.

    >>> from scratchnet.linear_model import Ridge
    >>> from scratchnet.preprocessing import StandardScaler
    >>> model = Pipeline([("scaler", StandardScaler()), ("ridge", Ridge(alpha=2.0))])
    >>> model.fit([[0.0], [20.0]], [1.0, 5.0]).predict([[10.0], [20.0]])  # z = −1, 1
    array([3., 4.])
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        transform_input: list[str] | None = None,
        memory: Any = None,
        verbose: bool = False,
    ) -> None:
        self.steps = steps
        self.transform_input = transform_input
        self.memory = memory
        self.verbose = verbose

    # Fitting

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit each step to what the steps before it make of `X`. params: `name__argument` of steps."""
        transformed, of_step = self._fit_transformers(X, y, params)
        with self._timed(len(self.steps) - 1):
            if not is_passthrough(self._step(-1)):
                self._step(-1).fit(transformed, y, **of_step[self.steps[-1][0]])
        return self

    @available_if(_last_fits_and_transforms)
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit, and return `X` transformed by all steps."""
        transformed, of_step = self._fit_transformers(X, y, params)
        with self._timed(len(self.steps) - 1):
            if is_passthrough(self._step(-1)):
                return transformed
            return _fit_transform(self._step(-1), transformed, y, of_step[self.steps[-1][0]])[0]

    def fit_folds(
        self, X: Any, y: Any, folds: Folds, sample_weight: Any = None
    ) -> FoldModels | None:
        """Return the pipelines of all folds, fitted together; None if that cannot be done here.

        It can if the last step can, and before it stands nothing, or one scaler that has
        `fold_scaling`: then nothing is scaled for any fold, see `FoldScaling`. sample_weight: must be
        None, since `fit` takes weights only by the name of a step.
        """
        last, active = self._step(-1), [step for _, _, step in self._active(with_last=False)]
        if (
            not has_fit_folds(type(last))
            or len(active) > 1
            or self.memory is not None
            or self.transform_input is not None
            or sample_weight is not None
        ):
            return None
        self._check_steps()
        if not active:
            models = last.fit_folds(X, y, folds)
        elif depth_of(type(active[0]), "fold_scaling") > depth_of(type(active[0]), "fit"):
            return None  # a subclass with a fit of its own, or no scaler that is known
        else:
            table = check_array(X)
            scaling = active[0].fold_scaling(table, folds)
            if scaling is None:
                return None
            models = last.fit_folds(table, y, folds, scaling=scaling)
        return None if models is None else PipelineFoldModels(self, X, folds, models)

    @available_if(_last_has("fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit, and return what `fit_predict` of the last step gives."""
        transformed, of_step = self._fit_transformers(X, y, params)
        with self._timed(len(self.steps) - 1):
            return self._step(-1).fit_predict(transformed, y, **of_step[self.steps[-1][0]])

    def _fit_transformers(
        self, X: Any, y: Any, params: dict[str, Any]
    ) -> tuple[Any, dict[str, dict[str, Any]]]:
        """Fit all steps but the last; return `X` as they transform it, and the arguments of each step."""
        if self.transform_input is not None:
            raise ValueError(
                "transform_input is left out: it needs scikit-learn's metadata routing"
            )
        self._check_steps()
        of_step: dict[str, dict[str, Any]] = {name: {} for name, _ in self.steps}
        for key, value in params.items():
            name, is_nested, argument = key.partition("__")
            if not is_nested or name not in of_step:
                raise ValueError(
                    f"Pipeline.fit does not accept the {key} parameter: arguments of a step are "
                    f"passed as stepname__argument, such as {self.steps[-1][0]}__sample_weight; the "
                    f"steps are {', '.join(of_step)}"
                )
            of_step[name][argument] = value
        fit_one: Callable[..., tuple[Any, Any]] = _fit_transform
        memory = _check_memory(self.memory)
        if memory is not None:
            fit_one = memory.cache(_fit_transform)
        for i, (name, step) in enumerate(self.steps[:-1]):
            with self._timed(i):
                if is_passthrough(step):
                    continue
                unfitted = step if memory is None else clone(step)
                X, fitted = fit_one(unfitted, X, y, of_step[name])
            if fitted is not step:
                self.steps = [*self.steps[:i], (name, fitted), *self.steps[i + 1 :]]
        return X, of_step

    @contextmanager
    def _timed(self, step: int) -> Iterator[None]:
        start = perf_counter()
        yield
        if self.verbose:
            message = f"(step {step + 1} of {len(self)}) Processing {self.steps[step][0]}, total="
            time = f"{perf_counter() - start:5.1f}s"
            print(f"[Pipeline] {message:.>60}{time:>8}")

    # Using what was fitted

    def _transform_before_last(self, X: Any) -> Any:
        check_is_fitted(self)
        for _, _, step in self._active(with_last=False):
            X = step.transform(X)
        return X

    @available_if(_last_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Return what the last step predicts for `X`, transformed by the others. params: of its predict."""
        return self._step(-1).predict(self._transform_before_last(X), **params)

    @available_if(_last_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Return the last step's probabilities."""
        return self._step(-1).predict_proba(self._transform_before_last(X), **params)

    @available_if(_last_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Return the logarithms of the last step's probabilities."""
        return self._step(-1).predict_log_proba(self._transform_before_last(X), **params)

    @available_if(_last_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Return the last step's scores."""
        return self._step(-1).decision_function(self._transform_before_last(X))

    @available_if(_last_has("score_samples"))
    def score_samples(self, X: Any) -> Any:
        """Return the last step's score of each sample."""
        return self._step(-1).score_samples(self._transform_before_last(X))

    @available_if(_last_has("score"))
    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the last step's score on `X`, transformed by the others, and `y`."""
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._step(-1).score(self._transform_before_last(X), y, **weight)

    @available_if(_last_transforms)
    def transform(self, X: Any) -> Any:
        """Return `X` transformed by all steps."""
        X = self._transform_before_last(X)
        return X if is_passthrough(self._step(-1)) else self._step(-1).transform(X)

    @available_if(_all_invert)
    def inverse_transform(self, X: Any) -> Any:
        """Return what `X` was before all steps: their inverses, the last one first."""
        check_is_fitted(self)
        for _, _, step in reversed(list(self._active())):
            X = step.inverse_transform(X)
        return X

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the features that come out of the last step."""
        names: Any = input_features
        for _, name, step in self._active():
            if not hasattr(step, "get_feature_names_out"):
                raise AttributeError(
                    f"step {name!r} does not provide get_feature_names_out; take the steps before "
                    "it: pipeline[:-1].get_feature_names_out()"
                )
            names = step.get_feature_names_out(names)
        return names

    # What it is, to others

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes of the last step."""
        return self._step(-1).classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features of the first step."""
        return self._step(0).n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The feature names of the first step."""
        return self._step(0).feature_names_in_

    @property
    def _estimator_type(self) -> str | None:
        return estimator_type(self._step(-1))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the last step that is not "passthrough" is fitted; the others were before it."""
        active = list(self._active())
        try:
            if active:
                check_is_fitted(active[-1][2])
        except NotFittedError:
            return False
        return True

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the last step for what comes out, those of the first for what goes in."""
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        active = [step for _, _, step in self._active()]
        if not active:
            return tags
        tags.input_tags.pairwise = get_tags(active[0]).input_tags.pairwise
        tags.input_tags.sparse = all(get_tags(step).input_tags.sparse for step in active)
        if not is_passthrough(self._step(-1)):
            last = get_tags(self._step(-1))
            tags.estimator_type = last.estimator_type
            tags.target_tags.multi_output = last.target_tags.multi_output
            tags.classifier_tags = deepcopy(last.classifier_tags)
            tags.regressor_tags = deepcopy(last.regressor_tags)
            tags.transformer_tags = deepcopy(last.transformer_tags)
        return tags


class PipelineFoldModels:
    """The fitted pipelines of all folds, of which the last steps were fitted together.

    models: of the last step. A scaler in front is fitted when a pipeline is asked for.
    """

    def __init__(self, pipeline: Pipeline, X: Any, folds: Folds, models: FoldModels) -> None:
        self.pipeline, self.X, self.folds, self.models = pipeline, X, folds, models

    def model(self, fold: int) -> Pipeline:
        """Return the fitted pipeline of a fold."""
        pipeline: Pipeline = clone(self.pipeline)
        for _, _, step in pipeline._active(with_last=False):
            step.fit(take_samples(self.X, self.folds.train(fold)))
        pipeline.steps[-1] = (pipeline.steps[-1][0], self.models.model(fold))
        return pipeline

    def test_output(self, method: str) -> NDArray[Any]:
        """Return what each fold's pipeline gives for the samples that the fold tests, (M, ...)."""
        return self.models.test_output(method)


def _fit_transform(step: Any, X: Any, y: Any, params: dict[str, Any]) -> tuple[Any, Any]:
    """Return `X` transformed by the step, which is fitted to it, and the step."""
    if hasattr(step, "fit_transform"):
        return step.fit_transform(X, y, **params), step
    return step.fit(X, y, **params).transform(X), step


def _check_memory(memory: Any) -> Any:
    """Return None, or an object with joblib's `Memory.cache`."""
    if memory is None or hasattr(memory, "cache"):
        return memory
    if not isinstance(memory, str):
        raise ValueError(
            f"memory must be None, a path, or have the method cache of joblib.Memory: {memory!r}"
        )
    try:
        from joblib import Memory  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise ImportError(
            "joblib is needed to keep fitted transformers: pip install joblib, or memory=None"
        ) from error
    return Memory(location=memory, verbose=0)


def make_pipeline(
    *steps: Any,
    memory: Any = None,
    transform_input: list[str] | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Return a `Pipeline` of the estimators, each named after its class in lower case.

    Of several of one class the names are numbered: "ridge-1", "ridge-2".

    >>> from scratchnet.linear_model import Ridge
    >>> from scratchnet.preprocessing import StandardScaler
    >>> [name for name, _ in make_pipeline(StandardScaler(), Ridge()).steps]
    ['standardscaler', 'ridge']
    """
    names = [step if isinstance(step, str) else type(step).__name__.lower() for step in steps]
    counts, so_far = Counter(names), Counter[str]()
    named = []
    for name, step in zip(names, steps, strict=True):
        so_far[name] += 1
        named.append((f"{name}-{so_far[name]}" if counts[name] > 1 else name, step))
    return Pipeline(named, memory=memory, transform_input=transform_input, verbose=verbose)
