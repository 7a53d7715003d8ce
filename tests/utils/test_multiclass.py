"""What kind of target y is, in scikit-learn's words."""

import numpy as np
import pytest

from scratchnet.utils.multiclass import type_of_target

TARGETS = [
    [],
    [0],
    [0, 1, 1],
    [1, 1],
    [-(2**62), 2**62],
    [3, 9, 3, 9],
    [0, 1, 2],
    [True, False],
    ["a", "b"],
    ["a", "b", "c"],
    [0.0, 1.0],
    [1.0, 2.0, 3.0],
    [0.5, 1.0],
    np.array(["a", "b", "a"], dtype=object),
    np.array([1, 2, 3], dtype=object),
    [[0], [1]],
    [[0], [1], [2]],
    [[0.5], [1]],
    [[0, 1], [1, 1]],
    [[0, 1], [1, 2]],
    [[3, 4], [4, 4]],
    [["a", "b"], ["a", "b"]],
    [[1, 0], [0.5, 1]],
    np.zeros((2, 2, 2)),
    np.zeros((0, 2)),
    np.zeros((2, 0)),
    np.array([2**64 - 1, 0], dtype=np.uint64),
]


@pytest.mark.parametrize("y", TARGETS, ids=[str(np.asarray(y).tolist())[:40] for y in TARGETS])
def test_the_type_of_a_target_is_scikit_learns(y):
    reference = pytest.importorskip("sklearn.utils.multiclass")
    assert type_of_target(y) == reference.type_of_target(y)


def test_sequences_of_labels_are_refused():
    for y in ([[1], [1, 2]], np.array([[1], [1, 2]], dtype=object)):
        with pytest.raises(ValueError, match="sequences"):
            type_of_target(y)


def test_nan_among_fractions_is_refused():
    with pytest.raises(ValueError, match="NaN: row 1"):
        type_of_target([0.5, float("nan")])
