"""The parts of least squares: centring, triangular systems, the penalised normal equations, the SVD."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model.least_squares import (
    center,
    ridge_cholesky,
    ridge_svd,
    solve_triangular,
    solve_with_cholesky,
    svd_with_targets,
    triangle_of,
)

# Well-conditioned systems of at most a few hundred equations: rounding, and room for its sum.
ROUNDED = 1e-11


def table(N, D, seed=0, M=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + 3, rng.normal(size=(N, M)) - 1


@pytest.mark.parametrize("weighted", [False, True])
def test_centring_takes_out_the_weighted_mean_and_scales_by_the_root_of_the_weight(weighted):
    X, y = table(20, 3)
    weight = np.random.default_rng(1).uniform(0, 2, 20) if weighted else None
    found = center(X, y, weight)
    for a, centered, mean in ((X, found.X, found.X_mean), (y, found.y, found.y_mean)):
        expected = np.average(a, axis=0, weights=weight)
        np.testing.assert_allclose(mean, expected, rtol=1e-14)
        root = np.ones(20) if weight is None else np.sqrt(weight)
        np.testing.assert_allclose(centered, root[:, None] * (a - expected), atol=1e-14)


def test_without_an_intercept_nothing_is_taken_out_and_nothing_copied():
    X, y = table(5, 2)
    found = center(X, y, fit_intercept=False)
    assert found.X is X
    assert not found.X_mean.any()
    assert not found.y_mean.any()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weight", [None, np.arange(1.0, 6)], ids=["plain", "weighted"])
def test_x_is_written_to_only_if_it_may_be(fit_intercept, weight):
    X, y = table(5, 2)
    before = X.copy(), y.copy()
    center(X, y, weight, fit_intercept=fit_intercept)
    np.testing.assert_array_equal(X, before[0])
    found = center(X, y, weight, fit_intercept=fit_intercept, copy=False)
    assert found.X is X
    np.testing.assert_array_equal(y, before[1])


def test_weights_near_the_largest_number_have_a_mean():
    X, y = table(4, 2)
    found = center(X, y, np.full(4, 1e308))
    np.testing.assert_allclose(found.X_mean, X.mean(axis=0), rtol=1e-14)


@given(n=st.integers(1, 200), n_right=st.integers(1, 3), lower=st.booleans())
def test_substitution_by_halves_solves_the_triangular_system(n, n_right, lower):
    rng = np.random.default_rng(n)
    T = rng.normal(size=(n, n)) / n + 2 * np.eye(n)
    T = np.tril(T) if lower else np.triu(T)
    b = rng.normal(size=(n, n_right))
    np.testing.assert_allclose(T @ solve_triangular(T, b, lower=lower), b, atol=ROUNDED)


@pytest.mark.parametrize("n", [3, 150])
def test_cholesky_solves_and_refuses_what_is_singular_in_any_unit(n):
    rng = np.random.default_rng(n)
    X = rng.normal(size=(2 * n, n)) * 10.0 ** rng.integers(-6, 6, n)  # units differ by up to 1e12
    G, b = X.T @ X, rng.normal(size=(n, 1))
    x = solve_with_cholesky(G, b, tol=1e-8)
    assert (np.abs(G @ x - b) <= 1e-12 * (np.abs(G) @ np.abs(x))).all()  # backward stable
    X[:, -1] = X[:, 0] * 1e5
    with pytest.raises(np.linalg.LinAlgError):
        solve_with_cholesky(X.T @ X, b, tol=1e-8)


@pytest.mark.parametrize(("N", "D"), [(7, 5), (511, 3), (1024, 3), (1500, 3), (1200, 100)])
def test_the_triangle_of_a_long_table_has_its_gram_matrix(N, D):
    X, _ = table(N, D)
    R = triangle_of(X)
    assert R.shape == (D, D)
    np.testing.assert_array_equal(R, np.triu(R))
    np.testing.assert_allclose(R.T @ R, X.T @ X, rtol=1e-11)


@pytest.mark.parametrize(
    ("N", "D", "M"), [(100, 4, 2), (100, 4, 9), (6, 5, 1), (5, 8, 2), (4, 4, 1)]
)
def test_the_reduced_svd_has_the_singular_values_and_the_turned_targets(N, D, M):
    X, y = table(N, D, M=M)
    Uty, s, Vt = svd_with_targets(X, y)
    np.testing.assert_allclose(s, np.linalg.svd(X, compute_uv=False), rtol=1e-10)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(len(s)), atol=ROUNDED)
    # Uᵀy = diag(1/s) Vᵀ Xᵀy, whatever the signs of the pairs are
    np.testing.assert_allclose(Uty, (Vt @ X.T @ y) / s[:, None], atol=1e-9)


@pytest.mark.parametrize(("N", "D"), [(50, 4), (5, 5), (4, 30)])
@pytest.mark.parametrize("alpha", [[0.5, 0.5], [0.1, 20.0]], ids=["one", "one each"])
def test_both_ways_zero_the_gradient_of_the_penalised_squares(N, D, alpha):
    X, y = table(N, D)
    alpha = np.array(alpha)
    for w in (ridge_cholesky(X, y, alpha, 1e-12), ridge_svd(X, y, alpha)[0]):
        assert w.shape == (D, 2)
        gradient = X.T @ (X @ w - y) + alpha * w
        assert np.abs(gradient).max() < ROUNDED * np.abs(X.T @ y).max()


def test_the_inputs_are_left_as_they_are():
    X, y = table(8, 3)
    before = X.copy(), y.copy()
    ridge_cholesky(X, y, np.ones(2), 1e-12)
    ridge_svd(X, y, np.ones(2))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
