"""The embedding layer: a learned vector for each token of a vocabulary (`ops.embedding`)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.autograd import Tensor
from scratchnet.nn import init
from scratchnet.nn._checks import size
from scratchnet.nn.module import Module
from scratchnet.nn.parameter import Parameter
from scratchnet.ops._array import no_array, whole_number
from scratchnet.random import Rng

__all__ = ["Embedding"]


class Embedding(Module):
    """A table with a row for each token: token t becomes row t of the weight.

    x: integers (…) from 0 to num_embeddings − 1 → y: (…, embedding_dim)
    weight: (num_embeddings, embedding_dim), drawn from N(0, 1).
    padding_idx: the token that fills up short sequences. Its row starts as 0 and gets no gradient, so
    it stays as it is. A negative one counts from the end.
    rng: what the weight is drawn from: a seed, a generator, or None for the shared generator.

    torch's max_norm, norm_type, scale_grad_by_freq and sparse are left out: other values than their
    defaults raise NotImplementedError.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: npt.ArrayLike | Tensor | None = None,
        _freeze: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        for name, value, default in (
            ("max_norm", max_norm, None),
            ("norm_type", norm_type, 2.0),
            ("scale_grad_by_freq", scale_grad_by_freq, False),
            ("sparse", sparse, False),
        ):
            if value != default:
                raise NotImplementedError(
                    f"Embedding has no {name}, got {name}={value!r}: of torch's options max_norm, "
                    "norm_type, scale_grad_by_freq and sparse are left out"
                )
        n = self.num_embeddings = size("num_embeddings", num_embeddings)
        self.embedding_dim = size("embedding_dim", embedding_dim)
        if padding_idx is not None:
            padding_idx = whole_number("padding_idx", padding_idx)
            if not -n <= padding_idx < n:
                raise ValueError(f"padding_idx {padding_idx} is none of the {n} tokens")
        self.padding_idx = None if padding_idx is None else padding_idx % n
        if _weight is None:
            self.weight = Parameter(np.empty((n, self.embedding_dim), np.float32), not _freeze)
            self.reset_parameters(rng)
        else:
            self.weight = Parameter(
                _weight.data if isinstance(_weight, Tensor) else _weight, not _freeze
            )
            if self.weight.shape != (n, self.embedding_dim):
                raise ValueError(
                    f"Embedding({n}, {self.embedding_dim}) takes a weight of that shape, "
                    f"got {self.weight.shape}"
                )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: npt.ArrayLike | Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Return a layer around a table that exists, (tokens, features).

        An array is not copied, and keeps its dtype; numbers in a list become float32.

        freeze: whether it stays as it is in training. The row of padding_idx is not set to 0.
        """
        if not isinstance(embeddings, np.ndarray | Tensor | list | tuple):
            raise no_array("from_pretrained", embeddings)
        shape = np.shape(embeddings)
        if len(shape) != 2:
            raise ValueError(f"from_pretrained takes a table (tokens, features), got {shape}")
        return cls(
            *shape,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def reset_parameters(self, rng: Rng = None) -> None:
        """Draw the weight anew from N(0, 1); the row of padding_idx becomes 0."""
        init.normal_(self.weight, rng=rng)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0.0

    def forward(self, x: Any) -> Any:
        return functional.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
