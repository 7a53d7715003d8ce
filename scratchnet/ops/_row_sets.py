"""Normalisation of an array whose rows share means and variances in sets: batch, group, instance norm.

A row holds the values of one channel of one sample. Where a set lies in one piece of work (`_rows.py`),
the piece is read once forwards and once backwards. In batch norm a set lies in all pieces, so all
rows are summed first and scaled after that. What belongs to rows or sets, and not to entries, is
computed in float64: there is little of it.

Letters: N batch, C channels, L values in a row, r a row; the rest as in `normalization.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from scratchnet.ops._array import Array, Pullback, native
from scratchnet.ops._rows import dot_rows, for_rows, sum_rows

__all__ = ["normalized_sets"]


def normalized_sets(
    x: Array, together: int, weight: Array | None, bias: Array | None, eps: float
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Return ((y, μ, var), pullback) of x (N, C, …), a row of L values for each channel of a sample.

    together: a set, the rows that share μ and σ² = var + eps, has so many, after each other; 0: the rows
    of a channel in all samples are one. μ, var: (sets,) · m: the number of values in a set

        c_r ≈ mean_l x[r,l],   t_r = Σ_l (x[r,l] − c_r),   q_r = Σ_l (x[r,l] − c_r)²
        μ = Σ_r (L c_r + t_r)/m,   var = Σ_r (q_r + 2 (c_r − μ) t_r + L (c_r − μ)²)/m
        y = (x − c_r) · scale + (c_r − μ) · scale + bias,   scale = weight/σ

        a_r = Σ_l dy[r,l],   b_r = Σ_l dy[r,l] · x̂[r,l],   dbias_c = Σ_n a,   dweight_c = Σ_n b
        ∂L/∂x = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂))/σ + dμ/m + dvar · 2 (x − μ)/m
              = dy · scale + (x − μ) · slope + shift
        slope = −Σ_r weight_r b_r/(m σ²) + 2 dvar/m,   shift = −Σ_r weight_r a_r/(m σ) + dμ/m

    Source: Chan, Golub & LeVeque 1979, eq. 2.1, which joins the statistics of parts; with t_r it holds
    for any c_r, so the rounding of c_r does not matter.
    """
    x = native(x)
    (n, c), shape, dtype = x.shape[:2], x.shape, x.dtype
    has_weight, has_bias = weight is not None, bias is not None
    rows = x.reshape(n * c, prod(shape[2:]))  # (N·C, L)
    length, wide = rows.shape[1], np.promote_types(dtype, np.float64)
    m = max((together or n) * length, 1)  # of nothing, mean and variance are 0

    def sum_sets(of_rows: Array) -> Array:
        if together:
            return of_rows.reshape(-1, together).sum(axis=1)
        return of_rows.reshape(n, c).sum(axis=0)

    def by_channel(of_channels: Array | None, missing: float = 0.0) -> Array:
        """Return for each row what belongs to its channel."""
        if of_channels is None:
            return np.full(n * c, missing)
        return of_channels[None].repeat(n, axis=0).reshape(-1)

    def by_set(of_sets: Array) -> Array:
        """Return for each row what belongs to its set."""
        return of_sets.repeat(together) if together else by_channel(of_sets)

    def column(of_rows: Array) -> Array:
        return of_rows.astype(dtype)[:, None]

    y = np.empty_like(rows)
    middle, total, squares, scale, shift = np.empty((5, n * c), wide)
    weights, biases = by_channel(weight, 1.0), by_channel(bias)

    def centre(r: slice) -> None:
        middle[r] = sum_rows(rows[r]) / max(length, 1)
        np.subtract(rows[r], column(middle[r]), out=y[r])
        total[r], squares[r] = sum_rows(y[r]), dot_rows(y[r], y[r])

    def share(r: slice) -> tuple[Array, Array]:
        mean = sum_sets(length * middle[r] + total[r]) / m
        apart = middle[r] - by_set(mean)
        var = sum_sets(squares[r] + 2.0 * apart * total[r] + length * apart**2) / m
        var = np.maximum(var, 0.0)  # of equal values, rounding may leave less
        scale[r] = by_set(1.0 / np.sqrt(var + float(eps))) * weights[r]
        shift[r] = apart * scale[r] + biases[r]
        return mean, var

    def scale_and_shift(r: slice) -> None:
        y[r] *= column(scale[r])
        y[r] += column(shift[r])

    mean, var = in_turn(rows, together, centre, share, scale_and_shift)

    def pullback(dys: tuple[Array | None, Array | None, Array | None]) -> tuple[Array, ...]:
        dy, dmean, dvar = dys
        dy = np.zeros(rows.shape, dtype) if dy is None else dy.reshape(rows.shape)
        dx = np.empty_like(rows)
        means, weights = column(by_set(mean)), by_channel(weight, 1.0)
        with np.errstate(all="ignore"):  # 1/0 if var and eps are 0
            inv_std = by_set(1.0 / np.sqrt(var + float(eps)))
        a, b, slope, shift = np.empty((4, n * c), wide)

        def sums(r: slice) -> None:
            np.subtract(rows[r], means[r], out=dx[r])
            a[r] = sum_rows(dy[r])
            b[r] = dot_rows(dy[r], dx[r]) * inv_std[r]

        def share(r: slice) -> tuple[()]:
            slope[r] = -(inv_std[r] ** 2) * by_set(sum_sets(weights[r] * b[r])) / m
            shift[r] = -inv_std[r] * by_set(sum_sets(weights[r] * a[r])) / m
            if dvar is not None:
                slope[r] += by_set(dvar.reshape(-1))[r] * (2.0 / m)  # ∂var/∂x = 2 (x − μ)/m
            if dmean is not None:
                shift[r] += by_set(dmean.reshape(-1))[r] / m  # ∂μ/∂x = 1/m
            return ()

        def combine(r: slice) -> None:
            dx[r] *= column(slope[r])
            dx[r] += dy[r] * column(inv_std[r] * weights[r])
            dx[r] += column(shift[r])

        in_turn(rows, together, sums, share, combine)
        with np.errstate(all="ignore"):  # too large for dtype: ∞
            dweight, dbias = (of_rows.reshape(n, c).sum(axis=0).astype(dtype) for of_rows in (b, a))
        return dx.reshape(shape), *[dweight] * has_weight, *[dbias] * has_bias

    with np.errstate(all="ignore"):
        return (y.reshape(shape), mean.astype(dtype), var.astype(dtype)), pullback


def in_turn(
    rows: Array,
    together: int,
    first: Callable[[slice], None],
    share: Callable[[slice], tuple[Array, ...]],
    last: Callable[[slice], None],
) -> list[Array]:
    """Call three steps with slices that make up the rows; return what share, given whole sets, finds."""
    if not together:  # a set lies in all pieces
        for_rows(first, rows)
        with np.errstate(all="ignore"):
            found = share(slice(None))
        for_rows(last, rows)
        return list(found)

    def work(r: slice) -> tuple[Array, ...]:
        first(r)
        of_sets = share(r)
        last(r)
        return of_sets

    return [np.concatenate(part) for part in zip(*for_rows(work, rows, together), strict=True)]
