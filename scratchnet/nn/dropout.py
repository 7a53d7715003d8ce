"""Dropout layers: entries or whole channels left out at random in training (`ops.dropout`).

Letters: N batch, C channels, L length, H W image.
"""

from __future__ import annotations

from typing import Any

from scratchnet import functional
from scratchnet.nn._in_place import InPlace
from scratchnet.ops._array import require_probability
from scratchnet.random import Rng, resolve_rng

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class _Dropout(InPlace):
    """What the three have in common: p, and where their randomness comes from."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Rng = None) -> None:
        require_probability(type(self).__name__, p)
        super().__init__(inplace)
        self.p = p
        self.rng = None if rng is None else resolve_rng(rng)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, set entries to 0 with probability p and scale the others by 1/(1 − p).

    In eval mode x is returned as it is. x: any shape → y like x.

    inplace: whether the Tensor that was passed is the result afterwards (`scratchnet/_in_place.py`).
    rng: a seed, which starts one generator for the life of the layer, or a generator; without it, the
    generator that `scratchnet.manual_seed` seeds.
    """

    def function(self, x: Any) -> Any:
        return functional.dropout(x, self.p, self.training, rng=self.rng)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels. x: (N, C, L), or (C, L) for one sample → y like x."""

    def function(self, x: Any) -> Any:
        return functional.dropout1d(x, self.p, self.training, rng=self.rng)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels. x: (N, C, H, W) → y like x."""

    def function(self, x: Any) -> Any:
        return functional.dropout2d(x, self.p, self.training, rng=self.rng)
