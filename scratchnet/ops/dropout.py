"""Dropout: entries left out at random in training, so that no unit can rely on a single other one."""

from __future__ import annotations

import numpy as np

from scratchnet.ops._array import Array, Pullback, as_float, require_probability

__all__ = ["dropout"]


def dropout(
    x: Array,
    p: float = 0.5,
    *,
    seed: int | np.random.Generator | None = None,
    mask: Array | None = None,
) -> tuple[Array, Pullback]:
    """Set each entry to 0 with probability p and scale the others by 1/(1 − p).

        y = x · mask / (1 − p),   mask ~ Bernoulli(1 − p)
        ∂L/∂x = dy · mask / (1 − p)

    The scaling keeps the expected value, so at inference nothing has to be done. With p = 1
    everything is 0; with p = 0 nothing changes. Drawn from `seed`, or given as `mask` (True = keep):
    one of the two is needed, nothing is drawn from hidden state. An int gives the same mask every
    time, a Generator goes on to the next. A mask may have axes of length 1, along which all is kept or
    left out together: (N, C, 1, 1) takes whole channels.
    Source: Srivastava et al. 2014, section 10 (inverted form).
    """
    x = as_float(x)
    require_probability("dropout", p)
    if (seed is None) == (mask is None):
        raise ValueError("dropout takes either a seed or a mask")
    if mask is None:
        keep = np.random.default_rng(seed).random(x.shape, np.float32) >= p
    else:
        keep = np.asarray(mask)
        fits = keep.ndim == x.ndim and all(
            k in (1, n) for k, n in zip(keep.shape, x.shape, strict=True)
        )
        if keep.dtype != bool or not fits:
            raise ValueError(
                f"dropout takes a bool mask like x {x.shape}, got {keep.dtype} {keep.shape}"
            )
    scale = 1.0 / (1.0 - float(p)) if p < 1 else 0.0

    def pullback(dy: Array) -> tuple[Array]:
        return (dy * scale * keep,)

    return x * scale * keep, pullback
