"""How many samples something holds, and taking some of them."""

import numpy as np
import pytest

from scratchnet.utils.indexing import num_samples, take_samples


class Array:
    """What has nothing but a way to become an array."""

    def __array__(self, dtype=None, copy=None):
        return np.array([[1, 2], [3, 4], [5, 6]], dtype=dtype)


@pytest.mark.parametrize(
    "data", [[1, 2, 3], (1, 2, 3), range(3), np.zeros((3, 2)), np.zeros((3, 0)), Array(), "abc"]
)
def test_the_number_of_samples_is_the_length_of_the_first_axis(data):
    assert num_samples(data) == 3


def test_sparse_matrices_have_as_many_samples_as_rows():
    sparse = pytest.importorskip("scipy.sparse")
    for kind in ("csr", "coo", "csc"):
        assert num_samples(sparse.eye_array(3).asformat(kind)) == 3


class Ensemble(list):
    def fit(self, X, y):
        return self


@pytest.mark.parametrize("data", [None, 3, np.array(3), iter([1]), Ensemble([1, 2])])
def test_what_has_no_first_axis_of_samples_is_refused(data):
    with pytest.raises(TypeError, match="Expected sequence or array-like, got"):
        num_samples(data)


@pytest.mark.parametrize("data", [["a", "b", "c"], ("a", "b", "c"), "abc"])
def test_samples_of_sequences_come_as_a_list(data):
    assert take_samples(data, np.array([2, 0, 2])) == ["c", "a", "c"]


def test_samples_of_arrays_come_as_arrays():
    table = np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(take_samples(table, np.array([3, 1])), table[[3, 1]])
    np.testing.assert_array_equal(take_samples(Array(), np.array([2])), [[5, 6]])
