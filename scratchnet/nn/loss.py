"""Losses as modules, called with the network's output x and the target; the result is a number.

With reduction="none" it is the loss of every sample or entry instead. The equations stand in
`ops.loss`, `ops.classification_loss` and `ops.ctc_loss`.

Letters: T time steps, N batch, K classes, S labels, … further axes, such as pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.nn.module import Module
from scratchnet.ops._array import whole_number

__all__ = [
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
]


class _WeightedLoss(Module):
    """A loss with a weight, kept as a buffer: `state_dict` holds it, nothing trains it."""

    weight: npt.NDArray[Any] | None

    def __init__(self, weight: npt.ArrayLike | None, reduction: str) -> None:
        self.register_buffer("weight", None if weight is None else np.asarray(weight))
        self.reduction = reduction


class CrossEntropyLoss(_WeightedLoss):
    """Cross-entropy of the classes, from logits.

    x: (N, K, …) or (K,) · target: labels (N, …) or (), or probabilities shaped like x.
    weight: (K,) · ignore_index: a label that adds nothing.
    """

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x: Any, target: Any) -> Any:
        return functional.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood of the labels, from log-probabilities (`LogSoftmax` gives them).

    x: (N, K, …) or (K,) · target: labels (N, …) or () · weight: (K,).
    """

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, x: Any, target: Any) -> Any:
        return functional.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy, from logits.

    x, target: one shape, targets between 0 and 1 · weight, pos_weight: broadcast to it.
    """

    pos_weight: npt.NDArray[Any] | None

    def __init__(
        self,
        weight: npt.ArrayLike | None = None,
        *,
        reduction: str = "mean",
        pos_weight: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", None if pos_weight is None else np.asarray(pos_weight))

    def forward(self, x: Any, target: Any) -> Any:
        return functional.binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )


class CTCLoss(Module):
    """Minus the log-probability of a labelling, whatever its alignment with the time steps.

    log_probs: (T, N, K), from `LogSoftmax` · targets: integers (N, S), or all in one row
    input_lengths, target_lengths: (N,). `scratchnet.ctc_decoding` reads labellings out of log_probs.
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        self.blank = whole_number("blank", blank)
        self.reduction, self.zero_infinity = reduction, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return functional.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


class MSELoss(Module):
    """Mean squared error. x, target: one shape."""

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return functional.mse_loss(x, target, self.reduction)


class L1Loss(Module):
    """Mean absolute error. x, target: one shape."""

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        return functional.l1_loss(x, target, self.reduction)


class HuberLoss(Module):
    """Squared error near the target, absolute error beyond delta. x, target: one shape."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction, self.delta = reduction, delta

    def forward(self, x: Any, target: Any) -> Any:
        return functional.huber_loss(x, target, self.reduction, self.delta)
