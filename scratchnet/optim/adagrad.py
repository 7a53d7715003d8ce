"""Adagrad: each weight has a rate of its own, from all of its gradients so far."""

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
)

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of its squares so far.

        dw ← ±dw + λ w                      − with maximize
        s  ← s + dw²                        begins at initial_accumulator_value
        w  ← w − lr/(1 + (t − 1) lr_decay) · dw / (√s + eps)

    The rates only fall; weights whose gradient is rarely not 0 keep a large one.

    params, lr · lr_decay · weight_decay: λ · initial_accumulator_value · eps: added after the root ·
    maximize: go uphill
    Source: Duchi, Hazan & Singer 2011, figure 1 with diagonal matrices.
    """

    always_in_state = ("step", "sum")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        names = "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"
        require_not_negative(group, *names)

    def _update(self, p: Tensor, state: dict[str, Any], group: Mapping[str, Any]) -> Blocks:
        if "sum" not in state:
            state["sum"] = np.full_like(p.data, group["initial_accumulator_value"])
        state["step"] = t = state.get("step", 0) + 1
        rate, eps = group["lr"] / (1 + (t - 1) * group["lr_decay"]), group["eps"]

        def update(w: Array, dw: Array, s: Array, a: Array, b: Array) -> None:
            dw = decayed(w, dw, group, out=a)
            s += np.multiply(dw, dw, out=b)
            np.sqrt(s, out=b)
            b += eps
            np.divide(dw, b, out=b)
            b *= rate
            w -= b

        return in_blocks(update, p, state["sum"])
