"""A model at work: its outputs for arrays, and its loss and metrics on data.

Nothing here changes a model: it runs in eval mode, records nothing, and afterwards every module is
in the mode it was found in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.data import DataLoader, Dataset
from scratchnet.functional import cross_entropy
from scratchnet.nn import Module

__all__ = [
    "accuracy",
    "as_batches",
    "eval_mode",
    "evaluate",
    "loss_value",
    "predict",
    "split_batch",
]

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]

_BATCH_SIZE = 32


def predict(model: Module, X: Array, batch_size: int = 256) -> Array:
    """Return the model's outputs for all rows of X, computed batch by batch in eval mode.

    X: (N, …) → (N, …). No rows give no outputs, in the shape that the model gives them.
    """
    X = np.asarray(X)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    with eval_mode(model):
        parts = [model(X[i : i + batch_size]) for i in range(0, max(len(X), 1), batch_size)]
    if not isinstance(parts[0], np.ndarray):
        raise TypeError(f"predict is for models with one output, got {type(parts[0]).__name__}")
    return np.concatenate(parts)


def evaluate(
    model: Module,
    data: Any,
    *,
    loss_fn: Callable[..., Any] = cross_entropy,
    metrics: Mapping[str, Metric] | None = None,
    batch_size: int | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics of a model on data, in eval mode: {"loss": …, name: …}.

        loss = Σ_batches n_batch · loss_fn(outputs, target) / Σ n_batch

    which is the loss of all samples at once if loss_fn is a mean over samples. A metric is a
    function of the targets and outputs of all samples, in the order of scikit-learn:
    metric(y_true, outputs).

    data: a DataLoader, a data set or a tuple of arrays (inputs…, target); batch_size: of arrays and
    data sets (32). No data raises ValueError.
    """
    total, n, targets, outputs = 0.0, 0, [], []
    with eval_mode(model):
        for batch in as_batches(data, batch_size):
            *inputs, target = split_batch(batch)
            output = model(*inputs)
            total += len(target) * loss_value(loss_fn(output, target))
            n += len(target)
            if metrics:
                targets.append(target)
                outputs.append(output)
    if n == 0:
        raise ValueError("there is no data to evaluate on: no samples came")
    figures = {"loss": total / n}
    if metrics:
        y_true, output = np.concatenate(targets), np.concatenate(outputs)
        figures |= {name: float(metric(y_true, output)) for name, metric in metrics.items()}
    return figures


def loss_value(loss: Any) -> float:
    """Return the number that a loss function gave; TypeError if it is not one number."""
    try:
        return float(loss.item() if hasattr(loss, "item") else loss)
    except (TypeError, ValueError) as error:
        what = f"{type(loss).__name__} of shape {getattr(loss, 'shape', 'unknown')}"
        raise TypeError(f"loss_fn must return one number, got {what}") from error


def accuracy(y_true: Array, logits: Array) -> float:
    """Return the part of the samples whose largest score is that of their label, from 0 to 1.

    y_true: labels (N, …) · logits: (N, K, …). Of equal scores the first counts; where
    a score is NaN, none does. No samples: NaN.

    >>> accuracy(np.array([0, 1]), np.array([[2.0, 1.0], [3.0, 0.0]]))
    0.5
    """
    y_true, logits = np.asarray(y_true), np.asarray(logits)
    if logits.ndim < 2 or y_true.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"labels (N, …) and scores (N, K, …) do not fit: {y_true.shape}, {logits.shape}"
        )
    if not y_true.size:
        return float("nan")
    return float(np.mean((logits.argmax(axis=1) == y_true) & ~np.isnan(logits).any(axis=1)))


@contextmanager
def eval_mode(model: Module) -> Iterator[None]:
    """Put the model into eval mode, and afterwards each module back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def as_batches(data: Any, batch_size: int | None, shuffle: bool = False) -> Iterable[Any]:
    """Return a loader over arrays or a data set; what yields batches already, as it is."""
    if isinstance(data, tuple | list | Dataset):
        return DataLoader(data, _BATCH_SIZE if batch_size is None else batch_size, shuffle)
    if isinstance(data, np.ndarray) or not hasattr(data, "__iter__"):
        raise TypeError(
            f"data must be a DataLoader, a data set or a tuple (inputs…, target), got {type(data)}"
        )
    if batch_size is not None:
        raise ValueError(f"batch_size={batch_size} is for arrays: a loader makes its own batches")
    batches: Iterable[Any] = data
    return batches


def split_batch(batch: Any) -> tuple[Any, ...]:
    """Return a batch (inputs…, target) as it is; TypeError if it is none."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise TypeError(f"a batch must be a tuple (inputs…, target), got {type(batch).__name__}")
    return tuple(batch)
