"""The base of the schedules, the simple ones, and `SequentialLR`, which puts them in a row.

t is the number of `scheduler.step()` calls so far, lr₀ the group's `initial_lr`: its learning rate
when the first scheduler was made on it.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scratchnet.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "SequentialLR",
    "StepLR",
    "require_optimizer",
    "require_positive",
]


class LRScheduler:
    """Base of the schedules: a subclass defines `get_lr`, the rate of each group at `last_epoch`.

    last_epoch: t of the step done last, when a schedule is taken up again on an optimiser whose
        groups know their `initial_lr`; −1 begins at t = 0.

    Making a scheduler sets the learning rates to those of t = last_epoch + 1.
    """

    optimizer: Optimizer
    base_lrs: list[float]
    last_epoch: int
    _last_lr: list[float]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"last_epoch={last_epoch}, but group {i} has no initial_lr")
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._go_to(last_epoch + 1)

    def get_lr(self) -> list[float]:
        """Return the rate of each group at t = `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def get_last_lr(self) -> list[float]:
        """Return the rate that was set last for each group."""
        return list(self._last_lr)

    def step(self) -> None:
        """Set the rates of the next t."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if rates != self._last_lr:
            raise RuntimeError(
                f"the rates are {rates}, but this schedule last set {self._last_lr}: they would be "
                "overwritten. Combine schedules with SequentialLR, other changes with LambdaLR"
            )
        if self.last_epoch == 0 and not self.optimizer._stepped:
            warnings.warn(
                "scheduler.step() was called before optimizer.step(): "
                "the first rate of the schedule has never been used",
                stacklevel=2,
            )
        self._go_to(self.last_epoch + 1)

    def _go_to(self, t: int) -> None:
        self.last_epoch = t
        self._last_lr = [float(lr) for lr in self.get_lr()]
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser, which keeps the rates in its own state."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state; ValueError if an entry is missing, and then nothing has changed."""
        self._check_state(state_dict)
        vars(self).update({name: state_dict[name] for name in self.state_dict()})

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        missing = [name for name in self.state_dict() if name not in state_dict]
        if missing:
            raise ValueError(f"no state of {type(self).__name__}: it lacks {', '.join(missing)}")


class LambdaLR(LRScheduler):
    """lr(t) = lr₀ · f(t), with one function for all groups or a list of one for each.

    The functions are not part of the state: a schedule that is taken up again is given them anew.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        n = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ValueError(f"{n} groups need {n} functions, got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        return [lr * f(t) for lr, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        return {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}


class StepLR(LRScheduler):
    """lr(t) = lr₀ · gamma^⌊t / step_size⌋"""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        require_positive(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr(t) = lr₀ · gamma^(how many milestones are ≤ t)"""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        passed = bisect_right(self.milestones, self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ConstantLR(LRScheduler):
    """lr(t) = lr₀ · factor while t < total_iters, then lr₀"""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"factor must lie between 0 and 1, got {factor}")
        require_positive(total_iters=total_iters)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = self.factor if self.last_epoch < self.total_iters else 1.0
        return [lr * factor for lr in self.base_lrs]


class LinearLR(LRScheduler):
    """lr(t) = lr₀ · (start_factor + (end_factor − start_factor) · min(t, total_iters)/total_iters)

    The usual warm-up: large steps are dangerous while the weights are random and the moments of Adam
    or the statistics of batch norm have seen little.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"start_factor must be above 0 and at most 1, got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor must lie between 0 and 1, got {end_factor}")
        require_positive(total_iters=total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        done = min(self.last_epoch, self.total_iters) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * done
        return [lr * factor for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (lr₀ − eta_min) · (1 + cos(π t / T_max)) / 2

    Half a cosine period, down to eta_min in T_max steps; beyond T_max it rises again.
    Source: Loshchilov & Hutter 2017, eq. 5, without the restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        require_positive(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * height for lr in self.base_lrs]


class SequentialLR(LRScheduler):
    """One schedule after another: from milestones[i] on schedulers[i + 1] runs, with its own t from 0.

    lr(t) = lr of the schedule that runs, at t − (the milestone where it began)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if not schedulers:
            raise ValueError("SequentialLR needs one schedule or more, got none")
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
                f"got {len(milestones)}"
            )
        if list(milestones) != sorted(milestones):
            raise ValueError(f"the milestones must be in order, got {list(milestones)}")
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("the schedules and SequentialLR must have the same optimiser")
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def _go_to(self, t: int) -> None:
        i = bisect_right(self._milestones, t)
        self._schedulers[i]._go_to(t - [0, *self._milestones][i])
        self.last_epoch, self._last_lr = t, self._schedulers[i].get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        states = [scheduler.state_dict() for scheduler in self._schedulers]
        return super().state_dict() | {"_schedulers": states}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        schedulers = self._schedulers
        super().load_state_dict(state_dict)
        self._schedulers = schedulers
        for scheduler, state in zip(schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        n, found = len(self._schedulers), len(state_dict["_schedulers"])
        if n != found:
            raise ValueError(f"there are {n} schedules, the state has {found}")
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler._check_state(state)


def require_positive(**numbers: float) -> None:
    """Raise ValueError unless all of these are above 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, got {number}")


def require_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless this is an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a schedule takes an Optimizer, got {type(optimizer).__name__}")
