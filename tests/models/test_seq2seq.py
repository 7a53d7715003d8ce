"""Seq2Seq: torch, unequal lengths, greedy and beam search. That it learns: `test_seq2seq_learning.py`."""

import itertools
import re

import numpy as np
import pytest
from compare import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, functional, nn
from scratchnet.models import Seq2Seq

BOS, EOS = 0, 1
LENGTHS = np.array([4, 7, 1, 6])

cells = st.sampled_from(["gru", "lstm"])


def small(cell="gru", dtype=np.float64, rng=0, **options):
    """Return a model of 9 and 5 tokens, whose weights are large enough for it to have opinions."""
    model = Seq2Seq(9, 5, 3, 4, cell, **options, rng=rng).to(dtype)
    for p in model.parameters():
        p.data *= 2
    return model


def some_tokens(shape, high, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


SOURCE, TARGET = some_tokens((4, 7), 9), some_tokens((4, 6), 5, 1)


def torch_logits(torch, model, source, lengths, target):
    """Return logits, weights and the modules of the stated equations in torch, the weights loaded."""
    has_two = isinstance(model.decoder, nn.LSTMCell)
    recurrent, cell = (
        (torch.nn.LSTM, torch.nn.LSTMCell) if has_two else (torch.nn.GRU, torch.nn.GRUCell)
    )
    theirs = torch.nn.ModuleDict(
        {
            "source_embedding": torch.nn.Embedding(9, 3),
            "encoder": recurrent(3, 4, batch_first=True, bidirectional=True),
            "bridge": torch.nn.Linear(8, 4 * (1 + has_two)),
            "attention": torch.nn.ParameterDict(
                {
                    "weight_query": torch.zeros(4, 4),
                    "weight_key": torch.zeros(4, 8),
                    "weight_score": torch.zeros(4),
                }
            ),
            "target_embedding": torch.nn.Embedding(5, 3),
            "decoder": cell(3 + 8, 4),
            "output": torch.nn.Linear(4 + 8, 5),
        }
    )
    state = model.state_dict()
    theirs.to(torch.from_numpy(state["bridge.bias"]).dtype)
    theirs.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})

    packed = torch.nn.utils.rnn.pack_padded_sequence(
        theirs["source_embedding"](torch.from_numpy(source)),
        torch.from_numpy(lengths),
        batch_first=True,
        enforce_sorted=False,
    )
    packed, final = theirs["encoder"](packed)
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, True, total_length=source.shape[1])
    ends = torch.cat(list(final[0] if has_two else final), dim=1)
    s = theirs["bridge"](ends).tanh().split(4, dim=1)
    w = theirs["attention"]
    behind = torch.arange(source.shape[1]) >= torch.from_numpy(lengths)[:, None]
    logits, weights = [], []
    for token in torch.from_numpy(target).T:
        hidden = (s[0] @ w["weight_query"].T)[:, None] + h @ w["weight_key"].T
        scores = (hidden.tanh() @ w["weight_score"]).masked_fill(behind, -torch.inf)
        a = scores.softmax(dim=1)
        c = (a[:, :, None] * h).sum(dim=1)
        x = torch.cat([theirs["target_embedding"](token), c], dim=1)
        s = theirs["decoder"](x, s) if has_two else (theirs["decoder"](x, s[0]),)
        logits.append(theirs["output"](torch.cat([s[0], c], dim=1)))
        weights.append(a)
    return torch.stack(logits, 1), torch.stack(weights, 1), theirs


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_values_and_gradients_are_those_of_the_stated_equations_in_torch(torch, cell, dtype):
    model, correct = small(cell, dtype), some_tokens((4, 6), 5, 2)
    logits, weights, theirs = torch_logits(torch, model, SOURCE, LENGTHS, TARGET)
    found = model(SOURCE, LENGTHS, TARGET, return_weights=True)
    # Sums of a dozen terms in another order, handed on through thirteen steps.
    assert_close(found[0].data, logits.detach().numpy(), roundings=64)
    assert_close(found[1].data, weights.detach().numpy(), roundings=64)
    dy = np.random.default_rng(3).standard_normal(weights.shape).astype(dtype)
    loss = functional.cross_entropy(found[0].reshape(-1, 5), correct.ravel())
    (loss + (found[1] * dy).sum()).backward()
    expected = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 5), torch.from_numpy(correct.ravel())
    )
    (expected + (weights * torch.from_numpy(dy)).sum()).backward()
    ours = dict(model.named_parameters())
    for name, parameter in theirs.named_parameters():
        assert_close(ours[name].grad, parameter.grad.numpy(), roundings=128, terms=1.0)


@given(cells, st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(0, 2))
@settings(max_examples=25)
def test_a_batch_of_unequal_lengths_gives_the_figures_of_one_at_a_time(cell, lengths, longer):
    model = small(cell).eval()
    n = len(lengths)
    source = some_tokens((n, max(lengths) + longer), 9)  # garbage stands behind each end
    target = some_tokens((n, 4), 5, 1)
    logits, weights = model(source, lengths, target, return_weights=True)
    for beam_size in (1, 3):
        tokens, looked = model.translate(source, lengths, 5, BOS, EOS, beam_size)
        for i, length in enumerate(lengths):
            alone = source[i : i + 1, :length]
            (own_tokens,), (own_looked,) = model.translate(alone, None, 5, BOS, EOS, beam_size)
            np.testing.assert_array_equal(tokens[i], own_tokens)
            # Products of other sizes are summed in another order: some roundings (1e-16).
            np.testing.assert_allclose(looked[i], own_looked, rtol=0, atol=1e-12)
    for i, length in enumerate(lengths):
        alone = model(source[i : i + 1, :length], [length], target[i : i + 1], return_weights=True)
        np.testing.assert_allclose(logits[i], alone[0][0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(weights[i, :, :length], alone[1][0], rtol=0, atol=1e-12)
        assert not weights[i, :, length:].any()
        np.testing.assert_allclose(weights[i].sum(axis=1), 1, rtol=1e-12)


def test_what_stands_behind_the_end_changes_no_figure_and_gets_no_gradient():
    behind, found = np.arange(7) >= LENGTHS[:, None], []
    for padding in (8, some_tokens((4, 7), 9, 5)):
        model = small()
        logits = model(np.where(behind, padding, SOURCE % 8), LENGTHS, TARGET)
        (logits * logits).sum().backward()
        found.append([logits.data, *(p.grad for p in model.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not found[0][1][8].any()  # the row of the embedding of a token that only fills up
    assert all(np.abs(gradient).max() > 0 for gradient in found[0])


def test_the_scores_of_a_token_know_nothing_of_it_and_of_what_comes_after_it():
    model, other = small().eval(), TARGET.copy()
    other[:, 3:] = (other[:, 3:] + 1) % 5
    a, b = model(SOURCE, LENGTHS, TARGET), model(SOURCE, LENGTHS, other)
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert np.abs(a[:, 3:] - b[:, 3:]).max(axis=2).min() > 0


@given(cells, st.integers(0, 5))
@settings(max_examples=12)
def test_greedy_search_takes_the_most_probable_token_after_those_it_took(cell, seed):
    model = small(cell, rng=seed).eval()
    tokens, weights = model.translate(SOURCE, LENGTHS, 6, BOS, EOS)
    for i, written in enumerate(tokens):
        assert len(written) <= 6
        read = np.r_[BOS, written]
        length = LENGTHS[i]
        logits, looked = model(SOURCE[i : i + 1, :length], None, read[None], return_weights=True)
        best = logits[0].argmax(axis=1)
        np.testing.assert_array_equal(written, best[: len(written)])
        assert len(written) == 6 or best[len(written)] == EOS
        # The cell's products have other sizes: some roundings.
        np.testing.assert_allclose(weights[i], looked[0, : len(written)], rtol=0, atol=1e-12)


def log_probability(model, source, written):
    """Return log p of a target, eos included where it has one, with teacher forcing."""
    read = np.r_[BOS, written[:-1]][None]
    scores = functional.log_softmax(model(source[None], None, read))[0]
    return scores[np.arange(len(written)), written].sum()


def test_a_beam_that_holds_all_finds_the_most_probable_of_all_targets():
    endings = [
        np.array(written)
        for length in (1, 2, 3)
        for written in itertools.product(range(5), repeat=length)
        if EOS not in written[:-1] and (length == 3 or written[-1] == EOS)
    ]
    assert len(endings) == 1 + 4 + 16 * 5  # those with eos at 1, at 2, and all that come to three
    greedy_was_worse = 0
    for seed in range(6):
        model, source = small(rng=seed).eval(), some_tokens(5, 9, seed)
        best = max(endings, key=lambda written: log_probability(model, source, written))
        (found,), (weights,) = model.translate(source[None], None, 3, BOS, EOS, beam_size=125)
        np.testing.assert_array_equal(found, best[best != EOS])
        assert weights.shape == (len(found), 5)
        (greedy,), _ = model.translate(source[None], None, 3, BOS, EOS)
        greedy_was_worse += not np.array_equal(greedy, found)
    assert greedy_was_worse >= 2  # else this test would not tell a beam from greedy search


def test_the_weights_of_a_beam_are_those_of_the_target_that_it_returns():
    model = small("lstm", rng=1).eval()
    tokens, weights = model.translate(SOURCE, LENGTHS, 6, BOS, EOS, beam_size=4)
    for i, (written, looked) in enumerate(zip(tokens, weights, strict=True)):
        source = SOURCE[i : i + 1, : LENGTHS[i]]
        expected = model(source, None, np.r_[BOS, written][None], return_weights=True)[1][0]
        np.testing.assert_allclose(looked, expected[: len(written)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_target_ends_with_eos_or_at_the_maximal_length(beam_size):
    model = small().eval()
    for bias, n in ((100.0, 0), (-100.0, 4)):
        model.output.bias.data[EOS] = bias
        tokens, weights = model.translate(SOURCE, LENGTHS, 4, BOS, EOS, beam_size)
        assert [len(written) for written in tokens] == [n] * 4
        assert [looked.shape for looked in weights] == [(n, length) for length in LENGTHS]
        assert all(EOS not in written for written in tokens)
    assert model.translate(SOURCE[:0], None, 4, BOS, EOS, beam_size) == ([], [])


def test_dropout_is_drawn_in_training_only_and_a_seed_fixes_all_that_is_drawn():
    a, b = (small(dropout=0.5) for _ in range(2))
    first = a(SOURCE, LENGTHS, TARGET)
    np.testing.assert_array_equal(first.data, b(SOURCE, LENGTHS, TARGET).data)
    assert np.abs(first.data - a(SOURCE, LENGTHS, TARGET).data).max() > 1e-3
    a.eval(), b.eval()
    np.testing.assert_array_equal(a(SOURCE, LENGTHS, TARGET), b(SOURCE, LENGTHS, TARGET))


def test_translating_is_in_eval_mode_and_leaves_each_module_in_its_own():
    model = small(dropout=0.5)
    model.dropout.eval()
    for beam_size in (1, 3):
        found = model.translate(SOURCE, LENGTHS, 5, BOS, EOS, beam_size)
        assert [module.training for module in (model, model.encoder, model.dropout)] == [1, 1, 0]
        expected = small(dropout=0.5).eval().translate(SOURCE, LENGTHS, 5, BOS, EOS, beam_size)
        for part, expected_part in zip(found, expected, strict=True):
            for a, b in zip(part, expected_part, strict=True):
                assert type(a) is np.ndarray
                np.testing.assert_array_equal(a, b)


def test_lists_arrays_and_tensors_are_read_alike():
    for dtype in (np.float32, np.float64):
        model = small(dtype=dtype).eval()
        expected = model(SOURCE, LENGTHS, TARGET)
        assert expected.dtype == dtype
        lists = model(SOURCE.tolist(), LENGTHS.tolist(), TARGET.tolist())
        tensors = model(Tensor(SOURCE), Tensor(LENGTHS), Tensor(TARGET))
        assert (type(expected), type(lists), type(tensors)) == (np.ndarray, np.ndarray, Tensor)
        for found in (lists, tensors.data):
            np.testing.assert_array_equal(found, expected)
        texts = [
            np.concatenate(model.translate(source, LENGTHS, 5, BOS, EOS)[0])
            for source in (SOURCE, SOURCE.tolist(), Tensor(SOURCE))
        ]
        np.testing.assert_array_equal(texts, [texts[0]] * 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: small("rnn"), ValueError, "cell is one of gru, lstm, got 'rnn'"),
        (lambda m: m(SOURCE[0], None, TARGET[:1]), ValueError, "got source (7,), target (1, 6)"),
        (lambda m: m(SOURCE, LENGTHS, TARGET[:2]), ValueError, "source (4, 7), target (2, 6)"),
        (lambda m: m(SOURCE, LENGTHS, TARGET[:, :0]), ValueError, "target (4, 0)"),
        (lambda m: m(SOURCE, LENGTHS, TARGET[0]), ValueError, "target (6,)"),
        (lambda m: m(SOURCE + 5, LENGTHS, TARGET), IndexError, "outside of the vocabulary of 9"),
        (lambda m: m(SOURCE, LENGTHS, TARGET + 5), IndexError, "outside of the vocabulary of 5"),
        (lambda m: m(SOURCE, LENGTHS * 2, TARGET), ValueError, "sample 0 has length 8"),
        (lambda m: m(SOURCE, LENGTHS - 1, TARGET), ValueError, "sample 2 has length 0"),
        (lambda m: m.translate(SOURCE[0], None, 5, 0, 1), ValueError, "source (N, S), got (7,)"),
        (lambda m: m.translate(SOURCE, LENGTHS, 0, 0, 1), ValueError, "max_length is a whole numb"),
        (
            lambda m: m.translate(SOURCE, LENGTHS, 5, 5, 1),
            ValueError,
            "bos is a whole number from 0 to 4, got 5",
        ),
        (lambda m: m.translate(SOURCE, LENGTHS, 5, 0, -1), ValueError, "to 4, got -1"),
        (
            lambda m: m.translate(SOURCE, LENGTHS, 5, 0, 1, 0),
            ValueError,
            "beam_size is a whole number from 1 on, got 0",
        ),
        (lambda m: m.translate(SOURCE, LENGTHS, 5, 0, 1, True), ValueError, "got True"),
    ],
)
def test_what_does_not_fit_is_an_error_with_the_values_in_hand(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call(small().eval())
