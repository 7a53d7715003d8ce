"""Gradient descent and L-BFGS on functions whose minimum is known."""

import numpy as np
import pytest

from scratchnet.linear_model.descent import gradient_descent, lbfgs

A = np.diag([1.0, 10.0, 100.0]) + 0.5
MINIMUM = np.array([1.0, -2.0, 3.0])


def bowl(w):
    """½ (w − m)ᵀ A (w − m), whose Hessian is A."""
    away = w - MINIMUM
    return 0.5 * away @ A @ away, A @ away


def rosenbrock(w):
    """(1 − a)² + 100 (b − a²)²: a curved valley, minimum 0 at (1, 1)."""
    a, b = w
    value = (1 - a) ** 2 + 100 * (b - a**2) ** 2
    return value, np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


def test_gradient_descent_reaches_the_minimum_of_a_bowl():
    steepest = np.linalg.eigvalsh(A)[-1]
    w, n_iter, converged = gradient_descent(bowl, np.zeros(3), 1 / steepest, 1e-10, 10**5)
    assert converged
    np.testing.assert_allclose(w, MINIMUM, atol=1e-9)
    assert n_iter > 100  # 1 − λ_min/λ_max a step


def test_every_step_of_gradient_descent_lowers_the_function():
    w, values = np.zeros(3), []
    for _ in range(50):
        values.append(bowl(w)[0])
        w = gradient_descent(bowl, w, 1 / np.linalg.eigvalsh(A)[-1], 0.0, 1)[0]
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_lbfgs_reaches_the_minimum_of_a_bowl_in_few_steps(memory):
    w, n_iter, converged = lbfgs(bowl, np.zeros(3), 1e-10, 1000, memory)
    assert converged
    np.testing.assert_allclose(w, MINIMUM, atol=1e-9)
    assert n_iter < 100


def test_lbfgs_follows_a_curved_valley():
    w, n_iter, converged = lbfgs(rosenbrock, np.array([-1.2, 1.0]), 1e-8, 200)
    assert converged
    np.testing.assert_allclose(w, [1, 1], atol=1e-7)
    assert n_iter < 60


@pytest.mark.parametrize(
    "solve",
    [lambda w, n: gradient_descent(bowl, w, 1e-3, 1e-6, n), lambda w, n: lbfgs(bowl, w, 1e-6, n)],
    ids=["gradient_descent", "lbfgs"],
)
def test_the_steps_are_counted_and_bounded(solve):
    assert solve(MINIMUM, 10)[1:] == (0, True)
    assert solve(np.zeros(3), 2)[1:] == (2, False)
    assert solve(np.zeros(3), 0)[1:] == (0, False)


def test_lbfgs_ends_where_rounding_leaves_nothing_to_gain():
    w, _, converged = lbfgs(bowl, np.zeros(3), 0.0, 1000)
    np.testing.assert_allclose(w, MINIMUM, atol=1e-12)
    assert converged == (np.abs(bowl(w)[1]).max() == 0)
