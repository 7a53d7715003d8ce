"""Products: the matrix product and the affine map of a layer.

Letters: N rows (all leading axes … taken as one), D_in and D_out features before and after, K the
contracted length. The operands of `matmul` are x and y and its output is z, so dz there is what is dy
elsewhere, and ∂L/∂y the gradient of an input.
"""

from __future__ import annotations

from math import prod

from scratchnet.ops._array import Array, Pullback, require_same_dtype, shapes_of, sum_to
from scratchnet.ops._matmul import product

__all__ = ["linear", "matmul"]


def linear(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[Array, Pullback]:
    """Affine map of the last axis.

        y = x Wᵀ + b
        ∂L/∂x = dy W,   ∂L/∂W = dyᵀ x = Σ_n dy[n] ⊗ x[n],   ∂L/∂b = Σ_n dy[n]

    x: (…, D_in) · weight: (D_out, D_in) · bias: (D_out,) → y: (…, D_out)
    needs: which of the gradients (x, weight, bias) are wanted; `lift` passes it, so that the product
    for a frozen weight or for an input without gradient is never computed.
    """
    require_same_dtype("linear", x=x, weight=weight, bias=bias)
    shapes = shapes_of(x=x, weight=weight, bias=bias)
    if weight.ndim != 2 or x.ndim < 1:
        raise ValueError(f"linear takes x (…, in) and weight (out, in), got {shapes}")
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"weight expects {weight.shape[1]} features, x has {x.shape[-1]}: {shapes}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"weight gives {weight.shape[0]} features, bias has another shape: {shapes}"
        )

    need_x, need_weight, need_bias = (*needs, False)[:3]  # without a bias, needs has two entries
    rows, x_shape, has_bias = _flat(x), x.shape, bias is not None  # (N, D_in)
    y = product(rows, weight.T)  # (N, D_in) @ (D_in, D_out) -> (N, D_out)
    if bias is not None:
        y += bias
    kept_rows = rows if need_weight else None
    kept_weight = weight if need_x else None

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        dy = _flat(dy)  # (N, D_out)
        dx = None if kept_weight is None else product(dy, kept_weight).reshape(x_shape)
        dweight = None if kept_rows is None else product(dy.T, kept_rows)  # (D_out, N) @ (N, D_in)
        if not has_bias:
            return dx, dweight
        return dx, dweight, dy.sum(axis=0) if need_bias else None

    return y.reshape(*x_shape[:-1], len(weight)), pullback


def matmul(x: Array, y: Array, *, needs: tuple[bool, ...] = (True, True)) -> tuple[Array, Pullback]:
    """Matrix product of the last two axes, broadcast over the ones before.

        z = x y
        ∂L/∂x = dz yᵀ,   ∂L/∂y = xᵀ dz   (summed over the axes that were broadcast)

    x: (…, N, K) · y: (…, K, M) → z: (…, N, M). A vector is a row on the left and a column on the
    right, and that axis is missing from the result.
    """
    require_same_dtype("matmul", x=x, y=y)
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: the last axis of x does not meet the rows of y: x {x.shape}, y {y.shape}"
        )

    need_x, need_y = needs
    left = x[None, :] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    x_shape, y_shape, left_shape, right_shape = x.shape, y.shape, left.shape, right.shape
    z = left @ right if right.ndim > 2 else _rows(left, right)  # (…, N, K) @ (…, K, M) -> (…, N, M)
    kept_left = left if need_y else None
    kept_right = right if need_x else None
    z_shape, right_ndim = z.shape, right.ndim

    def pullback(dz: Array) -> tuple[Array | None, ...]:
        dz = dz.reshape(z_shape)
        dx = dy = None  # dy: the gradient of the operand y
        if kept_right is not None:  # (…, N, M) @ (…, M, K) -> (…, N, K)
            transposed = kept_right.swapaxes(-1, -2)
            dx = dz @ transposed if right_ndim > 2 else _rows(dz, transposed)
            dx = sum_to(dx, left_shape).reshape(x_shape)
        if kept_left is not None:
            if right_ndim == 2:  # one product over all rows: (K, …·N) @ (…·N, M) -> (K, M)
                dy = product(_flat(kept_left).T, _flat(dz))
            else:  # (…, K, N) @ (…, N, M) -> (…, K, M)
                dy = sum_to(kept_left.swapaxes(-1, -2) @ dz, right_shape)
            dy = dy.reshape(y_shape)
        return dx, dy

    out = (
        z_shape[:-2] + (z_shape[-2:-1] if x.ndim > 1 else ()) + (z_shape[-1:] if y.ndim > 1 else ())
    )
    return z.reshape(out), pullback


def _flat(a: Array) -> Array:
    """Return all rows of a stack of matrices, or of a batch of vectors, as one matrix."""
    return a.reshape(prod(a.shape[:-1]), a.shape[-1])


def _rows(a: Array, b: Array) -> Array:
    """Return a @ b for one matrix b as one product over all rows (NumPy would make many small ones)."""
    return product(_flat(a), b).reshape(*a.shape[:-1], b.shape[-1])
