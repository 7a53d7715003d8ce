"""A Tensor as an array: how it is made, its dtypes, operators, methods, copies, conversions."""

import copy
import operator
import pickle

import numpy as np
import pytest
from compare import assert_close, normal, whole

import scratchnet
from scratchnet import Tensor, no_grad

# --- construction


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        ([[1, 2.5], [3, 4]], "float32"),
        ((1, 2), "int64"),
        (3, "int64"),
        (True, "bool"),
        ([True, False], "bool"),
        ([], "float32"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float32), "float32"),
        (np.ones(2, np.uint8), "uint8"),
        (np.float64(2.0), "float64"),
        (np.array(2.0), "float64"),
    ],
    ids=repr,
)
def test_numbers_and_lists_become_float32_or_int64_and_arrays_keep_their_dtype(torch, data, dtype):
    t = Tensor(data)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.data, np.asarray(data).astype(dtype), strict=True)
    assert torch.tensor(data).numpy().dtype == dtype
    assert t.grad is None
    assert not t.requires_grad
    assert t.is_leaf


def test_an_array_is_shared_and_not_copied():
    array = np.zeros(3)
    t = Tensor(array)
    assert t.data is array
    assert Tensor(t).data is array
    assert t.detach().data is array


def test_a_tensor_of_a_subclass_of_array_holds_a_plain_array():
    class Special(np.ndarray):
        pass

    assert type(Tensor(np.ones(2).view(Special)).data) is np.ndarray


@pytest.mark.parametrize("data", ["text", None, {"a": 1}, [object()], 1j, np.array(["a"])])
def test_what_is_no_real_number_is_refused(data):
    with pytest.raises(TypeError, match="a Tensor holds real numbers, got dtype"):
        Tensor(data)


@pytest.mark.parametrize("data", [[1, 2], True, np.array([1, 2], np.uint8)])
def test_only_floating_tensors_can_require_a_gradient(torch, data):
    with pytest.raises(RuntimeError):
        torch.tensor(data, requires_grad=True)
    with pytest.raises(TypeError, match="only floating Tensors can require a gradient"):
        Tensor(data, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires_grad is for floating leaves"):
        Tensor(data).requires_grad_()


def test_tensor_is_exported_at_the_top():
    assert scratchnet.Tensor is Tensor


# --- operators

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_operators_take_a_tensor_a_number_or_an_array_on_either_side(op):
    x, y = np.array([0.5, 1.0, 2.0]), np.array([2.0, 1.0, 0.5])
    t, u = Tensor(x), Tensor(y)
    for found, expected in [
        (op(t, u), op(x, y)),
        (op(t, 2.0), op(x, 2.0)),
        (op(2.0, t), op(2.0, x)),
        (op(t, 2), op(x, 2)),
        (op(2, t), op(2, x)),
        (op(t, y), op(x, y)),
        (op(y, t), op(y, x)),  # NumPy hands over: __array_ufunc__ is None
        (op(t, np.float64(2.0)), op(x, 2.0)),
        (op(np.float64(2.0), t), op(2.0, x)),
    ]:
        assert type(found) is Tensor
        np.testing.assert_array_equal(found.data, expected, strict=True)


def test_matmul_takes_an_array_on_either_side():
    x, y = whole((2, 3)), whole((3, 2), 1)
    for found in (Tensor(x) @ Tensor(y), x @ Tensor(y), Tensor(x) @ y):
        assert type(found) is Tensor
        np.testing.assert_array_equal(found.data, x @ y)


@pytest.mark.parametrize("op", BINARY[:5], ids=lambda op: op.__name__)
def test_an_array_on_the_left_is_recorded_as_in_torch(torch, op):
    x, y = np.array([0.5, 1.0, 2.0]), np.array([2.0, 1.0, 0.5])
    t = Tensor(y, requires_grad=True)
    op(x, t).sum().backward()
    u = torch.tensor(y, requires_grad=True)
    op(torch.tensor(x), u).sum().backward()
    assert_close(t.grad, u.grad.numpy())


def test_unary_operators_are_those_of_numpy():
    x = np.array([-1.5, 2.0])
    np.testing.assert_array_equal((-Tensor(x)).data, -x)
    np.testing.assert_array_equal(abs(Tensor(x)).data, abs(x))


def test_numpy_functions_do_not_silently_unwrap_a_tensor():
    t = Tensor(np.ones(3), requires_grad=True)
    for call in (lambda: np.exp(t), lambda: np.add(np.ones(3), t), lambda: np.maximum(t, 0)):
        with pytest.raises(TypeError, match="__array_ufunc__"):
            call()
    array = np.ones(3)
    with pytest.raises(TypeError, match="__array_ufunc__"):
        array += t
    np.testing.assert_array_equal(array, np.ones(3))


def test_augmented_assignment_makes_a_new_tensor():
    t = u = Tensor(np.ones(3))
    t += 1
    assert t is not u
    np.testing.assert_array_equal(u.data, np.ones(3))


@pytest.mark.parametrize("index", [0, slice(None), ..., np.array([True, False, True])])
def test_entries_cannot_be_assigned(index):
    t = Tensor(np.ones(3))
    with pytest.raises(TypeError, match="not changed in place"):
        t[index] = 5.0
    np.testing.assert_array_equal(t.data, np.ones(3))


def test_comparisons_have_no_gradient_and_hashing_is_by_identity():
    t, u = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0])
    assert not (t == u).requires_grad
    assert (t == u).dtype == bool
    assert t in {t}
    assert u not in {t}
    assert {t: 1, u: 2}[u] == 2


DTYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"]


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", [*DTYPES, True, 2, 2.0])
def test_mixed_dtypes_promote_as_in_torch(torch, left, right):
    x = np.array([1, 2]).astype(left)
    y = np.array([3, 1]).astype(right) if isinstance(right, str) else right
    theirs = torch.from_numpy(y) if isinstance(right, str) else right
    for op in (operator.add, operator.mul, operator.truediv):
        expected = op(torch.from_numpy(x), theirs).numpy()
        ours = Tensor(y) if isinstance(right, str) else y
        np.testing.assert_array_equal(op(Tensor(x), ours).data, expected, strict=True)
        np.testing.assert_array_equal(op(Tensor(x), y).data, expected, strict=True)


def test_each_leaf_gets_its_gradient_in_its_own_dtype(torch):
    x, y = normal((3,), 0, np.float32), normal((3,), 1, np.float64)
    t, u = Tensor(x, requires_grad=True), Tensor(y, requires_grad=True)
    (t * u).sum().backward()
    assert (t * u).dtype == np.float64
    assert_close(t.grad, y.astype(np.float32))
    assert_close(u.grad, x.astype(np.float64))


# --- conversion

X = np.array([[0.3, 1.2, 0.5], [2.0, 0.1, 0.9]])


@pytest.mark.parametrize("data", [2.0, [[3.0]], True, 7])
def test_item_is_the_python_number(torch, data):
    expected = torch.tensor(data).item()
    assert Tensor(data).item() == expected
    assert type(Tensor(data).item()) is type(expected)
    assert float(Tensor(data)) == float(expected)
    assert int(Tensor(data)) == int(expected)


def test_item_of_several_is_an_error_with_the_shape():
    with pytest.raises(ValueError, match=r"one entry, this has shape \(2, 3\)"):
        Tensor(X).item()


def test_a_tensor_that_requires_a_gradient_is_not_converted_silently(torch):
    t = Tensor(X, requires_grad=True)
    for call in (t.numpy, lambda: np.asarray(t), lambda: np.array(t * 2, np.float32)):
        with pytest.raises(RuntimeError, match=r"detach\(\)"):
            call()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        torch.tensor(X, requires_grad=True).numpy()
    assert t.detach().numpy() is t.data
    with no_grad():
        np.testing.assert_array_equal((t * 2).numpy(), 2 * X)


def test_numpy_converts_a_plain_tensor():
    t = Tensor(X)
    assert t.numpy() is t.data
    assert np.asarray(t) is t.data
    assert np.asarray(t, np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(t), t.data)
    assert not np.shares_memory(np.array(t, copy=True), t.data)
    np.testing.assert_array_equal(np.stack([t, t]), [X, X])
    assert t.tolist() == X.tolist()


def test_truth_is_that_of_the_only_entry():
    assert Tensor([0.5])
    assert not Tensor(0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([True, True]))


def test_an_integer_tensor_counts_as_an_index():
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(TypeError):
        [10, 20, 30][Tensor(1.0)]


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (Tensor(np.ones(1)), "Tensor([1.], dtype=float64)"),
        (Tensor([3]), "Tensor([3])"),
        (Tensor(2.5, requires_grad=True), "Tensor(2.5, requires_grad=True)"),
        (Tensor([[1], [2]]), "Tensor([[1],\n        [2]])"),
    ],
)
def test_the_printed_form_tells_dtype_and_gradient_where_they_are_unusual(tensor, text):
    assert repr(tensor) == text


# --- copies


COPIES = [
    copy.copy,
    copy.deepcopy,
    *[
        lambda t, p=p: pickle.loads(pickle.dumps(t, p))
        for p in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ],
]


@pytest.mark.parametrize("duplicate", COPIES)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_leaf_is_copied_and_pickled_with_its_gradient(duplicate, requires_grad):
    t = Tensor(X.copy(), requires_grad=requires_grad)
    if requires_grad:
        (t * t).sum().backward()
    u = duplicate(t)
    assert type(u) is Tensor
    assert u is not t
    assert u.is_leaf
    assert u.requires_grad is requires_grad
    np.testing.assert_array_equal(u.data, t.data, strict=True)
    assert (u.grad is None) is (t.grad is None)
    if requires_grad:
        np.testing.assert_array_equal(u.grad, t.grad, strict=True)
        (u * 3).sum().backward()
        np.testing.assert_array_equal(t.grad, 2 * X)  # the copy's gradient is its own


def test_deepcopy_shares_nothing_and_keeps_identities_within_a_structure():
    t = Tensor(X.copy(), requires_grad=True)
    first, second = copy.deepcopy([t, t])
    assert first is second
    assert not np.shares_memory(first.data, t.data)


@pytest.mark.parametrize("duplicate", COPIES)
def test_a_recorded_tensor_is_not_copied_or_pickled(torch, duplicate):
    with pytest.raises(RuntimeError, match=r"detach\(\) it first"):
        duplicate(Tensor(X, requires_grad=True) * 2)
    with pytest.raises(RuntimeError):
        copy.deepcopy(torch.tensor(X, requires_grad=True) * 2)
