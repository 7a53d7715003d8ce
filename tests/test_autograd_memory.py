"""The tape's use of stack and memory: long graphs, what is freed when, what is kept alive."""

import subprocess
import sys
import weakref

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, functional, lift


def leaf(shape=(3,), seed=0):
    return Tensor(normal(shape, seed), requires_grad=True)


LONG = """
import threading
import numpy as np
from scratchnet import Tensor

def long(step, n):
    x = y = Tensor(np.ones(2), requires_grad=True)
    for _ in range(n):
        y = step(y)
    return x, y.sum()

def work():
    x, loss = long(lambda y: y + 1.0, 100_000)
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [2.0, 2.0], x.grad
    steps = [lambda y: (y * 0.5) + (y * 0.5), lambda y: y.split(2)[0], lambda y: y.reshape(2)]
    for step in steps:
        x, loss = long(step, 10_000)
        loss.backward()
        assert x.grad.sum() == 2.0, x.grad
        x, loss = long(step, 10_000)
        del x, loss  # a graph through which backward never ran
    x, loss = long(lambda y: y + 1.0, 100_000)
    del x, loss

threading.stack_size(1 << 18)  # recursion even a tenth as deep as the graph would overflow this
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("done")
"""


def test_a_graph_of_100_000_steps_overflows_no_stack_forwards_backwards_or_in_deletion():
    # In a process of its own: an overflow ends the process.
    found = subprocess.run(
        [sys.executable, "-c", LONG], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == "done\n"
    assert found.stderr == ""


def alive(references):
    return [r() is not None for r in references]


@pytest.mark.parametrize("use", [lambda t: t * 0.1, lambda t: t * 0.5 - t * 0.4])
def test_arrays_are_freed_as_backward_goes(use):
    seen = []

    def watched(x):
        y = np.exp(x)
        references.append(weakref.ref(y))

        def pullback(dy):
            seen.append(alive(references))
            return (dy * y,)

        return y, pullback

    references = []
    x = leaf()
    loss = x
    for _ in range(4):
        loss = use(lift(watched)(loss))
    loss.sum().backward()
    del loss
    # When step i runs, the outputs of later steps are gone already.
    assert seen == [[True] * n + [False] * (4 - n) for n in (4, 3, 2, 1)]
    assert alive(references) == [False] * 4


def test_after_backward_the_loss_keeps_no_array_alive():
    x = leaf()
    y = x * 2
    z = functional.exp(y)
    references = [weakref.ref(y.data), weakref.ref(z.data)]
    loss = z.sum()
    del y, z
    assert alive(references)[1]  # exp needs its output
    loss.backward()
    assert alive(references) == [False, False]


def test_a_graph_is_freed_at_once_when_it_is_dropped():
    y = leaf() * 2
    z = functional.exp(y)
    references = [weakref.ref(y.data), weakref.ref(z.data), weakref.ref(y), weakref.ref(z)]
    del y, z  # without the garbage collector: there are no cycles
    assert alive(references) == [False] * 4


def test_the_graph_holds_no_more_arrays_than_the_pullbacks_capture():
    # The derivatives of these steps depend on no values; where they do, the pullback keeps them.
    x = leaf((4, 4))
    values, y = [], x
    for step in (
        lambda t: t + 1.0,
        lambda t: -t,
        lambda t: t - 2.0,
        lambda t: functional.pad(t, (1, 1)),
        lambda t: functional.leaky_relu(t),
        lambda t: functional.concatenate([t, t]),
        lambda t: t.mean(0),
        lambda t: t.split([2, 4])[1],
    ):
        y = step(y)
        values.append(weakref.ref(y.data))
    loss = y.sum()
    del y
    assert alive(values) == [False] * len(values)
    loss.backward()
    assert x.grad is not None


def test_a_product_with_a_number_or_with_what_has_no_gradient_keeps_the_factor_only():
    for factor in (2.0, np.array([1, 0, 2]), np.array([True, False, True])):
        y = leaf() + 1.0
        reference = weakref.ref(y.data)
        loss = (y * factor).sum()
        del y
        assert reference() is None
        loss.backward()


def test_the_graph_does_not_keep_a_tensor_that_needs_no_gradient():
    image = Tensor(np.ones(3))
    reference = weakref.ref(image.data)
    loss = (leaf() + image).sum()  # the derivative of a sum does not depend on it
    del image
    assert reference() is None
    loss.backward()
