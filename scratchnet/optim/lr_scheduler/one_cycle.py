"""One cycle: the rate up and down again, the momentum down and up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scratchnet.optim.lr_scheduler.scheduler import (
    LRScheduler,
    require_optimizer,
    require_positive,
)
from scratchnet.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Up to a high rate and down to a very low one, while the momentum goes the other way.

        from        to        until t = (T is total_steps)              momentum
        initial_lr  max_lr    pct_start · T − 1                         max → base
        max_lr      min_lr    T − 1                                     base → max

        initial_lr = max_lr/div_factor,  min_lr = initial_lr/final_div_factor

    and with three_phase the second line is replaced by

        max_lr      initial_lr  2 pct_start · T − 2                     base → max
        initial_lr  min_lr      T − 1                                   max

    Within a phase from x to y, with p the part of it that is done:

        cos:     y + (x − y) · (1 + cos(π p)) / 2
        linear:  x + (y − x) · p

    Meant to be stepped after every batch. total_steps, or epochs · steps_per_epoch: after that many
    steps the next one raises ValueError. (The last of them, after the last batch, goes beyond the
    cycle's end, p > 1; its rate is used only if training goes on.)

    max_lr, base_momentum, max_momentum: a number, or a list of one for each group. The momentum is
    the option `momentum` or, in Adam, the first of `betas`.
    Source: Smith & Topin 2018, whose cycle has three phases.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        if total_steps is not None:
            require_positive(total_steps=total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            require_positive(epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        else:
            raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must lie between 0 and 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        options = optimizer.defaults
        if cycle_momentum and "momentum" not in options and "betas" not in options:
            raise ValueError(f"{type(optimizer).__name__} has no momentum: cycle_momentum=False")
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        up, down = pct_start * total_steps - 1, 2 * pct_start * total_steps - 2
        last = total_steps - 1
        if three_phase:
            self.ends = [up, down, last]
            self.corners = {
                "lr": ["initial_lr", "max_lr", "initial_lr", "min_lr"],
                "momentum": ["max_momentum", "base_momentum", "max_momentum", "max_momentum"],
            }
        else:
            self.ends = [up, last]
            self.corners = {
                "lr": ["initial_lr", "max_lr", "min_lr"],
                "momentum": ["max_momentum", "base_momentum", "max_momentum"],
            }
        if last_epoch == -1:
            settings = {"max_lr": max_lr}
            if cycle_momentum:
                settings |= {"base_momentum": base_momentum, "max_momentum": max_momentum}
            for name, value in settings.items():
                values = _one_for_each_group(name, value, optimizer)
                for group, number in zip(optimizer.param_groups, values, strict=True):
                    group[name] = number
            for group in optimizer.param_groups:
                group["initial_lr"] = group["max_lr"] / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [self._at_present(group, "lr") for group in self.optimizer.param_groups]

    def _go_to(self, t: int) -> None:
        if t > self.total_steps:
            raise ValueError(f"the cycle has {self.total_steps} steps, this would be step {t}")
        super()._go_to(t)
        for group in self.optimizer.param_groups if self.cycle_momentum else []:
            momentum = self._at_present(group, "momentum")
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _at_present(self, group: Mapping[str, Any], what: str) -> float:
        """Return the group's rate or momentum at t = `last_epoch`."""
        t, n = self.last_epoch, len(self.ends)
        i = next((i for i, end in enumerate(self.ends) if t <= end), n - 1)
        start, end = self.ends[i - 1] if i else 0.0, self.ends[i]
        p = (t - start) / (end - start) if end != start else 1.0
        x, y = (group[corner] for corner in self.corners[what][i : i + 2])
        if self.anneal_strategy == "linear":
            return x + (y - x) * p
        return y + (x - y) * (1 + math.cos(math.pi * p)) / 2


def _one_for_each_group(
    name: str, value: float | Sequence[float], optimizer: Optimizer
) -> list[float]:
    n = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * n
    if len(values) != n:
        raise ValueError(f"{name} needs one value for each of {n} groups, got {len(values)}")
    return values
