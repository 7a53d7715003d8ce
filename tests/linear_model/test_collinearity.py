"""Variance inflation factors: regressions one by one, and features that have none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.linear_model import LinearRegression, variance_inflation_factor


def by_regressions(X):
    """Return 1 / (1 − R²) of the regression of each feature on the others."""
    factors = []
    for j in range(X.shape[1]):
        others = np.delete(X, j, axis=1)
        model = LinearRegression(tol=0).fit(others, X[:, j])
        factors.append(1 / (1 - model.score(others, X[:, j])))
    return np.array(factors)


@given(seed=st.integers(0, 1000), D=st.integers(2, 6), mixing=st.floats(0, 3))
def test_the_factors_are_those_of_the_regressions_one_by_one(seed, D, mixing):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, D)) @ (np.eye(D) + mixing * rng.normal(size=(D, D))) + 10
    expected = by_regressions(X)
    # 1 − R² of a regression is right to the rounding of 1, so its inverse to VIF times that.
    np.testing.assert_allclose(variance_inflation_factor(X), expected, rtol=1e-12 * expected.max())


def test_neither_the_units_nor_the_origin_matters():
    X = np.random.default_rng(0).normal(size=(30, 4))
    X[:, 3] += X[:, 0]
    expected = variance_inflation_factor(X)
    moved = X * [1e-8, 1.0, 1e8, -3.0] + [1e-6, 1e3, 0, 5]
    np.testing.assert_allclose(variance_inflation_factor(moved), expected, rtol=1e-9)
    assert (expected >= 1).all()


def test_of_collinear_features_all_that_take_part_have_infinity():
    X = np.random.default_rng(0).normal(size=(30, 5))
    X[:, 4] = X[:, 0] - 2 * X[:, 2] + 7
    found = variance_inflation_factor(X)
    np.testing.assert_array_equal(np.isinf(found), [True, False, True, False, True])
    # features 1 and 3 are judged by what the others span
    expected = variance_inflation_factor(X[:, :4])
    np.testing.assert_allclose(found[[1, 3]], expected[[1, 3]], rtol=1e-12)


def test_a_nearly_collinear_feature_has_a_finite_factor():
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(size=(3, 200))
    X = np.stack([a, b, a + 1e-5 * noise], axis=1)
    found = variance_inflation_factor(X)
    basis = np.linalg.qr(np.stack([np.ones(200), a, b], axis=1))[0]
    left = 1e-5 * (noise - basis @ (basis.T @ noise))
    expected = np.sum((X[:, 2] - X[:, 2].mean()) ** 2) / (left @ left)
    assert expected > 1e9
    assert found[2] == pytest.approx(expected, rel=1e-6)  # the factor times the rounding, and less


def test_with_no_more_samples_than_features_all_are_collinear():
    X = np.random.default_rng(0).normal(size=(4, 6))
    assert np.isinf(variance_inflation_factor(X)).all()


def test_one_feature_is_not_inflated():
    assert variance_inflation_factor([[1.0], [2.0], [4.0]]) == pytest.approx(1, rel=1e-14)


def test_a_constant_feature_has_no_factor_and_the_others_are_judged_without_it():
    X = np.random.default_rng(0).normal(size=(30, 4))
    X[:, 1] = 0.1
    with pytest.warns(UndefinedMetricWarning, match=r"constant feature is undefined: \[1\]"):
        found = variance_inflation_factor(X)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2, 3]], variance_inflation_factor(X[:, [0, 2, 3]]))
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(variance_inflation_factor(np.full((3, 2), 7))).all()


def test_the_data_is_left_as_it_is_and_one_sample_is_refused():
    X = np.random.default_rng(0).normal(size=(5, 2))
    before = X.copy()
    variance_inflation_factor(X)
    np.testing.assert_array_equal(X, before)
    with pytest.raises(ValueError, match="a minimum of 2 is required"):
        variance_inflation_factor(X[:1])
