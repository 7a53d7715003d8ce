"""What `inplace=True` means where operations write nothing over their input."""

from __future__ import annotations

from typing import Any

from scratchnet.autograd import Tensor, is_grad_enabled, mark_changed

__all__ = ["in_place"]


def in_place(x: Any, y: Any) -> Any:
    """Let the Tensor x be y from now on: its array, and its place on the tape. Return x.

    torch writes y over the memory of x; whoever holds x then sees y, and gradients go through what
    made y. So it is here. Only the memory is another: arrays that pullbacks hold must stay as they
    are, so x gives its array up, which is freed once no pullback needs it. Hence two differences:

    - An array is not written to, and neither is what shares its memory with x: after
      `relu(h[:, :1], inplace=True)` h is what it was (in torch its first column has changed), and a
      view that was taken from x before keeps the old values. Use what is returned.
    - What torch refuses because a gradient needs the old values of x is right here.

    If x is no Tensor, y is returned. A leaf that requires a gradient is refused, as in torch: its
    gradient would be that of y. So is a result of another dtype.
    """
    if x is y or not isinstance(x, Tensor):  # x is y: dropout that is switched off
        return y
    if x.data.dtype != y.data.dtype:
        raise TypeError(
            f"inplace=True: {y.dtype} numbers cannot take the place of x, {x.dtype} {x.shape}"
        )
    if x.is_leaf and x.requires_grad:
        if is_grad_enabled():
            raise RuntimeError(
                f"inplace=True would replace a leaf that requires a gradient, {x.shape}: "
                "leave inplace out, or pass on the result of an operation"
            )
        mark_changed(x)
    x.data = y.data
    if y._node is not None:
        if x._node is not None and x._node.retained is x:  # retain_grad() goes with the Tensor
            x._node.retained, y._node.retained = None, x
        x._node, x.requires_grad = y._node, True
    return x
