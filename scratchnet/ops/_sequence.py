"""What recurrent operations share: the order in which rows are read, and the sums over all steps.

Inside an operation a batch is *packed*: the longest sample comes first, so that those still being
read at a step are the first ones, and nothing is computed for padding. A packed array has R rows, one
for each entry that is read: all of step 0, then all of step 1, and so on.

States are columns, (H, w), where torch's are rows: the product of a step is then W h with W as it
stands, and each gate is a slab (H, w) without gaps behind the one before, so that one call of NumPy
takes several.

Letters: T steps, N samples, D features, H hidden features, G rows of the weights (H for each gate),
w samples still being read at a step, k steps of a run, s rows of a stretch, R rows read in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from scratchnet.ops._array import (
    Array,
    Pullback,
    no_array,
    require_same_dtype,
    shapes_of,
    whole_numbers,
)

__all__: list[str] = []

ROOM = 1 << 15  # numbers in one slab of a run: its five or six slabs stay in the second-level cache
ROWS = 512  # of a stretch: enough for a product at full speed


class Run(NamedTuple):
    """Consecutive steps at which the same w samples are read, few enough to stay in the cache."""

    first: int  # the first step
    k: int  # steps
    w: int  # samples
    rows: slice  # where its k·w rows stand in a packed array


class Stretch(NamedTuple):
    """Neighbouring runs whose products with x, and with the gradients of the gates, are one each."""

    runs: list[Run]
    rows: slice

    @property
    def s(self) -> int:
        """How many rows these are."""
        return int(self.rows.stop - self.rows.start)


class Packing:
    """Which rows are read at each step, and how to bring arrays there and back.

    reverse: each sample is read from its own end. truncate: no run crosses a step that is a multiple
    of it.
    """

    def __init__(
        self, T: int, N: int, lengths: Array | None, reverse: bool, truncate: int | None, H: int
    ) -> None:
        self.shape, self.truncate = (T, N), truncate
        self.index: Array | slice = slice(None)  # of each packed row among the T·N rows
        self.order: Array | slice = slice(None)  # samples by falling length
        self.previous: Array | None = None  # of each packed row: its h[t−1] among h0 and all h
        widths = np.full(T, N)  # samples read at each step
        if lengths is not None or reverse:
            ends = np.full(N, T) if lengths is None else lengths
            self.order = np.argsort(-ends, kind="stable")
            widths = N - np.cumsum(np.bincount(ends, minlength=T + 1))[:T]  # lengths above t
            step, start = np.repeat(np.arange(T), widths), np.cumsum(widths) - widths
            place = np.arange(len(step)) - start[step]
            sample = self.order[place]
            self.index = (ends[sample] - 1 - step if reverse else step) * N + sample
            self.previous = np.where(step == 0, place, N + start[step - 1] + place)
        self.rows = int(widths.sum())
        # An empty batch is one empty stretch, whose sums are the zeros to return.
        self.stretches: list[Stretch] = [] if self.rows else [Stretch([], slice(0, 0))]
        for run in _runs(widths.tolist(), min(ROOM // max(H, 1), ROWS), truncate):
            last = self.stretches[-1] if self.stretches else None
            if last is None or run.rows.stop - last.rows.start > ROWS:
                self.stretches.append(Stretch([run], run.rows))
            else:
                both = slice(last.rows.start, run.rows.stop)
                self.stretches[-1] = Stretch([*last.runs, run], both)

    def pack(self, x: Array) -> Array:
        """Return the rows that are read of x (T, N, D), step by step: (R, D)."""
        return x.reshape(x.shape[0] * x.shape[1], x.shape[2])[self.index]

    def unpack(self, rows: Array) -> Array:
        """Return packed rows (R, D) as (T, N, D), 0 beyond the length of each sample."""
        T, N = self.shape
        if isinstance(self.index, slice):
            return rows.reshape(T, N, rows.shape[1])
        x = np.zeros((T * N, rows.shape[1]), rows.dtype)
        x[self.index] = rows
        return x.reshape(T, N, rows.shape[1])

    def columns(self, state: Array | None, H: int, dtype: np.dtype[Any]) -> Array:
        """Return states (N, H) as columns, the longest sample first: (H, N). None stands for zeros."""
        if state is None:
            return np.zeros((H, self.shape[1]), dtype)
        return state[self.order].T.copy()

    def states(self, rows: Array) -> Array:
        """Return packed states (N, H), the longest sample first, in the order of the batch."""
        state = np.empty_like(rows)
        state[self.order] = rows
        return state

    def is_cut(self, run: Run) -> bool:
        """Return whether no gradient goes from this run to the one before it."""
        return self.truncate is not None and run.first > 0 and run.first % self.truncate == 0

    def before(self, h_rows: Array, rows: slice) -> Array:
        """Return h[t−1] of packed rows: (s, H). h_rows: (N + R, H), h0 and then h after each step."""
        return h_rows[rows if self.previous is None else self.previous[rows]]


def _runs(widths: list[int], room: int, truncate: int | None) -> Iterator[Run]:
    """Yield the runs: steps of one width, at most room // w of them, with no cut of truncate inside."""
    first = row = 0
    while first < len(widths) and (w := widths[first]):
        end = min(len(widths), first + max(1, room // w))
        if truncate is not None:
            end = min(end, first + truncate - first % truncate)
        last = first + 1
        while last < end and widths[last] == w:
            last += 1
        yield Run(first, last - first, w, slice(row, row + (last - first) * w))
        row += (last - first) * w
        first = last


def sum_of_biases(bias_ih: Array | None, bias_hh: Array | None, like: Array) -> Array:
    """Return b_ih + b_hh (G,), 0 for what was not given. like: the weight (G, D) that it stands beside."""
    bias = np.zeros(len(like), like.dtype)
    for part in (bias_ih, bias_hh):
        if part is not None:
            bias += part
    return bias


def narrow(state: Array, w: int, final: Array) -> Array:
    """Return the first w columns of a state. The other samples end here: theirs go into `final` (N, H)."""
    if w < state.shape[1]:
        final[w : state.shape[1]] = state[:, w:].T
        state = state[:, :w].copy()
    return state


def widen(dstate: Array, w: int, dfinal: Array) -> Array:
    """Return the gradient of a state for w samples, backwards where `narrow` left some out.

    Those that end here begin with the gradient of their final state, dfinal (H, N).
    """
    if w > dstate.shape[1]:
        dstate = np.concatenate([dstate, dfinal[:, dstate.shape[1] : w]], axis=1)
    return dstate


def of_inputs(weight: Array, x_rows: Array, stretch: Stretch, bias: Array) -> Array:
    """Return what the inputs of a stretch add to the gates, W xᵀ + b: (G, s).

    weight: (G, D) · x_rows: (R, D) · bias: (G,). For few samples it is made as x Wᵀ and
    transposed: then the few columns of a step lie together in memory.
    """
    x = x_rows[stretch.rows]
    if any(run.w < 8 for run in stretch.runs):
        return (x @ weight.T + bias).T
    out = weight @ x.T
    out += bias[:, None]
    return out


def slabs_of(kept: Array, features: int, run: Run) -> Array:
    """Return the part of a flat array that belongs to a run, (k, features, w); a new one if none is kept."""
    if not kept.size:
        return np.empty((run.k, features, run.w), kept.dtype)
    part = kept[features * run.rows.start : features * run.rows.stop]
    return part.reshape(run.k, features, run.w)


def by_step(columns: Array, stretch: Stretch, run: Run) -> Array:
    """Return a view of the columns of a run among those of its stretch, (G, s): (k, G, w)."""
    at = slice(run.rows.start - stretch.rows.start, run.rows.stop - stretch.rows.start)
    return columns[:, at].reshape(len(columns), run.k, run.w).swapaxes(0, 1)


def columns_of(rows: Array, run: Run) -> Array:
    """Return the rows of a run as columns for each step: (k·w, H) → (k, H, w)."""
    return np.ascontiguousarray(rows.reshape(run.k, run.w, -1).transpose(0, 2, 1))


def wanted(needs: tuple[bool, ...], **arrays: Array | None) -> dict[str, bool]:
    """Return for each array that was given whether its gradient is wanted, in their order."""
    given = [name for name, array in arrays.items() if array is not None]
    return dict(zip(given, needs, strict=False))


def no_gradients(need: dict[str, bool]) -> Pullback:
    """Return the pullback of an operation of which no gradient is wanted: it keeps nothing alive."""
    n = len(need)
    return lambda dys: (None,) * n


class Sums:
    """The gradients of x, of both weights and of both biases, gathered stretch by stretch.

    ∂L/∂x[t] = W_ihᵀ da[t],   ∂L/∂W_ih = Σ_t da[t] ⊗ x[t],   ∂L/∂W_hh = Σ_t da[t] ⊗ h[t−1],
    ∂L/∂b = Σ_t da[t],        da the gradient of the gates before σ or tanh
    """

    def __init__(self, need: dict[str, bool], packing: Packing, weight_ih: Array) -> None:
        self.need, self.packing, self.weight_ih = need, packing, weight_ih
        self.found: dict[str, Array] = {}
        if need.get("x"):
            self.found["x"] = np.empty((packing.rows, weight_ih.shape[1]), weight_ih.dtype)

    def add(
        self, stretch: Stretch, da_x: Array, da_h: Array, x_rows: Array | None, h_rows: Array
    ) -> None:
        """Add what a stretch contributes. da_x, da_h: (G, s), the gradients beside W_ih and W_hh."""
        rows = stretch.rows
        if self.need.get("x"):
            np.matmul(da_x.T, self.weight_ih, out=self.found["x"][rows])  # (s, G) @ (G, D)
        if x_rows is not None:
            self._add("weight_ih", da_x @ x_rows[rows])  # (G, s) @ (s, D) -> (G, D)
        if self.need.get("weight_hh"):
            self._add("weight_hh", da_h @ self.packing.before(h_rows, rows))  # (G, s) @ (s, H)
        for name, da in (("bias_ih", da_x), ("bias_hh", da_h)):
            if self.need.get(name):
                self._add(name, da.sum(axis=1))

    def _add(self, name: str, part: Array) -> None:
        if name in self.found:
            self.found[name] += part
        else:
            self.found[name] = part

    def collect(self, **others: Array | None) -> tuple[Array | None, ...]:
        """Return the gradients in the order of the arguments, None for what is not wanted."""
        found: dict[str, Array | None] = {**self.found, **others}
        if "x" in self.found:
            found["x"] = self.packing.unpack(self.found["x"])
        return tuple([found[name] if is_wanted else None for name, is_wanted in self.need.items()])


def check_sequence(
    name: str,
    gates: int,
    x: Array,
    h0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    c0: Array | None = None,
    weight_hr: Array | None = None,
) -> None:
    """Raise unless the arrays have one floating dtype and shapes that fit each other."""
    arrays = {
        "x": x, "h0": h0, "c0": c0, "weight_ih": weight_ih, "weight_hh": weight_hh,
        "bias_ih": bias_ih, "bias_hh": bias_hh, "weight_hr": weight_hr,
    }  # fmt: skip
    for key in ("x", "weight_ih", "weight_hh"):
        if arrays[key] is None:  # which for the others means that they are not there
            raise no_array(name, None, key)
    require_same_dtype(name, **arrays)
    shapes = shapes_of(**arrays)
    if x.ndim != 3 or weight_ih.ndim != 2 or weight_hh.ndim != 2 or len(x) == 0:
        raise ValueError(
            f"{name} takes x (T, N, D) with at least one step, weight_ih ({gates}·H, D) and "
            f"weight_hh ({gates}·H, H), got {shapes}"
        )
    N, D = x.shape[1:]
    G, P = weight_hh.shape  # P features of h: H, or those it is projected to
    H = G // gates
    expected = {
        "weight_hh": (gates * (P if weight_hr is None else H), P), "weight_hr": (P, H),
        "weight_ih": (G, D), "bias_ih": (G,), "bias_hh": (G,), "h0": (N, P), "c0": (N, H),
    }  # fmt: skip
    for key, shape in expected.items():
        array = arrays[key]
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: {key} must be {shape} here, it is {array.shape}: {shapes}")


def packing_of(
    name: str,
    T: int,
    N: int,
    H: int,
    lengths: npt.ArrayLike | None,
    reverse: bool,
    truncate: int | None,
) -> Packing:
    """Return how the samples are read; raise if one of these options is not what it should be."""
    if not isinstance(reverse, bool):
        raise TypeError(f"{name}: reverse is True or False, got {reverse!r}")
    if truncate is not None and (
        isinstance(truncate, bool) or not isinstance(truncate, int | np.integer) or truncate < 1
    ):
        raise ValueError(
            f"{name}: truncate is a number of steps, an int of at least 1, got {truncate!r}"
        )
    return Packing(T, N, _checked_lengths(name, lengths, T, N), reverse, truncate, H)


def _checked_lengths(name: str, lengths: npt.ArrayLike | None, T: int, N: int) -> Array | None:
    """Return the lengths as an array; raise unless there is one for each sample, from 1 to T."""
    if lengths is None:
        return None
    found = whole_numbers(f"{name}: lengths", lengths)
    if found.shape != (N,):
        raise ValueError(f"{name} takes one length for each of the {N} samples, got {found.shape}")
    if len(wrong := np.flatnonzero((found < 1) | (found > T))):
        i = int(wrong[0])
        raise ValueError(
            f"{name}: sample {i} has length {found[i]}; x has {T} steps, and a length is from 1 to {T}"
        )
    return found.astype(np.intp)
