"""What all optimisers share: groups, state, skipped parameters, errors."""

import copy
import json
import pickle
import re

import numpy as np
import pytest
from compare import normal

import scratchnet
from scratchnet import Tensor, functional, nn, optim
from scratchnet.optim import optimizer as module

ALL = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]


def parameter(*values):
    return Tensor(np.array(values, float), requires_grad=True)


def steps(optimizer, n, seed=0):
    for t in range(n):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = normal(p.shape, seed + t, p.dtype)
        optimizer.step()


@pytest.mark.parametrize("cls", ALL)
def test_every_optimizer_goes_down_the_loss_of_a_small_net(cls):
    model = nn.Sequential(nn.Linear(2, 16, rng=0), nn.Tanh(), nn.Linear(16, 2, rng=1))
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    optimizer = cls(model.parameters(), lr=1.0 if cls is optim.SGD else 0.1)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.6
    assert losses[-1] < 0.1


@pytest.mark.parametrize("cls", ALL)
def test_a_parameter_without_gradient_is_skipped_with_its_state(cls):
    used, unused = parameter(1.0, 2.0), parameter(3.0)
    optimizer = cls([used, unused], lr=0.1, weight_decay=0.5)
    used.grad = np.ones(2)
    optimizer.step()
    assert (used.data != [1.0, 2.0]).all()
    assert unused.data == [3.0]
    assert 1 not in optimizer.state_dict()["state"]


@pytest.mark.parametrize("cls", ALL)
def test_parameters_keep_their_array_and_dtype(cls):
    for dtype in (np.float32, np.float64):
        array = normal((3, 2), 0, dtype)
        p = Tensor(array, requires_grad=True)
        steps(cls([p], lr=np.float64(0.1), weight_decay=0.1), 2)
        assert p.data is array
        assert array.dtype == dtype


@pytest.mark.parametrize("cls", ALL)
def test_the_gradient_is_left_as_it_was(cls):
    p, dw = parameter(1.0, -2.0), np.array([0.5, 0.25])
    for options in ({}, {"maximize": True}, {"weight_decay": 0.1}):
        p.grad = dw.copy()
        cls([p], lr=0.1, **options).step()
        np.testing.assert_array_equal(p.grad, dw)


@pytest.mark.parametrize("cls", ALL)
def test_backward_after_a_step_on_an_older_graph_is_refused(cls):
    p = parameter(1.0)
    loss = (p * p).sum()
    p.grad = np.ones(1)
    cls([p]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_step_returns_what_the_closure_returns_after_it_made_the_gradients():
    p = parameter(3.0)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.data == [0.0]
    assert optimizer.step() is None


def test_zero_grad_forgets_or_zeroes():
    p = parameter(1.0)
    optimizer = optim.SGD([p])
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is None
    p.grad = np.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad == [0.0]
    optimizer.zero_grad()
    assert p.grad is None


# --- groups


@pytest.mark.parametrize("cls", ALL)
def test_a_group_steps_as_an_optimizer_of_its_own_with_its_options(cls):
    together, apart = [[Tensor(normal(4, i), requires_grad=True) for i in (0, 1)] for _ in "ab"]
    groups = [{"params": together[:1]}, {"params": together[1], "lr": 0.3, "weight_decay": 0.2}]
    steps(cls(groups, lr=0.1), 3)
    steps(cls(apart[:1], lr=0.1), 3)
    steps(cls(apart[1:], lr=0.3, weight_decay=0.2), 3)
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_group_added_later_takes_part():
    first, second = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([first], lr=1.0)
    group = {"params": [second], "lr": 2.0}
    optimizer.add_param_group(group)
    first.grad = second.grad = np.ones(1)
    optimizer.step()
    assert (first.data, second.data) == ([0.0], [-1.0])
    assert group == {"params": [second], "lr": 2.0}  # what was passed is not written to


def test_parameters_may_come_as_a_generator_and_a_single_tensor_in_a_group():
    model = nn.Linear(2, 3)
    assert len(optim.SGD(p for p in model.parameters()).param_groups[0]["params"]) == 2
    assert optim.SGD([{"params": model.bias}]).param_groups[0]["params"] == [model.bias]


def test_bad_parameters_are_refused():
    p = parameter(1.0)
    for wrong, error, message in [
        ([], ValueError, "SGD got no parameters"),
        (p, TypeError, "got one Tensor"),
        ([np.ones(2)], TypeError, "takes Tensors, got ndarray"),
        ([p, p], ValueError, "more than once"),
        ([{"params": [p]}, parameter(2.0)], TypeError, "a group is a dict, got Tensor"),
        ([{"params": [p]}, {"params": [p]}], ValueError, "more than once"),
        ([{"params": {p}}], TypeError, "no order"),
        ([{"lr": 0.1}], ValueError, "got lr"),
        ([{"params": [p], "learning_rate": 0.1}], ValueError, "lr, momentum.*learning_rate"),
        ([p * 2], ValueError, "is no parameter"),
    ]:
        with pytest.raises(error, match=message):
            optim.SGD(wrong)


def test_a_gradient_of_another_shape_is_refused():
    p = parameter(1.0, 2.0)
    p.grad = np.ones(1)
    with pytest.raises(ValueError, match=r"\(2,\) has a gradient of another shape \(1,\)"):
        optim.SGD([p]).step()


# --- options


WRONG = [
    (optim.SGD, {"lr": -0.1}),
    (optim.SGD, {"momentum": -0.5}),
    (optim.SGD, {"weight_decay": -1e-4}),
    (optim.SGD, {"nesterov": True}),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    (optim.Adam, {"lr": -0.1}),
    (optim.Adam, {"eps": -1e-8}),
    (optim.Adam, {"betas": (1.0, 0.9)}),
    (optim.Adam, {"betas": (0.9, -0.1)}),
    (optim.AdamW, {"weight_decay": -0.1}),
    (optim.RMSprop, {"alpha": -0.5}),
    (optim.RMSprop, {"momentum": -0.5}),
    (optim.Adagrad, {"lr_decay": -0.5}),
    (optim.Adagrad, {"initial_accumulator_value": -0.5}),
    (optim.Adagrad, {"eps": -0.5}),
]


@pytest.mark.parametrize(("cls", "options"), WRONG)
def test_a_wrong_option_is_refused_with_its_value_where_torch_refuses_it(torch, cls, options):
    shown = "nesterov needs" if "nesterov" in options else str(next(iter(options.values())))
    with pytest.raises(ValueError, match=re.escape(shown)):
        cls([parameter(1.0)], **options)
    with pytest.raises(ValueError):  # noqa: PT011 - that torch refuses it too is all that is asked
        getattr(torch.optim, cls.__name__)([torch.ones(1)], **options)


@pytest.mark.parametrize("lr", [float("nan"), "0.1", None, Tensor([0.1])])
@pytest.mark.parametrize("cls", ALL)
def test_a_rate_that_is_no_number_is_refused(cls, lr):
    with pytest.raises(ValueError, match="lr must be a number of 0 or more, got"):
        cls([parameter(1.0)], lr=lr)


def test_the_options_of_a_group_are_checked_too():
    with pytest.raises(ValueError, match=r"lr must be a number of 0 or more, got -2.0"):
        optim.SGD([{"params": [parameter(1.0)], "lr": -2.0}], lr=0.1)


def test_an_option_that_is_left_out_raises_by_its_name():
    with pytest.raises(TypeError, match="foreach"):
        optim.SGD([parameter(1.0)], foreach=True)


def test_repr_shows_the_options_as_torch_does(torch):
    shown = repr(optim.SGD([parameter(1.0)], lr=0.5)).splitlines()
    theirs = repr(torch.optim.SGD([torch.ones(1)], lr=0.5)).splitlines()
    assert set(shown) < set(theirs)
    assert "    lr: 0.5" in shown


# --- the state


OPTIONS = {
    optim.SGD: {"momentum": 0.9},
    optim.Adam: {"amsgrad": True},
    optim.RMSprop: {"momentum": 0.9, "centered": True},
}


def pair(cls, n=2):
    params = [Tensor(normal((2, 3), i), requires_grad=True) for i in range(n)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.3}]
    return params, cls(groups, lr=0.1, **OPTIONS.get(cls, {}))


@pytest.mark.parametrize("cls", ALL)
def test_an_optimizer_with_a_loaded_state_goes_on_exactly(cls):
    params, optimizer = pair(cls)
    steps(optimizer, 3)
    others, other = pair(cls)
    steps(other, 1, seed=50)  # another state, which is replaced
    for p, q in zip(params, others, strict=True):
        np.copyto(q.data, p.data)
    other.load_state_dict(optimizer.state_dict())
    steps(optimizer, 3, seed=9)
    steps(other, 3, seed=9)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize("cls", ALL)
def test_the_loaded_state_is_a_copy_and_survives_a_trip_through_json_keys(cls):
    _, optimizer = pair(cls)
    steps(optimizer, 1)
    state = optimizer.state_dict()
    options = json.loads(json.dumps(state["param_groups"]))  # betas come back as a list
    _, other = pair(cls)
    other.load_state_dict(
        {"state": {str(i): v for i, v in state["state"].items()}, "param_groups": options}
    )
    kept = copy.deepcopy(other.state_dict())
    steps(optimizer, 1)
    assert other.state_dict()["param_groups"] == kept["param_groups"]
    for i, entries in kept["state"].items():
        for name, value in entries.items():
            np.testing.assert_array_equal(other.state_dict()["state"][i][name], value)


@pytest.mark.parametrize("cls", ALL)
def test_the_state_has_the_structure_of_torch_and_torchs_state_can_be_loaded(torch, cls):
    params, optimizer = pair(cls)
    tensors = [torch.tensor(p.data.copy(), requires_grad=True) for p in params]
    groups = [{"params": tensors[:1]}, {"params": tensors[1:], "lr": 0.3}]
    reference = getattr(torch.optim, cls.__name__)(groups, lr=0.1, **OPTIONS.get(cls, {}))
    steps(optimizer, 2)
    for t in range(2):
        for p in tensors:
            p.grad = torch.from_numpy(normal(tuple(p.shape), t))
        reference.step()
    mine, theirs = optimizer.state_dict(), reference.state_dict()
    assert {i: set(s) for i, s in mine["state"].items()} == {
        i: set(s) for i, s in theirs["state"].items()
    }
    assert [g["params"] for g in mine["param_groups"]] == [[0], [1]]
    for a, b in zip(mine["param_groups"], theirs["param_groups"], strict=True):
        assert a.items() <= b.items()

    others, other = pair(cls)
    other.load_state_dict(theirs)
    for p, q in zip(tensors, others, strict=True):
        np.copyto(q.data, p.detach().numpy())
    steps(other, 2, seed=7)
    steps(optimizer, 2, seed=7)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_allclose(q.data, p.data, rtol=1e-12)  # a few roundings of four steps


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    _, optimizer = pair(optim.Adam)
    steps(optimizer, 1)
    before = copy.deepcopy(optimizer.state_dict())
    fits = copy.deepcopy(before)

    def without_group(s):
        del s["param_groups"][1]

    def other_optimizer(s):
        s["param_groups"] = optim.SGD([parameter(1.0)]).state_dict()["param_groups"] * 2

    def other_shape(s):
        s["state"][1]["exp_avg"] = np.zeros((3, 3))

    def other_dtype(s):
        s["state"][1]["exp_avg"] = np.array([["a"] * 3] * 2)

    def other_parameter(s):
        s["state"][7] = s["state"][1]

    def without_moment(s):
        del s["state"][0]["exp_avg_sq"]

    def wrong_option(s):
        s["param_groups"][1]["lr"] = -1.0

    for damage, message in [
        (without_group, r"groups of \[1, 1\] parameters, the state has \[1\]"),
        (other_optimizer, "no state of Adam: it lacks betas, eps"),
        (other_shape, r"exp_avg must be numbers \(2, 3\), the state has float64 \(3, 3\)"),
        (other_dtype, "exp_avg must be numbers"),
        (other_parameter, "parameter 7 belongs to none of 2"),
        (without_moment, "the state of parameter 0 lacks exp_avg_sq"),
        (wrong_option, "lr must be a number of 0 or more, got -1.0"),
    ]:
        state = copy.deepcopy(fits)
        damage(state)
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
        after = optimizer.state_dict()
        assert after["param_groups"] == before["param_groups"]
        for i in (0, 1):
            for name, value in before["state"][i].items():
                np.testing.assert_array_equal(after["state"][i][name], value)


def test_adamw_does_not_take_over_the_decay_of_adam():
    _, adam = pair(optim.Adam)
    with pytest.raises(ValueError, match="AdamW decays outside of the moments"):
        optim.AdamW(
            [{"params": [p]} for g in adam.param_groups for p in g["params"]]
        ).load_state_dict(adam.state_dict())


def test_model_and_optimizer_copied_or_pickled_together_belong_together():
    model = nn.Linear(2, 2, rng=0)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    steps(optimizer, 2)
    for copied in (
        copy.deepcopy((model, optimizer)),
        pickle.loads(pickle.dumps((model, optimizer))),
    ):
        other, its = copied
        assert its.param_groups[0]["params"][0] is other.weight
        reference = copy.deepcopy((model, optimizer))
        steps(reference[1], 2, seed=5)
        steps(its, 2, seed=5)
        np.testing.assert_array_equal(other.weight.data, reference[0].weight.data)
        assert (other.weight.data != model.weight.data).all()


def test_a_closure_records_even_if_the_step_stands_under_no_grad():
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with scratchnet.no_grad():
        assert optimizer.step(closure).item() == 1.0
    np.testing.assert_allclose(p.data, [0.8], rtol=1e-15)  # one rounding


def test_no_parameter_is_changed_if_one_gradient_does_not_fit():
    first, second = parameter(1.0), parameter(2.0)
    first.grad, second.grad = np.ones(1), np.ones(2)
    with pytest.raises(ValueError, match="another shape"):
        optim.SGD([first, second], lr=0.1).step()
    assert first.data == 1.0


@pytest.mark.parametrize(
    "case", ["two of one array", "a view", "a gradient that is another's data"]
)
def test_parameters_that_share_memory_are_stepped_one_after_the_other(case, monkeypatch):
    def backwards(run, blocks):  # as threads might
        for block in reversed(blocks):
            run(block)

    monkeypatch.setattr(module, "run_blocks", backwards)
    found = []
    for one_by_one in (False, True):
        w = normal(1 << 19, 1)
        p = Tensor(w, requires_grad=True)
        shared = w[::2] if case == "a view" else w
        q = Tensor(w.copy() if case.startswith("a grad") else shared, requires_grad=True)
        p.grad = normal(p.shape, 2)
        q.grad = p.data if case.startswith("a grad") else normal(q.shape, 3)
        if one_by_one:
            for each in (p, q):
                optim.SGD([each], lr=0.5, weight_decay=0.1).step()
        else:
            optim.SGD([p, q], lr=0.5, weight_decay=0.1).step()
        found.append((p.data, q.data))
    for both, single in zip(*found, strict=True):
        np.testing.assert_array_equal(both, single)


def test_parameters_apart_are_told_from_those_that_overlap():
    a, b = np.zeros((6, 4)), np.zeros((6, 4))
    assert module._apart([a[:3], a[3:], b], [np.zeros(3)])
    assert module._apart([a], [b, b])  # a gradient of two parameters is only read
    assert not module._apart([a, a], [b, b])
    assert not module._apart([a[:4], a[3:]], [])
    assert not module._apart([a, b], [b[2], a[3]])
    assert not module._apart([a], [a[::-1]])
    assert module._apart([a, a[:0]], [])


def test_nothing_counts_if_one_parameter_is_read_only():
    a, b = parameter(1.0), parameter(2.0)
    b.data.flags.writeable = False
    optimizer = optim.Adam([a, b])
    a.grad, b.grad = np.ones(1), np.ones(1)
    with pytest.raises(ValueError, match=r"parameter \(1,\) is read-only memory"):
        optimizer.step()
    assert a.data == [1.0]
    assert not optimizer.state_dict()["state"]
