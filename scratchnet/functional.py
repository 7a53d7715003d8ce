"""Every operation, lifted: arrays in and array out, Tensors in and Tensor out.

    functional.softmax(array)     an array: nothing is recorded
    functional.softmax(tensor)    a Tensor: recorded for `backward` if it requires a gradient

The mathematics, the shapes and the gradients stand in `ops`, under the same names, which are torch's.
"""

from __future__ import annotations

from math import prod
from typing import Any

from scratchnet import ops
from scratchnet.autograd import Tensor, lift
from scratchnet.ops import _array
from scratchnet.ops._array import Array
from scratchnet.ops.normalization import check_channels
from scratchnet.ops.shape import flat_shape
from scratchnet.random import Rng, resolve_rng

__all__ = ["flatten", *ops.__all__]

absolute = lift(ops.absolute)
add = lift(ops.add)
amax = lift(ops.amax)
amin = lift(ops.amin)
astype = lift(ops.astype)
avg_pool2d = lift(ops.avg_pool2d)
batch_norm_inference = lift(ops.batch_norm_inference, constant=("running_mean", "running_var"))
binary_cross_entropy_with_logits = lift(
    ops.binary_cross_entropy_with_logits, constant=("weight", "pos_weight")
)
broadcast_to = lift(ops.broadcast_to)
clip = lift(ops.clip)
concatenate = lift(ops.concatenate)
conv2d = lift(ops.conv2d)
cross_entropy = lift(ops.cross_entropy, constant=("weight",))
divide = lift(ops.divide)
elu = lift(ops.elu)
exp = lift(ops.exp)
gelu = lift(ops.gelu)
getitem = lift(ops.getitem)
huber_loss = lift(ops.huber_loss)
l1_loss = lift(ops.l1_loss)
layer_norm = lift(ops.layer_norm)
leaky_relu = lift(ops.leaky_relu)
linear = lift(ops.linear)
log = lift(ops.log)
log_softmax = lift(ops.log_softmax)
logsumexp = lift(ops.logsumexp)
matmul = lift(ops.matmul)
max = lift(ops.max)
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
relu = lift(ops.relu)
reshape = lift(ops.reshape)
sigmoid = lift(ops.sigmoid)
silu = lift(ops.silu)
softmax = lift(ops.softmax)
softplus = lift(ops.softplus)
split = lift(ops.split)
sqrt = lift(ops.sqrt)
stack = lift(ops.stack)
subtract = lift(ops.subtract)
sum = lift(ops.sum)
tanh = lift(ops.tanh)
transpose = lift(ops.transpose)
var = lift(ops.var)
where = lift(ops.where)

_batch_norm_training = lift(ops.batch_norm)
_dropout = lift(ops.dropout)


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
    Without running statistics the batch's are used in either case. An empty batch leaves them as they are.
    """
    kept_mean, kept_var = _array_of(running_mean), _array_of(running_var)
    if (kept_mean is None) != (kept_var is None):
        raise ValueError("batch_norm takes running_mean and running_var both, or neither")
    if kept_mean is None:
        return _batch_norm_training(x, weight, bias, eps)[0]
    if not training:
        return batch_norm_inference(x, kept_mean, kept_var, weight, bias, eps)
    check_channels("batch_norm", _array_of(x), running_mean=kept_mean, running_var=kept_var)
    y, mean, var = _batch_norm_training(x, weight, bias, eps)
    m = x.shape[0] * prod(x.shape[2:])
    if m > 1:
        kept_mean += momentum * (_array_of(mean) - kept_mean)
        kept_var += momentum * (_array_of(var) * (m / (m - 1)) - kept_var)
    return y


def _array_of(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def dropout(x: Any, p: float = 0.5, training: bool = True, rng: Rng = None) -> Any:
    """Set entries to 0 with probability p and scale the others by 1/(1 − p); nothing if not training.

    rng: a seed or a generator; without it, the generator that `manual_seed` seeds.
    """
    _array.require_probability("dropout", p)
    return _dropout(x, p, seed=resolve_rng(rng)) if training and p > 0 else x


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The same entries with the axes from start_dim to end_dim joined into one."""
    return reshape(x, flat_shape(x.shape, start_dim, end_dim))
