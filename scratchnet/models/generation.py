"""Generating a text: from the logits of the next token to a token, and on from there.

Letters: T tokens, K tokens in the vocabulary, C the context length of a GPT.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import nn
from scratchnet._array_like import array_of
from scratchnet.models.gpt import GPT
from scratchnet.models.language_model import RecurrentLanguageModel
from scratchnet.ops._array import whole_number
from scratchnet.random import Rng, resolve_rng
from scratchnet.training.evaluation import eval_mode

__all__ = ["generate", "sample"]

Array = npt.NDArray[Any]


def sample(
    logits: npt.ArrayLike,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: Rng = None,
) -> Any:
    """Tokens drawn from softmax(logits / temperature), of which the unlikely ones may be left out.

        p_k = exp(x_k / τ) / Σ_j exp(x_j / τ)               x: logits, τ: temperature
        top_k:  p_k ← 0 but for the top_k largest, then p ← p / Σ p
        top_p:  p_k ← 0 but for the smallest set of the largest whose sum is at least top_p, then p ← p / Σ p
        token:  the first k, from the most likely down, with u < p_1 + … + p_k,   u ~ U[0, 1)

    τ below 1 sharpens, above 1 flattens; τ = 0 is the limit: the largest logit, and nothing is drawn.
    Both options: top_k first, and top_p is of what that has left. Of equal logits the lower token counts
    as the larger: exactly top_k are kept, and at τ = 0 it is the one. A top_k above K keeps all, and so
    does a top_p of 1. A logit of −∞ is never drawn.

    logits: (…, K), with K ≥ 1 → tokens (…) int64, one drawn for each row. rng: a seed, which gives the
    same tokens every time, a generator, or None for the shared one.
    Raises ValueError for NaN, for +∞, and for a row of nothing but −∞.
    Source: Fan, Lewis & Dauphin 2018, section 5 (top-k); Holtzman et al. 2020, section 3.1 (top-p).

    >>> logits = np.log([0.5, 0.25, 0.125, 0.125])
    >>> int(sample(logits, temperature=0))
    0
    >>> tokens = sample(np.tile(logits, (1000, 1)), top_p=0.7, rng=0)  # 0.5 is less, 0.5 + 0.25 enough
    >>> np.bincount(tokens) / 1000  # the expected values are 2/3 and 1/3
    array([0.642, 0.358])
    """
    _check_options(temperature, top_k, top_p)
    x = _checked_logits(logits)
    if temperature == 0:
        return x.argmax(axis=-1)  # the first of equal ones
    order = np.argsort(-x, axis=-1, kind="stable")  # (…, K), ties by token
    x = np.take_along_axis(x, order, axis=-1)
    with np.errstate(over="ignore"):  # far below the largest: −∞, so p is 0
        p = np.exp((x - x[..., :1]) / float(temperature))
    if top_k is not None:
        p[..., top_k:] = 0.0
    if top_p is not None and top_p < 1:
        total = p.cumsum(axis=-1)
        enough = total >= top_p * total[..., -1:]  # then those after it are left out
        p[..., 1:][enough[..., :-1]] = 0.0
    total = p.cumsum(axis=-1)
    # u is at most 1 − 2⁻⁵³, so that u · total rounds to less than the last total, and rank never
    # points past the last token that was kept.
    u = resolve_rng(rng).random((*x.shape[:-1], 1)) * total[..., -1:]
    rank = (total <= u).sum(axis=-1, keepdims=True)
    return np.take_along_axis(order, rank, axis=-1)[..., 0][()]  # one row: a number, not an array


def generate(
    model: RecurrentLanguageModel | GPT,
    prompt: npt.ArrayLike,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rng: Rng = None,
    stop: int | None = None,
) -> npt.NDArray[np.int64]:
    """The prompt, and what the model continues it with, token by token.

        token_{t+1} ~ sample(logits of the model after token_1 … token_t)

    A recurrent model reads each token once and keeps its state. A GPT sees the last C = context_length
    tokens. As long as the text fits, each is read once, and its keys and values are kept. Once the text
    is longer, all C are read anew for each token, at the positions 0 to C − 1: a token's keys and values
    depend on those before it, some of which are gone from the window, so what was kept is no longer true.

    prompt: integers (T,), at least one · length: how many tokens to add at most · temperature, top_k,
    top_p: see `sample` · rng: a seed, which gives the same text every time, a generator, or None for
    the shared one · stop: a token after which the text ends → tokens (T + length,), fewer if it was
    drawn, which is then the last.

    The model runs in eval mode, and each module is afterwards in the mode it was found in.
    """
    if not isinstance(model, RecurrentLanguageModel | GPT):
        raise TypeError(
            f"generate takes a RecurrentLanguageModel or a GPT, got {type(model).__name__}"
        )
    tokens = _checked_prompt(prompt)
    if whole_number("length", length) < 0:
        raise ValueError(f"length is a number of tokens, at least 0, got {length}")
    if stop is not None and not 0 <= whole_number("stop", stop) < model.num_tokens:
        raise ValueError(f"stop is a token from 0 to {model.num_tokens - 1}, got {stop}")
    _check_options(temperature, top_k, top_p)
    next_logits = _from_cache(model) if isinstance(model, GPT) else _from_state(model)
    rng = resolve_rng(rng)  # one stream for the whole text
    with eval_mode(model):
        for _ in range(length):
            token = sample(next_logits(tokens), temperature, top_k, top_p, rng)
            tokens = np.append(tokens, token)
            if token == stop:
                break
    return tokens


def _from_state(model: RecurrentLanguageModel) -> Callable[[Array], Array]:
    """Return a function from the tokens so far, (T,), to the next one's logits, (K,)."""
    state, n_read = None, 0

    def next_logits(tokens: Array) -> Array:
        nonlocal state, n_read
        logits, state = model(tokens[None, n_read:], state)
        n_read = len(tokens)
        return logits[0, -1]

    return next_logits


def _from_cache(model: GPT) -> Callable[[Array], Array]:
    """Return a function from the tokens so far, (T,), to the next one's logits, (K,)."""
    caches = [nn.KeyValueCache() for _ in model.blocks]

    def next_logits(tokens: Array) -> Array:
        if len(tokens) > model.context_length:
            return model(tokens[None, -model.context_length :])[0, -1]
        return model(tokens[None, len(caches[0]) :], caches)[0, -1]

    return next_logits


def _check_options(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not isinstance(temperature, Real) or not isfinite(temperature) or temperature < 0:
        raise ValueError(f"temperature is a finite number, at least 0, got {temperature!r}")
    if top_k is not None and whole_number("top_k", top_k) < 1:
        raise ValueError(f"top_k keeps at least 1 token, got {top_k}")
    if top_p is not None and not (isinstance(top_p, Real) and 0 < top_p <= 1):
        raise ValueError(f"top_p is a probability above 0, at most 1, got {top_p!r}")


def _checked_logits(logits: Any) -> Array:
    """Return logits (…, K) in float64; raise unless each row has a largest, finite one."""
    x = array_of(logits)
    if x.ndim < 1 or x.shape[-1] < 1 or x.dtype.kind not in "iuf":
        raise ValueError(f"sample takes logits (…, K) with K ≥ 1, got {x.dtype} {x.shape}")
    x = x.astype(np.float64)
    largest = x.max(axis=-1)  # NaN if there is one
    if not np.isfinite(largest).all():
        at = tuple(np.argwhere(~np.isfinite(largest))[0].tolist())
        raise ValueError(f"the largest logit must be finite, it is {largest[at]} in row {at}")
    return x


def _checked_prompt(prompt: Any) -> npt.NDArray[np.int64]:
    tokens = array_of(prompt)
    if tokens.ndim != 1 or not tokens.size or tokens.dtype.kind not in "iu":
        raise ValueError(
            "prompt is a sequence of integers (T,), at least one, "
            f"got {tokens.dtype} {tokens.shape}"
        )
    return tokens.astype(np.int64)
