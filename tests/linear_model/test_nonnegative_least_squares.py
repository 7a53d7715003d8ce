"""Least squares without negative coefficients: the conditions of the minimum, and SciPy's result."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model.nonnegative_least_squares import nonnegative_least_squares


@given(seed=st.integers(0, 10_000), N=st.integers(1, 30), D=st.integers(1, 8))
def test_the_conditions_of_karush_kuhn_and_tucker_hold(seed, N, D):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(N, D)) * 10.0 ** rng.integers(-3, 4, D), rng.normal(size=N)
    w = nonnegative_least_squares(X, y)
    gradient = X.T @ (X @ w - y)
    small = 1e-11 * np.linalg.norm(X, axis=0) * np.linalg.norm(y)  # rounding of the gradient
    assert (w >= 0).all()
    assert (np.abs(gradient[w > 0]) <= small[w > 0]).all()
    assert (gradient >= -small).all()


def test_it_is_the_best_of_all_choices_of_used_columns():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(9, 5)), rng.normal(size=9)
    best = y @ y
    for size in range(1, 6):
        for used in combinations(range(5), size):
            w, *_ = np.linalg.lstsq(X[:, used], y, rcond=None)
            if (w >= 0).all():
                best = min(best, np.sum((y - X[:, used] @ w) ** 2))
    w = nonnegative_least_squares(X, y)
    assert np.sum((y - X @ w) ** 2) == pytest.approx(best, rel=1e-13)


def test_a_column_of_zeros_and_a_repeated_column_stay_unused():
    X = np.array([[1.0, 0, 1], [2, 0, 2], [3, 0, 3]])
    w = nonnegative_least_squares(X, np.array([2.0, 4, 6]))
    np.testing.assert_allclose(w, [2, 0, 0], atol=1e-14)


@pytest.mark.parametrize(("N", "D"), [(300, 20), (30, 30), (20, 60)])
def test_it_is_scipys(N, D):
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(N)
    X, y = rng.normal(size=(N, D)), rng.normal(size=N)
    expected, norm = optimize.nnls(X, y)
    found = nonnegative_least_squares(X, y)
    assert np.linalg.norm(y - X @ found) == pytest.approx(norm, abs=1e-12)
    if N >= D:  # with more columns than rows many are as good
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_ill_conditioned_columns_keep_their_digits():
    t = np.linspace(0, 1, 40)
    X = np.vander(t, 7)  # condition 10⁵, of XᵀX 10¹⁰
    w = np.array([1.0, 2, 3, 4, 5, 6, 7])
    found = nonnegative_least_squares(X, X @ w)
    np.testing.assert_allclose(found, w, rtol=1e-9)  # 10⁵ times the rounding, and a little


def test_too_few_rounds_are_an_error():
    with pytest.raises(RuntimeError, match="1 sets of the 3 coefficients"):
        nonnegative_least_squares(np.eye(3), np.ones(3), max_iter=1)
