"""Scaling to a range: its laws, the edges, and scikit-learn's numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.exceptions import NotFittedError
from scratchnet.preprocessing import MinMaxScaler


def table(N=30, seed=0):
    return np.random.default_rng(seed).normal(size=(N, 3)) * [1, 10, 0.1] + [5, -100, 0]


@given(seed=st.integers(0, 1000), low=st.floats(-10, 10), width=st.floats(0.1, 10))
def test_each_feature_spans_the_range(seed, low, width):
    X = table(seed=seed)
    Z = MinMaxScaler((low, low + width)).fit_transform(X)
    np.testing.assert_allclose(Z.min(axis=0), low, atol=1e-12)
    np.testing.assert_allclose(Z.max(axis=0), low + width, atol=1e-12)
    np.testing.assert_array_equal(Z.argsort(axis=0), X.argsort(axis=0))  # the order stays


def test_the_inverse_gives_back_what_went_in():
    X = table()
    scaler = MinMaxScaler((-2, 5)).fit(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-13)


def test_samples_outside_are_outside_unless_clipped():
    scaler = MinMaxScaler().fit([[0.0], [10.0]])
    new = [[-5.0], [5.0], [20.0], [np.nan]]
    np.testing.assert_array_equal(scaler.transform(new).ravel(), [-0.5, 0.5, 2, np.nan])
    scaler.set_params(clip=True)
    np.testing.assert_array_equal(scaler.transform(new).ravel(), [0, 0.5, 1, np.nan])


@given(cuts=st.lists(st.integers(1, 29), min_size=1, max_size=4, unique=True))
def test_parts_taken_in_one_by_one_give_the_fit_of_all(cuts):
    X = table()
    X[0, 1] = np.nan
    parts = MinMaxScaler()
    for rows in np.split(np.arange(30), sorted(cuts)):
        parts.partial_fit(X[rows])
    whole = MinMaxScaler().fit(X)
    for name in ("data_min_", "data_max_", "data_range_", "scale_", "min_", "n_samples_seen_"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_a_constant_feature_is_mapped_to_the_lower_end():
    X = np.full((5, 1), 3.0)
    scaler = MinMaxScaler((2, 4)).fit(X)
    np.testing.assert_array_equal(scaler.transform(X), 2)
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(X)), X)


def test_nan_stay_and_are_left_out():
    X = table()
    X[[0, 3, 7], [0, 1, 1]] = np.nan
    scaler = MinMaxScaler().fit(X)
    np.testing.assert_array_equal(scaler.data_min_, np.nanmin(X, axis=0))
    np.testing.assert_array_equal(scaler.data_max_, np.nanmax(X, axis=0))
    np.testing.assert_array_equal(np.isnan(scaler.transform(X)), np.isnan(X))
    assert np.isnan(MinMaxScaler().fit([[np.nan], [np.nan]]).data_min_[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_floats_keep_their_type(dtype):
    X = table().astype(dtype)
    scaler = MinMaxScaler()
    Z = scaler.fit_transform(X)
    assert Z.dtype == scaler.inverse_transform(Z).dtype == scaler.scale_.dtype == dtype


def test_in_place_only_where_it_is_asked_for():
    X = table()
    before = X.copy()
    scaler = MinMaxScaler().fit(X)
    Z = scaler.transform(X)
    scaler.inverse_transform(Z)
    np.testing.assert_array_equal(X, before)
    assert scaler.set_params(copy=False).transform(X) is X
    np.testing.assert_array_equal(X, Z)


def test_bad_input_is_refused():
    X = table()
    with pytest.raises(NotFittedError):
        MinMaxScaler().transform(X)
    with pytest.raises(ValueError, match=r"smaller than maximum\. Got 1, 0"):
        MinMaxScaler((1, 0)).fit(X)
    with pytest.raises(ValueError, match="feature_range must be a tuple"):
        MinMaxScaler(1).fit(X)
    with pytest.raises(ValueError, match="infinity: row 1, column 0"):
        MinMaxScaler().fit([[0.0], [np.inf]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", [{}, {"feature_range": (-1, 3)}, {"clip": True}], ids=str)
def test_the_result_is_scikit_learns(dtype, options):
    theirs = pytest.importorskip("sklearn.preprocessing").MinMaxScaler(**options)
    ours = MinMaxScaler(**options)
    X = table().astype(dtype)
    X[:, 2] = 0.1
    X[0, 0] = np.nan
    for scaler in (ours, theirs):
        scaler.fit(X[:20]).partial_fit(X[20:])
    rounded = float(4 * np.finfo(dtype).eps)
    for name in ("data_min_", "data_max_", "data_range_", "scale_", "min_", "n_samples_seen_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=rounded)
    new = X + dtype(0.5)
    assert ours.transform(new).dtype == theirs.transform(new).dtype == dtype
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), rtol=10 * rounded)


def test_the_parameters_and_their_defaults_are_scikit_learns():
    theirs = pytest.importorskip("sklearn.preprocessing").MinMaxScaler()
    assert MinMaxScaler().get_params() == theirs.get_params()
