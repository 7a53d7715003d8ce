"""Module: what is found inside, what may be set, conversion, copies, and how it is shown."""

import copy
import pickle

import numpy as np
import pytest

from scratchnet import Tensor, nn, no_grad

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


class Net(nn.Module):
    """Everything a module can hold. It does not call super().__init__()."""

    def __init__(self):
        self.body = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5, rng=1))
        self.scale = nn.Parameter([2.0])
        self.heads = nn.ModuleList([nn.Linear(4, 2, rng=2), nn.Linear(4, 2, rng=3)])
        self.heads[1].weight = self.heads[0].weight  # one Parameter under two names
        self.nothing = None
        self.hidden = [nn.Parameter([1.0]), nn.Linear(1, 1)]  # a plain list: not found
        self.register_buffer("offset", np.zeros(2, np.float32))
        self.register_buffer("table", np.arange(3), persistent=False)

    def forward(self, x):
        y = self.body(x) * self.scale
        return self.heads[0](y) + self.heads[1](y) + self.offset


# --- what is found inside


def test_state_dict_has_own_parameters_own_buffers_then_children():
    assert list(Net().state_dict()) == [
        "scale",
        "offset",
        *(f"body.0.{k}" for k in ("weight", "bias")),
        *(f"body.1.{k}" for k in ("weight", "bias", "running_mean", "running_var")),
        "body.1.num_batches_tracked",
        *(f"heads.{i}.{k}" for i in (0, 1) for k in ("weight", "bias")),
    ]


def test_a_shared_parameter_is_found_once_and_saved_under_each_name():
    net = Net()
    names = [name for name, _ in net.named_parameters()]
    assert "heads.0.weight" in names
    assert "heads.1.weight" not in names
    assert len(names) == len(set(map(id, net.parameters()))) == 8
    state = net.state_dict()
    assert state["heads.0.weight"] is state["heads.1.weight"]


def test_a_shared_module_is_found_once_and_saved_under_each_name():
    norm = nn.BatchNorm1d(2)
    net = nn.Sequential(norm, nn.Sequential(norm))
    assert [name for name, _ in net.named_modules()] == ["", "0", "1"]
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert len(list(net.buffers())) == 3
    assert len(net.state_dict()) == 10


def test_named_parameters_take_a_prefix_and_stop_at_this_module_without_recurse():
    net = Net()
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert next(name for name, _ in net.named_parameters("net")) == "net.scale"
    assert [name for name, _ in net.named_modules("net")][:2] == ["net", "net.body"]
    assert [name for name, _ in net.named_buffers(recurse=False)] == ["offset", "table"]
    assert len(list(net.parameters(recurse=False))) == len(list(net.buffers(recurse=False))) - 1


def test_submodules_and_parameters_are_found_by_dotted_name():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("body.1") is net.body[1]
    for name, p in net.named_parameters():
        assert net.get_parameter(name) is p
    with pytest.raises(AttributeError, match=r"Sequential has no module '7' \('body.7.x'\)"):
        net.get_submodule("body.7.x")
    with pytest.raises(AttributeError, match=r"Linear has no Parameter 'wait' \('body.0.wait'\)"):
        net.get_parameter("body.0.wait")


def test_apply_visits_children_in_order_and_the_module_last():
    visited = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Identity()))
    assert net.apply(lambda m: visited.append(type(m).__name__)) is net
    assert visited == ["ReLU", "Tanh", "Identity", "Sequential", "Sequential"]


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.body[2].train()
    assert [m.training for m in net.body] == [False, False, True]
    with pytest.raises(TypeError, match=r"train\(mode\) sets a mode.* got ndarray"):
        net.train(X)


def test_zero_grad_forgets_gradients_or_sets_them_to_zero():
    net = Net()
    net(X).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_frozen_parameters_get_no_gradient_and_the_others_do():
    net = Net()
    net.body.requires_grad_(False)
    net(X).sum().backward()
    assert all(p.grad is None for p in net.body.parameters())
    assert all(p.grad is not None for p in net.heads.parameters())


# --- what may be set


def test_a_parameter_set_later_replaces_the_old_one_in_its_place():
    layer = nn.Linear(3, 2)
    layer.weight = nn.Parameter(np.ones((2, 3), np.float32))
    layer.extra = nn.Parameter([1.0])
    assert list(layer.state_dict()) == ["weight", "bias", "extra"]
    np.testing.assert_array_equal((layer(X).data - layer.bias.data)[:, 0], X.sum(axis=1))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight", "extra"]
    layer.bias = nn.Parameter([0.0, 0.0])
    assert list(layer.state_dict()) == ["weight", "bias", "extra"]


def test_an_array_in_the_place_of_a_parameter_is_refused():
    layer = nn.Linear(3, 2)
    before = layer.weight
    for value in (np.ones((2, 3)), Tensor(np.ones((2, 3))), 3):
        with pytest.raises(TypeError, match=r"Linear.weight is a Parameter.* got .*into its .data"):
            layer.weight = value
    assert layer.weight is before


def test_a_parameter_is_changed_in_place_under_no_grad_only():
    layer = nn.Linear(3, 2)
    y, array, expected = layer(X).sum(), layer.weight.data, layer.weight.data.copy()
    with pytest.raises(RuntimeError, match="changed in place under no_grad only"):
        layer.weight -= 1.0
    np.testing.assert_array_equal(array, expected)
    with no_grad():
        layer.weight -= Tensor(np.ones((2, 3), np.float32))
        layer.weight *= 2.0
        for p in layer.parameters(recurse=False):
            p += np.ones(p.shape, np.float32)
            p /= 4.0
    np.testing.assert_allclose(array, ((expected - 1) * 2 + 1) / 4, rtol=1e-6)  # float32
    assert layer.weight.data is array
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.backward()
    frozen = nn.Parameter([1.0], requires_grad=False)
    frozen += 1
    assert frozen.item() == 2


def test_a_function_in_the_place_of_a_module_is_refused():
    net = Net()
    with pytest.raises(
        TypeError, match=r"Net\.body is a Module: assign a Module or None, got function"
    ):
        net.body = lambda x: x
    net.body = None
    assert "body" not in dict(net.named_children())


def test_a_buffer_stays_an_array():
    net = nn.Module()
    net.register_buffer("steps", np.array(0))
    net.steps = net.steps + 1  # NumPy makes a number of it
    assert type(net.state_dict()["steps"]) is np.ndarray
    net.steps = None
    assert net.state_dict() == {}
    net.steps = np.array(5)
    assert list(net.state_dict()) == ["steps"]
    with pytest.raises(TypeError, match="steps is a buffer: an array or None, got list"):
        net.steps = [1, 2]
    with pytest.raises(TypeError, match="more is a buffer: an array or None, got Tensor"):
        net.register_buffer("more", Tensor([1.0]))
    del net.steps
    assert list(net.buffers()) == []


def test_modules_parameters_and_buffers_are_registered_by_name():
    net = nn.Module()
    net.add_module("layer", nn.Linear(1, 1))
    net.register_parameter("scale", nn.Parameter([1.0]))
    net.register_parameter("shift", None)
    net.register_buffer("count", np.array(0))
    assert list(net.state_dict()) == ["scale", "count", "layer.weight", "layer.bias"]
    for register, value in (
        (net.add_module, nn.ReLU()),
        (net.register_parameter, nn.Parameter([1.0])),
        (net.register_buffer, np.array(1)),
    ):
        with pytest.raises(ValueError, match=r"has no dot, got 'a\.b'"):
            register("a.b", value)
        with pytest.raises(ValueError, match="not empty"):
            register("", value)
        with pytest.raises(ValueError, match="Module has another attribute 'forward'"):
            register("forward", value)
    with pytest.raises(TypeError, match="layer takes a module or None, got function"):
        net.add_module("layer", lambda x: x)
    with pytest.raises(TypeError, match="scale takes a Parameter or None, got Tensor"):
        net.register_parameter("scale", Tensor([1.0]))


def test_super_init_may_be_called_or_left_out():
    class Polite(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

    assert list(Polite().state_dict()) == ["layer.weight", "layer.bias"]


# --- dtype


def test_conversion_reaches_parameters_gradients_and_floating_buffers():
    net = Net()
    net(X).sum().backward()
    for convert, dtype in (
        (net.double, np.float64),
        (net.float, np.float32),
        (lambda: net.to("float16"), np.float16),
    ):
        before = {k: v.copy() for k, v in net.state_dict().items()}
        assert convert() is net
        for p in net.parameters():
            assert p.data.dtype == p.grad.dtype == dtype
        dtypes = {k: v.dtype for k, v in net.named_buffers()}
        assert dtypes.pop("body.1.num_batches_tracked") == dtypes.pop("table") == np.int64
        assert set(dtypes.values()) == {np.dtype(dtype)}
        for key, value in net.state_dict().items():
            np.testing.assert_array_equal(value, before[key].astype(value.dtype))
        assert net.eval()(X.astype(dtype)).dtype == dtype
        assert net.heads[0].weight is net.heads[1].weight


def test_conversion_takes_floating_dtypes_only():
    for dtype in (np.int64, bool, None, complex):
        with pytest.raises(TypeError, match="a module holds floating numbers, got dtype"):
            Net().to(dtype)


def test_backward_through_parameters_that_were_converted_since_is_refused():
    net = nn.Linear(3, 2)
    y = net(X).sum()
    net.double()
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.backward()


# --- copies


def arrays_of(net):
    found = [*net.state_dict().values(), *net.buffers(), *(p.grad for p in net.parameters())]
    return [a for a in found if a is not None]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_equal_and_shares_nothing(clone):
    net = Net()
    net(X).sum().backward()
    net.heads[1].bias.requires_grad_(False)
    twin = clone(net)
    for (name, p), (twin_name, q) in zip(
        net.named_parameters(), twin.named_parameters(), strict=True
    ):
        assert (name, p.requires_grad) == (twin_name, q.requires_grad)
        assert p is not q
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.grad, q.grad)
    for a in arrays_of(net):
        assert not any(np.shares_memory(a, b) for b in arrays_of(twin))
    assert twin.heads[0].weight is twin.heads[1].weight  # shared inside, as it was
    np.testing.assert_array_equal(net(X).data, twin(X).data)  # the generator of its dropout too
    assert list(twin.state_dict()) == list(net.state_dict())
    net.load_state_dict({k: v * 0 for k, v in net.state_dict().items()})
    assert any(p.data.any() for p in twin.parameters())


def test_a_copy_of_a_frozen_eval_module_is_frozen_and_in_eval_mode():
    twin = copy.deepcopy(nn.Linear(3, 2).requires_grad_(False).eval())
    assert not twin.training
    assert not any(p.requires_grad for p in twin.parameters())


# --- shown


def test_repr_shows_the_nesting_and_the_settings():
    class Shown(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList([nn.Sequential(nn.Linear(1, 2), nn.ReLU())])

        def extra_repr(self):
            return "size=3"

    assert repr(Shown()) == (
        "Shown(\n"
        "  size=3\n"
        "  (layers): ModuleList(\n"
        "    (0): Sequential(\n"
        "      (0): Linear(in_features=1, out_features=2, bias=True)\n"
        "      (1): ReLU()\n"
        "    )\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"
