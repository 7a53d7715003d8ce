"""Long short-term memory (Hochreiter & Schmidhuber 1997; the forget gate: Gers et al. 2000).

Beside h an LSTM keeps a cell state c, which is not multiplied by a matrix from step to step but only
scaled by a gate f between 0 and 1 and added to:

    (i, f, g, o)[t] = W_ih x[t] + b_ih + W_hh h[t−1] + b_hh,   then i, f, o through σ, g through tanh
    c[t] = f · c[t−1] + i · g         what is kept of the memory, and what is written into it
    h[t] = o · tanh(c[t])             what is shown of it

Backwards, dh and dc are the gradients with respect to h[t] and c[t], and di, df, dg and do those with
respect to the sums before σ and tanh. Like everything in backpropagation through time, dh and dc come
from two sides, from this step's use and from the step that follows:

    dh[t] = dy[t] + W_hhᵀ (di, df, dg, do)[t+1]
    dc[t] = dh[t] · o (1 − tanh²c[t])  +  f[t+1] · dc[t+1]

    di = dc · g · i(1−i),   df = dc · c[t−1] · f(1−f),   dg = dc · i · (1−g²),   do = dh · tanh c · o(1−o)

At a sample's last step dh_n and dc_n stand for the terms of t+1; ∂L/∂h[−1] and ∂L/∂c[−1] are what those
terms are at t = −1.

The second term of dc is why an LSTM remembers: along c a gradient is multiplied by f alone, which may
stay near 1, and by no matrix and no φ′ (see `recurrent.py` for what happens there).

Whatever stands beside dh and dc in these equations is known from the forward pass. It is computed for
many steps at once, and the loop over time only multiplies by it. `recurrent.py` explains the sums over
time of the weights' gradients, `_sequence.py` the letters and the packing of unequal lengths.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import HALF, Array, Pullback, in_float32
from scratchnet.ops._sequence import (
    Sums,
    by_step,
    check_sequence,
    columns_of,
    narrow,
    no_gradients,
    of_inputs,
    packing_of,
    slabs_of,
    sum_of_biases,
    wanted,
    widen,
)

__all__ = ["lstm"]

# torch stacks the gates as i, f, g, o. In here five slabs follow each other, c[t−1], g, f, i, o: then
# (c, g) times (f, i) is one multiplication, and the three gates with a σ are neighbours. These are the
# places of g, f, i, o in torch's order.
_INSIDE = [2, 1, 0, 3]


def lstm(
    x: Array,
    h0: Array | None,
    c0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    weight_hr: Array | None = None,
    lengths: npt.ArrayLike | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 8,
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Output at every step, and both states after the last one.

        c[t] = f · c[t−1] + i · g,    h[t] = o · tanh(c[t]),    y[t] = h[t]

    Gates and gradients as at the top of this file.

    x: (T, N, D) · h0, c0: (N, H), None for zeros · weight_ih: (4H, D) · weight_hh: (4H, H) ·
    biases: (4H,), the gates in torch's order i, f, g, o → y: (T, N, H) · h_n, c_n: (N, H)
    weight_hr: (P, H). With it h[t] = W_hr (o · tanh(c[t])) has P features (Sak et al. 2014), and so
    have h0, y, h_n and the columns of weight_hh; in do and dc, W_hrᵀ dh[t] then stands for dh[t], and
    ∂L/∂W_hr = Σ_t dh[t] ⊗ (o · tanh(c[t])).
    lengths, reverse, truncate: as for `rnn`; truncated are both dh and dc.
    Kept for the pullback: c, g, f, i, o and h of every step, and x; tanh c is made again.
    """
    check_sequence(
        "lstm", 4, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, c0=c0, weight_hr=weight_hr
    )
    if x.dtype == HALF:
        arrays = x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr
        options = {"lengths": lengths, "reverse": reverse, "truncate": truncate, "needs": needs}
        return in_float32(lstm, *arrays, **options)
    (T, N, _), (G, P) = x.shape, weight_hh.shape
    H, dtype = G // 4, x.dtype
    packing = packing_of("lstm", T, N, H, lengths, reverse, truncate)
    need = wanted(
        needs, x=x, h0=h0, c0=c0, weight_ih=weight_ih, weight_hh=weight_hh,
        bias_ih=bias_ih, bias_hh=bias_hh, weight_hr=weight_hr,
    )  # fmt: skip

    # σ(a) = ½ tanh(½a) + ½: with the rows of i, f, o halved, one tanh serves all four gates.
    halves = np.array([1.0, 0.5, 0.5, 0.5], dtype)
    x_weight, h_weight = _inside(weight_ih, halves), _inside(weight_hh, halves)
    bias = _inside(sum_of_biases(bias_ih, bias_hh, like=weight_ih)[:, None], halves)[:, 0]
    half = dtype.type(0.5)

    x_rows = packing.pack(x)  # (R, D)
    h_rows = np.empty((N + packing.rows, P), dtype)  # h0, then the outputs of each step
    after, h_n, c_n = h_rows[N:], np.empty((N, P), dtype), np.empty((N, H), dtype)
    h = packing.columns(h0, P, dtype)
    c = packing.columns(c0, H, dtype)
    h_rows[:N] = h.T
    keeps = any(need.values())
    kept = np.empty(5 * H * packing.rows if keeps else 0, dtype)  # c[t−1], g, f, i, o of all steps
    for stretch in packing.stretches:
        from_x = of_inputs(x_weight, x_rows, stretch, bias)  # (4H, s)
        for run in stretch.runs:
            h, c = narrow(h, run.w, h_n), narrow(c, run.w, c_n)
            slabs = slabs_of(kept, 5 * H, run)  # (k, 5H, w)
            slabs[0, :H] = c
            c_after = [*slabs[1:, :H], np.empty_like(c)]  # c[t] stands where step t + 1 finds it
            from_h, products = np.empty((G, run.w), dtype), np.empty((2 * H, run.w), dtype)
            shown = np.empty((H, run.w), dtype)
            rows = after[run.rows].reshape(run.k, run.w, P)
            of_x = by_step(from_x, stretch, run)
            for slab, c, x_part, row in zip(slabs, c_after, of_x, rows, strict=True):
                gates, sigmoids = slab[H:], slab[2 * H :]  # g, f, i, o; f, i, o
                np.matmul(h_weight, h, out=from_h)  # (4H, P) @ (P, w) -> (4H, w)
                np.add(from_h, x_part, out=gates)
                np.tanh(gates, out=gates)
                sigmoids *= half
                sigmoids += half
                np.multiply(slab[: 2 * H], slab[2 * H : 4 * H], out=products)  # c·f and g·i
                np.add(products[:H], products[H:], out=c)
                np.tanh(c, out=shown)
                shown *= slab[4 * H :]
                h = shown if weight_hr is None else weight_hr @ shown  # (P, H) @ (H, w) -> (P, w)
                row[...] = h.T
    narrow(h, 0, h_n)
    narrow(c, 0, c_n)
    outputs = (packing.unpack(after), packing.states(h_n), packing.states(c_n))
    if not keeps:
        return outputs, no_gradients(need)
    kept_x = x_rows if need.get("weight_ih") else None

    def pullback(dys: tuple[Array | None, ...]) -> tuple[Array | None, ...]:
        dy, dh_n, dc_n = dys
        dy_rows = None if dy is None else packing.pack(dy)
        dh_final = packing.columns(dh_n, P, dtype)
        dc_final = packing.columns(dc_n, H, dtype)
        # Not halved: σ′ is written as i(1 − i), with respect to the whole sum.
        weight_back = np.ascontiguousarray(_inside(weight_hh, np.ones(4, dtype)).T)
        dweight_hr = np.zeros_like(weight_hr) if need.get("weight_hr") else None
        sums = Sums(need, packing, weight_ih)
        dh, dc = np.empty((P, 0), dtype), np.empty((H, 0), dtype)
        for stretch in reversed(packing.stretches):
            da = np.empty((4, H, stretch.s), dtype)  # of i, f, g, o
            for run in reversed(stretch.runs):
                slabs = slabs_of(kept, 5 * H, run).reshape(run.k, 5, H, run.w)
                c_before, g, f, i, o = slabs.swapaxes(0, 1)  # each (k, H, w)
                tanh_c = np.tanh(c_before * f + g * i)
                back = np.empty((run.k, 6, H, run.w), dtype)
                back[:, 0] = f  # times dc[t]: what goes to dc[t−1]
                back[:, 1] = i * (1.0 - g * g)  # times dc: dg
                back[:, 2] = c_before * f * (1.0 - f)  # times dc: df
                back[:, 3] = g * i * (1.0 - i)  # times dc: di
                back[:, 4] = tanh_c * o * (1.0 - o)  # times dh: do
                back[:, 5] = o * (1.0 - tanh_c * tanh_c)  # times dh: the first part of dc
                da_run = back.reshape(run.k, 6 * H, run.w)[:, H : 5 * H]  # (k, 4H, w)
                dy_run = None if dy_rows is None else columns_of(dy_rows[run.rows], run)
                # Samples that end in this run join here, with the gradients of their final states.
                dh, dc = widen(dh, run.w, dh_final), widen(dc, run.w, dc_final)
                for t in reversed(range(run.k)):
                    if dy_run is not None:
                        dh += dy_run[t]
                    if weight_hr is not None:
                        if dweight_hr is not None:  # (P, w) @ (w, H) -> (P, H)
                            dweight_hr += dh @ (o[t] * tanh_c[t]).T
                        dh = weight_hr.T @ dh  # (H, P) @ (P, w) -> (H, w)
                    by_h, by_c = back[t, 4:], back[t, :4]
                    by_h *= dh
                    dc_t = by_h[1]
                    dc_t += dc
                    by_c *= dc_t
                    dc = by_c[0]
                    dh = np.matmul(weight_back, da_run[t])  # (P, 4H) @ (4H, w) -> (P, w)
                if packing.is_cut(run):
                    dh, dc = np.zeros_like(dh), np.zeros_like(dc)
                for place, gate in enumerate(_INSIDE):
                    by_step(da[gate], stretch, run)[...] = back[:, 1 + place]
            all_da = da.reshape(G, da.shape[2])
            sums.add(stretch, all_da, all_da, kept_x, h_rows)
        return sums.collect(h0=packing.states(dh.T), c0=packing.states(dc.T), weight_hr=dweight_hr)

    return outputs, pullback


def _inside(weight: Array, scale: Array) -> Array:
    """Return a copy of weights (4H, D) with the gates ordered as they stand in here, each scaled."""
    gates = weight.reshape(4, len(weight) // 4, weight.shape[1])[_INSIDE]
    return (gates * scale[:, None, None]).reshape(weight.shape)
