"""The rule of the perceptron, against the rule written one sample at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.linear_model.rosenblatt import Penalty, penalised_epoch, rosenblatt_epoch


def naive_epoch(w, b, X, y, rate, order, fit_intercept=True):
    w, mistakes, loss = w.copy(), 0, 0.0
    for i in order:
        score = y[i] * (w @ X[i] + b)
        loss += max(0, -score)
        if score <= 0:
            w = w + rate[i] * y[i] * X[i]
            b = b + rate[i] * y[i] * fit_intercept
            mistakes += 1
    return w, b, mistakes, loss


def problem(seed, n_samples, n_features, dtype=np.float64):
    """Whole numbers, so that every sum is exact, whatever its order, and scores of 0 do occur."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, (n_samples, n_features)).astype(dtype)
    y = rng.choice([-1, 1], n_samples).astype(dtype)
    rate = rng.integers(1, 4, n_samples).astype(dtype)
    w, b = rng.integers(-3, 4, n_features).astype(dtype), float(rng.integers(-3, 4))
    return w, b, X, y, rate, rng.permutation(n_samples)


@given(
    seed=st.integers(0, 10_000),
    n_samples=st.integers(0, 200),
    n_features=st.integers(1, 6),
    fit_intercept=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_an_epoch_is_the_rule_taken_one_sample_at_a_time(
    seed, n_samples, n_features, fit_intercept, dtype
):
    arguments = (*problem(seed, n_samples, n_features, dtype), fit_intercept)
    # Some BLAS kernels compute on what lies beside a short row, and raise its flags. The result is
    # compared exactly; `Perceptron.fit` ignores the flags too.
    with np.errstate(over="ignore", invalid="ignore"):
        w, b, mistakes, loss = rosenblatt_epoch(*arguments)
    w_naive, b_naive, mistakes_naive, loss_naive = naive_epoch(*arguments)
    assert w.dtype == dtype
    np.testing.assert_array_equal(w, w_naive)
    assert (b, mistakes, loss) == (b_naive, mistakes_naive, loss_naive)


def test_the_rule_is_the_same_over_several_chunks_and_long_stretches_without_a_mistake():
    # 4096 features are 16 samples a chunk; a plane that is nearly right makes few mistakes.
    w, b, X, y, rate, order = problem(0, 100, 4096)
    for right in (0, 10, 90):
        y[:right] = np.where(X[:right] @ w + b > 0, 1, -1)
        found = rosenblatt_epoch(w, b, X, y, rate, order)
        expected = naive_epoch(w, b, X, y, rate, order)
        np.testing.assert_array_equal(found[0], expected[0])
        assert found[1:] == expected[1:]
    w, b, X, y, rate, order = problem(1, 3000, 3)
    y = np.where(X @ w + b > 0, 1.0, -1.0)
    y[order[[0, 20, 1000, 2999]]] *= -1
    found = rosenblatt_epoch(w, b, X, y, rate, order)
    expected = naive_epoch(w, b, X, y, rate, order)
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1:] == expected[1:]


def test_an_epoch_changes_none_of_its_arguments():
    arguments = problem(0, 50, 3)
    copies = [np.copy(a) for a in arguments]
    rosenblatt_epoch(*arguments)
    penalised_epoch(*arguments, True, Penalty("elasticnet", 0.1, 0.5, 1.0))
    for argument, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


def test_a_score_that_is_no_number_is_a_mistake():
    X, one = np.array([[1.0, 1.0]]), np.ones(1)
    w = np.array([np.inf, -np.inf])
    with np.errstate(over="ignore", invalid="ignore"):
        *_, mistakes, loss = rosenblatt_epoch(w, 0.0, X, one, one, np.arange(1))
    assert mistakes == 1
    assert np.isnan(loss)


# penalties


@given(seed=st.integers(0, 10_000), n_samples=st.integers(0, 60), fit_intercept=st.booleans())
def test_a_penalty_of_zero_is_no_penalty(seed, n_samples, fit_intercept):
    arguments = (*problem(seed, n_samples, 3), fit_intercept)
    w, *rest = penalised_epoch(*arguments, Penalty("elasticnet", 0.0, 0.5, 1.0))
    w_plain, *rest_plain = rosenblatt_epoch(*arguments)
    np.testing.assert_array_equal(w, w_plain)
    assert rest == rest_plain


def test_the_penalty_is_what_it_says():
    w = np.array([3.0, -4.0])
    assert Penalty("l2", 2.0, 0.9, 1.0).value(w) == 2 * 25 / 2
    assert Penalty("l1", 2.0, 0.9, 1.0).value(w) == 2 * 7
    assert Penalty("elasticnet", 2.0, 0.25, 1.0).value(w) == 2 * (0.75 / 2 * 25 + 0.25 * 7)


def test_decay_follows_the_gradient_of_the_l2_term_and_stops_at_zero():
    w = np.array([3.0, -4.0])
    Penalty("l2", 0.5, 0.0, 0.5).decay(w)
    np.testing.assert_array_equal(w, [2.25, -3.0])  # w − η α w
    Penalty("l2", 3.0, 0.0, 1.0).decay(w)
    np.testing.assert_array_equal(w, [0, 0])


def test_l1_takes_the_same_from_every_weight_and_never_turns_a_sign():
    penalty, w = Penalty("l1", 0.5, 0.0, 2.0), np.array([2.5, -1.5, 0.0])
    for expected in ([1.5, -0.5, 0], [0.5, 0, 0], [0, 0, 0]):
        penalty.truncate(w)
        np.testing.assert_array_equal(w, expected)
    # All owe 3 by now; paid were 2.5, 1.5 and 0. The rest, and one more, is taken when they move.
    w += [5.0, -5.0, 5.0]
    penalty.truncate(w)
    np.testing.assert_array_equal(w, [5 - 1.5, -5 + 2.5, 5 - 4])
