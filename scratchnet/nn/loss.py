"""Losses as modules: called with the network's output and the target (`ops.loss` has the equations)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.nn.module import Module

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss", "NLLLoss"]


def _buffer(array: npt.ArrayLike | None) -> np.ndarray | None:
    return None if array is None else np.asarray(array)


class CrossEntropyLoss(Module):
    """Cross-entropy from logits (N, K, …) and labels (N, …) or probabilities (N, K, …)."""

    weight: np.ndarray | None

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.register_buffer("weight", _buffer(weight))
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing

    def forward(self, *inputs: Any) -> Any:
        return functional.cross_entropy(
            *inputs, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(Module):
    """Negative log-likelihood from log-probabilities (N, K, …) and labels (N, …)."""

    weight: np.ndarray | None

    def __init__(
        self, weight: npt.ArrayLike | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        self.register_buffer("weight", _buffer(weight))
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, *inputs: Any) -> Any:
        return functional.nll_loss(*inputs, self.weight, self.ignore_index, self.reduction)


class BCEWithLogitsLoss(Module):
    """Cross-entropy of yes-or-no questions from logits and targets of one shape."""

    weight: np.ndarray | None
    pos_weight: np.ndarray | None

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        reduction: str = "mean",
        pos_weight: npt.ArrayLike | None = None,
    ) -> None:
        self.register_buffer("weight", _buffer(weight))
        self.register_buffer("pos_weight", _buffer(pos_weight))
        self.reduction = reduction

    def forward(self, *inputs: Any) -> Any:
        return functional.binary_cross_entropy_with_logits(
            *inputs, self.weight, self.reduction, self.pos_weight
        )


class MSELoss(Module):
    """Mean squared error."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, *inputs: Any) -> Any:
        return functional.mse_loss(*inputs, self.reduction)


class L1Loss(Module):
    """Mean absolute error."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, *inputs: Any) -> Any:
        return functional.l1_loss(*inputs, self.reduction)


class HuberLoss(Module):
    """Squared error near the target, absolute error beyond delta."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction, self.delta = reduction, delta

    def forward(self, *inputs: Any) -> Any:
        return functional.huber_loss(*inputs, self.reduction, self.delta)
