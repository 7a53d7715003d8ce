"""The training loop: forward, backward, step; epoch after epoch; and knowing when to stop.

The heart of it is `_train_epoch`. Around it, `fit` measures, remembers the best weights, writes
checkpoints and stops early.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from scratchnet.autograd import Tensor
from scratchnet.functional import cross_entropy
from scratchnet.nn import Module
from scratchnet.nn.utils import clip_grads_with_norm_, get_total_norm
from scratchnet.optim import Optimizer
from scratchnet.optim.lr_scheduler import LRScheduler
from scratchnet.training.checkpoint import Run, load_checkpoint, save_checkpoint
from scratchnet.training.evaluation import (
    Metric,
    as_batches,
    evaluate,
    loss_value,
    split_batch,
)

__all__ = ["NonFiniteError", "fit"]

Row = dict[str, float]


class NonFiniteError(FloatingPointError):
    """Training has diverged: the loss or the norm of its gradient is NaN or infinite.

    epoch, batch: where, counted from 1 · loss · grad_norm: NaN if it was not reached · lr: of the
    first group
    """

    def __init__(
        self, epoch: int, batch: int, loss: float, grad_norm: float, lr: float, cause: str
    ) -> None:
        figure = f"the loss is {loss:g}"
        if math.isfinite(loss):
            figure += f", but the norm of its gradient {grad_norm:g}"
        super().__init__(
            f"epoch {epoch}, batch {batch}: {figure}, at learning rate {lr:g}; {cause}. "
            "The model has the weights from before this batch"
        )
        self.epoch, self.batch, self.lr = epoch, batch, lr
        self.loss, self.grad_norm = loss, grad_norm


def fit(
    model: Module,
    train: Any,
    *,
    epochs: int,
    optimizer: Optimizer,
    loss_fn: Callable[..., Any] = cross_entropy,
    validation: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    scheduler: LRScheduler | None = None,
    scheduler_per_batch: bool = False,
    max_grad_norm: float = math.inf,
    monitor: str | None = None,
    maximize: bool | None = None,
    min_delta: float = 0.0,
    patience: int | None = None,
    restore_best: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> list[Row]:
    """Train a model and return its history: one dict of figures for each epoch.

    epoch · lr: of the first group, as the epoch began · loss: mean over the epoch's samples (if
    loss_fn is a mean over those of a batch), in training mode, while the weights changed ·
    grad_norm: the largest, before clipping · val_loss and val_<metric>: on the validation data ·
    seconds

    Every module trains, whatever its mode was. The model ends in eval mode, ready to predict, with
    the weights of the last epoch, or of the best one with `restore_best`.

    Data
        train, validation: a DataLoader, a data set, or a tuple of arrays (inputs…, target).
        batch_size: of arrays and data sets (32). Those for training are shuffled in every epoch.
        metrics: {name: function(y_true, outputs)}, measured on all of the validation data at once.
    Steps
        scheduler: stepped after every epoch, or with scheduler_per_batch after every batch.
        max_grad_norm: longer gradients are clipped to it (`nn.utils.clip_grad_norm_`).
    The best epoch
        monitor: the column of the history that decides; val_loss, or loss without validation.
        maximize: whether more of it is better; must be said unless it is a loss. NaN is never best.
        min_delta: an epoch is better than the best so far only by more than this.
        patience: stop when so many epochs in a row were not better.
        restore_best: end with the weights of the best epoch.
    Stopping and going on
        checkpoint: a file that is written after every epoch, with everything that changes in a run.
        resume: go on from that file if it is there, as if the run had not stopped: the weights and
            the history, except `seconds`, come out bit for bit the same (see `checkpoint.py`).
            `epochs` counts those before too. Without resume the file is replaced.
        Ctrl-C raises KeyboardInterrupt as ever; the model keeps its present weights.
    Output
        progress: one line for each epoch on stderr, and a bar while it runs if tqdm is there and
            stderr is a terminal; True: a bar also where stderr is no terminal; False: silent.

    A NaN or infinite loss or gradient raises `NonFiniteError` before anything was changed by it: the
    model has the weights (and running statistics) from before that batch, and the last checkpoint
    stays.
    """
    batches = as_batches(train, batch_size, shuffle=True)
    if validation is not None:
        validation = as_batches(validation, batch_size)
    elif metrics:
        raise ValueError("metrics are measured on validation data, and there is none")
    columns = ["epoch", "lr", "loss", "grad_norm", "seconds"]
    if validation is not None:
        columns += ["val_loss", *(f"val_{name}" for name in metrics or {})]
    best = _Best.of(
        columns, monitor, maximize, min_delta, used=restore_best or patience is not None
    )
    _check(
        epochs,
        batches,
        validation,
        optimizer,
        columns,
        scheduler,
        scheduler_per_batch,
        max_grad_norm,
        patience,
    )
    path = _check_checkpoint(checkpoint, resume)

    run = Run(model, optimizer, scheduler, {"train": batches, "validation": validation}, columns)
    if restore_best:
        run.best_epoch = best.epoch
    if path is not None and resume and path.exists():
        load_checkpoint(path, run)
        _say(progress, f"{path}: going on after epoch {len(run.history)}")
    try:
        while len(run.history) < epochs:
            best_so_far = best.epoch(run.history)
            if patience is not None and len(run.history) - best_so_far >= patience:
                _say(progress, f"stopped: {best.monitor} was best in epoch {best_so_far}")
                break
            epoch, began = len(run.history) + 1, perf_counter()
            row: Row = {"epoch": epoch, "lr": optimizer.param_groups[0]["lr"]}
            row |= _train_epoch(
                model,
                _with_bar(batches, f"epoch {epoch}/{epochs}", progress),
                optimizer,
                loss_fn,
                max_grad_norm,
                scheduler if scheduler_per_batch else None,
                epoch,
            )
            if validation is not None:
                figures = evaluate(model, validation, loss_fn=loss_fn, metrics=metrics)
                row |= {f"val_{name}": figure for name, figure in figures.items()}
            if scheduler is not None and not scheduler_per_batch:
                scheduler.step()
            row["seconds"] = perf_counter() - began
            run.history.append(row)
            if restore_best and best.epoch(run.history) == epoch:
                run.best_weights = {k: np.array(v) for k, v in model.state_dict().items()}
            if path is not None:
                save_checkpoint(path, run)
            _say(progress, _line(row, epochs))
    finally:
        model.eval()
        optimizer.zero_grad()
    if restore_best and run.best_weights is not None:
        model.load_state_dict(run.best_weights)
    return run.history


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the loss tells, not each operation
def _train_epoch(
    model: Module,
    batches: Iterable[Any],
    optimizer: Optimizer,
    loss_fn: Callable[..., Any],
    max_grad_norm: float,
    scheduler: LRScheduler | None,
    epoch: int,
) -> Row:
    """Take one step for each batch; return the mean loss and the largest norm of the gradients."""
    model.train()
    params = [p for group in optimizer.param_groups for p in group["params"]]
    show = getattr(batches, "set_postfix_str", None)  # tqdm's
    total, n, largest = 0.0, 0, 0.0
    for i, batch in enumerate(batches, 1):
        *inputs, target = split_batch(batch)
        # Batch norm takes in a batch before its loss can turn out NaN: this undoes it.
        statistics = {name: np.array(value) for name, value in model.named_buffers()}

        optimizer.zero_grad()
        loss = loss_fn(model(*inputs), target)
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"loss_fn must return a Tensor to differentiate, got {type(loss).__name__}: "
                "compute it with scratchnet.functional"
            )
        value, norm = loss_value(loss), math.nan
        if math.isfinite(value):
            loss.backward()
            if all(p.grad is None for p in params):
                raise RuntimeError("the loss depends on no parameter that the optimiser holds")
            norm = float(get_total_norm(p.grad for p in params if p.grad is not None))
        if not math.isfinite(norm):
            model.load_state_dict(statistics, strict=False)
            lr, cause = optimizer.param_groups[0]["lr"], _cause(model, (*inputs, target), largest)
            raise NonFiniteError(epoch, i, value, norm, lr, cause)
        clip_grads_with_norm_(params, max_grad_norm, norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()

        largest = max(largest, norm)
        total += value * len(target)
        n += len(target)
        if show is not None:
            show(f"loss {total / n:.4f}", refresh=False)
    if n == 0:
        raise ValueError("there is no data to train on: no samples came")
    return {"loss": total / n, "grad_norm": largest}


def _cause(model: Module, batch: tuple[Any, ...], largest: float) -> str:
    """Return a hint at where NaN or infinity came from: the batch, the weights, or a gradient."""
    if any(not _is_finite(x) for x in batch):
        return "the batch itself holds NaN or infinity"
    for name, p in model.named_parameters():
        if not _is_finite(p.data):
            return (
                f"{name} already held NaN or infinity before this batch: from the start, or since an "
                "earlier step (is the learning rate too large?)"
            )
    for name, p in reversed(list(model.named_parameters())):
        if p.grad is not None and not _is_finite(p.grad):
            return f"the gradient of {name} is not finite (searched from the last layer back)"
    return f"batch and weights are finite, and the largest gradient norm so far was {largest:g}"


def _is_finite(x: Any) -> bool:
    array = np.asarray(x)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


@dataclass(frozen=True)
class _Best:
    """Which epoch was the best, told from the history alone: a resumed run decides as the first."""

    monitor: str
    maximize: bool
    min_delta: float

    @classmethod
    def of(
        cls,
        columns: list[str],
        monitor: str | None,
        maximize: bool | None,
        min_delta: float,
        used: bool,
    ) -> _Best:
        if not used and (monitor is not None or maximize is not None or min_delta):
            raise ValueError("monitor, maximize and min_delta are for patience and restore_best")
        if monitor is None:
            monitor = "val_loss" if "val_loss" in columns else "loss"
        if monitor not in columns:
            raise ValueError(f"monitor must be one of {', '.join(columns)}, got {monitor!r}")
        if maximize is None:
            if monitor not in ("loss", "val_loss"):
                raise ValueError(f"say whether more {monitor} is better: maximize=True or False")
            maximize = False
        if not min_delta >= 0:
            raise ValueError(f"min_delta must be 0 or more, got {min_delta}")
        return cls(monitor, maximize, min_delta)

    def epoch(self, history: list[Row]) -> int:
        """Return the best epoch, the first of equal ones; 0 if there is none."""
        best, found = math.nan, 0
        for row in history:
            figure = row[self.monitor]
            gain = figure - best if self.maximize else best - figure
            if not math.isnan(figure) and (found == 0 or gain > self.min_delta):
                best, found = figure, int(row["epoch"])
        return found


def _check(
    epochs: int,
    batches: Iterable[Any],
    validation: Any,
    optimizer: Optimizer,
    columns: list[str],
    scheduler: LRScheduler | None,
    scheduler_per_batch: bool,
    max_grad_norm: float,
    patience: int | None,
) -> None:
    if not isinstance(epochs, int | np.integer):
        raise TypeError(f"epochs must be an integer, got {epochs!r}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if len(set(columns)) < len(columns):
        raise ValueError("no metric can be called loss: that is the name of the loss")
    if scheduler_per_batch and scheduler is None:
        raise ValueError("scheduler_per_batch needs a scheduler")
    if not max_grad_norm > 0:
        raise ValueError(f"max_grad_norm must be above 0, got {max_grad_norm}")
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("the scheduler has another optimiser: the rate here would never change")
    if patience is not None and patience < 1:
        raise ValueError(f"patience must be at least 1 epoch, got {patience}")
    for what, data in (("train", batches), ("validation", validation)):
        if epochs > 1 and isinstance(data, Iterator):
            raise TypeError(
                f"{what} is an iterator ({type(data).__name__}), which gives its batches in one "
                f"epoch only, and there are {epochs}: pass a DataLoader"
            )


def _check_checkpoint(checkpoint: str | os.PathLike[str] | None, resume: bool) -> Path | None:
    """Return the path, once it is clear that it can be written: not only after the first epoch."""
    if checkpoint is None:
        if resume:
            raise ValueError("resume needs a checkpoint to go on from")
        return None
    path = Path(os.path.realpath(checkpoint))  # a symbolic link stays, its target is written
    if not path.parent.is_dir():
        raise FileNotFoundError(f"checkpoint {path}: there is no folder {path.parent}")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise PermissionError(f"checkpoint {path} cannot be written")
    return path


def _with_bar(batches: Iterable[Any], title: str, progress: bool | None) -> Iterable[Any]:
    # stderr is None in a program without a console.
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if progress is False or (progress is None and not is_terminal):
        return batches
    try:
        from tqdm import tqdm
    except ImportError:
        return batches
    bar: Iterable[Any] = tqdm(batches, desc=title, unit="batch", leave=False)
    return bar


def _say(progress: bool | None, line: str) -> None:
    if progress is not False and sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def _line(row: Row, epochs: int) -> str:
    figures = [f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds")]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(figures)}  {row['seconds']:.1f} s"
