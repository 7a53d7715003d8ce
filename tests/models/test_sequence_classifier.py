"""SequenceClassifier: its equations, unequal lengths, torch, and that attention finds what counts."""

import re

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, optim
from scratchnet.models import SequenceClassifier

CELLS, POOLINGS = ["lstm", "gru", "rnn"], ["attention", "mean", "last"]
LENGTHS = np.array([4, 9, 1, 6, 9])


def small(cell="lstm", num_layers=1, bidirectional=True, pooling="attention", **options):
    model = SequenceClassifier(
        8, 3, 4, 5, cell, num_layers, bidirectional, pooling=pooling, rng=0, **options
    )
    return model.double()


def some_tokens(shape=(5, 9), seed=0):
    return np.random.default_rng(seed).integers(0, 8, shape)


forms = st.tuples(
    st.sampled_from(CELLS), st.integers(1, 2), st.booleans(), st.sampled_from(POOLINGS)
)


@given(forms, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 2))
@settings(max_examples=40)
def test_a_batch_of_unequal_lengths_gives_the_figures_of_one_at_a_time(form, lengths, longer):
    model = small(*form).eval()
    tokens = some_tokens((len(lengths), max(lengths) + longer))  # garbage stands behind each end
    wanted = {"return_weights": form[3] != "last"}
    together = model(tokens, lengths, **wanted)
    for i, length in enumerate(lengths):
        alone = model(tokens[i : i + 1, :length], **wanted)
        if not wanted["return_weights"]:
            np.testing.assert_allclose(together[i], alone[0], rtol=0, atol=1e-12)
            continue
        # Products of other sizes are summed in another order: some roundings (1e-16).
        np.testing.assert_allclose(together[0][i], alone[0][0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(together[1][i, :length], alone[1][0], rtol=0, atol=1e-12)
        assert not together[1][i, length:].any()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_stands_behind_the_end_changes_no_figure_and_gets_no_gradient(pooling):
    tokens = some_tokens() % 7  # none is 7
    behind = np.arange(9) >= LENGTHS[:, None]
    found = []
    for padding in (7, some_tokens(seed=1)):
        model = small(pooling=pooling)
        logits = model(np.where(behind, padding, tokens), LENGTHS)
        functional.cross_entropy(logits, np.array([0, 1, 2, 1, 0])).backward()
        found.append([logits.data, *(p.grad for p in model.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not found[0][1][7].any()  # the row of the embedding of a token that only fills up
    assert all(np.abs(gradient).max() > 0 for gradient in found[0])


@pytest.mark.parametrize("cell", CELLS)
def test_pooling_is_the_stated_equation(cell):
    tokens = some_tokens()
    for pooling in POOLINGS:
        model = small(cell, 2, pooling=pooling).eval()
        h, final = model.recurrent(model.embedding(tokens), lengths=LENGTHS)
        last = final[0] if cell == "lstm" else final
        for i, length in enumerate(LENGTHS):
            steps = h[i, :length]
            if pooling == "last":
                # What reads forwards ends at the last step, what reads backwards at the first.
                context = np.concatenate([steps[-1, :5], steps[0, 5:]])
                np.testing.assert_array_equal(context, last[-2:, i].ravel())
            else:
                e = np.ones(length)
                if pooling == "attention":
                    w, b = model.hidden.weight.data, model.hidden.bias.data
                    v = model.score.weight.data[0]
                    e = np.exp(np.tanh(steps @ w.T + b) @ v)
                weights = model(tokens, LENGTHS, return_weights=True)[1][i]
                np.testing.assert_allclose(weights[:length], e / e.sum(), rtol=1e-12)
                np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
                context = e / e.sum() @ steps
            logits = model.classifier(context[None])[0]
            np.testing.assert_allclose(model(tokens, LENGTHS)[i], logits, rtol=1e-12, atol=1e-13)


def torch_logits(torch, model, tokens, lengths):
    """Return the logits of the same model made of torch's modules, and these, the weights loaded."""
    nn, recurrent = torch.nn, model.recurrent
    parts = {
        "embedding": nn.Embedding(8, 4),
        "recurrent": getattr(nn, type(recurrent).__name__)(
            4, 5, recurrent.num_layers, batch_first=True, bidirectional=recurrent.bidirectional
        ),
        "classifier": nn.Linear(model.classifier.in_features, 3),
    }
    if model.pooling == "attention":
        parts["hidden"] = nn.Linear(model.hidden.in_features, 5)
        parts["score"] = nn.Linear(5, 1, bias=False)
    theirs = nn.ModuleDict(parts).double()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in model.state_dict().items()})
    n_steps = torch.from_numpy(lengths)
    packed = nn.utils.rnn.pack_padded_sequence(
        theirs["embedding"](torch.from_numpy(tokens)), n_steps, True, enforce_sorted=False
    )
    packed, final = theirs["recurrent"](packed)
    states = nn.utils.rnn.pad_packed_sequence(packed, True, total_length=tokens.shape[1])[0]
    inside = torch.arange(tokens.shape[1]) < n_steps[:, None]
    if model.pooling == "last":
        h = final[0] if isinstance(final, tuple) else final
        context = torch.cat(list(h[-2:] if recurrent.bidirectional else h[-1:]), dim=1)
    else:
        scores = inside.double().log()  # 0 within, −∞ behind: the mean
        if model.pooling == "attention":
            scores = scores + theirs["score"](theirs["hidden"](states).tanh())[..., 0]
        context = torch.einsum("nt,ntd->nd", scores.softmax(1), states)
    return theirs["classifier"](context), theirs


@given(forms)
@settings(max_examples=20)
def test_values_and_gradients_are_those_of_torch_modules_put_together(torch, form):
    model, tokens, classes = small(*form), some_tokens(), np.array([0, 1, 2, 1, 0])
    expected, theirs = torch_logits(torch, model, tokens, LENGTHS)
    found = model(tokens, LENGTHS)
    # Sums of a few dozen terms in another order, through two layers of nine steps.
    assert_close(found.data, expected.detach().numpy(), roundings=64)
    functional.cross_entropy(found, classes).backward()
    torch.nn.functional.cross_entropy(expected, torch.from_numpy(classes)).backward()
    ours = dict(model.named_parameters())
    assert ours.keys() == dict(theirs.named_parameters()).keys()
    for name, parameter in theirs.named_parameters():
        assert_close(ours[name].grad, parameter.grad.numpy(), roundings=64, terms=0.1)


def lines_with_one_letter_that_counts(rng, n):
    """Return tokens (N, T), lengths, classes and places: tokens 1 to 3 tell the class, 4 to 7 nothing."""
    lengths, classes = rng.integers(3, 11, n), rng.integers(0, 3, n)
    tokens, places = rng.integers(4, 8, (n, 10)), (rng.random(n) * lengths).astype(int)
    tokens[np.arange(n), places] = classes + 1
    return np.where(np.arange(10) < lengths[:, None], tokens, 0), lengths, classes, places


def test_it_learns_not_to_attend_to_what_it_reads_before_the_letter_that_tells_the_class():
    rng = np.random.default_rng(0)
    model = SequenceClassifier(8, 3, 8, 12, "gru", bidirectional=False, padding_idx=0, rng=0)
    optimizer = optim.Adam(model.parameters(), 0.02)
    for _ in range(100):
        tokens, lengths, classes, _ = lines_with_one_letter_that_counts(rng, 32)
        optimizer.zero_grad()
        functional.cross_entropy(model(tokens, lengths), classes).backward()
        optimizer.step()
    tokens, lengths, classes, places = lines_with_one_letter_that_counts(rng, 200)
    logits, weights = model.eval()(tokens, lengths, return_weights=True)
    assert np.mean(logits.argmax(1) == classes) >= 0.98  # nothing is left to chance in the task
    # The memories before the letter know nothing of it, those behind all know it. Equal weights put
    # 0.4 before it; what is left of that after learning is 0.15 for the worst of six seeds.
    before = np.arange(10) < places[:, None]
    assert np.mean(places / lengths) > 0.35
    assert np.mean((weights * before).sum(1)) < 0.2


def test_dropout_is_drawn_in_training_only_and_a_seed_fixes_all_that_is_drawn():
    tokens = some_tokens()
    a, b = (small("gru", 2, dropout=0.5) for _ in range(2))
    first = a(tokens)
    np.testing.assert_array_equal(first.data, b(tokens).data)
    assert np.abs(first.data - a(tokens).data).max() > 1e-3
    np.testing.assert_array_equal(a.eval()(tokens), b.eval()(tokens))
    np.testing.assert_array_equal(a(tokens), a(tokens))


def test_an_array_gives_arrays_of_the_dtype_of_the_parameters_and_a_tensor_tensors():
    for dtype in (np.float32, np.float64):
        for pooling in ("attention", "mean"):
            model = small(pooling=pooling).to(dtype).eval()
            for found in model(some_tokens(), LENGTHS, return_weights=True):
                assert type(found) is np.ndarray
                assert found.dtype == dtype
            model.train()
            assert all(
                type(found) is Tensor and found.dtype == dtype
                for found in model(some_tokens(), LENGTHS, return_weights=True)
            )


def test_an_empty_batch_gives_no_logits():
    for pooling in POOLINGS:
        model = small(pooling=pooling).eval()
        assert model(np.zeros((0, 9), int), np.zeros(0, int)).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: small("elman"), ValueError, "cell is one of rnn, lstm, gru, got 'elman'"),
        (
            lambda: small(pooling="max"),
            ValueError,
            "pooling is one of attention, mean, last, got 'max'",
        ),
        (lambda: small()(some_tokens()[0]), ValueError, "takes tokens (N, T), got (9,)"),
        (lambda: small()(some_tokens() + 1), IndexError, "token 8 at position"),
        (lambda: small()(some_tokens() + 0.0), TypeError, "integers, got float64"),
        (lambda: small()(some_tokens(), [9, 9, 9, 9, 0]), ValueError, "sample 4 has length 0"),
        (lambda: small()(some_tokens(), [9, 10, 9, 9, 9]), ValueError, "sample 1 has length 10"),
        (lambda: small()(some_tokens(), [9, 9]), ValueError, "each of the 5 samples, got (2,)"),
        (
            lambda: small(pooling="last")(some_tokens(), return_weights=True),
            ValueError,
            'pooling="last" has no weights',
        ),
    ],
)
def test_what_does_not_fit_is_an_error_with_the_values_in_hand(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
