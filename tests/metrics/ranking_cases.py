"""Random problems for the ranking metrics, made by Hypothesis: with ties, weights, few samples."""

import numpy as np
from hypothesis import strategies as st

# What scores may look like: continuous, of few values, logits, one ulp apart, integers, both zeros.
SCORES = {
    "uniform": lambda rng, n: rng.random(n),
    "float32": lambda rng, n: rng.random(n).astype(np.float32),
    "logits": lambda rng, n: rng.normal(size=n) * 5,
    "few": lambda rng, n: np.round(rng.random(n) * 4) / 4,
    "integers": lambda rng, n: rng.integers(-3, 3, n),
    "bytes": lambda rng, n: rng.integers(0, 5, n).astype(np.uint8),
    "bools": lambda rng, n: rng.random(n) < 0.5,
    "one ulp apart": lambda rng, n: 1 + rng.integers(0, 4, n) * 2.0**-52,
    "zeros": lambda rng, n: rng.choice([0.0, -0.0, 0.5, -0.5], n),
    "constant": lambda rng, n: np.full(n, 0.3),
}


@st.composite
def binary_cases(draw, min_samples=2, scores=tuple(SCORES)):
    """Draw (y_true of zeros and ones with both classes, scores, weights), (N,) each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(min_samples, 40))
    y_true = (rng.random(n) < rng.uniform(0.1, 0.9)).astype(int)
    y_true[rng.permutation(n)[:2]] = [0, 1]
    weight = rng.choice([0.5, 1.0, 2.5, 3.0], n)
    return y_true, SCORES[draw(st.sampled_from(scores))](rng, n), weight


@st.composite
def table_cases(draw, min_labels=2):
    """Draw (zeros and ones, scores, weights): (N, K), (N, K), (N,)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(2, 12)), draw(st.integers(min_labels, 6))
    y_true = (rng.random(shape) < rng.uniform(0.2, 0.8)).astype(int)
    y_true[0, :2] = [0, 1]
    scores = SCORES[draw(st.sampled_from(["uniform", "few", "logits", "integers"]))]
    score = scores(rng, shape[0] * shape[1]).reshape(shape)
    return y_true, score, rng.choice([0.5, 1.0, 2.5], shape[0])
