"""Clipping gradients, between `backward` and the optimiser's step.

A recurrent net or a large rate can give a gradient many times the usual size; one such step undoes
what a thousand have learned. Clipping by norm keeps the direction and bounds the length; clipping by
value bounds every entry by itself, which changes the direction.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from scratchnet.autograd import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Parameters = Tensor | Iterable[Tensor]


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> np.float64:
    """Scale all gradients, taken together as one vector dw, to at most max_norm; return ‖dw‖ before.

        ‖dw‖ = (Σ |dw_i|^p)^(1/p),  max |dw_i| for p = inf
        dw ← dw · min(1, max_norm/(‖dw‖ + 1e-6))

    norm_type: p. The gradients are changed in place; parameters without one are left out.
    A norm that is NaN or infinite makes the gradients NaN or 0, or, with error_if_nonfinite, raises a
    RuntimeError and leaves them as they are.
    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1; the 1e-6 is torch's.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = np.array([3.0, 4.0])
    >>> float(clip_grad_norm_(w, max_norm=1.0))
    5.0
    >>> w.grad.round(3)
    array([0.6, 0.8])
    """
    parameters = _as_list(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def get_total_norm(
    tensors: Iterable[np.ndarray | Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> np.float64:
    """Return the norm of arrays taken together as one vector; 0 for none (see `clip_grad_norm_`)."""
    p = float(norm_type)
    arrays = [np.asarray(t.data if isinstance(t, Tensor) else t) for t in tensors]
    # ravel("K") takes entries as they lie in memory: no copy, and their order does not matter.
    norms = [np.linalg.norm(array.ravel("K"), p) for array in arrays if array.size]
    total = np.float64(np.linalg.norm(np.array(norms, np.float64), p) if norms else 0.0)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(f"the norm of order {p} of the gradients is {total}: nothing to clip to")
    return total


def clip_grads_with_norm_(parameters: Parameters, max_norm: float, total_norm: float) -> None:
    """Scale all gradients by min(1, max_norm/(total_norm + 1e-6)), in place."""
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be 0 or more, got {max_norm}")
    scale = float(max_norm / (total_norm + 1e-6))
    if not scale >= 1:  # so that NaN scales too, as in torch
        with np.errstate(invalid="ignore"):  # inf · 0
            for dw in _gradients(_as_list(parameters)):
                dw *= scale


def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Bound every entry of the gradients, in place: dw_i ← min(max(dw_i, −clip_value), clip_value)."""
    if not clip_value >= 0:
        raise ValueError(f"clip_value must be 0 or more, got {clip_value}")
    for dw in _gradients(_as_list(parameters)):
        np.clip(dw, -clip_value, clip_value, out=dw)


def _as_list(parameters: Parameters) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        return [parameters]
    found = list(parameters)
    if not found and not hasattr(parameters, "__len__"):
        warnings.warn("no parameters: this iterator is used up, nothing is clipped", stacklevel=3)
    return found


def _gradients(parameters: Iterable[Tensor]) -> list[Any]:
    return [p.grad for p in parameters if p.grad is not None]
