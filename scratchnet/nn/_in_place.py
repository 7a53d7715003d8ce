"""What `inplace=True` means for layers whose operations write nothing over their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.autograd import Tensor, is_grad_enabled
from scratchnet.nn.module import Module

__all__ = ["InPlace", "in_place"]


class InPlace(Module):
    """A layer of one function, `function(x)`, whose result may take the place of x (`in_place`)."""

    function: Callable[[Any], Any]

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Any) -> Any:
        y = self.function(x)
        return in_place(x, y) if self.inplace else y

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


def in_place(x: Tensor, y: Tensor) -> Any:
    """Let the Tensor x be y from now on: its array, and its place on the tape. Return x.

    torch writes y over the memory of x; whoever holds x then sees y, and gradients go through what
    made y. So it is here. Only the memory is another: arrays that pullbacks hold must stay as they
    are, so x gives its array up, which is freed once no pullback needs it. For the same reason an
    array, or a view that was taken from x before, keeps the old values.

    A leaf that requires a gradient is refused, as in torch: its gradient would be that of y.
    """
    if x is y:  # dropout that is switched off
        return x
    if x.is_leaf and x.requires_grad and is_grad_enabled():
        raise RuntimeError(
            f"inplace=True would replace a leaf that requires a gradient, {x.shape}: "
            "leave inplace out, or pass on the result of an operation"
        )
    x.data = y.data
    if y._node is not None:
        if x._node is not None and x._node.retained is x:  # retain_grad() goes with the Tensor
            x._node.retained, y._node.retained = None, x
        x._node, x.requires_grad = y._node, True
    return x
