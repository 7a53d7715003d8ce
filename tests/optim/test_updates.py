"""The updates: the equations as the docstrings state them, and torch, option by option."""

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st

import scratchnet
from scratchnet import Tensor, optim
from scratchnet.optim import optimizer as optimizer_module

STEPS = 10
SHAPES = ((3, 4), (5,), ())

# Ten steps of some ten operations each, an error of half a rounding in each: at the worst fifty
# roundings of the largest number, all to one side.
ROUNDINGS = 50

# The gradients lie between 1 and 2 in size, and rates and decays are such that λ w stays below 1: in
# dw + λ w nothing cancels, which Adam and RMSprop would divide by the little that is left.
rates = st.sampled_from([0.01, 1e-3, 0.0])
decays = st.sampled_from([0.0, 0.01, 0.1])
momenta = st.sampled_from([0.0, 0.5, 0.9])
fractions = st.sampled_from([0.5, 0.9, 0.99])
epsilons = st.sampled_from([1e-8, 1e-3, 1.0])
adam = {
    "lr": rates,
    "betas": st.tuples(st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.9, 0.999])),
    "eps": epsilons,
    "weight_decay": decays,
    "amsgrad": st.booleans(),
    "maximize": st.booleans(),
}
OPTIONS = {
    "SGD": {
        "lr": rates,
        "momentum": momenta,
        "dampening": st.sampled_from([0.0, 0.2, 1.0]),
        "weight_decay": decays,
        "nesterov": st.booleans(),
        "maximize": st.booleans(),
    },
    "Adam": adam,
    "AdamW": adam,
    "RMSprop": {
        "lr": rates,
        "alpha": fractions,
        "eps": epsilons,
        "weight_decay": decays,
        "momentum": momenta,
        "centered": st.booleans(),
        "maximize": st.booleans(),
    },
    "Adagrad": {
        "lr": rates,
        "lr_decay": decays,
        "weight_decay": decays,
        "initial_accumulator_value": st.sampled_from([0.0, 0.5]),
        "eps": epsilons,
        "maximize": st.booleans(),
    },
}


def possible(name, options):
    if name == "SGD" and options["nesterov"]:
        return {**options, "momentum": options["momentum"] or 0.7, "dampening": 0.0}
    return options


every = st.sampled_from(sorted(OPTIONS)).flatmap(
    lambda name: st.fixed_dictionaries(OPTIONS[name]).map(lambda o: (name, possible(name, o)))
)


def gradients(shape, dtype):
    """The gradient of each step; none in the fourth, as for a parameter that was not used."""
    noise = [normal(shape, 100 + t, dtype) for t in range(STEPS)]
    return [None if t == 3 else np.asarray(np.sign(x) + np.tanh(x)) for t, x in enumerate(noise)]


def ours(name, options, dtype, shapes=SHAPES):
    """The parameters after STEPS steps."""
    params = [Tensor(normal(s, i, dtype), requires_grad=True) for i, s in enumerate(shapes)]
    optimizer = getattr(optim, name)(params, **options)
    for t in range(STEPS):
        for p in params:
            p.grad = gradients(p.shape, dtype)[t]
        optimizer.step()
    return [p.data for p in params]


# --- the equations, as stated, one parameter and one step after the other


def signed(w, dw, o, decay=True):
    return (-dw if o["maximize"] else dw) + (o["weight_decay"] * w if decay else 0)


def sgd(w, grads, o):
    v = None
    for dw in grads:
        dw = signed(w, dw, o)
        if o["momentum"]:
            v = dw if v is None else o["momentum"] * v + (1 - o["dampening"]) * dw
            dw = dw + o["momentum"] * v if o["nesterov"] else v
        w = w - o["lr"] * dw
    return w


def adam_equations(w, grads, o, decoupled=False):
    m = v = v_max = np.zeros_like(w)
    beta1, beta2 = o["betas"]
    for t, dw in enumerate(grads, 1):
        dw = signed(w, dw, o, decay=not decoupled)
        if decoupled:
            w = w - o["lr"] * o["weight_decay"] * w
        m = beta1 * m + (1 - beta1) * dw
        v = beta2 * v + (1 - beta2) * dw**2
        v_max = np.maximum(v_max, v)
        m_hat = m / (1 - beta1**t)
        v_hat = (v_max if o["amsgrad"] else v) / (1 - beta2**t)
        w = w - o["lr"] * m_hat / (np.sqrt(v_hat) + o["eps"])
    return w


def adamw(w, grads, o):
    return adam_equations(w, grads, o, decoupled=True)


def rmsprop(w, grads, o):
    v = g = u = np.zeros_like(w)
    for dw in grads:
        dw = signed(w, dw, o)
        v = o["alpha"] * v + (1 - o["alpha"]) * dw**2
        g = o["alpha"] * g + (1 - o["alpha"]) * dw
        s = v - g**2 if o["centered"] else v
        u = o["momentum"] * u + dw / (np.sqrt(s) + o["eps"])
        w = w - o["lr"] * u
    return w


def adagrad(w, grads, o):
    s = np.full_like(w, o["initial_accumulator_value"])
    for t, dw in enumerate(grads, 1):
        dw = signed(w, dw, o)
        s = s + dw**2
        w = w - o["lr"] / (1 + (t - 1) * o["lr_decay"]) * dw / (np.sqrt(s) + o["eps"])
    return w


STATED = {
    "SGD": sgd,
    "Adam": adam_equations,
    "AdamW": adamw,
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
}


@given(every)
def test_the_updates_are_those_that_are_stated(case):
    name, options = case
    for i, (shape, found) in enumerate(zip(SHAPES, ours(name, options, np.float64), strict=True)):
        grads = [dw for dw in gradients(shape, np.float64) if dw is not None]
        expected = STATED[name](normal(shape, i), grads, options)
        assert_close(found, expected, ROUNDINGS)


@given(every, st.sampled_from([np.float64, np.float32]))
def test_ten_steps_agree_with_torch(torch, case, dtype):
    name, options = case
    params = [torch.tensor(normal(s, i, dtype), requires_grad=True) for i, s in enumerate(SHAPES)]
    optimizer = getattr(torch.optim, name)(params, foreach=False, **options)
    for t in range(STEPS):
        for p in params:
            dw = gradients(tuple(p.shape), dtype)[t]
            p.grad = None if dw is None else torch.from_numpy(dw)
        optimizer.step()
    for found, expected in zip(ours(name, options, dtype), params, strict=True):
        assert_close(found, expected.detach().numpy(), ROUNDINGS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_arguments_and_their_defaults_are_those_of_torch(torch, name):
    import inspect

    def arguments(cls):
        found = inspect.signature(cls).parameters.values()
        left_out = {"foreach", "fused", "capturable", "differentiable"}
        return [(p.name, p.default, p.kind) for p in found if p.name not in left_out]

    theirs = arguments(getattr(torch.optim, name))
    # RMSprop takes maximize by position only after options that we leave out
    positional = [a for a in theirs if a[0] != "maximize"]
    mine = [a for a in arguments(getattr(optim, name)) if a[0] != "maximize"]
    assert mine == positional


# --- how the arrays lie in memory changes nothing


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_neither_the_length_of_a_block_nor_the_number_of_threads_matters(name, monkeypatch):
    options = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}}
    arguments = {"lr": 0.1, "weight_decay": 0.1, **options.get(name, {})}
    whole = ours(name, arguments, np.float32, shapes=[(7, 9)])
    monkeypatch.setattr(optimizer_module, "_BLOCK_BYTES", 40)  # ten entries: six blocks and three
    np.testing.assert_array_equal(ours(name, arguments, np.float32, shapes=[(7, 9)]), whole)
    monkeypatch.setattr(optimizer_module, "_ALONE_BYTES", 0)
    before = scratchnet.get_num_threads()
    try:
        scratchnet.set_num_threads(3)
        found = ours(name, arguments, np.float32, shapes=[(7, 9)])
    finally:
        scratchnet.set_num_threads(before)
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_parameters_and_gradients_may_lie_in_memory_in_any_order(name, monkeypatch):
    monkeypatch.setattr(optimizer_module, "_BLOCK_BYTES", 40)
    results = []
    for order, grad_order in ("CC", "FC", "CF", "FF"):
        p = Tensor(np.array(normal((4, 6)), order=order), requires_grad=True)
        array = p.data
        optimizer = getattr(optim, name)([p], lr=0.1, weight_decay=0.1)
        for t in range(3):
            p.grad = np.array(normal((4, 6), t + 1), order=grad_order)
            optimizer.step()
        assert p.data is array
        results.append(array)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_parameter_without_entries_is_left_alone(name):
    p = Tensor(np.zeros((0, 3)), requires_grad=True)
    p.grad = np.zeros((0, 3))
    getattr(optim, name)([p]).step()
    assert p.shape == (0, 3)


# --- the edges


def test_the_first_momentum_buffer_is_not_dampened():
    p = Tensor([0.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5, dampening=0.75)
    p.grad = np.array([8.0], np.float32)
    optimizer.step()
    assert p.data[0] == -8.0
    optimizer.step()  # v = 0.5 · 8 + 0.25 · 8 = 6
    assert p.data[0] == -14.0


def test_eps_stands_outside_of_the_bias_corrected_root():
    p = Tensor(np.array([0.0]), requires_grad=True)
    optimizer = optim.Adam([p], lr=1.0, eps=1.0)
    p.grad = np.array([3.0])  # m̂ = 3 and √v̂ = 3 after one step
    optimizer.step()
    np.testing.assert_allclose(p.data, [-3 / (3 + 1)], rtol=1e-15)


def test_the_decay_of_adamw_does_not_depend_on_the_gradient_and_that_of_adam_does():
    moved = {}
    for name in ("Adam", "AdamW"):
        w = np.array([2.0, 2.0])
        for decay in (0.0, 0.5):
            p = Tensor(np.array([2.0, 2.0]), requires_grad=True)
            p.grad = np.array([1.0, 100.0])
            getattr(optim, name)([p], lr=0.1, eps=10.0, weight_decay=decay).step()
            w = w - p.data if decay else p.data
        moved[name] = w  # what the decay adds to the step
    np.testing.assert_allclose(moved["AdamW"], 0.1 * 0.5 * 2.0, rtol=1e-13)
    assert moved["Adam"][0] > 10 * moved["Adam"][1]


def test_a_gradient_that_never_changes_does_not_make_centered_rmsprop_nan():
    # v → dw² and g → dw, so that v − g² is rounding error, below 0 for some: torch's root is NaN.
    p = Tensor(np.linspace(0.1, 3, 200, dtype=np.float32), requires_grad=True)
    optimizer = optim.RMSprop([p], lr=1e-4, alpha=0.5, eps=1e-2, centered=True)
    p.grad = np.linspace(0.1, 3, 200, dtype=np.float32)
    for _ in range(100):
        optimizer.step()
    assert np.isfinite(p.data).all()


def test_the_step_size_of_adam_does_not_depend_on_the_size_of_the_gradient():
    for scale in (1e-4, 1.0, 1e4):
        p = Tensor(np.zeros(3), requires_grad=True)
        optimizer = optim.Adam([p], lr=0.1, eps=0.0)
        p.grad = scale * np.array([1.0, -2.0, 5.0])
        optimizer.step()
        np.testing.assert_allclose(p.data, [-0.1, 0.1, -0.1], rtol=1e-14)
