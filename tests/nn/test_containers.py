"""Sequential and ModuleList: order, names, indexing, what may be put in."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import functional, nn

X = np.arange(-3.0, 3.0, dtype=np.float32).reshape(2, 3)
both = pytest.mark.parametrize("make", [lambda ms: nn.Sequential(*ms), nn.ModuleList])


class Add(nn.Module):
    """Adds its number."""

    def __init__(self, number):
        self.number = number

    def forward(self, x):
        return x + self.number


def numbers(container):
    return [module.number for module in container]


def names(container):
    return [name for name, _ in container.named_children()]


def test_sequential_applies_its_modules_in_order():
    net = nn.Sequential(Add(1.0), nn.ReLU(), nn.Flatten(0)).eval()
    np.testing.assert_array_equal(net(X), np.maximum(X + 1, 0).ravel())
    np.testing.assert_array_equal(nn.Sequential().eval()(X), X)


def test_a_module_that_appears_twice_is_applied_twice():
    add = Add(1.0)
    np.testing.assert_array_equal(nn.Sequential(add, add).eval()(X), X + 2)


def test_a_module_list_is_used_by_the_forward_of_its_owner():
    class Net(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList(nn.Linear(3, 3, rng=i) for i in range(3))

        def forward(self, x):
            for layer in self.layers:
                x = functional.tanh(layer(x))
            return x

    net = Net()
    expected = X
    for layer in net.layers:
        expected = np.tanh(expected @ layer.weight.data.T + layer.bias.data)
    np.testing.assert_allclose(net(X).data, expected, rtol=1e-6)  # float32, three products
    assert len(list(net.parameters())) == 6


@both
@given(n=st.integers(0, 5), data=st.data())
def test_indexing_is_that_of_a_list(make, n, data):
    modules = [Add(i) for i in range(n)]
    container = make(modules)
    assert len(container) == n
    assert list(container) == modules
    assert list(reversed(container)) == modules[::-1]
    ends = st.none() | st.integers(-6, 6)
    part = slice(data.draw(ends), data.draw(ends), data.draw(st.sampled_from([None, 1, 2, -1])))
    assert list(container[part]) == modules[part]
    assert type(container[part]) is type(container)
    for i in range(-n, n):
        assert container[i] is modules[i]
    for i in (n, -n - 1):
        with pytest.raises(IndexError, match=f"index {i} is out of range for a .* of {n} modules"):
            container[i]


@both
@given(data=st.data())
def test_changing_is_that_of_a_list_and_names_stay_0_1_2(make, data):
    container, expected = make([Add(0), Add(1)]), [0, 1]
    for number in range(2, data.draw(st.integers(2, 8))):
        n = len(expected)
        action = data.draw(st.sampled_from(["append", "insert", "set", "delete", "extend"]))
        at = data.draw(st.integers(-n, n - 1)) if n else 0
        if action == "append":
            assert container.append(Add(number)) is container
            expected.append(number)
        elif action == "extend":
            container.extend([Add(number), Add(-number)])
            expected.extend([number, -number])
        elif action == "insert":
            container.insert(at, Add(number))
            expected.insert(at, number)
        elif n and action == "set":
            container[at] = Add(number)
            expected[at] = number
        elif n:
            del container[at]
            del expected[at]
    assert numbers(container) == expected
    assert names(container) == [str(i) for i in range(len(expected))]


@both
def test_slices_share_the_modules_and_can_be_deleted(make):
    container = make([nn.Linear(3, 3) for _ in range(4)])
    part = container[1:3]
    assert part[0] is container[1]
    del container[1:3]
    assert len(container) == 2
    assert len(part) == 2


@both
def test_names_of_slices_and_after_deleting_are_those_of_torch(torch, make):
    in_torch = torch.nn.ModuleList
    if type(make([])) is nn.Sequential:
        in_torch = lambda modules: torch.nn.Sequential(*modules)  # noqa: E731
    ours = make([nn.Linear(1, 1) for _ in range(4)])
    theirs = in_torch([torch.nn.Linear(1, 1) for _ in range(4)])
    for part in (slice(2, None), slice(0, -1), slice(None, None, 2)):
        assert list(ours[part].state_dict()) == list(theirs[part].state_dict())
    del ours[1], theirs[1]
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_a_module_appended_to_a_slice_overwrites_none():
    net = nn.Sequential(*map(Add, range(4)))[2:]
    assert names(net) == ["2", "3"]
    assert numbers(net.append(Add(9)).append(Add(10))) == [2, 3, 9, 10]


def test_named_modules_in_a_row_are_attributes_of_these_names():
    net = nn.Sequential(OrderedDict(first=nn.Linear(3, 2), act=nn.ReLU()))
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.first is net[0]
    assert names(net[1:]) == ["act"]
    net.append(Add(1.0))
    assert names(net) == ["first", "act", "2"]
    net[0] = nn.Linear(3, 4)
    assert net.first.out_features == 4
    with pytest.raises(ValueError, match="another attribute 'forward'"):
        nn.Sequential({"forward": nn.ReLU()})


@both
def test_anything_but_a_module_is_refused_and_shown(make):
    name = type(make([])).__name__
    for change in (
        lambda c: c.append(3),
        lambda c: c.insert(0, 3),
        lambda c: c.__setitem__(0, 3),
        lambda c: c.extend([3]),
        lambda c: make([3]),
    ):
        container = make([Add(0)])
        with pytest.raises(TypeError, match=f"{name} holds modules, got int: 3"):
            change(container)
        assert numbers(container) == [0]
    with pytest.raises(TypeError, match="Sequential holds modules, got list"):
        nn.Sequential([Add(0)])
    with pytest.raises(TypeError, match=r"holds modules, got type: <class .*ReLU"):
        make([nn.ReLU])  # the brackets are missing


def test_a_replaced_last_layer_is_the_one_that_is_trained():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 10))
    net[-1] = nn.Linear(3, 2)
    net(X).sum().backward()
    assert net[-1].weight.grad is not None
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert net(X).shape == (2, 2)


def test_a_slice_keeps_the_mode():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval()
    assert isinstance(net[:1](np.ones((1, 2), np.float32)), np.ndarray)
    assert net.train()[:1].training
