"""A pipeline that begins with a scaler fits all folds at once, each scaled by its own training part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet.base import clone
from scratchnet.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge
from scratchnet.model_selection import (
    KFold,
    LeaveOneOut,
    LeavePOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
    cross_validate,
)
from scratchnet.model_selection.folds import Folds, folds_of
from scratchnet.pipeline import Pipeline, make_pipeline
from scratchnet.preprocessing import MinMaxScaler, StandardScaler

SCALERS = {
    "standard": StandardScaler(),
    "only centred": StandardScaler(with_std=False),
    "only divided": StandardScaler(with_mean=False),
    "range": MinMaxScaler(),
    "another range": MinMaxScaler(feature_range=(-3, 5)),
}
MODELS = {
    "least squares": LinearRegression(),
    "ridge": Ridge(0.5),
    "logistic": LogisticRegression(tol=1e-12),
}
SPLITTERS = {
    "leave-one-out": LeaveOneOut(),
    "five folds": KFold(5, shuffle=True, random_state=0),
    "random parts": ShuffleSplit(3, test_size=0.4, random_state=0),
}


def data(seed=0, N=24, D=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, D)) * rng.uniform(0.1, 10, D) + rng.uniform(-20, 20, D)
    return X, rng.permutation(np.arange(N) % 2)


def assert_models_are_refits(pipeline, X, y, folds):
    models = pipeline.fit_folds(X, y, folds)
    assert models is not None
    found = models.test_output("predict")
    for fold, (train, test) in enumerate(folds):
        own, one = clone(pipeline).fit(X[train], y[train]), models.model(fold)
        np.testing.assert_allclose(one[-1].coef_, own[-1].coef_, atol=1e-8)
        np.testing.assert_allclose(one[-1].intercept_, own[-1].intercept_, atol=1e-8)
        np.testing.assert_allclose(one[:-1].transform(X), own[:-1].transform(X), atol=1e-12)
        if not len(test):
            continue
        part = found[folds.starts[fold] : folds.starts[fold + 1]]
        np.testing.assert_allclose(part, own.predict(X[test]), atol=1e-8)


@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_all_at_once_is_one_by_one(scaler, model, cv):
    X, y = data()
    assert_models_are_refits(make_pipeline(scaler, model), X, y, folds_of(cv, X, y))


@given(st.lists(st.integers(-1, 3), min_size=12, max_size=30), st.integers(0, 1000))
@settings(max_examples=30)
def test_whatever_the_folds_are(numbers, seed):
    """Also folds that test nothing, and samples that no fold tests."""
    X, _ = data(seed, len(numbers))
    y = np.random.default_rng(seed).standard_normal(len(numbers))
    folds = Folds.from_numbers(np.array(numbers), 4)
    if np.diff(folds.starts).max() > len(numbers) - 3:
        return  # one or two samples to train on: the standard deviation may be 0
    for scaler in (StandardScaler(), MinMaxScaler()):
        assert_models_are_refits(make_pipeline(scaler, Ridge()), X, y, folds)


def test_a_feature_that_is_constant_in_one_training_part():
    X, y = data()
    X[:, 1] = 7
    X[3, 1] = 8
    for scaler in SCALERS.values():
        folds = folds_of(LeaveOneOut(), X)
        assert_models_are_refits(make_pipeline(scaler, Ridge()), X, y * 1.0, folds)


def test_the_validation_functions_give_the_same_either_way():
    X, y = data(N=40)

    class OneByOne(LogisticRegression):
        fit_folds = None

    for cv in SPLITTERS.values():
        together = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-12))
        apart = make_pipeline(StandardScaler(), OneByOne(tol=1e-12))
        found, expected = (
            cross_validate(model, X, y, cv=cv, scoring=["accuracy", "neg_log_loss"])
            if not isinstance(cv, LeaveOneOut)
            else cross_validate(model, X, y, cv=cv, scoring=["accuracy"])
            for model in (together, apart)
        )
        for name, scores in expected.items():
            if name.startswith("test"):
                np.testing.assert_allclose(found[name], scores, atol=1e-8)
    for method in ("predict", "predict_proba", "decision_function"):
        found, expected = (
            cross_val_predict(model, X, y, cv=5, method=method) for model in (together, apart)
        )
        np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), MinMaxScaler(), Ridge()),
        make_pipeline(MinMaxScaler(clip=True), Ridge()),
        make_pipeline(StandardScaler(), Perceptron()),
        make_pipeline(StandardScaler(), Ridge(fit_intercept=False)),
        Pipeline([("scaler", StandardScaler()), ("nothing", "passthrough")]),
    ],
    ids=["two scalers", "clipped", "another model", "a shift, no intercept", "no model"],
)
def test_other_pipelines_are_left_to_each_fold(pipeline):
    X, y = data()
    assert pipeline.fit_folds(X, y * 1.0, folds_of(KFold(3), X)) is None


def test_a_scaler_with_a_fit_of_its_own_is_left_to_each_fold():
    class Other(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            return super().fit(2 * X, y, sample_weight)

    X, y = data()
    assert make_pipeline(Other(), Ridge()).fit_folds(X, y * 1.0, folds_of(KFold(3), X)) is None


def test_steps_that_pass_through_are_no_steps():
    X, y = data()
    pipeline = Pipeline([("nothing", "passthrough"), ("ridge", Ridge())])
    assert_models_are_refits(pipeline, X, y * 1.0, folds_of(KFold(3), X))


@pytest.mark.parametrize(
    "cv", [RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), LeavePOut(2)], ids=str
)
@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
def test_test_parts_may_overlap(scaler, cv):
    X, y = data(N=12)
    assert_models_are_refits(make_pipeline(scaler, Ridge()), X, y * 1.0, folds_of(cv, X))
