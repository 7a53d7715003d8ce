"""Newton's method on a stack of logistic regressions."""

import numpy as np
import pytest

from scratchnet.linear_model.logistic_loss import LogisticLoss
from scratchnet.linear_model.newton import newton


def problem(K=1, B=5, N=60, D=4, ridge=0.1, seed=0, edit=lambda Z: None):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((N, D))
    Z[:, -1] = 1
    edit(Z)
    code = rng.integers(0, max(K, 2), N)
    rows = np.array([1]) if K == 1 else np.arange(K)
    penalty = np.full((B, D), ridge)
    penalty[:, -1] = 0
    weight = rng.integers(0, 3, (B, N)).astype(float)
    return LogisticLoss(Z, (code == rows[:, None]).astype(float), weight, penalty)


@pytest.mark.parametrize("K", [1, 3])
def test_the_gradient_vanishes_where_it_stops(K):
    loss = problem(K)
    w, n_iter, left = newton(loss, np.zeros((5, K, 4)), 1e-12, 50)
    assert (left <= 1e-12).all()
    assert n_iter.max() < 12  # the digits double
    gradient = loss.gradient(w, loss.probabilities(w), np.arange(5))
    assert np.abs(gradient).max() <= 1e-12 * loss.weight.sum(axis=1).max()


@pytest.mark.parametrize("K", [1, 3])
def test_each_model_ends_where_it_would_by_itself(K):
    loss = problem(K)
    together = newton(loss, np.zeros((5, K, 4)), 1e-12, 50)[0]
    for b in range(5):
        alone = LogisticLoss(loss.Z, loss.target, loss.weight[[b]], loss.ridge[[b]])
        w = newton(alone, np.zeros((1, K, 4)), 1e-12, 50)[0]
        np.testing.assert_allclose(together[b], w[0], atol=1e-10)


def test_it_ends_in_the_same_minimum_from_far_away():
    """A full step from there overshoots by orders of magnitude; halving keeps it in reach."""
    loss = problem(ridge=1e-3)
    near = newton(loss, np.zeros((5, 1, 4)), 1e-10, 50)[0]
    start = 40 * np.random.default_rng(3).standard_normal((5, 1, 4))
    far, _, left = newton(loss, start, 1e-10, 500)
    assert (left <= 1e-10).all()
    np.testing.assert_allclose(far, near, atol=1e-6)


def test_of_several_classes_the_unpenalised_rows_sum_to_zero():
    loss = problem(K=3)
    w = newton(loss, np.zeros((5, 3, 4)), 1e-12, 50)[0]
    np.testing.assert_allclose(w.sum(axis=1), 0, atol=1e-10)


def test_collinear_columns_without_a_penalty_still_converge():
    def edit(Z):
        Z[:, 1] = 2 * Z[:, 0]

    loss = problem(ridge=0.0, edit=edit)
    w, _, left = newton(loss, np.zeros((5, 1, 4)), 1e-10, 50)
    assert (left <= 1e-10).all()
    # Σ of both columns' parts is what the data determine.
    reduced = LogisticLoss(loss.Z[:, [0, 2, 3]], loss.target, loss.weight, loss.ridge[:, :3])
    v = newton(reduced, np.zeros((5, 1, 3)), 1e-10, 50)[0]
    np.testing.assert_allclose(w[:, 0, 0] + 2 * w[:, 0, 1], v[:, 0, 0], atol=1e-7)


def test_columns_of_zeros_get_no_weight():
    def edit(Z):
        Z[:, 1] = 0

    loss = problem(ridge=0.0, edit=edit)
    w, _, left = newton(loss, np.zeros((5, 1, 4)), 1e-10, 50)
    assert (left <= 1e-10).all()
    assert (w[:, :, 1] == 0).all()


def test_too_few_steps_are_reported_and_the_start_is_not_changed():
    loss, start = problem(), np.zeros((5, 1, 4))
    _, n_iter, left = newton(loss, start, 1e-12, 1)
    assert (left > 1e-12).all()
    assert (n_iter == 1).all()
    assert (start == 0).all()
    assert (newton(loss, start, 1e-12, 0)[0] == 0).all()


def test_separable_classes_without_a_penalty_end_at_the_tolerance():
    Z = np.array([[-2.0, 1], [-1, 1], [1, 1], [2, 1]])
    loss = LogisticLoss(Z, np.array([[0.0, 0, 1, 1]]), np.ones((1, 4)), np.zeros((1, 2)))
    w, _, left = newton(loss, np.zeros((1, 1, 2)), 1e-4, 100)
    assert left[0] <= 1e-9
    assert np.isfinite(w).all()
    assert w[0, 0, 0] > 5


def test_a_laxer_tolerance_changes_nothing():
    """The digits double with each step, so that a small gradient costs hardly more than a larger one."""
    loss = problem()
    strict, lax = (newton(loss, np.zeros((5, 1, 4)), tol, 50) for tol in (1e-9, 0.1))
    np.testing.assert_array_equal(strict[0], lax[0])
