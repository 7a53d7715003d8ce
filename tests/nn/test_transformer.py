"""Stacks of transformer layers and the whole Transformer against torch."""

import copy
import pickle
import re

import numpy as np
import pytest
from attention_cases import assert_modules_agree, bools, masks
from compare import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, nn

pytestmark = [
    pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning"),  # torch's
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
]
later = np.triu(np.ones((3, 3), bool), 1)


@given(data=st.data())
@settings(max_examples=30)
def test_encoder_and_decoder_agree_with_torch(torch, data):
    layer = {"dropout": 0.0, "batch_first": data.draw(bools), "norm_first": data.draw(bools)}
    n_layers, with_norm, causal = data.draw(st.integers(1, 3)), data.draw(bools), data.draw(bools)
    mask = later if causal else data.draw(masks((3, 3)))
    n = 3 if layer["batch_first"] else 2
    x = normal((n, 3, 4) if layer["batch_first"] else (3, n, 4))
    padding = data.draw(masks((n, 3)))
    for kind in ("Encoder", "Decoder"):
        ours, theirs = (
            getattr(package, f"Transformer{kind}")(
                getattr(package, f"Transformer{kind}Layer")(4, 2, 6, **layer),
                n_layers,
                package.LayerNorm(4) if with_norm else None,
            )
            for package in (nn, torch.nn)
        )
        if kind == "Encoder":
            arguments = {"src": x, "mask": mask, "src_key_padding_mask": padding}
        else:
            arguments = {"tgt": x, "memory": x + 1, "tgt_mask": mask}
            arguments |= {"memory_key_padding_mask": padding}
        assert_modules_agree(torch, ours, theirs, arguments)


@given(data=st.data())
@settings(max_examples=20)
def test_transformer_agrees_with_torch(torch, data):
    options = {
        "d_model": 4,
        "nhead": 2,
        "num_encoder_layers": data.draw(st.integers(1, 2)),
        "num_decoder_layers": data.draw(st.integers(1, 2)),
        "dim_feedforward": 6,
        "dropout": 0.0,
        "activation": data.draw(st.sampled_from(["relu", "gelu"])),
        "batch_first": data.draw(bools),
        "norm_first": data.draw(bools),
        "bias": data.draw(bools),
    }
    n, t, s = 2, 3, 4
    batched = data.draw(bools)
    batch = (n,) if batched else ()

    def sequence(length, seed):
        order = (*batch, length) if options["batch_first"] else (length, *batch)
        return normal((*order, 4), seed)

    arguments = {
        "src": sequence(s, 0),
        "tgt": sequence(t, 1),
        "src_mask": data.draw(masks((s, s))),
        "tgt_mask": later,
        "memory_mask": data.draw(masks((t, s))),
        "src_key_padding_mask": data.draw(masks((*batch, s))),
        "tgt_key_padding_mask": data.draw(masks((*batch, t))),
        "memory_key_padding_mask": data.draw(masks((*batch, s))),
    }
    ours, theirs = nn.Transformer(**options), torch.nn.Transformer(**options)
    assert_modules_agree(torch, ours, theirs, arguments)


def test_a_stack_runs_its_layers_in_order_and_then_the_norm():
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.0).double()
    stack = nn.TransformerEncoder(layer, 3, nn.LayerNorm(4)).double()
    x = normal((3, 2, 4))
    for p in stack.parameters():
        p.data += normal(p.shape, p.data.size) / 9  # apart from each other
    y = Tensor(x)
    for one in stack.layers:
        y = one(y)
    np.testing.assert_array_equal(stack(x).data, stack.norm(y).data)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_causal_mask_is_recognised_and_gives_the_figures_of_the_flag(kind):
    mask = later if kind == "bool" else nn.Transformer.generate_square_subsequent_mask(3)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0).double(), 2)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6, 0.0).double(), 2)
    x = normal((3, 2, 4))
    # the same route through the code, so the same figures
    np.testing.assert_array_equal(encoder(x, mask).data, encoder(x, is_causal=True).data)
    found, expected = decoder(x, x, mask), decoder(x, x, tgt_is_causal=True)
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_allclose(
        encoder(x, mask).data, encoder(x, mask, is_causal=False).data, 0, 1e-13
    )  # one formula in two forms


def test_a_stack_compares_its_mask_once_and_a_layer_of_ones_own_still_gets_it(monkeypatch):
    found, comparisons = [], []

    class Own(nn.Module):
        def forward(self, x, memory=None, **options):
            found.append(options)
            return x

    for module in (nn.transformer, nn.attention):
        compare = module.is_causal_mask

        def counted(mask, compare=compare):
            comparisons.append(mask is not None and compare(mask))
            return compare(mask)

        monkeypatch.setattr(module, "is_causal_mask", counted)
    x = normal((3, 2, 4), 0, np.float32)
    stacks = (
        (nn.TransformerEncoder, nn.TransformerEncoderLayer, (), "mask", "src_mask"),
        (nn.TransformerDecoder, nn.TransformerDecoderLayer, (x,), "tgt_mask", "tgt_mask"),
    )
    for stack, layer, memory, name, name_of_layer in stacks:
        for flag in ({}, {name.replace("mask", "is_causal"): True}):
            comparisons.clear()
            stack(layer(4, 2, 6), 3)(x, *memory, **{name: later}, **flag)
            assert comparisons.count(True) == 1
        found.clear()
        stack(Own(), 2)(x, *memory, **{name: later})
        for options in found:
            np.testing.assert_array_equal(options[name_of_layer].data, later)
            assert options[name.replace("mask", "is_causal")] is True


def test_a_stack_of_no_layers_is_its_norm():
    x, norm = normal((3, 2, 4), 0, np.float32), nn.LayerNorm(4)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 0, norm)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6), 0)
    np.testing.assert_array_equal(encoder(x, later).data, norm(x).data)
    np.testing.assert_array_equal(decoder(x, x).data, x)
    assert nn.Transformer(4, 2, 0, 1, 6)(x, x).shape == x.shape


def test_what_is_no_array_is_named():
    with pytest.raises(TypeError, match="Transformer takes an array or a Tensor as src, got list"):
        nn.Transformer(4, 2, 1, 1, 6)([[1.0]], zeros(1, 4))


def test_no_position_sees_a_later_one_through_a_causal_stack():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0).double(), 3).eval()
    x = normal((5, 1, 4))
    changed = x.copy()
    changed[3:] += 1
    before, after = encoder(x, is_causal=True), encoder(changed, is_causal=True)
    np.testing.assert_array_equal(before[:3], after[:3])
    assert (before[3:] != after[3:]).all()


def test_the_layers_are_copies_that_start_alike_and_share_the_generator_of_their_dropout():
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.5, rng=0)
    stack = nn.TransformerEncoder(layer, 2)
    first, second = stack.layers
    assert first is not layer
    for p, q, r in zip(layer.parameters(), first.parameters(), second.parameters(), strict=True):
        assert p is not q
        np.testing.assert_array_equal(q.data, p.data)
        np.testing.assert_array_equal(r.data, p.data)
        assert not np.shares_memory(q.data, r.data)
    assert first.dropout.rng is second.dropout1.rng is second.self_attn.rng
    x = np.ones((4, 5, 4), np.float32)
    assert (first.dropout(x).data != second.dropout(x).data).any()


def test_transformer_starts_every_matrix_by_xaviers_rule_and_no_two_layers_alike(torch):
    ours = nn.Transformer(32, 2, 2, 1, 40, rng=0)
    torch.manual_seed(0)
    theirs = torch.nn.Transformer(32, 2, 2, 1, 40)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if p.ndim > 1:  # of n uniform numbers the largest is below the bound by about 1/n, n ≥ 1024
            np.testing.assert_allclose(
                abs(p.data).max(), abs(q.detach().numpy()).max(), 0.02, err_msg=name
            )
        elif "linear" not in name:  # theirs and ours draw the biases of linear maps
            np.testing.assert_array_equal(p.data, q.detach().numpy())
    a, b = ours.encoder.layers
    assert (a.linear1.weight.data != b.linear1.weight.data).any()
    again = nn.Transformer(32, 2, 2, 1, 40, rng=0)
    np.testing.assert_array_equal(
        again.decoder.layers[0].linear1.weight.data, ours.decoder.layers[0].linear1.weight.data
    )


def test_the_flags_of_a_transformer_are_the_causal_masks():
    net = nn.Transformer(4, 2, 1, 1, 6, 0.0).double()
    src, tgt = normal((4, 2, 4)), normal((3, 2, 4), 1)
    for flag, mask, shape in (
        ("src_is_causal", "src_mask", (4, 4)),
        ("tgt_is_causal", "tgt_mask", (3, 3)),
        ("memory_is_causal", "memory_mask", (3, 4)),
    ):
        found = net(src, tgt, **{flag: True})
        expected = net(src, tgt, **{mask: np.triu(np.ones(shape, bool), 1)})
        np.testing.assert_allclose(found.data, expected.data, 0, 1e-13)  # one formula in two forms
        assert abs(found.data - net(src, tgt).data).max() > 1e-3


def test_custom_stacks_take_the_place_of_encoder_and_decoder():
    class Plus(nn.Module):
        def forward(self, x, memory=0.0, **options):
            assert options
            return x + memory

    net = nn.Transformer(4, 2, custom_encoder=Plus(), custom_decoder=Plus())
    src, tgt = np.full((2, 1, 4), 2.0), np.full((2, 1, 4), 1.0)
    np.testing.assert_array_equal(net(src, tgt).data, np.full((2, 1, 4), 3.0))


def test_a_copied_or_pickled_transformer_computes_the_same():
    net = nn.Transformer(4, 2, 1, 1, 6, 0.0)
    src, tgt = normal((3, 2, 4), 0, np.float32), normal((4, 2, 4), 1, np.float32)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(twin) == repr(net)
        np.testing.assert_array_equal(twin(src, tgt).data, net(src, tgt).data)


def test_the_subsequent_mask_is_torchs(torch):
    found = nn.Transformer.generate_square_subsequent_mask(4)
    expected = torch.nn.Transformer.generate_square_subsequent_mask(4).numpy()
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert nn.Transformer.generate_square_subsequent_mask(4, np.float64).dtype == np.float64


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(4, 2), 1, enable_nested_tensor=True
            ),
            "there are no nested tensors",
        ),
        (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), -1),
            "a stack has 0 layers or more, got -1",
        ),
        (lambda: nn.Transformer(6, 4, 1, 1), "num_heads=4 must divide embed_dim=6"),
        (
            lambda: nn.Transformer(4, 2, 1, 1)(zeros(3, 2, 4), zeros(3, 1, 4)),
            "of one batch, d_model features each, got src (3, 2, 4), tgt (3, 1, 4)",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1)(zeros(3, 2, 5), zeros(3, 2, 4)),
            "got src (3, 2, 5), tgt (3, 2, 4)",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1)(
                zeros(3, 2, 4), zeros(5, 2, 4), tgt_mask=zeros(3, 3)
            ),
            "attn_mask has the shape (5, 5) or (4, 5, 5), got (3, 3)",
        ),
    ],
)
def test_what_does_not_fit_is_shown(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
