"""Logistic regression: its laws, its solvers against each other, and scikit-learn's optimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.datasets import load_breast_cancer, load_iris, load_wine
from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model import LogisticRegression

LOADERS = {"breast cancer": load_breast_cancer, "iris": load_iris, "wine": load_wine}


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def objective(model, X, y, C, weight):
    """C Σ s_i (−log p(y_i)) + ½ ‖w‖², from predict_proba."""
    p = model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return C * (weight * -np.log(p)).sum() + 0.5 * (model.coef_**2).sum()


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_optimum_is_scikit_learns(loader, C, fit_intercept):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = loader(return_X_y=True)
    X = standardised(X)
    options = {"C": C, "fit_intercept": fit_intercept, "max_iter": 1000, "tol": 1e-10}
    found = LogisticRegression(**options).fit(X, y)
    expected = linear_model.LogisticRegression(solver="newton-cholesky", **options).fit(X, y)
    # Both stop at a gradient of 1e-10; the flattest direction amplifies that by C N.
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, atol=1e-6)
    np.testing.assert_allclose(
        found.predict_proba(X), expected.predict_proba(X), rtol=1e-5, atol=1e-12
    )
    assert found.score(X, y) == expected.score(X, y)


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
def test_weights_give_scikit_learns_optimum(loader, class_weight):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = loader(return_X_y=True)
    X = standardised(X)
    weight = np.random.default_rng(0).uniform(0, 2, len(y))
    options = {"class_weight": class_weight, "tol": 1e-10}
    found = LogisticRegression(**options).fit(X, y, weight)
    expected = linear_model.LogisticRegression(solver="newton-cholesky", **options).fit(
        X, y, weight
    )
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-7)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, atol=1e-7)


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize("solver", ["lbfgs", "gradient-descent"])
def test_the_solvers_agree(loader, solver):
    X, y = loader(return_X_y=True)
    X = standardised(X)
    newton = LogisticRegression(C=0.1, tol=1e-12).fit(X, y)
    other = LogisticRegression(C=0.1, tol=1e-8, solver=solver, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(other.coef_, newton.coef_, atol=1e-5)
    np.testing.assert_allclose(other.intercept_, newton.intercept_, atol=1e-5)


@given(
    seed=st.integers(0, 1000),
    K=st.integers(2, 4),
    N=st.integers(8, 40),
    D=st.integers(1, 5),
    C=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_no_step_away_from_the_optimum_lowers_the_objective(seed, K, N, D, C):
    rng = np.random.default_rng(seed)
    X, y, weight = rng.standard_normal((N, D)), np.arange(N) % K, rng.uniform(0.1, 2, N)
    model = LogisticRegression(C=C, tol=1e-10).fit(X, y, weight)
    least = objective(model, X, y, C, weight)
    for _ in range(5):
        other = LogisticRegression(C=C).fit(X, y)
        other.coef_ = model.coef_ + 1e-3 * rng.standard_normal(model.coef_.shape)
        other.intercept_ = model.intercept_ + 1e-3 * rng.standard_normal(model.intercept_.shape)
        assert objective(other, X, y, C, weight) >= least - 1e-12 * abs(least)


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_a_weight_of_two_is_the_sample_twice_and_of_zero_its_absence(loader):
    X, y = loader(return_X_y=True)
    X = standardised(X)
    weight = np.arange(len(y)) % 3
    weighted = LogisticRegression(tol=1e-11).fit(X, y, weight)
    repeated = LogisticRegression(tol=1e-11).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-8)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-8)


def test_units_change_the_weights_and_not_the_probabilities_without_a_penalty():
    X, y = load_breast_cancer(return_X_y=True)
    X = standardised(X)[:, :3]
    model = LogisticRegression(penalty=None, tol=1e-10).fit(X, y)
    units, origin = np.array([1e-3, 1.0, 1e4]), np.array([5.0, 0.0, 1e5])
    other = LogisticRegression(penalty=None, tol=1e-10).fit(X * units + origin, y)
    # origin / units loses six digits of the features
    np.testing.assert_allclose(other.coef_ * units, model.coef_, rtol=1e-7)
    np.testing.assert_allclose(
        other.predict_proba(X * units + origin), model.predict_proba(X), atol=1e-8
    )


def test_no_penalty_is_an_infinite_C():
    X, y = load_iris(return_X_y=True)
    a = LogisticRegression(penalty=None).fit(X[:, :2], y > 1)
    b = LogisticRegression(C=np.inf).fit(X[:, :2], y > 1)
    np.testing.assert_array_equal(a.coef_, b.coef_)


def test_several_classes_without_a_penalty_sum_to_zero():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(tol=1e-10).fit(X, y)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(model.intercept_.sum(), 0, atol=1e-9)


def test_probabilities_sum_to_one_and_the_most_probable_class_is_predicted():
    for loader in LOADERS.values():
        X, y = loader(return_X_y=True)
        model = LogisticRegression().fit(X, y)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-12)


def test_log_probabilities_are_finite_where_probabilities_underflow():
    model = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    far = [[1e6]]
    assert model.predict_proba(far)[0, 0] == 0
    score = model.decision_function(far)[0]
    np.testing.assert_allclose(model.predict_log_proba(far), [[-score, 0]])


@pytest.mark.parametrize("solver", ["newton-cholesky", "lbfgs", "gradient-descent"])
def test_a_warning_says_that_it_has_not_converged(solver):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match=f"after 2 steps of {solver}"):
        model = LogisticRegression(solver=solver, max_iter=2).fit(X, y)
    assert model.n_iter_.tolist() == [2]
    assert np.isfinite(model.coef_).all()


def test_separable_classes_have_finite_weights_under_a_penalty():
    X, y = [[-1.0], [-0.5], [0.5], [1.0]], [0, 0, 1, 1]
    weak, strong = (LogisticRegression(C=C).fit(X, y) for C in (1e6, 1.0))
    assert 0 < strong.coef_[0, 0] < weak.coef_[0, 0] < 1e6


def test_a_warm_start_goes_on_from_the_last_weights():
    X, y = load_wine(return_X_y=True)
    model = LogisticRegression(warm_start=True, tol=1e-8).fit(X, y)
    assert model.n_iter_[0] > 3
    first = model.coef_
    assert model.fit(X, y).n_iter_[0] == 0
    np.testing.assert_allclose(model.coef_, first, rtol=1e-12)
    assert model.fit(X[:, :3], y).coef_.shape == (3, 3)  # other data: from the beginning


def test_float32_features_give_float32_weights():
    X, y = load_wine(return_X_y=True)
    wide = LogisticRegression().fit(X, y)
    narrow = LogisticRegression().fit(X.astype(np.float32), y)
    assert narrow.coef_.dtype == narrow.intercept_.dtype == np.float32
    assert narrow.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-3)


def test_labels_may_be_strings():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LogisticRegression().fit(X, names)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.score(X, names) == LogisticRegression().fit(X, y).score(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": "l1"}, "penalty must be 'l2' or None, got 'l1'"),
        ({"solver": "saga"}, "solver must be one of newton-cholesky"),
        ({"C": 0}, "C must be above 0"),
        ({"C": float("nan")}, "C must be above 0, got nan"),
        ({"tol": -1}, "tol must be at least 0"),
        ({"max_iter": -1}, "max_iter must be at least 0"),
    ],
)
def test_a_parameter_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**options).fit([[0.0], [1.0]], [0, 1])


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="1 class: 7"):
        LogisticRegression().fit([[0.0], [1.0]], [7, 7])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("K", [2, 3])
def test_with_more_features_than_samples_the_optimum_is_the_same(K, fit_intercept):
    """Newton's method then works in the span of the samples; the gradient is looked at in all features."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 50)) * rng.uniform(0.1, 5, 50) + 3, np.arange(20) % K
    weight = rng.uniform(0, 2, 20)
    options = {"fit_intercept": fit_intercept, "C": 0.1}
    model = LogisticRegression(tol=1e-12, **options).fit(X, y, weight)
    p = model.predict_proba(X)
    target = np.eye(K)[y][:, 1:] if K == 2 else np.eye(K)[y]
    error = (p[:, 1:] if K == 2 else p) - target  # the gradient, in the features themselves
    gradient = 0.1 * (weight[:, None] * error).T @ X + model.coef_
    np.testing.assert_allclose(gradient, 0, atol=1e-8)
    if fit_intercept:
        np.testing.assert_allclose(weight @ error, 0, atol=1e-8)
    again = LogisticRegression(tol=1e-12, warm_start=True, **options).fit(X, y, weight)
    assert again.fit(X, y, weight).n_iter_[0] <= 1


@pytest.mark.parametrize("unit", [1e-6, 1e-8, 1e-12, 1e6])
@pytest.mark.parametrize("K", [2, 3])
def test_a_feature_in_another_unit_does_not_slow_the_others(unit, K):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    y = np.digitize(X[:, 0] + X[:, 1] + rng.standard_normal(200), [-0.5, 0.5][: K - 1])
    X[:, 3] *= unit
    model = LogisticRegression().fit(X, y)
    assert model.n_iter_[0] < 12
    without = LogisticRegression(tol=1e-12).fit(X[:, :3], y)
    if unit < 1:  # the penalty keeps it out
        np.testing.assert_allclose(model.coef_[:, :3], without.coef_, atol=1e-4)


def test_without_an_intercept_features_far_from_zero_are_fitted_too():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 3)) + 1e6, rng.integers(0, 2, 20)
    model = LogisticRegression(fit_intercept=False).fit(X, y)
    assert objective(model, X, y, 1.0, np.ones(20)) < 12.752  # scikit-learn's newton-cholesky
