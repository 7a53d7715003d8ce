"""RMSprop: each weight has a rate of its own, from the recent size of its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchnet.autograd import Tensor
from scratchnet.optim.optimizer import (
    Array,
    Blocks,
    Optimizer,
    Params,
    decayed,
    in_blocks,
    require_not_negative,
    zeros_once,
)

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Divide the gradient by the root of a running mean of its square.

        dw ← ±dw + λ w                      − with maximize
        v  ← α v + (1 − α) dw²
        s  = v,  or with centered  g ← α g + (1 − α) dw,  s = v − g²    (a running variance)
        u  ← μ u + dw / (√s + eps)
        w  ← w − lr · u

    s ≥ 0 but for rounding, which would leave a NaN in w (it does in torch) once a gradient has long
    been the same; below 0 it is taken as 0.

    params, lr · alpha: α · eps: added after the root · weight_decay: λ · momentum: μ · centered ·
    maximize: go uphill
    Sources: Tieleman & Hinton 2012, lecture 6.5; Graves 2013, eq. 38–41 (centered, momentum).
    """

    always_in_state = ("step", "square_avg")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        require_not_negative(group, "lr", "alpha", "eps", "weight_decay", "momentum")

    def _update(self, p: Tensor, state: dict[str, Any], group: Mapping[str, Any]) -> Blocks:
        square = zeros_once(state, "square_avg", p.data)
        mean = zeros_once(state, "grad_avg", p.data) if group["centered"] else None
        momentum = group["momentum"]
        buffer = zeros_once(state, "momentum_buffer", p.data) if momentum else None
        state["step"] = state.get("step", 0) + 1
        lr, alpha, eps = group["lr"], group["alpha"], group["eps"]

        def update(
            w: Array, dw: Array, v: Array, g: Array | None, u: Array | None, a: Array, b: Array
        ) -> None:
            dw = decayed(w, dw, group, out=a)
            v *= alpha
            np.multiply(dw, dw, out=b)
            b *= 1 - alpha
            v += b
            if g is None:
                np.sqrt(v, out=b)
            else:
                g *= alpha
                g += np.multiply(dw, 1 - alpha, out=b)
                np.subtract(v, np.multiply(g, g, out=b), out=b)
                np.sqrt(np.maximum(b, 0, out=b), out=b)
            b += eps
            step = np.divide(dw, b, out=b)
            if u is not None:
                u *= momentum
                u += step
                step = u
            w -= np.multiply(step, lr, out=b)

        return in_blocks(update, p, square, mean, buffer)
