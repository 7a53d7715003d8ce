"""How far back a gradient reaches: its size at every step of a recurrent layer.

A loss after T steps depends on the memory of step t through all memories between, and the chain rule
multiplies their Jacobians:

    ∂L/∂h[t] = (∂h[t+1]/∂h[t])ᵀ … (∂h[T−1]/∂h[T−2])ᵀ ∂L/∂h[T−1]        for L = L(h[T−1])

with ∂h[t+1]/∂h[t] = diag(φ′(a[t+1])) W_hh in the simple network, a[t+1] being what φ is taken of. If no
factor has a singular value above s < 1, the norm vanishes at least as fast as s^(T−1−t); it can explode
only if some singular value exceeds 1. Along the cell of an LSTM alone (not through h) the factor is
diag(f[t+1]), which the network can hold near 1.
Source: Pascanu, Mikolov & Bengio 2013, section 2.

Letters: T steps, N batch, D features of what is read, H features of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional
from scratchnet.autograd import Tensor, enable_grad
from scratchnet.nn._checks import require_dtype
from scratchnet.nn.module import Module
from scratchnet.nn.recurrent import GRU, LSTM, RNN
from scratchnet.nn.recurrent_cell import GRUCell, LSTMCell, RNNCell, require_pair

__all__ = ["gradient_norms"]


def gradient_norms(
    layer_or_cell: Module,
    x: npt.NDArray[Any] | Tensor,
    loss: Callable[[Any], Any] | None = None,
    hx: Any = None,
) -> npt.NDArray[Any] | tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Norms ‖∂L/∂h[t]‖ of the gradient at every step, (T,); for an LSTM also ‖∂L/∂c[t]‖, as a pair.

        ‖∂L/∂h[t]‖² = Σ over batch and features of (∂L/∂h[t])²,   t = 0 … T−1

    Each is the whole derivative: of all that the state of this step is used for, now and later; so
    ∂L/∂c[t] includes what comes through h[t]. Steps that the loss does not depend on have 0. The norms
    are float64: of a gradient that its own dtype can hold, the squares may vanish or overflow there.

    layer_or_cell: an RNN, LSTM or GRU of one layer and one direction, or one of the cells; its
    gradients are not touched. It is unrolled step by step.
    x: what the layer reads, with batch_first (N, T, D); for a cell (T, N, D), or (T, D).
    loss: a function from the output of all steps, in the form that the layer gives it, to one number;
    by default the sum of the last step's output. Modules that it uses get gradients, as in training.
    hx: the state before reading, as the layer or cell takes it.
    """
    is_layer = isinstance(layer_or_cell, RNN | LSTM | GRU)
    weights, step = _weights(layer_or_cell, "_l0" if is_layer else ""), _step(layer_or_cell)
    require_dtype(layer_or_cell, x, weights["weight_hh"].dtype)
    inputs = x.data if isinstance(x, Tensor) else x
    batch_first = inputs.ndim == 3 and getattr(layer_or_cell, "batch_first", False)
    if batch_first:
        inputs = inputs.swapaxes(0, 1)  # (N, T, D) -> (T, N, D)
    features = weights["weight_ih"].shape[1]
    if inputs.ndim not in (2, 3) or len(inputs) == 0 or inputs.shape[-1] != features:
        raise ValueError(
            f"gradient_norms takes x (T, N, D) or (T, D), T > 0, with D = {features}, got {x.shape}"
        )
    with enable_grad():
        state = _start(layer_or_cell, inputs, hx, is_layer)
        steps = []
        for x_t in inputs:
            state = step(Tensor(x_t), state, weights)
            for s in state:
                s.retain_grad()
            steps.append(state)
        output = functional.stack([s[0] for s in steps], dim=1 if batch_first else 0)
        value = steps[-1][0].sum() if loss is None else loss(output)
        if not isinstance(value, Tensor) or value.data.size != 1:
            raise ValueError(f"loss gives one number as a Tensor, got {value!r}")
        if not value.requires_grad:
            raise ValueError("loss does not depend on the output that it was given, or detaches it")
        value.backward()
    norms = [np.array([_norm(s.grad) for s in kind]) for kind in zip(*steps, strict=True)]
    return norms[0] if len(norms) == 1 else (norms[0], norms[1])


def _norm(gradient: npt.NDArray[Any] | None) -> float:
    """Return the root of the sum of squares, of entries divided by the largest: none overflows."""
    if gradient is None:
        return 0.0
    entries = gradient.ravel().astype(np.float64)
    largest = float(np.abs(entries).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return largest  # 0, infinite or NaN
    return largest * float(np.linalg.norm(entries / largest))


def _weights(module: Any, suffix: str) -> dict[str, Tensor]:
    """Return the weights as constants: the gradients of the module's own are left as they are."""
    keys = "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"
    found = {key: getattr(module, key + suffix, None) for key in keys}
    return {key: p.detach() for key, p in found.items() if p is not None}


def _step(module: Any) -> Callable[[Tensor, Any, dict[str, Tensor]], tuple[Tensor, ...]]:
    """Return the function from x[t], the state and the weights to the next state, a tuple."""
    if getattr(module, "num_layers", 1) > 1 or getattr(module, "bidirectional", False):
        raise ValueError(f"gradient_norms follows one layer in one direction, got {module!r}")
    if isinstance(module, RNN | RNNCell):
        form = module.nonlinearity
        return lambda x, state, w: (functional.rnn_cell(x, *state, **w, nonlinearity=form),)
    if isinstance(module, GRU | GRUCell):
        return lambda x, state, w: (functional.gru_cell(x, *state, **w),)
    if isinstance(module, LSTM | LSTMCell):
        return _lstm_step
    raise TypeError(
        f"gradient_norms takes an RNN, LSTM, GRU or a cell of these, got {type(module).__name__}"
    )


def _lstm_step(x: Tensor, state: tuple[Tensor, Tensor], w: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """The step of `ops.lstm_cell` in parts.

    `lstm_cell` returns h and c from one pullback, so the tape would count as ∂L/∂c[t] only what comes
    from step t + 1. Written out, c is a Tensor of its own, and what comes through h[t] is added.
    """
    a = functional.linear(x, w["weight_ih"], w.get("bias_ih"))
    a = a + functional.linear(state[0], w["weight_hh"], w.get("bias_hh"))
    i, f, g, o = functional.split(a, a.shape[-1] // 4, dim=-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h if "weight_hr" not in w else functional.linear(h, w["weight_hr"]), c


def _start(module: Any, x: npt.NDArray[Any], hx: Any, is_layer: bool) -> tuple[Tensor, ...]:
    """Return the states before reading, which require a gradient, so that all after them are recorded."""
    features = [getattr(module, "proj_size", 0) or module.hidden_size]
    if isinstance(module, LSTM | LSTMCell):
        features.append(module.hidden_size)
    arrays = [np.zeros((*x.shape[1:-1], n), x.dtype) for n in features]
    if hx is not None:
        if len(features) == 2:
            require_pair(module, hx)
        given = hx if len(features) == 2 else (hx,)
        for i, (state, key) in enumerate(zip(given, "hc", strict=False)):
            require_dtype(module, state, x.dtype, key)
            shape = (1,) * is_layer + arrays[i].shape  # of the only layer
            if state.shape != shape:
                raise ValueError(
                    f"{type(module).__name__} expects {key} of shape {shape}, got {state.shape}"
                )
            found = state.data if isinstance(state, Tensor) else state
            arrays[i] = found[0] if is_layer else found
    return tuple([Tensor(s, requires_grad=True) for s in arrays])
