"""Reading a sequence: one memory, updated step by step, and the gradient's way back through time.

A recurrent network reads from left to right. At each step it takes an entry, combines it with the
memory of what came before, and goes on with the new memory h:

    h[t] = φ(W_ih x[t] + b_ih + W_hh h[t−1] + b_hh),    φ = tanh or relu

Here a whole sequence is one operation. Forwards, the products W_ih x[t] wait for nothing and are made
for many steps at once; only W_hh h[t−1] must be made step by step.

Backwards, the gradient of h[t] has two parts: one from the output y[t], and one from all later steps,
through h[t+1]. So the loop runs from the last step to the first (backpropagation through
time, Werbos 1990):

    a[t]       = W_ih x[t] + b_ih + W_hh h[t−1] + b_hh
    ∂L/∂h[t]   = dy[t] + W_hhᵀ ∂L/∂a[t+1]              (beyond the last step: dh_n)
    ∂L/∂a[t]   = φ′(a[t]) · ∂L/∂h[t]                   tanh′ = 1 − h²,  relu′ = 0 where h ≤ 0, else 1

From step t back to step s, the gradient is multiplied t − s times by W_hhᵀ and by φ′: it shrinks or
grows like a power (the vanishing and exploding gradient). This is what the LSTM of `lstm.py` changes.
The same weights serve at every step, so their gradients are sums over all steps, each one product:

    ∂L/∂W_ih = Σ_t ∂L/∂a[t] ⊗ x[t],   ∂L/∂W_hh = Σ_t ∂L/∂a[t] ⊗ h[t−1],   ∂L/∂b = Σ_t ∂L/∂a[t]
    ∂L/∂x[t] = W_ihᵀ ∂L/∂a[t],        ∂L/∂h[−1] = W_hhᵀ ∂L/∂a[0]

φ′ needs only what the forward pass left, so it is computed for many steps at once; the loop itself
does a product and a multiplication. One step alone is in `recurrent_cell.py`. Letters and the packing
of unequal lengths: `_sequence.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import HALF, Array, Pullback, in_float32, masked
from scratchnet.ops._sequence import (
    Sums,
    by_step,
    check_sequence,
    columns_of,
    narrow,
    no_gradients,
    of_inputs,
    packing_of,
    sum_of_biases,
    wanted,
    widen,
)

__all__ = ["rnn"]


def rnn(
    x: Array,
    h0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None = None,
    bias_hh: Array | None = None,
    nonlinearity: str = "tanh",
    lengths: npt.ArrayLike | None = None,
    reverse: bool = False,
    truncate: int | None = None,
    *,
    needs: tuple[bool, ...] = (True,) * 6,
) -> tuple[tuple[Array, Array], Pullback]:
    """Memory after every step, and after the last one, of the network that Elman described (1990).

        h[t] = φ(W_ih x[t] + b_ih + W_hh h[t−1] + b_hh),    y[t] = h[t]

    Backwards as derived at the top of this file.

    x: (T, N, D) · h0: (N, H), None for zeros · weight_ih: (H, D) · weight_hh: (H, H) · biases: (H,)
    → y: (T, N, H) · h_n: (N, H)
    nonlinearity: φ, "tanh" or "relu".
    lengths: (N,) whole numbers from 1 to T. A sample is read up to its length: y is 0 beyond it, h_n
    is its state at that point, and what stands in x there changes nothing and gets gradient 0.
    reverse: each sample is read from its own last entry to its first; y[t] still belongs to x[t].
    truncate: the steps of each sample, in the order of reading, are cut into pieces of so many. No
    gradient crosses a cut, so that a loss at step t reaches back t mod truncate steps, and h0 gets the
    gradient of the first piece only; the memory itself goes on (truncated backpropagation through
    time, Williams & Peng 1990).
    Kept for the pullback: h of every step, and x.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'rnn: nonlinearity is "tanh" or "relu", got {nonlinearity!r}')
    check_sequence("rnn", 1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh)
    if x.dtype == HALF:
        arrays = x, h0, weight_ih, weight_hh, bias_ih, bias_hh
        options = {"lengths": lengths, "reverse": reverse, "truncate": truncate, "needs": needs}
        return in_float32(rnn, *arrays, nonlinearity, **options)
    (T, N, _), H = x.shape, len(weight_hh)
    packing = packing_of("rnn", T, N, H, lengths, reverse, truncate)
    need = wanted(
        needs,
        x=x, h0=h0, weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh,
    )  # fmt: skip

    bias = sum_of_biases(bias_ih, bias_hh, like=weight_ih)
    dtype = x.dtype
    x_rows = packing.pack(x)  # (R, D)
    h_rows = np.empty((N + packing.rows, H), dtype)  # h0, then the states after each step
    after, h_n = h_rows[N:], np.empty((N, H), dtype)
    h = packing.columns(h0, H, dtype)
    h_rows[:N] = h.T
    for stretch in packing.stretches:
        from_x = of_inputs(weight_ih, x_rows, stretch, bias)  # (H, s)
        for run in stretch.runs:
            h = narrow(h, run.w, h_n)
            from_h, a = np.empty((2, H, run.w), dtype)
            rows = after[run.rows].reshape(run.k, run.w, H)
            for x_part, row in zip(by_step(from_x, stretch, run), rows, strict=True):
                np.matmul(weight_hh, h, out=from_h)  # (H, H) @ (H, w) -> (H, w)
                np.add(from_h, x_part, out=a)
                h = np.tanh(a, out=a) if nonlinearity == "tanh" else np.maximum(a, 0.0, out=a)
                row[...] = h.T
    narrow(h, 0, h_n)
    outputs = (packing.unpack(after), packing.states(h_n))
    if not any(need.values()):
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
            da = np.empty((H, stretch.s), dtype)  # ∂L/∂a
            for run in reversed(stretch.runs):
                h = columns_of(after[run.rows], run)
                da_run = 1.0 - h * h if nonlinearity == "tanh" else np.empty_like(h)  # φ′, then da
                dy_run = None if dy_rows is None else columns_of(dy_rows[run.rows], run)
                dh = widen(dh, run.w, dh_final)  # samples that end in this run join here
                for t in reversed(range(run.k)):
                    if dy_run is not None:
                        dh += dy_run[t]
                    if nonlinearity == "tanh":
                        da_run[t] *= dh
                    else:
                        da_run[t] = masked(dh, ~(h[t] <= 0))
                    dh = np.matmul(weight_back, da_run[t])  # (H, H) @ (H, w) -> (H, w)
                if packing.is_cut(run):  # no gradient for the step before this run
                    dh = np.zeros_like(dh)
                by_step(da, stretch, run)[...] = da_run
            sums.add(stretch, da, da, kept_x, h_rows)
        return sums.collect(h0=packing.states(dh.T))

    return outputs, pullback
