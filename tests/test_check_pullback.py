"""`check_pullback` accepts right derivatives and catches wrong ones of every kind."""

import numpy as np
import pytest
from compare import normal

from scratchnet import check_pullback, ops

X, Y = normal((2, 3)), normal((2, 3), 1)


def with_gradient(forward, backward):
    """Return an operation: forward(*arrays) and, for the pullback, backward(dy, *arrays)."""

    def op(*arrays):
        return forward(*arrays), lambda dy: backward(dy, *arrays)

    return op


def softmax_without_its_sum(x):
    """The derivative that is right only below a cross-entropy: the cross term is missing."""
    y = ops.softmax(x)[0]
    return y, lambda dy: (dy * y * (1 - y),)


def centred_without_the_mean(x):
    """The dependence of the mean on x is forgotten."""
    return x - x.mean(axis=1, keepdims=True), lambda dy: (dy,)


def product_with_a_forgotten_sum(x, y):
    return x * y, lambda dz: (dz * y, dz * x)  # not summed where an operand was broadcast


def two_outputs(a, b, c):
    """x², x³ with the slopes a·x and b·x², and an integer output that takes no gradient."""

    def op(x):
        def pullback(dys):
            first, second, third = dys
            assert third is None
            return (first * a * x + second * b * x**c,)

        return (x**2, x**3, np.arange(3)), pullback

    return op


# name: (operation, arrays, what the message says)
WRONG = {
    "a wrong factor": (with_gradient(np.square, lambda dy, x: (dy * x,)), [X], "differences give"),
    "a wrong sign": (with_gradient(np.sin, lambda dy, x: (-dy * np.cos(x),)), [X], "input 0"),
    "one percent too much": (
        with_gradient(np.exp, lambda dy, x: (1.01 * dy * np.exp(x),)),
        [X],
        "differences give",
    ),
    "one percent in one column": (
        with_gradient(np.square, lambda dy, x: (2 * dy * x * (1 + 1e-2 * (np.arange(3) == 1)),)),
        [X],
        "differences give",
    ),
    "zero": (with_gradient(np.square, lambda dy, x: (0 * x,)), [X], "the pullback gives 0,"),
    "NaN": (with_gradient(np.square, lambda dy, x: (np.nan * x,)), [X], "the pullback gives nan"),
    "infinity": (
        with_gradient(np.square, lambda dy, x: (np.where(x == x.max(), np.inf, dy * x),)),
        [X],
        "the pullback gives -?inf",
    ),
    "the second input": (
        with_gradient(np.multiply, lambda dy, x, y: (dy * y, dy * y)),
        [X, Y],
        "input 1 of op",
    ),
    "the two exchanged": (
        with_gradient(np.multiply, lambda dy, x, y: (dy * x, dy * y)),
        [X, Y],
        "input 0 of op",
    ),
    "the order of rows": (
        with_gradient(lambda x: x[::-1], lambda dy, x: (dy,)),
        [X],
        "differences give",
    ),
    "a missing cross term": (softmax_without_its_sum, [X], "differences give"),
    "a missing mean": (centred_without_the_mean, [X], "differences give"),
    "the sum over a broadcast": (
        product_with_a_forgotten_sum,
        [X, normal((3,))],
        r"input 1 of product_with_a_forgotten_sum is \(3,\) float64, its gradient \(2, 3\)",
    ),
    "a gradient that would broadcast": (
        with_gradient(np.sum, lambda dy, x: (np.full((1, 3), dy),)),
        [X],
        r"input 0 of op is \(2, 3\) float64, its gradient \(1, 3\)",
    ),
    "the dtype": (
        with_gradient(np.square, lambda dy, x: ((2 * dy * x).astype(np.float32),)),
        [X],
        r"its gradient \(2, 3\) float32",
    ),
    "too few gradients": (
        with_gradient(np.multiply, lambda dy, x, y: (dy * y,)),
        [X, Y],
        "gave 1 gradients for 2 arrays",
    ),
    "too many gradients": (
        with_gradient(np.square, lambda dy, x: (2 * dy * x, dy)),
        [X],
        "gave 2 gradients for 1 arrays",
    ),
    "a gradient for labels": (
        with_gradient(lambda x, i: x[i], lambda dy, x, i: (dy, dy)),
        [X, np.array([0, 1])],
        "gave 2 gradients for 1 arrays",
    ),
    "no tuple": (
        with_gradient(np.square, lambda dy, x: 2 * dy * x),
        [X],
        "gave ndarray gradients for 1 arrays",
    ),
    "a list": (
        with_gradient(np.square, lambda dy, x: [2 * dy * x]),
        [X],
        "gave list gradients for 1 arrays",
    ),
    "None": (with_gradient(np.square, lambda dy, x: (None,)), [X], "input 0 of op"),
    "a number for an array": (
        with_gradient(np.sum, lambda dy, x: (1.0,)),
        [X],
        r"input 0 of op is \(2, 3\) float64",
    ),
    "the first of several outputs": (two_outputs(1, 3, 2), [X], "input 0 of op"),
    "the second of several outputs": (two_outputs(2, 3, 1), [X], "input 0 of op"),
    "one array of a list": (
        with_gradient(lambda xs: xs[0] * xs[1], lambda dy, xs: (dy * xs[1], dy * xs[1])),
        [[X, Y]],
        "input 1 of op",
    ),
    "a list that is one gradient short": (
        with_gradient(lambda xs: xs[0] * xs[1], lambda dy, xs: (dy * xs[1],)),
        [[X, Y]],
        "gave 1 gradients for 2 arrays",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_derivative_is_caught(name):
    op, arrays, message = WRONG[name]
    with pytest.raises(AssertionError, match=message):
        check_pullback(op, *arrays)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_it_does_not_matter_how_large_or_small_the_values_are(scale):
    right = with_gradient(lambda x: scale * x**2, lambda dy, x: (2 * scale * dy * x,))
    wrong = with_gradient(lambda x: scale * x**2, lambda dy, x: (scale * dy * x,))
    check_pullback(right, X)
    with pytest.raises(AssertionError, match="differences give"):
        check_pullback(wrong, X)


RIGHT = {
    "a function": (with_gradient(np.sin, lambda dy, x: (dy * np.cos(x),)), [X]),
    "a number": (with_gradient(np.square, lambda dy, x: (2 * dy * x,)), [np.array(1.5)]),
    "nothing": (with_gradient(np.square, lambda dy, x: (2 * dy * x,)), [np.zeros((0, 3))]),
    "a constant": (with_gradient(lambda x: np.ones(2), lambda dy, x: (0 * x,)), [X]),
    "a large sum": (ops.sum, [normal((100, 100))]),
    "values far from 0": (with_gradient(lambda x: 1e8 + x, lambda dy, x: (dy,)), [X]),
    "several outputs": (two_outputs(2, 3, 2), [X]),
    "labels beside logits": (ops.cross_entropy, [X, np.array([0, 2])]),
    "a mask": (ops.where, [X > 0, X, Y]),
    "a list": (ops.concatenate, [[X, Y, X]]),
    "a tuple": (ops.stack, [(X, Y)]),
    "numbers beside arrays": (ops.multiply, [2.0, X]),
    "an argument left out": (ops.conv2d, [normal((1, 2, 3, 3)), normal((2, 2, 2, 2)), None]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_derivative_is_accepted(name):
    op, arrays = RIGHT[name]
    assert check_pullback(op, *arrays) is None


def test_options_are_passed_on():
    check_pullback(ops.gelu, X, approximate="tanh")
    with pytest.raises(ValueError, match="approximate"):
        check_pullback(ops.gelu, X, approximate="erf")


def test_arrays_passed_by_keyword_are_held_constant():
    weight = np.abs(Y)[0]
    check_pullback(ops.cross_entropy, X, np.array([0, 2]), weight=weight)

    def scaled(x, scale):
        return x * scale, lambda dy: (dy * scale,)  # no gradient for scale

    check_pullback(scaled, X, scale=Y)
    with pytest.raises(AssertionError, match="gave 1 gradients for 2 arrays"):
        check_pullback(scaled, X, Y)


def test_it_runs_in_float64_whatever_it_is_given():
    seen = set()

    def square(x):
        seen.add(x.dtype)
        return x * x, lambda dy: (2 * dy * x,)

    check_pullback(square, X.astype(np.float32))
    check_pullback(square, X.astype(np.float16))
    assert seen == {np.dtype(np.float64)}


def test_it_writes_to_no_array_and_is_repeatable():
    x = X.copy()
    x.flags.writeable = False
    check_pullback(ops.tanh, x)
    messages = set()
    for _ in range(2):
        with pytest.raises(AssertionError) as error:
            check_pullback(WRONG["a wrong factor"][0], x)
        messages.add(str(error.value))
    assert len(messages) == 1


def test_an_operation_without_a_name_is_named_by_its_printed_form():
    class Halve:
        def __call__(self, x):
            return x / 2, lambda dy: (dy,)

        def __repr__(self):
            return "Halve()"

    with pytest.raises(AssertionError, match=r"input 0 of Halve\(\)"):
        check_pullback(Halve(), X)
