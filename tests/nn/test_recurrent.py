"""RNN, LSTM and GRU against torch with states and lengths, and the laws of reading in batches."""

import copy

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given
from hypothesis import strategies as st
from recurrent_cases import layer_options
from scipy import stats

from scratchnet import Tensor, functional, manual_seed, nn

LAYERS = ["RNN", "LSTM", "GRU"]
layers = pytest.mark.parametrize("name", LAYERS)
seeds = st.integers(0, 99)
# States are below 1 or sums of a few such, but a gradient of a weight sums over at most 5 steps, 4
# samples and both directions of three layers: some 100 terms, each rounded as often on its way.
SUMS = {"roundings": 64.0, "terms": 1.0}


def make(name, options, seed=0, dtype=np.float64):
    return getattr(nn, name)(**options, rng=seed).to(dtype)


def states_of(layer, n, seed, dtype=np.float64):
    """Return random initial states in a tuple: (h,), or (h, c) for an LSTM."""
    count = layer.num_layers * (1 + layer.bidirectional)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size][: layer.n_states]
    lead = (count,) if n is None else (count, n)
    return tuple(normal((*lead, size), seed + i, dtype) for i, size in enumerate(sizes))


def as_hx(states):
    return states[0] if len(states) == 1 else tuple(states)


def flat(output):
    """Return the output and the final states in one list."""
    y, state = output
    return [y, *(state if isinstance(state, tuple) else (state,))]


def values(output):
    return [part.data if isinstance(part, Tensor) else part for part in flat(output)]


def lengths_of(n, steps, seed):
    return np.random.default_rng(seed).integers(1, steps + 1, n)


def gradients(layer, x, states, lengths=None, truncate=None, seed=70):
    """Return values and gradients of x, states and parameters, of random dy for all outputs."""
    layer.zero_grad()
    x = Tensor(x, requires_grad=True)
    states = [Tensor(s, requires_grad=True) for s in states]
    parts = flat(layer(x, as_hx(states) if states else None, lengths=lengths, truncate=truncate))
    total = sum((p * normal(p.shape, seed + i, p.dtype)).sum() for i, p in enumerate(parts))
    total.backward()
    leaves = [x, *states, *layer.parameters()]
    grads = [np.zeros(t.shape) if t.grad is None else t.grad for t in leaves]
    return [p.data for p in parts], grads


# --- torch


@st.composite
def cases(draw):
    name = draw(st.sampled_from(LAYERS))
    options = draw(layer_options(name))
    steps, n = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    lengths = draw(st.none() | st.lists(st.integers(1, steps), min_size=n, max_size=n))
    return name, options, steps, n, lengths


def torchs_gradients(torch, layer, x, states, lengths, seed=70):
    """The same as `gradients` of torch's layer; lengths as a PackedSequence."""
    rnn = torch.nn.utils.rnn
    x = torch.from_numpy(x).requires_grad_()
    states = [torch.from_numpy(s).requires_grad_() for s in states]
    hx = as_hx(states) if states else None
    if lengths is None:
        parts = flat(layer(x, hx))
    else:
        first = layer.batch_first
        packed = rnn.pack_padded_sequence(x, lengths, first, enforce_sorted=False)
        steps = x.shape[1 if first else 0]
        y, state = layer(packed, hx)
        parts = flat((rnn.pad_packed_sequence(y, first, total_length=steps)[0], state))
    arrays = [p.detach().numpy() for p in parts]
    dys = [torch.from_numpy(normal(a.shape, seed + i, a.dtype)) for i, a in enumerate(arrays)]
    torch.autograd.backward(parts, dys)
    leaves = [x, *states, *layer.parameters()]
    return arrays, [t.grad.numpy() for t in leaves]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")  # torch
@given(cases(), seeds, st.sampled_from([np.float32, np.float64]), st.booleans())
def test_values_and_gradients_are_torchs_with_states_and_lengths(
    torch, case, seed, dtype, with_states
):
    name, options, steps, n, lengths = case
    ours = make(name, options, seed, dtype)
    theirs = getattr(torch.nn, name)(**options).to(getattr(torch, np.dtype(dtype).name))
    state = {k: torch.from_numpy(v.copy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    shape = (n, steps) if options["batch_first"] else (steps, n)
    x = normal((*shape, options["input_size"]), seed, dtype)
    states = states_of(ours, n, seed + 1, dtype) if with_states else ()
    found = gradients(ours, x, states, lengths)
    expected = torchs_gradients(torch, theirs, x, states, lengths)
    for a, b in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        assert_close(a, b, **SUMS)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")  # torch
@given(cases(), seeds)
def test_a_state_dict_of_torch_loads_by_its_names_and_gives_its_outputs(torch, case, seed):
    name, options, steps, n, _ = case
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = getattr(torch.nn, name)(**options)
    ours = make(name, options, dtype=np.float32).eval()
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    shape = (n, steps) if options["batch_first"] else (steps, n)
    x = normal((*shape, options["input_size"]), seed, np.float32)
    for a, b in zip(values(ours(x)), flat(theirs(torch.from_numpy(x))), strict=True):
        assert_close(a, b.detach().numpy(), **SUMS)


@layers
@pytest.mark.parametrize("bias", [True, False])
def test_weights_start_as_torchs_do(torch, name, bias):
    options = {"input_size": 20, "hidden_size": 50, "num_layers": 2, "bias": bias}
    options |= {"proj_size": 10} if name == "LSTM" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = getattr(torch.nn, name)(**options)
    ours = getattr(nn, name)(**options, rng=0)
    drawn, reference = (
        np.concatenate([np.ravel(v) for v in layer.state_dict().values()])
        for layer in (ours, theirs)
    )
    assert drawn.dtype == np.float32
    assert np.abs(drawn).max() <= 1 / np.sqrt(50)
    # a right distribution falls below this p-value for one seed in a hundred, which 0 is not
    assert stats.ks_2samp(drawn, reference).pvalue > 0.01
    assert len(np.unique(drawn)) > 0.99 * len(drawn)  # no parameter repeats another's draws


@layers
def test_a_seed_a_generator_and_manual_seed_give_the_same_weights(name):
    expected = getattr(nn, name)(3, 4, rng=3).state_dict()
    manual_seed(3)
    for layer in (getattr(nn, name)(3, 4, rng=np.random.default_rng(3)), getattr(nn, name)(3, 4)):
        for key, value in layer.state_dict().items():
            np.testing.assert_array_equal(value, expected[key])


# --- batches, lengths, truncation


@given(cases(), seeds)
def test_a_batch_of_unequal_lengths_is_read_as_one_sample_at_a_time(case, seed):
    name, options, steps, n, _ = case
    layer = make(name, {**options, "batch_first": True}, seed).eval()
    x, lengths = normal((n, steps, options["input_size"]), seed), lengths_of(n, steps, seed)
    states = states_of(layer, n, seed + 1)
    y, *finals = values(layer(x, as_hx(states), lengths=lengths))
    for i, length in enumerate(lengths):
        alone = values(layer(x[i, :length], as_hx([s[:, i] for s in states])))
        assert_close(y[i, :length], alone[0])
        assert not y[i, length:].any()
        for final, expected in zip(finals, alone[1:], strict=True):
            assert_close(final[:, i], expected)


@given(cases(), seeds)
def test_what_stands_beyond_a_length_changes_nothing_and_gets_no_gradient(case, seed):
    name, options, steps, n, _ = case
    layer = make(name, {**options, "batch_first": False}, seed)
    x, lengths = normal((steps, n, options["input_size"]), seed), lengths_of(n, steps, seed)
    beyond = np.arange(steps)[:, None] >= lengths
    other = np.where(beyond[..., None], np.nan, x)
    found, expected = gradients(layer, other, (), lengths), gradients(layer, x, (), lengths)
    for a, b in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not found[1][0][beyond].any()


@given(cases(), seeds)
def test_a_second_batch_has_the_gradients_it_would_have_alone(case, seed):
    name, options, steps, n, lengths = case
    layer = make(name, {**options, "batch_first": False}, seed)
    first, second = (normal((steps, n, options["input_size"]), seed + i) for i in range(2))
    alone = gradients(copy.deepcopy(layer), second, (), lengths)
    gradients(layer, first, ())
    again = gradients(layer, second, (), lengths)
    for a, b in zip(again[0] + again[1], alone[0] + alone[1], strict=True):
        np.testing.assert_array_equal(a, b)


@given(cases(), st.integers(1, 6), seeds)
def test_truncated_gradients_are_those_of_pieces_with_detached_states(case, k, seed):
    name, options, steps, n, _ = case
    layer = make(name, {**options, "batch_first": False, "bidirectional": False}, seed)
    x, states = normal((steps, n, options["input_size"]), seed), states_of(layer, n, seed + 1)
    arrays, found = gradients(layer, x, states, truncate=k)
    assert_close(arrays[0], values(layer(x, as_hx(states)))[0])  # the states do cross

    layer.zero_grad()
    leaf = Tensor(x, requires_grad=True)
    carried = initial = [Tensor(s, requires_grad=True) for s in states]
    outputs = []
    for start in range(0, steps, k):
        y, *carried = flat(layer(leaf[start : start + k], as_hx(carried)))
        outputs.append(y)
        last, carried = carried, [s.detach() for s in carried]
    parts = [functional.concatenate(outputs), *last]
    sum((p * normal(p.shape, 70 + i)).sum() for i, p in enumerate(parts)).backward()
    for a, t in zip(found, [leaf, *initial, *layer.parameters()], strict=True):
        assert_close(a, t.grad, **SUMS)


@layers
def test_truncation_is_counted_from_where_each_direction_begins(name):
    # The direction that reads backwards is the forward one on the reversed sequence, 7 steps in
    # pieces of 3: cut where it has read 3 and 6, not at the places of the forward direction.
    options = {"input_size": 2, "hidden_size": 3}
    both, forward = make(name, {**options, "bidirectional": True}), make(name, options)
    forward.load_state_dict(
        {
            k.removesuffix("_reverse"): v
            for k, v in both.state_dict().items()
            if k.endswith("_reverse")
        }
    )
    x = normal((7, 4, 2))
    leaf, flipped = Tensor(x, requires_grad=True), Tensor(x[::-1].copy(), requires_grad=True)
    dy = normal((7, 4, 3), 1)
    (both(leaf, truncate=3)[0][:, :, 3:] * dy).sum().backward()
    (forward(flipped, truncate=3)[0] * dy[::-1].copy()).sum().backward()
    assert_close(leaf.grad, flipped.grad[::-1])
    whole = Tensor(x, requires_grad=True)
    (both(whole)[0][:, :, 3:] * dy).sum().backward()
    assert np.abs(whole.grad - leaf.grad).max() > 1e-3


@layers
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_empty_batch_gives_empty_outputs_and_gradients_of_zero(name, bidirectional):
    layer = make(name, {"input_size": 2, "hidden_size": 3, "bidirectional": bidirectional})
    arrays, grads = gradients(layer, np.zeros((4, 0, 2)), ())
    count = 1 + bidirectional
    assert [a.shape for a in arrays] == [(4, 0, 3 * count)] + [(count, 0, 3)] * layer.n_states
    assert not any(g.any() for g in grads)


@layers
def test_states_handed_on_continue_the_sequence(name):
    layer = make(name, {"input_size": 2, "hidden_size": 3, "num_layers": 2}).eval()
    x = normal((6, 4, 2))
    y, *finals = values(layer(x))
    first, state = layer(x[:4])
    second, *last = values(layer(x[4:], state))
    assert_close(np.concatenate([first, second]), y)
    for a, b in zip(last, finals, strict=True):
        assert_close(a, b)


@layers
def test_the_output_of_the_last_layer_ends_in_its_final_states(name):
    layer = make(name, {"input_size": 2, "hidden_size": 3, "num_layers": 2, "bidirectional": True})
    y, h, *_ = values(layer.eval()(normal((5, 4, 2))))
    np.testing.assert_array_equal(y[-1, :, :3], h[2])  # the forward direction ends at the last step
    np.testing.assert_array_equal(y[0, :, 3:], h[3])  # the other one at the first


# --- dropout


def copying_network(num_layers, p, **options):
    """Return a ReLU network in which each layer hands on what it reads, if that is positive."""
    layer = nn.RNN(3, 3, num_layers, "relu", bias=False, dropout=p, **options)
    for key, value in layer.state_dict().items():
        value[...] = np.eye(3) if "weight_ih" in key else 0.0
    return layer


def test_dropout_is_between_the_layers_only():
    layer, p = copying_network(2, 0.25, rng=0), 0.25
    x = np.random.default_rng(0).uniform(1.0, 2.0, (50, 40, 3)).astype(np.float32)
    y, h = values(layer(x))
    np.testing.assert_array_equal(h[0], x[-1])  # the first layer's own state is whole
    np.testing.assert_array_equal(h[1], y[-1])  # after the last layer nothing is dropped
    kept = y != 0
    np.testing.assert_array_equal(y[kept], (x * np.float32(1 / (1 - p)))[kept])
    # 6,000 entries are dropped with p = 1/4: five standard deviations
    assert abs((~kept).sum() - x.size * p) < 5 * (x.size * p * (1 - p)) ** 0.5
    np.testing.assert_array_equal(values(layer.eval()(x))[0], x)


def test_dropout_draws_as_a_dropout_layer_does():
    layer = copying_network(3, 0.5)
    x = np.ones((5, 4, 3), np.float32)
    manual_seed(3)
    found = values(layer(x))[0]
    manual_seed(3)
    dropout = nn.Dropout(0.5)
    np.testing.assert_array_equal(found, dropout(dropout(x)).data)
    first, second = copying_network(2, 0.5, rng=3), copying_network(2, 0.5, rng=3)
    one, two = (values(first(x))[0] for _ in range(2))
    assert (one != two).any()  # another mask at every call
    np.testing.assert_array_equal(values(second(x))[0], one)  # the same sequence for a seed
    np.testing.assert_array_equal(values(second(x))[0], two)


@layers
def test_with_everything_dropped_the_second_layer_reads_zeros(name):
    layer = make(name, {"input_size": 2, "hidden_size": 3, "num_layers": 2, "dropout": 1.0})
    x = Tensor(normal((5, 4, 2)), requires_grad=True)
    y, _ = layer(x)
    np.testing.assert_array_equal(y.data, values(layer(normal((5, 4, 2), 1)))[0])
    y.sum().backward()
    assert not x.grad.any()
    assert not layer.weight_ih_l1.grad.any()
    assert layer.weight_hh_l1.grad.any()


def test_dropout_with_one_layer_warns_that_it_has_no_effect():
    with pytest.warns(UserWarning, match=r"LSTM: dropout=0.5 has no effect with one layer") as seen:
        nn.LSTM(2, 3, dropout=0.5)
    assert seen[0].filename == __file__
