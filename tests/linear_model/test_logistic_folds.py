"""All folds of logistic regression at once are the fits of each fold from scratch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet.datasets import load_breast_cancer, load_iris
from scratchnet.linear_model import LogisticRegression, logistic_folds
from scratchnet.model_selection.folds import Folds, FoldScaling

# Of coefficients, when both sides have been run to a gradient of 1e-12.
AGREEMENT = 1e-8
METHODS = ["predict", "decision_function", "predict_proba", "predict_log_proba"]


def assert_models_are_refits(model, X, y, folds, weight=None, scaling=None):
    """Compare every fold's model and outputs with a fit of its own; return the fold models."""
    models = model.fit_folds(X, y, folds, weight, scaling)
    assert models is not None
    outputs = {method: models.test_output(method) for method in METHODS}
    for fold, (train, test) in enumerate(folds):
        Z = X if scaling is None else (X - scaling.shift[fold]) / scaling.scale[fold]
        own = LogisticRegression(**model.get_params())
        own.fit(Z[train], y[train], None if weight is None else weight[train])
        found = models.model(fold)
        np.testing.assert_allclose(found.coef_, own.coef_, rtol=0, atol=AGREEMENT)
        np.testing.assert_allclose(found.intercept_, own.intercept_, rtol=0, atol=AGREEMENT)
        np.testing.assert_array_equal(found.classes_, own.classes_)
        part = slice(folds.starts[fold], folds.starts[fold + 1])
        if not len(test):
            continue
        scores = own.decision_function(Z[test])
        for method, output in outputs.items():
            if method == "predict" and np.abs(scores).min() < 1e-6:
                continue  # on the boundary the class is a matter of rounding
            expected = getattr(own, method)(Z[test])
            if output.dtype.kind == "f":
                np.testing.assert_allclose(output[part], expected, atol=1e-6)
            else:
                np.testing.assert_array_equal(output[part], expected)
            np.testing.assert_array_equal(output[part].shape, expected.shape)
    return models


@given(
    seed=st.integers(0, 10_000),
    K=st.integers(2, 4),
    D=st.integers(1, 5),
    n_folds=st.sampled_from([2, 5, 0]),
    fit_intercept=st.booleans(),
    class_weight=st.sampled_from([None, "balanced", {1: 2.0}]),
    weighted=st.booleans(),
    C=st.sampled_from([0.1, 1.0, 10.0]),
)
@settings(max_examples=40)
def test_all_at_once_is_one_by_one(seed, K, D, n_folds, fit_intercept, class_weight, weighted, C):
    rng = np.random.default_rng(seed)
    N = 12 * K
    X, y = rng.standard_normal((N, D)) + rng.standard_normal(D), rng.permutation(np.arange(N) % K)
    model = LogisticRegression(
        C=C, fit_intercept=fit_intercept, class_weight=class_weight, tol=1e-12
    )
    n_folds = n_folds or N  # 0: leave-one-out
    order = np.argsort(y, kind="stable")
    numbers = np.empty(N, int)
    numbers[order] = np.arange(N) % n_folds
    weight = rng.uniform(0.2, 2, N) if weighted else None
    assert_models_are_refits(model, X, y, Folds.from_numbers(numbers, n_folds), weight)


def test_training_parts_may_overlap_and_name_a_sample_twice():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    splits = [(rng.integers(0, 150, 120), rng.permutation(150)[:30]) for _ in range(3)]
    splits.append((np.arange(0, 150, 2), np.arange(0)))
    assert_models_are_refits(LogisticRegression(tol=1e-12), X, y, Folds.from_splits(splits, 150))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_scaler_in_front_is_fitted_to_each_training_part(fit_intercept):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:120]
    y = y[:120]
    folds = Folds.from_numbers(np.arange(120) % 4, 4)
    shift = np.array([X[train].mean(axis=0) * fit_intercept for train, _ in folds])
    scale = np.array([X[train].std(axis=0) for train, _ in folds])
    model = LogisticRegression(tol=1e-12, fit_intercept=fit_intercept)
    assert_models_are_refits(model, X, y, folds, scaling=FoldScaling(shift, scale))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_also_with_more_features_than_samples(fit_intercept):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 40)) + 1, np.arange(20) % 2
    folds = Folds.from_numbers(np.arange(20) // 4, 5)
    model = LogisticRegression(tol=1e-12, fit_intercept=fit_intercept)
    assert_models_are_refits(model, X, y, folds)
    if fit_intercept:
        shift, scale = rng.standard_normal((5, 40)), rng.uniform(0.5, 2, (5, 40))
        assert_models_are_refits(model, X, y, folds, scaling=FoldScaling(shift, scale))


def test_a_shift_without_an_intercept_is_left_to_each_fold():
    X, y = load_iris(return_X_y=True)
    folds = Folds.from_numbers(np.arange(150) % 5, 5)
    scaling = FoldScaling(np.ones((5, 4)), np.ones((5, 4)))
    model = LogisticRegression(fit_intercept=False)
    assert model.fit_folds(X, y, folds, None, scaling) is None


def test_the_blocks_do_not_change_the_result(monkeypatch):
    X, y = load_iris(return_X_y=True)
    folds = Folds.from_numbers(np.arange(150) % 30, 30)
    model = LogisticRegression(tol=1e-12)
    whole = model.fit_folds(X, y, folds)
    monkeypatch.setattr(logistic_folds, "BLOCK_BYTES", 1)
    one_by_one = model.fit_folds(X, y, folds)
    for fold in range(30):
        np.testing.assert_allclose(
            whole.model(fold).coef_, one_by_one.model(fold).coef_, atol=AGREEMENT
        )


def test_nothing_of_the_test_samples_is_left_at_the_default_tolerance():
    """One fold tests an outlier with the wrong label, which the fit on all samples follows far."""
    rng = np.random.default_rng(0)
    X = np.append(rng.standard_normal((400, 1)), [[60.0]], axis=0)
    y = np.append((X[:-1, 0] + rng.standard_normal(400) > 0).astype(int), 0)
    folds = Folds.from_numbers(np.arange(401), 401)
    found = LogisticRegression().fit_folds(X, y, folds).model(400)
    expected = LogisticRegression(tol=1e-12).fit(X[:-1], y[:-1])
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6)
    with_it = LogisticRegression().fit(X, y)
    assert abs(with_it.coef_[0, 0] - expected.coef_[0, 0]) > 0.3


def test_the_models_keep_the_classes_and_the_names_of_the_columns():
    class Table:
        """As much of a DataFrame as is read: an array with columns."""

        columns = ("length", "width")

        def __init__(self, array):
            self.array, self.shape = array, array.shape

        def __array__(self, dtype=None, copy=None):
            return self.array

    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    folds = Folds.from_numbers(np.arange(150) % 5, 5)
    models = LogisticRegression().fit_folds(Table(X[:, :2]), names, folds)
    assert models.test_output("predict").dtype == names.dtype
    assert models.model(0).n_features_in_ == 2
    assert models.model(4).feature_names_in_.tolist() == ["length", "width"]
    assert models.model(4).classes_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "change",
    [
        {"solver": "lbfgs"},
        {"C": -1},
        {"max_iter": 1},
        {"class_weight": "unbalanced"},
    ],
)
def test_what_a_fold_has_to_say_for_itself_is_left_to_it(change):
    X, y = load_iris(return_X_y=True)
    folds = Folds.from_numbers(np.arange(150) % 5, 5)
    assert LogisticRegression(**change).fit_folds(X, y, folds) is None


def test_bad_data_and_missing_classes_are_left_to_each_fold():
    X, y = load_iris(return_X_y=True)
    by_class = Folds.from_numbers(y, 3)
    assert LogisticRegression().fit_folds(X, y, by_class) is None
    folds = Folds.from_numbers(np.arange(150) % 5, 5)
    assert LogisticRegression().fit_folds(np.where(X > 7, np.nan, X), y, folds) is None
    assert LogisticRegression().fit_folds(X, y[:100], folds) is None
    assert LogisticRegression().fit_folds(X, np.zeros(150), folds) is None


def noise(seed=0, N=60, D=3):
    """Labels that no plane separates, even without a penalty."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, D)), rng.permutation(np.arange(N) % 2)


def test_without_a_penalty_too():
    X, y = noise()
    folds = Folds.from_numbers(np.arange(60) % 5, 5)
    assert_models_are_refits(LogisticRegression(penalty=None, tol=1e-12), X, y, folds)


def test_what_a_training_part_does_not_determine_is_left_to_each_fold():
    """Without a penalty nothing would draw such a weight away from the fit on all samples."""
    X, y = noise()
    X[:, 2] = 0
    X[::5, 2] = np.random.default_rng(1).standard_normal(12)  # it varies in fold 0 alone
    folds = Folds.from_numbers(np.arange(60) % 5, 5)
    assert LogisticRegression(penalty=None).fit_folds(X, y, folds) is None
    X[:, 2] = np.where(np.arange(60) % 5 == 0, X[:, 2], 7)  # and is a constant elsewhere
    assert LogisticRegression(C=np.inf).fit_folds(X, y, folds) is None
    assert_models_are_refits(LogisticRegression(tol=1e-12), X, y, folds)
