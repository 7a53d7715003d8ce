"""Schedules: the learning rate as a function of t, the number of `scheduler.step()` calls so far.

Each schedule here is written as that function, lr(t), for one group of parameters whose rate was lr₀
when the schedule was made (`initial_lr`). A schedule therefore does not see a rate that was set by
hand or by a second schedule since its last step, and raises instead of overwriting it silently; torch
multiplies on from whatever rate it finds. `SequentialLR` puts one schedule after another, `LambdaLR`
takes any function of t.

    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = SequentialLR(
        optimizer,
        [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, T_max=95)],
        milestones=[5],
    )

warms up for 5 steps and then goes down for 95. Whether a step is an epoch or a batch is the caller's
choice: call `scheduler.step()` after each, and after `optimizer.step()`.
"""

from scratchnet.optim.lr_scheduler.one_cycle import OneCycleLR
from scratchnet.optim.lr_scheduler.scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    SequentialLR,
    StepLR,
)

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "SequentialLR",
    "StepLR",
]
