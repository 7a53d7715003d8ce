"""The affine map of the last axis with weights that no longer change.

Letters: N rows, D features in, F features out.
"""

from __future__ import annotations

import numpy as np

from scratchnet.kernels.blocks import BLOCK_BYTES, NO_BOUNDS, Bounds, Workspace, finish, run
from scratchnet.ops._array import Array

__all__ = ["LinearKernel"]


class LinearKernel:
    """y = clip(x Wᵀ + b), the features out shared among threads: for a single row W is all there is to do.

    weight: (F, D), of which a copy is kept · bias: (F,) or None
    """

    def __init__(self, weight: Array, bias: Array | None) -> None:
        self.weight = np.array(weight, order="C")
        self.bias = np.zeros(len(weight)) if bias is None else bias
        self.bias = self.bias.astype(weight.dtype)

    def __repr__(self) -> str:
        return "LinearKernel()"

    def __call__(self, x: Array, bounds: Bounds = NO_BOUNDS) -> Array:
        """x: (…, D) → y: (…, F)"""
        F, D = self.weight.shape
        rows = x.reshape(-1, D)  # (N, D)
        y = np.empty((len(rows), F), x.dtype)

        def work(block: slice, workspace: Workspace) -> None:
            part = y[:, block]
            np.matmul(rows, self.weight[block].T, out=part)  # (N, D) @ (D, f)
            finish(part, self.bias[block], None, bounds)

        # A single row takes no longer than waking another thread.
        n_blocks = -(-self.weight.nbytes // BLOCK_BYTES) if len(rows) < 4 else 8
        size = max(1, -(-F // n_blocks))
        run(work, [slice(f, min(f + size, F)) for f in range(0, F, size)])
        return y.reshape(*x.shape[:-1], F)
