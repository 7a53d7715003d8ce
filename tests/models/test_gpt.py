"""GPT: torch, causality, the block's gradient, GPT-2's initial weights, the cache, and learning."""

import re
from math import sqrt

import numpy as np
import pytest
from compare import assert_close, normal
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, nn, no_grad, optim
from scratchnet.models import GPT, GPTBlock

K, C, E, H = 7, 10, 8, 2


def small(num_layers=2, rotary=False, bias=True, dtype=np.float64, **options):
    """A model with weights as large as those of a trained one, not 0.02, and biases other than 0."""
    model = GPT(K, C, E, H, num_layers, rotary=rotary, bias=bias, rng=0, **options).to(dtype)
    for i, parameter in enumerate(model.parameters()):
        parameter.data += normal(parameter.shape, i, dtype) * dtype(0.3)
    return model


def some_tokens(shape=(3, 9), seed=0):
    return np.random.default_rng(seed).integers(0, K, shape)


forms = st.tuples(st.integers(1, 3), st.booleans(), st.booleans())


def torch_parts(torch, model):
    """Return torch's modules of the same names, with the weights of the model."""
    tn, bias = torch.nn, model.norm.bias is not None

    def block():
        attention = {"in_proj": tn.Linear(E, 3 * E, bias), "out_proj": tn.Linear(E, E, bias)}
        mlp = tn.Linear(E, 4 * E, bias), tn.GELU("tanh"), tn.Linear(4 * E, E, bias)
        return tn.ModuleDict(
            {
                "norm1": tn.LayerNorm(E, bias=bias),
                "attention": tn.ModuleDict(attention),
                "norm2": tn.LayerNorm(E, bias=bias),
                "mlp": tn.Sequential(*mlp),
            }
        )

    parts = {"embedding": tn.Embedding(K, E)}
    if model.positions is not None:
        parts["positions"] = tn.Embedding(C, E)
    parts["blocks"] = tn.ModuleList([block() for _ in model.blocks])
    parts["norm"] = tn.LayerNorm(E, bias=bias)
    theirs = tn.ModuleDict(parts).to(getattr(torch, model.norm.weight.dtype.name))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    return theirs


def turned(torch, x):
    """Rotary positions as complex numbers: the pair (i, i + D/2) times e^{i·t·10000^(−2i/D)}."""
    t, d = x.shape[-2:]
    frequencies = 10000.0 ** (-np.arange(0, d, 2) / d)
    turns = torch.tensor(np.exp(1j * np.outer(np.arange(t), frequencies)))  # (T, D/2)
    z = torch.complex(x[..., : d // 2], x[..., d // 2 :])
    z = z * turns.to(z.dtype)
    return torch.cat([z.real, z.imag], dim=-1)


def torch_logits(torch, theirs, tokens):
    x, (n, t) = theirs["embedding"](tokens), tokens.shape
    if "positions" in theirs:
        x = x + theirs["positions"].weight[:t]
    for block in theirs["blocks"]:
        attention = block["attention"]
        heads = attention["in_proj"](block["norm1"](x)).reshape(n, t, 3, H, E // H)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (N, H, T, D) each
        if "positions" not in theirs:
            q, k = turned(torch, q), turned(torch, k)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + attention["out_proj"](y.transpose(1, 2).reshape(n, t, E))
        x = x + block["mlp"](block["norm2"](x))
    return theirs["norm"](x) @ theirs["embedding"].weight.T


@given(forms, st.sampled_from([np.float32, np.float64]), st.integers(1, 3), st.integers(1, C))
@settings(max_examples=25)
def test_values_and_gradients_are_those_of_torch_modules_put_together(torch, form, dtype, n, t):
    model = small(*form, dtype=dtype)
    theirs = torch_parts(torch, model)
    tokens, targets = some_tokens((n, t)), some_tokens((n, t), 1)
    found, expected = model(tokens), torch_logits(torch, theirs, torch.tensor(tokens))
    # Through three blocks whose norms blow up what was rounded before them.
    assert_close(found.data, expected.detach().numpy(), roundings=256)
    functional.cross_entropy(found.reshape(-1, K), targets.reshape(-1)).backward()
    torch.nn.functional.cross_entropy(
        expected.flatten(0, 1), torch.tensor(targets).flatten()
    ).backward()
    ours = dict(model.named_parameters())
    assert ours.keys() == dict(theirs.named_parameters()).keys()
    for name, parameter in theirs.named_parameters():
        assert_close(ours[name].grad, parameter.grad.numpy(), roundings=256, terms=1.0)


@given(forms, st.integers(0, 8))
@settings(max_examples=25)
def test_a_later_token_changes_no_earlier_logit(form, place):
    model, tokens = small(*form).eval(), some_tokens()
    changed = tokens.copy()
    changed[:, place] = (tokens[:, place] + 1) % K
    before, after = model(tokens), model(changed)
    np.testing.assert_array_equal(after[:, :place], before[:, :place])
    assert (after[:, place:] != before[:, place:]).any(axis=2).all()  # but every later one does


def test_every_earlier_token_counts_and_so_does_their_order():
    for rotary in (False, True):
        model, tokens = small(rotary=rotary).eval(), some_tokens((1, 9))
        last = model(tokens)[0, -1]
        for place in range(9):
            changed = tokens.copy()
            changed[0, place] = (tokens[0, place] + 1) % K
            assert (model(changed)[0, -1] != last).any()
        # Without positions, two blocks would not notice the order of what stands before the last.
        swapped = tokens[:, [*range(7, -1, -1), 8]]
        assert np.abs(model(swapped)[0, -1] - last).max() > 1e-3


@given(st.booleans(), st.lists(st.integers(1, 4), min_size=1, max_size=4))
@settings(max_examples=25)
def test_reading_in_pieces_with_caches_gives_the_logits_of_reading_at_once(rotary, sizes):
    sizes = [size for size, end in zip(sizes, np.cumsum(sizes), strict=True) if end <= C]
    model, tokens = small(rotary=rotary).eval(), some_tokens((2, sum(sizes)))
    caches = [nn.KeyValueCache() for _ in model.blocks]
    pieces = np.split(tokens, np.cumsum(sizes)[:-1], axis=1)
    found = np.concatenate([model(piece, caches) for piece in pieces], axis=1)
    assert [len(cache) for cache in caches] == [sum(sizes)] * 2
    # Products of other sizes are summed in another order: some roundings (1e-16) of logits up to 10.
    np.testing.assert_allclose(found, model(tokens), rtol=0, atol=1e-12)


def jacobian_product(branch, x, dy):
    """Return Jᵀ dy of one branch at x, and its value."""
    leaf = Tensor(x, requires_grad=True)
    y = branch(leaf)
    y.backward(dy)
    return leaf.grad, y.data


def test_the_gradient_of_a_block_is_composed_as_stated():
    block = small().blocks[0]
    x, dy = normal((2, 5, E)), normal((2, 5, E), 1)
    _, a = jacobian_product(lambda x: block.attention(block.norm1(x)), x, dy)
    u = x + a
    from_mlp, m = jacobian_product(lambda u: block.mlp(block.norm2(u)), u, dy)
    du = dy + from_mlp
    dx = du + jacobian_product(lambda x: block.attention(block.norm1(x)), x, du)[0]
    found_dx, y = jacobian_product(block, x, dy)
    np.testing.assert_allclose(y, u + m, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found_dx, dx, rtol=0, atol=1e-12)


def test_with_branches_that_add_nothing_value_and_gradient_pass_whole():
    block = GPTBlock(E, H, rng=0).double()
    for last in (block.attention.out_proj, block.mlp[-1]):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    x, dy = normal((2, 5, E)), normal((2, 5, E), 1)
    dx, y = jacobian_product(block, x, dy)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dx, dy)


@pytest.mark.parametrize("num_layers", [1, 8])
def test_weights_start_as_those_of_gpt_2(num_layers):
    model = GPT(300, 200, 64, 4, num_layers, rng=0)
    added = 0
    for name, parameter in model.named_parameters():
        if "norm" in name:
            np.testing.assert_array_equal(parameter.data, float(name.endswith("weight")))
        elif name.endswith("bias"):
            np.testing.assert_array_equal(parameter.data, 0.0)
        else:
            is_added = name.endswith(("attention.out_proj.weight", "mlp.2.weight"))
            added += is_added
            std = 0.02 / sqrt(2 * num_layers) if is_added else 0.02
            assert abs(parameter.data.std() / std - 1) < 0.05  # 4096 draws or more: ± 0.011
            assert abs(parameter.data.mean()) < 0.1 * std
    assert added == 2 * num_layers


def test_the_variance_of_the_sum_does_not_grow_with_the_number_of_blocks():
    def added(num_layers):
        model, tokens = GPT(50, 32, 64, 4, num_layers, rng=0), some_tokens((4, 32))
        with no_grad():
            start = x = model.positions(model.embedding(Tensor(tokens)))
            for block in model.blocks:
                x = block(x)
        return (x.data - start.data).var()

    assert 0.5 < added(16) / added(2) < 2  # without the scaling, 8 times as much


def test_every_parameter_gets_a_gradient():
    for form in ((2, False, True), (2, True, False)):
        model = small(*form)
        logits, targets = model(some_tokens()), some_tokens(seed=1)
        functional.cross_entropy(logits.reshape(-1, K), targets.reshape(-1)).backward()
        for name, parameter in model.named_parameters():
            assert np.abs(parameter.grad).max() > 0, name
        assert (model.positions is None) == form[1]


def test_without_bias_there_is_none():
    assert not [name for name, _ in small(bias=False).named_parameters() if "bias" in name]


def test_dropout_is_drawn_in_training_only_and_a_seed_fixes_all_that_is_drawn():
    tokens = some_tokens()
    first, again = (small(dropout=0.5)(tokens).data for _ in range(2))
    np.testing.assert_array_equal(first, again)
    model = small(dropout=0.5)
    np.testing.assert_array_equal(model.eval()(tokens), small().eval()(tokens))
    model.train()
    assert (model(tokens).data != model(tokens).data).any()


def test_dropout_is_of_the_attention_weights_too():
    model, tokens = small(dropout=0.5), some_tokens()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    assert (model(tokens).data != model(tokens).data).any()


def test_with_a_dropout_of_one_nothing_is_added_to_the_embedding_and_that_is_dropped_too():
    model = small(dropout=1.0)
    bare = model.norm.bias.data @ model.embedding.weight.data.T  # the norm of zeros is its bias
    # The same sum of eight terms by two forms of the product.
    np.testing.assert_allclose(model(some_tokens()).data - bare, np.zeros((3, 9, K)), atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eval_mode_gives_arrays_and_training_tensors_in_the_dtype_of_the_weights(dtype):
    for rotary in (False, True):
        model, tokens = small(rotary=rotary, dtype=dtype), some_tokens()
        assert type(model(tokens)) is Tensor
        assert type(model.eval()(tokens)) is np.ndarray
        assert model(tokens).dtype == model.train()(tokens).dtype == dtype


def test_an_empty_batch_gives_no_logits():
    assert small().eval()(np.zeros((0, 9), int)).shape == (0, 9, K)


def test_it_learns_to_look_back():
    rng = np.random.default_rng(0)
    model = GPT(6, 12, 32, 2, 2, rng=0)
    optimizer = optim.AdamW(model.parameters(), 0.01)
    for _ in range(100):  # each text repeats its first three tokens without end
        text = np.tile(rng.integers(0, 6, (16, 3)), 4)
        logits = model(text[:, :-1])[:, 2:]
        optimizer.zero_grad()
        functional.cross_entropy(logits.reshape(-1, 6), text[:, 3:].reshape(-1)).backward()
        optimizer.step()
    text = np.tile(rng.integers(0, 6, (100, 3)), 4)
    found = model.eval()(text[:, :-1])[:, 2:].argmax(-1)
    assert np.mean(found == text[:, 3:]) > 0.99  # by the last token alone, a sixth would be right


def caches(n=2, length=0, batch=3):
    found = [nn.KeyValueCache() for _ in range(n)]
    for cache in found if length else []:
        cache.append(np.zeros((batch, H, length, E // H)), np.zeros((batch, H, length, E // H)))
    return found


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m(some_tokens()[0]), ValueError, "GPT takes tokens (N, T), got (9,)"),
        (lambda m: m(some_tokens() + K), IndexError, "token 12 at position (0, 0)"),
        (lambda m: m(some_tokens() + 0.0), TypeError, "integers, got float64"),
        (
            lambda m: m(some_tokens((2, 11))),
            ValueError,
            "context of 10 tokens, the sequence goes on to 11: 0 cached and tokens (2, 11)",
        ),
        (lambda m: m(some_tokens(), caches(2, 2)), ValueError, "goes on to 11: 2 cached"),
        (lambda m: m(some_tokens(), caches(3)), ValueError, "each of 2 blocks, got 3"),
        (lambda m: m(some_tokens(), []), ValueError, "each of 2 blocks, got 0"),
        (
            lambda m: m(some_tokens((2, 1)), caches(2, 2)),
            ValueError,
            "a new text takes a new cache",
        ),
        (lambda m: GPT(K, 0, E, H, 2), ValueError, "context_length must be at least 1, got 0"),
        (lambda m: GPT(K, C, E, 3, 2), ValueError, "num_heads=3 must divide embed_dim=8"),
        (lambda m: GPT(K, C, E, H, 0), ValueError, "num_layers must be at least 1, got 0"),
        (lambda m: GPT(K, C, 6, 2, 1, rotary=True), ValueError, "head_dim=3 is odd"),
    ],
)
@pytest.mark.parametrize("rotary", [False, True])
def test_what_does_not_fit_is_an_error_with_the_values_in_hand(call, error, message, rotary):
    with pytest.raises(error, match=re.escape(message)):
        call(small(rotary=rotary).eval())


@pytest.mark.parametrize("rotary", [False, True])
def test_caches_that_did_not_see_the_same_tokens_are_refused(rotary):
    model, tokens = small(rotary=rotary).eval(), some_tokens()[:, :2]
    one = [nn.KeyValueCache()] * 2
    with pytest.raises(ValueError, match=r"not one object, .* their lengths are \[0, 0\]"):
        model(tokens, one)
    assert len(one[0]) == 0
    for first, second in ((0, 1), (2, 1)):
        with pytest.raises(ValueError, match=rf"lengths are \[{first}, {second}\]"):
            model(tokens, caches(1, first) + caches(1, second))


def test_a_cache_in_training_raises():
    with pytest.raises(RuntimeError, match="KeyValueCache is for inference"):
        small()(some_tokens(), caches())
