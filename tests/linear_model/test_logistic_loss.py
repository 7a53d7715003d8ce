"""The log loss of a stack of models: its equations, one sample at a time, and its derivatives."""

import numpy as np
import pytest

from scratchnet.linear_model.logistic_loss import LogisticLoss

B, N, D = 3, 7, 4


def stack(K, seed=0):
    rng = np.random.default_rng(seed)
    code = np.arange(N) % max(K, 2)
    rows = np.array([1]) if K == 1 else np.arange(K)
    target = (code == rows[:, None]).astype(float)
    loss = LogisticLoss(
        rng.standard_normal((N, D)),
        target,
        rng.uniform(0, 2, (B, N)),
        rng.uniform(0, 1, (B, D)),
    )
    return loss, rng.standard_normal((B, K, D)), code


def loss_by_samples(loss, w, code, b):
    """−Σ_i m_i log p(y_i | x_i) + ½ Σ r w², from the probabilities' definition."""
    total = 0.5 * (loss.ridge[b] * w[b] ** 2).sum()
    for i in range(N):
        z = w[b] @ loss.Z[i]
        if len(z) == 1:
            p = 1 / (1 + np.exp(-z[0]))
            p_of_class = p if code[i] else 1 - p
        else:
            p_of_class = np.exp(z[code[i]]) / np.exp(z).sum()
        total -= loss.weight[b, i] * np.log(p_of_class)
    return total


@pytest.mark.parametrize("K", [1, 3])
def test_the_value_is_the_sum_over_samples(K):
    loss, w, code = stack(K)
    expected = [loss_by_samples(loss, w, code, b) for b in range(B)]
    np.testing.assert_allclose(loss.value(w, np.arange(B)), expected, rtol=1e-13)


@pytest.mark.parametrize("K", [1, 3])
def test_the_gradient_is_the_slope_of_the_value(K):
    loss, w, _ = stack(K)
    every, h = np.arange(B), 1e-6
    direction = np.random.default_rng(1).standard_normal(w.shape)
    slope = (loss.value(w + h * direction, every) - loss.value(w - h * direction, every)) / (2 * h)
    gradient = loss.gradient(w, loss.probabilities(w), every)
    # h² of truncation, and ε/h of rounding
    np.testing.assert_allclose((gradient * direction).sum(axis=(1, 2)), slope, rtol=1e-8)


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("models", [[0, 1, 2], [2], [2, 0]])
def test_the_hessian_is_the_slope_of_the_gradient(K, models):
    loss, w, _ = stack(K)
    models, h = np.array(models), 1e-6
    w = w[models]
    direction = np.random.default_rng(1).standard_normal(w.shape)
    after, before = (
        loss.gradient(v, loss.probabilities(v), models)
        for v in (w + h * direction, w - h * direction)
    )
    slope = (after - before) / (2 * h)
    hessian = loss.hessian(loss.probabilities(w), models)
    found = hessian @ direction.reshape(len(models), -1, 1)
    np.testing.assert_allclose(found.reshape(w.shape), slope, atol=1e-8)


def test_the_products_of_pairs_give_the_same_hessian_as_sample_by_sample():
    """More than three models share the products of pairs of columns; three do not."""
    few, w, _ = stack(3)
    many = LogisticLoss(few.Z, few.target, np.tile(few.weight, (2, 1)), np.tile(few.ridge, (2, 1)))
    assert few._products is None
    assert many._products is not None
    p = few.probabilities(w)
    expected = few.hessian(p, np.arange(3))
    found = many.hessian(np.tile(p, (2, 1, 1)), np.arange(6))
    np.testing.assert_allclose(found, np.tile(expected, (2, 1, 1)), atol=1e-13)


def test_far_scores_neither_overflow_nor_warn():
    for K in (1, 3):
        loss, w, _ = stack(K)
        far = 1e5 * w
        value = loss.value(far, np.arange(B))
        assert np.isfinite(value).all()
        assert np.isfinite(loss.hessian(loss.probabilities(far), np.arange(B))).all()
