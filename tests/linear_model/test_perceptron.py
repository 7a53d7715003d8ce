"""Perceptron: the convergence theorem, when it stops, what it predicts, its options."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model import Perceptron
from scratchnet.linear_model.online import stratified_holdout

CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])


def separable(seed, n_samples=60, n_features=3, margin=0.05):
    """Samples in the unit ball with a margin to a plane through 0, and the unit normal of it."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=n_features)
    u /= np.linalg.norm(u)
    X = rng.normal(size=(20 * n_samples, n_features))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X = X[np.abs(X @ u) >= margin][:n_samples]
    assert len(X) == n_samples
    return X, np.sign(X @ u), u


def blobs(n_classes, seed=0, spread=1.5):
    """Clouds that overlap."""
    rng = np.random.default_rng(seed)
    y = np.arange(120) % n_classes
    return rng.normal(size=(n_classes, 4))[y] * 2 + spread * rng.normal(size=(120, 4)), y


# convergence


@given(
    seed=st.integers(0, 1000),
    margin=st.sampled_from([0.02, 0.1, 0.3]),
    eta0=st.sampled_from([0.1, 1.0, 7.0]),
    shuffle=st.booleans(),
)
def test_the_mistakes_are_no_more_than_the_square_of_radius_over_margin(
    seed, margin, eta0, shuffle
):
    X, y, u = separable(seed, margin=margin)
    model = Perceptron(fit_intercept=False, tol=None, max_iter=10_000, eta0=eta0, shuffle=shuffle)
    mistakes = model.fit(X, y).mistakes_[0]
    bound = (np.linalg.norm(X, axis=1).max() / (y * (X @ u)).min()) ** 2
    assert 0 < mistakes.sum() <= bound
    assert mistakes[-1] == 0
    assert model.score(X, y) == 1.0


@given(seed=st.integers(0, 1000), offset=st.floats(-0.5, 0.5))
def test_with_an_intercept_the_bound_holds_for_the_samples_with_a_one(seed, offset):
    X, y, u = separable(seed, margin=0.1)
    X = X + offset * u  # the plane is  u·x − offset = 0
    z, normal = np.column_stack([X, np.ones(len(X))]), np.append(u, -offset)
    gamma = (y * (z @ normal)).min() / np.linalg.norm(normal)
    model = Perceptron(tol=None, max_iter=10_000).fit(X, y)
    assert model.mistakes_[0].sum() <= (np.linalg.norm(z, axis=1).max() / gamma) ** 2
    assert model.score(X, y) == 1.0


def test_it_stops_after_the_first_epoch_without_a_mistake():
    X, y, _ = separable(0)
    model = Perceptron(tol=None).fit(X, y)
    assert model.mistakes_[0][-1] == 0
    assert np.all(model.mistakes_[0][:-1] > 0)
    assert model.n_iter_ == len(model.mistakes_[0]) < 1000
    more = Perceptron(max_iter=model.n_iter_ + 50, tol=None).fit(X, y)
    np.testing.assert_array_equal(more.coef_, model.coef_)


def test_xor_never_converges_and_says_so():
    for tol in (1e-3, None):
        model = Perceptron(tol=tol, max_iter=200)
        with pytest.warns(ConvergenceWarning, match="class 1: 4 mistakes in the last epoch"):
            model.fit(CORNERS, XOR)
        assert np.all(model.mistakes_[0] > 0)
        assert model.score(CORNERS, XOR) < 1
    assert model.n_iter_ == 200


def test_a_fit_that_converged_in_its_last_epoch_does_not_warn():
    X, y, _ = separable(0)
    n_iter = Perceptron(tol=None).fit(X, y).n_iter_
    Perceptron(tol=None, max_iter=n_iter).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=f"max_iter={n_iter - 1}, tol=None"):
        Perceptron(tol=None, max_iter=n_iter - 1).fit(X, y)


@pytest.mark.parametrize("y", [XOR, np.array([[0], [1], [1], [1]])], ids=["XOR", "a column"])
def test_warnings_point_at_the_call_of_fit(y):
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        Perceptron().fit(CORNERS, y)
    assert [w.filename for w in shown] == [__file__]


def test_a_penalty_and_early_stopping_warn_only_where_the_epochs_ran_out():
    X, y = blobs(2)
    for options in ({"penalty": "l2"}, {"early_stopping": True}):
        Perceptron(**options).fit(X, y)
        Perceptron(**options, tol=None, max_iter=3).fit(X, y)
        with pytest.warns(ConvergenceWarning):
            Perceptron(**options, max_iter=3).fit(X, y)


def test_mistakes_are_counted_for_each_class_and_epoch():
    X, y = blobs(3)
    with pytest.warns(ConvergenceWarning):
        model = Perceptron(shuffle=False, tol=None, max_iter=4).fit(X, y)
    for k in range(3):
        w, b, sign = np.zeros(4), 0.0, np.where(y == k, 1, -1)
        for epoch in range(4):
            mistakes = 0
            for x, s in zip(X, sign, strict=True):
                if s * (w @ x + b) <= 0:
                    w, b, mistakes = w + s * x, b + s, mistakes + 1
            assert model.mistakes_[k][epoch] == mistakes
        np.testing.assert_allclose(model.coef_[k], w, rtol=1e-12)  # some hundred additions
        assert model.intercept_[k] == b


# what is predicted


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], ["no", "yes"], [False, True], [2.0, 5.0]])
def test_two_classes_of_any_type_have_one_row_and_positive_is_the_second(labels):
    X, y, _ = separable(1)
    y = np.array(labels)[(y > 0).astype(int)]
    model = Perceptron(tol=None).fit(X, y)
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.coef_.shape == (1, 3)
    assert model.intercept_.shape == (1,)
    scores = model.decision_function(X)
    np.testing.assert_array_equal(scores, X @ model.coef_[0] + model.intercept_[0])
    np.testing.assert_array_equal(model.predict(X) == labels[1], scores > 0)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) == 1.0


def test_of_several_classes_the_largest_score_wins():
    X, y = blobs(3, spread=0.1)
    y = np.array(["a", "b", "c"], dtype=object)[y]
    model = Perceptron(tol=None).fit(X, y)
    assert model.coef_.shape == (3, 4)
    scores = model.decision_function(X)
    assert scores.shape == (120, 3)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])
    assert model.score(X, y) == 1.0


def test_a_score_of_zero_is_the_first_class():
    model = Perceptron(shuffle=False).fit(CORNERS, [0, 1, 1, 1])
    assert model.predict([[0.5, 0.0]]) == [0]  # 2 · 0.5 − 1 = 0


@pytest.mark.parametrize(("dtype", "kept"), [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("?", "f8")])
def test_float32_stays_float32_and_all_else_becomes_float64(dtype, kept):
    model = Perceptron().fit(np.array(CORNERS, dtype), [0, 1, 1, 1])
    assert model.coef_.dtype == model.intercept_.dtype == np.dtype(kept)
    assert model.decision_function(np.array(CORNERS, dtype)).dtype == np.dtype(kept)


def test_the_layout_of_the_table_does_not_matter():
    X, y, _ = separable(2)
    expected = Perceptron().fit(X, y)
    for table in (np.asfortranarray(X), X.tolist(), np.repeat(X, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(Perceptron().fit(table, y).coef_, expected.coef_)


def test_a_pickled_model_predicts_the_same():
    X, y, _ = separable(3)
    model = Perceptron().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert again.get_params() == model.get_params()


# options


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    X, y = blobs(2)
    first, same, other = (
        Perceptron(random_state=seed, penalty="l2", tol=None, max_iter=5).fit(X, y).coef_
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_the_learning_rate_scales_the_weights_and_nothing_else():
    X, y, _ = separable(4)
    one, four = (Perceptron(tol=None, eta0=eta0).fit(X, y) for eta0 in (1.0, 4.0))
    np.testing.assert_array_equal(four.coef_, 4 * one.coef_)
    np.testing.assert_array_equal(four.mistakes_[0], one.mistakes_[0])


def test_a_sample_of_weight_two_takes_a_step_of_twice_the_length():
    model = Perceptron(shuffle=False, max_iter=1, tol=None)
    with pytest.warns(ConvergenceWarning):
        model.fit([[1.0], [3.0]], [1, 0], sample_weight=[2, 5])
    # The first sample is a mistake at f = 0: w = 2 · 1, b = 2. The second is one at f = 8.
    np.testing.assert_array_equal(model.coef_, [[2 * 1 - 5 * 3]])
    np.testing.assert_array_equal(model.intercept_, [2 - 5])


@given(seed=st.integers(0, 1000))
def test_a_sample_of_weight_zero_is_left_out(seed):
    X, y = blobs(3, seed)
    weight = np.random.default_rng(seed).integers(0, 3, len(y)).astype(float)
    options = {"shuffle": False, "penalty": "l2", "max_iter": 5, "tol": None}
    weighted = Perceptron(**options).fit(X, y, sample_weight=weight)
    rows = weight > 0
    left = Perceptron(**options).fit(X[rows], y[rows], sample_weight=weight[rows])
    np.testing.assert_array_equal(weighted.coef_, left.coef_)
    np.testing.assert_array_equal(weighted.intercept_, left.intercept_)


def test_a_class_of_weight_zero_keeps_its_place():
    X, y = blobs(3, spread=0.1)
    model = Perceptron(tol=None).fit(X, y, sample_weight=(y != 1).astype(float))
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_class_weights_are_sample_weights_by_class():
    X, y = blobs(2)
    options = {"penalty": "l2", "tol": None, "max_iter": 5}
    by_class = Perceptron(**options, class_weight={0: 0.5, 1: 3.0}).fit(X, y)
    by_sample = Perceptron(**options).fit(X, y, sample_weight=np.where(y == 0, 0.5, 3.0))
    np.testing.assert_array_equal(by_class.coef_, by_sample.coef_)


def test_without_an_intercept_it_stays_zero():
    X, y, _ = separable(5)
    for penalty in (None, "l2"):
        model = Perceptron(fit_intercept=False, penalty=penalty).fit(X, y)
        assert model.intercept_ == [0]


def test_partial_fit_is_an_epoch_of_fit():
    X, y = blobs(3)
    with pytest.warns(ConvergenceWarning):
        fitted = Perceptron(shuffle=False, tol=None, max_iter=3).fit(X, y)
    model = Perceptron(shuffle=False)
    mistakes = []
    for _ in range(3):
        model.partial_fit(X, y, classes=[0, 1, 2])
        mistakes.append([int(of_row[0]) for of_row in model.mistakes_])
        assert model.n_iter_ == 1
    np.testing.assert_array_equal(model.coef_, fitted.coef_)
    np.testing.assert_array_equal(model.intercept_, fitted.intercept_)
    np.testing.assert_array_equal(np.transpose(mistakes), fitted.mistakes_)
    assert model.t_ == fitted.t_ == 1 + 3 * len(X)


def test_partial_fit_takes_parts_in_turn_and_goes_on_after_fit():
    X, y, _ = separable(6)
    model = Perceptron(shuffle=False).partial_fit(X[:20], y[:20], classes=[-1, 1])
    model.partial_fit(X[20:], y[20:])
    whole = Perceptron(shuffle=False).partial_fit(X, y, classes=[-1, 1])
    np.testing.assert_array_equal(model.coef_, whole.coef_)
    fitted = Perceptron(tol=None).fit(X, y)
    coef = fitted.coef_.copy()
    fitted.partial_fit(X, y)  # no mistakes are left
    np.testing.assert_array_equal(fitted.coef_, coef)


def test_a_warm_start_goes_on_from_the_last_weights():
    X, y, _ = separable(7)
    cold = Perceptron(tol=None).fit(X, y)
    warm = Perceptron(tol=None, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(warm.mistakes_[0], [0])
    np.testing.assert_array_equal(warm.coef_, cold.coef_)
    given = Perceptron(tol=None).fit(X, y, coef_init=cold.coef_, intercept_init=cold.intercept_)
    np.testing.assert_array_equal(given.coef_, cold.coef_)


def test_starting_weights_are_not_changed():
    start = np.zeros((1, 3))
    X, y, _ = separable(8)
    Perceptron().fit(X, y, coef_init=start)
    assert not start.any()


def test_early_stopping_does_not_learn_from_what_it_holds_out():
    X, y = blobs(2)
    held = stratified_holdout(y, 0.25, np.random.RandomState(0))
    model = Perceptron(early_stopping=True, validation_fraction=0.25, tol=None, max_iter=5)
    coef = model.fit(X, y).coef_
    X[held] = 1e6
    np.testing.assert_array_equal(model.fit(X, y).coef_, coef)
    X[~held] += 1
    assert not np.array_equal(model.fit(X, y).coef_, coef)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_early_stopping_stops_when_the_held_out_accuracy_has_not_risen(seed, is_weighted):
    X, y = blobs(2, seed, spread=4.0)  # far from separable
    weight = np.random.default_rng(seed).uniform(size=len(y)) ** (9 * is_weighted)
    held = stratified_holdout(y, 0.5, np.random.RandomState(0))
    options = {"early_stopping": True, "validation_fraction": 0.5}
    model = Perceptron(**options, tol=0.01, n_iter_no_change=3).fit(X, y, sample_weight=weight)
    accuracy = []
    for epochs in range(1, model.n_iter_ + 1):
        fixed = Perceptron(**options, tol=None, max_iter=epochs).fit(X, y, sample_weight=weight)
        accuracy.append(fixed.score(X[held], y[held], weight[held]))
    rises = [i for i in range(1, len(accuracy)) if accuracy[i] >= max(accuracy[:i]) + 0.01]
    assert len(accuracy) - 1 == max(rises, default=0) + 3


def test_the_number_of_threads_does_not_change_the_result():
    X, y = blobs(4)
    options = {"penalty": "l2", "tol": None, "max_iter": 5}
    one, two = (Perceptron(**options, n_jobs=n_jobs).fit(X, y) for n_jobs in (None, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)


def test_verbose_prints_a_line_for_each_epoch(capsys):
    model = Perceptron(shuffle=False, verbose=1).fit(CORNERS, [0, 1, 1, 1])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[0] == "epoch 1: 3 mistakes, loss 0.25"
    Perceptron().fit(CORNERS, [0, 1, 1, 1])
    assert capsys.readouterr().out == ""
