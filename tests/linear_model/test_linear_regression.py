"""Linear regression: what the minimum satisfies, its solvers against each other, scikit-learn's result."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import ConvergenceWarning, NotFittedError
from scratchnet.linear_model import LinearRegression

DIRECT = ["auto", "cholesky", "qr", "svd"]
# Descent stops at a gradient of 1e-13 of the first one; these tables have conditions below ten.
SOLVERS = [{"solver": s} for s in DIRECT] + [{"solver": "gradient-descent", "tol": 1e-13}]


def data(N=60, D=4, M=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + 3
    y = rng.normal(size=N if M is None else (N, M)) + 5
    return X, y


@pytest.mark.parametrize("options", SOLVERS, ids=lambda o: o["solver"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_residual_is_orthogonal_to_every_column(options, fit_intercept):
    X, y = data(M=2)
    if not fit_intercept:
        X -= 2  # nearer to the origin: descent must cope without centring
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    model = LinearRegression(fit_intercept=fit_intercept, **options).fit(X, y, weight)
    residual = (y - model.predict(X)) * weight[:, None]
    assert np.abs(X.T @ residual).max() < 1e-9  # a sum of 60 products of size 10
    if fit_intercept:
        assert np.abs(residual.sum(axis=0)).max() < 1e-11
    else:
        assert model.intercept_ == 0.0


@given(seed=st.integers(0, 1000), D=st.integers(1, 5), M=st.sampled_from([None, 1, 3]))
def test_the_solvers_agree(seed, D, M):
    X, y = data(40, D, M, seed)
    models = [LinearRegression(**options).fit(X, y) for options in SOLVERS]
    for model in models[1:]:
        np.testing.assert_allclose(model.coef_, models[0].coef_, atol=1e-10)
        np.testing.assert_allclose(model.intercept_, models[0].intercept_, atol=1e-9)
        np.testing.assert_allclose(model.singular_, models[0].singular_, rtol=1e-9)
        assert model.rank_ == D


@pytest.mark.parametrize("M", [None, 1, 3])
def test_shapes_are_those_of_the_target(M):
    X, y = data(M=M)
    model = LinearRegression().fit(X, y)
    assert model.coef_.shape == ((4,) if M is None else (M, 4))
    assert np.shape(model.intercept_) == (() if M is None else (M,))
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("solver", [*DIRECT, "gradient-descent"])
@pytest.mark.parametrize("wide", [False, True])
def test_of_all_solutions_for_collinear_columns_the_shortest_is_taken(solver, wide):
    X, y = data(6 if wide else 60, 8)
    X[:, 7] = X[:, 0] - 2 * X[:, 1]
    X[:, 6] = 4.0  # constant: collinear with the intercept
    options = {"tol": 1e-11, "max_iter": 100_000} if solver == "gradient-descent" else {}
    model = LinearRegression(solver=solver, **options).fit(X, y)
    centered = X - X.mean(axis=0)
    shortest = np.linalg.pinv(centered, rcond=1e-10) @ (y - y.mean())
    np.testing.assert_allclose(model.coef_, shortest, atol=1e-9)
    assert model.rank_ == (5 if wide else 6)


def test_large_means_cost_no_digits_of_the_coefficients():
    X, y = data()
    plain = LinearRegression().fit(X, y)
    shifted = LinearRegression().fit(X + 1e6, y + 1e6)  # 1e6 + x is rounded to 1e-10
    np.testing.assert_allclose(shifted.coef_, plain.coef_, atol=1e-8)


def test_auto_leaves_the_normal_equations_where_they_lose_digits():
    t = np.linspace(0, 1, 200)
    X = np.vander(t, 6)[:, :-1]  # centred: condition 10⁴
    w = np.array([1.0, -2, 3, -4, 5])
    error = {
        solver: np.abs(LinearRegression(solver=solver).fit(X, X @ w).coef_ - w).max()
        for solver in DIRECT
    }
    assert error["auto"] == error["svd"]
    assert error["svd"] < 1e-10 < 1e-8  # condition times rounding is 1e-12
    assert error["cholesky"] > 10 * error["qr"]


def test_a_constant_table_predicts_the_mean():
    model = LinearRegression().fit(np.full((4, 2), 7.0), [1.0, 2, 3, 6])
    np.testing.assert_array_equal(model.coef_, [0, 0])
    assert model.intercept_ == 3.0
    assert model.rank_ == 0


def test_a_weight_of_two_is_the_sample_twice_and_of_zero_none():
    X, y = data()
    weight = np.arange(60) % 3
    twice = np.repeat(np.arange(60), weight)
    weighted, repeated = (
        LinearRegression().fit(X, y, weight),
        LinearRegression().fit(X[twice], y[twice]),
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-12)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-12)


def test_integers_are_read_as_numbers_and_float32_stays():
    X, y = data()
    whole = (10 * X).astype(int)
    np.testing.assert_array_equal(
        LinearRegression().fit(whole, y).coef_, LinearRegression().fit(whole * 1.0, y).coef_
    )
    single = LinearRegression().fit(X.astype(np.float32), y)
    assert single.coef_.dtype == single.intercept_.dtype == single.predict(
        X.astype(np.float32)
    ).dtype == np.float32  # fmt: skip
    # float32 keeps seven digits, the table's condition and means cost one or two
    np.testing.assert_allclose(single.coef_, LinearRegression().fit(X, y).coef_, atol=1e-5)


@pytest.mark.parametrize("copy_X", [True, False])
def test_x_is_overwritten_only_if_copy_x_is_false(copy_X):
    X, y = data()
    before = X.copy()
    LinearRegression(copy_X=copy_X).fit(X, y)
    assert np.array_equal(X, before) == copy_X


def test_positive_coefficients_are_the_best_that_are_not_negative():
    X, y = data(M=3)
    y[:, 0] -= 2 * X[:, 0]
    model = LinearRegression(positive=True, n_jobs=2).fit(X, y)
    assert (model.coef_ >= 0).all()
    gradient = X.T @ (model.predict(X) - y)
    assert (gradient >= -1e-10).all()
    assert np.abs(gradient.T[model.coef_ > 0]).max(initial=0) < 1e-10
    assert (model.coef_ > 0).any()
    assert (model.coef_ == 0).any()


def test_descent_that_ends_too_early_warns_with_the_steps_taken():
    X, y = data()
    with pytest.warns(ConvergenceWarning, match="after 3 steps .* max_iter=3"):
        model = LinearRegression(solver="gradient-descent", max_iter=3).fit(X, y)
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"solver": "newton"}, ValueError, "solver must be one of auto, cholesky, qr, svd"),
        ({"solver": "qr", "positive": True}, ValueError, "positive=True has a solver of its own"),
        ({"tol": -1.0}, ValueError, "tol must be at least 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"fit_intercept": "yes"}, TypeError, "fit_intercept must be of type bool"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        LinearRegression(**options).fit(*data())


def test_targets_that_do_not_fit_are_refused():
    X, y = data()
    with pytest.raises(ValueError, match="X has 60, y has 59"):
        LinearRegression().fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"table \(samples, targets\), it has shape \(60, 1, 1\)"):
        LinearRegression().fit(X, y[:, None, None])
    with pytest.raises(NotFittedError):
        LinearRegression().predict(X)


# scikit-learn


def theirs(**options):
    return pytest.importorskip("sklearn.linear_model").LinearRegression(**options)


def tables():
    datasets = pytest.importorskip("sklearn.datasets")
    cancer = datasets.load_breast_cancer()
    X, y = data(M=2)
    collinear = np.column_stack([X, X[:, 0] + X[:, 1]])
    return {
        "random": (X, y),
        "collinear": (collinear, y),
        "wide": (X[:3], y[:3]),
        "diabetes": datasets.load_diabetes(return_X_y=True),
        "breast cancer": (cancer.data, cancer.target),  # units from 1e-3 to 1e3
    }


@pytest.mark.parametrize("name", ["random", "collinear", "wide", "diabetes", "breast cancer"])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"positive": True}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_result_is_scikit_learns(name, options, weighted):
    X, y = tables()[name]
    weight = np.random.default_rng(2).uniform(0.1, 3, len(X)) if weighted else None
    ours, expected = (m.fit(X, y, weight) for m in (LinearRegression(**options), theirs(**options)))
    # Of the fitted values nothing is lost; coefficients of X with condition κ have κ times the rounding.
    np.testing.assert_allclose(ours.predict(X), expected.predict(X), rtol=1e-9, atol=1e-9)
    scale = np.abs(expected.coef_).max()
    np.testing.assert_allclose(ours.coef_, expected.coef_, atol=1e-8 * scale)
    np.testing.assert_allclose(ours.intercept_, expected.intercept_, rtol=1e-8, atol=1e-8)
    if not options.get("positive"):
        assert ours.rank_ == expected.rank_
        largest = expected.singular_[0]
        np.testing.assert_allclose(ours.singular_, expected.singular_, atol=1e-12 * largest)


def test_the_parameters_of_scikit_learn_have_its_defaults_and_two_are_added():
    ours, expected = LinearRegression().get_params(), theirs().get_params()
    assert {name: ours[name] for name in expected} == expected
    assert set(ours) - set(expected) == {"solver", "max_iter"}


def test_no_warning_is_given_where_the_table_is_singular():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearRegression().fit(np.zeros((3, 2)), np.zeros(3))
