"""RecurrentLanguageModel: torch, reading in pieces, truncated gradients, shared weights, learning."""

import re

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, optim
from scratchnet.models import RecurrentLanguageModel, detach_state

K, D, H = 7, 4, 5
CELLS = ["rnn", "lstm", "gru"]


def small(cell="lstm", num_layers=1, tie_weights=False, dtype=np.float64, **options):
    model = RecurrentLanguageModel(
        K, H if tie_weights else D, H, num_layers, cell, tie_weights=tie_weights, rng=0, **options
    )
    return model.to(dtype)


def some_tokens(shape=(3, 9), seed=0):
    return np.random.default_rng(seed).integers(0, K, shape)


def mean_loss(logits, targets):
    return functional.cross_entropy(logits.reshape(-1, K), targets.reshape(-1))


def parts_of(state):
    return state if isinstance(state, tuple) else (state,)


forms = st.tuples(st.sampled_from(CELLS), st.integers(1, 3), st.booleans())


@given(forms, st.sampled_from([np.float32, np.float64]), st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=25)
def test_values_and_gradients_are_those_of_torch_modules_put_together(torch, form, dtype, n, t):
    model, cell, layers = small(*form, dtype=dtype), form[0], form[1]
    width = model.embedding.embedding_dim
    theirs = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(K, width),
            "recurrent": getattr(torch.nn, cell.upper())(width, H, layers, batch_first=True),
            "decoder": torch.nn.Linear(H, K),
        }
    ).to(getattr(torch, np.dtype(dtype).name))
    if form[2]:
        theirs["decoder"].weight = theirs["embedding"].weight
    theirs.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})

    tokens, targets = some_tokens((n, t)), some_tokens((n, t), 1)
    logits, state = model(tokens)
    memory, expected_state = theirs["recurrent"](theirs["embedding"](torch.tensor(tokens)))
    expected = theirs["decoder"](memory)
    # Sums of a dozen terms in another order, through up to three layers of six steps.
    assert_close(logits.data, expected.detach().numpy(), roundings=64)
    for found, wanted in zip(parts_of(state), parts_of(expected_state), strict=True):
        assert_close(found.data, wanted.detach().numpy(), roundings=64)
    mean_loss(logits, targets).backward()
    torch.nn.functional.cross_entropy(
        expected.flatten(0, 1), torch.tensor(targets).flatten()
    ).backward()
    ours = dict(model.named_parameters())
    assert ours.keys() == dict(theirs.named_parameters()).keys()
    for name, parameter in theirs.named_parameters():
        assert_close(ours[name].grad, parameter.grad.numpy(), roundings=64, terms=0.1)


@given(forms, st.lists(st.integers(1, 4), min_size=1, max_size=4))
@settings(max_examples=25)
def test_reading_in_pieces_with_the_state_gives_the_logits_of_reading_at_once(form, sizes):
    model, tokens, state = small(*form).eval(), some_tokens((2, sum(sizes))), None
    pieces = []
    for piece in np.split(tokens, np.cumsum(sizes)[:-1], axis=1):
        logits, state = model(piece, state)
        pieces.append(logits)
    whole, final = model(tokens)
    # Products of other sizes are summed in another order: some roundings (1e-16).
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=0, atol=1e-13)
    for found, expected in zip(parts_of(state), parts_of(final), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@given(forms, st.integers(0, 8))
@settings(max_examples=15)
def test_a_later_token_changes_no_earlier_logit(form, place):
    model, tokens = small(*form).eval(), some_tokens()
    changed = tokens.copy()
    changed[:, place] = (tokens[:, place] + 1) % K
    before, after = model(tokens)[0], model(changed)[0]
    np.testing.assert_array_equal(after[:, :place], before[:, :place])
    assert (after[:, place] != before[:, place]).any(axis=1).all()


@given(forms, st.integers(1, 9))
@settings(max_examples=15)
def test_gradients_of_pieces_with_detached_states_are_those_of_truncated_bptt(form, size):
    tokens, targets = some_tokens(), some_tokens(seed=1)
    pieces, truncated = small(*form), small(*form)
    state = None
    for start in range(0, 9, size):
        part = np.s_[:, start : start + size]
        logits, state = pieces(tokens[part], detach_state(state))
        (mean_loss(logits, targets[part]) * targets[part].size).backward()
    h, _ = truncated.recurrent(truncated.embedding(tokens), truncate=size)
    (mean_loss(truncated.decoder(h), targets) * targets.size).backward()
    for found, expected in zip(pieces.parameters(), truncated.parameters(), strict=True):
        # The same terms, of size up to 1, added up in another order.
        np.testing.assert_allclose(found.grad, expected.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_that_was_not_detached_makes_the_next_backward_raise(cell):
    model, tokens = small(cell), some_tokens()
    logits, state = model(tokens)
    logits.sum().backward()
    logits, _ = model(tokens, state)
    with pytest.raises(RuntimeError, match="backward"):
        logits.sum().backward()


def test_detaching_keeps_the_values_and_the_form_of_a_state():
    assert detach_state(None) is None
    array, recorded = np.ones(3), Tensor(np.ones(3), requires_grad=True) * 2
    assert detach_state(array) is array
    h, (c, none) = detach_state((recorded, (array, None)))
    assert c is array
    assert none is None
    assert recorded.requires_grad
    assert not h.requires_grad
    assert h.data is recorded.data


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_a_shared_table_is_the_sum_of_both_uses(cell):
    tied = small(cell, tie_weights=True)
    apart = RecurrentLanguageModel(K, H, H, cell=cell, rng=1).double()
    apart.load_state_dict(tied.state_dict())
    tokens, targets = some_tokens(), some_tokens(seed=1)
    for model in (tied, apart):
        mean_loss(model(tokens)[0], targets).backward()
    assert len(list(tied.parameters())) == len(list(apart.parameters())) - 1
    both = apart.embedding.weight.grad + apart.decoder.weight.grad
    np.testing.assert_allclose(tied.embedding.weight.grad, both, rtol=1e-12, atol=1e-15)


def test_a_shared_table_starts_as_small_as_the_weights_of_a_linear_map():
    model = RecurrentLanguageModel(400, 100, 100, tie_weights=True, rng=0)
    assert model.decoder.weight is model.embedding.weight
    assert abs(model.embedding.weight.data.std() * 10 - 1) < 0.02  # 40,000 draws: ± 0.004


def test_dropout_is_drawn_in_training_only_and_a_seed_fixes_all_that_is_drawn():
    tokens = some_tokens()
    first, again = (small("gru", 2, dropout=0.5)(tokens)[0].data for _ in range(2))
    np.testing.assert_array_equal(first, again)
    model = small("gru", 2, dropout=0.5)
    np.testing.assert_array_equal(model.eval()(tokens)[0], small("gru", 2).eval()(tokens)[0])
    model.train()
    assert (model(tokens)[0].data != model(tokens)[0].data).any()


def test_dropout_is_of_the_embedding_between_layers_and_of_the_last_memory():
    model, one, other = small("gru", 2, dropout=1.0), some_tokens(), some_tokens(seed=1)
    logits, state = model(one)  # with a dropout of one, nothing is left
    np.testing.assert_array_equal(logits.data, np.broadcast_to(model.decoder.bias.data, (3, 9, K)))
    np.testing.assert_array_equal(state.data, model(other)[1].data)
    model.dropout.eval()  # that of the embedding and of the last memory; what is left is between
    (logits, state), (other_logits, other_state) = model(one), model(other)
    assert np.abs(state.data[0] - other_state.data[0]).max() > 1e-3
    np.testing.assert_array_equal(state.data[1], other_state.data[1])
    np.testing.assert_array_equal(logits.data, other_logits.data)
    assert np.abs(logits.data - model.decoder.bias.data).max() > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eval_mode_gives_arrays_and_training_tensors_in_the_dtype_of_the_weights(dtype):
    model, tokens = small(dtype=dtype), some_tokens()
    for found in (model(tokens)[0], *model(tokens)[1]):
        assert type(found) is Tensor
        assert found.dtype == dtype
    for found in (model.eval()(tokens)[0], *model(tokens)[1]):
        assert type(found) is np.ndarray
        assert found.dtype == dtype


def test_an_empty_batch_gives_no_logits():
    logits, (h, c) = small("lstm", 2).eval()(np.zeros((0, 9), int))
    assert (logits.shape, h.shape, c.shape) == ((0, 9, K), (2, 0, H), (2, 0, H))


def test_it_learns_what_a_memory_is_needed_for():
    rng = np.random.default_rng(0)
    model = RecurrentLanguageModel(4, 8, 16, cell="gru", rng=0)
    optimizer = optim.Adam(model.parameters(), 0.03)
    for _ in range(80):  # each text repeats its first two tokens without end
        text = np.tile(rng.integers(0, 4, (16, 2)), 5)
        logits, _ = model(text[:, :-1])
        optimizer.zero_grad()
        functional.cross_entropy(logits[:, 1:].reshape(-1, 4), text[:, 2:].reshape(-1)).backward()
        optimizer.step()
    text = np.tile(rng.integers(0, 4, (100, 2)), 5)
    logits, _ = model.eval()(text[:, :-1])
    # The token before tells nothing: without a memory a quarter would be right.
    assert np.mean(logits[:, 1:].argmax(-1) == text[:, 2:]) > 0.98


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: small("elman"), ValueError, "cell is one of rnn, lstm, gru, got 'elman'"),
        (
            lambda: RecurrentLanguageModel(K, D, H, tie_weights=True),
            ValueError,
            "got embedding_dim=4 and hidden_size=5",
        ),
        (lambda: small()(some_tokens()[0]), ValueError, "takes tokens (N, T), got (9,)"),
        (lambda: small()(some_tokens() + K), IndexError, "token 12 at position (0, 0)"),
        (lambda: small()(some_tokens() + 0.0), TypeError, "integers, got float64"),
        (
            lambda: small("gru")(some_tokens(), np.zeros((1, 2, H))),
            ValueError,
            "h of shape (1, 3, 5), got (1, 2, 5)",
        ),
        (lambda: small("lstm")(some_tokens(), np.zeros((1, 3, H))), TypeError, "(h, c)"),
    ],
)
def test_what_does_not_fit_is_an_error_with_the_values_in_hand(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
