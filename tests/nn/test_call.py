"""What calling a module returns, and what its forward is given."""

from typing import NamedTuple

import numpy as np
import pytest

from scratchnet import Tensor, functional, nn, no_grad

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def test_an_array_in_training_mode_gives_a_recorded_tensor():
    y = nn.Linear(3, 2)(X)
    assert isinstance(y, Tensor)
    assert y.requires_grad


@pytest.mark.parametrize("mode", ["eval", "no_grad"])
def test_an_array_in_eval_mode_or_under_no_grad_gives_an_array_and_records_nothing(mode):
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    net = nn.Sequential(nn.Linear(3, 3), Spy())
    if mode == "eval":
        y = net.eval()(X)
    else:
        with no_grad():
            y = net(X)
    assert type(y) is np.ndarray
    assert isinstance(seen[0], Tensor)
    assert not seen[0].requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_a_tensor_gives_a_tensor_recorded_in_either_mode(training):
    net = nn.Linear(3, 2).train(training)
    assert net(Tensor(X)).requires_grad
    with no_grad():
        y = net(Tensor(X))
    assert isinstance(y, Tensor)
    assert not y.requires_grad


def test_recording_is_back_after_an_error_in_forward():
    net = nn.Linear(3, 2).eval()
    with pytest.raises(ValueError, match="expects 3 features"):
        net(X[:, :2])
    assert net.train()(X).requires_grad


class Pair(NamedTuple):
    left: object
    right: object


class Many(nn.Module):
    """Takes and returns containers."""

    def forward(self, pair, *, mask=None, scale=1.0):
        assert all(isinstance(part, Tensor) for part in pair)
        assert mask is None or isinstance(mask["m"], Tensor)
        y = pair[0] * scale
        return {"pair": Pair(y, pair[1]), "list": [y, 3, None], "tuple": (y,), "mask": mask}


def test_arrays_in_containers_and_keyword_arguments_are_converted_and_converted_back():
    net = Many().eval()
    found = net([X, X], mask={"m": X > 0}, scale=2.0)
    assert type(found["pair"]) is Pair
    assert type(found["list"]) is list
    for y in (found["pair"].left, found["list"][0], found["tuple"][0]):
        np.testing.assert_array_equal(y, 2 * X)
        assert type(y) is np.ndarray
    assert found["list"][1:] == [3, None]
    assert type(found["mask"]["m"]) is np.ndarray
    in_training = net.train()((X, X), mask=None)
    assert isinstance(in_training["pair"].left, Tensor)


def test_one_tensor_anywhere_in_the_arguments_gives_tensors():
    net = Many().eval()
    assert isinstance(net([Tensor(X), Tensor(X)])["tuple"][0], Tensor)
    assert isinstance(net(pair=(Tensor(X), Tensor(X)))["tuple"][0], Tensor)


def test_an_array_of_indices_looks_up_rows_of_a_parameter():
    class Lookup(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.arange(8.0).reshape(4, 2))

        def forward(self, indices):
            return self.weight[indices]

    net, indices = Lookup(), np.array([[3, 0], [3, 3]])
    net(indices).sum().backward()
    np.testing.assert_array_equal(net.weight.grad, [[1, 1], [0, 0], [0, 0], [3, 3]])
    np.testing.assert_array_equal(net.eval()(indices), net.weight.data[indices])


def test_a_module_without_forward_says_so():
    class Nothing(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Nothing defines no forward"):
        Nothing()(X)
    with pytest.raises(NotImplementedError, match="ModuleList defines no forward"):
        nn.ModuleList()(X)


def test_forward_may_mix_modules_and_functions():
    class Mixed(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 2, rng=0)

        def forward(self, x, power=1):
            return functional.relu(self.layer(x)) ** power

    net = Mixed()
    np.testing.assert_array_equal(net(X, power=2).data, np.maximum(net.layer(X).data, 0) ** 2)


def test_two_arrays_in_training_mode_give_a_loss_with_an_item():
    loss = nn.MSELoss()(np.array([1.0, 3.0]), np.array([0.0, 0.0]))
    assert isinstance(loss, Tensor)
    assert loss.item() == 5.0
    assert nn.MSELoss().eval()(np.array([1.0, 3.0]), np.array([0.0, 0.0])).item() == 5.0


def test_arrays_beside_tensors_become_tensors_too():
    class Sum(nn.Module):
        def forward(self, x, h):
            return x.relu() + h

    y = Sum()(np.ones(2, np.float32), Tensor([1.0, 1.0]))
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.data, [2.0, 2.0])


def test_a_shared_module_is_a_child_once_and_runs_twice():
    layer = nn.Linear(2, 2)
    net, met = nn.Sequential(layer, nn.ReLU(), layer), []
    assert len(list(net.children())) == 2
    assert len(net) == len(list(net)) == 3
    net.apply(met.append)
    assert met == [layer, net[1], net]
