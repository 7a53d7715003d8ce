"""Stochastic gradient descent, with momentum."""

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

__all__ = ["SGD"]


class SGD(Optimizer):
    """Go downhill along the gradient, or along a decaying sum of gradients (momentum).

        dw ← ±dw + λ w                      − with maximize
        v  ← μ v + (1 − dampening) dw       the first time v = dw, undampened
        dw ← v,  or dw + μ v with nesterov  without momentum dw stays as it is
        w  ← w − lr · dw

    The rate stands outside of the sum, as in torch: when lr changes, the steps gathered in v change
    with it. In the paper's form, v ← μ v − lr · dw and w ← w + v, they do not.

    params, lr · momentum: μ · dampening · weight_decay: λ · nesterov: needs a momentum and no
    dampening · maximize: go uphill
    Source: Sutskever, Martens, Dahl & Hinton 2013, eq. 1–4.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Tensor([0.8, 1.6], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        require_not_negative(group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "nesterov needs momentum > 0 and dampening 0, "
                f"got momentum={group['momentum']}, dampening={group['dampening']}"
            )

    def _update(self, p: Tensor, state: dict[str, Any], group: Mapping[str, Any]) -> Blocks:
        lr, momentum, nesterov = group["lr"], group["momentum"], group["nesterov"]
        share = 1 - group["dampening"] if "momentum_buffer" in state else 1
        buffer = zeros_once(state, "momentum_buffer", p.data) if momentum else None

        def update(w: Array, dw: Array, v: Any, a: Array, b: Array) -> None:
            dw = decayed(w, dw, group, out=a)
            if momentum:
                v *= momentum
                v += dw if share == 1 else np.multiply(dw, share, out=b)
                dw = np.add(np.multiply(v, momentum, out=b), dw, out=b) if nesterov else v
            w -= np.multiply(dw, lr, out=b)

        return in_blocks(update, p, buffer)
