"""Every operation, lifted: arrays in and array out, Tensors in and Tensor out.

    functional.softmax(array)     an array: nothing is recorded
    functional.softmax(tensor)    a Tensor: recorded for `backward` if it requires a gradient

The mathematics, the shapes and the gradients stand in `ops`, under the same names, which are torch's.
Where torch's activations and dropout take `inplace`, these do (`_in_place.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from scratchnet import ops
from scratchnet._in_place import in_place
from scratchnet.autograd import Tensor, lift
from scratchnet.ops import _array, activation
from scratchnet.ops._array import Array
from scratchnet.ops.normalization import check_channels
from scratchnet.ops.shape import flat_shape
from scratchnet.random import Rng, resolve_rng

__all__ = ["dropout1d", "dropout2d", "flatten", *ops.__all__]


def _lift_in_place(op: Callable[..., Any]) -> Callable[..., Any]:
    """Lift an activation that takes, after its own arguments, `inplace` as torch's does.

    With inplace=True the Tensor that was passed is the result afterwards (`_in_place.py`).
    """
    lifted, n = lift(op), op.__code__.co_argcount

    @wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) <= n and "inplace" not in kwargs:
            return lifted(*args, **kwargs)
        if "inplace" in kwargs:
            inplace = kwargs.pop("inplace")
        else:
            args, inplace = args[:-1], args[-1]
        y = lifted(*args, **kwargs)
        x = args[0] if args else kwargs.get("input", kwargs.get("x"))
        return in_place(x, y) if inplace else y

    return call


absolute = lift(ops.absolute)
adaptive_avg_pool1d = lift(ops.adaptive_avg_pool1d)
adaptive_avg_pool2d = lift(ops.adaptive_avg_pool2d)
adaptive_max_pool1d = lift(ops.adaptive_max_pool1d)
adaptive_max_pool2d = lift(ops.adaptive_max_pool2d)
add = lift(ops.add)
additive_attention = lift(ops.additive_attention)
amax = lift(ops.amax)
amin = lift(ops.amin)
astype = lift(ops.astype)
avg_pool1d = lift(ops.avg_pool1d)
avg_pool2d = lift(ops.avg_pool2d)
batch_norm_inference = lift(ops.batch_norm_inference, constant=("running_mean", "running_var"))
binary_cross_entropy_with_logits = lift(
    ops.binary_cross_entropy_with_logits, constant=("weight", "pos_weight")
)
broadcast_to = lift(ops.broadcast_to)
clip = lift(ops.clip)
concatenate = lift(ops.concatenate)
conv1d = lift(ops.conv1d)
conv2d = lift(ops.conv2d)
conv_transpose1d = lift(ops.conv_transpose1d)
conv_transpose2d = lift(ops.conv_transpose2d)
cross_entropy = lift(ops.cross_entropy, constant=("weight",))
ctc_loss = lift(ops.ctc_loss)
divide = lift(ops.divide)
elu = _lift_in_place(ops.elu)
embedding = lift(ops.embedding)
exp = lift(ops.exp)
fold = lift(ops.fold)
gelu = lift(ops.gelu)
getitem = lift(ops.getitem)
group_norm = lift(ops.group_norm)
gru = lift(ops.gru)
gru_cell = lift(ops.gru_cell)
hardsigmoid = _lift_in_place(ops.hardsigmoid)
hardswish = _lift_in_place(ops.hardswish)
hardtanh = _lift_in_place(ops.hardtanh)
huber_loss = lift(ops.huber_loss)
interpolate = lift(ops.interpolate)
l1_loss = lift(ops.l1_loss)
layer_norm = lift(ops.layer_norm)
leaky_relu = _lift_in_place(ops.leaky_relu)
linear = lift(ops.linear)
log = lift(ops.log)
log_softmax = lift(ops.log_softmax)
logsumexp = lift(ops.logsumexp)
lstm = lift(ops.lstm)
lstm_cell = lift(ops.lstm_cell)
matmul = lift(ops.matmul)
max = lift(ops.max)
max_pool1d = lift(ops.max_pool1d)
max_pool2d = lift(ops.max_pool2d)
maximum = lift(ops.maximum)
mean = lift(ops.mean)
min = lift(ops.min)
minimum = lift(ops.minimum)
mse_loss = lift(ops.mse_loss)
multiply = lift(ops.multiply)
negative = lift(ops.negative)
nll_loss = lift(ops.nll_loss, constant=("weight",))
pad = lift(ops.pad)
permute = lift(ops.permute)
pow = lift(ops.pow)
relu = _lift_in_place(ops.relu)
relu6 = _lift_in_place(ops.relu6)
reshape = lift(ops.reshape)
rnn = lift(ops.rnn)
rnn_cell = lift(ops.rnn_cell)
rotary_embedding = lift(ops.rotary_embedding)
sigmoid = lift(ops.sigmoid)
silu = _lift_in_place(ops.silu)
softmax = lift(ops.softmax)
softplus = lift(ops.softplus)
split = lift(ops.split)
sqrt = lift(ops.sqrt)
stack = lift(ops.stack)
subtract = lift(ops.subtract)
sum = lift(ops.sum)
tanh = lift(ops.tanh)
transpose = lift(ops.transpose)
unfold = lift(ops.unfold)
var = lift(ops.var)
where = lift(ops.where)

for _name in [*activation.__all__, "gelu"]:  # a layer that holds one is pickled by module and name
    globals()[_name].__module__ = __name__

_batch_norm_training = lift(ops.batch_norm)
_instance_norm = lift(ops.instance_norm)
_dropout = lift(ops.dropout)
_scaled_dot_product_attention = lift(ops.scaled_dot_product_attention)


def _takes_input(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let `input`, torch's name of the first argument, stand for x, as in what is lifted."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "input" in kwargs:
            kwargs["x"] = kwargs.pop("input")
        return function(*args, **kwargs)

    return call


@_takes_input
def batch_norm(
    x: Any,
    running_mean: Array | Tensor | None,
    running_var: Array | Tensor | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise by the batch's statistics in training, by the running ones otherwise.

        running_mean ← (1 − momentum) · running_mean + momentum · μ
        running_var  ← (1 − momentum) · running_var  + momentum · var · m/(m − 1)

    in training, written into the arrays that were passed, as in torch: `momentum` weights the *new*
    value, and the running variance takes the unbiased one, while y is normalised with the biased one.
    Without running statistics the batch's are used, in training only. An empty batch leaves the
    running ones as they are.
    """
    kept_mean, kept_var = _running("batch_norm", x, running_mean, running_var)
    if not training:
        if kept_mean is None:
            raise ValueError(
                "batch_norm outside of training takes running_mean and running_var; to use the "
                "statistics of the batch, pass training=True"
            )
        return batch_norm_inference(x, kept_mean, kept_var, weight, bias, eps)
    y, mean, var = _batch_norm_training(x, weight, bias, eps)
    m = x.shape[0] * prod(x.shape[2:])
    if kept_mean is not None and m > 1:
        _require_momentum("batch_norm", momentum)
        kept_mean += momentum * (_array_of(mean) - kept_mean)
        kept_var += momentum * (_array_of(var) * (m / (m - 1)) - kept_var)
    return y


@_takes_input
def instance_norm(
    x: Any,
    running_mean: Array | Tensor | None = None,
    running_var: Array | Tensor | None = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise by each sample's own statistics, or by the running ones if not use_input_stats.

        running_mean ← (1 − momentum) · running_mean + momentum · mean_n μ_nc
        running_var  ← (1 − momentum) · running_var  + momentum · mean_n var_nc · m/(m − 1)

    with use_input_stats, if running statistics are given: the averages over the batch, of the unbiased
    variance, written into the arrays that were passed. An empty batch leaves them as they are (torch
    makes them NaN).
    """
    kept_mean, kept_var = _running("instance_norm", x, running_mean, running_var)
    if not use_input_stats:
        if kept_mean is None:
            raise ValueError("instance_norm takes running statistics or use_input_stats=True")
        return batch_norm_inference(x, kept_mean, kept_var, weight, bias, eps)
    y, mean, var = _instance_norm(x, weight, bias, eps)
    m = prod(x.shape[2:])
    if kept_mean is not None and x.shape[0] * m > 0:
        _require_momentum("instance_norm", momentum)
        kept_mean += momentum * (_array_of(mean).mean(axis=0) - kept_mean)
        kept_var += momentum * (_array_of(var).mean(axis=0) * (m / (m - 1)) - kept_var)
    return y


def _running(name: str, x: Any, mean: Any, var: Any) -> tuple[Any, Any]:
    """Return the arrays of running statistics, or None and None; raise unless they fit x."""
    mean, var = _array_of(mean), _array_of(var)
    if (mean is None) != (var is None):
        raise ValueError(f"{name} takes running_mean and running_var both, or neither")
    check_channels(name, _array_of(x), running_mean=mean, running_var=var)
    return mean, var


def _require_momentum(name: str, momentum: Any) -> None:
    if momentum is None:
        raise TypeError(
            f"{name} takes a number as momentum, got None: only the layers know which batch this is"
        )


def _array_of(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


@_takes_input
def dropout(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Rng = None
) -> Any:
    """Set entries to 0 with probability p and scale the others by 1/(1 − p); nothing if not training.

    inplace: whether a Tensor that was passed is the result afterwards (`_in_place.py`). rng: a seed or
    a generator; without it, the generator that `manual_seed` seeds.
    """
    _array.require_probability("dropout", p)
    if not training or p == 0:
        return x
    y = _dropout(x, p, seed=resolve_rng(rng))
    return in_place(x, y) if inplace else y


@_takes_input
def dropout1d(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Rng = None
) -> Any:
    """`dropout` of whole channels, each with probability p. x: (N, C, L), or (C, L) for one sample."""
    shape = np.shape(x)
    if len(shape) not in (2, 3):
        raise ValueError(f"dropout1d takes x of shape (N, C, L) or (C, L), got {shape}")
    return _dropout_over((*shape[:-1], 1), x, p, training, inplace, rng)


@_takes_input
def dropout2d(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, rng: Rng = None
) -> Any:
    """`dropout` of whole channels, each with probability p. x: (N, C, H, W).

    Neighbouring pixels tell nearly the same, so leaving out single ones leaves out little. Three
    axes raise: torch takes them for (N, C, L), and warns that it will take them for (C, H, W).
    """
    shape = np.shape(x)
    if len(shape) != 4:
        raise ValueError(f"dropout2d takes x of shape (N, C, H, W), got {shape}")
    return _dropout_over((*shape[:2], 1, 1), x, p, training, inplace, rng)


def _dropout_over(
    shape: tuple[int, ...], x: Any, p: float, training: bool, inplace: bool, rng: Rng
) -> Any:
    """Return dropout by a mask of this shape, spread over x."""
    _array.require_probability("dropout", p)
    if not training or p == 0:
        return x
    y = _dropout(x, p, mask=resolve_rng(rng).random(shape, np.float32) >= p)
    return in_place(x, y) if inplace else y


@wraps(ops.scaled_dot_product_attention)
def scaled_dot_product_attention(*args: Any, **kwargs: Any) -> Any:
    # As in torch, dropout_p is obeyed outside of training too. Without rng, it draws from the generator
    # that `manual_seed` seeds.
    if (args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0)) > 0:
        kwargs["rng"] = resolve_rng(kwargs.get("rng"))
    return _scaled_dot_product_attention(*args, **kwargs)


@_takes_input
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The same entries with the axes from start_dim to end_dim joined into one."""
    return reshape(x, flat_shape(x.shape, start_dim, end_dim))
