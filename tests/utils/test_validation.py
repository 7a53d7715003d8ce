"""Reading X, y, weights and random states: what passes, and what each refusal says."""

import numpy as np
import pytest

from scratchnet.exceptions import DataConversionWarning, NotFittedError
from scratchnet.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
    compute_class_weight,
)
from scratchnet.utils.multiclass import unique_labels
from scratchnet.utils.parallel import parallel_map
from scratchnet.utils.validation import (
    check_is_fitted,
    check_sample_weight,
    numeric_targets,
    validate_data,
)


class Frame:
    """As much of a DataFrame as there is to read: columns, a shape, an array."""

    def __init__(self, data, columns):
        self.data, self.columns = np.asarray(data), columns
        self.shape = self.data.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype)


class Estimator:
    def fit(self, X, y="no_validation"):
        return validate_data(self, X, y)

    def predict(self, X):
        return validate_data(self, X, reset=False)


# X


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_floating_tables_pass_without_a_copy(dtype):
    X = np.ones((3, 2), dtype)
    assert check_array(X) is X


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], dtype=np.int8),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2.0], [np.int64(3), "4"]], dtype=object),
        np.array([["1", "2"], ["3", "4"]]),
        Frame([[1, 2], [3, 4]], ["a", "b"]),
    ],
    ids=["lists", "int8", "float16", "objects", "numerals", "frame"],
)
def test_everything_that_reads_as_numbers_becomes_float64(X):
    found = check_array(X)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([1.0, 2.0], ValueError, r"shape \(2,\)\. Reshape your data: X\.reshape\(-1, 1\)"),
        (3.0, ValueError, r"shape \(\)\. Reshape your data"),
        (np.ones((2, 2, 2)), ValueError, r"a table .* it has shape \(2, 2, 2\)$"),
        (np.ones((0, 2)), ValueError, r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1"),
        (np.ones((2, 0)), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1"),
        ([[1 + 2j]], ValueError, "Complex data not supported: X has dtype complex128"),
        ([["a"]], ValueError, "X must hold numbers: could not convert string to float: .*'a'"),
        ([[{}]], TypeError, "X must hold numbers: float.. argument must be .* not 'dict'"),
        ([[10**400]], OverflowError, "X must hold numbers: int too large"),
        (
            np.zeros((1, 1), "M8[D]"),
            TypeError,
            r"X must hold numbers, it has dtype datetime64\[D\]",
        ),
        ([[1, 2], [3, np.nan]], ValueError, "Input X contains NaN: row 1, column 1$"),
        ([[1, np.inf], [np.nan, 0]], ValueError, "infinity: row 0, column 1, and 1 more"),
        (np.array([[1, -np.inf]], np.float32), ValueError, "infinity: row 0, column 1$"),
        (np.array([[None, 1]], object), ValueError, "Input X contains NaN: row 0, column 0$"),
    ],
)
def test_a_table_that_is_refused_says_what_was_found_and_where(X, error, words):
    with pytest.raises(error, match=words):
        check_array(X)


def test_finite_entries_pass_even_where_their_sum_overflows():
    X = np.full((2, 2), 1e308)
    assert check_array(X) is X


def test_sparse_matrices_are_refused_with_the_way_out():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"X is sparse \(csr_array\).*X\.toarray\(\)"):
        check_array(sparse.csr_array(np.eye(2)))


# y


@pytest.mark.parametrize("y", [[0, 1], ["a", "b"], np.array(["a", "b"], object), [0.5, 1.5]])
def test_a_vector_keeps_its_dtype(y):
    found = column_or_1d(y)
    assert found.dtype == np.asarray(y).dtype
    np.testing.assert_array_equal(found, y)


def test_a_column_is_flattened_and_says_so_if_asked():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array"):
        flat = column_or_1d([[1], [2]], warn=True)
    np.testing.assert_array_equal(flat, [1, 2])
    np.testing.assert_array_equal(column_or_1d([[1], [2]]), [1, 2])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([[1, 2], [3, 4]], r"y should be a 1d array, got an array of shape \(2, 2\)"),
        (5, r"y should be a 1d array, got an array of shape \(\)"),
        ([1, np.nan], "Input y contains NaN: row 1$"),
        ([-np.inf, 1], "Input y contains infinity: row 0$"),
        (np.array(["a", None], object), "Input y contains NaN or None: row 1$"),
        (np.array(["a", np.nan], object), "Input y contains NaN or None: row 1$"),
        (np.array(["2020", "NaT"], "M8[Y]"), "Input y contains NaT: row 1$"),
        ([1j], "Complex data not supported: y"),
    ],
)
def test_a_target_that_is_refused_says_what_was_found(y, words):
    with pytest.raises(ValueError, match=words):
        column_or_1d(y)


def test_labels_are_sorted_and_unique():
    np.testing.assert_array_equal(unique_labels(np.array([2.0, -1.0, 2.0])), [-1, 2])


def test_quantities_are_not_labels():
    with pytest.raises(ValueError, match=r"Unknown label type: continuous.*y\[1\] is 0\.5"):
        unique_labels(np.array([1.0, 0.5]))


def test_labels_of_several_types_are_named():
    with pytest.raises(TypeError, match="several types: int, str"):
        unique_labels(np.array([1, "a"], object))


# lengths, weights, parameters


def test_different_lengths_are_given_in_the_error():
    check_consistent_length(X=[1, 2], y=[3, 4], sample_weight=None)
    with pytest.raises(ValueError, match="X has 2, y has 3"):
        check_consistent_length(X=[1, 2], y=[1, 2, 3])


def test_sample_weights_are_ones_or_one_number_or_one_each():
    np.testing.assert_array_equal(check_sample_weight(None, 3), [1, 1, 1])
    np.testing.assert_array_equal(check_sample_weight(2, 3), [2, 2, 2])
    weight = check_sample_weight([1, 0, 2], 3, np.float32)
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight, [1, 0, 2])


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, 2], r"shape \(2,\), the data has 3 rows"),
        (np.ones((3, 1)), r"shape \(3, 1\), the data has 3 rows"),
        ([1, -2, 1], r"must not be negative: row 1 has -2\.0"),
        ([0, 0, 0], "zero for every sample"),
        ([1, np.nan, 1], "Input sample_weight contains NaN: row 1"),
    ],
)
def test_sample_weights_that_are_refused(weight, words):
    with pytest.raises(ValueError, match=words):
        check_sample_weight(weight, 3)


@pytest.mark.parametrize(
    ("value", "ends", "is_inside"),
    [
        (0, "both", True),
        (0, "left", True),
        (0, "right", False),
        (0, "neither", False),
        (1, "both", True),
        (1, "left", False),
        (1, "right", True),
        (1, "neither", False),
        (0.5, "neither", True),
        (-0.1, "both", False),
        (1.1, "both", False),
        (np.nan, "both", False),
    ],
)
def test_a_parameter_lies_in_its_range(value, ends, is_inside):
    def check():
        return check_scalar(value, "p", (int, float), min_val=0, max_val=1, include_boundaries=ends)

    if is_inside:
        assert check() == value
    else:
        with pytest.raises(ValueError, match=r"p must be (at least|above|at most|below) [01], got"):
            check()


def test_a_parameter_has_its_type():
    with pytest.raises(TypeError, match="p must be of type int or float, got '1' of type str"):
        check_scalar("1", "p", (int, float))


# randomness


def test_a_seed_draws_what_scikit_learn_draws():
    theirs = pytest.importorskip("sklearn.utils").check_random_state(7)
    np.testing.assert_array_equal(check_random_state(7).permutation(20), theirs.permutation(20))


def test_a_random_state_is_used_as_it_is():
    state = np.random.RandomState(0)
    assert check_random_state(state) is state


def test_no_seed_neither_reads_nor_moves_the_global_state():
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    draws = {check_random_state(None).randint(2**31 - 1) for _ in range(4)}
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]
    assert len(draws) > 1


@pytest.mark.parametrize("seed", ["0", 0.5, np.random.default_rng(0)])
def test_what_is_no_random_state_is_refused(seed):
    with pytest.raises(ValueError, match="random_state must be None, an int or a RandomState"):
        check_random_state(seed)


# what fit remembers


def test_the_number_of_features_is_that_of_fit():
    estimator = Estimator()
    estimator.fit(np.ones((3, 2)))
    assert estimator.n_features_in_ == 2
    with pytest.raises(ValueError, match="X has 3 features, but Estimator is expecting 2 features"):
        estimator.predict(np.ones((1, 3)))


def test_the_names_of_a_frame_are_kept_and_compared():
    estimator = Estimator()
    estimator.fit(Frame(np.ones((3, 2)), ["a", "b"]))
    assert estimator.feature_names_in_.dtype == object
    assert list(estimator.feature_names_in_) == ["a", "b"]
    estimator.predict(Frame(np.ones((1, 2)), ["a", "b"]))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- c\n.*yet now missing:\n- b\n"):
        estimator.predict(Frame(np.ones((1, 2)), ["a", "c"]))
    with pytest.raises(ValueError, match="must be in the same order"):
        estimator.predict(Frame(np.ones((1, 2)), ["b", "a"]))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Estimator"):
        estimator.predict(np.ones((1, 2)))


def test_a_table_without_names_forgets_those_of_the_last_fit():
    estimator = Estimator()
    estimator.fit(Frame(np.ones((3, 2)), ["a", "b"]))
    estimator.fit(np.ones((3, 2)))
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but Estimator was fitted without"):
        estimator.predict(Frame(np.ones((1, 2)), ["a", "b"]))


def test_names_that_are_numbers_are_no_names_and_a_mixture_is_refused():
    estimator = Estimator()
    estimator.fit(Frame(np.ones((3, 2)), [0, 1]))
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.raises(TypeError, match=r"columns of \['int', 'str'\]"):
        estimator.fit(Frame(np.ones((3, 2)), [0, "b"]))


def test_a_missing_target_is_refused():
    with pytest.raises(
        ValueError, match="Estimator requires y to be passed, but the target y is None"
    ):
        Estimator().fit(np.ones((3, 2)), None)


def test_fitted_is_what_has_a_name_with_an_underscore_at_the_end():
    estimator = Estimator()
    with pytest.raises(NotFittedError, match="This Estimator is not fitted yet"):
        check_is_fitted(estimator)
    estimator.coef_ = 1
    check_is_fitted(estimator)
    check_is_fitted(estimator, "coef_")
    with pytest.raises(NotFittedError, match="Estimator lacks it"):
        check_is_fitted(estimator, ["coef_", "classes_"], msg="%(name)s lacks it")


def test_an_estimator_may_say_itself_that_it_is_fitted():
    estimator = Estimator()
    estimator.__sklearn_is_fitted__ = lambda: True
    check_is_fitted(estimator)


@pytest.mark.parametrize("thing", [Estimator, object()])
def test_only_an_estimator_instance_can_be_fitted(thing):
    with pytest.raises(TypeError, match="expects an estimator instance"):
        check_is_fitted(thing)


# class weights


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2}, {"a": 2, "b": 3, "c": 0}])
def test_class_weights_are_scikit_learns(class_weight):
    theirs = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    y, classes = np.array(list("abacaab")), np.array(list("abc"))
    np.testing.assert_array_equal(
        compute_class_weight(class_weight, classes=classes, y=y),
        theirs(class_weight, classes=classes, y=y),
    )


def test_balanced_classes_weigh_the_same_in_all():
    y = np.array([0, 0, 0, 0, 0, 1, 2, 2])
    weight = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=y)
    np.testing.assert_allclose(np.bincount(y) * weight, len(y) / 3, rtol=1e-15)  # two roundings


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ("even", "must be 'balanced', a dictionary or None, got 'even'"),
        ({0: 1, 3: 1}, r"class_weight names \[3\], the classes are \[0, 1, 2\]"),
        ({0: -1}, r"must be finite and not negative: \{0: -1\}"),
        ({0: np.inf}, "must be finite and not negative"),
        ({0: np.nan}, "must be finite and not negative"),
        ("balanced", r"y has no sample of \[2\]"),
    ],
)
def test_class_weights_that_are_refused(class_weight, words):
    with pytest.raises(ValueError, match=words):
        compute_class_weight(class_weight, classes=np.array([0, 1, 2]), y=np.array([0, 1]))


@pytest.mark.parametrize("class_weight", [[1, 2, 3], 2.0])
def test_class_weights_that_are_no_dictionary_are_refused(class_weight):
    with pytest.raises(TypeError, match="must be 'balanced', a dictionary or None"):
        compute_class_weight(class_weight, classes=np.array([0, 1]), y=np.array([0, 1]))


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"y holds \[7\], the classes are \[0, 1\]"):
        compute_class_weight(None, classes=np.array([0, 1]), y=np.array([0, 7]))


# threads


@pytest.mark.parametrize("n_jobs", [None, 1, 3, -1, -2, -1000])
def test_the_result_does_not_depend_on_the_number_of_threads(n_jobs):
    assert parallel_map(lambda i: i * i, range(20), n_jobs) == [i * i for i in range(20)]


def test_an_error_in_a_thread_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda i: 1 // i, [1, 0], 2)


@pytest.mark.parametrize(("n_jobs", "error"), [(0, ValueError), (1.5, TypeError)])
def test_a_number_of_threads_that_is_none_is_refused(n_jobs, error):
    with pytest.raises(error, match="n_jobs must"):
        parallel_map(abs, [1], n_jobs)


# Quantities


@pytest.mark.parametrize(("y", "shape"), [([1, 2], (2,)), ([[1], [2]], (2, 1)), ([[1, 2]], (1, 2))])
def test_targets_keep_their_shape_and_take_the_type_of_the_table(y, shape):
    found = numeric_targets(y, np.float32)
    assert found.shape == shape
    assert found.dtype == np.float32
    X, targets = validate_data(Estimator(), np.ones((shape[0], 3)), y, multi_output=True)
    assert (X.dtype, targets.dtype, targets.shape) == (np.float64, np.float64, shape)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([[[1.0]]], r"1d array, or a table \(samples, targets\), it has shape \(1, 1, 1\)"),
        (1.0, r"it has shape \(\)"),
        (np.ones((2, 0)), r"it has shape \(2, 0\)"),
        ([1.0, np.nan], "Input y contains NaN: row 1"),
        (["a", "b"], "y must hold numbers"),
    ],
)
def test_targets_that_are_no_quantities_are_refused(y, words):
    with pytest.raises(ValueError, match=words):
        numeric_targets(y, np.float64)


def test_nan_may_be_allowed_and_infinity_is_still_refused():
    X = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert check_array(X, ensure_all_finite="allow-nan") is X
    X[1, 0] = np.inf
    with pytest.raises(ValueError, match=r"Input X contains infinity: row 1, column 0$"):
        check_array(X, ensure_all_finite="allow-nan")
    with pytest.raises(ValueError, match="NaN: row 0, column 1, and 1 more"):
        check_array(X)
