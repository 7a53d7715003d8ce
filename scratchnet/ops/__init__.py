"""Operations: arrays in, (output, pullback) out.

An operation is a pure function that returns its output and its pullback. The pullback takes dy, the
gradient of a scalar loss with respect to the output, and returns the gradients with respect to the
array inputs: the transposed Jacobian times dy. Forward and derivation stand in one function.

Here is how to add one, step by step, with swish(x) = x · σ(βx) as the example.

1. Derive the gradient on paper: dx = dy · ∂y/∂x. With s = σ(βx), ∂y/∂x = s + βx·s·(1 − s).

2. Write the function with the equations in its docstring. What the pullback needs, it captures.

   >>> import numpy as np
   >>> def swish(x, beta=1.0):
   ...     '''y = x · s,  s = σ(βx)        ∂L/∂x = dy · (s + βx·s·(1 − s))'''
   ...     s = 1.0 / (1.0 + np.exp(-beta * x))
   ...     def pullback(dy):
   ...         return (dy * (s + beta * x * s * (1.0 - s)),)
   ...     return x * s, pullback

3. Check the gradient against differences of the function itself, in float64.

   >>> from scratchnet.autograd import check_pullback, lift
   >>> check_pullback(swish, np.linspace(-3.0, 3.0, 7), beta=1.5)

4. Lift it: arrays in and array out, Tensors in and Tensor out, recorded for `backward`.

   >>> from scratchnet import Tensor
   >>> x = Tensor([0.0, 1.0], requires_grad=True)
   >>> lift(swish)(x).sum().backward()
   >>> x.grad.round(4)
   array([0.5   , 0.9277], dtype=float32)

5. To put it into the library: add it to the file of its family and to that file's `__all__`, to the
   list below, and one line to `functional.py`. The tests find it there and hold it to the contract:

   - One gradient for each floating array that was passed, in argument order, each with that array's
     shape and dtype. Integer and bool arrays and Python numbers have none. An array that is constant
     by nature (class weights, running statistics) has none either: name it to lift,
     `lift(op, constant=("weight",))`, and pass it to `check_pullback` by keyword.
   - Several outputs are a tuple; then the pullback takes a tuple, with None for what was not used.
   - Pure: called twice it gives the same, and neither dy nor an input is written to.
   - float32 in, float32 out. Constants are Python floats: a NumPy float64 would widen float32.
   - A zero-size batch works.
   - Capture the smallest thing that suffices; work for the backward pass is done in the pullback.
   - If a gradient costs a product, take `needs`, a bool for each gradient, which `lift` passes, and
     return None for what is not needed.
"""

from scratchnet.ops import _memory
from scratchnet.ops.activation import (
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    relu,
    relu6,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from scratchnet.ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
)
from scratchnet.ops.additive_attention import additive_attention
from scratchnet.ops.attention import scaled_dot_product_attention
from scratchnet.ops.classification_loss import cross_entropy, nll_loss
from scratchnet.ops.convolution import conv1d, conv2d
from scratchnet.ops.ctc_loss import ctc_loss
from scratchnet.ops.dropout import dropout
from scratchnet.ops.elementwise import (
    absolute,
    add,
    astype,
    clip,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    pow,
    sqrt,
    subtract,
    where,
)
from scratchnet.ops.embedding import embedding
from scratchnet.ops.gelu import gelu
from scratchnet.ops.gru import gru
from scratchnet.ops.interpolation import interpolate
from scratchnet.ops.linear import linear, matmul
from scratchnet.ops.loss import binary_cross_entropy_with_logits, huber_loss, l1_loss, mse_loss
from scratchnet.ops.lstm import lstm
from scratchnet.ops.normalization import (
    batch_norm,
    batch_norm_inference,
    group_norm,
    instance_norm,
    layer_norm,
)
from scratchnet.ops.padding import pad
from scratchnet.ops.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from scratchnet.ops.recurrent import rnn
from scratchnet.ops.recurrent_cell import gru_cell, lstm_cell, rnn_cell
from scratchnet.ops.reduction import amax, amin, logsumexp, max, mean, min, sum, var
from scratchnet.ops.rotary import rotary_embedding
from scratchnet.ops.shape import (
    broadcast_to,
    concatenate,
    getitem,
    permute,
    reshape,
    split,
    stack,
    transpose,
)
from scratchnet.ops.softmax import log_softmax, softmax
from scratchnet.ops.transposed_convolution import conv_transpose1d, conv_transpose2d
from scratchnet.ops.unfold import fold, unfold

__all__ = [
    "absolute",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "add",
    "additive_attention",
    "amax",
    "amin",
    "astype",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_inference",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "ctc_loss",
    "divide",
    "dropout",
    "elu",
    "embedding",
    "exp",
    "fold",
    "gelu",
    "getitem",
    "group_norm",
    "gru",
    "gru_cell",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "multiply",
    "negative",
    "nll_loss",
    "pad",
    "permute",
    "pow",
    "relu",
    "relu6",
    "reshape",
    "rnn",
    "rnn_cell",
    "rotary_embedding",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "stack",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "unfold",
    "var",
    "where",
]

_memory.let_freed_memory_stay()
