"""Adam, and AdamW, which takes the weight decay out of Adam's moments."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
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

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Divide a running mean of the gradient by the root of a running mean of its square.

        dw ← ±dw + λ w                      − with maximize
        m  ← β₁ m + (1 − β₁) dw
        v  ← β₂ v + (1 − β₂) dw²
        m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)    both means start at 0: this takes out the bias
        w  ← w − lr · m̂ / (√v̂ + eps)

    eps is added after the bias-corrected root. With amsgrad v̂ is made from the largest v so far.
    The decay λ w enters the moments, so a weight with large gradients decays less (`AdamW`: all alike).

    params, lr · betas: (β₁, β₂) · eps · weight_decay: λ · amsgrad · maximize: go uphill ·
    decoupled_weight_decay: decay as AdamW does
    Sources: Kingma & Ba 2015, algorithm 1; Reddi, Kale & Kumar 2018, algorithm 2 (amsgrad, which
    torch corrects for bias).

    The first step is lr in size, whatever the size of the gradient:

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Tensor([0.5, 1.5], requires_grad=True)
    """

    always_in_state = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        require_not_negative(group, "lr", "eps", "weight_decay")
        if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(f"betas must be two numbers in [0, 1), got {group['betas']}")

    def _update(self, p: Tensor, state: dict[str, Any], group: Mapping[str, Any]) -> Blocks:
        mean = zeros_once(state, "exp_avg", p.data)
        square = zeros_once(state, "exp_avg_sq", p.data)
        largest = zeros_once(state, "max_exp_avg_sq", p.data) if group["amsgrad"] else None
        state["step"] = t = state.get("step", 0) + 1
        beta1, beta2 = group["betas"]
        lr, decoupled = group["lr"], group["decoupled_weight_decay"]
        # With c = √(1 − β₂ᵗ):  m̂/(√v̂ + eps) = c/(1 − β₁ᵗ) · m/(√v + c·eps), two passes fewer.
        c = sqrt(1 - beta2**t)
        rate, eps = lr * c / (1 - beta1**t), group["eps"] * c

        def update(
            w: Array, dw: Array, m: Array, v: Array, v_max: Array | None, a: Array, b: Array
        ) -> None:
            if decoupled:
                w *= 1 - lr * group["weight_decay"]
                dw = np.negative(dw, out=a) if group["maximize"] else dw
            else:
                dw = decayed(w, dw, group, out=a)
            # m ← β₁ m + (1 − β₁) dw
            m *= beta1
            m += np.multiply(dw, 1 - beta1, out=b)
            # v ← β₂ v + (1 − β₂) dw²
            v *= beta2
            np.multiply(dw, dw, out=b)
            b *= 1 - beta2
            v += b
            if v_max is not None:
                v = np.maximum(v_max, v, out=v_max)
            # w ← w − rate · m / (√v + eps)
            np.sqrt(v, out=b)
            b += eps
            np.divide(m, b, out=b)
            b *= rate
            w -= b

        return in_blocks(update, p, mean, square, largest)


class AdamW(Adam):
    """Adam with the weight decay outside of the moments.

        w ← w − lr λ w
        w ← w − lr · m̂ / (√v̂ + eps)        m̂ and v̂ of ±dw alone, as in `Adam`

    Every weight decays at the same rate, whatever its gradients.
    Source: Loshchilov & Hutter 2019, algorithm 2; the schedule multiplier η is part of lr here.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        if not group["decoupled_weight_decay"]:
            raise ValueError("AdamW decays outside of the moments: use Adam for the other way")
