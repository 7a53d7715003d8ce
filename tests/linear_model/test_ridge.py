"""Ridge regression: the minimum, its limits, the edges, and scikit-learn's result."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import ConvergenceWarning
from scratchnet.linear_model import LinearRegression, Ridge
from scratchnet.linear_model.ridge import penalties, ridge_solve

# lsqr and sparse_cg stop at tol; 1e-13 leaves them as exact as the others on these tables.
SOLVERS = [{"solver": s} for s in ("auto", "cholesky", "svd")] + [
    {"solver": s, "tol": 1e-13, "max_iter": 1000} for s in ("lsqr", "sparse_cg")
]


def data(N=60, D=4, M=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + 3
    y = rng.normal(size=N if M is None else (N, M)) + 5
    return X, y


@pytest.mark.parametrize("options", SOLVERS, ids=lambda o: o["solver"])
@pytest.mark.parametrize("shape", [(60, 4), (5, 5), (4, 30)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_penalised_squares_are_least_and_the_intercept_has_no_penalty(
    options, shape, fit_intercept, weighted
):
    X, y = data(*shape, M=2)
    weight = np.random.default_rng(1).uniform(0.1, 2, len(X)) if weighted else np.ones(len(X))
    alpha = np.array([0.5, 3.0])
    model = Ridge(alpha, fit_intercept=fit_intercept, **options).fit(
        X, y, weight if weighted else None
    )
    residual = weight[:, None] * (y - model.predict(X))
    gradient = X.T @ residual - alpha * model.coef_.T
    assert np.abs(gradient).max() < 1e-8  # sums of up to 60 products of size 10
    if fit_intercept:
        assert np.abs(residual.sum(axis=0)).max() < 1e-10


@given(seed=st.integers(0, 500), alpha=st.floats(1e-6, 1e6))
def test_it_is_least_squares_with_the_root_of_alpha_in_rows_of_their_own(seed, alpha):
    X, y = data(20, 3, seed=seed)
    rows = np.vstack([X - X.mean(axis=0), np.sqrt(alpha) * np.eye(3)])
    targets = np.concatenate([y - y.mean(), np.zeros(3)])
    expected, *_ = np.linalg.lstsq(rows, targets, rcond=None)
    np.testing.assert_allclose(Ridge(alpha).fit(X, y).coef_, expected, atol=1e-11)


def test_each_principal_direction_is_shrunk_by_its_variance():
    X, y = data()
    _, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    least_squares, ridge = LinearRegression().fit(X, y), Ridge(20.0).fit(X, y)
    np.testing.assert_allclose(
        Vt @ ridge.coef_, s**2 / (s**2 + 20) * (Vt @ least_squares.coef_), atol=1e-12
    )


def test_a_larger_alpha_gives_smaller_coefficients_down_to_none():
    X, y = data()
    norms = [np.linalg.norm(Ridge(a).fit(X, y).coef_) for a in (0, 0.1, 1, 10, 100, 1e12)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-9
    assert Ridge(1e12).fit(X, y).intercept_ == pytest.approx(y.mean(), abs=1e-9)


def test_a_penalty_for_each_target_is_as_many_regressions():
    X, y = data(M=3)
    together = Ridge([0.1, 1.0, 0.1]).fit(X, y)
    for m, alpha in enumerate([0.1, 1.0, 0.1]):
        alone = Ridge(alpha).fit(X, y[:, m])
        np.testing.assert_allclose(together.coef_[m], alone.coef_, atol=1e-14)
        assert together.intercept_[m] == pytest.approx(alone.intercept_, abs=1e-13)


@pytest.mark.parametrize("shape", [(60, 8), (6, 8), (8, 8)])
def test_alpha_zero_is_least_squares_and_the_shortest_for_collinear_columns(shape):
    X, y = data(*shape)
    X[:, 7] = X[:, 0] - 2 * X[:, 1]
    X[:, 6] = 4.0
    model = Ridge(0).fit(X, y)
    shortest = np.linalg.pinv(X - X.mean(axis=0), rcond=1e-10) @ (y - y.mean())
    np.testing.assert_allclose(model.coef_, shortest, atol=1e-9)
    assert model.solver_ == "svd"


def test_a_tiny_alpha_on_nearly_collinear_columns_keeps_its_digits():
    # The difference of the columns is 1e-6 of them: XᵀX has 1e-12 of it, below which Cholesky is lost.
    t = np.linspace(-1, 1, 100)
    X = np.stack([t, t + 1e-6 * np.cos(9 * t)], axis=1)
    y = X @ [2.0, -1.0]
    model = Ridge(1e-20).fit(X, y)
    assert model.solver_ == "svd"
    np.testing.assert_allclose(model.coef_, [2, -1], atol=1e-8)  # condition 1e6 times the rounding
    assert Ridge(1.0).fit(X, y).solver_ == "cholesky"


def test_units_alone_do_not_make_columns_collinear():
    X, y = data()
    X = X * [1e-6, 1.0, 1e6, 1.0]
    model = Ridge(1e-24).fit(X, y)
    assert model.solver_ == "cholesky"
    np.testing.assert_allclose(
        model.predict(X), LinearRegression(tol=0).fit(X, y).predict(X), atol=1e-9
    )


@pytest.mark.parametrize("scale", [1e10, 1e-10])
def test_huge_weights_are_a_small_alpha_and_small_ones_a_huge(scale):
    X, y = data()
    weight = np.random.default_rng(0).uniform(1, 2, 60)
    scaled = Ridge(1.0).fit(X, y, scale * weight)
    expected = Ridge(1.0 / scale).fit(X, y, weight)
    np.testing.assert_allclose(scaled.coef_, expected.coef_, rtol=1e-10)
    np.testing.assert_allclose(scaled.intercept_, expected.intercept_, rtol=1e-12)


def test_one_huge_weight_makes_the_fit_go_through_its_sample():
    X, y = data()
    weight = np.ones(60)
    weight[7] = 1e12
    model = Ridge(1.0).fit(X, y, weight)
    assert model.predict(X[7:8])[0] == pytest.approx(y[7], abs=1e-9)
    relative = Ridge(1.0, fit_intercept=False).fit(X - X[7], y - y[7], np.where(weight > 1, 0, 1))
    np.testing.assert_allclose(model.coef_, relative.coef_, atol=1e-9)


def test_integers_are_read_as_numbers_and_float32_stays():
    X, y = data()
    whole = (10 * X).astype(int)
    np.testing.assert_array_equal(Ridge().fit(whole, y).coef_, Ridge().fit(whole * 1.0, y).coef_)
    single = Ridge().fit(X.astype(np.float32), y.astype(np.float32))
    assert single.coef_.dtype == single.intercept_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, Ridge().fit(X, y).coef_, atol=1e-5)


def test_positive_coefficients_satisfy_the_conditions_of_the_minimum():
    X, y = data(M=2)
    y -= 2 * X[:, :1]
    model = Ridge(3.0, positive=True).fit(X, y)
    assert model.solver_ == "nnls"
    gradient = X.T @ (model.predict(X) - y) + 3.0 * model.coef_.T
    assert (model.coef_ >= 0).all()
    assert (model.coef_ == 0).any()
    assert (model.coef_ > 0).any()
    assert (gradient >= -1e-9).all()
    assert np.abs(gradient[model.coef_.T > 0]).max() < 1e-9


def test_steps_are_counted_for_each_target_and_too_few_warn():
    X, y = data(M=2)
    assert Ridge(solver="lsqr").fit(X, y).n_iter_.shape == (2,)
    assert Ridge().fit(X, y).n_iter_ is None
    for solver in ("lsqr", "sparse_cg"):
        with pytest.warns(
            ConvergenceWarning, match=f"solver='{solver}' stopped before .* max_iter=1"
        ):
            Ridge(solver=solver, max_iter=1, tol=1e-12).fit(X, y)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"solver": "newton"}, ValueError, "solver must be one of auto, cholesky, svd"),
        ({"solver": "sag"}, ValueError, "solver='sag' is left out"),
        ({"solver": "lbfgs"}, ValueError, "solver='lbfgs' is left out: positive=True is solved"),
        ({"solver": "svd", "positive": True}, ValueError, "does not support positive"),
        ({"alpha": -1}, ValueError, "alpha must be at least 0, got -1"),
        ({"alpha": [1.0, -1.0]}, ValueError, "correspond: y has 1 targets, alpha has shape"),
        ({"alpha": [-1.0]}, ValueError, "alpha must be at least 0"),
        ({"alpha": "1"}, ValueError, "alpha"),
        ({"tol": -1}, ValueError, "tol must be at least 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(options, error, words):
    if options == {"alpha": "1"}:
        assert Ridge(**options).fit(*data()).coef_.shape == (4,)  # a numeral is a number
        return
    with pytest.raises(error, match=words):
        Ridge(**options).fit(*data())


def test_penalties_are_one_for_each_target():
    np.testing.assert_array_equal(penalties(2, 3), [2, 2, 2])
    np.testing.assert_array_equal(penalties([1, 2], 2), [1, 2])


def test_the_pure_solver_says_which_way_it_took():
    X, y = data(M=1)
    for solver, used in (("auto", "cholesky"), ("cholesky", "cholesky"), ("svd", "svd")):
        assert ridge_solve(X, y, np.ones(1), solver)[1] == used
    X[:, 1] = X[:, 0]
    assert ridge_solve(X, y, np.zeros(1), "cholesky")[1] == "svd"


# scikit-learn


def theirs(**options):
    return pytest.importorskip("sklearn.linear_model").Ridge(**options)


@pytest.mark.parametrize(
    "options", [{}, {"alpha": 1e-3}, {"alpha": 0}, {"fit_intercept": False}], ids=str
)
@pytest.mark.parametrize("shape", [(200, 10), (10, 40)])
@pytest.mark.parametrize("M", [None, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_result_is_scikit_learns(options, shape, M, weighted):
    if options.get("alpha") == 0:
        shape = (200, 10)  # in wide tables theirs divides by a singular value that is mere rounding
    X, y = data(*shape, M)
    weight = np.random.default_rng(2).uniform(0.1, 3, len(X)) if weighted else None
    ours, expected = (m.fit(X, y, weight) for m in (Ridge(**options), theirs(**options)))
    assert ours.coef_.shape == expected.coef_.shape
    assert np.shape(ours.intercept_) == np.shape(expected.intercept_)
    np.testing.assert_allclose(ours.coef_, expected.coef_, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, expected.intercept_, atol=1e-9)


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer"])
def test_real_tables_give_scikit_learns_coefficients(name):
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    ours, expected = Ridge(0.1).fit(X, y), theirs(alpha=0.1, solver="svd").fit(X, y)
    np.testing.assert_allclose(ours.coef_, expected.coef_, rtol=1e-8, atol=1e-10)


def test_the_parameters_and_their_defaults_are_scikit_learns():
    assert list(Ridge().get_params().items()) == list(theirs().get_params().items())
