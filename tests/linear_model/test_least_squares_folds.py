"""All folds of least squares and ridge at once are the fits of each fold from scratch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.base import clone
from scratchnet.datasets import load_diabetes
from scratchnet.linear_model import LinearRegression, Ridge
from scratchnet.model_selection import LeavePOut, ShuffleSplit, TimeSeriesSplit
from scratchnet.model_selection.folds import Folds, FoldScaling, folds_of

AGREEMENT = 1e-8  # of coefficients and predictions of order one


def by_number(N, n_folds):
    return Folds.from_numbers(np.arange(N) % n_folds, n_folds)


def assert_models_are_refits(model, X, y, folds, weight=None, scaling=None, atol=AGREEMENT):
    models = model.fit_folds(X, y, folds, weight, scaling)
    assert models is not None
    found = models.test_output("predict")
    assert found.shape == (len(folds.test_indices), *y.shape[1:])
    for fold, (train, test) in enumerate(folds):
        Z = X if scaling is None else (X - scaling.shift[fold]) / scaling.scale[fold]
        own = clone(model).fit(Z[train], y[train], None if weight is None else weight[train])
        one = models.model(fold)
        assert np.shape(one.coef_) == np.shape(own.coef_)
        assert np.shape(one.intercept_) == np.shape(own.intercept_)
        np.testing.assert_allclose(one.coef_, own.coef_, rtol=0, atol=atol)
        np.testing.assert_allclose(one.intercept_, own.intercept_, rtol=0, atol=atol)
        if len(test):
            part = found[folds.starts[fold] : folds.starts[fold + 1]]
            np.testing.assert_allclose(part, own.predict(Z[test]), rtol=0, atol=atol)
            np.testing.assert_allclose(part, one.predict(Z[test]), rtol=0, atol=atol)


@given(
    seed=st.integers(0, 10_000),
    D=st.integers(1, 6),
    n_targets=st.sampled_from([0, 1, 3]),
    n_folds=st.sampled_from([2, 5, 15, 0]),
    alpha=st.sampled_from([0.0, 0.5, 10.0]),
    fit_intercept=st.booleans(),
    weighted=st.sampled_from([None, "positive", "with zeros"]),
)
def test_all_at_once_is_one_by_one(seed, D, n_targets, n_folds, alpha, fit_intercept, weighted):
    rng = np.random.default_rng(seed)
    N = 30
    X = rng.standard_normal((N, D)) + rng.standard_normal(D)
    shape = (N, n_targets) if n_targets > 1 else (N,)
    y = rng.standard_normal(shape)
    weight = None if weighted is None else rng.uniform(0.2, 2, N)
    if weighted == "with zeros":
        weight[::7] = 0
    model = (
        Ridge(alpha, fit_intercept=fit_intercept)
        if alpha
        else LinearRegression(fit_intercept=fit_intercept)
    )
    assert_models_are_refits(model, X, y, by_number(N, n_folds or N), weight)


@given(
    seed=st.integers(0, 10_000),
    n_folds=st.sampled_from([2, 5, 0]),
    alpha=st.sampled_from([0.5, 10.0]),
    fit_intercept=st.booleans(),
    weighted=st.booleans(),
    n_targets=st.sampled_from([1, 2]),
)
def test_also_with_more_features_than_samples(
    seed, n_folds, alpha, fit_intercept, weighted, n_targets
):
    rng = np.random.default_rng(seed)
    N, D = 16, 25
    X, y = rng.standard_normal((N, D)), rng.standard_normal((N, n_targets)).squeeze()
    weight = rng.uniform(0.2, 2, N) if weighted else None
    folds = by_number(N, n_folds or N)
    assert_models_are_refits(Ridge(alpha, fit_intercept=fit_intercept), X, y, folds, weight)
    spelt_out = Folds.from_splits(folds, N)
    assert_models_are_refits(Ridge(alpha, fit_intercept=fit_intercept), X, y, spelt_out, weight)


SPLITTERS = {
    "leave two out": LeavePOut(2),
    "a third": ShuffleSplit(4, test_size=0.3, random_state=0),
    "most": ShuffleSplit(4, test_size=0.6, random_state=0),
    "the future": TimeSeriesSplit(3),
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize("model", [LinearRegression(), Ridge()], ids=["least squares", "ridge"])
def test_for_any_splitter(cv, model):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    assert_models_are_refits(model, X, y, folds_of(cv, X))


def test_for_training_parts_with_repetitions_and_for_empty_test_parts():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    splits = [(rng.integers(0, 20, 20), np.arange(5)), (np.arange(15), np.arange(0))]
    assert_models_are_refits(Ridge(), X, y, Folds.from_splits(splits, 20))


@pytest.mark.parametrize("n_folds", [4, 60])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_scaler_in_front_is_fitted_to_each_training_part(n_folds, alpha):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:60], y[:60]
    folds = by_number(60, n_folds)
    shift = np.array([X[train].mean(axis=0) for train, _ in folds])
    scale = np.array([X[train].std(axis=0) for train, _ in folds])
    model = Ridge(alpha) if alpha else LinearRegression()
    scaling = FoldScaling(shift, scale)
    # Targets of some hundreds, and features that are collinear to 1 in 100
    assert_models_are_refits(model, X, y, folds, scaling=scaling, atol=1e-6)


def test_far_means_lose_no_digits():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    model = LinearRegression()
    near = model.fit_folds(X, y, by_number(40, 40)).test_output("predict")
    far = model.fit_folds(X + 2.0**20, y - 2.0**20, by_number(40, 40)).test_output("predict")
    # 2²⁰ leaves 53 − 20 bits of X
    np.testing.assert_allclose(far + 2.0**20, near, atol=1e-7)


def test_where_the_difference_would_lose_digits_each_fold_is_fitted_by_itself():
    """Without sample 0 the second feature is all rounding: 1 − h is 0, or worse, nearly 0."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    for tiny in (0.0, 1e-7):
        X[1:, 1] = tiny * rng.standard_normal(19)
        X[0, 1] = 1
        assert LinearRegression().fit_folds(X, y, by_number(20, 20)) is None
        assert LinearRegression().fit_folds(X, y, by_number(20, 2)) is None


def test_one_sample_that_only_it_can_explain_is_exact_under_a_penalty():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    X[1:, 1], X[0, 1] = 0, 1
    assert_models_are_refits(Ridge(0.1), X, y, by_number(20, 20))


@pytest.mark.parametrize(
    "model",
    [
        Ridge(solver="lsqr"),
        Ridge(positive=True),
        Ridge(-1.0),
        Ridge([1.0, 2.0]),
        LinearRegression(solver="gradient-descent"),
        LinearRegression(positive=True),
    ],
    ids=str,
)
def test_what_cannot_be_fitted_together_is_left_to_each_fold(model):
    X, y = load_diabetes(return_X_y=True)
    folds = by_number(len(X), 5)
    assert model.fit_folds(X, np.stack([y, y], axis=1), folds) is None
    assert model.fit_folds(np.where(X > 0.1, np.nan, X), y, folds) is None
    assert model.fit_folds(X, y[:-1], folds) is None


def test_collinear_columns_are_left_to_each_fold():
    X, y = load_diabetes(return_X_y=True)
    folds = by_number(len(X), 5)
    twice = np.concatenate([X, X], axis=1)
    assert LinearRegression().fit_folds(twice, y, folds) is None
    assert LinearRegression().fit_folds(X[:5], y[:5], by_number(5, 5)) is None
    assert_models_are_refits(Ridge(), twice[:50], y[:50], by_number(50, 5), atol=1e-6)


def test_float32_features_give_float32_results_worked_out_in_float64():
    X, y = load_diabetes(return_X_y=True)
    folds = by_number(len(X), 5)
    wide = Ridge().fit_folds(X, y, folds)
    narrow = Ridge().fit_folds(X.astype(np.float32), y.astype(np.float32), folds)
    assert narrow.test_output("predict").dtype == narrow.model(0).coef_.dtype == np.float32
    np.testing.assert_allclose(
        narrow.test_output("predict"), wide.test_output("predict"), rtol=1e-5
    )


@pytest.mark.parametrize("column", [0.1, 1 / 3, 1e6 + 0.1, None], ids=str)
def test_a_constant_feature_is_left_to_each_fold_unless_the_penalty_outweighs_it(column):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 3)), rng.standard_normal(30)
    X[:, 0] = 1e9 + 1e-7 * X[:, 0] if column is None else column
    for folds in (by_number(30, 5), by_number(30, 30), by_number(30, 2)):
        assert LinearRegression().fit_folds(X, y, folds) is None
        if column is not None and column < 1:  # times 10⁶, rounding shows in the intercept
            assert_models_are_refits(Ridge(), X, y, folds)


@pytest.mark.filterwarnings("error")
def test_a_feature_that_is_constant_at_first_does_not_overflow():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    X[:10, 0] = 3.0
    assert LinearRegression().fit_folds(X, y, folds_of(TimeSeriesSplit(3), X)) is None


def test_units_so_different_that_a_fit_cuts_the_rank_are_left_to_each_fold():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 2)) * [1e8, 1e-8]
    assert LinearRegression().fit_folds(X, rng.standard_normal(20), by_number(20, 5)) is None
