"""Where networks draw their random numbers: one generator, seeded by `manual_seed`.

Initialisation, dropout and shuffling draw from the generator kept here unless they are given one of
their own (`rng=`). NumPy's global state is neither read nor written. Estimators and splitters follow
scikit-learn instead and take `random_state`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Rng", "get_rng_state", "manual_seed", "resolve_rng", "set_rng_state"]

# What `rng=` takes. Written as a string, since NumPy loads numpy.random only when it is named.
Rng: TypeAlias = "int | np.random.Generator | None"

_generator: np.random.Generator | None = None  # made when first drawn from


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator that networks draw from, and return it.

    >>> import scratchnet
    >>> scratchnet.manual_seed(0).integers(100)
    np.int64(85)
    """
    global _generator
    _generator = np.random.default_rng(seed)
    return _generator


def resolve_rng(rng: Rng = None) -> np.random.Generator:
    """Return the generator to draw from: the one given, a new one for a seed, or the shared one.

    A seed starts the same stream every time: to draw more than once, resolve once and keep the generator.
    """
    global _generator
    if isinstance(rng, bool):  # an option that went astray: as a seed it would be 0 or 1
        raise TypeError(f"rng takes a seed or a generator, got {rng}")
    if rng is not None:
        return np.random.default_rng(rng)
    if _generator is None:
        _generator = np.random.default_rng()
    return _generator


def get_rng_state() -> dict[str, Any]:
    """Return the state of the shared generator: with it a stopped training goes on exactly.

    It is a dictionary of strings and whole numbers, which json can write.
    """
    return dict(resolve_rng().bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Put the shared generator back into a state that `get_rng_state` returned."""
    resolve_rng().bit_generator.state = state
