"""Initial weights: so that signals keep their size through many layers, forwards and backwards.

A layer's output has the variance fan_in · var(w) · E[x²]. Xavier sets var(w) = 2/(fan_in + fan_out),
a compromise between both directions for a tanh; Kaiming sets var(w) = gain²/fan, with gain² = 2 for a
ReLU, which halves E[x²]. A uniform distribution over ±b has the variance b²/3.

All of them write into the Tensor, return it, and draw from `rng` (a seed or a generator) or else from
the generator that `scratchnet.manual_seed` seeds.

Sources: Glorot & Bengio 2010, eq. 16; He et al. 2015, eq. 10 and 14.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.autograd import Tensor, mark_changed
from scratchnet.random import Rng, resolve_rng

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "fan_in_and_out",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_PIECE = 1 << 16  # values drawn at a time

_LINEAR = (
    *("linear", "conv1d", "conv2d", "conv3d"),
    *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor that makes up for what a nonlinearity takes from a signal, as torch has it.

    linear, conv2d (and the other convolutions), sigmoid: 1 · tanh: 5/3 · relu: √2 ·
    leaky_relu: √(2/(1 + slope²)), the slope being param, 0.01 if None · selu: 3/4
    """
    slope = 0.01 if param is None else param
    gains = {"sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": sqrt(2.0), "selu": 0.75}
    gains |= {"leaky_relu": sqrt(2.0 / (1.0 + slope**2)), **dict.fromkeys(_LINEAR, 1.0)}
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity {nonlinearity!r} is none of {', '.join(sorted(gains))}")
    return gains[nonlinearity]


def fan_in_and_out(tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs feed one output, and how many outputs one input feeds.

    weight (out, in, *kernel): in · |kernel| and out · |kernel|
    """
    if tensor.ndim < 2:
        raise ValueError(f"fans are defined for two or more dimensions, got {tensor.shape}")
    return tensor.shape[1] * prod(tensor.shape[2:]), tensor.shape[0] * prod(tensor.shape[2:])


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, rng: Rng = None) -> Tensor:
    """Fill with values drawn uniformly from [a, b)."""
    rng = resolve_rng(rng)
    return _draw(tensor, lambda n: rng.uniform(a, b, n))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Tensor:
    """Fill with values drawn from a normal distribution."""
    rng = resolve_rng(rng)
    return _draw(tensor, lambda n: rng.normal(mean, std, n))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _fill(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Fill uniformly from ±gain · √(6/(fan_in + fan_out))."""
    bound = gain * sqrt(6.0 / sum(fan_in_and_out(tensor)))
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Fill normally with standard deviation gain · √(2/(fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * sqrt(2.0 / sum(fan_in_and_out(tensor))), rng)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
) -> Tensor:
    """Fill uniformly from ±gain · √(3/fan); a is the slope of the leaky ReLU that follows."""
    bound = calculate_gain(nonlinearity, a) * sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
) -> Tensor:
    """Fill normally with standard deviation gain/√fan; a is the slope of the leaky ReLU that follows."""
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / sqrt(_fan(tensor, mode)), rng)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: 1 on the diagonal, 0 elsewhere.

    As the weight_hh of a ReLU network it hands the memory on unchanged at first.
    Source: Le, Jaitly & Hinton 2015.
    """
    _require_tensor(tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills a matrix, got {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def orthogonal_(tensor: Tensor, gain: float = 1.0, rng: Rng = None) -> Tensor:
    """Fill with gain times a random matrix of orthonormal rows or columns, whichever are fewer.

        W Wᵀ = gain² I   if there are no more rows than columns, else   Wᵀ W = gain² I
        A = Q R,   Q_ij ← Q_ij · sign(R_jj)   for a matrix A (or Aᵀ, if wider than high) of normal numbers

    Such a weight_hh keeps the norm of the memory, forwards and backwards, where a matrix of independent
    entries lets it vanish or explode over many steps. The signs make all orthogonal matrices equally
    likely: QR alone favours some. More than two axes: all after the first are taken as one. The
    weight_hh of a layer with gates is filled as a whole, (G·H, H) with orthonormal columns, as in torch.
    Sources: Saxe, McClelland & Ganguli 2014; Mezzadri 2007, section 5 (signs).
    """
    _require_tensor(tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ fills two or more dimensions, got {tensor.shape}")
    rows, columns = tensor.shape[0], prod(tensor.shape[1:])
    normal = resolve_rng(rng).normal(size=(rows, columns))
    wide = rows < columns
    q, r = np.linalg.qr(normal.T if wide else normal)
    q *= gain * np.sign(np.diagonal(r))
    return _fill(tensor, (q.T if wide else q).reshape(tensor.shape))


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode is 'fan_in' or 'fan_out', got {mode!r}")
    # At least 1: with a fan of 0 there is no entry to fill, whatever its variance.
    return max(1, fan_in_and_out(tensor)[mode == "fan_out"])


def _draw(tensor: Tensor, draw: Callable[[int], npt.NDArray[np.float64]]) -> Tensor:
    """Fill with draw(n), n values at a time: in float64, all of them would take twice the Tensor's room."""
    _fill(tensor, 0.0)  # with its checks
    entries = tensor.data.reshape(-1) if tensor.data.flags.c_contiguous else tensor.data.flat
    for start in range(0, tensor.data.size, _PIECE):
        entries[start : start + _PIECE] = draw(min(_PIECE, tensor.data.size - start))
    return tensor


def _require_tensor(tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"a Tensor is filled in place, got {type(tensor).__name__}")


def _fill(tensor: Tensor, values: float | npt.NDArray[Any]) -> Tensor:
    _require_tensor(tensor)
    mark_changed(tensor)
    np.copyto(tensor.data, values, casting="same_kind")
    return tensor
