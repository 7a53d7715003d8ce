"""Recurrent cells: one step of reading, which makes a new memory of what is read and of the old memory.

Each has an affine map of what is read, x, and one of the memory, h, and combines both:

    a_x = x W_ihᵀ + b_ih,   a_h = h W_hhᵀ + b_hh

Samples are rows here; `recurrent.py` writes one sample as a column, W_ih x. W_ih, W_hh and the biases
have H rows in `rnn_cell`, 3H in `gru_cell` and 4H in `lstm_cell`. `rnn`, `gru` and `lstm` read a whole
sequence, in less time than a cell that is called at every step.

Letters: N batch (no axis for a single sample), D features of what is read, H features of the memory. h
and c are the states before the step, h′ and c′ those after it. ⊙ multiplies entry by entry,
σ(a) = 1/(1 + e⁻ᵃ).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.ops._array import Array, Pullback, masked, no_array, require_same_dtype, shapes_of
from scratchnet.ops.linear import linear

__all__ = ["gru_cell", "lstm_cell", "rnn_cell"]


def rnn_cell(
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    nonlinearity: str = "tanh",
    *,
    needs: tuple[bool, ...] = (True,) * 6,
) -> tuple[Array, Pullback]:
    """One step of the simple recurrent network: the memory after x was read.

        h′ = tanh(a),  a = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh   (or max(a, 0) for "relu")
        da = dh′ ⊙ (1 − h′²)   (or for "relu" dh′, but 0 where h′ ≤ 0)
        ∂L/∂x = da W_ih,  ∂L/∂h = da W_hh,  ∂L/∂W_ih = daᵀ x,  ∂L/∂W_hh = daᵀ h
        ∂L/∂b_ih = ∂L/∂b_hh = Σ_n da[n]

    x: (N, D) · h: (N, H) · weight_ih: (H, D) · weight_hh: (H, H) · biases: (H,) → h′: (N, H)
    needs: which gradients are wanted, for each array that was passed; `lift` passes it.
    Source: Elman 1990, "Finding structure in time".
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    _require_shapes("rnn_cell", 1, x, *weights, h=h)
    a, a_h, gradients = _affine(x, h, *weights, needs)
    a += a_h  # (N, H)
    y = np.tanh(a) if nonlinearity == "tanh" else a.clip(0.0, np.inf)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        da = dy * (1.0 - y * y) if nonlinearity == "tanh" else masked(dy, ~(y <= 0))
        return gradients(da, da)

    return y, pullback


def lstm_cell(
    x: Array,
    h: Array,
    c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 7,
) -> tuple[tuple[Array, Array], Pullback]:
    """One step of long short-term memory: a cell c that gates write to, keep and read from.

        [a_i a_f a_g a_o] = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh
        i = σ(a_i),  f = σ(a_f),  g = tanh(a_g),  o = σ(a_o)
        c′ = f ⊙ c + i ⊙ g          (keep a share f of the old, write a share i of the new)
        h′ = o ⊙ tanh(c′)           (and show a share o)

        dc = dc′ + dh′ ⊙ o ⊙ (1 − tanh²(c′))   (c′ goes on as itself and through h′)
        da_i = dc ⊙ g ⊙ i(1 − i),   da_f = dc ⊙ c ⊙ f(1 − f)
        da_g = dc ⊙ i ⊙ (1 − g²),   da_o = dh′ ⊙ tanh(c′) ⊙ o(1 − o)
        ∂L/∂c = dc ⊙ f;   with da = [da_i da_f da_g da_o]:
        ∂L/∂x = da W_ih,  ∂L/∂h = da W_hh,  ∂L/∂W_ih = daᵀ x,  ∂L/∂W_hh = daᵀ h
        ∂L/∂b_ih = ∂L/∂b_hh = Σ_n da[n]

    From c′ to c the gradient is multiplied by f alone, not by a matrix: near f = 1 it reaches far back.

    x: (N, D) · h, c: (N, H) · weight_ih: (4H, D) · weight_hh: (4H, H) · biases: (4H,)
    → h′, c′: (N, H). needs: which gradients are wanted, for each array that was passed.
    Source: Hochreiter & Schmidhuber 1997; the forget gate f is of Gers, Schmidhuber & Cummins 2000.
    """
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    _require_shapes("lstm_cell", 4, x, *weights, h=h, c=c)
    need_c = needs[2]
    a, a_h, gradients = _affine(x, h, *weights, (*needs[:2], *needs[3:]))
    a += a_h  # (N, 4H)
    i, f, g, o = np.split(a, 4, axis=-1)  # views into a
    for gate in (i, f, o):
        _sigmoid(gate)
    np.tanh(g, out=g)
    c_new = f * c + i * g  # (N, H)
    tanh_c = np.tanh(c_new)
    h_new = o * tanh_c
    if not any(needs):
        return (h_new, c_new), _no_gradients(needs)  # which does not keep c

    def pullback(dys: tuple[Array | None, Array | None]) -> tuple[Array | None, ...]:
        dh = np.zeros_like(tanh_c) if dys[0] is None else dys[0]
        dc = dh * o * (1.0 - tanh_c * tanh_c)  # (N, H)
        if dys[1] is not None:
            dc += dys[1]
        da = np.concatenate(  # (N, 4H)
            [
                dc * g * i * (1.0 - i),
                dc * c * f * (1.0 - f),
                dc * i * (1.0 - g * g),
                dh * tanh_c * o * (1.0 - o),
            ],
            axis=-1,
        )
        dx, dh_before, *dweights = gradients(da, da)
        return dx, dh_before, dc * f if need_c else None, *dweights

    return (h_new, c_new), pullback


def gru_cell(
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 6,
) -> tuple[Array, Pullback]:
    """One step of the gated recurrent unit: between the old memory h and a new one, n, a gate z mixes.

        [r_x z_x n_x] = x W_ihᵀ + b_ih,   [r_h z_h n_h] = h W_hhᵀ + b_hh
        r = σ(r_x + r_h),   z = σ(z_x + z_h),   n = tanh(n_x + r ⊙ n_h)
        h′ = (1 − z) ⊙ n + z ⊙ h

        dn = dh′ ⊙ (1 − z) ⊙ (1 − n²),   dz = dh′ ⊙ (h − n) ⊙ z(1 − z),   dr = dn ⊙ n_h ⊙ r(1 − r)
        da_x = [dr dz dn],   da_h = [dr dz dn⊙r]   (dn, dz, dr: before their tanh and σ)
        ∂L/∂x = da_x W_ih,  ∂L/∂W_ih = da_xᵀ x,  ∂L/∂b_ih = Σ_n da_x[n]
        ∂L/∂h = da_h W_hh + dh′ ⊙ z,  ∂L/∂W_hh = da_hᵀ h,  ∂L/∂b_hh = Σ_n da_h[n]

    The reset gate r is applied after the matrix product, r ⊙ (h W_hnᵀ + b_hn), as in torch and cuDNN;
    the paper of 2014 applies it before, (r ⊙ h) W_hnᵀ, and gives other figures for the same weights.

    x: (N, D) · h: (N, H) · weight_ih: (3H, D) · weight_hh: (3H, H) · biases: (3H,) → h′: (N, H)
    needs: which gradients are wanted, for each array that was passed; `lift` passes it.
    Source: Cho et al. 2014, section 2.3, but for the place of r.
    """
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    _require_shapes("gru_cell", 3, x, *weights, h=h)
    a_x, a_h, gradients = _affine(x, h, *weights, needs)  # (N, 3H) each
    n_features = h.shape[-1]
    n_h = a_h[..., 2 * n_features :].copy()  # so that the rest of a_h is freed
    gates = a_x[..., : 2 * n_features]
    gates += a_h[..., : 2 * n_features]
    r, z = np.split(_sigmoid(gates), 2, axis=-1)
    n = np.tanh(a_x[..., 2 * n_features :] + r * n_h)  # (N, H)
    h_new = n + z * (h - n)
    if not any(needs):
        return h_new, _no_gradients(needs)  # which does not keep h

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dn = dy * (1.0 - z) * (1.0 - n * n)
        dz = dy * (h - n) * z * (1.0 - z)
        dr = dn * n_h * r * (1.0 - r)
        da_x, da_h = (np.concatenate([dr, dz, last], axis=-1) for last in (dn, dn * r))
        dx, dh, *dweights = gradients(da_x, da_h)
        return dx, None if dh is None else dh + dy * z, *dweights

    return h_new, pullback


def _affine(
    x: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    needs: tuple[bool, ...],
) -> tuple[Array, Array, Callable[[Array, Array], tuple[Array | None, ...]]]:
    """Return a_x, a_h and the function from da_x, da_h to the gradients of what was passed, in order.

    Both are `linear`, whose pullbacks compute and keep nothing that `needs` does not ask for.
    """
    need_x, need_h, need_ih, need_hh, *need_biases = needs
    first = int(bias_ih is not None)  # how many of need_biases are for bias_ih
    needs_x, needs_h = need_biases[:first], need_biases[first:]
    a_x, back_x = linear(x, weight_ih, bias_ih, needs=(need_x, need_ih, *needs_x))
    a_h, back_h = linear(h, weight_hh, bias_hh, needs=(need_h, need_hh, *needs_h))

    def gradients(da_x: Array, da_h: Array) -> tuple[Array | None, ...]:
        dx, dweight_ih, *dbias_ih = back_x(da_x)
        dh, dweight_hh, *dbias_hh = back_h(da_h)
        return dx, dh, dweight_ih, dweight_hh, *dbias_ih, *dbias_hh

    return a_x, a_h, gradients


def _sigmoid(a: Array) -> Array:
    """Return σ(a) = (1 + tanh(a/2))/2, written into a: no exponential that could overflow."""
    a *= 0.5
    np.tanh(a, out=a)
    a *= 0.5
    a += 0.5
    return a


def _no_gradients(needs: tuple[bool, ...]) -> Pullback:
    return lambda dy: (None,) * len(needs)


def _require_shapes(
    name: str,
    n_gates: int,
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    **states: Array,
) -> None:
    """Raise unless all are floating arrays of one dtype and of the shapes that belong together."""
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh}
    biases = {"bias_ih": bias_ih, "bias_hh": bias_hh}
    arrays: dict[str, Any] = {"x": x, **states, **weights, **biases}
    for key in ("x", *states, *weights):
        if arrays[key] is None:  # which for the biases means that they are not there
            raise no_array(name, None, key)
    require_same_dtype(name, **arrays)
    if x.ndim not in (1, 2) or weight_hh.ndim != 2:
        raise ValueError(
            f"{name} takes x (N, D), or (D,) for one sample, and weight_hh ({n_gates}·H, H), "
            f"got {shapes_of(**arrays)}"
        )
    rows, n_features = n_gates * weight_hh.shape[1], weight_hh.shape[1]
    expected = {
        **dict.fromkeys(states, (*x.shape[:-1], n_features)),
        "weight_ih": (rows, x.shape[-1]),
        "weight_hh": (rows, n_features),
        **dict.fromkeys(biases, (rows,)),
    }
    for key, shape in expected.items():
        if arrays[key] is not None and arrays[key].shape != shape:
            raise ValueError(f"{name} expects {key} {shape}: {shapes_of(**arrays)}")
