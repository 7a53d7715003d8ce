"""The layers of a transformer against torch, and where they drop."""

import pickle

import numpy as np
import pytest
from attention_cases import assert_modules_agree, bools, masks
from compare import normal
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import Tensor, functional, nn, ops

pytestmark = pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")  # torch's


@st.composite
def layers(draw):
    """Options of either layer; the activation is a name."""
    heads = draw(st.integers(1, 2))
    return {
        "d_model": heads * draw(st.integers(2, 3)),  # one feature is always normalised to 0
        "nhead": heads,
        "dim_feedforward": draw(st.integers(1, 5)),
        "dropout": 0.0,
        "activation": draw(st.sampled_from(["relu", "gelu"])),
        "layer_norm_eps": draw(st.sampled_from([1e-5, 0.1])),
        "batch_first": draw(bools),
        "norm_first": draw(bools),
        "bias": draw(bools),
    }


@st.composite
def sequences(draw, options):
    """A source and a target of one batch, or without one, and the shapes of their masks."""
    n, t, s = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    batched = draw(bools)

    def sequence(length, seed):
        order = (n, length) if options["batch_first"] else (length, n)
        return normal((*(order if batched else (length,)), options["d_model"]), seed)

    batch, rows = ((n,), n * options["nhead"]) if batched else ((), options["nhead"])

    def mask(length, width):
        return draw(masks((length, width)) | masks((rows, length, width)))

    return sequence(s, 0), sequence(t, 1), mask, batch, t, s


@given(data=st.data(), dtype=st.sampled_from(["float64", "float64", "float32"]))
def test_encoder_layer_agrees_with_torch(torch, data, dtype):
    options = data.draw(layers())
    src, _, mask, batch, _, s = data.draw(sequences(options))
    arguments = {
        "src": src,
        "src_mask": mask(s, s),
        "src_key_padding_mask": data.draw(masks((*batch, s))),
    }
    ours = nn.TransformerEncoderLayer(**options)
    theirs = torch.nn.TransformerEncoderLayer(**options)
    assert_modules_agree(torch, ours, theirs, arguments, dtype)


@given(data=st.data(), dtype=st.sampled_from(["float64", "float64", "float32"]))
def test_decoder_layer_agrees_with_torch(torch, data, dtype):
    options = data.draw(layers())
    memory, tgt, mask, batch, t, s = data.draw(sequences(options))
    arguments = {
        "tgt": tgt,
        "memory": memory,
        "tgt_mask": mask(t, t),
        "memory_mask": mask(t, s),
        "tgt_key_padding_mask": data.draw(masks((*batch, t))),
        "memory_key_padding_mask": data.draw(masks((*batch, s))),
    }
    ours = nn.TransformerDecoderLayer(**options)
    theirs = torch.nn.TransformerDecoderLayer(**options)
    assert_modules_agree(torch, ours, theirs, arguments, dtype)


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_repr_and_defaults_are_torchs(torch, name):
    theirs = repr(getattr(torch.nn, name)(8, 2)).replace("NonDynamicallyQuantizable", "")
    assert repr(getattr(nn, name)(8, 2)) == theirs


def test_is_causal_without_a_mask_is_the_causal_mask():
    encoder = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True).double()
    decoder = nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True).double()
    x, memory = normal((2, 3, 4)), normal((2, 5, 4), 1)
    later = np.triu(np.ones((3, 3), bool), 1)
    # one formula in two forms
    found, expected = encoder(x, is_causal=True), encoder(x, later)
    np.testing.assert_allclose(found.data, expected.data, 0, 1e-13)
    found, expected = decoder(x, memory, tgt_is_causal=True), decoder(x, memory, later)
    np.testing.assert_allclose(found.data, expected.data, 0, 1e-13)
    to_memory = decoder(x, memory, memory_is_causal=True)
    expected = decoder(x, memory, memory_mask=np.triu(np.ones((3, 5), bool), 1))
    np.testing.assert_allclose(to_memory.data, expected.data, 0, 1e-13)


# --- the equations


def test_the_gradient_past_a_block_is_dy_with_norm_first():
    # dx = dy + …: with weights of 0 behind every block, only the first term is left.
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, norm_first=True).double()
    for linear in (layer.self_attn.out_proj, layer.linear2):
        linear.weight.data[:] = 0
    x, dy = Tensor(normal((3, 2, 4)), requires_grad=True), normal((3, 2, 4), 1)
    layer(x).backward(dy)
    np.testing.assert_array_equal(x.grad, dy)


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_gradient_through_one_block_is_as_stated(norm_first):
    norm, f = nn.LayerNorm(4).double(), nn.Linear(4, 4, rng=0).double()
    layer = nn.TransformerEncoderLayer(4, 2, norm_first=norm_first)
    x, dy = Tensor(normal((2, 4)), requires_grad=True), normal((2, 4), 1)
    y = layer._past(x, norm, f)
    y.backward(dy)

    def pull(module, at, gradient):
        leaf = Tensor(at, requires_grad=True)
        module(leaf).backward(gradient)
        return leaf.grad

    if norm_first:  # dx = dy + (∂norm/∂x)ᵀ (∂f/∂u)ᵀ dy
        expected = dy + pull(norm, x.data, pull(f, norm(Tensor(x.data)).data, dy))
    else:  # du = (∂norm/∂u)ᵀ dy, dx = du + (∂f/∂x)ᵀ du
        du = pull(norm, x.data + f(Tensor(x.data)).data, dy)
        expected = du + pull(f, x.data, du)
    np.testing.assert_allclose(x.grad, expected, 0, 1e-14)  # the same sums in another order


# --- activation


@pytest.mark.parametrize(
    ("name", "function"),
    [("relu", functional.relu), ("gelu", functional.gelu), ("gelu", nn.GELU())],
)
def test_an_activation_may_be_a_name_a_function_or_a_module(name, function):
    by_name = nn.TransformerEncoderLayer(4, 2, 8, 0.0, name, rng=0)
    by_function = nn.TransformerEncoderLayer(4, 2, 8, 0.0, function, rng=0)
    x = normal((3, 2, 4), 0, np.float32)
    np.testing.assert_array_equal(by_name(x).data, by_function(x).data)
    twin = pickle.loads(pickle.dumps(by_function))
    np.testing.assert_array_equal(twin(x).data, by_name(x).data)


@pytest.mark.parametrize("name", ops.activation.__all__)
def test_any_lifted_activation_can_be_pickled(name):
    function = getattr(functional, name)
    assert pickle.loads(pickle.dumps(function)) is function
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, function, rng=0)
    x = normal((3, 2, 4), 0, np.float32)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(x).data, layer(x).data)


def test_another_name_of_an_activation_raises():
    with pytest.raises(ValueError, match="activation is 'relu', 'gelu' or a function, got 'tanh'"):
        nn.TransformerDecoderLayer(4, 2, activation="tanh")


# --- dropout


class Mark(nn.Module):
    """In the place of a dropout: notes its name, and returns zeros in training."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def forward(self, x):
        self.calls.append((self.name, x.shape))
        return x * 0.0 if self.training else x


@pytest.mark.parametrize("norm_first", [True, False])
def test_dropout_comes_behind_each_block_and_within_the_feed_forward_block(norm_first):
    layer, calls = nn.TransformerDecoderLayer(4, 2, 7, 0.3, norm_first=norm_first), []
    assert {m.p for m in layer.modules() if isinstance(m, nn.Dropout)} == {0.3}
    assert layer.self_attn.dropout == layer.multihead_attn.dropout == 0.3
    for name in ("dropout", "dropout1", "dropout2", "dropout3"):
        setattr(layer, name, Mark(name, calls))
    x = normal((3, 2, 4), 0, np.float32)
    y = layer(x, x).data
    assert calls == [
        ("dropout1", (3, 2, 4)),
        ("dropout2", (3, 2, 4)),
        ("dropout", (3, 2, 7)),
        ("dropout3", (3, 2, 4)),
    ]
    if norm_first:  # nothing is left of the blocks
        np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_dropout_of_1_leaves_what_torch_leaves(torch, name):
    for norm_first in (True, False):
        options = {"d_model": 4, "nhead": 2, "dropout": 1.0, "norm_first": norm_first}
        ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
        x = normal((3, 2, 4), 0)
        arguments = {"src": x} if "Encoder" in name else {"tgt": x, "memory": normal((5, 2, 4), 1)}
        assert_modules_agree(torch, ours, theirs, arguments, fixed=("memory",))


def test_a_seed_repeats_weights_and_dropout_and_no_two_dropouts_draw_alike():
    x = np.ones((4, 5, 8), np.float32)
    first, again = (nn.TransformerEncoderLayer(8, 2, 8, 0.5, rng=1) for _ in range(2))
    np.testing.assert_array_equal(first(x).data, again(x).data)
    np.testing.assert_array_equal(first(x).data, again(x).data)
    assert (first.dropout1(x).data != first.dropout2(x).data).any()
    assert (first.linear1.weight.data != first.linear2.weight.data).any()
