"""`lift`: which arguments are unwrapped, which gradients go where; and `no_grad`."""

import contextlib
import inspect
import threading
from operator import add, mul, sub, truediv

import numpy as np
import pytest
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, functional, is_grad_enabled, lift, no_grad, ops
from scratchnet.ops import elementwise


def leaf(shape, seed=0):
    return Tensor(normal(shape, seed), requires_grad=True)


# --- arrays in, arrays out; Tensors in, Tensors out


def test_arrays_give_an_array_and_any_tensor_gives_a_tensor():
    x, y = normal((3,)), normal((3,), 1)
    assert type(functional.add(x, y)) is np.ndarray
    for a, b in [(Tensor(x), y), (x, Tensor(y)), (Tensor(x), Tensor(y))]:
        assert type(functional.add(a, b)) is Tensor
        assert type(functional.add(a, y=b)) is Tensor
        assert type(functional.add(y=b, x=a)) is Tensor
    assert type(functional.concatenate([x, y])) is np.ndarray
    assert type(functional.concatenate([x, Tensor(y)])) is Tensor
    values, indices = functional.max(Tensor(x), 0)
    assert type(values) is type(indices) is Tensor


def test_it_is_recorded_only_if_an_input_requires_a_gradient():
    assert not (Tensor([1.0]) * 2).requires_grad
    assert (Tensor([1.0], requires_grad=True) * Tensor([2.0])).requires_grad
    assert functional.concatenate([Tensor([1.0]), leaf((2,))]).requires_grad


def test_the_lifted_function_keeps_name_signature_and_docstring():
    assert functional.conv2d.__name__ == "conv2d"
    assert functional.conv2d.__doc__ == ops.conv2d.__doc__
    assert inspect.signature(functional.conv2d) == inspect.signature(ops.conv2d)


def affine(x, scale, shift=0.0, offset=None, *, factor=1.0):
    """y = factor · (x · scale + shift) + offset: every argument may be an array."""
    y = factor * (x * scale + shift)
    y = y if offset is None else y + offset
    arrays = [("x", x), ("scale", scale), ("shift", shift), ("offset", offset), ("factor", factor)]
    present = [name for name, a in arrays if isinstance(a, np.ndarray)]

    def pullback(dy):
        grads = {
            "x": lambda: dy * factor * scale,
            "scale": lambda: dy * factor * x,
            "shift": lambda: dy * factor,
            "offset": lambda: dy,
            "factor": lambda: dy * (x * scale + shift),
        }
        return tuple(grads[name]() for name in present)

    return y, pullback


@pytest.mark.parametrize(
    "arrange",
    [
        lambda f, a: f(a["x"], a["scale"], a["shift"], a["offset"], factor=a["factor"]),
        lambda f, a: f(**a),
        lambda f, a: f(**dict(reversed(a.items()))),
        lambda f, a: f(a["x"], factor=a["factor"], offset=a["offset"], scale=a["scale"]),
        lambda f, a: f(a["x"], factor=a["factor"], scale=a["scale"]),
        lambda f, a: f(a["x"], a["scale"], offset=a["offset"]),
        lambda f, a: f(offset=a["offset"], scale=a["scale"], x=a["x"]),
        lambda f, a: f(a["x"], a["scale"], 0.5, a["offset"]),
        lambda f, a: f(a["x"], scale=2.0, factor=a["factor"]),
    ],
)
def test_keyword_arguments_may_come_in_any_order_and_with_gaps(arrange):
    names = ["x", "scale", "shift", "offset", "factor"]
    arguments = {name: leaf((3,), i) for i, name in enumerate(names)}
    out = arrange(lift(affine), arguments)
    out.sum().backward()
    # The same formula from operators, in which nothing depends on the order of arguments.
    again = {name: Tensor(t.data, requires_grad=True) for name, t in arguments.items()}

    def formula(x, scale, shift=0.0, offset=None, *, factor=1.0):
        y = factor * (x * scale + shift)
        return y if offset is None else y + offset

    expected = arrange(formula, again)
    expected.sum().backward()
    np.testing.assert_array_equal(out.data, expected.data)
    for name in names:
        if again[name].grad is None:
            assert arguments[name].grad is None
        else:
            np.testing.assert_allclose(arguments[name].grad, again[name].grad, rtol=1e-15)


def test_an_array_among_tensors_and_a_tensor_without_gradient_take_their_places():
    x, scale, offset = leaf((3,)), normal((3,), 1), leaf((3,), 2)
    lift(affine)(x, scale, Tensor(normal((3,), 3)), offset).sum().backward()
    np.testing.assert_array_equal(x.grad, scale)
    np.testing.assert_array_equal(offset.grad, np.ones(3))


def test_tensors_in_lists_and_tuples_are_found():
    for wrap in (list, tuple):
        x, y = leaf((2,)), leaf((1,), 1)
        out = functional.concatenate(wrap([x, np.ones(2), y, Tensor([5.0])]))
        out.backward(np.arange(6.0))
        np.testing.assert_array_equal(x.grad, [0, 1])
        np.testing.assert_array_equal(y.grad, [4])
    x, y = leaf((2,)), leaf((2,), 1)
    functional.stack(tensors=[y, x, y], dim=1).backward(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(x.grad, [1, 4])
    np.testing.assert_array_equal(y.grad, [2, 8])


def test_the_callers_lists_and_dictionaries_are_left_as_they_were():
    tensors = [leaf((2,)), leaf((2,), 1)]
    options = {"tensors": tensors, "dim": 0}
    functional.stack(**options)
    assert options["tensors"] is tensors
    assert [type(t) for t in tensors] == [Tensor, Tensor]


def test_tensors_serve_as_indices_and_conditions():
    x = leaf((3, 2))
    mask, rows = x > 0, Tensor([2, 0, 2])
    np.testing.assert_array_equal(x[mask].data, x.data[x.data > 0])
    x[rows, Tensor([0, 1, 0])].sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 1], [0, 0], [2, 0]])
    assert functional.where(mask, x, 0.0).data.min() >= 0


def test_integer_and_bool_tensors_have_no_gradient_to_receive():
    x, labels = leaf((4, 3)), Tensor([0, 2, 1, 1])
    functional.cross_entropy(x, labels).backward()
    assert x.grad.shape == (4, 3)
    assert labels.grad is None


def weighted(x, weight, y):
    """z = weight · x · y; weight is a constant: no gradient is returned for it."""
    return weight * x * y, lambda dz: (dz * weight * y, dz * weight * x)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x, w, y: f(x, w, y),
        lambda f, x, w, y: f(x, y=y, weight=w),
        lambda f, x, w, y: f(weight=w, y=y, x=x),
    ],
)
@pytest.mark.parametrize("kind", [Tensor, np.asarray, lambda w: Tensor(w, requires_grad=True)])
def test_a_constant_argument_has_no_place_among_the_gradients(call, kind):
    x, y, w = leaf((3,)), leaf((3,), 1), normal((3,), 2)
    constant = kind(w)
    call(lift(weighted, constant=("weight",)), x, constant, y).sum().backward()
    np.testing.assert_allclose(x.grad, w * y.data, rtol=1e-15)
    np.testing.assert_allclose(y.grad, w * x.data, rtol=1e-15)
    assert getattr(constant, "grad", None) is None


def test_an_unknown_constant_is_an_error_at_once():
    with pytest.raises(ValueError, match="'scale'"):
        lift(weighted, constant=("scale",))


def test_a_pullback_with_the_wrong_number_of_gradients_is_an_error_with_both_numbers():
    def forgetful(x, y):
        def pullback(dz):
            return (dz * y,)

        return x * y, pullback

    with pytest.raises(RuntimeError, match=r"pullback returned 1 gradients for 2 arrays"):
        lift(forgetful)(leaf((3,)), leaf((3,), 1)).sum().backward()


KINDS = {
    "leaf": lambda a: Tensor(a, requires_grad=True),
    "inner": lambda a: Tensor(a, requires_grad=True) * 1.0,
    "frozen": Tensor,
    "array": np.asarray,
    "number": lambda a: float(a.flat[0]),
}


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
@given(
    kinds=st.tuples(st.sampled_from(["leaf", "inner", "frozen"]), st.sampled_from(sorted(KINDS))),
    shapes=st.tuples(*[st.sampled_from([(), (1,), (3,), (2, 3)])] * 2),
    dtypes=st.tuples(*[st.sampled_from([np.float32, np.float64, np.float16])] * 2),
)
def test_an_operator_is_the_lifted_operation(name, recording, kinds, shapes, dtypes):
    operator = {"add": add, "subtract": sub, "multiply": mul, "divide": truediv}[name]
    if kinds[1] == "number":
        shapes = (shapes[0], (1,))
    arrays = [2.0 + np.abs(normal(shape, i)) for i, shape in enumerate(shapes)]
    arrays = [a.astype(dtype) for a, dtype in zip(arrays, dtypes, strict=True)]

    def run(function):
        x, y = (KINDS[kind](a) for kind, a in zip(kinds, arrays, strict=True))
        inner = [t for t in (x, y) if isinstance(t, Tensor) and t.requires_grad]
        for t in inner:
            t.retain_grad()
        with contextlib.nullcontext() if recording else no_grad():
            z = function(x, y)
        if z.requires_grad:
            z.backward(np.full(z.shape, 3.0))
        return z, [t.grad for t in inner]

    (found, grads), (expected, same) = run(operator), run(getattr(functional, name))
    np.testing.assert_array_equal(found.data, expected.data, strict=True)
    assert found.requires_grad == expected.requires_grad == (recording and bool(grads))
    for dx, reference in zip(grads, same, strict=True):
        if recording:
            np.testing.assert_array_equal(dx, reference, strict=True)
        else:
            assert dx is reference is None


@pytest.mark.parametrize("name", ["add", "subtract", "multiply"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
def test_the_short_way_of_two_arrays_alike_is_the_long_one(monkeypatch, name, dtype, shape):
    x, y, dz = (normal(shape, i, dtype) for i in range(3))
    z, short = getattr(ops, name)(x, y)
    monkeypatch.setattr(elementwise, "alike", lambda x, y: False)
    reference, long = getattr(ops, name)(x, y)
    assert short.__code__ is not long.__code__
    np.testing.assert_array_equal(z, reference, strict=True)
    for dx, expected in zip(short(dz), long(dz), strict=True):
        np.testing.assert_array_equal(dx, expected, strict=True)


def test_operations_lifted_by_a_user_work_as_methods_too():
    class Scaled:
        times = lift(affine)

    with pytest.raises(TypeError):  # as any function in a class, it gets the instance first
        Scaled().times(leaf((3,)))
    assert type(Scaled.times(leaf((3,)), 2.0)) is Tensor


# --- what nobody needs is not computed


def counted():
    """Return a product that notes which gradients it is asked for and which it computes."""
    asked, computed = [], []

    def product(x, y, *, needs=(True, True)):
        asked.append(needs)

        def pullback(dz):
            computed.append(needs)
            return dz * y if needs[0] else None, dz * x if needs[1] else None

        return x * y, pullback

    return lift(product), asked, computed


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("right", [True, False])
def test_needs_tells_the_operation_which_inputs_require_a_gradient(left, right):
    product, asked, computed = counted()
    x, y = Tensor(np.ones(3), requires_grad=left), Tensor(np.ones(3), requires_grad=right)
    z = product(x, y=y)
    assert asked == [(left, right)]
    assert z.requires_grad is (left or right)
    if z.requires_grad:
        z.sum().backward()
        assert computed == [(left, right)]
    assert (x.grad is not None, y.grad is not None) == (left, right)


def test_needs_is_false_for_arrays_and_under_no_grad():
    product, asked, _ = counted()
    x = leaf((3,))
    product(np.ones(3), x)
    with no_grad():
        product(x, x)
    product(x.detach(), x * 2)
    assert asked == [(False, True), (False, False), (False, True)]


def test_a_branch_that_leads_to_no_leaf_is_not_walked():
    product, _, computed = counted()
    image, weight = Tensor(np.ones(3)), leaf((3,))
    prepared = product(image, np.ones(3))  # before the first layer: needs no gradient
    product(prepared, weight).sum().backward()
    assert computed == [(False, True)]


def test_the_image_under_a_convolution_gets_no_gradient():
    x, w = Tensor(np.ones((1, 1, 4, 4))), leaf((1, 1, 2, 2))
    functional.conv2d(x, w).sum().backward()
    assert x.grad is None
    assert w.grad.shape == (1, 1, 2, 2)


# --- no_grad


def test_no_grad_is_a_context_and_restores_what_was_before():
    x = leaf((2,))
    assert is_grad_enabled()
    with no_grad():
        assert not is_grad_enabled()
        with no_grad():
            assert not (x * 2).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled()
    assert (x * 2).requires_grad


def test_no_grad_is_a_decorator_that_can_call_itself():
    @no_grad()
    def halve(x, depth=3):
        """Divide by two."""
        assert not is_grad_enabled()
        return halve(x / 2, depth - 1) if depth else x

    assert not halve(leaf((2,))).requires_grad
    assert is_grad_enabled()
    assert (halve.__name__, halve.__doc__) == ("halve", "Divide by two.")


def test_no_grad_ends_with_an_exception():
    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError), no_grad():
        fail()
    assert is_grad_enabled()
    with pytest.raises(KeyError):
        no_grad()(fail)()
    assert is_grad_enabled()


def test_one_no_grad_object_may_be_entered_twice():
    context = no_grad()
    with context:
        with context:
            pass
        assert not is_grad_enabled()
    assert is_grad_enabled()


def in_thread(function):
    """Run a function in a thread of its own and return its result."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(timeout=30)
    return found[0]


def test_no_grad_holds_for_its_own_thread_only():
    with no_grad():
        assert in_thread(is_grad_enabled)
        assert not is_grad_enabled()

    def inside():
        with no_grad():
            return is_grad_enabled()

    assert not in_thread(inside)
    assert is_grad_enabled()


def test_a_decorated_function_in_two_threads_at_once_leaves_each_as_it_was():
    here, there, left = threading.Event(), threading.Event(), threading.Event()

    @no_grad()
    def predict(arrived, wait_for):
        arrived.set()
        assert wait_for.wait(timeout=30)
        return is_grad_enabled()

    states = []

    def other():  # enters first and leaves first; it records before and after
        states.append(predict(there, here))
        states.append(is_grad_enabled())
        left.set()

    thread = threading.Thread(target=other)
    with no_grad():
        thread.start()
        assert there.wait(timeout=30)
        assert predict(here, left) is False  # this thread does not record, before or after
        assert not is_grad_enabled()
    thread.join(timeout=30)
    assert states == [False, True]
    assert is_grad_enabled()


def test_backward_runs_under_no_grad_too(torch):
    for t in (leaf((2,)), torch.tensor([1.0, 2.0], requires_grad=True)):
        loss = (t * 3).sum()
        with torch.no_grad(), no_grad():
            loss.backward()
        np.testing.assert_array_equal(t.grad, [3, 3])
