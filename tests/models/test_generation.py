"""Sampling: its laws, against a plain loop. Generation: with what was kept as without it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, nn
from scratchnet.models import GPT, LeNet, RecurrentLanguageModel, generate, sample

N_DRAWS = 2000


class Evenly(np.random.Generator):
    """A generator whose u are spread evenly over [0, 1): frequencies are exact to one draw."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def random(self, size):
        return ((np.arange(size[0]) + 0.5) / size[0]).reshape(size)


class Always(Evenly):
    """A generator whose u are all the same."""

    def __init__(self, u):
        super().__init__()
        self.u = u

    def random(self, size):
        return np.full(size, self.u)


def frequencies(logits, *options, rng=None, **named):
    """Return how often each token is drawn, as a part of the draws."""
    rows = np.tile(np.asarray(logits, float), (N_DRAWS, 1))
    tokens = sample(rows, *options, rng=rng or Evenly(), **named)
    return np.bincount(tokens, minlength=rows.shape[1]) / N_DRAWS


def naive_probabilities(logits, temperature, top_k, top_p):
    """The stated definition, one token at a time."""
    largest = max(logits)
    weights = {k: np.exp((x - largest) / temperature) for k, x in enumerate(logits)}
    ranked = sorted(weights, key=lambda k: (-logits[k], k))  # of equal ones the lower token first
    ranked = ranked[:top_k]
    kept, reached, whole = [], 0.0, sum(weights[k] for k in ranked)
    for k in ranked:
        if top_p is None or top_p == 1 or reached < top_p * whole:
            kept.append(k)
            reached += weights[k]
    return np.array([weights[k] / reached if k in kept else 0.0 for k in range(len(logits))])


# Whole numbers: many are equal.
rows = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=6)
temperatures = st.floats(0.1, 5.0)
ks = st.none() | st.integers(1, 8)
ps = st.none() | st.floats(0.01, 1.0)


@given(rows, temperatures, ks, ps)
def test_tokens_are_drawn_as_often_as_the_stated_probabilities_say(logits, temperature, k, p):
    found = frequencies(logits, temperature, k, p)
    # An interval of length p holds p · n evenly spread points, give or take one.
    expected = naive_probabilities(logits, temperature, k, p)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.001 / N_DRAWS)
    assert not found[expected == 0].any()


def test_frequencies_of_random_draws_match_the_probabilities():
    p = np.array([0.4, 0.05, 0.25, 0.3])
    found = frequencies(np.log(p), rng=np.random.default_rng(0))
    chi_squared = N_DRAWS * ((found - p) ** 2 / p).sum()
    assert chi_squared < 11.3  # three degrees of freedom: 99 of 100 seeds stay below


@given(st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=6), st.integers(0, 99))
def test_temperature_to_zero_and_a_top_k_of_one_give_the_largest_logit(logits, seed):
    largest = int(np.argmax(logits))
    assert sample(logits, temperature=0) == largest
    assert sample(logits, top_k=1, rng=seed) == largest
    assert sample(logits, temperature=3.0, top_p=1e-9, rng=seed) == largest
    if logits.count(max(logits)) == 1:
        for temperature in (1e-2, 1e-9, 1e-300):  # at the first, e⁻¹⁰⁰ is left for the next
            assert sample(logits, temperature, rng=seed) == largest


def test_a_high_temperature_makes_all_tokens_equally_likely():
    np.testing.assert_allclose(frequencies([5.0, 0.0, -5.0], 1e6), 1 / 3, atol=1 / N_DRAWS)


def test_at_temperature_zero_nothing_is_drawn():
    rng = np.random.default_rng(0)
    sample(np.arange(4.0), temperature=0, rng=rng)
    assert rng.random() == np.random.default_rng(0).random()


@given(rows, st.integers(1, 8))
def test_top_k_keeps_exactly_k_and_of_equal_ones_the_lower_tokens(logits, k):
    found = np.flatnonzero(frequencies(logits, 5.0, top_k=k))  # so flat that each kept one is drawn
    expected = np.argsort(-np.array(logits), kind="stable")[:k]
    np.testing.assert_array_equal(found, np.sort(expected))


@given(rows, st.floats(0.01, 1.0))
def test_top_p_keeps_the_smallest_set_whose_mass_reaches_p(logits, p):
    logits = np.array(logits) / 2  # then no token has less than e⁻³/6 = 1/120: it is drawn if kept
    mass = np.exp(logits) / np.exp(logits).sum()
    kept = np.flatnonzero(frequencies(logits, top_p=p))
    rest = np.setdiff1d(np.arange(len(logits)), kept)
    # 1e-12: sums of six numbers, rounded.
    assert mass[kept].sum() >= p - 1e-12
    assert mass[kept].sum() - mass[kept].min() < p + 1e-12  # without any one it falls short
    assert not rest.size or mass[rest].max() <= mass[kept].min()


def test_top_p_at_a_boundary_does_not_take_one_token_more():
    quarter = [0.0, 0.0, 0.0, 0.0]
    for p, kept in ((0.25, 1), (0.26, 2), (0.5, 2), (0.75, 3), (0.76, 4), (1.0, 4)):
        assert np.count_nonzero(frequencies(quarter, top_p=p)) == kept


def test_top_p_is_of_what_top_k_has_left():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    both = frequencies(logits, top_k=2, top_p=0.57)  # 0.4 is 0.571 of 0.7
    np.testing.assert_array_equal(both, [1, 0, 0, 0])
    assert np.count_nonzero(frequencies(logits, top_p=0.57)) == 2


@pytest.mark.parametrize("u", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_the_first_and_the_last_token_that_is_kept(u):
    rng = np.random.default_rng(0)
    for _ in range(200):
        logits = rng.normal(0, 3, 7)
        ranked = np.argsort(-logits)
        logits[ranked[6]] = -np.inf  # not kept, as what top_k leaves out
        for k, last in ((None, ranked[5]), (3, ranked[2])):
            assert sample(logits, top_k=k, rng=Always(u)) == (ranked[0] if u == 0 else last)


def test_a_u_on_the_boundary_of_two_tokens_belongs_to_the_second():
    for u, token in ((0.25 - 2**-54, 0), (0.25, 1), (0.5, 2), (0.75, 3)):
        assert sample(np.zeros(4), rng=Always(u)) == token


def test_a_logit_of_minus_infinity_is_never_drawn():
    for options in ({}, {"temperature": 0}, {"top_k": 3}, {"top_p": 1.0}, {"temperature": 100.0}):
        assert not frequencies([-np.inf, 1.0, -np.inf, 0.0], **options)[[0, 2]].any()


def test_one_seed_gives_the_same_tokens_and_a_generator_goes_on():
    logits = np.zeros((50, 9))
    np.testing.assert_array_equal(sample(logits, rng=3), sample(logits, rng=3))
    rng = np.random.default_rng(3)
    first, second = sample(logits, rng=rng), sample(logits, rng=rng)
    np.testing.assert_array_equal(first, sample(logits, rng=3))
    assert (first != second).any()


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_each_row_is_drawn_by_itself_whatever_the_axes_before_it(temperature):
    logits = np.where(np.arange(5) == np.arange(12).reshape(3, 4, 1) % 5, 0.0, -np.inf)
    for given_logits in (logits, logits.astype(np.float32), Tensor(logits)):
        tokens = sample(given_logits, temperature)
        assert tokens.dtype == np.int64
        np.testing.assert_array_equal(tokens, np.arange(12).reshape(3, 4) % 5)
    assert sample(np.zeros((0, 5)), temperature).shape == (0,)
    assert isinstance(sample([0, 1, 2], temperature), np.int64)


BAD_OPTIONS = [
    ({"temperature": -0.5}, ValueError, "temperature is a finite number, at least 0, got -0.5"),
    ({"temperature": np.nan}, ValueError, "temperature is a finite number, at least 0, got nan"),
    ({"temperature": np.inf}, ValueError, "got inf"),
    ({"temperature": "hot"}, ValueError, "got 'hot'"),
    ({"top_k": 0}, ValueError, "top_k keeps at least 1 token, got 0"),
    ({"top_k": 2.0}, TypeError, "top_k is a whole number, got 2.0"),
    ({"top_p": 0.0}, ValueError, "top_p is a probability above 0, at most 1, got 0.0"),
    ({"top_p": 1.5}, ValueError, "got 1.5"),
    ({"top_p": np.nan}, ValueError, "got nan"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_OPTIONS)
def test_options_that_make_no_sense_are_an_error(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        sample(np.zeros(3), **options)
    with pytest.raises(error, match=re.escape(message)):
        generate(recurrent(), [0], 1, **options)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (0.0, "takes logits (…, K) with K ≥ 1, got float64 ()"),
        (np.zeros((2, 0)), "got float64 (2, 0)"),
        (["a"], "got <U1 (1,)"),
        ([[0.0, 1.0], [np.nan, 0.0]], "the largest logit must be finite, it is nan in row (1,)"),
        ([0.0, np.inf], "it is inf in row ()"),
        ([-np.inf, -np.inf], "it is -inf in row ()"),
    ],
)
def test_logits_without_a_largest_one_are_an_error(logits, message):
    for temperature in (0, 1.0):
        with pytest.raises(ValueError, match=re.escape(message)):
            sample(logits, temperature)


# --- generation


def recurrent(cell="lstm", num_layers=1, **options):
    return RecurrentLanguageModel(7, 4, 5, num_layers, cell, rng=0, **options).double()


def gpt(context_length=8, rotary=False, **options):
    model = GPT(7, context_length, 8, 2, 2, rotary=rotary, rng=0, **options).double()
    # With its first weights all tokens would be about equally likely, whatever stands before.
    for parameter in model.parameters():
        parameter.data *= 20 if parameter.ndim > 1 else 1
    return model


def naive_generate(model, prompt, length, temperature, rng):
    """Read the whole text, or the last C tokens of it, anew for every token."""
    tokens, rng = list(prompt), np.random.default_rng(rng)
    model.eval()
    for _ in range(length):
        if isinstance(model, GPT):
            logits = model(np.array([tokens[-model.context_length :]]))
        else:
            logits, _ = model(np.array([tokens]))
        tokens.append(int(sample(logits[0, -1], temperature, rng=rng)))
    return tokens


prompts = st.lists(st.integers(0, 6), min_size=1, max_size=9)


@given(st.sampled_from(["rnn", "lstm", "gru"]), st.integers(1, 2), prompts, st.sampled_from([0, 1]))
@settings(max_examples=25)
def test_a_state_that_goes_on_gives_the_text_of_reading_all_anew(cell, layers, prompt, temperature):
    model = recurrent(cell, layers)
    found = generate(model, prompt, 12, temperature, rng=1)
    assert found.tolist() == naive_generate(model, prompt, 12, temperature, 1)


@given(st.booleans(), st.integers(1, 12), prompts, st.sampled_from([0, 1]))
@settings(max_examples=25)
def test_a_cache_gives_the_text_of_reading_the_context_anew_also_beyond_its_length(
    rotary, context_length, prompt, temperature
):
    model = gpt(context_length, rotary)
    found = generate(model, prompt, 10, temperature, rng=1)
    assert found.tolist() == naive_generate(model, prompt, 10, temperature, 1)


def positions_read(model):
    """Return a list to which every call of the model adds how many tokens it is given."""
    counts, forward = [], model.forward
    model.forward = lambda tokens, *rest: counts.append(tokens.shape[1]) or forward(tokens, *rest)
    return counts


def test_each_token_is_read_once_until_the_context_is_full():
    counts = positions_read(model := recurrent())
    generate(model, [1, 2, 3], 10, rng=0)
    assert counts == [3] + [1] * 9
    counts = positions_read(model := gpt(context_length=6))
    generate(model, [1, 2, 3], 7, rng=0)
    assert counts == [3, 1, 1, 1, 6, 6, 6]


MODELS = [recurrent, gpt]


@pytest.mark.parametrize("make", MODELS)
def test_one_seed_gives_the_same_text_and_begins_with_the_prompt(make):
    texts = [generate(make(), [3, 1], 30, rng=seed).tolist() for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert all(len(text) == 32 and text[:2] == [3, 1] for text in texts)
    assert generate(make(), np.array([3, 1], np.uint8), 0).tolist() == [3, 1]


@pytest.mark.parametrize("make", MODELS)
def test_the_text_ends_with_the_first_stop_token_that_is_drawn(make):
    whole = generate(make(), [2, 2], 30, rng=0).tolist()
    for stop in range(7):
        found = generate(make(), [2, 2], 30, rng=0, stop=stop).tolist()
        # One in the prompt ends nothing.
        assert found == whole[: whole.index(stop, 2) + 1 if stop in whole[2:] else 32]


@pytest.mark.parametrize("make", MODELS)
def test_nothing_is_dropped_and_the_modes_are_afterwards_as_they_were(make):
    model, plain = make(dropout=0.9), make()
    model.train()
    model.dropout.eval()
    modes = [module.training for module in model.modules()]
    np.testing.assert_array_equal(generate(model, [1], 9, rng=0), generate(plain, [1], 9, rng=0))
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(IndexError, match="token 7 at position"):
        generate(model, [1, 7], 9)
    assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ([], 3),
            ValueError,
            "prompt is a sequence of integers (T,), at least one, got float64 (0,)",
        ),
        (([[1, 2]], 3), ValueError, "got int64 (1, 2)"),
        (([0.5], 3), ValueError, "got float64 (1,)"),
        (([1], -1), ValueError, "length is a number of tokens, at least 0, got -1"),
        (([1], 2.0), TypeError, "length is a whole number, got 2.0"),
        (([1], 2, 1.0, None, None, 0, 7), ValueError, "stop is a token from 0 to 6, got 7"),
        (([-1], 2), IndexError, "token -1 at position"),
    ],
)
@pytest.mark.parametrize("make", MODELS)
def test_what_cannot_be_continued_is_an_error_with_the_values_in_hand(
    make, arguments, error, message
):
    with pytest.raises(error, match=re.escape(message)):
        generate(make(), *arguments)


@pytest.mark.parametrize("model", [LeNet(), nn.LSTM(2, 3), None])
def test_another_model_is_refused_by_name(model):
    with pytest.raises(TypeError, match=f"or a GPT, got {type(model).__name__}"):
        generate(model, [0], 1)
