"""Comparing an operation with PyTorch or with its own transpose, and the arrays to do it on."""

import numpy as np


def normal(shape, seed=0, dtype=np.float64):
    """Return standard normal numbers; an array for the shape () too."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def whole(shape, seed=0, dtype=np.float64, low=-9, high=10):
    """Return whole numbers: their sums and products are exact, whatever the order."""
    return np.asarray(np.random.default_rng(seed).integers(low, high, shape), dtype)


def assert_close(found, expected, roundings=8.0, terms=0.0):
    """Assert equal shape and dtype, and values that differ by a few roundings of that dtype.

    roundings: how many, of the value itself and of the largest value. terms: the size of the terms
    of a sum that may cancel, if that is larger: its error is theirs. Integers and bools must be equal.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    largest = float(np.max(np.abs(expected), initial=terms, where=np.isfinite(expected)))
    error = roundings * float(np.finfo(expected.dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=error, atol=error * largest)


def assert_agrees_with_torch(torch, op, reference, *arrays, roundings=8.0, terms=0.0):
    """Assert that op(*arrays) and reference(*tensors) agree in values and in gradients.

    Arrays become tensors, those in lists too; anything else is passed on as it is. Several outputs
    are compared one by one, and the gradient is taken of all floating ones together.
    """
    leaves = []

    def to_torch(a):
        if isinstance(a, list | tuple):
            return type(a)(to_torch(v) for v in a)
        if not isinstance(a, np.ndarray | np.generic):
            return a
        t = torch.from_numpy(np.array(a))
        if t.is_floating_point():
            leaves.append(t.requires_grad_())
        return t

    found, pullback = op(*arrays)
    expected = reference(*[to_torch(a) for a in arrays])
    several = isinstance(found, tuple)
    founds, expecteds = (found, tuple(expected)) if several else ((found,), (expected,))
    assert len(founds) == len(expecteds)
    dys = []
    for i, (y, t) in enumerate(zip(founds, expecteds, strict=True)):
        assert_close(y, t.detach().numpy(), roundings, terms)
        dys.append(normal(t.shape, 1000 + i, np.asarray(y).dtype) if t.requires_grad else None)
    grads = pullback(tuple(dys) if several else dys[0])
    assert len(grads) == len(leaves)
    differentiable = [(t, dy) for t, dy in zip(expecteds, dys, strict=True) if dy is not None]
    torch.autograd.backward(
        [t for t, _ in differentiable], [torch.from_numpy(dy) for _, dy in differentiable]
    )
    coarsest = max(torch.finfo(t.dtype).eps for t, _ in differentiable)
    for dx, leaf in zip(grads, leaves, strict=True):
        expected_dx = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        # A float64 operand of a float32 result has a float64 gradient with the digits of float32.
        lost = max(1.0, coarsest / torch.finfo(leaf.dtype).eps)
        assert_close(dx, expected_dx.numpy(), roundings * lost, terms)


def assert_adjoint(op, *xs):
    """Assert ⟨op(xs), dy⟩ = ⟨xs, pullback(dy)⟩ for a linear operation on whole numbers, exactly."""
    y, pullback = op(*xs)
    dys = [whole(np.shape(part), 700 + i) for i, part in enumerate(_arrays(y))]
    grads = pullback(tuple(dys) if isinstance(y, tuple) else dys[0])
    inputs = [x for group in xs for x in _arrays(group)]
    assert [np.shape(dx) for dx in grads] == [x.shape for x in inputs]
    forward = sum(np.sum(part * dy) for part, dy in zip(_arrays(y), dys, strict=True))
    backward = sum(np.sum(x * dx) for x, dx in zip(inputs, grads, strict=True))
    assert forward == backward


def _arrays(y):
    return y if isinstance(y, list | tuple) else [y]
