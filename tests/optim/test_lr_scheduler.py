"""Schedules: the rates (and momenta) of torch at every step, and the stated functions of t."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, optim
from scratchnet.optim import lr_scheduler

STEPS = 30
RATES = (0.3, 0.02)


def optimizer(cls=optim.SGD, rates=RATES, **options):
    groups = [{"params": [Tensor([1.0], requires_grad=True)], "lr": lr} for lr in rates]
    return cls(groups, **options)


def torch_optimizer(torch, name="SGD", rates=RATES, **options):
    groups = [{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in rates]
    return getattr(torch.optim, name)(groups, **options)


def sequence(opt, make, steps=STEPS):
    """Rates and momenta of all groups at t = 0 … steps."""
    scheduler, rows = make(opt), []
    for _ in range(steps + 1):
        rows.append([(g["lr"], g.get("momentum", g.get("betas"))) for g in opt.param_groups])
        assert scheduler.get_last_lr() == [g["lr"] for g in opt.param_groups]
        opt.step()
        if len(rows) <= steps:
            scheduler.step()
    return rows


def assert_agree(found, expected):
    # torch multiplies on from step to step: some thirty roundings of the largest rate
    flat = [
        np.array([np.hstack([lr, m]) for row in rows for lr, m in row])
        for rows in (found, expected)
    ]
    np.testing.assert_allclose(flat[0], flat[1], rtol=1e-13, atol=1e-14)


periods = st.integers(1, 40)
factors = st.sampled_from([0.1, 1 / 3, 0.5, 1.0])
SIMPLE = {
    "StepLR": {"step_size": periods, "gamma": factors},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 35), max_size=4), "gamma": factors},
    "ConstantLR": {"factor": factors, "total_iters": periods},
    "LinearLR": {
        "start_factor": factors,
        "end_factor": st.sampled_from([0.0, 0.2, 1.0]),
        "total_iters": periods,
    },
    "CosineAnnealingLR": {"T_max": periods, "eta_min": st.sampled_from([0.0, 1e-3, 0.1])},
}
simple = st.sampled_from(sorted(SIMPLE)).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(SIMPLE[name]))
)


@given(simple)
def test_simple_schedules_agree_with_torch(torch, case):
    name, options = case
    expected = sequence(
        torch_optimizer(torch), lambda o: getattr(torch.optim.lr_scheduler, name)(o, **options)
    )
    assert_agree(
        sequence(optimizer(), lambda o: getattr(lr_scheduler, name)(o, **options)), expected
    )


def test_lambda_schedules_agree_with_torch(torch):
    for functions in (lambda t: 0.9**t, [lambda t: 1 / (1 + t), lambda t: t % 3]):
        expected = sequence(
            torch_optimizer(torch), lambda o, f=functions: torch.optim.lr_scheduler.LambdaLR(o, f)
        )
        assert_agree(
            sequence(optimizer(), lambda o, f=functions: lr_scheduler.LambdaLR(o, f)), expected
        )


@given(
    st.sampled_from(["SGD", "Adam", "RMSprop"]),
    st.fixed_dictionaries(
        {
            "max_lr": st.sampled_from([0.1, [0.1, 2.0]]),
            "total_steps": st.integers(2, STEPS),
            "pct_start": st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9]),
            "anneal_strategy": st.sampled_from(["cos", "linear"]),
            "cycle_momentum": st.booleans(),
            "base_momentum": st.sampled_from([0.85, [0.5, 0.6]]),
            "max_momentum": st.sampled_from([0.95, [0.9, 0.7]]),
            "div_factor": st.sampled_from([25.0, 2.0]),
            "final_div_factor": st.sampled_from([1e4, 10.0]),
            "three_phase": st.booleans(),
        }
    ),
)
def test_one_cycle_agrees_with_torch_in_rate_and_momentum(torch, name, options):
    steps = options["total_steps"]
    try:
        expected = sequence(
            torch_optimizer(torch, name),
            lambda o: torch.optim.lr_scheduler.OneCycleLR(o, **options),
            steps,
        )
    except ZeroDivisionError:  # a phase without length: torch has no answer
        return
    cls = getattr(optim, name)
    found = sequence(optimizer(cls), lambda o: lr_scheduler.OneCycleLR(o, **options), steps)
    assert_agree(found, expected)


def test_one_cycle_takes_epochs_and_steps_per_epoch_for_the_total(torch):
    def make(module):
        return lambda o: module.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=7)

    expected = sequence(torch_optimizer(torch), make(torch.optim.lr_scheduler), 21)
    assert_agree(sequence(optimizer(), make(lr_scheduler), 21), expected)


def test_one_cycle_beyond_its_steps_raises_as_torch_does(torch):
    for opt, module in (
        (torch_optimizer(torch), torch.optim.lr_scheduler),
        (optimizer(), lr_scheduler),
    ):
        scheduler = module.OneCycleLR(opt, 0.1, total_steps=4)
        opt.step()
        for _ in range(4):
            scheduler.step()
        rate = opt.param_groups[0]["lr"]
        with pytest.raises(ValueError, match="4"):
            scheduler.step()
        assert opt.param_groups[0]["lr"] == rate


def test_one_cycle_with_no_way_down_ends_at_the_top():
    opt = optimizer()
    scheduler = lr_scheduler.OneCycleLR(opt, 0.1, total_steps=5, pct_start=1.0)
    opt.step()
    for _ in range(4):
        scheduler.step()
    assert opt.param_groups[0]["lr"] == pytest.approx(0.1, rel=1e-15)


@given(
    st.lists(simple, min_size=1, max_size=3),
    st.lists(st.integers(1, 12), min_size=2, max_size=2),
)
def test_sequences_agree_with_torch(torch, cases, gaps):
    milestones = np.cumsum(gaps).tolist()[: len(cases) - 1]

    def make(module):
        def schedule(opt):
            schedules = [getattr(module, name)(opt, **options) for name, options in cases]
            return module.SequentialLR(opt, schedules, milestones)

        return schedule

    expected = sequence(torch_optimizer(torch), make(torch.optim.lr_scheduler))
    assert_agree(sequence(optimizer(), make(lr_scheduler)), expected)


def test_a_warm_up_goes_before_another_schedule():
    opt = optimizer(rates=[1.0])
    scheduler = lr_scheduler.SequentialLR(
        opt,
        [
            lr_scheduler.LinearLR(opt, 0.25, total_iters=3),
            lr_scheduler.CosineAnnealingLR(opt, T_max=4),
        ],
        milestones=[3],
    )
    rates = []
    for _ in range(8):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step()
    half = math.sqrt(0.5) / 2
    expected = [0.25, 0.5, 0.75, 1, 0.5 + half, 0.5, 0.5 - half, 0]
    np.testing.assert_allclose(rates, expected, rtol=0, atol=1e-15)


def test_a_sequence_may_be_part_of_a_sequence():
    opt = optimizer(rates=[1.0])
    constant = [lr_scheduler.ConstantLR(opt, factor, 100) for factor in (0.5, 0.25, 0.125)]
    inner = lr_scheduler.SequentialLR(opt, constant[1:], [2])
    scheduler = lr_scheduler.SequentialLR(opt, [constant[0], inner], [3])
    rates = []
    for _ in range(7):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step()
    assert rates == [0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


# --- state


def make_all(opt):
    s = lr_scheduler
    yield lambda: s.StepLR(opt, 3)
    yield lambda: s.MultiStepLR(opt, [2, 9])
    yield lambda: s.ConstantLR(opt)
    yield lambda: s.LinearLR(opt)
    yield lambda: s.CosineAnnealingLR(opt, 7)
    yield lambda: s.OneCycleLR(opt, [0.1, 0.2], 20, three_phase=True)
    yield lambda: s.LambdaLR(opt, lambda t: 1 / (t + 1))
    yield lambda: s.SequentialLR(opt, [s.LinearLR(opt), s.StepLR(opt, 2)], [4])


@pytest.mark.parametrize("which", range(8))
def test_a_schedule_with_a_loaded_state_goes_on_exactly(which):
    whole = optimizer()
    rates = sequence(whole, lambda o: list(make_all(o))[which](), 15)

    first = optimizer()
    scheduler = list(make_all(first))[which]()
    first.step()
    for _ in range(6):
        scheduler.step()
    states = json.loads(json.dumps([scheduler.state_dict(), first.state_dict()]))

    second = optimizer(rates=(9.0, 9.0))
    resumed = list(make_all(second))[which]()
    resumed.load_state_dict(states[0])
    second.load_state_dict({**states[1], "state": {}})
    found = []
    for _ in range(6, 16):
        found.append([(g["lr"], g["momentum"]) for g in second.param_groups])
        second.step()
        resumed.step()
    assert found == rates[6:]


@pytest.mark.parametrize("which", range(8))
def test_the_state_of_another_schedule_is_refused_and_changes_nothing(which):
    opt = optimizer()
    scheduler = list(make_all(opt))[which]()
    before = json.dumps(scheduler.state_dict())
    for state in ({}, {"last_epoch": 3, "base_lrs": [1.0, 1.0], "_last_lr": [1.0, 1.0]}):
        if set(state) >= set(scheduler.state_dict()):
            continue  # LambdaLR has no settings
        with pytest.raises(ValueError, match=f"no state of {type(scheduler).__name__}: it lacks"):
            scheduler.load_state_dict(state)
    assert json.dumps(scheduler.state_dict()) == before


def test_a_sequence_checks_all_its_parts_before_it_takes_over_any():
    opt = optimizer()
    scheduler = list(make_all(opt))[7]()
    state = json.loads(json.dumps(scheduler.state_dict()))
    before = json.dumps(state)
    state["_schedulers"][0]["last_epoch"] = 99
    del state["_schedulers"][1]["gamma"]
    with pytest.raises(ValueError, match="no state of StepLR: it lacks gamma"):
        scheduler.load_state_dict(state)
    with pytest.raises(ValueError, match="there are 2 schedules, the state has 1"):
        scheduler.load_state_dict({**state, "_schedulers": state["_schedulers"][:1]})
    assert json.dumps(scheduler.state_dict()) == before


def test_a_schedule_is_taken_up_again_with_last_epoch(torch):
    for module, opt in (
        (lr_scheduler, optimizer()),
        (torch.optim.lr_scheduler, torch_optimizer(torch)),
    ):
        for group, lr in zip(opt.param_groups, RATES, strict=True):
            group |= {"initial_lr": lr, "lr": lr * 0.1}
        module.StepLR(opt, 4, last_epoch=4)  # the fifth step is the next
        assert [g["lr"] for g in opt.param_groups] == pytest.approx([0.03, 0.002], rel=1e-15)
        del opt.param_groups[1]["initial_lr"]
        with pytest.raises(KeyError, match="initial_lr"):
            module.StepLR(opt, 4, last_epoch=4)


# --- misuse


def test_a_rate_changed_by_hand_or_by_a_second_schedule_raises():
    opt = optimizer(rates=[0.5])
    first = lr_scheduler.StepLR(opt, 1)
    opt.step()
    opt.param_groups[0]["lr"] = 0.25
    with pytest.raises(
        RuntimeError, match=r"\[0.25\], but this schedule last set \[0.5\].*SequentialLR"
    ):
        first.step()
    assert opt.param_groups[0]["lr"] == 0.25


def test_a_step_of_the_schedule_before_the_optimizers_warns_as_in_torch(torch):
    for module, opt in (
        (lr_scheduler, optimizer()),
        (torch.optim.lr_scheduler, torch_optimizer(torch)),
    ):
        scheduler = module.StepLR(opt, 3)
        with pytest.warns(UserWarning, match=r"`?optimizer.step\(\)`?"):
            scheduler.step()
        opt.step()
        scheduler.step()


def test_wrong_settings_are_refused_with_their_values():
    s, opt = lr_scheduler, optimizer()
    for make, error, message in [
        (lambda: s.StepLR("sgd", 3), TypeError, "takes an Optimizer, got str"),
        (lambda: s.LambdaLR(None, abs), TypeError, "takes an Optimizer, got NoneType"),
        (lambda: s.OneCycleLR(None, 0.1, 3), TypeError, "takes an Optimizer, got NoneType"),
        (lambda: s.StepLR(opt, 0), ValueError, "step_size must be above 0, got 0"),
        (lambda: s.CosineAnnealingLR(opt, 0), ValueError, "T_max must be above 0, got 0"),
        (lambda: s.LinearLR(opt, 0.0), ValueError, "start_factor .* got 0.0"),
        (lambda: s.LinearLR(opt, end_factor=1.5), ValueError, "end_factor .* got 1.5"),
        (lambda: s.LinearLR(opt, total_iters=0), ValueError, "total_iters .* got 0"),
        (lambda: s.ConstantLR(opt, -1.0), ValueError, "factor .* got -1.0"),
        (lambda: s.LambdaLR(opt, [abs]), ValueError, "2 groups need 2 functions, got 1"),
        (lambda: s.OneCycleLR(opt, 0.1), ValueError, "needs total_steps, or epochs"),
        (lambda: s.OneCycleLR(opt, 0.1, 0), ValueError, "total_steps must be above 0, got 0"),
        (lambda: s.OneCycleLR(opt, 0.1, 9, pct_start=1.5), ValueError, "pct_start .* got 1.5"),
        (lambda: s.OneCycleLR(opt, 0.1, 9, anneal_strategy="exp"), ValueError, "got 'exp'"),
        (lambda: s.OneCycleLR(opt, [0.1], 9), ValueError, "max_lr needs .* 2 groups, got 1"),
        (lambda: s.OneCycleLR(optimizer(optim.Adagrad), 0.1, 9), ValueError, "no momentum"),
        (lambda: s.SequentialLR(opt, [s.StepLR(opt, 1)], [3]), ValueError, "0 milestones, got 1"),
        (lambda: s.SequentialLR(opt, [], []), ValueError, "one schedule or more, got none"),
        (
            lambda: s.SequentialLR(opt, [s.StepLR(opt, 1) for _ in range(3)], [5, 2]),
            ValueError,
            r"must be in order, got \[5, 2\]",
        ),
        (
            lambda: s.SequentialLR(optimizer(), [s.StepLR(opt, 1)], []),
            ValueError,
            "same optimiser",
        ),
    ]:
        with pytest.raises(error, match=message):
            make()
