"""Loading state: into and out of torch for nested networks, and what does not fit."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, nn


def build(nn, zeros):
    """Return the same network for scratchnet.nn and for torch.nn; zeros makes arrays or tensors."""

    class Block(nn.Module):
        def __init__(self, channels, shortcut):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.shortcut = shortcut
            self.gain = nn.Parameter(zeros(1))

        def forward(self, x):
            y = self.bn1(self.conv1(x)).relu() * self.gain
            return y + (x if self.shortcut is None else self.shortcut(x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 4, 3), norm=nn.BatchNorm2d(4)))
            self.register_buffer("mean", zeros(4, 1, 1))
            self.register_buffer("unsaved", zeros(2), persistent=False)
            self.blocks = nn.ModuleList([Block(4, None), Block(4, nn.Conv2d(4, 4, 1))])
            self.again = self.blocks[0].bn1
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.LayerNorm(3))
            self.tail = self.head[1:]
            self.extra = nn.Parameter(zeros(3))
            self.extra_again = self.extra

        def forward(self, x):
            x = self.stem(x) - self.mean
            for block in self.blocks:
                x = block(x)
            return self.head(self.again(x).mean((2, 3))) + self.extra

    return Network()


def ours():
    return build(nn, lambda *shape: np.zeros(shape, np.float32))


@pytest.fixture
def theirs(torch):
    network = build(torch.nn, torch.zeros)
    generator = torch.Generator().manual_seed(0)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.1, 1.0, generator=generator)
    return network


def test_keys_shapes_and_order_are_those_of_torch(theirs):
    found, expected = ours().state_dict(), theirs.state_dict()
    assert list(found) == list(expected)
    assert [v.shape for v in found.values()] == [tuple(v.shape) for v in expected.values()]


@pytest.mark.parametrize(
    "names", ["named_parameters", "named_buffers", "named_modules", "named_children"]
)
def test_names_are_found_in_the_order_of_torch(theirs, names):
    found = [name for name, _ in getattr(ours(), names)()]
    assert found == [name for name, _ in getattr(theirs, names)()]


def test_state_of_torch_gives_the_output_of_torch(torch, theirs):
    network, x = ours(), np.random.default_rng(0).standard_normal((2, 1, 6, 6), np.float32)
    assert network.load_state_dict(theirs.state_dict()) == ([], [])
    for training in (True, False, True):
        found = network.train(training)(Tensor(x))
        expected = theirs.train(training)(torch.from_numpy(x)).detach().numpy()
        # float32 (6e-8) through a dozen layers, two of which divide by a standard deviation
        np.testing.assert_allclose(found.data, expected, rtol=1e-4, atol=1e-4)
    assert network.again.num_batches_tracked == theirs.again.num_batches_tracked == 4


def test_torch_takes_our_state(torch, theirs):
    state = {k: v + 1 for k, v in ours().state_dict().items()}
    theirs.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state[key])


# --- our own


@pytest.mark.parametrize("wrap", [lambda a: a, Tensor, lambda a: a.tolist()])
def test_values_are_copied_and_cast_to_the_dtype_of_the_module(wrap):
    layer = nn.Linear(2, 2)
    parameter, weight = layer.weight, np.arange(4.0).reshape(2, 2)
    layer.load_state_dict({"weight": wrap(weight), "bias": wrap(np.array([1, 2]))})
    assert layer.weight is parameter
    assert layer.weight.dtype == np.float32
    weight[:] = -1
    np.testing.assert_array_equal(layer.weight.data, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(layer.bias.data, [1, 2])


def test_a_state_dict_holds_the_arrays_themselves_through_training_and_loading():
    norm = nn.BatchNorm1d(2)
    state = norm.state_dict()
    norm(np.arange(8.0, dtype=np.float32).reshape(4, 2))
    assert state["num_batches_tracked"] == 1
    assert state["running_mean"].all()
    norm.load_state_dict({k: np.full(v.shape, 7) for k, v in state.items()})
    assert all((v == 7).all() for v in state.values())
    assert all(v is norm.state_dict()[k] for k, v in state.items())


def test_backward_through_parameters_that_were_loaded_since_is_refused():
    layer = nn.Linear(2, 2)
    y = layer(np.ones((1, 2), np.float32)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.backward()


STATE = ours().state_dict()
KEYS = list(STATE)
ALIASES = {key: {k for k in KEYS if STATE[k] is STATE[key]} for key in KEYS}  # with itself


@given(
    missing=st.sets(st.sampled_from(KEYS), max_size=3),
    unexpected=st.sets(st.sampled_from(["head.0.weight", "other", "stem.conv.weight.x"])),
    misshapen=st.sets(st.sampled_from(KEYS), max_size=3),
    strict=st.booleans(),
)
def test_an_error_lists_all_that_does_not_fit_and_changes_nothing(
    missing, unexpected, misshapen, strict
):
    network = ours()
    before = {k: v.copy() for k, v in network.state_dict().items()}
    misshapen -= missing
    state = {k: np.ones((*v.shape, *[2] * (k in misshapen))) for k, v in before.items()}
    state = {k: v for k, v in state.items() if k not in missing}
    state |= {k: np.zeros(1) for k in unexpected}
    # The count of batches may be missing: early releases of torch did not save it.
    listed = [k for k in KEYS if k in missing and not k.endswith("num_batches_tracked")]
    if misshapen or (strict and (listed or unexpected)):
        with pytest.raises(ValueError, match=r"Network\.load_state_dict") as error:
            network.load_state_dict(state, strict)
        lines = dict(line.strip().split(": ", 1) for line in str(error.value).splitlines()[1:])
        assert lines.get("missing", "") == (", ".join(listed) if strict else "")
        assert set(filter(None, lines.get("unexpected", "").split(", "))) == (
            unexpected if strict else set()
        )
        expected = [
            f"{k}: expected {before[k].shape} numbers, got {state[k].shape} float64"
            for k in KEYS
            if k in misshapen
        ]
        assert lines.get("misshapen", "") == "; ".join(expected)
        for key, value in network.state_dict().items():
            np.testing.assert_array_equal(value, before[key])
    else:
        found = network.load_state_dict(state, strict)
        assert found.missing_keys == listed
        assert set(found.unexpected_keys) == unexpected
        for key, value in network.state_dict().items():
            assert (value == (before[key] if ALIASES[key] <= missing else 1)).all()


@pytest.mark.parametrize("value", ["text", np.array(["a", "b"]), None, np.ones(2, complex)])
def test_values_that_are_no_real_numbers_are_refused(value):
    layer = nn.Linear(1, 2)
    with pytest.raises(ValueError, match=r"misshapen: bias: expected \(2,\) numbers, got"):
        layer.load_state_dict({"weight": np.ones((2, 1)), "bias": value})
    assert not (layer.weight.data == 1).any()


def test_something_else_than_a_mapping_is_refused():
    with pytest.raises(TypeError, match="load_state_dict takes a mapping of names, got str"):
        nn.Linear(1, 1).load_state_dict("weights.safetensors")


def test_weights_of_early_releases_without_the_count_of_batches_are_loaded():
    layer = nn.BatchNorm2d(3)
    state = {k: v + 1 for k, v in layer.state_dict().items() if k != "num_batches_tracked"}
    assert layer.load_state_dict(state).missing_keys == []
    np.testing.assert_array_equal(layer.running_mean, np.ones(3))
    assert layer.num_batches_tracked == 0


def test_nothing_is_loaded_if_one_array_cannot_be_written():
    layer = nn.Linear(2, 2)
    layer.bias.data = np.broadcast_to(np.float32(0), (2,))
    before = layer.weight.data.copy()
    with pytest.raises(ValueError, match="read-only in this module: bias"):
        layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.ones(2)})
    np.testing.assert_array_equal(layer.weight.data, before)
