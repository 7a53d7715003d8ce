"""Leave-one-out of ridge regression without leaving out, and the choice of α by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model import Ridge, RidgeCV
from scratchnet.linear_model.leave_one_out import leave_one_out_errors


def data(N=30, D=4, M=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + 3
    y = rng.normal(size=N if M is None else (N, M)) + X[:, :1].sum() + 5
    return X, y


def by_refitting(X, y, weight, alpha, fit_intercept):
    """Return the errors of N models, each at the sample that it was not fitted to."""
    errors = np.empty_like(y)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        model = Ridge(alpha, fit_intercept=fit_intercept, solver="svd")
        model.fit(X[rest], y[rest], None if weight is None else weight[rest])
        errors[i] = y[i] - model.predict(X[i : i + 1])[0]
    return errors


@pytest.mark.parametrize("shape", [(30, 4), (5, 12), (6, 5), (7, 5), (6, 6)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", ["none", "plain", "huge", "zeros"])
@pytest.mark.parametrize("exact", [False, True])
def test_the_errors_are_those_of_refitting(shape, fit_intercept, weights, exact):
    X, y = data(*shape, M=2)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X))
    weight[3] = {"huge": 1e7, "zeros": 0.0}.get(weights, 1.0)
    weight = None if weights == "none" else weight
    alphas = np.array([1e-8, 1e-3, 1.0, 1e5])
    found = leave_one_out_errors(X, y, weight, alphas, fit_intercept=fit_intercept, exact=exact)
    for alpha, errors in zip(alphas, found, strict=True):
        expected = by_refitting(X, y, weight, alpha, fit_intercept)
        # Refitting itself is right to the condition of X (about 100, with the huge weight its root
        # as many times as much) times the rounding.
        np.testing.assert_allclose(errors, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())


@given(
    seed=st.integers(0, 10_000),
    N=st.integers(2, 15),
    D=st.integers(1, 15),
    alpha=st.floats(1e-4, 1e4),
)
def test_the_errors_are_those_of_refitting_for_any_shape(seed, N, D, alpha):
    X, y = data(N, D, 1, seed)
    (errors,) = leave_one_out_errors(X, y, None, np.array([alpha]))
    expected = by_refitting(X, y, None, alpha, True)
    np.testing.assert_allclose(errors, expected, rtol=1e-8, atol=1e-9 * np.abs(y).max())


def test_a_sample_that_alone_has_a_feature_is_left_out_in_earnest():
    X, y = data()
    X = np.column_stack([X, np.zeros(30)])
    X[5, 4] = 1.0  # without the sample the feature is constant: 1 − h is about α
    alphas = np.array([1e-12])
    (errors,) = leave_one_out_errors(X, y[:, None], None, alphas)
    rest = np.arange(30) != 5
    expected = y[5] - Ridge(1e-12).fit(X[rest, :4], y[rest]).predict(X[5:6, :4])[0]
    assert errors[5, 0] == pytest.approx(expected, rel=1e-9)


def test_exact_leave_one_out_is_not_generalised_cross_validation():
    X, y = data()
    (errors,) = leave_one_out_errors(X, y[:, None], None, np.array([1.0]))
    centered = X - X.mean(axis=0)
    hat = centered @ np.linalg.solve(centered.T @ centered + np.eye(4), centered.T) + 1 / 30
    residual = y - hat @ y
    np.testing.assert_allclose(errors[:, 0], residual / (1 - np.diag(hat)), atol=1e-12)
    gcv = residual / (1 - np.trace(hat) / 30)
    assert np.abs(errors[:, 0] - gcv).max() > 1e-2


@pytest.mark.parametrize("alpha_per_target", [False, True])
def test_the_alpha_of_the_least_mean_squared_error_is_chosen(alpha_per_target):
    X, y = data(M=3)
    y[:, 0] = X @ [5.0, 0, 2, 1]  # the less penalty the better
    alphas = [100.0, 1.0, 0.01]
    model = RidgeCV(alphas, alpha_per_target=alpha_per_target, store_cv_results=True).fit(X, y)
    squares = np.stack([by_refitting(X, y, None, a, True) ** 2 for a in alphas], axis=-1)
    np.testing.assert_allclose(model.cv_results_, squares, rtol=1e-8, atol=1e-12)
    mean = squares.mean(axis=0) if alpha_per_target else squares.mean(axis=(0, 1))[None]
    np.testing.assert_array_equal(model.alpha_, np.squeeze(np.array(alphas)[mean.argmin(axis=1)]))
    np.testing.assert_allclose(model.best_score_, np.squeeze(-mean.min(axis=1)), rtol=1e-8)
    refitted = Ridge(model.alpha_).fit(X, y)
    np.testing.assert_array_equal(model.coef_, refitted.coef_)
    np.testing.assert_array_equal(model.intercept_, refitted.intercept_)


def test_the_inputs_are_left_as_they_are():
    X, y = data(M=2)
    before = X.copy(), y.copy()
    RidgeCV().fit(X, y, np.ones(30))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"alphas": [1.0, 0.0]}, ValueError, r"alphas\[1\] must be above 0, got 0.0"),
        ({"alphas": [1.0, -1.0], "cv": 3}, ValueError, r"alphas\[1\] must be at least 0"),
        ({"alphas": []}, ValueError, "alphas is empty"),
        ({"alphas": ["1"]}, TypeError, "alphas must be of type Real"),
        ({"gcv_mode": "fast"}, ValueError, "gcv_mode must be None, 'auto', 'svd' or 'eigen'"),
        ({"cv": 3, "store_cv_results": True}, ValueError, "cv!=None and store_cv_results=True"),
        ({"cv": 3, "alpha_per_target": True}, ValueError, "cv!=None and alpha_per_target=True"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        RidgeCV(**options).fit(*data())


def test_one_sample_cannot_be_left_out():
    with pytest.raises(ValueError, match=r"two samples with a weight, n_samples = 1"):
        RidgeCV().fit([[1.0]], [1.0])


# scikit-learn


def theirs(**options):
    return pytest.importorskip("sklearn.linear_model").RidgeCV(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"alphas": 3.0},
        {"fit_intercept": False},
        {"gcv_mode": "svd"},
        {"scoring": "r2"},
        {"scoring": "neg_mean_absolute_error"},
        {"alpha_per_target": True},
        {"alpha_per_target": True, "scoring": "neg_median_absolute_error"},
        {"cv": 4},
        {"cv": 4, "scoring": "neg_mean_squared_error"},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(30, 4), (10, 25)])
@pytest.mark.parametrize("M", [None, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_result_is_scikit_learns(options, shape, M, weighted):
    if "alpha_per_target" in options and "scoring" in options:
        M = M or 2  # theirs looks for the columns of a vector
    X, y = data(*shape, M)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else None
    options = {"store_cv_results": "cv" not in options, **options}
    ours, expected = (m.fit(X, y, weight) for m in (RidgeCV(**options), theirs(**options)))
    np.testing.assert_array_equal(ours.alpha_, expected.alpha_)
    # Relative to the terms of the score; leave-one-out divides by 1 − h, here above 0.01.
    np.testing.assert_allclose(ours.best_score_, expected.best_score_, rtol=1e-9, atol=1e-9)
    for name in ("coef_", "intercept_"):
        a, b = getattr(ours, name), getattr(expected, name)
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    if options["store_cv_results"]:
        assert ours.cv_results_.shape == expected.cv_results_.shape
        np.testing.assert_allclose(ours.cv_results_, expected.cv_results_, rtol=1e-8, atol=1e-9)


def test_float32_is_kept_and_worked_out_in_float64():
    X, y = data()
    single = X.astype(np.float32)
    ours = RidgeCV(store_cv_results=True).fit(single, y)
    expected = theirs(store_cv_results=True).fit(single, y)
    assert ours.coef_.dtype == ours.cv_results_.dtype == np.float32
    assert ours.intercept_.dtype == expected.intercept_.dtype
    np.testing.assert_allclose(ours.coef_, expected.coef_, rtol=1e-6)


def test_the_parameters_and_their_defaults_are_scikit_learns():
    assert list(RidgeCV().get_params().items()) == list(theirs().get_params().items())
