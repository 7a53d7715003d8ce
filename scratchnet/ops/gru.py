"""The gated recurrent unit (Cho et al. 2014), as torch computes it.

A GRU has one state, and gates that decide how much of it is replaced (1 − z) and how much of it the
replacement is made from (r):

    r, z = σ(W_ih x[t] + b_ih + W_hh h[t−1] + b_hh)          the rows of r and z
    q    = W_hn h[t−1] + b_hn                                the rows of n
    n    = tanh(W_in x[t] + b_in + r · q)
    h[t] = (1 − z) · n + z · h[t−1]

The reset gate r is applied to q, after the matrix product, as torch and cuDNN do; the paper of 2014
applies it before, W_hn (r · h[t−1]).

Backwards, with dn, dr, dz the gradients before tanh and σ and dq that of q:

    dh[t] = dy[t] + W_hhᵀ (dr, dz, dq)[t+1] + z[t+1] · dh[t+1]
    dn = dh · (1−z)(1−n²),   dq = dn · r,   dr = dn · q · r(1−r),   dz = dh · (h[t−1] − n) · z(1−z)

At a sample's last step dh_n stands for the terms of t+1, and ∂L/∂h[−1] is what those terms are at t = −1.
Each of dn, dq, dr and dz is dh times something that is known from the forward pass. That is computed
for many steps at once, and the loop over time only multiplies by it. W_ih and b_ih get (dr, dz, dn),
W_hh and b_hh (dr, dz, dq), summed over time as `recurrent.py` explains; `_sequence.py` has the letters
and the packing of unequal lengths.
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
    wanted,
    widen,
)

__all__ = ["gru"]


def gru(
    x: Array,
    h0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    lengths: npt.ArrayLike | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 6,
) -> tuple[tuple[Array, Array], Pullback]:
    """State after every step, and after the last one.

        h[t] = (1 − z) · n + z · h[t−1],    y[t] = h[t]

    Gates and gradients as at the top of this file.

    x: (T, N, D) · h0: (N, H), None for zeros · weight_ih: (3H, D) · weight_hh: (3H, H) ·
    biases: (3H,), the gates in torch's order r, z, n → y: (T, N, H) · h_n: (N, H)
    lengths, reverse, truncate: as for `rnn`.
    Kept for the pullback: r, z, n, q and h of every step, and x.
    """
    check_sequence("gru", 3, x, h0, weight_ih, weight_hh, bias_ih, bias_hh)
    if x.dtype == HALF:
        arrays = x, h0, weight_ih, weight_hh, bias_ih, bias_hh
        options = {"lengths": lengths, "reverse": reverse, "truncate": truncate, "needs": needs}
        return in_float32(gru, *arrays, **options)
    (T, N, _), (G, H), dtype = x.shape, weight_hh.shape, x.dtype
    packing = packing_of("gru", T, N, H, lengths, reverse, truncate)
    need = wanted(
        needs,
        x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh,
    )  # fmt: skip

    # σ(a) = ½ tanh(½a) + ½, so the rows of r and z are halved; the bias of q stays with q.
    halves = np.repeat(np.array([0.5, 0.5, 1.0], dtype), H)
    x_weight, h_weight = weight_ih * halves[:, None], weight_hh * halves[:, None]
    half, bias, q_bias = dtype.type(0.5), np.zeros(G, dtype), np.zeros((H, 1), dtype)
    if bias_ih is not None:
        bias += bias_ih
    if bias_hh is not None:
        bias[: 2 * H] += bias_hh[: 2 * H]
        q_bias += bias_hh[2 * H :, None]
    bias *= halves

    x_rows = packing.pack(x)  # (R, D)
    h_rows = np.empty((N + packing.rows, H), dtype)  # h0, then the states after each step
    after, h_n = h_rows[N:], np.empty((N, H), dtype)
    h = packing.columns(h0, H, dtype)
    h_rows[:N] = h.T
    keeps = any(need.values())
    kept = np.empty(4 * H * packing.rows if keeps else 0, dtype)  # r, z, n, q of all steps
    for stretch in packing.stretches:
        from_x = of_inputs(x_weight, x_rows, stretch, bias)  # (3H, s)
        for run in stretch.runs:
            h = narrow(h, run.w, h_n)
            from_h, product = np.empty((G, run.w), dtype), np.empty((H, run.w), dtype)
            rows = after[run.rows].reshape(run.k, run.w, H)
            of_x = by_step(from_x, stretch, run)
            slabs = slabs_of(kept, 4 * H, run)  # (k, 4H, w)
            for slab, x_part, row in zip(slabs, of_x, rows, strict=True):
                np.matmul(h_weight, h, out=from_h)  # (3H, H) @ (H, w) -> (3H, w)
                sigmoids, n, q = slab[: 2 * H], slab[2 * H : G], slab[G:]  # r and z; n; q
                np.add(from_h[: 2 * H], x_part[: 2 * H], out=sigmoids)
                np.tanh(sigmoids, out=sigmoids)
                sigmoids *= half
                sigmoids += half
                np.add(from_h[2 * H :], q_bias, out=q)
                np.multiply(slab[:H], q, out=product)
                np.add(product, x_part[2 * H :], out=n)
                np.tanh(n, out=n)
                h = h - n
                h *= slab[H : 2 * H]
                h += n  # n + z (h[t−1] − n)
                row[...] = h.T
    narrow(h, 0, h_n)
    outputs = (packing.unpack(after), packing.states(h_n))
    if not keeps:
        return outputs, no_gradients(need)
    kept_x = x_rows if need.get("weight_ih") else None

    def pullback(dys: tuple[Array | None, Array | None]) -> tuple[Array | None, ...]:
        dy, dh_n = dys
        dy_rows = None if dy is None else packing.pack(dy)
        dh_final = packing.columns(dh_n, H, dtype)
        weight_back = np.ascontiguousarray(weight_hh.T)
        sums = Sums(need, packing, weight_ih)
        dh = np.empty((H, 0), dtype)
        for stretch in reversed(packing.stretches):
            da_x, da_h = np.empty((2, 3, H, stretch.s), dtype)
            for run in reversed(stretch.runs):
                r, z, n, q = slabs_of(kept, 4 * H, run).reshape(run.k, 4, H, run.w).swapaxes(0, 1)
                h = columns_of(packing.before(h_rows, run.rows), run)
                back = np.empty((run.k, 5, H, run.w), dtype)  # what dh[t] is multiplied by
                back[:, 0] = z  # part of dh[t−1]
                back[:, 4] = (1.0 - z) * (1.0 - n * n)  # dn
                back[:, 3] = back[:, 4] * r  # dq
                back[:, 2] = (h - n) * z * (1.0 - z)  # dz
                back[:, 1] = back[:, 3] * q * (1.0 - r)  # dr
                da_run = back.reshape(run.k, 5 * H, run.w)[:, H : 4 * H]  # dr, dz, dq: (k, 3H, w)
                dy_run = None if dy_rows is None else columns_of(dy_rows[run.rows], run)
                dh = widen(dh, run.w, dh_final)  # samples that end in this run join here
                for t in reversed(range(run.k)):
                    if dy_run is not None:
                        dh += dy_run[t]
                    back_t = back[t]
                    back_t *= dh
                    dh = np.matmul(weight_back, da_run[t])  # (H, 3H) @ (3H, w) -> (H, w)
                    dh += back_t[0]
                if packing.is_cut(run):
                    dh = np.zeros_like(dh)
                # Where the gradients beside x and beside h stand in back: they differ for n only.
                for gate, beside_x, beside_h in ((0, 1, 1), (1, 2, 2), (2, 4, 3)):
                    by_step(da_x[gate], stretch, run)[...] = back[:, beside_x]
                    by_step(da_h[gate], stretch, run)[...] = back[:, beside_h]
            flat = (G, da_x.shape[2])
            sums.add(stretch, da_x.reshape(flat), da_h.reshape(flat), kept_x, h_rows)
        return sums.collect(h0=packing.states(dh.T))

    return outputs, pullback
