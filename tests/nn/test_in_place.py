"""inplace=True: the Tensor that was passed is the result afterwards, and gradients stay right."""

import weakref

import numpy as np
import pytest
from compare import assert_close, normal

from scratchnet import Tensor, nn, no_grad

OPTIONS = {
    "Dropout": {"p": 0.0},
    "Dropout1d": {"p": 1.0},
    "ELU": {"alpha": 0.5},
    "Hardsigmoid": {},
    "Hardswish": {},
    "Hardtanh": {"min_val": -0.5},
    "LeakyReLU": {"negative_slope": 0.2},
    "ReLU": {},
    "ReLU6": {},
    "SiLU": {},
}
every_layer = pytest.mark.parametrize("name", OPTIONS)


def in_place(module, name):
    return getattr(module, name)(**OPTIONS[name], inplace=True)


@every_layer
def test_a_program_that_reads_x_again_afterwards_gets_what_torch_gives_it(torch, name):
    def program(layer, x):
        hidden = x * 2.0
        before = hidden * 3.0  # made of the old values
        out = layer(hidden)
        return (before + hidden * out).sum(), hidden, out

    x = Tensor(normal((4, 5), dtype=np.float32), requires_grad=True)
    leaf = torch.from_numpy(x.data.copy()).requires_grad_()
    loss, hidden, out = program(in_place(nn, name), x)
    expected, their_hidden, _ = program(in_place(torch.nn, name), leaf)
    assert out is hidden
    loss.backward()
    expected.backward()
    # float32 through some five roundings; a sum of 20 terms of up to 20
    assert_close(hidden.data, their_hidden.detach().numpy())
    assert_close(loss.data, expected.detach().numpy(), terms=400.0)
    assert_close(x.grad, leaf.grad.numpy())


@every_layer
def test_the_values_and_gradients_are_those_of_the_layer_without_inplace(name):
    layers = [getattr(nn, name)(**OPTIONS[name]), in_place(nn, name)]
    found = []
    for layer in layers:
        x = Tensor(normal((4, 5)), requires_grad=True)
        y = layer(x * 2.0)
        y.backward(normal((4, 5), 1))
        found.append((y.data, x.grad))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_pullback_holds_stays_as_it_was():
    # x·x needs the old x, tanh its own output: torch refuses both, here they are right.
    x = Tensor(normal(6), requires_grad=True)
    h = x * 1.0
    squares, t = h * h, h.tanh()
    nn.ReLU(inplace=True)(h)
    nn.ReLU(inplace=True)(t)
    (squares.sum() + t.sum()).backward()
    tanh = np.tanh(x.data)
    assert_close(x.grad, 2 * x.data + (1 - tanh**2) * (tanh > 0), roundings=4)


@pytest.mark.parametrize("wrap", [no_grad, None])
def test_where_nothing_is_recorded_the_tensor_is_replaced_and_the_array_is_not(wrap):
    array = normal(6)
    x, kept = Tensor(array), array.copy()
    if wrap is None:
        y = nn.ReLU(inplace=True)(x)
    else:
        with wrap():
            y = nn.ReLU(inplace=True)(x)
    assert y is x
    np.testing.assert_array_equal(x.data, np.maximum(kept, 0))
    np.testing.assert_array_equal(array, kept)


def test_an_array_is_never_written_to():
    x = normal(6)
    kept = x.copy()
    y = nn.Sequential(nn.ReLU(inplace=True), nn.Hardtanh(inplace=True)).eval()(x)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(y, np.clip(kept, 0, 1))


def test_what_the_tensor_is_a_view_of_stays_as_it_is():
    # torch writes into the memory that both have: there h is [[0, -2]] afterwards.
    h = Tensor(np.array([[-1.0, -2.0]])) * 1.0
    column = h[:, :1]
    assert nn.ReLU(inplace=True)(column) is column
    np.testing.assert_array_equal(column.data, [[0.0]])
    np.testing.assert_array_equal(h.data, [[-1.0, -2.0]])


@pytest.mark.parametrize("layer", [nn.ELU(inplace=True), nn.Dropout(0.5, inplace=True)])
def test_a_result_of_another_dtype_does_not_take_the_place(layer):
    x = Tensor(np.array([-1, 2]))
    with pytest.raises(
        TypeError, match=r"float32 numbers cannot take the place of x, int64 \(2,\)"
    ):
        layer(x)
    np.testing.assert_array_equal(x.data, [-1, 2])


def test_what_is_no_tensor_gives_an_array_and_is_left_alone(torch):
    tensor = torch.tensor([1.0, -1.0])
    for x in ([1.0, -1.0], tensor):
        np.testing.assert_array_equal(nn.ReLU(inplace=True)(x), [1.0, 0.0])
    assert tensor.tolist() == [1.0, -1.0]


def test_a_graph_that_used_a_parameter_before_it_was_replaced_is_refused():
    p = nn.Parameter(normal(3))
    loss = (p * p).sum()
    with no_grad():
        nn.ReLU(inplace=True)(p)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_leaf_that_requires_a_gradient_is_refused_as_in_torch(torch):
    for make in (lambda: Tensor(normal(3), requires_grad=True), lambda: nn.Parameter(normal(3))):
        x = make()
        before = x.data
        with pytest.raises(RuntimeError, match=r"leaf that requires a gradient, \(3,\)"):
            nn.ReLU(inplace=True)(x)
        assert x.data is before
        with no_grad():
            assert nn.ReLU(inplace=True)(x) is x  # allowed, in torch too
        assert x.requires_grad
        assert x.is_leaf
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        torch.nn.ReLU(inplace=True)(torch.ones(3, requires_grad=True))


def test_a_kept_gradient_is_that_of_the_tensor_as_it_is_now(torch):
    grads = []
    for module, leaf in (
        (nn, Tensor(normal(6), requires_grad=True)),
        (torch.nn, torch.from_numpy(normal(6)).requires_grad_()),
    ):
        hidden = leaf * 1.0
        hidden.retain_grad()
        module.ReLU(inplace=True)(hidden)
        (hidden * 3.0).sum().backward()
        grads.append(hidden.grad.tolist())
    assert grads == [[3.0] * 6] * 2


def test_dropout_that_is_switched_off_gives_back_what_it_was_given():
    x = Tensor(normal(6), requires_grad=True)
    assert nn.Dropout(0.5, inplace=True).eval()(x) is x
    np.testing.assert_array_equal(x.data, normal(6))


def test_the_array_that_was_given_up_is_freed():
    hidden = Tensor(normal((50, 50)), requires_grad=True) * 2.0
    old = weakref.ref(hidden.data)
    nn.ReLU(inplace=True)(hidden)
    assert old() is None  # the slope of relu is told from its output


@every_layer
def test_it_is_shown(name):
    assert "inplace=True" in repr(in_place(nn, name))
    layer = getattr(nn, name)(**OPTIONS[name])
    assert "inplace=True" not in repr(layer)
