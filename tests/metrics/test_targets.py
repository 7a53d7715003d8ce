"""What the classification metrics read as labels, and what they refuse, and how."""

import re

import numpy as np
import pytest

from scratchnet.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from scratchnet.metrics._targets import check_targets, class_indices


class Column:
    """A column of a data frame that holds numbers as objects, as pandas' nullable types do."""

    dtype = "Int64"

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object)


TRUE, PRED = [0, 1, 1, 2, 0], [0, 1, 2, 2, 1]
NAMES = np.array(["ant", "bee", "cat"])
WRITTEN = {
    "list": list,
    "tuple": tuple,
    "int8": lambda y: np.array(y, np.int8),
    "uint64": lambda y: np.array(y, np.uint64),
    "float32": lambda y: np.array(y, np.float32),
    "column": lambda y: np.array(y)[:, None],
    "not contiguous": lambda y: np.array([y, y]).T[:, 0],
    "strings": lambda y: NAMES[y],
    "a list of strings": lambda y: NAMES[y].tolist(),
    "strings as objects": lambda y: NAMES[y].astype(object),
    "NumPy's strings as objects": lambda y: np.array(list(NAMES[y]), object),
    "variable-width strings": lambda y: NAMES[y].astype(np.dtypes.StringDType()),
    "far apart": lambda y: np.array(y) * 2**40,
    "objects of a data frame": Column,
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_score_does_not_depend_on_how_the_classes_are_written(kind):
    y_true, y_pred = WRITTEN[kind](TRUE), WRITTEN[kind](PRED)
    assert accuracy_score(y_true, y_pred) == 3 / 5
    assert f1_score(y_true, y_pred, average="macro") == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    np.testing.assert_array_equal(
        confusion_matrix(y_true, y_pred), [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    )
    one_hot = np.eye(3)[TRUE] * 0.7 + 0.1
    assert log_loss(y_true, one_hot) == pytest.approx(-np.log(0.8))


def test_bools_and_floats_keep_their_names_and_numbers_meet():
    assert class_indices([True, False], "y")[0].tolist() == [False, True]
    assert confusion_matrix([True, False], [1.0, 0.0]).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix([0.0, 2.0], np.array([2, 0], np.uint8)).tolist() == [[0, 1], [1, 0]]


def test_nothing_is_written_to_what_was_passed():
    y = np.array([3.0, 1.0, 2.0])
    weight = np.array([1, 2, 3])
    for array in (y, weight):
        array.setflags(write=False)
    confusion_matrix(y, y, sample_weight=weight)
    f1_score(y, y, average="weighted", sample_weight=weight)


VALUE_ERRORS = {
    "lengths": (([0, 1], [0, 1, 1]), "y_true has 2, y_pred has 3"),
    "length of the weights": (([0, 1], [0, 1], [1.0]), "sample_weight has 1"),
    "empty": (([], []), "no samples"),
    "NaN": (([0.0, np.nan], [0, 1]), "y_true contains NaN: row 1"),
    "infinity": (([0, 1], [0, np.inf]), "y_pred contains infinity: row 1"),
    "quantities": (([0.5, 1.0], [0.5, 1.0]), "continuous is not supported"),
    "quantities beside classes": (([0, 1], [0.5, 1.0]), "mix of binary and continuous"),
    "a table beside a vector": (
        ([[0, 1], [1, 1]], [0, 1]),
        "mix of multilabel-indicator and binary targets",
    ),
    "a table of classes": (([[0, 1], [2, 1]], [[0, 1], [2, 1]]), "multiclass-multioutput"),
    "strings beside numbers": (
        (["a", "b"], [0, 1]),
        "Mix of label input types (string and number)",
    ),
    "numbers as objects": ((np.array([0, 1], object),) * 2, "unknown is not supported"),
    "sequences": (([[0], [1, 2]], [0, 1]), "y_true holds sequences of different lengths"),
    "weights of rank 2": (([0, 1], [0, 1], [[1.0], [2.0]]), "(2, 1)"),
    "weights of zero": (([0, 1], [0, 1], [0, 0]), "zero for every sample"),
    "NaN in the weights": (([0, 1], [0, 1], [1, np.nan]), "sample_weight contains NaN"),
    "complex weights": (([0, 1], [0, 1], [1j, 1]), "Complex data not supported"),
}


@pytest.mark.parametrize("kind", VALUE_ERRORS)
def test_bad_labels_and_weights_get_an_error_that_says_where(kind):
    arguments, message = VALUE_ERRORS[kind]
    with pytest.raises(ValueError, match=re.escape(message)):
        check_targets(*arguments)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("abc", "sequence of labels, got 'abc'"),
        (3, "sequence of labels, got 3"),
        (np.array([b"a", b"b"]), "bytes"),
        (np.array(["a", 1], object), "several types: str, int"),
    ],
)
def test_what_holds_no_labels_is_a_type_error(y, message):
    with pytest.raises(TypeError, match=message):
        check_targets(y, y)


def test_a_sparse_table_names_the_way_out():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="toarray"):
        check_targets(sparse.csr_array(np.eye(2)), np.eye(2))


def test_weights_that_cancel_have_no_mean():
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        accuracy_score([0, 1], [0, 1], sample_weight=[1, -1])
