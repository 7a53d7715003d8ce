"""Conjugate gradients and LSQR: they end at the minimum, in as many steps as they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model.krylov import conjugate_gradients, lsqr, ridge_conjugate_gradients


def table(N, D, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)), rng.normal(size=N)


@given(n=st.integers(1, 12), seed=st.integers(0, 100))
def test_conjugate_gradients_are_done_after_as_many_steps_as_there_are_unknowns(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    A, b = root @ root.T / n + np.eye(n), rng.normal(size=n)
    x, converged = conjugate_gradients(lambda p: A @ p, b, 1e-9, n)
    assert converged
    np.testing.assert_allclose(A @ x, b, atol=1e-8)


@pytest.mark.parametrize("method", [ridge_conjugate_gradients, lsqr])
@pytest.mark.parametrize(("N", "D"), [(40, 6), (6, 40), (7, 7)])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 100.0])
def test_the_gradient_of_the_penalised_squares_is_zero(method, N, D, alpha):
    X, y = table(N, D)
    w, *_, converged = method(X, y, alpha, 1e-13, 1000)
    assert converged
    gradient = X.T @ (X @ w - y) + alpha * w
    assert np.abs(gradient).max() < 1e-9 * np.abs(X.T @ y).max()


@given(alpha=st.sampled_from([0.0, 0.5, 10.0]), seed=st.integers(0, 50))
def test_lsqr_takes_the_steps_of_conjugate_gradients(alpha, seed):
    # Both look for the best w in the same space after k steps, so k steps of both are the same w.
    X, y = table(20, 6, seed)
    for k in range(1, 6):
        w, steps, _ = lsqr(X, y, alpha, 0.0, k)
        expected, _ = ridge_conjugate_gradients(X, y, alpha, 0.0, k)
        assert steps == k
        np.testing.assert_allclose(w, expected, atol=1e-8)


def test_lsqr_takes_the_steps_of_scipys():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    X, y = table(60, 15)
    for alpha in (0.0, 2.0):
        for tol in (1e-3, 1e-6, 1e-10):
            w, steps, converged = lsqr(X, y, alpha, tol, None)
            expected = linalg.lsqr(X, y, damp=alpha**0.5, atol=tol, btol=tol)
            assert converged
            assert steps == expected[2]
            np.testing.assert_allclose(w, expected[0], atol=1e-9)


def test_a_target_of_zeros_or_one_orthogonal_to_all_columns_gives_zeros():
    X = np.array([[1.0, 2], [1, 2], [0, 0]])
    for y in (np.zeros(3), np.array([0, 0, 5.0])):
        w, steps, converged = lsqr(X, y, 0.1, 1e-6, None)
        assert (w.tolist(), steps, converged) == ([0, 0], 0, True)
        w, converged = ridge_conjugate_gradients(X, y, 0.1, 1e-6, None)
        assert (w.tolist(), converged) == ([0, 0], True)


@pytest.mark.parametrize("method", [ridge_conjugate_gradients, lsqr])
def test_too_few_steps_are_not_called_converged(method):
    *_, converged = method(*table(60, 15), 0.1, 1e-10, 2)
    assert not converged
