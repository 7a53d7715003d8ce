"""Recurrent layers, cells and embeddings with options that Hypothesis chooses, and inputs for them."""

import numpy as np
from compare import normal
from hypothesis import strategies as st

sizes = st.integers(1, 3)
bools = st.booleans()
seeds = st.integers(0, 99)
OF_RNN = {"nonlinearity": st.sampled_from(["tanh", "relu"])}


@st.composite
def cell(draw, n_states=1, **options):
    """A cell, and what it reads at one step: a batch or one sample, with a state or without."""
    options = {"input_size": draw(sizes), "hidden_size": draw(sizes), "bias": draw(bools)} | {
        k: draw(v) for k, v in options.items()
    }
    lead, seed = draw(st.sampled_from([(), (3,)])), draw(seeds)
    inputs = [normal((*lead, options["input_size"]), seed)]
    if n_states == 1 and draw(bools):  # pairs of states are in test_recurrent.py
        inputs.append(normal((*lead, options["hidden_size"]), seed + 1))
    return options, inputs


@st.composite
def layer_options(draw, name):
    """Options of an RNN, LSTM or GRU."""
    hidden = draw(st.integers(2, 3))
    options = {
        "input_size": draw(sizes),
        "hidden_size": hidden,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(bools),
        "batch_first": draw(bools),
        "bidirectional": draw(bools),
    }
    if name == "RNN":
        options |= {k: draw(v) for k, v in OF_RNN.items()}
    if name == "LSTM":
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    return options


@st.composite
def layer(draw, name):
    """A layer and what it reads: a batch or one sequence, with an initial state or without."""
    options = draw(layer_options(name))
    steps, n, seed = draw(st.integers(1, 4)), draw(sizes), draw(seeds)
    single = draw(bools)
    lead = (steps,) if single else (n, steps) if options["batch_first"] else (steps, n)
    inputs = [normal((*lead, options["input_size"]), seed)]
    if name != "LSTM" and draw(bools):  # pairs of states are in test_recurrent.py
        count = options["num_layers"] * (1 + options["bidirectional"])
        batch = () if single else (n,)
        inputs.append(normal((count, *batch, options["hidden_size"]), seed + 1))
    return options, inputs


@st.composite
def embedding(draw):
    n = draw(st.integers(1, 5))
    options = {
        "num_embeddings": n,
        "embedding_dim": draw(sizes),
        "padding_idx": draw(st.none() | st.integers(-n, n - 1)),
    }
    shape = tuple(draw(st.lists(sizes, max_size=3)))
    return options, [np.random.default_rng(draw(seeds)).integers(0, n, shape)]


CASES = {
    "Embedding": embedding(),
    "GRU": layer("GRU"),
    "GRUCell": cell(),
    "LSTM": layer("LSTM"),
    "LSTMCell": cell(n_states=2),
    "RNN": layer("RNN"),
    "RNNCell": cell(**OF_RNN),
}
