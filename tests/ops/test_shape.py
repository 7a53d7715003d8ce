"""Rearrangements: exact adjoints, torch's values and gradients, what is refused.

Each operation here is a linear map A, and its pullback must be the transposed map:

    ⟨A x, y⟩ = ⟨x, Aᵀ y⟩

On whole numbers both sides are exact, so they are compared for equality.
"""

import itertools
import math

import naive
import numpy as np
import pytest
from compare import assert_adjoint, assert_agrees_with_torch, normal, whole
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet import ops
from scratchnet.ops.shape import flat_shape

seeds = st.integers(0, 99)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
with_axes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


@st.composite
def permutations(draw):
    shape = draw(shapes)
    n = len(shape)
    order = draw(st.permutations(range(n)))
    return shape, tuple(draw(st.sampled_from([d, d - n])) for d in order)


@st.composite
def factorisations(draw):
    """Return two shapes with as many entries, the second perhaps with a −1."""
    factors = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    cuts = sorted(draw(st.lists(st.integers(0, len(factors)), max_size=2)))
    ends = [0, *cuts, len(factors)]
    new = [math.prod(factors[a:b]) for a, b in itertools.pairwise(ends)]
    if draw(st.booleans()):
        new[draw(st.integers(0, len(new) - 1))] = -1
    return tuple(factors), tuple(new)


@st.composite
def dims_of(draw, shape, n=None):
    n = len(shape) if n is None else n
    return draw(st.integers(-max(n, 1), max(n, 1) - 1))


# --- reshape, permute, transpose


@given(factorisations(), seeds)
def test_reshape_is_that_of_torch_and_its_adjoint(torch, pair, seed):
    old, new = pair
    op = lambda a: ops.reshape(a, new)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda t: t.reshape(new), normal(old, seed))
    assert_adjoint(op, whole(old, seed))


@pytest.mark.parametrize(
    ("old", "new"), [((0, 3), (3, 0)), ((0, 3), (-1, 3)), ((), (1, 1)), ((1,), ()), ((2, 0), (0,))]
)
def test_empty_arrays_and_numbers_are_reshaped_as_in_torch(torch, old, new):
    x = np.ones(old)
    assert_agrees_with_torch(torch, lambda a: ops.reshape(a, new), lambda t: t.reshape(new), x)


@pytest.mark.parametrize("shape", [(5,), (-1, -1), (4, -1), (-2, 3), (2, 3, 0), (2, 2)])
def test_a_shape_of_another_size_is_an_error_with_both(torch, shape):
    with pytest.raises(RuntimeError):
        torch.ones(2, 3).reshape(shape)
    with pytest.raises(ValueError, match=r"reshape: x \(2, 3\) has 6 entries, shape \("):
        ops.reshape(np.ones((2, 3)), shape)


def test_reshape_keeps_the_logical_order_of_an_array_that_is_not_contiguous():
    x = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(ops.reshape(x, (6,))[0], [0, 3, 1, 4, 2, 5])


@given(permutations(), seeds)
def test_permute_is_that_of_torch_and_its_adjoint(torch, pair, seed):
    shape, dims = pair
    op = lambda a: ops.permute(a, dims)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda t: t.permute(dims), normal(shape, seed))
    assert_adjoint(op, whole(shape, seed))


@pytest.mark.parametrize("dims", [(0,), (0, 0), (0, -2), (0, 1, 1), ()])
def test_what_is_no_permutation_is_refused(dims):
    with pytest.raises(ValueError, match=r"no permutation of the axes of x \(2, 3\)"):
        ops.permute(np.ones((2, 3)), dims)


@given(shapes, seeds, st.data())
def test_transpose_is_that_of_torch_and_its_adjoint(torch, shape, seed, data):
    a, b = data.draw(dims_of(shape)), data.draw(dims_of(shape))
    op = lambda x: ops.transpose(x, a, b)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda t: t.transpose(a, b), normal(shape, seed))
    assert_adjoint(op, whole(shape, seed))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.permute(x, (0, 2)),
        lambda x: ops.transpose(x, 0, 2),
        lambda x: ops.concatenate([x, x], 2),
        lambda x: ops.split(x, 1, -3),
    ],
)
def test_a_dim_out_of_range_is_an_index_error(call):
    with pytest.raises(IndexError, match=r"dim (2|-3) is out of range for an array of 2 dim"):
        call(np.ones((2, 3)))


def test_a_new_axis_of_stack_may_come_last_and_not_after_that():
    assert ops.stack([np.ones(3)], 1)[0].shape == (3, 1)
    with pytest.raises(IndexError, match="dim 2 is out of range"):
        ops.stack([np.ones(3)], 2)


@pytest.mark.parametrize(
    ("shape", "dims", "expected"),
    [
        ((2, 3, 4), (0, -1), (24,)),
        ((2, 3, 4), (1, -1), (2, 12)),
        ((2, 3, 4), (0, 1), (6, 4)),
        ((2, 3, 4), (1, 1), (2, 3, 4)),
        ((), (0, -1), (1,)),
        ((0, 3), (1, -1), (0, 3)),
    ],
)
def test_flat_shape_is_that_of_torchs_flatten(torch, shape, dims, expected):
    assert flat_shape(shape, *dims) == expected
    assert tuple(torch.ones(shape).flatten(*dims).shape) == expected


def test_flat_shape_refuses_a_start_after_the_end():
    with pytest.raises(ValueError, match=r"start_dim 2 comes after end_dim 1 in \(2, 3, 4\)"):
        flat_shape((2, 3, 4), 2, 1)


# --- broadcast_to


@st.composite
def expansions(draw):
    """Return a shape and one that it broadcasts to, with −1 for some lengths that stay."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
    lead = draw(st.lists(st.integers(0, 3), max_size=2))
    to = [draw(st.integers(0, 4)) if n == 1 else draw(st.sampled_from([n, -1])) for n in shape]
    return shape, (*lead, *to)


@given(expansions(), seeds)
def test_broadcast_to_is_that_of_torch_and_its_adjoint(torch, pair, seed):
    shape, to = pair
    op = lambda a: ops.broadcast_to(a, to)  # noqa: E731
    x = whole(shape, seed)
    assert_agrees_with_torch(torch, op, lambda t: torch.broadcast_to(t, to), x, terms=100.0)
    assert_adjoint(op, x)
    dy = whole(op(x)[0].shape, seed)
    np.testing.assert_array_equal(op(x)[1](dy)[0], naive.broadcast_gradient(shape, dy))


@pytest.mark.parametrize("to", [(4, 3), (3,), (2, 4), (-1, 2, 3), (2, -2), ()])
def test_a_shape_that_does_not_fit_is_an_error_with_both(torch, to):
    with pytest.raises(RuntimeError):
        torch.broadcast_to(torch.ones(2, 3), to)
    with pytest.raises(ValueError, match=r"broadcast_to: x \(2, 3\) does not fit into \("):
        ops.broadcast_to(np.ones((2, 3)), to)


# --- concatenate, stack, split


@given(with_axes, st.lists(st.integers(0, 3), min_size=1, max_size=4), seeds, st.data())
def test_concatenate_is_that_of_torch_and_its_adjoint(torch, shape, lengths, seed, data):
    dim = data.draw(dims_of(shape))
    dtypes = [data.draw(st.sampled_from([np.float32, np.float64, np.int32])) for _ in lengths]
    dtypes[0] = np.float64
    parts = [list(shape) for _ in lengths]
    for part, n in zip(parts, lengths, strict=True):
        part[dim] = n
    xs = [whole(p, seed + i, d) for i, (p, d) in enumerate(zip(parts, dtypes, strict=True))]
    op = lambda arrays: ops.concatenate(arrays, dim)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda ts: torch.cat(ts, dim), xs)
    assert_adjoint(op, [x.astype(np.float64) for x in xs])


@given(shapes, st.integers(1, 4), seeds, st.data())
def test_stack_is_that_of_torch_and_its_adjoint(torch, shape, n, seed, data):
    dim = data.draw(dims_of(shape, len(shape) + 1))
    xs = tuple(whole(shape, seed + i) for i in range(n))
    op = lambda arrays: ops.stack(arrays, dim)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda ts: torch.stack(ts, dim), xs)
    assert_adjoint(op, xs)


@pytest.mark.parametrize("name", ["concatenate", "stack"])
@pytest.mark.parametrize(
    "dtypes",
    [
        ("float32", "float64"),
        ("float32", "int64"),
        ("int32", "uint8"),
        ("bool", "int64"),
        ("bool",),
    ],
)
def test_joined_arrays_have_torchs_dtype(torch, name, dtypes):
    xs = [np.ones(2, d) for d in dtypes]
    theirs = {"concatenate": "cat"}.get(name, name)
    expected = getattr(torch, theirs)([torch.from_numpy(x) for x in xs]).numpy()
    y, pullback = getattr(ops, name)(xs)
    np.testing.assert_array_equal(y, expected, strict=True)
    floating = [x.dtype for x in xs if x.dtype.kind == "f"]
    assert [dx.dtype for dx in pullback(np.ones_like(y))] == floating


@pytest.mark.parametrize(
    ("op", "xs", "message"),
    [
        (ops.concatenate, [], "at least one array"),
        (ops.stack, [], "at least one array"),
        (ops.concatenate, [np.array(1.0), np.array(2.0)], "stack makes one"),
        (ops.concatenate, [np.ones((2, 3)), np.ones(3)], r"differ outside dim 0: \(2, 3\), \(3,\)"),
        (ops.concatenate, [np.ones((2, 3)), np.ones((2, 4))], r"outside dim 0: \(2, 3\), \(2, 4\)"),
        (ops.stack, [np.ones(2), np.ones(3)], r"one shape, got \(2,\), \(3,\)"),
    ],
)
def test_arrays_that_cannot_be_joined_are_an_error_with_their_shapes(op, xs, message):
    with pytest.raises(ValueError, match=message):
        op(xs)


@given(with_axes, seeds, st.data())
def test_split_is_that_of_torch_and_its_adjoint(torch, shape, seed, data):
    dim = data.draw(dims_of(shape))
    n = shape[dim]
    if data.draw(st.booleans()):
        sections = data.draw(st.integers(1, 6))
    else:
        cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
        sections = list(np.diff([0, *cuts, n]))
    theirs = sections if isinstance(sections, int) else [int(s) for s in sections]
    op = lambda a: ops.split(a, sections, dim)  # noqa: E731
    assert_agrees_with_torch(torch, op, lambda t: torch.split(t, theirs, dim), normal(shape, seed))
    assert_adjoint(op, whole(shape, seed))


def test_a_part_that_was_not_used_has_gradient_zero():
    pullback = ops.split(np.zeros((2, 5), np.float32), [2, 0, 3], 1)[1]
    (dx,) = pullback((None, None, np.ones((2, 3), np.float32)))
    np.testing.assert_array_equal(dx, np.float32([[0, 0, 1, 1, 1]] * 2), strict=True)


@pytest.mark.parametrize("sections", [[1, 2], [5, -1], [], [2, 2, 1], 0, -1])
def test_sections_that_do_not_add_up_are_refused(sections):
    with pytest.raises(ValueError, match=r"split: (sections|a part needs)"):
        ops.split(np.ones(4), sections)


def test_a_number_cannot_be_split():
    with pytest.raises(ValueError, match="split: sections"):
        ops.split(np.array(1.0), 1)
