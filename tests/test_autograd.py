"""`backward`: the chain rule over any graph, what it keeps, what it frees, what it refuses."""

import itertools

import numpy as np
import pytest
from compare import assert_close, normal, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, lift, no_grad
from scratchnet.autograd import mark_changed


def leaf(shape=(3,), seed=0):
    return Tensor(normal(shape, seed), requires_grad=True)


# --- any graph, against torch

# Each step makes a Tensor from earlier ones; F is torch or scratchnet.functional. Shapes are (), (1,),
# (3,), (2, 1) and (2, 3), which broadcast with each other; sizes stay moderate.
STEPS = {
    "add": lambda F, a, b: a + b,
    "subtract": lambda F, a, b: a - b,
    "multiply": lambda F, a, b: F.tanh(a) * b,
    "divide": lambda F, a, b: a / (1.0 + b * b),
    "twice the same": lambda F, a, b: F.tanh(a) * F.tanh(a),
    "maximum": lambda F, a, b: F.maximum(a, b),
    "number": lambda F, a, b: 2.0 - 0.5 * a,
    "tanh": lambda F, a, b: a.tanh(),
    "sigmoid": lambda F, a, b: a.sigmoid(),
    "relu": lambda F, a, b: a.relu(),
    "sum": lambda F, a, b: a.sum(),
    "mean": lambda F, a, b: a.mean(-1, keepdim=True),
    "first maximum": lambda F, a, b: a.max(0)[0],
    "last part": lambda F, a, b: a.reshape(-1).split(1)[-1],
    "joined": lambda F, a, b: F.stack([a.sum(), b.sum(), a.mean()]),
    "picked twice": lambda F, a, b: a.reshape(-1)[[0, 0, -1]],
    "detached": lambda F, a, b: a + b.detach(),
    "unused": lambda F, a, b: a,
}
LEAVES = [(), (3,), (2, 1), (2, 3)]
steps = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=12,
)


def run(F, leaves, program):
    nodes = list(leaves)
    for name, i, j in program:
        # Counted from the newest, so that small numbers make deep graphs.
        a, b = nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]
        nodes.append(STEPS[name](F, a, b))
    return nodes


@settings(max_examples=150)
@given(program=steps, seed=st.integers(0, 99), used=st.sampled_from(["last", "all"]))
def test_the_gradients_of_any_graph_are_those_of_torch(torch, program, seed, used):
    arrays = [normal(shape, seed + i) for i, shape in enumerate(LEAVES)]
    required = [True, True, seed % 2 == 0, True]
    ours = [Tensor(a, requires_grad=r) for a, r in zip(arrays, required, strict=True)]
    theirs = [torch.tensor(a, requires_grad=r) for a, r in zip(arrays, required, strict=True)]
    found, expected = run(functional, ours, program), run(torch, theirs, program)
    inner = [i for i, t in enumerate(expected) if t.requires_grad and not t.is_leaf]
    for i in inner[::2]:
        found[i].retain_grad()
        expected[i].retain_grad()
    total, reference = 0.0, 0.0
    for t, u in zip(found, expected, strict=True):
        assert t.requires_grad == u.requires_grad
        total = total + t.sum() if used == "all" else t.sum()
        reference = reference + u.sum() if used == "all" else u.sum()
    if not reference.requires_grad:
        return
    for retain in (True, False):  # the second time the gradients are added
        total.backward(retain_graph=retain)
        reference.backward(retain_graph=retain)
    for t, u in zip([*ours, *found], [*theirs, *expected], strict=True):
        assert_close(t.data, u.detach().numpy(), roundings=100)  # of 12 steps
        kept = u.requires_grad and (u.is_leaf or u.retains_grad) and u.grad is not None
        assert (t.grad is not None) == kept
        if kept:
            assert_close(t.grad, u.grad.numpy(), roundings=500, terms=1.0)


def test_where_paths_meet_again_their_gradients_are_added():
    x = leaf()
    a = x * 2
    b, c = a * 3, a * 5
    (b * c).sum().backward()  # 60 x²
    np.testing.assert_allclose(x.grad, 120 * x.data, rtol=1e-15)


def test_a_tensor_used_twice_by_one_operation_gets_both_gradients():
    x = leaf()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data)
    y = leaf((3, 3))
    (y @ y).backward(np.ones((3, 3)))
    np.testing.assert_allclose(y.grad, np.ones((3, 3)) @ y.data.T + y.data.T @ np.ones((3, 3)))


# --- the gradient that is passed in


def test_a_single_number_needs_no_gradient_and_others_do(torch):
    for shape in ((), (1,), (1, 1)):
        x = leaf(shape)
        (x * 3).backward()
        np.testing.assert_array_equal(x.grad, np.full(shape, 3.0))
    for y in (leaf((2,)) * 2, leaf((0,)) * 2):
        with pytest.raises(RuntimeError, match="backward needs a gradient for a Tensor of shape"):
            y.backward()
    with pytest.raises(RuntimeError):
        (torch.ones(2, requires_grad=True) * 2).backward()


@pytest.mark.parametrize(
    "make", [np.asarray, list, Tensor, lambda a: a.astype(np.float32), lambda a: a.astype(int)]
)
def test_the_gradient_may_be_an_array_a_list_or_a_tensor_of_any_dtype(make):
    for x in (leaf(), leaf((1, 3))):
        y = x.reshape(3)  # passes dy on as it is
        y.backward(make(np.array([1.0, 2.0, 3.0])))
        np.testing.assert_array_equal(
            x.grad, np.array([1.0, 2.0, 3.0]).reshape(x.shape), strict=True
        )
    x.backward(make(np.ones((1, 3))))
    np.testing.assert_array_equal(x.grad, np.array([[2.0, 3.0, 4.0]]), strict=True)


def test_a_gradient_of_another_shape_is_an_error_with_both_shapes(torch):
    for shape in ((2,), (3, 1), ()):
        x = leaf()
        with pytest.raises(ValueError, match=r"gradient \(.*must have the Tensor's shape \(3,\)"):
            (x * 2).backward(np.ones(shape))
        assert x.grad is None
    with pytest.raises(RuntimeError):
        (torch.ones(3, requires_grad=True) * 2).backward(torch.ones(3, 1))


def test_backward_from_a_leaf_leaves_the_gradient_there(torch):
    for x in (leaf(()), torch.tensor(2.0, requires_grad=True)):
        x.backward()
        x.backward()
        assert float(x.grad) == 2.0
    x, dy = leaf(), np.ones(3)
    x.backward(dy)
    assert not np.shares_memory(x.grad, dy)


def test_backward_without_anything_recorded_is_an_error(torch):
    for x in (Tensor([1.0]), leaf().detach().sum()):
        with pytest.raises(RuntimeError, match="does not require a gradient"):
            x.backward()
    with no_grad():
        y = leaf().sum()
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        y.backward()
    with pytest.raises(RuntimeError):
        torch.ones(1).backward()


# --- accumulation, freeing, retaining


def test_gradients_accumulate_until_they_are_reset():
    x = leaf()
    for n in (1, 2, 3):
        (x * 2).sum().backward()
        np.testing.assert_array_equal(x.grad, np.full(3, 2.0 * n))
    x.grad = None
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(3, 2.0))


def test_accumulating_does_not_write_into_an_array_that_was_handed_out():
    x = leaf()
    (x * 2).sum().backward()
    before = x.grad
    (x * 2).sum().backward()
    assert before is x.grad or np.array_equal(before, np.full(3, 2.0))


def test_a_second_backward_needs_retain_graph(torch):
    for x, F in ((leaf(), functional), (torch.ones(3, requires_grad=True), torch)):
        y = F.exp(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            y.backward()


def test_a_graph_that_shares_a_freed_part_is_refused_and_leaves_gradients_as_they_were(torch):
    for x, F in ((leaf(), functional), (torch.ones(3, requires_grad=True), torch)):
        shared = F.exp(x)
        first, second = (shared * 2).sum(), (F.tanh(shared) * x).sum()
        first.backward()
        grad = x.grad + 0.0
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            second.backward()
        assert (x.grad == grad).all()


def test_a_freed_tensor_is_no_leaf():
    y = leaf() * 2
    y.sum().backward()
    assert not y.is_leaf
    with pytest.raises(RuntimeError, match=r"detach\(\) it first"):
        y.__reduce__()
    with pytest.raises(RuntimeError, match="requires_grad is for floating leaves"):
        y.requires_grad_(False)


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor(torch):
    x, u = leaf(), torch.tensor(normal((3,)), requires_grad=True)
    y, v = x * 2, u * 2
    for t in (x, y, u, v):
        t.retain_grad()  # on a leaf it changes nothing
    for _ in range(2):
        (y * y).sum().backward(retain_graph=True)
        (v * v).sum().backward(retain_graph=True)
    assert_close(y.grad, v.grad.numpy())
    assert_close(x.grad, u.grad.numpy())
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        Tensor([1.0]).retain_grad()


def test_without_retain_grad_an_inner_tensor_has_none():
    x = leaf()
    y = x * 2
    y.sum().backward()
    assert y.grad is None
    assert x.grad is not None


def test_no_two_gradients_share_memory_though_pullbacks_return_dy_itself():
    a, b, c, d = (leaf((2, 3), i) for i in range(4))
    inner = a + b
    inner.retain_grad()
    out = inner + c - d.T.T.reshape(6).reshape(2, 3)
    out.retain_grad()
    parts = functional.concatenate([out, a]).split(2)
    seed = np.ones((2, 3))
    total = parts[0] + parts[1]
    total.retain_grad()
    total.backward(seed)
    found = [t.grad for t in (a, b, c, d, inner, out, total)]
    everything = [*found, seed, a.data, b.data, c.data, d.data]
    for x, y in itertools.combinations(everything, 2):
        assert not np.shares_memory(x, y)
    for grad in found:
        grad += 1.0  # writable
    np.testing.assert_array_equal(seed, np.ones((2, 3)))
    np.testing.assert_array_equal(a.grad, np.full((2, 3), 3.0))


def test_a_broadcast_gradient_becomes_an_array_of_its_own():
    x = leaf((3, 4))
    x.sum().backward()
    assert x.grad.flags.writeable
    assert x.grad.strides == (32, 8)


def test_requires_grad_decides_when_the_operation_is_recorded(torch):
    for x, w in (
        (Tensor(normal((3,))), leaf((3,), 1)),
        (torch.ones(3), torch.ones(3, requires_grad=True)),
    ):
        y = (x * w).sum()
        x.requires_grad_()  # too late for y
        y.backward()
        assert x.grad is None
        assert w.grad is not None


# --- operations with several outputs


def test_parts_that_are_not_used_count_as_zero():
    x = leaf((2, 6))
    first, _, third = x.split([1, 2, 3], dim=1)
    (first.sum() * 2 + (third * 3).sum()).backward()
    np.testing.assert_array_equal(x.grad, [[2, 0, 0, 3, 3, 3]] * 2)


def test_outputs_may_be_used_several_times_and_one_backward_after_the_other():
    x = leaf((4,))
    first, second = x.split(2)
    (first * second + first).sum().backward(retain_graph=True)
    a, b = x.data[:2], x.data[2:]
    np.testing.assert_allclose(x.grad, np.concatenate([b + 1, a]), rtol=1e-15)
    x.grad = None
    first.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad, [1, 1, 0, 0])
    second.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1, 1])
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        first.sum().backward()


def test_of_values_and_indices_only_the_values_are_recorded():
    x = Tensor([[1.0, 3.0, 3.0], [5.0, 4.0, 2.0]], requires_grad=True)
    values, indices = x.max(1)
    assert values.requires_grad
    assert not indices.requires_grad
    assert indices.dtype == np.int64
    values.sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 1, 0], [1, 0, 0]])


def test_an_output_of_several_can_retain_its_gradient():
    x = leaf((4,))
    first, second = x.split(2)
    first.retain_grad()
    (first * 3).sum().backward()
    np.testing.assert_array_equal(first.grad, [3, 3])
    assert second.grad is None


# --- arrays that were changed in place


def change(t):
    t.data -= 0.1
    mark_changed(t)


def test_a_leaf_that_was_changed_since_its_use_makes_backward_raise_and_no_gradient_is_touched(
    torch,
):
    x, w = leaf(), leaf((3,), 1)
    (x * w).sum().backward()
    grads = x.grad.copy(), w.grad.copy()
    loss = (x * w).sum() + (x * 2).sum()
    change(w)
    with pytest.raises(RuntimeError, match=r"shape \(3,\) has been changed in place since"):
        loss.backward()
    np.testing.assert_array_equal((x.grad, w.grad), grads)
    u = torch.ones(3, requires_grad=True)
    reference = (u * u).sum()
    with torch.no_grad():
        u -= 0.1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        reference.backward()


def test_a_change_before_the_use_or_after_backward_is_no_error():
    w = leaf()
    for _ in range(3):
        (w * w).sum().backward()
        change(w)
    loss = (w * w).sum()
    w.grad = None
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2 * w.data)


def test_a_retained_graph_notices_a_change_too():
    w = leaf()
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    change(w)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_change_of_a_tensor_that_was_not_used_does_not_matter():
    w, v = leaf(), leaf((3,), 1)
    loss = (w * w).sum()
    change(v)
    loss.backward()
    assert v.grad is None


def test_only_a_leaf_can_be_marked_as_changed():
    with pytest.raises(RuntimeError, match="recorded Tensor must not be changed"):
        mark_changed(leaf() * 2)


def test_an_error_in_a_pullback_leaves_every_gradient_as_it_was():
    def fail(dy):
        raise ZeroDivisionError

    x, y = leaf(), leaf((3,), 1)
    loss = (y * 2).sum() + lift(lambda a: (a * 1.0, fail))(x).sum()
    with pytest.raises(ZeroDivisionError):
        loss.backward()
    assert x.grad is None
    assert y.grad is None


@given(st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=20)
def test_the_order_in_which_branches_are_added_does_not_matter(n, seed):
    x = Tensor(whole((3,), seed), requires_grad=True)
    factors = [float(f) for f in whole((n,), seed + 1)]
    branches = [x * f for f in factors]
    order = np.random.default_rng(seed).permutation(n)
    total = Tensor(np.zeros(3))
    for i in order:
        total = total + branches[i]
    total.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(3, sum(factors)))
