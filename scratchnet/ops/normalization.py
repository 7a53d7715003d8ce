"""Normalisation: subtract a mean, divide by a standard deviation, then scale and shift.

Which values share one mean and variance is all that tells them apart, for x of shape (N, C, …):

    batch_norm      each channel, over the batch and all positions
    instance_norm   each channel of each sample, over all positions
    group_norm      each group of channels of each sample, over these channels and all positions
    layer_norm      each sample, over its last axes

Letters: N batch, C channels, G groups, L everything after the channels, D the normalised shape; m the
number of values that share one mean. float16 is computed in float32, as in torch: the squares of
ordinary values add up to more than the largest half.

All of them share one derivative. With x̂ = (x − μ)/σ, σ² = var + eps, and dx̂ = dy · weight, x acts
directly, through the variance, and through the mean (which does not move the variance, Σ (x − μ) = 0):

    ∂L/∂var = −½ σ⁻³ Σ dx̂ · (x − μ),   ∂L/∂μ = −σ⁻¹ Σ dx̂
    ∂L/∂x = dx̂/σ + ∂L/∂var · 2 (x − μ)/m + ∂L/∂μ · 1/m
          = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / σ
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import numpy as np

from scratchnet.ops._array import HALF, Array, Pullback, in_float32, native, require_same_dtype
from scratchnet.ops._row_sets import normalized_sets
from scratchnet.ops._rows import dot_rows, for_rows, sum_rows

__all__ = ["batch_norm", "batch_norm_inference", "group_norm", "instance_norm", "layer_norm"]


def batch_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Normalise each channel by the mean and variance of the batch, as in training.

        μ_c = mean_nl x[n,c,l],   var_c = mean_nl (x[n,c,l] − μ_c)²      (m = N·L values each)
        y = weight_c · x̂ + bias_c,   x̂ = (x − μ_c) / √(var_c + eps)
        ∂L/∂x = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / √(var_c + eps)  + dμ/m + dvar · 2 (x − μ_c)/m
        ∂L/∂weight_c = Σ_nl dy · x̂,   ∂L/∂bias_c = Σ_nl dy

    Returned are (y, μ, var): the *biased* variance that y was normalised with. What a layer keeps as
    running variance is the unbiased one, var · m/(m − 1). `batch_norm_inference` uses what was kept.
    dμ and dvar are the gradients of the other two outputs, None where those were not used.

    x: (N, C, …) · weight, bias: (C,) → y like x; μ, var: (C,). One value per channel (m = 1) raises:
    it would be normalised to 0 whatever it was. An empty batch gives an empty y.
    Source: Ioffe & Szegedy 2015, algorithm 1.

    >>> (y, mean, var), _ = batch_norm(np.array([[[1.0, 3.0]], [[1.0, 3.0]]]), eps=0.0)
    >>> y.ravel(), mean, var
    (array([-1.,  1., -1.,  1.]), array([2.]), array([1.]))
    """
    check_channels("batch_norm", x, weight=weight, bias=bias)
    if x.dtype == HALF:
        return in_float32(batch_norm, x, weight, bias, eps)
    if x.shape[0] * prod(x.shape[2:]) == 1:
        raise ValueError(
            f"batch_norm needs more than one value per channel in training, x {x.shape}"
        )
    return normalized_sets(x, 0, weight, bias, eps)


def batch_norm_inference(
    x: Array,
    running_mean: Array,
    running_var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """Normalise each channel by a mean and variance that were kept, which are constants here.

        y = weight_c · x̂ + bias_c,   x̂ = (x − running_mean_c) / √(running_var_c + eps)
        ∂L/∂x = dy · weight_c / √(running_var_c + eps)
        ∂L/∂weight_c = Σ_nl dy · x̂,   ∂L/∂bias_c = Σ_nl dy

    running_mean and running_var have no gradient. x: (N, C, …); all others: (C,) → y like x
    Source: Ioffe & Szegedy 2015, algorithm 2, line 11.

    >>> batch_norm_inference(np.array([[5.0]]), np.array([1.0]), np.array([4.0]), eps=0.0)[0]
    array([[2.]])
    """
    check_channels("batch_norm", x, weight=weight, bias=bias)
    check_channels("batch_norm", x, running_mean=running_mean, running_var=running_var)
    if x.dtype == HALF:
        return in_float32(batch_norm_inference, x, running_mean, running_var, weight, bias, eps)
    x, (n, c), shape = native(x), x.shape[:2], x.shape
    has_weight, has_bias = weight is not None, bias is not None
    rows = x.reshape(n * c, prod(shape[2:]))  # (N·C, L)
    rows_shape, dtype = rows.shape, rows.dtype
    inv_std = 1.0 / np.sqrt(running_var + float(eps))
    scale = _column(inv_std if weight is None else inv_std * weight, n)
    mean = _column(running_mean, n)  # a copy: training goes on changing the layer's own
    shift = None if bias is None else _column(bias, n)
    y = np.empty_like(rows)

    def normalise(r: slice) -> None:
        np.subtract(rows[r], mean[r], out=y[r])
        y[r] *= scale[r]
        if shift is not None:
            y[r] += shift[r]

    for_rows(normalise, rows)
    kept_rows = rows if has_weight else None

    def pullback(dy: Array) -> tuple[Array, ...]:
        dy = dy.reshape(rows_shape)
        dx = np.empty(rows_shape, dtype)
        for_rows(lambda r: np.multiply(dy[r], scale[r], out=dx[r]), dy)
        grads = [dx.reshape(shape)]
        if kept_rows is not None:
            parts = for_rows(lambda r: dot_rows(dy[r], kept_rows[r] - mean[r]), dy)
            grads.append(np.concatenate(parts).reshape(n, c).sum(axis=0) * inv_std)
        if has_bias:
            grads.append(np.einsum("ncl->c", dy.reshape(n, c, rows_shape[1])))
        return tuple(grads)

    return y.reshape(shape), pullback


def instance_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Normalise each channel of each sample by its own mean and biased variance.

        μ_nc = mean_l x[n,c,l],   var_nc = mean_l (x[n,c,l] − μ_nc)²      (m = L values each)
        y = weight_c · x̂ + bias_c,   x̂ = (x − μ_nc) / √(var_nc + eps)
        ∂L/∂x = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / √(var_nc + eps) + dμ/m + dvar · 2 (x − μ_nc)/m
        ∂L/∂weight_c = Σ_nl dy · x̂,   ∂L/∂bias_c = Σ_nl dy

    It is `batch_norm` of one sample with N·C channels. Returned are (y, μ, var), as there; dμ and dvar
    are the gradients of the other two outputs. Once statistics are kept, `batch_norm_inference`
    uses them.

    x: (N, C, …) · weight, bias: (C,) → y like x; μ, var: (N, C). One value per channel raises.
    Source: Ulyanov, Vedaldi & Lempitsky 2016, "Instance normalization", section 2.

    >>> instance_norm(np.array([[[1.0, 3.0]], [[10.0, 30.0]]]), eps=0.0)[0][0]
    array([[[-1.,  1.]],
    <BLANKLINE>
           [[-1.,  1.]]])
    """
    check_channels("instance_norm", x, weight=weight, bias=bias)
    if x.dtype == HALF:
        return in_float32(instance_norm, x, weight, bias, eps)
    n, c, *positions = x.shape
    if prod(positions) == 1:
        raise ValueError(f"instance_norm needs more than one value in each channel, x {x.shape}")
    (y, mean, var), pullback = normalized_sets(x, 1, weight, bias, eps)
    return (y, mean.reshape(n, c), var.reshape(n, c)), pullback


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """Normalise each group of C/G neighbouring channels of a sample by its mean and biased variance.

        y = weight_c · x̂ + bias_c,   x̂ = (x − μ) / √(var + eps)      (μ, var over m = C/G · L values)
        ∂L/∂x = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / √(var + eps),   dx̂ = dy · weight_c
        ∂L/∂weight_c = Σ_nl dy · x̂,   ∂L/∂bias_c = Σ_nl dy

    One group takes the whole sample, as `layer_norm` does; C groups are `instance_norm`.

    x: (N, C, …) · weight, bias: (C,) → y like x. One sample with one value per group raises, as in
    torch; in a larger batch such a group becomes the bias.
    Source: Wu & He 2018, eq. 7.

    >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)[0]
    array([[-1.,  1., -1.,  1.]])
    """
    check_channels("group_norm", x, weight=weight, bias=bias)
    if x.dtype == HALF:
        return in_float32(group_norm, x, num_groups, weight, bias, eps)
    shape, c = x.shape, x.shape[1]
    if num_groups < 1 or c % num_groups:
        raise ValueError(f"group_norm: num_groups {num_groups} must divide {c} channels, x {shape}")
    if x.size == num_groups:
        raise ValueError(f"group_norm needs more than one value per group, x {shape}")
    (y, _, _), pullback = normalized_sets(x, c // num_groups, weight, bias, eps)
    return y, lambda dy: pullback((dy, None, None))


def layer_norm(
    x: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """Normalise each sample by the mean and biased variance of its last axes.

        y = weight · x̂ + bias,   x̂ = (x − μ) / √(var + eps)      (μ, var over the D values of a row)
        ∂L/∂x = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / √(var + eps),   dx̂ = dy · weight
        ∂L/∂weight = Σ_rows dy · x̂,   ∂L/∂bias = Σ_rows dy

    x: (…, *normalized_shape); weight, bias: normalized_shape → y like x
    Source: Ba, Kiros & Hinton 2016, eq. 4.

    >>> layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), 2, eps=0.0)[0]
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    require_same_dtype("layer_norm", x=x, weight=weight, bias=bias)
    if x.dtype == HALF:
        return in_float32(layer_norm, x, normalized_shape, weight, bias, eps)
    if isinstance(normalized_shape, int | np.integer):
        normalized_shape = (normalized_shape,)
    form = tuple(normalized_shape)
    if not form or x.shape[-len(form) :] != form:
        raise ValueError(f"layer_norm: x must end in normalized_shape {form}, x {x.shape}")
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.shape != form:
            raise ValueError(f"layer_norm: {name} {a.shape} must have normalized_shape {form}")
    shape, has_weight, has_bias = x.shape, weight is not None, bias is not None
    d, x = prod(form), native(x)
    rows = x.reshape(prod(shape[: len(shape) - len(form)]), d)  # (rows, D)
    m = max(d, 1)  # of nothing, mean and variance are 0
    flat_weight = None if weight is None else weight.reshape(d)
    flat_bias = None if bias is None else bias.reshape(d)
    y, (mean, inv_std) = np.empty_like(rows), np.empty((2, len(rows), 1), x.dtype)

    def normalise(r: slice) -> None:
        mean[r, 0] = rows[r].sum(axis=1) / m  # pairwise: nothing corrects the mean's rounding later
        xhat = np.subtract(rows[r], mean[r], out=y[r])
        inv_std[r, 0] = 1.0 / np.sqrt(dot_rows(xhat, xhat) / m + float(eps))
        xhat *= inv_std[r]
        if flat_weight is not None:
            xhat *= flat_weight
        if flat_bias is not None:
            xhat += flat_bias

    for_rows(normalise, rows)

    def pullback(dy: Array) -> tuple[Array, ...]:
        dy = dy.reshape(rows.shape)
        dx = np.empty_like(rows)

        def derive(r: slice) -> tuple[Array, Array]:
            xhat = np.subtract(rows[r], mean[r], out=dx[r])
            xhat *= inv_std[r]
            products = dy[r] * xhat
            added = products.sum(axis=0), dy[r].sum(axis=0)  # to dweight and dbias
            dxhat = dy[r] if flat_weight is None else np.multiply(dy[r], flat_weight, out=products)
            along = dot_rows(dxhat, xhat)
            xhat *= along[:, None] / -m
            xhat += dxhat
            xhat -= sum_rows(dxhat)[:, None] / m
            xhat *= inv_std[r]
            return added

        parts = zip(*for_rows(derive, rows), strict=True)
        dweight, dbias = (reduce(np.add, part).reshape(form) for part in parts)
        return dx.reshape(shape), *[dweight] * has_weight, *[dbias] * has_bias

    return y.reshape(shape), pullback


def _column(of_channels: Array, n: int) -> Array:
    """Return (C,) for each of n samples as (n·C, 1)."""
    return of_channels[None].repeat(n, axis=0).reshape(-1, 1)


def check_channels(name: str, x: Array, **per_channel: Array | None) -> None:
    """Raise unless x is (N, C, …) and the others are (C,), all of one floating dtype."""
    require_same_dtype(name, x=x, **per_channel)
    if x.ndim < 2:
        raise ValueError(f"{name} takes x of shape (N, C, …), got {x.shape}")
    for key, a in per_channel.items():
        if a is not None and a.shape != (x.shape[1],):
            raise ValueError(f"{name}: x has {x.shape[1]} channels: x {x.shape}, {key} {a.shape}")
