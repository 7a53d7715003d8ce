"""The contract of every operation, held over all that `scratchnet.ops` exports.

An operation is found by its name in `ops.__all__`; it needs an entry in EXAMPLES (`op_examples.py`),
and then every law below is tested on it. The laws are the points of the recipe in `ops/__init__.py`.
"""

import inspect
import itertools
import weakref

import numpy as np
import pytest
from compare import assert_close, normal
from op_examples import BATCH, CONSTANT, EXAMPLES, FREES_ITS_INPUTS, PRODUCTS, Draw

from scratchnet import Tensor, check_pullback, lift, no_grad, ops

CASES = [(name, i) for name in ops.__all__ for i in range(len(EXAMPLES.get(name, ())))]
over_all_operations = pytest.mark.parametrize(
    ("name", "i"), CASES, ids=[f"{name}-{i}" for name, i in CASES]
)
in_both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Example:
    """A call of an operation: its arguments by name, and which of its arrays have a gradient."""

    def __init__(self, name, i, dtype=np.float64, n=BATCH):
        self.op = getattr(ops, name)
        positional, options = EXAMPLES[name][i](Draw(dtype), n)
        # Argument order is the order of gradients; bind() lists arguments in the signature's order.
        self.arguments = dict(inspect.signature(self.op).bind(*positional, **options).arguments)
        self.constant = CONSTANT.get(name, ())

    def run(self, **replaced):
        return self.op(**{**self.arguments, **replaced})

    def varied(self):
        """Return the names of the arguments that hold arrays with a gradient."""
        return [k for k, v in self.arguments.items() if k not in self.constant and list(floats(v))]

    def differentiable(self):
        return [a for k in self.varied() for a in floats(self.arguments[k])]

    def mapped(self, change):
        """Return the arguments with `change` applied to every array."""
        return {k: each(change, v) for k, v in self.arguments.items()}


def each(change, value):
    if isinstance(value, list | tuple):
        return type(value)(each(change, v) for v in value)
    return change(value) if isinstance(value, np.ndarray) else value


def floats(value):
    """Yield the floating arrays in a value: itself, or those of a list."""
    if isinstance(value, list | tuple):
        for v in value:
            yield from floats(v)
    elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        yield value


def parts(y):
    return y if isinstance(y, tuple) else (y,)


def random_dy(y):
    """Return read-only gradients for the outputs: an array or a tuple, None for integer outputs."""

    def one(i, part):
        if np.asarray(part).dtype.kind != "f":
            return None
        return read_only(normal(np.shape(part), 500 + i, np.asarray(part).dtype))

    return tuple(itertools.starmap(one, enumerate(y))) if isinstance(y, tuple) else one(0, y)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("name", ops.__all__)
def test_every_operation_has_an_example(name):
    assert EXAMPLES.get(name), f"no example for ops.{name}: add one to EXAMPLES in op_examples.py"


def test_examples_are_of_operations_that_exist():
    assert set(EXAMPLES) <= set(ops.__all__)
    assert set(CONSTANT) | FREES_ITS_INPUTS | PRODUCTS <= set(ops.__all__)


@over_all_operations
@in_both_precisions
@pytest.mark.parametrize("n", [BATCH, 0])
def test_one_gradient_for_each_floating_array_with_its_shape_and_dtype(name, i, dtype, n):
    example = Example(name, i, dtype, n)
    y, pullback = example.run()
    grads = pullback(random_dy(y))
    assert type(grads) is tuple
    forms = [(a.shape, a.dtype) for a in example.differentiable()]
    assert [(np.shape(dx), np.asarray(dx).dtype) for dx in grads] == forms
    outputs = {np.asarray(p).dtype for p in parts(y)} - {np.dtype(np.int64)}  # positions of max
    assert outputs == {np.dtype(dtype)}


EMPTY = [c for c in CASES if any(a.size == 0 for a in Example(*c, n=0).differentiable())]


def test_every_operation_has_an_example_with_an_empty_batch():
    assert {name for name, _ in EMPTY} == set(EXAMPLES)


@pytest.mark.parametrize(("name", "i"), EMPTY)
def test_an_empty_batch_gives_the_same_shapes_with_a_zero_for_the_batch(name, i):
    def shapes(n):
        y, pullback = Example(name, i, n=n).run()
        return [np.shape(a) for a in (*parts(y), *pullback(random_dy(y)))]

    expected = [tuple(0 if k % BATCH == 0 else k for k in shape) for shape in shapes(BATCH)]
    assert shapes(0) == expected


@over_all_operations
def test_the_pullback_is_the_derivative(name, i):
    example = Example(name, i)
    names = example.varied()

    def op(*values):
        return example.run(**dict(zip(names, values, strict=True)))

    op.__name__ = name
    check_pullback(op, *[example.arguments[k] for k in names])


@over_all_operations
@in_both_precisions
def test_called_twice_it_gives_the_same_and_writes_neither_to_dy_nor_to_an_input(name, i, dtype):
    example = Example(name, i, dtype)
    before = example.mapped(np.copy)
    protected = example.mapped(read_only)  # writing raises
    y, pullback = example.run(**protected)
    again = example.run(**protected)[0]
    assert_equal(parts(again), parts(y))
    dy = random_dy(y)
    copies = [None if d is None else d.copy() for d in parts(dy)]
    kept = [np.copy(p) for p in parts(y)]
    grads = [np.copy(dx) for dx in pullback(dy)]
    assert_equal(pullback(dy), grads)
    assert_equal(parts(y), kept)  # the pullback does not use the output as a buffer
    for d, copy in zip(parts(dy), copies, strict=True):
        assert (d is None and copy is None) or np.array_equal(d, copy)
    for k, value in protected.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, before[k])


@over_all_operations
def test_of_several_outputs_those_not_used_may_be_none(name, i):
    y, pullback = Example(name, i).run()
    if not isinstance(y, tuple):
        assert isinstance(y, np.ndarray | np.generic)
        return
    dys = random_dy(y)
    for used in range(len(y)):
        if dys[used] is None:
            continue
        alone = tuple(d if j == used else None for j, d in enumerate(dys))
        zeros = tuple(d if j == used or d is None else np.zeros_like(d) for j, d in enumerate(dys))
        assert_equal(pullback(alone), pullback(zeros))


@over_all_operations
def test_the_order_of_the_axes_in_memory_does_not_matter(name, i):
    example = Example(name, i)
    y, pullback = example.run()
    dy = random_dy(y)
    swapped, swapped_pullback = example.run(**example.mapped(np.asfortranarray))
    for a, b in zip(parts(swapped), parts(y), strict=True):
        assert_close(a, b)
    fortran = tuple(None if d is None else np.asfortranarray(d) for d in parts(dy))
    swapped_grads = swapped_pullback(fortran if isinstance(y, tuple) else fortran[0])
    for a, b in zip(swapped_grads, pullback(dy), strict=True):
        assert_close(a, b)  # products and sums run in another order


@over_all_operations
def test_dy_may_be_one_number_broadcast_as_the_pullback_of_sum_gives_it(name, i):
    y, pullback = Example(name, i).run()

    def ones(spread):
        found = tuple(
            spread(np.shape(p)) if np.asarray(p).dtype.kind == "f" else None for p in parts(y)
        )
        return found if isinstance(y, tuple) else found[0]

    for a, b in zip(
        pullback(ones(lambda shape: np.broadcast_to(1.0, shape))),
        pullback(ones(np.ones)),
        strict=True,
    ):
        assert_close(a, b)


@over_all_operations
def test_float32_gives_the_figures_of_float64_to_its_precision(name, i):
    wide, narrow = Example(name, i, np.float64), Example(name, i, np.float32)
    rounded = narrow.mapped(lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a)
    if name == "astype":
        rounded["dtype"] = np.float64
    y, pullback = wide.run(**rounded)
    z, narrow_pullback = narrow.run()
    dz = random_dy(z)
    dy = tuple(None if d is None else d.astype(np.float64) for d in parts(dz))
    grads = pullback(dy if isinstance(y, tuple) else dy[0])
    for a, b in zip((*parts(z), *narrow_pullback(dz)), (*parts(y), *grads), strict=True):
        # The longest sums here have some 150 terms, whose roundings add up like a random walk.
        assert_close(a, np.asarray(b).astype(np.asarray(a).dtype), roundings=32)


WITH_NEEDS = [c for c in CASES if "needs" in inspect.signature(getattr(ops, c[0])).parameters]


def test_the_operations_whose_gradients_cost_a_product_take_needs():
    assert {"matmul", "linear", "conv2d"} <= {name for name, _ in WITH_NEEDS}


@pytest.mark.parametrize(("name", "i"), WITH_NEEDS)
def test_needs_leaves_out_what_is_false_and_changes_nothing_else(name, i):
    example = Example(name, i)
    y, pullback = example.run()
    dy = random_dy(y)
    everything = pullback(dy)
    for needs in itertools.product([True, False], repeat=len(everything)):
        out, some = example.run(needs=needs)
        assert_equal(parts(out), parts(y))
        for needed, found, expected in zip(needs, some(dy), everything, strict=True):
            assert (found is None) is not needed
            if needed:
                np.testing.assert_array_equal(found, expected, strict=True)


def kept_alive(example, **options):
    """Return for each differentiable array whether the pullback, and nothing else, keeps it alive."""
    pullback = example.run(**options)[1]
    references = [weakref.ref(a) for a in example.differentiable()]
    example.arguments.clear()
    assert pullback is not None
    return [r() is not None for r in references]


@pytest.mark.parametrize(("name", "i"), WITH_NEEDS)
def test_what_no_gradient_needs_is_not_captured(name, i):
    n = len(Example(name, i).differentiable())
    assert not any(kept_alive(Example(name, i), needs=(False,) * n))


@pytest.mark.parametrize(("name", "i"), [c for c in WITH_NEEDS if c[0] in PRODUCTS])
def test_the_gradient_of_a_factor_keeps_the_other_factor_only(name, i):
    n = len(Example(name, i).differentiable())
    assert kept_alive(Example(name, i), needs=(True, False, False)[:n]) == [False, True, False][:n]
    assert kept_alive(Example(name, i), needs=(False, True, False)[:n]) == [True, False, False][:n]


@pytest.mark.parametrize(("name", "i"), [c for c in CASES if c[0] in FREES_ITS_INPUTS])
def test_the_pullback_keeps_no_input_alive_whose_values_it_does_not_need(name, i):
    assert not any(kept_alive(Example(name, i)))


def as_tensors(example):
    """Return the arguments with a Tensor for each differentiable array, and these Tensors in order."""
    tensors = []

    def tensor(a):
        if a.dtype.kind != "f":
            return a
        tensors.append(Tensor(a, requires_grad=True))
        return tensors[-1]

    arguments = {
        k: each(tensor, v) if k in example.varied() else v for k, v in example.arguments.items()
    }
    return arguments, tensors


@over_all_operations
def test_lifted_it_gives_arrays_for_arrays_and_on_tensors_what_the_pullback_gives(name, i):
    example = Example(name, i)
    lifted = lift(example.op, constant=CONSTANT.get(name, ()))
    y, pullback = example.run()
    assert_equal(parts(lifted(**example.arguments)), parts(y))

    arguments, tensors = as_tensors(example)
    out = lifted(**arguments)
    assert [type(o) for o in parts(out)] == [Tensor] * len(parts(y))
    assert_equal([o.data for o in parts(out)], [np.asarray(p) for p in parts(y)])
    dy = parts(random_dy(y))[0]
    parts(out)[0].backward(dy)
    alone = (dy, *[None] * (len(parts(y)) - 1))
    assert_equal([t.grad for t in tensors], pullback(alone if isinstance(y, tuple) else dy))


@over_all_operations
def test_under_no_grad_nothing_is_captured(name, i):
    example = Example(name, i)
    arguments, tensors = as_tensors(example)
    with no_grad():
        out = lift(example.op, constant=CONSTANT.get(name, ()))(**arguments)
    for o in parts(out):
        assert not o.requires_grad
        o.data = o.data.copy()  # a view of its input would keep the input by itself
    references = [weakref.ref(t.data) for t in tensors]
    arguments.clear()
    tensors.clear()
    example.arguments.clear()
    assert [r() for r in references] == [None] * len(references)
