"""Standard scores: their laws, the edges, and scikit-learn's numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import NotFittedError
from scratchnet.preprocessing import StandardScaler


def table(N=30, D=3, seed=0):
    return np.random.default_rng(seed).normal(size=(N, D)) * [1, 10, 0.1][:D] + [5, -100, 0][:D]


@given(seed=st.integers(0, 1000), N=st.integers(2, 30))
def test_what_comes_out_has_mean_zero_and_variance_one(seed, N):
    Z = StandardScaler().fit_transform(table(N, seed=seed))
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-11)  # the mean is up to 1e4 deviations
    np.testing.assert_allclose(Z.var(axis=0), 1, rtol=1e-11)


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
def test_the_inverse_gives_back_what_went_in(with_mean, with_std):
    X = table()
    scaler = StandardScaler(with_mean=with_mean, with_std=with_std).fit(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-14)
    assert (scaler.scale_ is not None) == (scaler.var_ is not None) == with_std
    assert (scaler.mean_ is not None) == (with_mean or with_std)


@given(
    cuts=st.lists(st.integers(1, 29), min_size=1, max_size=4, unique=True), weighted=st.booleans()
)
def test_parts_taken_in_one_by_one_give_the_fit_of_all(cuts, weighted):
    X = table()
    weight = np.random.default_rng(1).uniform(0.5, 2, 30) if weighted else None
    parts = StandardScaler()
    for rows in np.split(np.arange(30), sorted(cuts)):
        parts.partial_fit(X[rows], sample_weight=None if weight is None else weight[rows])
    whole = StandardScaler().fit(X, sample_weight=weight)
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)


def test_a_second_fit_forgets_the_first():
    X = table()
    scaler = StandardScaler().fit(X + 100).fit(X)
    np.testing.assert_array_equal(scaler.mean_, StandardScaler().fit(X).mean_)
    assert scaler.n_samples_seen_ == 30
    assert scaler.fit(table(D=2)).n_features_in_ == 2


def test_a_weight_of_two_is_the_sample_twice():
    X, weight = table(), np.arange(30) % 3
    weighted = StandardScaler().fit(X, sample_weight=weight)
    repeated = StandardScaler().fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-13)
    np.testing.assert_allclose(weighted.var_, repeated.var_, rtol=1e-13)
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_ == 30


@pytest.mark.parametrize("value", [0.0, 0.1, 1e12, -1e-300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_feature_is_centred_and_has_scale_one(value, dtype):
    X = np.full((1000, 1), value, dtype)
    scaler = StandardScaler().fit(X)
    assert scaler.scale_ == 1.0
    np.testing.assert_array_equal(scaler.transform(X), 0)


def test_a_feature_that_hardly_varies_is_not_constant():
    X = 1.0 + 1e-8 * np.random.default_rng(0).normal(size=(1000, 1))
    Z = StandardScaler().fit_transform(X)
    assert Z.std() == pytest.approx(1, rel=1e-7)  # x is rounded to 1e-8 of its deviation


def test_nan_stay_and_are_left_out_of_the_moments():
    X = table()
    X[[0, 3, 7], [0, 1, 1]] = np.nan
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(scaler.mean_, np.nanmean(X, axis=0), rtol=1e-14)
    np.testing.assert_allclose(scaler.var_, np.nanvar(X, axis=0), rtol=1e-13)
    np.testing.assert_array_equal(scaler.n_samples_seen_, [29, 28, 30])
    np.testing.assert_array_equal(np.isnan(scaler.transform(X)), np.isnan(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_floats_keep_their_type_and_integers_become_float64(dtype):
    X = table().astype(dtype)
    scaler = StandardScaler()
    Z = scaler.fit_transform(X)
    assert Z.dtype == scaler.inverse_transform(Z).dtype == dtype
    assert scaler.mean_.dtype == scaler.scale_.dtype == np.float64
    assert StandardScaler().fit_transform(table().astype(int)).dtype == np.float64


def test_in_place_only_where_it_is_asked_for_and_possible():
    X = table()
    before = X.copy()
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    scaler.inverse_transform(Z)
    np.testing.assert_array_equal(X, before)
    assert StandardScaler(with_mean=False, with_std=False).fit_transform(X) is not X
    assert scaler.transform(X, copy=False) is X
    np.testing.assert_array_equal(X, Z)
    X.flags.writeable = False
    assert StandardScaler(copy=False).fit_transform(X) is not X


def test_feature_names_are_kept_or_made():
    scaler = StandardScaler().fit(table())
    assert scaler.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert scaler.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"number of features \(3\), got 2"):
        scaler.get_feature_names_out(["a", "b"])
    scaler.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    assert scaler.get_feature_names_out().tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        scaler.get_feature_names_out(["a", "b", "d"])
    with pytest.raises(NotFittedError):
        StandardScaler().get_feature_names_out()


def test_bad_input_is_refused():
    X = table()
    with pytest.raises(NotFittedError):
        StandardScaler().transform(X)
    with pytest.raises(ValueError, match="infinity: row 0, column 0"):
        StandardScaler().fit([[np.inf], [np.nan]])
    with pytest.raises(ValueError, match="X has 2 features, but StandardScaler is expecting 3"):
        StandardScaler().fit(X).transform(X[:, :2])
    with pytest.raises(TypeError, match="with_mean must be of type bool"):
        StandardScaler(with_mean="no").fit(X)


# scikit-learn


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nan", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}], ids=str)
def test_the_result_is_scikit_learns(weighted, nan, dtype, options):
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler(**options)
    ours = StandardScaler(**options)
    X = table().astype(dtype)
    X[:, 2] = 0.1  # constant
    if nan:
        X[[0, 3], [0, 1]] = np.nan
    weight = np.random.default_rng(1).uniform(0.5, 2, 30) if weighted else None
    for scaler in (ours, theirs):
        scaler.fit(X[:20], sample_weight=None if weight is None else weight[:20])
        scaler.partial_fit(X[20:], sample_weight=None if weight is None else weight[20:])
    # They round weights to X's type, and the deviations of float32.
    rounded = 1e-13 if dtype == np.float64 else 1e-6
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert np.shape(a) == np.shape(b), name
            np.testing.assert_allclose(a, b, rtol=rounded, atol=1e-15, err_msg=name)
    a, b = ours.transform(X), theirs.transform(X)
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=10 * rounded, atol=10 * rounded)


def test_the_parameters_and_their_defaults_are_scikit_learns():
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    assert StandardScaler().get_params() == theirs.get_params()
